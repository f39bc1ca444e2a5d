//! Template Records that leave: the exporter's own, again, early, from another port; and clones.
//!
//! Not here: whether data is read by them (`data`).
//! Bound: looks through what waits in one session.

use super::{Judge, Law};
use crate::collector::{Content, SessionKey};
use crate::framing::Header;
use crate::octets::all_zero;
use crate::projection::{Relation, relation};
use crate::stream::{Expected, Item};
use crate::template::Template;
use std::rc::Rc;

/// Which of the items that may leave next are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Those that overtake no data that could be read when it came.
    First,
    /// All.
    Eligible,
}

impl Judge {
    /// Judges one Template Record.
    pub(super) fn template(
        &mut self,
        session: &SessionKey,
        header: &Header,
        template: &Rc<Template>,
    ) {
        if self.tick_template(session, header, template, Turn::First) {
            self.own(session, template);
            return;
        }
        self.mark_announced(session, template);
        if self.is_current(session, template) {
            self.tally.announced += 1;
            return;
        }
        if self.tick_template(session, header, template, Turn::Eligible) {
            self.own(session, template);
            return;
        }
        self.tally.announced += 1;
        if self.is_on_its_way(session, template) {
            self.own(session, template);
            return;
        }
        if self.is_borrowed(session, template) {
            self.own(session, template);
            self.streams.entry(*session).or_default().borrows = true;
            return;
        }
        if self.is_clone(session, template) {
            self.tally.clones += 1;
            let scope = self.scope(session);
            scope.clones.insert(template.id);
            if scope.owned.contains(&template.id) {
                let what = format!("{session:?}: a clone has the exporter's ID: {template:?}");
                self.breach(Law::Order, what);
            }
            return;
        }
        let what = format!("{session:?}: nobody announced {template:?}");
        self.breach(Law::Order, what);
    }

    /// Ticks it off, if it is one of those that must leave next.
    fn tick_template(
        &mut self,
        session: &SessionKey,
        header: &Header,
        template: &Rc<Template>,
        turn: Turn,
    ) -> bool {
        let Some(stream) = self.streams.get_mut(session) else {
            return false;
        };
        while stream.queue.front().is_some_and(Expected::is_done) {
            stream.queue.pop_front();
        }
        let Some(expected) = stream.queue.front_mut() else {
            return false;
        };
        let place = expected
            .eligible(&stream.current)
            .into_iter()
            .filter(|index| turn == Turn::Eligible || !expected.overtakes_data(*index))
            .find(|index| expected.items[*index].templates().first() == Some(template));
        let Some(index) = place else {
            return false;
        };
        expected.tick(index, 1);
        let came = expected.header;
        // What the collector knows already may be the mediator's own repetition.
        if stream.current.get(&template.id) != Some(template) {
            self.times(&came, header);
        }
        true
    }

    /// Notes that a Template left, perhaps ahead of the Message that brought it.
    fn mark_announced(&mut self, session: &SessionKey, template: &Rc<Template>) {
        let Some(stream) = self.streams.get_mut(session) else {
            return;
        };
        let waiting = stream.queue.iter_mut();
        for item in waiting.flat_map(|expected| &mut expected.items) {
            if item.templates().contains(template) {
                item.announced.push(Rc::clone(template));
            }
        }
    }

    /// Remembers a Template of the exporter's as announced to this session's collector.
    pub(super) fn own(&mut self, session: &SessionKey, template: &Rc<Template>) {
        let stream = self.streams.entry(*session).or_default();
        stream.current.insert(template.id, Rc::clone(template));
        self.scope(session).owned.insert(template.id);
    }

    fn is_current(&self, session: &SessionKey, template: &Rc<Template>) -> bool {
        let stream = self.streams.get(session);
        stream.is_some_and(|stream| stream.current.get(&template.id) == Some(template))
    }

    /// Whether it came already, in a Message of this session that still waits.
    fn is_on_its_way(&self, session: &SessionKey, template: &Rc<Template>) -> bool {
        let Some(stream) = self.streams.get(session) else {
            return false;
        };
        let mut waiting = stream.queue.iter().flat_map(|expected| &expected.items);
        waiting.any(|item: &Item| item.templates().contains(template))
    }

    /// Whether another port of this exporter announced it, and this one nothing, or nothing that
    /// left so far.
    fn is_borrowed(&self, session: &SessionKey, template: &Rc<Template>) -> bool {
        let id = template.id;
        let stream = self.streams.get(session);
        let heard = stream.is_some_and(|stream| stream.current.contains_key(&id));
        let own = self.input.template(session, id).is_some();
        !(heard && own) && self.input.definitions(session, id).contains(template)
    }

    /// Whether a Set that could not be read when it came is all padding: zeros, and fewer of them
    /// than any record of a Template of its ID has octets. It carries nothing that could be lost.
    pub(super) fn was_padding(&self, session: &SessionKey, item: &Item) -> bool {
        let octets = &item.set.body;
        let is_shorter = |template: &Rc<Template>| octets.len() < template.record_octets_min();
        let known = self.input.definitions(session, item.set.id);
        all_zero(octets) && !known.is_empty() && known.iter().all(is_shorter)
    }

    fn is_clone(&self, session: &SessionKey, template: &Rc<Template>) -> bool {
        let fits = |original: &Rc<Template>| relation(original, template) == Some(Relation::Clone);
        self.input.definitions_of_all(session).any(fits)
    }

    /// Whether an item that did not leave need not: the collector has its Templates, or would
    /// misread it by a clone.
    pub(super) fn may_vanish(&self, session: &SessionKey, item: &Item) -> bool {
        match &item.set.content {
            Content::Templates(_) => item
                .templates()
                .iter()
                .all(|known| self.is_current(session, known) || item.announced.contains(known)),
            Content::Data(_) => false,
            Content::Unread if self.was_padding(session, item) => true,
            Content::Unread => {
                let key = (session.exporter.ip(), session.version, session.domain);
                let clones = self.scopes.get(&key).map(|scope| &scope.clones);
                clones.is_some_and(|clones| clones.contains(&item.set.id))
            }
        }
    }
}
