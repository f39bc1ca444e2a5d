//! The network between exporters and the mediator: it loses, doubles and reorders.
//!
//! Everything happens on the virtual clock: a datagram that is delayed arrives behind others, no
//! later than [`DELAY_MS_MAX`] after it was sent.
//!
//! Not here: the network behind the mediator; a collector's view of that is the mediator's view
//! of this one.
//! Bound: at most twice what is put in.

use crate::exporter::Emitted;
use crate::random::Random;

/// The longest time that a datagram is under way, well within the mediator's reorder window.
pub const DELAY_MS_MAX: u64 = 200;

/// How bad the network is, in percent for each datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// Chance that it is lost.
    pub loses: u64,
    /// Chance that it comes twice.
    pub doubles: u64,
    /// Chance that it is overtaken.
    pub delays: u64,
}

impl Weather {
    /// Whether what arrives is what was sent, in order and once.
    #[must_use]
    pub fn is_fair(&self) -> bool {
        *self == Self::default()
    }

    /// Whether what arrives is in order and comes once, though some may be missing.
    #[must_use]
    pub fn is_orderly(&self) -> bool {
        self.doubles == 0 && self.delays == 0
    }
}

/// A datagram at the mediator's end.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// When, on the virtual clock.
    pub at_ms: u64,
    /// Which of those that were sent.
    pub sent_index: usize,
}

/// Returns what arrives of `sent`, in the order of arrival.
pub fn carry(random: &mut Random, weather: Weather, sent: &[Emitted]) -> Vec<Arrived> {
    let mut arrived = Vec::new();
    for (sent_index, emitted) in sent.iter().enumerate() {
        if random.chance(weather.loses) {
            continue;
        }
        let copies = if random.chance(weather.doubles) { 2 } else { 1 };
        for _ in 0..copies {
            let delay_ms = match random.chance(weather.delays) {
                true => random.between_u64(1, DELAY_MS_MAX),
                false => 0,
            };
            let at_ms = emitted.at_ms + delay_ms;
            arrived.push(Arrived { at_ms, sent_index });
        }
    }
    arrived.sort_by_key(|datagram| datagram.at_ms);
    arrived
}

#[cfg(test)]
mod tests {
    use super::{Weather, carry};
    use crate::fleet::{Conduct, Fleet};
    use crate::random::Random;

    fn arrived(weather: Weather) -> Vec<usize> {
        let sent: Vec<_> = Fleet::new(5, Conduct::Free).take(300).collect();
        carry(&mut Random::new(1), weather, &sent)
            .iter()
            .map(|datagram| datagram.sent_index)
            .collect()
    }

    #[test]
    fn fair_weather_changes_nothing() {
        assert_eq!(arrived(Weather::default()), (0..300).collect::<Vec<_>>());
    }

    #[test]
    fn bad_weather_loses_doubles_and_reorders() {
        let weather = Weather {
            loses: 10,
            doubles: 10,
            delays: 20,
        };
        let indexes = arrived(weather);
        let mut different = indexes.clone();
        different.sort_unstable();
        assert_ne!(indexes, different);
        different.dedup();
        assert!(different.len() < 300 && different.len() < indexes.len());
    }
}
