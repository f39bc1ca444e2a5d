//! From a datagram to Messages, from a Message to its header and its Sets.
//!
//! The layer that knows where things start and end: the headers of NetFlow v5, NetFlow v9
//! [RFC 3954 §5.1] and IPFIX [RFC 7011 §3.1], and Set Lengths [RFC 7011 §3.3.2]. A Message whose
//! lengths contradict each other is not framed: none of its Sets is offered to anybody.
//!
//! Not here: what the Sets hold (`collector`).
//! Bound: borrows the datagram; one entry of 32 bytes for each Set, which has 4 octets at least.

use crate::octets::{Cursor, all_zero};
use std::ops::Range;

/// The export protocol of a Message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// NetFlow version 5.
    V5,
    /// NetFlow version 9.
    V9,
    /// IPFIX: version 10.
    Ipfix,
}

impl Version {
    /// The version that the first two octets of a Message name.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        match number {
            5 => Some(Self::V5),
            9 => Some(Self::V9),
            10 => Some(Self::Ipfix),
            _ => None,
        }
    }

    /// Octets of the Message header.
    #[must_use]
    pub fn header_octets(self) -> usize {
        match self {
            Self::V5 => 24,
            Self::V9 => 20,
            Self::Ipfix => 16,
        }
    }

    /// Where in the header the Sequence Number is; it has four octets.
    #[must_use]
    pub fn sequence_octets(self) -> Range<usize> {
        match self {
            Self::V5 => 16..20,
            Self::V9 => 12..16,
            Self::Ipfix => 8..12,
        }
    }
}

/// Octets of a v5 record.
pub const V5_RECORD_OCTETS: usize = 48;

/// A Message header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The protocol.
    pub version: Version,
    /// v5 and v9: the count; IPFIX: the Length.
    pub stated: u16,
    /// v5 and v9: milliseconds since the exporter started; 0 in IPFIX.
    pub up_time_ms: u32,
    /// Seconds since 1970 on the exporter's clock.
    pub export_time_s: u32,
    /// Messages (v9), Data Records (IPFIX) or records (v5) before this Message.
    pub sequence: u32,
    /// Observation Domain ID, v9 Source ID, v5 engine type and ID.
    pub domain: u32,
}

impl Header {
    /// Whether two Messages say that they were sent at the same time.
    #[must_use]
    pub fn same_times(&self, other: &Self) -> bool {
        self.up_time_ms == other.up_time_ms && self.export_time_s == other.export_time_s
    }
}

/// Why a Message is not what its numbers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// v5: the count does not fit the datagram, or is 0.
    Count,
    /// The datagram ends within the Message header.
    Header,
    /// The IPFIX Length is below 16 or above what arrived.
    Length,
    /// A Set Length passes the end of the Message.
    SetOverrun {
        /// Where the Set starts.
        offset: usize,
    },
    /// A Set Length is below 4, or less than a Set header is left, and it is no zero fill.
    SetTooShort {
        /// Where the Set starts.
        offset: usize,
    },
    /// The first two octets are no version that we know.
    Version,
}

/// A Set, as the Message frames it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FramedSet {
    /// The Set ID.
    pub id: u16,
    /// The octets behind the Set header, padding included, as offsets into the Message.
    pub body: Range<usize>,
}

/// A Message, taken apart.
#[derive(Clone, Debug)]
pub struct Framed<'a> {
    /// `None` if there is not even a header of a version that we know.
    pub header: Option<Header>,
    /// The octets of this Message alone.
    pub octets: &'a [u8],
    /// In order. Those before the fault, if there is one.
    pub sets: Vec<FramedSet>,
    /// Octets of zeros behind the last Set.
    pub zero_fill: usize,
    /// What is wrong.
    pub fault: Option<Fault>,
}

/// Returns the Messages of a datagram and the octets behind the last of them.
///
/// A datagram carries one Message; but exporters exist that send two IPFIX Messages in one, so
/// what lies behind the IPFIX Length is read as another if it looks like one.
#[must_use]
pub fn messages(datagram: &[u8]) -> (Vec<Framed<'_>>, &[u8]) {
    let mut found = Vec::new();
    let mut rest = datagram;
    loop {
        let octets = ipfix_extent(rest).map_or(rest, |length| &rest[..length]);
        found.push(frame(octets));
        rest = &rest[octets.len()..];
        if ipfix_extent(rest).is_none() {
            return (found, rest);
        }
    }
}

/// The Length of the IPFIX Message that starts here, if it is possible.
fn ipfix_extent(octets: &[u8]) -> Option<usize> {
    let mut cursor = Cursor::new(octets);
    let version = cursor.u16()?;
    let length = usize::from(cursor.u16()?);
    (version == 10 && (16..=octets.len()).contains(&length)).then_some(length)
}

fn frame(octets: &[u8]) -> Framed<'_> {
    let mut framed = Framed {
        header: None,
        octets,
        sets: Vec::new(),
        zero_fill: 0,
        fault: None,
    };
    match header(octets) {
        Err(fault) => framed.fault = Some(fault),
        Ok(header) => {
            framed.header = Some(header);
            framed.fault = match header.version {
                Version::V5 => v5_fault(header, octets),
                Version::V9 => frame_sets(&mut framed, 20),
                Version::Ipfix if usize::from(header.stated) != octets.len() => Some(Fault::Length),
                Version::Ipfix => frame_sets(&mut framed, 16),
            };
        }
    }
    framed
}

fn header(octets: &[u8]) -> Result<Header, Fault> {
    let number = Cursor::new(octets).u16().ok_or(Fault::Header)?;
    let version = Version::from_number(number).ok_or(Fault::Version)?;
    let mut cursor = Cursor::new(octets);
    let read = match version {
        Version::V5 => v5_header(&mut cursor),
        Version::V9 => v9_header(&mut cursor),
        Version::Ipfix => ipfix_header(&mut cursor),
    };
    read.ok_or(Fault::Header)
}

fn v5_header(cursor: &mut Cursor<'_>) -> Option<Header> {
    cursor.u16()?;
    let stated = cursor.u16()?;
    let up_time_ms = cursor.u32()?;
    let export_time_s = cursor.u32()?;
    cursor.u32()?;
    let sequence = cursor.u32()?;
    let domain = u32::from(cursor.u16()?);
    cursor.u16()?;
    Some(Header {
        version: Version::V5,
        stated,
        up_time_ms,
        export_time_s,
        sequence,
        domain,
    })
}

fn v9_header(cursor: &mut Cursor<'_>) -> Option<Header> {
    cursor.u16()?;
    Some(Header {
        version: Version::V9,
        stated: cursor.u16()?,
        up_time_ms: cursor.u32()?,
        export_time_s: cursor.u32()?,
        sequence: cursor.u32()?,
        domain: cursor.u32()?,
    })
}

fn ipfix_header(cursor: &mut Cursor<'_>) -> Option<Header> {
    cursor.u16()?;
    Some(Header {
        version: Version::Ipfix,
        stated: cursor.u16()?,
        up_time_ms: 0,
        export_time_s: cursor.u32()?,
        sequence: cursor.u32()?,
        domain: cursor.u32()?,
    })
}

fn v5_fault(header: Header, octets: &[u8]) -> Option<Fault> {
    let wanted = 24 + usize::from(header.stated) * V5_RECORD_OCTETS;
    (header.stated == 0 || wanted > octets.len()).then_some(Fault::Count)
}

fn frame_sets(framed: &mut Framed<'_>, start: usize) -> Option<Fault> {
    let mut offset = start;
    while offset < framed.octets.len() {
        let rest = &framed.octets[offset..];
        let mut cursor = Cursor::new(rest);
        let (id, length) = match (cursor.u16(), cursor.u16()) {
            (Some(id), Some(length)) if length >= 4 => (id, usize::from(length)),
            _ if all_zero(rest) => {
                framed.zero_fill = rest.len();
                return None;
            }
            _ => return Some(Fault::SetTooShort { offset }),
        };
        if length > rest.len() {
            return Some(Fault::SetOverrun { offset });
        }
        framed.sets.push(FramedSet {
            id,
            body: offset + 4..offset + length,
        });
        offset += length;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Fault, Version, messages};

    fn v9(sets: &[u8]) -> Vec<u8> {
        let mut message = vec![0, 9, 0, 1];
        message.extend([0; 16]);
        message.extend(sets);
        message
    }

    #[test]
    fn sets_are_found_by_their_lengths() {
        let cases: &[(&[u8], usize, usize, Option<Fault>)] = &[
            (&[], 0, 0, None),
            (&[1, 0, 0, 5, 7, 1, 0, 0, 4], 2, 0, None),
            (&[1, 0, 0, 4, 0, 0, 0, 0, 0, 0], 1, 6, None),
            (&[1, 0, 0, 4, 0, 0, 0], 1, 3, None),
            (
                &[1, 0, 0, 4, 0, 0, 0, 1],
                1,
                0,
                Some(Fault::SetTooShort { offset: 24 }),
            ),
            (
                &[1, 0, 0, 9, 1],
                0,
                0,
                Some(Fault::SetOverrun { offset: 20 }),
            ),
        ];
        for (sets, count, zero_fill, fault) in cases {
            let message = v9(sets);
            let (found, rest) = messages(&message);
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].sets.len(), *count, "{sets:?}");
            assert_eq!(found[0].zero_fill, *zero_fill, "{sets:?}");
            assert_eq!(found[0].fault, *fault, "{sets:?}");
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn a_datagram_may_hold_two_ipfix_messages_and_a_rest() {
        let mut datagram = Vec::new();
        for domain in [1, 2] {
            datagram.extend([0, 10, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, domain]);
        }
        datagram.extend([1, 2, 3]);
        let (found, rest) = messages(&datagram);
        let domains: Vec<_> = found
            .iter()
            .map(|message| message.header.unwrap().domain)
            .collect();
        assert_eq!(domains, [1, 2]);
        assert_eq!(rest, [1, 2, 3]);
    }

    #[test]
    fn every_prefix_of_a_message_is_framed_or_faulty() {
        let message = v9(&[1, 0, 0, 8, 1, 2, 3, 4, 1, 1, 0, 5, 9]);
        for end in 0..message.len() {
            let (found, _) = messages(&message[..end]);
            let whole = [20, 28].contains(&end);
            assert_eq!(found[0].fault.is_none(), whole, "{end}");
        }
    }

    #[test]
    fn a_version_we_do_not_know_has_no_header() {
        for datagram in [&[0, 8, 0, 1][..], &[0, 0], &[9]] {
            let (found, _) = messages(datagram);
            assert!(found[0].header.is_none());
            assert!(found[0].fault.is_some());
        }
        assert_eq!(Version::from_number(1), None);
    }
}
