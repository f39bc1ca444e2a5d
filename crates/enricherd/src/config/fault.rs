//! What is wrong with a configuration, in the operator's words.
//!
//! A fault says line, key, value, what is wrong and what to write instead, in one sentence.
//!
//! Not here: what is wrong (`value`, `section`, `check`), how the process ends (the command line).
//! Bound: [`FAULTS_MAX`] faults are kept, each with at most 60 characters of its value; of all
//! others only how many there are.

use std::collections::BTreeSet;
use std::fmt;

/// Whoever has more faults than this has another file in hand than a configuration.
pub const FAULTS_MAX: usize = 100;
/// A value is shown so that it can be found, not so that it can be read.
const VALUE_CHARS_MAX: usize = 60;

/// One thing that the operator must change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Counted from 1; 0 if it is about the whole file.
    line: u32,
    key: String,
    value: Option<String>,
    wrong: Wrong,
}

/// What is wrong with a value, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    problem: String,
    remedy: String,
}

impl Wrong {
    pub(super) fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }
}

impl Fault {
    /// Returns the line it is about, counted from 1; `None` if it is about the whole file.
    #[must_use]
    pub const fn line(&self) -> Option<u32> {
        match self.line {
            0 => None,
            line => Some(line),
        }
    }

    /// Returns the key as `section.key`; empty if it is about no key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line() {
            write!(f, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            f.write_str(&self.key)?;
            if let Some(value) = &self.value {
                write!(f, " = {value}")?;
            }
            f.write_str(": ")?;
        }
        write!(f, "{}; {}", self.wrong.problem, self.wrong.remedy)
    }
}

/// Everything that is wrong with a file, in the order of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    list: Vec<Fault>,
    more_count: usize,
}

impl Faults {
    /// A file that cannot be read has one fault.
    pub(super) fn of_file(line: u32, wrong: Wrong) -> Self {
        let mut report = Report::default();
        report.fault(line, "", None, wrong);
        report.into_faults()
    }

    /// Returns the faults, at most [`FAULTS_MAX`]; never none.
    #[must_use]
    pub fn list(&self) -> &[Fault] {
        &self.list
    }

    /// Returns how many faults the list leaves out.
    #[must_use]
    pub const fn more_count(&self) -> usize {
        self.more_count
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.list.iter().map(Fault::to_string).collect();
        f.write_str(&lines.join("\n"))?;
        match self.more_count {
            0 => Ok(()),
            count => write!(f, "\nand {count} more faults"),
        }
    }
}

impl std::error::Error for Faults {}

/// Something that works as written, and may not be what the operator meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    line: u32,
    text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        f.write_str(&self.text)
    }
}

/// What has been found so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    faults: Vec<Fault>,
    more_count: usize,
    warnings: Vec<Warning>,
    unread: BTreeSet<String>,
}

impl Report {
    /// Notes that the operator must change something; `line` is 0 if it is about the whole file.
    pub(super) fn fault(&mut self, line: u32, key: &str, value: Option<&str>, wrong: Wrong) {
        if self.faults.len() == FAULTS_MAX {
            self.more_count += 1;
            return;
        }
        self.faults.push(Fault {
            line,
            key: key.to_owned(),
            value: value.map(shown),
            wrong,
        });
    }

    /// Notes something that the operator may want to look at.
    pub(super) fn warning(&mut self, line: u32, text: String) {
        self.warnings.push(Warning { line, text });
    }

    /// Notes that the value of a key could not be read, so that its default stands in.
    pub(super) fn unread(&mut self, key: String) {
        self.unread.insert(key);
    }

    /// Returns whether the values of these keys are the operator's, so that they can be compared.
    pub(super) fn are_read(&self, keys: &[&str]) -> bool {
        !keys.iter().any(|key| self.unread.contains(*key))
    }

    /// Returns what to warn of.
    ///
    /// # Errors
    /// There are faults.
    pub(super) fn finish(self) -> Result<Vec<Warning>, Faults> {
        if self.faults.is_empty() {
            return Ok(self.warnings);
        }
        Err(self.into_faults())
    }

    fn into_faults(mut self) -> Faults {
        self.faults.sort_by_key(|fault| fault.line);
        Faults {
            list: self.faults,
            more_count: self.more_count,
        }
    }
}

/// Returns the value on one line, cut to what a terminal can bear, without control characters;
/// in quotes where it could be taken for a part of the sentence.
fn shown(value: &str) -> String {
    let mut text = String::new();
    for char in value.chars().take(VALUE_CHARS_MAX) {
        if char.is_control() {
            text.extend(char.escape_default());
        } else {
            text.push(char);
        }
    }
    if value.chars().nth(VALUE_CHARS_MAX).is_some() {
        text.push('…');
    }
    if text.is_empty() || text.contains([':', ';', ' ']) {
        return format!("\"{text}\"");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_one_sentence() {
        let mut report = Report::default();
        let wrong = || Wrong::new("below 512 octets", "use 1500 or leave the key out");
        report.fault(7, "forwarding.max_packet_size", Some("80"), wrong());
        report.fault(2, "general.log_file", Some("a\n\u{1b}[31mb"), wrong());
        report.fault(0, "", None, wrong());
        let faults = report.finish().unwrap_err();
        let expected = "\
            below 512 octets; use 1500 or leave the key out\n\
            line 2: general.log_file = a\\n\\u{1b}[31mb: below 512 octets; use 1500 or leave the key \
            out\n\
            line 7: forwarding.max_packet_size = 80: below 512 octets; use 1500 or leave the key out";
        assert_eq!(faults.to_string(), expected);
    }

    #[test]
    fn endless_values_and_endless_faults_are_cut() {
        let mut report = Report::default();
        for line in 1..=103 {
            let value = "ä".repeat(61);
            report.fault(line, "a.b", Some(&value), Wrong::new("c", "d"));
        }
        let faults = report.finish().unwrap_err();
        assert_eq!(faults.list().len(), FAULTS_MAX);
        assert_eq!(faults.more_count(), 3);
        let text = faults.to_string();
        assert!(text.ends_with("\nand 3 more faults"), "{text}");
        let value = "ä".repeat(60);
        assert!(text.starts_with(&format!("line 1: a.b = {value}…: c; d\n")));
    }
}
