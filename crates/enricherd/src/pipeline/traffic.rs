//! Flows, packets and octets by AS number and by pair of AS numbers, as they leave.
//!
//! Every Data Record of a flow is counted for its source AS and for its destination AS. Of pairs
//! one record in [`PAIR_STRIDE`] is looked at, for there are far more of them; whoever shows the
//! numbers multiplies and says so.
//!
//! The numbers lie in arrays that others may read at any time: the worker is the only one who
//! writes, so adding is a plain load and store, and nobody waits for anybody. A reader may see a
//! record's packets before its octets.
//!
//! Not here: names, ranks, rates (whoever shows them); what an exporter's sampling makes of a
//! record (`mediator`, before it comes here).
//! Bound: [`CELLS_MAX`] AS numbers and [`PAIR_CELLS`] pairs, 64 bytes each, 9 MiB per worker; what
//! has no room is counted together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use asdb::Asn;
use mediator::{Observer, RecordSeen, Volume};

/// Places for AS numbers; in 2026 the Internet has 91,000.
pub const CELLS_MAX: usize = 1 << 17;
/// Places for pairs of AS numbers.
pub const PAIR_CELLS: usize = 1 << 14;
/// One record in so many is looked at for its pair.
pub const PAIR_STRIDE: usize = 64;

/// Places at the beginning.
const CELLS_FIRST: usize = 1 << 10;
/// 2^64 divided by the golden ratio: multiples of it are spread evenly.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
/// How many places are tried for a key: keys come off the wire and may have been chosen to collide.
const PROBES_MAX: usize = 16;

/// A key and its numbers, on one cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Cell {
    /// 0 where nothing is counted yet.
    key: AtomicU64,
    /// Volumes: one as the source, one as the destination; a pair has the first alone.
    volumes: [[AtomicU64; 3]; 2],
}

impl Cell {
    #[inline]
    fn add(&self, side: usize, volume: &Volume) {
        let numbers = [volume.flows, volume.ip_packets, volume.octets];
        for (sum, number) in self.volumes[side].iter().zip(numbers) {
            let before = sum.load(Ordering::Relaxed);
            sum.store(before.wrapping_add(number), Ordering::Relaxed);
        }
    }

    fn read(&self) -> [Volume; 2] {
        self.volumes
            .each_ref()
            .map(|[flows, packets, octets]| Volume {
                flows: flows.load(Ordering::Relaxed),
                ip_packets: packets.load(Ordering::Relaxed),
                octets: octets.load(Ordering::Relaxed),
            })
    }
}

/// Cells found by a hash of their key; the number of them is a power of two.
#[derive(Debug)]
struct Cells {
    list: Box<[Cell]>,
    /// What has the key 0.
    unknown: Cell,
    /// What there is no place for.
    others: Cell,
}

impl Cells {
    fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            list: (0..count).map(|_| Cell::default()).collect(),
            unknown: Cell::default(),
            others: Cell::default(),
        })
    }

    /// Returns the cell of a key, and whether it is its first time there.
    #[inline]
    fn cell(&self, key: u64, seed: u64) -> (&Cell, bool) {
        if key == 0 {
            return (&self.unknown, false);
        }
        let mask = self.list.len() - 1;
        // The high half of a product depends on every bit of its factors.
        let hash = ((key ^ seed).wrapping_mul(GOLDEN) >> 32) as usize;
        for probe in 0..PROBES_MAX {
            let Some(cell) = self.list.get(hash.wrapping_add(probe) & mask) else {
                break;
            };
            let known = cell.key.load(Ordering::Relaxed);
            if known == key {
                return (cell, false);
            }
            if known == 0 {
                cell.key.store(key, Ordering::Relaxed);
                return (cell, true);
            }
        }
        (&self.others, false)
    }

    /// Copies what is counted into a new array.
    fn copied(&self, count: usize, seed: u64) -> Arc<Self> {
        let copy = Self::new(count);
        let add = |to: &Cell, from: &Cell| {
            for (side, volume) in from.read().iter().enumerate() {
                to.add(side, volume);
            }
        };
        for cell in &self.list {
            match cell.key.load(Ordering::Relaxed) {
                0 => {}
                key => add(copy.cell(key, seed).0, cell),
            }
        }
        add(&copy.unknown, &self.unknown);
        add(&copy.others, &self.others);
        copy
    }

    fn iter(&self) -> impl Iterator<Item = (u64, [Volume; 2])> + '_ {
        let counted = |cell: &Cell| match cell.key.load(Ordering::Relaxed) {
            0 => None,
            key => Some((key, cell.read())),
        };
        self.list.iter().filter_map(counted)
    }
}

/// The counting side, which a worker has.
#[derive(Debug)]
pub struct Traffic {
    ases: Arc<Cells>,
    ases_count: usize,
    pairs: Arc<Cells>,
    /// Records to pass over before the next that is looked at for its pair.
    until_pair: usize,
    seed: u64,
}

impl Traffic {
    /// Counts nothing yet; `seed` keeps those who choose AS numbers from choosing their places.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            ases: Cells::new(CELLS_FIRST),
            ases_count: 0,
            pairs: Cells::new(PAIR_CELLS),
            until_pair: 0,
            seed,
        }
    }

    /// Counts records of which `ases` are the AS numbers, all sources and all destinations, 0
    /// where nobody knows.
    #[inline]
    pub fn count(&mut self, ases: [&[u32]; 2], volumes: &[Volume]) {
        let [sources, destinations] = ases;
        for ((source, destination), volume) in sources.iter().zip(destinations).zip(volumes) {
            self.add(*source, 0, volume);
            self.add(*destination, 1, volume);
        }
        while let (Some(source), Some(destination), Some(volume)) = (
            sources.get(self.until_pair),
            destinations.get(self.until_pair),
            volumes.get(self.until_pair),
        ) {
            let key = u64::from(*source) << 32 | u64::from(*destination);
            self.pairs.cell(key, self.seed).0.add(0, volume);
            self.until_pair += PAIR_STRIDE;
        }
        self.until_pair = self.until_pair.saturating_sub(volumes.len());
    }

    #[inline]
    fn add(&mut self, asn: u32, side: usize, volume: &Volume) {
        let (cell, is_new) = self.ases.cell(asn.into(), self.seed);
        cell.add(side, volume);
        if is_new {
            self.make_room();
        }
    }

    /// Keeps a quarter of the places free, so that probes are short.
    #[cold]
    fn make_room(&mut self) {
        self.ases_count += 1;
        let cells_count = self.ases.list.len();
        if 4 * self.ases_count > 3 * cells_count && cells_count < CELLS_MAX {
            self.ases = self.ases.copied(2 * cells_count, self.seed);
        }
    }

    /// Returns the numbers for others to read.
    #[must_use]
    pub fn view(&self) -> TrafficView {
        TrafficView {
            ases: Arc::clone(&self.ases),
            pairs: Arc::clone(&self.pairs),
        }
    }
}

/// Counts traffic beside whoever watches records.
#[derive(Debug)]
pub struct Counting<O> {
    watcher: O,
    traffic: Traffic,
    /// The AS numbers of the first record that was counted since somebody emptied this.
    pub first_as: Option<[u32; 2]>,
}

impl<O> Counting<O> {
    /// Returns an observer that counts from now on; `seed` is that of [`Traffic::new`].
    pub fn beside(watcher: O, seed: u64) -> Self {
        let traffic = Traffic::new(seed);
        Self {
            watcher,
            traffic,
            first_as: None,
        }
    }

    /// Returns the numbers for others to read.
    pub fn view(&self) -> TrafficView {
        self.traffic.view()
    }
}

impl<O: Observer> Observer for Counting<O> {
    const WATCHES: bool = O::WATCHES;
    const COUNTS: bool = true;

    fn record(&mut self, seen: &RecordSeen) {
        self.watcher.record(seen);
    }

    #[inline]
    fn traffic(&mut self, ases: [&[u32]; 2], volumes: &[Volume]) {
        if O::COUNTS {
            self.watcher.traffic(ases, volumes);
        }
        if self.first_as.is_none()
            && let [[source, ..], [destination, ..]] = ases
        {
            self.first_as = Some([*source, *destination]);
        }
        self.traffic.count(ases, volumes);
    }
}

/// The reading side: the numbers as they are whenever they are read. It shows what was counted
/// until it was made, and further counts as long as the arrays do not have to grow.
#[derive(Clone, Debug)]
pub struct TrafficView {
    ases: Arc<Cells>,
    pairs: Arc<Cells>,
}

impl TrafficView {
    /// Each AS number, with the traffic of which it is the source and the destination.
    pub fn ases(&self) -> impl Iterator<Item = (Asn, [Volume; 2])> + '_ {
        let asn = |key: u64| u32::try_from(key).map_or(Asn::NONE, Asn);
        self.ases
            .iter()
            .map(move |(key, volumes)| (asn(key), volumes))
    }

    /// The traffic whose source, or destination, nobody knows.
    #[must_use]
    pub fn unknown(&self) -> [Volume; 2] {
        self.ases.unknown.read()
    }

    /// The traffic of AS numbers for which there is no room.
    #[must_use]
    pub fn others(&self) -> [Volume; 2] {
        self.ases.others.read()
    }

    /// Pairs of source and destination, each with the traffic of one record in [`PAIR_STRIDE`].
    pub fn pairs(&self) -> impl Iterator<Item = ([Asn; 2], Volume)> + '_ {
        self.pairs.iter().map(|(key, [volume, _])| {
            let half = |bits: u64| u32::try_from(bits).map_or(Asn::NONE, Asn);
            ([half(key >> 32), half(key & 0xFFFF_FFFF)], volume)
        })
    }

    /// The same of pairs for which there is no room.
    #[must_use]
    pub fn other_pairs(&self) -> Volume {
        let [volume, _] = self.pairs.others.read();
        volume
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    const ONE: Volume = Volume {
        flows: 1,
        ip_packets: 10,
        octets: 1000,
    };

    fn times(volume: Volume, factor: u64) -> Volume {
        Volume {
            flows: volume.flows * factor,
            ip_packets: volume.ip_packets * factor,
            octets: volume.octets * factor,
        }
    }

    #[test]
    fn each_as_is_counted_as_source_and_as_destination_also_while_the_array_grows() {
        let mut traffic = Traffic::new(7);
        let ases_count = 50_000;
        for round in 0..3 {
            for asn in 1..=ases_count {
                traffic.count([&[asn], &[ases_count + 1 - asn]], &[ONE]);
            }
            let view = traffic.view();
            let counted: HashMap<_, _> = view.ases().collect();
            assert_eq!(counted.len(), ases_count as usize);
            let expected = times(ONE, round + 1);
            assert!(counted.values().all(|both| *both == [expected; 2]));
            assert_eq!(view.others(), [Volume::default(); 2]);
        }
    }

    #[test]
    fn what_nobody_knows_and_what_has_no_room_is_counted_too() {
        let mut traffic = Traffic::new(7);
        traffic.count([&[0], &[64_500]], &[ONE]);
        assert_eq!(traffic.view().unknown(), [ONE, Volume::default()]);
        let ases_count = 2 * CELLS_MAX as u32;
        for asn in 1..=ases_count {
            traffic.count([&[asn], &[0]], &[ONE]);
        }
        let view = traffic.view();
        let counted: u64 = view.ases().map(|(_, [source, _])| source.flows).sum();
        assert!(counted > CELLS_MAX as u64 / 2);
        assert_eq!(counted + view.others()[0].flows, u64::from(ases_count));
        assert_eq!(traffic.ases.list.len(), CELLS_MAX);
    }

    #[test]
    fn one_record_in_so_many_is_counted_for_its_pair_however_they_come() {
        for count in [1, 3, 25, 64, 100] {
            let mut traffic = Traffic::new(7);
            let (sources, destinations) = (vec_of(1, count), vec_of(2, count));
            for _ in 0..6400 {
                traffic.count([&sources, &destinations], &vec_of(ONE, count));
            }
            let pairs: Vec<_> = traffic.view().pairs().collect();
            let expected = times(ONE, 100 * count as u64);
            assert_eq!(pairs, [([Asn(1), Asn(2)], expected)], "{count} at a time");
        }
    }

    fn vec_of<T: Clone>(value: T, count: usize) -> Vec<T> {
        std::iter::repeat_n(value, count).collect()
    }
}
