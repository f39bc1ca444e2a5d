//! Instructions per Data Record, counted by callgrind and compared with a committed figure.
//!
//! Times on a shared machine are noise; a count is not. It says when a change makes the data path
//! do more, whoever else is at work. It says nothing about caches, so a fall is no proof.
//!
//! Another compiler makes other instructions: figures are compared only under the compiler whose
//! version stands beside them. `cargo xtask instructions renew` writes them anew.
//!
//! Not here: what is counted (`lab`'s example of that name).
//! Bound: one run of some seconds, which callgrind makes half a minute.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{process, tree};

const FIGURES: &str = "crates/lab/examples/instructions.txt";

/// A rise by more than so many parts in a hundred is a fault.
const RISE_PERCENT_MAX: f64 = 5.0;

/// What the functions are called that count.
const PREFIX: &str = "measured_";

/// Instructions per Data Record of one flavour.
#[derive(Clone, Debug, PartialEq)]
struct Figure {
    name: String,
    per_record: f64,
}

/// Figures, and the compiler that they are true of.
#[derive(Clone, Debug, PartialEq)]
struct Counted {
    compiler: String,
    figures: Vec<Figure>,
}

/// Counts, prints, compares.
///
/// # Errors
/// A figure rose too much; under CI also: valgrind is missing.
pub(crate) fn run() -> Result<()> {
    let Some(now) = count()? else {
        return Ok(());
    };
    let path = tree::root().join(FIGURES);
    let committed = fs::read_to_string(&path).with_context(|| format!("cannot read {FIGURES}"))?;
    let committed =
        read(&committed).with_context(|| format!("{FIGURES} is not what renew writes"))?;
    let (text, faults) = compare(&now, &committed);
    print!("{text}");
    if !faults.is_empty() {
        bail!(
            "{}; if that is what it must cost: cargo xtask instructions renew",
            faults.join("; ")
        );
    }
    Ok(())
}

/// Counts and writes the figures to be committed.
///
/// # Errors
/// valgrind is missing or something fails.
pub(crate) fn renew() -> Result<()> {
    let now = count()?.context("nothing was counted")?;
    let text = written(&now);
    fs::write(tree::root().join(FIGURES), &text)
        .with_context(|| format!("cannot write {FIGURES}"))?;
    print!("{text}now read: git diff");
    println!();
    Ok(())
}

/// Returns what callgrind counts; `None` if it is not installed.
fn count() -> Result<Option<Counted>> {
    if !process::is_installed("valgrind") {
        let missing = "valgrind is missing; to enable: apt-get install valgrind";
        if process::is_ci() {
            bail!("{missing}; under CI nothing is skipped");
        }
        println!("skipped: {missing}");
        return Ok(None);
    }
    let build = ["build", "--release", "--locked", "--quiet"];
    let example = ["--package", "lab", "--example", "instructions"];
    process::run(process::cargo(&build).args(example))?;
    let folder = tree::build_folder();
    let counts = folder.join("instructions.callgrind");
    let records = process::capture(&mut callgrind(
        &folder.join("release/examples/instructions"),
        &counts,
    ))?;
    let counts = fs::read_to_string(&counts).context("callgrind left no file")?;
    let compiler = process::capture(Command::new(rustc()).arg("-V"))?;
    Ok(Some(Counted {
        compiler: compiler.trim().to_owned(),
        figures: figures(&records, &counts)?,
    }))
}

fn callgrind(program: &Path, counts: &Path) -> Command {
    let mut out = std::ffi::OsString::from("--callgrind-out-file=");
    out.push(counts);
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet"]).arg(out);
    // Names and places in full are easier to read.
    command.args(["--compress-strings=no", "--compress-pos=no"]);
    command.arg(program);
    command
}

fn rustc() -> PathBuf {
    std::env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from)
}

/// Divides what callgrind counted by the records that the program says it was given.
fn figures(records: &str, counts: &str) -> Result<Vec<Figure>> {
    let mut found = Vec::new();
    for line in records.lines() {
        let (name, records) = line.split_once(' ').context("a line without records")?;
        let records: f64 = records.parse().context("records")?;
        let instructions = instructions(counts, name)
            .with_context(|| format!("callgrind did not see {PREFIX}{name}"))?;
        found.push(Figure {
            name: name.to_owned(),
            per_record: instructions / records,
        });
    }
    Ok(found)
}

/// Returns the instructions of the call of `measured_NAME`, with all that it calls.
///
/// A call is a line `cfn=` with the function, a line `calls=`, and a line whose last number is
/// its cost.
fn instructions(counts: &str, name: &str) -> Option<f64> {
    let ending = format!("::{PREFIX}{name}");
    let is_call = |line: &&str| {
        line.strip_prefix("cfn=")
            .is_some_and(|function| function.contains(&ending))
    };
    let mut lines = counts.lines();
    lines.find(is_call)?;
    let mut behind = lines.skip_while(|line| !line.starts_with("calls="));
    behind.next()?;
    behind.next()?.split(' ').next_back()?.parse().ok()
}

/// Returns what there is to say, and what is wrong.
fn compare(now: &Counted, committed: &Counted) -> (String, Vec<String>) {
    let mut text = String::new();
    let mut faults = Vec::new();
    let is_comparable = now.compiler == committed.compiler;
    for figure in &now.figures {
        let Figure { name, per_record } = figure;
        // Writing to a String does not fail.
        let _ = write!(text, "{name}: {per_record:.1} instructions per Data Record");
        let before = committed.figures.iter().find(|before| before.name == *name);
        match before {
            Some(before) if is_comparable => {
                let rise = (per_record / before.per_record - 1.0) * 100.0;
                let _ = writeln!(text, ", {rise:+.1} % against {:.1}", before.per_record);
                if rise > RISE_PERCENT_MAX {
                    faults.push(format!("{name} rose by {rise:.1} %"));
                }
            }
            Some(_) => text.push('\n'),
            None => {
                text.push('\n');
                faults.push(format!("{name} has no committed figure"));
            }
        }
    }
    if !is_comparable {
        let _ = writeln!(
            text,
            "not compared: the committed figures are of {}, this is {}",
            committed.compiler, now.compiler
        );
    }
    (text, faults)
}

/// The committed form: the compiler, then one figure a line.
fn written(counted: &Counted) -> String {
    let lines = counted.figures.iter();
    let lines = lines.map(|figure| format!("{} {:.1}\n", figure.name, figure.per_record));
    format!("{}\n{}", counted.compiler, lines.collect::<String>())
}

fn read(text: &str) -> Option<Counted> {
    let (compiler, lines) = text.split_once('\n')?;
    let figures = lines.lines().map(|line| {
        let (name, per_record) = line.split_once(' ')?;
        Some(Figure {
            name: name.to_owned(),
            per_record: per_record.parse().ok()?,
        })
    });
    Some(Counted {
        compiler: compiler.to_owned(),
        figures: figures.collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::{Counted, Figure, compare, figures, read, written};

    fn counted(compiler: &str, fill: f64) -> Counted {
        let figure = |name: &str, per_record| Figure {
            name: name.to_owned(),
            per_record,
        };
        Counted {
            compiler: compiler.to_owned(),
            figures: vec![figure("fill", fill), figure("append", 700.0)],
        }
    }

    #[test]
    fn the_cost_of_a_call_is_that_of_all_it_calls() {
        let counts = "fn=a::main\n114 8\ncfn=a::measured_v5\ncalls=1 84\n114 1200\n\
                      cfn=a::measured_fill\ncalls=1 66\n114 5000\n115 4\n\
                      fn=a::measured_fill\n1 7\n";
        let found = figures("fill 10\nv5 4\n", counts).unwrap();
        let per_record: Vec<_> = found.iter().map(|figure| figure.per_record).collect();
        assert_eq!(per_record, [500.0, 300.0]);
        assert!(figures("append 1\n", counts).is_err());
    }

    #[test]
    fn a_rise_is_a_fault_and_a_fall_is_none() {
        let committed = counted("rustc 1", 400.0);
        for (fill, faults) in [(380.0, 0), (419.0, 0), (421.0, 1)] {
            let found = compare(&counted("rustc 1", fill), &committed).1;
            assert_eq!(found.len(), faults, "{fill}: {found:?}");
        }
        let mut nameless = committed.clone();
        nameless.figures.remove(0);
        assert_eq!(compare(&committed, &nameless).1.len(), 1);
    }

    #[test]
    fn another_compiler_is_not_compared_and_that_is_said() {
        let (text, faults) = compare(&counted("rustc 2", 900.0), &counted("rustc 1", 400.0));
        assert!(faults.is_empty());
        assert!(
            text.ends_with("not compared: the committed figures are of rustc 1, this is rustc 2\n")
        );
    }

    #[test]
    fn what_is_committed_is_read_again() {
        let before = counted("rustc 1.95.0 (59807616e 2026-04-14)", 421.5);
        assert_eq!(read(&written(&before)), Some(before));
        assert_eq!(read("rustc\nfill many\n"), None);
    }
}
