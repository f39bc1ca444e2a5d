//! libFuzzer over every reader of strangers' octets, one after the other.
//!
//! Seeds are made from `../shared` where that is there, and kept with what libFuzzer found in
//! cargo's build folder: nothing of it is committed. What makes a reader panic is printed as a
//! case: a file of hex for `fuzz/cases`, which `cargo test -p hostile` replays for ever after.
//!
//! Not here: the readers (`crates/hostile`). `cargo install cargo-fuzz` brings libFuzzer's driver.
//! Bound: the seconds that are asked for, for each target; 2 GiB of memory.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{process, tree};

/// Seconds for each target where nobody says how many: an hour in all.
const SECONDS: u64 = 260;

/// Fuzzes each target, or those whose name has `part` in it, for so many seconds.
///
/// # Errors
/// cargo-fuzz is missing, or a target found octets that it does not survive.
pub(crate) fn run(seconds: Option<&str>, part: Option<&str>) -> Result<()> {
    let seconds = match seconds {
        Some(text) => text
            .parse()
            .with_context(|| format!("{text}: no number of seconds"))?,
        None => SECONDS,
    };
    if Command::new("cargo-fuzz")
        .arg("--version")
        .output()
        .is_err()
    {
        bail!("cargo-fuzz is missing: cargo install cargo-fuzz");
    }
    seed()?;
    let mut found = Vec::new();
    for target in targets()? {
        if !part.is_none_or(|part| target.contains(part)) {
            continue;
        }
        match fuzzed(&target, seconds)? {
            Outcome::Survived { inputs } => println!("{target:12} {inputs:>12} inputs, no fault"),
            Outcome::Found { said } => {
                println!("{target:12} FAULT\n{said}");
                found.push(target);
            }
        }
    }
    if !found.is_empty() {
        bail!("octets that are not survived: {found:?}");
    }
    Ok(())
}

enum Outcome {
    Survived { inputs: u64 },
    Found { said: String },
}

/// Where libFuzzer keeps what it found interesting.
fn corpus() -> PathBuf {
    tree::build_folder().join("fuzz").join("corpus")
}

/// The names of the fuzz targets.
fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(tree::root().join("fuzz").join("fuzz_targets"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".rs").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn seed() -> Result<()> {
    let mut command = process::cargo(&["run", "--locked", "--quiet", "--package", "hostile"]);
    command.args(["--bin", "seeds", "--"]);
    process::run(command.arg(tree::shared()).arg(corpus()))
}

/// Without a sanitizer: there is no unsafe code to watch, and the stable compiler has none.
fn fuzzed(target: &str, seconds: u64) -> Result<Outcome> {
    let artifacts = corpus().join(format!("{target}-"));
    let mut command = process::cargo(&["fuzz", "run", "--sanitizer", "none", target]);
    command
        .arg(corpus().join(target))
        .args([
            "--",
            "-print_final_stats=1",
            "-timeout=20",
            "-rss_limit_mb=2048",
        ])
        .args([
            "-max_len=4096".to_owned(),
            format!("-max_total_time={seconds}"),
        ])
        .arg(format!("-artifact_prefix={}", artifacts.display()))
        .env("CARGO_TARGET_DIR", tree::build_folder().join("fuzz"));
    let output = command.output().context("cannot start cargo fuzz")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        let inputs = stated(&said, "stat::number_of_executed_units:").unwrap_or(0);
        return Ok(Outcome::Survived { inputs });
    }
    let written = "Test unit written to ";
    let path = said.lines().find_map(|line| line.split_once(written));
    let octets = path.and_then(|(_, path)| fs::read(path.trim()).ok());
    let mut said = last_lines(&said);
    if let Some(octets) = octets {
        let _ = write!(
            said,
            "\nThe case, for fuzz/cases/{target}/:\n{}",
            hex(&octets)
        );
    }
    Ok(Outcome::Found { said })
}

fn stated(said: &str, name: &str) -> Option<u64> {
    let line = said.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().parse().ok()
}

fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// Sixteen octets a line.
fn hex(octets: &[u8]) -> String {
    let line = |octets: &[u8]| {
        octets
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect::<String>()
    };
    octets.chunks(16).map(line).collect::<Vec<_>>().join("\n")
}

/// Turns a file that libFuzzer left into the text of a case.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn case(path: &str) -> Result<()> {
    let octets = fs::read(Path::new(path)).with_context(|| format!("cannot read {path}"))?;
    println!("{}", hex(&octets));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_inputs_is_read_from_what_libfuzzer_says() {
        let said = "Done 5 runs\nstat::number_of_executed_units: 1234\nstat::x: 1\n";
        assert_eq!(stated(said, "stat::number_of_executed_units:"), Some(1234));
        assert_eq!(stated("", "stat::number_of_executed_units:"), None);
    }

    #[test]
    fn a_case_is_hex_in_lines_of_sixteen_octets() {
        assert_eq!(hex(&[0xab; 17]), format!("{}\nab", "ab".repeat(16)));
    }

    #[test]
    fn there_are_targets() {
        assert!(targets().unwrap().contains(&"process".to_owned()));
    }
}
