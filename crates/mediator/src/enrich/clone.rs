//! The enriched clone of a Template: its definition, and its records.
//!
//! The clone has the fields of the original in the same order and with the same octets, but for AS
//! fields narrower than four octets, which have four, and the missing AS fields at the end, four
//! octets each [RFC 7011 §6.1].
//!
//! Not here: the clone's ID (`export::mapping`).

use alloc::vec::Vec;

use super::plan::Plan;
use crate::wire::octets::{put_u16, u16_at};
use crate::wire::template::Definition;

/// bgpSourceAsNumber.
pub const SOURCE_AS: u16 = 16;
/// bgpDestinationAsNumber.
pub const DESTINATION_AS: u16 = 17;
/// Octets of an AS field that we add or widen.
pub const AS_OCTETS: u16 = 4;

/// Appends the clone's Template Record under `clone_id` to `to`.
pub fn define(original: &Definition<'_>, plan: &Plan, clone_id: u16, to: &mut Vec<u8>) {
    let start = to.len();
    to.extend_from_slice(original.octets());
    let record = &mut to[start..];
    put_u16(record, 0, clone_id);
    for field in original.fields() {
        let is_as = field.enterprise.is_none()
            && (field.element == SOURCE_AS || field.element == DESTINATION_AS);
        if is_as && (1..AS_OCTETS).contains(&field.octets) && is_widened(plan, field.element) {
            put_u16(record, field.offset + 2, AS_OCTETS);
        }
    }
    let mut count = u16_at(record, 2).unwrap_or_default();
    for (side, element) in plan.sides.iter().zip([SOURCE_AS, DESTINATION_AS]) {
        if side.append {
            to.extend_from_slice(&element.to_be_bytes());
            to.extend_from_slice(&AS_OCTETS.to_be_bytes());
            count += 1;
        }
    }
    put_u16(&mut to[start..], 2, count);
}

/// A field is widened where its side is written: an AS field without an address stays as it is.
fn is_widened(plan: &Plan, element: u16) -> bool {
    let side = usize::from(element == DESTINATION_AS);
    plan.sides[side].is_written()
}

/// Octets by which each record of the clone is longer.
#[must_use]
pub fn growth_octets(plan: &Plan) -> usize {
    let appended = plan.sides.iter().filter(|side| side.append).count() * usize::from(AS_OCTETS);
    let widened: usize = plan.widened.iter().map(|field| 4 - field.width).sum();
    appended + widened
}
