//! Examples of what an exporter says against what the table says.
//!
//! The numbers are counted with every record (`apply`). An example is looked for afterwards, at
//! most once a second for each session, among the first records of a Set in which there is one.
//!
//! Not here: what follows from it (the daemon).
//! Bound: [`EXAMPLES_MAX`] examples of a session, [`RECORDS_MAX`] records for each look.

use core::net::IpAddr;

use alloc::vec::Vec;
use asdb::Asn;

use super::address::{self, RecordAt};
use super::apply::{Job, flow_value, is_by_default_route};
use super::decide::{Verdict, decide};
use super::walk::Walked;
use crate::Millis;

/// Examples that are remembered of a session: enough to tell one AS for everything from many.
pub const EXAMPLES_MAX: usize = 8;
/// Records that are looked through for an example.
const RECORDS_MAX: usize = 32;
/// The least time between two looks.
const PAUSE_MS: u64 = 1000;

/// Where the exporter's usable AS number stayed and the table knows another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// 0 for the source of the record, 1 for the destination.
    pub side: usize,
    /// The address that was looked up.
    pub address: IpAddr,
    /// What the exporter says.
    pub exporter_as: Asn,
    /// What the table says.
    pub table_as: Asn,
    /// Whether the record says that a prefix of length 0 matched.
    pub by_default_route: bool,
}

/// The last examples of a session, in no order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Examples {
    list: Vec<Disagreement>,
    /// The place of the next one.
    next: usize,
    wanted_from: Millis,
}

impl Examples {
    /// All of them.
    pub(crate) fn as_slice(&self) -> &[Disagreement] {
        &self.list
    }

    /// Whether to look for another one now.
    pub(crate) fn are_wanted(&self, now: Millis) -> bool {
        self.wanted_from <= now
    }

    /// Remembers one, in the place of the oldest if there is no room.
    pub(crate) fn add(&mut self, example: Disagreement, now: Millis) {
        self.wanted_from = Millis(now.0.saturating_add(PAUSE_MS));
        if self.list.contains(&example) {
            return;
        }
        match self.list.get_mut(self.next) {
            Some(oldest) => *oldest = example,
            None => self.list.push(example),
        }
        self.next = (self.next + 1) % EXAMPLES_MAX;
    }
}

/// Decides the first records of a Set once more. `content` may be as it came or as it leaves: what
/// was written is the table's own and agrees with it.
pub(super) fn find(job: &Job<'_>, content: &[u8], walked: &Walked) -> Option<Disagreement> {
    let policy = job.policy()?;
    let records = 0..job.fit.records_count.min(RECORDS_MAX);
    let mut places = records.flat_map(|nth| [(nth, 0), (nth, 1)]);
    places.find_map(|(nth, side)| {
        let record = RecordAt {
            content,
            nth,
            walked,
        };
        let address = address::choose(job.plan, side, job.treatment.address, &record)?;
        let known = policy.ranked(job.knowledge.as_db.lookup(address));
        let fields = &job.plan.sides[side];
        let flow = flow_value(job, policy, fields, content, nth, walked);
        match (decide(policy, job.treatment, known, flow), flow.asn) {
            (Verdict::Keep { table }, Some(asn)) if table != Asn::NONE && table.0 != asn => {
                Some(Disagreement {
                    side,
                    address,
                    exporter_as: Asn(asn),
                    table_as: table,
                    by_default_route: is_by_default_route(job, fields, content, nth, walked),
                })
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(number: u32) -> Disagreement {
        Disagreement {
            side: 0,
            address: IpAddr::V4(number.into()),
            exporter_as: Asn(6939),
            table_as: Asn(15_169),
            by_default_route: false,
        }
    }

    #[test]
    fn the_oldest_example_makes_room_and_none_is_there_twice() {
        let mut examples = Examples::default();
        for number in [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 9] {
            examples.add(example(number), Millis(7));
        }
        let numbers = examples.as_slice().iter().map(|known| known.address);
        let expected = [9, 10, 3, 4, 5, 6, 7, 8].map(|number: u32| IpAddr::V4(number.into()));
        assert!(numbers.eq(expected));
        assert!(!examples.are_wanted(Millis(7 + PAUSE_MS - 1)));
        assert!(examples.are_wanted(Millis(7 + PAUSE_MS)));
    }
}
