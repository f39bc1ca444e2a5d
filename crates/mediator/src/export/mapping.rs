//! Template Mapping: which ID the enriched clone of a Template has [RFC 7119 §4.1].
//!
//! The clone of Template N is announced under 65791 − N or, where that is taken, the next lower
//! free ID. The choice depends on nothing but the exporter's own Templates, so that it comes out
//! the same after a restart and in a second instance. IDs belong to the domain of an exporter
//! whatever its port: collectors tell Templates apart by address and domain.
//!
//! An ID that was a clone's stays tainted: a collector may still have our layout for it, so data
//! must not pass under it in a session that has no Template of its own for it.
//!
//! Not here: the clone's fields (`enrich::plan`), when it is announced (`mediator`).
//! Bound: [`CLONES_PER_DOMAIN_MAX`] clones and as many tainted IDs.

use alloc::vec::Vec;

use crate::limits::CLONES_PER_DOMAIN_MAX;
use crate::wire::DATA_SET_ID_MIN;

/// Template N and its first choice of a clone ID add up to this: 256 and 65535.
const MIRROR: u32 = 65_791;
/// IDs that are looked at for one clone: an exporter that uses so many in a row gets none.
const TRIES_MAX: usize = 1024;

/// The clone IDs of one domain of an exporter.
#[derive(Debug, Default)]
pub struct CloneIds {
    /// In the order of the originals.
    pairs: Vec<Pair>,
    /// The clones of all pairs, in order.
    clones: Vec<u16>,
    /// In order.
    tainted: Vec<u16>,
}

/// An exporter's Template ID and its clone's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The exporter's ID.
    pub original: u16,
    /// Ours.
    pub clone: u16,
}

impl CloneIds {
    /// The clone ID of the exporter's Template `original`, if it has one.
    #[must_use]
    pub fn clone_of(&self, original: u16) -> Option<u16> {
        let at = self.place(original).ok()?;
        self.pairs.get(at).map(|pair| pair.clone)
    }

    /// Whether this ID is a clone's.
    #[must_use]
    pub fn is_clone(&self, id: u16) -> bool {
        self.clones.binary_search(&id).is_ok()
    }

    /// Whether a collector may still read this ID as one of our clones.
    #[must_use]
    pub fn is_tainted(&self, id: u16) -> bool {
        self.tainted.binary_search(&id).is_ok()
    }

    /// All pairs, for a saved state.
    #[must_use]
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// All tainted IDs, for a saved state.
    #[must_use]
    pub fn tainted(&self) -> &[u16] {
        &self.tainted
    }

    /// Returns the clone ID for `original`, choosing one if it has none.
    ///
    /// `is_used` says whether the exporter uses an ID itself. `None` where all are taken.
    pub fn choose(&mut self, original: u16, is_used: impl Fn(u16) -> bool) -> Option<u16> {
        if let Some(clone) = self.clone_of(original) {
            return Some(clone);
        }
        let first = u16::try_from(MIRROR.checked_sub(u32::from(original))?).ok()?;
        let below = (DATA_SET_ID_MIN..=first).rev();
        let above = (first..=u16::MAX).rev();
        let clone = below.chain(above).take(TRIES_MAX).find(|id| {
            *id != original && !self.is_clone(*id) && !self.is_tainted(*id) && !is_used(*id)
        })?;
        self.restore_pair(Pair { original, clone }).then_some(clone)
    }

    /// Takes a pair, from a saved state for instance. Returns false if there is no room for it, or
    /// one of its IDs has another pair.
    pub fn restore_pair(&mut self, pair: Pair) -> bool {
        let places = (
            self.place(pair.original),
            self.clones.binary_search(&pair.clone),
        );
        let (Err(at), Err(clone_at)) = places else {
            return false;
        };
        if self.pairs.len() >= CLONES_PER_DOMAIN_MAX {
            return false;
        }
        self.pairs.insert(at, pair);
        self.clones.insert(clone_at, pair.clone);
        true
    }

    /// Gives up the clone under `id`, which the exporter has begun to use. Returns whose it was.
    pub fn vacate(&mut self, id: u16) -> Option<u16> {
        let clone_at = self.clones.binary_search(&id).ok()?;
        let at = self.pairs.iter().position(|pair| pair.clone == id)?;
        self.clones.remove(clone_at);
        let pair = self.pairs.remove(at);
        self.taint(id);
        Some(pair.original)
    }

    /// Notes that a collector may read this ID as a clone of ours.
    pub fn taint(&mut self, id: u16) {
        if self.tainted.len() >= CLONES_PER_DOMAIN_MAX {
            return;
        }
        if let Err(at) = self.tainted.binary_search(&id) {
            self.tainted.insert(at, id);
        }
    }

    fn place(&self, original: u16) -> Result<usize, usize> {
        self.pairs
            .binary_search_by_key(&original, |pair| pair.original)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clone_of_256_is_65535_and_the_next_lower_one_if_that_is_taken() {
        let mut ids = CloneIds::default();
        assert_eq!(ids.choose(256, |_| false), Some(65535));
        assert_eq!(ids.choose(256, |_| true), Some(65535), "chosen once");
        assert_eq!(ids.choose(300, |id| id == 65491), Some(65490));
        assert_eq!(ids.choose(65535, |_| false), Some(256));
    }

    #[test]
    fn a_clone_moves_away_from_an_id_that_the_exporter_uses_and_does_not_come_back() {
        let mut ids = CloneIds::default();
        ids.choose(256, |_| false);
        assert_eq!(ids.vacate(65535), Some(256));
        assert!(ids.is_tainted(65535));
        assert_eq!(ids.choose(256, |id| id == 65535), Some(65534));
        assert_eq!(ids.clone_of(256), Some(65534));
    }

    #[test]
    fn where_every_id_is_used_there_is_no_clone() {
        assert_eq!(CloneIds::default().choose(256, |_| true), None);
    }
}
