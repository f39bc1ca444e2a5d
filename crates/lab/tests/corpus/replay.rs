//! Every real capture through the Mediator, judged record by record.
//!
//! The clock is the capture's: it never goes back, and a step over 60 s counts as 60 s. At the
//! end what waits leaves. The table that is printed has one line for each capture.

use crate::drive::{Drive, default_settings};
use crate::pcap::Datagram;
use asdb::{AsDb, Asn, Builder, Prefix, Provider};
use lab::judge::{Bench, Breach, Law, Tally};
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

struct Replayed {
    tally: Tally,
    breaches: Vec<Breach>,
    line: String,
}

fn replay(world: &AsDb, folder: &Path, file: &str) -> Replayed {
    let capture = std::fs::read(folder.join(file)).unwrap();
    let bench = Bench {
        packet_octets_max: 1_500,
        keeps_log: false,
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
    let line = line(file, &drive);
    Replayed {
        tally: drive.judge.tally(),
        breaches: drive.judge.breaches().to_vec(),
        line,
    }
}

fn line(file: &str, drive: &Drive<'_>) -> String {
    let tally = drive.judge.tally();
    let counters = drive.mediator.counters();
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

/// What the input itself did wrong and the output may therefore do too.
fn is_the_inputs_fault(file: &str, law: Law) -> bool {
    matches!((file, law), ("", Law::Readable))
}

#[test]
fn every_capture_comes_through_whole() {
    let Some(folder) = crate::corpus() else {
        return;
    };
    let world = half_the_world();
    let mut broken = Vec::new();
    for row in crate::manifest(&folder) {
        let replayed = replay(&world, &folder, &row[0]);
        println!("{}", replayed.line);
        let ours = |breach: &&Breach| !is_the_inputs_fault(&row[0], breach.law);
        for breach in replayed.breaches.iter().filter(ours).take(3) {
            println!("    {:?} at {:?}: {}", breach.law, breach.at, breach.what);
            broken.push(row[0].clone());
        }
        let _ = replayed.tally;
    }
    broken.dedup();
    assert!(broken.is_empty(), "{broken:?}");
}
