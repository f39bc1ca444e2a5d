//! Sets that nobody here can read: they leave as they came, or not at all.
//!
//! Not here: Sets whose Template is known (`build`).

use super::legacy::Announce;
use super::{Mediator, Message};
use crate::collect::store::SessionIndex;
use crate::counters::{Dropped, Raw};
use crate::export::draft::{Counts, Padding, Unit};
use crate::wire::set::Set;

impl Mediator {
    /// A Data Set without a Template: as it came, unless a collector would read it as ours.
    pub(super) fn unknown_set(&mut self, index: SessionIndex, message: &Message<'_>, set: &Set) {
        self.vacate(index, set.id, Announce::Now);
        let waited_ids_max = self.settings.limits.waited_ids_max;
        let Some(session) = self.store.session_mut(index) else {
            return;
        };
        session.waited_for(set.id, waited_ids_max);
        let key = session.key.domain_key();
        let is_ours = session.stored(set.id).is_none()
            && self
                .store
                .domain(&key)
                .is_some_and(|domain| domain.attached.is_tainted(set.id));
        if is_ours {
            self.counters.sets_dropped[Dropped::IdTaken.index()] += 1;
            return;
        }
        self.raw_set(index, message, set, Raw::UnknownTemplate);
    }

    /// Counts the records of a Set that leaves raw: a Template that is in doubt is good enough for
    /// that.
    fn count_doubtful(
        &mut self,
        index: SessionIndex,
        set: &Set,
        content: &[u8],
    ) -> (usize, Counts) {
        let stored = self
            .store
            .session(index)
            .and_then(|session| session.stored(set.id));
        let fit = stored.and_then(|template| {
            let layout = &template.prepared.plan.layout;
            layout.fit(content, &mut self.scratch.walked)
        });
        match fit {
            Some(fit) if fit.records_count > 0 => (fit.records_count, Counts::Templates),
            _ => (1, Counts::Unknown),
        }
    }

    /// Puts a Set that nobody here can read behind the others, or drops it.
    pub(super) fn raw_set(
        &mut self,
        index: SessionIndex,
        message: &Message<'_>,
        set: &Set,
        reason: Raw,
    ) {
        let is_malformed = matches!(reason, Raw::ReservedSetId | Raw::BrokenTemplate);
        if is_malformed && !self.passes_malformed() {
            self.counters.sets_dropped[Dropped::Malformed.index()] += 1;
            return;
        }
        self.copy_raw(index, message, set, reason, Where::Behind);
    }

    pub(super) fn copy_raw(
        &mut self,
        index: SessionIndex,
        message: &Message<'_>,
        set: &Set,
        reason: Raw,
        place: Where,
    ) {
        let content = message.octets.get(set.content()).unwrap_or_default();
        let (records, counts) = self.count_doubtful(index, set, content);
        let draft = match place {
            Where::Here => &mut self.main,
            Where::Behind => &mut self.raw,
        };
        draft.content().extend_from_slice(content);
        draft.close(set.id, Unit::Whole, records, counts, Padding::AsCame);
        self.count_unread();
        self.count_raw(index, reason, 0);
    }
}

/// Where a raw Set leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// Between the others of its Message.
    Here,
    /// Behind them.
    Behind,
}
