//! The benchmarks, one crate after the other so that they do not disturb each other.
//!
//! Figures are ratios within one run: the yardsticks run beside what is measured. Nothing here
//! judges them.

use anyhow::Result;

use crate::process;

/// Runs the benchmarks of the crates that have some.
///
/// # Errors
/// One cannot be built or panics.
pub(crate) fn run() -> Result<()> {
    for package in ["asdb", "mediator"] {
        process::run(&mut process::cargo(&[
            "bench",
            "--locked",
            "--package",
            package,
        ]))?;
    }
    Ok(())
}
