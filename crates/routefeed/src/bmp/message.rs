//! Messages of BMP [RFC 7854 §4].
//!
//! Not here: what they change (`station`).
//! Bound: what is read borrows the message.

use std::net::{IpAddr, Ipv4Addr};

use asdb::Asn;

use super::MESSAGE_OCTETS_MAX;
use crate::cursor::{Cursor, Cut};
use crate::rib::View;

/// Why a connection cannot go on: where the next message begins is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamFault {
    /// A length that no message has.
    #[error("a BMP message of {octets_count} octets; 6 to {MESSAGE_OCTETS_MAX} are possible")]
    Length {
        /// The length.
        octets_count: u32,
    },
    /// Another version, or another protocol.
    #[error("BMP version {found}; only version 3 is spoken here")]
    Version {
        /// What was found.
        found: u8,
    },
}

/// A message cannot be read; the next one can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a BMP message that contradicts its length at octet {offset}")]
pub struct Misread {
    /// Where.
    pub offset: u64,
}

impl From<Cut> for Misread {
    fn from(cut: Cut) -> Self {
        Self { offset: cut.offset }
    }
}

/// Octets before a message's content: version, length, type.
const HEADER_OCTETS: usize = 6;

/// Whose routes or numbers a message tells [RFC 7854 §4.2].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerHeader {
    /// 0: global, 1: of an RD, 2: local, 3: the router's own table.
    pub kind: u8,
    /// Tells VRFs apart; 0: none.
    pub distinguisher: u64,
    /// The peer's address; for the router's own table all zeros.
    pub address: IpAddr,
    /// The peer's AS.
    pub asn: Asn,
    /// Which of the router's tables; `None`: what it tells others [RFC 8671].
    pub view: Option<View>,
    /// Whether AS numbers of paths have two octets.
    pub has_narrow_asns: bool,
}

/// A message.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// An UPDATE, header and all.
    RouteMonitoring(PeerHeader, &'a [u8]),
    /// Numbers, by their type.
    Statistics(PeerHeader, Statistics<'a>),
    /// A session of the router is over.
    PeerDown {
        /// Whose.
        peer: PeerHeader,
        /// Why: 1 to 6.
        reason: u8,
    },
    /// A session of the router is up.
    PeerUp {
        /// Whose.
        peer: PeerHeader,
        /// The OPEN that the router sent, and the one it received, header and all.
        opens: [&'a [u8]; 2],
    },
    /// Who the router is.
    Initiation(Texts<'a>),
    /// Why the router goes.
    Termination {
        /// Why, if it says so.
        reason: Option<u16>,
    },
    /// Octets as a peer sent them, for people.
    RouteMirroring,
    /// One of a type that we do not know.
    Unknown,
}

/// Texts of an Initiation.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a>(Cursor<'a>);

/// Numbers of a Statistics Report.
#[derive(Clone, Copy, Debug)]
pub struct Statistics<'a>(Cursor<'a>);

/// One message of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Its type.
    pub kind: u8,
    /// What stands behind its header.
    pub content: &'a [u8],
    /// Octets of the whole.
    pub octets: usize,
}

/// Returns the message at the front; `None` if it is not whole yet.
///
/// # Errors
/// The stream is none of BMP version 3.
pub fn first(octets: &[u8]) -> Result<Option<Frame<'_>>, StreamFault> {
    let [version, rest @ ..] = octets else {
        return Ok(None);
    };
    if *version != 3 {
        return Err(StreamFault::Version { found: *version });
    }
    let [a, b, c, d, kind, ..] = *rest else {
        return Ok(None);
    };
    let octets_count = u32::from_be_bytes([a, b, c, d]);
    let length = usize::try_from(octets_count).unwrap_or(usize::MAX);
    if !(HEADER_OCTETS..=MESSAGE_OCTETS_MAX).contains(&length) {
        return Err(StreamFault::Length { octets_count });
    }
    let content = octets.get(HEADER_OCTETS..length);
    Ok(content.map(|content| Frame {
        kind,
        content,
        octets: length,
    }))
}

impl<'a> Message<'a> {
    /// Reads a message of a type.
    ///
    /// # Errors
    /// A length inside it passes its end.
    pub fn read(kind: u8, content: &'a [u8]) -> Result<Self, Misread> {
        let mut cursor = Cursor::new(content, HEADER_OCTETS as u64);
        Ok(match kind {
            0 => Self::RouteMonitoring(PeerHeader::read(&mut cursor)?, cursor.rest()),
            1 => {
                let peer = PeerHeader::read(&mut cursor)?;
                cursor.u32()?;
                Self::Statistics(peer, Statistics(cursor))
            }
            2 => Self::PeerDown {
                peer: PeerHeader::read(&mut cursor)?,
                reason: cursor.u8()?,
            },
            3 => {
                let peer = PeerHeader::read(&mut cursor)?;
                // The local address and both ports.
                cursor.part(20)?;
                let opens = [open(&mut cursor)?, open(&mut cursor)?];
                Self::PeerUp { peer, opens }
            }
            4 => Self::Initiation(Texts(cursor)),
            5 => {
                let mut reason = None;
                while !cursor.is_empty() {
                    let (kind, mut value) = element(&mut cursor)?;
                    if kind == 1 {
                        reason = Some(value.u16()?);
                    }
                }
                Self::Termination { reason }
            }
            6 => Self::RouteMirroring,
            _ => Self::Unknown,
        })
    }
}

/// Returns the next BGP message, header and all.
fn open<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Misread> {
    let mut header = *cursor;
    header.part(16)?;
    let octets_count = usize::from(header.u16()?);
    Ok(cursor.part(octets_count)?.rest())
}

/// Returns the type and the value of the next element.
fn element<'a>(cursor: &mut Cursor<'a>) -> Result<(u16, Cursor<'a>), Cut> {
    let kind = cursor.u16()?;
    let octets_count = cursor.u16()?;
    Ok((kind, cursor.part(usize::from(octets_count))?))
}

impl PeerHeader {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Cut> {
        let (kind, flags) = (cursor.u8()?, cursor.u8()?);
        let distinguisher = u64::from_be_bytes(cursor.array()?);
        let octets: [u8; 16] = cursor.array()?;
        let asn = Asn(cursor.u32()?);
        // The BGP Identifier and the time.
        cursor.part(12)?;
        let [.., a, b, c, d] = octets;
        let is_own_table = kind == 3;
        let is_ipv6 = flags & 0x80 != 0 && !is_own_table;
        let address = if is_ipv6 {
            IpAddr::from(octets)
        } else {
            Ipv4Addr::new(a, b, c, d).into()
        };
        let view = if is_own_table {
            Some(View::LocRib)
        } else if flags & 0x10 != 0 {
            None
        } else if flags & 0x40 != 0 {
            Some(View::PostPolicy)
        } else {
            Some(View::PrePolicy)
        };
        Ok(Self {
            kind,
            distinguisher,
            address,
            asn,
            view,
            has_narrow_asns: flags & 0x20 != 0 && !is_own_table,
        })
    }
}

impl<'a> Texts<'a> {
    /// Returns the name and the description of the router.
    #[must_use]
    pub fn name_and_description(self) -> (Option<String>, Option<String>) {
        let (mut name, mut description) = (None, None);
        let mut rest = self.0;
        while let Ok((kind, value)) = element(&mut rest) {
            let text = || Some(printable(value.rest()));
            match kind {
                1 => description = text(),
                2 => name = text(),
                _ => {}
            }
        }
        (name, description)
    }
}

/// Returns text of a router without what a terminal would obey, and not too much of it.
fn printable(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    let shown = text.chars().filter(|character| !character.is_control());
    shown.take(128).collect()
}

impl Statistics<'_> {
    /// Returns each number with its type; those of one address family have none.
    pub fn numbers(self) -> impl Iterator<Item = (u16, u64)> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            while let Ok((kind, mut value)) = element(&mut rest) {
                let octets = value.rest().len();
                let number = match octets {
                    4 => value.u32().map(u64::from),
                    8 => value.array().map(u64::from_be_bytes),
                    _ => continue,
                };
                return Some((kind, number.ok()?));
            }
            None
        })
    }
}

/// Returns what the reason of a Peer Down means [RFC 7854 §4.9, RFC 9069 §5.3].
#[must_use]
pub const fn peer_down_text(reason: u8) -> &'static str {
    match reason {
        1 => "the router closed the session with a NOTIFICATION",
        2 => "the router closed the session",
        3 => "the peer closed the session with a NOTIFICATION",
        4 => "the peer closed the session",
        5 => "the router shows this peer no more",
        6 => "the router shows its own table no more",
        _ => "for an unknown reason",
    }
}

/// Returns what the reason of a Termination means [RFC 7854 §4.5].
#[must_use]
pub const fn termination_text(reason: Option<u16>) -> &'static str {
    match reason {
        Some(0) => "the router's operator ended it",
        Some(1) => "the router gave no reason",
        Some(2) => "the router is out of resources",
        Some(3) => "the router has another connection to us",
        Some(4) => "the router's operator ended it for ever",
        _ => "the router ended it",
    }
}
