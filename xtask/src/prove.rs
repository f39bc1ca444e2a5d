//! The long proof: what takes too long for every change.
//!
//! Bound: an hour on two cores; the number of seeds decides.

use anyhow::Result;

use crate::{oracle, process};

/// The property tests of the laws read how many seeds to try from this variable.
const SEEDS: (&str, &str) = ("LAB_SEEDS", "100000");

/// Runs the laws over many seeds, then the corpus through the oracle.
///
/// # Errors
/// A law was broken; the test prints the seed that shows it. Or the oracle complained.
pub(crate) fn run() -> Result<()> {
    let laws = [
        "test",
        "--locked",
        "--release",
        "--package",
        "lab",
        "--",
        "--nocapture",
    ];
    process::run(process::cargo(&laws).env(SEEDS.0, SEEDS.1))?;
    oracle::run()
}
