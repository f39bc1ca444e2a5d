//! Reads the files that say which AS a prefix belongs to: octets in, entries and names out.
//!
//! The content decides the format, not the file's name: MMDB ([`Format::Mmdb`]), ranges
//! ([`Format::Ranges`]), iptoasn's table ([`Format::Iptoasn`]) or CAIDA's ([`Format::Pfx2as`]);
//! each plain or gzip. A file is read whole or refused with the line or offset of the fault.
//!
//! Ranges become the fewest prefixes that cover them, so where two ranges overlap the longest
//! prefix wins, and of equal prefixes the one that stands first in the file.
//!
//! Not here: opening files, their age (the daemon); the shipped snapshot ([`crate::snapshot`]).
//!
//! Bound: 256 MiB of unpacked text or MMDB (text is read as a stream, never held),
//! [`crate::ENTRIES_MAX`] prefixes, 32 MiB of names; a line holds at most 4096 octets.

mod gzip;
mod mmdb;
mod text;

use std::fmt;

use crate::entries::{Entries, TooManyEntries};
use crate::names::{AsNames, NamesTooLong};

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
}

impl Format {
    /// Returns the name for reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mmdb => "mmdb",
            Self::Ranges => "ranges",
            Self::Iptoasn => "iptoasn",
            Self::Pfx2as => "pfx2as",
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
    /// When it was made, in seconds since 1970, if it says so (MMDB).
    pub made_unix_s: Option<u64>,
    /// What was worth noting.
    pub noted: Noted,
}

/// What a reader met that is no fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// Lines with AS 0, "not routed"; skipped.
    pub not_routed_count: u64,
    /// Lines with several origins; the lowest AS number that is not reserved was taken.
    pub several_origins_count: u64,
}

/// Reads a file of any of the formats, plain or gzip.
///
/// # Errors
/// Each [`LoadErrorKind`] names its cause; nothing is returned of a file with a fault.
pub fn load(octets: &[u8]) -> Result<Loaded, LoadError> {
    if gzip::is_gzip(octets) {
        if text::begins(&gzip::first_octets(octets, text::LINE_OCTETS_MAX)) {
            return text::read(&mut gzip::stream(octets));
        }
        return mmdb::read(&gzip::unpack(octets)?);
    }
    if text::begins(&octets[..octets.len().min(text::LINE_OCTETS_MAX)]) {
        return text::read(&mut &*octets);
    }
    mmdb::read(octets)
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
    /// The gzip stream is damaged or cut.
    #[error("gzip: {reason}")]
    Gzip {
        /// What the decoder says.
        reason: String,
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
    /// A range ends before it starts.
    #[error("end {end} is below start {start}")]
    Reversed {
        /// First address as written.
        start: String,
        /// Last address as written.
        end: String,
    },
    /// There are more prefixes than a source may hold.
    #[error(transparent)]
    TooManyEntries(#[from] TooManyEntries),
    /// The file unpacks to more than any AS database has.
    #[error("more than {} octets when unpacked", gzip::UNPACKED_OCTETS_MAX)]
    Unpacked,
    /// The content is of no known format.
    #[error(
        "neither MMDB nor text of a known layout: start,end,asn,name; \
         start<tab>end<tab>asn<tab>country<tab>name; network<tab>length<tab>asn"
    )]
    UnknownFormat,
}
