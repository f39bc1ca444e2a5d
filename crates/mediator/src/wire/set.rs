//! The Sets of one Message [RFC 7011 §3.3, RFC 3954 §5.2].
//!
//! A Message is accepted as a whole or not at all: where one Set Length contradicts the Message,
//! nobody can say where the next Set begins, and half a Message is worse than an untouched one.
//!
//! Not here: what is inside a Set.
//! Bound: a datagram has at most 65,535 octets and a Set at least four.

use alloc::vec::Vec;
use core::ops::Range;

use super::header::Header;
use super::octets::u16_at;
use super::{DATA_SET_ID_MIN, IPFIX_HEADER_OCTETS, SET_HEADER_OCTETS};
use crate::Version;

/// One Set of a Message, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set {
    /// Set ID.
    pub id: u16,
    /// Offset of the Set Header from the first octet of the Message.
    pub start: usize,
    /// Offset behind the Set; `start + 4 <= end <= message octets`.
    pub end: usize,
}

/// What a Set ID says about the Set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetKind {
    /// Template Records.
    Template,
    /// Options Template Records.
    OptionsTemplate,
    /// Data Records.
    Data,
    /// Neither [RFC 7011 §3.3.2].
    Reserved,
}

impl Set {
    /// What the Set holds.
    #[must_use]
    pub const fn kind(&self, version: Version) -> SetKind {
        if self.id >= DATA_SET_ID_MIN {
            SetKind::Data
        } else if self.id == version.template_set_id() {
            SetKind::Template
        } else if self.id == version.options_template_set_id() {
            SetKind::OptionsTemplate
        } else {
            SetKind::Reserved
        }
    }

    /// The octets behind the Set Header, padding included.
    #[must_use]
    pub const fn content(&self) -> Range<usize> {
        self.start.saturating_add(SET_HEADER_OCTETS)..self.end
    }
}

/// Why a Message is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MalformedKind {
    /// IPFIX Length is below its header or above the datagram [RFC 7011 §3.1].
    MessageLength,
    /// The datagram ends inside the Message Header, or a v5 count promises more than it holds.
    MessageTruncated,
    /// Set Length passes the end of the Message.
    SetOverrun,
    /// Set Length is below the 4-octet Set Header.
    SetTooShort,
}

/// A Message that contradicts itself, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Octets from the first octet of the Message.
    pub offset: usize,
    /// What is wrong there.
    pub kind: MalformedKind,
}

/// The extent of one Message within its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Octets from the header to the end of the last Set.
    pub sets_end: usize,
    /// Octets that belong to the Message by its own header; what follows is another Message's.
    pub message_end: usize,
}

/// Lists the Sets of the Message at the start of `octets` in `sets`, which is emptied first.
///
/// Zero octets behind the last Set are padding of the datagram, not a Set.
///
/// # Errors
/// [`Malformed`] where a length contradicts the octets.
pub fn read_sets(header: &Header, octets: &[u8], sets: &mut Vec<Set>) -> Result<Extent, Malformed> {
    sets.clear();
    let message_end = message_end(header, octets)?;
    let message = octets.get(..message_end).unwrap_or_default();
    let mut offset = header.version.header_octets();
    while offset < message_end {
        let rest = message.get(offset..).unwrap_or_default();
        let malformed = |kind| Malformed { offset, kind };
        let id = u16_at(rest, 0).unwrap_or_default();
        let length = u16_at(rest, 2).map_or(0, usize::from);
        if length < SET_HEADER_OCTETS {
            if rest.iter().all(|octet| *octet == 0) {
                break;
            }
            return Err(malformed(MalformedKind::SetTooShort));
        }
        if length > rest.len() {
            return Err(malformed(MalformedKind::SetOverrun));
        }
        let end = offset.saturating_add(length);
        sets.push(Set {
            id,
            start: offset,
            end,
        });
        offset = end;
    }
    Ok(Extent {
        sets_end: offset.min(message_end),
        message_end,
    })
}

fn message_end(header: &Header, octets: &[u8]) -> Result<usize, Malformed> {
    if header.version != Version::Ipfix {
        return Ok(octets.len());
    }
    let length = usize::from(header.count_or_length);
    if length < IPFIX_HEADER_OCTETS || length > octets.len() {
        return Err(Malformed {
            offset: 2,
            kind: MalformedKind::MessageLength,
        });
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    /// A v9 Message with this content behind its header.
    fn v9(content: &[u8]) -> Vec<u8> {
        [&[0, 9, 0, 1][..], &[0; 16], content].concat()
    }

    fn ipfix(length: u8, content: &[u8]) -> Vec<u8> {
        [&[0, 10, 0, length][..], &[0; 12], content].concat()
    }

    /// Set IDs with the places of their contents.
    type Places = Vec<(u16, Range<usize>)>;

    fn read(octets: &[u8]) -> Result<(Places, Extent), Malformed> {
        let version = super::super::header::version(octets).unwrap();
        let header = Header::read(version, octets).unwrap();
        let mut sets = vec![];
        let extent = read_sets(&header, octets, &mut sets)?;
        let places = sets.iter().map(|set| (set.id, set.content()));
        Ok((places.collect(), extent))
    }

    #[test]
    fn sets_lie_where_their_lengths_say() {
        let octets = v9(&[0, 0, 0, 4, 1, 0, 0, 5, 7, 1, 1, 0, 6, 8, 9]);
        let (sets, extent) = read(&octets).unwrap();
        assert_eq!(sets, [(0, 24..24), (256, 28..29), (257, 33..35)]);
        assert_eq!((extent.sets_end, extent.message_end), (35, 35));
    }

    #[test]
    fn zeros_behind_the_sets_are_no_set() {
        let set = [1, 0, 0, 5, 7];
        for tail in [&[][..], &[0; 3], &[0; 4], &[0; 1300]] {
            let octets = v9(&[&set, tail].concat());
            let (sets, extent) = read(&octets).unwrap();
            assert_eq!(sets.len(), 1);
            assert_eq!((extent.sets_end, extent.message_end), (25, octets.len()));
        }
    }

    #[test]
    fn an_ipfix_message_ends_where_its_length_says() {
        let octets = ipfix(21, &[1, 0, 0, 5, 7, 0, 10, 0, 16]);
        let (sets, extent) = read(&octets).unwrap();
        assert_eq!(sets, [(256, 20..21)]);
        assert_eq!((extent.sets_end, extent.message_end), (21, 21));
    }

    #[test]
    fn lengths_that_contradict_the_octets_are_named_with_their_place() {
        use MalformedKind::{MessageLength, SetOverrun, SetTooShort};
        let rows = [
            (v9(&[1, 0, 0, 3]), 20, SetTooShort),
            (v9(&[1, 0, 0, 5, 7, 0, 0, 1]), 25, SetTooShort),
            (v9(&[1, 0, 0, 0, 1, 0, 0, 4]), 20, SetTooShort),
            (v9(&[1, 0, 0, 5, 7, 1, 0, 0, 5]), 25, SetOverrun),
            (ipfix(20, &[1, 0, 0, 5, 7]), 16, SetOverrun),
            (ipfix(15, &[]), 2, MessageLength),
            (ipfix(17, &[]), 2, MessageLength),
        ];
        for (octets, offset, kind) in rows {
            assert_eq!(read(&octets), Err(Malformed { offset, kind }));
        }
    }

    #[test]
    fn a_set_id_says_what_the_set_holds() {
        let kind = |id, version| {
            Set {
                id,
                start: 0,
                end: 4,
            }
            .kind(version)
        };
        let rows = [
            (0, SetKind::Template, SetKind::Reserved),
            (1, SetKind::OptionsTemplate, SetKind::Reserved),
            (2, SetKind::Reserved, SetKind::Template),
            (3, SetKind::Reserved, SetKind::OptionsTemplate),
            (255, SetKind::Reserved, SetKind::Reserved),
            (256, SetKind::Data, SetKind::Data),
            (65535, SetKind::Data, SetKind::Data),
        ];
        for (id, of_v9, of_ipfix) in rows {
            assert_eq!(kind(id, Version::V9), of_v9, "v9 {id}");
            assert_eq!(kind(id, Version::Ipfix), of_ipfix, "IPFIX {id}");
        }
    }
}
