//! Renewing the expected texts of the tests.
//!
//! A test that compares with a committed text writes that text instead when the variable is set.
//! What changed is then read in `git diff`, line by line, before it is committed.

use anyhow::Result;

use crate::process;

/// Runs all tests in the mode in which they write what they would expect.
///
/// # Errors
/// A test failed for another reason than a text that changed.
pub(crate) fn run() -> Result<()> {
    let tests = ["test", "--locked", "--workspace"];
    process::run(process::cargo(&tests).env("UPDATE_GOLDEN", "1"))?;
    println!("now read: git diff");
    Ok(())
}
