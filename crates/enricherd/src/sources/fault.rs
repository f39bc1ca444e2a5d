//! Why AS data could not be used, in words that name the place.
//!
//! Not here: what is wrong in a file (`asdb::LoadError`).

use std::io;
use std::path::PathBuf;

use asdb::ENTRIES_MAX;
use asdb::load::LoadError;
use asdb::snapshot::SnapshotError;

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
