//! `ipfix-enricher replay`: a capture through the same core as on the wire, into a capture.
//!
//! Not here: reading captures (`io`), the replay itself (`pipeline::replay`), what is printed
//! (`diff`, `summary`).

use std::fs::{self, File};
use std::io::{self, BufWriter, StdoutLock, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use asdb::AsNames;
use mediator::settings::Knowledge;
use mediator::{Mediator, Observer, RecordSeen};

use crate::cli::diff::Diff;
use crate::cli::prepare::{Prepared, table};
use crate::cli::summary::{self, Disagreements};
use crate::cli::{Failure, print, say};
use crate::config::{Collector, Host};
use crate::io::capture::{CaptureError, End, Frame, read_frames};
use crate::io::datagram::{Datagrams, FrameCounts, Ports};
use crate::pipeline::replay::Replay;
use crate::pipeline::settings;

/// What `replay` is asked for.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Capture to read, pcap or pcapng
    #[arg(value_name = "IN.pcap")]
    capture: PathBuf,

    /// Capture to write, raw IP packets; not needed with --diff or --summary
    #[arg(long, value_name = "OUT.pcap", required_unless_present_any = ["diff", "summary"])]
    out: Option<PathBuf>,

    /// Print each record that changes, and who gave the AS numbers
    #[arg(long)]
    diff: bool,

    /// Print what each exporter sent and what became of it
    #[arg(long)]
    summary: bool,

    /// Read only datagrams to this UDP port
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
}

/// Replays a capture.
pub(super) fn run(options: &Options, config: Option<&Path>) -> Result<(), Failure> {
    refuse_same_file(options)?;
    let capture = File::open(&options.capture)
        .map_err(|error| Failure::usage(format!("{}: {error}", options.capture.display())))?;
    let prepared = Prepared::load(config)?;
    prepared.warn(SystemTime::now());
    let Prepared {
        config, sources, ..
    } = prepared;
    let (as_db, names) = table(sources)?;
    let collectors = config.forwarding.collectors.get(..1).unwrap_or_default();
    let (settings, policies) = settings::of(&config, collectors, &as_db);
    let knowledge = Knowledge {
        as_db: &as_db,
        policies: &policies,
        own: &[],
    };
    let replay = Replay::new(
        settings,
        knowledge,
        address_of(collectors),
        Out::new(options.out.as_deref()),
    );
    let mut watch = Watch::new(options, &names);
    let replayed = feed(replay, capture, options.port, &mut watch);
    let Replayed {
        mediator,
        frames,
        end,
    } = replayed.map_err(|error| error.of(options))?;
    watch.finish(&mediator, &frames)?;
    report(options, &frames, end);
    Ok(())
}

/// What is left after the last frame.
struct Replayed {
    mediator: Mediator,
    frames: FrameCounts,
    end: End,
}

fn feed(
    mut replay: Replay<'_, Out>,
    capture: File,
    port: Option<u16>,
    watch: &mut Watch<'_>,
) -> Result<Replayed, CaptureError> {
    let mut datagrams = Datagrams::new(port.map_or(Ports::All, Ports::Only));
    let mut octets = Vec::new();
    let end = read_frames(capture, |frame: Frame<'_>| {
        match datagrams.read(&frame, &mut octets) {
            Some(datagram) => replay.datagram(&datagram, frame.precision, &mut octets, watch),
            None => Ok(()),
        }
    })?;
    let mediator = replay.finish(watch).map_err(CaptureError::Visit)?;
    Ok(Replayed {
        mediator,
        frames: datagrams.finish(),
        end,
    })
}

impl CaptureError {
    /// Says which of the two files it was.
    fn of(self, options: &Options) -> Failure {
        let capture = options.capture.display();
        match self {
            Self::Visit(error) => {
                let out = options.out.as_deref().unwrap_or(Path::new("output"));
                Failure::failed(format!("{}: {error}", out.display()))
            }
            other => Failure::usage(format!("{capture}: {other}")),
        }
    }
}

/// Says on standard error what the output cannot show.
fn report(options: &Options, frames: &FrameCounts, end: End) {
    let capture = options.capture.display();
    if end != End::Complete {
        say(&format!("{capture}: {end}; what comes before it was used"));
    }
    for (reason, frames_count) in frames.unread.iter() {
        say(&format!(
            "{capture}: {frames_count} frames not read: {reason}"
        ));
    }
    if frames.datagrams_count == 0 {
        say(&format!(
            "{capture}: no datagram in {} frames",
            frames.frames_count
        ));
    }
}

/// Opening the output empties it, so it must not be the input.
fn refuse_same_file(options: &Options) -> Result<(), Failure> {
    let Some(out) = &options.out else {
        return Ok(());
    };
    match (fs::canonicalize(&options.capture), fs::canonicalize(out)) {
        (Ok(capture), Ok(out)) if capture == out => Err(Failure::usage(format!(
            "--out {}: is the capture that is read; name another file",
            out.display()
        ))),
        _ => Ok(()),
    }
}

/// There is no network in a replay: a name is not looked up.
fn address_of(collectors: &[Collector]) -> SocketAddr {
    let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let Some(collector) = collectors.first() else {
        return SocketAddr::new(localhost, 0);
    };
    let ip = match &collector.host {
        Host::Address(address) => *address,
        Host::Name(name) => {
            say(&format!(
                "collector {name}: names are not looked up here; {localhost} stands for it"
            ));
            localhost
        }
    };
    SocketAddr::new(ip, collector.port)
}

/// The output file, made when there is something to write: a capture that is none must not cost
/// the last result.
enum Out {
    Nowhere,
    Unopened(PathBuf),
    Open(BufWriter<File>),
}

impl Out {
    fn new(path: Option<&Path>) -> Self {
        path.map_or(Self::Nowhere, |path| Self::Unopened(path.to_owned()))
    }
}

impl Write for Out {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if let Self::Unopened(path) = self {
            *self = Self::Open(BufWriter::new(File::create(path)?));
        }
        match self {
            Self::Open(file) => file.write(octets),
            Self::Nowhere | Self::Unopened(_) => Ok(octets.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Open(file) => file.flush(),
            Self::Nowhere | Self::Unopened(_) => Ok(()),
        }
    }
}

/// Whoever wants to see the records.
struct Watch<'n> {
    diff: Option<Diff<'n, BufWriter<StdoutLock<'static>>>>,
    disagreements: Option<Disagreements>,
}

impl<'n> Watch<'n> {
    fn new(options: &Options, names: &'n AsNames) -> Self {
        let out = || BufWriter::new(io::stdout().lock());
        Self {
            diff: options.diff.then(|| Diff::new(names, out())),
            disagreements: options.summary.then(Disagreements::default),
        }
    }

    fn finish(self, mediator: &Mediator, frames: &FrameCounts) -> Result<(), Failure> {
        if let Some(diff) = self.diff {
            diff.finish();
        }
        let Some(disagreements) = self.disagreements else {
            return Ok(());
        };
        let (sessions, counters) = (mediator.sessions(), mediator.counters());
        print(&summary::text(sessions, &counters, frames, &disagreements))
    }
}

impl Observer for Watch<'_> {
    const WATCHES: bool = true;

    fn record(&mut self, seen: &RecordSeen) {
        if let Some(diff) = &mut self.diff {
            diff.record(seen);
        }
        if let Some(disagreements) = &mut self.disagreements {
            disagreements.record(seen);
        }
    }
}
