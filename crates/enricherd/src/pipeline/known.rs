//! What is known of AS numbers and what the operator decided, as the workers share it.
//!
//! One immutable whole behind an atomic pointer: whoever brings a new one waits for nobody, and
//! nobody waits for it. A worker sees the old table with the old decisions or the new with the
//! new: a policy is an index into a list that belongs to both.
//!
//! Not here: where it comes from (`sources`), the lookup (`asdb`).

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use asdb::{AsDb, Policy};
use ipnet::IpNet;
use mediator::Settings;
use mediator::settings::{Knowledge, OwnPolicies};

/// What can change while the daemon runs.
#[derive(Clone, Debug)]
pub struct Decisions {
    /// How Messages are treated; outlets, addresses of this host and limits stay as they were at
    /// the start.
    pub settings: Settings,
    /// Who may send; empty: everyone.
    pub allowed: Vec<IpNet>,
}

impl Decisions {
    /// Whether Messages of an exporter are taken.
    #[must_use]
    pub fn allows(&self, exporter: IpAddr) -> bool {
        let Self { allowed, .. } = self;
        allowed.is_empty() || allowed.iter().any(|prefix| prefix.contains(&exporter))
    }

    /// Returns the settings of a worker that had those of `before`.
    #[must_use]
    pub fn settings_after(&self, before: &Settings) -> Settings {
        Settings {
            outlets: before.outlets.clone(),
            own_addresses: before.own_addresses.clone(),
            limits: before.limits,
            ..self.settings.clone()
        }
    }
}

/// A table, its policies, and the decisions that point to them.
#[derive(Debug)]
pub struct Known {
    /// Prefix to answers.
    pub as_db: AsDb,
    /// The provider lists in use, worked out for the table.
    pub policies: Vec<Policy>,
    /// The same one for every table until the operator decides anew.
    pub decisions: Arc<Decisions>,
    /// The same for routers that tell their own routes, sorted by address.
    pub own: Vec<OwnPolicies>,
}

impl Known {
    /// Returns it as the `Mediator` wants it.
    #[must_use]
    pub fn knowledge(&self) -> Knowledge<'_> {
        Knowledge {
            as_db: &self.as_db,
            policies: &self.policies,
            own: &self.own,
        }
    }
}

/// What counts now.
#[derive(Clone, Debug)]
pub struct SharedKnown(Arc<ArcSwap<Known>>);

impl SharedKnown {
    /// Shares a first one.
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

    /// Takes hold of it for a batch.
    #[must_use]
    pub fn load(&self) -> arc_swap::Guard<Arc<Known>> {
        self.0.load()
    }
}

/// Returns whether nobody but the caller holds one that was replaced.
#[must_use]
pub fn is_idle(replaced: &Arc<Known>) -> bool {
    Arc::strong_count(replaced) == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::settings::decisions_of;

    fn known() -> Known {
        Known {
            as_db: AsDb::empty(),
            policies: Vec::new(),
            decisions: Arc::new(decisions_of("")),
            own: Vec::new(),
        }
    }

    #[test]
    fn what_was_replaced_is_held_until_the_batch_that_began_with_it_ends() {
        let shared = SharedKnown::new(known());
        let of_batch = shared.load();
        let replaced = shared.replace(known());
        assert!(!is_idle(&replaced));
        drop(of_batch);
        assert!(is_idle(&replaced));
    }
}
