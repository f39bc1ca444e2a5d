//! `ipfix-tail`: follows the log, with colours, also when the file is rotated or cut.
//!
//! Without a file on the command line the one of the daemon's configuration is followed; if it has
//! none, the journal.
//!
//! Not here: writing and rotating the log (the daemon).
//! Bound: the last [`BEGIN_OCTETS_MAX`] of the file are looked at for the lines to begin with.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use regex::Regex;

use crate::ask::{Connect, exit, text};
use crate::colour::{Colour, Palette};

/// Octets at the end of the file in which the first lines are looked for.
const BEGIN_OCTETS_MAX: u64 = 16 << 20;
/// How often it is looked for more.
const STEP: Duration = Duration::from_millis(200);
/// Where the log is if nobody says otherwise.
const DEFAULT_FILE: &str = "/var/log/ipfix-enricher/ipfix-enricher.log";

/// Follows the log of the daemon
#[derive(Clone, Debug, Parser)]
#[command(name = "ipfix-tail", version)]
pub struct Options {
    /// The file [default: the one in the daemon's configuration, else the journal]
    file: Option<PathBuf>,
    #[command(flatten)]
    connect: Connect,
    /// Only warnings and errors
    #[arg(long)]
    errors: bool,
    /// Only lines that this regular expression matches
    #[arg(long, value_name = "RE")]
    grep: Option<Regex>,
    /// Begins with the last N lines
    #[arg(short = 'n', value_name = "N", default_value_t = 10)]
    lines: usize,
    /// Only this level and graver ones
    #[arg(long, value_enum, ignore_case = true)]
    level: Option<Level>,
}

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// Good to know.
    Info,
    /// Deserves a look.
    Warning,
    /// Something does not work.
    Error,
}

impl Level {
    /// Reads the level of a line, text or JSON; lines without one belong to the one before.
    fn of(line: &str) -> Option<Self> {
        let begin: String = line.chars().take(80).collect();
        let words = [
            ("ERROR", Self::Error),
            ("WARN", Self::Warning),
            ("INFO", Self::Info),
            ("DEBUG", Self::Debug),
        ];
        words
            .into_iter()
            .find(|(word, _)| begin.contains(word))
            .map(|(_, level)| level)
    }

    const fn colour(self) -> Option<Colour> {
        match self {
            Self::Debug => None,
            Self::Info => Some(Colour::Green),
            Self::Warning => Some(Colour::Yellow),
            Self::Error => Some(Colour::Red),
        }
    }
}

impl Options {
    /// Does what was asked for.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        exit(self.follow())
    }

    fn follow(&self) -> Result<()> {
        let Some(path) = self.path() else {
            return Err(self.journal())
                .context("the daemon logs to no file, and journalctl cannot be run; name a file");
        };
        let mut followed = Followed::open(&path, self.lines)
            .with_context(|| format!("{}: name another file", path.display()))?;
        let palette = Palette::of_output();
        let mut chosen = Chosen::of(self);
        let mut out = io::stdout().lock();
        loop {
            for line in followed.lines()? {
                if chosen.takes(&line) {
                    writeln!(out, "{}", painted(&line, palette))?;
                }
            }
            out.flush()?;
            sleep(STEP);
        }
    }

    /// The file to follow; `None`: the journal.
    fn path(&self) -> Option<PathBuf> {
        if let Some(file) = &self.file {
            return Some(file.clone());
        }
        let Ok([config]) = self.connect.ask(["config"]) else {
            // No daemon: its last words are where they usually are.
            return Some(DEFAULT_FILE.into());
        };
        match text(&config["general"], "log_file") {
            "-" | "" => None,
            path => Some(path.into()),
        }
    }

    /// Becomes journalctl; returns why not.
    fn journal(&self) -> io::Error {
        let mut command = Command::new("journalctl");
        command.args(["--unit", "ipfix-enricher", "--follow", "--lines"]);
        command.arg(self.lines.to_string());
        if self.errors {
            command.arg("--priority=warning");
        }
        if let Some(pattern) = &self.grep {
            command.arg("--grep").arg(pattern.as_str());
        }
        command.exec()
    }
}

/// Which lines are shown.
struct Chosen<'a> {
    grep: Option<&'a Regex>,
    from: Level,
    last: Level,
}

impl<'a> Chosen<'a> {
    fn of(options: &'a Options) -> Self {
        let least = if options.errors {
            Level::Warning
        } else {
            Level::Debug
        };
        Self {
            grep: options.grep.as_ref(),
            from: options.level.unwrap_or(least).max(least),
            last: Level::Info,
        }
    }

    fn takes(&mut self, line: &str) -> bool {
        self.last = Level::of(line).unwrap_or(self.last);
        self.last >= self.from && self.grep.is_none_or(|pattern| pattern.is_match(line))
    }
}

/// Returns a line with its level in a colour and its AS numbers bold.
fn painted(line: &str, palette: Palette) -> String {
    if palette == Palette::Plain {
        return line.to_owned();
    }
    let mut painted = String::with_capacity(line.len() + 32);
    for (index, word) in line.split(' ').enumerate() {
        if index > 0 {
            painted.push(' ');
        }
        let level = matches!(word, "ERROR" | "WARN" | "INFO" | "DEBUG").then(|| Level::of(word));
        let digits = word
            .strip_prefix("AS")
            .map(|rest| rest.trim_end_matches([',', ';', ')']));
        let is_as = digits
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|one| one.is_ascii_digit()));
        match level.flatten().and_then(Level::colour) {
            Some(colour) => painted += &palette.paint(colour, word),
            None if is_as => painted += &palette.paint(Colour::Bold, word),
            None => painted += word,
        }
    }
    painted
}

/// A file that grows, is cut, or is replaced.
struct Followed {
    path: PathBuf,
    file: File,
    inode: u64,
    at: u64,
    /// A line whose end has not come yet.
    begun: Vec<u8>,
    /// Lines that were there at the beginning.
    first: VecDeque<String>,
}

impl Followed {
    fn open(path: &Path, lines_count: usize) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let mut followed = Self {
            path: path.to_owned(),
            file,
            inode: metadata.ino(),
            at: metadata.len().saturating_sub(BEGIN_OCTETS_MAX),
            begun: Vec::new(),
            first: VecDeque::new(),
        };
        let all = followed.read()?;
        let skipped = all.len().saturating_sub(lines_count);
        followed.first = all.into_iter().skip(skipped).collect();
        Ok(followed)
    }

    /// Returns the lines that came since the last time.
    fn lines(&mut self) -> io::Result<Vec<String>> {
        let mut lines: Vec<String> = self.first.drain(..).collect();
        lines.extend(self.read()?);
        // What was written to the old file until now is read; the new one begins.
        let now = fs::metadata(&self.path).ok();
        if let Some(now) = now.filter(|now| now.ino() != self.inode) {
            self.file = File::open(&self.path)?;
            self.inode = now.ino();
            self.at = 0;
            lines.extend(self.read()?);
        }
        Ok(lines)
    }

    fn read(&mut self) -> io::Result<Vec<String>> {
        if self.file.metadata()?.len() < self.at {
            self.at = 0;
            self.begun.clear();
        }
        self.file.seek(SeekFrom::Start(self.at))?;
        let mut octets = Vec::new();
        (&self.file)
            .take(BEGIN_OCTETS_MAX)
            .read_to_end(&mut octets)?;
        self.at += octets.len() as u64;
        self.begun.extend(octets);
        let mut lines = Vec::new();
        while let Some(end) = self.begun.iter().position(|octet| *octet == b'\n') {
            let line: Vec<u8> = self.begun.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            lines.push(line.trim_end().to_owned());
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let name = format!("ipfix-tail-{name}-{}.log", std::process::id());
        std::env::temp_dir().join(name)
    }

    #[test]
    fn a_file_is_followed_across_rotation_and_truncation() {
        let path = scratch("follow");
        fs::write(&path, "1\n2\n3\n").unwrap();
        let mut followed = Followed::open(&path, 2).unwrap();
        assert_eq!(followed.lines().unwrap(), ["2", "3"]);
        let append = |text: &str| {
            let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        append("4\nhalf");
        assert_eq!(followed.lines().unwrap(), ["4"]);
        append(" whole\n");
        assert_eq!(followed.lines().unwrap(), ["half whole"]);
        let old = path.with_extension("old");
        append("last\n");
        fs::rename(&path, &old).unwrap();
        fs::write(&path, "new\n").unwrap();
        assert_eq!(followed.lines().unwrap(), ["last", "new"]);
        fs::write(&path, "").unwrap();
        assert!(followed.lines().unwrap().is_empty());
        append("after\n");
        assert_eq!(followed.lines().unwrap(), ["after"]);
        fs::remove_file(&path).unwrap();
        fs::remove_file(&old).unwrap();
    }

    #[test]
    fn lines_are_chosen_by_level_and_pattern() {
        let parse = |arguments: &[&str]| {
            Options::try_parse_from([&["ipfix-tail"], arguments].concat()).unwrap()
        };
        let lines = [
            "2026-11-24T01:00:00Z  INFO listening",
            "2026-11-24T01:00:01Z  WARN collector a",
            "  more of it",
            "{\"level\":\"ERROR\",\"message\":\"b\"}",
        ];
        for (arguments, taken) in [
            (&[][..], vec![0, 1, 2, 3]),
            (&["--errors"], vec![1, 2, 3]),
            (&["--level", "error"], vec![3]),
            (&["--grep", "collector|b\""], vec![1, 3]),
        ] {
            let options = parse(arguments);
            let mut chosen = Chosen::of(&options);
            let shown: Vec<_> = (0..lines.len())
                .filter(|at| chosen.takes(lines[*at]))
                .collect();
            assert_eq!(shown, taken, "{arguments:?}");
        }
    }

    #[test]
    fn levels_are_coloured_and_as_numbers_bold() {
        let line = painted("a ERROR AS15169, ASSOCIATION", Palette::Coloured);
        let expected = "a \u{1b}[31mERROR\u{1b}[0m \u{1b}[1mAS15169,\u{1b}[0m ASSOCIATION";
        assert_eq!(line, expected);
        assert_eq!(painted("ERROR", Palette::Plain), "ERROR");
    }
}
