//! Each exporter: who it is, what it sends, how it is, what became of it.
//!
//! Names here are public: they are added, never renamed.
//!
//! Not here: counting (`pipeline::tally`, `mediator`), forgotten sessions (`control::ledger`).
//! Bound: the exporters that the workers count one by one; scrapers see the [`METRICS_MAX`] with
//! most datagrams, and the others together.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use asdb::Provider;
use mediator::counters::{SequenceCounters, SideCounters};
use mediator::{Millis, Raw, SessionCounters};
use report::Snapshot;
use report::catalogue::labelled;
use report::json::{self, list, object, or_null, string};
use report::table::{Align, Table};
use report::text::grouped;

use crate::config::Config;
use crate::control::facts::Facts;
use crate::control::stats::{by_provider, raw_name, refused_rows, saturating};
use crate::pipeline::page::Numbers;
use crate::pipeline::tally::Tally;

/// Exporters that scrapers see one by one: each has some ten rows.
pub const METRICS_MAX: usize = 512;

const HEADS: [(&str, Align); 19] = [
    ("exporter", Align::Left),
    ("name", Align::Left),
    ("datagrams", Align::Right),
    ("per_s", Align::Right),
    ("octets", Align::Right),
    ("seen_s_ago", Align::Right),
    ("templates", Align::Right),
    ("as_fields", Align::Left),
    ("sampling", Align::Right),
    ("unknown", Align::Right),
    ("malformed", Align::Right),
    ("records", Align::Right),
    ("filled", Align::Right),
    ("appended", Align::Right),
    ("nobody", Align::Right),
    ("sets_raw", Align::Right),
    ("refused", Align::Right),
    ("missing", Align::Right),
    ("restarts", Align::Right),
];

/// What one exporter address sent.
#[derive(Clone, Debug, Default)]
pub struct Exporter {
    /// Its datagrams.
    pub tally: Tally,
    /// Its sessions' numbers, forgotten ones' too.
    pub sums: SessionCounters,
    /// Templates that are remembered.
    pub templates_count: usize,
    /// One IP packet in so many is sampled; `None` where nobody says or its sessions differ.
    pub sampling_rate: Option<u32>,
}

impl Exporter {
    /// Whether its Templates have AS fields.
    fn as_fields(&self) -> &'static str {
        match self.sums.templates_by_as_width {
            [0, 0, 0] => "-",
            [0, _, _] => "yes",
            [_, 0, 0] => "no",
            _ => "some",
        }
    }

    fn seen_s_ago(&self, now: Millis) -> u64 {
        now.since(self.tally.seen_at) / 1000
    }
}

/// Returns each exporter, from numbers with lists.
#[must_use]
pub fn of(numbers: &Numbers, facts: &Facts) -> BTreeMap<IpAddr, Exporter> {
    let mut exporters: BTreeMap<IpAddr, Exporter> = BTreeMap::new();
    for (address, tally) in &numbers.exporters {
        exporters.entry(*address).or_default().tally.add(tally);
    }
    for (address, sums) in facts.ledger.sums() {
        if let Some(exporter) = exporters.get_mut(&address) {
            exporter.sums = sums;
        }
    }
    let mut rates: BTreeMap<IpAddr, Option<u32>> = BTreeMap::new();
    for session in &numbers.sessions {
        let address = session.exporter.ip();
        if let Some(exporter) = exporters.get_mut(&address) {
            exporter.templates_count += session.templates_count;
            if session.sampling_rate.is_some() {
                let known = rates.entry(address).or_insert(session.sampling_rate);
                *known = known.filter(|rate| session.sampling_rate == Some(*rate));
                exporter.sampling_rate = *known;
            }
        }
    }
    exporters
}

/// Returns the name that the operator gave an exporter.
#[must_use]
pub fn name(config: &Config, address: IpAddr) -> Option<&str> {
    let mut entries = config.exporters.iter();
    let entry = entries.find(|entry| entry.name.is_some() && entry.prefix.contains(&address));
    entry?.name.as_deref()
}

/// Returns an exporter's name and address, as events say it.
#[must_use]
pub fn named(config: &Config, address: IpAddr) -> String {
    match name(config, address) {
        Some(name) => format!("{name} ({address})"),
        None => address.to_string(),
    }
}

/// Returns each exporter address with what it sent and what became of it.
#[must_use]
pub fn text(numbers: &Numbers, facts: &Facts) -> String {
    let mut table = Table::new(&HEADS);
    let (now, config) = (facts.clock.now(), facts.told.config.load());
    for (address, exporter) in of(numbers, facts) {
        let name = name(&config, address).unwrap_or("-");
        let rate = facts.pulse.of_exporter(address);
        let who = (address.to_string(), name.to_owned());
        table.row(row(who, &exporter, rate, now));
    }
    let others = Exporter {
        tally: numbers.other_exporters,
        ..Exporter::default()
    };
    if others.tally.datagrams > 0 {
        let who = ("(others)".to_owned(), "-".to_owned());
        table.row(row(who, &others, 0, now));
    }
    table.text()
}

fn row(
    (address, name): (String, String),
    exporter: &Exporter,
    rate: u64,
    now: Millis,
) -> Vec<String> {
    let Exporter { tally, sums, .. } = exporter;
    let sampling = exporter.sampling_rate;
    vec![
        address,
        name,
        grouped(tally.datagrams),
        grouped(rate),
        grouped(tally.octets),
        grouped(exporter.seen_s_ago(now)),
        grouped(saturating(exporter.templates_count)),
        exporter.as_fields().to_owned(),
        sampling.map_or_else(|| "-".to_owned(), |rate| grouped(rate.into())),
        grouped(tally.unknown_versions),
        grouped(tally.malformed),
        grouped(sums.records.records),
        grouped(sums.records.filled),
        grouped(sums.records.appended),
        grouped(sums.records.both_sides().nobody),
        grouped(sums.raw_sets.iter().sum()),
        grouped(tally.refused.iter().sum()),
        grouped(sums.sequence.missing),
        grouped(sums.sequence.restarts),
    ]
}

/// As [`text`], as one line of JSON.
#[must_use]
pub fn json(numbers: &Numbers, facts: &Facts) -> String {
    let exporters = of(numbers, facts).into_iter();
    list(exporters.map(|(address, exporter)| exporter_json(address, &exporter, facts))) + "\n"
}

fn exporter_json(address: IpAddr, exporter: &Exporter, facts: &Facts) -> String {
    let Exporter { tally, sums, .. } = exporter;
    let records = &sums.records;
    let raw = Raw::ALL.map(|reason| (raw_name(reason), sums.raw_records[reason.index()]));
    let widths = ["none", "narrow", "wide"].into_iter();
    object(&[
        ("exporter", string(&address.to_string())),
        ("datagrams", tally.datagrams.to_string()),
        ("octets", tally.octets.to_string()),
        ("unknown_versions", tally.unknown_versions.to_string()),
        ("malformed", tally.malformed.to_string()),
        ("records", records.records.to_string()),
        ("as_filled", records.filled.to_string()),
        ("as_appended", records.appended.to_string()),
        ("sets_raw", sums.raw_sets.iter().sum::<u64>().to_string()),
        ("refused", json::numbers(refused_rows(tally))),
        ("source", side_json(&records.sides[0])),
        ("destination", side_json(&records.sides[1])),
        (
            "name",
            or_null(name(&facts.told.config.load(), address).map(string)),
        ),
        (
            "datagrams_per_s",
            facts.pulse.of_exporter(address).to_string(),
        ),
        (
            "last_seen_s",
            exporter.seen_s_ago(facts.clock.now()).to_string(),
        ),
        ("messages", sums.messages_in.to_string()),
        ("looped", tally.looped.to_string()),
        ("sequence", sequence_json(&sums.sequence)),
        ("templates", exporter.templates_count.to_string()),
        (
            "templates_by_as_fields",
            json::numbers(widths.zip(sums.templates_by_as_width)),
        ),
        (
            "sampling_rate",
            or_null(exporter.sampling_rate.map(|rate| rate.to_string())),
        ),
        ("as_kept", records.kept.to_string()),
        ("records_appended", sums.records_cloned.to_string()),
        ("records_raw", json::numbers(raw)),
    ])
}

fn sequence_json(sequence: &SequenceCounters) -> String {
    object(&[
        ("gaps", sequence.gaps.to_string()),
        ("missing", sequence.missing.to_string()),
        ("late", sequence.late.to_string()),
        ("repeated", sequence.repeated.to_string()),
        ("restarts", sequence.restarts.to_string()),
        ("clock_jumps", sequence.clock_jumps.to_string()),
    ])
}

fn side_json(side: &SideCounters) -> String {
    object(&[
        ("answered", json::numbers(by_provider(&side.answered))),
        ("no_answer", json::numbers(by_provider(&side.no_answer))),
        ("nobody", side.nobody.to_string()),
        ("compared", side.compared.to_string()),
        ("disagreements", side.disagreements.to_string()),
    ])
}

/// Puts in what scrapers want to know of each exporter.
pub(crate) fn put(snapshot: &mut Snapshot, numbers: &Numbers, facts: &Facts) {
    let now = facts.clock.now();
    let mut exporters: Vec<_> = of(numbers, facts).into_iter().collect();
    exporters.sort_by_key(|(address, exporter)| (Reverse(exporter.tally.datagrams), *address));
    let rest = exporters.split_off(exporters.len().min(METRICS_MAX));
    let mut others = Exporter {
        tally: numbers.other_exporters,
        ..Exporter::default()
    };
    for (_, exporter) in &rest {
        others.tally.add(&exporter.tally);
        others.sums.add(&exporter.sums);
        others.templates_count += exporter.templates_count;
    }
    for (address, exporter) in &exporters {
        let label = address.to_string();
        put_one(snapshot, &label, exporter);
        let seen_s = exporter.seen_s_ago(now);
        snapshot.put_each(&labelled::EXPORTER_LAST_SEEN, [(label.as_str(), seen_s)]);
        if let Some(rate) = exporter.sampling_rate {
            snapshot.put_each(&labelled::EXPORTER_SAMPLING, [(label, u64::from(rate))]);
        }
    }
    if others.tally.datagrams > 0 {
        put_one(snapshot, "(others)", &others);
    }
}

fn put_one(snapshot: &mut Snapshot, label: &str, exporter: &Exporter) {
    let Exporter { tally, sums, .. } = exporter;
    let templates_count = saturating(exporter.templates_count);
    for (entry, value) in [
        (&labelled::EXPORTER_DATAGRAMS, tally.datagrams),
        (&labelled::EXPORTER_OCTETS, tally.octets),
        (&labelled::EXPORTER_TEMPLATES, templates_count),
    ] {
        snapshot.put_each(entry, [(label, value)]);
    }
    let in_place = sums.records.records.saturating_sub(sums.records_cloned);
    let mut outcomes = vec![
        ("in_place", "", in_place),
        ("appended", "", sums.records_cloned),
    ];
    let raw = Raw::ALL.map(|reason| ("raw", raw_name(reason), sums.raw_records[reason.index()]));
    outcomes.extend(raw.into_iter().filter(|(_, _, value)| *value > 0));
    for (outcome, reason, value) in outcomes {
        let labels = [label, outcome, reason].map(str::to_owned);
        snapshot.put_at(&labelled::EXPORTER_RECORDS, labels.into(), value);
    }
    for (side, counters) in ["source", "destination"].iter().zip(&sums.records.sides) {
        for (provider, value) in Provider::ALL.iter().zip(counters.answered) {
            if value > 0 {
                let labels = [label, side, provider.name()].map(str::to_owned);
                snapshot.put_at(&labelled::EXPORTER_AS_WRITTEN, labels.into(), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exporter_is_called_by_the_first_entry_that_has_a_name_and_matches() {
        let text = "exporters:\n  - {match: 192.0.2.1, name: mx1.fra}\n  - {match: 192.0.2.0/24}\n";
        let file = crate::config::ConfigFile::parse(text.as_bytes()).unwrap();
        let config = file.check().unwrap().config;
        assert_eq!(named(&config, [192, 0, 2, 1].into()), "mx1.fra (192.0.2.1)");
        assert_eq!(named(&config, [192, 0, 2, 2].into()), "192.0.2.2");
    }
}
