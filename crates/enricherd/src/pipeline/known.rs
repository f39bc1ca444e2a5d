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

    /// Puts another in its place.
    pub fn replace(&self, known: Known) {
        self.0.store(Arc::new(known));
    }

    /// Takes hold of the pair for a batch.
    #[must_use]
    pub fn load(&self) -> arc_swap::Guard<Arc<Known>> {
        self.0.load()
    }
}
