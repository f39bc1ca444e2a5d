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
    /// What is skipped without it.
    skipped: &'static str,
}

const CORPUS: &str = "cargo xtask oracle: the corpus read by tshark";
const LIVE: &str = "cargo test -p enricherd --test live: other people's programs";

const UNITS: &str = "cargo test -p enricherd --test packaging: the units";
const INSTRUCTIONS: &str = "cargo xtask instructions: instructions per Data Record";

const FACES: &str = "cargo test -p enricherd --test daemon: other people's clients";

const JUDGES: &[Judge] = &[
    Judge {
        program: "promtool",
        package: "prometheus",
        skipped: FACES,
    },
    Judge {
        program: "telnet",
        package: "telnet",
        skipped: FACES,
    },
    Judge {
        program: "nc",
        package: "netcat-openbsd",
        skipped: FACES,
    },
    Judge {
        program: "tshark",
        package: "tshark",
        skipped: CORPUS,
    },
    Judge {
        program: "nfcapd",
        package: "nfdump",
        skipped: LIVE,
    },
    Judge {
        program: "nfacctd",
        package: "pmacct",
        skipped: LIVE,
    },
    Judge {
        program: "ip",
        package: "iproute2",
        skipped: LIVE,
    },
    Judge {
        program: "nft",
        package: "nftables",
        skipped: LIVE,
    },
    Judge {
        program: "softflowd",
        package: "softflowd",
        skipped: LIVE,
    },
    Judge {
        program: "systemd-analyze",
        package: "systemd",
        skipped: UNITS,
    },
    Judge {
        program: "bird",
        package: "bird2",
        skipped: LIVE,
    },
    Judge {
        program: "valgrind",
        package: "valgrind",
        skipped: INSTRUCTIONS,
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
    for Judge {
        program,
        package,
        skipped,
    } in missing()
    {
        if process::is_ci() {
            bail!("{program} is missing, needed by {skipped}");
        }
        println!("{program} is missing. Skipped: {skipped}. To enable: apt-get install {package}");
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
