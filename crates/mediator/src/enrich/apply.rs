//! Runs a plan over the Data Records of one Set.
//!
//! Up to [`LOOKUP_RECORDS`] records are gone through together: first their addresses are gathered,
//! then all are looked up at once, so that the table's cache misses overlap, then the numbers are
//! written, into the received octets or into the clone's records.
//!
//! Not here: whether the Set fits (`walk`), which value wins (`decide`), the usual records
//! (`columns`).
//! Bound: one Set of at most 65,535 octets; the scratch memory is used again.

use core::net::{IpAddr, Ipv6Addr};
use core::ops::Range;

use alloc::vec::Vec;
use asdb::{AnswerId, Asn, FlowRule, Policy, Provider, Ranked};

use super::address::{self, RecordAt};
use super::columns::Columns;
use super::count::{count_side, disagreeing, finish_set};
use super::decide::{FlowValue, Verdict, decide};
use super::disagree::Disagreement;
use super::plan::{AddressForm, NumberMark, Plan, Side};
use super::sampling::Sampling;
use super::walk::{Fit, Walked};
use crate::counters::RecordCounters;
use crate::limits::LOOKUP_RECORDS;
use crate::observe::{Observer, RecordSeen, SideSeen, Volume};
use crate::settings::{Enrich, Knowledge, Treatment};
use crate::wire::octets::{put_u32, put_uint, u32_at, uint_at};

/// AS_TRANS: stands for a number that does not fit [RFC 6793 §9].
pub const AS_TRANS: u32 = 23_456;

/// Working memory of one Mediator.
#[derive(Debug)]
pub struct Scratch {
    /// The walk over the Set that is worked on.
    pub walked: Walked,
    /// An example of a disagreement from the Set that was worked on last.
    pub example: Option<Disagreement>,
    pub(super) batches: Batches,
    known: [[Ranked; LOOKUP_RECORDS]; 2],
    chosen: [[Option<IpAddr>; LOOKUP_RECORDS]; 2],
    /// The AS numbers that leave, 0 where nobody knows, and how much traffic has them.
    pub(super) leaving: [[u32; LOOKUP_RECORDS]; 2],
    pub(super) volumes: [Volume; LOOKUP_RECORDS],
}

/// Addresses of both families.
#[derive(Debug)]
pub(super) struct Batches {
    pub(super) ipv4: Batch<u32>,
    pub(super) ipv6: Batch<u128>,
}

/// Addresses that are looked up together, and whose they are.
#[derive(Debug)]
pub(super) struct Batch<T> {
    pub(super) addresses: [T; 2 * LOOKUP_RECORDS],
    pub(super) answers: [AnswerId; 2 * LOOKUP_RECORDS],
    of: [(u8, u8); 2 * LOOKUP_RECORDS],
    used: usize,
}

impl<T: Copy + Default> Batch<T> {
    fn new() -> Self {
        Self {
            addresses: [T::default(); 2 * LOOKUP_RECORDS],
            of: [(0, 0); 2 * LOOKUP_RECORDS],
            answers: [AnswerId(0); 2 * LOOKUP_RECORDS],
            used: 0,
        }
    }

    #[inline]
    fn push(&mut self, address: T, side: usize, nth: usize) {
        self.addresses[self.used] = address;
        self.of[self.used] = (side as u8, nth as u8);
        self.used += 1;
    }

    /// Reads what the policy has for each answer: all rows at once, so that these misses overlap
    /// too.
    #[inline]
    fn hand_out(&self, policy: &Policy, known: &mut [[Ranked; LOOKUP_RECORDS]; 2]) {
        for (of, answer) in self.of[..self.used].iter().zip(&self.answers) {
            known[usize::from(of.0)][usize::from(of.1)] = policy.ranked(*answer);
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            walked: Walked::default(),
            example: None,
            batches: Batches {
                ipv4: Batch::new(),
                ipv6: Batch::new(),
            },
            known: [[Ranked::NOTHING; LOOKUP_RECORDS]; 2],
            chosen: [[None; LOOKUP_RECORDS]; 2],
            leaving: [[0; LOOKUP_RECORDS]; 2],
            volumes: [Volume::default(); LOOKUP_RECORDS],
        }
    }
}

/// One Data Set to be enriched.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// What to do.
    pub plan: &'a Plan,
    /// How it divides into records; [`Scratch::walked`] belongs to it.
    pub fit: Fit,
    /// What is known.
    pub knowledge: &'a Knowledge<'a>,
    /// The operator's wishes for this exporter.
    pub treatment: &'a Treatment,
    /// What its records stand for.
    pub sampling: Sampling<'a>,
    /// Whether an example of a disagreement is worth a second look.
    pub example_wanted: bool,
    /// Session, domain and Template, for a watcher; its sides are filled in here.
    pub seen: RecordSeen,
}

impl Job<'_> {
    pub(super) fn policy(&self) -> Option<&Policy> {
        self.knowledge
            .policy(self.seen.exporter.ip(), self.treatment)
    }

    /// Where the usual case applies: the Template's records and the operator's wishes are both
    /// plain.
    fn columns(&self, policy: &Policy) -> Option<&Columns> {
        let is_plain = self.treatment.enrich == Enrich::On
            && policy.flow() != Some(FlowRule::ExceptDefaultRoute);
        self.plan.columns.as_ref().filter(|_| is_plain)
    }
}

/// Writes AS numbers into the fields that the records have. `counters` count this Set alone.
pub fn fill<O: Observer>(
    job: &Job<'_>,
    content: &mut [u8],
    scratch: &mut Scratch,
    counters: &mut RecordCounters,
    observer: &mut O,
) {
    let Some(policy) = job.policy() else { return };
    if !O::WATCHES
        && let Some(columns) = job.columns(policy)
    {
        columns.fill(job, content, scratch, counters, observer);
        return finish_set(job, policy, content, scratch, counters);
    }
    for first in (0..job.fit.records_count).step_by(LOOKUP_RECORDS) {
        let count = LOOKUP_RECORDS.min(job.fit.records_count - first);
        look_up::<O>(job, policy, content, first, count, scratch);
        for nth in 0..count {
            fill_record(
                job, policy, content, first, nth, scratch, counters, observer,
            );
        }
        tell_traffic(job, content, first..first + count, scratch, observer);
    }
    finish_set(job, policy, content, scratch, counters);
}

#[allow(
    clippy::too_many_arguments,
    reason = "the parts of one loop body, split by length only"
)]
#[inline]
fn fill_record<O: Observer>(
    job: &Job<'_>,
    policy: &Policy,
    content: &mut [u8],
    first: usize,
    nth: usize,
    scratch: &mut Scratch,
    counters: &mut RecordCounters,
    observer: &mut O,
) {
    let mut seen = job.seen;
    counters.records += 1;
    for (number, side) in job.plan.sides.iter().enumerate() {
        let flow = flow_value(job, policy, side, content, first + nth, &scratch.walked);
        let known = scratch.known[number][nth];
        let verdict = decide(policy, job.treatment, known, flow);
        let mut after = flow.asn;
        if side.is_written()
            && let Verdict::Write(asn, _) = verdict
            && job.treatment.enrich == Enrich::On
        {
            for field in &side.as_fields {
                let at = job
                    .plan
                    .layout
                    .mark(first + nth, field.mark, &scratch.walked);
                after = Some(write_field(content, at, field.width, asn, counters));
            }
        }
        count_side(counters, side, (number, flow), job.treatment, verdict);
        scratch.leaving[number][nth] = after.unwrap_or(0);
        if O::WATCHES {
            let before = if side.as_fields.is_empty() {
                None
            } else {
                flow.asn
            };
            let after = if side.as_fields.is_empty() {
                None
            } else {
                after
            };
            let chosen = scratch.chosen[number][nth];
            set_side(
                &mut seen,
                number,
                side_seen(chosen, (before, after), flow, verdict),
            );
        }
    }
    if O::WATCHES {
        observer.record(&seen);
    }
}

/// Writes a number into a field of its width; what does not fit becomes AS_TRANS.
fn write_field(
    content: &mut [u8],
    at: usize,
    width: usize,
    asn: Asn,
    counters: &mut RecordCounters,
) -> u32 {
    let bits = 8 * width as u32;
    let fits = bits >= 32 || asn.0 >> bits == 0;
    let trans_fits = bits >= 16;
    let value = match (fits, trans_fits) {
        (true, _) => asn.0,
        (false, true) => AS_TRANS,
        (false, false) => 0,
    };
    counters.as_trans += u64::from(!fits);
    put_uint(content, at, width, value);
    value
}

/// Appends the records of the clone to `to`, and where each ends to `ends` if their lengths
/// differ: the original's octets with wide AS fields, and what was missing at the end.
/// `counters` count this Set alone.
pub fn clone_records<O: Observer>(
    job: &Job<'_>,
    content: &[u8],
    scratch: &mut Scratch,
    (to, ends): (&mut Vec<u8>, &mut Vec<usize>),
    counters: &mut RecordCounters,
    observer: &mut O,
) {
    let Some(policy) = job.policy() else { return };
    if !O::WATCHES
        && let Some(columns) = job.columns(policy)
    {
        columns.append(job, content, scratch, to, counters, observer);
        return finish_set(job, policy, content, scratch, counters);
    }
    let is_variable = job.plan.layout.is_variable();
    for first in (0..job.fit.records_count).step_by(LOOKUP_RECORDS) {
        let count = LOOKUP_RECORDS.min(job.fit.records_count - first);
        look_up::<O>(job, policy, content, first, count, scratch);
        for nth in 0..count {
            let values = clone_values(
                job, policy, content, first, nth, scratch, counters, observer,
            );
            write_clone(job.plan, content, first + nth, &values, &scratch.walked, to);
            if is_variable {
                ends.push(to.len());
            }
        }
        tell_traffic(job, content, first..first + count, scratch, observer);
    }
    finish_set(job, policy, content, scratch, counters);
}

/// Tells the traffic of records `range` of `content`, whose AS numbers were just decided.
#[inline]
pub(super) fn tell_traffic<O: Observer>(
    job: &Job<'_>,
    content: &[u8],
    range: Range<usize>,
    scratch: &mut Scratch,
    observer: &mut O,
) {
    if !O::COUNTS {
        return;
    }
    let plan = job.plan;
    let count = range.len();
    for (nth, volume) in range.zip(&mut scratch.volumes) {
        let number = |mark: Option<NumberMark>| {
            let mark = mark?;
            let at = plan.layout.mark(nth, mark.mark, &scratch.walked);
            uint_at(content, at, mark.width)
        };
        let [ip_packets, octets] = plan.volume.map(|mark| number(mark).unwrap_or(0));
        *volume = Volume {
            flows: 1,
            ip_packets,
            octets,
        };
        if plan.sampler.is_some() {
            job.sampling.scale_by(number(plan.sampler), volume);
        }
    }
    if plan.sampler.is_none() {
        job.sampling.scale(&mut scratch.volumes[..count]);
    }
    let [sources, destinations] = &scratch.leaving;
    let leaving = [&sources[..count], &destinations[..count]];
    observer.traffic(leaving, &scratch.volumes[..count]);
}

/// What each side of a clone's record gets: a number to write, or `None` for "as it came".
type CloneValues = [Option<Asn>; 2];

#[allow(
    clippy::too_many_arguments,
    reason = "the parts of one loop body, split by length only"
)]
#[inline]
fn clone_values<O: Observer>(
    job: &Job<'_>,
    policy: &Policy,
    content: &[u8],
    first: usize,
    nth: usize,
    scratch: &mut Scratch,
    counters: &mut RecordCounters,
    observer: &mut O,
) -> CloneValues {
    let mut seen = job.seen;
    let mut values = [None; 2];
    counters.records += 1;
    for (number, side) in job.plan.sides.iter().enumerate() {
        let flow = flow_value(job, policy, side, content, first + nth, &scratch.walked);
        let known = scratch.known[number][nth];
        let verdict = decide(policy, job.treatment, known, flow);
        values[number] = match verdict {
            Verdict::Write(asn, _) => Some(asn),
            Verdict::Keep { .. } if side.append => flow.asn.map(Asn),
            Verdict::Keep { .. } | Verdict::Nobody => None,
        };
        count_side(counters, side, (number, flow), job.treatment, verdict);
        let leaves = values[number].map(|asn| asn.0).or(flow.asn);
        scratch.leaving[number][nth] = leaves.unwrap_or(0);
        if O::WATCHES {
            let before = if side.as_fields.is_empty() {
                None
            } else {
                flow.asn
            };
            let written = values[number].map(|asn| asn.0);
            let after = match (side.append, side.is_written()) {
                (true, _) => Some(written.unwrap_or(0)),
                (false, true) => written.or(before),
                (false, false) => before,
            };
            let chosen = scratch.chosen[number][nth];
            set_side(
                &mut seen,
                number,
                side_seen(chosen, (before, after), flow, verdict),
            );
        }
    }
    if O::WATCHES {
        observer.record(&seen);
    }
    values
}

fn write_clone(
    plan: &Plan,
    content: &[u8],
    nth: usize,
    values: &CloneValues,
    walked: &Walked,
    to: &mut Vec<u8>,
) {
    let (start, end) = plan.layout.record(nth, walked);
    let clone_start = to.len();
    let mut copied = start;
    let mut shift = 0;
    for field in &plan.widened {
        let at = plan.layout.mark(nth, field.mark, walked);
        to.extend_from_slice(&content[copied..at]);
        to.extend_from_slice(&[0; 4][field.width..]);
        copied = at;
        shift += 4 - field.width;
    }
    to.extend_from_slice(&content[copied..end]);
    debug_assert_eq!(to.len() - clone_start, end - start + shift);
    for (side, value) in plan.sides.iter().zip(values) {
        if side.append {
            to.extend_from_slice(&value.map_or(0, |asn| asn.0).to_be_bytes());
        } else if let Some(asn) = value
            && side.is_written()
        {
            let record = &mut to[clone_start..];
            for field in &side.as_fields {
                let at = plan.layout.mark(nth, field.mark, walked) - start;
                write_in_clone(plan, record, at, field, *asn);
            }
        }
    }
}

/// Writes into a field of the clone, which stands behind the fields that were widened before it.
fn write_in_clone(plan: &Plan, record: &mut [u8], at: usize, field: &NumberMark, asn: Asn) {
    let widened_before = plan.widened.iter().filter(|other| other.mark < field.mark);
    let shift: usize = widened_before.map(|other| 4 - other.width).sum();
    if field.width <= 4 {
        put_u32(record, at + shift, asn.0);
    } else {
        put_uint(record, at + shift, field.width, asn.0);
    }
}

/// Looks up the addresses of records `first` to `first + count`.
fn look_up<O: Observer>(
    job: &Job<'_>,
    policy: &Policy,
    content: &[u8],
    first: usize,
    count: usize,
    scratch: &mut Scratch,
) {
    scratch.batches.ipv4.used = 0;
    scratch.batches.ipv6.used = 0;
    for number in 0..2 {
        scratch.known[number] = [Ranked::NOTHING; LOOKUP_RECORDS];
        let side = &job.plan.sides[number];
        if let [only] = &*side.addresses
            && only.form == AddressForm::Ipv4
            && !O::WATCHES
            && side.post_nat.is_empty()
        {
            for nth in 0..count {
                let layout = &job.plan.layout;
                let at = layout.mark(first + nth, only.mark, &scratch.walked);
                let address = u32_at(content, at).unwrap_or_default();
                scratch.batches.ipv4.push(address, number, nth);
            }
            continue;
        }
        gather(job, number, content, first, count, scratch);
    }
    let as_db = job.knowledge.as_db;
    let Scratch {
        batches: Batches { ipv4, ipv6 },
        known,
        ..
    } = scratch;
    as_db.lookup_ipv4(&ipv4.addresses[..ipv4.used], &mut ipv4.answers[..ipv4.used]);
    as_db.lookup_ipv6(&ipv6.addresses[..ipv6.used], &mut ipv6.answers[..ipv6.used]);
    ipv4.hand_out(policy, known);
    ipv6.hand_out(policy, known);
}

fn gather(
    job: &Job<'_>,
    side: usize,
    content: &[u8],
    first: usize,
    count: usize,
    scratch: &mut Scratch,
) {
    for nth in 0..count {
        let record = RecordAt {
            content,
            nth: first + nth,
            walked: &scratch.walked,
        };
        let chosen = address::choose(job.plan, side, job.treatment.address, &record);
        scratch.chosen[side][nth] = chosen;
        match chosen.map(unmapped) {
            Some(IpAddr::V4(address)) => scratch.batches.ipv4.push(address.to_bits(), side, nth),
            Some(IpAddr::V6(address)) => scratch.batches.ipv6.push(address.to_bits(), side, nth),
            None => {}
        }
    }
}

fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => Ipv6Addr::to_ipv4_mapped(&v6).map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// What the record itself says: the last AS field, for that is the one collectors read; without
/// one the adjacent AS.
#[inline]
pub(super) fn flow_value(
    job: &Job<'_>,
    policy: &Policy,
    side: &Side,
    content: &[u8],
    nth: usize,
    walked: &Walked,
) -> FlowValue {
    let field = side.as_fields.last().or(side.adjacent.as_ref());
    FlowValue {
        asn: field.and_then(|mark| number(job, mark, content, nth, walked)),
        by_default_route: policy.flow() == Some(FlowRule::ExceptDefaultRoute)
            && is_by_default_route(job, side, content, nth, walked),
    }
}

/// Whether the record says that the exporter's lookup matched a prefix of length 0.
pub(super) fn is_by_default_route(
    job: &Job<'_>,
    side: &Side,
    content: &[u8],
    nth: usize,
    walked: &Walked,
) -> bool {
    let mut lengths = side.prefix_lengths.iter();
    !side.prefix_lengths.is_empty()
        && lengths.all(|mark| number(job, mark, content, nth, walked) == Some(0))
}

/// The number at a mark; `None` above 32 bits.
#[inline]
fn number(
    job: &Job<'_>,
    mark: &NumberMark,
    content: &[u8],
    nth: usize,
    walked: &Walked,
) -> Option<u32> {
    let at = job.plan.layout.mark(nth, mark.mark, walked);
    u32::try_from(uint_at(content, at, mark.width)?).ok()
}

fn side_seen(
    address: Option<IpAddr>,
    (before, after): (Option<u32>, Option<u32>),
    flow: FlowValue,
    verdict: Verdict,
) -> SideSeen {
    let (by, disagrees) = match verdict {
        Verdict::Nobody => (None, None),
        Verdict::Keep { table } => (Some(Provider::Flow), disagreeing(flow, table)),
        Verdict::Write(_, provider) => (after.map(|_| provider), None),
    };
    SideSeen {
        address,
        before,
        after,
        by,
        disagrees,
    }
}

const fn set_side(seen: &mut RecordSeen, number: usize, side: SideSeen) {
    if number == 0 {
        seen.source = side;
    } else {
        seen.destination = side;
    }
}
