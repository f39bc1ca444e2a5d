//! One slice of a measurement: a sink, a generator, and a program between them.
//!
//! Generator and sink share one core, the program has the other where there are two; a program
//! with several workers has all.
//!
//! Bound: a slice lasts its time and a second.

use std::fs;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::running::{FreePorts, PORTS_COUNT, Running, end};
use super::subject::{Load, Ports, Subject};
use crate::process;

/// The file with the announced prefixes.
pub(super) const PREFIXES: &str = "announced.txt";

/// What is sent before anything is measured, besides the Templates.
const WARM_UP: Duration = Duration::from_millis(500);

/// What was sent last arrives at the sink in this time.
const SETTLE: Duration = Duration::from_millis(150);

/// A search for the highest rate looks at slices of this length: long enough to fill the receive
/// buffer where the program is a twentieth too slow.
const LOSS_SLICE: Duration = Duration::from_millis(1_500);

/// A rate is reached if so much of it is.
const REACHED_PART_MIN: f64 = 0.97;

/// Datagrams that the generator sends with one stamp where latency is measured.
const LATENCY_BATCH: &str = "8";

/// All slices of a run.
pub(super) struct Bench {
    pub(super) programs: PathBuf,
    pub(super) folder: PathBuf,
    slice: Duration,
    cores: Option<Cores>,
    ports: FreePorts,
}

/// Who runs where, as `taskset` says it.
pub(super) struct Cores {
    pub(super) load: String,
    pub(super) program: String,
    /// For programs with several workers.
    pub(super) parallel: String,
}

/// What a program's work cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cpu {
    pub(super) us_per_datagram: f64,
    pub(super) s_per_million_records: f64,
}

/// How long datagrams were under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latency {
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) p999_us: f64,
}

/// What became of a slice at a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Everything arrived.
    Whole,
    /// Something was lost.
    Lossy,
    /// The generator could not send so much.
    NotReached,
}

impl Bench {
    pub(super) fn new(folder: PathBuf, slice: Duration) -> Result<Self> {
        let programs = crate::tree::build_folder().join("release");
        let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let can_pin = count > 1 && process::is_installed("taskset");
        let cores = can_pin.then(|| Cores {
            load: "0".to_owned(),
            program: (count - 1).to_string(),
            parallel: if count > 2 {
                format!("1-{}", count - 1)
            } else {
                "0-1".to_owned()
            },
        });
        Ok(Self {
            programs,
            folder,
            slice,
            cores,
            ports: FreePorts::new(),
        })
    }

    pub(super) const fn cores(&self) -> Option<&Cores> {
        self.cores.as_ref()
    }

    /// Starts a subject; it runs until it is dropped.
    pub(super) fn start(&self, subject: &Subject) -> Result<Running> {
        let ports = Ports {
            input: self.ports.take(1)?,
            output: self.ports.take(subject.program.collectors())?,
            control: self.ports.take(1)?,
        };
        let folder = self.folder.join(format!("program-{}", ports.input));
        if folder.exists() {
            fs::remove_dir_all(&folder).context("cannot clear a program's folder")?;
        }
        let command = subject.program.command(&self.programs, &folder, ports)?;
        let place = |cores: &Cores| match subject.program.is_parallel() {
            true => cores.parallel.clone(),
            false => cores.program.clone(),
        };
        let command = pinned(command, self.cores.as_ref().map(place));
        Running::start(command, subject.program, subject.load, ports, &folder)
    }

    /// Measures what a program's work costs at `rate`: all of it from the moment at which the
    /// generator says that it is warm to the arrival of the last datagram.
    pub(super) fn cpu(&self, running: &mut Running, rate: u32) -> Result<Cpu> {
        let seconds = WARM_UP + announcing(running.load, rate) + self.slice;
        let sink = self.sink(running.outputs(), &["--light"])?;
        let warm_up = WARM_UP.as_secs_f64().to_string();
        let options = ["--warm-up", &warm_up];
        let (load, port) = (running.load, running.ports.input);
        let mut flow = self.flow(load, port, rate, seconds, &options)?;
        let sent_before = flow.warm()?;
        let cpu_before = running.cpu()?;
        let sent = number(&flow.finish()?, "datagrams")?;
        sleep(SETTLE);
        let cpu = running.cpu()?.saturating_sub(cpu_before);
        drop(sink.finish()?);
        running.check()?;
        let us_per_datagram = cpu.as_secs_f64() * 1e6 / (sent - sent_before);
        let records = f64::from(running.load.records_per_datagram);
        Ok(Cpu {
            us_per_datagram,
            s_per_million_records: us_per_datagram / records,
        })
    }

    /// Tries a rate, and says on standard error what came of it.
    pub(super) fn outcome(&self, running: &mut Running, rate: u32) -> Result<Outcome> {
        let drops_before = running.input_drops()?;
        let sink = self.sink(running.outputs(), &["--light"])?;
        let (load, port) = (running.load, running.ports.input);
        // A raw socket cannot join.
        let join: &[_] = if load.is_forged { &[] } else { &["--join"] };
        let flow = self.flow(load, port, rate, LOSS_SLICE, join)?;
        let sent = flow.finish()?;
        // A full receive buffer takes a while to empty.
        sleep(SETTLE * 4);
        let seen = sink.finish()?;
        running.check()?;
        let reached = number(&sent, "datagrams_per_second")?;
        let dropped = (running.input_drops()? - drops_before) as f64;
        let dropped_behind = number(&seen, "kernel_drops")?;
        let lost = number(&sent, "datagrams")? - number(&seen, "datagrams")?;
        let kept_max = if running.program.is_buffering() {
            64.0
        } else {
            0.0
        };
        let outcome = if reached < f64::from(rate) * REACHED_PART_MIN {
            Outcome::NotReached
        } else if dropped == 0.0 && dropped_behind == 0.0 && lost <= kept_max {
            Outcome::Whole
        } else {
            Outcome::Lossy
        };
        eprintln!(
            "{rate}/s: {outcome:?}, sent {reached}/s, lost {lost}, of these dropped by the kernel \
             {dropped} before and {dropped_behind} behind the program"
        );
        Ok(outcome)
    }

    /// Measures how long datagrams are under way through a program at `rate`.
    pub(super) fn latency(&self, running: &mut Running, rate: u32) -> Result<Latency> {
        let sink = self.sink(running.outputs(), &["--latency"])?;
        let seen = self.timed(running.load, running.ports.input, rate, sink)?;
        running.check()?;
        latency(&seen)
    }

    /// As [`Self::latency`], from the generator to the sink with nothing between.
    pub(super) fn direct_latency(&self, rate: u32, load: Load) -> Result<Latency> {
        let port = self.ports.take(1)?;
        let sink = self.sink(port..port + 1, &["--latency"])?;
        latency(&self.timed(load, port, rate, sink)?)
    }

    fn timed(&self, load: Load, port: u16, rate: u32, sink: Started) -> Result<String> {
        let batch = ["--batch", LATENCY_BATCH];
        self.flow(load, port, rate, self.slice, &batch)?.finish()?;
        sleep(SETTLE);
        sink.finish()
    }

    pub(super) fn sink(&self, ports: Range<u16>, options: &[&str]) -> Result<Started> {
        let mut command = Command::new(self.programs.join("flowsink"));
        for port in ports {
            command.args(["--listen", &format!("127.0.0.1:{port}")]);
        }
        command.args(["--seconds", "600"]).args(options);
        let place = self.cores.as_ref().map(|cores| cores.load.clone());
        Started::new(pinned(command, place), Ending::WhenAsked)
    }

    pub(super) fn flow(
        &self,
        load: Load,
        port: u16,
        rate: u32,
        time: Duration,
        options: &[&str],
    ) -> Result<Started> {
        let mut command = Command::new(self.programs.join("flowgen"));
        command.args(["--to", &format!("127.0.0.1:{port}")]);
        command.args(["--layout", load.layout]);
        command.args(["--exporters", &load.exporters.to_string()]);
        command.args(["--templates", &load.templates.to_string()]);
        command.args(["--records", &load.records_per_datagram.to_string()]);
        command.args(["--seconds", &time.as_secs_f64().to_string()]);
        command.arg("--prefixes").arg(self.folder.join(PREFIXES));
        command.args(options);
        command.args(["--rate", &rate.to_string()]);
        if load.is_forged {
            command.arg("--forge");
        } else {
            // One port in all slices, so that sessions are the same in all.
            let source_port = port + PORTS_COUNT;
            command.args(["--source-port", &source_port.to_string()]);
        }
        let place = self.cores.as_ref().map(|cores| cores.load.clone());
        Started::new(pinned(command, place), Ending::ByItself)
    }
}

/// A generator or a sink.
pub(super) struct Started {
    child: Option<Child>,
    ending: Ending,
    /// Open as long as it runs: it would fail to write to a closed one.
    said: BufReader<ChildStderr>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    ByItself,
    WhenAsked,
}

impl Started {
    /// Starts it and waits until it says that it is ready.
    fn new(mut command: Command, ending: Ending) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let child = command.stderr(Stdio::piped()).spawn();
        let mut child = child.with_context(|| format!("cannot start {command:?}"))?;
        let said = child.stderr.take().context("no standard error")?;
        let mut said = BufReader::new(said);
        let mut line = String::new();
        said.read_line(&mut line)?;
        if !line.starts_with("flow") {
            end(&mut child);
            bail!("{command:?}: {line}");
        }
        Ok(Self {
            child: Some(child),
            ending,
            said,
        })
    }

    /// Ends it, also if it would end by itself, and returns the line that it printed.
    pub(super) fn stop(mut self) -> Result<String> {
        self.ending = Ending::WhenAsked;
        self.finish()
    }

    /// Waits until a generator says that it is warm; returns the datagrams it sent until then.
    fn warm(&mut self) -> Result<f64> {
        let mut line = String::new();
        self.said.read_line(&mut line)?;
        let word = line.split(' ').rev().nth(1).unwrap_or_default();
        word.parse().with_context(|| format!("never warm: {line}"))
    }

    /// Waits for it, or ends it, and returns the line that it printed.
    pub(super) fn finish(mut self) -> Result<String> {
        let mut child = self.child.take().context("finished twice")?;
        if self.ending == Ending::WhenAsked {
            end(&mut child);
        }
        let output = child.wait_with_output()?;
        let line = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() || line.is_empty() {
            bail!("a generator or sink failed: {} {line}", output.status);
        }
        Ok(line)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            end(child);
        }
    }
}

/// How long it takes until all exporters announced their Templates.
fn announcing(load: Load, rate: u32) -> Duration {
    Duration::from_secs_f64(f64::from(load.exporters) / f64::from(rate))
}

fn pinned(command: Command, place: Option<String>) -> Command {
    let Some(place) = place else {
        return command;
    };
    let mut pinned = Command::new("taskset");
    pinned
        .args(["--cpu-list", &place])
        .arg(command.get_program());
    pinned.args(command.get_args());
    pinned
}

fn latency(seen: &str) -> Result<Latency> {
    let us = |name| Ok::<_, anyhow::Error>(number(seen, name)? / 1e3);
    Ok(Latency {
        p50_us: us("p50_ns")?,
        p99_us: us("p99_ns")?,
        p999_us: us("p999_ns")?,
    })
}

/// Returns the number behind `name` in a line of JSON of our own programs.
pub(super) fn number(line: &str, name: &str) -> Result<f64> {
    let key = format!("\"{name}\": ");
    let (_, rest) = line
        .split_once(&key)
        .with_context(|| format!("no {name} in {line}"))?;
    let end = rest.find([',', '}']).unwrap_or(rest.len());
    rest[..end]
        .parse()
        .with_context(|| format!("{name} in {line}"))
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn a_number_is_found_by_its_whole_name() {
        let line = r#"{"datagrams": 5, "datagrams_per_second": 12.5}"#;
        assert_eq!(number(line, "datagrams").unwrap(), 5.0);
        assert_eq!(number(line, "datagrams_per_second").unwrap(), 12.5);
        assert!(number(line, "data").is_err());
    }
}
