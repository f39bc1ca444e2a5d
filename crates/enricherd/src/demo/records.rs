//! A collector's view of Messages: addresses and AS numbers of each Data Record.
//!
//! Reads what the example has: Templates of fixed-length fields, and NetFlow v5.
//!
//! Not here: sockets, names, text (`demo`).
//! Bound: the example, which this program brings along.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mediator::Version;
use mediator::wire::header::{self, Header};
use mediator::wire::octets::{u32_at, u128_at, uint_at};
use mediator::wire::set::{SetKind, read_sets};
use mediator::wire::template::{TemplateKind, TemplateRecord, TemplateRecords};

const V5_RECORD_OCTETS: usize = 48;

/// One Data Record, as far as the demonstration shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) version: Version,
    pub(super) source: Side,
    pub(super) destination: Side,
}

/// An address and its AS number; `None` where there is no field for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) address: Option<IpAddr>,
    pub(super) asn: Option<u64>,
}

impl Record {
    /// Whether another record is about the same traffic.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        self.version == other.version
            && self.source.address == other.source.address
            && self.destination.address == other.destination.address
    }
}

/// Reads Messages of many sessions.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// Field types and lengths by session, domain and Template ID.
    templates: HashMap<(SocketAddr, u32, u16), Vec<(u16, usize)>>,
}

impl Reader {
    /// Adds the records of a Message that came from `session` to `records`.
    pub(super) fn read(&mut self, session: SocketAddr, octets: &[u8], records: &mut Vec<Record>) {
        match header::version(octets) {
            Some(Version::V5) => records.extend(v5_records(octets)),
            Some(version) => self.read_sets(session, version, octets, records),
            None => {}
        }
    }

    fn read_sets(
        &mut self,
        session: SocketAddr,
        version: Version,
        octets: &[u8],
        records: &mut Vec<Record>,
    ) {
        let Some(header) = Header::read(version, octets) else {
            return;
        };
        let mut sets = Vec::new();
        if read_sets(&header, octets, &mut sets).is_err() {
            return;
        }
        for set in &sets {
            let content = octets.get(set.content()).unwrap_or_default();
            match set.kind(version) {
                SetKind::Template => self.learn(session, &header, content),
                SetKind::Data => {
                    let key = (session, header.domain, set.id);
                    if let Some(fields) = self.templates.get(&key) {
                        records.extend(data_records(version, fields, content));
                    }
                }
                _ => {}
            }
        }
    }

    fn learn(&mut self, session: SocketAddr, header: &Header, content: &[u8]) {
        let records = TemplateRecords::new(header.version, TemplateKind::Flow, content);
        for record in records.flatten() {
            if let TemplateRecord::Definition(definition) = record {
                let fields = definition.fields();
                let fields = fields.map(|field| (field.element, usize::from(field.octets)));
                let key = (session, header.domain, definition.id());
                self.templates.insert(key, fields.collect());
            }
        }
    }
}

fn data_records<'a>(
    version: Version,
    fields: &'a [(u16, usize)],
    content: &'a [u8],
) -> impl Iterator<Item = Record> + 'a {
    let record_octets: usize = fields.iter().map(|(_, octets)| octets).sum();
    content
        .chunks_exact(record_octets.max(1))
        .map(move |octets| data_record(version, fields, octets))
}

fn data_record(version: Version, fields: &[(u16, usize)], octets: &[u8]) -> Record {
    let mut record = Record {
        version,
        source: Side::default(),
        destination: Side::default(),
    };
    let mut offset = 0;
    for (element, width) in fields {
        let v4 = || u32_at(octets, offset).map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits)));
        let v6 = || u128_at(octets, offset).map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)));
        match element {
            8 => record.source.address = v4(),
            12 => record.destination.address = v4(),
            16 => record.source.asn = uint_at(octets, offset, *width),
            17 => record.destination.asn = uint_at(octets, offset, *width),
            27 => record.source.address = v6(),
            28 => record.destination.address = v6(),
            _ => {}
        }
        offset += width;
    }
    record
}

/// A v5 record has its addresses first and its AS numbers, of two octets, at 40 and 42.
fn v5_records(octets: &[u8]) -> impl Iterator<Item = Record> + '_ {
    let records = octets
        .get(Version::V5.header_octets()..)
        .unwrap_or_default();
    records.chunks_exact(V5_RECORD_OCTETS).map(|record| {
        let side = |address_at, asn_at| Side {
            address: u32_at(record, address_at).map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
            asn: uint_at(record, asn_at, 2),
        };
        Record {
            version: Version::V5,
            source: side(0, 40),
            destination: side(4, 42),
        }
    })
}
