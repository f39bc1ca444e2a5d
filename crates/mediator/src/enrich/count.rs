//! What is counted of each side of each record, and once for a Set.
//!
//! Not here: deciding (`decide`), names for people (the daemon).

use asdb::{Asn, Policy, Provider};

use super::apply::{Job, Scratch};
use super::decide::{FlowValue, Verdict, is_unusable};
use super::disagree;
use super::plan::Side;
use crate::counters::RecordCounters;
use crate::settings::Treatment;

/// Counts what became of the side with this number.
#[inline]
pub(super) fn count_side(
    counters: &mut RecordCounters,
    side: &Side,
    (number, flow): (usize, FlowValue),
    treatment: &Treatment,
    verdict: Verdict,
) {
    let has_field = !side.as_fields.is_empty();
    counters.fields += u64::from(has_field);
    let of_side = &mut counters.sides[number];
    match verdict {
        Verdict::Write(asn, provider) if side.is_written() => {
            of_side.answered[provider as usize] += 1;
            counters.appended += u64::from(!has_field);
            counters.filled += u64::from(has_field && flow.asn != Some(asn.0));
            counters.kept += u64::from(has_field && flow.asn == Some(asn.0));
        }
        Verdict::Keep { table } => {
            of_side.answered[Provider::Flow as usize] += 1;
            of_side.compared += u64::from(table != Asn::NONE);
            of_side.disagreements += u64::from(disagreeing(flow, table).is_some());
            counters.kept += u64::from(has_field);
            counters.appended += u64::from(side.append);
        }
        Verdict::Write(..) => {}
        Verdict::Nobody => of_side.nobody += u64::from(!side.addresses.is_empty()),
    }
    let was_usable = matches!(verdict, Verdict::Keep { .. });
    let is_unusable = || flow.asn.is_none_or(|asn| is_unusable(treatment, asn));
    counters.unusable += u64::from(has_field && !was_usable && is_unusable());
}

/// What the table says where that is not what the exporter says.
#[inline]
pub(super) fn disagreeing(flow: FlowValue, table: Asn) -> Option<Asn> {
    (table != Asn::NONE && flow.asn != Some(table.0)).then_some(table)
}

/// Once for a Set: counts who was asked in vain, that is whoever stands in the order before the one
/// that answered, and looks for an example of a disagreement.
pub(super) fn finish_set(
    job: &Job<'_>,
    policy: &Policy,
    content: &[u8],
    scratch: &mut Scratch,
    counters: &mut RecordCounters,
) {
    for side in &mut counters.sides {
        let mut asked = side.answered.iter().sum::<u64>() + side.nobody;
        for provider in policy.order() {
            asked = asked.saturating_sub(side.answered[*provider as usize]);
            side.no_answer[*provider as usize] = asked;
        }
    }
    let has_one = counters.sides.iter().any(|side| side.disagreements > 0);
    scratch.example = if has_one && job.example_wanted {
        disagree::find(job, content, &scratch.walked)
    } else {
        None
    };
}
