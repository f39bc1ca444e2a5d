//! What the seeds met: a law that was never put to the test was not tested.

use crate::run::Run;
use std::fmt;

/// Sums over all seeds.
#[derive(Default)]
pub(crate) struct Met {
    splits: u64,
    widenings: u64,
    holds: u64,
    redefinitions: u64,
    id_moves: u64,
    restarts: u64,
    borrowed: u64,
    stops: u64,
    records: usize,
    cloned: usize,
    filled: usize,
    kept: usize,
    missed: usize,
    raw: usize,
    late: usize,
    oversize: usize,
    id_taken: usize,
    malformed: u64,
    bytes_held: i64,
}

impl Met {
    pub(crate) fn add(&mut self, run: &Run) {
        let counters = &run.counters;
        self.splits += counters.splits;
        self.widenings += counters.widenings;
        self.holds += counters.holds;
        self.redefinitions += counters.redefinitions;
        self.id_moves += counters.id_moves;
        self.restarts += counters.restarts;
        self.stops += run.restarts;
        self.borrowed += counters.templates_borrowed;
        self.malformed += counters.malformed;
        let tally = run.judge.tally();
        self.records += tally.records_in;
        self.cloned += tally.cloned;
        self.filled += tally.filled;
        self.kept += tally.kept;
        self.missed += tally.missed;
        self.raw += tally.raw;
        self.late += tally.late;
        self.oversize += tally.oversize;
        self.id_taken += tally.id_taken;
        self.bytes_held = self.bytes_held.max(run.bytes_held);
    }

    fn rows(&self) -> [(&'static str, u64); 7] {
        [
            ("splits", self.splits),
            ("widenings", self.widenings),
            ("holds", self.holds),
            ("redefinitions", self.redefinitions),
            ("ID moves", self.id_moves),
            ("restarts of exporters", self.restarts),
            ("restarts of ours", self.stops),
        ]
    }

    /// What should have been met and was not.
    pub(crate) fn unmet(&self) -> Vec<&'static str> {
        self.rows()
            .into_iter()
            .filter(|(_, count)| *count == 0)
            .map(|(name, _)| name)
            .collect()
    }
}

impl fmt::Display for Met {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in self.rows() {
            write!(formatter, "{count} {name}, ")?;
        }
        write!(
            formatter,
            "{} records ({} by a clone), AS numbers {} filled {} kept {} missed, \
             Sets {} raw {} late {} under a taken ID, {} Templates borrowed, {} malformed, \
             {} oversize, at most {} bytes held",
            self.records,
            self.cloned,
            self.filled,
            self.kept,
            self.missed,
            self.raw,
            self.late,
            self.id_taken,
            self.borrowed,
            self.malformed,
            self.oversize,
            self.bytes_held
        )
    }
}
