//! Collectors that are reached over a connection: what waits for them, and who carries it.
//!
//! A stream may stall, and several workers feed one, so here, and only here, Messages change hands
//! between threads: a worker hands over what a batch has for a collector in one piece, and never
//! waits. One thread for each collector, its *carrier*, takes the pieces in the order they came.
//!
//! When there is no more room, what does not fit is dropped and counted, and so is everything
//! behind it until half of the room is free: then every session announces its Templates again, so
//! that no data arrive whose Template was dropped.
//!
//! Not here: connections (`io::connection`), which Templates a collector has
//! (`mediator::export::stream`).
//! Bound: `performance.queue_size` Messages and [`WAITING_OCTETS_MAX`] octets for each collector,
//! and one piece more: that of an empty queue has room whatever its size.

mod carrier;
pub mod page;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{io, sync::OnceLock};

use mediator::Millis;

use crate::io::clock::Clock;
use crate::io::connection::Endpoint;
use carrier::Carrier;
use page::StreamPage;

/// Octets that may wait for one collector.
pub const WAITING_OCTETS_MAX: usize = 64 << 20;

/// Pieces that may wait; each has at least one Message.
const PARCELS_MAX: usize = 65_536;
/// How long a carrier may go on after the last worker ended.
const END_PATIENCE: Duration = Duration::from_secs(3);

/// IPFIX Messages, one behind the other, that leave together.
#[derive(Debug, Default)]
pub struct Parcel {
    /// The Messages; their Lengths tell them apart.
    pub octets: Vec<u8>,
    /// How many there are.
    pub messages_count: usize,
    /// When they were handed over.
    pub handed_at: Millis,
}

/// What waits for one collector.
#[derive(Debug)]
struct Room {
    messages: AtomicUsize,
    octets: AtomicUsize,
    messages_max: usize,
}

impl Room {
    /// Takes room for a parcel; returns whether there is any.
    fn take(&self, parcel: &Parcel) -> bool {
        let messages = self
            .messages
            .fetch_add(parcel.messages_count, Ordering::Relaxed);
        let octets = self
            .octets
            .fetch_add(parcel.octets.len(), Ordering::Relaxed);
        let fits = messages + parcel.messages_count <= self.messages_max
            && octets + parcel.octets.len() <= WAITING_OCTETS_MAX;
        let has_room = fits || messages == 0;
        if !has_room {
            self.give_back(parcel.messages_count, parcel.octets.len());
        }
        has_room
    }

    fn give_back(&self, messages: usize, octets: usize) {
        self.messages.fetch_sub(messages, Ordering::Relaxed);
        self.octets.fetch_sub(octets, Ordering::Relaxed);
    }

    fn is_half_empty(&self) -> bool {
        self.messages.load(Ordering::Relaxed) <= self.messages_max / 2
            && self.octets.load(Ordering::Relaxed) <= WAITING_OCTETS_MAX / 2
    }
}

/// A worker's end of a stream.
#[derive(Clone, Debug)]
pub struct StreamSender {
    parcels: SyncSender<Parcel>,
    room: Arc<Room>,
    /// Whether something was dropped, and nothing is taken until there is room again.
    is_lossy: bool,
}

impl StreamSender {
    /// Hands over a parcel; returns whether there was room for it.
    pub fn hand_over(&mut self, parcel: Parcel) -> bool {
        if self.is_lossy || !self.room.take(&parcel) {
            self.is_lossy = true;
            return false;
        }
        let (messages, octets) = (parcel.messages_count, parcel.octets.len());
        if self.parcels.try_send(parcel).is_err() {
            self.room.give_back(messages, octets);
            self.is_lossy = true;
        }
        !self.is_lossy
    }

    /// Returns, once, that there is room again after something was dropped: Templates may be
    /// among what was.
    pub fn has_recovered(&mut self) -> bool {
        let has_recovered = self.is_lossy && self.room.is_half_empty();
        self.is_lossy &= !has_recovered;
        has_recovered
    }
}

/// What a stream begins with.
#[derive(Clone, Debug)]
pub struct StreamStart {
    /// What the collector is called in the log.
    pub label: String,
    /// Where it is.
    pub endpoint: Endpoint,
    /// Messages that may wait for it.
    pub messages_max: usize,
    /// How often Templates are announced again, with traffic.
    pub template_refresh_ms: u64,
    /// Keeps maps from being attacked.
    pub seed: u64,
    /// The clock of the workers.
    pub clock: Clock,
}

/// A stream: the end for workers, to be cloned for each of them, and the carrier behind it.
#[derive(Debug)]
pub struct Stream {
    /// Gone once all workers have theirs: the carrier ends when nobody is left to hand over.
    pub sender: StreamSender,
    /// The carrier.
    pub handle: StreamHandle,
}

/// A carrier at work.
#[derive(Debug)]
pub struct StreamHandle {
    /// Its numbers.
    pub page: Arc<StreamPage>,
    end: Arc<End>,
    thread: JoinHandle<()>,
}

/// When a carrier must be done; not set while it works.
#[derive(Debug, Default)]
struct End(OnceLock<Instant>);

impl End {
    fn is_ordered(&self) -> bool {
        self.0.get().is_some()
    }

    fn is_over(&self) -> bool {
        self.0.get().is_some_and(|end| Instant::now() >= *end)
    }
}

impl Stream {
    /// Starts a carrier.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(start: StreamStart) -> io::Result<Self> {
        let (parcels, waiting) = channel(start.messages_max);
        let room = Arc::new(Room {
            messages: AtomicUsize::new(0),
            octets: AtomicUsize::new(0),
            messages_max: start.messages_max,
        });
        let page = Arc::new(StreamPage::new(Arc::clone(&room)));
        let end = Arc::<End>::default();
        let carrier = Carrier::new(
            start,
            waiting,
            Arc::clone(&room),
            (Arc::clone(&page), Arc::clone(&end)),
        );
        let thread = thread::Builder::new().name("stream".to_owned());
        let thread = thread.spawn(move || carrier.run())?;
        Ok(Self {
            sender: StreamSender {
                parcels,
                room,
                is_lossy: false,
            },
            handle: StreamHandle { page, end, thread },
        })
    }
}

fn channel(messages_max: usize) -> (SyncSender<Parcel>, Receiver<Parcel>) {
    sync_channel(messages_max.clamp(1, PARCELS_MAX))
}

impl StreamHandle {
    /// Lets the carrier end soon: with what waits, if it can be sent at once. To be called when
    /// all workers have ended.
    pub fn end(&self) {
        // Whoever ordered it before ordered it earlier.
        let _ = self.end.0.set(Instant::now() + END_PATIENCE);
        self.thread.thread().unpark();
    }

    /// Waits for the end.
    pub fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("a stream ended by a fault of this program");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(messages_max: usize) -> (StreamSender, Receiver<Parcel>) {
        let (parcels, waiting) = channel(messages_max);
        let room = Arc::new(Room {
            messages: AtomicUsize::new(0),
            octets: AtomicUsize::new(0),
            messages_max,
        });
        let sender = StreamSender {
            parcels,
            room,
            is_lossy: false,
        };
        (sender, waiting)
    }

    fn parcel(messages_count: usize, octets: usize) -> Parcel {
        Parcel {
            octets: vec![0; octets],
            messages_count,
            handed_at: Millis(0),
        }
    }

    #[test]
    fn what_does_not_fit_is_dropped_with_all_behind_it_until_half_is_free() {
        let (mut sender, waiting) = sender(10);
        let room = Arc::clone(&sender.room);
        let taken: Vec<_> = [4, 4, 4, 1]
            .map(|messages| sender.hand_over(parcel(messages, 100)))
            .into();
        assert_eq!(taken, [true, true, false, false]);
        assert!(!sender.has_recovered(), "eight of ten wait");
        let first = waiting.recv().unwrap();
        room.give_back(first.messages_count, first.octets.len());
        assert!(sender.has_recovered() && !sender.has_recovered(), "once");
        assert!(sender.hand_over(parcel(4, 100)));
        assert_eq!(waiting.try_iter().count(), 2);
    }

    #[test]
    fn octets_are_bounded_too_and_an_empty_queue_takes_any_parcel() {
        let (mut sender, _waiting) = sender(2);
        assert!(sender.hand_over(parcel(64, 4 << 20)));
        assert!(!sender.hand_over(parcel(1, 1)));
        let (mut sender, _waiting) = self::sender(1000);
        assert!(sender.hand_over(parcel(1, WAITING_OCTETS_MAX)));
        assert!(!sender.hand_over(parcel(1, 1)));
        assert_eq!(sender.room.messages.load(Ordering::Relaxed), 1);
    }
}
