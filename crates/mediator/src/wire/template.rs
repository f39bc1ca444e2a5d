//! Template Records and Options Template Records [RFC 7011 §3.4, RFC 3954 §5.2, §6.1].
//!
//! The record's own octets are the Template: they are what we keep, compare and announce again.
//! This module finds where a record ends and walks its Field Specifiers.
//!
//! v9 has no enterprise bit: a field type of 0x8000 and above is a plain type without an
//! Enterprise Number. A v9 Field Length of 65535 means variable length, as in IPFIX.
//!
//! Not here: what the fields mean (`enrich::plan`).
//! Bound: a record is at most one Set; whether it has too many fields is the caller's limit.

use super::octets::{u16_at, u32_at};
use super::{DATA_SET_ID_MIN, VARIABLE_LENGTH};
use crate::Version;

/// Whether records of a Template describe traffic or the exporter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TemplateKind {
    /// Template Record: its Data Records are flows.
    Flow,
    /// Options Template Record.
    Options,
}

impl TemplateKind {
    /// The Set ID of IPFIX for Templates of this kind, which in a withdrawal means all of them.
    const fn ipfix_set_id(self) -> u16 {
        match self {
            Self::Flow => Version::Ipfix.template_set_id(),
            Self::Options => Version::Ipfix.options_template_set_id(),
        }
    }
}

/// One field of a Template [RFC 7011 §3.2].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSpecifier {
    /// Enterprise Number; `None` for the IANA registry and for all of v9. An Enterprise Number of
    /// 0 is not the registry: the field is somebody's own.
    pub enterprise: Option<u32>,
    /// Information Element identifier without the enterprise bit; v9: the whole field type.
    pub element: u16,
    /// Field Length in octets; 65535 for a variable-length field.
    pub octets: u16,
    /// Offset of the Field Specifier from the first octet of the record.
    pub offset: usize,
}

impl FieldSpecifier {
    /// Whether the length stands in each Data Record [RFC 7011 §7].
    #[must_use]
    pub const fn is_variable(&self) -> bool {
        self.octets == VARIABLE_LENGTH
    }
}

/// One record of a Template Set or Options Template Set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateRecord<'a> {
    /// A definition.
    Definition(Definition<'a>),
    /// A Template Withdrawal: a Field Count of 0 [RFC 7011 §8.1].
    Withdrawal {
        /// The Template ID that is withdrawn; 2 or 3 means all of a kind.
        id: u16,
    },
}

/// The octets of one Template Record whose lengths hold together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition<'a> {
    version: Version,
    kind: TemplateKind,
    octets: &'a [u8],
}

/// The records of one (Options) Template Set.
#[derive(Clone, Debug)]
pub struct TemplateRecords<'a> {
    version: Version,
    kind: TemplateKind,
    rest: &'a [u8],
}

/// A Template Set whose records do not fit it; nothing behind the fault can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateFault {
    /// The Template ID of the record that is broken, as far as it can be read.
    pub id: Option<u16>,
}

impl<'a> TemplateRecords<'a> {
    /// Walks the content of a Set, the octets behind its Set Header.
    #[must_use]
    pub const fn new(version: Version, kind: TemplateKind, content: &'a [u8]) -> Self {
        Self {
            version,
            kind,
            rest: content,
        }
    }
}

impl<'a> Iterator for TemplateRecords<'a> {
    type Item = Result<TemplateRecord<'a>, TemplateFault>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest;
        let id = u16_at(rest, 0)?;
        let count = u16_at(rest, 2)?;
        let fault = Some(Err(TemplateFault { id: Some(id) }));
        // Exporters pad Template Sets with more than three octets: a record cannot have ID 0.
        if id == 0 && rest.iter().all(|octet| *octet == 0) {
            self.rest = &[];
            return None;
        }
        if self.version == Version::Ipfix && count == 0 {
            // Of one Template, or of all of this kind [RFC 7011 §8.1].
            if id < DATA_SET_ID_MIN && id != self.kind.ipfix_set_id() {
                self.rest = &[];
                return fault;
            }
            self.rest = rest.get(4..).unwrap_or_default();
            return Some(Ok(TemplateRecord::Withdrawal { id }));
        }
        let Some(octets) = record_octets(self.version, self.kind, rest) else {
            self.rest = &[];
            return fault;
        };
        let (record, behind) = rest.split_at_checked(octets)?;
        self.rest = behind;
        // v9 has no withdrawals: a Template without fields is none, and some collectors never
        // come to the end of its data.
        if id < DATA_SET_ID_MIN || (count == 0 && self.kind == TemplateKind::Flow) {
            self.rest = &[];
            return fault;
        }
        Some(Ok(TemplateRecord::Definition(Definition {
            version: self.version,
            kind: self.kind,
            octets: record,
        })))
    }
}

/// Returns the length of the record at the start of `rest`, `None` if it passes the end.
fn record_octets(version: Version, kind: TemplateKind, rest: &[u8]) -> Option<usize> {
    let count = usize::from(u16_at(rest, 2)?);
    let octets = match (version, kind) {
        (Version::Ipfix, _) => {
            let header = ipfix_record_header(kind);
            if kind == TemplateKind::Options {
                let scopes = usize::from(u16_at(rest, 4)?);
                if scopes == 0 || scopes > count {
                    return None;
                }
            }
            let mut end = header;
            for _ in 0..count {
                let enterprise = u16_at(rest, end)? & 0x8000 != 0;
                end = end.checked_add(if enterprise { 8 } else { 4 })?;
            }
            end
        }
        (_, TemplateKind::Flow) => count.checked_mul(4)?.checked_add(4)?,
        (_, TemplateKind::Options) => {
            let options = usize::from(u16_at(rest, 4)?);
            if count % 4 != 0 || options % 4 != 0 {
                return None;
            }
            count.checked_add(options)?.checked_add(6)?
        }
    };
    (octets <= rest.len()).then_some(octets)
}

const fn ipfix_record_header(kind: TemplateKind) -> usize {
    match kind {
        TemplateKind::Flow => 4,
        TemplateKind::Options => 6,
    }
}

impl<'a> Definition<'a> {
    /// Takes octets that were a whole record before, from our own store or a saved state.
    ///
    /// Returns `None` if they are not exactly one definition.
    #[must_use]
    pub fn from_octets(version: Version, kind: TemplateKind, octets: &'a [u8]) -> Option<Self> {
        match TemplateRecords::new(version, kind, octets).next()? {
            Ok(TemplateRecord::Definition(definition))
                if definition.octets.len() == octets.len() =>
            {
                Some(definition)
            }
            _ => None,
        }
    }

    /// The Template ID, 256 to 65535.
    #[must_use]
    pub fn id(&self) -> u16 {
        u16_at(self.octets, 0).unwrap_or_default()
    }

    /// The protocol.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Template or Options Template.
    #[must_use]
    pub const fn kind(&self) -> TemplateKind {
        self.kind
    }

    /// The record as it came.
    #[must_use]
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// The number of fields, scopes included.
    #[must_use]
    pub fn fields_count(&self) -> usize {
        let count = |offset| u16_at(self.octets, offset).map_or(0, usize::from);
        match (self.version, self.kind) {
            (Version::V5 | Version::V9, TemplateKind::Options) => (count(2) + count(4)) / 4,
            _ => count(2),
        }
    }

    /// The Field Specifiers in order, scopes first.
    pub fn fields(&self) -> impl Iterator<Item = FieldSpecifier> + use<'a> {
        let octets = self.octets;
        let version = self.version;
        let mut offset = match (version, self.kind) {
            (_, TemplateKind::Flow) => 4,
            (_, TemplateKind::Options) => 6,
        };
        core::iter::from_fn(move || {
            let field = field_at(version, octets, offset)?;
            let octets = if field.enterprise.is_some() { 8 } else { 4 };
            offset = offset.checked_add(octets)?;
            Some(field)
        })
    }
}

fn field_at(version: Version, octets: &[u8], offset: usize) -> Option<FieldSpecifier> {
    let element = u16_at(octets, offset)?;
    let length = u16_at(octets, offset.checked_add(2)?)?;
    let enterprise = if version == Version::Ipfix && element & 0x8000 != 0 {
        Some(u32_at(octets, offset.checked_add(4)?)?)
    } else {
        None
    };
    Some(FieldSpecifier {
        element: match enterprise {
            Some(_) => element & 0x7FFF,
            None => element,
        },
        enterprise,
        octets: length,
        offset,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// What was read: an ID and its number of fields, 0 for a withdrawal, or an ID at fault.
    fn read(
        version: Version,
        kind: TemplateKind,
        content: &[u8],
    ) -> Vec<Result<(u16, usize), Option<u16>>> {
        let records = TemplateRecords::new(version, kind, content);
        let short = |record| match record {
            Ok(TemplateRecord::Definition(definition)) => {
                Ok((definition.id(), definition.fields_count()))
            }
            Ok(TemplateRecord::Withdrawal { id }) => Ok((id, 0)),
            Err(TemplateFault { id }) => Err(id),
        };
        records.map(short).collect()
    }

    fn ipfix(content: &[u8]) -> Vec<Result<(u16, usize), Option<u16>>> {
        read(Version::Ipfix, TemplateKind::Flow, content)
    }

    fn v9(content: &[u8]) -> Vec<Result<(u16, usize), Option<u16>>> {
        read(Version::V9, TemplateKind::Flow, content)
    }

    #[test]
    fn records_follow_each_other_up_to_the_padding() {
        let records = [1, 0, 0, 1, 0, 8, 0, 4, 1, 1, 0, 2, 0, 8, 0, 4, 0, 12, 0, 4];
        for padding in [&[][..], &[0; 3], &[0; 4], &[0; 9], &[1, 2, 3]] {
            let content = [&records, padding].concat();
            assert_eq!(ipfix(&content), [Ok((256, 1)), Ok((257, 2))]);
            assert_eq!(v9(&content), [Ok((256, 1)), Ok((257, 2))]);
        }
    }

    #[test]
    fn the_enterprise_bit_means_four_more_octets_in_ipfix_only() {
        let with_enterprise = [1, 0, 0, 2, 0x80, 137, 0, 4, 0, 0, 0x0A, 0x4C, 0, 8, 0, 4];
        assert_eq!(ipfix(&with_enterprise), [Ok((256, 2))]);
        // In v9 two fields end before the Enterprise Number's neighbour.
        assert_eq!(v9(&with_enterprise), [Ok((256, 2)), Err(Some(8))]);
        let definition =
            Definition::from_octets(Version::Ipfix, TemplateKind::Flow, &with_enterprise).unwrap();
        let fields: Vec<FieldSpecifier> = definition.fields().collect();
        assert_eq!(
            fields,
            [
                FieldSpecifier {
                    enterprise: Some(2636),
                    element: 137,
                    octets: 4,
                    offset: 4
                },
                FieldSpecifier {
                    enterprise: None,
                    element: 8,
                    octets: 4,
                    offset: 12
                },
            ]
        );
    }

    #[test]
    fn a_v9_type_with_the_top_bit_is_a_whole_type() {
        let asa = [1, 0, 0, 1, 0x80, 0xEA, 0, 2];
        let definition = Definition::from_octets(Version::V9, TemplateKind::Flow, &asa).unwrap();
        let field = definition.fields().next().unwrap();
        assert_eq!((field.element, field.enterprise), (33_002, None));
    }

    #[test]
    fn ipfix_options_templates_count_scopes_among_their_fields() {
        let options = |octets: &[u8]| read(Version::Ipfix, TemplateKind::Options, octets);
        let two = [1, 0, 0, 2, 0, 1, 0, 149, 0, 4, 0, 41, 0, 8];
        assert_eq!(options(&two), [Ok((256, 2))]);
        assert_eq!(options(&[&two[..], &[0, 0]].concat()), [Ok((256, 2))]);
        for scopes in [0, 3] {
            let mut wrong = two;
            wrong[5] = scopes;
            assert_eq!(options(&wrong), [Err(Some(256))], "{scopes} scopes");
        }
    }

    #[test]
    fn v9_options_templates_count_octets() {
        let options = |octets: &[u8]| read(Version::V9, TemplateKind::Options, octets);
        let record = |scope, option| {
            let fields = [0, 1, 0, 4, 0, 34, 0, 4, 0, 35, 0, 1];
            [&[1, 0, 0, scope, 0, option][..], &fields].concat()
        };
        assert_eq!(options(&record(4, 8)), [Ok((256, 3))]);
        assert_eq!(options(&record(0, 12)), [Ok((256, 3))]);
        assert_eq!(
            options(&[record(4, 8), [0x2D, 0x67].to_vec()].concat()),
            [Ok((256, 3))]
        );
        for (scope, option) in [(6, 4), (4, 9), (4, 12), (8, 8)] {
            assert_eq!(options(&record(scope, option)), [Err(Some(256))]);
        }
        let octets = record(4, 8);
        let definition =
            Definition::from_octets(Version::V9, TemplateKind::Options, &octets).unwrap();
        let elements: Vec<u16> = definition.fields().map(|field| field.element).collect();
        assert_eq!(elements, [1, 34, 35]);
    }

    #[test]
    fn a_record_without_fields_is_a_withdrawal() {
        assert_eq!(
            ipfix(&[1, 0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0]),
            [Ok((256, 0)), Ok((2, 0)), Err(Some(3))],
            "3 is for Options Templates"
        );
        assert_eq!(v9(&[1, 0, 0, 0]), [Err(Some(256))], "v9 has none");
        let options = read(Version::Ipfix, TemplateKind::Options, &[1, 0, 0, 0]);
        assert_eq!(options, [Ok((256, 0))]);
    }

    #[test]
    fn a_fault_ends_the_set_and_names_the_id() {
        let good = [1, 0, 0, 1, 0, 8, 0, 4];
        for broken in [
            &[1, 1, 0, 2, 0, 8, 0, 4][..],
            &[1, 1, 0xFF, 0xFF, 0, 8, 0, 4],
            &[1, 1, 0, 1, 0x80, 8, 0, 4, 0, 0],
        ] {
            let content = [&good, broken].concat();
            assert_eq!(ipfix(&content), [Ok((256, 1)), Err(Some(257))]);
        }
        assert_eq!(ipfix(&[0, 255, 0, 1, 0, 8, 0, 4]), [Err(Some(255))]);
        assert_eq!(ipfix(&[0, 0, 0, 1, 0, 8, 0, 4]), [Err(Some(0))]);
    }

    #[test]
    fn only_exactly_one_definition_comes_back_from_the_store() {
        let octets = [1, 0, 0, 1, 0, 8, 0, 4];
        let is_one = |octets: &[u8]| {
            Definition::from_octets(Version::V9, TemplateKind::Flow, octets).is_some()
        };
        assert!(is_one(&octets));
        assert!(!is_one(&octets[..7]));
        assert!(!is_one(&[&octets[..], &[0]].concat()));
        assert!(!is_one(&[1, 0, 0, 0]));
    }

    #[test]
    fn every_prefix_of_a_set_is_read_without_passing_its_end() {
        let content = [
            1, 0, 0, 2, 0, 1, 0x80, 149, 0, 4, 0, 0, 0, 9, 0, 41, 0, 8, 1, 1, 0, 4, 0, 8, 0, 1, 0,
            4, 0, 34, 0, 4,
        ];
        for end in 0..content.len() {
            for version in [Version::V9, Version::Ipfix] {
                for kind in [TemplateKind::Flow, TemplateKind::Options] {
                    let records = TemplateRecords::new(version, kind, &content[..end]);
                    for record in records.flatten() {
                        if let TemplateRecord::Definition(definition) = record {
                            assert_eq!(definition.fields().count(), definition.fields_count());
                            assert!(definition.octets().len() <= end);
                        }
                    }
                }
            }
        }
    }
}
