//! What the Sets of one Message become.
//!
//! If every Data Set can leave where it is, the received octets leave with a new header and
//! nothing is copied. Otherwise the Sets are written one after another to a draft, and those that
//! nobody can read with what we know to a second one, which leaves behind it: some collectors
//! give up a whole Message for one Set without a Template [PROTOCOL K10].
//!
//! Not here: numbers and sizes (`deliver`), values (`enrich`).

use super::deliver::Outcome;
use super::legacy::Announce;
use super::select::Form;
use super::unread::Where;
use super::wait::{SEARCHES_MAX, defines};
use super::{Mediator, Message, Run};
use crate::Version;
use crate::collect::store::SessionIndex;
use crate::counters::{Dropped, Raw, RecordCounters};
use crate::enrich::apply::{self, Job};
use crate::enrich::clone::growth_octets;
use crate::enrich::plan::{Action, Plan};
use crate::enrich::sampling;
use crate::enrich::walk::{Fit, Layout, Walked};
use crate::export::draft::{Counts, Draft, Padding, Unit};
use crate::limits::MESSAGE_OCTETS_MAX;
use crate::observe::{Observer, RecordSeen, SideSeen};
use crate::settings::Outlet;
use crate::wire::octets::{put_u32, u32_at};
use crate::wire::set::{Extent, Set, SetKind};
use crate::wire::template::{TemplateKind, TemplateRecord, TemplateRecords};
use crate::wire::{SET_HEADER_OCTETS, V9_HEADER_OCTETS};

impl Mediator {
    /// Sends a Message whose Sets are `sets`, with what they become.
    pub(super) fn forward<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        index: SessionIndex,
        mut message: Message<'_>,
        extent: &Extent,
        sets: &[Set],
    ) {
        self.counters.sets_in += sets.len() as u64;
        self.counters.tail_octets += (extent.message_end - super::whole(extent)) as u64;
        let due = self.announcement_due(index, run.now);
        if let Some(due) = due {
            self.draft_announcement(index, due, run.now);
        } else {
            self.announcement.clear();
        }
        self.main.clear();
        self.raw.clear();
        let Some(session) = self.store.session(index) else {
            return;
        };
        self.selecting.begin(&session.attached.wants);
        let outcome = match self.patch_in_place(run, index, &mut message, extent, sets) {
            Some(records) => Outcome::InPlace(records),
            None => {
                self.build(run, index, &mut message, sets);
                Outcome::Built
            }
        };
        self.deliver(run, index, &message, extent, outcome);
    }

    /// Writes the AS numbers into the received octets, if nothing else is to be done. Returns the
    /// number of Data Records.
    fn patch_in_place<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        index: SessionIndex,
        message: &mut Message<'_>,
        extent: &Extent,
        sets: &[Set],
    ) -> Option<usize> {
        if !self.may_patch(run, index, message, extent, sets) {
            return None;
        }
        let mut records = 0;
        for set in sets {
            let (fit, _) = self.data_set_in_place(run, index, message, set)?;
            records += fit.records_count;
            if self.selecting.has_parts {
                // The draft is for those who get some of it.
                self.keep_set(run, index, message, set, fit);
            }
            self.select_records(index, message, (set, fit), Form::Original, run.now);
        }
        Some(records)
    }

    /// Whether all Sets are Data Sets that fit a known Template and stay where they are, in a
    /// Message that no outlet wants divided. Nothing is changed by asking.
    fn may_patch<O: Observer>(
        &mut self,
        run: &Run<'_, O>,
        index: SessionIndex,
        message: &Message<'_>,
        extent: &Extent,
        sets: &[Set],
    ) -> bool {
        let version = message.header.version;
        let Some(session) = self.store.session(index) else {
            return false;
        };
        for outlet in 0..self.settings.outlets.len() {
            if super::whole(extent) > self.octets_max(outlet, session.exporter) {
                return false;
            }
        }
        let Some(session) = self.store.session(index) else {
            return false;
        };
        let mut walked = core::mem::take(&mut self.scratch.walked);
        let may = sets.iter().all(|set| {
            let at = session
                .find(set.id, run.now)
                .filter(|_| set.kind(version) == SetKind::Data);
            let Some(template) = at.and_then(|at| session.template_at(at)) else {
                return false;
            };
            let plan = &template.prepared.plan;
            let stays = !matches!(plan.action, Action::Clone | Action::Pass(Raw::ZeroLength));
            let content = message.octets.get(set.content()).unwrap_or_default();
            stays && plan.layout.fit(content, &mut walked).is_some()
        });
        self.scratch.walked = walked;
        may
    }

    /// Works on a Data Set whose Template is known and whose records stay where they are. Returns
    /// how it divides, and why nothing was written, if so. `None` if it does not fit.
    fn data_set_in_place<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        index: SessionIndex,
        message: &mut Message<'_>,
        set: &Set,
    ) -> Option<(Fit, Option<Raw>)> {
        let domain = message.header.domain;
        let shown = self.domain_in_records(index, message);
        let session = self.store.session_mut(index)?;
        let at = session.find(set.id, run.now)?;
        let treatment = session.attached.treatment(&self.settings);
        let example_wanted = session.attached.examples.are_wanted(run.now);
        let seen = seen_of(session.exporter, message, set.id);
        let template = session.template_at_mut(at)?;
        let content = message.octets.get_mut(set.content())?;
        let fit = template
            .prepared
            .plan
            .layout
            .fit(content, &mut self.scratch.walked)?;
        if fit.records_count > 0 {
            template.fitted(run.now);
        }
        let template = session.template_at(at)?;
        let reason = match template.prepared.plan.action {
            Action::Pass(reason) => Some(reason),
            // Only a clone that no datagram could carry stays where it is.
            Action::Clone => Some(Raw::TooLarge),
            Action::Fill => None,
        };
        let mut counted = RecordCounters::default();
        if reason.is_none() {
            let job = Job {
                plan: &template.prepared.plan,
                fit,
                knowledge: run.knowledge,
                treatment,
                sampling: session
                    .attached
                    .sampling(&template.prepared.plan, treatment),
                example_wanted,
                seen,
            };
            apply::fill(&job, content, &mut self.scratch, &mut counted, run.observer);
        }
        if let Some(shown) = shown {
            let job = (&template.prepared.plan, fit, &self.scratch.walked);
            rename_domain(job, content, domain, shown);
        }
        if reason == Some(Raw::Options) {
            let walked = &self.scratch.walked;
            let announced = sampling::announced(&template.prepared.plan, fit, content, walked);
            session.attached.samplers.note_all(&announced);
        }
        session.productive |= fit.records_count > 0;
        let example = self.scratch.example.take();
        session.attached.note(&counted, example, run.now);
        self.count_records(message.header.version, &counted);
        if let Some(reason) = reason {
            self.count_raw(index, reason, fit.records_count);
        }
        Some((fit, reason))
    }

    /// What Options Data Records of a Message must name as its domain, where that is not what
    /// they came with. Outlets share one body: where they do not agree it stays.
    fn domain_in_records(&mut self, index: SessionIndex, message: &Message<'_>) -> Option<u32> {
        let exporter = self.store.session(index)?.exporter.ip();
        let is_apart = |outlet: &Outlet| self.settings.shows_apart(outlet, exporter);
        if !self.domains.is_active() || !self.settings.outlets.iter().all(is_apart) {
            return None;
        }
        let shown = self.domain_shown(index, 0, &message.header);
        let mut others = 1..self.settings.outlets.len();
        let agree = others.all(|outlet| self.domain_shown(index, outlet, &message.header) == shown);
        agree.then_some(shown)
    }

    pub(super) fn count_raw(&mut self, index: SessionIndex, reason: Raw, records_count: usize) {
        self.counters.sets_raw[reason.index()] += 1;
        if let Some(session) = self.store.session_mut(index) {
            let counters = &mut session.attached.counters;
            counters.raw_sets[reason.index()] += 1;
            counters.raw_records[reason.index()] += records_count as u64;
        }
    }

    /// Writes the Sets to the drafts, in order; a Data Set that stands before its Template follows
    /// the Template.
    fn build<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        index: SessionIndex,
        message: &mut Message<'_>,
        sets: &[Set],
    ) {
        let version = message.header.version;
        let mut deferred = core::mem::take(&mut self.deferred);
        deferred.clear();
        let mut searches = 0;
        for (position, set) in sets.iter().enumerate() {
            match set.kind(version) {
                SetKind::Data => {
                    let behind = sets.get(position..).unwrap_or_default();
                    let is_known = self.fits_own(index, message, set, run);
                    searches += usize::from(!is_known);
                    let may_defer = !is_known && searches <= SEARCHES_MAX;
                    if !may_defer || !defines(message, behind, set.id) {
                        self.data_set(run, index, message, set);
                    } else if self.is_of_doubted(index, message, behind, set) {
                        // Behind its redefinition no collector could read it any more.
                        self.copy_raw(index, message, set, Raw::UnknownTemplate, Where::Here);
                    } else {
                        deferred.push(position);
                    }
                }
                SetKind::Template | SetKind::OptionsTemplate => {
                    self.template_set(run, index, message, set);
                    let template_set = core::slice::from_ref(set);
                    deferred.retain(|waiting| {
                        let set = &sets[*waiting];
                        let is_known = defines(message, template_set, set.id)
                            && self.is_own(index, set.id, run);
                        if is_known {
                            self.data_set(run, index, message, set);
                        }
                        !is_known
                    });
                }
                SetKind::Reserved => self.raw_set(index, message, set, Raw::ReservedSetId),
            }
        }
        for position in &deferred {
            self.data_set(run, index, message, &sets[*position]);
        }
        self.deferred = deferred;
    }

    /// Learns the records of a Template Set, sends them on, and their clones behind them.
    fn template_set<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        index: SessionIndex,
        message: &Message<'_>,
        set: &Set,
    ) {
        let version = message.header.version;
        let kind = match set.kind(version) {
            SetKind::OptionsTemplate => TemplateKind::Options,
            _ => TemplateKind::Flow,
        };
        let content = message.octets.get(set.content()).unwrap_or_default();
        let records = TemplateRecords::new(version, kind, content);
        if records.clone().any(|record| record.is_err()) {
            self.counters.broken_templates += 1;
            self.distrust_templates(index, records, Announce::Now, run.now);
            return self.raw_set(index, message, set, Raw::BrokenTemplate);
        }
        let mut originals = alloc::vec::Vec::new();
        let mut withdrawals = 0;
        for record in records.clone() {
            match record {
                Ok(TemplateRecord::Definition(definition)) => {
                    self.vacate(index, definition.id(), Announce::Now);
                    if self.learn(index, &definition, run.now).is_some() {
                        originals.push(definition.id());
                    }
                }
                _ => withdrawals += 1,
            }
        }
        self.counters.withdrawals += withdrawals;
        self.forward_templates(message, set, records, withdrawals > 0);
        self.define_clones(index, &originals);
    }

    /// Writes the definitions of a Template Set to the draft: as they came, or without the
    /// withdrawals between them.
    fn forward_templates(
        &mut self,
        message: &Message<'_>,
        set: &Set,
        records: TemplateRecords<'_>,
        has_withdrawals: bool,
    ) {
        let version = message.header.version;
        for record in records {
            if let Ok(TemplateRecord::Definition(definition)) = record {
                self.main.content().extend_from_slice(definition.octets());
                self.main.record_ends();
            }
        }
        if self.main.is_blank() && has_withdrawals {
            self.counters.sets_dropped[Dropped::Withdrawal.index()] += 1;
            return;
        }
        self.count_definitions();
        let padding = if has_withdrawals {
            Padding::of_built(version, 4)
        } else {
            let content = message.octets.get(set.content()).unwrap_or_default();
            let written = self.main.open_octets();
            let padding = content.get(written..).unwrap_or_default();
            self.main.content().extend_from_slice(padding);
            Padding::of_kept(version, 4)
        };
        self.main.close_at_ends(set.id, Counts::Templates, padding);
    }

    /// Writes a Data Set to the draft: enriched, or as it came.
    fn data_set<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        index: SessionIndex,
        message: &mut Message<'_>,
        set: &Set,
    ) {
        let Some(session) = self.store.session(index) else {
            return;
        };
        let Some(template) = session
            .find(set.id, run.now)
            .and_then(|at| session.template_at(at))
        else {
            return self.unknown_set(index, message, set);
        };
        let plan = &template.prepared.plan;
        if plan.action == Action::Pass(Raw::ZeroLength) {
            return self.raw_set(index, message, set, Raw::ZeroLength);
        }
        if plan.action == Action::Clone && self.clone_set(run, index, message, set) {
            return;
        }
        match self.data_set_in_place(run, index, message, set) {
            None => self.raw_set(index, message, set, Raw::Misfit),
            Some((fit, _)) => {
                self.keep_set(run, index, message, set, fit);
                self.select_records(index, message, (set, fit), Form::Original, run.now);
            }
        }
    }

    /// Copies a Data Set as it is now to the draft.
    fn keep_set<O>(
        &mut self,
        run: &Run<'_, O>,
        index: SessionIndex,
        message: &Message<'_>,
        set: &Set,
        fit: Fit,
    ) {
        let Some(session) = self.store.session(index) else {
            return;
        };
        let Some(template) = session
            .find(set.id, run.now)
            .and_then(|at| session.template_at(at))
        else {
            return;
        };
        let content = message.octets.get(set.content()).unwrap_or_default();
        self.main.content().extend_from_slice(content);
        let layout = &template.prepared.plan.layout;
        let padding = Padding::of_kept(message.header.version, layout.octets_min());
        match layout {
            Layout::Fixed { octets, .. } => {
                let unit = Unit::Fixed(*octets);
                self.main
                    .close(set.id, unit, fit.records_count, Counts::Data, padding);
            }
            Layout::Variable { .. } => {
                let ends = self.scratch.walked.ends().iter().copied();
                self.main.records_end_at(ends);
                self.main.close_at_ends(set.id, Counts::Data, padding);
            }
        }
    }

    /// Writes the records of the clone to the draft. Returns false, with nothing done, where the
    /// Set does not fit or would outgrow every datagram.
    fn clone_set<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        index: SessionIndex,
        message: &Message<'_>,
        set: &Set,
    ) -> bool {
        let Some(session) = self.store.session_mut(index) else {
            return false;
        };
        let Some(at) = session.find(set.id, run.now) else {
            return false;
        };
        let treatment = session.attached.treatment(&self.settings);
        let example_wanted = session.attached.examples.are_wanted(run.now);
        let Some(template) = session.template_at_mut(at) else {
            return false;
        };
        let content = message.octets.get(set.content()).unwrap_or_default();
        let plan = &template.prepared.plan;
        let fit = plan.layout.fit(content, &mut self.scratch.walked);
        let (Some(fit), Some(clone_id)) = (fit, template.prepared.clone()) else {
            return false;
        };
        if outgrows_datagrams(plan, content.len(), &self.scratch.walked) {
            return false;
        }
        if fit.records_count > 0 {
            template.fitted(run.now);
        }
        let Some(template) = session.template_at(at) else {
            return false;
        };
        let plan = &template.prepared.plan;
        let job = Job {
            plan,
            fit,
            knowledge: run.knowledge,
            treatment,
            sampling: session.attached.sampling(plan, treatment),
            example_wanted,
            seen: seen_of(session.exporter, message, set.id),
        };
        let mut counted = RecordCounters::default();
        let to = self.main.content_and_ends();
        apply::clone_records(
            &job,
            content,
            &mut self.scratch,
            to,
            &mut counted,
            run.observer,
        );
        let version = message.header.version;
        close_clones(&mut self.main, plan, version, (clone_id, fit.records_count));
        session.productive |= fit.records_count > 0;
        let example = self.scratch.example.take();
        session.attached.note(&counted, example, run.now);
        session.attached.counters.records_cloned += counted.records;
        self.count_records(message.header.version, &counted);
        self.select_records(index, message, (set, fit), Form::Clone, run.now);
        true
    }
}

/// Makes a Set of the records of a clone.
fn close_clones(
    draft: &mut Draft,
    plan: &Plan,
    version: Version,
    (clone_id, records_count): (u16, usize),
) {
    let grown = plan.layout.octets_min() + growth_octets(plan);
    let padding = Padding::of_built(version, grown);
    if plan.layout.is_variable() {
        draft.close_at_ends(clone_id, Counts::Data, padding);
    } else {
        let unit = Unit::Fixed(grown);
        draft.close(clone_id, unit, records_count, Counts::Data, padding);
    }
}

/// Writes the shown domain where Options Data Records name the exporter's: their scope must go on
/// meaning the Messages that they came with [RFC 7119 §3].
fn rename_domain(
    (plan, fit, walked): (&Plan, Fit, &Walked),
    content: &mut [u8],
    domain: u32,
    shown: u32,
) {
    for mark in &plan.domain_marks {
        for nth in 0..fit.records_count {
            let at = plan.layout.mark(nth, *mark, walked);
            if u32_at(content, at) == Some(domain) {
                put_u32(content, at, shown);
            }
        }
    }
}

/// The longest record that fits a UDP datagram over IPv4 with a Message Header, a Set Header and
/// padding.
const RECORD_OCTETS_MAX: usize = MESSAGE_OCTETS_MAX - 28 - V9_HEADER_OCTETS - SET_HEADER_OCTETS - 3;

/// Whether a record of the Set would become longer than UDP can carry: then nothing is added.
fn outgrows_datagrams(plan: &Plan, content_octets: usize, walked: &Walked) -> bool {
    let growth_octets = growth_octets(plan);
    if content_octets + growth_octets <= RECORD_OCTETS_MAX {
        return false;
    }
    let octets = match &plan.layout {
        Layout::Fixed { octets, .. } => *octets,
        Layout::Variable { .. } => walked.longest_octets(),
    };
    octets + growth_octets > RECORD_OCTETS_MAX
}

fn seen_of(exporter: core::net::SocketAddr, message: &Message<'_>, template_id: u16) -> RecordSeen {
    RecordSeen {
        exporter,
        version: message.header.version,
        domain: message.header.domain,
        template_id,
        source: SideSeen::default(),
        destination: SideSeen::default(),
    }
}
