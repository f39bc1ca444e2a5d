//! The two halves of the judge examine each other: what the model Exporter meant is what the
//! strict collector reads.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use lab::collector::{Content, MessageSeen, SetSeen, StrictCollector, TemplateOrder};
use lab::exporter::fault::Flaw;
use lab::exporter::{Emitted, SetTruth, Truth};
use lab::fleet::{Conduct, Fleet};

const SEEDS: u64 = 1_000;
const DATAGRAMS: usize = 80;

/// What a run met, to show that it met anything.
#[derive(Debug, Default)]
struct Met {
    records: usize,
    templates: usize,
    unknown: usize,
    unreadable: usize,
    ahead: usize,
    flaws: usize,
    doubles: usize,
    restarts: usize,
}

fn same_set(seen: &SetSeen, truth: &SetTruth, met: &mut Met) -> bool {
    match (&seen.content, truth) {
        (Content::Templates(read), SetTruth::Templates(meant)) => {
            met.templates += meant.len();
            read == meant
        }
        (Content::Unread, SetTruth::Unreadable(id)) => {
            met.unreadable += 1;
            seen.id == *id
        }
        (Content::Unread, SetTruth::Data { readable, .. }) => {
            met.unknown += 1;
            !readable
        }
        (
            Content::Data(data),
            SetTruth::Data {
                template,
                records,
                readable,
            },
        ) => {
            met.records += records.len();
            met.ahead += usize::from(data.ahead);
            let read: Vec<Vec<_>> = seen
                .records()
                .map(|record| record.iter().map(|field| field.encoded.to_vec()).collect())
                .collect();
            *readable && data.template == *template && read == *records
        }
        _ => false,
    }
}

fn same_message(seen: &MessageSeen, truth: &Truth, met: &mut Met) {
    let header = seen.header.unwrap();
    assert_eq!(header.domain, truth.domain);
    assert_eq!(header.sequence, truth.sequence);
    assert!(!seen.is_malformed(), "{:?}", seen.findings);
    met.restarts += usize::from(truth.restarted);
    met.records += truth.v5_records.len();
    let v5 = truth.v5_records.concat();
    assert!(seen.body().starts_with(&v5) || v5.is_empty());
    assert_eq!(seen.sets.len(), truth.sets.len(), "{:?}", truth.sets);
    for (set, meant) in seen.sets.iter().zip(&truth.sets) {
        assert!(same_set(set, meant, met), "read {set:?}\nmeant {meant:?}");
    }
}

fn same_datagram(collector: &mut StrictCollector, emitted: &Emitted, met: &mut Met) {
    let seen = collector.read(emitted.exporter, &emitted.octets);
    match emitted.flaw {
        Some(flaw) => {
            met.flaws += 1;
            let read = seen.iter().any(|message| message.records_count() > 0);
            // Junk may look like an empty Message, and a cut may fall on the border of a Set.
            assert!(!read || flaw == Flaw::Truncated, "{flaw:?} {seen:?}");
        }
        None => {
            met.doubles += usize::from(emitted.truths.len() > 1);
            assert_eq!(seen.len(), emitted.truths.len());
            for (message, truth) in seen.iter().zip(&emitted.truths) {
                same_message(message, truth, met);
            }
        }
    }
}

#[test]
fn what_was_meant_is_what_is_read() {
    let mut met = Met::default();
    for seed in 0..SEEDS {
        let mut collector = StrictCollector::new(TemplateOrder::WholeMessage, usize::MAX);
        for emitted in Fleet::new(seed, Conduct::Free).take(DATAGRAMS) {
            same_datagram(&mut collector, &emitted, &mut met);
        }
    }
    println!("{met:?}");
    let all = [
        met.records,
        met.templates,
        met.unknown,
        met.unreadable,
        met.ahead,
        met.flaws,
        met.doubles,
        met.restarts,
    ];
    assert!(all.iter().all(|count| *count > 0), "{met:?}");
}

#[test]
fn a_plain_exporter_gives_a_strict_collector_nothing_to_say() {
    for seed in 0..SEEDS / 10 {
        let mut collector = StrictCollector::new(TemplateOrder::WholeMessage, usize::MAX);
        for emitted in Fleet::new(seed, Conduct::Plain).take(DATAGRAMS) {
            for message in collector.read(emitted.exporter, &emitted.octets) {
                let findings: Vec<_> = message
                    .findings
                    .iter()
                    .filter(|finding| finding.is_violation())
                    .collect();
                assert!(findings.is_empty(), "seed {seed}: {findings:?}");
            }
        }
    }
}
