//! Prefixes of both families, and the one thing the table needs of an address: to be a number.
//!
//! An IPv4-mapped IPv6 prefix is the IPv4 prefix it maps, so one address has one spelling.
//!
//! Not here: which prefixes can have an origin ([`crate::has_origin`]).

use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The first octets of an IPv4-mapped IPv6 address, `::ffff:0:0/96`, as a number.
const MAPPED_PREFIX: u128 = 0xffff;

/// Returns the IPv4 address in an IPv4-mapped IPv6 address.
#[inline]
pub(crate) fn unmap(address: u128) -> Option<u32> {
    // The quotient is below 2^32 whenever the upper 96 bits are those of a mapped address.
    if address >> 32 == MAPPED_PREFIX {
        u32::try_from(address & 0xffff_ffff).ok()
    } else {
        None
    }
}

/// A network address and the number of its leading bits that count; host bits are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    network: IpAddr,
    length: u8,
}

impl Prefix {
    /// Returns the prefix of `length` bits that holds `address`; host bits are cleared.
    ///
    /// # Errors
    /// `Length` if the family has fewer bits.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, PrefixError> {
        match address {
            IpAddr::V4(ipv4) => Self::ipv4(ipv4.to_bits(), length),
            IpAddr::V6(ipv6) => match (unmap(ipv6.to_bits()), length) {
                (Some(ipv4), 96..=128) => Self::ipv4(ipv4, length - 96),
                _ => Self::ipv6(ipv6.to_bits(), length),
            },
        }
    }

    /// Returns the network address: the first of the prefix.
    pub const fn network(self) -> IpAddr {
        self.network
    }

    /// Returns the number of leading bits that count.
    pub const fn length(self) -> u8 {
        self.length
    }

    /// Returns whether this is the default route of its family.
    pub const fn is_default(self) -> bool {
        self.length == 0
    }

    /// Returns whether `address` lies in the prefix; an IPv4-mapped address is unmapped.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                address.to_bits() & u32::mask(self.length) == network.to_bits()
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                address.to_bits() & u128::mask(self.length) == network.to_bits()
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    fn ipv4(address: u32, length: u8) -> Result<Self, PrefixError> {
        if length > u32::BITS_COUNT {
            return Err(PrefixError::Length {
                length,
                bits: u32::BITS_COUNT,
            });
        }
        let network = IpAddr::V4(Ipv4Addr::from_bits(address & u32::mask(length)));
        Ok(Self { network, length })
    }

    fn ipv6(address: u128, length: u8) -> Result<Self, PrefixError> {
        if length > u128::BITS_COUNT {
            return Err(PrefixError::Length {
                length,
                bits: u128::BITS_COUNT,
            });
        }
        let network = IpAddr::V6(Ipv6Addr::from_bits(address & u128::mask(length)));
        Ok(Self { network, length })
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.length)
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    /// Reads `192.0.2.0/24` or `2001:db8::/32`; a lone address is a prefix of all its bits.
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (address_text, length_text) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address_text.parse().map_err(|_| PrefixError::Address)?;
        let bits = if address.is_ipv4() {
            u32::BITS_COUNT
        } else {
            u128::BITS_COUNT
        };
        let length = match length_text {
            None => bits,
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits.parse().map_err(|_| PrefixError::LengthText)?
            }
            Some(_) => return Err(PrefixError::LengthText),
        };
        Self::new(address, length)
    }
}

/// The text or the numbers are no prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrefixError {
    /// What stands before the slash is no IP address.
    #[error("not an IP address before the slash")]
    Address,
    /// The length is above the bits of the family.
    #[error("prefix length {length} is above {bits}")]
    Length {
        /// The length as given.
        length: u8,
        /// The bits that an address of the family has.
        bits: u8,
    },
    /// What stands behind the slash is no length.
    #[error("not a prefix length behind the slash")]
    LengthText,
}

/// An address as a number: `u32` is IPv4, `u128` is IPv6.
pub(crate) trait Address: Copy + Ord + Eq + Hash + fmt::Debug {
    /// How many bits it has.
    const BITS_COUNT: u8;
    /// The first address.
    const FIRST: Self;

    /// Returns the mask that keeps the first `length` bits; `length` is at most `BITS_COUNT`.
    fn mask(length: u8) -> Self;
    /// Returns the bits set in either.
    fn or(self, other: Self) -> Self;
    /// Returns the bits flipped.
    fn not(self) -> Self;
    /// Returns the address after this one, if there is one.
    fn next(self) -> Option<Self>;
    /// Returns how many of the last bits are 0; `BITS_COUNT` for the first address.
    fn trailing_zeros_count(self) -> u8;
    /// Returns the address of the family's own type.
    fn to_ip(self) -> IpAddr;

    /// Returns the address as a number of the larger family.
    fn to_u128(self) -> u128;
    /// Returns the address that a number of the larger family is, if it fits.
    fn from_u128(number: u128) -> Option<Self>;

    /// Returns the last address of the prefix of `length` bits that starts here.
    fn last_of(self, length: u8) -> Self {
        self.or(Self::mask(length).not())
    }
}

macro_rules! address {
    ($number:ty, $bits:literal, $ip:expr) => {
        impl Address for $number {
            const BITS_COUNT: u8 = $bits;
            const FIRST: Self = Self::MIN;

            #[inline]
            fn mask(length: u8) -> Self {
                Self::MAX
                    .checked_shl(u32::from($bits - length))
                    .unwrap_or(0)
            }
            fn or(self, other: Self) -> Self {
                self | other
            }
            fn not(self) -> Self {
                !self
            }
            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }
            fn trailing_zeros_count(self) -> u8 {
                u8::try_from(self.trailing_zeros()).unwrap_or($bits)
            }
            fn to_ip(self) -> IpAddr {
                $ip(self)
            }
            fn to_u128(self) -> u128 {
                u128::from(self)
            }
            fn from_u128(number: u128) -> Option<Self> {
                Self::try_from(number).ok()
            }
        }
    };
}

address!(u32, 32, |bits| IpAddr::V4(Ipv4Addr::from_bits(bits)));
address!(u128, 128, |bits| IpAddr::V6(Ipv6Addr::from_bits(bits)));

#[cfg(test)]
mod tests {
    use super::{Prefix, PrefixError};

    #[test]
    fn prefixes_are_read_and_shown() {
        // text, shown
        let rows = [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("192.0.2.77/24", "192.0.2.0/24"),
            ("192.0.2.1", "192.0.2.1/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::/0", "::/0"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
            ("::ffff:192.0.2.1", "192.0.2.1/32"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::ffff:0:0/95", "::fffe:0:0/95"),
        ];
        for (text, shown) in rows {
            assert_eq!(text.parse::<Prefix>().expect(text).to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        let rows = [
            ("", PrefixError::Address),
            ("192.0.2/24", PrefixError::Address),
            ("192.0.2.0/", PrefixError::LengthText),
            ("192.0.2.0/+8", PrefixError::LengthText),
            ("192.0.2.0/999", PrefixError::LengthText),
            (
                "192.0.2.0/33",
                PrefixError::Length {
                    length: 33,
                    bits: 32,
                },
            ),
            (
                "2001:db8::/129",
                PrefixError::Length {
                    length: 129,
                    bits: 128,
                },
            ),
        ];
        for (text, error) in rows {
            assert_eq!(text.parse::<Prefix>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_prefix_holds_its_own_family_only() {
        // prefix, address, inside
        let rows = [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.0/24", "::ffff:192.0.2.9", true),
            ("0.0.0.0/0", "2001:db8::", false),
            ("::/0", "192.0.2.1", false),
            ("2001:db8::/127", "2001:db8::1", true),
            ("2001:db8::/127", "2001:db8::2", false),
        ];
        for (prefix, address, inside) in rows {
            let parsed: Prefix = prefix.parse().expect(prefix);
            assert_eq!(
                parsed.contains(address.parse().expect(address)),
                inside,
                "{prefix} {address}"
            );
        }
    }
}
