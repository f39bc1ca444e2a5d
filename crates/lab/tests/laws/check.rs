//! The laws L1 to L8, each by its name, and the promise that they protect.

use super::run::Run;
use lab::judge::Law;
use lab::sequence::{self, Past};
use mediator::Dropped;

/// Returns what is broken, in one sentence each.
pub(crate) fn broken(run: &Run) -> Vec<String> {
    type Check = fn(&Run) -> Result<(), String>;
    let laws: [(&str, Check); 9] = [
        ("L1 readable", readable),
        ("L2 projection", projection),
        ("L3 size", size),
        ("L4 sequence", sequence),
        ("L5 bound", bound),
        ("L6 accounted", accounted),
        ("L7 no harm", no_harm),
        ("L8 order", order),
        ("promise", promise),
    ];
    laws.iter()
        .filter_map(|(name, law)| law(run).err().map(|why| format!("{name}: {why}")))
        .collect()
}

/// As [`broken`], of a Mediator that has too little room. What it cannot remember passes raw: out
/// of order, without a number or a count of ours, as large as it came.
#[allow(dead_code, reason = "fuzzers give it all the room it wants")]
pub(crate) fn broken_for_want_of_room(run: &Run) -> Vec<String> {
    let kept = ["L2", "L5", "L7"];
    let mut broken = broken(run);
    broken.retain(|what| kept.iter().any(|law| what.starts_with(law)));
    broken.extend(counted(run).err().map(|why| format!("L6 accounted: {why}")));
    broken
}

/// The first breach of a law that the judge saw.
fn judged(run: &Run, law: Law) -> Result<(), String> {
    let mut breaches = run.judge.breaches().iter().filter(|b| b.law == law);
    match breaches.next() {
        None => Ok(()),
        Some(first) => Err(format!(
            "in {} out {}: {} (and {} more; {:?})",
            first.at.0,
            first.at.1,
            first.what,
            breaches.count(),
            run.climate.past
        )),
    }
}

/// L1: no Set that could be read is unreadable now, or reads another way; what was enriched has
/// its Template before it.
fn readable(run: &Run) -> Result<(), String> {
    judged(run, Law::Readable)
}

/// L2: without the fields that are ours the input's records come back, octet for octet.
fn projection(run: &Run) -> Result<(), String> {
    judged(run, Law::Projection)
}

/// L3: nothing that can be divided is too large; Lengths and counts are true; what is too large
/// is counted.
fn size(run: &Run) -> Result<(), String> {
    judged(run, Law::Size)?;
    equal(
        "datagrams too large",
        run.judge.tally().oversize as u64,
        run.counters.oversize,
    )
}

/// L4: whoever checks Sequence Numbers sees the input's loss and no other.
fn sequence(run: &Run) -> Result<(), String> {
    let mut sessions: Vec<_> = run.judge.sequences().collect();
    sessions.sort_unstable_by_key(|(session, ..)| **session);
    for (session, came, left) in sessions {
        sequence::judge(session.version, came, left, run.climate.past)
            .map_err(|why| format!("{session:?} {:?}: {why}", run.climate.past))?;
    }
    Ok(())
}

/// L5: the Mediator holds no more than its limits state, and no more than it says.
fn bound(run: &Run) -> Result<(), String> {
    let total = run.limits.total_bytes();
    let held = usize::try_from(run.bytes_held).unwrap_or(0);
    if run.bytes_said > total || held > total {
        let said = run.bytes_said;
        return Err(format!("{said} said, {held} held, {total} allowed"));
    }
    Ok(())
}

/// L6: every Message and every Set left or was dropped for one reason; nothing waits.
fn accounted(run: &Run) -> Result<(), String> {
    judged(run, Law::Accounted)?;
    counted(run)?;
    equal(
        "Sets under an ID that is taken",
        run.judge.tally().id_taken as u64,
        run.counters.sets_dropped[Dropped::IdTaken.index()],
    )
}

/// L6, as far as the Mediator's own books say it.
fn counted(run: &Run) -> Result<(), String> {
    let counters = &run.counters;
    let dropped: u64 = counters.messages_dropped.iter().sum();
    equal("Messages waiting", 0, counters.messages_held)?;
    equal(
        "Messages",
        counters.messages_in,
        counters.messages_forwarded + dropped,
    )?;
    let dropped: u64 = counters.sets_dropped.iter().sum();
    equal("Sets", counters.sets_in, counters.sets_forwarded + dropped)?;
    let tally = run.judge.tally();
    equal(
        "datagrams received",
        tally.datagrams_in as u64,
        counters.datagrams_in,
    )?;
    equal(
        "datagrams sent",
        tally.datagrams_out as u64,
        counters.messages_out,
    )
}

/// L7: what is not understood leaves unchanged.
fn no_harm(run: &Run) -> Result<(), String> {
    judged(run, Law::NoHarm)
}

/// L8: Sets, records and fields in the order they came; no Template ID means two things.
fn order(run: &Run) -> Result<(), String> {
    judged(run, Law::Order)
}

/// The AS numbers are the right ones; and where the network kept the order and nobody started
/// again, none is missing that could have been there.
fn promise(run: &Run) -> Result<(), String> {
    judged(run, Law::Promise)?;
    match run.climate.past {
        Past::Orderly => equal("AS numbers missed", run.judge.tally().missed as u64, 0),
        _ => Ok(()),
    }
}

pub(crate) fn equal(what: &str, seen: u64, counted: u64) -> Result<(), String> {
    if seen == counted {
        Ok(())
    } else {
        Err(format!("{what}: {seen} seen, {counted} counted"))
    }
}
