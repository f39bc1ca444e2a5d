//! Do the tests see a mistake? Deliberate faults, one at a time, each with the test that must fail.
//!
//! Each fault is put into a copy of the project, and the one test that is named beside it is run
//! there. A fault that the test does not see has *survived*: then a test is missing. The copy and
//! what is built of it lie in cargo's build folder.
//!
//! Not here: the list (`faults`).
//! Bound: a fault takes as long as building one crate and one test; there are dozens.

mod faults;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{process, tree};
use faults::{FAULTS, Fault, Test};

/// Seeds of the simulation that a fault is given.
const SEEDS: &str = "400";

/// What became of a fault.
enum Verdict {
    Caught,
    Survived,
}

/// Applies all faults, or those whose name has `part` in it, and prints what became of each.
///
/// # Errors
/// A fault survived, has no place any more, or does not compile; or a test fails without it.
pub(crate) fn run(part: Option<&str>) -> Result<()> {
    let chosen: Vec<&Fault> = FAULTS
        .iter()
        .filter(|fault| part.is_none_or(|part| fault.name.contains(part)))
        .collect();
    if chosen.is_empty() {
        bail!("no fault has that in its name");
    }
    let lost = misplaced(&chosen)?;
    if !lost.is_empty() {
        bail!("xtask/src/mutate/faults.rs must say what these would look like now: {lost:?}");
    }
    let copy = copied()?;
    for fault in &chosen {
        if !passes(&copy, fault.test)? {
            bail!("{:?} fails without a fault", fault.test);
        }
    }
    let mut survived = Vec::new();
    for fault in &chosen {
        match judged(&copy, fault).with_context(|| fault.name)? {
            Verdict::Caught => println!("caught    {:40} by {}", fault.name, shown(fault.test)),
            Verdict::Survived => {
                println!(
                    "SURVIVED  {:40} not seen by {}",
                    fault.name,
                    shown(fault.test)
                );
                survived.push(fault.name);
            }
        }
    }
    let caught = chosen.len() - survived.len();
    println!(
        "{} deliberate faults: {caught} caught, {} survived",
        chosen.len(),
        survived.len()
    );
    if !survived.is_empty() {
        bail!("tests are missing: {survived:?}");
    }
    Ok(())
}

/// The faults whose place is not in the source exactly once: the code has moved on.
fn misplaced(faults: &[&Fault]) -> Result<Vec<&'static str>> {
    let mut lost = Vec::new();
    for fault in faults {
        let text = fs::read_to_string(tree::root().join(fault.file)).with_context(|| fault.file)?;
        if text.matches(fault.right).count() != 1 {
            lost.push(fault.name);
        }
    }
    Ok(lost)
}

/// Puts the fault into the copy, looks, and takes it out again.
fn judged(copy: &Path, fault: &Fault) -> Result<Verdict> {
    let path = copy.join(fault.file);
    let text = fs::read_to_string(&path).with_context(|| fault.file)?;
    fs::write(&path, text.replace(fault.right, fault.wrong))?;
    let outcome = built(copy, fault.test).and_then(|()| passes(copy, fault.test));
    fs::write(&path, text)?;
    Ok(if outcome? {
        Verdict::Survived
    } else {
        Verdict::Caught
    })
}

/// A fault that does not compile proves nothing.
fn built(copy: &Path, test: Test) -> Result<()> {
    process::capture(cargo(copy, test).arg("--no-run")).map(drop)
}

fn passes(copy: &Path, test: Test) -> Result<bool> {
    let mut command = cargo(copy, test);
    command.args(["--", "--exact", name(test)]);
    let output = command.output().context("cannot start cargo")?;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && !said.contains(" 1 passed") {
        bail!("no test is called {}", name(test));
    }
    Ok(output.status.success())
}

/// `cargo test` of the crate that has the test, in the copy.
fn cargo(copy: &Path, test: Test) -> Command {
    let (package, target): (&str, &[&str]) = match test {
        Test::Behaviour(_) => ("mediator", &["--test", "behaviour"]),
        Test::Laws => ("lab", &["--test", "laws"]),
        Test::Beside(package, _) => (package, &["--lib"]),
        Test::Apart(package, file, _) => (package, &["--test", file]),
    };
    let mut command = process::cargo(&["test", "--locked", "--quiet", "--package", package]);
    command
        .args(target)
        .current_dir(copy)
        .env(
            "CARGO_TARGET_DIR",
            tree::build_folder().join("mutants").join("target"),
        )
        .env("LAB_SEEDS", SEEDS);
    command
}

fn name(test: Test) -> &'static str {
    match test {
        Test::Laws => faults::LAWS,
        Test::Behaviour(name) | Test::Beside(_, name) | Test::Apart(_, _, name) => name,
    }
}

fn shown(test: Test) -> String {
    let package = match test {
        Test::Behaviour(_) => "mediator",
        Test::Laws => "lab",
        Test::Beside(package, _) | Test::Apart(package, ..) => package,
    };
    format!("{package}: {}", name(test))
}

/// Copies the project to the build folder, as it is now, and returns where it is.
fn copied() -> Result<PathBuf> {
    let to = tree::build_folder().join("mutants").join("project");
    if to.exists() {
        fs::remove_dir_all(&to)?;
    }
    copy(tree::root(), &to)?;
    Ok(to)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_product = matches!(name.to_str(), Some(".git" | "target" | "artifacts"));
        if is_product || entry.path() == tree::build_folder() {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| format!("{}", target.display()))?;
        }
    }
    Ok(())
}
