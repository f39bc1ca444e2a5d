//! What a source said, kept for questions: which prefix holds an address?
//!
//! The frozen table answers for traffic and does not remember prefixes; entries as they were read
//! take 12 and 32 bytes each. Here a prefix takes 9 bytes (IPv4), 13 (IPv6 up to 64 bits) or 21:
//! 8 MiB for the whole Internet of 2026, and only what can answer is kept.
//!
//! Not here: several sources together, which of them wins ([`crate::Policy`]).
//!
//! Bound: [`crate::ENTRIES_MAX`] prefixes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::entries::{Compact, Entries, Entry, Family, Reserved, TooManyEntries};
use crate::prefix::Address;
use crate::{Asn, Prefix};

/// How many leading bits of an IPv6 address fit the short form.
const SHORT_BITS: u8 = 64;

/// The prefixes of one source that can answer.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    ipv4: Column<u32>,
    ipv6_short: Column<u64>,
    ipv6_long: Column<u128>,
}

impl Kept {
    /// Keeps what `entries` can answer with; see [`Entries::longest`].
    pub fn of(entries: &Entries, reserved: Reserved) -> Self {
        let ipv6 = &entries.ipv6;
        Self {
            ipv4: Column::of(&entries.ipv4, reserved, |_| true, |network| network),
            ipv6_short: Column::of(ipv6, reserved, |length| length <= SHORT_BITS, upper_half),
            ipv6_long: Column::of(
                ipv6,
                reserved,
                |length| length > SHORT_BITS,
                |network| network,
            ),
        }
    }

    /// Returns the entry that the source answers with for `address`: the longest prefix that holds
    /// it; of equal ones the first.
    pub fn longest(&self, address: IpAddr) -> Option<Entry> {
        let (network, (length, asn)) = match address.to_canonical() {
            IpAddr::V4(ipv4) => {
                let bits = ipv4.to_bits();
                let network_of = |length| bits & u32::mask(length);
                let found = self.ipv4.longest(u32::BITS_COUNT, network_of)?;
                (IpAddr::V4(Ipv4Addr::from_bits(network_of(found.0))), found)
            }
            IpAddr::V6(ipv6) => {
                let bits = ipv6.to_bits();
                let network_of = |length| bits & u128::mask(length);
                let long = self.ipv6_long.longest(u128::BITS_COUNT, network_of);
                let short = || {
                    let column = &self.ipv6_short;
                    column.longest(SHORT_BITS, |length| upper_half(network_of(length)))
                };
                let found = long.or_else(short)?;
                (IpAddr::V6(Ipv6Addr::from_bits(network_of(found.0))), found)
            }
        };
        let prefix = Prefix::new(network, length).ok()?;
        Some(Entry { prefix, asn })
    }

    /// Returns the prefixes as a source says them, sorted: a table of these is the same as one of
    /// those that they were kept of.
    pub fn entries(&self) -> Entries {
        let mut entries = Entries::new();
        let ipv6_short = |network: u64| u128::from(network) << 64;
        let pushed = self
            .ipv4
            .push_to(&mut entries, |network| network)
            .and_then(|()| self.ipv6_short.push_to(&mut entries, ipv6_short))
            .and_then(|()| self.ipv6_long.push_to(&mut entries, |network| network));
        // They were in such a list before.
        debug_assert!(pushed.is_ok());
        entries
    }

    /// Returns how many prefixes there are.
    pub const fn len(&self) -> usize {
        self.ipv4.asns.len() + self.ipv6_short.asns.len() + self.ipv6_long.asns.len()
    }

    /// Returns whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes of memory that they take.
    pub const fn memory_bytes(&self) -> usize {
        self.ipv4.memory_bytes() + self.ipv6_short.memory_bytes() + self.ipv6_long.memory_bytes()
    }
}

/// Prefixes, sorted by network and length, each once.
#[derive(Clone, Debug)]
struct Column<N> {
    networks: Box<[N]>,
    lengths: Box<[u8]>,
    asns: Box<[Asn]>,
    /// Bit `length - 1`: whether there is a prefix of that length.
    lengths_there: u128,
}

impl<N> Default for Column<N> {
    fn default() -> Self {
        Self {
            networks: Box::default(),
            lengths: Box::default(),
            asns: Box::default(),
            lengths_there: 0,
        }
    }
}

impl<N: Copy + Ord> Column<N> {
    fn of<A: Address>(
        entries: &[Compact<A>],
        reserved: Reserved,
        is_here: impl Fn(u8) -> bool,
        network: impl Fn(A) -> N,
    ) -> Self {
        let counts = |entry: &&Compact<A>| {
            entry.length > 0 && is_here(entry.length) && reserved.admits(entry.asn)
        };
        let mut list: Vec<&Compact<A>> = entries.iter().filter(counts).collect();
        // The sort is stable, so of equal prefixes the first is the source's first.
        list.sort_by_key(|entry| (entry.network, entry.length));
        list.dedup_by_key(|entry| (entry.network, entry.length));
        Self {
            networks: list.iter().map(|entry| network(entry.network)).collect(),
            lengths: list.iter().map(|entry| entry.length).collect(),
            asns: list.iter().map(|entry| entry.asn).collect(),
            lengths_there: list
                .iter()
                .fold(0, |there, entry| there | bit_of(entry.length)),
        }
    }

    fn push_to<A: Family>(
        &self,
        entries: &mut Entries,
        network: impl Fn(N) -> A,
    ) -> Result<(), TooManyEntries> {
        A::list(entries).reserve_exact(self.networks.len());
        let prefixes = self.networks.iter().zip(&self.lengths).zip(&self.asns);
        for ((kept, length), asn) in prefixes {
            entries.push_compact(network(*kept), *length, *asn)?;
        }
        Ok(())
    }

    /// Looks for the network of each length there is, the longest first.
    fn longest(&self, length_max: u8, network_of: impl Fn(u8) -> N) -> Option<(u8, Asn)> {
        let lengths = (1..=length_max).rev();
        let mut there = lengths.filter(|length| self.lengths_there & bit_of(*length) != 0);
        there.find_map(|length| Some((length, self.asn_of(network_of(length), length)?)))
    }

    fn asn_of(&self, network: N, length: u8) -> Option<Asn> {
        let first = self.networks.partition_point(|known| *known < network);
        let same = self.networks.get(first..)?;
        let count = same.partition_point(|known| *known == network);
        let lengths = self.lengths.get(first..first + count)?;
        let place = lengths.iter().position(|known| *known == length)?;
        self.asns.get(first + place).copied()
    }

    const fn memory_bytes(&self) -> usize {
        size_of_val::<[N]>(&self.networks)
            + size_of_val::<[u8]>(&self.lengths)
            + size_of_val::<[Asn]>(&self.asns)
    }
}

/// 1 <= length <= 128
const fn bit_of(length: u8) -> u128 {
    1 << (length - 1)
}

const fn upper_half(network: u128) -> u64 {
    (network >> 64) as u64
}
