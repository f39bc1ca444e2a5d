//! The one control flow: what happens to a datagram, from the first octet to the last.
//!
//! [`Mediator::process`] reads as the story of a Message: which protocol, which session, must it
//! wait, what do its Sets become, which numbers do the outgoing Messages have. Every decision is
//! made here and in the files beside this one; the arithmetic is in `wire`, `collect`, `enrich`
//! and `export`.
//!
//! Not here: sockets, clocks, files. The caller says what time it is.
//! Bound: [`crate::Limits::total_bytes`]; once warm nothing is allocated for a Message whose
//! Templates are known.

mod build;
mod deliver;
mod learn;
mod legacy;
mod renew;
mod save;
mod select;
mod session;
mod unread;
mod wait;

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::ops::Range;

use crate::collect::store::SessionIndex;
use crate::counters::{Counters, Dropped, OutletCounters, RecordCounters, SessionCounters};
use crate::egress::{Egress, Route};
use crate::enrich::apply::Scratch;
use crate::enrich::disagree::Disagreement;
use crate::enrich::plan::Plan;
use crate::export::domains::ShownDomains;
use crate::export::draft::Draft;
use crate::observe::Observer;
use crate::settings::{DomainNames, IpHeader, Knowledge, Misfit, Settings};
use crate::wire::header::{self, Header};
use crate::wire::set::{Extent, Set, read_sets};
use crate::{Millis, Version};
use select::{Selecting, Want};
use session::{Attached, OnStreams, Store};

/// A datagram as it came.
#[derive(Debug)]
pub struct Received<'a> {
    /// Who sent it; v4-mapped addresses are unmapped.
    pub exporter: SocketAddr,
    /// When it came; never before an earlier one.
    pub arrived: Millis,
    /// The UDP payload; AS numbers are written into it.
    pub octets: &'a mut [u8],
}

/// What a datagram turned out to be, for whoever keeps numbers of its sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Messages in it whose lengths contradict each other.
    pub malformed_count: u32,
}

/// An Intermediate Process: all that one worker remembers of its exporters.
#[derive(Debug)]
pub struct Mediator {
    settings: Settings,
    store: Store,
    counters: Counters,
    scratch: Scratch,
    v5_plan: Plan,
    domains: ShownDomains,
    sets: Vec<Set>,
    deferred: Vec<usize>,
    main: Draft,
    raw: Draft,
    announcement: Draft,
    selecting: Selecting,
    /// Which outlets can be reached; all where nobody said.
    reachable: Vec<bool>,
    outlet_counters: Vec<OutletCounters>,
}

/// What a session shows of itself.
#[derive(Clone, Copy, Debug)]
pub struct SessionView<'a> {
    /// The Original Exporter.
    pub exporter: SocketAddr,
    /// The protocol.
    pub version: Version,
    /// Observation Domain ID, Source ID, engine.
    pub domain: u32,
    /// Templates it announced.
    pub templates_count: usize,
    /// What it sent and what became of it.
    pub counters: &'a SessionCounters,
    /// Examples of where it and the table disagree.
    pub examples: &'a [Disagreement],
    /// When its last Message came.
    pub seen_at: Millis,
    /// One IP packet in so many is sampled, as it announced or the operator wrote; `None` where
    /// nobody says, or where it depends on the record.
    pub sampling_rate: Option<u32>,
}

/// What stays the same while one call works.
struct Run<'a, O> {
    knowledge: &'a Knowledge<'a>,
    egress: &'a mut Egress,
    observer: &'a mut O,
    now: Millis,
    taken: Taken,
}

/// One Message that is worked on.
struct Message<'a> {
    header: Header,
    octets: &'a mut [u8],
    /// When it came.
    arrived: Millis,
    /// Where it lies in the received datagram; `None` if it waited and lies elsewhere.
    base: Option<usize>,
}

impl Message<'_> {
    /// The octets of the header as they came.
    fn came(&self) -> &[u8] {
        let end = self.header.version.header_octets();
        self.octets.get(..end).unwrap_or_default()
    }
}

impl Mediator {
    /// Returns a Mediator that knows no exporter; `seed` keeps its maps from being attacked.
    #[must_use]
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            outlet_counters: settings
                .outlets
                .iter()
                .map(|_| OutletCounters::default())
                .collect(),
            selecting: Selecting::default(),
            reachable: Vec::new(),
            store: Store::new(settings.limits, seed),
            settings,
            counters: Counters::default(),
            scratch: Scratch::default(),
            v5_plan: Plan::of_v5(),
            domains: ShownDomains::new(seed),
            sets: Vec::new(),
            deferred: Vec::new(),
            main: Draft::default(),
            raw: Draft::default(),
            announcement: Draft::default(),
        }
    }

    /// Takes one datagram; what is to be sent is added to `egress`.
    pub fn process<O: Observer>(
        &mut self,
        received: Received<'_>,
        knowledge: &Knowledge<'_>,
        egress: &mut Egress,
        observer: &mut O,
    ) -> Taken {
        let Received {
            exporter,
            arrived,
            octets,
        } = received;
        let mut run = Run {
            knowledge,
            egress,
            observer,
            now: arrived,
            taken: Taken::default(),
        };
        self.counters.datagrams_in += 1;
        self.counters.octets_in += octets.len() as u64;
        self.copy_as_came(exporter, octets, run.egress);
        match header::version(octets) {
            None => self.unknown_version(&mut run, exporter, octets),
            Some(Version::V5) => self.v5(&mut run, exporter, octets),
            Some(version) => self.messages(&mut run, exporter, version, octets),
        }
        run.taken
    }

    /// Lets the time pass: Messages that waited long enough leave, what is forgotten is forgotten.
    /// To be called before a batch, and now and then while nothing comes.
    pub fn tick<O: Observer>(
        &mut self,
        now: Millis,
        knowledge: &Knowledge<'_>,
        egress: &mut Egress,
        observer: &mut O,
    ) {
        let mut run = Run {
            knowledge,
            egress,
            observer,
            now,
            taken: Taken::default(),
        };
        self.release_expired(&mut run);
        self.store.sweep(now);
    }

    /// Sends everything that still waits. To be called before the Mediator ends.
    pub fn finish<O: Observer>(
        &mut self,
        now: Millis,
        knowledge: &Knowledge<'_>,
        egress: &mut Egress,
        observer: &mut O,
    ) {
        let mut run = Run {
            knowledge,
            egress,
            observer,
            now,
            taken: Taken::default(),
        };
        self.release_everything(&mut run);
    }

    /// Tells that there is more than one exporter, as another worker saw: from now on their
    /// domains are shown apart.
    pub fn tell_exporters_apart(&mut self) {
        let mut outlets = self.settings.outlets.iter();
        let is_asked = outlets.any(|outlet| outlet.domains != DomainNames::Kept);
        if !self.domains.is_active() && is_asked {
            self.domains.activate();
            self.announce_again();
        }
    }

    /// Whether there is more than one exporter, as far as was seen here.
    #[must_use]
    pub const fn tells_exporters_apart(&self) -> bool {
        self.domains.is_active()
    }

    /// Whether a collector sees an exporter under our address, and so must see its domain apart.
    fn is_shown_apart(&self, exporter: IpAddr) -> bool {
        let mut outlets = self.settings.outlets.iter();
        outlets.any(|outlet| self.settings.shows_apart(outlet, exporter))
    }

    /// The domain that Messages of a session name towards an outlet.
    fn domain_shown(&mut self, index: SessionIndex, outlet: usize, header: &Header) -> u32 {
        let ip_header = self.settings.outlets.get(outlet).map(|one| one.ip_header);
        if ip_header == Some(IpHeader::OfStream)
            && let Some(apart) = self.apart_on_streams(index)
        {
            return apart;
        }
        let (Some(outlet), Some(session)) = (
            self.settings.outlets.get(outlet),
            self.store
                .session_mut(index)
                .filter(|_| self.domains.is_active()),
        ) else {
            return header.domain;
        };
        if !self.settings.shows_apart(outlet, session.exporter.ip()) {
            return header.domain;
        }
        let key = session.key.domain_key();
        let shown = &mut session.attached.shown_domain;
        *shown.get_or_insert_with(|| self.domains.shown(&key))
    }

    /// What the domain of a session is shown as on a stream, if another port of its exporter uses
    /// the domain there too: collectors tell ports apart only where each has its own session. A
    /// port that fell silent yields to a new one, as after an exporter's restart.
    fn apart_on_streams(&mut self, index: SessionIndex) -> Option<u32> {
        let session = self.store.session(index)?;
        match session.attached.on_streams {
            OnStreams::AsElsewhere => return None,
            OnStreams::Apart(domain) => return Some(domain),
            OnStreams::Unknown => {}
        }
        let (key, port, now) = (session.key.domain_key(), session.key.port, session.seen_at);
        let mut siblings = self.store.siblings(&key);
        siblings.retain(|sibling| {
            let session = self.store.session(*sibling);
            let shown = session.map(|session| session.attached.on_streams);
            *sibling != index && shown == Some(OnStreams::AsElsewhere)
        });
        let sibling = siblings.iter().find_map(|one| self.store.session(*one));
        let is_used = sibling.is_some_and(|one| now.since(one.seen_at) < YIELDS_AFTER_MS);
        let apart = is_used.then(|| self.domains.shown_of_port(&key, port));
        for sibling in siblings.into_iter().filter(|_| !is_used) {
            let attached = &mut self.store.session_mut(sibling)?.attached;
            attached.on_streams = OnStreams::Unknown;
            attached.all_pending = true;
        }
        let attached = &mut self.store.session_mut(index)?.attached;
        attached.on_streams = apart.map_or(OnStreams::AsElsewhere, OnStreams::Apart);
        apart
    }

    /// Has every session announce its Templates before its next Message: a collector came back.
    pub fn announce_again(&mut self) {
        for session in self.store.sessions_mut() {
            session.attached.all_pending = true;
        }
    }

    /// What was done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            store: self.store.counters,
            ..self.counters
        }
    }

    /// Bytes of memory that input made the Mediator take; never above
    /// [`crate::Limits::total_bytes`].
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.store.bytes()
    }

    /// The sessions, in no order.
    pub fn sessions(&self) -> impl Iterator<Item = SessionView<'_>> {
        self.store.sessions().map(|session| SessionView {
            exporter: session.exporter,
            version: session.key.version,
            domain: session.key.domain,
            templates_count: session.templates().len(),
            counters: &session.attached.counters,
            examples: session.attached.examples.as_slice(),
            seen_at: session.seen_at,
            sampling_rate: session.attached.sampling_rate(&self.settings),
        })
    }

    /// Takes the Messages of one v9 or IPFIX datagram: some exporters put several of IPFIX in one.
    fn messages<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        exporter: SocketAddr,
        version: Version,
        octets: &mut [u8],
    ) {
        let mut base = 0;
        while base < octets.len() {
            let rest = &mut octets[base..];
            if base > 0 && !starts_message(version, rest) {
                self.counters.tail_octets += rest.len() as u64;
                return;
            }
            let mut sets = core::mem::take(&mut self.sets);
            let used = self.message(run, exporter, version, rest, base, &mut sets);
            self.counters.octets_by_version[version_index(version)] += used as u64;
            self.sets = sets;
            base += used;
        }
    }

    /// Takes one Message; returns the octets that it had of the datagram.
    fn message<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        exporter: SocketAddr,
        version: Version,
        octets: &mut [u8],
        base: usize,
        sets: &mut Vec<Set>,
    ) -> usize {
        self.counters.messages_in += 1;
        self.counters.messages_by_version[version_index(version)] += 1;
        let whole = octets.len();
        let Some(header) = Header::read(version, octets) else {
            self.malformed(run, exporter, octets, base);
            return whole;
        };
        let Ok(extent) = read_sets(&header, octets, sets) else {
            let message = Message {
                header,
                octets,
                arrived: run.now,
                base: Some(base),
            };
            self.malformed_message(run, exporter, message, sets);
            return whole;
        };
        let Some(index) = self.session_of(exporter, &header, run.now) else {
            let range = base..base + extent.message_end;
            self.pass_unchanged(run, exporter, Some(header.domain), range);
            return extent.message_end;
        };
        self.note_arrival(index, &header, run.now);
        let message = Message {
            header,
            octets: &mut octets[..extent.message_end],
            arrived: run.now,
            base: Some(base),
        };
        if self.is_waiting(index) {
            self.wait_behind(run, index, &message, sets);
        } else if self.resolve(index, &message, sets, run.now).must_wait
            && self.store.may_hold(index, extent.message_end)
        {
            self.begin_to_wait(index, &message, run.now);
        } else {
            self.forward(run, index, message, &extent, sets);
            self.release_siblings(run, index);
        }
        extent.message_end
    }

    /// Counts what became of the records of a Set.
    fn count_records(&mut self, version: Version, counted: &RecordCounters) {
        self.counters.records.add(counted);
        self.counters.records_by_version[version_index(version)] += counted.records;
    }

    /// Returns the session of a Message, new or known.
    fn session_of(
        &mut self,
        exporter: SocketAddr,
        header: &Header,
        now: Millis,
    ) -> Option<SessionIndex> {
        if let Some(index) = self.store.find(exporter, header.version, header.domain) {
            return Some(index);
        }
        if self.is_shown_apart(exporter.ip()) && self.domains.note_exporter(exporter.ip()) {
            self.announce_again();
        }
        let rule = self.rule_of(exporter, header.domain);
        let wants = self.wants_of(exporter.ip(), Some(header.domain));
        let attached = Attached::new(&self.settings, header.version, rule, wants, now);
        self.store
            .open(exporter, header.version, header.domain, now, attached)
    }

    fn rule_of(&self, exporter: SocketAddr, domain: u32) -> Option<usize> {
        self.settings.exporters.iter().position(|rule| {
            rule.domain.is_none_or(|only| only == domain) && rule.contains(exporter.ip())
        })
    }

    /// Notes that a session lives, and what its clock says.
    fn note_arrival(&mut self, index: SessionIndex, header: &Header, now: Millis) {
        let Some(session) = self.store.session_mut(index) else {
            return;
        };
        session.seen_at = now;
        session.attached.counters.messages_in += 1;
        if session.attached.restored {
            save::judge_restored(session, header);
        }
        let has_jumped = session.attached.clock.note_jump(header, now);
        session.attached.counters.sequence.clock_jumps += u64::from(has_jumped);
        let rebooted = session.attached.clock.note(header);
        session.attached.rebooted |= rebooted;
        if session.hold.is_empty() {
            // What was announced in this very millisecond was announced before.
            let next = Millis(now.0.saturating_add(1));
            let rebooted = core::mem::take(&mut session.attached.rebooted);
            deliver::note_restart(session, header, rebooted, next);
        }
    }

    /// The largest UDP payload towards an outlet.
    fn octets_max(&self, outlet: usize, exporter: SocketAddr) -> usize {
        let Some(outlet) = self.settings.outlets.get(outlet) else {
            return crate::limits::MESSAGE_OCTETS_MAX;
        };
        let is_v6 = match outlet.ip_header {
            IpHeader::Ipv4 => false,
            IpHeader::Ipv6 => true,
            IpHeader::OfExporter => exporter.is_ipv6(),
            IpHeader::OfStream => return crate::limits::MESSAGE_OCTETS_MAX,
        };
        let headers = if is_v6 { 48 } else { 28 };
        outlet.packet_octets_max.saturating_sub(headers)
    }

    /// Counts a Message that leaves, unless nobody wants it.
    fn count_message(&mut self, is_wanted: bool) {
        if is_wanted {
            self.counters.messages_forwarded += 1;
        } else {
            self.drop_message(Dropped::Filtered);
        }
    }

    fn drop_message(&mut self, reason: Dropped) {
        self.counters.messages_dropped[reason.index()] += 1;
    }

    /// Sends octets of the received datagram as they came, to every outlet that wants all there is.
    fn pass_unchanged<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        exporter: SocketAddr,
        domain: Option<u32>,
        range: Range<usize>,
    ) {
        let wants = self.wants_of(exporter.ip(), domain);
        let has_everything = wants.is_copied || wants.list.contains(&Want::Everything);
        self.count_message(has_everything);
        for (outlet, want) in wants.list.iter().enumerate() {
            if *want != Want::Everything {
                self.leave_out_unread(outlet, *want);
                continue;
            }
            let oversize = range.len() > self.octets_max(outlet, exporter);
            self.count_sent(range.len(), oversize);
            run.egress
                .send_received(route(outlet, exporter), &[], range.clone());
        }
    }

    fn count_sent(&mut self, octets: usize, oversize: bool) {
        self.counters.messages_out += 1;
        self.counters.octets_out += octets as u64;
        self.counters.oversize += u64::from(oversize);
    }

    fn passes_malformed(&self) -> bool {
        self.settings.malformed == Misfit::Pass
    }
}

/// Whether the octets behind an IPFIX Message are another one.
fn starts_message(version: Version, octets: &[u8]) -> bool {
    version == Version::Ipfix
        && header::version(octets) == Some(version)
        && Header::read(version, octets).is_some_and(|header| {
            let length = usize::from(header.count_or_length);
            (version.header_octets()..=octets.len()).contains(&length)
        })
}

fn route(outlet: usize, exporter: SocketAddr) -> Route {
    Route {
        outlet: u16::try_from(outlet).unwrap_or(u16::MAX),
        exporter,
    }
}

const fn version_index(version: Version) -> usize {
    match version {
        Version::V5 => 0,
        Version::V9 => 1,
        Version::Ipfix => 2,
    }
}

/// A port that was silent for so long no longer keeps its domain from another on a stream.
const YIELDS_AFTER_MS: u64 = 60_000;

/// Where [`Counters::messages_by_version`] has the unknown ones.
const UNKNOWN_VERSION_INDEX: usize = 3;

/// The extent of a Message that is sent as a whole.
const fn whole(extent: &Extent) -> usize {
    extent.sets_end
}
