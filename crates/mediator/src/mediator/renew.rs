//! New decisions of the operator while Messages flow.
//!
//! What was learnt of exporters stays: Templates, clone IDs, numbers, what waits. A Template whose
//! treatment changed gets a new plan; a clone that is wanted from now on is announced before the
//! data that need it. The layout of a clone depends on its Template alone, so a clone that was
//! announced before keeps its ID and its meaning.
//!
//! Not here: outlets, addresses of this host and limits, which stay as they were; when to do it
//! (the daemon).

use alloc::vec::Vec;

use super::Mediator;
use super::session::COPIES;
use crate::Millis;
use crate::collect::store::SessionIndex;
use crate::enrich::plan::{Action, Plan};
use crate::settings::{Settings, Treatment};

impl Mediator {
    /// Takes new decisions about everything but outlets, addresses of this host and limits.
    pub fn decide(&mut self, settings: Settings, now: Millis) {
        let before = core::mem::replace(&mut self.settings, settings);
        self.settings.outlets.clone_from(&before.outlets);
        self.settings
            .own_addresses
            .clone_from(&before.own_addresses);
        self.settings.limits = before.limits;
        for index in self.store.indices() {
            self.decide_session(index, &before, now);
        }
    }

    fn decide_session(&mut self, index: SessionIndex, before: &Settings, now: Millis) {
        let Some(session) = self.store.session(index) else {
            return;
        };
        let rule = self.rule_of(session.exporter, session.key.domain);
        let Some(session) = self.store.session_mut(index) else {
            return;
        };
        let was = session.attached.treatment(before);
        let is_planned_alike = |now: &Treatment| now.enrich == was.enrich;
        let settings = &self.settings;
        let treatment = rule.and_then(|rule| settings.exporters.get(rule));
        let treatment = treatment.map_or(&settings.otherwise, |rule| &rule.treatment);
        let stays = is_planned_alike(treatment) && settings.missing_fields == before.missing_fields;
        session.attached.rule = rule;
        if stays {
            return;
        }
        let mut wanted = Vec::new();
        self.store
            .prepare_again(index, now, |definition, prepared| {
                let was_clone = prepared.clone().is_some();
                prepared.plan = Plan::compile(definition, treatment, settings.missing_fields);
                if prepared.plan.action == Action::Clone && !was_clone {
                    wanted.push(definition.id());
                }
                prepared.plan.bytes()
            });
        for id in wanted {
            self.prepare_clone(index, id, COPIES);
        }
    }
}
