//! The numbers of the data plane, put under the names of the catalogue.
//!
//! Not here: the names (`report::catalogue`), where numbers are counted (`pipeline`, `mediator`),
//! who asks (`control::telnet`, `control::http`), what is shown by exporter (`exporters`) or
//! collector (`collectors`).

use std::collections::HashSet;
use std::fmt::Write;

use asdb::Provider;
use mediator::{Counters, Dropped, Raw, Version};
use report::catalogue::{labelled, total};
use report::rates::WINDOWS;
use report::{Snapshot, json, text};

use crate::control::pulse::RATED_COUNT;
use crate::control::{collectors, process};
use crate::pipeline::page::{Numbers, WorkerPage};
use crate::pipeline::tally::{Refused, Tally};

/// The protocols, in the order of the Mediator's counters.
const VERSIONS: [&str; 4] = ["v5", "v9", "ipfix", "unknown"];

/// What the workers' numbers do not tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside {
    /// Seconds since the start.
    pub uptime_s: u64,
    /// Rates over the windows of `report::rates`.
    pub rates: [[u64; RATED_COUNT]; WINDOWS.len()],
}

/// Returns what came, what became of it and what left, one number a line.
#[must_use]
pub fn text(numbers: &Numbers, beside: &Beside) -> String {
    text::lines(&snapshot(numbers, beside))
}

/// As [`text`], as one line of JSON, with the collectors.
#[must_use]
pub fn json(numbers: &Numbers, beside: &Beside) -> String {
    let mut members = json::members(&snapshot(numbers, beside));
    members.push(("collectors", collectors::list(numbers, None)));
    json::object(&members) + "\n"
}

/// Returns the numbers of the whole daemon and of its workers under their names.
#[must_use]
pub fn snapshot(numbers: &Numbers, beside: &Beside) -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.put(&total::UPTIME, beside.uptime_s);
    put_totals(&mut snapshot, numbers);
    put_rates(&mut snapshot, beside);
    put_groups(&mut snapshot, numbers);
    process::put(&mut snapshot);
    put_workers(&mut snapshot, &numbers.workers);
    snapshot
}

fn put_totals(snapshot: &mut Snapshot, numbers: &Numbers) {
    let counters = &numbers.mediator;
    let Counters { records, store, .. } = counters;
    let both_sides = records.both_sides();
    for (entry, value) in [
        (&total::DATAGRAMS_IN, numbers.tally.datagrams),
        (&total::OCTETS_IN, numbers.tally.octets),
        (&total::KERNEL_DROPS, numbers.kernel_drops),
        (&total::MESSAGES_IN, counters.messages_in),
        (&total::MESSAGES_FORWARDED, counters.messages_forwarded),
        (&total::MESSAGES_HELD, counters.messages_held),
        (&total::MESSAGES_LOST, numbers.held_lost),
        (&total::MESSAGES_OUT, counters.messages_out),
        (&total::OCTETS_OUT, counters.octets_out),
        (&total::SETS_IN, counters.sets_in),
        (&total::SETS_FORWARDED, counters.sets_forwarded),
        (&total::MALFORMED, counters.malformed),
        (&total::OVERSIZE, counters.oversize),
        (&total::SPLITS, counters.splits),
        (&total::HOLDS, counters.holds),
        (&total::ANNOUNCEMENTS, counters.announcements),
        (&total::EXPORTER_RESTARTS, counters.restarts),
        (&total::REDEFINITIONS, counters.redefinitions),
        (&total::ID_MOVES, counters.id_moves),
        (&total::BROKEN_TEMPLATES, counters.broken_templates),
        (&total::RECORDS, records.records),
        (&total::AS_FILLED, records.filled),
        (&total::AS_APPENDED, records.appended),
        (&total::AS_KEPT, records.kept),
        (&total::AS_NOBODY, both_sides.nobody),
        (&total::AS_COMPARED, both_sides.compared),
        (&total::AS_DISAGREEMENTS, both_sides.disagreements),
        (&total::AS_UNIQUE, as_unique(numbers)),
        (&total::TEMPLATES_EXPIRED, store.templates_expired),
        (&total::TEMPLATES_REFUSED, store.templates_refused),
        (&total::SESSIONS_EVICTED, store.sessions_evicted),
        (&total::SESSIONS_EXPIRED, store.sessions_expired),
        (&total::SESSIONS_REFUSED, store.sessions_refused),
        (
            &total::SESSIONS_WITH_SOCKETS,
            saturating(numbers.sender_sessions),
        ),
        (&total::MESSAGES_BY_SHARED_SOCKET, numbers.shared_messages),
        (&total::MEDIATOR_BYTES, saturating(numbers.mediator_bytes)),
        (&total::ERRORS, errors(numbers)),
    ] {
        snapshot.put(entry, value);
    }
}

fn put_rates(snapshot: &mut Snapshot, beside: &Beside) {
    let entries = [
        &labelled::DATAGRAMS_RATE,
        &labelled::OCTETS_RATE,
        &labelled::MESSAGES_OUT_RATE,
        &labelled::RECORDS_RATE,
    ];
    for ((window, _), rates) in WINDOWS.into_iter().zip(beside.rates) {
        for (entry, rate) in entries.into_iter().zip(rates) {
            snapshot.put_each(entry, [(window, rate)]);
        }
    }
}

fn put_groups(snapshot: &mut Snapshot, numbers: &Numbers) {
    let counters = &numbers.mediator;
    let [source, destination] = &counters.records.sides;
    let both_sides = counters.records.both_sides();
    for (entry, by_version) in [
        (&labelled::MESSAGES_BY_VERSION, counters.messages_by_version),
        (&labelled::OCTETS_BY_VERSION, counters.octets_by_version),
        (&labelled::RECORDS_BY_VERSION, counters.records_by_version),
    ] {
        snapshot.put_each(entry, VERSIONS.into_iter().zip(by_version));
    }
    for (entry, numbers) in [
        (&labelled::AS_BY_PROVIDER, &both_sides.answered),
        (&labelled::AS_SOURCE, &source.answered),
        (&labelled::AS_DESTINATION, &destination.answered),
        (&labelled::AS_SOURCE_NO_ANSWER, &source.no_answer),
        (&labelled::AS_DESTINATION_NO_ANSWER, &destination.no_answer),
    ] {
        snapshot.put_each(entry, by_provider(numbers));
    }
    let refused = refused_rows(&numbers.tally);
    snapshot.put_each(&labelled::DATAGRAMS_REFUSED, refused);
    let by_reason = |numbers: &[u64; Dropped::ALL.len()]| {
        Dropped::ALL.map(|reason| (dropped_name(reason), numbers[reason.index()]))
    };
    let dropped = by_reason(&counters.messages_dropped);
    snapshot.put_each(&labelled::MESSAGES_DROPPED, dropped);
    let dropped = by_reason(&counters.sets_dropped);
    snapshot.put_each(&labelled::SETS_DROPPED, dropped);
    let raw = Raw::ALL.map(|reason| (raw_name(reason), counters.sets_raw[reason.index()]));
    snapshot.put_each(&labelled::SETS_RAW, raw);
}

fn put_workers(snapshot: &mut Snapshot, workers: &[WorkerPage]) {
    for (index, worker) in workers.iter().enumerate() {
        for (entry, value) in [
            (&labelled::WORKER_DATAGRAMS, worker.datagrams),
            (&labelled::WORKER_KERNEL_DROPS, worker.kernel_drops),
            (
                &labelled::WORKER_EXPORTERS,
                saturating(worker.exporters_count),
            ),
            (&labelled::WORKER_BYTES, saturating(worker.mediator_bytes)),
        ] {
            snapshot.put_each(entry, [(index.to_string(), value)]);
        }
    }
}

/// Malformed Messages, refused and lost datagrams, dropped and unsent Messages, each once.
fn errors(numbers: &Numbers) -> u64 {
    let counters = &numbers.mediator;
    // Whether a malformed Message is dropped is the operator's choice; it is an error anyway.
    let dropped = Dropped::ALL.map(|reason| match reason {
        Dropped::Malformed => 0,
        _ => counters.messages_dropped[reason.index()],
    });
    let unsent = numbers.targets.iter().map(collectors::unsent);
    counters.malformed
        + refused(&numbers.tally)
        + numbers.kernel_drops
        + numbers.held_lost
        + dropped.iter().sum::<u64>()
        + unsent.sum::<u64>()
}

fn as_unique(numbers: &Numbers) -> u64 {
    match &numbers.traffic[..] {
        [only] => saturating(only.ases().count()),
        all => {
            let ases = all.iter().flat_map(|one| one.ases());
            let ases: HashSet<_> = ases.map(|(asn, _)| asn).collect();
            saturating(ases.len())
        }
    }
}

/// Returns each provider's name with its number.
pub(crate) fn by_provider(
    numbers: &[u64; Provider::ALL.len()],
) -> impl Iterator<Item = (&'static str, u64)> {
    Provider::ALL.map(Provider::name).into_iter().zip(*numbers)
}

/// Returns each reason for not taking a datagram, with its number.
pub(crate) fn refused_rows(tally: &Tally) -> [(&'static str, u64); Refused::ALL.len()] {
    Refused::ALL.map(|reason| (reason.name(), tally.refused[reason.index()]))
}

fn refused(tally: &Tally) -> u64 {
    tally.refused.iter().sum()
}

const fn dropped_name(reason: Dropped) -> &'static str {
    match reason {
        Dropped::Malformed => "malformed",
        Dropped::UnknownVersion => "unknown_version",
        Dropped::IdTaken => "id_taken",
        Dropped::Withdrawal => "withdrawal",
        Dropped::Empty => "empty",
        Dropped::Filtered => "filtered",
    }
}

/// Returns the name of a reason for leaving without AS numbers.
pub(crate) const fn raw_name(reason: Raw) -> &'static str {
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

/// Returns the name of a protocol.
pub(crate) const fn version_name(version: Version) -> &'static str {
    match version {
        Version::V5 => "v5",
        Version::V9 => "v9",
        Version::Ipfix => "ipfix",
    }
}

/// Returns the line that goes to the log now and then: what happened since `before`.
#[must_use]
pub fn log_line(before: &Numbers, now: &Numbers, seconds: u64) -> String {
    let came = now.tally.datagrams.saturating_sub(before.tally.datagrams);
    let (was, is) = (&before.mediator, &now.mediator);
    let mut line = format!(
        "{seconds} s: {came} datagrams in ({} per second), {} refused, {} lost by the kernel; {} \
         Messages out, {} dropped; {} records, {} AS filled, {} appended, {} unknown to all",
        came / seconds.max(1),
        refused(&now.tally).saturating_sub(refused(&before.tally)),
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
            collectors::trouble(target).unwrap_or("ok"),
            target.counters.refusals,
            collectors::unsent(target)
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

/// Returns a count as it is put into a snapshot.
pub(crate) fn saturating(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
