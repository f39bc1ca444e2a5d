//! What routers say at this moment, on its way into the table.
//!
//! One batch at a time: whoever hears routers waits until the batch before is in the table, so
//! that however fast routes change, there is one list of them on the way.
//!
//! Not here: hearing routers (`control::routes`), making tables (`daemon::knowledge`).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use asdb::{Kept, Provider};

use crate::sources::about::KeptSource;

/// What routers say at this moment.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// The best of all, one source for each of `bgp` and `bmp` that has any.
    pub all: Vec<Arc<KeptSource>>,
    /// What each router says itself, where there is more than one.
    pub own: Vec<(IpAddr, Provider, Arc<Kept>)>,
}

/// What the thread that makes tables is woken for.
#[derive(Debug)]
pub enum Wake {
    /// Routers say something else than before.
    Routes(Live),
    /// It is over.
    Stop,
}

/// Ends the thread that makes tables when it goes.
#[derive(Debug)]
pub struct Stop(Sender<Wake>);

impl Stop {
    /// Returns one for the thread behind this channel.
    #[must_use]
    pub const fn new(wake: Sender<Wake>) -> Self {
        Self(wake)
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        // A thread that has ended needs no word.
        let _ = self.0.send(Wake::Stop);
    }
}

/// Where live routes go.
#[derive(Clone, Debug)]
pub struct Outbox {
    wake: Sender<Wake>,
    is_busy: Arc<AtomicBool>,
    took_ms: Arc<AtomicU64>,
}

impl Outbox {
    /// Returns one for the thread behind this channel.
    #[must_use]
    pub fn new(wake: Sender<Wake>) -> Self {
        Self {
            wake,
            is_busy: Arc::default(),
            took_ms: Arc::default(),
        }
    }

    /// Returns whether the batch before is in the table.
    #[must_use]
    pub fn has_room(&self) -> bool {
        !self.is_busy.load(Ordering::Acquire)
    }

    /// Returns how long the last table took.
    #[must_use]
    pub fn took(&self) -> Duration {
        Duration::from_millis(self.took_ms.load(Ordering::Relaxed))
    }

    /// Gives away what routers say now.
    pub fn give(&self, live: Live) {
        self.is_busy.store(true, Ordering::Release);
        if self.wake.send(Wake::Routes(live)).is_err() {
            tracing::error!("live routes: the thread that makes tables has ended");
        }
    }

    /// The batch is in the table, which took so long.
    pub fn taken(&self, took: Duration) {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.took_ms.store(took_ms, Ordering::Relaxed);
        self.is_busy.store(false, Ordering::Release);
    }
}
