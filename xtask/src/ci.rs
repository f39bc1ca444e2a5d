//! Everything that must hold before a change is taken, cheapest first.
//!
//! The first step that fails ends the run. The tests come last, so that the last lines of a good
//! run are cargo's own test results.
//!
//! Bound: 25 minutes on two cores from a fresh clone.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::{instructions, oracle, process, setup, tidy};

/// One step: its name and what it does.
type Step = (&'static str, fn() -> Result<()>);

const STEPS: &[Step] = &[
    ("setup", setup::run),
    ("format", format),
    ("house rules and purity", tidy::run),
    ("lints", lints),
    ("oracle", oracle::run),
    ("instructions", instructions::run),
    ("tests", tests),
];

/// Runs all steps.
///
/// # Errors
/// The first step that failed, with its reason.
pub(crate) fn run() -> Result<()> {
    let start = Instant::now();
    for (index, (name, step)) in STEPS.iter().enumerate() {
        println!("ci: step {} of {}: {name}", index + 1, STEPS.len());
        let step_start = Instant::now();
        let outcome = step();
        let verdict = if outcome.is_ok() { "passed" } else { "FAILED" };
        let took = seconds(step_start.elapsed());
        println!(
            "ci: {name} {verdict} after {took}, {} in all",
            seconds(start.elapsed())
        );
        outcome.with_context(|| {
            let left: Vec<_> = STEPS.iter().skip(index + 1).map(|step| step.0).collect();
            format!("ci stopped at step `{name}`; not run: {left:?}")
        })?;
    }
    Ok(())
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

fn format() -> Result<()> {
    process::run(&mut process::cargo(&["fmt", "--all", "--check"]))
}

fn lints() -> Result<()> {
    process::run(&mut process::cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--quiet",
        "--",
        "--deny=warnings",
    ]))
}

fn tests() -> Result<()> {
    process::run(&mut process::cargo(&[
        "test",
        "--workspace",
        "--locked",
        "--no-fail-fast",
    ]))
}
