//! The judge: watches both sides of a mediator and says which law was broken.
//!
//! It is told every datagram that goes in and every datagram that comes out, in the order in
//! which both happen, and reads them with two collectors of its own. What came in is a queue of
//! things that must leave ([`stream`](crate::stream)); what leaves is ticked off. What cannot be
//! ticked off is a [`Breach`] of one of the laws of DESIGN section 1.
//!
//! L5 and L6 need numbers that only the mediator has; the tests compare those with [`Tally`].
//!
//! Not here: running a mediator; the tests do. Nothing of it is known here but what it sends.
//! Bound: what went in and did not come out; breaches are kept up to [`BREACHES_MAX`].

mod data;
mod templates;

use crate::collector::{Content, MessageSeen, SessionKey, SetSeen, StrictCollector, TemplateOrder};
use crate::finding::Finding;
use crate::framing::{Fault, Header, Version};
use crate::octets::hex;
use crate::projection;
use crate::promise::{self, Origin, Verdict};
use crate::stream::{Expected, Stream};
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

/// Breaches beyond this number are counted, not kept.
pub const BREACHES_MAX: usize = 100;

/// The laws that can be judged from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Law {
    /// L1: what could be read can be read, in the same way.
    Readable,
    /// L2: the input's records come back.
    Projection,
    /// L3: size, Lengths and counts.
    Size,
    /// L4: no loss is seen but the input's.
    Sequence,
    /// L6: everything leaves, or is dropped for a reason.
    Accounted,
    /// L7: what is not understood is not changed.
    NoHarm,
    /// L8: order, and one meaning for each Template ID.
    Order,
    /// The promise: the AS numbers are the right ones.
    Promise,
}

/// A law broken.
#[derive(Clone, Debug)]
pub struct Breach {
    /// Which.
    pub law: Law,
    /// After how many datagrams that came and that left.
    pub at: (usize, usize),
    /// What happened.
    pub what: String,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Datagrams that came.
    pub datagrams_in: usize,
    /// Datagrams that left.
    pub datagrams_out: usize,
    /// Data Records that came and could be read when they came.
    pub records_in: usize,
    /// Data Records that were ticked off one by one.
    pub records_out: usize,
    /// Data Records that left by a clone.
    pub cloned: usize,
    /// Sides with the right AS number that was not there before.
    pub filled: usize,
    /// Sides that kept the exporter's value, or the nothing that everybody knows.
    pub kept: usize,
    /// Sides that could have had an AS number.
    pub missed: usize,
    /// Sets that left as they came though nobody could read them when they came.
    pub raw: usize,
    /// Sets that nobody could read when they came and that left by their Template.
    pub late: usize,
    /// Template Records beyond those that the exporter sent.
    pub announced: usize,
    /// Clones among them.
    pub clones: usize,
    /// Datagrams above the size limit that could not be divided.
    pub oversize: usize,
    /// Messages without any Set that did not leave.
    pub empty: usize,
    /// Sets that did not leave because a clone has their ID.
    pub id_taken: usize,
    /// Breaches, also those not kept.
    pub breaches: usize,
}

/// What the judge must know of the mediator's settings.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// Largest IP packet in octets.
    pub packet_octets_max: usize,
    /// Whether to keep a line for each Message, for a person who looks for the reason.
    pub keeps_log: bool,
    /// Who originates an address; `None` if there is to be no opinion on AS numbers.
    pub origin: Option<Origin>,
}

/// What Template IDs mean on all ports of one exporter address, version and domain.
#[derive(Debug, Default)]
struct Scope {
    /// IDs under which the exporter's own Templates left.
    owned: HashSet<u16>,
    /// IDs that clones ever had.
    clones: HashSet<u16>,
}

type ScopeKey = (IpAddr, Version, u32);

/// Watches, compares, remembers what was wrong.
#[derive(Debug)]
pub struct Judge {
    bench: Bench,
    input: StrictCollector,
    output: StrictCollector,
    streams: HashMap<SessionKey, Stream>,
    scopes: HashMap<ScopeKey, Scope>,
    /// Datagrams of no version, by exporter.
    strangers: HashMap<SocketAddr, VecDeque<Vec<u8>>>,
    tally: Tally,
    breaches: Vec<Breach>,
    log: Vec<String>,
}

impl Judge {
    /// Returns a judge that saw nothing.
    #[must_use]
    pub fn new(bench: Bench) -> Self {
        let collector = |order| StrictCollector::new(order, usize::MAX);
        Self {
            bench,
            input: collector(TemplateOrder::WholeMessage),
            output: collector(TemplateOrder::AsSent),
            streams: HashMap::new(),
            scopes: HashMap::new(),
            strangers: HashMap::new(),
            tally: Tally::default(),
            breaches: Vec::new(),
            log: Vec::new(),
        }
    }

    /// What was wrong, the first [`BREACHES_MAX`] of it.
    #[must_use]
    pub fn breaches(&self) -> &[Breach] {
        &self.breaches
    }

    /// One line for each Message and each breach, if the bench says so.
    #[must_use]
    pub fn log(&self) -> &[String] {
        &self.log
    }

    /// What was seen.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Takes note of a datagram that goes in.
    pub fn arrive(&mut self, exporter: SocketAddr, datagram: &[u8]) {
        self.tally.datagrams_in += 1;
        for message in self.input.read(exporter, datagram) {
            self.tally.records_in += message.records_count();
            self.note("in ", exporter, &message);
            let (Some(session), Some(header)) = (message.session, message.header) else {
                let waiting = self.strangers.entry(exporter).or_default();
                waiting.push_back(message.octets);
                continue;
            };
            let stream = self.streams.entry(session).or_default();
            stream.came.note(&message);
            stream.queue.push_back(Expected::new(&message, header));
        }
    }

    /// Judges a datagram that comes out.
    pub fn leave(&mut self, exporter: SocketAddr, datagram: &[u8]) {
        self.tally.datagrams_out += 1;
        let messages = self.output.read(exporter, datagram);
        let mut divisible = messages.len() > 1;
        for message in &messages {
            self.note("out", exporter, message);
            let may_be_raw = match (message.session, message.header) {
                (Some(session), Some(header)) => self.message(&session, &header, message),
                _ => {
                    self.stranger(exporter, &message.octets);
                    false
                }
            };
            divisible |= is_divisible(message, may_be_raw);
        }
        self.size(exporter, datagram, divisible);
    }

    /// Says that nothing comes out any more.
    pub fn end(&mut self) {
        let mut sessions: Vec<_> = self.streams.keys().copied().collect();
        sessions.sort_unstable();
        for session in sessions {
            while self.skip_head(&session, false) {}
        }
        let lost: usize = self
            .strangers
            .values()
            .flatten()
            .filter(|octets| !octets.is_empty())
            .count();
        if lost > 0 {
            let what = format!("{lost} datagrams of no version did not leave");
            self.breach(Law::Accounted, what);
        }
    }

    /// Sequence Numbers that came and left, by session, for whoever knows what the network did;
    /// but for sessions whose IPFIX records may have been counted by another port's Template.
    pub fn sequences(
        &self,
    ) -> impl Iterator<
        Item = (
            &SessionKey,
            &crate::sequence::Numbers,
            &crate::sequence::Numbers,
        ),
    > {
        self.streams
            .iter()
            .filter(|(session, stream)| session.version != Version::Ipfix || !stream.borrows)
            .map(|(session, stream)| (session, &stream.came, &stream.left))
    }

    /// Adds a breach that somebody else found.
    pub fn breach(&mut self, law: Law, what: String) {
        self.tally.breaches += 1;
        if self.bench.keeps_log {
            self.log.push(format!("    {law:?}: {what}"));
        }
        if self.breaches.len() < BREACHES_MAX {
            let at = (self.tally.datagrams_in, self.tally.datagrams_out);
            self.breaches.push(Breach { law, at, what });
        }
    }

    fn note(&mut self, way: &str, exporter: SocketAddr, message: &MessageSeen) {
        if self.bench.keeps_log {
            let count = match way {
                "in " => self.tally.datagrams_in,
                _ => self.tally.datagrams_out,
            };
            self.log.push(format!("{way} {count} {exporter} {message}"));
        }
    }

    /// L3: too large only where nothing can be divided.
    fn size(&mut self, exporter: SocketAddr, datagram: &[u8], divisible: bool) {
        let headers = if exporter.is_ipv6() { 48 } else { 28 };
        if datagram.len() + headers <= self.bench.packet_octets_max {
            return;
        }
        self.tally.oversize += 1;
        if divisible {
            let octets = datagram.len();
            self.breach(Law::Size, format!("{octets} octets that could be divided"));
        }
    }

    fn stranger(&mut self, exporter: SocketAddr, octets: &[u8]) {
        let waiting = self.strangers.entry(exporter).or_default();
        // An empty datagram has nothing that could be forwarded or missed.
        while waiting.front().is_some_and(Vec::is_empty) && !octets.is_empty() {
            waiting.pop_front();
        }
        if waiting.front().map(Vec::as_slice) == Some(octets) {
            waiting.pop_front();
            return;
        }
        let shown = hex(octets, 40);
        self.breach(Law::NoHarm, format!("nobody sent the octets {shown}"));
    }

    /// Judges a Message, and returns whether all of its Sets may have left raw.
    fn message(&mut self, session: &SessionKey, header: &Header, message: &MessageSeen) -> bool {
        let stream = self.streams.entry(*session).or_default();
        stream.left.note(message);
        while stream.queue.front().is_some_and(Expected::is_done) {
            stream.queue.pop_front();
        }
        if self.whole(session, header, message) {
            return false;
        }
        if session.version == Version::V5 && !message.is_malformed() {
            self.v5(session, header, message);
            return false;
        }
        if message.is_malformed() {
            let shown = hex(&message.octets, 60);
            self.breach(Law::NoHarm, format!("{session:?} malformed: {shown}"));
            return false;
        }
        let mut may_be_raw = true;
        for set in &message.sets {
            may_be_raw &= self.set(session, header, set);
        }
        self.remarks(session, header, message, may_be_raw);
        may_be_raw
    }

    /// Ticks off a Message that leaves whole: v5, malformed, or with something wrong in it.
    fn whole(&mut self, session: &SessionKey, header: &Header, message: &MessageSeen) -> bool {
        let Some(stream) = self.streams.get_mut(session) else {
            return false;
        };
        let fits = |expected: &Expected| {
            let may = expected.malformed || expected.doubtful && expected.is_untouched();
            may && expected.body == message.body()
        };
        let Some(place) = stream.queue.iter().position(fits) else {
            return false;
        };
        // Elsewhere in the queue it is the same Message only if it can be no other.
        if place > 0 && !message.is_malformed() {
            return false;
        }
        let Some(expected) = stream.queue.remove(place) else {
            return false;
        };
        // What a clone's ID swallowed is not older: it is gone.
        let gone = |expected: &Expected| {
            let mut left = expected.items.iter().filter(|item| !item.done);
            !expected.malformed && left.all(|item| self.may_vanish(session, item))
        };
        let older = self.streams.get(session).map_or(0, |stream| {
            let before = stream.queue.iter().take(place);
            before.filter(|expected| !gone(expected)).count()
        });
        if older > 0 {
            let what = format!("{session:?}: a Message left before {older} older ones");
            self.breach(Law::Order, what);
        }
        self.tick_whole(session, header, message, &expected);
        true
    }

    fn tick_whole(
        &mut self,
        session: &SessionKey,
        header: &Header,
        message: &MessageSeen,
        expected: &Expected,
    ) {
        self.times(&expected.header, header);
        if !expected.malformed {
            self.tally.raw += expected.items.len();
            for set in &message.sets {
                if let Content::Templates(templates) = &set.content {
                    for template in templates {
                        self.own(session, template);
                    }
                }
            }
        }
    }

    /// Ticks off records of v5, which may have been divided between several Messages.
    fn v5(&mut self, session: &SessionKey, header: &Header, message: &MessageSeen) {
        let count = usize::from(header.stated);
        let Some(expected) = self
            .streams
            .get_mut(session)
            .and_then(|stream| stream.queue.front_mut())
        else {
            self.breach(
                Law::NoHarm,
                format!("{session:?}: records that nobody sent"),
            );
            return;
        };
        let came = expected.header;
        let next = expected.v5_next;
        let compared = projection::compare_v5(next, count, &expected.body, message.body());
        let body = expected.body.clone();
        expected.v5_next = usize::from(came.stated).min(next + count);
        self.times(&came, header);
        if let Err(why) = compared {
            self.breach(Law::Projection, format!("{session:?}: {why}"));
            return;
        }
        self.tally.records_out += count;
        let Some(origin) = self.bench.origin else {
            return;
        };
        let pairs = body.chunks(48).skip(next).zip(message.body().chunks(48));
        for (before, after) in pairs.take(count) {
            for verdict in promise::judge_v5(before, after, origin) {
                self.verdict(verdict);
            }
        }
    }

    /// Judges one Set, and returns whether it may have left raw.
    fn set(&mut self, session: &SessionKey, header: &Header, set: &SetSeen) -> bool {
        match &set.content {
            Content::Templates(templates) => {
                for template in templates {
                    self.template(session, header, template);
                }
                false
            }
            Content::Data(_) | Content::Unread => self.data(session, header, set),
        }
    }

    /// Judges what the strict collector remarked on a Message that was not passed whole.
    ///
    /// Of Sets that are raw to the mediator nobody there knows the records, nor that a collector
    /// could still read them: it may count each as one, and send readable ones with others.
    fn remarks(
        &mut self,
        session: &SessionKey,
        header: &Header,
        message: &MessageSeen,
        may_be_raw: bool,
    ) {
        for finding in &message.findings {
            match finding {
                Finding::CountUntrue { .. } if may_be_raw => {}
                Finding::CountUntrue { .. } => {
                    self.breach(Law::Size, format!("{session:?}: {finding:?}"));
                }
                // What stands in a Template Set that is broken is nobody's to take out.
                Finding::Withdrawal { .. } if may_be_raw => {}
                Finding::Withdrawal { .. } | Finding::Trailing { .. } => {
                    self.breach(Law::Readable, format!("{session:?}: {finding:?}"));
                }
                // Those that make a Set unreadable were judged with the Set.
                _ => {}
            }
        }
        let (records, unread) = match may_be_raw {
            true => (0, message.sets.len()),
            false => {
                let unread = |set: &&SetSeen| set.content == Content::Unread;
                let records = message.sets.iter().map(SetSeen::records_count).sum();
                (records, message.sets.iter().filter(unread).count())
            }
        };
        // K10: a collector may throw away all of a Message for one Template that it lacks.
        let unknown = |finding: &Finding| matches!(finding, Finding::NoTemplate { .. });
        if records > 0 && message.findings.iter().any(unknown) {
            let what = format!("{session:?}: a raw Set shares its Message with {records} records");
            self.breach(Law::Order, what);
        }
        let stated = usize::from(header.stated);
        if unread > 0 && session.version == Version::V9 && stated < unread + records {
            let what = format!("{session:?}: count {stated} for {unread} raw Sets");
            self.breach(Law::Size, what);
        }
    }

    /// H7, H8: header times stay.
    fn times(&mut self, came: &Header, left: &Header) {
        if !came.same_times(left) {
            let what = format!("header times changed: {came:?} became {left:?}");
            self.breach(Law::NoHarm, what);
        }
    }

    /// Takes the oldest Message off the queue though not all of it left; false if there is none.
    fn skip_head(&mut self, session: &SessionKey, more_comes: bool) -> bool {
        let Some(expected) = self
            .streams
            .get_mut(session)
            .and_then(|stream| stream.queue.pop_front())
        else {
            return false;
        };
        if expected.is_done() {
            self.tally.empty += usize::from(expected.items.is_empty());
            return true;
        }
        let mut missing = Vec::new();
        for item in expected.items.iter().filter(|item| !item.done) {
            if self.may_vanish(session, item) {
                let is_unread = item.set.content == Content::Unread;
                let is_taken = is_unread && !self.was_padding(session, item);
                self.tally.id_taken += usize::from(is_taken);
            } else {
                missing.push(format!("Set {} from record {}", item.set.id, item.next));
            }
        }
        if !expected.is_done() && (expected.items.is_empty() || !missing.is_empty()) {
            let when = if more_comes { "so far" } else { "at all" };
            let sequence = expected.header.sequence;
            let what = format!(
                "{session:?}: of Message {sequence} did not leave {when}: {missing:?} {}",
                hex(&expected.body, 60)
            );
            self.breach(Law::Accounted, what);
        }
        true
    }

    fn verdict(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Unjudged => {}
            Verdict::Filled => self.tally.filled += 1,
            Verdict::Kept => self.tally.kept += 1,
            Verdict::Missed => {
                self.tally.missed += 1;
                if self.bench.keeps_log {
                    self.log.push(String::from("    an AS number was missed"));
                }
            }
            Verdict::Wrong { found, expected } => {
                let what = format!("AS {found} where {expected} belongs");
                self.breach(Law::Promise, what);
            }
        }
    }

    fn scope(&mut self, session: &SessionKey) -> &mut Scope {
        let key = (session.exporter.ip(), session.version, session.domain);
        self.scopes.entry(key).or_default()
    }
}

/// Whether a Message has a border that the mediator could have divided it at: a raw Set has none.
fn is_divisible(message: &MessageSeen, may_be_raw: bool) -> bool {
    if message
        .header
        .is_none_or(|header| header.version == Version::V5)
    {
        return false;
    }
    let malformed = |finding: &Finding| match finding {
        Finding::Malformed(fault) => *fault != Fault::Version,
        _ => false,
    };
    if message.findings.iter().any(malformed) {
        return false;
    }
    match message.sets.as_slice() {
        [] => false,
        [set] => match &set.content {
            Content::Templates(templates) => templates.len() > 1,
            Content::Data(data) => !may_be_raw && data.records.count() > 1,
            Content::Unread => false,
        },
        _ => true,
    }
}
