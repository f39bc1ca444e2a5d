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
            self.rest = rest.get(4..).unwrap_or_default();
            return Some(Ok(TemplateRecord::Withdrawal { id }));
        }
        let Some(octets) = record_octets(self.version, self.kind, rest) else {
            self.rest = &[];
            return fault;
        };
        let (record, behind) = rest.split_at_checked(octets)?;
        self.rest = behind;
        if id < DATA_SET_ID_MIN {
            self.rest = &[];
            return fault;
        }
        if count == 0 && self.kind == TemplateKind::Flow {
            return Some(Ok(TemplateRecord::Withdrawal { id }));
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
