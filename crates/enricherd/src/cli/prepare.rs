//! What every command needs first: the configuration and the AS data, or all faults in them.
//!
//! Not here: reading and checking either (`config`, `sources`).

use std::path::Path;
use std::time::SystemTime;

use asdb::{AsDb, AsNames};

use crate::cli::{Failure, say};
use crate::config::{self, Checked, Config, Warning};
use crate::sources::{Sources, Wanted};

/// Configuration and AS data, both without a fault.
#[derive(Debug)]
pub(super) struct Prepared {
    /// What the operator decided.
    pub(super) config: Config,
    /// The AS data.
    pub(super) sources: Sources,
    /// What is no fault but should be seen.
    warnings: Vec<Warning>,
}

/// Freezes the AS data into the table.
pub(super) fn table(sources: Sources) -> Result<(AsDb, AsNames), Failure> {
    sources
        .into_table()
        .map_err(|error| Failure::failed(error.to_string()))
}

impl Prepared {
    /// Reads both; faults of the configuration end the process with 2, those of AS data with 1.
    pub(super) fn load(named: Option<&Path>) -> Result<Self, Failure> {
        let Checked { config, warnings } =
            config::load(named).map_err(|error| Failure::usage(error.to_string()))?;
        let wanted = Wanted::of(&config.enrichment);
        let sources = Sources::load(&wanted).map_err(Failure::failed_all)?;
        Ok(Self {
            config,
            sources,
            warnings,
        })
    }

    /// Says on standard error what is no fault but should be seen.
    pub(super) fn warn(&self, now: SystemTime) {
        for warning in &self.warnings {
            say(&format!("warning: {warning}"));
        }
        for warning in self.sources.warnings(now) {
            say(&format!("warning: {warning}"));
        }
    }
}
