//! Why AS data could not be used, in words that name the place.
//!
//! Not here: what is wrong in a file (`asdb::LoadError`).

use std::io;
use std::path::PathBuf;

use asdb::ENTRIES_MAX;
use asdb::load::{LoadError, LoadErrorKind};
use asdb::snapshot::SnapshotError;

use routefeed::mrt::{MrtError, MrtErrorKind};

use crate::sources::Origin;
use crate::sources::files::FILE_OCTETS_MAX;

/// Why a source was not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceFault {
    /// The content of a file is broken.
    #[error("{}: {error}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where in the file.
        error: LoadError,
    },
    /// The program was built with a broken snapshot.
    #[error("the snapshot shipped with this program: {0}; install the program again")]
    Shipped(#[from] SnapshotError),
    /// A dump of a routing table is broken.
    #[error("{}: {error}", path.display())]
    Dump {
        /// The file.
        path: PathBuf,
        /// What is wrong, and at which octet.
        error: MrtError,
    },
    /// A dump of a routing table is named as a database.
    #[error(
        "{}: a dump of a routing table; name it in enrichment.mrt_files, not in as_databases",
        path.display()
    )]
    Misplaced {
        /// The file.
        path: PathBuf,
    },
    /// A file has far fewer prefixes than it had.
    #[error(
        "{}: {found} prefixes, {before} before; if that is meant, reload (HUP)",
        path.display()
    )]
    Shrunk {
        /// The file.
        path: PathBuf,
        /// How many there are now.
        found: usize,
        /// How many there were.
        before: usize,
    },
    /// A file is larger than [`FILE_OCTETS_MAX`].
    #[error("{}: larger than {FILE_OCTETS_MAX} octets", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// All sources of one provider together have more than [`ENTRIES_MAX`] prefixes.
    #[error("{origin}: with it there are more than {ENTRIES_MAX} prefixes; name fewer files")]
    TooManyEntries {
        /// The first that is too much.
        origin: Origin,
    },
    /// The operating system refused.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
}

/// What kind of trouble a fault is, for whoever looks at many sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The content cannot be believed or read.
    Broken,
    /// It is readable and says nothing.
    Empty,
    /// It is not there.
    Missing,
}

impl SourceFault {
    /// Returns what kind of trouble it is.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Unreadable { error, .. } if error.kind() == io::ErrorKind::NotFound => {
                Trouble::Missing
            }
            Self::Broken { error, .. } if matches!(error.kind, LoadErrorKind::NoEntries { .. }) => {
                Trouble::Empty
            }
            Self::Dump { error, .. }
                if matches!(error.kind, MrtErrorKind::NoOrigins | MrtErrorKind::NoTable) =>
            {
                Trouble::Empty
            }
            _ => Trouble::Broken,
        }
    }
}
