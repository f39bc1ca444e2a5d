//! The numbers of the data plane, for people and for programs.
//!
//! Names here are public: they are added, never renamed.
//!
//! Not here: where numbers are counted (`pipeline`, `mediator`), who asks (`control::telnet`).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;

use asdb::Provider;
use mediator::counters::SideCounters;
use mediator::{Counters, Dropped, Raw, Version};

use crate::control::json::{list, object, or_null, string};
use crate::pipeline::page::{Numbers, SessionPage, TargetPage, WorkerPage};
use crate::pipeline::tally::{Refused, Tally};
use crate::pipeline::target::Unsent;

/// A counter's name and value.
type Row = (&'static str, u64);

/// Returns what came, what became of it and what left, one number a line.
#[must_use]
pub fn text(numbers: &Numbers, uptime_s: u64) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: u64| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<34} {value:>20}");
    };
    row("uptime_s", uptime_s);
    for (name, value) in rows(numbers) {
        row(name, value);
    }
    for (group, members) in groups(numbers) {
        for (name, value) in members.into_iter().filter(|(_, value)| *value > 0) {
            row(&format!("{group}.{name}"), value);
        }
    }
    for (index, worker) in numbers.workers.iter().enumerate() {
        for (name, value) in worker_rows(worker) {
            row(&format!("worker-{index}.{name}"), value);
        }
    }
    text
}

fn worker_rows(worker: &WorkerPage) -> [Row; 4] {
    [
        ("datagrams_in", worker.datagrams),
        ("kernel_drops", worker.kernel_drops),
        ("exporters", saturating(worker.exporters_count)),
        ("mediator_bytes", saturating(worker.mediator_bytes)),
    ]
}

/// As [`text`], as one line of JSON.
#[must_use]
pub fn json(numbers: &Numbers, uptime_s: u64) -> String {
    let mut members = vec![("uptime_s", uptime_s.to_string())];
    members.extend(rows(numbers).map(|(name, value)| (name, value.to_string())));
    for (group, rows) in groups(numbers) {
        members.push((group, rows_json(&rows)));
    }
    let collectors = numbers.targets.iter().map(collector_json);
    members.push(("collectors", list(collectors)));
    let workers = numbers.workers.iter().map(worker_rows);
    members.push(("workers", list(workers.map(|rows| rows_json(&rows)))));
    object(&members) + "\n"
}

fn rows_json(rows: &[Row]) -> String {
    let members: Vec<_> = rows
        .iter()
        .map(|(name, value)| (*name, value.to_string()))
        .collect();
    object(&members)
}

fn rows(numbers: &Numbers) -> impl Iterator<Item = Row> {
    let Counters { records, store, .. } = &numbers.mediator;
    let counters = &numbers.mediator;
    let both_sides = records.both_sides();
    [
        ("datagrams_in", numbers.tally.datagrams),
        ("octets_in", numbers.tally.octets),
        ("kernel_drops", numbers.kernel_drops),
        ("messages_in", counters.messages_in),
        ("messages_forwarded", counters.messages_forwarded),
        ("messages_held", counters.messages_held),
        ("messages_lost", numbers.held_lost),
        ("messages_out", counters.messages_out),
        ("octets_out", counters.octets_out),
        ("malformed", counters.malformed),
        ("oversize", counters.oversize),
        ("splits", counters.splits),
        ("announcements", counters.announcements),
        ("exporter_restarts", counters.restarts),
        ("records", records.records),
        ("as_filled", records.filled),
        ("as_appended", records.appended),
        ("as_kept", records.kept),
        ("as_nobody", both_sides.nobody),
        ("as_compared", both_sides.compared),
        ("as_disagreements", both_sides.disagreements),
        ("templates_expired", store.templates_expired),
        ("templates_refused", store.templates_refused),
        ("sessions_evicted", store.sessions_evicted),
        ("sessions_expired", store.sessions_expired),
        ("sessions_refused", store.sessions_refused),
        ("sessions_with_sockets", saturating(numbers.sender_sessions)),
        ("messages_by_shared_socket", numbers.shared_messages),
        ("mediator_bytes", saturating(numbers.mediator_bytes)),
    ]
    .into_iter()
}

fn groups(numbers: &Numbers) -> Vec<(&'static str, Vec<Row>)> {
    let counters = &numbers.mediator;
    let versions = ["v5", "v9", "ipfix", "unknown"];
    let [source, destination] = &counters.records.sides;
    let both_sides = counters.records.both_sides();
    vec![
        (
            "messages_by_version",
            versions
                .into_iter()
                .zip(counters.messages_by_version)
                .collect(),
        ),
        ("as_by_provider", by_provider(&both_sides.answered)),
        ("as_source_by_provider", by_provider(&source.answered)),
        (
            "as_destination_by_provider",
            by_provider(&destination.answered),
        ),
        ("as_source_no_answer", by_provider(&source.no_answer)),
        (
            "as_destination_no_answer",
            by_provider(&destination.no_answer),
        ),
        (
            "datagrams_refused",
            Refused::ALL
                .map(|reason| (reason.name(), numbers.tally.refused[reason.index()]))
                .to_vec(),
        ),
        (
            "messages_dropped",
            Dropped::ALL
                .map(|reason| {
                    (
                        dropped_name(reason),
                        counters.messages_dropped[reason.index()],
                    )
                })
                .to_vec(),
        ),
        (
            "sets_dropped",
            Dropped::ALL
                .map(|reason| (dropped_name(reason), counters.sets_dropped[reason.index()]))
                .to_vec(),
        ),
        (
            "sets_raw",
            Raw::ALL
                .map(|reason| (raw_name(reason), counters.sets_raw[reason.index()]))
                .to_vec(),
        ),
    ]
}

fn by_provider(numbers: &[u64; Provider::ALL.len()]) -> Vec<Row> {
    let names = Provider::ALL.map(Provider::name);
    names.into_iter().zip(numbers.iter().copied()).collect()
}

const fn dropped_name(reason: Dropped) -> &'static str {
    match reason {
        Dropped::Malformed => "malformed",
        Dropped::UnknownVersion => "unknown_version",
        Dropped::IdTaken => "id_taken",
        Dropped::Withdrawal => "withdrawal",
        Dropped::Empty => "empty",
    }
}

const fn raw_name(reason: Raw) -> &'static str {
    match reason {
        Raw::Options => "options",
        Raw::NoAddress => "no_address",
        Raw::NoAsField => "no_as_field",
        Raw::SwitchedOff => "switched_off",
        Raw::ZeroLength => "zero_length",
        Raw::TooManyFields => "too_many_fields",
        Raw::NoCloneId => "no_clone_id",
        Raw::TooLarge => "too_large",
        Raw::UnknownTemplate => "unknown_template",
        Raw::Misfit => "misfit",
        Raw::ReservedSetId => "reserved_set_id",
        Raw::BrokenTemplate => "broken_template",
    }
}

/// Returns each collector with what it got and what is wrong with it.
#[must_use]
pub fn collectors_text(numbers: &Numbers) -> String {
    let mut text = format!(
        "{:<32} {:<8} {:>14} {:>16} {:>10} {:>10}  state\n",
        "collector", "source", "messages", "octets", "refusals", "unsent"
    );
    for target in &numbers.targets {
        let counters = &target.counters;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<32} {:<8} {:>14} {:>16} {:>10} {:>10}  {}",
            target.label,
            target.identity.name(),
            counters.sent,
            counters.sent_octets,
            counters.refusals,
            counters.unsent.iter().sum::<u64>(),
            state(target)
        );
    }
    text
}

/// As [`collectors_text`], as one line of JSON.
#[must_use]
pub fn collectors_json(numbers: &Numbers) -> String {
    list(numbers.targets.iter().map(collector_json)) + "\n"
}

fn collector_json(target: &TargetPage) -> String {
    let counters = &target.counters;
    let unsent = Unsent::ALL.map(|reason| (reason.name(), counters.unsent[reason.index()]));
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
        ("unsent", rows_json(&unsent)),
        ("state", string(state(target))),
    ])
}

fn state(target: &TargetPage) -> &'static str {
    target.trouble.map_or("ok", |trouble| trouble.reason.name())
}

/// Returns each exporter address with what it sent and what became of it.
#[must_use]
pub fn exporters_text(numbers: &Numbers) -> String {
    let mut text = format!(
        "{:<40} {:>12} {:>14} {:>8} {:>9} {:>10} {:>10} {:>10} {:>10} {:>10} {:>8} {:>8}\n",
        "exporter",
        "datagrams",
        "octets",
        "unknown",
        "malformed",
        "records",
        "filled",
        "appended",
        "nobody",
        "disagree",
        "sets_raw",
        "refused"
    );
    let mut line = |name: &str, exporter: &Exporter| {
        let [mut both_sides, destination] = exporter.sides;
        both_sides.add(&destination);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{name:<40} {:>12} {:>14} {:>8} {:>9} {:>10} {:>10} {:>10} {:>10} {:>10} {:>8} {:>8}",
            exporter.tally.datagrams,
            exporter.tally.octets,
            exporter.tally.unknown_versions,
            exporter.tally.malformed,
            exporter.records,
            exporter.filled,
            exporter.appended,
            both_sides.nobody,
            both_sides.disagreements,
            exporter.sets_raw,
            exporter.tally.refused.iter().sum::<u64>(),
        );
    };
    for (address, exporter) in exporters(numbers) {
        line(&address.to_string(), &exporter);
    }
    let others = numbers.other_exporters;
    if others.datagrams > 0 {
        line(
            "(others)",
            &Exporter {
                tally: others,
                ..Exporter::default()
            },
        );
    }
    text
}

/// As [`exporters_text`], as one line of JSON.
#[must_use]
pub fn exporters_json(numbers: &Numbers) -> String {
    let exporter = |(address, exporter): (IpAddr, Exporter)| {
        let refused = Refused::ALL.map(|one| (one.name(), exporter.tally.refused[one.index()]));
        object(&[
            ("exporter", string(&address.to_string())),
            ("datagrams", exporter.tally.datagrams.to_string()),
            ("octets", exporter.tally.octets.to_string()),
            (
                "unknown_versions",
                exporter.tally.unknown_versions.to_string(),
            ),
            ("malformed", exporter.tally.malformed.to_string()),
            ("records", exporter.records.to_string()),
            ("as_filled", exporter.filled.to_string()),
            ("as_appended", exporter.appended.to_string()),
            ("sets_raw", exporter.sets_raw.to_string()),
            ("refused", rows_json(&refused)),
            ("source", side_json(&exporter.sides[0])),
            ("destination", side_json(&exporter.sides[1])),
        ])
    };
    list(exporters(numbers).into_iter().map(exporter)) + "\n"
}

fn side_json(side: &SideCounters) -> String {
    object(&[
        ("answered", rows_json(&by_provider(&side.answered))),
        ("no_answer", rows_json(&by_provider(&side.no_answer))),
        ("nobody", side.nobody.to_string()),
        ("compared", side.compared.to_string()),
        ("disagreements", side.disagreements.to_string()),
    ])
}

/// What one exporter address sent, over all its sessions that are remembered.
#[derive(Clone, Copy, Default)]
struct Exporter {
    tally: Tally,
    records: u64,
    filled: u64,
    appended: u64,
    sides: [SideCounters; 2],
    sets_raw: u64,
}

fn exporters(numbers: &Numbers) -> BTreeMap<IpAddr, Exporter> {
    let mut exporters: BTreeMap<IpAddr, Exporter> = BTreeMap::new();
    for (address, tally) in &numbers.exporters {
        exporters.entry(*address).or_default().tally.add(tally);
    }
    for session in &numbers.sessions {
        if let Some(exporter) = exporters.get_mut(&session.exporter.ip()) {
            let records = &session.counters.records;
            exporter.records += records.records;
            exporter.filled += records.filled;
            exporter.appended += records.appended;
            for (sum, side) in exporter.sides.iter_mut().zip(&records.sides) {
                sum.add(side);
            }
            exporter.sets_raw += session.counters.raw_sets.iter().sum::<u64>();
        }
    }
    exporters
}

/// Returns each session with its Templates.
#[must_use]
pub fn templates_text(numbers: &Numbers) -> String {
    let mut text = format!(
        "{:<48} {:>7} {:>10} {:>10} {:>12}\n",
        "exporter", "version", "domain", "templates", "messages"
    );
    for session in sessions(numbers) {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<48} {:>7} {:>10} {:>10} {:>12}",
            session.exporter.to_string(),
            version_name(session.version),
            session.domain,
            session.templates_count,
            session.counters.messages_in
        );
    }
    text
}

/// As [`templates_text`], as one line of JSON.
#[must_use]
pub fn templates_json(numbers: &Numbers) -> String {
    let session = |session: &SessionPage| {
        object(&[
            ("exporter", string(&session.exporter.to_string())),
            ("version", string(version_name(session.version))),
            ("domain", session.domain.to_string()),
            ("templates", session.templates_count.to_string()),
            ("messages", session.counters.messages_in.to_string()),
        ])
    };
    list(sessions(numbers).into_iter().map(session)) + "\n"
}

fn sessions(numbers: &Numbers) -> Vec<&SessionPage> {
    let mut sessions: Vec<_> = numbers.sessions.iter().collect();
    sessions.sort_by_key(|session| (session.exporter, session.version, session.domain));
    sessions
}

const fn version_name(version: Version) -> &'static str {
    match version {
        Version::V5 => "v5",
        Version::V9 => "v9",
        Version::Ipfix => "ipfix",
    }
}

/// Returns the line that goes to the log now and then: what happened since `before`.
#[must_use]
pub fn log_line(before: &Numbers, now: &Numbers, seconds: u64) -> String {
    let sum = |tally: &Tally| tally.refused.iter().sum::<u64>();
    let came = now.tally.datagrams.saturating_sub(before.tally.datagrams);
    let (was, is) = (&before.mediator, &now.mediator);
    let mut line = format!(
        "{seconds} s: {came} datagrams in ({} per second), {} refused, {} lost by the kernel; {} \
         Messages out, {} dropped; {} records, {} AS filled, {} appended, {} unknown to all",
        came / seconds.max(1),
        sum(&now.tally).saturating_sub(sum(&before.tally)),
        now.kernel_drops.saturating_sub(before.kernel_drops),
        is.messages_out.saturating_sub(was.messages_out),
        dropped(is).saturating_sub(dropped(was)),
        is.records.records.saturating_sub(was.records.records),
        is.records.filled.saturating_sub(was.records.filled),
        is.records.appended.saturating_sub(was.records.appended),
        nobody(is).saturating_sub(nobody(was)),
    );
    for target in now.targets.iter().filter(|target| target.trouble.is_some()) {
        // Writing to a String cannot fail.
        let _ = write!(
            line,
            "; collector {}: {}, {} refusals, {} Messages unsent",
            target.label,
            state(target),
            target.counters.refusals,
            target.counters.unsent.iter().sum::<u64>()
        );
    }
    line
}

fn nobody(counters: &Counters) -> u64 {
    counters.records.both_sides().nobody
}

fn dropped(counters: &Counters) -> u64 {
    counters.messages_dropped.iter().sum()
}

fn saturating(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
