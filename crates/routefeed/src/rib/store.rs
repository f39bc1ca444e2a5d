//! Attributes of routes, each distinct run of octets once.
//!
//! A table of a million routes has some hundred thousand distinct ones; a route names its own by
//! four octets.
//!
//! Not here: what the octets mean (`crate::attributes`).
//! Bound: `octets_max` octets of runs, and 40 bytes for each; those that no route names are gone
//! at once.

use std::hash::BuildHasher;

use asdb::Asn;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::attributes::Attributes;

/// Names a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttributesId(pub(crate) u32);

/// All runs.
#[derive(Debug)]
pub struct Store {
    slots: Vec<Slot>,
    /// Indices of `slots`, by the hash of their octets.
    places: HashTable<u32>,
    free: Vec<u32>,
    hasher: RandomState,
    octets: usize,
    octets_max: usize,
}

#[derive(Debug, Default)]
struct Slot {
    octets: Box<[u8]>,
    /// How many routes name it; 0: the slot is free.
    routes_count: u32,
    /// What the run says of it: it is asked for every route at once.
    origin: Asn,
}

impl Store {
    /// Returns a store for so many octets.
    #[must_use]
    pub fn new(octets_max: usize) -> Self {
        Self {
            slots: Vec::new(),
            places: HashTable::new(),
            free: Vec::new(),
            hasher: RandomState::default(),
            octets: 0,
            octets_max,
        }
    }

    /// Returns the name of a run for one more route; `None` if there is no room.
    pub(crate) fn take(&mut self, octets: &[u8]) -> Option<AttributesId> {
        let hash = self.hasher.hash_one(octets);
        let slots = &self.slots;
        let same = |index: &u32| slot(slots, *index).is_some_and(|one| *one.octets == *octets);
        if let Some(&index) = self.places.find(hash, same) {
            self.again(AttributesId(index));
            return Some(AttributesId(index));
        }
        if self.octets + octets.len() > self.octets_max {
            return None;
        }
        let origin = Attributes::of(octets).and_then(Attributes::origin);
        let new = Slot {
            octets: octets.into(),
            routes_count: 1,
            origin: origin.unwrap_or(Asn::NONE),
        };
        let slots = &mut self.slots;
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(slots.len()).ok()?;
                slots.push(Slot::default());
                index
            }
        };
        *slots.get_mut(usize::try_from(index).ok()?)? = new;
        self.octets += octets.len();
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.places.insert_unique(hash, index, |index| {
            slot(slots, *index).map_or(0, |one| hasher.hash_one(&*one.octets))
        });
        Some(AttributesId(index))
    }

    /// One more route names it.
    pub(crate) fn again(&mut self, id: AttributesId) {
        if let Some(slot) = slot_mut(&mut self.slots, id.0) {
            slot.routes_count += 1;
        }
    }

    /// One route less names it.
    pub(crate) fn give_back(&mut self, id: AttributesId) {
        let Some(slot) = slot_mut(&mut self.slots, id.0) else {
            return;
        };
        slot.routes_count -= 1;
        if slot.routes_count > 0 {
            return;
        }
        let octets = std::mem::take(&mut slot.octets);
        self.octets -= octets.len();
        let hash = self.hasher.hash_one(&*octets);
        if let Ok(entry) = self.places.find_entry(hash, |index| *index == id.0) {
            entry.remove();
        }
        self.free.push(id.0);
    }

    /// Returns a run.
    #[must_use]
    pub fn octets(&self, id: AttributesId) -> &[u8] {
        slot(&self.slots, id.0).map_or(&[], |slot| &slot.octets)
    }

    /// Returns what a run says.
    #[must_use]
    pub fn attributes(&self, id: AttributesId) -> Option<Attributes<'_>> {
        Attributes::of(self.octets(id))
    }

    /// Returns the AS that announces routes with this run; [`Asn::NONE`] if it tells nobody.
    #[must_use]
    pub fn origin(&self, id: AttributesId) -> Asn {
        slot(&self.slots, id.0).map_or(Asn::NONE, |slot| slot.origin)
    }

    /// Returns how many distinct runs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Returns how many octets they have.
    #[must_use]
    pub const fn octets_count(&self) -> usize {
        self.octets
    }

    /// Returns how many slots there are, for a list by [`AttributesId`].
    pub(crate) const fn slots_count(&self) -> usize {
        self.slots.len()
    }
}

fn slot(slots: &[Slot], index: u32) -> Option<&Slot> {
    slots.get(usize::try_from(index).ok()?)
}

fn slot_mut(slots: &mut [Slot], index: u32) -> Option<&mut Slot> {
    slots.get_mut(usize::try_from(index).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_there_as_long_as_a_route_names_it() {
        let mut store = Store::new(6);
        let one = store.take(b"one").unwrap();
        assert_eq!(store.take(b"one"), Some(one));
        let two = store.take(b"two").unwrap();
        assert_eq!(store.take(b"3"), None, "no room");
        store.give_back(one);
        assert_eq!((store.len(), store.octets_count()), (2, 6));
        store.give_back(one);
        assert_eq!((store.len(), store.octets_count()), (1, 3));
        let three = store.take(b"3").unwrap();
        assert_eq!(
            (store.octets(three), store.octets(two)),
            (&b"3"[..], &b"two"[..])
        );
        assert_eq!(store.take(b"two"), Some(two));
    }
}
