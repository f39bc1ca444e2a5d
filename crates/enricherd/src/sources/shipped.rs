//! The snapshot that the program brings along, so that it needs no download.
//!
//! Not here: its packing (`asdb::snapshot`), how it is made (`xtask`).

use asdb::snapshot::{self, Snapshot, SnapshotError};
use asdb::{AsNames, Provider};

use crate::sources::date::Date;
use crate::sources::{Origin, Source, SourceFault};

/// Whose data the shipped snapshot is, and of which day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The day of the data, as `2026-06-17`.
    pub date: String,
    /// The sentence that the licence asks to be shown.
    pub attribution: String,
}

/// Returns whose data the shipped snapshot is.
///
/// # Errors
/// None but our bug: a program that was built with a broken snapshot.
pub fn shipped_notice() -> Result<Notice, SnapshotError> {
    let Snapshot {
        date, attribution, ..
    } = snapshot::decode(snapshot::shipped())?;
    Ok(Notice { date, attribution })
}

/// Unpacks the shipped snapshot.
pub(super) fn load() -> Result<(Source, AsNames), SourceFault> {
    let snapshot = snapshot::decode(snapshot::shipped())?;
    let source = Source {
        origin: Origin::Shipped,
        provider: Provider::Database,
        entries: snapshot.entries,
        made: Date::parse(&snapshot.date),
        format: "snapshot",
    };
    Ok((source, snapshot.names))
}
