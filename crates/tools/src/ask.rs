//! Asking the daemon: a line to its statistics port, an answer back.
//!
//! Not here: what the answers mean.
//! Bound: [`ANSWER_OCTETS_MAX`] of an answer, [`PATIENCE`] for each step.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

/// Octets of the longest answer that is read: 10,000 exporters take ten.
pub const ANSWER_OCTETS_MAX: u64 = 64 << 20;
/// How long the daemon may be silent.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Where the daemon is.
#[derive(Args, Clone, Debug)]
pub struct Connect {
    /// Where the daemon answers (general.stats_address and stats_port)
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9999")]
    pub connect: String,
}

impl Connect {
    /// Opens a connection.
    ///
    /// # Errors
    /// Nobody answers there; the sentence says what to do.
    pub fn open(&self) -> Result<TcpStream> {
        self.try_open().with_context(|| {
            format!(
                "no ipfix-enricher answers at {}; is it running? Try: systemctl status \
                 ipfix-enricher. Another host or port: --connect HOST:PORT",
                self.connect
            )
        })
    }

    fn try_open(&self) -> io::Result<TcpStream> {
        let mut fault = io::Error::other("the name has no address");
        for address in self.connect.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(PATIENCE))?;
                    stream.set_write_timeout(Some(PATIENCE))?;
                    return Ok(stream);
                }
                Err(error) => fault = error,
            }
        }
        Err(fault)
    }

    /// Returns the answers to these subjects, in this order.
    ///
    /// # Errors
    /// Nobody answers, or what answers is no daemon of ours.
    pub fn ask<const N: usize>(&self, subjects: [&str; N]) -> Result<[Value; N]> {
        let mut stream = self.open()?;
        let mut questions = String::new();
        for subject in subjects {
            // Writing to a String cannot fail.
            let _ = writeln!(questions, "{subject} json");
        }
        questions += "quit\n";
        stream.write_all(questions.as_bytes())?;
        let mut lines = BufReader::new(stream.take(ANSWER_OCTETS_MAX));
        let mut answers = [const { Value::Null }; N];
        for (subject, answer) in subjects.iter().zip(&mut answers) {
            *answer = self.answer(subject, &mut lines)?;
        }
        Ok(answers)
    }

    fn answer(&self, subject: &str, lines: &mut impl BufRead) -> Result<Value> {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            bail!("{} ended before it answered {subject}", self.connect);
        }
        let line = line.trim_start_matches("ipfix> ");
        serde_json::from_str(line).with_context(|| {
            let begin: String = line.chars().take(60).collect();
            format!("{} does not answer {subject}: {begin}", self.connect)
        })
    }
}

/// The number at a path of an answer; 0 if there is none.
#[must_use]
pub fn number(value: &Value, path: &[&str]) -> u64 {
    let mut at = value;
    for name in path {
        at = &at[*name];
    }
    at.as_u64().unwrap_or(0)
}

/// The text of a member; empty if there is none.
#[must_use]
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("")
}

/// The members of a list; none if it is no list.
#[must_use]
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Whether a collector or a source needs nobody to look at it, by its state.
#[must_use]
pub fn is_well(one: &Value) -> bool {
    matches!(text(one, "state"), "ok" | "up" | "unverified")
}

/// Ends a program: says what went wrong, if anything did. A reader who has seen enough is no fault.
#[must_use]
pub fn exit(outcome: Result<()>) -> ExitCode {
    let Err(fault) = outcome else {
        return ExitCode::SUCCESS;
    };
    let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    if fault.downcast_ref().is_some_and(is_gone) {
        return ExitCode::SUCCESS;
    }
    // If standard error is closed the exit code says it alone.
    drop(writeln!(io::stderr().lock(), "{fault:#}"));
    ExitCode::FAILURE
}
