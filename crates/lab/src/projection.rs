//! What is left of an outgoing record when the mediator's fields are taken away.
//!
//! The mediator owns the values of Information Elements 16 and 17 in Flow Records: it may write
//! into them where they are, widen them to four octets in a clone of the Template, or add them
//! at the clone's end. Everything else must come back, octet for octet. Options are never its.
//!
//! Not here: which record belongs to which (`stream`), whether a value is right (`promise`).
//! Bound: one entry for each field of a Template.

use crate::framing::V5_RECORD_OCTETS;
use crate::octets::hex;
use crate::template::{Field, Kind, Template};

/// How the Template of outgoing records relates to the exporter's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It is the exporter's, under its own ID.
    Itself,
    /// It is a clone under another ID, with wider or further AS fields.
    Clone,
}

/// Returns how `sent` relates to the exporter's `original`, or `None` if not at all.
#[must_use]
pub fn relation(original: &Template, sent: &Template) -> Option<Relation> {
    if original.id == sent.id {
        let same = original.kind == sent.kind && original.fields == sent.fields;
        return same.then_some(Relation::Itself);
    }
    is_clone(original, sent).then_some(Relation::Clone)
}

fn is_clone(original: &Template, sent: &Template) -> bool {
    let own = original.fields.len();
    if original.kind != Kind::Data || sent.kind != Kind::Data || sent.fields.len() < own {
        return false;
    }
    let (kept, added) = sent.fields.split_at(own);
    let mut changes = added.len();
    for (before, after) in original.fields.iter().zip(kept) {
        let widened =
            before.is_as_number() && after.is(before.id) && before.length < 4 && after.length == 4;
        if before != after && !widened {
            return false;
        }
        changes += usize::from(widened);
    }
    let fresh = |id| !original.fields.iter().any(|field| field.is(id));
    let once = |id| added.iter().filter(|field| field.is(id)).count() <= 1;
    let ours = |field: &crate::template::FieldSpecifier| {
        field.is_as_number() && field.length == 4 && fresh(field.id) && once(field.id)
    };
    changes > 0 && added.iter().all(ours)
}

/// Compares a record with what came out, the mediator's fields aside.
///
/// # Errors
/// A sentence that names the field and both octets.
pub fn compare<'a>(
    kind: Kind,
    original: impl Iterator<Item = Field<'a>>,
    sent: impl Iterator<Item = Field<'a>>,
) -> Result<(), String> {
    for (index, (before, after)) in original.zip(sent).enumerate() {
        let ours = kind == Kind::Data && before.specifier.is_as_number();
        if !ours && before.encoded != after.encoded {
            return Err(format!(
                "field {index} ({}) was {} and is {}",
                before.specifier.id,
                hex(before.encoded, 24),
                hex(after.encoded, 24)
            ));
        }
    }
    Ok(())
}

/// Compares `count` v5 records with those of the `original` body from record `next` on, the AS
/// numbers aside. Octets behind the last record are no records: they come back or do not.
///
/// # Errors
/// A sentence that names the first octet that differs.
pub fn compare_v5(next: usize, count: usize, original: &[u8], sent: &[u8]) -> Result<(), String> {
    let end = next + count;
    let records = original.get(next * V5_RECORD_OCTETS..end * V5_RECORD_OCTETS);
    let (Some(records), Some(tail)) = (records, sent.get(count * V5_RECORD_OCTETS..)) else {
        return Err(format!("there are no {count} records behind {next}"));
    };
    let ours = |at: usize| (40..44).contains(&(at % V5_RECORD_OCTETS));
    let differs = |at: &usize| !ours(*at) && records[*at] != sent[*at];
    if let Some(at) = (0..records.len()).find(differs) {
        return Err(format!("octet {at} behind the header changed"));
    }
    if !tail.is_empty() && original.get(end * V5_RECORD_OCTETS..) != Some(tail) {
        return Err(String::from("the octets behind the records changed"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Relation, compare_v5, relation};
    use crate::template::{FieldSpecifier, Kind, Template};

    fn template(id: u16, fields: &[(u16, u16)]) -> Template {
        let fields = fields
            .iter()
            .map(|(id, length)| FieldSpecifier::iana(*id, *length))
            .collect();
        let kind = Kind::Data;
        Template { id, kind, fields }
    }

    #[test]
    fn only_wider_and_further_as_fields_make_a_clone() {
        let original = template(256, &[(8, 4), (16, 2), (4, 1)]);
        type Case<'a> = (u16, &'a [(u16, u16)], Option<Relation>);
        let cases: &[Case<'_>] = &[
            (256, &[(8, 4), (16, 2), (4, 1)], Some(Relation::Itself)),
            (256, &[(8, 4), (16, 4), (4, 1)], None),
            (900, &[(8, 4), (16, 2), (4, 1)], None),
            (900, &[(8, 4), (16, 4), (4, 1)], Some(Relation::Clone)),
            (
                900,
                &[(8, 4), (16, 4), (4, 1), (17, 4)],
                Some(Relation::Clone),
            ),
            (
                900,
                &[(8, 4), (16, 2), (4, 1), (17, 4)],
                Some(Relation::Clone),
            ),
            (900, &[(8, 4), (16, 4), (4, 1), (16, 4)], None),
            (900, &[(8, 4), (16, 4), (4, 1), (17, 2)], None),
            (900, &[(8, 4), (16, 4), (4, 1), (17, 4), (17, 4)], None),
            (900, &[(17, 4), (8, 4), (16, 4), (4, 1)], None),
            (900, &[(8, 4), (16, 4)], None),
        ];
        for (id, fields, expected) in cases {
            let sent = template(*id, fields);
            assert_eq!(relation(&original, &sent), *expected, "{sent:?}");
        }
    }

    #[test]
    fn of_v5_only_the_as_numbers_of_counted_records_are_ours() {
        let original = vec![0; 100];
        for (at, fine) in [
            (39, false),
            (40, true),
            (43, true),
            (44, false),
            (92, false),
        ] {
            let mut sent = original.clone();
            sent[at] = 1;
            assert_eq!(compare_v5(0, 1, &original, &sent).is_ok(), fine, "{at}");
        }
        assert!(compare_v5(0, 2, &original, &original[1..]).is_err());
        assert!(compare_v5(1, 1, &original, &original[48..96]).is_ok());
        assert!(compare_v5(1, 2, &original, &original[48..]).is_err());
    }
}
