//! Messages of the tests, by hand: one Template without AS numbers and one with both.

/// Which protocol a Message is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    V9,
    Ipfix,
}

/// The header of a Message, as far as tests vary it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) protocol: Protocol,
    pub(crate) domain: u32,
    /// v9 counts Messages, IPFIX Data Records.
    pub(crate) sequence: u32,
    /// When the exporter started, in seconds since 1970.
    pub(crate) boot_s: u32,
    /// How long it has been running since.
    pub(crate) uptime_s: u32,
}

impl Head {
    pub(crate) const fn new(protocol: Protocol, sequence: u32) -> Self {
        Self {
            protocol,
            domain: 7,
            sequence,
            boot_s: 1_700_000_000,
            uptime_s: 100,
        }
    }
}

/// The ID of the Template without AS fields, and of its clone.
pub(crate) const PLAIN: u16 = 256;
pub(crate) const PLAIN_CLONE: u16 = 65_535;
/// The ID of the Template with AS fields of 4 octets.
pub(crate) const WITH_AS: u16 = 257;

/// A Template Set with both Templates.
pub(crate) fn templates(head: Head) -> Vec<u8> {
    let addresses = [(8, 4), (12, 4), (1, 4)];
    let with_as = [(8, 4), (12, 4), (16, 4), (17, 4)];
    let records = [template(PLAIN, &addresses), template(WITH_AS, &with_as)].concat();
    let set_id = match head.protocol {
        Protocol::V9 => 0,
        Protocol::Ipfix => 2,
    };
    message(head, 2, &set(set_id, &records))
}

pub(crate) fn template(id: u16, fields: &[(u16, u16)]) -> Vec<u8> {
    let mut octets = id.to_be_bytes().to_vec();
    octets.extend(u16::try_from(fields.len()).unwrap().to_be_bytes());
    for (element, length) in fields {
        octets.extend(element.to_be_bytes());
        octets.extend(length.to_be_bytes());
    }
    octets
}

/// A record without AS numbers: 8.8.8.8 to 1.1.1.1, and a number to tell it by.
pub(crate) fn plain_record(number: u32) -> Vec<u8> {
    [[8, 8, 8, 8], [1, 1, 1, 1], number.to_be_bytes()].concat()
}

/// As [`plain_record`], with the AS numbers that are appended to it.
pub(crate) fn appended_record(number: u32) -> Vec<u8> {
    let appended = [15_169_u32.to_be_bytes(), 13_335_u32.to_be_bytes()];
    [plain_record(number), appended.concat()].concat()
}

/// A record with AS fields: 8.8.8.8 to 1.1.1.1 and these AS numbers.
pub(crate) fn record_with_as(source: u32, destination: u32) -> Vec<u8> {
    let fields = [source.to_be_bytes(), destination.to_be_bytes()];
    [vec![8, 8, 8, 8, 1, 1, 1, 1], fields.concat()].concat()
}

/// A Message of one Data Set with one record.
pub(crate) fn data(head: Head, set_id: u16, record: &[u8]) -> Vec<u8> {
    message(head, 1, &set(set_id, record))
}

pub(crate) fn set(id: u16, records: &[u8]) -> Vec<u8> {
    let length = u16::try_from(records.len() + 4).unwrap();
    [&id.to_be_bytes(), &length.to_be_bytes(), records].concat()
}

pub(crate) fn message(head: Head, records_count: u16, sets: &[u8]) -> Vec<u8> {
    let now_s = head.boot_s + head.uptime_s;
    let mut octets = Vec::new();
    match head.protocol {
        Protocol::V9 => {
            octets.extend(9_u16.to_be_bytes());
            octets.extend(records_count.to_be_bytes());
            octets.extend((head.uptime_s * 1000).to_be_bytes());
        }
        Protocol::Ipfix => {
            octets.extend(10_u16.to_be_bytes());
            octets.extend(u16::try_from(sets.len() + 16).unwrap().to_be_bytes());
        }
    }
    octets.extend(now_s.to_be_bytes());
    octets.extend(head.sequence.to_be_bytes());
    octets.extend(head.domain.to_be_bytes());
    octets.extend(sets);
    octets
}

/// The Data Sets of a Message that left: Set ID and what is behind the Set header.
pub(crate) fn data_sets(octets: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut rest = match octets {
        [0, 9, ..] => &octets[20..],
        [0, 10, ..] => &octets[16..],
        _ => &[],
    };
    let mut sets = Vec::new();
    while let [id_high, id_low, length_high, length_low, ..] = *rest {
        let id = u16::from_be_bytes([id_high, id_low]);
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        if id >= 256 {
            sets.push((id, rest[4..length].to_vec()));
        }
        rest = &rest[length..];
    }
    sets
}

/// The Observation Domain or Source ID that a Message names.
pub(crate) fn domain(octets: &[u8]) -> u32 {
    let at = if octets[1] == 9 { 16 } else { 12 };
    u32::from_be_bytes(octets[at..at + 4].try_into().unwrap())
}
