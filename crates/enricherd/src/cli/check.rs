//! `ipfix-enricher check`: configuration and AS data are valid, and this is what is in force.
//!
//! Standard output is the whole configuration with every default, as a file that could be used;
//! what is known of the AS data stands in comments above it.
//!
//! Not here: the checks themselves (`config`, `sources`).

use std::fmt::Write;
use std::path::Path;
use std::time::SystemTime;

use crate::cli::prepare::Prepared;
use crate::cli::{Failure, print, say};
use crate::config::EVERYONE_MAY_SEND;
use crate::sources::{Source, Sources, geo};

/// Checks everything that can be checked without a network.
pub(super) fn run(config: Option<&Path>) -> Result<(), Failure> {
    let prepared = Prepared::load(config)?;
    let places = geo::load(&prepared.config.enrichment);
    places.map_err(|fault| Failure::failed(fault.to_string()))?;
    let now = SystemTime::now();
    prepared.warn(now);
    if prepared.config.general.allow_exporters.is_empty() {
        say(&format!("warning: {EVERYONE_MAY_SEND}"));
    }
    print(&text(&prepared, now))
}

fn text(prepared: &Prepared, now: SystemTime) -> String {
    sources_text(&prepared.sources, now) + &prepared.config.dump()
}

fn sources_text(sources: &Sources, now: SystemTime) -> String {
    let mut text = String::new();
    for source in &sources.list {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# AS data: {}", source_text(source, now));
    }
    text + &format!("# names of {} AS\n", sources.names.len())
}

fn source_text(source: &Source, now: SystemTime) -> String {
    let mut text = format!(
        "{}, {}, {} prefixes",
        source.origin,
        source.format,
        source.entries.len()
    );
    if let (Some(made), Some(days)) = (source.made, source.age_days(now)) {
        // Writing to a String cannot fail.
        let _ = write!(text, ", {made}, {days} days old");
    }
    text
}
