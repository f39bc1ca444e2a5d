//! The long proof: what takes too long for every change.
//!
//! Bound: an hour on two cores; the number of seeds decides.

use anyhow::Result;

use crate::{oracle, process};

/// The property tests of the laws read how many seeds to try from this variable.
const SEEDS: (&str, &str) = ("LAB_SEEDS", "100000");

/// So does the test that mutates messages of BGP and BMP.
const MUTATIONS: (&str, &str) = ("ROUTEFEED_MUTATIONS", "10000000");

/// Runs the laws over many seeds, mutates messages, then sends the corpus through the oracle.
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
    let mutations = [
        "test",
        "--locked",
        "--release",
        "--package",
        "routefeed",
        "mutations",
        "--",
        "--nocapture",
    ];
    process::run(process::cargo(&mutations).env(MUTATIONS.0, MUTATIONS.1))?;
    oracle::run()
}
