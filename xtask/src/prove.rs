//! The long proof: what takes too long for every change.
//!
//! Bound: three hours on two cores; the numbers of seeds and of seconds decide.

use anyhow::{Context, Result};

use crate::{fuzz, mutate, oracle, process};

/// The property tests of the laws read how many seeds to try from this variable.
const SEEDS: (&str, &str) = ("LAB_SEEDS", "100000");

/// So does the test that mutates messages of BGP and BMP.
const MUTATIONS: (&str, &str) = ("ROUTEFEED_MUTATIONS", "10000000");

/// So do the tests that hear real routers: every change runs one of them.
const ROUTERS: (&str, &str) = ("LIVE_ROUTERS", "all");

/// Seeds of one round of [`soak`].
const SOAK_SEEDS: u64 = 10_000;

/// Runs the laws over many seeds, mutates messages, hears all routers that are installed, sends
/// the corpus through the oracle, puts deliberate faults into the code, and fuzzes every reader.
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
    let routers = [
        "test",
        "--locked",
        "--package",
        "enricherd",
        "--test",
        "live",
        "routers",
    ];
    process::run(process::cargo(&routers).env(ROUTERS.0, ROUTERS.1))?;
    oracle::run()?;
    mutate::run(None)?;
    fuzz::run(None, None)
}

/// Runs the laws over ever new seeds, until one breaks a law or somebody ends it.
///
/// # Errors
/// A law was broken; the test prints the seed that shows it.
pub(crate) fn soak(first: Option<&str>) -> Result<()> {
    let mut first: u64 = match first {
        Some(text) => text.parse().with_context(|| format!("{text}: no seed"))?,
        None => 0,
    };
    loop {
        println!("seeds from {first} on; later again with: cargo xtask soak {first}");
        let laws = [
            "test",
            "--locked",
            "--release",
            "--package",
            "lab",
            "--test",
            "laws",
        ];
        let mut command = process::cargo(&laws);
        command.args(["--", "--nocapture"]);
        command.env("LAB_FIRST", first.to_string());
        process::run(command.env(SEEDS.0, SOAK_SEEDS.to_string()))?;
        first += SOAK_SEEDS;
    }
}
