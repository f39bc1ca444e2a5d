//! Templates of every shape that real exporters, and the odd ones, announce.
//!
//! Addresses of one family, both, one side, several times, as prefixes, or of a wrong length; AS
//! fields absent, of every width, on one side, twice; fields of variable and of no length,
//! enterprise numbers, v9 types above 32767, long Templates; Options Templates with scopes that
//! have no length and, in v9, without scopes.
//!
//! Not here: values (`value`), when a Template is announced (`exporter`).
//! Bound: at most 230 Field Specifiers.

use crate::framing::Version;
use crate::random::Random;
use crate::template::{FieldSpecifier, Kind, Template, VARIABLE};

/// Returns a Template for Flow Records.
pub fn flow(random: &mut Random, version: Version, id: u16) -> Template {
    let mut fields = addresses(random);
    fields.extend(as_numbers(random));
    let others = if random.chance(3) {
        random.between(60, 200)
    } else {
        random.between(1, 8)
    };
    for _ in 0..others {
        fields.push(other(random, version));
    }
    random.shuffle(&mut fields);
    let kind = Kind::Data;
    not_empty(Template { id, kind, fields })
}

/// Returns an Options Template.
pub fn options(random: &mut Random, version: Version, id: u16) -> Template {
    let least = usize::from(version == Version::Ipfix);
    let scopes = random.between(least, 2);
    let mut fields: Vec<_> = (0..scopes).map(|_| scope(random, version)).collect();
    for _ in 0..random.between(1, 5) {
        fields.push(match random.between(0, 9) {
            0 => FieldSpecifier::iana(16, 4),
            1 => FieldSpecifier::iana(8, 4),
            2 => FieldSpecifier::iana(34, 4),
            3 => FieldSpecifier::iana(82, *random.pick(&[16, 32])),
            _ => other(random, version),
        });
    }
    let kind = Kind::Options { scopes };
    not_empty(Template { id, kind, fields })
}

/// A record must have octets, or nobody could tell how many records there are.
fn not_empty(mut template: Template) -> Template {
    if template.record_octets_min() == 0 {
        template.fields.push(FieldSpecifier::iana(4, 1));
    }
    template
}

fn addresses(random: &mut Random) -> Vec<FieldSpecifier> {
    const V4: [(u16, u16); 2] = [(8, 4), (12, 4)];
    const V6: [(u16, u16); 2] = [(27, 16), (28, 16)];
    let shapes: &[&[(u16, u16)]] = &[
        &V4,
        &V4,
        &V6,
        &[V4[0], V4[1], V6[0], V6[1]],
        &[],
        &[V4[0]],
        &[V6[1]],
        &[V4[0], V4[1], V4[0], V4[1]],
        &[V6[0], V6[1], V4[0], V4[1], V6[0]],
        &[(44, 4), (9, 1), (45, 4), (13, 1)],
        &[(170, 16), (29, 1), (169, 16), (30, 1)],
        &[(8, 16), (12, 3), (27, 4)],
        &[V4[0], V6[1]],
    ];
    iana(random.pick::<&[(u16, u16)]>(shapes))
}

fn as_numbers(random: &mut Random) -> Vec<FieldSpecifier> {
    let mut width = || *random.pick(&[1, 2, 2, 3, 4, 4, 4, 8]);
    let (one, two) = (width(), width());
    match random.between(0, 12) {
        0..=4 => Vec::new(),
        5 => iana(&[(16, one), (17, two)]),
        6 => iana(&[(16, 4), (17, 4)]),
        7 => iana(&[(16, 2), (17, 2)]),
        8 => iana(&[(16, one)]),
        9 => iana(&[(17, two)]),
        10 => iana(&[(16, one), (17, one), (16, two)]),
        11 => iana(&[(128, 4), (129, 4)]),
        _ => iana(&[(128, 4), (129, 4), (16, one), (17, one)]),
    }
}

fn other(random: &mut Random, version: Version) -> FieldSpecifier {
    match (random.between(0, 15), version) {
        (0, _) => FieldSpecifier::iana(82, 0),
        (1, _) => FieldSpecifier::iana(210, random.between_u16(1, 4)),
        (2, Version::Ipfix) => variable(random),
        (2, _) if random.chance(40) => FieldSpecifier::iana(236, VARIABLE),
        (3 | 4, Version::Ipfix) => enterprise(random),
        (3, _) => FieldSpecifier::iana(random.between_u16(33_000, 57_600), 4),
        (5, _) => FieldSpecifier::iana(random.between_u16(134, 400), random.between_u16(1, 9)),
        _ => {
            const COMMON: &[(u16, u16)] = &[
                (1, 8),
                (1, 4),
                (2, 4),
                (2, 3),
                (4, 1),
                (5, 1),
                (6, 1),
                (7, 2),
                (10, 2),
                (10, 4),
                (11, 2),
                (14, 4),
                (21, 4),
                (22, 4),
                (61, 1),
                (152, 8),
                (15, 4),
                (18, 4),
            ];
            let (id, length) = *random.pick(COMMON);
            FieldSpecifier::iana(id, length)
        }
    }
}

fn variable(random: &mut Random) -> FieldSpecifier {
    let id = *random.pick(&[82, 96, 371, 291, 293]);
    FieldSpecifier::iana(id, VARIABLE)
}

fn enterprise(random: &mut Random) -> FieldSpecifier {
    FieldSpecifier {
        id: *random.pick(&[16, 17, 8, 137, 100]),
        pen: Some(*random.pick(&[9, 2636, 29_305, 35_632, 0])),
        length: *random.pick(&[1, 2, 4, 8, VARIABLE]),
    }
}

fn scope(random: &mut Random, version: Version) -> FieldSpecifier {
    if version == Version::V9 {
        let id = random.between_u16(1, 5);
        return FieldSpecifier::iana(id, *random.pick(&[0, 1, 2, 4]));
    }
    let (id, length) = *random.pick(&[(149, 4), (145, 2), (10, 4), (143, 4), (141, 4)]);
    FieldSpecifier::iana(id, length)
}

fn iana(fields: &[(u16, u16)]) -> Vec<FieldSpecifier> {
    fields
        .iter()
        .map(|(id, length)| FieldSpecifier::iana(*id, *length))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{flow, options};
    use crate::framing::Version;
    use crate::random::Random;
    use crate::template::Kind;

    #[test]
    fn every_width_of_as_field_and_every_family_occurs() {
        let mut random = Random::new(1);
        let templates: Vec<_> = (0..2000)
            .map(|_| flow(&mut random, Version::Ipfix, 256))
            .collect();
        let some = |id, length| {
            let is =
                |field: &&crate::template::FieldSpecifier| field.is(id) && field.length == length;
            templates.iter().any(|t| t.fields.iter().find(is).is_some())
        };
        for length in [1, 2, 3, 4, 8] {
            assert!(some(16, length) && some(17, length), "{length}");
        }
        for (id, length) in [(8, 4), (27, 16), (44, 4), (170, 16), (8, 16), (82, 0)] {
            assert!(some(id, length), "{id}");
        }
        assert!(templates.iter().any(|t| t.fields.len() > 100));
        assert!(templates.iter().any(|t| !t.is_fixed()));
    }

    #[test]
    fn ipfix_options_have_a_scope_and_v9_options_may_have_none() {
        let mut random = Random::new(1);
        let mut scopes = |version| {
            let template = options(&mut random, version, 256);
            match template.kind {
                Kind::Options { scopes } => scopes,
                Kind::Data => 99,
            }
        };
        assert!((0..200).all(|_| scopes(Version::Ipfix) > 0));
        assert!((0..200).any(|_| scopes(Version::V9) == 0));
    }
}
