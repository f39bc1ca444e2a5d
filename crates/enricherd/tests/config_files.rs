//! Whole configuration files: what is said of the bad ones, what the good ones mean.
//!
//! Each `testdata/config/*.yaml` has an `.expected` beside it: the faults, or the warnings and
//! the lines in which the configuration in force differs from the default one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use enricherd::config::{
    Checked, Config, ConfigFile, EVERYONE_MAY_SEND, FAULTS_MAX, FILE_OCTETS_MAX, Faults, LoadError,
    load,
};

fn check(octets: &[u8]) -> Result<Checked, Faults> {
    ConfigFile::parse(octets).and_then(|file| file.check())
}

fn default_config() -> Config {
    check(b"").unwrap().config
}

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/config")
}

fn files() -> Vec<PathBuf> {
    let entries = fs::read_dir(testdata()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    files
}

/// What an operator would want to know of a file.
fn told(octets: &[u8]) -> String {
    let Checked { config, warnings } = match check(octets) {
        Ok(checked) => checked,
        Err(faults) => return format!("refused\n{faults}\n"),
    };
    let mut told = String::from("accepted\n");
    for warning in warnings {
        told += &format!("warning: {warning}\n");
    }
    let default = default_config().dump();
    let dump = config.dump();
    for line in dump
        .lines()
        .filter(|line| !default.lines().any(|other| other == *line))
    {
        told += &format!("{line}\n");
    }
    told
}

#[test]
fn every_file_is_told_what_is_expected() {
    let is_renewing = std::env::var_os("UPDATE_GOLDEN").is_some();
    let files = files();
    assert!(files.len() >= 25, "{}", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let told = told(&fs::read(&file).unwrap());
        let golden = file.with_extension("expected");
        if is_renewing {
            fs::write(&golden, told).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != told {
            wrong.push(format!("{}:\n{told}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_accepted_file_reads_back_from_its_dump() {
    let mut accepted_count = 0;
    for file in files() {
        let Ok(Checked { config, .. }) = check(&fs::read(&file).unwrap()) else {
            continue;
        };
        let again = check(config.dump().as_bytes()).map(|checked| checked.config);
        assert_eq!(
            again.as_ref(),
            Ok(&config),
            "{}:\n{}",
            file.display(),
            config.dump()
        );
        accepted_count += 1;
    }
    assert!(accepted_count >= 10, "{accepted_count}");
}

#[test]
fn line_ends_and_a_byte_order_mark_change_nothing() {
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        let told = told(text.as_bytes());
        for other in [text.replace('\n', "\r\n"), format!("\u{feff}{text}")] {
            assert_eq!(self::told(other.as_bytes()), told, "{}", file.display());
        }
    }
}

#[test]
fn no_beginning_of_a_file_is_too_much() {
    for file in files() {
        let octets = fs::read(&file).unwrap();
        // A build without optimization takes 3 µs per octet: of long files not every beginning.
        for end in (0..octets.len()).step_by(1 + octets.len() / 128) {
            if let Err(faults) = check(&octets[..end]) {
                assert!(!faults.list().is_empty(), "{} cut at {end}", file.display());
            }
        }
    }
}

#[test]
fn what_is_not_utf_8_is_found_by_its_line() {
    let octets = b"general:\n  log_level: INFO\n  state_dir: /var/M\xFCller\n";
    assert_eq!(
        told(octets),
        "refused\nline 3: not UTF-8; save the file as UTF-8\n"
    );
    // What Windows calls Unicode.
    let octets: Vec<u8> = "a: 1".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let octets = [b"\xFF\xFE", octets.as_slice()].concat();
    assert_eq!(
        told(&octets),
        "refused\nline 1: not UTF-8; save the file as UTF-8\n"
    );
    assert!(told(b"general:\n  log_level: \0\n").starts_with("refused\nline 2: not YAML"));
}

#[test]
fn a_file_of_10_mb_is_refused_unread() {
    let octets = vec![b'#'; 10_000_000];
    let told = told(&octets);
    assert!(
        told.starts_with("refused\nthe file is longer than 1 MiB; "),
        "{told}"
    );
}

#[test]
fn a_file_of_the_largest_size_is_read() {
    let mut text = String::from("enrichment:\n  static_prefixes:\n");
    let entry = |index: usize| {
        let (high, low) = (index / 256, index % 256);
        format!("  - {{prefix: 10.{high}.{low}.0/24, as: {}}}\n", 1 + index)
    };
    for index in 0..20_000 {
        text += &entry(index);
    }
    text += &"#".repeat(FILE_OCTETS_MAX - text.len());
    let config = check(text.as_bytes()).unwrap().config;
    assert_eq!(config.enrichment.static_prefixes.len(), 20_000);
}

#[test]
fn the_worst_files_of_the_largest_size_are_refused() {
    let fill = |unit: &str| unit.repeat(FILE_OCTETS_MAX / unit.len());
    for unit in [
        "[", "a: 1\n", "- ", "x\n", "{a: ", "&a [*a,", "'", "\u{1}", "a,", "? ",
    ] {
        assert!(check(fill(unit).as_bytes()).is_err(), "{unit}");
    }
    let faults = check(fill("- 1\n").replacen("- 1\n", "a:\n", 1).as_bytes()).unwrap_err();
    assert!(faults.list().len() <= FAULTS_MAX);
}

#[test]
fn many_entries_are_bounded() {
    let exporters = |count: usize| {
        let mut text = String::from("exporters:\n");
        for index in 0..count {
            text += &format!("- match: 10.0.{}.{}\n", index / 256, index % 256);
        }
        text
    };
    assert!(check(exporters(1_000).as_bytes()).is_ok());
    let told = told(exporters(1_001).as_bytes());
    assert!(told.starts_with("refused\nline 1: exporters: 1001 entries, more than 1000; "));
    let collectors = |count: usize| {
        let mut text = String::from("forwarding:\n  collectors:\n");
        for index in 0..count {
            text += &format!("  - host: 192.0.2.{index}\n");
        }
        text
    };
    assert!(check(collectors(64).as_bytes()).is_ok());
    assert!(check(collectors(65).as_bytes()).is_err());
}

#[test]
fn only_the_first_hundred_faults_are_told() {
    let text: String = (0..150).map(|index| format!("key_{index}: 1\n")).collect();
    let faults = check(text.as_bytes()).unwrap_err();
    assert_eq!((faults.list().len(), faults.more_count()), (100, 50));
    assert_eq!(faults.list()[0].line(), Some(1));
    assert_eq!(faults.list()[0].key(), "key_0");
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let missing = testdata().join("no-such-file.yaml");
    let error = load(Some(&missing)).unwrap_err();
    assert!(matches!(error, LoadError::Unreadable(..)));
    assert!(
        error
            .to_string()
            .starts_with(&format!("{}: ", missing.display()))
    );
    let bad = testdata().join("collectors_none.yaml");
    let error = load(Some(&bad)).unwrap_err().to_string();
    let first = format!("{}:\nline 2: forwarding.collectors: ", bad.display());
    assert!(error.starts_with(&first), "{error}");
    let good = testdata().join("empty.yaml");
    assert_eq!(load(Some(&good)).unwrap().config, default_config());
}

#[test]
fn by_default_everyone_may_send() {
    assert_eq!(default_config().general.allow_exporters, []);
    assert!(EVERYONE_MAY_SEND.contains("general.allow_exporters"));
}
