//! Dumps of routing tables as collectors and daemons write them: MRT [RFC 6396].
//!
//! TABLE_DUMP and TABLE_DUMP_V2 with its ADD-PATH subtypes [RFC 8050], unicast of both families.
//! Everything else in a dump is skipped and counted: multicast, generic tables, updates. A file
//! without any table is refused, for updates alone tell nothing of routes that did not change.
//!
//! A dump is read record by record and never held: a record is one prefix with the routes of all
//! peers, so their number costs time but no memory. Every length is checked, also of what is
//! skipped; the first fault refuses the dump with its place.
//!
//! Why not a library: those that read MRT go on after a fault and return what they have, which
//! would be part of a table, and build every attribute of every route, of which one is needed.
//! One of them is a judge of the tests.
//!
//! Not here: opening files; the origin of a route ([`crate::path`]), of several ([`crate::votes`]).
//! Bound: [`RECORD_OCTETS_MAX`] for a record, [`DUMP_OCTETS_MAX`] for all, unpacked;
//! [`asdb::ENTRIES_MAX`] prefixes.

mod error;

use std::io::Read;
use std::net::IpAddr;

use asdb::load::unpacked;
use asdb::{Asn, Entries, Prefix};

use crate::cursor::Cursor;
use crate::path::{AsnWidth, Origin, origin};
use crate::votes::Votes;

pub use error::{MrtError, MrtErrorKind};

/// Octets of the longest record: a prefix with 65,535 routes of 250 octets.
pub const RECORD_OCTETS_MAX: u32 = 16 << 20;

/// Octets of the longest dump, unpacked: three times a table of 2026 with 80 peers.
pub const DUMP_OCTETS_MAX: u64 = 32 << 30;

/// What a dump says.
#[derive(Debug)]
pub struct Dump {
    /// The prefixes with their origins, ascending.
    pub entries: Entries,
    /// When it was made, in seconds since 1970: what its first record of a table says.
    pub made_unix_s: u64,
    /// What was met on the way.
    pub noted: Noted,
}

/// What a dump has that is no fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// Routes of peers.
    pub routes_count: u64,
    /// Of them those whose path ends in an AS_SET: no answer.
    pub as_set_count: u64,
    /// Of them those whose path ends in AS 23456, "did not fit": no answer.
    pub as_trans_count: u64,
    /// Of them those with AS 0 in their path, malformed: no answer.
    pub as_zero_count: u64,
    /// Of them those without an AS in path and peer: no answer.
    pub nobody_count: u64,
    /// Of them those of other AS numbers that are reserved: no answer.
    pub reserved_count: u64,
    /// Of them default routes: no answer.
    pub default_routes_count: u64,
    /// Prefixes with several origins.
    pub several_origins_count: u64,
    /// Records of no unicast table; skipped.
    pub skipped_records_count: u64,
}

/// Returns whether octets, unpacked, begin as a dump does, be it one of a table or of updates.
pub fn is_dump(first: &[u8]) -> bool {
    matches!(first, [_, _, _, _, 0, 12 | 13 | 16 | 17, 0, 0..=12, ..])
}

/// Reads a dump, packed with gzip, bzip2 or not at all.
///
/// # Errors
/// Each [`MrtErrorKind`] names its cause; nothing is returned of a dump with a fault.
pub fn read(source: &mut dyn Read) -> Result<Dump, MrtError> {
    let at_start = |error: std::io::Error| MrtError {
        offset: 0,
        kind: MrtErrorKind::Unreadable {
            packing: "reading",
            reason: error.to_string(),
        },
    };
    let buffered = std::io::BufReader::with_capacity(64 << 10, source);
    let (packing, mut content) = unpacked(buffered).map_err(at_start)?;
    let mut records = Records {
        source: &mut content,
        packing: packing.name(),
        offset: 0,
        body: Vec::new(),
    };
    let mut table = Table::default();
    while let Some(record) = records.next()? {
        table.take(record)?;
    }
    table.finish(records.offset)
}

/// A record [RFC 6396 §2].
#[derive(Clone, Copy)]
struct Record<'a> {
    unix_s: u32,
    kind: u16,
    subkind: u16,
    /// Where its header is.
    offset: u64,
    body: Cursor<'a>,
}

/// The records of a dump, one at a time.
struct Records<'a> {
    source: &'a mut dyn Read,
    packing: &'static str,
    offset: u64,
    body: Vec<u8>,
}

/// Octets of a record's header.
const HEADER_OCTETS: usize = 12;

impl Records<'_> {
    fn next(&mut self) -> Result<Option<Record<'_>>, MrtError> {
        let offset = self.offset;
        let found = self.fill(HEADER_OCTETS)?;
        if found == 0 {
            return Ok(None);
        }
        let mut header = Cursor::new(&self.body, offset);
        let (unix_s, kind, subkind) = (header.u32()?, header.u16()?, header.u16()?);
        if !error::is_record(kind) {
            return Err(error::at(offset, MrtErrorKind::Type { kind }));
        }
        let octets_count = header.u32()?;
        if octets_count > RECORD_OCTETS_MAX {
            return Err(error::at(
                offset,
                MrtErrorKind::RecordTooLong { octets_count },
            ));
        }
        let wanted = usize::try_from(octets_count).unwrap_or(usize::MAX);
        self.offset = offset + HEADER_OCTETS as u64;
        let found = self.fill(wanted)?;
        if found < wanted {
            let cut = MrtErrorKind::RecordCut {
                offset,
                wanted,
                found,
            };
            return Err(error::at(self.offset + found as u64, cut));
        }
        let body_offset = self.offset;
        self.offset += u64::from(octets_count);
        if self.offset > DUMP_OCTETS_MAX {
            return Err(error::at(self.offset, MrtErrorKind::TooLong));
        }
        Ok(Some(Record {
            unix_s,
            kind,
            subkind,
            offset,
            body: Cursor::new(&self.body, body_offset),
        }))
    }

    /// Makes `body` the next `wanted` octets, fewer at the end; returns how many.
    fn fill(&mut self, wanted: usize) -> Result<usize, MrtError> {
        self.body.clear();
        let mut limited = (&mut *self.source).take(wanted as u64);
        limited.read_to_end(&mut self.body).map_err(|fault| {
            let kind = MrtErrorKind::Unreadable {
                packing: self.packing,
                reason: fault.to_string(),
            };
            error::at(self.offset, kind)
        })
    }
}

/// What was read of the table so far.
#[derive(Default)]
struct Table {
    /// AS numbers of the peers; nothing before the first PEER_INDEX_TABLE.
    peers: Option<Vec<Asn>>,
    votes: Votes,
    made_unix_s: Option<u64>,
    noted: Noted,
    /// The updates, if any were skipped.
    has_updates: bool,
    /// Origins of one prefix and the peers that see them; here to be allocated once.
    seen: Vec<(Asn, u16)>,
}

impl Table {
    fn take(&mut self, record: Record<'_>) -> Result<(), MrtError> {
        // Types and subtypes: [RFC 6396 §4], [RFC 8050 §4].
        match (record.kind, record.subkind) {
            (12, 1) => self.route_v1(record, Family::Ipv4),
            (12, 2) => self.route_v1(record, Family::Ipv6),
            (13, 1) => self.peer_index(record),
            (13, 2) => self.routes_v2(record, Family::Ipv4, AddPath::No),
            (13, 4) => self.routes_v2(record, Family::Ipv6, AddPath::No),
            (13, 8) => self.routes_v2(record, Family::Ipv4, AddPath::Yes),
            (13, 10) => self.routes_v2(record, Family::Ipv6, AddPath::Yes),
            (13, 3 | 5 | 6 | 7 | 9 | 11 | 12) => {
                self.noted.skipped_records_count += 1;
                Ok(())
            }
            (12 | 13, subkind) => Err(error::at(
                record.offset,
                MrtErrorKind::Subtype {
                    kind: record.kind,
                    subkind,
                },
            )),
            (kind, _) => {
                self.noted.skipped_records_count += 1;
                self.has_updates |= error::is_update(kind);
                Ok(())
            }
        }
    }

    /// PEER_INDEX_TABLE [RFC 6396 §4.3.1]; what follows speaks of its peers.
    fn peer_index(&mut self, record: Record<'_>) -> Result<(), MrtError> {
        let mut body = record.body;
        body.u32()?;
        let name_octets = body.u16()?;
        body.part(usize::from(name_octets))?;
        let peers_count = body.u16()?;
        let mut peers = Vec::new();
        for _ in 0..peers_count {
            let kind = body.u8()?;
            body.u32()?;
            body.part(if kind & 1 == 0 { 4 } else { 16 })?;
            peers.push(Asn(if kind & 2 == 0 {
                u32::from(body.u16()?)
            } else {
                body.u32()?
            }));
        }
        self.peers = Some(peers);
        self.made_unix_s.get_or_insert(u64::from(record.unix_s));
        end(body)
    }

    /// RIB_IPV4_UNICAST, RIB_IPV6_UNICAST and their ADD-PATH forms [RFC 6396 §4.3.2, RFC 8050 §4].
    fn routes_v2(
        &mut self,
        record: Record<'_>,
        family: Family,
        add_path: AddPath,
    ) -> Result<(), MrtError> {
        let mut body = record.body;
        body.u32()?;
        let length_place = body;
        let length = body.u8()?;
        let octets = body.part(usize::from(length.div_ceil(8)))?.rest();
        let prefix = prefix(length_place, family, octets, length)?;
        let routes_count = body.u16()?;
        let peers = std::mem::take(&mut self.peers);
        let Some(known) = &peers else {
            return Err(error::at(record.offset, MrtErrorKind::NoPeers));
        };
        self.seen.clear();
        for _ in 0..routes_count {
            let place = body;
            let index = body.u16()?;
            let peer = known.get(usize::from(index));
            let peer = *peer.ok_or_else(|| {
                error::at(
                    place.offset(),
                    MrtErrorKind::Peer {
                        index,
                        peers_count: known.len(),
                    },
                )
            })?;
            body.u32()?;
            if add_path == AddPath::Yes {
                body.u32()?;
            }
            let attributes_octets = body.u16()?;
            let attributes = body.part(usize::from(attributes_octets))?;
            self.saw(origin(attributes, AsnWidth::Four, peer)?, index, prefix);
        }
        self.peers = peers;
        self.count(prefix, record.offset)?;
        end(body)
    }

    /// A route of TABLE_DUMP [RFC 6396 §4.2].
    fn route_v1(&mut self, record: Record<'_>, family: Family) -> Result<(), MrtError> {
        let mut body = record.body;
        body.u32()?;
        let address = body.part(family.octets())?.rest();
        let length_place = body;
        let length = body.u8()?;
        let prefix = prefix(length_place, family, address, length)?;
        body.u8()?;
        body.u32()?;
        body.part(family.octets())?;
        let peer = Asn(u32::from(body.u16()?));
        let attributes_octets = body.u16()?;
        let attributes = body.part(usize::from(attributes_octets))?;
        self.made_unix_s.get_or_insert(u64::from(record.unix_s));
        self.seen.clear();
        self.saw(origin(attributes, AsnWidth::Two, peer)?, 0, prefix);
        self.count(prefix, record.offset)?;
        end(body)
    }

    /// Notes what one peer sees.
    fn saw(&mut self, origin: Origin, peer_index: u16, prefix: Prefix) {
        let noted = &mut self.noted;
        noted.routes_count += 1;
        match origin {
            _ if prefix.is_default() => noted.default_routes_count += 1,
            Origin::Of(asn) if asn.is_reserved() => noted.reserved_count += 1,
            Origin::Of(asn) => self.seen.push((asn, peer_index)),
            Origin::AsSet => noted.as_set_count += 1,
            Origin::AsTrans => noted.as_trans_count += 1,
            Origin::AsZero => noted.as_zero_count += 1,
            Origin::Nobody => noted.nobody_count += 1,
        }
    }

    /// Counts what the peers saw; a peer with several paths to one origin counts once.
    fn count(&mut self, prefix: Prefix, offset: u64) -> Result<(), MrtError> {
        self.seen.sort_unstable();
        self.seen.dedup();
        for of_one in self.seen.chunk_by(|one, next| one.0 == next.0) {
            let peers_count = u32::try_from(of_one.len()).unwrap_or(u32::MAX);
            self.votes
                .add(prefix, of_one[0].0, peers_count)
                .map_err(|error| error::at(offset, error.into()))?;
        }
        Ok(())
    }

    fn finish(self, offset: u64) -> Result<Dump, MrtError> {
        let Some(made_unix_s) = self.made_unix_s else {
            let kind = match self.has_updates {
                true => MrtErrorKind::OnlyUpdates,
                false => MrtErrorKind::NoTable,
            };
            return Err(error::at(offset, kind));
        };
        let mut noted = self.noted;
        let elected = self.votes.elect();
        let (entries, several) = elected.map_err(|error| error::at(offset, error.into()))?;
        noted.several_origins_count = several;
        if entries.is_empty() {
            return Err(error::at(offset, MrtErrorKind::NoOrigins));
        }
        Ok(Dump {
            entries,
            made_unix_s,
            noted,
        })
    }
}

/// Of which family a record is.
#[derive(Clone, Copy)]
enum Family {
    Ipv4,
    Ipv6,
}

impl Family {
    const fn octets(self) -> usize {
        match self {
            Self::Ipv4 => 4,
            Self::Ipv6 => 16,
        }
    }
}

/// Whether a route has a Path Identifier [RFC 8050 §4].
#[derive(Clone, Copy, PartialEq, Eq)]
enum AddPath {
    No,
    Yes,
}

/// Returns the prefix of `length` bits in `octets`, which may be fewer than an address has; bits
/// behind its length mean nothing [RFC 6396 §4.3.2].
fn prefix(
    place: Cursor<'_>,
    family: Family,
    octets: &[u8],
    length: u8,
) -> Result<Prefix, MrtError> {
    let mut whole = [0; 16];
    for (octet, given) in whole.iter_mut().zip(octets) {
        *octet = *given;
    }
    let [a, b, c, d, ..] = whole;
    let address = match family {
        Family::Ipv4 => IpAddr::from([a, b, c, d]),
        Family::Ipv6 => IpAddr::from(whole),
    };
    let is_too_long = usize::from(length) > 8 * family.octets();
    Prefix::new(address, length)
        .ok()
        .filter(|_| !is_too_long)
        .ok_or_else(|| error::at(place.offset(), MrtErrorKind::Length { length }))
}

/// Refuses octets that nothing accounts for.
fn end(body: Cursor<'_>) -> Result<(), MrtError> {
    if body.is_empty() {
        return Ok(());
    }
    let octets_count = body.rest().len();
    Err(error::at(
        body.offset(),
        MrtErrorKind::LeftOver { octets_count },
    ))
}
