//! What each exporter address sent, and what was refused before the `Mediator` saw it.
//!
//! Not here: what became of Messages and Data Records (`mediator::SessionCounters`).
//! Bound: [`EXPORTERS_MAX`] addresses; what further ones send is counted together.

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::FixedState;
use mediator::Millis;

/// Exporter addresses that are counted one by one.
pub const EXPORTERS_MAX: usize = 4096;

/// Why a datagram was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refused {
    /// It is longer than `performance.buffer_size`.
    Cut,
    /// It goes in circles: it is a Message of ours, or came with a TTL of 1 or 0.
    Loop,
    /// Its sender is not in `general.allow_exporters`.
    NotAllowed,
    /// We failed over it: our bug.
    Panic,
}

impl Refused {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Cut, Self::Loop, Self::NotAllowed, Self::Panic];

    /// The reason's place in a list of counters.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The reason's name in statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Loop => "loop",
            Self::NotAllowed => "not_allowed",
            Self::Panic => "panic",
        }
    }
}

/// What one exporter address sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Datagrams received.
    pub datagrams: u64,
    /// Octets in them.
    pub octets: u64,
    /// Those that are no NetFlow v5, v9 or IPFIX by their first two octets.
    pub unknown_versions: u64,
    /// Messages in them whose lengths contradict each other.
    pub malformed: u64,
    /// Messages of ours that came back, dropped or not.
    pub looped: u64,
    /// Those that were not taken, by [`Refused`].
    pub refused: [u64; Refused::ALL.len()],
    /// When the last one came.
    pub seen_at: Millis,
}

impl Tally {
    /// Adds the numbers of another.
    pub fn add(&mut self, other: &Self) {
        self.datagrams += other.datagrams;
        self.octets += other.octets;
        self.unknown_versions += other.unknown_versions;
        self.malformed += other.malformed;
        self.looped += other.looped;
        self.seen_at = self.seen_at.max(other.seen_at);
        for (sum, number) in self.refused.iter_mut().zip(other.refused) {
            *sum += number;
        }
    }
}

/// The tallies of all exporters of a worker.
#[derive(Clone, Debug)]
pub struct Tallies {
    places: HashMap<IpAddr, usize, FixedState>,
    list: Vec<(IpAddr, Tally)>,
    others: Tally,
    /// Who was asked for last: datagrams of one exporter come in a row.
    last: Option<(IpAddr, usize)>,
}

impl Tallies {
    /// Returns tallies of nobody; `seed` keeps the map from being attacked.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            places: HashMap::with_hasher(FixedState::with_seed(seed)),
            list: Vec::new(),
            others: Tally::default(),
            last: None,
        }
    }

    /// Returns the tally of an address, or that of all others if there is no room for its own.
    pub fn of(&mut self, address: IpAddr) -> &mut Tally {
        let place = match self.last {
            Some((last, place)) if last == address => Some(place),
            _ => self.place(address),
        };
        match place.and_then(|place| self.list.get_mut(place)) {
            Some((_, tally)) => tally,
            None => &mut self.others,
        }
    }

    fn place(&mut self, address: IpAddr) -> Option<usize> {
        let place = match self.places.get(&address) {
            Some(place) => *place,
            None if self.list.len() < EXPORTERS_MAX => {
                self.list.push((address, Tally::default()));
                self.places.insert(address, self.list.len() - 1);
                self.list.len() - 1
            }
            None => return None,
        };
        self.last = Some((address, place));
        Some(place)
    }

    /// The tallies that have an address.
    #[must_use]
    pub fn list(&self) -> &[(IpAddr, Tally)] {
        &self.list
    }

    /// What those sent for whom there was no room.
    #[must_use]
    pub const fn others(&self) -> &Tally {
        &self.others
    }

    /// The sum of all.
    #[must_use]
    pub fn total(&self) -> Tally {
        let mut total = self.others;
        for (_, tally) in &self.list {
            total.add(tally);
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_flood_of_forged_addresses_is_counted_in_bounded_room() {
        let mut tallies = Tallies::new(0);
        let addresses_count = 3 * EXPORTERS_MAX;
        for number in 0..addresses_count {
            let address = Ipv4Addr::from_bits(u32::try_from(number).unwrap());
            tallies.of(address.into()).datagrams += 1;
        }
        assert_eq!(tallies.list().len(), EXPORTERS_MAX);
        assert_eq!(tallies.total().datagrams, addresses_count as u64);
        assert_eq!(tallies.others().datagrams, 2 * EXPORTERS_MAX as u64);
    }
    #[test]
    fn each_address_has_its_tally_in_whatever_order_they_come() {
        let mut tallies = Tallies::new(0);
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        for last in [1, 1, 2, 1, 3, 3, 2, 1] {
            tallies.of(address(last)).datagrams += 1;
        }
        let counted = tallies.list().iter().map(|(_, tally)| tally.datagrams);
        assert_eq!(counted.collect::<Vec<_>>(), [4, 2, 2]);
        assert_eq!(tallies.total().datagrams, 8);
    }
}
