//! The programs that our tests need and that are not ours.
//!
//! On a maintainer's machine this only says what is missing and what is skipped for it. Under CI,
//! as root on a Debian, it installs them: there nothing may be skipped.
//!
//! Not here: Rust itself, which `rustup` or the distribution brings.

use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

/// A program of somebody else's that judges us.
struct Judge {
    program: &'static str,
    package: &'static str,
    /// Whether a command of this version stops without it.
    need: Need,
}

enum Need {
    /// What is skipped without it.
    Now(&'static str),
    /// Present on a complete test machine; nothing is skipped without it.
    Spare,
}

const JUDGES: &[Judge] = &[
    Judge {
        program: "tshark",
        package: "tshark",
        need: Need::Now("cargo xtask oracle: the corpus read by tshark"),
    },
    Judge {
        program: "nfcapd",
        package: "nfdump",
        need: Need::Now("cargo test -p enricherd --test live: other people's programs"),
    },
    Judge {
        program: "nfacctd",
        package: "pmacct",
        need: Need::Now("cargo test -p enricherd --test live: other people's programs"),
    },
    Judge {
        program: "softflowd",
        package: "softflowd",
        need: Need::Now("cargo test -p enricherd --test live: other people's programs"),
    },
];

/// Says what is missing; installs it where that is wanted.
///
/// # Errors
/// Under CI: a program that a test needs is missing and could not be installed.
pub(crate) fn run() -> Result<()> {
    if process::is_ci() && !missing().is_empty() {
        install(&missing());
    }
    for judge in missing() {
        match judge.need {
            Need::Now(skipped) if process::is_ci() => {
                bail!("{} is missing, needed by {skipped}", judge.program)
            }
            Need::Now(skipped) => println!(
                "{} is missing. Skipped: {skipped}. To enable: apt-get install {}",
                judge.program, judge.package
            ),
            Need::Spare => println!("{} is missing. Skipped: nothing", judge.program),
        }
    }
    if missing().is_empty() {
        println!("nothing is missing");
    }
    Ok(())
}

fn missing() -> Vec<&'static Judge> {
    let absent = |judge: &&Judge| !process::is_installed(judge.program);
    JUDGES.iter().filter(absent).collect()
}

/// Tries to install the packages. Whoever needs one finds out whether it worked.
fn install(judges: &[&Judge]) {
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .arg("--quiet")
            .args(arguments);
        if let Err(fault) = process::run(&mut command) {
            println!("{fault:#}");
        }
    };
    apt_get(&["update"]);
    for judge in judges {
        // One by one: a package that cannot be had must not cost us the others.
        apt_get(&["install", "--yes", "--no-install-recommends", judge.package]);
    }
}
