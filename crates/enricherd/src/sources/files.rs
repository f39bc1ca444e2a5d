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
    let unreadable = |error| SourceFault::Unreadable {
        path: path.to_owned(),
        error,
    };
    let file = File::open(path).map_err(unreadable)?;
    let modified = file.metadata().and_then(|metadata| metadata.modified());
    let octets = read_whole(file).map_err(unreadable)?;
    let octets = octets.ok_or_else(|| SourceFault::TooLarge {
        path: path.to_owned(),
    })?;
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

/// Returns `None` if there are more than [`FILE_OCTETS_MAX`] octets.
fn read_whole(file: File) -> io::Result<Option<Vec<u8>>> {
    let mut octets = Vec::new();
    file.take(FILE_OCTETS_MAX + 1).read_to_end(&mut octets)?;
    let octets_count = u64::try_from(octets.len()).unwrap_or(u64::MAX);
    Ok((octets_count <= FILE_OCTETS_MAX).then_some(octets))
}
