//! What the exporters of the example say, written out as octets by the model Exporter of `lab`.
//!
//! Only what the example needs: fixed-length fields, no options, no padding but v9's.
//!
//! Not here: how a Message looks on the wire (`lab::exporter::encode`).

use std::net::{IpAddr, Ipv4Addr};

use lab::exporter::encode::{self, Numbers};
use lab::framing::Version;
use lab::template::{Kind, Template};

/// 2026-01-01T00:00:00Z.
pub(super) const EXPORT_TIME_S: u32 = 1_767_225_600;

const UP_TIME_MS: u32 = 3_600_000;
const DOMAIN: u32 = 1;
/// What a Data Record tells.
#[derive(Clone, Copy)]
pub(super) struct Flow {
    source: IpAddr,
    destination: IpAddr,
    source_port: u16,
    destination_port: u16,
    octets: u32,
    datagrams: u32,
}

/// A Set of Data Records: all of one Template.
pub(super) type DataSet<'a> = (&'a Template, &'a [Flow]);

impl Flow {
    /// A question to a resolver.
    pub(super) fn new(source: IpAddr, destination: IpAddr) -> Self {
        Self {
            source,
            destination,
            source_port: 40_053,
            destination_port: 53,
            octets: 640,
            datagrams: 10,
        }
    }

    /// The answer.
    pub(super) fn reversed(self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            source_port: self.destination_port,
            destination_port: self.source_port,
            octets: 2 * self.octets,
            datagrams: self.datagrams,
        }
    }

    /// The value of an Information Element; AS numbers are what this exporter does not know.
    fn value(&self, element: u16) -> u128 {
        match element {
            1 => self.octets.into(),
            2 => self.datagrams.into(),
            4 => 17,
            7 => self.source_port.into(),
            8 | 27 => bits(self.source),
            11 => self.destination_port.into(),
            12 | 28 => bits(self.destination),
            _ => 0,
        }
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Returns a Message; `sequence` numbers the Messages of v9 and the records before it of others.
pub(super) fn message(
    version: Version,
    sequence: u32,
    templates: &[&Template],
    data: &[DataSet<'_>],
) -> Vec<u8> {
    let records_count: usize = data.iter().map(|(_, flows)| flows.len()).sum();
    let numbers = Numbers {
        count: u16::try_from(templates.len() + records_count)
            .expect("invariant: the example is small"),
        up_time_ms: UP_TIME_MS,
        export_time_s: EXPORT_TIME_S,
        sequence,
        domain: DOMAIN,
    };
    encode::message(version, numbers, &sets(version, templates, data))
}

/// Returns the Template Set, if there is something to announce, and the Data Sets.
fn sets(version: Version, templates: &[&Template], data: &[DataSet<'_>]) -> Vec<Vec<u8>> {
    let mut sets = Vec::new();
    if !templates.is_empty() {
        let records = templates.iter().map(|one| encode::template(version, one));
        let id = encode::template_set_id(version, Kind::Data);
        sets.push(set(version, id, &records.collect::<Vec<_>>().concat()));
    }
    for (template, flows) in data {
        let records = flows.iter().map(|flow| data_record(template, flow));
        sets.push(set(
            version,
            template.id,
            &records.collect::<Vec<_>>().concat(),
        ));
    }
    sets
}

/// A v9 Set ends at a multiple of four octets [RFC 3954 §5.3].
fn set(version: Version, id: u16, records: &[u8]) -> Vec<u8> {
    let alignment = if version == Version::V9 { 4 } else { 1 };
    let padding = records.len().next_multiple_of(alignment) - records.len();
    encode::set(id, records, &[0; 3][..padding])
}

/// Returns one Data Record.
pub(super) fn data_record(template: &Template, flow: &Flow) -> Vec<u8> {
    let mut record = Vec::new();
    for field in &template.fields {
        let value = flow.value(field.id).to_be_bytes();
        record.extend(&value[value.len() - usize::from(field.length)..]);
    }
    record
}

/// Returns a NetFlow v5 Message; `sequence` counts the records before it.
pub(super) fn v5(sequence: u32, flows: &[Flow]) -> Vec<u8> {
    let numbers = Numbers {
        count: u16::try_from(flows.len()).expect("invariant: the example is small"),
        up_time_ms: UP_TIME_MS,
        export_time_s: EXPORT_TIME_S,
        sequence,
        domain: 0,
    };
    let records: Vec<_> = flows.iter().map(v5_record).collect();
    encode::message(Version::V5, numbers, &records)
}

fn v5_record(flow: &Flow) -> Vec<u8> {
    let address = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets(),
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED.octets(),
    };
    let mut record = Vec::new();
    record.extend(address(flow.source));
    record.extend(address(flow.destination));
    record.extend([0; 8]); // next hop, interfaces
    record.extend(flow.datagrams.to_be_bytes());
    record.extend(flow.octets.to_be_bytes());
    record.extend((UP_TIME_MS - 60_000).to_be_bytes());
    record.extend(UP_TIME_MS.to_be_bytes());
    record.extend(flow.source_port.to_be_bytes());
    record.extend(flow.destination_port.to_be_bytes());
    record.extend([0, 0, 17, 0]); // padding, TCP flags, UDP, type of service
    record.extend([0; 8]); // two AS numbers, two prefix lengths, padding
    record
}
