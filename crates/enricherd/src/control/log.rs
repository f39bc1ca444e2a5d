//! The log: lines for people or JSON, to standard error and to a file that rotates.
//!
//! Whoever logs hands a line to a bounded channel and goes on; a thread writes. Lines for which
//! there is no room are counted and the number is said. A file that cannot be written is said once
//! on standard error, and standard error goes on.
//!
//! Not here: what is worth a line (whoever says it).
//! Bound: [`QUEUE_LINES_MAX`] lines wait; [`FILE_OCTETS_MAX`] × ([`OLD_FILES_MAX`] + 1) on disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

use crate::config::{General, LogFile, LogFormat, LogLevel};
use crate::control::faults::Keeper;

/// Lines that wait for the disk.
pub const QUEUE_LINES_MAX: usize = 4096;
/// Octets of a file after which another is begun.
pub const FILE_OCTETS_MAX: u64 = 10 << 20;
/// Full files that are kept: `.1` is the latest.
pub const OLD_FILES_MAX: u32 = 4;
/// How often it is looked whether somebody moved the file away.
const MOVED_CHECK: Duration = Duration::from_secs(1);

/// What the writing thread is told.
enum Task {
    Line(Vec<u8>),
    Reopen,
    End,
}

/// The log of this process.
#[derive(Debug)]
pub struct Log {
    queue: SyncSender<Task>,
    writer: Option<JoinHandle<()>>,
}

impl Log {
    /// Begins to log as the configuration says. The first call in a process counts.
    #[must_use]
    pub fn begin(general: &General) -> Self {
        let (queue, tasks) = sync_channel(QUEUE_LINES_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let path = match &general.log_file {
            LogFile::StandardError => None,
            LogFile::Path(path) => Some(path.clone()),
        };
        let lines = Lines {
            queue: queue.clone(),
            lost: Arc::clone(&lost),
        };
        let written = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_target(false)
            .with_writer(lines);
        let registry = tracing_subscriber::registry()
            .with(level(general.log_level))
            .with(Keeper);
        // A second log in one process, as in tests, writes to the first.
        let outcome = match general.log_format {
            LogFormat::Text => registry.with(written).try_init(),
            LogFormat::Json => registry.with(written.json().flatten_event(true)).try_init(),
        };
        drop(outcome);
        let writer = thread::Builder::new().name("log".into()).spawn(move || {
            Writer::new(path, lost).run(&tasks);
        });
        Self {
            queue,
            writer: writer.ok(),
        }
    }

    /// Opens the file again, after somebody moved it.
    pub fn reopen(&self) {
        drop(self.queue.send(Task::Reopen));
    }

    /// Writes all lines that wait, and ends.
    pub fn end(mut self) {
        drop(self.queue.send(Task::End));
        if let Some(writer) = self.writer.take() {
            drop(writer.join());
        }
    }
}

const fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    }
}

/// Takes lines without waiting.
#[derive(Clone, Debug)]
struct Lines {
    queue: SyncSender<Task>,
    lost: Arc<AtomicU64>,
}

impl Write for Lines {
    /// A call is a line: the formatter hands over whole ones.
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.queue.try_send(Task::Line(octets.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What standard error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StandardError {
    /// A terminal, a file, whatever.
    Plain,
    /// The journal: it wants to know how grave a line is [sd-daemon(3)].
    Journal,
    /// Nobody reads it: the tests of the file.
    #[cfg(test)]
    Unread,
}

impl StandardError {
    /// Looks whether it is the journal: systemd names the file that it gave us.
    fn of_process() -> Self {
        let ours = fs::metadata("/proc/self/fd/2");
        let ours = ours.map(|file| format!("{}:{}", file.dev(), file.ino()));
        match (ours, std::env::var("JOURNAL_STREAM")) {
            (Ok(ours), Ok(journal)) if ours == journal => Self::Journal,
            _ => Self::Plain,
        }
    }

    fn write(self, line: &[u8]) {
        let prefix: &[u8] = match self {
            Self::Plain => b"",
            Self::Journal => priority(line),
            #[cfg(test)]
            Self::Unread => return,
        };
        // Where standard error is closed the file has the line.
        drop(io::stderr().write_all(&[prefix, line].concat()));
    }
}

/// How grave a line is, as the journal reads it: the first word in capitals is its level.
fn priority(line: &[u8]) -> &'static [u8] {
    let text = String::from_utf8_lossy(line.get(..80).unwrap_or(line));
    let mut words = text.split(|sign: char| !sign.is_ascii_uppercase());
    let levels = ["ERROR", "WARN", "INFO", "DEBUG"];
    match words.find(|word| levels.contains(word)) {
        Some("ERROR") => b"<3>",
        Some("WARN") => b"<4>",
        Some("DEBUG") => b"<7>",
        _ => b"<6>",
    }
}

/// The thread that writes.
struct Writer {
    path: Option<PathBuf>,
    standard_error: StandardError,
    file_octets_max: u64,
    file: Option<Open>,
    lost: Arc<AtomicU64>,
    is_broken: bool,
    checked_at: Instant,
}

struct Open {
    file: File,
    octets: u64,
    inode: u64,
}

impl Writer {
    fn new(path: Option<PathBuf>, lost: Arc<AtomicU64>) -> Self {
        let mut writer = Self {
            path,
            standard_error: StandardError::of_process(),
            file_octets_max: FILE_OCTETS_MAX,
            file: None,
            lost,
            is_broken: false,
            checked_at: Instant::now(),
        };
        writer.open();
        writer
    }

    fn run(mut self, tasks: &Receiver<Task>) {
        for task in tasks {
            match task {
                Task::Line(line) => self.line(&line),
                Task::Reopen => self.open(),
                Task::End => return,
            }
        }
    }

    fn line(&mut self, line: &[u8]) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            self.write(format!("{lost} lines of the log were lost: too many at once\n").as_bytes());
        }
        self.write(line);
    }

    fn write(&mut self, line: &[u8]) {
        self.standard_error.write(line);
        self.follow();
        let Some(open) = &mut self.file else {
            return;
        };
        match open.file.write_all(line) {
            Ok(()) => {
                open.octets = open.octets.saturating_add(line.len() as u64);
                if open.octets >= self.file_octets_max {
                    self.rotate();
                }
            }
            Err(error) => {
                self.file = None;
                self.complain(&error);
            }
        }
    }

    /// Opens the file again if it was moved or could not be opened, at most once a second.
    fn follow(&mut self) {
        if self.path.is_none() || self.checked_at.elapsed() < MOVED_CHECK {
            return;
        }
        self.checked_at = Instant::now();
        let on_disk = self.path.as_ref().and_then(|path| fs::metadata(path).ok());
        let ours = self.file.as_ref().map(|open| open.inode);
        if ours.is_none() || on_disk.map(|metadata| metadata.ino()) != ours {
            self.open();
        }
    }

    fn open(&mut self) {
        let Some(path) = &self.path else {
            return;
        };
        match open(path) {
            Ok(open) => {
                self.file = Some(open);
                self.is_broken = false;
            }
            Err(error) => {
                self.file = None;
                self.complain(&error);
            }
        }
    }

    fn rotate(&mut self) {
        if let Some(path) = &self.path {
            for number in (1..OLD_FILES_MAX).rev() {
                // There may be fewer old files than there could be.
                drop(fs::rename(old(path, number), old(path, number + 1)));
            }
            drop(fs::rename(path, old(path, 1)));
        }
        self.open();
    }

    fn complain(&mut self, error: &io::Error) {
        let path = self.path.as_deref().unwrap_or(Path::new("-"));
        if !self.is_broken {
            self.is_broken = true;
            let path = path.display();
            drop(writeln!(
                io::stderr(),
                "general.log_file {path}: {error}; the log goes to standard error alone"
            ));
        }
    }
}

fn open(path: &Path) -> io::Result<Open> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let metadata = file.metadata()?;
    Ok(Open {
        octets: metadata.len(),
        inode: metadata.ino(),
        file,
    })
}

fn old(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(path: &Path) -> Writer {
        Writer::new(Some(path.to_owned()), Arc::default())
    }

    fn scratch(name: &str) -> PathBuf {
        let name = format!("ipfix-enricher-log-{name}-{}", std::process::id());
        std::env::temp_dir().join(name)
    }

    #[test]
    fn full_files_move_up_and_the_oldest_goes() {
        let dir = scratch("rotate");
        let path = dir.join("a.log");
        let mut writer = writer(&path);
        for number in 0..OLD_FILES_MAX + 2 {
            writer.write(format!("{number}\n").as_bytes());
            writer.rotate();
        }
        let text = |path| fs::read_to_string(path).unwrap();
        assert_eq!(text(path.clone()), "");
        assert_eq!(text(old(&path, 1)), "5\n");
        assert_eq!(text(old(&path, OLD_FILES_MAX)), "2\n");
        assert!(!old(&path, OLD_FILES_MAX + 1).exists());
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn however_much_is_logged_the_files_stay_within_their_limit() {
        let dir = scratch("limit");
        let mut writer = writer(&dir.join("a.log"));
        writer.standard_error = StandardError::Unread;
        writer.file_octets_max = 1000;
        for number in 0..10_000 {
            writer.line(format!("{number:>99}\n").as_bytes());
        }
        let files: Vec<_> = fs::read_dir(&dir).unwrap().map(Result::unwrap).collect();
        assert_eq!(files.len(), OLD_FILES_MAX as usize + 1);
        let octets = files.iter().map(|file| file.metadata().unwrap().len());
        assert!(octets.sum::<u64>() <= 1000 * (u64::from(OLD_FILES_MAX) + 1));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn the_journal_is_told_how_grave_a_line_is() {
        for (line, expected) in [
            ("2026-11-24T01:00:00Z ERROR a", "<3>"),
            ("2026-11-24T01:00:00Z  WARN an ERROR", "<4>"),
            ("2026-11-24T01:00:00Z  WARN b", "<4>"),
            ("2026-11-24T01:00:00Z  INFO c", "<6>"),
            ("{\"timestamp\":\"2026\",\"level\":\"DEBUG\"}", "<7>"),
        ] {
            assert_eq!(priority(line.as_bytes()), expected.as_bytes(), "{line}");
        }
    }

    #[test]
    fn a_file_that_was_moved_is_opened_anew() {
        let dir = scratch("moved");
        let path = dir.join("a.log");
        let mut writer = writer(&path);
        writer.write(b"before\n");
        fs::rename(&path, dir.join("kept.log")).unwrap();
        writer.checked_at = Instant::now().checked_sub(2 * MOVED_CHECK).unwrap();
        writer.write(b"after\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "after\n");
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_path_that_cannot_be_is_no_failure() {
        let mut writer = writer(Path::new("/dev/null/a.log"));
        assert!(writer.is_broken);
        writer.write(b"to standard error\n");
    }
}
