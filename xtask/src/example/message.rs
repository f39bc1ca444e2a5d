//! Messages of three protocols, written out: NetFlow v5, NetFlow v9 [RFC 3954], IPFIX [RFC 7011].
//!
//! Only what the example needs: fixed-length fields, no options, no padding but v9's.

use std::net::{IpAddr, Ipv4Addr};

/// 2026-01-01T00:00:00Z.
pub(super) const EXPORT_TIME_S: u32 = 1_767_225_600;

const UP_TIME_MS: u32 = 3_600_000;
const DOMAIN: u32 = 1;
const V9_TEMPLATE_SET_ID: u16 = 0;
const IPFIX_TEMPLATE_SET_ID: u16 = 2;

/// One field of a Template.
pub(super) struct FieldSpecifier {
    /// Information Element of IANA's registry.
    pub(super) element: u16,
    pub(super) octets: u16,
}

/// A Template with a fixed record length.
pub(super) struct Template {
    pub(super) id: u16,
    pub(super) fields: &'static [FieldSpecifier],
}

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

/// Returns a NetFlow v9 Message; `sequence` numbers the Messages.
pub(super) fn v9(sequence: u32, templates: &[Template], data: &[DataSet<'_>]) -> Vec<u8> {
    let records = data.iter().map(|(_, flows)| flows.len()).sum::<usize>() + templates.len();
    let mut message = Vec::new();
    message.extend(9_u16.to_be_bytes());
    message.extend(length(records));
    message.extend(UP_TIME_MS.to_be_bytes());
    message.extend(EXPORT_TIME_S.to_be_bytes());
    message.extend(sequence.to_be_bytes());
    message.extend(DOMAIN.to_be_bytes());
    message.extend(sets(V9_TEMPLATE_SET_ID, templates, data, 4));
    message
}

/// Returns an IPFIX Message; `sequence` counts the Data Records sent before it.
pub(super) fn ipfix(sequence: u32, templates: &[Template], data: &[DataSet<'_>]) -> Vec<u8> {
    let sets = sets(IPFIX_TEMPLATE_SET_ID, templates, data, 1);
    let mut message = Vec::new();
    message.extend(10_u16.to_be_bytes());
    message.extend(length(16 + sets.len()));
    message.extend(EXPORT_TIME_S.to_be_bytes());
    message.extend(sequence.to_be_bytes());
    message.extend(DOMAIN.to_be_bytes());
    message.extend(sets);
    message
}

/// Returns a NetFlow v5 Message; `sequence` counts the records sent before it.
pub(super) fn v5(sequence: u32, flows: &[Flow]) -> Vec<u8> {
    let mut message = Vec::new();
    message.extend(5_u16.to_be_bytes());
    message.extend(length(flows.len()));
    message.extend(UP_TIME_MS.to_be_bytes());
    message.extend(EXPORT_TIME_S.to_be_bytes());
    message.extend([0; 4]); // nanoseconds
    message.extend(sequence.to_be_bytes());
    message.extend([0; 4]); // engine, sampling
    for flow in flows {
        message.extend(v5_record(flow));
    }
    message
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

/// Returns one Data Record.
pub(super) fn data_record(template: &Template, flow: &Flow) -> Vec<u8> {
    let mut record = Vec::new();
    for field in template.fields {
        let value = flow.value(field.element).to_be_bytes();
        record.extend(&value[value.len() - usize::from(field.octets)..]);
    }
    record
}

fn sets(
    template_set_id: u16,
    templates: &[Template],
    data: &[DataSet<'_>],
    alignment: usize,
) -> Vec<u8> {
    let mut sets = Vec::new();
    if !templates.is_empty() {
        let records: Vec<u8> = templates.iter().flat_map(template_record).collect();
        sets.extend(set(template_set_id, records, alignment));
    }
    for (template, flows) in data {
        let records = flows.iter().flat_map(|flow| data_record(template, flow));
        sets.extend(set(template.id, records.collect(), alignment));
    }
    sets
}

fn template_record(template: &Template) -> Vec<u8> {
    let mut record = Vec::new();
    record.extend(template.id.to_be_bytes());
    record.extend(length(template.fields.len()));
    for field in template.fields {
        record.extend(field.element.to_be_bytes());
        record.extend(field.octets.to_be_bytes());
    }
    record
}

fn set(id: u16, mut records: Vec<u8>, alignment: usize) -> Vec<u8> {
    records.resize(records.len().next_multiple_of(alignment), 0);
    let mut set = Vec::new();
    set.extend(id.to_be_bytes());
    set.extend(length(4 + records.len()));
    set.extend(records);
    set
}

/// A length or count as it stands on the wire.
fn length(count: usize) -> [u8; 2] {
    u16::try_from(count)
        .expect("invariant: the example is small")
        .to_be_bytes()
}
