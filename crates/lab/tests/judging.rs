//! The judge's own examination: it lets a wire pass, and it sees every kind of sabotage.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use lab::exporter::Emitted;
use lab::fleet::{Conduct, Fleet};
use lab::framing::Version;
use lab::judge::{Bench, Judge, Law};
use lab::sequence::{self, Past};
use std::net::SocketAddr;

const BENCH: Bench = Bench {
    packet_octets_max: 65_535,
    keeps_log: false,
    origin: None,
};

type Datagram = (SocketAddr, Vec<u8>);

fn sent(seed: u64, conduct: Conduct) -> Vec<Emitted> {
    Fleet::new(seed, conduct).take(60).collect()
}

/// Judges a mediator that makes `mangle(index, datagram)` of each datagram.
fn judged(sent: &[Emitted], mangle: impl Fn(usize, Datagram) -> Vec<Datagram>) -> Judge {
    let mut judge = Judge::new(BENCH);
    for (index, emitted) in sent.iter().enumerate() {
        judge.arrive(emitted.exporter, &emitted.octets);
        for (exporter, octets) in mangle(index, (emitted.exporter, emitted.octets.clone())) {
            judge.leave(exporter, &octets);
        }
    }
    judge.end();
    judge
}

fn laws(judge: &Judge) -> Vec<Law> {
    let mut laws: Vec<_> = judge.breaches().iter().map(|breach| breach.law).collect();
    laws.sort_unstable();
    laws.dedup();
    laws
}

#[test]
fn a_wire_between_plain_exporters_and_collectors_breaks_no_law() {
    for seed in 0..200 {
        let judge = judged(&sent(seed, Conduct::Plain), |_, datagram| vec![datagram]);
        assert!(
            judge.breaches().is_empty(),
            "seed {seed}: {:?}",
            judge.breaches()
        );
        assert_eq!(judge.tally().records_in, judge.tally().records_out);
        for (session, came, left) in judge.sequences() {
            let version = session.version;
            assert_eq!(sequence::judge(version, came, left, Past::Orderly), Ok(()));
        }
    }
}

#[test]
fn a_wire_passes_on_what_odd_exporters_do_and_nothing_worse() {
    for seed in 0..200 {
        let judge = judged(&sent(seed, Conduct::Free), |_, datagram| vec![datagram]);
        // Wrong counts; withdrawals, octets behind; data in front of its Template; mixed Messages.
        let excused = |law: &Law| matches!(law, Law::Size | Law::Readable | Law::Order);
        let worse: Vec<_> = judge
            .breaches()
            .iter()
            .filter(|b| !excused(&b.law))
            .collect();
        assert!(worse.is_empty(), "seed {seed}: {worse:?}");
    }
}

/// Runs 60 seeds with one datagram of each mangled, and returns the laws that were broken.
fn sabotage(version: Version, mangle: impl Fn(Datagram) -> Vec<Datagram>) -> Vec<Law> {
    let mut broken = Vec::new();
    for seed in 0..60 {
        let sent = sent(seed, Conduct::Plain);
        let fits = |emitted: &&Emitted| {
            let truth = &emitted.truths[0];
            let data = |set: &lab::exporter::SetTruth| {
                matches!(set, lab::exporter::SetTruth::Data { records, template, .. }
                    if records.len() > 1 && template.kind == lab::template::Kind::Data)
            };
            let number = u16::from_be_bytes([emitted.octets[0], emitted.octets[1]]);
            Version::from_number(number) == Some(version)
                && truth.sets.iter().all(data)
                && !truth.sets.is_empty()
        };
        let Some(victim) = sent.iter().rposition(|emitted| fits(&emitted)) else {
            continue;
        };
        let judge = judged(&sent, |index, datagram| {
            if index == victim {
                mangle(datagram)
            } else {
                vec![datagram]
            }
        });
        broken.extend(laws(&judge));
        let numbers = judge
            .sequences()
            .any(|(_, came, left)| sequence::judge(version, came, left, Past::Orderly).is_err());
        broken.extend(numbers.then_some(Law::Sequence));
    }
    broken.sort_unstable();
    broken.dedup();
    broken
}

#[test]
fn every_sabotage_is_seen() {
    let lose = |_: Datagram| Vec::new();
    assert!(sabotage(Version::V9, lose).contains(&Law::Accounted));
    assert!(sabotage(Version::V9, lose).contains(&Law::Sequence));
    let twice = |datagram: Datagram| vec![datagram.clone(), datagram];
    assert!(sabotage(Version::Ipfix, twice).contains(&Law::Projection));
    let flip = |(from, mut octets): Datagram| {
        let last = octets.len() - 5;
        octets[last] ^= 0x5a;
        vec![(from, octets)]
    };
    assert!(sabotage(Version::V9, flip).contains(&Law::Projection));
    let rename = |(from, mut octets): Datagram| {
        octets[20] ^= 0x40;
        vec![(from, octets)]
    };
    assert!(sabotage(Version::V9, rename).contains(&Law::NoHarm));
    let miscount = |(from, mut octets): Datagram| {
        octets[3] ^= 1;
        vec![(from, octets)]
    };
    assert!(sabotage(Version::V9, miscount).contains(&Law::Size));
    let renumber = |(from, mut octets): Datagram| {
        octets[11] ^= 2;
        vec![(from, octets)]
    };
    assert!(sabotage(Version::Ipfix, renumber).contains(&Law::Sequence));
    let later = |(from, mut octets): Datagram| {
        octets[7] ^= 1;
        vec![(from, octets)]
    };
    assert!(sabotage(Version::Ipfix, later).contains(&Law::NoHarm));
    let truncate = |(from, mut octets): Datagram| {
        octets.pop();
        vec![(from, octets)]
    };
    assert!(sabotage(Version::Ipfix, truncate).contains(&Law::NoHarm));
}

#[test]
fn what_could_be_divided_must_be() {
    let sent = sent(3, Conduct::Plain);
    let mut judge = Judge::new(Bench {
        packet_octets_max: 100,
        ..BENCH
    });
    for emitted in &sent {
        judge.arrive(emitted.exporter, &emitted.octets);
        judge.leave(emitted.exporter, &emitted.octets);
    }
    assert!(laws(&judge).contains(&Law::Size));
}
