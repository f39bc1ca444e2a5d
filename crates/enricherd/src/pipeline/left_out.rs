//! What was left out for each outlet, over all the Mediators that a worker had.
//!
//! Not here: leaving it out (`mediator`).
//! Bound: two entries for each outlet.

use mediator::{Mediator, OutletCounters};

/// The sums, in the order of the outlets.
#[derive(Debug)]
pub(super) struct LeftOut {
    /// What the Mediators before this one left out.
    before: Vec<OutletCounters>,
    /// The same with this one, when it was last asked.
    sums: Vec<OutletCounters>,
}

impl LeftOut {
    pub(super) fn of(outlets_count: usize) -> Self {
        let nothing = vec![OutletCounters::default(); outlets_count];
        Self {
            before: nothing.clone(),
            sums: nothing,
        }
    }

    /// Adds up what this Mediator left out and what others did.
    pub(super) fn sum(&mut self, mediator: &Mediator) {
        let of_outlets = self.before.iter().zip(mediator.outlet_counters());
        for (sum, (before, now)) in self.sums.iter_mut().zip(of_outlets) {
            *sum = *before;
            sum.add(now);
        }
    }

    /// Keeps what a Mediator left out that another one follows.
    pub(super) fn keep(&mut self, mediator: &Mediator) {
        for (before, now) in self.before.iter_mut().zip(mediator.outlet_counters()) {
            before.add(now);
        }
    }

    /// The sums of the last call of [`Self::sum`].
    pub(super) fn sums(&self) -> &[OutletCounters] {
        &self.sums
    }
}
