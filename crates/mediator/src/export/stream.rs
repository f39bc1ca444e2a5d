//! What goes over one stream to a collector: IPFIX Messages, each Template once, and a withdrawal
//! before an ID gets another meaning.
//!
//! The Mediator makes its Messages for datagrams: it announces Templates again and again and
//! withdraws none. A stream loses nothing, so here a Template that the collector has is left out,
//! and one that changes or is announced no more is withdrawn first [RFC 7011 §8.1]. Each connection
//! is a Transport Session of its own: on a new one every Observation Domain begins with all its
//! Templates, with the Export Time and Sequence Number of the Message behind them.
//!
//! One connection serves every exporter, so what would make a collector close it does not pass:
//! what is not IPFIX, and Messages whose lengths contradict each other.
//!
//! Not here: the connection and its queue (the daemon), who shows which domain (`domains`).
//! Bound: [`TEMPLATES_BYTES_MAX`]; a Template above it goes on unremembered, and is counted.

use alloc::boxed::Box;
use alloc::vec::Vec;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::limits::MESSAGE_OCTETS_MAX;
use crate::wire::header::{self, Header, Stamp};
use crate::wire::set::{Set, SetKind, read_sets};
use crate::wire::template::{TemplateKind, TemplateRecord, TemplateRecords};
use crate::wire::{DATA_SET_ID_MIN, IPFIX_HEADER_OCTETS, SET_HEADER_OCTETS};
use crate::{Millis, Version};

/// Bytes of Templates that one stream remembers.
pub const TEMPLATES_BYTES_MAX: usize = 32 << 20;
/// What a Template takes besides its octets, and what an Observation Domain does.
const TEMPLATE_BYTES: usize = size_of::<Known>();
const DOMAIN_BYTES: usize = size_of::<(u32, Domain)>() * 2;
/// A Template that is announced no more is withdrawn after this long at the earliest.
const STALE_MS_MIN: u64 = 1_800_000;
/// Octets of Template Records that an announcement puts into one Message.
const ANNOUNCEMENT_OCTETS: usize = 16_384;
/// A Set with one withdrawal [RFC 7011 §8.1].
const WITHDRAWAL_OCTETS: u16 = 8;

/// Why a Message cannot go over a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoTransport;

/// How a Message goes over the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// As it is, behind what was written before it, if anything was.
    AsItIs,
    /// As it was written, behind what was written before it.
    Written,
    /// Not at all: the collector has everything in it.
    Nothing,
}

/// What a stream did by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamCounters {
    /// Messages that announced Templates on a new connection.
    pub announcements: u64,
    /// Templates withdrawn.
    pub withdrawals: u64,
    /// Templates for which there was no room: a new connection begins without them.
    pub templates_refused: u64,
}

/// Everything that a stream's collectors were told, over all its connections.
#[derive(Debug)]
pub struct StreamSession {
    domains: HashMap<u32, Domain, FixedState>,
    /// Connections so far.
    connection: u64,
    stale_ms: u64,
    /// When the last Message came, and when room was last made.
    latest: Millis,
    made_room_at: Millis,
    bytes: usize,
    sets: Vec<Set>,
    /// What the last Message changed, to be taken back if it did not leave.
    undo: Vec<Undo>,
    /// What was done so far.
    pub counters: StreamCounters,
}

/// One Observation Domain.
#[derive(Debug, Default)]
struct Domain {
    /// By ID.
    templates: Vec<Known>,
    /// The connection on which they were announced.
    announced_on: u64,
    seen_at: Millis,
    looked_at: Millis,
}

/// A Template that a collector has, or had on an earlier connection.
#[derive(Debug)]
struct Known {
    id: u16,
    kind: TemplateKind,
    octets: Box<[u8]>,
    announced_at: Millis,
}

#[derive(Debug)]
struct Undo {
    domain: u32,
    id: u16,
    before: Option<Known>,
}

impl Domain {
    fn place(&self, id: u16) -> Result<usize, usize> {
        self.templates.binary_search_by_key(&id, |known| known.id)
    }

    fn bytes(&self) -> usize {
        let templates = self.templates.iter().map(Known::bytes);
        templates.fold(DOMAIN_BYTES, usize::saturating_add)
    }
}

impl Known {
    fn bytes(&self) -> usize {
        self.octets.len().saturating_add(TEMPLATE_BYTES)
    }
}

/// A Message that is being written: its header, and the Template Set that is open.
struct Draft<'a> {
    to: &'a mut Vec<u8>,
    start: usize,
    /// Where the open Template Set begins, and which it is.
    open: Option<(usize, u16)>,
}

impl StreamSession {
    /// Returns a stream without a connection; `seed` keeps its map from being attacked. The
    /// Messages that come announce their Templates again every `template_refresh_ms`, with traffic.
    #[must_use]
    pub fn new(template_refresh_ms: u64, seed: u64) -> Self {
        Self {
            domains: HashMap::with_hasher(FixedState::with_seed(seed)),
            connection: 0,
            stale_ms: template_refresh_ms.saturating_mul(2).max(STALE_MS_MIN),
            latest: Millis(0),
            made_room_at: Millis(0),
            bytes: 0,
            sets: Vec::new(),
            undo: Vec::new(),
            counters: StreamCounters::default(),
        }
    }

    /// Begins a new connection, on which nothing was announced yet.
    pub fn connected(&mut self) {
        self.undo.clear();
        self.connection = self.connection.saturating_add(1);
        self.forget_silent();
    }

    /// Forgets domains that were silent for long: they announce their Templates before they send
    /// anything else. `latest` counts, not the clock: what waited is not silent.
    fn forget_silent(&mut self) {
        let (latest, idle_ms) = (self.latest, self.stale_ms.saturating_mul(2));
        self.domains
            .retain(|_, domain| latest.since(domain.seen_at) <= idle_ms);
        let bytes = self.domains.values().map(Domain::bytes);
        self.bytes = bytes.fold(0, usize::saturating_add);
    }

    /// Whether there is room for so many bytes more.
    fn has_room_for(&mut self, bytes: usize) -> bool {
        let has_room = |used: usize| used.saturating_add(bytes) <= TEMPLATES_BYTES_MAX;
        if !has_room(self.bytes) && self.latest.since(self.made_room_at) >= self.stale_ms {
            self.made_room_at = self.latest;
            self.forget_silent();
        }
        has_room(self.bytes)
    }

    /// Bytes that Templates take.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Passes a Message that came at `now`: appends to `to` what must leave before it, and the
    /// Message itself if it does not leave as it is. What it changes counts when [`Self::settle`]
    /// is called.
    ///
    /// # Errors
    /// [`NoTransport`] if a stream cannot carry it.
    pub fn pass(
        &mut self,
        message: &[u8],
        now: Millis,
        to: &mut Vec<u8>,
    ) -> Result<Passage, NoTransport> {
        let mut sets = core::mem::take(&mut self.sets);
        let passed = self.pass_sets(message, now, &mut sets, to);
        self.sets = sets;
        passed
    }

    /// Whether what passed since the last [`Self::settle`] changes what the collector knows. It is
    /// to leave before another Message passes.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        !self.undo.is_empty()
    }

    /// What passed has left.
    pub fn settle(&mut self) {
        self.undo.clear();
    }

    /// What passed since the last [`Self::settle`] has not left, and will pass again.
    pub fn take_back(&mut self) {
        while let Some(undo) = self.undo.pop() {
            // What it replaces is what is taken back.
            match undo.before {
                Some(known) => drop(self.put(undo.domain, known)),
                None => drop(self.remove(undo.domain, undo.id)),
            }
        }
    }

    fn pass_sets(
        &mut self,
        message: &[u8],
        now: Millis,
        sets: &mut Vec<Set>,
        to: &mut Vec<u8>,
    ) -> Result<Passage, NoTransport> {
        let header = ipfix_header(message).ok_or(NoTransport)?;
        read_sets(&header, message, sets).map_err(|_| NoTransport)?;
        self.latest = self.latest.max(now);
        self.announce(&header, message, now, to);
        let has_templates = sets.iter().any(|set| template_kind(set).is_some());
        if !has_templates {
            self.withdraw_stale(&header, message, now, to);
            return Ok(Passage::AsItIs);
        }
        let start = to.len();
        let withdrawals_before = self.counters.withdrawals;
        let mut draft = Draft::begin(to, message);
        for set in sets.iter() {
            self.set(&mut draft, header.domain, message, set, now);
        }
        draft.close();
        if to.len().saturating_sub(start) <= MESSAGE_OCTETS_MAX {
            let is_empty = finish(to, start, &header);
            return Ok(if is_empty {
                Passage::Nothing
            } else {
                Passage::Written
            });
        }
        // It grew too long: what is withdrawn leaves before it.
        to.truncate(start);
        debug_assert!(self.counters.withdrawals > withdrawals_before);
        self.withdraw_changed(&header, message, to);
        Ok(Passage::AsItIs)
    }

    /// Passes one Set.
    fn set(&mut self, draft: &mut Draft<'_>, domain: u32, message: &[u8], set: &Set, now: Millis) {
        let octets = message.get(set.start..set.end).unwrap_or_default();
        let content = message.get(set.content()).unwrap_or_default();
        let Some(kind) = template_kind(set) else {
            return draft.copy(octets);
        };
        let records = TemplateRecords::new(Version::Ipfix, kind, content);
        if records.clone().any(|record| record.is_err()) {
            return draft.copy(octets);
        }
        for record in records.flatten() {
            match record {
                TemplateRecord::Definition(definition) => {
                    let known = Known {
                        id: definition.id(),
                        kind,
                        octets: definition.octets().into(),
                        announced_at: now,
                    };
                    self.define(draft, domain, set.id, known);
                }
                TemplateRecord::Withdrawal { id } if id < DATA_SET_ID_MIN => {
                    self.withdraw_all(draft, domain, kind);
                }
                TemplateRecord::Withdrawal { id } => self.withdraw(draft, domain, id),
            }
        }
    }

    /// Announces a definition, unless the collector has it; withdraws another of its ID before.
    fn define(&mut self, draft: &mut Draft<'_>, domain: u32, set_id: u16, new: Known) {
        let id = new.id;
        if let Some(entry) = self.domains.get_mut(&domain) {
            entry.seen_at = new.announced_at;
            let place = entry.place(id).ok();
            let known = place.and_then(|place| entry.templates.get_mut(place));
            let same = known.filter(|known| known.kind == new.kind && known.octets == new.octets);
            if let Some(known) = same {
                known.announced_at = new.announced_at;
                return;
            }
        }
        self.withdraw(draft, domain, id);
        draft.template(set_id, &new.octets);
        if !self.has_room_for(new.bytes().saturating_add(DOMAIN_BYTES)) {
            self.counters.templates_refused = self.counters.templates_refused.saturating_add(1);
            return;
        }
        let before = self.put(domain, new);
        self.undo.push(Undo { domain, id, before });
    }

    /// Withdraws a Template that the collector has.
    fn withdraw(&mut self, draft: &mut Draft<'_>, domain: u32, id: u16) {
        let Some(before) = self.remove(domain, id) else {
            return;
        };
        draft.withdrawal(before.kind, id);
        self.counters.withdrawals = self.counters.withdrawals.saturating_add(1);
        let before = Some(before);
        self.undo.push(Undo { domain, id, before });
    }

    fn withdraw_all(&mut self, draft: &mut Draft<'_>, domain: u32, kind: TemplateKind) {
        let templates = self.domains.get(&domain).map(|domain| &domain.templates);
        let of_kind = templates.into_iter().flatten();
        let ids: Vec<u16> = of_kind
            .filter(|known| known.kind == kind)
            .map(|known| known.id)
            .collect();
        for id in ids {
            self.withdraw(draft, domain, id);
        }
    }

    /// Writes a Message with the withdrawals that are among the changes of the Message at hand.
    fn withdraw_changed(&self, header: &Header, message: &[u8], to: &mut Vec<u8>) {
        let start = to.len();
        let mut draft = Draft::begin(to, message);
        let withdrawn = self.undo.iter().filter_map(|undo| undo.before.as_ref());
        for known in withdrawn {
            draft.withdrawal(known.kind, known.id);
        }
        finish(to, start, header);
    }

    /// Withdraws what is announced no more, once in a while.
    fn withdraw_stale(&mut self, header: &Header, message: &[u8], now: Millis, to: &mut Vec<u8>) {
        let stale_ms = self.stale_ms;
        let Some(domain) = self.domains.get_mut(&header.domain) else {
            return;
        };
        domain.seen_at = now;
        if now.since(domain.looked_at) < stale_ms {
            return;
        }
        domain.looked_at = now;
        let is_stale = |known: &&Known| now.since(known.announced_at) > stale_ms;
        let stale = domain.templates.iter().filter(is_stale);
        let ids: Vec<u16> = stale.map(|known| known.id).collect();
        if ids.is_empty() {
            return;
        }
        let start = to.len();
        let mut draft = Draft::begin(to, message);
        for id in ids {
            self.withdraw(&mut draft, header.domain, id);
        }
        finish(to, start, header);
    }

    /// Announces all Templates of a domain that sends for the first time on this connection.
    fn announce(&mut self, header: &Header, message: &[u8], now: Millis, to: &mut Vec<u8>) {
        let Some(domain) = self.domains.get_mut(&header.domain) else {
            return;
        };
        if domain.announced_on == self.connection {
            return;
        }
        domain.announced_on = self.connection;
        // What nobody announced since is not told to a new collector at all.
        let stale_ms = self.stale_ms;
        let (mut bytes, mut forgotten) = (0_usize, 0_usize);
        domain.templates.retain(|known| {
            let is_kept = now.since(known.announced_at) <= stale_ms;
            let sum = if is_kept { &mut bytes } else { &mut forgotten };
            *sum = sum.saturating_add(known.bytes());
            is_kept
        });
        self.bytes = self.bytes.saturating_sub(forgotten);
        let mut kinds = [TemplateKind::Flow, TemplateKind::Options].into_iter();
        let mut known = kinds.by_ref().flat_map(|kind| {
            let templates = domain.templates.iter();
            templates.filter(move |known| known.kind == kind)
        });
        let mut next = known.next();
        while next.is_some() {
            let start = to.len();
            let mut draft = Draft::begin(to, message);
            while let Some(template) = next.filter(|next| draft.has_room_for(&next.octets)) {
                draft.template(set_id(template.kind), &template.octets);
                next = known.next();
            }
            draft.close();
            finish(to, start, header);
            self.counters.announcements = self.counters.announcements.saturating_add(1);
        }
    }

    fn put(&mut self, domain: u32, known: Known) -> Option<Known> {
        self.bytes = self.bytes.saturating_add(known.bytes());
        let entry = self.domains.entry(domain).or_insert_with(|| {
            self.bytes = self.bytes.saturating_add(DOMAIN_BYTES);
            Domain {
                announced_on: self.connection,
                seen_at: known.announced_at,
                ..Domain::default()
            }
        });
        let before = match entry.place(known.id) {
            Ok(place) => entry
                .templates
                .get_mut(place)
                .map(|old| core::mem::replace(old, known)),
            Err(place) => {
                entry.templates.insert(place, known);
                None
            }
        };
        let bytes = before.as_ref().map_or(0, Known::bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
        before
    }

    fn remove(&mut self, domain: u32, id: u16) -> Option<Known> {
        let entry = self.domains.get_mut(&domain)?;
        let known = entry.templates.remove(entry.place(id).ok()?);
        self.bytes = self.bytes.saturating_sub(known.bytes());
        Some(known)
    }
}

impl<'a> Draft<'a> {
    /// Begins a Message with the header of another.
    fn begin(to: &'a mut Vec<u8>, message: &[u8]) -> Self {
        let start = to.len();
        to.extend_from_slice(message.get(..IPFIX_HEADER_OCTETS).unwrap_or_default());
        let open = None;
        Self { to, start, open }
    }

    /// Whether an announcement may take so many octets more; the first record always may.
    fn has_room_for(&self, record: &[u8]) -> bool {
        let octets = self.to.len().saturating_sub(self.start);
        octets <= IPFIX_HEADER_OCTETS || octets.saturating_add(record.len()) <= ANNOUNCEMENT_OCTETS
    }

    fn copy(&mut self, set: &[u8]) {
        self.close();
        self.to.extend_from_slice(set);
    }

    fn template(&mut self, set_id: u16, record: &[u8]) {
        let is_open = self.open.is_some_and(|(_, open)| open == set_id);
        if !is_open {
            self.close();
            self.open = Some((self.to.len(), set_id));
            self.to.extend_from_slice(&set_id.to_be_bytes());
            self.to.extend_from_slice(&[0, 0]);
        }
        self.to.extend_from_slice(record);
    }

    /// Adds a withdrawal in a Set of its own: some collectors take a Set that begins with one for
    /// nothing else [PROTOCOL K2].
    fn withdrawal(&mut self, kind: TemplateKind, id: u16) {
        self.close();
        for number in [set_id(kind), WITHDRAWAL_OCTETS, id, 0] {
            self.to.extend_from_slice(&number.to_be_bytes());
        }
    }

    /// Ends the open Template Set.
    fn close(&mut self) {
        let Some((start, _)) = self.open.take() else {
            return;
        };
        let octets = self.to.len().saturating_sub(start);
        let length = u16::try_from(octets).unwrap_or(u16::MAX).to_be_bytes();
        let place = start.saturating_add(2)..start.saturating_add(SET_HEADER_OCTETS);
        if let Some(place) = self.to.get_mut(place) {
            place.copy_from_slice(&length);
        }
    }
}

/// Writes the Length of the Message that begins at `start`; takes it away if it has no Set, and
/// returns whether that was so.
fn finish(to: &mut Vec<u8>, start: usize, header: &Header) -> bool {
    let octets = to.len().saturating_sub(start);
    if octets <= IPFIX_HEADER_OCTETS {
        to.truncate(start);
        return true;
    }
    let stamp = Stamp {
        count_or_length: u16::try_from(octets).unwrap_or(u16::MAX),
        sequence: header.sequence,
        domain: header.domain,
    };
    let place = start..start.saturating_add(IPFIX_HEADER_OCTETS);
    if let Some(place) = to.get_mut(place) {
        let written = header.written(place, stamp);
        place.copy_from_slice(written.as_ref());
    }
    false
}

/// The header of a Message that a stream can carry: its Length is what tells where it ends
/// [RFC 7011 §10.4.3].
#[must_use]
pub fn ipfix_header(message: &[u8]) -> Option<Header> {
    if header::version(message) != Some(Version::Ipfix) {
        return None;
    }
    let header = Header::read(Version::Ipfix, message)?;
    (usize::from(header.count_or_length) == message.len()).then_some(header)
}

fn template_kind(set: &Set) -> Option<TemplateKind> {
    match set.kind(Version::Ipfix) {
        SetKind::Template => Some(TemplateKind::Flow),
        SetKind::OptionsTemplate => Some(TemplateKind::Options),
        SetKind::Data | SetKind::Reserved => None,
    }
}

const fn set_id(kind: TemplateKind) -> u16 {
    match kind {
        TemplateKind::Flow => Version::Ipfix.template_set_id(),
        TemplateKind::Options => Version::Ipfix.options_template_set_id(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::{String, ToString};
    use std::vec;

    const MINUTE: u64 = 60_000;

    /// Makes a Message of domain 7 from words: `T256a` announces Template 256 with one field that
    /// `a` stands for, `O` an Options Template, `W` and `V` withdraw them, `D256` is data.
    fn message(words: &str) -> Vec<u8> {
        let mut octets = vec![0, 10, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 7];
        for word in words.split_whitespace() {
            let (kind, rest) = word.split_at(1);
            let digits = rest.trim_end_matches(char::is_alphabetic);
            let id: u16 = digits.parse().unwrap();
            let element = rest.bytes().last().map_or(0, u16::from);
            let (set_id, numbers) = match kind {
                "T" => (2, vec![id, 1, element, 4]),
                "O" => (3, vec![id, 1, 1, element, 4]),
                "W" => (2, vec![id, 0]),
                "V" => (3, vec![id, 0]),
                _ => (id, vec![1, 2]),
            };
            let length = u16::try_from(4 + 2 * numbers.len()).unwrap();
            for number in [vec![set_id, length], numbers].concat() {
                octets.extend(number.to_be_bytes());
            }
        }
        let length = u16::try_from(octets.len()).unwrap();
        octets[2..4].copy_from_slice(&length.to_be_bytes());
        octets
    }

    /// Writes Messages as [`message`] reads them, `|` behind each.
    fn words(octets: &[u8]) -> String {
        let mut words = String::new();
        let mut rest = octets;
        while let Some(header) = Header::read(Version::Ipfix, rest) {
            let mut sets = Vec::new();
            let extent = read_sets(&header, rest, &mut sets).unwrap();
            assert_eq!((header.sequence, header.export_time_s), (5, 1));
            for set in &sets {
                let Some(kind) = template_kind(set) else {
                    words += &format!("D{} ", set.id);
                    continue;
                };
                let records = TemplateRecords::new(Version::Ipfix, kind, &rest[set.content()]);
                for record in records {
                    let is_flow = kind == TemplateKind::Flow;
                    words += &match record.unwrap() {
                        TemplateRecord::Definition(definition) => {
                            let field = definition.fields().last().unwrap();
                            let name = char::from(u8::try_from(field.element).unwrap());
                            let kind = if is_flow { "T" } else { "O" };
                            format!("{kind}{}{name} ", definition.id())
                        }
                        TemplateRecord::Withdrawal { id } => {
                            format!("{}{id} ", if is_flow { "W" } else { "V" })
                        }
                    };
                }
            }
            words += "| ";
            rest = &rest[extent.message_end..];
        }
        words.trim_end().into()
    }

    fn passed(stream: &mut StreamSession, text: &str, now: u64) -> String {
        let (octets, mut to) = (message(text), Vec::new());
        let passage = stream.pass(&octets, Millis(now), &mut to).unwrap();
        if passage == Passage::AsItIs {
            to.extend(&octets);
        }
        words(&to)
    }

    fn connected() -> StreamSession {
        let mut stream = StreamSession::new(MINUTE, 1);
        stream.connected();
        stream
    }

    #[test]
    fn a_template_goes_once_and_one_that_changes_is_withdrawn_before_in_its_place() {
        let mut stream = connected();
        for (came, left) in [
            ("T256a T257b D256", "T256a T257b D256 |"),
            ("T256a T257b", ""),
            ("T256a D256", "D256 |"),
            ("D256", "D256 |"),
            ("D256 T256c D256", "D256 W256 T256c D256 |"),
            ("W256 D257", "W256 D257 |"),
            ("W256", ""),
            ("T256a W256 T256b", "T256a W256 T256b |"),
            ("O300a", "O300a |"),
            ("T300a", "V300 T300a |"),
            ("O301a O302a V3", "O301a O302a V301 V302 |"),
            ("W2 D9999", "W256 W257 W300 D9999 |"),
        ] {
            assert_eq!(passed(&mut stream, came, 0), left, "{came}");
            stream.settle();
        }
        assert_eq!(stream.bytes(), DOMAIN_BYTES);
    }

    #[test]
    fn each_connection_begins_with_the_templates_of_each_domain_as_they_are() {
        let mut stream = connected();
        passed(&mut stream, "T256a T257b O258c", 0);
        stream.settle();
        stream.connected();
        assert_eq!(passed(&mut stream, "D256", 1), "T256a T257b O258c | D256 |");
        assert_eq!(passed(&mut stream, "D256", 1), "D256 |");
        stream.connected();
        let again = "T256a T257b O258c |";
        assert_eq!(passed(&mut stream, "T256a T257b", 2), again);
        assert_eq!(stream.counters.announcements, 2);
    }

    #[test]
    fn what_a_message_changed_is_forgotten_if_it_did_not_leave() {
        let mut stream = connected();
        passed(&mut stream, "T256a T257b", 0);
        stream.settle();
        assert!(!stream.is_unsettled());
        let text = "D256 T256c W257 T258d";
        let left = passed(&mut stream, text, 0);
        assert!(stream.is_unsettled());
        let bytes = stream.bytes();
        stream.take_back();
        stream.connected();
        let again = passed(&mut stream, text, 0);
        assert_eq!(again, "T256a T257b | ".to_string() + &left);
        assert_eq!(stream.bytes(), bytes);
    }

    #[test]
    fn what_is_announced_no_more_is_withdrawn_while_the_others_go_on() {
        let mut stream = connected();
        passed(&mut stream, "T256a T257b", 0);
        let mut left = Vec::new();
        for minute in 1..=90 {
            let now = minute * MINUTE;
            assert_eq!(passed(&mut stream, "T256a", now), "");
            left.push(passed(&mut stream, "D256", now));
            stream.settle();
        }
        let withdrawn = left.iter().filter(|left| *left == "W257 | D256 |");
        assert_eq!(withdrawn.count(), 1);
        assert_eq!(left.iter().filter(|left| *left == "D256 |").count(), 89);
        assert_eq!(stream.counters.withdrawals, 1);
    }

    #[test]
    fn domains_that_were_silent_for_long_are_not_announced_to_a_new_collector() {
        let mut stream = connected();
        passed(&mut stream, "T256a", 0);
        let mut other = message("T256z");
        other[15] = 8;
        let passage = stream.pass(&other, Millis(100 * MINUTE), &mut Vec::new());
        assert_eq!(passage, Ok(Passage::Written));
        stream.settle();
        stream.connected();
        assert_eq!(passed(&mut stream, "D256", 100 * MINUTE), "D256 |");
    }

    #[test]
    fn what_would_cost_everybody_the_connection_does_not_pass() {
        let good = message("T256a D256");
        let (mut v9, mut long, mut torn) = (good.clone(), good.clone(), good.clone());
        v9[1] = 9;
        long.push(0);
        torn[19] = 200;
        let mut stream = connected();
        let mut to = Vec::new();
        for bad in [&v9, &long, &torn, &good[..10].to_vec(), &Vec::new()] {
            assert_eq!(stream.pass(bad, Millis(0), &mut to), Err(NoTransport));
        }
        for end in 0..good.len() {
            assert!(stream.pass(&good[..end], Millis(0), &mut to).is_err());
        }
        assert!(to.is_empty());
    }

    #[test]
    fn a_message_that_would_outgrow_its_length_has_the_withdrawals_before_it() {
        let mut stream = connected();
        passed(&mut stream, "T256a", 0);
        stream.settle();
        let mut octets = message("T256b");
        let room = MESSAGE_OCTETS_MAX - octets.len();
        octets.extend(300_u16.to_be_bytes());
        octets.extend(u16::try_from(room).unwrap().to_be_bytes());
        octets.resize(MESSAGE_OCTETS_MAX, 1);
        octets[2..4].copy_from_slice(&[0xFF, 0xFF]);
        let mut to = Vec::new();
        let passage = stream.pass(&octets, Millis(0), &mut to);
        assert_eq!(passage, Ok(Passage::AsItIs));
        assert_eq!(words(&to), "W256 |");
        assert_eq!(passed(&mut stream, "T256b", 0), "", "it is known");
    }

    #[test]
    fn a_flood_of_domains_takes_bounded_room_and_silent_ones_make_place() {
        let mut stream = connected();
        let mut octets = message("T256a");
        let send = |stream: &mut StreamSession, octets: &mut [u8], domain: u32, now| {
            octets[12..16].copy_from_slice(&domain.to_be_bytes());
            let mut to = Vec::new();
            assert_eq!(
                stream.pass(octets, Millis(now), &mut to),
                Ok(Passage::Written)
            );
            stream.settle();
        };
        let each = DOMAIN_BYTES + TEMPLATE_BYTES + 8;
        let domains_count = u32::try_from(TEMPLATES_BYTES_MAX / each + 10).unwrap();
        for domain in 0..domains_count {
            send(&mut stream, &mut octets, domain, 0);
        }
        assert!(stream.bytes() <= TEMPLATES_BYTES_MAX);
        assert!(stream.counters.templates_refused >= 9);
        send(&mut stream, &mut octets, domains_count, 100 * MINUTE);
        assert_eq!(stream.bytes(), each);
    }
}
