//! The main job with nothing to prepare: exporters, the daemon and a collector on loopback.
//!
//! The exporters send the Messages of `examples/small.pcap`, written by the model Exporter of `lab`
//! and brought along by this program; the daemon is the very one of `run`, at ports that the system
//! chooses; the collector reads what leaves. Nothing leaves this host and nothing stays on it.
//!
//! Not here: the example itself (`xtask example`), the daemon (`daemon`).
//! Bound: [`PATIENCE`] for everything.

mod records;

use std::collections::HashMap;
use std::fmt::Write;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use asdb::{AsNames, Asn};
use mediator::Version;

use crate::config::{Collector, Config, ConfigFile, Host};
use crate::daemon::{Daemon, StartError};
use crate::io::capture::{CaptureError, read_frames};
use crate::io::datagram::{Datagrams, Ports};
use crate::sources::{Sources, Wanted};

use records::{Reader, Record, Side};

/// Made by `cargo xtask example`.
const EXAMPLE: &[u8] = include_bytes!("../../../../examples/small.pcap");

/// How long the whole demonstration may wait.
pub const PATIENCE: Duration = Duration::from_secs(8);
/// How long the collector listens before it looks at the time again.
const LOOK: Duration = Duration::from_millis(100);

/// Why there was nothing to show.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The daemon did not start.
    #[error(transparent)]
    Daemon(#[from] StartError),
    /// The program was built with a broken example: our bug.
    #[error("the example in this program: {0}")]
    Example(#[from] CaptureError),
    /// Loopback does not work as it should.
    #[error("loopback: {0}")]
    Io(#[from] io::Error),
    /// The program was built with broken defaults or data: our bug.
    #[error("this program: {0}")]
    Program(String),
}

/// Runs the demonstration; returns what to print.
///
/// # Errors
/// This host has no loopback to speak of, or the program is broken.
pub fn run() -> Result<String, DemoError> {
    let begun = Instant::now();
    let collector = loopback()?;
    collector.set_read_timeout(Some(LOOK))?;
    let scratch = Scratch::new();
    let config = config(collector.local_addr()?, &scratch)?;
    let names = names()?;
    let daemon = Daemon::start(config)?;
    let sent = send_example(daemon.bound())?;
    let collected = collect(&collector, sent.len(), begun);
    let numbers = daemon.stop();
    let mut text = show(&sent, &collected, &names);
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "\n{} records sent, {} collected; {} AS numbers filled in, {} appended; {:.1} s",
        sent.len(),
        collected.len(),
        numbers.mediator.records.filled,
        numbers.mediator.records.appended,
        begun.elapsed().as_secs_f32()
    );
    Ok(text)
}

/// A directory of this process, gone with the demonstration.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let name = format!("ipfix-enricher-demo-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // If it cannot be removed there is nobody to tell.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// All defaults, but at ports that the system chooses and without a trace on this host.
fn config(collector: SocketAddr, scratch: &Scratch) -> Result<Config, DemoError> {
    let checked = ConfigFile::parse(b"").and_then(|file| file.check());
    let mut config = checked
        .map_err(|faults| DemoError::Program(faults.to_string()))?
        .config;
    let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
    config.general.listen_address = localhost;
    config.general.listen_port = 0;
    config.general.stats_address = localhost;
    config.general.stats_port = 0;
    config.metrics.port = 0;
    config.general.state_dir.clone_from(&scratch.0);
    for one in &mut config.forwarding.collectors {
        *one = Collector {
            host: Host::Address(collector.ip()),
            port: collector.port(),
            ..one.clone()
        };
    }
    Ok(config)
}

fn names() -> Result<AsNames, DemoError> {
    match Sources::load(&Wanted::default()) {
        Ok(sources) => Ok(sources.names),
        Err(faults) => {
            let sentences: Vec<_> = faults.iter().map(ToString::to_string).collect();
            Err(DemoError::Program(sentences.join("; ")))
        }
    }
}

fn loopback() -> io::Result<UdpSocket> {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
}

/// Sends the example, each exporter by a socket of its own; returns the records in it.
fn send_example(daemon: SocketAddr) -> Result<Vec<Record>, DemoError> {
    let mut exporters: HashMap<SocketAddr, UdpSocket> = HashMap::new();
    let mut datagrams = Datagrams::new(Ports::All);
    let (mut reader, mut records) = (Reader::default(), Vec::new());
    let mut octets = Vec::new();
    read_frames(EXAMPLE, |frame| {
        let Some(datagram) = datagrams.read(&frame, &mut octets) else {
            return Ok(());
        };
        reader.read(datagram.source, &octets, &mut records);
        let exporter = match exporters.get(&datagram.source) {
            Some(exporter) => exporter,
            None => exporters.entry(datagram.source).or_insert(loopback()?),
        };
        exporter.send_to(&octets, daemon).map(|_| ())
    })?;
    Ok(records)
}

/// Reads what leaves until all records are there, or time is up.
fn collect(collector: &UdpSocket, expected: usize, begun: Instant) -> Vec<Record> {
    let (mut reader, mut records) = (Reader::default(), Vec::new());
    let mut octets = vec![0; usize::from(u16::MAX)];
    while records.len() < expected && begun.elapsed() < PATIENCE {
        if let Ok((length, session)) = collector.recv_from(&mut octets) {
            let message = octets.get(..length).unwrap_or_default();
            reader.read(session, message, &mut records);
        }
    }
    records
}

/// Returns each record before and after, by protocol.
fn show(sent: &[Record], collected: &[Record], names: &AsNames) -> String {
    let mut text = String::from(
        "Three routers, this program and a collector, all on this host. What a router sends, and \
         what the\ncollector gets (- is a field that is not there):\n",
    );
    for (version, title) in [
        (Version::V9, "NetFlow v9: missing AS fields are appended"),
        (
            Version::Ipfix,
            "IPFIX: empty AS fields are filled, missing ones appended",
        ),
        (Version::V5, "NetFlow v5: empty AS fields are filled"),
    ] {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n{title}");
        let mut left: Vec<&Record> = collected.iter().collect();
        for before in sent.iter().filter(|record| record.version == version) {
            let at = left.iter().position(|after| before.is_of(after));
            let after = at.map(|at| left.remove(at));
            line(&mut text, before, after, names);
        }
    }
    text
}

fn line(text: &mut String, before: &Record, after: Option<&Record>, names: &AsNames) {
    let ends = [&before.source, &before.destination].map(|side| {
        let address = side.address;
        address.map_or_else(|| "-".to_owned(), |address| address.to_string())
    });
    let pair = |record: &Record| {
        let [source, destination] = [record.source.asn, record.destination.asn]
            .map(|asn| asn.map_or_else(|| "-".to_owned(), |asn| asn.to_string()));
        format!("{source} → {destination}")
    };
    let after_text = after.map_or_else(|| "lost".to_owned(), pair);
    let known = after.and_then(|after| {
        let mut sides = [&after.source, &after.destination].into_iter();
        sides.find_map(|side| name(side, names))
    });
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "  {:<46} AS {:<8} becomes {:<16} {}",
        format!("{} → {}", ends[0], ends[1]),
        pair(before),
        after_text,
        known.unwrap_or_default()
    );
}

fn name<'n>(side: &Side, names: &'n AsNames) -> Option<&'n str> {
    let asn = u32::try_from(side.asn?).ok()?;
    names.of(Asn(asn)).filter(|_| asn != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_arrives_with_the_as_numbers_of_its_public_address() {
        let text = run().unwrap();
        assert!(text.contains("13335"), "{text}");
        assert!(text.contains("Google LLC"), "{text}");
        assert!(!text.contains("lost"), "{text}");
        assert!(text.contains(" 20 collected"), "{text}");
    }
}
