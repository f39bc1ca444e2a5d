//! Whether the AS numbers of an outgoing record are the right ones.
//!
//! An oracle of its own, for the cases that leave no room for opinion: each side of a record has
//! at most one address that is not zero, and each AS field occurs once. The exporter's value
//! stays if it is usable; else the world's answer stands there; else nothing was changed, and 0
//! where the field is new.
//!
//! Not here: records with several addresses, prefixes instead of addresses, NAT.
//! Bound: none; looks at one record at a time.

use crate::octets::all_zero;
use crate::template::Field;
use std::net::IpAddr;

/// Who originates an address, as far as the world knows.
pub type Origin = fn(IpAddr) -> Option<u32>;

/// What became of one side of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No opinion.
    Unjudged,
    /// The AS number is the right one, and was not there before.
    Filled,
    /// The exporter's usable value is there, or nobody knows.
    Kept,
    /// The record leaves with fewer AS numbers than it could have.
    Missed,
    /// The AS number is wrong.
    Wrong {
        /// What is there.
        found: u64,
        /// What should be.
        expected: u64,
    },
}

/// A side of a record: its AS field and its address fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Information Elements 16, 8 and 27.
    Source,
    /// Information Elements 17, 12 and 28.
    Destination,
}

impl Side {
    fn elements(self) -> (u16, u16, u16) {
        match self {
            Self::Source => (16, 8, 27),
            Self::Destination => (17, 12, 28),
        }
    }

    /// The adjacent AS, which speaks for the side where Information Element 16 or 17 is missing.
    fn adjacent(self) -> u16 {
        match self {
            Self::Source => 129,
            Self::Destination => 128,
        }
    }
}

/// Fields that leave room for opinion: prefixes, and the kind of a NAT event, many of which have
/// nothing to do with a flow's addresses [RFC 8158 §4.2].
const DISPUTED: &[u16] = &[44, 45, 169, 170, 230];

/// Judges one side of a record.
#[must_use]
pub fn judge(side: Side, original: &[Field<'_>], sent: &[Field<'_>], origin: Origin) -> Verdict {
    let (as_element, v4, v6) = side.elements();
    let mut before = values(original, as_element);
    let mut after = values(sent, as_element);
    let (before, None, after, None) = (before.next(), before.next(), after.next(), after.next())
    else {
        return Verdict::Unjudged;
    };
    let Some(address) = address(original, v4, v6) else {
        return Verdict::Unjudged;
    };
    let known = address.and_then(origin).map(u64::from);
    let adjacent = values(original, side.adjacent()).find(|asn| is_usable(*asn));
    match (before, after) {
        (None, Some(found)) if adjacent.is_some() => {
            right(found, adjacent.unwrap_or(0), Verdict::Kept)
        }
        (Some(before), Some(found)) if is_usable(before) => right(found, before, Verdict::Kept),
        (before, Some(found)) => match known {
            Some(known) if found == known => Verdict::Filled,
            Some(_) if Some(found) == before => Verdict::Missed,
            Some(expected) => Verdict::Wrong { found, expected },
            None => right(found, before.unwrap_or(0), Verdict::Kept),
        },
        (_, None) if known.is_some() => Verdict::Missed,
        (_, None) => Verdict::Unjudged,
    }
}

/// Judges both sides of a v5 record, whose AS fields stay two octets wide: what needs more is
/// sent as AS_TRANS.
#[must_use]
pub fn judge_v5(original: &[u8], sent: &[u8], origin: Origin) -> [Verdict; 2] {
    [(0, 40), (4, 42)].map(|(address_at, as_at)| {
        let address = original
            .get(address_at..address_at + 4)
            .and_then(|octets| <[u8; 4]>::try_from(octets).ok());
        let before = original.get(as_at..as_at + 2).and_then(number);
        let found = sent.get(as_at..as_at + 2).and_then(number);
        let (Some(address), Some(before), Some(found)) = (address, before, found) else {
            return Verdict::Unjudged;
        };
        if is_usable(before) {
            return right(found, before, Verdict::Kept);
        }
        match origin(address.into()).map(|asn| u16::try_from(asn).unwrap_or(23_456)) {
            Some(known) if u64::from(known) != before && found == before => Verdict::Missed,
            Some(known) => right(found, u64::from(known), Verdict::Filled),
            None => right(found, before, Verdict::Kept),
        }
    })
}

fn right(found: u64, expected: u64, verdict: Verdict) -> Verdict {
    if found == expected {
        verdict
    } else {
        Verdict::Wrong { found, expected }
    }
}

/// The numbers in the fields `element`; a field that is no number of eight octets is none.
fn values(fields: &[Field<'_>], element: u16) -> impl Iterator<Item = u64> {
    fields
        .iter()
        .filter(move |field| field.specifier.is(element))
        .filter_map(|field| number(field.value))
}

fn number(octets: &[u8]) -> Option<u64> {
    let mut whole = [0; 8];
    let start = 8_usize.checked_sub(octets.len())?;
    whole.get_mut(start..)?.copy_from_slice(octets);
    Some(u64::from_be_bytes(whole))
}

/// The side's one address; `Some(None)` if it has none; `None` if that is a matter of opinion.
fn address(fields: &[Field<'_>], v4: u16, v6: u16) -> Option<Option<IpAddr>> {
    let odd = |field: &Field<'_>| {
        let is = field.specifier;
        DISPUTED.iter().any(|id| is.is(*id))
            || is.is(v4) && field.value.len() != 4
            || is.is(v6) && field.value.len() != 16
    };
    if fields.iter().any(odd) {
        return None;
    }
    let mut found = fields
        .iter()
        .filter(|field| field.specifier.is(v4) || field.specifier.is(v6))
        .filter(|field| !all_zero(field.value))
        .filter_map(|field| {
            let v4 = <[u8; 4]>::try_from(field.value).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(field.value).map(IpAddr::from))
                .ok()
        });
    match (found.next(), found.next()) {
        (first, None) => Some(first),
        _ => None,
    }
}

/// Whether an exporter's value says who it is: not 0, not AS_TRANS, not reserved.
fn is_usable(asn: u64) -> bool {
    const RESERVED: &[(u64, u64)] = &[
        (0, 0),
        (23_456, 23_456),
        (64_496, 64_511),
        (65_535, 131_071),
        (4_294_967_295, u64::MAX),
    ];
    !RESERVED
        .iter()
        .any(|(first, last)| (*first..=*last).contains(&asn))
}

#[cfg(test)]
mod tests {
    use super::{Side, Verdict, judge};
    use crate::template::{Field, FieldSpecifier};
    use crate::world::origin;

    const KNOWN: [u8; 4] = [8, 8, 8, 8];
    const UNKNOWN: [u8; 4] = [10, 0, 0, 1];

    fn field(id: u16, octets: &[u8]) -> Field<'_> {
        Field {
            specifier: FieldSpecifier::iana(id, u16::try_from(octets.len()).unwrap()),
            encoded: octets,
            value: octets,
        }
    }

    #[test]
    fn the_exporters_word_goes_first_and_nobodys_word_changes_nothing() {
        type Case = ([u8; 4], Option<u16>, Option<u32>, Verdict);
        let cases: &[Case] = &[
            (KNOWN, Some(0), Some(15_169), Verdict::Filled),
            (KNOWN, None, Some(15_169), Verdict::Filled),
            (KNOWN, Some(3_356), Some(3_356), Verdict::Kept),
            (KNOWN, Some(0), Some(0), Verdict::Missed),
            (KNOWN, None, None, Verdict::Missed),
            (UNKNOWN, Some(23_456), Some(23_456), Verdict::Kept),
            (UNKNOWN, None, Some(0), Verdict::Kept),
            (UNKNOWN, None, None, Verdict::Unjudged),
            (
                KNOWN,
                Some(3_356),
                Some(15_169),
                Verdict::Wrong {
                    found: 15_169,
                    expected: 3_356,
                },
            ),
            (
                UNKNOWN,
                None,
                Some(7),
                Verdict::Wrong {
                    found: 7,
                    expected: 0,
                },
            ),
        ];
        for (address, before, after, expected) in cases {
            let before = before.map(u16::to_be_bytes);
            let after = after.map(u32::to_be_bytes);
            let mut original = vec![field(8, address)];
            let mut sent = original.clone();
            original.extend(before.iter().map(|octets| field(16, octets)));
            sent.extend(after.iter().map(|octets| field(16, octets)));
            let verdict = judge(Side::Source, &original, &sent, origin);
            assert_eq!(verdict, *expected, "{address:?} {before:?} {after:?}");
        }
    }

    #[test]
    fn two_addresses_are_a_matter_of_opinion() {
        let sent = [field(8, &KNOWN), field(8, &KNOWN), field(16, &[0; 4])];
        assert_eq!(judge(Side::Source, &sent, &sent, origin), Verdict::Unjudged);
    }
}
