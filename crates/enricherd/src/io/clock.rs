//! The clock of the data path: milliseconds that never go back.
//!
//! Steps of the time of day, by hand or NTP, must neither release what waits nor forget a session.
//!
//! Not here: the time of day in the log (`control::log`), capture time (`pipeline::replay`).

use std::time::Instant;

use mediator::Millis;

/// What the clock shows at the start: longer than anything is remembered, so that the age of what
/// comes from a saved state can be told.
const START_MS: u64 = 1 << 32;

/// A clock that starts at 49 days.
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
        let elapsed_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        Millis(START_MS.saturating_add(elapsed_ms))
    }
}
