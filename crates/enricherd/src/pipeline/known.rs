//! What is known of AS numbers, as the workers share it.
//!
//! An immutable pair behind an atomic pointer: whoever brings a new one waits for nobody, and
//! nobody waits for it.
//!
//! Not here: where it comes from (`sources`), the lookup (`asdb`).

use std::sync::Arc;

use arc_swap::ArcSwap;
use asdb::{AsDb, Policy};
use mediator::settings::Knowledge;

/// One consistent pair of table and policies.
#[derive(Debug)]
pub struct Known {
    /// Prefix to answers.
    pub as_db: AsDb,
    /// The provider lists in use, worked out for the table.
    pub policies: Vec<Policy>,
}

impl Known {
    /// Returns it as the `Mediator` wants it.
    #[must_use]
    pub fn knowledge(&self) -> Knowledge<'_> {
        Knowledge {
            as_db: &self.as_db,
            policies: &self.policies,
        }
    }
}

/// The pair that counts now.
#[derive(Clone, Debug)]
pub struct SharedKnown(Arc<ArcSwap<Known>>);

impl SharedKnown {
    /// Shares a first pair.
    #[must_use]
    pub fn new(known: Known) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(known)))
    }

    /// Puts another in its place and returns the one before.
    ///
    /// A worker may hold it until its batch ends. Whoever calls keeps it until nobody else does,
    /// [`is_idle`]: else the worker would be the one to free it.
    #[must_use]
    pub fn replace(&self, known: Known) -> Arc<Known> {
        self.0.swap(Arc::new(known))
    }

    /// Takes hold of the pair for a batch.
    #[must_use]
    pub fn load(&self) -> arc_swap::Guard<Arc<Known>> {
        self.0.load()
    }
}

/// Returns whether nobody but the caller holds a pair that was replaced.
#[must_use]
pub fn is_idle(replaced: &Arc<Known>) -> bool {
    Arc::strong_count(replaced) == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        Known {
            as_db: AsDb::empty(),
            policies: Vec::new(),
        }
    }

    #[test]
    fn a_replaced_pair_is_held_until_the_batch_that_began_with_it_ends() {
        let shared = SharedKnown::new(known());
        let of_batch = shared.load();
        let replaced = shared.replace(known());
        assert!(!is_idle(&replaced));
        drop(of_batch);
        assert!(is_idle(&replaced));
    }
}
