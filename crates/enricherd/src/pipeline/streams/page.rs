//! What a carrier tells of its connection.
//!
//! Not here: names and formats (`control`).

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mediator::export::stream::StreamCounters;

use super::Room;
use crate::pipeline::target::TargetCounters;

/// How a connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamState {
    /// It is being opened, for the first time or again.
    #[default]
    Connecting,
    /// It is open.
    Connected,
    /// It is open, and the collector takes nothing.
    Stalled,
    /// It could not be opened, or broke, and is opened again after a while.
    Down,
}

impl StreamState {
    /// Its name in statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Stalled => "stalled",
            Self::Down => "down",
        }
    }
}

/// The numbers of one stream.
#[derive(Clone, Debug, Default)]
pub struct StreamNumbers {
    /// How its connection is.
    pub state: StreamState,
    /// The address it leads to, or led to last.
    pub peer: Option<SocketAddr>,
    /// Why the last connection broke or could not be opened.
    pub last_error: Option<String>,
    /// Connections that were opened.
    pub connections: u64,
    /// What became of the Messages that were handed over.
    pub counters: TargetCounters,
    /// Messages left out: they held nothing but Templates that the collector has.
    pub repeats: u64,
    /// Messages that wait.
    pub waiting: u64,
    /// Octets in them.
    pub waiting_octets: u64,
    /// What the stream did by itself.
    pub own: StreamCounters,
}

impl StreamNumbers {
    /// Whether the connection is open.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        matches!(self.state, StreamState::Connected | StreamState::Stalled)
    }
}

/// Where a carrier publishes them.
#[derive(Debug)]
pub struct StreamPage {
    numbers: Mutex<StreamNumbers>,
    room: Arc<Room>,
}

impl StreamPage {
    pub(super) fn new(room: Arc<Room>) -> Self {
        Self {
            numbers: Mutex::default(),
            room,
        }
    }

    /// Returns the numbers as they are now; what waits also while the carrier does.
    #[must_use]
    pub fn numbers(&self) -> StreamNumbers {
        let waiting = |count: &AtomicUsize| count.load(Ordering::Relaxed) as u64;
        StreamNumbers {
            waiting: waiting(&self.room.messages),
            waiting_octets: waiting(&self.room.octets),
            ..self.written().clone()
        }
    }

    /// The numbers, to be written.
    pub(super) fn written(&self) -> MutexGuard<'_, StreamNumbers> {
        // A panic while they were written leaves numbers of two moments: better than none.
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
