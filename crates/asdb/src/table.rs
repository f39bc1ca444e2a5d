//! The frozen table: an address in, what every provider says about it out.
//!
//! Not here: how it is built ([`crate::Builder`]), which provider wins ([`Policy`]), which prefix
//! matched ([`crate::Entries::longest`]).
//!
//! Bound: two tries and 20 bytes per distinct tuple of answers, and 4 for each router that has a
//! view of its own.

use std::net::IpAddr;

use crate::Asn;
use crate::builder::OwnRoutes;
use crate::policy::Policy;
use crate::prefix::unmap;
use crate::provider::{PolicyWord, Provider, TABLED_COUNT};
use crate::trie::Trie;

/// Stands for what all providers say about an address. Means something only to the table that
/// gave it, and to the policies of that table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AnswerId(pub u32);

impl AnswerId {
    /// No provider has an answer; the same in every table.
    pub const NOBODY: Self = Self(0);

    #[inline]
    pub(crate) fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// What each provider says about an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Answers {
    /// By `Provider::tabled_index`; [`Asn::NONE`] is no answer.
    pub(crate) by_provider: [Asn; TABLED_COUNT],
}

impl Answers {
    /// Returns the answer of a provider; `flow` never has one here.
    pub fn of(&self, provider: Provider) -> Option<Asn> {
        let asn = self.by_provider[provider.tabled_index()?];
        (asn != Asn::NONE).then_some(asn)
    }

    /// Returns the answers there are, in the order of [`Provider::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Provider, Asn)> {
        Provider::TABLED
            .into_iter()
            .filter_map(|provider| Some((provider, self.of(provider)?)))
    }
}

/// Prefix → AS numbers, immutable.
#[derive(Debug)]
pub struct AsDb {
    pub(crate) ipv4: Trie,
    pub(crate) ipv6: Trie,
    /// Distinct; the first is nobody's.
    pub(crate) tuples: Box<[Answers]>,
    /// What single routers say, `own_count` for each of `tuples`.
    pub(crate) own: Box<[Asn]>,
    pub(crate) own_count: usize,
    pub(crate) ipv4_prefixes_count: usize,
    pub(crate) ipv6_prefixes_count: usize,
}

impl AsDb {
    /// Returns a table in which nobody knows anything.
    pub fn empty() -> Self {
        crate::Builder::new().build()
    }

    /// Returns what is known about an address; an IPv4-mapped IPv6 address is unmapped.
    #[inline]
    pub fn lookup(&self, address: IpAddr) -> AnswerId {
        match address {
            IpAddr::V4(ipv4) => self.ipv4.lookup(ipv4.to_bits()),
            IpAddr::V6(ipv6) => self.lookup_one_ipv6(ipv6.to_bits()),
        }
    }

    /// Looks up many IPv4 addresses at once, so that their waits for memory overlap.
    ///
    /// As many as the shorter slice has; a Message's worth is a good number.
    pub fn lookup_ipv4(&self, addresses: &[u32], answers: &mut [AnswerId]) {
        self.ipv4.lookup_batch(addresses, answers);
    }

    /// Looks up many IPv6 addresses at once, so that their waits for memory overlap;
    /// IPv4-mapped ones are unmapped.
    ///
    /// As many as the shorter slice has; a Message's worth is a good number.
    pub fn lookup_ipv6(&self, addresses: &[u128], answers: &mut [AnswerId]) {
        self.ipv6.lookup_batch(addresses, answers);
        for (&address, answer) in addresses.iter().zip(answers) {
            if let Some(ipv4) = unmap(address) {
                *answer = self.ipv4.lookup(ipv4);
            }
        }
    }

    /// Returns what each provider says; nothing for an [`AnswerId`] of another table.
    pub fn answers(&self, id: AnswerId) -> Answers {
        self.tuples.get(id.index()).copied().unwrap_or_default()
    }

    /// Works out an order over the providers for this table.
    pub fn policy(&self, words: &[PolicyWord]) -> Policy {
        Policy::new(words, self.tuples.iter().copied())
    }

    /// As [`AsDb::policy`], for the records of one router: where it says something itself, that is
    /// the answer of the provider. They were added to the builder of this table.
    pub fn policy_of(&self, words: &[PolicyWord], own: &[OwnRoutes]) -> Policy {
        let tuples = self.tuples.iter().enumerate().map(|(index, answers)| {
            let mut answers = *answers;
            for routes in own {
                let said = self.own.get(index * self.own_count + routes.column);
                let place = routes.provider.tabled_index();
                let place = place.and_then(|place| answers.by_provider.get_mut(place));
                if let (Some(said), Some(place)) = (said.filter(|asn| **asn != Asn::NONE), place) {
                    *place = *said;
                }
            }
            answers
        });
        Policy::new(words, tuples)
    }

    /// Returns how many IPv4 prefixes went into the table.
    pub const fn ipv4_prefixes_count(&self) -> usize {
        self.ipv4_prefixes_count
    }

    /// Returns how many IPv6 prefixes went into the table.
    pub const fn ipv6_prefixes_count(&self) -> usize {
        self.ipv6_prefixes_count
    }

    /// Returns the bytes of memory that the table takes.
    pub fn memory_bytes(&self) -> usize {
        let tuples_bytes = size_of_val::<[Answers]>(&self.tuples);
        let own_bytes = size_of_val::<[Asn]>(&self.own);
        self.ipv4.memory_bytes() + self.ipv6.memory_bytes() + tuples_bytes + own_bytes
    }

    #[inline]
    fn lookup_one_ipv6(&self, address: u128) -> AnswerId {
        match unmap(address) {
            Some(ipv4) => self.ipv4.lookup(ipv4),
            None => self.ipv6.lookup(address),
        }
    }
}

impl Default for AsDb {
    fn default() -> Self {
        Self::empty()
    }
}
