//! Template Records, Sets and Messages as octets.
//!
//! Not here: what to send (`exporter`), how to damage it (`fault`).
//! Bound: a Message is as long as the Sets that it is given, 65,535 octets at most.

use crate::framing::Version;
use crate::template::{FieldSpecifier, Kind, Template};

/// Octets of the header of a Set.
pub const SET_HEADER_OCTETS: usize = 4;

/// The numbers of a Message header that somebody has to choose.
#[derive(Clone, Copy, Debug)]
pub struct Numbers {
    /// v9: the count; v5: the records. IPFIX puts its Length there, which is computed.
    pub count: u16,
    /// Milliseconds since the exporter started.
    pub up_time_ms: u32,
    /// Seconds since 1970.
    pub export_time_s: u32,
    /// The Sequence Number.
    pub sequence: u32,
    /// Observation Domain ID, v9 Source ID; v5: engine type and ID in the low 16 bits.
    pub domain: u32,
}

/// Returns a Message.
#[must_use]
pub fn message(version: Version, numbers: Numbers, sets: &[Vec<u8>]) -> Vec<u8> {
    let body: usize = sets.iter().map(Vec::len).sum();
    let mut octets = match version {
        Version::V5 => v5_header(numbers),
        Version::V9 => v9_header(numbers),
        Version::Ipfix => ipfix_header(numbers, body),
    };
    octets.extend(sets.concat());
    octets
}

fn v5_header(numbers: Numbers) -> Vec<u8> {
    let [_, _, engine_type, engine_id] = numbers.domain.to_be_bytes();
    let mut header = vec![0, 5];
    header.extend(numbers.count.to_be_bytes());
    header.extend(numbers.up_time_ms.to_be_bytes());
    header.extend(numbers.export_time_s.to_be_bytes());
    header.extend([0, 0, 0, 7]);
    header.extend(numbers.sequence.to_be_bytes());
    header.extend([engine_type, engine_id, 0x40, 100]);
    header
}

fn v9_header(numbers: Numbers) -> Vec<u8> {
    let mut header = vec![0, 9];
    header.extend(numbers.count.to_be_bytes());
    header.extend(numbers.up_time_ms.to_be_bytes());
    header.extend(numbers.export_time_s.to_be_bytes());
    header.extend(numbers.sequence.to_be_bytes());
    header.extend(numbers.domain.to_be_bytes());
    header
}

fn ipfix_header(numbers: Numbers, body: usize) -> Vec<u8> {
    let mut header = vec![0, 10];
    header.extend(length(16 + body));
    header.extend(numbers.export_time_s.to_be_bytes());
    header.extend(numbers.sequence.to_be_bytes());
    header.extend(numbers.domain.to_be_bytes());
    header
}

/// Returns a Set: its header, `body`, and `padding` as it is.
#[must_use]
pub fn set(id: u16, body: &[u8], padding: &[u8]) -> Vec<u8> {
    let mut octets = id.to_be_bytes().to_vec();
    octets.extend(length(SET_HEADER_OCTETS + body.len() + padding.len()));
    octets.extend(body);
    octets.extend(padding);
    octets
}

/// Returns the Set ID that Templates of this kind are announced in.
#[must_use]
pub fn template_set_id(version: Version, kind: Kind) -> u16 {
    match (version, kind) {
        (Version::Ipfix, Kind::Data) => 2,
        (Version::Ipfix, Kind::Options { .. }) => 3,
        (_, Kind::Data) => 0,
        (_, Kind::Options { .. }) => 1,
    }
}

/// Returns a Template Record.
#[must_use]
pub fn template(version: Version, template: &Template) -> Vec<u8> {
    let mut octets = template.id.to_be_bytes().to_vec();
    let fields = template.fields.len();
    match (version, template.kind) {
        (Version::Ipfix, Kind::Options { scopes }) => {
            octets.extend(length(fields));
            octets.extend(length(scopes));
        }
        (_, Kind::Options { scopes }) => {
            octets.extend(length(scopes * 4));
            octets.extend(length((fields - scopes) * 4));
        }
        (_, Kind::Data) => octets.extend(length(fields)),
    }
    for field in &template.fields {
        octets.extend(specifier(*field));
    }
    octets
}

/// Returns a withdrawal of `id` [RFC 7011 §8.1].
#[must_use]
pub fn withdrawal(id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    vec![high, low, 0, 0]
}

fn specifier(field: FieldSpecifier) -> Vec<u8> {
    let enterprise_bit = if field.pen.is_some() { 0x8000 } else { 0 };
    let mut octets = (field.id | enterprise_bit).to_be_bytes().to_vec();
    octets.extend(field.length.to_be_bytes());
    if let Some(pen) = field.pen {
        octets.extend(pen.to_be_bytes());
    }
    octets
}

fn length(octets: usize) -> [u8; 2] {
    u16::try_from(octets).unwrap_or(u16::MAX).to_be_bytes()
}
