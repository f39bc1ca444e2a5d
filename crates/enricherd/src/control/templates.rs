//! Each session with its Templates.
//!
//! Names here are public: they are added, never renamed.
//!
//! Not here: what is in a Template (`ipfix-monitor -v` shows IDs as they come).
//! Bound: the sessions that the workers remember.

use report::json::{list, object, or_null, string};
use report::table::{Align, Table};
use report::text::grouped;

use crate::config::Config;
use crate::control::exporters::name;
use crate::control::stats::{saturating, version_name};
use crate::pipeline::page::{Numbers, SessionPage};

const HEADS: [(&str, Align); 7] = [
    ("exporter", Align::Left),
    ("name", Align::Left),
    ("version", Align::Left),
    ("domain", Align::Right),
    ("templates", Align::Right),
    ("messages", Align::Right),
    ("sampling", Align::Right),
];

/// Returns each session with its Templates.
#[must_use]
pub fn text(numbers: &Numbers, config: &Config) -> String {
    let mut table = Table::new(&HEADS);
    for session in sessions(numbers) {
        let name = name(config, session.exporter.ip());
        let sampling = session.sampling_rate.map(u64::from).map(grouped);
        table.row(vec![
            session.exporter.to_string(),
            name.unwrap_or("-").to_owned(),
            version_name(session.version).to_owned(),
            session.domain.to_string(),
            grouped(saturating(session.templates_count)),
            grouped(session.counters.messages_in),
            sampling.unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    table.text()
}

/// As [`text`], as one line of JSON.
#[must_use]
pub fn json(numbers: &Numbers, config: &Config) -> String {
    let session = |session: &SessionPage| {
        let sampling = session.sampling_rate.map(|rate| rate.to_string());
        object(&[
            ("exporter", string(&session.exporter.to_string())),
            ("version", string(version_name(session.version))),
            ("domain", session.domain.to_string()),
            ("templates", session.templates_count.to_string()),
            ("messages", session.counters.messages_in.to_string()),
            (
                "name",
                or_null(name(config, session.exporter.ip()).map(string)),
            ),
            ("sampling_rate", or_null(sampling)),
        ])
    };
    list(sessions(numbers).into_iter().map(session)) + "\n"
}

fn sessions(numbers: &Numbers) -> Vec<&SessionPage> {
    let mut sessions: Vec<_> = numbers.sessions.iter().collect();
    sessions.sort_by_key(|session| (session.exporter, session.version, session.domain));
    sessions
}
