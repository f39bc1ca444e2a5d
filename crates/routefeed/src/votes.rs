//! Who announces a prefix, if peers do not agree: whom most of them see; of equals the lowest AS.
//!
//! Deterministic, whatever the order of the dump: two hosts with one file give one answer.
//!
//! Not here: what a peer sees ([`crate::path`]).
//! Bound: 28 bytes for each pair of prefix and origin, at most twice [`ENTRIES_MAX`] of them:
//! 224 MiB; 30 MiB for the Internet of 2026. However many peers there are, they are numbers.

use std::cmp::Reverse;

use asdb::{Asn, ENTRIES_MAX, Entries, Prefix, TooManyEntries};

/// Votes up to which nothing is put together: a dump with one record a prefix never has more.
const LOOSE_MAX: usize = 1 << 20;

/// How many peers see a prefix announced by one AS.
#[derive(Clone, Copy, Debug)]
struct Vote {
    prefix: Prefix,
    origin: Asn,
    peers_count: u32,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Votes {
    list: Vec<Vote>,
    /// Up to where nothing is put together.
    loose_max: usize,
}

impl Votes {
    /// Adds that `peers_count` more peers see `origin` announce `prefix`.
    ///
    /// # Errors
    /// `TooManyEntries` if there are more pairs of both than a source may have prefixes.
    pub(crate) fn add(
        &mut self,
        prefix: Prefix,
        origin: Asn,
        peers_count: u32,
    ) -> Result<(), TooManyEntries> {
        if self.list.len() >= self.loose_max.max(LOOSE_MAX) {
            self.put_together();
            if self.list.len() > ENTRIES_MAX {
                return Err(TooManyEntries);
            }
            self.loose_max = 2 * self.list.len();
        }
        self.list.push(Vote {
            prefix,
            origin,
            peers_count,
        });
        Ok(())
    }

    /// Returns the origin of each prefix, and how many prefixes have more than one.
    ///
    /// # Errors
    /// `TooManyEntries` if there are too many prefixes.
    pub(crate) fn elect(mut self) -> Result<(Entries, u64), TooManyEntries> {
        self.put_together();
        let mut entries = Entries::new();
        let mut several_origins_count = 0;
        for candidates in self.list.chunk_by(|one, next| one.prefix == next.prefix) {
            let seen = |vote: &&Vote| (vote.peers_count, Reverse(vote.origin));
            if let Some(elected) = candidates.iter().max_by_key(seen) {
                entries.push(elected.prefix, elected.origin)?;
            }
            several_origins_count += u64::from(candidates.len() > 1);
        }
        entries.shrink();
        Ok((entries, several_origins_count))
    }

    /// Makes one of the votes for one pair.
    fn put_together(&mut self) {
        let key = |vote: &Vote| (vote.prefix, vote.origin);
        self.list.sort_unstable_by_key(key);
        self.list.dedup_by(|next, kept| {
            let is_same = key(next) == key(kept);
            if is_same {
                kept.peers_count = kept.peers_count.saturating_add(next.peers_count);
            }
            is_same
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elected(votes: &[(&str, u32, u32)]) -> (Vec<(String, u32)>, u64) {
        let mut list = Votes::default();
        for (prefix, origin, peers_count) in votes {
            let prefix = prefix.parse().unwrap();
            list.add(prefix, Asn(*origin), *peers_count).unwrap();
        }
        let (entries, several) = list.elect().unwrap();
        let shown = entries
            .iter()
            .map(|one| (one.prefix.to_string(), one.asn.0));
        (shown.collect(), several)
    }

    #[test]
    fn whom_most_peers_see_is_the_origin() {
        let votes = [
            ("1.0.0.0/24", 9, 3),
            ("1.0.0.0/24", 8, 2),
            ("1.0.0.0/24", 8, 2),
        ];
        assert_eq!(elected(&votes), (vec![("1.0.0.0/24".into(), 8)], 1));
    }

    #[test]
    fn of_equals_the_lowest_as_is_the_origin() {
        let votes = [
            ("2001:db8::/32", 9, 1),
            ("2001:db8::/32", 8, 1),
            ("1.0.0.0/8", 3, 1),
        ];
        let expected = vec![("1.0.0.0/8".into(), 3), ("2001:db8::/32".into(), 8)];
        assert_eq!(elected(&votes), (expected, 1));
    }

    #[test]
    fn a_route_of_each_of_many_peers_is_one_vote_in_memory() {
        let mut votes = Votes::default();
        let prefix = "1.0.0.0/24".parse().unwrap();
        for peer in 0..3_000_000_u32 {
            votes.add(prefix, Asn(1 + peer % 2), 1).unwrap();
        }
        assert!(votes.list.len() <= LOOSE_MAX);
        let (entries, _) = votes.elect().unwrap();
        assert_eq!(entries.iter().next().unwrap().asn, Asn(1));
    }
}
