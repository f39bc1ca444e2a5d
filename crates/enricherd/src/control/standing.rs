//! What is wrong for as long as it lasts: a port that was taken, a directory that cannot be
//! written.
//!
//! Not here: what the numbers tell of the traffic (`control::health`), what is only said once
//! (`control::faults`).
//! Bound: one sentence for each thing that can be wrong; they are named in the source.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The faults that last, each under the name of what is concerned.
#[derive(Clone, Debug, Default)]
pub struct SharedStanding(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl SharedStanding {
    /// Notes what is wrong with something, or that nothing is any more.
    pub fn note(&self, what: &'static str, fault: Option<&str>) {
        let mut standing = self.lock();
        match fault {
            Some(fault) => drop(standing.insert(what, fault.to_owned())),
            None => drop(standing.remove(what)),
        }
    }

    /// Returns the sentences.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_well_again_is_no_fault() {
        let standing = SharedStanding::default();
        standing.note("a", Some("a is broken"));
        standing.note("b", Some("b is broken"));
        standing.note("a", None);
        assert_eq!(standing.list(), ["b is broken"]);
    }
}
