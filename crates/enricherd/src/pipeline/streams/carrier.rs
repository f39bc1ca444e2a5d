//! The carrier of one stream: opens the connection, again and again if need be, and writes what
//! waits.
//!
//! What the collector's kernel did not take whole is written again on the next connection, behind
//! all Templates; with TLS that can be a record's worth of Messages a second time.
//!
//! Not here: who waits how long (`pipeline::streams`), sockets (`io::connection`).
//! Bound: the parcel at hand, and [`WRITE_OCTETS`] and one Message made of it.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use mediator::export::stream::{NoTransport, Passage, StreamSession};
use mediator::wire::octets::u16_at;

use super::page::{StreamNumbers, StreamPage, StreamState};
use super::{End, Parcel, Room, StreamStart};
use crate::io::connection::{Broken, Connection, Endpoint};
use crate::pipeline::target::Unsent;

/// Octets that are collected before they are written.
const WRITE_OCTETS: usize = 64 << 10;
/// How long a parcel is waited for before it is looked whether the collector is still there.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// The first pause before a connection is opened again, and the longest.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// A connection that lived so long was a good one: the next pause is the first again.
const GOOD_AFTER: Duration = Duration::from_secs(10);
/// A collector that takes nothing for so long is said to stall.
const STALLED_AFTER: Duration = Duration::from_secs(5);

/// A carrier.
#[derive(Debug)]
pub(super) struct Carrier {
    label: String,
    endpoint: Endpoint,
    session: StreamSession,
    waiting: Receiver<Parcel>,
    /// The parcel that is being written, and where in it the first Message begins that is not.
    at_hand: Option<(Parcel, usize)>,
    batch: Batch,
    room: Arc<Room>,
    page: Arc<StreamPage>,
    end: Arc<End>,
    draws: RandomState,
    /// What was said last of the connection, so that it is not said again.
    said: Option<String>,
}

/// Why nothing more is written on a connection.
enum Parted {
    /// It broke, or could not be opened.
    Broken(String),
    /// All workers have ended and nothing waits.
    Done,
}

/// Messages that are written together.
#[derive(Debug, Default)]
struct Batch {
    octets: Vec<u8>,
    messages: Vec<Carried>,
}

/// One Message of a batch.
#[derive(Clone, Copy, Debug)]
struct Carried {
    fate: Fate,
    /// Its own octets.
    octets_count: usize,
    /// Where it ends in the parcel, and what is written for it in the batch.
    parcel_end: usize,
    batch_end: usize,
}

/// What becomes of a Message that is through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Sent,
    /// The collector has everything in it.
    Repeats,
    /// A stream cannot carry it.
    Refused,
}

impl Carrier {
    pub(super) fn new(
        start: StreamStart,
        waiting: Receiver<Parcel>,
        room: Arc<Room>,
        (page, end): (Arc<StreamPage>, Arc<End>),
    ) -> Self {
        Self {
            label: start.label,
            endpoint: start.endpoint,
            session: StreamSession::new(start.template_refresh_ms, start.seed),
            waiting,
            at_hand: None,
            batch: Batch::default(),
            room,
            page,
            end,
            draws: RandomState::new(),
            said: None,
        }
    }

    /// Carries until nobody hands over any more.
    pub(super) fn run(mut self) {
        let mut pause = PAUSE_FIRST;
        while !self.end.is_over() {
            self.publish(|numbers| numbers.state = StreamState::Connecting);
            let end = Arc::clone(&self.end);
            let opened = Connection::open(&self.endpoint, &mut || !end.is_ordered());
            let begun = Instant::now();
            let parted = match opened {
                Ok(connection) => self.carry(connection),
                Err(why) => Parted::Broken(why),
            };
            let Parted::Broken(why) = parted else {
                break;
            };
            if begun.elapsed() >= GOOD_AFTER {
                pause = PAUSE_FIRST;
            }
            self.note_broken(why);
            if self.end.is_ordered() {
                break;
            }
            self.wait(self.jittered(pause));
            pause = (pause * 2).min(PAUSE_MAX);
        }
        self.drop_rest();
    }

    /// Writes what waits until the connection breaks or nothing more can come.
    fn carry(&mut self, mut connection: Connection) -> Parted {
        self.note_connected(&connection);
        self.session.connected();
        let mut looked_at = Instant::now();
        loop {
            let parcel = match self.at_hand.take() {
                Some(at_hand) => Ok(at_hand),
                None => self.waiting.recv_timeout(LOOK_INTERVAL).map(|one| (one, 0)),
            };
            match parcel {
                Ok(at_hand) => {
                    self.at_hand = Some(at_hand);
                    if let Err(why) = self.write_parcel(&mut connection) {
                        return Parted::Broken(why);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    connection.close();
                    return Parted::Done;
                }
            }
            if looked_at.elapsed() >= LOOK_INTERVAL {
                looked_at = Instant::now();
                if let Err(why) = connection.look() {
                    return Parted::Broken(why);
                }
            }
        }
    }

    /// Writes the parcel at hand; what is not written stays at hand.
    fn write_parcel(&mut self, connection: &mut Connection) -> Result<(), String> {
        while let Some((parcel, from)) = self.at_hand.take() {
            self.fill(&parcel, from);
            let written = self.send(connection);
            let taken = match &written {
                Ok(()) => self.batch.octets.len(),
                Err(broken) => broken.taken_octets,
            };
            let from = self.note_written(from, taken);
            if from < parcel.octets.len() {
                self.at_hand = Some((parcel, from));
            }
            if let Err(broken) = written {
                self.session.take_back();
                return Err(broken.why);
            }
            self.session.settle();
        }
        Ok(())
    }

    /// Collects Messages of a parcel: so many as are written at once, or up to one that changes
    /// what the collector knows.
    fn fill(&mut self, parcel: &Parcel, mut from: usize) {
        let Self { batch, session, .. } = self;
        batch.octets.clear();
        batch.messages.clear();
        while batch.octets.len() < WRITE_OCTETS && !session.is_unsettled() {
            let Some(message) = next_message(&parcel.octets, from) else {
                return;
            };
            from += message.len();
            let fate = match session.pass(message, parcel.handed_at, &mut batch.octets) {
                Ok(Passage::AsItIs) => {
                    batch.octets.extend_from_slice(message);
                    Fate::Sent
                }
                Ok(Passage::Written) => Fate::Sent,
                Ok(Passage::Nothing) => Fate::Repeats,
                Err(NoTransport) => Fate::Refused,
            };
            batch.messages.push(Carried {
                fate,
                octets_count: message.len(),
                parcel_end: from,
                batch_end: batch.octets.len(),
            });
        }
    }

    /// Sends the batch; says when the collector takes nothing for long.
    fn send(&self, connection: &mut Connection) -> Result<(), Broken> {
        let begun = Instant::now();
        let mut is_stalled = false;
        let mut goes_on = || {
            if !is_stalled && begun.elapsed() >= STALLED_AFTER {
                is_stalled = true;
                self.note_stalled();
            }
            !self.end.is_over()
        };
        let sent = connection.send(&self.batch.octets, &mut goes_on);
        if is_stalled && sent.is_ok() {
            self.publish(|numbers| numbers.state = StreamState::Connected);
            tracing::info!("collector {}: takes Messages again", self.label);
        }
        sent
    }

    /// Counts what is through of the batch when so many octets of it were taken; returns where in
    /// the parcel the first Message begins that is not.
    fn note_written(&self, from: usize, taken_octets: usize) -> usize {
        let is_through = |one: &&Carried| one.batch_end <= taken_octets;
        let through = self.batch.messages.iter().take_while(is_through);
        let (mut messages, mut octets, mut next) = (0, 0, from);
        self.publish(|numbers| {
            for one in through {
                messages += 1;
                octets += one.octets_count;
                next = one.parcel_end;
                match one.fate {
                    Fate::Sent => {
                        numbers.counters.sent += 1;
                        numbers.counters.sent_octets += one.octets_count as u64;
                    }
                    Fate::Repeats => numbers.repeats += 1,
                    Fate::Refused => {
                        numbers.counters.unsent[Unsent::NoTransport.index()] += 1;
                    }
                }
            }
            self.room.give_back(messages, octets);
        });
        next
    }

    /// Counts what nobody can send any more.
    fn drop_rest(&mut self) {
        let at_hand = self.at_hand.take().into_iter();
        let waiting = self.waiting.try_iter().map(|parcel| (parcel, 0));
        let (mut messages, mut octets) = (0, 0);
        for (parcel, mut from) in at_hand.chain(waiting) {
            while let Some(message) = next_message(&parcel.octets, from) {
                from += message.len();
                messages += 1;
                octets += message.len();
            }
        }
        self.room.give_back(messages, octets);
        self.publish(|numbers| {
            numbers.counters.unsent[Unsent::NotConnected.index()] += messages as u64;
        });
        if messages > 0 {
            let label = &self.label;
            tracing::warn!("collector {label}: {messages} Messages that waited for it are lost");
        }
    }

    fn publish(&self, change: impl FnOnce(&mut StreamNumbers)) {
        let mut numbers = self.page.written();
        change(&mut numbers);
        numbers.own = self.session.counters;
    }

    fn note_connected(&mut self, connection: &Connection) {
        self.publish(|numbers| {
            numbers.state = StreamState::Connected;
            numbers.peer = Some(connection.peer);
            numbers.connections += 1;
        });
        tracing::info!("collector {}: connected to {}", self.label, connection.peer);
    }

    fn note_stalled(&self) {
        self.publish(|numbers| numbers.state = StreamState::Stalled);
        tracing::warn!(
            "collector {}: it takes nothing since {} s; Messages wait, and are dropped when \
             performance.queue_size of them do. Look what keeps it from reading",
            self.label,
            STALLED_AFTER.as_secs()
        );
    }

    fn note_broken(&mut self, why: String) {
        if self.said.as_ref() != Some(&why) && !self.end.is_ordered() {
            let label = &self.label;
            tracing::warn!("collector {label}: {why}. It is tried again, at least once a minute");
        }
        self.publish(|numbers| {
            numbers.state = StreamState::Down;
            numbers.last_error = Some(why.clone());
        });
        self.said = Some(why);
    }

    /// Collectors that went down together are not to be asked together.
    fn jittered(&self, pause: Duration) -> Duration {
        let draw = self.draws.hash_one(Instant::now()) % 1024;
        pause.mul_f64(0.8 + 0.4 * draw as f64 / 1024.0)
    }

    fn wait(&self, pause: Duration) {
        let begun = Instant::now();
        while !self.end.is_ordered() {
            let Some(rest) = pause.checked_sub(begun.elapsed()) else {
                return;
            };
            thread::park_timeout(rest.min(LOOK_INTERVAL));
        }
    }
}

/// The Message that begins at `from`; its Length tells where it ends.
fn next_message(octets: &[u8], from: usize) -> Option<&[u8]> {
    let rest = octets.get(from..)?;
    let length = usize::from(u16_at(rest, 2)?);
    rest.get(..length).filter(|message| !message.is_empty())
}
