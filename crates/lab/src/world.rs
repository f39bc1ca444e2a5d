//! The small Internet that model Exporters see: a few prefixes, their AS numbers, and addresses.
//!
//! A test gives the same prefixes to the mediator's AS table; [`origin`] then says, by a search
//! that shares nothing with that table, what every address must come out as.
//!
//! Not here: how addresses get into records (`exporter`).
//! Bound: a dozen constants.

use crate::random::Random;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A prefix and who originates it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// First address.
    pub network: IpAddr,
    /// Length in bits.
    pub prefix_len: u8,
    /// The AS number.
    pub asn: u32,
}

/// All that is announced in this world. Some AS numbers need 32 bits, one prefix lies in another.
pub const PREFIXES: &[Prefix] = &[
    v4([8, 8, 8, 0], 24, 15_169),
    v4([1, 1, 1, 0], 24, 13_335),
    v4([193, 0, 0, 0], 21, 3_333),
    v4([34, 64, 0, 0], 10, 396_982),
    v4([34, 65, 1, 0], 24, 3_320),
    v4([45, 4, 0, 0], 16, 262_145),
    v6([0x2001, 0x4860, 0, 0], 32, 15_169),
    v6([0x2a02, 0x26f0, 0, 0], 32, 20_940),
    v6([0x2804, 0x0010, 0, 0], 32, 262_462),
    v6([0x2001, 0x4860, 0x4860, 0], 48, 396_983),
];

const fn v4(network: [u8; 4], prefix_len: u8, asn: u32) -> Prefix {
    let [a, b, c, d] = network;
    Prefix {
        network: IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        prefix_len,
        asn,
    }
}

const fn v6(start: [u16; 4], prefix_len: u8, asn: u32) -> Prefix {
    let [a, b, c, d] = start;
    Prefix {
        network: IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)),
        prefix_len,
        asn,
    }
}

/// Returns the AS number of the longest prefix that `address` lies in.
#[must_use]
pub fn origin(address: IpAddr) -> Option<u32> {
    let holds = |prefix: &&Prefix| {
        let difference = bits(prefix.network)? ^ bits(address)?;
        let same_family = prefix.network.is_ipv4() == address.is_ipv4();
        (same_family && difference.leading_zeros() >= u32::from(prefix.prefix_len)).then_some(())
    };
    PREFIXES
        .iter()
        .filter(|prefix| holds(prefix).is_some())
        .max_by_key(|prefix| prefix.prefix_len)
        .map(|prefix| prefix.asn)
}

/// The address in the upper bits of 128, so that both families count bits from the same end.
fn bits(address: IpAddr) -> Option<u128> {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)).checked_shl(96),
        IpAddr::V6(v6) => Some(u128::from(v6)),
    }
}

/// Returns an IPv4 address: mostly of a known prefix, else private, multicast or unknown.
pub fn address_v4(random: &mut Random) -> [u8; 4] {
    const ODD: &[[u8; 4]] = &[
        [10, 1, 2, 3],
        [192, 168, 7, 9],
        [224, 0, 0, 5],
        [127, 0, 0, 1],
        [100, 64, 3, 1],
        [255, 255, 255, 255],
        [203, 14, 22, 1],
    ];
    if random.chance(25) {
        return *random.pick(ODD);
    }
    let known: Vec<_> = PREFIXES.iter().filter(|p| p.network.is_ipv4()).collect();
    let prefix = *random.pick(&known);
    let IpAddr::V4(network) = prefix.network else {
        return [0; 4];
    };
    let host = random
        .next_u32()
        .checked_shr(u32::from(prefix.prefix_len))
        .unwrap_or(0);
    (u32::from(network) | host).to_be_bytes()
}

/// Returns an IPv6 address: mostly of a known prefix, else local, multicast or unknown.
pub fn address_v6(random: &mut Random) -> [u8; 16] {
    const ODD: &[u128] = &[
        0xfe80 << 112 | 1,
        0xfd00 << 112 | 2,
        0xff02 << 112 | 5,
        0x2001_0db8 << 96 | 9,
        0x2600_9999 << 96 | 9,
        1,
    ];
    if random.chance(25) {
        return random.pick(ODD).to_be_bytes();
    }
    let known: Vec<_> = PREFIXES.iter().filter(|p| p.network.is_ipv6()).collect();
    let prefix = *random.pick(&known);
    let IpAddr::V6(network) = prefix.network else {
        return [0; 16];
    };
    let noise = u128::from(random.next_u64()) << 64 | u128::from(random.next_u64());
    let host = noise.checked_shr(u32::from(prefix.prefix_len)).unwrap_or(0);
    (u128::from(network) | host).to_be_bytes()
}

/// AS numbers that an exporter may send and that say nothing: they may be replaced.
pub const UNUSABLE_AS: &[u32] = &[0, 23_456, 65_535, 4_294_967_295];

/// AS numbers that an exporter may send and that stay.
pub const USABLE_AS: &[u32] = &[3_356, 174, 1_299, 64_512, 399_000, 4_200_000_000];

#[cfg(test)]
mod tests {
    use super::{PREFIXES, address_v4, address_v6, origin};
    use crate::random::Random;
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[test]
    fn the_longest_prefix_names_the_origin() {
        let cases = [
            ("8.8.8.8", Some(15_169)),
            ("34.65.1.1", Some(3_320)),
            ("34.66.1.1", Some(396_982)),
            ("2001:4860:4860::8888", Some(396_983)),
            ("2001:4860:1::", Some(15_169)),
            ("10.1.2.3", None),
            ("::1", None),
        ];
        for (address, expected) in cases {
            assert_eq!(origin(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn most_addresses_have_an_origin_and_every_prefix_is_used() {
        let mut random = Random::new(1);
        let mut known = 0;
        let mut origins = std::collections::HashSet::new();
        for _ in 0..500 {
            let v4 = origin(Ipv4Addr::from(address_v4(&mut random)).into());
            let v6 = origin(Ipv6Addr::from(address_v6(&mut random)).into());
            known += usize::from(v4.is_some()) + usize::from(v6.is_some());
            origins.extend(v4.into_iter().chain(v6));
        }
        assert!((600..900).contains(&known), "{known}");
        assert!(PREFIXES.iter().filter(|p| origins.contains(&p.asn)).count() >= 9);
    }
}
