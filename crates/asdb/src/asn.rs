//! AS numbers, and which of them are nobody's.
//!
//! Not here: what an operator calls unusable besides these (the daemon's configuration).

use std::fmt;

/// An AS number. 0 means "no answer" [RFC 7607].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asn(pub u32);

impl Asn {
    /// No answer: AS 0 is never anybody's [RFC 7607].
    pub const NONE: Self = Self(0);

    /// AS_TRANS: stands in 16-bit fields for a number that does not fit [RFC 6793].
    pub const TRANS: Self = Self(23456);

    /// Returns whether the number can be nobody's: 0 [RFC 7607], AS_TRANS [RFC 6793], the last of
    /// 16 and of 32 bits [RFC 7300], documentation [RFC 5398], and 65552 to 131071 (IANA).
    #[inline]
    pub const fn is_reserved(self) -> bool {
        matches!(
            self.0,
            0 | 23456 | 64496..=64511 | 65535 | 65536..=65551 | 65552..=131_071 | u32::MAX
        )
    }

    /// Returns whether the number is for private use [RFC 6996].
    #[inline]
    pub const fn is_private(self) -> bool {
        matches!(self.0, 64512..=65534 | 4_200_000_000..=4_294_967_294)
    }
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AS{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Asn;

    #[test]
    fn reserved_and_private_ranges_end_where_the_registries_say() {
        // number, reserved, private
        let rows = [
            (0, true, false),
            (1, false, false),
            (23455, false, false),
            (23456, true, false),
            (23457, false, false),
            (64495, false, false),
            (64496, true, false),
            (64511, true, false),
            (64512, false, true),
            (65534, false, true),
            (65535, true, false),
            (65536, true, false),
            (65551, true, false),
            (65552, true, false),
            (131_071, true, false),
            (131_072, false, false),
            (4_199_999_999, false, false),
            (4_200_000_000, false, true),
            (4_294_967_294, false, true),
            (4_294_967_295, true, false),
        ];
        for (number, reserved, private) in rows {
            assert_eq!(Asn(number).is_reserved(), reserved, "{number} reserved");
            assert_eq!(Asn(number).is_private(), private, "{number} private");
        }
    }

    #[test]
    fn an_as_number_is_shown_with_its_prefix() {
        assert_eq!(Asn(64500).to_string(), "AS64500");
    }
}
