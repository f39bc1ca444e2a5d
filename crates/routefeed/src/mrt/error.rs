//! Why a dump was refused, and at which octet.
//!
//! Not here: what is read ([`super`]).

use std::fmt;

use asdb::TooManyEntries;

use crate::cursor::Cut;
use crate::path::PathFault;

use super::{DUMP_OCTETS_MAX, RECORD_OCTETS_MAX};

/// Why a dump was refused, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MrtError {
    /// Octets of the unpacked dump before the fault.
    pub offset: u64,
    /// Why.
    pub kind: MrtErrorKind,
}

impl fmt::Display for MrtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "octet {}: {}", self.offset, self.kind)
    }
}

impl std::error::Error for MrtError {}

/// Why a dump was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MrtErrorKind {
    /// A length inside a record passes what it is in.
    #[error("{wanted} octets expected, {found} are left of what they are in")]
    Cut {
        /// How many there should be.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
    /// A record has more octets than its fields.
    #[error("{octets_count} octets behind the last field of a record")]
    LeftOver {
        /// How many.
        octets_count: usize,
    },
    /// A prefix is longer than an address.
    #[error("{length} is no prefix length of this address family")]
    Length {
        /// The length.
        length: u8,
    },
    /// No route tells an origin.
    #[error("a table without any usable origin AS")]
    NoOrigins,
    /// Routes come before the list of peers that they refer to.
    #[error("routes before any PEER_INDEX_TABLE")]
    NoPeers,
    /// There is nothing of a table.
    #[error("no table up to the end; a dump of TABLE_DUMP or TABLE_DUMP_V2 is needed")]
    NoTable,
    /// There is nothing of a table, but updates.
    #[error(
        "updates up to the end, no table; name a dump of the whole table, `rib` or `bview`, \
         instead of `updates`"
    )]
    OnlyUpdates,
    /// A route refers to a peer that is not listed.
    #[error("peer {index} of {peers_count}")]
    Peer {
        /// The index, counted from 0.
        index: u16,
        /// How many are listed.
        peers_count: usize,
    },
    /// The dump ends within a record.
    #[error("the dump ends {found} octets into the {wanted} of the record at octet {offset}")]
    RecordCut {
        /// Where the record's header is.
        offset: u64,
        /// How many octets it should have behind its header.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
    /// A record is too long to be one.
    #[error("a record of {octets_count} octets; {RECORD_OCTETS_MAX} at most")]
    RecordTooLong {
        /// Its length as it says.
        octets_count: u32,
    },
    /// A path has a segment of an unknown type.
    #[error("{kind} is no type of a path segment")]
    Segment {
        /// The type.
        kind: u8,
    },
    /// A table of an unknown kind.
    #[error("{subkind} is no subtype of MRT type {kind}")]
    Subtype {
        /// The type of the record.
        kind: u16,
        /// Its subtype.
        subkind: u16,
    },
    /// The dump is too long.
    #[error("more than {DUMP_OCTETS_MAX} octets when unpacked")]
    TooLong,
    /// There are more prefixes than a source may hold.
    #[error(transparent)]
    TooManyEntries(#[from] TooManyEntries),
    /// A record of no known type.
    #[error("{kind} is no type of an MRT record")]
    Type {
        /// The type.
        kind: u16,
    },
    /// The packed stream is damaged or cut, or the file cannot be read.
    #[error("{packing}: {reason}")]
    Unreadable {
        /// How it is packed.
        packing: &'static str,
        /// What the reader says.
        reason: String,
    },
}

impl From<Cut> for MrtError {
    fn from(cut: Cut) -> Self {
        let Cut {
            offset,
            wanted,
            found,
        } = cut;
        at(offset, MrtErrorKind::Cut { wanted, found })
    }
}

impl From<PathFault> for MrtError {
    fn from(fault: PathFault) -> Self {
        match fault {
            PathFault::Cut(cut) => cut.into(),
            PathFault::Segment { offset, kind } => at(offset, MrtErrorKind::Segment { kind }),
        }
    }
}

/// Returns the fault `kind` at an offset.
pub(super) const fn at(offset: u64, kind: MrtErrorKind) -> MrtError {
    MrtError { offset, kind }
}

/// Returns whether a record may have this type: those that IANA lists as in use or deprecated.
pub(super) const fn is_record(kind: u16) -> bool {
    matches!(kind, 0..=13 | 16 | 17 | 32 | 33 | 48 | 49)
}

/// Returns whether records of this type are messages of BGP: BGP, BGP4PLUS, BGP4PLUS_01, BGP4MP
/// and BGP4MP_ET.
pub(super) const fn is_update(kind: u16) -> bool {
    matches!(kind, 5 | 9 | 10 | 16 | 17)
}
