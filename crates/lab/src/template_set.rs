//! Reading Template Sets and Options Template Sets, of NetFlow v9 and IPFIX.
//!
//! IPFIX: [RFC 7011 §3.4.1, §3.4.2, §8.1]; an enterprise bit brings an Enterprise Number, Field
//! Count 0 is a withdrawal. NetFlow v9: [RFC 3954 §5.2, §6.1]; no enterprise bit, an Options
//! Template Record states the lengths of its scopes and options in octets.
//!
//! Not here: remembering what was read (`collector`).
//! Bound: at most one Field Specifier for each 4 octets of the Set.

use crate::framing::Version;
use crate::octets::{Cursor, all_zero};
use crate::template::{FieldSpecifier, Kind, Template};

/// What a Set ID means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetKind {
    /// Template Records.
    Templates,
    /// Options Template Records.
    OptionsTemplates,
    /// Data Records of the Template with this ID.
    Data,
    /// Not assigned [RFC 7011 §3.3.2, RFC 3954 §5.1].
    Reserved,
}

impl SetKind {
    /// Returns what `set_id` means in `version`.
    #[must_use]
    pub fn of(version: Version, set_id: u16) -> Self {
        match (version, set_id) {
            (_, 256..) => Self::Data,
            (Version::V9, 0) | (Version::Ipfix, 2) => Self::Templates,
            (Version::V9, 1) | (Version::Ipfix, 3) => Self::OptionsTemplates,
            _ => Self::Reserved,
        }
    }
}

/// What one Template Set or Options Template Set says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateSet {
    /// The Templates, in order; those that can be told, if something is broken.
    pub records: Vec<Template>,
    /// Template IDs withdrawn; 2 or 3 for all of a kind.
    pub withdrawn: Vec<u16>,
    /// Octets behind the last record.
    pub padding_octets: usize,
    /// What is wrong, and with which Template ID if that can be told.
    pub broken: Option<(Option<u16>, &'static str)>,
}

impl TemplateSet {
    /// Reads the body of a Set of `kind`.
    #[must_use]
    pub fn read(version: Version, kind: SetKind, body: &[u8]) -> Self {
        let mut read = Self::default();
        let mut cursor = Cursor::new(body);
        loop {
            let rest = cursor.rest();
            if rest.len() < header_octets(version, kind, rest) || all_zero(rest) {
                read.padding_octets = rest.len();
                return read;
            }
            let id = u16::from_be_bytes([rest[0], rest[1]]);
            match record(version, kind, &mut cursor) {
                Ok(Some(template)) => read.records.push(template),
                Ok(None) => read.withdrawn.push(id),
                Err(why) => {
                    read.broken = Some(((id >= 256).then_some(id), why));
                    return read;
                }
            }
        }
    }
}

/// Octets that a record at the start of `rest` has at least; less than that is padding.
fn header_octets(version: Version, kind: SetKind, rest: &[u8]) -> usize {
    let withdrawal = version == Version::Ipfix && rest.get(2..4) == Some(&[0, 0]);
    if kind == SetKind::OptionsTemplates && !withdrawal {
        6
    } else {
        4
    }
}

/// Reads one record; `None` is a withdrawal.
fn record(
    version: Version,
    kind: SetKind,
    cursor: &mut Cursor<'_>,
) -> Result<Option<Template>, &'static str> {
    let read = match (version, kind) {
        (Version::Ipfix, SetKind::OptionsTemplates) => ipfix_options(cursor)?,
        (Version::Ipfix, _) => ipfix_data(cursor)?,
        (_, SetKind::OptionsTemplates) => Some(v9_options(cursor)?),
        _ => Some(v9_data(cursor)?),
    };
    match &read {
        Some(template) if template.id < 256 => Err("a Template ID is below 256"),
        Some(template) if template.record_octets_min() == 0 => {
            Err("a Template describes records without octets")
        }
        _ => Ok(read),
    }
}

const TRUNCATED: &str = "a Template Record passes the end of its Set";

fn ipfix_data(cursor: &mut Cursor<'_>) -> Result<Option<Template>, &'static str> {
    let id = cursor.u16().ok_or(TRUNCATED)?;
    let count = cursor.u16().ok_or(TRUNCATED)?;
    if count == 0 {
        return withdrawal(id, 2);
    }
    let fields = ipfix_fields(cursor, count)?;
    Ok(Some(Template {
        id,
        kind: Kind::Data,
        fields,
    }))
}

fn ipfix_options(cursor: &mut Cursor<'_>) -> Result<Option<Template>, &'static str> {
    let id = cursor.u16().ok_or(TRUNCATED)?;
    let count = cursor.u16().ok_or(TRUNCATED)?;
    if count == 0 {
        return withdrawal(id, 3);
    }
    let scopes = cursor.u16().ok_or(TRUNCATED)?;
    if scopes == 0 || scopes > count {
        return Err("a Scope Field Count is 0 or above the Field Count");
    }
    let fields = ipfix_fields(cursor, count)?;
    Ok(Some(Template {
        id,
        kind: Kind::Options {
            scopes: usize::from(scopes),
        },
        fields,
    }))
}

fn withdrawal(id: u16, all: u16) -> Result<Option<Template>, &'static str> {
    if id >= 256 || id == all {
        Ok(None)
    } else {
        Err("a Template ID is below 256")
    }
}

fn ipfix_fields(cursor: &mut Cursor<'_>, count: u16) -> Result<Vec<FieldSpecifier>, &'static str> {
    (0..count)
        .map(|_| ipfix_field(cursor).ok_or(TRUNCATED))
        .collect()
}

fn ipfix_field(cursor: &mut Cursor<'_>) -> Option<FieldSpecifier> {
    let id = cursor.u16()?;
    let length = cursor.u16()?;
    let pen = if id & 0x8000 == 0 {
        None
    } else {
        Some(cursor.u32()?)
    };
    Some(FieldSpecifier {
        id: id & 0x7fff,
        pen,
        length,
    })
}

fn v9_data(cursor: &mut Cursor<'_>) -> Result<Template, &'static str> {
    let id = cursor.u16().ok_or(TRUNCATED)?;
    let count = cursor.u16().ok_or(TRUNCATED)?;
    let fields = v9_fields(cursor, count)?;
    Ok(Template {
        id,
        kind: Kind::Data,
        fields,
    })
}

fn v9_options(cursor: &mut Cursor<'_>) -> Result<Template, &'static str> {
    let id = cursor.u16().ok_or(TRUNCATED)?;
    let scope_octets = cursor.u16().ok_or(TRUNCATED)?;
    let option_octets = cursor.u16().ok_or(TRUNCATED)?;
    if scope_octets % 4 != 0 || option_octets % 4 != 0 {
        return Err("a scope or option length is not divisible by four");
    }
    let mut fields = v9_fields(cursor, scope_octets / 4)?;
    let scopes = fields.len();
    fields.extend(v9_fields(cursor, option_octets / 4)?);
    Ok(Template {
        id,
        kind: Kind::Options { scopes },
        fields,
    })
}

fn v9_fields(cursor: &mut Cursor<'_>, count: u16) -> Result<Vec<FieldSpecifier>, &'static str> {
    (0..count)
        .map(|_| {
            let id = cursor.u16().ok_or(TRUNCATED)?;
            let length = cursor.u16().ok_or(TRUNCATED)?;
            Ok(FieldSpecifier::iana(id, length))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{SetKind, TemplateSet};
    use crate::framing::Version;
    use crate::template::Kind;

    const OPTIONS: SetKind = SetKind::OptionsTemplates;

    #[test]
    fn an_enterprise_bit_brings_a_number_in_ipfix_only() {
        let body = [1, 0, 0, 1, 0x80, 8, 0, 4, 0, 0, 0, 9];
        let ipfix = TemplateSet::read(Version::Ipfix, SetKind::Templates, &body);
        assert_eq!(ipfix.records[0].fields[0].pen, Some(9));
        assert_eq!(ipfix.records[0].fields[0].id, 8);
        let v9 = TemplateSet::read(Version::V9, SetKind::Templates, &body);
        assert_eq!(v9.records[0].fields[0].id, 0x8008);
        assert_eq!(v9.padding_octets, 0);
        assert!(
            v9.broken.is_some(),
            "the Enterprise Number is a Template ID below 256"
        );
    }

    #[test]
    fn v9_options_state_octets_and_ipfix_options_state_counts() {
        let v9 = [1, 0, 0, 4, 0, 4, 0, 1, 0, 0, 0, 34, 0, 4, 0x2d, 0x67];
        let read = TemplateSet::read(Version::V9, OPTIONS, &v9);
        assert_eq!(read.records[0].kind, Kind::Options { scopes: 1 });
        assert_eq!((read.records[0].fields.len(), read.padding_octets), (2, 2));
        let ipfix = [1, 0, 0, 2, 0, 1, 0, 149, 0, 4, 0, 34, 0, 4];
        let read = TemplateSet::read(Version::Ipfix, OPTIONS, &ipfix);
        assert_eq!(read.records[0].kind, Kind::Options { scopes: 1 });
        assert_eq!(read.broken, None);
    }

    #[test]
    fn withdrawals_stand_beside_definitions() {
        let body = [1, 0, 0, 0, 1, 1, 0, 1, 0, 8, 0, 4, 0, 2, 0, 0];
        let read = TemplateSet::read(Version::Ipfix, SetKind::Templates, &body);
        assert_eq!(read.withdrawn, [256, 2]);
        assert_eq!(read.records[0].id, 257);
    }

    #[test]
    fn nonsense_is_broken_and_names_its_template() {
        let cases: &[(Version, SetKind, &[u8], Option<u16>)] = &[
            (
                Version::V9,
                SetKind::Templates,
                &[1, 0, 0, 2, 0, 8, 0, 4],
                Some(256),
            ),
            (
                Version::V9,
                SetKind::Templates,
                &[0, 9, 0, 1, 0, 8, 0, 4],
                None,
            ),
            (
                Version::V9,
                SetKind::Templates,
                &[1, 0, 0, 1, 0, 8, 0, 0],
                Some(256),
            ),
            (Version::V9, SetKind::Templates, &[1, 0, 0, 0], Some(256)),
            (
                Version::V9,
                OPTIONS,
                &[1, 1, 0, 2, 0, 4, 0, 1, 0, 4],
                Some(257),
            ),
            (
                Version::Ipfix,
                OPTIONS,
                &[1, 2, 0, 1, 0, 0, 0, 8, 0, 4],
                Some(258),
            ),
            (
                Version::Ipfix,
                OPTIONS,
                &[1, 2, 0, 1, 0, 2, 0, 8, 0, 4],
                Some(258),
            ),
            (Version::Ipfix, SetKind::Templates, &[0, 3, 0, 0], None),
        ];
        for (version, kind, body, id) in cases {
            let read = TemplateSet::read(*version, *kind, body);
            assert_eq!(read.broken.map(|(id, _)| id), Some(*id), "{body:?}");
        }
    }

    #[test]
    fn no_prefix_of_a_set_makes_the_reader_fail() {
        let body = [
            1, 0, 0, 2, 0x80, 8, 0, 4, 0, 0, 0, 9, 0, 1, 0xff, 0xff, 1, 1, 0, 0, 0, 0,
        ];
        for version in [Version::V9, Version::Ipfix] {
            for kind in [SetKind::Templates, OPTIONS] {
                for end in 0..=body.len() {
                    let _ = TemplateSet::read(version, kind, &body[..end]);
                }
            }
        }
    }
}
