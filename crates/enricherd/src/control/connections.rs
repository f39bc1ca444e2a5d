//! The connections to collectors that are reached over one: how they are and what waits.
//!
//! Names here are public: they are added, never renamed.
//!
//! Not here: what every collector has (`collectors`), connections (`pipeline::streams`).
//! Bound: the collectors of the configuration.

use report::json::{object, or_null, string};
use report::text::grouped;

use crate::pipeline::page::TargetPage;
use crate::pipeline::streams::page::StreamNumbers;

/// Returns what there is to say of a collector's connection, in lines of its own.
pub(super) fn text(target: &TargetPage) -> String {
    let Some(stream) = &target.stream else {
        return String::new();
    };
    let mut text = format!(
        "{}: {}, connections {}, {} Messages wait ({} octets), {} repeats left out, {} \
         announcements, {} withdrawals\n",
        target.label,
        stream.state.name(),
        grouped(stream.connections),
        grouped(stream.waiting),
        grouped(stream.waiting_octets),
        grouped(stream.repeats),
        grouped(stream.own.announcements),
        grouped(stream.own.withdrawals),
    );
    if let Some(error) = &stream.last_error {
        text += &format!("  last error: {error}\n");
    }
    text
}

/// Returns the same as a value of JSON.
pub(super) fn json(stream: &StreamNumbers) -> String {
    object(&[
        ("connected", stream.is_connected().to_string()),
        ("connections", stream.connections.to_string()),
        (
            "last_error",
            or_null(stream.last_error.as_deref().map(string)),
        ),
        ("messages_waiting", stream.waiting.to_string()),
        ("octets_waiting", stream.waiting_octets.to_string()),
        ("messages_repeating", stream.repeats.to_string()),
        ("announcements", stream.own.announcements.to_string()),
        ("withdrawals", stream.own.withdrawals.to_string()),
        (
            "templates_refused",
            stream.own.templates_refused.to_string(),
        ),
    ])
}
