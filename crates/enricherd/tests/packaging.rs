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

/// Runs `install.sh` below a directory.
fn install(root: &Path, options: &[&str]) -> String {
    let answer = Command::new(packaging().join("install.sh"))
        .args(options)
        .arg("--root")
        .arg(root)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert!(answer.status.success(), "{said}");
    String::from_utf8_lossy(&answer.stdout).into_owned()
}

/// All files below a directory, without its name.
fn files_below(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut places = vec![root.to_owned()];
    while let Some(place) = places.pop() {
        for entry in fs::read_dir(&place).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                places.push(path);
            } else {
                let path = path.strip_prefix(root).unwrap();
                files.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

#[test]
fn what_is_installed_twice_keeps_its_configuration_and_is_gone_when_removed() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("install");
    // It may be left from the last run, or not.
    drop(fs::remove_dir_all(&root));
    fs::create_dir_all(&root).unwrap();
    let with_binary = ["--binary", env!("CARGO_BIN_EXE_ipfix-enricher")];
    let said = install(&root, &with_binary);
    assert!(said.contains("installed: ipfix-enricher "), "{said}");
    let first = files_below(&root);
    assert!(
        first.contains(&"usr/bin/ipfix-enricher".to_owned()),
        "{first:?}"
    );
    let config = root.join("etc/ipfix-enricher/config.yaml");
    let checked = Command::new(root.join("usr/bin/ipfix-enricher"))
        .arg("--config")
        .arg(&config)
        .arg("check")
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");

    fs::write(&config, "# the operator's\n").unwrap();
    install(&root, &with_binary);
    assert_eq!(files_below(&root), first);
    assert_eq!(fs::read_to_string(&config).unwrap(), "# the operator's\n");

    install(&root, &["--uninstall"]);
    assert_eq!(files_below(&root), ["etc/ipfix-enricher/config.yaml"]);
    install(&root, &["--uninstall", "--purge"]);
    assert_eq!(files_below(&root), [""; 0]);
}
