//! What a source says: prefixes with their AS numbers, compact, in the order it says them.
//!
//! Loaders fill it, the [`crate::Builder`] swallows it. It also answers for one address, slowly,
//! with the prefix that matched: the frozen table does not remember prefixes.
//!
//! Not here: names ([`crate::AsNames`]), what is usable ([`crate::Builder`]).
//!
//! Bound: [`ENTRIES_MAX`] entries of 12 (IPv4) or 32 (IPv6) bytes: 128 MiB.

use std::net::IpAddr;

use crate::prefix::Address;
use crate::{Asn, Prefix};

/// How many prefixes one source may hold: five times the Internet of 2026, both families.
pub const ENTRIES_MAX: usize = 4 << 20;

/// A prefix and the AS that a source names for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The addresses.
    pub prefix: Prefix,
    /// Their origin; [`Asn::NONE`] and reserved numbers are kept here as the source has them.
    pub asn: Asn,
}

/// A source has more than [`ENTRIES_MAX`] prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {ENTRIES_MAX} prefixes")]
pub struct TooManyEntries;

/// The entries of one source, in its order.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    pub(crate) ipv4: Vec<Compact<u32>>,
    pub(crate) ipv6: Vec<Compact<u128>>,
}

impl Entries {
    /// Returns an empty list.
    pub const fn new() -> Self {
        Self {
            ipv4: Vec::new(),
            ipv6: Vec::new(),
        }
    }

    /// Adds one entry behind the others.
    ///
    /// # Errors
    /// `TooManyEntries` if the list is full.
    pub fn push(&mut self, prefix: Prefix, asn: Asn) -> Result<(), TooManyEntries> {
        match prefix.network() {
            IpAddr::V4(network) => self.push_compact(network.to_bits(), prefix.length(), asn),
            IpAddr::V6(network) => self.push_compact(network.to_bits(), prefix.length(), asn),
        }
    }

    /// Adds the addresses `first` to `last`, both included, as the fewest prefixes that cover
    /// exactly them, in ascending order: at most 62 for IPv4, 254 for IPv6.
    ///
    /// `first` must not be above `last`; the range is empty otherwise.
    pub(crate) fn push_range<A: Family>(
        &mut self,
        first: A,
        last: A,
        asn: Asn,
    ) -> Result<(), TooManyEntries> {
        let mut start = first;
        while start <= last {
            let mut length = A::BITS_COUNT - start.trailing_zeros_count();
            while start.last_of(length) > last {
                length += 1;
            }
            self.push_compact(start, length, asn)?;
            match start.last_of(length).next() {
                Some(next) => start = next,
                None => break,
            }
        }
        Ok(())
    }

    /// Moves the entries of another list behind these.
    ///
    /// # Errors
    /// `TooManyEntries` if both together are too many; nothing is moved then.
    pub fn append(&mut self, more: Self) -> Result<(), TooManyEntries> {
        if self.len() + more.len() > ENTRIES_MAX {
            return Err(TooManyEntries);
        }
        move_behind(&mut self.ipv4, more.ipv4);
        move_behind(&mut self.ipv6, more.ipv6);
        Ok(())
    }

    /// Returns how many entries there are.
    pub const fn len(&self) -> usize {
        self.ipv4.len() + self.ipv6.len()
    }

    /// Returns how many of them are IPv4.
    pub const fn ipv4_count(&self) -> usize {
        self.ipv4.len()
    }

    /// Returns how many of them are IPv6.
    pub const fn ipv6_count(&self) -> usize {
        self.ipv6.len()
    }

    /// Returns whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the entries: IPv4 in the source's order, then IPv6 in the source's order.
    pub fn iter(&self) -> impl Iterator<Item = Entry> {
        let ipv4 = self.ipv4.iter().filter_map(Compact::entry);
        ipv4.chain(self.ipv6.iter().filter_map(Compact::entry))
    }

    /// Returns the entry that the table answers with for `address`, were this its provider's only
    /// source: the longest prefix that holds it; of equal ones the first.
    ///
    /// Default routes and reserved AS numbers do not count, unless `reserved` says that they do
    /// (`static`). Looks at every entry: for one address at a time, not for traffic.
    pub fn longest(&self, address: IpAddr, reserved: Reserved) -> Option<Entry> {
        match address.to_canonical() {
            IpAddr::V4(ipv4) => longest(&self.ipv4, ipv4.to_bits(), reserved),
            IpAddr::V6(ipv6) => longest(&self.ipv6, ipv6.to_bits(), reserved),
        }
    }

    /// Puts the entries in the order of their addresses, the shorter prefix first; equal prefixes
    /// stay in the order they are in, so a table of them stays the same.
    pub fn sort(&mut self) {
        self.ipv4.sort_by_key(|entry| (entry.network, entry.length));
        self.ipv6.sort_by_key(|entry| (entry.network, entry.length));
    }

    /// Gives back the memory that growing left unused.
    pub fn shrink(&mut self) {
        self.ipv4.shrink_to_fit();
        self.ipv6.shrink_to_fit();
    }

    pub(crate) fn push_compact<A: Family>(
        &mut self,
        network: A,
        length: u8,
        asn: Asn,
    ) -> Result<(), TooManyEntries> {
        if self.len() >= ENTRIES_MAX {
            return Err(TooManyEntries);
        }
        A::list(self).push(Compact {
            network,
            asn,
            source: 0,
            length,
        });
        Ok(())
    }
}

/// Whether a reserved AS number is an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// It is: the operator wrote it.
    Counts,
    /// It is not: the entry is as if absent.
    IsNoAnswer,
}

impl Reserved {
    /// Returns whether an entry of `length` bits with `asn` can answer.
    pub(crate) const fn admits(self, asn: Asn) -> bool {
        match self {
            Self::Counts => asn.0 != Asn::NONE.0,
            Self::IsNoAnswer => !asn.is_reserved(),
        }
    }
}

/// An entry as it is kept: the family is the type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compact<A> {
    pub(crate) network: A,
    pub(crate) asn: Asn,
    /// Place of the source among those of its provider; earlier ones win.
    pub(crate) source: u16,
    /// 0 <= length <= A::BITS_COUNT
    pub(crate) length: u8,
}

impl<A: Address> Compact<A> {
    fn entry(&self) -> Option<Entry> {
        let prefix = Prefix::new(self.network.to_ip(), self.length).ok()?;
        Some(Entry {
            prefix,
            asn: self.asn,
        })
    }

    fn contains(&self, address: A) -> bool {
        self.network <= address && address <= self.network.last_of(self.length)
    }
}

/// An address that knows which list is its family's.
pub(crate) trait Family: Address {
    /// Returns the list of the family.
    fn list(entries: &mut Entries) -> &mut Vec<Compact<Self>>;
}

impl Family for u32 {
    fn list(entries: &mut Entries) -> &mut Vec<Compact<Self>> {
        &mut entries.ipv4
    }
}

impl Family for u128 {
    fn list(entries: &mut Entries) -> &mut Vec<Compact<Self>> {
        &mut entries.ipv6
    }
}

/// Moves a list over, without a copy where it is the first one.
fn move_behind<A>(known: &mut Vec<Compact<A>>, more: Vec<Compact<A>>) {
    if known.is_empty() {
        *known = more;
    } else {
        known.extend(more);
    }
}

fn longest<A: Address>(list: &[Compact<A>], address: A, reserved: Reserved) -> Option<Entry> {
    let mut best: Option<&Compact<A>> = None;
    for compact in list {
        let longer = best.is_none_or(|known| compact.length > known.length);
        let usable = compact.length > 0 && reserved.admits(compact.asn);
        if longer && usable && compact.contains(address) {
            best = Some(compact);
        }
    }
    best.and_then(Compact::entry)
}
