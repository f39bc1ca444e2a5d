//! softflowd before the daemon: what it counts arrives whole, in every protocol it speaks.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use enricherd::io::capture::Precision;
use enricherd::io::pcap_out::{Ends, PcapOut};

use crate::collectors::Nfcapd;
use crate::rig::{are_installed, directly, place, through_daemon};

/// Traffic between well-known resolvers: 40 flows of 3 packets.
fn traffic() -> Vec<u8> {
    let mut out = PcapOut::new(Vec::new());
    for number in 0..120_u64 {
        let port = 20_000 + number % 40;
        let (source, destination) = match number % 2 {
            0 => ("8.8.8.8", "1.1.1.1"),
            _ => ("1.1.1.1", "9.9.9.9"),
        };
        let ends = Ends {
            source: format!("{source}:{port}").parse().unwrap(),
            destination: format!("{destination}:53").parse().unwrap(),
        };
        let time = Duration::from_millis(1_700_000_000_000 + number);
        out.write(time, Precision::Micros, ends, &[7; 100]).unwrap();
    }
    out.finish().unwrap()
}

/// Has softflowd read the traffic and export it, which it does at the end of the file.
fn export(place: &Path, version: &str, to: SocketAddr) {
    let status = Command::new("softflowd")
        .arg("-r")
        .arg(place.join("traffic.pcap"))
        .args([
            "-v",
            version,
            "-n",
            &to.to_string(),
            "-d",
            "-c",
            "none",
            "-p",
        ])
        .arg(place.join("pid"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.unwrap().success());
}

/// Flows, packets, octets.
fn totals(rows: &[HashMap<String, String>]) -> (usize, u64, u64) {
    let sum = |name: &str| {
        let numbers = rows
            .iter()
            .map(|row| row[name].trim().parse::<u64>().unwrap());
        numbers.sum()
    };
    (rows.len(), sum("ipkt"), sum("ibyt"))
}

#[test]
fn the_totals_of_softflowd_are_those_without_us() {
    if !are_installed(&["softflowd", "nfcapd", "nfdump"]) {
        return;
    }
    for version in ["5", "9", "10"] {
        let place = place(&format!("softflowd-{version}"));
        fs::write(place.join("traffic.pcap"), traffic()).unwrap();
        let send = |to| export(&place, version, to);
        let direct = directly(Nfcapd::start(place.join("direct")), send);
        let enriched = through_daemon(&place, Nfcapd::start(place.join("enriched")), send);
        assert_eq!(totals(&direct), (40, 120, 120 * 128), "version {version}");
        assert_eq!(totals(&enriched), totals(&direct), "version {version}");
        for row in &enriched {
            let expected = match row["sa"].as_str() {
                "8.8.8.8" => ("15169", "13335"),
                _ => ("13335", "19281"),
            };
            assert_eq!((row["sas"].as_str(), row["das"].as_str()), expected);
        }
    }
}
