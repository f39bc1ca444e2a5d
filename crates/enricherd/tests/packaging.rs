//! What is installed beside the program: units that systemd takes and that shut the daemon in.
//!
//! Needs `systemd-analyze` of Debian's package systemd; `cargo xtask setup` under CI installs it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The most exposed that a unit may be, in tenths; `systemd-analyze security` says 0.0 to 10.0.
const EXPOSURE_TENTHS_MAX: u32 = 20;

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging")
}

fn has_systemd() -> bool {
    let asked = Command::new("systemd-analyze").arg("--version").output();
    let is_there = asked.is_ok_and(|answer| answer.status.success());
    assert!(
        is_there || std::env::var_os("CI").is_none(),
        "CI needs systemd-analyze; apt-get install systemd"
    );
    if !is_there {
        eprintln!("skipped: no systemd-analyze; apt-get install systemd");
    }
    is_there
}

/// The units as they are, with the programs of this checkout in the place of installed ones.
fn units() -> Vec<PathBuf> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("units");
    fs::create_dir_all(&place).unwrap();
    let bypass = packaging().join("bypass/bypass");
    let put = |entry: fs::DirEntry| {
        let text = fs::read_to_string(entry.path()).unwrap();
        let text = text
            .replace(
                "/usr/bin/ipfix-enricher",
                env!("CARGO_BIN_EXE_ipfix-enricher"),
            )
            .replace("/usr/lib/ipfix-enricher/bypass", bypass.to_str().unwrap())
            .replace("man:ipfix-enricher(1)", "https://www.rfc-editor.org/");
        let name = entry.file_name();
        let name = name.to_str().unwrap().replace('@', "@one");
        fs::write(place.join(&name), text).unwrap();
        place.join(name)
    };
    let entries = fs::read_dir(packaging().join("systemd")).unwrap();
    entries.map(|entry| put(entry.unwrap())).collect()
}

#[test]
fn systemd_finds_no_fault_in_the_units() {
    if !has_systemd() {
        return;
    }
    let units = units();
    assert_eq!(units.len(), 3);
    let answer = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .args(&units)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    // Units of the host may have faults of their own.
    let ours: Vec<_> = said
        .lines()
        .filter(|line| line.contains("ipfix-enricher"))
        .collect();
    assert_eq!(ours, [""; 0]);
}

#[test]
fn the_units_expose_little() {
    if !has_systemd() {
        return;
    }
    for unit in units() {
        let answer = Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager"])
            .arg(&unit)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&answer.stdout).into_owned();
        let level = said.split(": ").last().unwrap();
        let level = level.split(' ').next().unwrap().replace('.', "");
        let tenths: u32 = level.parse().expect(&said);
        assert!(tenths <= EXPOSURE_TENTHS_MAX, "{}: {said}", unit.display());
    }
}
