//! Puts the entries of all sources of all providers together and freezes them.
//!
//! What is no answer is left out here and counted, as if the source had not said it, so that a
//! shorter prefix or a later source still answers: default routes, and reserved AS numbers from
//! anyone but the operator (`static`).
//!
//! Not here: reading sources (loaders), the two sweeps ([`crate::sweep`]).
//!
//! Bound: the entries, and while building at most 64 bytes per entry more; each list is given
//! back as soon as it was swept.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::entries::{Compact, Entries, Reserved, TooManyEntries};
use crate::origin::{IPV4_WITHOUT_ORIGIN, IPV6_WITHOUT_ORIGIN};
use crate::prefix::Address;
use crate::provider::{Provider, TABLED_COUNT};
use crate::sweep::{Segments, flatten, mark, merge};
use crate::table::{AnswerId, Answers, AsDb};
use crate::trie::{Trie, index_u32};
use crate::{Asn, Prefix};

/// What was given to a [`Builder`] but is no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Default routes: prefixes of length 0.
    pub default_routes_count: u64,
    /// Prefixes with a reserved AS number, [`Asn::is_reserved`], from others than `static`, and
    /// with AS 0 from `static`.
    pub reserved_asns_count: u64,
    /// Prefixes from `flow`, which has no place in a table.
    pub flow_count: u64,
}

/// Collects entries and builds an [`AsDb`] of them.
#[derive(Debug, Default)]
pub struct Builder {
    by_provider: [Entries; TABLED_COUNT],
    left_out: LeftOut,
}

impl Builder {
    /// Returns a builder without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one prefix as the source number `source_index` of `provider` has it.
    ///
    /// Of equal prefixes of one provider the one with the lower `source_index` wins, then the one
    /// added first.
    ///
    /// # Errors
    /// `TooManyEntries` if the provider's sources together pass [`crate::ENTRIES_MAX`].
    pub fn add(
        &mut self,
        provider: Provider,
        source_index: u16,
        prefix: Prefix,
        asn: Asn,
    ) -> Result<(), TooManyEntries> {
        let mut entries = Entries::new();
        entries.push(prefix, asn)?;
        self.add_all(provider, source_index, entries)
    }

    /// Adds all that the source number `source_index` of `provider` has; see [`Builder::add`].
    ///
    /// # Errors
    /// `TooManyEntries` if the provider's sources together pass [`crate::ENTRIES_MAX`]; nothing
    /// of this source is added then.
    pub fn add_all(
        &mut self,
        provider: Provider,
        source_index: u16,
        mut entries: Entries,
    ) -> Result<(), TooManyEntries> {
        let Some(index) = provider.tabled_index() else {
            self.left_out.flow_count += entries.len() as u64;
            return Ok(());
        };
        let reserved = Reserved::of(provider);
        let known = &mut self.by_provider[index];
        if known.len() + entries.len() > crate::ENTRIES_MAX {
            return Err(TooManyEntries);
        }
        retain(
            &mut entries.ipv4,
            source_index,
            reserved,
            &mut self.left_out,
        );
        retain(
            &mut entries.ipv6,
            source_index,
            reserved,
            &mut self.left_out,
        );
        known.append(entries)
    }

    /// Returns what was left out up to now.
    pub const fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// Freezes what was added.
    pub fn build(self) -> AsDb {
        let ipv4_prefixes_count = self.by_provider.iter().map(|list| list.ipv4.len()).sum();
        let ipv6_prefixes_count = self.by_provider.iter().map(|list| list.ipv6.len()).sum();
        let mut tuples = Tuples::new();
        let mut ipv6_lists: [Vec<Compact<u128>>; TABLED_COUNT] = Default::default();
        let mut lists = self.by_provider.into_iter();
        let ipv4_lists = std::array::from_fn(|index| {
            let list = lists.next().unwrap_or_default();
            ipv6_lists[index] = list.ipv6;
            list.ipv4
        });
        let ipv4 = Trie::new(&segments_of(ipv4_lists, &IPV4_WITHOUT_ORIGIN, &mut tuples));
        let ipv6 = Trie::new(&segments_of(ipv6_lists, &IPV6_WITHOUT_ORIGIN, &mut tuples));
        let tuples = tuples.list.into_boxed_slice();
        AsDb {
            ipv4,
            ipv6,
            tuples,
            ipv4_prefixes_count,
            ipv6_prefixes_count,
        }
    }
}

impl Reserved {
    /// Returns whether a provider's reserved AS numbers are answers.
    pub const fn of(provider: Provider) -> Self {
        match provider {
            Provider::Static => Self::Counts,
            Provider::Flow
            | Provider::Bgp
            | Provider::Bmp
            | Provider::Table
            | Provider::Database => Self::IsNoAnswer,
        }
    }
}

/// Drops and counts what is no answer, and marks the rest with its source.
fn retain<A: Address>(
    list: &mut Vec<Compact<A>>,
    source_index: u16,
    reserved: Reserved,
    left_out: &mut LeftOut,
) {
    list.retain_mut(|entry| {
        entry.source = source_index;
        let is_default = entry.length == 0;
        let is_reserved = !reserved.admits(entry.asn);
        left_out.default_routes_count += u64::from(is_default);
        left_out.reserved_asns_count += u64::from(is_reserved && !is_default);
        !is_default && !is_reserved
    });
}

/// Sweeps the lists of all providers into segments of tuples.
fn segments_of<A: Address>(
    lists: [Vec<Compact<A>>; TABLED_COUNT],
    without_origin: &[(A, u8)],
    tuples: &mut Tuples,
) -> Segments<A, AnswerId> {
    let mut lists = lists.into_iter().map(flatten);
    let layers: [Segments<A, Asn>; TABLED_COUNT + 1] =
        std::array::from_fn(|_| lists.next().unwrap_or_else(|| mark(without_origin)));
    // The last layer is the mask.
    merge(&layers, |values| {
        let [static_asn, .., mask] = *values;
        let mut answers = Answers::default();
        if mask == Asn::NONE {
            answers.by_provider.copy_from_slice(&values[..TABLED_COUNT]);
        } else {
            answers.by_provider[0] = static_asn;
        }
        tuples.id_of(answers)
    })
}

/// Distinct tuples of answers, numbered as they come.
struct Tuples {
    /// Those of one answer, for each provider: most are, and these maps fit into a cache.
    lone: [HashMap<Asn, AnswerId, RandomState>; TABLED_COUNT],
    /// All others.
    ids: HashMap<Answers, AnswerId, RandomState>,
    list: Vec<Answers>,
}

impl Tuples {
    /// Returns a list that knows the tuple of nobody's answers.
    fn new() -> Self {
        let nobody = Answers::default();
        Self {
            lone: Default::default(),
            ids: HashMap::from_iter([(nobody, AnswerId::NOBODY)]),
            list: vec![nobody],
        }
    }

    fn id_of(&mut self, answers: Answers) -> AnswerId {
        let next = AnswerId(index_u32(self.list.len()));
        let mut given = (0..).zip(answers.by_provider);
        let first = given.find(|(_, asn)| *asn != Asn::NONE);
        let id = match first {
            Some((index, asn)) if given.all(|(_, asn)| asn == Asn::NONE) => {
                let ids: &mut HashMap<_, _, _> = &mut self.lone[index];
                *ids.entry(asn).or_insert(next)
            }
            _ => *self.ids.entry(answers).or_insert(next),
        };
        if id == next {
            self.list.push(answers);
        }
        id
    }
}
