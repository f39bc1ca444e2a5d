//! Every real capture through the Mediator, judged record by record.
//!
//! The clock is the capture's: it never goes back, and a step over 60 s counts as 60 s. At the
//! end what waits leaves. The table that is printed has one line for each capture; `LAB_FILE=name`
//! adds a line for each Message of that one.

use crate::drive::{Drive, default_settings};
use crate::pcap::Datagram;
use asdb::{AsDb, Asn, Builder, Prefix, Provider};
use lab::judge::Bench;
use lab::sequence::{self, Past};
use mediator::Raw;
use std::fmt::Write;
use std::path::Path;

/// The longest step of the clock between two datagrams.
const STEP_MS_MAX: u64 = 60_000;

/// Half of each family's addresses belongs to one AS each, so that there is much to write.
fn half_the_world() -> AsDb {
    let mut builder = Builder::new();
    for (network, asn) in [
        ("0.0.0.0", 3_320),
        ("128.0.0.0", 396_982),
        ("2000::", 262_145),
    ] {
        let length = if network.contains(':') { 3 } else { 1 };
        let prefix = Prefix::new(network.parse().unwrap(), length).unwrap();
        builder
            .add(Provider::Database, 0, prefix, Asn(asn))
            .unwrap();
    }
    builder.build()
}

fn replay<'a>(world: &'a AsDb, folder: &Path, file: &str) -> Drive<'a> {
    let capture = std::fs::read(folder.join(file)).unwrap();
    let bench = Bench {
        packet_octets_max: 1_500,
        keeps_log: std::env::var("LAB_FILE").is_ok_and(|only| only == file),
        origin: None,
    };
    let mut drive = Drive::new(world, default_settings(), bench, || 0);
    let mut clock_ms = 0;
    let mut last_ms = None;
    for Datagram {
        time_ms,
        source,
        payload,
    } in crate::pcap::read(&capture)
    {
        let step_ms = time_ms.saturating_sub(last_ms.unwrap_or(time_ms));
        last_ms = last_ms.max(Some(time_ms));
        clock_ms += step_ms.min(STEP_MS_MAX);
        drive.process(source, clock_ms, &payload);
    }
    drive.finish();
    drive
}

fn line(file: &str, drive: &Drive<'_>) -> String {
    let tally = drive.judge.tally();
    let counters = drive.counters();
    let mut line = format!(
        "{file:42} {:6} in {:6} out {:6} filled {:6} appended",
        tally.records_in, tally.records_out, counters.records.filled, counters.records.appended
    );
    for reason in Raw::ALL {
        let count = counters.sets_raw[reason.index()];
        if count > 0 {
            let _ = write!(line, ", {count} {reason:?}");
        }
    }
    line
}

/// L4, where the capture itself is in order; elsewhere nobody can say what was lost.
fn sequences(drive: &Drive<'_>) -> Vec<String> {
    drive
        .judge
        .sequences()
        .filter(|(_, came, _)| came.steps_back() == 0)
        .filter_map(|(session, came, left)| {
            let judged = sequence::judge(session.version, came, left, Past::Orderly);
            judged.err().map(|why| format!("{session:?}: {why}"))
        })
        .collect()
}

#[test]
fn every_capture_comes_through_whole() {
    let Some(folder) = crate::corpus() else {
        return;
    };
    let world = half_the_world();
    let mut broken = Vec::new();
    for row in crate::manifest(&folder) {
        let drive = replay(&world, &folder, &row[0]);
        for logged in drive.judge.log() {
            println!("{logged}");
        }
        println!("{}", line(&row[0], &drive));
        let breaches = drive.judge.breaches().iter();
        let mut found: Vec<_> = breaches
            .map(|breach| format!("{:?} at {:?}: {}", breach.law, breach.at, breach.what))
            .collect();
        found.extend(sequences(&drive));
        for what in found.iter().take(3) {
            println!("    {what}");
        }
        if !found.is_empty() {
            broken.push(row[0].clone());
        }
    }
    assert!(broken.is_empty(), "see one with LAB_FILE=name: {broken:?}");
}
