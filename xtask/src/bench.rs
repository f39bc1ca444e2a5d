//! How fast: the daemon beside a blind forwarder and beside other people's replicators.
//!
//! All of them run side by side on one machine in one run, and are measured in turn, in short
//! slices: whatever else the machine does, it does to all. Only ratios of one round are compared,
//! and of several rounds the median and the range are printed. Nothing here fails for a figure:
//! the aims stand beside them.
//!
//! Not here: the load (`lab`'s flowgen and flowsink), instruction counts (`callgrind`).
//! Bound: each slice lasts seconds; the whole stays below 15 minutes unless more is asked for.

mod figures;
mod parts;
mod report;
mod rows;
mod running;
mod search;
mod slice;
mod subject;
mod swap;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{process, tree};
use figures::{Added, Figures};
use rows::{ROWS, Row};
use running::Running;
use slice::Bench;
use subject::Subject;

const USAGE: &str = "\
usage: cargo xtask bench [parts] [--only ROW,ROW] [--rounds N] [--seconds N]
       cargo xtask bench swap [--swaps N] [--rate N] [--seconds N]

  parts      the criterion benchmarks of asdb and mediator instead
  swap       what replacing the whole table costs: loss, latency, memory; 20 swaps at 20,000/s
  --only     some rows alone; growth: how cost grows with records, Templates, collectors, table
  --rounds   how often each row is measured; 3
  --seconds  how long each slice is measured; 3
";

/// What is asked for.
struct Options {
    rows: Vec<&'static Row>,
    rounds: usize,
    slice: Duration,
}

/// Runs what `words` ask for.
///
/// # Errors
/// A word that means nothing; a program that cannot be built or started, or that ends early.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    if words == ["parts"] {
        return parts::run();
    }
    if let ["swap", words @ ..] = words {
        let options = swap_options(words)?;
        let bench = Bench::new(prepare()?, Duration::ZERO)?;
        report::machine(&bench)?;
        swap::run(&bench, &rows::SWAPPED, &options)?;
        return report::load_average();
    }
    let options = options(words)?;
    let folder = prepare()?;
    let bench = Bench::new(folder, options.slice)?;
    report::machine(&bench)?;
    let start = Instant::now();
    for row in &options.rows {
        measure(&bench, row, options.rounds)?;
    }
    println!("\nmeasured for {:.0} s", start.elapsed().as_secs_f64());
    report::load_average()
}

fn options(words: &[&str]) -> Result<Options> {
    let mut options = Options {
        rows: ROWS.iter().collect(),
        rounds: 3,
        slice: Duration::from_secs(3),
    };
    for pair in words.chunks(2) {
        let &[option, value] = pair else {
            bail!("{} lacks a value\n{USAGE}", pair.concat());
        };
        match option {
            "--only" => options.rows = rows::named(value)?,
            "--rounds" => options.rounds = value.parse().context("--rounds")?,
            "--seconds" => options.slice = Duration::from_secs_f64(value.parse()?),
            _ => bail!("{option} means nothing here\n{USAGE}"),
        }
    }
    Ok(options)
}

fn swap_options(words: &[&str]) -> Result<swap::Options> {
    let mut options = swap::Options {
        swaps: 20,
        rate: 20_000,
        stretch: Duration::from_secs(20),
    };
    for pair in words.chunks(2) {
        match *pair {
            ["--swaps", value] => options.swaps = value.parse().context("--swaps")?,
            ["--rate", value] => options.rate = value.parse().context("--rate")?,
            ["--seconds", value] => options.stretch = Duration::from_secs_f64(value.parse()?),
            _ => bail!("{} means nothing here\n{USAGE}", pair.concat()),
        }
    }
    Ok(options)
}

/// Builds the programs and writes the prefixes that flows have their addresses in.
fn prepare() -> Result<PathBuf> {
    let packages = ["--package", "lab", "--package", "enricherd", "--bins"];
    let build = ["build", "--release", "--locked", "--quiet"];
    process::run(process::cargo(&build).args(packages))?;
    let folder = tree::build_folder().join("bench");
    fs::create_dir_all(&folder).context("cannot create the folder of the bench")?;
    let shipped = asdb::snapshot::decode(asdb::snapshot::shipped())?;
    let entries = shipped.entries.iter();
    let prefixes = entries.filter(|entry| entry.prefix.network().is_ipv4());
    let lines: Vec<_> = prefixes.map(|entry| entry.prefix.to_string()).collect();
    fs::write(folder.join(slice::PREFIXES), lines.join("\n"))?;
    Ok(folder)
}

/// Measures one row and prints it.
fn measure(bench: &Bench, row: &Row, rounds: usize) -> Result<()> {
    report::begin(row);
    let subjects = row.subjects.iter();
    let present: Vec<&Subject> = subjects
        .filter(|subject| report::is_present(bench, subject))
        .collect();
    let mut all = Vec::new();
    for subject in &present {
        all.push((bench.start(subject)?, Figures::default()));
    }
    for _ in 0..rounds {
        for rate in row.rates {
            for (running, figures) in &mut all {
                let cpu = bench.cpu(running, *rate)?;
                figures.cpu.entry(*rate).or_default().push(cpu);
            }
        }
        if row.is_searched {
            for (running, figures) in &mut all {
                search_and_time(bench, running, figures)?;
            }
        }
    }
    let mut figures = Vec::new();
    for (running, mut of_subject) in all {
        of_subject.memory_kib = running.peak_memory_kib()?;
        figures.push(of_subject);
    }
    report::row(row, &present, &figures);
    Ok(())
}

/// Searches the highest rate of a program, and measures its latency at half of it.
fn search_and_time(bench: &Bench, running: &mut Running, figures: &mut Figures) -> Result<()> {
    let last_cpu = figures.cpu.values().flatten().next_back();
    let start = search::begin(last_cpu.map(|cpu| cpu.us_per_datagram));
    figures
        .highest
        .push(search::highest(bench, running, start)?);
    let rate = figures.half_of_highest();
    if rate == 0 {
        // Not even the lowest rate passed: the machine is too busy, or the program broken.
        return Ok(());
    }
    let direct = bench.direct_latency(rate, running.load)?;
    let through = bench.latency(running, rate)?;
    figures.latency.push(Added { through, direct });
    Ok(())
}
