//! `ipfix-enricher demo`: the main job before your eyes, with nothing to prepare.
//!
//! Not here: the demonstration (`demo`).

use crate::cli::{Failure, print};
use crate::demo;

/// Runs the demonstration and prints it.
pub(super) fn run() -> Result<(), Failure> {
    let text = demo::run().map_err(|error| Failure::failed(error.to_string()))?;
    print(&text)
}
