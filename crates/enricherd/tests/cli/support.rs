//! What the tests of the program share: a place for files, the program, hand-made captures.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use enricherd::io::capture::{Precision, read_frames};
use enricherd::io::ip;
use enricherd::io::pcap_out::{Ends, PcapOut};

/// A directory of one test; its files are there for whoever looks into a failure.
pub(crate) struct Place(PathBuf);

impl Place {
    /// Returns an empty directory named after the test.
    pub(crate) fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        // It may be left from the last run, or not.
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).expect("a directory for files of tests");
        Self(path)
    }

    /// Returns the path of a file that may not exist.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file and returns its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("a file of a test");
        path
    }

    /// Writes a configuration with a small AS database beside it, and `more` lines.
    pub(crate) fn config(&self, more: &str) -> PathBuf {
        let database = self.file(
            "asn.csv",
            "1.1.1.0,1.1.1.255,13335,\"Cloudflare\"\n8.8.8.0,8.8.8.255,15169,\"Google\"\n",
        );
        let text = format!(
            "enrichment:\n  as_databases:\n    - {{path: {}}}\n{more}",
            database.display()
        );
        self.file("config.yaml", text)
    }
}

/// How the program ended and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Returns the program, its output caught.
pub(crate) fn program<A: AsRef<std::ffi::OsStr>>(arguments: &[A]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ipfix-enricher"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub(crate) fn run<A: AsRef<std::ffi::OsStr>>(arguments: &[A]) -> Ended {
    let Output {
        status,
        stdout,
        stderr,
    } = program(arguments).output().expect("the program starts");
    Ended {
        code: status.code(),
        out: String::from_utf8(stdout).expect("text"),
        err: String::from_utf8(stderr).expect("text"),
    }
}

/// A datagram of a capture: milliseconds, source, destination, payload.
pub(crate) type Sent = (u64, String, String, Vec<u8>);

/// Returns a datagram from `source` to the port where Messages arrive.
pub(crate) fn sent(millis: u64, source: &str, payload: &[u8]) -> Sent {
    let destination = if source.starts_with('[') {
        "[2001:db8::99]:2055"
    } else {
        "192.0.2.99:2055"
    };
    (millis, source.into(), destination.into(), payload.to_vec())
}

/// Returns a capture of the datagrams.
pub(crate) fn capture(datagrams: &[Sent]) -> Vec<u8> {
    let mut out = PcapOut::new(Vec::new());
    for (millis, source, destination, payload) in datagrams {
        let ends = Ends {
            source: source.parse().expect("an address and port"),
            destination: destination.parse().expect("an address and port"),
        };
        out.write(
            Duration::from_millis(*millis),
            Precision::Micros,
            ends,
            payload,
        )
        .expect("memory takes what is written");
    }
    out.finish().expect("memory takes what is written")
}

/// Returns the datagrams of a capture of raw IP packets, each whole.
pub(crate) fn datagrams(file: &[u8]) -> Vec<Sent> {
    let mut found = Vec::new();
    read_frames(file, |frame| {
        let packet = ip::read(frame.octets).expect("an IP packet");
        assert_eq!(packet.fragment, None);
        let udp = ip::read_udp(packet.protocol, packet.payload).expect("a UDP datagram");
        let end = |ip, port| std::net::SocketAddr::new(ip, port).to_string();
        found.push((
            u64::try_from(frame.time.as_millis()).expect("a time of this age"),
            end(packet.source, udp.source_port),
            end(packet.destination, udp.destination_port),
            udp.payload.to_vec(),
        ));
        Ok(())
    })
    .expect("a capture");
    found
}

/// Returns a v9 Message of one Set; `sequence` counts Messages [RFC 3954 §5.1].
pub(crate) fn v9(sequence: u32, set_id: u16, records_count: u16, records: &[u8]) -> Vec<u8> {
    let set_octets = u16::try_from(records.len() + 4).expect("a short Set");
    let mut octets = vec![0, 9];
    octets.extend(records_count.to_be_bytes());
    octets.extend([0, 0, 0x10, 0]); // sysUpTime
    octets.extend(1_700_000_000_u32.to_be_bytes());
    octets.extend(sequence.to_be_bytes());
    octets.extend(7_u32.to_be_bytes()); // Source ID
    octets.extend(set_id.to_be_bytes());
    octets.extend(set_octets.to_be_bytes());
    octets.extend(records);
    octets
}

/// Template 256: both addresses and both AS numbers, 4 octets each.
pub(crate) fn v9_template(sequence: u32) -> Vec<u8> {
    let fields = [256, 4, 8, 4, 12, 4, 16, 4, 17, 4_u16];
    v9(sequence, 0, 1, &fields.map(u16::to_be_bytes).concat())
}

/// A Data Record of Template 256, from 1.1.1.1 to 8.8.8.8, with these AS numbers.
pub(crate) fn v9_data(sequence: u32, source_as: u32, destination_as: u32) -> Vec<u8> {
    let mut record = vec![1, 1, 1, 1, 8, 8, 8, 8];
    record.extend(source_as.to_be_bytes());
    record.extend(destination_as.to_be_bytes());
    v9(sequence, 256, 1, &record)
}
