//! The page on which a worker publishes its numbers.
//!
//! The worker writes it between two batches, if nobody reads it at that moment; it never waits.
//! Lists of exporters and sessions are long, so they are only written when somebody asked.
//!
//! Not here: names and formats (`control`).
//! Bound: one entry for each session and exporter that the worker remembers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mediator::{Counters, Disagreement, Mediator, SessionCounters, Version};

use crate::pipeline::tally::{Tallies, Tally};
use crate::pipeline::target::{TargetCounters, Trouble};

/// A collector's numbers.
#[derive(Clone, Debug)]
pub struct TargetPage {
    /// Its name or address, and port.
    pub label: String,
    /// Its address, if that is known.
    pub address: Option<SocketAddr>,
    /// What became of its Messages.
    pub counters: TargetCounters,
    /// What is wrong with it.
    pub trouble: Option<Trouble>,
}

/// A session's numbers.
#[derive(Clone, Debug)]
pub struct SessionPage {
    /// The Original Exporter.
    pub exporter: SocketAddr,
    /// The protocol.
    pub version: Version,
    /// Its Observation Domain.
    pub domain: u32,
    /// Templates it announced.
    pub templates_count: usize,
    /// What it sent and what became of it.
    pub counters: SessionCounters,
    /// Examples of where it and the table disagree.
    pub examples: Vec<Disagreement>,
}

/// All numbers of a worker.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    /// What the `Mediator` did, all of them if there were several.
    pub mediator: Counters,
    /// Bytes that input made it take.
    pub mediator_bytes: usize,
    /// Datagrams that the kernel dropped because our receive buffer was full.
    pub kernel_drops: u64,
    /// What came, and what was refused before the `Mediator`.
    pub tally: Tally,
    /// Messages that were lost because we failed over a datagram.
    pub held_lost: u64,
    /// Sessions that have sockets of their own.
    pub sender_sessions: usize,
    /// Messages that left by a socket that sessions share.
    pub shared_messages: u64,
    /// The collectors, in the order of the configuration.
    pub targets: Vec<TargetPage>,
    /// The sessions, if somebody asked.
    pub sessions: Vec<SessionPage>,
    /// The exporters, if somebody asked.
    pub exporters: Tallies,
}

/// The page.
#[derive(Debug, Default)]
pub struct Page {
    numbers: Mutex<Numbers>,
    lists_wanted: AtomicBool,
}

impl Page {
    /// Asks for the lists; they come with one of the next batches.
    pub fn want_lists(&self) {
        self.lists_wanted.store(true, Ordering::Release);
    }

    /// Whether the lists that were asked for have not come yet.
    #[must_use]
    pub fn awaits_lists(&self) -> bool {
        self.lists_wanted.load(Ordering::Acquire)
    }

    /// Reads the page.
    pub fn read(&self) -> MutexGuard<'_, Numbers> {
        // A panic while it was written leaves numbers of two moments: better than none.
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the numbers, and the lists if they are wanted, unless somebody is reading.
    pub(super) fn write(&self, mediator: &Mediator, write: impl FnOnce(&mut Numbers)) {
        let Ok(mut numbers) = self.numbers.try_lock() else {
            return;
        };
        write(&mut numbers);
        if self.awaits_lists() {
            numbers.sessions.clear();
            numbers
                .sessions
                .extend(mediator.sessions().map(|session| SessionPage {
                    exporter: session.exporter,
                    version: session.version,
                    domain: session.domain,
                    templates_count: session.templates_count,
                    counters: *session.counters,
                    examples: session.examples.to_vec(),
                }));
            self.lists_wanted.store(false, Ordering::Release);
        }
    }
}
