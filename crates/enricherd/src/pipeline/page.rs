//! The pages on which workers publish their numbers, and their sum.
//!
//! A worker writes its page between two batches, if nobody reads it at that moment; it never
//! waits, and no two workers write to one place. Lists of exporters and sessions are long, so they
//! are only written when somebody asked.
//!
//! Not here: names and formats (`control`).
//! Bound: one entry for each session and exporter that the workers remember.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mediator::{
    Counters, Disagreement, Mediator, Millis, OutletCounters, SessionCounters, Version,
};

use crate::pipeline::identity::Identity;
use crate::pipeline::streams::page::{StreamNumbers, StreamPage};
use crate::pipeline::tally::Tally;
use crate::pipeline::target::{Target, TargetCounters, Trouble};
use crate::pipeline::traffic::TrafficView;
use crate::pipeline::watch::Posts;

/// A collector's numbers.
#[derive(Clone, Debug)]
pub struct TargetPage {
    /// Its name or address, and port.
    pub label: String,
    /// Whose address Messages for it bear.
    pub identity: Identity,
    /// Its address, if that is known.
    pub address: Option<SocketAddr>,
    /// What became of its Messages.
    pub counters: TargetCounters,
    /// What is wrong with it.
    pub trouble: Option<Trouble>,
    /// Its connection, if it is reached over one.
    pub stream: Option<StreamNumbers>,
    /// What it did not get: its filter names other records, or another member of its group has
    /// them.
    pub left_out: OutletCounters,
}

impl TargetPage {
    pub(super) fn of(target: &Target) -> Self {
        Self {
            left_out: OutletCounters::default(),
            label: target.label.clone(),
            identity: target.identity,
            address: target.address,
            counters: target.counters,
            trouble: target.trouble,
            stream: None,
        }
    }

    /// Adds what the carrier of its connection tells.
    fn add_stream(&mut self, stream: &StreamNumbers) {
        self.counters.add(&stream.counters);
        self.address = stream.peer;
        self.stream = Some(stream.clone());
    }

    /// Takes the numbers of the same collector as they are now; by outlet, what was left out.
    pub(super) fn update(&mut self, target: &Target, left_out: &[OutletCounters]) {
        let left_out = left_out.get(usize::from(target.outlet));
        self.left_out = left_out.copied().unwrap_or_default();
        self.identity = target.identity;
        self.address = target.address;
        self.counters = target.counters;
        self.trouble = target.trouble;
    }
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
    /// When its last Message came.
    pub seen_at: Millis,
    /// One IP packet in so many is sampled, as far as anybody says.
    pub sampling_rate: Option<u32>,
}

/// What tells one worker from the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerPage {
    /// Datagrams that came.
    pub datagrams: u64,
    /// Datagrams that the kernel dropped because its receive buffer was full.
    pub kernel_drops: u64,
    /// Exporter addresses that are counted one by one.
    pub exporters_count: usize,
    /// Bytes that input made its `Mediator` take.
    pub mediator_bytes: usize,
    /// When it published this.
    pub published_at: Millis,
}

/// All numbers of a worker, or the sum of all workers'.
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
    pub exporters: Vec<(IpAddr, Tally)>,
    /// What exporters sent that are not counted one by one.
    pub other_exporters: Tally,
    /// The workers, by index.
    pub workers: Vec<WorkerPage>,
    /// The traffic by AS number, of each worker.
    pub traffic: Vec<TrafficView>,
}

impl Numbers {
    /// Adds what another worker published, but for the lists that somebody must ask for.
    fn add(&mut self, other: &Self) {
        self.mediator.add(&other.mediator);
        self.mediator_bytes += other.mediator_bytes;
        self.kernel_drops += other.kernel_drops;
        self.tally.add(&other.tally);
        self.held_lost += other.held_lost;
        self.sender_sessions += other.sender_sessions;
        self.shared_messages += other.shared_messages;
        self.other_exporters.add(&other.other_exporters);
        self.workers.extend_from_slice(&other.workers);
        self.traffic.extend_from_slice(&other.traffic);
        let known = self.targets.len();
        for (sum, target) in self.targets.iter_mut().zip(&other.targets) {
            sum.counters.add(&target.counters);
            sum.left_out.add(&target.left_out);
            sum.trouble = match (sum.trouble, target.trouble) {
                (Some(one), Some(other)) => Some(one.or_longer(other)),
                (one, other) => one.or(other),
            };
        }
        self.targets
            .extend(other.targets.iter().skip(known).cloned());
    }

    fn add_lists(&mut self, other: &Self) {
        self.sessions.extend_from_slice(&other.sessions);
        self.exporters.extend_from_slice(&other.exporters);
    }
}

/// The page of one worker.
#[derive(Debug, Default)]
pub struct Page {
    numbers: Mutex<Numbers>,
    lists_wanted: AtomicBool,
    /// Who watches the worker's Messages.
    pub posts: Posts,
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
                    seen_at: session.seen_at,
                    sampling_rate: session.sampling_rate,
                }));
            self.lists_wanted.store(false, Ordering::Release);
        }
    }
}

/// The pages of all workers, and of the connections to collectors.
#[derive(Clone, Debug)]
pub struct Pages {
    workers: Arc<[Arc<Page>]>,
    /// By collector; `None` where datagrams are sent.
    streams: Arc<[Option<Arc<StreamPage>>]>,
}

impl Pages {
    /// Returns an empty page for each worker.
    #[must_use]
    pub fn new(workers_count: usize) -> Self {
        Self {
            workers: (0..workers_count).map(|_| Arc::default()).collect(),
            streams: Arc::default(),
        }
    }

    /// Returns the same with the pages of connections, by collector.
    #[must_use]
    pub fn with_streams(self, streams: impl IntoIterator<Item = Option<Arc<StreamPage>>>) -> Self {
        let streams = streams.into_iter().collect();
        Self { streams, ..self }
    }

    /// The page of each worker.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Page>> {
        self.workers.iter()
    }

    /// Asks all workers for the lists.
    pub fn want_lists(&self) {
        self.iter().for_each(|page| page.want_lists());
    }

    /// Whether a list that was asked for has not come yet.
    #[must_use]
    pub fn await_lists(&self) -> bool {
        self.iter().any(|page| page.awaits_lists())
    }

    /// Returns the sum of all workers' numbers, without the lists.
    #[must_use]
    pub fn totals(&self) -> Numbers {
        let mut sum = Numbers::default();
        self.iter().for_each(|page| sum.add(&page.read()));
        self.add_streams(&mut sum);
        sum
    }

    /// Returns the sum of all workers' numbers, with the lists as they were last asked for.
    #[must_use]
    pub fn everything(&self) -> Numbers {
        let mut sum = Numbers::default();
        for page in self.iter() {
            let numbers = page.read();
            sum.add(&numbers);
            sum.add_lists(&numbers);
        }
        self.add_streams(&mut sum);
        sum
    }

    fn add_streams(&self, sum: &mut Numbers) {
        for (target, stream) in sum.targets.iter_mut().zip(self.streams.iter()) {
            if let Some(stream) = stream {
                target.add_stream(&stream.numbers());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::target::Unsent;

    #[test]
    fn numbers_of_workers_add_up_and_a_collector_is_one_however_many_send_to_it() {
        let pages = Pages::new(3);
        let trouble = |reason, since| Trouble {
            reason,
            since: Millis(since),
            last: Millis(since + 10),
        };
        let troubles = [
            None,
            Some(trouble(Unsent::BufferFull, 5)),
            Some(trouble(Unsent::Refused, 1)),
        ];
        for (index, (page, trouble)) in (0_u64..).zip(pages.iter().zip(troubles)) {
            let mut numbers = page.read();
            numbers.tally.datagrams = 10 + index;
            numbers.workers = vec![WorkerPage {
                datagrams: 10 + index,
                ..WorkerPage::default()
            }];
            let counters = TargetCounters {
                sent: index,
                ..TargetCounters::default()
            };
            numbers.targets = vec![TargetPage {
                identity: Identity::Own,
                label: "192.0.2.9:2055".to_owned(),
                address: None,
                counters,
                left_out: OutletCounters::default(),
                trouble,
                stream: None,
            }];
            numbers.exporters = vec![([192, 0, 2, 1].into(), Tally::default())];
        }
        let totals = pages.totals();
        assert_eq!(totals.tally.datagrams, 33);
        let by_worker = totals.workers.iter().map(|worker| worker.datagrams);
        assert_eq!(by_worker.collect::<Vec<_>>(), [10, 11, 12]);
        let [target] = &totals.targets[..] else {
            panic!("{:?}", totals.targets);
        };
        let longest = Trouble {
            last: Millis(15),
            ..trouble(Unsent::Refused, 1)
        };
        assert_eq!((target.counters.sent, target.trouble), (3, Some(longest)));
        assert!(totals.exporters.is_empty());
        assert_eq!(pages.everything().exporters.len(), 3);
    }
}
