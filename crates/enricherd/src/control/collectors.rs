//! Each collector: what it got, how it is and what is wrong with it.
//!
//! Names here are public: they are added, never renamed.
//!
//! Not here: sending (`pipeline::target`), finding out how it is (`control::reach`).
//! Bound: the collectors of the configuration.

use std::time::SystemTime;

use report::Snapshot;
use report::catalogue::labelled;
use report::json::{self, object, or_null, string};
use report::table::{Align, Table};
use report::text::grouped;

use crate::control::connections;
use crate::control::reach::{Health, State};
use crate::pipeline::page::{Numbers, TargetPage};
use crate::pipeline::target::Unsent;

const HEADS: [(&str, Align); 9] = [
    ("collector", Align::Left),
    ("source", Align::Left),
    ("messages", Align::Right),
    ("octets", Align::Right),
    ("refusals", Align::Right),
    ("unsent", Align::Right),
    ("left_out", Align::Right),
    ("state", Align::Left),
    ("last_error", Align::Left),
];

/// Returns each collector with what it got and what is wrong with it.
#[must_use]
pub fn text(numbers: &Numbers, healths: &[Health]) -> String {
    let mut table = Table::new(&HEADS);
    for (index, target) in numbers.targets.iter().enumerate() {
        let counters = &target.counters;
        let health = healths.get(index);
        let error = health.and_then(|health| health.last_error.as_ref());
        table.row(vec![
            target.label.clone(),
            target.identity.name().to_owned(),
            grouped(counters.sent),
            grouped(counters.sent_octets),
            grouped(counters.refusals),
            grouped(unsent(target)),
            grouped(target.left_out.records_left_out),
            health.map_or("", |health| health.state.name()).to_owned(),
            error.map_or("", |(_, error)| error).to_owned(),
        ]);
    }
    let connections = numbers.targets.iter().map(connections::text);
    table.text() + &connections.collect::<String>()
}

/// As [`text`], as one line of JSON.
#[must_use]
pub fn json(numbers: &Numbers, healths: &[Health], now: SystemTime) -> String {
    list(numbers, Some((healths, now))) + "\n"
}

/// Returns the list of collectors, with how they are now if somebody knows.
pub(crate) fn list(numbers: &Numbers, healths: Option<(&[Health], SystemTime)>) -> String {
    let targets = numbers.targets.iter().enumerate();
    json::list(targets.map(|(index, target)| {
        let health = healths.and_then(|(list, now)| Some((list.get(index)?, now)));
        collector_json(target, health)
    }))
}

/// How it is, if somebody knows.
fn collector_json(target: &TargetPage, health: Option<(&Health, SystemTime)>) -> String {
    let counters = &target.counters;
    let left_out = &target.left_out;
    let mut members = vec![
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
        ("messages_left_out", left_out.messages_left_out.to_string()),
        ("records_left_out", left_out.records_left_out.to_string()),
        ("sets_left_out", left_out.sets_left_out.to_string()),
        ("trouble", or_null(trouble(target).map(string))),
        (
            "stream",
            or_null(target.stream.as_ref().map(connections::json)),
        ),
    ];
    if let Some((health, now)) = health {
        let ago_s = |at| {
            let ago = now.duration_since(at);
            ago.map_or(0, |ago| ago.as_secs()).to_string()
        };
        let error = health.last_error.as_ref();
        members.push(("state", string(health.state.name())));
        members.push(("state_s", ago_s(health.since)));
        members.push(("last_error", or_null(error.map(|(_, error)| string(error)))));
        members.push(("last_error_s_ago", or_null(error.map(|(at, _)| ago_s(*at)))));
    }
    object(&members)
}

/// Puts in what scrapers want to know of each collector.
pub(crate) fn put(snapshot: &mut Snapshot, numbers: &Numbers, healths: &[Health]) {
    for (index, target) in numbers.targets.iter().enumerate() {
        let counters = &target.counters;
        let health = healths.get(index);
        let is_up = health.is_none_or(|health| health.state != State::Down);
        for (entry, value) in [
            (&labelled::COLLECTOR_UP, u64::from(is_up)),
            (&labelled::COLLECTOR_MESSAGES, counters.sent),
            (&labelled::COLLECTOR_OCTETS, counters.sent_octets),
            (&labelled::COLLECTOR_REFUSALS, counters.refusals),
            (
                &labelled::COLLECTOR_RECORDS_LEFT_OUT,
                target.left_out.records_left_out,
            ),
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

/// Returns what sending to it meets now, in a word, if anything.
pub(crate) fn trouble(target: &TargetPage) -> Option<&'static str> {
    target.trouble.map(|trouble| trouble.reason.name())
}
