//! The laws where a second collector wants only some of the Data Records.

use crate::check::equal;
use crate::drive::Drive;
use crate::memory;
use crate::run::{Climate, DATAGRAMS, WORLD, settings};
use lab::fleet::Fleet;
use lab::judge::Bench;
use lab::link::carry;
use lab::random::Random;
use lab::selection::{Selection, Tally, Wanted};
use lab::sequence::Past;
use lab::world::{self, PREFIXES};
use mediator::settings::Settings;
use mediator::settings::filter::{IpVersion, PrefixSet, RecordFilter};
use mediator::{Counters, OutletCounters};

/// What one seed left behind.
struct Run {
    selection: Selection,
    counters: Counters,
    left_out: OutletCounters,
    past: Past,
}

fn wanted(random: &mut Random) -> Wanted {
    let known = *random.pick(PREFIXES);
    let other = *random.pick(PREFIXES);
    let of_as = Wanted {
        as_numbers: vec![known.asn, other.asn, *random.pick(world::USABLE_AS)],
        ..Wanted::default()
    };
    let of_address = Wanted {
        addresses: vec![
            (known.network, known.prefix_len),
            (other.network, other.prefix_len),
        ],
        ..Wanted::default()
    };
    let version = *random.pick(&[4, 6]);
    let ip_version = Some(version);
    match random.next_u32() % 4 {
        0 => of_as,
        1 => of_address,
        2 => Wanted {
            ip_version,
            ..Wanted::default()
        },
        _ => Wanted {
            ip_version,
            ..of_as
        },
    }
}

/// The same for the Mediator.
fn filter(wanted: &Wanted) -> RecordFilter {
    let prefix = |(network, length): &(_, _)| asdb::Prefix::new(*network, *length).unwrap();
    let mut as_numbers = wanted.as_numbers.clone();
    as_numbers.sort_unstable();
    RecordFilter {
        as_numbers,
        addresses: wanted.addresses.iter().map(prefix).collect::<PrefixSet>(),
        ip_version: wanted.ip_version.map(|version| match version {
            4 => IpVersion::V4,
            _ => IpVersion::V6,
        }),
    }
}

fn with_second_outlet(mut settings: Settings, wanted: &Wanted, random: &mut Random) -> Settings {
    let mut second = settings.outlets[0].clone();
    second.packet_octets_max = *random.pick(&[600, 1_500]);
    second.filter.records = filter(wanted);
    settings.outlets.push(second);
    settings
}

fn run(seed: u64) -> Run {
    let climate = Climate::of(seed);
    let mut random = Random::new(seed ^ 0x5e1ec7);
    let wanted = wanted(&mut random);
    let settings = settings(&mut random);
    let settings = with_second_outlet(settings, &wanted, &mut random);
    let bench = Bench {
        packet_octets_max: settings.outlets[0].packet_octets_max,
        keeps_log: false,
        origin: Some(world::origin),
    };
    let sent: Vec<_> = Fleet::new(seed, climate.conduct).take(DATAGRAMS).collect();
    let arrived = carry(&mut random, climate.weather, &sent);
    let mut drive = Drive::new(&WORLD, settings, bench, memory::held);
    drive.selection = Some(Selection::new(wanted));
    for datagram in arrived {
        let emitted = &sent[datagram.sent_index];
        drive.process(emitted.exporter, datagram.at_ms, &emitted.octets);
    }
    drive.finish();
    Run {
        selection: drive.selection.unwrap(),
        counters: drive.mediator.counters(),
        left_out: drive.mediator.outlet_counters()[1],
        past: climate.past,
    }
}

/// What is broken, in a sentence.
fn broken(run: &Run) -> Result<(), String> {
    if let Some(breach) = run.selection.breaches().first() {
        return Err(breach.clone());
    }
    let tally = run.selection.tally();
    if tally.missing_sets > run.left_out.sets_left_out {
        let said = run.left_out.sets_left_out;
        return Err(format!("{} Sets missing, {said} said", tally.missing_sets));
    }
    if run.left_out.sets_left_out == 0 {
        let left_out = run.left_out.records_left_out;
        equal("Data Records left out", tally.whole - tally.part, left_out)?;
    }
    let counters = &run.counters;
    let dropped: u64 = counters.messages_dropped.iter().sum();
    let ended = counters.messages_forwarded + dropped;
    equal("Messages", counters.messages_in, ended)?;
    let dropped: u64 = counters.sets_dropped.iter().sum();
    equal("Sets", counters.sets_in, counters.sets_forwarded + dropped)?;
    sequences(run)
}

/// L4 of what is left: no loss that the first collector does not see. What left out Sets would
/// have counted stays a gap; where the network shuffles, so does what came late and was left out.
fn sequences(run: &Run) -> Result<(), String> {
    if !matches!(run.past, Past::Orderly | Past::Restarted) || run.left_out.sets_left_out > 0 {
        return Ok(());
    }
    for (session, whole, part) in run.selection.sequences() {
        let is_countable = whole.uncounted() == 0 && part.uncounted() == 0;
        let is_behind = whole.steps_back() > 0;
        if is_countable && !is_behind && part.missing() > whole.missing() {
            let (before, after) = (whole.missing(), part.missing());
            return Err(format!("{session:?}: {before} missing became {after}"));
        }
    }
    Ok(())
}

/// Runs seeds; returns what they met, and what was broken.
pub(crate) fn run_all(seeds: std::ops::Range<u64>) -> (Tally, Vec<(u64, String)>) {
    let mut met = Tally::default();
    let mut failed = Vec::new();
    for seed in seeds {
        let run = run(seed);
        let tally = run.selection.tally();
        met.whole += tally.whole;
        met.part += tally.part;
        met.missing_sets += tally.missing_sets;
        failed.extend(broken(&run).err().map(|why| (seed, why)));
    }
    (met, failed)
}
