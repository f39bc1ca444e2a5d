//! The usual case of `apply`, a column at a time: what most routers send most of the time.
//!
//! Records of one length with one address for each side, and for each side one AS field of four
//! octets or, for both, none. Nothing has to be asked per record then but the table: the addresses
//! of all records are gathered, looked up together, and the numbers written one side after the
//! other. The general way (`apply`) gives the same octets and counters; a test compares them.
//!
//! Not here: every other layout, watchers, dry runs (`apply`); which value wins (`decide`).
//! Bound: [`LOOKUP_RECORDS`] records at a time.

use alloc::vec::Vec;

use asdb::{AnswerId, AsDb, Asn, Policy, Ranked};

use super::apply::{Batches, Job, Scratch, tell_traffic};
use super::count::count_side;
use super::decide::{FlowValue, Verdict, decide};
use super::plan::{Action, AddressForm, Plan, Side};
use super::walk::Layout;
use crate::counters::{RecordCounters, SideCounters};
use crate::limits::LOOKUP_RECORDS;
use crate::observe::Observer;
use crate::wire::octets::{u32_at, u128_at};

/// Where the addresses and AS fields of every record are.
#[derive(Debug)]
pub struct Columns {
    /// Octets of a record; not 0.
    octets: usize,
    /// The form of both addresses: 4 or 16 octets.
    form: AddressForm,
    /// Offsets of the source and destination address.
    addresses_at: [usize; 2],
    /// Offsets of the AS fields; `None` where both are appended.
    as_fields_at: Option<[usize; 2]>,
}

/// One side of some records, to be filled.
struct FillSide<'a> {
    number: usize,
    /// The offset of the AS field.
    at: usize,
    /// What the table says of the addresses.
    answers: &'a [AnswerId],
}

impl Columns {
    /// Returns the columns of a plan, if its records have them.
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        let Layout::Fixed { octets, marks } = &plan.layout else {
            return None;
        };
        let at = |mark: usize| usize::try_from(*marks.get(mark)?).ok();
        let [source, destination] = &plan.sides;
        let form = address_form(source)?;
        let address_at = |side: &Side| at(side.addresses.first()?.mark);
        let as_field_at = |side: &Side| match &*side.as_fields {
            [only] if only.width == 4 && side.is_written() => at(only.mark),
            _ => None,
        };
        let appends =
            |side: &Side| side.append && side.as_fields.is_empty() && side.adjacent.is_none();
        let as_fields_at = match plan.action {
            Action::Fill => Some([as_field_at(source)?, as_field_at(destination)?]),
            Action::Clone if appends(source) && appends(destination) => None,
            Action::Clone | Action::Pass(_) => return None,
        };
        Some(Self {
            octets: (*octets > 0 && address_form(destination) == Some(form)).then_some(*octets)?,
            form,
            addresses_at: [address_at(source)?, address_at(destination)?],
            as_fields_at,
        })
    }

    /// Writes AS numbers into the fields of the records.
    pub(super) fn fill<O: Observer>(
        &self,
        job: &Job<'_>,
        content: &mut [u8],
        scratch: &mut Scratch,
        counters: &mut RecordCounters,
        observer: &mut O,
    ) {
        let (Some(policy), Some(as_fields_at)) = (job.policy(), self.as_fields_at) else {
            return;
        };
        let Some(records) = content.get_mut(..job.fit.records_octets) else {
            return;
        };
        for chunk in records.chunks_mut(self.octets * LOOKUP_RECORDS) {
            let answers = self.look_up(job.knowledge.as_db, chunk, &mut scratch.batches);
            for (number, answers) in answers.into_iter().enumerate() {
                let side = FillSide {
                    number,
                    at: as_fields_at[number],
                    answers,
                };
                self.fill_side(job, policy, side, chunk, &mut scratch.leaving, counters);
            }
            let count = chunk.len() / self.octets;
            tell_traffic(job, chunk, 0..count, scratch, observer);
        }
        counters.records += job.fit.records_count as u64;
    }

    fn fill_side(
        &self,
        job: &Job<'_>,
        policy: &Policy,
        side: FillSide<'_>,
        chunk: &mut [u8],
        leaving: &mut [[u32; LOOKUP_RECORDS]; 2],
        counters: &mut RecordCounters,
    ) {
        let FillSide {
            number,
            at,
            answers,
        } = side;
        let records = chunk.chunks_exact_mut(self.octets);
        for ((record, answer), leaves) in records.zip(answers).zip(&mut leaving[number]) {
            let Some(field) = record.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) else {
                continue;
            };
            let own = u32::from_be_bytes(*field);
            let known = policy.ranked(*answer);
            if own == 0 {
                // So nearly all fields come that are to be filled.
                let value = known_value(known, &mut counters.sides[number]);
                counters.fields += 1;
                counters.unusable += 1;
                counters.filled += u64::from(value != 0);
                *field = value.to_be_bytes();
                *leaves = value;
                continue;
            }
            let flow = FlowValue {
                asn: Some(own),
                by_default_route: false,
            };
            let verdict = decide(policy, job.treatment, known, flow);
            *leaves = own;
            if let Verdict::Write(asn, _) = verdict {
                *field = asn.0.to_be_bytes();
                *leaves = asn.0;
            }
            let side = &job.plan.sides[number];
            count_side(counters, side, (number, flow), job.treatment, verdict);
        }
    }

    /// Appends the records to `to`, each with both AS numbers behind it.
    pub(super) fn append<O: Observer>(
        &self,
        job: &Job<'_>,
        content: &[u8],
        scratch: &mut Scratch,
        to: &mut Vec<u8>,
        counters: &mut RecordCounters,
        observer: &mut O,
    ) {
        let records = content.get(..job.fit.records_octets);
        let (Some(policy), Some(records)) = (job.policy(), records) else {
            return;
        };
        to.reserve(records.len() + 8 * job.fit.records_count);
        for chunk in records.chunks(self.octets * LOOKUP_RECORDS) {
            let answers = self.look_up(job.knowledge.as_db, chunk, &mut scratch.batches);
            for ((number, answers), leaving) in (0..).zip(answers).zip(&mut scratch.leaving) {
                let side = &mut counters.sides[number];
                for (answer, leaves) in answers.iter().zip(leaving) {
                    *leaves = known_value(policy.ranked(*answer), side);
                    counters.appended += u64::from(*leaves != 0);
                }
            }
            let [sources, destinations] = &scratch.leaving;
            let leaving = sources.iter().zip(destinations);
            for (record, (source, destination)) in chunk.chunks_exact(self.octets).zip(leaving) {
                let [s0, s1, s2, s3] = source.to_be_bytes();
                let [d0, d1, d2, d3] = destination.to_be_bytes();
                to.extend_from_slice(record);
                to.extend_from_slice(&[s0, s1, s2, s3, d0, d1, d2, d3]);
            }
            let count = chunk.len() / self.octets;
            tell_traffic(job, chunk, 0..count, scratch, observer);
        }
        counters.records += job.fit.records_count as u64;
    }

    /// Looks up the addresses of at most [`LOOKUP_RECORDS`] records; the answers for all sources,
    /// and for all destinations.
    fn look_up<'s>(
        &self,
        as_db: &AsDb,
        chunk: &[u8],
        batches: &'s mut Batches,
    ) -> [&'s [AnswerId]; 2] {
        let count = chunk.len() / self.octets;
        let used = 2 * count;
        match self.form {
            AddressForm::Ipv4 => {
                let batch = &mut batches.ipv4;
                self.gather(chunk, &mut batch.addresses, u32_at);
                let answers = &mut batch.answers[..used];
                as_db.lookup_ipv4(&batch.addresses[..used], answers);
                answers.split_at(count).into()
            }
            _ => {
                let batch = &mut batches.ipv6;
                self.gather(chunk, &mut batch.addresses, u128_at);
                let answers = &mut batch.answers[..used];
                as_db.lookup_ipv6(&batch.addresses[..used], answers);
                answers.split_at(count).into()
            }
        }
    }

    /// Puts the addresses of all sources into `to`, and behind them those of all destinations.
    fn gather<A: Copy + Default>(
        &self,
        chunk: &[u8],
        to: &mut [A],
        read: fn(&[u8], usize) -> Option<A>,
    ) {
        let count = chunk.len() / self.octets;
        for (to, at) in to.chunks_exact_mut(count.max(1)).zip(self.addresses_at) {
            for (record, to) in chunk.chunks_exact(self.octets).zip(to) {
                *to = read(record, at).unwrap_or_default();
            }
        }
    }
}

/// The form of the one address that a side has and that is looked up as it is.
fn address_form(side: &Side) -> Option<AddressForm> {
    match &*side.addresses {
        [only] if side.post_nat.is_empty() => {
            Some(only.form).filter(|form| matches!(form, AddressForm::Ipv4 | AddressForm::Ipv6))
        }
        _ => None,
    }
}

/// What leaves where the record itself says nothing; 0 if nobody knows.
#[inline]
fn known_value(known: Ranked, counters: &mut SideCounters) -> u32 {
    if known.asn == Asn::NONE {
        counters.nobody += 1;
    } else {
        counters.answered[known.provider as usize] += 1;
    }
    known.asn.0
}
