//! How fast numbers rise: of the whole daemon each second, of each exporter every ten.
//!
//! Not here: the arithmetic (`report::rates`), who calls once a second (`daemon::timers`).
//! Bound: the notes of `report::rates`, and one entry for each exporter that is counted by itself.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use report::rates::{Rates, WINDOWS};

use crate::pipeline::page::Numbers;

/// Datagrams and octets in, Messages out, Data Records, in this order.
pub const RATED_COUNT: usize = 4;

#[derive(Debug, Default)]
struct Pulse {
    rates: Rates<RATED_COUNT>,
    exporters: HashMap<IpAddr, Beat>,
    exporters_at_ms: u64,
}

/// What an exporter had sent, and how fast that rose.
#[derive(Clone, Copy, Debug, Default)]
struct Beat {
    datagrams: u64,
    per_second: u64,
}

/// Rates that are noted in one place and shown in others.
#[derive(Debug, Default)]
pub struct SharedPulse(Mutex<Pulse>);

impl SharedPulse {
    /// Notes the numbers of the whole daemon.
    pub fn note(&self, now_ms: u64, numbers: &Numbers) {
        let rated = [
            numbers.tally.datagrams,
            numbers.tally.octets,
            numbers.mediator.messages_out,
            numbers.mediator.records.records,
        ];
        self.lock().rates.note(now_ms, rated);
    }

    /// Notes the numbers of each exporter; they are among `numbers`.
    pub fn note_exporters(&self, now_ms: u64, numbers: &Numbers) {
        let mut pulse = self.lock();
        let passed_ms = now_ms.saturating_sub(pulse.exporters_at_ms).max(1);
        pulse.exporters_at_ms = now_ms;
        let mut now: HashMap<IpAddr, Beat> = HashMap::new();
        for (address, tally) in &numbers.exporters {
            now.entry(*address).or_default().datagrams += tally.datagrams;
        }
        for (address, beat) in &mut now {
            let before = pulse.exporters.get(address).map_or(0, |one| one.datagrams);
            let rise = beat.datagrams.saturating_sub(before);
            beat.per_second = rise.saturating_mul(1000) / passed_ms;
        }
        pulse.exporters = now;
    }

    /// Returns the rates of the whole daemon over each window, in the order of [`WINDOWS`].
    #[must_use]
    pub fn rates(&self) -> [[u64; RATED_COUNT]; WINDOWS.len()] {
        let pulse = self.lock();
        WINDOWS.map(|(_, window_ms)| pulse.rates.per_second(window_ms))
    }

    /// Returns the datagrams per second of an exporter when it was last looked.
    #[must_use]
    pub fn of_exporter(&self, address: IpAddr) -> u64 {
        let pulse = self.lock();
        pulse
            .exporters
            .get(&address)
            .map_or(0, |beat| beat.per_second)
    }

    fn lock(&self) -> MutexGuard<'_, Pulse> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::tally::Tally;

    #[test]
    fn an_exporter_has_the_rate_of_the_time_between_two_looks() {
        let pulse = SharedPulse::default();
        let address = IpAddr::from([192, 0, 2, 1]);
        let numbers = |datagrams| {
            let tally = Tally {
                datagrams,
                ..Tally::default()
            };
            Numbers {
                // Two workers may have met it.
                exporters: vec![(address, tally), (address, tally)],
                ..Numbers::default()
            }
        };
        pulse.note_exporters(10_000, &numbers(0));
        pulse.note_exporters(20_000, &numbers(500));
        assert_eq!(pulse.of_exporter(address), 100);
        assert_eq!(pulse.of_exporter([192, 0, 2, 2].into()), 0);
    }
}
