//! All sessions, domains and exporters that one Mediator remembers.
//!
//! Sessions lie in a slab, so that a place (a [`SessionIndex`]) stays valid while the session
//! lives; two maps find them. The maps' hasher is seeded: the keys come off the wire.
//!
//! When there is no room the least useful goes: a session whose data fitted a Template is never
//! forgotten for one that has shown nothing. The victim is the best of a few places drawn at
//! random, so a flood of spoofed exporters costs a fixed amount of work for each datagram.
//!
//! Not here: what a Message does (`mediator`).
//! Bound: [`Limits`]; refusals and evictions are counted in [`StoreCounters`].

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::hash::BuildHasher as _;
use core::net::{IpAddr, SocketAddr};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::hold::Held;
use super::session::{DomainKey, Session, SessionKey};
use super::template::{Learned, Template};
use crate::limits::Limits;
use crate::wire::template::Definition;
use crate::{Millis, Version};

/// The place of a session in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionIndex(u32);

/// An exporter's domain whatever its port.
#[derive(Debug)]
pub struct Domain<D> {
    /// What the upper layers keep.
    pub attached: D,
    sessions: Vec<SessionIndex>,
}

/// What is counted of one exporter address.
#[derive(Debug)]
struct Exporter {
    sessions_count: u32,
    held_octets: usize,
    minute_began: Millis,
    /// The ports of this minute; none once there were too many.
    ports: Vec<u16>,
    portless: bool,
    port: u16,
}

/// What the store refused or forgot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreCounters {
    /// Sessions forgotten to make room for another.
    pub sessions_evicted: u64,
    /// Messages of exporters for whose session there was no room.
    pub sessions_refused: u64,
    /// Sessions forgotten because they were silent.
    pub sessions_expired: u64,
    /// Templates forgotten because nothing kept them alive.
    pub templates_expired: u64,
    /// Templates that were not learnt because a limit was reached.
    pub templates_refused: u64,
    /// Exporters that became port-less.
    pub exporters_portless: u64,
}

impl StoreCounters {
    /// Adds the numbers of another.
    pub const fn add(&mut self, other: &Self) {
        self.sessions_evicted += other.sessions_evicted;
        self.sessions_refused += other.sessions_refused;
        self.sessions_expired += other.sessions_expired;
        self.templates_expired += other.templates_expired;
        self.templates_refused += other.templates_refused;
        self.exporters_portless += other.exporters_portless;
    }
}

/// Sessions and domains of one Mediator. `P`, `S` and `D` are what the upper layers keep for a
/// Template, a session and a domain.
#[derive(Debug)]
pub struct Store<P, S, D> {
    slots: Vec<Option<Box<Session<P, S>>>>,
    free: Vec<u32>,
    by_key: HashMap<SessionKey, SessionIndex, FixedState>,
    domains: HashMap<DomainKey, Domain<D>, FixedState>,
    exporters: HashMap<IpAddr, Exporter, FixedState>,
    held: Vec<SessionIndex>,
    held_octets: usize,
    templates_bytes: usize,
    swept: usize,
    draw: FixedState,
    draws: u64,
    limits: Limits,
    /// What was refused or forgotten.
    pub counters: StoreCounters,
}

/// Places looked at to find room for a session.
const VICTIMS_DRAWN: usize = 16;
/// Places looked at in one sweep.
const SWEEP_SLOTS: usize = 64;
/// Sessions of the same domain asked for a Template that a session lacks.
const SIBLINGS_ASKED_MAX: usize = 32;

impl<P, S, D: Default> Store<P, S, D> {
    /// Returns an empty store whose maps are hashed with `seed`.
    #[must_use]
    pub fn new(limits: Limits, seed: u64) -> Self {
        let hasher = FixedState::with_seed(seed);
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::with_hasher(hasher.clone()),
            domains: HashMap::with_hasher(hasher.clone()),
            exporters: HashMap::with_hasher(hasher.clone()),
            held: Vec::new(),
            held_octets: 0,
            templates_bytes: 0,
            swept: 0,
            draw: FixedState::with_seed(seed ^ 0x5851_F42D_4C95_7F2D),
            draws: 0,
            limits,
            counters: StoreCounters::default(),
        }
    }

    /// The session at a place, `None` if it was forgotten.
    #[must_use]
    #[inline]
    pub fn session(&self, index: SessionIndex) -> Option<&Session<P, S>> {
        self.slots.get(usize::try_from(index.0).ok()?)?.as_deref()
    }

    /// The session at a place, to be changed.
    #[inline]
    pub fn session_mut(&mut self, index: SessionIndex) -> Option<&mut Session<P, S>> {
        self.slots
            .get_mut(usize::try_from(index.0).ok()?)?
            .as_deref_mut()
    }

    /// All sessions.
    pub fn sessions(&self) -> impl Iterator<Item = &Session<P, S>> {
        self.slots.iter().filter_map(Option::as_deref)
    }

    /// All sessions, to be changed.
    pub fn sessions_mut(&mut self) -> impl Iterator<Item = &mut Session<P, S>> {
        self.slots.iter_mut().filter_map(Option::as_deref_mut)
    }

    /// All domains with their keys.
    pub fn domains(&self) -> impl Iterator<Item = (&DomainKey, &Domain<D>)> {
        self.domains.iter()
    }

    /// Returns the session of a datagram if it is known.
    #[must_use]
    #[inline]
    pub fn find(
        &self,
        exporter: SocketAddr,
        version: Version,
        domain: u32,
    ) -> Option<SessionIndex> {
        let key = SessionKey {
            address: exporter.ip(),
            port: exporter.port(),
            version,
            domain,
        };
        if let Some(index) = self.by_key.get(&key) {
            return Some(*index);
        }
        if !self.exporters.get(&key.address)?.portless {
            return None;
        }
        self.by_key.get(&SessionKey { port: 0, ..key }).copied()
    }

    /// Makes room for a session that [`Self::find`] does not know, and returns it; `None` if every
    /// place that was looked at is worth more.
    pub fn open(
        &mut self,
        exporter: SocketAddr,
        version: Version,
        domain: u32,
        now: Millis,
        attached: S,
    ) -> Option<SessionIndex> {
        if self.by_key.len() >= self.limits.sessions_max && !self.evict_one(now) {
            self.counters.sessions_refused += 1;
            return None;
        }
        let (port, first_port) = self.note_port(exporter, now);
        let key = SessionKey {
            address: exporter.ip(),
            port,
            version,
            domain,
        };
        if let Some(index) = self.by_key.get(&key) {
            return Some(*index);
        }
        let shown = SocketAddr::new(exporter.ip(), if port == 0 { first_port } else { port });
        let session = Box::new(Session::new(key, shown, now, attached));
        let index = self.place(session)?;
        self.by_key.insert(key, index);
        self.domain_entry(key.domain_key()).sessions.push(index);
        if let Some(entry) = self.exporters.get_mut(&key.address) {
            entry.sessions_count = entry.sessions_count.saturating_add(1);
        }
        Some(index)
    }

    fn place(&mut self, session: Box<Session<P, S>>) -> Option<SessionIndex> {
        if let Some(slot) = self.free.pop() {
            *self.slots.get_mut(usize::try_from(slot).ok()?)? = Some(session);
            return Some(SessionIndex(slot));
        }
        let slot = u32::try_from(self.slots.len()).ok()?;
        self.slots.push(Some(session));
        Some(SessionIndex(slot))
    }

    fn domain_entry(&mut self, key: DomainKey) -> &mut Domain<D> {
        self.domains.entry(key).or_insert_with(|| Domain {
            attached: D::default(),
            sessions: Vec::new(),
        })
    }

    /// Notes the port of a new session of an exporter; returns the port that keys its sessions,
    /// and its first.
    fn note_port(&mut self, exporter: SocketAddr, now: Millis) -> (u16, u16) {
        let entry = self.exporters.entry(exporter.ip()).or_insert(Exporter {
            sessions_count: 0,
            held_octets: 0,
            minute_began: now,
            ports: Vec::new(),
            portless: false,
            port: exporter.port(),
        });
        if now.since(entry.minute_began) > 60_000 {
            entry.minute_began = now;
            entry.ports.clear();
        }
        // One port may speak for many domains: a router has one for each of its line cards.
        if !entry.portless && !entry.ports.contains(&exporter.port()) {
            entry.ports.push(exporter.port());
        }
        if entry.ports.len() > self.limits.ports_per_minute_max {
            entry.portless = true;
            entry.ports = Vec::new();
            self.counters.exporters_portless += 1;
        }
        let port = if entry.portless { 0 } else { exporter.port() };
        (port, entry.port)
    }

    /// The domain of a session.
    #[must_use]
    pub fn domain(&self, key: &DomainKey) -> Option<&Domain<D>> {
        self.domains.get(key)
    }

    /// What the upper layers keep for a domain.
    pub fn domain_mut(&mut self, key: &DomainKey) -> Option<&mut D> {
        Some(&mut self.domains.get_mut(key)?.attached)
    }

    /// The sessions of a domain, copied: the caller changes them.
    #[must_use]
    pub fn siblings(&self, key: &DomainKey) -> Vec<SessionIndex> {
        self.domains
            .get(key)
            .map(|domain| domain.sessions.clone())
            .unwrap_or_default()
    }

    /// Whether any session of a domain knows or saw data under this ID.
    #[must_use]
    pub fn id_in_use(&self, key: &DomainKey, id: u16) -> bool {
        let Some(domain) = self.domains.get(key) else {
            return false;
        };
        domain.sessions.iter().any(|index| {
            self.session(*index)
                .is_some_and(|session| session.stored(id).is_some() || session.saw_unknown(id))
        })
    }

    /// Finds the one definition that other sessions of the domain have for an ID; `None` if there
    /// is none, or more than one, which only a guess could tell apart.
    #[must_use]
    pub fn sibling_template(
        &self,
        asker: SessionIndex,
        id: u16,
        now: Millis,
    ) -> Option<&Template<P>> {
        let session = self.session(asker)?;
        let (key, doubted_at) = (session.key.domain_key(), session.doubted_at());
        let mut found: Option<&Template<P>> = None;
        let siblings = &self.domains.get(&key)?.sessions;
        for index in siblings.iter().rev().take(SIBLINGS_ASKED_MAX) {
            let Some(session) = self.session(*index).filter(|_| *index != asker) else {
                continue;
            };
            let Some(template) = session.find(id, now).and_then(|at| session.template_at(at))
            else {
                continue;
            };
            if doubted_at.is_some_and(|doubted_at| template.announced_at() <= doubted_at) {
                continue;
            }
            match found {
                Some(other) if other.kind() != template.kind() => return None,
                Some(other) if other.octets() != template.octets() => return None,
                _ => found = Some(template),
            }
        }
        found
    }

    /// Stores a Template in a session. Returns `None`, counted, where a limit forbids it: then an
    /// older Template of that ID is forgotten, for its data no longer fit it.
    pub fn learn(
        &mut self,
        index: SessionIndex,
        definition: &Definition<'_>,
        now: Millis,
        prepare: impl FnOnce() -> (P, usize),
    ) -> Option<Learned> {
        let limits = self.limits;
        let session = self.session_mut(index)?;
        if let Some(template) = session.stored_mut(definition.id())
            && template.is(definition)
        {
            template.refresh(now);
            return Some(Learned::Same);
        }
        let is_full = session.stored(definition.id()).is_none()
            && session.templates().len() >= limits.templates_per_session_max;
        if is_full || definition.fields_count() > limits.fields_max {
            self.refuse(index, definition.id());
            return None;
        }
        let (prepared, prepared_bytes) = prepare();
        let template = Template::new(definition, now, prepared, prepared_bytes);
        if !self.make_room(template.bytes(), index, now) {
            self.refuse(index, definition.id());
            return None;
        }
        self.templates_bytes = self.templates_bytes.saturating_add(template.bytes());
        let old = self.session_mut(index)?.put(template);
        if let Some(old) = &old {
            self.templates_bytes = self.templates_bytes.saturating_sub(old.bytes());
        }
        Some(if old.is_some() {
            Learned::Changed
        } else {
            Learned::New
        })
    }

    /// The places of all sessions.
    #[must_use]
    pub fn indices(&self) -> Vec<SessionIndex> {
        let slots = self.slots.iter().zip(0..);
        let used = slots.filter_map(|(slot, index)| slot.as_ref().map(|_| SessionIndex(index)));
        used.collect()
    }

    /// Prepares the Templates of a session anew; `prepare` returns the heap that each then takes.
    /// Where that needs room, the least useful of the other sessions are forgotten.
    pub fn prepare_again(
        &mut self,
        index: SessionIndex,
        now: Millis,
        mut prepare: impl FnMut(&Definition<'_>, &mut P) -> usize,
    ) {
        let Some(session) = self.session_mut(index) else {
            return;
        };
        let (mut before, mut after) = (0_usize, 0_usize);
        for template in session.templates_mut() {
            before = before.saturating_add(template.bytes());
            template.prepare_again(&mut prepare);
            after = after.saturating_add(template.bytes());
        }
        let others = self.templates_bytes.saturating_sub(before);
        self.templates_bytes = others.saturating_add(after);
        self.make_room(0, index, now);
    }

    fn refuse(&mut self, index: SessionIndex, id: u16) {
        self.counters.templates_refused += 1;
        self.forget(index, id);
        let waited_ids_max = self.limits.waited_ids_max;
        if let Some(session) = self.session_mut(index) {
            session.waited_for(id, waited_ids_max);
        }
    }

    fn make_room(&mut self, bytes: usize, keep: SessionIndex, now: Millis) -> bool {
        let mut tries = VICTIMS_DRAWN;
        while self.templates_bytes.saturating_add(bytes) > self.limits.templates_bytes_max {
            if tries == 0 {
                return false;
            }
            tries = tries.saturating_sub(1);
            let Some(victim) = self.victim(Some(keep), now) else {
                return false;
            };
            self.counters.sessions_evicted += 1;
            self.close(victim);
        }
        true
    }

    /// Forgets one Template. Returns whether there was one.
    pub fn forget(&mut self, index: SessionIndex, id: u16) -> bool {
        let taken = self.session_mut(index).and_then(|session| session.take(id));
        let bytes = taken.as_ref().map_or(0, Template::bytes);
        self.templates_bytes = self.templates_bytes.saturating_sub(bytes);
        taken.is_some()
    }

    /// Whether a Message of this many octets of that session may wait.
    #[must_use]
    pub fn may_hold(&self, index: SessionIndex, octets: usize) -> bool {
        let address = self.session(index).map(|session| session.key.address);
        let of_exporter = address.and_then(|address| self.exporters.get(&address));
        let of_exporter = of_exporter.map_or(0, |exporter| exporter.held_octets);
        self.held_octets.saturating_add(octets) <= self.limits.held_octets_max
            && of_exporter.saturating_add(octets) <= self.limits.held_octets_per_exporter_max
    }

    /// Lets a Message wait; [`Self::may_hold`] was asked.
    pub fn hold(&mut self, index: SessionIndex, arrived: Millis, message: &[u8]) {
        let Some(session) = self.session_mut(index) else {
            return;
        };
        let is_first = session.hold.is_empty();
        session.hold.push(arrived, message);
        let address = session.key.address;
        if is_first {
            self.held.push(index);
        }
        self.held_octets = self.held_octets.saturating_add(message.len());
        if let Some(exporter) = self.exporters.get_mut(&address) {
            exporter.held_octets = exporter.held_octets.saturating_add(message.len());
        }
    }

    /// Takes the first waiting Message of a session.
    pub fn unhold(&mut self, index: SessionIndex) -> Option<Held> {
        let session = self.session_mut(index)?;
        let held = session.hold.pop()?;
        let octets = held.octets.len();
        let (is_last, address) = (session.hold.is_empty(), session.key.address);
        if is_last {
            self.held.retain(|held| *held != index);
        }
        self.held_octets = self.held_octets.saturating_sub(octets);
        if let Some(exporter) = self.exporters.get_mut(&address) {
            exporter.held_octets = exporter.held_octets.saturating_sub(octets);
        }
        Some(held)
    }

    /// The sessions in which something waits.
    #[must_use]
    pub fn held(&self) -> &[SessionIndex] {
        &self.held
    }

    /// Octets that wait, of all sessions.
    #[must_use]
    pub const fn held_octets(&self) -> usize {
        self.held_octets
    }

    /// Bytes that sessions, Templates and held Messages take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.by_key
            .len()
            .saturating_mul(crate::limits::SESSION_BYTES)
            .saturating_add(self.templates_bytes)
            .saturating_add(self.held_octets)
    }

    fn evict_one(&mut self, now: Millis) -> bool {
        let Some(victim) = self.victim(None, now) else {
            return false;
        };
        self.counters.sessions_evicted += 1;
        self.close(victim);
        true
    }

    /// The least recently seen of a few sessions that never sent data we could read and of which
    /// nothing waits.
    fn victim(&mut self, keep: Option<SessionIndex>, now: Millis) -> Option<SessionIndex> {
        let slots = u64::try_from(self.slots.len())
            .ok()
            .filter(|slots| *slots > 0)?;
        let mut oldest: Option<(u64, SessionIndex)> = None;
        for _ in 0..VICTIMS_DRAWN {
            self.draws = self.draws.wrapping_add(1);
            let slot = self.draw.hash_one(self.draws).checked_rem(slots)?;
            let index = SessionIndex(u32::try_from(slot).ok()?);
            let Some(session) = self.session(index).filter(|_| Some(index) != keep) else {
                continue;
            };
            if session.productive || !session.hold.is_empty() {
                continue;
            }
            let age_ms = now.since(session.seen_at);
            if oldest.is_none_or(|(oldest_ms, _)| age_ms > oldest_ms) {
                oldest = Some((age_ms, index));
            }
        }
        oldest.map(|(_, index)| index)
    }

    /// Looks at the next few sessions and forgets what nothing keeps alive. Called now and then.
    pub fn sweep(&mut self, now: Millis) {
        for _ in 0..SWEEP_SLOTS.min(self.slots.len()) {
            self.swept = self.swept.saturating_add(1);
            if self.swept >= self.slots.len() {
                self.swept = 0;
            }
            let Ok(slot) = u32::try_from(self.swept) else {
                return;
            };
            self.sweep_one(SessionIndex(slot), now);
        }
    }

    fn sweep_one(&mut self, index: SessionIndex, now: Millis) {
        let Some(session) = self.session(index) else {
            return;
        };
        let is_idle = now.since(session.seen_at) > self.limits.session_idle_ms;
        let lives = session
            .templates()
            .iter()
            .any(|template| !template.is_expired(now));
        if is_idle && !lives && session.hold.is_empty() {
            self.counters.sessions_expired += 1;
            self.close(index);
            return;
        }
        let expired: Vec<u16> = session
            .templates()
            .iter()
            .filter(|template| template.is_expired(now))
            .map(Template::id)
            .collect();
        for id in expired {
            self.counters.templates_expired += 1;
            self.forget(index, id);
        }
    }

    fn close(&mut self, index: SessionIndex) {
        let slot = usize::try_from(index.0)
            .ok()
            .and_then(|at| self.slots.get_mut(at));
        let Some(session) = slot.and_then(Option::take) else {
            return;
        };
        self.free.push(index.0);
        self.by_key.remove(&session.key);
        let bytes: usize = session.templates().iter().map(Template::bytes).sum();
        self.templates_bytes = self.templates_bytes.saturating_sub(bytes);
        let domain_key = session.key.domain_key();
        if let Some(domain) = self.domains.get_mut(&domain_key) {
            domain.sessions.retain(|sibling| *sibling != index);
            if domain.sessions.is_empty() {
                self.domains.remove(&domain_key);
            }
        }
        if let Some(exporter) = self.exporters.get_mut(&session.key.address) {
            exporter.sessions_count = exporter.sessions_count.saturating_sub(1);
            if exporter.sessions_count == 0 {
                self.exporters.remove(&session.key.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::template::TemplateKind;
    use std::vec;

    type Tested = Store<(), (), u32>;

    /// What a session takes of the domain-wide list in these tests.
    const DEFINITION: [u8; 8] = [1, 0, 0, 1, 0, 8, 0, 4];

    fn store(limits: Limits) -> Tested {
        Store::new(limits, 1)
    }

    fn exporter(host: u32, port: u16) -> SocketAddr {
        (host.to_be_bytes(), port).into()
    }

    fn open(store: &mut Tested, host: u32, port: u16, now: u64) -> Option<SessionIndex> {
        let exporter = exporter(host, port);
        if let Some(index) = store.find(exporter, Version::V9, 0) {
            return Some(index);
        }
        let index = store.open(exporter, Version::V9, 0, Millis(now), ())?;
        store.session_mut(index).unwrap().seen_at = Millis(now);
        Some(index)
    }

    fn learn(store: &mut Tested, index: SessionIndex, id: u16, now: u64) -> Option<Learned> {
        learn_field(store, index, id, 8, now)
    }

    fn learn_field(
        store: &mut Tested,
        index: SessionIndex,
        id: u16,
        element: u8,
        now: u64,
    ) -> Option<Learned> {
        let mut octets = DEFINITION;
        octets[..2].copy_from_slice(&id.to_be_bytes());
        octets[5] = element;
        let definition = Definition::from_octets(Version::V9, TemplateKind::Flow, &octets).unwrap();
        store.learn(index, &definition, Millis(now), || ((), 0))
    }

    #[test]
    fn a_session_is_an_address_a_port_a_version_and_a_domain() {
        let mut store = store(Limits::default());
        let index = open(&mut store, 1, 2055, 0).unwrap();
        assert_eq!(store.find(exporter(1, 2055), Version::V9, 0), Some(index));
        for (other, version, domain) in [
            (exporter(2, 2055), Version::V9, 0),
            (exporter(1, 2056), Version::V9, 0),
            (exporter(1, 2055), Version::Ipfix, 0),
            (exporter(1, 2055), Version::V9, 1),
        ] {
            assert_eq!(store.find(other, version, domain), None);
        }
    }

    #[test]
    fn a_productive_session_is_never_evicted_for_one_that_has_shown_nothing() {
        let mut store = store(Limits {
            sessions_max: 32,
            ..Limits::default()
        });
        let kept = open(&mut store, 0, 1, 0).unwrap();
        store.session_mut(kept).unwrap().productive = true;
        for host in 1..5000 {
            open(&mut store, host, 1, u64::from(host));
            assert!(store.sessions().count() <= 32);
        }
        assert_eq!(store.find(exporter(0, 1), Version::V9, 0), Some(kept));
        assert!(store.counters.sessions_evicted > 4000);
    }

    #[test]
    fn where_all_are_productive_a_new_session_is_refused() {
        let mut store = store(Limits {
            sessions_max: 4,
            ..Limits::default()
        });
        for host in 0..4 {
            let index = open(&mut store, host, 1, 0).unwrap();
            store.session_mut(index).unwrap().productive = true;
        }
        assert_eq!(open(&mut store, 9, 1, 0), None);
        assert_eq!(store.counters.sessions_refused, 1);
        assert_eq!(store.counters.sessions_evicted, 0);
    }

    #[test]
    fn a_session_in_which_something_waits_is_not_evicted() {
        let mut store = store(Limits {
            sessions_max: 1,
            ..Limits::default()
        });
        let index = open(&mut store, 0, 1, 0).unwrap();
        store.hold(index, Millis(0), &[0; 10]);
        assert_eq!(open(&mut store, 1, 1, 0), None);
        store.unhold(index);
        assert!(open(&mut store, 1, 1, 0).is_some());
    }

    #[test]
    fn the_seventeenth_port_within_a_minute_makes_an_exporter_portless() {
        let mut store = store(Limits::default());
        for port in 1..=16 {
            open(&mut store, 1, port, 0);
        }
        assert_eq!(store.sessions().count(), 16);
        let shared = open(&mut store, 1, 17, 60_000).unwrap();
        let session = store.session(shared).unwrap();
        // Collectors go on seeing one port, the first.
        assert_eq!((session.key.port, session.exporter.port()), (0, 1));
        assert_eq!(open(&mut store, 1, 18, 60_000), Some(shared));
        assert_ne!(
            open(&mut store, 1, 3, 60_000),
            Some(shared),
            "known ports stay"
        );
        assert_eq!(store.counters.exporters_portless, 1);
    }

    #[test]
    fn ports_of_another_minute_do_not_count() {
        let mut store = store(Limits::default());
        for port in 1..=32 {
            open(&mut store, 1, port, u64::from(port / 16) * 60_001);
        }
        assert_eq!(store.counters.exporters_portless, 0);
    }

    #[test]
    fn what_waits_stays_within_both_bounds() {
        let mut store = store(Limits {
            held_octets_max: 100,
            held_octets_per_exporter_max: 60,
            ..Limits::default()
        });
        let first = open(&mut store, 1, 1, 0).unwrap();
        let second_port = open(&mut store, 1, 2, 0).unwrap();
        let other = open(&mut store, 2, 1, 0).unwrap();
        store.hold(first, Millis(0), &[0; 60]);
        assert!(!store.may_hold(first, 1));
        assert!(
            !store.may_hold(second_port, 1),
            "the bound is an exporter's, not a port's"
        );
        assert!(store.may_hold(other, 40));
        assert!(
            !store.may_hold(other, 41),
            "nor may all together pass theirs"
        );
        assert_eq!((store.held_octets(), store.held()), (60, &[first][..]));
        assert_eq!(store.unhold(first).unwrap().octets.len(), 60);
        assert_eq!((store.held_octets(), store.held().len()), (0, 0));
        assert!(store.may_hold(second_port, 60));
    }

    #[test]
    fn a_definition_is_new_the_same_or_changed() {
        let mut store = store(Limits::default());
        let index = open(&mut store, 1, 1, 0).unwrap();
        assert_eq!(learn(&mut store, index, 256, 0), Some(Learned::New));
        let bytes = store.bytes();
        assert_eq!(learn(&mut store, index, 256, 1), Some(Learned::Same));
        assert_eq!(
            learn_field(&mut store, index, 256, 12, 2),
            Some(Learned::Changed)
        );
        assert_eq!(store.bytes(), bytes);
        assert!(store.forget(index, 256));
        assert!(!store.forget(index, 256));
        assert!(store.bytes() < bytes);
    }

    #[test]
    fn a_refused_definition_takes_the_older_one_of_its_id_along() {
        let mut store = store(Limits {
            templates_per_session_max: 1,
            fields_max: 1,
            ..Limits::default()
        });
        let index = open(&mut store, 1, 1, 0).unwrap();
        learn(&mut store, index, 256, 0);
        assert_eq!(
            learn(&mut store, index, 257, 0),
            None,
            "one Template too many"
        );
        let two_fields = [1, 0, 0, 2, 0, 8, 0, 4, 0, 12, 0, 4];
        let definition =
            Definition::from_octets(Version::V9, TemplateKind::Flow, &two_fields).unwrap();
        assert_eq!(store.learn(index, &definition, Millis(0), || ((), 0)), None);
        assert!(store.session(index).unwrap().stored(256).is_none());
        assert_eq!(store.counters.templates_refused, 2);
    }

    #[test]
    fn room_for_templates_is_made_by_sessions_that_show_nothing() {
        let mut store = store(Limits {
            templates_bytes_max: 2000,
            ..Limits::default()
        });
        let kept = open(&mut store, 0, 1, 0).unwrap();
        learn(&mut store, kept, 256, 0);
        store.session_mut(kept).unwrap().productive = true;
        for host in 1..200 {
            let Some(index) = open(&mut store, host, 1, u64::from(host)) else {
                continue;
            };
            learn(&mut store, index, 256, u64::from(host));
            let templates: usize = store
                .sessions()
                .flat_map(|session| session.templates())
                .map(Template::bytes)
                .sum();
            assert!(templates <= 2000);
        }
        assert!(store.session(kept).unwrap().stored(256).is_some());
        assert!(store.counters.sessions_evicted > 0);
    }

    #[test]
    fn other_ports_lend_a_definition_only_if_they_agree() {
        let mut store = store(Limits::default());
        let asker = open(&mut store, 1, 1, 0).unwrap();
        let first = open(&mut store, 1, 2, 0).unwrap();
        let second = open(&mut store, 1, 3, 0).unwrap();
        let lent = |store: &Tested| store.sibling_template(asker, 256, Millis(0)).is_some();
        assert!(!lent(&store));
        learn(&mut store, first, 256, 0);
        assert!(lent(&store));
        learn(&mut store, second, 256, 0);
        assert!(lent(&store));
        learn_field(&mut store, second, 256, 12, 0);
        assert!(!lent(&store));
        let stranger = open(&mut store, 2, 1, 0).unwrap();
        assert!(store.sibling_template(stranger, 256, Millis(0)).is_none());
    }

    #[test]
    fn an_idle_session_goes_when_its_last_template_has_expired() {
        let mut store = store(Limits::default());
        let bare = open(&mut store, 1, 1, 0).unwrap();
        let with_template = open(&mut store, 2, 1, 0).unwrap();
        learn(&mut store, with_template, 256, 0);
        let hour_ms = 3_600_000;
        store.sweep(Millis(hour_ms));
        assert!(store.session(bare).is_some());
        store.sweep(Millis(hour_ms + 1));
        assert!(store.session(bare).is_none());
        store.sweep(Millis(36 * hour_ms));
        assert!(store.session(with_template).is_some());
        store.sweep(Millis(36 * hour_ms + 1));
        assert!(store.session(with_template).is_none());
        assert_eq!((store.counters.sessions_expired, store.bytes()), (2, 0));
    }

    #[test]
    fn an_expired_template_of_a_busy_session_goes_alone() {
        let mut store = store(Limits::default());
        let index = open(&mut store, 1, 1, 0).unwrap();
        learn(&mut store, index, 256, 0);
        let later = 36 * 3_600_000 + 1;
        learn(&mut store, index, 257, later);
        store.session_mut(index).unwrap().seen_at = Millis(later);
        store.sweep(Millis(later));
        let session = store.session(index).unwrap();
        assert!(session.stored(256).is_none() && session.stored(257).is_some());
        assert_eq!(store.counters.templates_expired, 1);
    }

    #[test]
    fn a_place_is_used_again_and_its_domain_begins_anew() {
        let mut store = store(Limits::default());
        let index = open(&mut store, 1, 1, 0).unwrap();
        let key = store.session(index).unwrap().key.domain_key();
        *store.domain_mut(&key).unwrap() = 7;
        store.sweep(Millis(3_600_001));
        assert!(store.domain(&key).is_none());
        let again = open(&mut store, 1, 1, 3_600_001).unwrap();
        assert_eq!(again, index);
        assert_eq!(store.domain(&key).unwrap().attached, 0);
        assert_eq!(store.siblings(&key), vec![again]);
    }
}
