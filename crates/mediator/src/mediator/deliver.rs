//! Outgoing Messages of one received Message, for each outlet: announcements that are due, what
//! its Sets became, and behind them what nobody could read.
//!
//! Not here: what the Sets became (`build`), which number is whose (`export::sequence`).

use super::learn::Due;
use super::select::Want;
use super::session::Session;
use super::{Mediator, Message, Run, route};
use crate::collect::store::SessionIndex;
use crate::counters::{Dropped, OutletCounters};
use crate::export::draft::{Counts, Draft, Piece};
use crate::export::emit::{self, Envelope, Sent};
use crate::export::sequence::{Numbers, Place, Placed};
use crate::observe::Observer;
use crate::wire::DATA_SET_ID_MIN;
use crate::wire::header::{Header, Stamp};
use crate::wire::set::Extent;
use crate::{Millis, Version};

/// Where the Sets of the Message are now.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// Where they came, with so many Data Records.
    InPlace(usize),
    /// In the drafts.
    Built,
}

/// The drafts of one Message, taken out of the Mediator while they are sent.
struct Drafts {
    announcement: Draft,
    main: Draft,
    raw: Draft,
}

impl Drafts {
    /// Whether every Data Record in them is counted.
    fn are_counted(&self) -> bool {
        let is_counted =
            |piece: &Piece| piece.set_id < DATA_SET_ID_MIN || piece.counts == Counts::Data;
        self.raw.is_empty() && self.main.pieces().iter().all(is_counted)
    }

    /// Whether what nobody could read leaves in a Message behind the other Sets.
    fn have_both(&self) -> bool {
        !self.raw.is_empty() && !self.main.is_empty()
    }
}

impl Mediator {
    /// Which Templates are due before the next Message of a session.
    pub(super) fn announcement_due(&mut self, index: SessionIndex, now: Millis) -> Option<Due> {
        let attached = &mut self.store.session_mut(index)?.attached;
        attached.messages_since = attached.messages_since.saturating_add(1);
        let is_time = now.since(attached.announced_at) >= self.settings.template_refresh_ms;
        let is_count = attached.messages_since > self.settings.template_refresh_messages;
        if attached.all_pending || is_time || is_count {
            return Some(Due::All);
        }
        attached.copies_pending.then_some(Due::Pending)
    }

    /// Sends everything to every outlet.
    pub(super) fn deliver<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        index: SessionIndex,
        message: &Message<'_>,
        extent: &Extent,
        outcome: Outcome,
    ) {
        let mut drafts = Drafts {
            announcement: core::mem::take(&mut self.announcement),
            main: core::mem::take(&mut self.main),
            raw: core::mem::take(&mut self.raw),
        };
        let leaves_nothing =
            matches!(outcome, Outcome::Built) && drafts.main.is_empty() && drafts.raw.is_empty();
        let records = records_in(&drafts.main, outcome);
        let stated = usize::from(message.header.count_or_length);
        drafts.raw.count_unknown(stated, records.all);
        let place = self.place(index, message, records.data, drafts.are_counted());
        if leaves_nothing {
            self.drop_message(Dropped::Empty);
            self.skip_numbers(index, &place);
            self.put_off_announcement(index, !drafts.announcement.is_empty());
        } else {
            let mut is_wanted = self.is_copied(index);
            for outlet in 0..self.settings.outlets.len() {
                let job = Job {
                    message,
                    extent,
                    outcome,
                    drafts: &drafts,
                    records,
                    place,
                };
                is_wanted |= self.deliver_to(run, index, outlet, &job);
            }
            self.count_message(is_wanted);
        }
        if let Some(session) = self.store.session_mut(index) {
            session.attached.doubted = false;
        }
        self.announcement = drafts.announcement;
        self.main = drafts.main;
        self.raw = drafts.raw;
    }

    /// A Message that does not leave takes no announcement along: it leaves before the next.
    fn put_off_announcement(&mut self, index: SessionIndex, was_due: bool) {
        if let Some(session) = self.store.session_mut(index) {
            session.attached.all_pending |= was_due;
        }
    }

    fn place(
        &self,
        index: SessionIndex,
        message: &Message<'_>,
        data_records: usize,
        units_known: bool,
    ) -> Place {
        let header = &message.header;
        let units = match header.version {
            Version::Ipfix => u32::try_from(data_records).unwrap_or(u32::MAX),
            Version::V5 | Version::V9 => 1,
        };
        let doubted = self
            .store
            .session(index)
            .is_some_and(|session| session.attached.doubted);
        Place {
            sequence: header.sequence,
            units,
            units_known,
            export_time_s: header.export_time_s,
            arrived: message.arrived,
            clock_restarted: doubted,
        }
    }

    fn is_copied(&self, index: SessionIndex) -> bool {
        let session = self.store.session(index);
        session.is_some_and(|session| session.attached.wants.is_copied)
    }

    /// Makes the draft of what an outlet wants, if that is not all; returns what is left out.
    fn select(&mut self, outlet: usize, want: Want, job: &Job<'_>) -> OutletCounters {
        match want {
            Want::Everything => OutletCounters::default(),
            Want::Matching | Want::Definitions => {
                let mut left_out = self.selecting.select(outlet, &job.drafts.main);
                left_out.sets_left_out += job.drafts.raw.pieces().len() as u64;
                left_out
            }
            Want::Nothing => {
                self.selecting.draft.clear();
                OutletCounters {
                    records_left_out: job.records.data as u64,
                    ..OutletCounters::default()
                }
            }
        }
    }

    /// Sends what one outlet wants; returns whether it got anything of the Message itself.
    fn deliver_to<O: Observer>(
        &mut self,
        run: &mut Run<'_, O>,
        index: SessionIndex,
        outlet: usize,
        job: &Job<'_>,
    ) -> bool {
        let Some(exporter) = self.store.session(index).map(|session| session.exporter) else {
            return false;
        };
        let message = job.message;
        let octets_max = self.octets_max(outlet, exporter);
        let envelope = Envelope {
            header: &message.header,
            came: message.came(),
            route: route(outlet, exporter),
            domain: self.domain_shown(index, outlet, &message.header),
            octets_max,
        };
        let want = self.selecting.want(outlet);
        let mut left_out = self.select(outlet, want, job);
        let Some(session) = self.store.session_mut(index) else {
            return false;
        };
        let Some(numbers) = session.attached.numbers.get_mut(outlet) else {
            return false;
        };
        let mut total = Sent::default();
        let announcement = match want {
            // There is nothing in it, where nothing is wanted.
            Want::Nothing => &self.selecting.draft,
            _ => &job.drafts.announcement,
        };
        let place = &job.place;
        let missing = numbers.missing_before(place);
        let (first, placed) = announce(announcement, &envelope, place, numbers, run, &mut total);
        self.counters.announcements += u64::from(total.messages);
        let before = total.messages;
        match (want, job.outcome) {
            (Want::Everything, Outcome::InPlace(_)) => {
                add(&mut total, in_place(job, first, &envelope, run));
            }
            (Want::Everything, Outcome::Built) => {
                send_drafts(job.drafts, &envelope, first, numbers, run, &mut total);
            }
            (_, _) => {
                // Empty where nothing is wanted.
                let draft = &self.selecting.draft;
                let sent = emit::send(draft, &envelope, first, numbers, run.egress);
                leave_out_numbers(numbers, place, placed, &sent);
                add(&mut total, sent);
            }
        }
        if outlet == 0 {
            session
                .attached
                .note_place(placed, missing, job.place.units);
            session.attached.counters.messages_out += u64::from(total.messages);
            self.counters.restarts += u64::from(placed == Placed::Restarted);
        }
        let parts = total.messages - before;
        left_out.messages_left_out = u64::from(parts == 0);
        self.count_left_out(outlet, &left_out);
        let raw_own = u32::from(want == Want::Everything && job.drafts.have_both());
        self.counters.splits += u64::from(parts.saturating_sub(1 + raw_own));
        self.counters.messages_out += u64::from(total.messages);
        self.counters.octets_out += total.octets;
        self.counters.oversize += u64::from(total.oversize);
        parts > 0
    }
}

/// What is to be sent of one Message, whoever gets it.
struct Job<'a> {
    message: &'a Message<'a>,
    extent: &'a Extent,
    outcome: Outcome,
    drafts: &'a Drafts,
    records: Records,
    place: Place,
}

/// Has the numbers of what was not sent leave no gap.
fn leave_out_numbers(numbers: &mut Numbers, place: &Place, placed: Placed, sent: &Sent) {
    let used = if numbers.counts_messages() {
        u32::from(sent.messages > 0)
    } else {
        sent.data_records
    };
    numbers.leave_out(place.units.saturating_sub(used), placed);
}

/// Sends the announcement, if there is one, and returns the number of the Message behind it.
///
/// A v9 announcement takes a number of its own before the Message's; an IPFIX one has the
/// Message's number, for it holds no Data Record.
fn announce<O>(
    announcement: &Draft,
    envelope: &Envelope<'_>,
    place: &Place,
    numbers: &mut Numbers,
    run: &mut Run<'_, O>,
    total: &mut Sent,
) -> (u32, Placed) {
    if announcement.is_empty() {
        return numbers.message(place);
    }
    if envelope.header.version == Version::Ipfix {
        let (first, placed) = numbers.message(place);
        add(
            total,
            emit::send(announcement, envelope, first, numbers, run.egress),
        );
        return (first, placed);
    }
    if !numbers.has_started() {
        // The first number of a session is the exporter's own: what we say before it is below it.
        numbers.begin_before(place);
    }
    let own = numbers.extra();
    add(
        total,
        emit::send(announcement, envelope, own, numbers, run.egress),
    );
    numbers.message(place)
}

fn send_drafts<O>(
    drafts: &Drafts,
    envelope: &Envelope<'_>,
    first: u32,
    numbers: &mut Numbers,
    run: &mut Run<'_, O>,
    total: &mut Sent,
) {
    let main = emit::send(&drafts.main, envelope, first, numbers, run.egress);
    add(total, main);
    if drafts.raw.is_empty() {
        return;
    }
    let number = match envelope.header.version {
        Version::Ipfix => first.wrapping_add(main.data_records),
        _ if main.messages == 0 => first,
        _ => numbers.extra(),
    };
    add(
        total,
        emit::send(&drafts.raw, envelope, number, numbers, run.egress),
    );
}

/// Sends the received octets behind a new header.
fn in_place<O>(job: &Job<'_>, number: u32, envelope: &Envelope<'_>, run: &mut Run<'_, O>) -> Sent {
    let message = job.message;
    let end = super::whole(job.extent);
    let start = message.header.version.header_octets();
    let count_or_length = match message.header.version {
        Version::Ipfix => end,
        _ => job.records.all,
    };
    let count_or_length = u16::try_from(count_or_length).unwrap_or(u16::MAX);
    let stamp = Stamp {
        count_or_length,
        sequence: number,
        domain: envelope.domain,
    };
    let header = message.header.written(envelope.came, stamp);
    match message.base {
        Some(base) => {
            run.egress
                .send_received(envelope.route, header.as_ref(), base + start..base + end);
        }
        None => {
            let body = message.octets.get(start..end).unwrap_or_default();
            run.egress.send_copy(envelope.route, header.as_ref(), body);
        }
    }
    Sent {
        messages: 1,
        octets: end as u64,
        oversize: u32::from(end > envelope.octets_max),
        data_records: 0,
    }
}

fn add(total: &mut Sent, more: Sent) {
    total.messages += more.messages;
    total.octets += more.octets;
    total.oversize += more.oversize;
    total.data_records += more.data_records;
}

#[derive(Clone, Copy, Debug)]
struct Records {
    all: usize,
    data: usize,
}

/// The records that the Message has, as far as they can be counted: all, and Data Records.
fn records_in(main: &Draft, outcome: Outcome) -> Records {
    if let Outcome::InPlace(records) = outcome {
        return Records {
            all: records,
            data: records,
        };
    }
    let count = |counted: fn(Counts) -> bool| {
        let counted = main.pieces().iter().filter(|piece| counted(piece.counts));
        counted.map(|piece| piece.records_count).sum()
    };
    Records {
        all: count(|counts| counts != Counts::Added),
        data: count(|counts| counts == Counts::Data),
    }
}

/// Doubts the Templates of an exporter that restarted, and no longer if it turns out that it did
/// not. A Message that waited is judged when it leaves: what came behind it was learnt ahead, and
/// is not older than it.
pub(super) fn note_restart(
    session: &mut Session,
    header: &Header,
    rebooted: bool,
    arrived: Millis,
) {
    if session.attached.doubted {
        return;
    }
    let Some(numbers) = session.attached.numbers.first() else {
        return;
    };
    if numbers.shows_two_counts(header.sequence, arrived) {
        session.believe_again();
    } else if let Some(since) = numbers.shows_restart(header, rebooted, arrived) {
        session.doubt_before(since);
        session.attached.doubted = true;
    }
}
