//! The addresses of flows: half of them well visited, half anywhere in the announced space.
//!
//! What a lookup costs depends on how much of the table it touches. Few addresses would stay in
//! the processor's cache and flatter whoever looks them up; only strange ones would do wrong in
//! the other direction, for real traffic has favourites.
//!
//! Not here: which AS announces them.
//! Bound: eight octets for each prefix of the file.

use crate::random::Random;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

/// Addresses of the half that is visited often.
const FAVOURITES_COUNT: usize = 1_000;

/// IPv4 unicast space by its first octet, without what is private, shared or reserved as a whole.
/// Nearly all of the rest is announced.
const UNICAST: [RangeInclusive<u8>; 5] = [1..=9, 11..=99, 101..=126, 128..=168, 173..=191];

/// Where addresses are drawn from.
#[derive(Clone, Debug)]
pub struct Origins {
    prefixes: Vec<(u32, u8)>,
    favourites: Vec<Ipv4Addr>,
}

impl Origins {
    /// Returns origins over the whole unicast space, evenly.
    #[must_use]
    pub fn everywhere(random: &mut Random) -> Self {
        let first_octets = UNICAST.into_iter().flatten();
        Self::of(
            first_octets.map(|octet| (u32::from(octet) << 24, 8)),
            random,
        )
    }

    /// Returns origins over prefixes, each as often as the others: one prefix at the beginning of
    /// each line; lines that begin with anything else are left out. `None` if there is no prefix.
    #[must_use]
    pub fn within(prefixes: &str, random: &mut Random) -> Option<Self> {
        let prefixes: Vec<_> = prefixes.lines().filter_map(prefix).collect();
        (!prefixes.is_empty()).then(|| Self::of(prefixes.into_iter(), random))
    }

    fn of(prefixes: impl Iterator<Item = (u32, u8)>, random: &mut Random) -> Self {
        let mut origins = Self {
            prefixes: prefixes.collect(),
            favourites: Vec::new(),
        };
        origins.favourites = (0..FAVOURITES_COUNT)
            .map(|_| origins.anywhere(random))
            .collect();
        origins
    }

    /// Returns the address of one side of a flow.
    pub fn draw(&self, random: &mut Random) -> Ipv4Addr {
        if random.chance(50) {
            *random.pick(&self.favourites)
        } else {
            self.anywhere(random)
        }
    }

    fn anywhere(&self, random: &mut Random) -> Ipv4Addr {
        let (network, prefix_len) = *random.pick(&self.prefixes);
        let host = random.next_u32().checked_shr(u32::from(prefix_len));
        Ipv4Addr::from_bits(network | host.unwrap_or(0))
    }
}

fn prefix(line: &str) -> Option<(u32, u8)> {
    let word = line.split([' ', '\t', ',']).next()?;
    let (network, prefix_len) = word.split_once('/')?;
    let network: Ipv4Addr = network.parse().ok()?;
    let prefix_len = prefix_len.parse().ok().filter(|length| *length <= 32)?;
    Some((network.to_bits(), prefix_len))
}

#[cfg(test)]
mod tests {
    use super::Origins;
    use crate::random::Random;

    #[test]
    fn addresses_lie_in_the_prefixes_of_the_file() {
        let mut random = Random::new(1);
        let text = "# comment\n192.0.2.0/24 64500\n198.51.100.7/32\n2001:db8::/32\n10.0.0.0/99\n";
        let origins = Origins::within(text, &mut random).unwrap();
        let drawn: Vec<_> = (0..200).map(|_| origins.draw(&mut random)).collect();
        let lies = |octets: [u8; 4]| octets[..3] == [192, 0, 2] || octets == [198, 51, 100, 7];
        assert!(drawn.iter().all(|address| lies(address.octets())));
        assert!(drawn.iter().any(|address| address.octets()[0] == 198));
        assert!(Origins::within("none\n", &mut random).is_none());
    }

    #[test]
    fn half_of_the_addresses_come_back() {
        let mut random = Random::new(1);
        let origins = Origins::everywhere(&mut random);
        let drawn: Vec<_> = (0..20_000).map(|_| origins.draw(&mut random)).collect();
        let distinct: std::collections::HashSet<_> = drawn.iter().collect();
        assert!(
            (10_000..12_000).contains(&distinct.len()),
            "{}",
            distinct.len()
        );
        let strange = |address: &&std::net::Ipv4Addr| {
            address.is_private() || address.is_loopback() || address.is_multicast()
        };
        assert_eq!(drawn.iter().find(strange), None);
    }
}
