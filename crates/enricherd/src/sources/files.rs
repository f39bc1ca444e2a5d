//! Files of the operator, read whole.
//!
//! Not here: what is in them (`asdb::load`).

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use asdb::load::Made;
use asdb::{AsNames, Provider};

use crate::sources::date::Date;
use crate::sources::{Origin, Source, SourceFault};

/// Octets of the largest file that is read: five times the largest AS database known.
pub const FILE_OCTETS_MAX: u64 = 256 << 20;

/// Reads a file of any format that `asdb` knows.
pub(super) fn load(path: &Path) -> Result<(Source, AsNames), SourceFault> {
    let file = File::open(path).map_err(|error| unreadable(path, error))?;
    let modified = file.metadata().and_then(|metadata| metadata.modified());
    let octets = read_whole(path, file)?;
    let loaded = asdb::load::load(&octets).map_err(|error| SourceFault::Broken {
        path: path.to_owned(),
        error,
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
