//! The highest rate at which nothing is lost, found by steps.
//!
//! Upwards until something is lost, then between the last good rate and the first bad one. What
//! fails counts if it fails twice: once may be somebody else's work on the same machine.
//!
//! Bound: [`UPWARDS_MAX`] and [`BETWEEN`] slices, twice at worst.

use anyhow::Result;

use super::running::Running;
use super::slice::{Bench, Outcome};

const UPWARDS_MAX: usize = 8;

/// Each halves the interval, which is 30 % of the rate at first.
const BETWEEN: usize = 3;

const STEP: f64 = 1.3;
const RATE_MIN: u32 = 5_000;

/// A rate without loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Highest {
    pub(super) rate: u32,
    /// Whether the generator, not the program, was at its end.
    pub(super) is_generators: bool,
}

/// Returns the rate to begin with: half of what one core could do at this cost.
pub(super) fn begin(us_per_datagram: Option<f64>) -> u32 {
    let per_second = 0.5e6 / us_per_datagram.unwrap_or(10.0);
    (per_second as u32).max(RATE_MIN)
}

/// Searches from `start` on.
pub(super) fn highest(bench: &Bench, running: &mut Running, start: u32) -> Result<Highest> {
    search(start, |rate| {
        let outcome = bench.outcome(running, rate)?;
        match outcome {
            Outcome::Whole => Ok(outcome),
            Outcome::Lossy | Outcome::NotReached => bench.outcome(running, rate),
        }
    })
}

fn search(start: u32, mut outcome: impl FnMut(u32) -> Result<Outcome>) -> Result<Highest> {
    let mut good = 0;
    let mut bad = None;
    let mut is_generators = false;
    let mut rate = start;
    for _ in 0..UPWARDS_MAX {
        match outcome(rate)? {
            Outcome::Whole => good = rate,
            other => {
                is_generators = other == Outcome::NotReached;
                bad = Some(rate);
                break;
            }
        }
        rate = (f64::from(rate) * STEP) as u32;
    }
    // Not even the first was good: the search goes downwards instead.
    while good == 0 && rate > RATE_MIN {
        rate = (f64::from(rate) / STEP) as u32;
        match outcome(rate)? {
            Outcome::Whole => good = rate,
            other => {
                is_generators = other == Outcome::NotReached;
                bad = Some(rate);
            }
        }
    }
    for _ in 0..BETWEEN {
        let Some(above) = bad else {
            break;
        };
        let middle = good + (above - good) / 2;
        match outcome(middle)? {
            Outcome::Whole => good = middle,
            other => {
                is_generators = other == Outcome::NotReached;
                bad = Some(middle);
            }
        }
    }
    Ok(Highest {
        rate: good,
        is_generators,
    })
}

#[cfg(test)]
mod tests {
    use super::{Highest, search};
    use crate::bench::slice::Outcome;

    fn found(start: u32, limit: u32, generator: u32) -> Highest {
        search(start, |rate| {
            Ok(if rate > generator {
                Outcome::NotReached
            } else if rate > limit {
                Outcome::Lossy
            } else {
                Outcome::Whole
            })
        })
        .unwrap()
    }

    #[test]
    fn the_limit_is_met_within_a_twentieth_from_wherever_the_search_begins() {
        for start in [20_000, 90_000, 150_000, 400_000] {
            let Highest {
                rate,
                is_generators,
            } = found(start, 100_000, u32::MAX);
            assert!((95_000..=100_000).contains(&rate), "{start}: {rate}");
            assert!(!is_generators);
        }
    }

    #[test]
    fn a_generator_at_its_end_is_told_from_a_program_at_its() {
        let Highest {
            rate,
            is_generators,
        } = found(50_000, u32::MAX, 120_000);
        assert!((114_000..=120_000).contains(&rate), "{rate}");
        assert!(is_generators);
    }
}
