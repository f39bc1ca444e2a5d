//! What the figures look like: one table for each row, the aims below it.
//!
//! Not here: the figures.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::figures::{Figures, Spread};
use super::rows::Row;
use super::slice::Bench;
use super::subject::Subject;
use crate::process;

/// Says what machine this is and who runs where on it.
pub(super) fn machine(bench: &Bench) -> Result<()> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").context("no kernel")?;
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown", |model| model.trim_matches(['\t', ' ', ':']));
    println!("processor {model}, Linux {}", kernel.trim());
    println!(
        "{}",
        process::capture(Command::new("rustc").arg("-V"))?.trim()
    );
    match bench.cores() {
        Some(cores) => println!(
            "flowgen and flowsink on core {}, the program on core {}, with several workers on {}",
            cores.load, cores.program, cores.parallel
        ),
        None => println!("nothing is tied to a core: there is only one, or no taskset"),
    }
    load_average()
}

/// Says how busy the machine is.
pub(super) fn load_average() -> Result<()> {
    let text = fs::read_to_string("/proc/loadavg").context("no load average")?;
    let three: Vec<_> = text.split(' ').take(3).collect();
    println!("load average {}", three.join(" "));
    Ok(())
}

/// Begins a row.
pub(super) fn begin(row: &Row) {
    println!("\n== {}: {}", row.name, row.what);
}

/// Whether a subject can be measured here; says why not.
pub(super) fn is_present(bench: &Bench, subject: &Subject) -> bool {
    let folder = bench.folder.join("probe");
    let missing = subject.program.missing(&bench.programs, &folder);
    if let Some(why) = &missing {
        println!("left out: {}: {why}", subject.name);
    }
    missing.is_none()
}

/// Prints what was measured of a row.
pub(super) fn row(row: &Row, subjects: &[&Subject], figures: &[Figures]) {
    let Some(first) = figures.first() else {
        return;
    };
    let beside = format!("x {}", subjects[0].name);
    let heading = [
        "rate/s",
        "us per datagram",
        &beside,
        "s per million records",
    ];
    line("program", &heading);
    for rate in row.rates {
        for (subject, figures) in subjects.iter().zip(figures) {
            let per_datagram = costs(figures, *rate);
            let records = figures.cpu.get(rate).into_iter().flatten();
            let per_million = Spread::of(records.map(|cpu| cpu.s_per_million_records));
            let ratio = Spread::of_ratios(&per_datagram, &costs(first, *rate));
            let cells = [
                rate.to_string(),
                shown(Spread::of(per_datagram.into_iter()), 2),
                shown(ratio, 2),
                shown(per_million, 3),
            ];
            line(subject.name, &cells.each_ref().map(String::as_str));
        }
    }
    if row.is_searched {
        highest(&beside, subjects, figures);
        latency(subjects, figures);
    }
    line("program", &["peak memory, MiB"]);
    for (subject, figures) in subjects.iter().zip(figures) {
        let mebibytes = format!("{:.1}", figures.memory_kib as f64 / 1024.0);
        line(subject.name, &[&mebibytes]);
    }
    for aim in row.aims {
        println!("aim: {aim}");
    }
}

fn costs(figures: &Figures, rate: u32) -> Vec<f64> {
    let rounds = figures.cpu.get(&rate).into_iter().flatten();
    rounds.map(|cpu| cpu.us_per_datagram).collect()
}

fn highest(beside: &str, subjects: &[&Subject], figures: &[Figures]) {
    let rates = |figures: &Figures| -> Vec<f64> {
        let rounds = figures.highest.iter();
        rounds.map(|highest| f64::from(highest.rate)).collect()
    };
    line("program", &["highest rate without loss/s", beside, ""]);
    for (subject, of_subject) in subjects.iter().zip(figures) {
        let ratio = Spread::of_ratios(&rates(of_subject), &rates(&figures[0]));
        let mut ends = of_subject.highest.iter();
        let remark = match ends.any(|highest| highest.is_generators) {
            true => "  at least: the generator was at its end",
            false => "",
        };
        let rate = shown(Spread::of(rates(of_subject).into_iter()), 0);
        line(subject.name, &[&rate, &shown(ratio, 2), remark]);
    }
}

fn latency(subjects: &[&Subject], figures: &[Figures]) {
    let heading = ["p50", "p99", "p99.9", "without it: p50", "p99", "p99.9"];
    line("added latency, us", &heading);
    for (subject, figures) in subjects.iter().zip(figures) {
        let rounds = || figures.latency.iter();
        let cells = [
            Spread::of(rounds().map(|of| of.through.p50_us - of.direct.p50_us)),
            Spread::of(rounds().map(|of| of.through.p99_us - of.direct.p99_us)),
            Spread::of(rounds().map(|of| of.through.p999_us - of.direct.p999_us)),
            Spread::of(rounds().map(|of| of.direct.p50_us)),
            Spread::of(rounds().map(|of| of.direct.p99_us)),
            Spread::of(rounds().map(|of| of.direct.p999_us)),
        ];
        let cells = cells.map(|spread| shown(spread, 0));
        line(subject.name, &cells.each_ref().map(String::as_str));
    }
}

fn shown(spread: Option<Spread>, places: usize) -> String {
    spread.map_or_else(|| "-".to_owned(), |spread| format!("{spread:.places$}"))
}

fn line(name: &str, cells: &[&str]) {
    let cells: Vec<_> = cells.iter().map(|cell| format!("{cell:>25}")).collect();
    println!("{name:<18}{}", cells.concat().trim_end());
}
