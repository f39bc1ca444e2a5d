//! When datagrams leave: evenly, in small bursts, as exporters do that look through their cache.
//!
//! A generator that sends one datagram at a time measures wake-ups, one that sends a second's worth
//! at once measures buffers. Who falls behind does not send everything at once when it comes back:
//! the schedule slips, and the rate that was reached says so.
//!
//! Not here: the clock.
//! Bound: a few numbers.

use std::time::Duration;

/// A burst is never longer than so many intervals are worth: enough to catch up with what a
/// neighbour on the same core cost, too little to fill a receive buffer.
const INTERVALS_PER_BURST_MAX: u128 = 16;

/// A schedule.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Datagrams a second; `None` is as many as possible.
    rate: Option<u32>,
    interval: Duration,
    /// What the schedule wants until now, and what was let go.
    scheduled: u128,
    slipped: u128,
}

impl Pace {
    /// Returns a schedule of `rate` datagrams a second, some of them each `interval`; without a
    /// rate, of as many as possible.
    #[must_use]
    pub const fn new(rate: Option<u32>, interval: Duration) -> Self {
        Self {
            rate,
            interval,
            scheduled: 0,
            slipped: 0,
        }
    }

    /// Returns how many datagrams leave now, `elapsed` after the first; all of them will.
    pub fn due(&mut self, elapsed: Duration, most: u64) -> u64 {
        let Some(rate) = self.rate else {
            return most;
        };
        let worth = |time: Duration| u128::from(rate) * time.as_nanos() / 1_000_000_000;
        let wanted = worth(elapsed).saturating_sub(self.scheduled + self.slipped);
        let burst_max = (worth(self.interval) * INTERVALS_PER_BURST_MAX).max(1);
        self.slipped += wanted.saturating_sub(burst_max);
        let due = wanted.min(burst_max).min(u128::from(most));
        self.scheduled += due;
        u64::try_from(due).unwrap_or(most)
    }

    /// Returns how long to wait, `elapsed` after the first, for the next burst.
    #[must_use]
    pub fn wait(&self, elapsed: Duration) -> Duration {
        if self.rate.is_none() || self.interval.is_zero() {
            return Duration::ZERO;
        }
        let into = elapsed.as_nanos() % self.interval.as_nanos();
        self.interval
            .saturating_sub(Duration::from_nanos(u64::try_from(into).unwrap_or(0)))
    }

    /// Datagrams that were let go because nobody asked in time.
    #[must_use]
    pub fn slipped(&self) -> u64 {
        u64::try_from(self.slipped).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;
    use std::time::Duration;

    const INTERVAL: Duration = Duration::from_millis(1);

    #[test]
    fn every_datagram_of_the_rate_is_sent_and_none_more() {
        let mut pace = Pace::new(Some(30_500), INTERVAL);
        let ticks = (1..=1000).map(|tick| INTERVAL * tick);
        let due: Vec<_> = ticks.map(|elapsed| pace.due(elapsed, 1000)).collect();
        assert_eq!(due.iter().sum::<u64>(), 30_500);
        assert!(due.iter().all(|due| (30..=31).contains(due)));
        assert_eq!(pace.slipped(), 0);
    }

    #[test]
    fn what_was_missed_is_let_go() {
        let mut pace = Pace::new(Some(10_000), INTERVAL);
        assert_eq!(pace.due(Duration::from_secs(1), 1000), 160);
        assert_eq!(pace.slipped(), 9_840);
        assert_eq!(pace.due(Duration::from_secs(1), 1000), 0);
        assert_eq!(pace.due(Duration::from_secs(1) + INTERVAL, 1000), 10);
    }

    #[test]
    fn a_low_rate_sends_something() {
        let mut pace = Pace::new(Some(10), INTERVAL);
        let ticks = (1..=1000).map(|tick| INTERVAL * tick);
        assert_eq!(
            ticks.map(|elapsed| pace.due(elapsed, 1000)).sum::<u64>(),
            10
        );
    }

    #[test]
    fn without_a_rate_there_is_no_waiting() {
        let mut pace = Pace::new(None, INTERVAL);
        assert_eq!(pace.due(Duration::ZERO, 64), 64);
        assert_eq!(pace.wait(Duration::ZERO), Duration::ZERO);
        let pace = Pace::new(Some(1), INTERVAL);
        let wait = pace.wait(Duration::from_micros(10_300));
        assert_eq!(wait, Duration::from_micros(700));
    }
}
