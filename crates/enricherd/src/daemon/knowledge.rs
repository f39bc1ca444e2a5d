//! AS knowledge for the worker, at the start and again on demand.
//!
//! Not here: reading files (`sources`), the lookup (`asdb`).

use std::time::SystemTime;

use crate::config::Config;
use crate::pipeline::known::Known;
use crate::pipeline::settings;
use crate::sources::about::About;
use crate::sources::{Sources, Wanted};

/// Reads everything that the configuration names.
///
/// # Errors
/// A sentence for each file that cannot be used.
pub fn load(config: &Config) -> Result<(Known, About), Vec<String>> {
    read(config, &Wanted::of(&config.enrichment))
}

/// As [`load`]; where that fails the faults are said, and what the program brings along serves
/// instead, beside the operator's own prefixes.
pub(super) fn load_or_fall_back(config: &Config) -> (Known, About) {
    let wanted = Wanted::of(&config.enrichment);
    let faults = match read(config, &wanted) {
        Ok(known) => return known,
        Err(faults) => faults,
    };
    for fault in faults {
        tracing::error!("AS data: {fault}; the snapshot shipped with this program serves instead");
    }
    let shipped = Wanted {
        as_databases: Vec::new(),
        ..wanted
    };
    read(config, &shipped).unwrap_or_else(|faults| {
        for fault in faults {
            tracing::error!("AS data: {fault}; Data Records pass as they came");
        }
        known(config, Sources::default())
    })
}

/// Says why a new configuration cannot take effect while the daemon runs.
pub(super) fn refuse_lasting(running: &Config, new: &Config) -> Result<(), Vec<String>> {
    let mut like_running = new.clone();
    like_running
        .enrichment
        .static_prefixes
        .clone_from(&running.enrichment.static_prefixes);
    like_running
        .enrichment
        .as_databases
        .clone_from(&running.enrichment.as_databases);
    if like_running == *running {
        return Ok(());
    }
    let sections = [
        ("general", like_running.general != running.general),
        ("exporters", like_running.exporters != running.exporters),
        ("enrichment", like_running.enrichment != running.enrichment),
        ("forwarding", like_running.forwarding != running.forwarding),
        (
            "performance",
            like_running.performance != running.performance,
        ),
        ("nat", like_running.nat != running.nat),
        ("metrics", like_running.metrics != running.metrics),
    ];
    let changed = sections.iter().filter(|(_, is_changed)| *is_changed);
    Err(changed
        .map(|(name, _)| {
            format!(
                "section {name} changed: only enrichment.static_prefixes and \
                 enrichment.as_databases take effect without a restart"
            )
        })
        .collect())
}

fn read(config: &Config, wanted: &Wanted) -> Result<(Known, About), Vec<String>> {
    let sources = Sources::load(wanted).map_err(|faults| {
        let sentences = faults.iter().map(ToString::to_string);
        sentences.collect::<Vec<_>>()
    })?;
    let now = SystemTime::now();
    for warning in sources.warnings(now) {
        tracing::warn!("{warning}");
    }
    for source in &sources.list {
        tracing::info!(
            "AS data: {}, {} prefixes",
            source.origin,
            source.entries.len()
        );
    }
    Ok(known(config, sources))
}

/// Returns the table with its policies, and what explains it.
fn known(config: &Config, sources: Sources) -> (Known, About) {
    let (as_db, about) = About::freeze(sources).unwrap_or_else(|error| {
        tracing::error!("AS data: {error}; Data Records pass as they came");
        (asdb::Builder::new().build(), About::default())
    });
    let (_, policies) = settings::of(config, &config.forwarding.collectors, &as_db);
    (Known { as_db, policies }, about)
}
