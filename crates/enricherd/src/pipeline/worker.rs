//! A worker: one thread that moves datagrams through its `Mediator`, batch by batch.
//!
//! Receive, let the time pass, process, send, publish: one thread, no queue, no lock that it would
//! wait for. If we fail over a datagram, that is our bug: it is counted and kept aside, and the
//! worker goes on with what its `Mediator` remembers.
//!
//! Not here: Messages (`mediator`), sockets (`pipeline::senders`, `io::udp`), when to stop or save
//! (`daemon`).
//! Bound: that of the `Mediator`, one batch of datagrams, one of Messages, the sockets.

use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};

use mediator::wire::header::{self, Header};
use mediator::{Counters, Egress, Mediator, Millis, Observer, Received, Settings, Taken};
use socket2::Socket;

use crate::io::clock::Clock;
use crate::io::steering::Steering;
use crate::io::udp::BATCH_DATAGRAMS;
use crate::io::udp::inbox::Inbox;
use crate::pipeline::apart::{Apart, ApartWatch};
use crate::pipeline::known::{Decisions, Known, SharedKnown};
use crate::pipeline::learnt::Learnt;
use crate::pipeline::left_out::LeftOut;
use crate::pipeline::loops::{Loops, Seen};
use crate::pipeline::outlets::Outlets;
use crate::pipeline::page::{Numbers, Page, TargetPage, WorkerPage};
use crate::pipeline::senders::{Cargo, Senders, Ttls};
use crate::pipeline::streams::StreamSender;
use crate::pipeline::tally::{Refused, Tallies};
use crate::pipeline::traffic::Counting;
use crate::pipeline::watch::{Depth, Noting, Watched};

/// Built octets after which Messages leave before the batch is through.
const BUILT_OCTETS_FLUSH: usize = 1 << 20;
/// How long sockets and collectors are left alone between two looks.
const SWEEP_MS: u64 = 1000;
/// The least time between two publications of numbers.
const PUBLISH_MS: u64 = 100;
/// After a state was made for new Templates no other is for this many times as long as that took.
const SAVE_PAUSE_FACTOR: u64 = 100;
/// Batches that are still taken after the order to stop: what the kernel had for us by then.
const DRAIN_BATCHES_MAX: usize = 1024;

/// What a worker is told between two batches.
#[derive(Clone, Debug)]
pub enum Order {
    /// The collectors have these addresses now, in the order of the configuration.
    Readdress(Vec<Option<SocketAddr>>),
    /// These collectors can be reached, in the order of the configuration.
    Reach {
        /// Which; groups share among those.
        reachable: Vec<bool>,
        /// Whether one came back: it may have missed Templates.
        recovered: bool,
    },
    /// Hand over everything that a restart must not forget.
    Save,
    /// Send what waits, hand over the state and end.
    Stop,
}

/// What a worker hands to the control plane.
#[derive(Debug)]
pub enum Handover {
    /// What a restart must not forget of the exporters of the worker with this index. The first
    /// that a worker hands over is what it took of the saved state.
    State(usize, Vec<u8>),
    /// A datagram over which we failed, and who sent it.
    Aside(SocketAddr, Vec<u8>),
}

/// What a worker begins with.
#[derive(Debug)]
pub struct Start {
    /// Which of the workers it is.
    pub index: usize,
    /// Which exporters belong to which worker.
    pub steering: Steering,
    /// What the workers find out together about their exporters.
    pub apart: Arc<Apart>,
    /// Where datagrams come from.
    pub socket: Socket,
    /// The largest of them, in octets.
    pub datagram_octets_max: usize,
    /// What the operator decided at the start; its outlets are those of `outlets`.
    pub settings: Settings,
    /// Where that came from; others come with [`Start::known`].
    pub decisions: Arc<Decisions>,
    /// Keeps the maps from being attacked.
    pub seed: u64,
    /// Whom we send to.
    pub outlets: Outlets,
    /// By collector, the streams to those that are reached over a connection.
    pub streams: Vec<Option<StreamSender>>,
    /// Sockets that it may open to send by: its share of what the process may.
    pub sockets_max: usize,
    /// A saved state, in as many parts as there were workers.
    pub state: Arc<[Vec<u8>]>,
    /// AS knowledge.
    pub known: SharedKnown,
    /// The time.
    pub clock: Clock,
    /// Where numbers are published.
    pub page: Arc<Page>,
    /// What to do between batches.
    pub orders: Receiver<Order>,
    /// Where state and datagrams that we failed over go; one that is full loses them.
    pub handover: SyncSender<Handover>,
}

/// A worker at work.
#[derive(Debug)]
pub struct Worker<O> {
    index: usize,
    inbox: Inbox,
    apart: ApartWatch,
    decisions: Arc<Decisions>,
    settings: Settings,
    seed: u64,
    mediator: Mediator,
    /// What the Mediators before this one counted.
    counted: Counters,
    left_out: LeftOut,
    /// Which outlets can be reached; all while nobody said.
    reachable: Vec<bool>,
    observer: Counting<O>,
    watched: Watched,
    egress: Egress,
    ttls: Ttls,
    senders: Senders,
    tallies: Tallies,
    loops: Loops,
    known: SharedKnown,
    clock: Clock,
    swept_at: Millis,
    published_at: Millis,
    /// What was saved last, as far as a glance tells, and when the next may be.
    saved: Learnt,
    save_from: Millis,
    held_lost: u64,
    page: Arc<Page>,
    orders: Receiver<Order>,
    handover: SyncSender<Handover>,
}

impl<O: Observer> Worker<O> {
    /// Returns a worker; to be called in the thread in which it works.
    #[must_use]
    pub fn new(start: Start, observer: O) -> Self {
        let mut settings = start.settings;
        settings.outlets.clone_from(&start.outlets.outlets);
        let own_addresses = settings.own_addresses.clone();
        let now = start.clock.now();
        let mut mediator = Mediator::new(settings.clone(), start.seed);
        let is_ours = |exporter| start.steering.worker_of(exporter) == start.index;
        let sessions_count = restore(&mut mediator, &start.state, now, is_ours);
        if sessions_count > 0 {
            let index = start.index;
            tracing::info!("worker-{index}: Templates of {sessions_count} sessions restored");
        }
        let mut apart = ApartWatch::new(start.apart, start.steering.workers_count());
        if mediator.tells_exporters_apart() {
            apart.tell();
        }
        let saved = Learnt::of(&mediator);
        let mut worker = Self {
            index: start.index,
            apart,
            inbox: Inbox::new(start.socket, start.datagram_octets_max),
            decisions: start.decisions,
            settings,
            seed: start.seed,
            mediator,
            counted: Counters::default(),
            reachable: Vec::new(),
            left_out: LeftOut::of(start.outlets.outlets.len()),
            observer: Counting::beside(observer, start.seed),
            watched: Watched::default(),
            egress: Egress::new(),
            ttls: [0; BATCH_DATAGRAMS],
            senders: Senders::new(&start.outlets, own_addresses, start.seed, now),
            tallies: Tallies::new(start.seed),
            loops: Loops::new(start.seed),
            known: start.known,
            clock: start.clock,
            swept_at: now,
            published_at: now,
            saved,
            save_from: now,
            held_lost: 0,
            page: start.page,
            orders: start.orders,
            handover: start.handover,
        };
        worker.senders.keep_to(start.sockets_max);
        // Whoever is reached over a connection knows nothing yet.
        if start.streams.iter().any(Option::is_some) {
            worker.mediator.announce_again();
        }
        worker.senders.take_streams(start.streams);
        worker
    }

    /// Works until it is told to stop, or nobody is left who could tell.
    pub fn run(mut self) {
        self.publish();
        // Waits for room: whoever writes the state needs this part before it can write any.
        let restored = self.mediator.save(self.clock.now());
        drop(self.handover.send(Handover::State(self.index, restored)));
        while self.obey() {
            match self.inbox.receive() {
                Ok(received) => self.batch(received),
                Err(error) => {
                    tracing::error!("receiving datagrams: {error}");
                    self.batch(0);
                }
            }
            self.look_after();
        }
        self.end();
    }

    /// Does what was ordered; returns whether to go on.
    fn obey(&mut self) -> bool {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Readdress(addresses)) => {
                    if self.senders.readdress(&addresses) {
                        self.mediator.announce_again();
                    }
                }
                Ok(Order::Reach {
                    reachable,
                    recovered,
                }) => {
                    let outlets = self.senders.reachable_outlets(&reachable);
                    self.mediator.set_reachable(&outlets);
                    self.reachable = outlets;
                    if recovered {
                        self.mediator.announce_again();
                    }
                }
                Ok(Order::Save) => drop(self.hand_over_state()),
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    /// Moves what came, and what waited for time to pass.
    fn batch(&mut self, received: usize) {
        let known = self.known.load();
        let now = self.clock.now();
        self.watched.begin_batch(&self.page.posts);
        self.decide(&known, now);
        if self.apart.hears() {
            self.mediator.tell_exporters_apart();
        }
        self.tick(now, &known);
        let mut next = 0;
        while next < received {
            let through = catch_unwind(AssertUnwindSafe(|| {
                while next < received {
                    next += 1;
                    self.datagram(next - 1, now, &known);
                }
            }));
            if through.is_err() {
                self.keep_aside(next - 1);
                self.recover(now, &known);
            }
        }
        self.send(now, Cause::Datagrams);
    }

    /// Takes new decisions, if there are any.
    fn decide(&mut self, known: &Known, now: Millis) {
        if !Arc::ptr_eq(&known.decisions, &self.decisions) {
            self.decisions = Arc::clone(&known.decisions);
            self.settings = self.decisions.settings_after(&self.settings);
            self.mediator.decide(self.settings.clone(), now);
        }
    }

    fn tick(&mut self, now: Millis, known: &Known) {
        let Self {
            mediator,
            egress,
            observer,
            ..
        } = self;
        let knowledge = known.knowledge();
        let through = catch_unwind(AssertUnwindSafe(|| {
            mediator.tick(now, &knowledge, egress, observer);
        }));
        if through.is_err() {
            self.recover(now, known);
        }
        self.send(now, Cause::Time);
    }

    /// Takes one datagram, or refuses it.
    fn datagram(&mut self, index: usize, now: Millis, known: &Known) {
        let Some(arrival) = self.inbox.arrival(index) else {
            return;
        };
        let exporter = arrival.source;
        let ttl = arrival.ttl.unwrap_or(u8::MAX);
        let octets = self.inbox.octets_mut(index, arrival.octets_count);
        let tally = self.tallies.of(exporter.ip());
        tally.datagrams += 1;
        tally.octets += octets.len() as u64;
        tally.seen_at = now;
        let refused = if !self.decisions.allows(exporter.ip()) {
            Some(Refused::NotAllowed)
        } else if arrival.is_cut {
            Some(Refused::Cut)
        } else if ttl <= 1 {
            Some(Refused::Loop)
        } else {
            let senders = &self.senders;
            let is_collector = || senders.sends_to(exporter.ip());
            let seen = self
                .loops
                .look(octets, (exporter.ip(), ttl), is_collector, now);
            tally.looped += u64::from(seen != Seen::New);
            (seen == Seen::Again).then_some(Refused::Loop)
        };
        let depth = self.watched.begin(exporter, octets, now);
        if let Some(reason) = refused {
            tally.refused[reason.index()] += 1;
            if depth != Depth::Nothing {
                self.watched.end(None, false, refused);
            }
            return;
        }
        let version = header::version(octets);
        tally.unknown_versions += u64::from(version.is_none());
        let is_message = || version.is_some_and(|version| Header::read(version, octets).is_some());
        if self.apart.meets(exporter.ip(), is_message) {
            self.mediator.tell_exporters_apart();
        }
        if let Some(place) = self.ttls.get_mut(index) {
            *place = ttl - 1;
        }
        self.egress.begin(u32::try_from(index).unwrap_or(u32::MAX));
        let taken = self.process(index, (exporter, arrival.octets_count), depth, (now, known));
        if taken.malformed_count > 0 {
            self.tallies.of(exporter.ip()).malformed += u64::from(taken.malformed_count);
        }
        if self.egress.built().len() >= BUILT_OCTETS_FLUSH {
            self.send(now, Cause::Datagrams);
        }
    }

    /// Has the Mediator work on a datagram, and shows it to whoever wants to see so much of it.
    fn process(
        &mut self,
        index: usize,
        (exporter, octets_count): (SocketAddr, usize),
        depth: Depth,
        (arrived, known): (Millis, &Known),
    ) -> Taken {
        let Self {
            inbox,
            mediator,
            egress,
            observer,
            watched,
            ..
        } = self;
        let received = Received {
            exporter,
            arrived,
            octets: inbox.octets_mut(index, octets_count),
        };
        let knowledge = known.knowledge();
        if depth == Depth::Nothing {
            return mediator.process(received, &knowledge, egress, observer);
        }
        observer.first_as = None;
        let taken = if depth == Depth::Records {
            let mut noting = Noting {
                counting: observer,
                records: watched.records(),
            };
            mediator.process(received, &knowledge, egress, &mut noting)
        } else {
            mediator.process(received, &knowledge, egress, observer)
        };
        let is_malformed = taken.malformed_count > 0;
        self.watched.end(self.observer.first_as, is_malformed, None);
        taken
    }

    fn send(&mut self, now: Millis, cause: Cause) {
        if self.egress.outgoing().is_empty() {
            return;
        }
        let cargo = Cargo {
            egress: &self.egress,
            inbox: &self.inbox,
            ttls: (cause == Cause::Datagrams).then_some(&self.ttls),
        };
        for outgoing in self.egress.outgoing() {
            let parts = cargo.parts(outgoing, u8::MAX);
            let source = outgoing.route.exporter.ip();
            self.loops
                .note((parts.header, parts.body), source, parts.ttl);
        }
        self.senders.send(cargo, now);
        self.egress.clear();
    }

    /// Once a second, looks after sockets and collectors; publishes numbers.
    fn look_after(&mut self) {
        let now = self.clock.now();
        if self.senders.has_room_again() {
            self.mediator.announce_again();
        }
        if now.since(self.swept_at) >= SWEEP_MS {
            self.swept_at = now;
            if self.senders.sweep(now) {
                self.mediator.announce_again();
            }
            self.save_if_learnt(now);
        }
        if now.since(self.published_at) >= PUBLISH_MS {
            self.published_at = now;
            self.publish();
        }
    }

    fn publish(&mut self) {
        self.left_out.sum(&self.mediator);
        let mut mediator_counters = self.counted;
        mediator_counters.add(&self.mediator.counters());
        self.page.write(&self.mediator, |numbers: &mut Numbers| {
            numbers.mediator = mediator_counters;
            numbers.mediator_bytes = self.mediator.bytes();
            numbers.kernel_drops = self.inbox.kernel_drops();
            numbers.tally = self.tallies.total();
            numbers.held_lost = self.held_lost;
            numbers.sender_sessions = self.senders.sessions_count();
            numbers.shared_messages = self.senders.shared_messages;
            numbers.other_exporters = *self.tallies.others();
            // The lists keep their room: nothing is allocated from the second time on.
            numbers.workers.clear();
            numbers.workers.push(WorkerPage {
                datagrams: numbers.tally.datagrams,
                kernel_drops: numbers.kernel_drops,
                exporters_count: self.tallies.list().len(),
                mediator_bytes: numbers.mediator_bytes,
                published_at: self.published_at,
            });
            numbers.traffic.clear();
            numbers.traffic.push(self.observer.view());
            let known = numbers.targets.len();
            let new = self.senders.targets.iter().skip(known);
            numbers.targets.extend(new.map(TargetPage::of));
            for (page, target) in numbers.targets.iter_mut().zip(&self.senders.targets) {
                page.update(target, self.left_out.sums());
            }
            if self.page.awaits_lists() {
                numbers.exporters.clear();
                numbers.exporters.extend_from_slice(self.tallies.list());
            }
        });
    }

    /// Hands over the datagram that we failed over. Its AS numbers may be written already.
    fn keep_aside(&mut self, index: usize) {
        let Some(arrival) = self.inbox.arrival(index) else {
            return;
        };
        let tally = self.tallies.of(arrival.source.ip());
        tally.refused[Refused::Panic.index()] += 1;
        let octets = self.inbox.octets(index, arrival.octets_count).to_vec();
        // Whoever writes these files has enough of them if the channel is full.
        drop(
            self.handover
                .try_send(Handover::Aside(arrival.source, octets)),
        );
    }

    /// Goes on with a new `Mediator` that remembers what the old one still can tell.
    fn recover(&mut self, now: Millis, known: &Known) {
        self.counted.add(&self.mediator.counters());
        self.left_out.keep(&self.mediator);
        let held = std::mem::take(&mut self.counted.messages_held);
        if !self.release(now, known) {
            self.held_lost += held;
        }
        self.send(now, Cause::Datagrams);
        let mediator = &self.mediator;
        let tells_apart = mediator.tells_exporters_apart();
        let state = catch_unwind(AssertUnwindSafe(|| mediator.save(now)));
        self.mediator = Mediator::new(self.settings.clone(), self.seed);
        self.mediator.set_reachable(&self.reachable);
        match state {
            Ok(state) => {
                restore(&mut self.mediator, &[state], now, |_| true);
            }
            Err(_) => tracing::error!("what was learnt of exporters is lost; it is learnt anew"),
        }
        if tells_apart {
            self.mediator.tell_exporters_apart();
        }
    }

    /// Lets go of what waits for a Template; returns whether that went well.
    fn release(&mut self, now: Millis, known: &Known) -> bool {
        let Self {
            mediator,
            egress,
            observer,
            ..
        } = self;
        let released = catch_unwind(AssertUnwindSafe(|| {
            mediator.finish(now, &known.knowledge(), egress, observer);
        }));
        released.is_ok()
    }

    /// Saves soon after Templates came: an exporter may send them once, and we may be killed.
    fn save_if_learnt(&mut self, now: Millis) {
        let learnt = Learnt::of(&self.mediator);
        if learnt == self.saved || now < self.save_from {
            return;
        }
        if self.hand_over_state() {
            self.saved = learnt;
        }
        let took_ms = self.clock.now().since(now);
        self.save_from = Millis(now.0.saturating_add(took_ms * SAVE_PAUSE_FACTOR));
    }

    /// Returns whether there was room; else earlier ones are still being written.
    fn hand_over_state(&self) -> bool {
        let state = self.mediator.save(self.clock.now());
        let handover = Handover::State(self.index, state);
        self.handover.try_send(handover).is_ok()
    }

    /// Takes what the kernel still has, sends what waits and hands over the state.
    fn end(&mut self) {
        for _ in 0..DRAIN_BATCHES_MAX {
            match self.inbox.receive_waiting() {
                Ok(received) if received > 0 => self.batch(received),
                _ => break,
            }
        }
        let known = self.known.load();
        let now = self.clock.now();
        if !self.release(now, &known) {
            tracing::error!("Messages that waited for a Template are lost");
        }
        self.send(now, Cause::Time);
        self.publish();
        let mediator = &self.mediator;
        if let Ok(state) = catch_unwind(AssertUnwindSafe(|| mediator.save(now))) {
            // Waits for room: this is the last one, and nothing moves any more.
            drop(self.handover.send(Handover::State(self.index, state)));
        }
    }
}

/// Why Messages leave.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Datagrams of this batch came.
    Datagrams,
    /// Time passed.
    Time,
}

/// Takes over what is ours of a saved state; returns how many sessions that were.
fn restore(
    mediator: &mut Mediator,
    state: &[Vec<u8>],
    now: Millis,
    is_ours: impl Fn(IpAddr) -> bool,
) -> usize {
    let taken = state.iter().map(|part| {
        let taken = mediator.restore(part, now, &is_ours);
        taken
            .inspect_err(|error| tracing::error!("{error}"))
            .unwrap_or(0)
    });
    taken.sum()
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::sync::mpsc::sync_channel;
    use std::thread;
    use std::time::Duration;

    use mediator::RecordSeen;

    use super::*;
    use crate::config::ConfigFile;
    use crate::pipeline::settings;

    /// Fails over every record of this AS.
    struct FailsOver(u32);

    impl Observer for FailsOver {
        const WATCHES: bool = true;

        fn record(&mut self, seen: &RecordSeen) {
            assert_ne!(seen.source.before, Some(self.0), "on purpose");
        }
    }

    /// An IPFIX Message [RFC 7011 §3.1].
    fn message(sequence: u8, set_id: u8, set_id_low: u8, body: &[u8]) -> Vec<u8> {
        let set_octets = u8::try_from(body.len() + 4).unwrap();
        let mut octets = vec![
            0,
            10,
            0,
            set_octets + 16,
            1,
            2,
            3,
            4,
            0,
            0,
            0,
            sequence,
            0,
            0,
            0,
            7,
        ];
        octets.extend([set_id, set_id_low, 0, set_octets]);
        octets.extend(body);
        octets
    }

    #[test]
    fn a_datagram_that_we_fail_over_costs_nobody_else_anything() {
        let input = UdpSocket::bind("127.0.0.1:0").unwrap();
        input
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        let exporter = UdpSocket::bind("127.0.0.1:0").unwrap();
        exporter.connect(input.local_addr().unwrap()).unwrap();
        let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
        collector
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let port = collector.local_addr().unwrap().port();
        let text = format!("forwarding: {{collectors: [{{host: 127.0.0.1, port: {port}}}]}}");
        let file = ConfigFile::parse(text.as_bytes()).unwrap();
        let config = file.check().unwrap().config;
        let collectors = &config.forwarding.collectors;
        let as_db = asdb::Builder::new().build();
        let (settings, policies) = settings::of(&config, collectors, &as_db);
        let decisions = Arc::new(settings::decisions(&config, &as_db).0);
        let (orders, ordered) = sync_channel(1);
        let (handover, handed) = sync_channel(4);
        let page = Arc::new(Page::default());
        let start = Start {
            index: 0,
            steering: Steering::over(1),
            apart: Arc::default(),
            socket: input.into(),
            datagram_octets_max: 1500,
            settings,
            decisions: Arc::clone(&decisions),
            seed: 0,
            outlets: Outlets::of(&config.forwarding, &[]),
            streams: Vec::new(),
            sockets_max: 16,
            state: Arc::default(),
            known: SharedKnown::new(Known {
                as_db,
                policies,
                decisions,
                own: Vec::new(),
            }),
            clock: Clock::start(),
            page: Arc::clone(&page),
            orders: ordered,
            handover,
        };
        // Template 256: addresses and AS numbers.
        let template = [
            1, 0, 0, 4, 0, 8, 0, 4, 0, 12, 0, 4, 0, 16, 0, 4, 0, 17, 0, 4,
        ];
        let record = |asn| [8, 8, 8, 8, 1, 1, 1, 1, 0, 0, 0, asn, 0, 0, 0, 2];
        exporter.send(&message(0, 0, 2, &template)).unwrap();
        for (sequence, asn) in [(0, 1), (1, 66), (2, 3)] {
            exporter
                .send(&message(sequence, 1, 0, &record(asn)))
                .unwrap();
        }
        let worker = thread::spawn(|| Worker::new(start, FailsOver(66)).run());
        let came: Vec<_> = std::iter::repeat_with(|| {
            let mut octets = [0; 1500];
            let length = collector.recv(&mut octets).unwrap();
            octets[..length].to_vec()
        })
        .filter(|octets| octets[16] == 1)
        .take(2)
        .collect();
        orders.send(Order::Stop).unwrap();
        worker.join().unwrap();
        // The third record was read with the Template that the first Mediator had learnt.
        assert_eq!(came[0].last_chunk::<16>(), Some(&record(1)));
        assert_eq!(came[1].last_chunk::<16>(), Some(&record(3)));
        let numbers = page.read();
        assert_eq!(numbers.tally.refused[Refused::Panic.index()], 1);
        assert_eq!(numbers.mediator.datagrams_in, 4);
        assert_eq!(numbers.held_lost, 0);
        let aside = handed.iter().find_map(|handover| match handover {
            Handover::Aside(_, octets) => Some(octets),
            Handover::State(..) => None,
        });
        assert_eq!(aside, Some(message(1, 1, 0, &record(66))));
    }
}
