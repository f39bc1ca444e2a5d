//! Reads the files that say which AS a prefix belongs to: octets in, entries and names out.
//!
//! The content decides the format, not the file's name: MMDB ([`Format::Mmdb`]), ranges
//! ([`Format::Ranges`]), iptoasn's table ([`Format::Iptoasn`]), CAIDA's ([`Format::Pfx2as`]) or
//! our own compact form ([`Format::Snapshot`]); each plain, gzip or bzip2. A file is read whole or
//! refused with the line or offset of the fault.
//!
//! Ranges become the fewest prefixes that cover them, so where two ranges overlap the longest
//! prefix wins, and of equal prefixes the one that stands first in the file.
//!
//! Not here: opening files, their age (the daemon); how a snapshot is packed
//! ([`crate::snapshot`]); dumps of routing tables (`routefeed`).
//!
//! Bound: 256 MiB of unpacked text or MMDB (text is read as a stream, never held),
//! [`crate::ENTRIES_MAX`] prefixes, 32 MiB of names; a line holds at most 4096 octets.

mod mmdb;
mod text;
mod unpack;

use std::fmt;

use crate::entries::{Entries, TooManyEntries};
use crate::names::{AsNames, NamesTooLong};
use crate::snapshot::{self, Snapshot, SnapshotError};

pub use unpack::{Packing, crc32, unpacked};

/// How a file says what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// MaxMind DB with AS fields, as MaxMind, DB-IP and IPinfo name them.
    Mmdb,
    /// `start,end,asn,"organisation"`, both ends included, no header.
    Ranges,
    /// `start<tab>end<tab>asn<tab>country<tab>organisation`; AS 0 is "not routed".
    Iptoasn,
    /// `network<tab>length<tab>asn`; several origins as `1_2`, an AS_SET as `1,2`.
    Pfx2as,
    /// What [`snapshot::encode`] makes.
    Snapshot,
}

impl Format {
    /// Returns the name for reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mmdb => "mmdb",
            Self::Ranges => "ranges",
            Self::Iptoasn => "iptoasn",
            Self::Pfx2as => "pfx2as",
            Self::Snapshot => "snapshot",
        }
    }
}

/// What a file says.
#[derive(Debug)]
pub struct Loaded {
    /// The format it was read as.
    pub format: Format,
    /// Its prefixes.
    pub entries: Entries,
    /// Its names of AS.
    pub names: AsNames,
    /// When it was made, if it says so.
    pub made: Option<Made>,
    /// How it was packed.
    pub packing: Packing,
    /// What was worth noting.
    pub noted: Noted,
}

/// When a file says that it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// In seconds since 1970 (MMDB).
    UnixSeconds(u64),
    /// On a day, as `2026-06-17` (snapshot).
    Day(String),
}

/// What a reader met that is no fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// Lines with AS 0, "not routed"; skipped.
    pub not_routed_count: u64,
    /// Lines with several origins; the lowest AS number that is not reserved was taken.
    pub several_origins_count: u64,
}

/// Reads a file of any of the formats, packed or not.
///
/// # Errors
/// Each [`LoadErrorKind`] names its cause; nothing is returned of a file with a fault.
pub fn load(octets: &[u8]) -> Result<Loaded, LoadError> {
    let packing = Packing::of(octets);
    let loaded = match packing {
        Packing::Plain if !text::begins(&octets[..octets.len().min(text::LINE_OCTETS_MAX)]) => {
            load_binary(octets)
        }
        Packing::Plain => text::read(packing, &mut &*octets),
        Packing::Gzip | Packing::Bzip2 => {
            if text::begins(&unpack::first_octets(
                packing,
                octets,
                text::LINE_OCTETS_MAX,
            )) {
                text::read(packing, &mut packing.stream(octets))
            } else {
                load_binary(&unpack::unpack(packing, octets)?)
            }
        }
    };
    loaded.map(|loaded| Loaded { packing, ..loaded })
}

/// Reads what is no text.
fn load_binary(octets: &[u8]) -> Result<Loaded, LoadError> {
    if !snapshot::is_snapshot(octets) {
        return mmdb::read(octets);
    }
    let Snapshot {
        date,
        entries,
        names,
        ..
    } = snapshot::decode(octets).map_err(|error| LoadError::whole(error.into()))?;
    if entries.is_empty() {
        return Err(LoadError::whole(LoadErrorKind::NoEntries {
            hint: String::new(),
        }));
    }
    Ok(Loaded {
        format: Format::Snapshot,
        entries,
        names,
        made: Some(Made::Day(date)),
        packing: Packing::Plain,
        noted: Noted::default(),
    })
}

/// Where in a file something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole, or a place that the message names.
    File,
    /// A line, counted from 1.
    Line(u64),
}

/// Why a file was refused, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// Where.
    pub place: Place,
    /// Why.
    pub kind: LoadErrorKind,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::File => self.kind.fmt(f),
            Place::Line(number) => write!(f, "line {number}: {}", self.kind),
        }
    }
}

impl std::error::Error for LoadError {}

impl LoadError {
    fn whole(kind: LoadErrorKind) -> Self {
        Self {
            place: Place::File,
            kind,
        }
    }
}

/// Why a file was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadErrorKind {
    /// A field that should be an IP address is none.
    #[error("{field} {text:?} is not an IP address")]
    Address {
        /// The field.
        field: &'static str,
        /// What stands there, at most 40 characters of it.
        text: String,
    },
    /// A field that should be an AS number is none.
    #[error("{text:?} is not an AS number")]
    Asn {
        /// What stands there, at most 40 characters of it.
        text: String,
    },
    /// The two ends of a range are of different families.
    #[error("start and end are not of one address family")]
    Families,
    /// A line has too few fields.
    #[error("{found} of the {expected} fields {layout}")]
    Fields {
        /// How many there are.
        found: usize,
        /// How many there must be.
        expected: usize,
        /// What they are.
        layout: &'static str,
    },
    /// A prefix length is no number, or above what the family has.
    #[error("{text:?} is not a prefix length of this address")]
    Length {
        /// What stands there, at most 40 characters of it.
        text: String,
    },
    /// A line is too long to be one.
    #[error("longer than {} octets", text::LINE_OCTETS_MAX)]
    LineTooLong,
    /// The MMDB is damaged.
    #[error("MMDB: {reason}")]
    Mmdb {
        /// What is wrong, with the offset where that is known.
        reason: String,
    },
    /// All names together take too much memory.
    #[error(transparent)]
    NamesTooLong(#[from] NamesTooLong),
    /// The file is readable but says nothing about AS numbers.
    #[error("no prefix with an AS number in it{hint}")]
    NoEntries {
        /// What it is instead, if that is known.
        hint: String,
    },
    /// The packed stream is damaged or cut.
    #[error("{packing}: {reason}")]
    Packed {
        /// How it is packed.
        packing: &'static str,
        /// What the decoder says.
        reason: String,
    },
    /// A range ends before it starts.
    #[error("end {end} is below start {start}")]
    Reversed {
        /// First address as written.
        start: String,
        /// Last address as written.
        end: String,
    },
    /// The snapshot is damaged.
    #[error("snapshot: {0}")]
    Snapshot(#[from] SnapshotError),
    /// There are more prefixes than a source may hold.
    #[error(transparent)]
    TooManyEntries(#[from] TooManyEntries),
    /// The file unpacks to more than any AS database has.
    #[error("more than {} octets when unpacked", unpack::UNPACKED_OCTETS_MAX)]
    Unpacked,
    /// The content is of no known format.
    #[error(
        "neither MMDB nor a snapshot nor text of a known layout: start,end,asn,name; \
         start<tab>end<tab>asn<tab>country<tab>name; network<tab>length<tab>asn"
    )]
    UnknownFormat,
}
