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

/// How many routers can have a view of their own in a table.
pub const OWN_MAX: usize = 64;

/// What one router says, for the records of that router: before what all say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnRoutes {
    /// As whose answers they count.
    pub provider: Provider,
    /// The place of its answers in the table that it was added to.
    pub(crate) column: usize,
}

/// Collects entries and builds an [`AsDb`] of them.
#[derive(Debug, Default)]
pub struct Builder {
    by_provider: [Entries; TABLED_COUNT],
    own: Vec<Entries>,
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

    /// Adds what one router says, apart from what all say; [`AsDb::policy_of`] puts it first.
    ///
    /// # Errors
    /// `TooManyEntries` if there are more than [`OWN_MAX`] routers, or it is not one of `bgp` and
    /// `bmp`.
    pub fn add_own(
        &mut self,
        provider: Provider,
        mut entries: Entries,
    ) -> Result<OwnRoutes, TooManyEntries> {
        let is_live = matches!(provider, Provider::Bgp | Provider::Bmp);
        if self.own.len() >= OWN_MAX || !is_live {
            return Err(TooManyEntries);
        }
        let (reserved, left_out) = (Reserved::of(provider), &mut self.left_out);
        retain(&mut entries.ipv4, 0, reserved, left_out);
        retain(&mut entries.ipv6, 0, reserved, left_out);
        let column = self.own.len();
        self.own.push(entries);
        Ok(OwnRoutes { provider, column })
    }

    /// Returns what was left out up to now.
    pub const fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// Freezes what was added.
    pub fn build(self) -> AsDb {
        let ipv4_prefixes_count = self.by_provider.iter().map(|list| list.ipv4.len()).sum();
        let ipv6_prefixes_count = self.by_provider.iter().map(|list| list.ipv6.len()).sum();
        let mut tuples = Tuples::new(self.own.len());
        let lists = self.by_provider.into_iter().chain(self.own);
        let (ipv4_lists, ipv6_lists): (Vec<_>, Vec<_>) =
            lists.map(|list| (list.ipv4, list.ipv6)).unzip();
        let ipv4 = Trie::new(&segments_of(ipv4_lists, &IPV4_WITHOUT_ORIGIN, &mut tuples));
        let ipv6 = Trie::new(&segments_of(ipv6_lists, &IPV6_WITHOUT_ORIGIN, &mut tuples));
        AsDb {
            ipv4,
            ipv6,
            tuples: tuples.list.into_boxed_slice(),
            own: tuples.own.into_boxed_slice(),
            own_count: tuples.own_count,
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

/// Sweeps the lists of all providers, and of single routers behind them, into segments of tuples.
fn segments_of<A: Address>(
    lists: Vec<Vec<Compact<A>>>,
    without_origin: &[(A, u8)],
    tuples: &mut Tuples,
) -> Segments<A, AnswerId> {
    let lists = lists.into_iter().map(flatten);
    // The last layer is the mask.
    let layers: Vec<Segments<A, Asn>> = lists.chain([mark(without_origin)]).collect();
    merge(&layers, |values| {
        let (said, own) = values.split_at(TABLED_COUNT);
        let Some((mask, own)) = own.split_last() else {
            return AnswerId::NOBODY;
        };
        let mut answers = Answers::default();
        if *mask == Asn::NONE {
            answers.by_provider.copy_from_slice(said);
            tuples.id_of(answers, own)
        } else {
            answers.by_provider[0] = said[0];
            tuples.id_of(answers, &[])
        }
    })
}

/// Distinct tuples of answers, numbered as they come.
struct Tuples {
    /// Those of one answer, for each provider: most are, and these maps fit into a cache.
    lone: [HashMap<Asn, AnswerId, RandomState>; TABLED_COUNT],
    /// Those to which no single router has anything to say.
    ids: HashMap<Answers, AnswerId, RandomState>,
    /// All others: the answers of the providers, then of the routers.
    with_own: HashMap<Box<[Asn]>, AnswerId, RandomState>,
    list: Vec<Answers>,
    /// `own_count` for each of `list`.
    own: Vec<Asn>,
    own_count: usize,
    /// Here to be allocated once.
    key: Vec<Asn>,
}

impl Tuples {
    /// Returns a list that knows the tuple of nobody's answers.
    fn new(own_count: usize) -> Self {
        let nobody = Answers::default();
        Self {
            lone: Default::default(),
            ids: HashMap::from_iter([(nobody, AnswerId::NOBODY)]),
            with_own: HashMap::default(),
            list: vec![nobody],
            own: vec![Asn::NONE; own_count],
            own_count,
            key: Vec::new(),
        }
    }

    fn id_of(&mut self, answers: Answers, own: &[Asn]) -> AnswerId {
        let next = AnswerId(index_u32(self.list.len()));
        let id = if own.iter().any(|asn| *asn != Asn::NONE) {
            self.id_with_own(answers, own, next)
        } else {
            self.id_without_own(answers, next)
        };
        if id == next {
            self.list.push(answers);
            self.own.extend_from_slice(own);
            self.own.resize(self.list.len() * self.own_count, Asn::NONE);
        }
        id
    }

    fn id_without_own(&mut self, answers: Answers, next: AnswerId) -> AnswerId {
        let mut given = (0..).zip(answers.by_provider);
        let first = given.find(|(_, asn)| *asn != Asn::NONE);
        match first {
            Some((index, asn)) if given.all(|(_, asn)| asn == Asn::NONE) => {
                let ids: &mut HashMap<_, _, _> = &mut self.lone[index];
                *ids.entry(asn).or_insert(next)
            }
            _ => *self.ids.entry(answers).or_insert(next),
        }
    }

    fn id_with_own(&mut self, answers: Answers, own: &[Asn], next: AnswerId) -> AnswerId {
        self.key.clear();
        self.key.extend(answers.by_provider);
        self.key.extend_from_slice(own);
        if let Some(id) = self.with_own.get(&*self.key) {
            return *id;
        }
        self.with_own.insert(self.key.as_slice().into(), next);
        next
    }
}
