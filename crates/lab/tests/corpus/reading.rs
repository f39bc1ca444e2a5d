//! The strict collector reads every real capture, and counts what the manifest counts.
//!
//! The manifest's numbers come from another program, so this is the judge's own examination.

use lab::collector::{Content, MessageSeen, StrictCollector, TemplateOrder};
use lab::finding::Finding;
use lab::template::Kind;
use std::path::Path;

/// What was counted in one capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    data_records: usize,
    options_records: usize,
    sets_without_template: usize,
}

fn count(folder: &Path, file: &str, order: TemplateOrder) -> Counted {
    let capture = std::fs::read(folder.join(file)).unwrap();
    let mut collector = StrictCollector::new(order, usize::MAX);
    let mut counted = Counted::default();
    for datagram in crate::pcap::read(&capture) {
        for message in collector.read(datagram.source, &datagram.payload) {
            add(&mut counted, &message);
        }
    }
    counted
}

fn add(counted: &mut Counted, message: &MessageSeen) {
    let options: usize = message
        .sets
        .iter()
        .map(|set| match &set.content {
            Content::Data(data) if data.template.kind != Kind::Data => data.records.count(),
            _ => 0,
        })
        .sum();
    counted.options_records += options;
    counted.data_records += message.records_count() - options;
    let unknown = |finding: &&Finding| matches!(finding, Finding::NoTemplate { .. });
    counted.sets_without_template += message.findings.iter().filter(unknown).count();
}

/// Captures where the collector reads less than the manifest's program, and why it is right to.
const STRICTER: &[(&str, Counted, &str)] = &[
    (
        "ipfix-tg-14370.pcap",
        Counted {
            data_records: 0,
            options_records: 0,
            sets_without_template: 0,
        },
        "a Set passes the end of its Message, which is therefore discarded whole",
    ),
    (
        "ipfix-calmh-procera-2.pcap",
        Counted {
            data_records: 39,
            options_records: 0,
            sets_without_template: 0,
        },
        "a Set whose last record passes its end gives no record at all",
    ),
    (
        "nf9-exatel-malformed-a.pcap",
        Counted {
            data_records: 0,
            options_records: 0,
            sets_without_template: 5,
        },
        "a Template of records without octets is no Template",
    ),
];

/// What the manifest says of a capture.
fn stated(row: &[String]) -> Counted {
    let (data, options) = row[6].split_once('+').unwrap();
    Counted {
        data_records: data.parse().unwrap(),
        options_records: options.trim_end_matches("opt").parse().unwrap(),
        sets_without_template: row[14].parse().unwrap(),
    }
}

#[test]
fn every_capture_holds_what_the_manifest_says() {
    let Some(folder) = crate::corpus() else {
        return;
    };
    let rows = crate::manifest(&folder);
    for row in &rows {
        let stricter = STRICTER.iter().find(|(file, ..)| *file == row[0]);
        let expected = stricter.map_or_else(|| stated(row), |(_, counted, _)| *counted);
        assert_eq!(
            count(&folder, &row[0], TemplateOrder::AsSent),
            expected,
            "{}",
            row[0]
        );
    }
    println!(
        "{} captures read, {} of them stricter",
        rows.len(),
        STRICTER.len()
    );
}

#[test]
fn templates_behind_their_data_are_found_when_the_whole_message_counts() {
    let Some(folder) = crate::corpus() else {
        return;
    };
    let file = "nf9-akv-data-before-templates.pcap";
    let strict = count(&folder, file, TemplateOrder::AsSent);
    let whole = count(&folder, file, TemplateOrder::WholeMessage);
    assert_eq!((strict.data_records, strict.sets_without_template), (10, 1));
    assert_eq!((whole.data_records, whole.sets_without_template), (21, 0));
}
