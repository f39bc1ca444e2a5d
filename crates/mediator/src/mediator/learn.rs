//! Templates: learnt from the exporter, given a clone, announced again.
//!
//! A definition that an exporter announces leaves at once, unchanged; the clone's definition
//! follows in the same Message. Both leave again when the refresh is due, right before the next
//! Message, with that Message's Export Time: never later than the data that needs them
//! [RFC 7011 §8.2]. A new clone is announced three times.
//!
//! Not here: when a Data Set needs a Template (`build`, `wait`).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Mediator;
use super::legacy::Announce;
use super::session::{COPIES, Prepared, Session};
use crate::Millis;
use crate::collect::store::SessionIndex;
use crate::collect::template::{Learned, Template};
use crate::counters::Raw;
use crate::enrich::clone;
use crate::enrich::plan::{Action, Plan};
use crate::export::draft::{Counts, Draft, Padding, Unit};
use crate::wire::template::{Definition, TemplateKind};

/// Which Templates are announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// All of the session.
    All,
    /// Those that have an announcement out of turn before them.
    Pending,
}

impl Mediator {
    /// Learns a definition of this session. Returns the clone's ID if its data will be enriched
    /// under one.
    pub(super) fn learn(
        &mut self,
        index: SessionIndex,
        definition: &Definition<'_>,
        now: Millis,
    ) -> Option<u16> {
        let id = definition.id();
        let lent = self.lent(index, definition);
        let learned = self.store_template(index, definition, now)?;
        match learned {
            Learned::Same => self.own_again(index, id),
            Learned::New => self.prepare_clone(index, id, COPIES - 1),
            Learned::Changed => {
                self.counters.redefinitions += 1;
                self.drop_borrowed(index, id, &lent);
                self.prepare_clone(index, id, COPIES - 1);
            }
        }
        self.store.session(index)?.stored(id)?.prepared.clone()
    }

    /// Learns a definition that did not pass in this session yet: it is announced before it is
    /// used.
    pub(super) fn learn_aside(
        &mut self,
        index: SessionIndex,
        definition: &Definition<'_>,
        now: Millis,
    ) -> bool {
        let id = definition.id();
        self.vacate(index, id, Announce::BeforeNext);
        if self.store_template(index, definition, now).is_none() {
            return false;
        }
        self.prepare_clone(index, id, COPIES - 1);
        if let Some(session) = self.store.session_mut(index) {
            session.attached.copies_pending = true;
            if let Some(template) = session.stored_mut(id) {
                template.prepared.original_due = true;
            }
        }
        true
    }

    /// Takes a Template over from another port of the exporter, if there is exactly one meaning.
    pub(super) fn borrow_template(&mut self, index: SessionIndex, id: u16, now: Millis) -> bool {
        let Some(found) = self.store.sibling_template(index, id, now) else {
            return false;
        };
        let octets: Box<[u8]> = found.octets().into();
        let kind = found.kind();
        let Some(session) = self.store.session(index) else {
            return false;
        };
        // Where two ports disagree nothing is guessed, also where the port's own word is in doubt.
        let own = session.stored(id).filter(|known| !known.prepared.borrowed);
        if own.is_some_and(|own| *own.octets() != *octets) {
            return false;
        }
        let Some(definition) = Definition::from_octets(session.key.version, kind, &octets) else {
            return false;
        };
        if !self.learn_aside(index, &definition, now) {
            return false;
        }
        self.counters.templates_borrowed += 1;
        if let Some(template) = self.stored_mut(index, id) {
            template.prepared.borrowed = true;
        }
        true
    }

    fn stored_mut(&mut self, index: SessionIndex, id: u16) -> Option<&mut Template<Prepared>> {
        self.store.session_mut(index)?.stored_mut(id)
    }

    fn store_template(
        &mut self,
        index: SessionIndex,
        definition: &Definition<'_>,
        now: Millis,
    ) -> Option<Learned> {
        let settings = &self.settings;
        let session = self.store.session_mut(index)?;
        let treatment = session.attached.treatment(settings);
        let is_new = !session
            .stored(definition.id())
            .is_some_and(|known| known.is(definition));
        let width = as_width_class(definition);
        if is_new && definition.kind() == TemplateKind::Flow {
            session.attached.counters.templates_by_as_width[width] += 1;
        }
        self.store.learn(index, definition, now, || {
            let plan = Plan::compile(definition, treatment, settings.missing_fields);
            let bytes = plan.bytes();
            let prepared = Prepared {
                plan,
                clone_id: None,
                clone_copies_due: 0,
                original_due: false,
                borrowed: false,
            };
            (prepared, bytes)
        })
    }

    /// A Template that was borrowed, or learnt ahead, and now came by itself.
    fn own_again(&mut self, index: SessionIndex, id: u16) {
        if let Some(template) = self.stored_mut(index, id) {
            template.prepared.borrowed = false;
            template.prepared.original_due = false;
        }
    }

    /// The definition that a new one replaces, if it was this session's own to lend.
    fn lent(&self, index: SessionIndex, definition: &Definition<'_>) -> Box<[u8]> {
        let session = self.store.session(index);
        let stored = session.and_then(|session| session.stored(definition.id()));
        stored
            .filter(|template| !template.prepared.borrowed && !template.is(definition))
            .map(|template| template.octets().into())
            .unwrap_or_default()
    }

    /// Other ports of the exporter must not go on with the definition that they borrowed here.
    fn drop_borrowed(&mut self, index: SessionIndex, id: u16, lent: &[u8]) {
        let session = self.store.session(index);
        let Some(key) = session.map(|session| session.key.domain_key()) else {
            return;
        };
        for sibling in self.store.siblings(&key) {
            let session = self.store.session(sibling);
            let is_lent = session
                .and_then(|session| session.stored(id))
                .is_some_and(|template| template.prepared.borrowed && *template.octets() == *lent);
            if sibling != index && is_lent {
                self.store.forget(sibling, id);
            }
        }
    }

    /// Gives a Template whose data are rewritten the ID of its clone, which is announced `copies`
    /// times besides the Message at hand.
    pub(super) fn prepare_clone(&mut self, index: SessionIndex, id: u16, copies: u8) {
        let Some(template) = self.stored_mut(index, id) else {
            return;
        };
        if template.prepared.plan.action != Action::Clone {
            return;
        }
        self.counters.widenings += u64::from(!template.prepared.plan.widened.is_empty());
        let clone_id = self.choose_clone(index, id);
        self.set_clone(index, id, clone_id, copies);
    }

    fn set_clone(&mut self, index: SessionIndex, id: u16, clone_id: Option<u16>, copies: u8) {
        let Some(session) = self.store.session_mut(index) else {
            return;
        };
        let Some(template) = session.stored_mut(id) else {
            return;
        };
        let prepared = &mut template.prepared;
        prepared.clone_id = clone_id;
        prepared.clone_copies_due = copies;
        if clone_id.is_none() {
            prepared.plan.action = Action::Pass(Raw::NoCloneId);
        }
        session.attached.copies_pending |= clone_id.is_some();
    }

    fn choose_clone(&mut self, index: SessionIndex, id: u16) -> Option<u16> {
        let key = self.store.session(index)?.key.domain_key();
        let mut ids = core::mem::take(self.store.domain_mut(&key)?);
        let chosen = ids.choose(id, |taken| self.store.id_in_use(&key, taken));
        *self.store.domain_mut(&key)? = ids;
        chosen
    }

    /// Moves a clone away from an ID that the exporter uses. Returns whether there was one.
    pub(super) fn vacate(&mut self, index: SessionIndex, id: u16, announce: Announce) -> bool {
        let Some(key) = self
            .store
            .session(index)
            .map(|session| session.key.domain_key())
        else {
            return false;
        };
        let Some(original) = self.store.domain_mut(&key).and_then(|ids| ids.vacate(id)) else {
            return false;
        };
        self.counters.id_moves += 1;
        let mut siblings = self.store.siblings(&key);
        siblings.retain(|sibling| {
            let session = self.store.session(*sibling);
            let stored = session.and_then(|session| session.stored(original));
            stored.is_some_and(|template| template.prepared.clone().is_some())
        });
        if siblings.is_empty() {
            // An ID for a clone that nobody needs would be lost to the exporter.
            return true;
        }
        let clone_id = self.choose_clone(index, original);
        for sibling in siblings {
            let is_now = sibling == index && announce == Announce::Now;
            self.set_clone(
                sibling,
                original,
                clone_id,
                if is_now { COPIES - 1 } else { COPIES },
            );
            if is_now {
                self.define_clones(index, &[original]);
            }
        }
        true
    }

    /// Adds a Template Set with the clones of these Templates to the Message that is built.
    pub(super) fn define_clones(&mut self, index: SessionIndex, originals: &[u16]) {
        let Some(session) = self.store.session(index) else {
            return;
        };
        let templates = originals.iter().filter_map(|id| session.stored(*id));
        define_clones(session, templates, &mut self.main);
    }

    /// Writes the Template Sets that are due to the announcement, and notes that they are sent.
    pub(super) fn draft_announcement(&mut self, index: SessionIndex, due: Due, now: Millis) {
        let announcement = &mut self.announcement;
        announcement.clear();
        let Some(session) = self.store.session_mut(index) else {
            return;
        };
        // Some collectors never come to the end of data that have no octets: if a Template of such
        // is to be said again, its exporter says it.
        let originals = |template: &&Template<Prepared>| {
            let is_due = due == Due::All || template.prepared.original_due;
            template.is_live(now) && is_due && template.prepared.plan.layout.octets_min() > 0
        };
        let clones = |template: &&Template<Prepared>| {
            let is_due = due == Due::All || template.prepared.clone_copies_due > 0;
            template.is_live(now) && is_due
        };
        let version = session.key.version;
        let templates = session.templates();
        let flows = templates.iter().filter(originals);
        for template in flows.filter(|template| template.kind() == TemplateKind::Flow) {
            announcement.content().extend_from_slice(template.octets());
            announcement.record_ends();
        }
        if !announcement.is_blank() {
            let padding = Padding::of_built(version, 4);
            announcement.close_at_ends(version.template_set_id(), Counts::Templates, padding);
        }
        define_clones(session, templates.iter().filter(clones), announcement);
        let options = templates.iter().filter(originals);
        for template in options.filter(|template| template.kind() == TemplateKind::Options) {
            announcement.content().extend_from_slice(template.octets());
            let padding = Padding::of_built(version, 4);
            let set_id = version.options_template_set_id();
            announcement.close(set_id, Unit::Whole, 1, Counts::Templates, padding);
        }
        note_announced(session, due, now);
    }
}

fn note_announced(session: &mut Session, due: Due, now: Millis) {
    let mut is_pending = false;
    for template in session.templates_mut() {
        let prepared = &mut template.prepared;
        prepared.original_due = false;
        prepared.clone_copies_due = prepared.clone_copies_due.saturating_sub(1);
        is_pending |= prepared.clone_copies_due > 0;
    }
    let attached = &mut session.attached;
    attached.copies_pending = is_pending;
    if due == Due::All {
        attached.all_pending = false;
        attached.announced_at = now;
        // The Message that follows is the first since then.
        attached.messages_since = 1;
    }
}

/// Adds a Template Set with the clones of those Templates that have one.
fn define_clones<'a>(
    session: &Session,
    templates: impl Iterator<Item = &'a Template<Prepared>>,
    draft: &mut Draft,
) {
    let version = session.key.version;
    for template in templates {
        let (Some(clone_id), Some(original)) = (template.prepared.clone(), template.definition())
        else {
            continue;
        };
        clone::define(
            &original,
            &template.prepared.plan,
            clone_id,
            draft.content(),
        );
        draft.record_ends();
    }
    if !draft.is_blank() {
        let padding = Padding::of_built(version, 4);
        draft.close_at_ends(version.template_set_id(), Counts::Added, padding);
    }
}

/// 0 for a Template without an AS field, 1 with one of at most 16 bits, 2 with a wider one.
fn as_width_class(definition: &Definition<'_>) -> usize {
    let is_as = |element| element == clone::SOURCE_AS || element == clone::DESTINATION_AS;
    let widths: Vec<u16> = definition
        .fields()
        .filter(|field| field.enterprise.is_none() && is_as(field.element))
        .map(|field| field.octets)
        .collect();
    match widths.iter().min() {
        None => 0,
        Some(0..=2) => 1,
        Some(_) => 2,
    }
}
