//! What a fuzzer begins with: datagrams of real captures, of model Exporters, real AS data.
//!
//! Made anew for each run from `../shared`, where that is there: captures belong to others and are
//! no part of the project. What the model Exporters send is always there.
//!
//! Not here: cases, which are ours and committed (`fuzz/cases`).
//! Bound: [`DATAGRAMS_MAX`] datagrams of each capture, files up to a target's own limit.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use enricherd::io::capture::read_frames;
use enricherd::io::datagram::{Datagrams, Ports};
use lab::fleet::{Conduct, Fleet};

use crate::TARGETS;

/// Datagrams that are taken of a capture.
const DATAGRAMS_MAX: usize = 24;
/// Exporters' seeds whose traffic is taken.
const FLEETS: u64 = 60;

/// Writes the seeds of every target to folders in `to`; returns how many there are.
///
/// # Errors
/// A seed cannot be written.
pub fn write(shared: &Path, to: &Path) -> io::Result<usize> {
    let mut sink = Sink {
        folder: to.to_owned(),
        count: 0,
    };
    for target in TARGETS {
        fs::create_dir_all(to.join(target.name))?;
    }
    for seed in 0..FLEETS {
        let sent: Vec<_> = Fleet::new(seed, Conduct::Free).take(16).collect();
        let datagrams: Vec<_> = sent.into_iter().map(|sent| sent.octets).collect();
        sink.datagrams(&datagrams)?;
    }
    for path in files(&shared.join("corpus")) {
        let Ok(capture) = fs::read(&path) else {
            continue;
        };
        if path.extension().is_some_and(|ending| ending == "pcap") {
            sink.put("pcap", &capture)?;
            sink.datagrams(&datagrams_of(&capture))?;
        }
    }
    for path in files(&shared.join("asdata")) {
        let Ok(octets) = fs::read(&path) else {
            continue;
        };
        let name = path.to_string_lossy();
        if name.contains("/mrt/") {
            sink.put("mrt", &octets)?;
        } else if name.ends_with(".mmdb") {
            sink.put("as_mmdb", &octets)?;
        }
    }
    for (target, text) in TEXTS {
        sink.put(target, text.as_bytes())?;
    }
    Ok(sink.count)
}

/// Where seeds go.
struct Sink {
    folder: PathBuf,
    count: usize,
}

impl Sink {
    /// Writes a seed, cut off where its target stops reading.
    fn put(&mut self, target: &str, octets: &[u8]) -> io::Result<()> {
        let octets_max = crate::named(target).map_or(0, |target| target.octets_max);
        let octets = &octets[..octets.len().min(octets_max)];
        let path = self.folder.join(target);
        self.count += 1;
        fs::write(path.join(format!("seed-{:05}", self.count)), octets)
    }

    /// Datagrams of one source: one by one for the readers, in a row for the laws.
    fn datagrams(&mut self, datagrams: &[Vec<u8>]) -> io::Result<()> {
        let mut row = Vec::new();
        for datagram in datagrams.iter().take(DATAGRAMS_MAX) {
            let length = u16::try_from(datagram.len()).unwrap_or(u16::MAX);
            if row.len() + datagram.len() < 3_500 {
                row.extend([1, 0]);
                row.extend(length.to_be_bytes());
                row.extend(datagram);
            }
            match datagram.get(..2) {
                Some([0, 5]) => self.put("wire_v5", datagram)?,
                Some([0, 9]) => self.put("wire_v9", datagram)?,
                Some([0, 10]) => self.put("wire_ipfix", datagram)?,
                _ => {}
            }
        }
        self.put("process", &row)
    }
}

fn datagrams_of(capture: &[u8]) -> Vec<Vec<u8>> {
    let mut finder = Datagrams::new(Ports::All);
    let mut found = Vec::new();
    let mut payload = Vec::new();
    let read = read_frames(capture, |frame| {
        if finder.read(&frame, &mut payload).is_some() && found.len() < DATAGRAMS_MAX {
            found.push(payload.clone());
        }
        Ok(())
    });
    // A capture that ends in the middle gives what it has.
    drop(read);
    found
}

/// The files below a folder, in the order of their names; none if it is not there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

const TEXTS: &[(&str, &str)] = &[
    ("as_text", "1.1.1.0\t1.1.1.255\t13335\tUS\tCLOUDFLARENET\n"),
    (
        "as_text",
        "8.8.8.0\t24\t15169\n2001:4860::\t32\t15169_396982\n",
    ),
    ("as_text", "193.0.0.0/21,3333\n2a02:26f0::/32,20940\n"),
    ("as_text", "16777216\t16777471\t13335\tx\n"),
    (
        "options",
        "\0\u{1}\u{1}\0\u{4}\0\u{4}\0\u{1}\0\u{4}\0\u{22}\0\u{4}",
    ),
    (
        "options",
        "\u{1}\u{1}\0\0\u{2}\0\u{1}\0\u{1}\0\u{4}\0\u{22}\0\u{4}",
    ),
    (
        "config",
        "general:\n  listen_port: 2055\nforwarding:\n  destinations:\n    - address: 192.0.2.1\n",
    ),
    ("config", "enrichment:\n  as_providers: [static, flow]\n"),
    ("config", "statistics:\n  interval: 60s\n"),
    ("telnet", "explain 1.1.1.1 exporter 192.0.2.1 json"),
    ("telnet", "exporters json"),
];
