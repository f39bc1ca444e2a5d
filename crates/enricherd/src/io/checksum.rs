//! The Internet checksum over octets in several places [RFC 1071].
//!
//! Not here: which octets are covered (`udp::raw`, `pcap_out`).
//! Bound: a sum over 16 GiB, which no datagram has.

/// A sum so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    /// 32-bit words in this host's order: the sum does not depend on the order until its end.
    words: u64,
    is_odd: bool,
}

impl Sum {
    /// Adds octets that follow those added before.
    pub(super) fn add(&mut self, octets: &[u8]) {
        let (words, rest) = octets.as_chunks::<4>();
        let mut sum: u64 = words
            .iter()
            .map(|word| u64::from(u32::from_ne_bytes(*word)))
            .sum();
        let mut last = [0; 4];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        sum += u64::from(u32::from_ne_bytes(last));
        // Behind an odd octet every octet is the other half of its pair.
        self.words += if self.is_odd {
            u64::from(folded(sum).swap_bytes())
        } else {
            u64::from(folded(sum))
        };
        self.is_odd ^= !octets.len().is_multiple_of(2);
    }

    /// Returns the checksum, octets in the order of the network.
    pub(super) fn checksum(self) -> [u8; 2] {
        (!folded(self.words)).to_ne_bytes()
    }

    /// Returns the checksum as UDP has it: 0 would mean that there is none [RFC 768].
    pub(super) fn udp_checksum(self) -> [u8; 2] {
        match self.checksum() {
            [0, 0] => [0xff, 0xff],
            checksum => checksum,
        }
    }
}

/// Adds the carries to the sum until there is none.
fn folded(mut sum: u64) -> u16 {
    loop {
        match u16::try_from(sum) {
            Ok(sum) => return sum,
            Err(_) => sum = (sum & 0xffff) + (sum >> 16),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum_of(parts: &[&[u8]]) -> [u8; 2] {
        let mut sum = Sum::default();
        for part in parts {
            sum.add(part);
        }
        sum.checksum()
    }

    #[test]
    fn the_example_of_the_rfc_and_a_header_of_the_books() {
        // RFC 1071 §3: the sum is ddf2.
        let example = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(sum_of(&[&example]), (!0xddf2_u16).to_be_bytes());
        let header = [
            0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0,
            0xc7,
        ];
        assert_eq!(sum_of(&[&header]), [0xb8, 0x61]);
    }

    #[test]
    fn it_does_not_matter_where_the_octets_are_divided() {
        let octets: Vec<u8> = (0..=255).cycle().take(1001).collect();
        let whole = sum_of(&[&octets]);
        for end in 0..octets.len() {
            let (one, other) = octets.split_at(end);
            assert_eq!(sum_of(&[one, other]), whole, "{end}");
        }
        let bytewise = octets.chunks(1).collect::<Vec<_>>();
        assert_eq!(sum_of(&bytewise), whole);
    }

    #[test]
    fn a_udp_checksum_is_never_zero() {
        let mut sum = Sum::default();
        sum.add(&[0xff, 0xff]);
        assert_eq!((sum.checksum(), sum.udp_checksum()), ([0, 0], [0xff, 0xff]));
    }
}
