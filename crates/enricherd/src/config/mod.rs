//! The configuration: one YAML file, read twice.
//!
//! [`ConfigFile`] is the file as written; [`ConfigFile::check`] makes of it the [`Config`] as
//! meant, in which everything has a value and nothing contradicts anything else, or says at once
//! all that is wrong, with line, key, value and remedy.
//!
//! Not here: what the rest of the program makes of it (`pipeline::settings`, `sources`).
//! Bound: a file has at most [`FILE_OCTETS_MAX`]; see `node` for what it may grow to.

pub mod changes;
mod check;
mod dump;
mod fault;
mod json;
mod keys;
mod near;
mod node;
mod not_yet;
mod section;
mod types;
mod value;
mod words;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use node::Node;

pub use check::Checked;
pub use fault::{FAULTS_MAX, Fault, Faults, Warning};
pub use keys::{Absent, KEYS, Key};
pub use node::OCTETS_MAX as FILE_OCTETS_MAX;
pub use types::{
    AddressFamily, AsDatabase, Bgp, BgpPeer, Bmp, Collector, CollectorFilter, CollectorTls, Config,
    Enrichment, Exporter, Forwarding, ForwardingSource, General, Group, GroupMode, Health, Host,
    LogFile, LogFormat, LogLevel, Metrics, Nat, Performance, Protocol, StaticPrefix, TlsIdentity,
};

/// Where the configuration is looked for if nobody names a file.
pub const DEFAULT_PATH: &str = "/etc/ipfix-enricher/config.yaml";
/// What to warn of where `allow_exporters` is empty and the daemon listens.
pub const EVERYONE_MAY_SEND: &str = "everyone may send: general.allow_exporters is empty";

/// A configuration as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    root: Node,
}

impl ConfigFile {
    /// Reads a file that is in memory; an empty one means all defaults.
    ///
    /// # Errors
    /// The octets are too many, not UTF-8, or no YAML; such a fault hides all others.
    pub fn parse(octets: &[u8]) -> Result<Self, Faults> {
        Node::parse(octets).map(|root| Self { root })
    }

    /// Returns the configuration as meant.
    ///
    /// # Errors
    /// All faults of the file, in the order of its lines.
    pub fn check(&self) -> Result<Checked, Faults> {
        check::check(&self.root)
    }
}

/// Reads and checks the file that the operator named, or else the one at [`DEFAULT_PATH`]; if
/// that is not there, all defaults.
///
/// # Errors
/// The file cannot be read, or has faults.
pub fn load(named: Option<&Path>) -> Result<Checked, LoadError> {
    let path = named.unwrap_or_else(|| Path::new(DEFAULT_PATH));
    let octets = match read(path) {
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(LoadError::Unreadable(path.to_owned(), error)),
        Ok(octets) => octets,
    };
    let checked = ConfigFile::parse(&octets).and_then(|file| file.check());
    checked.map_err(|faults| LoadError::Faults(path.to_owned(), faults))
}

/// Reads one octet more than is allowed, so that too long a file shows without being read whole.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    let octets_max = u64::try_from(FILE_OCTETS_MAX).unwrap_or(u64::MAX);
    File::open(path)?
        .take(octets_max.saturating_add(1))
        .read_to_end(&mut octets)?;
    Ok(octets)
}

/// Why there is no configuration.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// What is in the file cannot be meant.
    Faults(PathBuf, Faults),
    /// The file cannot be read.
    Unreadable(PathBuf, io::Error),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Faults(path, faults) => write!(f, "{}:\n{faults}", path.display()),
            Self::Unreadable(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for LoadError {}
