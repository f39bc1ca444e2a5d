//! The frozen table of one address family: a multibit trie of cache-line nodes.
//!
//! The first 16 bits index an array. What a lookup finds there, and in each node below, is a
//! [`Step`]: an answer, or the node that decides by the next 8 bits. A node stands for 256 slots
//! but stores each run of equal slots once: a bitmap marks where runs begin, so the number of
//! marks up to a slot is the place of its run. All answers were worked out when the trie was
//! built, so there is no way back up: the first answer on the way down is the right one.
//!
//! A batch goes down level by level: the loads of one level do not depend on each other, so the
//! processor waits for memory once per level instead of once per level and address.
//!
//! Not here: which answer is right ([`crate::sweep`]), what it stands for ([`crate::table`]).
//!
//! Bound: 256 KiB, 64 bytes per node, 4 per run; fewer than 2 runs + 256 × levels per segment,
//! in practice 1.3.

use crate::prefix::Address;
use crate::sweep::{Segment, Segments};
use crate::table::AnswerId;

/// How many addresses go down together: their state stays in the first-level cache.
const LANES: usize = 32;

/// How many slots the first level has: all values of two octets.
const FIRST_LEVEL_COUNT: usize = 1 << 16;

/// An answer, or where to look next: one `u32`, so that runs are small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step(u32);

impl Step {
    /// Set: the other bits are the index of a node. Clear: they are an [`AnswerId`].
    const NODE: u32 = 1 << 31;

    fn answer(id: AnswerId) -> Self {
        debug_assert!(id.0 & Self::NODE == 0);
        Self(id.0)
    }

    #[inline]
    fn is_node(self) -> bool {
        self.0 & Self::NODE != 0
    }

    #[inline]
    fn node_index(self) -> usize {
        usize::try_from(self.0 & !Self::NODE).unwrap_or(usize::MAX)
    }
}

/// 256 slots of the next 8 bits, on one cache line.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Node {
    /// Bit n of word w is set if a run begins at slot 64 w + n.
    begins: [u64; 4],
    /// For each word the place in `Trie::runs` of the last run that began before it.
    run_before: [u32; 4],
}

impl Node {
    /// Returns the place in `Trie::runs` of the run that `slot` is in.
    #[inline]
    fn run_index(&self, slot: u8) -> usize {
        let word = usize::from(slot >> 6);
        let up_to_slot = self.begins[word] & (u64::MAX >> (63 - (slot & 63)));
        usize::try_from(self.run_before[word] + up_to_slot.count_ones()).unwrap_or(usize::MAX)
    }
}

/// Address → answer for one family.
#[derive(Debug)]
pub(crate) struct Trie {
    first_level: Box<[Step]>,
    nodes: Vec<Node>,
    /// Runs of all nodes; the first is nobody's, so that `Node::run_before` is never negative.
    runs: Vec<Step>,
}

impl Trie {
    /// Freezes segments that cover the family.
    pub(crate) fn new<A: Octets>(segments: &Segments<A, AnswerId>) -> Self {
        let mut trie = Self {
            first_level: Box::default(),
            nodes: Vec::new(),
            runs: vec![Step::answer(AnswerId::NOBODY)],
        };
        let mut open = OpenRuns(Vec::new());
        let mut rest = segments.as_slice();
        let mut first_level = Vec::with_capacity(FIRST_LEVEL_COUNT);
        while first_level.len() < FIRST_LEVEL_COUNT {
            let [current, behind @ ..] = rest else { break };
            let until = behind.first().map(|next| next.start);
            let slot = until.map_or(FIRST_LEVEL_COUNT, |start| {
                usize::from(start.first_two_octets())
            });
            // Segments ascend, so the list only grows.
            first_level.resize(slot, Step::answer(current.value));
            let Some(start) = until else { break };
            let first = start.first_of_octets(2);
            if start == first {
                rest = behind;
            } else {
                first_level.push(trie.node_for(first, 2, &mut rest, &mut open));
            }
        }
        trie.first_level = first_level.into_boxed_slice();
        trie.nodes.shrink_to_fit();
        trie.runs.shrink_to_fit();
        trie
    }

    /// Returns the answer for an address.
    #[inline]
    pub(crate) fn lookup<A: Octets>(&self, address: A) -> AnswerId {
        let mut step = self.first_level[usize::from(address.first_two_octets())];
        let mut depth = 2;
        while step.is_node() {
            step = self.runs[self.nodes[step.node_index()].run_index(address.octet(depth))];
            depth += 1;
        }
        AnswerId(step.0)
    }

    /// Answers many addresses; as many as the shorter slice has.
    #[inline]
    pub(crate) fn lookup_batch<A: Octets>(&self, addresses: &[A], answers: &mut [AnswerId]) {
        for (addresses, answers) in addresses.chunks(LANES).zip(answers.chunks_mut(LANES)) {
            let mut live = [0; LANES];
            let mut live_count = 0;
            for ((lane, &address), answer) in (0..).zip(addresses).zip(&mut *answers) {
                let step = self.first_level[usize::from(address.first_two_octets())];
                *answer = AnswerId(step.0);
                live[live_count] = lane;
                live_count += usize::from(step.is_node());
            }
            self.descend(&mut live[..live_count], addresses, answers);
        }
    }

    /// Leads those addresses that stand at a node, by their places, to their answers, all of them
    /// one level at a time. Where each stands is kept in its answer.
    #[inline]
    fn descend<A: Octets>(&self, mut live: &mut [u8], addresses: &[A], answers: &mut [AnswerId]) {
        let mut depth = 2;
        while !live.is_empty() {
            let mut live_count = 0;
            for from in 0..live.len() {
                let lane = live[from];
                let place = usize::from(lane);
                let (Some(address), Some(answer)) = (addresses.get(place), answers.get_mut(place))
                else {
                    continue;
                };
                let node = &self.nodes[Step(answer.0).node_index()];
                let step = self.runs[node.run_index(address.octet(depth))];
                *answer = AnswerId(step.0);
                live[live_count] = lane;
                live_count += usize::from(step.is_node());
            }
            live = &mut live[..live_count];
            depth += 1;
        }
    }

    /// Returns the bytes of memory that the trie takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val::<[Step]>(&self.first_level)
            + self.nodes.capacity() * size_of::<Node>()
            + self.runs.capacity() * size_of::<Step>()
    }

    /// Builds the node for the addresses that share their first `depth` octets with `first`, their
    /// first one; a segment starts among them, behind the first.
    ///
    /// `rest` starts with the segment that `first` is in, and is moved on to the one that the last
    /// of the addresses is in.
    fn node_for<A: Octets>(
        &mut self,
        first: A,
        depth: usize,
        rest: &mut &[Segment<A, AnswerId>],
        open: &mut OpenRuns,
    ) -> Step {
        let last = first.last_of_octets(depth);
        let runs_before = open.0.len();
        let mut slot = 0;
        while let [current, behind @ ..] = *rest {
            let within = behind.first().filter(|next| next.start <= last);
            let Some(next) = within else {
                open.begin(slot, Step::answer(current.value));
                break;
            };
            let divided = next.start.octet(depth);
            if slot < divided {
                open.begin(slot, Step::answer(current.value));
                slot = divided;
            }
            let first_of_slot = first.with_octet(depth, slot);
            if next.start == first_of_slot {
                *rest = behind;
                continue;
            }
            let step = self.node_for(first_of_slot, depth + 1, rest, open);
            open.begin(slot, step);
            let Some(next_slot) = slot.checked_add(1) else {
                break;
            };
            slot = next_slot;
        }
        self.close(open, runs_before)
    }

    /// Stores a node of the open runs behind the first `runs_before`, which stay open.
    fn close(&mut self, open: &mut OpenRuns, runs_before: usize) -> Step {
        let mut node = Node {
            begins: [0; 4],
            run_before: [0; 4],
        };
        let mut run_before = index_u32(self.runs.len()) - 1;
        for (slot, step) in open.0.drain(runs_before..) {
            let begins = &mut node.begins[usize::from(slot >> 6)];
            // Equal steps of neighbours are one run.
            if slot == 0 || self.runs.last() != Some(&step) {
                *begins |= 1 << (slot & 63);
                self.runs.push(step);
            }
        }
        for (word, begins) in node.begins.into_iter().enumerate() {
            node.run_before[word] = run_before;
            run_before += begins.count_ones();
        }
        let index = index_u32(self.nodes.len());
        self.nodes.push(node);
        Step(index | Step::NODE)
    }
}

/// The runs of nodes that are still being built, from the outermost to the innermost: from which
/// slot on, and what holds there.
struct OpenRuns(Vec<(u8, Step)>);

impl OpenRuns {
    /// Lets `step` hold from `slot` on, in the innermost node.
    fn begin(&mut self, slot: u8, step: Step) {
        self.0.push((slot, step));
    }
}

/// Returns an index that fits by construction.
pub(crate) fn index_u32(index: usize) -> u32 {
    let fitting = u32::try_from(index)
        .ok()
        .filter(|index| index & Step::NODE == 0);
    // 5 providers × ENTRIES_MAX prefixes × 2 borders × 14 levels × 2 runs are below 2^31.
    fitting.expect("invariant: bounded entries make fewer nodes, runs and tuples than 2^31")
}

/// An address as the octets that the levels of the trie consume.
pub(crate) trait Octets: Address {
    /// Returns octet number `index` in network order.
    fn octet(self, index: usize) -> u8;

    /// Returns the first two octets as a number.
    fn first_two_octets(self) -> u16;

    /// Returns the address with octet number `index`, in network order, set from 0 to `octet`.
    fn with_octet(self, index: usize, octet: u8) -> Self;

    /// Returns the first address that shares the first `count` octets with this one.
    fn first_of_octets(self, count: usize) -> Self;

    /// Returns the last address that shares the first `count` octets with this one.
    fn last_of_octets(self, count: usize) -> Self;
}

macro_rules! octets {
    ($number:ty) => {
        impl Octets for $number {
            #[inline]
            fn octet(self, index: usize) -> u8 {
                self.to_be_bytes()[index]
            }

            #[inline]
            fn first_two_octets(self) -> u16 {
                let [high, low, ..] = self.to_be_bytes();
                u16::from_be_bytes([high, low])
            }

            fn with_octet(self, index: usize, octet: u8) -> Self {
                let mut octets = self.to_be_bytes();
                octets[index] = octet;
                Self::from_be_bytes(octets)
            }

            fn first_of_octets(self, count: usize) -> Self {
                let mut octets = self.to_be_bytes();
                octets[count..].fill(0);
                Self::from_be_bytes(octets)
            }

            fn last_of_octets(self, count: usize) -> Self {
                let mut octets = self.to_be_bytes();
                octets[count..].fill(u8::MAX);
                Self::from_be_bytes(octets)
            }
        }
    };
}

octets!(u32);
octets!(u128);
