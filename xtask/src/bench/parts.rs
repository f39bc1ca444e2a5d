//! The benchmarks of single parts, one crate after the other so that they do not disturb each
//! other.
//!
//! Not here: whole programs (`bench`).

use anyhow::Result;

use crate::process;

/// Runs the benchmarks of the crates that have some.
///
/// # Errors
/// One cannot be built or panics.
pub(super) fn run() -> Result<()> {
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
