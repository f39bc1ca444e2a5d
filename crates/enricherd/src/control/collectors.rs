//! Each collector: what it got and what is wrong with it.
//!
//! Names here are public: they are added, never renamed.
//!
//! Not here: sending (`pipeline::target`).
//! Bound: the collectors of the configuration.

use report::Snapshot;
use report::catalogue::labelled;
use report::json::{self, object, or_null, string};
use report::table::{Align, Table};
use report::text::grouped;

use crate::pipeline::page::{Numbers, TargetPage};
use crate::pipeline::target::Unsent;

const HEADS: [(&str, Align); 7] = [
    ("collector", Align::Left),
    ("source", Align::Left),
    ("messages", Align::Right),
    ("octets", Align::Right),
    ("refusals", Align::Right),
    ("unsent", Align::Right),
    ("state", Align::Left),
];

/// Returns each collector with what it got and what is wrong with it.
#[must_use]
pub fn text(numbers: &Numbers) -> String {
    let mut table = Table::new(&HEADS);
    for target in &numbers.targets {
        let counters = &target.counters;
        table.row(vec![
            target.label.clone(),
            target.identity.name().to_owned(),
            grouped(counters.sent),
            grouped(counters.sent_octets),
            grouped(counters.refusals),
            grouped(unsent(target)),
            state(target).to_owned(),
        ]);
    }
    table.text()
}

/// As [`text`], as one line of JSON.
#[must_use]
pub fn json(numbers: &Numbers) -> String {
    list(numbers) + "\n"
}

/// Returns the list of collectors.
pub(crate) fn list(numbers: &Numbers) -> String {
    json::list(numbers.targets.iter().map(collector_json))
}

fn collector_json(target: &TargetPage) -> String {
    let counters = &target.counters;
    object(&[
        ("collector", string(&target.label)),
        (
            "address",
            or_null(target.address.map(|address| string(&address.to_string()))),
        ),
        ("source", string(target.identity.name())),
        ("messages_sent", counters.sent.to_string()),
        ("messages_as_own", counters.as_own.to_string()),
        ("octets_sent", counters.sent_octets.to_string()),
        ("refusals", counters.refusals.to_string()),
        ("unsent", json::numbers(unsent_rows(target))),
        ("state", string(state(target))),
    ])
}

/// Puts in what scrapers want to know of each collector.
pub(crate) fn put(snapshot: &mut Snapshot, numbers: &Numbers) {
    for target in &numbers.targets {
        let counters = &target.counters;
        for (entry, value) in [
            (&labelled::COLLECTOR_UP, u64::from(target.trouble.is_none())),
            (&labelled::COLLECTOR_MESSAGES, counters.sent),
            (&labelled::COLLECTOR_OCTETS, counters.sent_octets),
            (&labelled::COLLECTOR_REFUSALS, counters.refusals),
        ] {
            snapshot.put_each(entry, [(target.label.as_str(), value)]);
        }
        for (reason, value) in unsent_rows(target) {
            let labels = vec![target.label.clone(), reason.to_owned()];
            snapshot.put_at(&labelled::COLLECTOR_UNSENT, labels, value);
        }
    }
}

fn unsent_rows(target: &TargetPage) -> [(&'static str, u64); Unsent::ALL.len()] {
    Unsent::ALL.map(|reason| (reason.name(), target.counters.unsent[reason.index()]))
}

/// Returns how many Messages could not be sent to it.
pub(crate) fn unsent(target: &TargetPage) -> u64 {
    target.counters.unsent.iter().sum()
}

/// Returns how it is, in a word.
pub(crate) fn state(target: &TargetPage) -> &'static str {
    target.trouble.map_or("ok", |trouble| trouble.reason.name())
}
