//! Drafts become Messages: a header with a true count, length and number before each part.
//!
//! Not here: where a draft is cut (`draft`), which number is whose (`sequence`).

use super::draft::{Cursor, Draft, SetPart};
use super::sequence::Numbers;
use crate::Version;
use crate::egress::{Egress, Route};
use crate::wire::header::{Header, Stamp};

/// What all Messages of one draft have in common.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// The header of the received Message.
    pub header: &'a Header,
    /// Its octets: what is not numbered stays as it came.
    pub came: &'a [u8],
    /// Where the Messages go.
    pub route: Route,
    /// The domain that the Messages name.
    pub domain: u32,
    /// Largest UDP payload in octets.
    pub octets_max: usize,
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Messages.
    pub messages: u32,
    /// Octets of UDP payload.
    pub octets: u64,
    /// Messages above the size limit, because one unit alone is.
    pub oversize: u32,
    /// Data Records.
    pub data_records: u32,
}

/// Sends a draft in as few Messages as fit.
///
/// The first one has the number `first`; a v9 Message behind it takes a further number from
/// `numbers`, an IPFIX Message counts the Data Records before it.
pub fn send(
    draft: &Draft,
    envelope: &Envelope<'_>,
    first: u32,
    numbers: &mut Numbers,
    egress: &mut Egress,
) -> Sent {
    let version = envelope.header.version;
    let room = envelope.octets_max.saturating_sub(version.header_octets());
    let mut sent = Sent::default();
    let mut from = Cursor::default();
    while !draft.is_end(from) {
        let to = draft.cut(from, room);
        let number = match version {
            Version::Ipfix => first.wrapping_add(sent.data_records),
            _ if sent.messages == 0 => first,
            _ => numbers.extra(),
        };
        let part = send_part(draft, from, to, envelope, number, egress);
        sent.messages = sent.messages.saturating_add(1);
        sent.octets = sent
            .octets
            .saturating_add(u64::try_from(part.octets).unwrap_or(0));
        sent.data_records = sent.data_records.wrapping_add(part.data_records);
        if part.octets > envelope.octets_max {
            sent.oversize = sent.oversize.saturating_add(1);
        }
        from = to;
    }
    sent
}

struct Part {
    octets: usize,
    data_records: u32,
}

fn send_part(
    draft: &Draft,
    from: Cursor,
    to: Cursor,
    envelope: &Envelope<'_>,
    number: u32,
    egress: &mut Egress,
) -> Part {
    let version = envelope.header.version;
    let mut records = 0_usize;
    let mut data_records = 0_usize;
    let mut octets = version.header_octets();
    let building = egress.building();
    let start = building.len();
    for set in draft.sets(from, to) {
        records = records.saturating_add(set.records_count);
        if set.counts == super::draft::Counts::Data {
            data_records = data_records.saturating_add(set.records_count);
        }
        write_set(&set, building);
    }
    octets = octets.saturating_add(building.len().saturating_sub(start));
    let count_or_length = match version {
        Version::Ipfix => octets,
        _ => records,
    };
    let count_or_length = u16::try_from(count_or_length).unwrap_or(u16::MAX);
    let stamp = Stamp {
        count_or_length,
        sequence: number,
        domain: envelope.domain,
    };
    let header = envelope.header.written(envelope.came, stamp);
    egress.send_from(envelope.route, header.as_ref(), start);
    Part {
        octets,
        data_records: u32::try_from(data_records).unwrap_or(u32::MAX),
    }
}

fn write_set(set: &SetPart<'_>, to: &mut alloc::vec::Vec<u8>) {
    const ZEROS: [u8; 3] = [0; 3];
    let octets = set
        .content
        .len()
        .saturating_add(set.padding_octets)
        .saturating_add(crate::wire::SET_HEADER_OCTETS);
    to.extend_from_slice(&set.set_id.to_be_bytes());
    to.extend_from_slice(&u16::try_from(octets).unwrap_or(u16::MAX).to_be_bytes());
    to.extend_from_slice(set.content);
    to.extend_from_slice(ZEROS.get(..set.padding_octets).unwrap_or_default());
}
