//! The simulation: seeds become exporters, the network loses and shuffles what they send, the
//! Mediator enriches it, a judge watches both sides. Every law of DESIGN section 1 is a function
//! here.
//!
//! `LAB_SEEDS=n` runs n seeds, `LAB_FIRST=n` says with which to begin (0);
//! `LAB_SEED=n` runs that one and prints what it met.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod check;
#[path = "../drive/mod.rs"]
mod drive;
mod memory;
mod met;
mod run;
mod selecting;

use met::Met;
use run::Room;

/// Seeds that a run of the whole test suite takes.
const SEEDS: u64 = 2_000;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap())
}

#[test]
fn no_law_is_broken_whatever_the_exporters_and_the_network_do() {
    let only = number("LAB_SEED");
    let seeds = match only {
        Some(seed) => seed..seed + 1,
        None => {
            let first = number("LAB_FIRST").unwrap_or(0);
            first..first + number("LAB_SEEDS").unwrap_or(SEEDS)
        }
    };
    let mut met = Met::default();
    let mut failed = Vec::new();
    for seed in seeds.clone() {
        let run = run::run(seed, only.is_some(), Room::Plenty);
        for line in run.judge.log() {
            println!("{line}");
        }
        let broken = check::broken(&run);
        if !broken.is_empty() {
            failed.push((seed, broken));
        }
        met.add(&run);
    }
    println!("{} seeds: {met}", seeds.end - seeds.start);
    report(&failed);
    assert!(failed.is_empty(), "{} seeds break a law", failed.len());
    let unmet = met.unmet();
    assert!(only.is_some() || unmet.is_empty(), "never met: {unmet:?}");
}

#[test]
fn no_law_is_broken_where_a_collector_wants_only_some_of_the_records() {
    let seeds = match number("LAB_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("LAB_SEEDS").unwrap_or(SEEDS) / 4,
    };
    let (met, failed) = selecting::run_all(seeds.clone());
    println!("{met:?}");
    for (seed, why) in failed.iter().take(20) {
        println!("seed {seed}: {why}");
    }
    assert!(failed.is_empty(), "{} seeds break a law", failed.len());
    let is_met = met.part > 0 && met.whole > met.part;
    assert!(seeds.end - seeds.start == 1 || is_met, "{met:?}");
}

#[test]
fn a_mediator_with_too_little_room_changes_no_record_and_accounts_for_all() {
    let mut failed = Vec::new();
    let mut want = 0;
    for seed in 0..number("LAB_SEEDS").unwrap_or(SEEDS) / 8 {
        let run = run::run(seed, false, Room::Little);
        let store = run.counters.store;
        want += store.sessions_evicted + store.sessions_refused + store.templates_refused;
        let broken = check::broken_for_want_of_room(&run);
        if !broken.is_empty() {
            failed.push((seed, broken));
        }
    }
    report(&failed);
    assert!(failed.is_empty(), "{} seeds break a law", failed.len());
    assert!(want > 0, "no limit was ever reached");
}

/// Prints the laws that each failed seed broke, and how to see it again.
fn report(failed: &[(u64, Vec<String>)]) {
    for (seed, broken) in failed.iter().take(20) {
        println!("seed {seed}, again with: LAB_SEED={seed} cargo test -p lab --test laws");
        for what in broken.iter().take(4) {
            println!("    {what}");
        }
    }
}
