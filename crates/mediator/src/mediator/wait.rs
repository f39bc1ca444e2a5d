//! Data that came before its Template.
//!
//! The whole session waits, first in, first out; a Template ID is waited for once. When the
//! Template comes, or the time is over, the Messages leave in the order they came.
//!
//! Not here: the queue itself (`collect::hold`).
//! Bound: [`crate::Limits::held_octets_max`]; what does not fit makes the queue leave at once.

use alloc::vec::Vec;

use super::deliver::note_restart;
use super::{Mediator, Message, Run};
use crate::collect::hold::Held;
use crate::collect::store::SessionIndex;
use crate::enrich::plan::Plan;
use crate::enrich::walk::Walked;
use crate::observe::Observer;
use crate::wire::header::{self, Header};
use crate::wire::set::{Set, SetKind, read_sets};
use crate::wire::template::{Definition, TemplateKind, TemplateRecord, TemplateRecords};
use crate::{Millis, Version};

/// What is known of the Data Sets of a Message before it is worked on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Resolved {
    /// A Template is missing that may still come.
    pub(super) must_wait: bool,
}

impl Mediator {
    /// Looks whether every Data Set has its Template: in the session, in this Message, or at
    /// another port of the exporter, from which it is then taken over.
    pub(super) fn resolve(
        &mut self,
        index: SessionIndex,
        message: &Message<'_>,
        sets: &[Set],
        now: Millis,
    ) -> Resolved {
        let version = message.header.version;
        let mut resolved = Resolved::default();
        let mut searches = 0;
        for set in sets {
            if set.kind(version) != SetKind::Data {
                continue;
            }
            let Some(session) = self.store.session(index) else {
                return resolved;
            };
            if session.find(set.id, now).is_some() {
                continue;
            }
            searches += 1;
            let has_own = searches <= SEARCHES_MAX && defines(message, sets, set.id);
            if has_own || self.borrow_template(index, set.id, now) {
                continue;
            }
            resolved.must_wait |= self.may_still_come(index, set.id);
        }
        resolved
    }

    fn may_still_come(&self, index: SessionIndex, id: u16) -> bool {
        let waited_ids_max = self.settings.limits.waited_ids_max;
        self.settings.hold_ms > 0
            && self
                .store
                .session(index)
                .is_some_and(|session| !session.has_waited_for(id, waited_ids_max))
    }

    pub(super) fn is_waiting(&self, index: SessionIndex) -> bool {
        self.store
            .session(index)
            .is_some_and(|session| !session.hold.is_empty())
    }

    /// Puts a Message behind those that wait; there is room.
    pub(super) fn begin_to_wait(
        &mut self,
        index: SessionIndex,
        message: &Message<'_>,
        now: Millis,
    ) {
        self.counters.holds += 1;
        self.counters.messages_held += 1;
        self.store.hold(index, now, message.octets);
    }

    /// A Message of a session that waits: it waits too, unless it ends the waiting.
    pub(super) fn wait_behind<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        index: SessionIndex,
        message: &Message<'_>,
        sets: &[Set],
    ) {
        if !self.store.may_hold(index, message.octets.len()) {
            self.release_all(run, index);
        }
        self.begin_to_wait(index, message, run.now);
        self.learn_ahead(index, message, sets, run.now);
        self.release(run, index, Until::Unready);
    }

    /// Learns the Templates of a waiting Message that nobody knew: they are what others wait for.
    /// A definition that changes a known one has its turn when the Message has; so has one that
    /// changes a doubted one, if anything that waits does not fit it: it was meant for the older.
    fn learn_ahead(
        &mut self,
        index: SessionIndex,
        message: &Message<'_>,
        sets: &[Set],
        now: Millis,
    ) {
        for definition in definitions(message, sets) {
            let Some(session) = self.store.session(index) else {
                return;
            };
            let is_known = session.find(definition.id(), now).is_some();
            let stored = session.stored(definition.id());
            let is_change = stored.is_some_and(|template| !template.is(&definition));
            if !is_known && (!is_change || self.fits_waiting(index, &definition)) {
                self.learn_aside(index, &definition, now);
            }
        }
    }

    /// Whether every Data Set that waits under the ID of a definition fits it.
    fn fits_waiting(&mut self, index: SessionIndex, definition: &Definition<'_>) -> bool {
        let Some(session) = self.store.session(index) else {
            return false;
        };
        let settings = &self.settings;
        let plan = Plan::compile(definition, &settings.otherwise, settings.missing_fields);
        let walked = &mut self.scratch.walked;
        let mut sets = Vec::new();
        session.hold.messages().all(|held| {
            let version = header::version(&held.octets);
            let header = version.and_then(|version| Header::read(version, &held.octets));
            if header.is_none_or(|header| read_sets(&header, &held.octets, &mut sets).is_err()) {
                return true;
            }
            let mut of_id = sets.iter().filter(|set| set.id == definition.id());
            of_id.all(|set| {
                let content = held.octets.get(set.content()).unwrap_or_default();
                plan.layout.fit(content, walked).is_some()
            })
        })
    }

    /// Whether a Data Set fits a Template that is known, and not another port's: else a definition
    /// behind it in the same Message may be the one it is meant for.
    pub(super) fn fits_own<O>(
        &mut self,
        index: SessionIndex,
        message: &Message<'_>,
        set: &Set,
        run: &Run<'_, O>,
    ) -> bool {
        let Some(session) = self.store.session(index) else {
            return false;
        };
        let found = session.find(set.id, run.now);
        let Some(template) = found.and_then(|at| session.template_at(at)) else {
            return false;
        };
        let content = message.octets.get(set.content()).unwrap_or_default();
        let layout = &template.prepared.plan.layout;
        let fit = layout.fit(content, &mut self.scratch.walked);
        !template.prepared.borrowed && fit.is_some()
    }

    /// Whether the session has its own Template of an ID, to be used.
    pub(super) fn is_own<O>(&self, index: SessionIndex, id: u16, run: &Run<'_, O>) -> bool {
        let session = self.store.session(index);
        session.is_some_and(|session| {
            let found = session.find(id, run.now);
            let template = found.and_then(|at| session.template_at(at));
            template.is_some_and(|template| !template.prepared.borrowed)
        })
    }

    /// Whether a Data Set in front of a new definition of its ID is meant for the old one: it fits
    /// that, though it is doubted, and not the new one.
    pub(super) fn is_of_doubted(
        &mut self,
        index: SessionIndex,
        message: &Message<'_>,
        behind: &[Set],
        set: &Set,
    ) -> bool {
        let content = message.octets.get(set.content()).unwrap_or_default();
        let stored = self
            .store
            .session(index)
            .and_then(|session| session.stored(set.id));
        let Some(old) = stored.filter(|template| !template.prepared.borrowed) else {
            return false;
        };
        let settings = &self.settings;
        let walked = &mut self.scratch.walked;
        let fits_new = |definition: Definition<'_>, walked: &mut Walked| {
            let plan = Plan::compile(&definition, &settings.otherwise, settings.missing_fields);
            plan.layout.fit(content, walked).is_some()
        };
        old.prepared.plan.layout.fit(content, walked).is_some()
            && definitions(message, behind)
                .find(|definition| definition.id() == set.id)
                .is_some_and(|definition| !fits_new(definition, walked))
    }

    /// Sends the Messages of all sessions whose time is over.
    pub(super) fn release_expired<O: Observer>(&mut self, run: &mut Run<'_, O>) {
        if self.store.held().is_empty() {
            return;
        }
        let waiting: Vec<SessionIndex> = self.store.held().to_vec();
        for index in waiting {
            self.release(run, index, Until::Unready);
        }
    }

    /// Sends all Messages that wait.
    pub(super) fn release_everything<O: Observer>(&mut self, run: &mut Run<'_, O>) {
        let waiting: Vec<SessionIndex> = self.store.held().to_vec();
        for index in waiting {
            self.release_all(run, index);
        }
    }

    /// Sends all Messages of one session that wait.
    pub(super) fn release_all<O: Observer>(&mut self, run: &mut Run<'_, O>, index: SessionIndex) {
        self.release(run, index, Until::Empty);
    }

    /// Looks whether a Message brought what other ports of its exporter wait for.
    pub(super) fn release_siblings<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        index: SessionIndex,
    ) {
        if self.store.held().is_empty() {
            return;
        }
        let Some(key) = self
            .store
            .session(index)
            .map(|session| session.key.domain_key())
        else {
            return;
        };
        let waiting: Vec<SessionIndex> = self.store.held().to_vec();
        for held in waiting {
            let of_domain = self
                .store
                .session(held)
                .is_some_and(|session| session.key.domain_key() == key);
            if of_domain {
                self.release(run, held, Until::Unready);
            }
        }
    }

    fn release<O: Observer>(&mut self, run: &mut Run<'_, O>, index: SessionIndex, until: Until) {
        let mut sets = Vec::new();
        while self.head_may_leave(run, index, until, &mut sets) {
            let Some(held) = self.store.unhold(index) else {
                return;
            };
            self.counters.messages_held -= 1;
            self.forward_held(run, index, held, &mut sets);
        }
    }

    fn head_may_leave<O: Observer>(
        &mut self,
        run: &Run<'_, O>,
        index: SessionIndex,
        until: Until,
        sets: &mut Vec<Set>,
    ) -> bool {
        let Some(head) = self
            .store
            .session(index)
            .and_then(|session| session.hold.head())
        else {
            return false;
        };
        if until == Until::Empty || run.now.since(head.arrived) >= self.settings.hold_ms {
            return true;
        }
        let mut octets = head.octets.to_vec();
        let Some((header, message)) = read_held(&mut octets, sets) else {
            return true;
        };
        let message = Message {
            header,
            octets: message,
            arrived: run.now,
            base: None,
        };
        !self.resolve(index, &message, sets, run.now).must_wait
    }

    fn forward_held<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        index: SessionIndex,
        mut held: Held,
        sets: &mut Vec<Set>,
    ) {
        let version = header::version(&held.octets).unwrap_or(Version::Ipfix);
        let Some(header) = Header::read(version, &held.octets) else {
            return;
        };
        if let Some(session) = self.store.session_mut(index) {
            let rebooted = core::mem::take(&mut session.attached.rebooted);
            note_restart(session, &header, rebooted, held.arrived);
        }
        let message = Message {
            header,
            octets: &mut held.octets,
            arrived: held.arrived,
            base: None,
        };
        match read_sets(&header, message.octets, sets) {
            Ok(extent) => self.forward(run, index, message, &extent, sets),
            Err(_) => self.forward_malformed(run, index, &message, sets),
        }
    }
}

/// How far a queue is emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// To the first Message that must go on waiting.
    Unready,
    /// To the end.
    Empty,
}

fn read_held<'a>(octets: &'a mut [u8], sets: &mut Vec<Set>) -> Option<(Header, &'a mut [u8])> {
    let header = Header::read(header::version(octets)?, octets)?;
    read_sets(&header, octets, sets).ok()?;
    Some((header, octets))
}

/// The definitions in the Template Sets of a Message.
fn definitions<'a>(
    message: &'a Message<'_>,
    sets: &'a [Set],
) -> impl Iterator<Item = Definition<'a>> + 'a {
    let version = message.header.version;
    sets.iter().flat_map(move |set| {
        let kind = match set.kind(version) {
            SetKind::Template => Some(TemplateKind::Flow),
            SetKind::OptionsTemplate => Some(TemplateKind::Options),
            SetKind::Data | SetKind::Reserved => None,
        };
        let content = message.octets.get(set.content()).unwrap_or_default();
        let records = kind.map(|kind| TemplateRecords::new(version, kind, content));
        records
            .into_iter()
            .flatten()
            .filter_map(|record| match record {
                Ok(TemplateRecord::Definition(definition)) => Some(definition),
                _ => None,
            })
    })
}

/// Data Sets of one Message for which its own Template Sets are searched: above it, in a Message
/// that no exporter sends, a Set is taken as one without a Template.
pub(super) const SEARCHES_MAX: usize = 64;

/// Whether a Message has the definition of an ID.
pub(super) fn defines(message: &Message<'_>, sets: &[Set], id: u16) -> bool {
    definitions(message, sets).any(|definition| definition.id() == id)
}
