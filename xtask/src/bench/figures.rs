//! What was measured of one program, and what several rounds say together.
//!
//! A median with its range shows at once whether the machine was quiet; a mean would hide it.

use std::collections::BTreeMap;
use std::fmt;

use super::search::Highest;
use super::slice::{Cpu, Latency};

/// All rounds of one program.
#[derive(Default)]
pub(super) struct Figures {
    /// By rate.
    pub(super) cpu: BTreeMap<u32, Vec<Cpu>>,
    pub(super) highest: Vec<Highest>,
    pub(super) latency: Vec<Added>,
    pub(super) memory_kib: u64,
}

impl Figures {
    /// The rate of this round's latency: half of the highest.
    pub(super) fn half_of_highest(&self) -> u32 {
        self.highest.last().map_or(0, |highest| highest.rate / 2)
    }
}

/// One measurement of latency, beside one with nothing between generator and sink.
#[derive(Clone, Copy)]
pub(super) struct Added {
    pub(super) through: Latency,
    pub(super) direct: Latency,
}

/// The middle of some rounds, and the least and most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    /// `None` of nothing.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<_> = values.collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let upper = values[values.len() / 2];
        let lower = values[(values.len() - 1) / 2];
        Some(Self {
            median: f64::midpoint(lower, upper),
            least,
            most,
        })
    }

    /// Of the ratios of two programs, round by round.
    pub(super) fn of_ratios(ours: &[f64], theirs: &[f64]) -> Option<Self> {
        Self::of(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs))
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = formatter.precision().unwrap_or(2);
        let Self {
            median,
            least,
            most,
        } = self;
        write!(
            formatter,
            "{median:.places$} ({least:.places$}..{most:.places$})"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn the_median_stands_before_the_range() {
        let spread = Spread::of([3.0, 1.0, 2.5].into_iter()).unwrap();
        assert_eq!(format!("{spread:.1}"), "2.5 (1.0..3.0)");
        let even = Spread::of([4.0, 1.0, 2.0, 3.0].into_iter()).unwrap();
        assert_eq!(format!("{even}"), "2.50 (1.00..4.00)");
        assert_eq!(Spread::of(std::iter::empty()), None);
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let spread = Spread::of_ratios(&[2.0, 30.0], &[1.0, 10.0]).unwrap();
        assert_eq!(format!("{spread:.1}"), "2.5 (2.0..3.0)");
    }
}
