//! The file that says where addresses are, for reports and tools.
//!
//! A file that is missing or broken is said once, and the last good one stays in use; traffic does
//! not depend on it.
//!
//! Not here: what is in the file (`asdb::places`).
//! Bound: `FILE_OCTETS_MAX`; it is read whole, not mapped: a file that shrinks under a mapping
//! would end the process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use asdb::places::{Places, PlacesError};

use crate::config::Enrichment;
use crate::sources::SourceFault;
use crate::sources::files::{read_whole, unreadable};

/// Why places are not shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GeoFault {
    /// The content is broken, or about something else.
    #[error("enrichment.geoip_database = {}: {error}; name a City or Country MMDB", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: PlacesError,
    },
    /// The file cannot be read.
    #[error("enrichment.geoip_database = {0}; fetch it, or set enrichment.geoip_enabled to false")]
    Unreadable(SourceFault),
}

/// Reads the file, if the configuration wants places.
///
/// # Errors
/// It is missing, unreadable, too large, damaged, or has no places.
pub fn load(enrichment: &Enrichment) -> Result<Option<Places>, GeoFault> {
    if !enrichment.geoip_enabled {
        return Ok(None);
    }
    let path = &enrichment.geoip_database;
    let octets = File::open(path)
        .map_err(|error| unreadable(path, error))
        .and_then(|file| read_whole(path, file))
        .map_err(GeoFault::Unreadable)?;
    let places = Places::read(octets).map_err(|error| GeoFault::Broken {
        path: path.clone(),
        error,
    })?;
    Ok(Some(places))
}

/// What tells one version of a file from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    octets_count: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            modified: metadata.modified().ok()?,
            octets_count: metadata.len(),
        })
    }
}

/// The places that count now.
#[derive(Clone, Debug, Default)]
pub struct SharedPlaces(Arc<ArcSwapOption<Places>>);

impl SharedPlaces {
    /// Takes hold of what counts now; `None` if there are no places.
    #[must_use]
    pub fn load(&self) -> Option<Arc<Places>> {
        self.0.load_full()
    }

    /// Puts others in their place.
    pub fn replace(&self, places: Option<Places>) {
        self.0.store(places.map(Arc::new));
    }
}

/// Follows the file: read at the start, and again when there is another one in its place.
#[derive(Debug)]
pub struct Follower {
    enrichment: Enrichment,
    shared: SharedPlaces,
    seen: Option<Option<Stamp>>,
}

impl Follower {
    /// Returns one that has not looked yet.
    #[must_use]
    pub const fn new(enrichment: Enrichment, shared: SharedPlaces) -> Self {
        Self {
            enrichment,
            shared,
            seen: None,
        }
    }

    /// Whether there is anything to follow.
    #[must_use]
    pub const fn is_wanted(&self) -> bool {
        self.enrichment.geoip_enabled
    }

    /// Looks at the file, and reads it if it is another one than at the last look; what is wrong
    /// with it is said once. Takes as long as the file needs.
    pub fn look(&mut self) {
        let stamp = Stamp::of(&self.enrichment.geoip_database);
        if !self.is_wanted() || self.seen == Some(stamp) {
            return;
        }
        self.seen = Some(stamp);
        match load(&self.enrichment) {
            Ok(places) => {
                let path = self.enrichment.geoip_database.display();
                let bytes = places.as_ref().map_or(0, Places::memory_bytes);
                tracing::info!("places: {path}, {bytes} bytes");
                self.shared.replace(places);
            }
            Err(fault) if self.shared.load().is_some() => {
                tracing::error!("{fault}; the places read before stay in use");
            }
            Err(fault) => tracing::error!("{fault}; places are not shown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn sample() -> Option<Vec<u8>> {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/asdata/mmdb/test-data/GeoLite2-Country-Test.mmdb"
        );
        let sample = fs::read(path).ok();
        if sample.is_none() {
            eprintln!("skipped: no {path}");
        }
        sample
    }

    #[test]
    fn the_last_good_file_stays_in_use_and_a_better_one_replaces_it() {
        let Some(sample) = sample() else { return };
        let folder = std::env::temp_dir().join(format!("places-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a.mmdb");
        let config = crate::config::ConfigFile::parse(
            format!(
                "enrichment: {{geoip_enabled: true, geoip_database: {}}}",
                path.display()
            )
            .as_bytes(),
        );
        let config = config.unwrap().check().unwrap().config;
        let shared = SharedPlaces::default();
        let mut follower = Follower::new(config.enrichment, shared.clone());
        let country = || {
            let place = shared.load()?.of([81, 2, 69, 160].into())?;
            place.country_code
        };
        follower.look();
        assert_eq!(country(), None, "there is no file yet");
        fs::write(&path, &sample).unwrap();
        follower.look();
        assert_eq!(country().as_deref(), Some("GB"));
        fs::write(&path, &sample[..sample.len() / 2]).unwrap();
        follower.look();
        assert_eq!(country().as_deref(), Some("GB"), "half a file is refused");
        fs::remove_dir_all(&folder).unwrap();
        follower.look();
        assert_eq!(country().as_deref(), Some("GB"), "so is none");
    }
}
