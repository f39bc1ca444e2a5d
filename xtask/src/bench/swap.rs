//! What replacing the whole table costs those who are under way.
//!
//! One daemon, one even load, three stretches: nothing changes; a new file of the whole Internet
//! is put in place again and again, and each is awaited; nothing changes. Said of each: what was
//! lost, how long datagrams were under way, how much memory the daemon had.
//!
//! Not here: how long building takes (`asdb`'s benchmarks).
//! Bound: a swap that does not come within 30 seconds ends the measurement.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::running::Running;
use super::slice::{Bench, number};
use super::subject::{SWAPPED_FILE, Subject};

/// How long a swap may take, from the new file to its use.
const SWAP_TIME_MAX: Duration = Duration::from_secs(30);
/// How often memory and swaps are looked at.
const GLANCE: Duration = Duration::from_millis(50);
/// How long memory may take to return.
const RETURN_TIME: Duration = Duration::from_secs(3);

/// What is asked for.
pub(super) struct Options {
    pub(super) swaps: u32,
    pub(super) rate: u32,
    pub(super) stretch: Duration,
}

/// Resident memory in KiB.
#[derive(Clone, Copy)]
struct Memory {
    before: u64,
    highest: u64,
    after: u64,
}

/// Runs the three stretches and prints them.
pub(super) fn run(bench: &Bench, subject: &Subject, options: &Options) -> Result<()> {
    let mut running = bench.start(subject)?;
    println!(
        "\nswap: {} swaps of the whole table, {} datagrams/s of {} records\n\
         {:<14} {:>9} {:>9} {:>8} {:>8} {:>9} {:>9} {:>9}  memory before, highest, after (KiB)",
        options.swaps,
        options.rate,
        subject.load.records_per_datagram,
        "",
        "sent",
        "arrived",
        "drops",
        "gaps",
        "p50 us",
        "p99 us",
        "p99.9 us",
    );
    stretch(bench, &mut running, options, "before", |memory| {
        watch_for(options.stretch, memory)
    })?;
    stretch(bench, &mut running, options, "with swaps", |memory| {
        for _ in 0..options.swaps {
            memory.swap()?;
        }
        Ok(())
    })?;
    stretch(bench, &mut running, options, "after", |memory| {
        watch_for(options.stretch, memory)
    })
}

fn watch_for(time: Duration, watch: &mut Watch<'_>) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < time {
        watch.glance()?;
    }
    Ok(())
}

fn stretch(
    bench: &Bench,
    running: &mut Running,
    options: &Options,
    name: &str,
    work: impl FnOnce(&mut Watch<'_>) -> Result<()>,
) -> Result<()> {
    let drops_before = running.input_drops()?;
    let before = running.memory_kib()?;
    let sink = bench.sink(running.outputs(), &["--latency"])?;
    let endless = Duration::from_secs(3600);
    let port = running.ports.input;
    let flow = bench.flow(running.load, port, options.rate, endless, &["--batch", "8"])?;
    let mut watch = Watch {
        running,
        highest: before,
    };
    work(&mut watch)?;
    let highest = watch.highest;
    let sent = flow.stop()?;
    sleep(RETURN_TIME);
    let seen = sink.finish()?;
    running.check()?;
    let memory = Memory {
        before,
        highest,
        after: running.memory_kib()?,
    };
    let us = |name| Ok::<_, anyhow::Error>(number(&seen, name)? / 1e3);
    println!(
        "{name:<14} {:>9} {:>9} {:>8} {:>8} {:>9.0} {:>9.0} {:>9.0}  {}, {}, {}",
        number(&sent, "datagrams")?,
        number(&seen, "datagrams")?,
        running.input_drops()? - drops_before,
        number(&seen, "gaps")?,
        us("p50_ns")?,
        us("p99_ns")?,
        us("p999_ns")?,
        memory.before,
        memory.highest,
        memory.after,
    );
    Ok(())
}

/// Looks at a daemon while something happens.
struct Watch<'a> {
    running: &'a mut Running,
    highest: u64,
}

impl Watch<'_> {
    fn glance(&mut self) -> Result<()> {
        self.highest = self.highest.max(self.running.memory_kib()?);
        sleep(GLANCE);
        Ok(())
    }

    /// Puts a new file in place and waits until it is in use.
    fn swap(&mut self) -> Result<()> {
        let before = loaded(self.running.ports.control)?;
        // The time of a load is told in whole seconds.
        watch_for(Duration::from_millis(1100), self)?;
        let path = self.running.folder().join(SWAPPED_FILE);
        put(&path)?;
        let start = Instant::now();
        while loaded(self.running.ports.control)? == before {
            if start.elapsed() > SWAP_TIME_MAX {
                bail!("no swap within {} s", SWAP_TIME_MAX.as_secs());
            }
            self.glance()?;
        }
        Ok(())
    }
}

/// Puts a new file of the whole table in the place of the old one.
fn put(path: &Path) -> Result<()> {
    let aside = path.with_extension("new");
    fs::write(&aside, asdb::snapshot::shipped()).context("cannot write a table")?;
    fs::rename(&aside, path).context("cannot put a table in place")
}

/// Returns when the daemon loaded its database, as it says.
fn loaded(port: u16) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).context("statistics")?;
    stream.write_all(b"sources json\n")?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, rest) = answer
        .split_once("\"loaded_unix_s\":")
        .with_context(|| format!("no time of a load in {answer}"))?;
    Ok(rest.split(',').next().unwrap_or_default().to_owned())
}
