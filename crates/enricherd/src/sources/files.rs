//! Files of the operator, read whole.
//!
//! Not here: what is in them (`asdb::load`, `routefeed::mrt`), when they are read
//! ([`super::keeper`]).
//! Bound: [`FILE_OCTETS_MAX`]; a dump of a routing table is a stream with `routefeed`'s bounds.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;

use asdb::load::{LoadErrorKind, Made, unpacked};
use asdb::{AsNames, Provider};
use routefeed::mrt;

use crate::sources::date::Date;
use crate::sources::{Origin, Source, SourceFault};

/// Octets of the largest file that is read: five times the largest AS database known.
pub const FILE_OCTETS_MAX: u64 = 256 << 20;

/// Reads a file of any format that `asdb` knows.
pub(super) fn load(path: &Path) -> Result<(Source, AsNames), SourceFault> {
    let file = open(path).map_err(|error| unreadable(path, error))?;
    let modified = file.metadata().and_then(|metadata| metadata.modified());
    let octets = read_whole(path, file)?;
    let path_buf = || path.to_owned();
    let loaded = asdb::load::load(&octets).map_err(|error| match error.kind {
        LoadErrorKind::UnknownFormat if is_dump(path).unwrap_or(false) => {
            SourceFault::Misplaced { path: path_buf() }
        }
        _ => SourceFault::Broken {
            path: path_buf(),
            error,
        },
    })?;
    let made = loaded.made.and_then(|made| match made {
        Made::UnixSeconds(seconds) => Some(Date::of_unix_seconds(seconds)),
        Made::Day(day) => Date::parse(&day),
    });
    let source = Source {
        origin: Origin::File(path.to_owned()),
        provider: Provider::Database,
        entries: loaded.entries,
        made: made.or_else(|| modified.ok().map(Date::of)),
        format: loaded.format.name(),
    };
    Ok((source, loaded.names))
}

/// Reads a dump of a routing table, as a stream.
pub(super) fn load_dump(path: &Path) -> Result<(Source, AsNames), SourceFault> {
    let mut file = open(path).map_err(|error| unreadable(path, error))?;
    let dump = mrt::read(&mut file).map_err(|error| SourceFault::Dump {
        path: path.to_owned(),
        error,
    })?;
    let source = Source {
        origin: Origin::File(path.to_owned()),
        provider: Provider::Table,
        entries: dump.entries,
        made: Some(Date::of_unix_seconds(dump.made_unix_s)),
        format: "mrt",
    };
    Ok((source, AsNames::new()))
}

/// Reads a file of any format, dumps of routing tables among them.
///
/// # Errors
/// What is wrong with it.
pub fn load_any(path: &Path) -> Result<(Source, AsNames), SourceFault> {
    if is_dump(path).unwrap_or(false) {
        load_dump(path)
    } else {
        load(path)
    }
}

/// Returns whether a file begins as a dump of a routing table does; packed or not.
fn is_dump(path: &Path) -> io::Result<bool> {
    let (_, content) = unpacked(BufReader::new(open(path)?))?;
    let mut first = Vec::new();
    content.take(8).read_to_end(&mut first)?;
    Ok(mrt::is_dump(&first))
}

/// Opens a regular file; nothing else, for a pipe would keep us waiting.
fn open(path: &Path) -> io::Result<File> {
    if fs::metadata(path)?.is_file() {
        File::open(path)
    } else {
        Err(io::Error::other("this is no regular file"))
    }
}

/// Returns the octets of a file.
pub(super) fn read_whole(path: &Path, file: File) -> Result<Vec<u8>, SourceFault> {
    let mut octets = Vec::new();
    let read = file.take(FILE_OCTETS_MAX + 1).read_to_end(&mut octets);
    read.map_err(|error| unreadable(path, error))?;
    let octets_count = u64::try_from(octets.len()).unwrap_or(u64::MAX);
    if octets_count > FILE_OCTETS_MAX {
        let path = path.to_owned();
        return Err(SourceFault::TooLarge { path });
    }
    Ok(octets)
}

pub(super) fn unreadable(path: &Path, error: io::Error) -> SourceFault {
    SourceFault::Unreadable {
        path: path.to_owned(),
        error,
    }
}
