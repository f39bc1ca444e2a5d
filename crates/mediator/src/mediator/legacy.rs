//! What has no Sets: NetFlow v5, unknown versions, and Messages that contradict themselves.
//!
//! A v5 record has 16-bit AS fields and no Template that could be changed: an AS number above
//! 65535 becomes AS_TRANS [RFC 6793]. Its Sequence Number counts flows; nothing is added and
//! nothing dropped, so it stays.
//!
//! Not here: v9 and IPFIX Messages whose lengths hold together (`build`).

use core::net::SocketAddr;

use super::select::Want;
use super::{Mediator, Message, Run, UNKNOWN_VERSION_INDEX, route};
use crate::collect::store::SessionIndex;
use crate::counters::{Dropped, OutletCounters};
use crate::enrich::apply::{self, Job};
use crate::enrich::shows::Worked;
use crate::enrich::walk::Fit;
use crate::export::sequence::Place;
use crate::observe::{Observer, RecordSeen, SideSeen};
use crate::settings::{Enrich, Misfit};
use crate::wire::header::{Header, Stamp};
use crate::wire::set::{Set, SetKind};
use crate::wire::template::{TemplateKind, TemplateRecord, TemplateRecords};
use crate::wire::{V5_HEADER_OCTETS, V5_RECORD_OCTETS};
use crate::{Millis, Version};

impl Mediator {
    /// A datagram of a version that we do not know: not an octet changes.
    pub(super) fn unknown_version<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        exporter: SocketAddr,
        octets: &[u8],
    ) {
        self.counters.messages_in += 1;
        self.counters.messages_by_version[UNKNOWN_VERSION_INDEX] += 1;
        self.counters.octets_by_version[UNKNOWN_VERSION_INDEX] += octets.len() as u64;
        match self.settings.unknown_versions {
            Misfit::Pass => self.pass_unchanged(run, exporter, None, 0..octets.len()),
            Misfit::Drop => self.drop_message(Dropped::UnknownVersion),
        }
    }

    /// A datagram of NetFlow v5: the AS fields are filled where they are.
    pub(super) fn v5<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        exporter: SocketAddr,
        octets: &mut [u8],
    ) {
        self.counters.messages_in += 1;
        self.counters.messages_by_version[0] += 1;
        self.counters.octets_by_version[0] += octets.len() as u64;
        let Some(header) = Header::read(Version::V5, octets) else {
            return self.malformed(run, exporter, octets, 0);
        };
        let records_count = usize::from(header.count_or_length);
        let end = V5_HEADER_OCTETS + records_count * V5_RECORD_OCTETS;
        if end > octets.len() {
            return self.malformed(run, exporter, octets, 0);
        }
        let Some(index) = self.session_of(exporter, &header, run.now) else {
            let domain = Some(header.domain);
            return self.pass_unchanged(run, exporter, domain, 0..octets.len());
        };
        self.note_arrival(index, &header, run.now);
        let (header_octets, records) = octets[..end].split_at_mut(V5_HEADER_OCTETS);
        self.enrich_v5(run, index, (&header, header_octets), records);
        let Some(session) = self.store.session(index) else {
            return;
        };
        let mut is_wanted = session.attached.wants.is_copied;
        self.selecting.begin(&session.attached.wants);
        for outlet in 0..self.settings.outlets.len() {
            is_wanted |= match self.selecting.want(outlet) {
                Want::Everything => {
                    if outlet == 0 {
                        self.note_v5_number(index, &place_of_v5(&header, run.now));
                    }
                    self.send_v5(run, index, outlet, &header, octets);
                    true
                }
                want => self.send_v5_matching(run, index, (outlet, want), &header, octets),
            };
        }
        self.count_message(is_wanted);
    }

    /// Notes the number of a Message that keeps it.
    fn note_v5_number(&mut self, index: SessionIndex, place: &Place) {
        let Some(session) = self.store.session_mut(index) else {
            return;
        };
        let Some(numbers) = session.attached.numbers.first_mut() else {
            return;
        };
        let missing = numbers.missing_before(place);
        let (_, placed) = numbers.message(place);
        session.attached.note_place(placed, missing, place.units);
    }

    /// Sends the records that an outlet wants, with numbers of its own. Returns whether any left.
    fn send_v5_matching<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        index: SessionIndex,
        (outlet, want): (usize, Want),
        header: &Header,
        octets: &[u8],
    ) -> bool {
        let records_count = usize::from(header.count_or_length);
        let end = V5_HEADER_OCTETS + records_count * V5_RECORD_OCTETS;
        let content = octets.get(V5_HEADER_OCTETS..end).unwrap_or_default();
        let kept = self.select_v5((outlet, want), content);
        let left_out = u32::from(header.count_or_length).saturating_sub(kept);
        let counted = OutletCounters {
            messages_left_out: u64::from(kept == 0),
            records_left_out: left_out.into(),
            sets_left_out: 0,
        };
        self.count_left_out(outlet, &counted);
        let domain = self.domain_shown(index, outlet, header);
        let Some(session) = self.store.session_mut(index) else {
            return false;
        };
        let exporter = session.exporter;
        let Some(numbers) = session.attached.numbers.get_mut(outlet) else {
            return false;
        };
        let place = place_of_v5(header, run.now);
        let missing = numbers.missing_before(&place);
        let (mut number, placed) = numbers.message(&place);
        numbers.leave_out(left_out, placed);
        if outlet == 0 {
            session.attached.note_place(placed, missing, place.units);
        }
        let octets_max = self.octets_max(outlet, exporter);
        let records_max = octets_max.saturating_sub(V5_HEADER_OCTETS) / V5_RECORD_OCTETS;
        let records = core::mem::take(&mut self.selecting.records);
        for part in records.chunks(records_max.max(1) * V5_RECORD_OCTETS) {
            let count = u16::try_from(part.len() / V5_RECORD_OCTETS).unwrap_or(u16::MAX);
            let stamp = Stamp {
                count_or_length: count,
                sequence: number,
                domain,
            };
            let written = header.written(octets, stamp);
            self.count_sent(part.len() + V5_HEADER_OCTETS, false);
            run.egress
                .send_copy(route(outlet, exporter), written.as_ref(), part);
            number = number.wrapping_add(count.into());
        }
        self.selecting.records = records;
        kept > 0
    }

    /// Gathers the records that an outlet wants; returns how many there are.
    fn select_v5(&mut self, (outlet, want): (usize, Want), content: &[u8]) -> u32 {
        let records = &mut self.selecting.records;
        records.clear();
        let outlet = self.settings.outlets.get(outlet);
        let Some(outlet) = outlet.filter(|_| want == Want::Matching) else {
            return 0;
        };
        let worked = Worked {
            plan: &self.v5_plan,
            walked: &self.scratch.walked,
            content,
            clones: None,
        };
        let mut kept = 0;
        for (nth, record) in content.chunks_exact(V5_RECORD_OCTETS).enumerate() {
            if worked.shows(nth, &outlet.filter.records) {
                records.extend_from_slice(record);
                kept += 1;
            }
        }
        kept
    }

    fn enrich_v5<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        index: SessionIndex,
        (header, header_octets): (&Header, &[u8]),
        records: &mut [u8],
    ) {
        let Some(session) = self.store.session_mut(index) else {
            return;
        };
        let treatment = session.attached.treatment(&self.settings);
        session.attached.samplers.note(None, v5_rate(header_octets));
        let example_wanted = session.attached.examples.are_wanted(run.now);
        session.attached.counters.messages_out += 1;
        session.attached.counters.templates_by_as_width[1] |= 1;
        if treatment.enrich == Enrich::Off {
            return;
        }
        let records_count = records.len() / V5_RECORD_OCTETS;
        session.productive |= records_count > 0;
        let job = Job {
            plan: &self.v5_plan,
            fit: Fit {
                records_count,
                records_octets: records.len(),
            },
            knowledge: run.knowledge,
            treatment,
            sampling: session.attached.sampling(&self.v5_plan, treatment),
            example_wanted,
            seen: RecordSeen {
                exporter: session.exporter,
                version: Version::V5,
                domain: header.domain,
                template_id: 0,
                source: SideSeen::default(),
                destination: SideSeen::default(),
            },
        };
        let mut counted = crate::counters::RecordCounters::default();
        apply::fill(&job, records, &mut self.scratch, &mut counted, run.observer);
        let example = self.scratch.example.take();
        session.attached.note(&counted, example, run.now);
        self.count_records(Version::V5, &counted);
    }

    /// Sends the datagram; one above the size limit is divided between records, and what stood
    /// behind them goes.
    fn send_v5<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        index: SessionIndex,
        outlet: usize,
        header: &Header,
        octets: &[u8],
    ) {
        let Some(exporter) = self.store.session(index).map(|session| session.exporter) else {
            return;
        };
        let domain = self.domain_shown(index, outlet, header);
        let octets_max = self.octets_max(outlet, exporter);
        let records_max = octets_max.saturating_sub(V5_HEADER_OCTETS) / V5_RECORD_OCTETS;
        let records_count = usize::from(header.count_or_length);
        let to = route(outlet, exporter);
        if octets.len() <= octets_max || records_count <= 1 || records_max == 0 {
            let stamp = Stamp {
                count_or_length: header.count_or_length,
                sequence: header.sequence,
                domain,
            };
            let header_octets = header.written(octets, stamp);
            self.count_sent(octets.len(), octets.len() > octets_max);
            let range = V5_HEADER_OCTETS..octets.len();
            run.egress.send_received(to, header_octets.as_ref(), range);
            return;
        }
        let parts = records_count.div_ceil(records_max);
        let per_part = records_count.div_ceil(parts);
        for first in (0..records_count).step_by(per_part) {
            let count = per_part.min(records_count - first);
            let number = u32::try_from(first).unwrap_or(0);
            let stamp = Stamp {
                count_or_length: u16::try_from(count).unwrap_or(u16::MAX),
                sequence: header.sequence.wrapping_add(number),
                domain,
            };
            let header_octets = header.written(octets, stamp);
            let start = V5_HEADER_OCTETS + first * V5_RECORD_OCTETS;
            let range = start..start + count * V5_RECORD_OCTETS;
            self.count_sent(range.len() + V5_HEADER_OCTETS, false);
            self.counters.splits += u64::from(first > 0);
            run.egress.send_received(to, header_octets.as_ref(), range);
        }
    }

    /// A Message that belongs to no session that we know, and contradicts itself.
    pub(super) fn malformed<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        exporter: SocketAddr,
        octets: &[u8],
        base: usize,
    ) {
        self.counters.malformed += 1;
        run.taken.malformed_count += 1;
        if self.passes_malformed() {
            self.pass_unchanged(run, exporter, None, base..base + octets.len());
        } else {
            self.drop_message(Dropped::Malformed);
        }
    }

    /// A Message with a header whose Sets contradict it. `sets` are those before the fault.
    pub(super) fn malformed_message<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        exporter: SocketAddr,
        message: Message<'_>,
        sets: &[Set],
    ) {
        let header = message.header;
        let Some(index) = self.session_of(exporter, &header, run.now) else {
            return self.malformed(run, exporter, message.octets, message.base.unwrap_or(0));
        };
        run.taken.malformed_count += 1;
        self.note_arrival(index, &header, run.now);
        if self.is_waiting(index) && self.store.may_hold(index, message.octets.len()) {
            self.begin_to_wait(index, &message, run.now);
            return;
        }
        if self.is_waiting(index) {
            self.release_all(run, index);
        }
        self.forward_malformed(run, index, &message, sets);
    }

    /// Sends a malformed Message with nothing changed but its Sequence Number, or drops it.
    pub(super) fn forward_malformed<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        index: SessionIndex,
        message: &Message<'_>,
        sets: &[Set],
    ) {
        self.counters.malformed += 1;
        let header = message.header;
        let place = Place {
            sequence: header.sequence,
            units: u32::from(header.version == Version::V9),
            units_known: header.version == Version::V9,
            export_time_s: header.export_time_s,
            arrived: run.now,
            clock_restarted: false,
        };
        if !self.passes_malformed() {
            self.drop_message(Dropped::Malformed);
            return self.skip_numbers(index, &place);
        }
        self.distrust(index, message, sets, run.now);
        let Some(session) = self.store.session_mut(index) else {
            return;
        };
        let exporter = session.exporter;
        session.attached.counters.messages_out += 1;
        self.selecting.begin(&session.attached.wants);
        let is_wanted = self.selecting.has_everything();
        self.count_message(is_wanted);
        for outlet in 0..self.settings.outlets.len() {
            let want = self.selecting.want(outlet);
            if want != Want::Everything {
                self.leave_out_unread(outlet, want);
                self.skip_number(index, outlet, &place);
                continue;
            }
            let domain = self.domain_shown(index, outlet, &header);
            let numbers = self
                .store
                .session_mut(index)
                .and_then(|session| session.attached.numbers.get_mut(outlet));
            let Some(numbers) = numbers else { continue };
            let (number, _) = numbers.message(&place);
            let stamp = Stamp {
                count_or_length: header.count_or_length,
                sequence: number,
                domain,
            };
            let written = header.written(message.came(), stamp);
            let octets = message.octets.len();
            self.count_sent(octets, octets > self.octets_max(outlet, exporter));
            let start = header.version.header_octets();
            let to = route(outlet, exporter);
            match message.base {
                Some(base) => {
                    run.egress
                        .send_received(to, written.as_ref(), base + start..base + octets)
                }
                None => {
                    run.egress
                        .send_copy(to, written.as_ref(), &message.octets[start..]);
                }
            }
        }
    }

    /// A collector may have learnt something from a Message that we could not follow: what it
    /// redefines is doubted, and clones leave the IDs that it uses.
    fn distrust(&mut self, index: SessionIndex, message: &Message<'_>, sets: &[Set], now: Millis) {
        let version = message.header.version;
        for set in sets {
            let Some(content) = message.octets.get(set.content()) else {
                continue;
            };
            let kind = match set.kind(version) {
                SetKind::Template => TemplateKind::Flow,
                SetKind::OptionsTemplate => TemplateKind::Options,
                SetKind::Data => {
                    self.vacate(index, set.id, Announce::BeforeNext);
                    continue;
                }
                SetKind::Reserved => continue,
            };
            let records = TemplateRecords::new(version, kind, content);
            self.distrust_templates(index, records, Announce::BeforeNext, now);
        }
    }

    /// Doubts the Templates that records may have redefined, and moves clones off their IDs.
    pub(super) fn distrust_templates(
        &mut self,
        index: SessionIndex,
        records: TemplateRecords<'_>,
        announce: Announce,
        now: Millis,
    ) {
        for record in records {
            let id = match record {
                Ok(TemplateRecord::Definition(definition)) => {
                    let stored = self
                        .store
                        .session(index)
                        .and_then(|s| s.stored(definition.id()));
                    if stored.is_some_and(|template| template.is(&definition)) {
                        continue;
                    }
                    definition.id()
                }
                Ok(TemplateRecord::Withdrawal { .. }) => continue,
                Err(fault) => match fault.id {
                    Some(id) => id,
                    None => continue,
                },
            };
            if let Some(session) = self.store.session_mut(index) {
                session.doubt(id, now);
            }
            self.vacate(index, id, announce);
        }
    }

    fn skip_number(&mut self, index: SessionIndex, outlet: usize, place: &Place) {
        let session = self.store.session_mut(index);
        if let Some(numbers) = session.and_then(|session| session.attached.numbers.get_mut(outlet))
        {
            numbers.skip(place);
        }
    }

    /// Notes a Message that does not leave.
    pub(super) fn skip_numbers(&mut self, index: SessionIndex, place: &Place) {
        if let Some(session) = self.store.session_mut(index) {
            for numbers in &mut session.attached.numbers {
                numbers.skip(place);
            }
        }
    }
}

fn place_of_v5(header: &Header, now: Millis) -> Place {
    Place {
        sequence: header.sequence,
        units: header.count_or_length.into(),
        units_known: true,
        export_time_s: header.export_time_s,
        arrived: now,
        clock_restarted: false,
    }
}

/// When a clone that had to move is announced under its new ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announce {
    /// In the Message that is being built.
    Now,
    /// Before the next Message.
    BeforeNext,
}

/// The sampling rate of a v5 header: the lower 14 of its last 16 bits; 0 where it says nothing.
fn v5_rate(header: &[u8]) -> u32 {
    let rate = header.last_chunk().copied().map(u16::from_be_bytes);
    u32::from(rate.unwrap_or(0) & 0x3FFF)
}
