//! The last warnings and errors of the log, for whoever asks what went wrong.
//!
//! The log is the process's, so this is too: whatever is said at these levels is kept here as well.
//!
//! Not here: the log itself (`control::log`), events, which have a list of their own
//! (`control::events`).
//! Bound: the last [`FAULTS_MAX`], of [`TEXT_CHARS_MAX`] characters each.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use report::json::{list, object, or_null, string};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// Faults that are kept.
pub const FAULTS_MAX: usize = 128;
/// Characters of each.
pub const TEXT_CHARS_MAX: usize = 1000;

/// Something that was said at level WARNING or ERROR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub at: SystemTime,
    /// Whether something no longer works, not only deserves a look.
    pub is_error: bool,
    /// Its event's name, if it has one.
    pub event: Option<String>,
    /// What is wrong, and what to do, in a sentence.
    pub text: String,
}

/// The last faults.
#[derive(Debug)]
pub struct Faults(Mutex<VecDeque<Fault>>);

static LAST: Faults = Faults(Mutex::new(VecDeque::new()));

/// Returns those of this process.
#[must_use]
pub fn last() -> &'static Faults {
    &LAST
}

impl Faults {
    fn note(&self, fault: Fault) {
        let mut kept = self.lock();
        if kept.len() >= FAULTS_MAX {
            kept.pop_front();
        }
        kept.push_back(fault);
    }

    /// Returns them, the newest last, with how many seconds ago each was.
    #[must_use]
    pub fn text(&self, now: SystemTime) -> String {
        let mut text = String::new();
        for fault in self.lock().iter() {
            let level = if fault.is_error { "ERROR" } else { "WARN" };
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{:>8} s ago  {level:<5}  {}",
                ago_s(fault, now),
                fault.text
            );
        }
        if text.is_empty() {
            text += "no errors\n";
        }
        text
    }

    /// As [`Self::text`], as one line of JSON.
    #[must_use]
    pub fn json(&self, now: SystemTime) -> String {
        let fault = |fault: &Fault| {
            let level = if fault.is_error { "ERROR" } else { "WARNING" };
            object(&[
                ("level", string(level)),
                ("ago_s", ago_s(fault, now).to_string()),
                ("event", or_null(fault.event.as_deref().map(string))),
                ("text", string(&fault.text)),
            ])
        };
        list(self.lock().iter().map(fault)) + "\n"
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ago_s(fault: &Fault, now: SystemTime) -> u64 {
    now.duration_since(fault.at).map_or(0, |ago| ago.as_secs())
}

/// Keeps what is said at level WARNING or ERROR.
#[derive(Debug)]
pub(crate) struct Keeper;

impl<S: Subscriber> Layer<S> for Keeper {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = *event.metadata().level();
        if level > Level::WARN {
            return;
        }
        let mut said = Said::default();
        event.record(&mut said);
        LAST.note(Fault {
            at: SystemTime::now(),
            is_error: level == Level::ERROR,
            event: said.event,
            text: said.text.chars().take(TEXT_CHARS_MAX).collect(),
        });
    }
}

/// What an event of `tracing` says.
#[derive(Debug, Default)]
struct Said {
    event: Option<String>,
    text: String,
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "event" => self.event = Some(value.to_owned()),
            "message" => self.text = value.to_owned(),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.text = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::prelude::*;

    #[test]
    fn what_is_wrong_is_kept_and_what_is_not_is_not() {
        let subscriber = tracing_subscriber::registry().with(Keeper);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("all is well, of the test of faults");
            tracing::warn!(
                event = "sample",
                "look at {}",
                "this, of the test of faults"
            );
            tracing::error!("broken, of the test of faults");
        });
        let kept: Vec<_> = LAST.lock().iter().cloned().collect();
        let ours = kept
            .iter()
            .filter(|one| one.text.ends_with("of the test of faults"));
        let ours: Vec<_> = ours
            .map(|one| (one.is_error, one.event.as_deref(), one.text.as_str()))
            .collect();
        assert_eq!(
            ours,
            [
                (false, Some("sample"), "look at this, of the test of faults"),
                (true, None, "broken, of the test of faults"),
            ]
        );
        let json = LAST.json(SystemTime::UNIX_EPOCH);
        assert!(
            json.starts_with("[{\"level\":\"") && json.ends_with("}]\n"),
            "{json}"
        );
    }
}
