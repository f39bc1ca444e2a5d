//! A Mediator with a small table, and the datagrams that come out of it.
//!
//! After every step the books must close: each Message and each Set that came in was forwarded,
//! held, or dropped by exactly one reason (law L6), and memory stays within its bound (law L5).
//!
//! The table knows 8.8.8.0/24 as AS15169, 1.1.1.0/24 and 2606:4700::/32 as AS13335, 193.0.0.0/21
//! and 2001:67c:2e8::/48 as AS3333, 34.64.0.0/10 as AS396982, which takes more than 16 bits; the
//! operator's own list knows 10.1.0.0/16 as AS64500.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use asdb::{AsDb, Asn, Builder, Policy, PolicyWord, Provider};
use mediator::settings::{DomainNames, IpHeader, Knowledge, Outlet, Settings};
use mediator::{
    Counters, Dropped, Egress, Mediator, Millis, Observer, Raw, Received, RecordSeen, Route, Volume,
};

use crate::notation::shown;

/// What the default configuration means.
pub(crate) fn settings() -> Settings {
    Settings::of_outlets(vec![outlet(1500)])
}

/// An outlet with this largest IP packet, IPv4.
pub(crate) fn outlet(packet_octets_max: usize) -> Outlet {
    Outlet::of_all(packet_octets_max, IpHeader::Ipv4, DomainNames::Kept)
}

/// Settings in which Data Sets do not wait for their Template.
pub(crate) fn without_hold() -> Settings {
    Settings {
        hold_ms: 0,
        ..settings()
    }
}

/// The table of all tests.
pub(crate) const TABLE: [(Provider, &str, u8, u32); 7] = [
    (Provider::Database, "8.8.8.0", 24, 15_169),
    (Provider::Database, "1.1.1.0", 24, 13_335),
    (Provider::Database, "193.0.0.0", 21, 3333),
    (Provider::Database, "34.64.0.0", 10, 396_982),
    (Provider::Database, "2606:4700::", 32, 13_335),
    (Provider::Database, "2001:67c:2e8::", 48, 3333),
    (Provider::Static, "10.1.0.0", 16, 64_500),
];

pub(crate) fn as_db(table: &[(Provider, &str, u8, u32)]) -> AsDb {
    let mut builder = Builder::new();
    for (provider, network, length, asn) in table {
        let prefix = asdb::Prefix::new(network.parse().unwrap(), *length).unwrap();
        builder.add(*provider, 0, prefix, Asn(*asn)).unwrap();
    }
    builder.build()
}

/// Where the clock of every test starts: ages of a restored state reach back before it.
const CLOCK_START_MS: u64 = 1 << 40;

/// One Mediator, its exporter and its clock.
///
/// There are two, in truth: one is watched, one is not. Unwatched records take shorter ways
/// through the code; both must send the same octets and count the same.
pub(crate) struct Rig {
    pub(crate) mediator: Mediator,
    unwatched: Mediator,
    /// Who sends; a test may change it between Messages.
    pub(crate) exporter: SocketAddr,
    /// What every Data Record showed of itself.
    pub(crate) seen: Vec<RecordSeen>,
    pub(crate) traffic: Traffic,
    unwatched_traffic: Traffic,
    as_db: AsDb,
    policies: Vec<Policy>,
    now: Millis,
    bytes_max: usize,
}

/// What a Mediator is asked to do.
enum Step<'a> {
    Process(SocketAddr, &'a [u8]),
    Tick,
    Finish,
}

/// Datagrams and where they go.
type Sent = Vec<(Route, Vec<u8>)>;

/// Sees every record, and the traffic.
struct Recorder<'a>(&'a mut Vec<RecordSeen>, &'a mut Traffic);

impl Observer for Recorder<'_> {
    const WATCHES: bool = true;
    const COUNTS: bool = true;

    fn record(&mut self, seen: &RecordSeen) {
        self.0.push(*seen);
    }

    fn traffic(&mut self, ases: [&[u32]; 2], volumes: &[Volume]) {
        count(self.1, ases, volumes);
    }
}

/// Sees the traffic alone.
struct Counter<'a>(&'a mut Traffic);

impl Observer for Counter<'_> {
    const WATCHES: bool = false;
    const COUNTS: bool = true;

    fn record(&mut self, _: &RecordSeen) {}

    fn traffic(&mut self, ases: [&[u32]; 2], volumes: &[Volume]) {
        count(self.0, ases, volumes);
    }
}

/// Flows, ip_packets and octets by AS number, as source and as destination; 0 is what nobody knows.
type Traffic = BTreeMap<u32, [(u64, u64, u64); 2]>;

fn count(traffic: &mut Traffic, ases: [&[u32]; 2], volumes: &[Volume]) {
    for (side, ases) in ases.into_iter().enumerate() {
        assert_eq!(ases.len(), volumes.len());
        for (asn, volume) in ases.iter().zip(volumes) {
            let sum = &mut traffic.entry(*asn).or_default()[side];
            // What random octets count, times what they sample, passes 64 bits.
            sum.0 = sum.0.wrapping_add(volume.flows);
            sum.1 = sum.1.wrapping_add(volume.ip_packets);
            sum.2 = sum.2.wrapping_add(volume.octets);
        }
    }
}

fn run<O: Observer>(
    mediator: &mut Mediator,
    step: &Step<'_>,
    now: Millis,
    knowledge: &Knowledge<'_>,
    observer: &mut O,
) -> Sent {
    let mut egress = Egress::new();
    let mut octets = Vec::new();
    match step {
        Step::Process(exporter, datagram) => {
            octets = datagram.to_vec();
            let received = Received {
                exporter: *exporter,
                arrived: now,
                octets: &mut octets,
            };
            mediator.process(received, knowledge, &mut egress, observer);
        }
        Step::Tick => mediator.tick(now, knowledge, &mut egress, observer),
        Step::Finish => mediator.finish(now, knowledge, &mut egress, observer),
    }
    let copy = |outgoing: &mediator::Outgoing| {
        let mut datagram = Vec::new();
        egress.copy_to(outgoing, &octets, &mut datagram);
        assert_eq!(datagram.len(), outgoing.octets());
        (outgoing.route, datagram)
    };
    egress.outgoing().iter().map(copy).collect()
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(settings())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Self::knowing(settings, &TABLE, &PolicyWord::DEFAULT_ORDER)
    }

    pub(crate) fn with_words(words: &[PolicyWord]) -> Self {
        Self::knowing(settings(), &TABLE, words)
    }

    pub(crate) fn knowing(
        settings: Settings,
        table: &[(Provider, &str, u8, u32)],
        words: &[PolicyWord],
    ) -> Self {
        let as_db = as_db(table);
        Self {
            policies: vec![as_db.policy(words)],
            bytes_max: settings.limits.total_bytes(),
            mediator: Mediator::new(settings.clone(), 1),
            unwatched: Mediator::new(settings, 1),
            exporter: ([198, 18, 0, 1], 2055).into(),
            seen: Vec::new(),
            traffic: Traffic::new(),
            unwatched_traffic: Traffic::new(),
            as_db,
            now: Millis(CLOCK_START_MS),
        }
    }

    /// Lets so many milliseconds pass, without a tick.
    pub(crate) fn pass(&mut self, ms: u64) {
        self.now = Millis(self.now.0 + ms);
    }

    /// Sends a datagram; returns what the first outlet gets.
    pub(crate) fn send(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        let sent = self.send_everywhere(datagram);
        let to_first = sent.into_iter().filter(|(route, _)| route.outlet == 0);
        to_first.map(|(_, datagram)| datagram).collect()
    }

    /// Sends a datagram; returns what every outlet gets.
    pub(crate) fn send_everywhere(&mut self, datagram: &[u8]) -> Sent {
        self.step(&Step::Process(self.exporter, datagram))
    }

    fn step(&mut self, step: &Step<'_>) -> Sent {
        let knowledge = Knowledge {
            as_db: &self.as_db,
            policies: &self.policies,
            own: &[],
        };
        let observer = &mut Recorder(&mut self.seen, &mut self.traffic);
        let sent = run(&mut self.mediator, step, self.now, &knowledge, observer);
        let counter = &mut Counter(&mut self.unwatched_traffic);
        let unwatched = run(&mut self.unwatched, step, self.now, &knowledge, counter);
        assert_eq!(sent, unwatched, "a watcher changed what is sent");
        assert_eq!(self.counters(), self.unwatched.counters());
        assert_eq!(self.traffic, self.unwatched_traffic);
        self.check_books();
        sent
    }

    /// Sends a datagram from this port.
    pub(crate) fn send_from(&mut self, port: u16, datagram: &[u8]) -> Vec<Vec<u8>> {
        self.exporter.set_port(port);
        self.send(datagram)
    }

    /// Sends a datagram and compares what leaves, octet for octet.
    #[track_caller]
    pub(crate) fn expect(&mut self, datagram: &[u8], expected: &[Vec<u8>]) {
        check(&self.send(datagram), expected);
    }

    /// Has the Mediator look at the clock.
    pub(crate) fn tick(&mut self) -> Vec<Vec<u8>> {
        let sent = self.step(&Step::Tick);
        sent.into_iter().map(|(_, datagram)| datagram).collect()
    }

    /// Ends the Mediator's work.
    pub(crate) fn finish(&mut self) -> Vec<Vec<u8>> {
        let sent = self.step(&Step::Finish);
        assert_eq!(self.counters().messages_held, 0, "nothing waits at the end");
        sent.into_iter().map(|(_, datagram)| datagram).collect()
    }

    /// The operator decides anew.
    pub(crate) fn decide(&mut self, settings: &Settings) {
        for mediator in [&mut self.mediator, &mut self.unwatched] {
            mediator.decide(settings.clone(), self.now);
        }
        self.check_books();
    }

    /// A collector came back.
    pub(crate) fn announce_again(&mut self) {
        self.on_both(Mediator::announce_again);
    }

    /// Tells the Mediator something between two datagrams.
    pub(crate) fn on_both(&mut self, tell: impl Fn(&mut Mediator)) {
        tell(&mut self.mediator);
        tell(&mut self.unwatched);
    }

    pub(crate) fn save(&self) -> Vec<u8> {
        self.mediator.save(self.now)
    }

    pub(crate) fn restore(&mut self, state: &[u8]) {
        for mediator in [&mut self.mediator, &mut self.unwatched] {
            mediator.restore(state, self.now, |_| true).unwrap();
        }
    }

    pub(crate) fn counters(&self) -> Counters {
        self.mediator.counters()
    }

    /// Sets that left without AS numbers for this reason.
    pub(crate) fn raw(&self, reason: Raw) -> u64 {
        self.counters().sets_raw[reason.index()]
    }

    /// Messages that did not leave for this reason.
    pub(crate) fn dropped(&self, reason: Dropped) -> u64 {
        self.counters().messages_dropped[reason.index()]
    }

    /// Sets that did not leave for this reason.
    pub(crate) fn sets_dropped(&self, reason: Dropped) -> u64 {
        self.counters().sets_dropped[reason.index()]
    }

    fn check_books(&self) {
        let counters = self.counters();
        let dropped: u64 = counters.messages_dropped.iter().sum();
        assert_eq!(
            counters.messages_in,
            counters.messages_forwarded + dropped + counters.messages_held,
            "Messages: {counters:?}"
        );
        let sets_dropped: u64 = counters.sets_dropped.iter().sum();
        assert_eq!(
            counters.sets_in,
            counters.sets_forwarded + sets_dropped,
            "Sets: {counters:?}"
        );
        assert!(self.mediator.bytes() <= self.bytes_max, "memory");
    }
}

/// Compares datagrams, octet for octet.
#[track_caller]
pub(crate) fn check(sent: &[Vec<u8>], expected: &[Vec<u8>]) {
    assert!(
        sent == expected,
        "sent:\n{}expected:\n{}",
        shown(sent),
        shown(expected)
    );
}
