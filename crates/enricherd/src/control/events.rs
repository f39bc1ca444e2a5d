//! What happened that an operator should act on: said in the log, and kept for whoever asks.
//!
//! Not here: what is worth an event (whoever notices it).
//! Bound: the last [`EVENTS_MAX`].

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use report::json::{list, object, string};

/// Events that are kept.
pub const EVENTS_MAX: usize = 256;

/// How much an event concerns the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It is good to know.
    Info,
    /// It deserves a look.
    Warning,
    /// Something does not work.
    Error,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: SystemTime,
    /// Its name, which is public.
    pub name: &'static str,
    /// What happened, and what to do, in a sentence.
    pub text: String,
}

/// The last events.
#[derive(Debug, Default)]
pub struct Events(Mutex<VecDeque<Event>>);

impl Events {
    /// Says and keeps that something happened that somebody should look at.
    pub fn note(&self, name: &'static str, at: SystemTime, text: String) {
        self.tell(Severity::Warning, name, at, text);
    }

    /// Says and keeps that something happened.
    pub fn tell(&self, severity: Severity, name: &'static str, at: SystemTime, text: String) {
        match severity {
            Severity::Info => tracing::info!(event = name, "{text}"),
            Severity::Warning => tracing::warn!(event = name, "{text}"),
            Severity::Error => tracing::error!(event = name, "{text}"),
        }
        self.keep(name, at, text);
    }

    /// Keeps that something happened that was said already.
    pub fn keep(&self, name: &'static str, at: SystemTime, text: String) {
        let mut kept = self.lock();
        if kept.len() >= EVENTS_MAX {
            kept.pop_front();
        }
        kept.push_back(Event { at, name, text });
    }

    /// Returns them, the newest last, with how many seconds ago each was.
    #[must_use]
    pub fn text(&self, now: SystemTime) -> String {
        let mut text = String::new();
        for event in self.lock().iter() {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{:>8} s ago  {}: {}",
                ago_s(event, now),
                event.name,
                event.text
            );
        }
        if text.is_empty() {
            text += "no events\n";
        }
        text
    }

    /// As [`Self::text`], as one line of JSON.
    #[must_use]
    pub fn json(&self, now: SystemTime) -> String {
        let event = |event: &Event| {
            object(&[
                ("event", string(event.name)),
                ("ago_s", ago_s(event, now).to_string()),
                ("text", string(&event.text)),
            ])
        };
        list(self.lock().iter().map(event)) + "\n"
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Event>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ago_s(event: &Event, now: SystemTime) -> u64 {
    now.duration_since(event.at).map_or(0, |ago| ago.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_events_are_kept() {
        let events = Events::default();
        let start = SystemTime::UNIX_EPOCH;
        let later = start + std::time::Duration::from_secs(7200);
        assert_eq!(events.text(later), "no events\n");
        assert_eq!(events.json(later), "[]\n");
        for number in 0..EVENTS_MAX + 3 {
            events.note("sample", start, format!("number {number}"));
        }
        let text = events.text(later);
        assert_eq!(text.lines().count(), EVENTS_MAX);
        assert_eq!(
            text.lines().next(),
            Some("    7200 s ago  sample: number 3")
        );
        let json = events.json(later);
        let first = r#"[{"event":"sample","ago_s":7200,"text":"number 3"},"#;
        assert!(json.starts_with(first) && json.ends_with("]\n"), "{json}");
    }
}
