//! Files in `state_dir`: what a restart must not forget, and datagrams that we failed over.
//!
//! One file has a part for each worker, behind a list of their lengths; a file of a single part
//! that begins with the part itself, as older ones do, is read too. A file is written aside,
//! brought to the disk and renamed, so that whoever starts after a crash finds the old one or the
//! new one, never a half. A directory that cannot be written is said once; the traffic does not
//! depend on it.
//!
//! Not here: what is in a state (`mediator`), when it is saved (`daemon`).
//! Bound: one state and one list of sources for each UDP port, the last damaged state,
//! [`ASIDE_MAX`] datagrams.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Datagrams that are kept for us to look at; there is no use in more of the same.
pub const ASIDE_MAX: usize = 16;
/// Octets of the largest state that is read: above what many workers at their limits have.
const STATE_OCTETS_MAX: u64 = 1 << 30;
/// The first octets of a file with parts, and the version of its layout.
const MAGIC: &[u8; 8] = b"IPFX-WK\x01";
/// Octets of a length, of their number and of their checksum.
const NUMBER_OCTETS: usize = 8;

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

    /// Reads the parts of the saved state; none if there is no file. A part that was cut off is as
    /// long as it still is.
    ///
    /// # Errors
    /// There is a file and it cannot be read; the sentence names it and its consequence.
    pub fn load(&self) -> Result<Vec<Vec<u8>>, String> {
        let path = self.state_path();
        let shown = path.display();
        let octets = match read(&path) {
            Ok(octets) => octets,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(format!("{shown}: {error}; Templates are learnt anew")),
        };
        if octets.strip_prefix(MAGIC).is_none() {
            return Ok(vec![octets]);
        }
        parts_in(&octets).ok_or_else(|| {
            let kept = self.set_aside(&octets);
            format!("{shown}: it is damaged and was {kept}; Templates are learnt anew")
        })
    }

    /// Saves a state; says so if that begins to fail or works again.
    pub fn save<'a>(&mut self, parts: impl Iterator<Item = &'a [u8]> + Clone) {
        match self.replace(&self.state_path(), &file_of(parts)) {
            Ok(()) if self.is_broken => {
                self.is_broken = false;
                tracing::info!("{}: can be written again", self.path.display());
            }
            Ok(()) => {}
            Err(error) => self.note_broken(&error),
        }
    }

    /// Whether the last thing that was to be written could not be.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Reads whose addresses were in use for which collector; empty if that was never saved.
    ///
    /// # Errors
    /// There is a file and it cannot be read; the sentence names it.
    pub fn load_sources(&self) -> Result<String, String> {
        let path = self.sources_path();
        let shown = path.display();
        match read(&path).map(String::from_utf8) {
            Ok(Ok(text)) => Ok(text),
            Ok(Err(error)) => Err(format!("{shown}: {error}")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(format!("{shown}: {error}")),
        }
    }

    /// Saves whose addresses are in use for which collector.
    pub fn save_sources(&mut self, text: &str) {
        if let Err(error) = self.replace(&self.sources_path(), text.as_bytes()) {
            self.note_broken(&error);
        }
    }

    /// Reads the saved routes; `None` if there are none.
    ///
    /// # Errors
    /// There is a file and it cannot be read; the sentence names it and its consequence.
    pub fn load_routes(&self) -> Result<Option<Vec<u8>>, String> {
        let path = self.routes_path();
        match read(&path) {
            Ok(octets) => Ok(Some(octets)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!(
                "{}: {error}; routes are learnt anew",
                path.display()
            )),
        }
    }

    /// Saves routes; says so if that fails.
    pub fn save_routes(&self, octets: &[u8]) {
        let path = self.routes_path();
        if let Err(error) = self.replace(&path, octets) {
            tracing::error!(
                "{}: {error}; after a restart routes are learnt anew",
                path.display()
            );
        }
    }

    fn routes_path(&self) -> PathBuf {
        self.path.join(format!("udp-{}.routes", self.port))
    }

    /// Keeps what cannot be used, in the place of what was kept before; returns what became of it,
    /// as a part of a sentence.
    #[must_use]
    pub fn set_aside(&self, octets: &[u8]) -> String {
        let path = self.state_path().with_extension("damaged");
        match self.replace(&path, octets) {
            Ok(()) => format!("kept as {}", path.display()),
            Err(error) => format!("not kept as {}: {error}", path.display()),
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

    fn sources_path(&self) -> PathBuf {
        self.path.join(format!("udp-{}.sources", self.port))
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

/// A number of parts, their lengths, a checksum of all that, the parts.
fn file_of<'a>(parts: impl Iterator<Item = &'a [u8]> + Clone) -> Vec<u8> {
    let number = |value: usize| u64::try_from(value).unwrap_or(u64::MAX).to_be_bytes();
    let mut octets = MAGIC.to_vec();
    octets.extend(number(parts.clone().count()));
    for part in parts.clone() {
        octets.extend(number(part.len()));
    }
    octets.extend(checksum(&octets).to_be_bytes());
    parts.for_each(|part| octets.extend_from_slice(part));
    octets
}

/// Returns the parts of a file; `None` if their list is damaged.
fn parts_in(octets: &[u8]) -> Option<Vec<Vec<u8>>> {
    let number_at = |at: usize| {
        let octets = octets.get(at..)?.first_chunk()?;
        Some(u64::from_be_bytes(*octets))
    };
    let parts_count = usize::try_from(number_at(MAGIC.len())?).ok()?;
    let lengths_at = MAGIC.len() + NUMBER_OCTETS;
    let list_end = parts_count
        .checked_mul(NUMBER_OCTETS)?
        .checked_add(lengths_at)?;
    if number_at(list_end)? != checksum(octets.get(..list_end)?) {
        return None;
    }
    let mut rest = octets.get(list_end + NUMBER_OCTETS..)?;
    let mut parts = Vec::new();
    for index in 0..parts_count {
        let length = usize::try_from(number_at(lengths_at + index * NUMBER_OCTETS)?).ok()?;
        let (part, behind) = rest.split_at(length.min(rest.len()));
        parts.push(part.to_vec());
        rest = behind;
    }
    Some(parts)
}

/// FNV-1a, 64 bit: finds accidents.
fn checksum(octets: &[u8]) -> u64 {
    octets.iter().fold(0xCBF2_9CE4_8422_2325, |sum, octet| {
        (sum ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01B3)
    })
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

    fn parts() -> impl Iterator<Item = &'static [u8]> + Clone {
        [b"first".as_slice(), b"", b"the third"].into_iter()
    }

    #[test]
    fn what_was_saved_last_is_loaded_and_nothing_is_left_aside() {
        let scratch = Scratch::new("saved");
        let mut dir = StateDir::new(scratch.0.join("deep"), 2055);
        assert_eq!(dir.load(), Ok(Vec::new()));
        dir.save([b"one".as_slice()].into_iter());
        dir.save(parts());
        let saved: Vec<_> = parts().map(<[u8]>::to_vec).collect();
        assert_eq!(dir.load(), Ok(saved));
        let other_port = StateDir::new(scratch.0.join("deep"), 2056);
        assert_eq!(other_port.load(), Ok(Vec::new()));
        assert_eq!(fs::read_dir(scratch.0.join("deep")).unwrap().count(), 1);
    }

    #[test]
    fn a_file_of_before_there_were_parts_is_one_part() {
        let scratch = Scratch::new("one-part");
        fs::create_dir_all(&scratch.0).unwrap();
        fs::write(scratch.0.join("udp-2055.state"), b"IPFX-AS\x01 and so on").unwrap();
        let dir = StateDir::new(scratch.0.clone(), 2055);
        assert_eq!(dir.load(), Ok(vec![b"IPFX-AS\x01 and so on".to_vec()]));
    }

    #[test]
    fn a_file_that_was_cut_off_keeps_what_was_before_the_cut() {
        let file = file_of(parts());
        assert_eq!(
            parts_in(&file[..file.len() - 4]).unwrap(),
            [b"first".to_vec(), Vec::new(), b"the t".to_vec()]
        );
        let list_end = MAGIC.len() + 5 * NUMBER_OCTETS;
        for end in 0..list_end {
            assert_eq!(parts_in(&file[..end]), None, "{end} octets");
        }
        for at in MAGIC.len()..list_end {
            let mut changed = file.clone();
            changed[at] ^= 0x10;
            assert_eq!(parts_in(&changed), None, "octet {at}");
        }
    }

    #[test]
    fn a_damaged_list_is_kept_aside_and_said() {
        let scratch = Scratch::new("damaged");
        let mut dir = StateDir::new(scratch.0.clone(), 2055);
        dir.save(parts());
        let path = scratch.0.join("udp-2055.state");
        let mut octets = fs::read(&path).unwrap();
        octets[20] ^= 1;
        fs::write(&path, &octets).unwrap();
        let fault = dir.load().unwrap_err();
        assert!(fault.contains("kept as "), "{fault}");
        assert_eq!(fs::read(path.with_extension("damaged")).unwrap(), octets);
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
        dir.save(parts());
        assert!(dir.is_broken);
        assert!(dir.load().is_err());
    }
}
