//! How a command ends when it could not do what was asked: lines for people, a number for scripts.
//!
//! Not here: what went wrong (the errors of `config`, `sources`, `io`).

use std::fmt;

/// Something that an operator must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    code: u8,
    lines: Vec<String>,
}

impl Failure {
    /// The work was begun and went wrong: exit code 1.
    pub fn failed(line: impl Into<String>) -> Self {
        Self {
            code: 1,
            lines: vec![line.into()],
        }
    }

    /// As [`Failure::failed`], with all faults at once.
    pub fn failed_all(lines: impl IntoIterator<Item = impl fmt::Display>) -> Self {
        Self {
            code: 1,
            lines: lines.into_iter().map(|line| line.to_string()).collect(),
        }
    }

    /// What was asked for cannot be begun: exit code 2.
    pub fn usage(line: impl Into<String>) -> Self {
        Self {
            code: 2,
            ..Self::failed(line)
        }
    }

    /// As [`Failure::usage`], with all faults at once.
    pub fn usage_all(lines: impl IntoIterator<Item = impl fmt::Display>) -> Self {
        Self {
            code: 2,
            ..Self::failed_all(lines)
        }
    }

    /// Returns the failure without its lines: they were said already.
    #[must_use]
    pub fn said(self) -> Self {
        Self {
            lines: Vec::new(),
            ..self
        }
    }

    /// Whether there is nothing left to say.
    #[must_use]
    pub const fn is_said(&self) -> bool {
        self.lines.is_empty()
    }

    /// Returns the exit code of the process.
    #[must_use]
    pub const fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}
