//! Files in `state_dir`: what a restart must not forget, and datagrams that we failed over.
//!
//! A file is written aside, brought to the disk and renamed, so that whoever starts after a crash
//! finds the old one or the new one, never a half. A directory that cannot be written is said
//! once; the traffic does not depend on it.
//!
//! Not here: what is in a state (`mediator`), when it is saved (`daemon`).
//! Bound: one state for each UDP port, [`ASIDE_MAX`] datagrams.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Datagrams that are kept for us to look at; there is no use in more of the same.
pub const ASIDE_MAX: usize = 16;
/// Octets of the largest state that is read: above what the limits of a `Mediator` allow.
const STATE_OCTETS_MAX: u64 = 256 << 20;

/// The directory.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    port: u16,
    is_broken: bool,
}

impl StateDir {
    /// Uses a directory for the instance that has this UDP port.
    #[must_use]
    pub const fn new(path: PathBuf, port: u16) -> Self {
        Self {
            path,
            port,
            is_broken: false,
        }
    }

    /// Reads the saved state; `None` if there is none.
    ///
    /// # Errors
    /// There is one and it cannot be read; the sentence names the file.
    pub fn load(&self) -> Result<Option<Vec<u8>>, String> {
        let path = self.state_path();
        match read(&path) {
            Ok(octets) => Ok(Some(octets)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    /// Saves a state; says so if that begins to fail or works again.
    pub fn save(&mut self, octets: &[u8]) {
        match self.replace(&self.state_path(), octets) {
            Ok(()) if self.is_broken => {
                self.is_broken = false;
                tracing::info!("{}: can be written again", self.path.display());
            }
            Ok(()) => {}
            Err(error) => self.note_broken(&error),
        }
    }

    /// Keeps a datagram that we failed over, unless there are enough.
    pub fn keep_aside(&mut self, exporter: SocketAddr, octets: &[u8]) {
        let path = (0..ASIDE_MAX)
            .map(|number| self.path.join(format!("failed-datagram-{number}.bin")))
            .find(|path| !path.exists());
        let Some(path) = path else {
            tracing::error!("a fault of this program over a datagram from {exporter}");
            return;
        };
        match self.replace(&path, octets) {
            Ok(()) => tracing::error!(
                "a fault of this program over a datagram from {exporter}; it is kept in {}, \
                 please send it to the maintainers",
                path.display()
            ),
            Err(error) => self.note_broken(&error),
        }
    }

    fn state_path(&self) -> PathBuf {
        self.path.join(format!("udp-{}.state", self.port))
    }

    fn note_broken(&mut self, error: &io::Error) {
        if !self.is_broken {
            self.is_broken = true;
            tracing::error!(
                "general.state_dir {}: {error}; Templates do not survive a restart until it can \
                 be written",
                self.path.display()
            );
        }
    }

    fn replace(&self, path: &Path, octets: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.path)?;
        let aside = path.with_extension("new");
        let mut file = File::create(&aside)?;
        file.write_all(octets)?;
        file.sync_all()?;
        fs::rename(&aside, path)?;
        // The new name itself must reach the disk too.
        File::open(&self.path)?.sync_all()
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(path)?
        .take(STATE_OCTETS_MAX)
        .read_to_end(&mut octets)?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of this test alone, gone after it.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let name = format!("ipfix-enricher-{name}-{}", std::process::id());
            Self(std::env::temp_dir().join(name))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn what_was_saved_last_is_loaded_and_nothing_is_left_aside() {
        let scratch = Scratch::new("saved");
        let mut dir = StateDir::new(scratch.0.join("deep"), 2055);
        assert_eq!(dir.load(), Ok(None));
        dir.save(b"one");
        dir.save(b"two");
        assert_eq!(dir.load(), Ok(Some(b"two".to_vec())));
        assert_eq!(StateDir::new(scratch.0.join("deep"), 2056).load(), Ok(None));
        assert_eq!(fs::read_dir(scratch.0.join("deep")).unwrap().count(), 1);
    }

    #[test]
    fn datagrams_aside_are_bounded() {
        let scratch = Scratch::new("aside");
        let mut dir = StateDir::new(scratch.0.clone(), 2055);
        let exporter = "192.0.2.1:2055".parse().unwrap();
        for number in 0..2 * ASIDE_MAX {
            dir.keep_aside(exporter, &number.to_be_bytes());
        }
        assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), ASIDE_MAX);
    }

    #[test]
    fn a_directory_that_cannot_be_is_no_failure() {
        let mut dir = StateDir::new("/dev/null/state".into(), 2055);
        dir.save(b"one");
        assert!(dir.is_broken);
        assert!(dir.load().is_err());
    }
}
