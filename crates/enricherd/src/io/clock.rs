//! The clock of the data path: milliseconds that never go back.
//!
//! Steps of the time of day, by hand or NTP, must neither release what waits nor forget a session.
//!
//! Not here: the time of day in the log (`control::log`), capture time (`pipeline::replay`).

use std::time::Instant;

use mediator::Millis;

/// A clock that starts at 0.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts a clock.
    #[must_use]
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// Returns what it shows.
    #[must_use]
    pub fn now(self) -> Millis {
        Millis(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}
