//! What the operator decided, as the `Mediator` wants it.
//!
//! Not here: keys, defaults and checks (`config`), what the settings do (`mediator`).

use std::num::NonZeroU32;
use std::time::Duration;

use asdb::{AsDb, Asn, OwnRoutes, Policy, PolicyWord};
use mediator::settings::{DomainNames, Enrich, ExporterRule, IpHeader, Outlet, Treatment};
use mediator::{Limits, Settings};

use crate::config::{Collector, Config, Exporter};
use crate::pipeline::known::Decisions;

/// Workers that each have room of their own; more share what these have together.
const WORKERS_WITH_FULL_LIMITS: usize = 4;

/// Returns the limits of each of so many workers: what a flood of forged exporters can make all of
/// them take together does not grow with the number of cores.
#[must_use]
pub fn limits_of(workers_count: usize) -> Limits {
    let whole = Limits::default();
    let share = |limit: usize| {
        let workers = workers_count.max(WORKERS_WITH_FULL_LIMITS);
        limit.saturating_mul(WORKERS_WITH_FULL_LIMITS) / workers
    };
    Limits {
        sessions_max: share(whole.sessions_max),
        templates_bytes_max: share(whole.templates_bytes_max),
        held_octets_max: share(whole.held_octets_max),
        ..whole
    }
}

/// Returns the settings for one outgoing session to each of `collectors`, in their exporters'
/// names, and the policies that the settings point to, worked out for `as_db`.
#[must_use]
pub fn of(config: &Config, collectors: &[Collector], as_db: &AsDb) -> (Settings, Vec<Policy>) {
    let lists = provider_lists(config);
    let policies = lists.iter().map(|words| as_db.policy(words)).collect();
    let settings = Settings {
        missing_fields: config.enrichment.missing_fields,
        malformed: config.forwarding.malformed,
        unknown_versions: config.forwarding.unknown_versions,
        template_refresh_ms: millis(config.forwarding.template_refresh),
        hold_ms: millis(config.forwarding.hold_time),
        exporters: config
            .exporters
            .iter()
            .map(|exporter| rule(config, exporter, &lists))
            .collect(),
        otherwise: otherwise(config),
        ..Settings::of_outlets(collectors.iter().map(outlet).collect())
    };
    (settings, policies)
}

/// Returns what can change while the daemon runs, and the policies that go with it.
#[must_use]
pub fn decisions(config: &Config, as_db: &AsDb) -> (Decisions, Vec<Policy>) {
    let (settings, policies) = of(config, &config.forwarding.collectors, as_db);
    let allowed = config.general.allow_exporters.clone();
    (Decisions { settings, allowed }, policies)
}

/// Returns the policies of a router whose own routes come first, in the order of those of all.
#[must_use]
pub fn own_policies(config: &Config, as_db: &AsDb, own: &[OwnRoutes]) -> Vec<Policy> {
    let lists = provider_lists(config);
    let policies = lists.iter().map(|words| as_db.policy_of(words, own));
    policies.collect()
}

/// Returns the provider lists in use, each once; the list of all exporters is the first.
fn provider_lists(config: &Config) -> Vec<&[PolicyWord]> {
    let mut lists = vec![config.enrichment.as_providers.as_slice()];
    for exporter in &config.exporters {
        if !lists.contains(&exporter.as_providers.as_slice()) {
            lists.push(&exporter.as_providers);
        }
    }
    lists
}

fn rule(config: &Config, exporter: &Exporter, lists: &[&[PolicyWord]]) -> ExporterRule {
    let list = lists.iter().position(|list| *list == exporter.as_providers);
    ExporterRule {
        network: exporter.prefix.network(),
        prefix_len: exporter.prefix.prefix_len(),
        domain: exporter.domain,
        treatment: Treatment {
            enrich: enrich(config, exporter.enrich),
            policy_index: list
                .and_then(|index| u16::try_from(index).ok())
                .unwrap_or(0),
            routes_from: exporter.routes_from,
            flow_as_semantics: exporter.flow_as_semantics,
            address: exporter.address,
            unusable_as: unusable(&exporter.unusable_as),
            sampling_rate: exporter.sampling_rate.map_or(0, NonZeroU32::get),
        },
    }
}

fn otherwise(config: &Config) -> Treatment {
    Treatment {
        enrich: enrich(config, Enrich::On),
        unusable_as: unusable(&config.enrichment.unusable_as),
        ..Treatment::default()
    }
}

/// Without those that are reserved: they are unusable anyway, and the list is gone through for
/// each record.
fn unusable(listed: &[Asn]) -> Vec<u32> {
    let listed = listed.iter().filter(|asn| !asn.is_reserved());
    listed.map(|asn| asn.0).collect()
}

/// `as_extraction: false` switches off what any exporter's entry says.
const fn enrich(config: &Config, wanted: Enrich) -> Enrich {
    if config.enrichment.as_extraction {
        wanted
    } else {
        Enrich::Off
    }
}

fn outlet(collector: &Collector) -> Outlet {
    Outlet::of_all(
        usize::from(collector.packet_octets_max),
        IpHeader::OfExporter,
        DomainNames::Kept,
    )
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Returns what a configuration file decides.
#[cfg(test)]
pub(crate) fn decisions_of(text: &str) -> Decisions {
    let file = crate::config::ConfigFile::parse(text.as_bytes()).unwrap();
    decisions(&file.check().unwrap().config, &AsDb::empty()).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigFile;

    fn settings(text: &str) -> (Settings, Vec<Policy>) {
        let config = ConfigFile::parse(text.as_bytes()).unwrap();
        let config = config.check().unwrap().config;
        of(&config, &config.forwarding.collectors, &AsDb::empty())
    }

    #[test]
    fn all_workers_together_never_remember_more_than_four() {
        let together = |workers: usize| limits_of(workers).sessions_max * workers;
        assert_eq!(limits_of(1), Limits::default());
        assert_eq!(limits_of(4), Limits::default());
        assert_eq!(together(4), together(64));
        assert!(limits_of(64).sessions_max >= 1000);
    }

    #[test]
    fn a_configuration_that_says_nothing_asks_for_what_the_mediator_does_by_itself() {
        let (said, _) = settings("");
        let by_itself = Settings::of_outlets(said.outlets.clone());
        assert_eq!(format!("{said:#?}"), format!("{by_itself:#?}"));
    }

    #[test]
    fn equal_provider_lists_share_a_policy() {
        let (settings, policies) = settings(
            "exporters:\n\
             - {match: 192.0.2.1, as_providers: [database]}\n\
             - {match: 192.0.2.2}\n\
             - {match: 192.0.2.3, as_providers: [database]}\n",
        );
        let indices = settings
            .exporters
            .iter()
            .map(|rule| rule.treatment.policy_index);
        assert_eq!(indices.collect::<Vec<_>>(), [1, 0, 1]);
        assert_eq!(settings.otherwise.policy_index, 0);
        assert_eq!(policies.len(), 2);
        assert!(policies[0].flow().is_some() && policies[1].flow().is_none());
    }

    #[test]
    fn without_as_extraction_nobody_is_enriched() {
        let (settings, _) = settings(
            "enrichment: {as_extraction: false}\n\
             exporters:\n- {match: 192.0.2.1, enrich: \"on\"}\n",
        );
        assert_eq!(settings.otherwise.enrich, Enrich::Off);
        assert_eq!(settings.exporters[0].treatment.enrich, Enrich::Off);
    }

    #[test]
    fn only_what_is_not_reserved_anyway_is_compared_with_each_record() {
        let (settings, _) = settings(
            "enrichment: {unusable_as: [0, 23456, 6939]}\n\
             exporters:\n- {match: 192.0.2.1}\n- {match: 192.0.2.2, unusable_as: [65535, 1]}\n",
        );
        assert_eq!(settings.otherwise.unusable_as, [6939]);
        let of_rules = settings.exporters.iter();
        let of_rules: Vec<_> = of_rules.map(|rule| &*rule.treatment.unusable_as).collect();
        assert_eq!(of_rules, [&[6939][..], &[1]]);
    }

    #[test]
    fn an_outlet_has_the_size_of_its_collector() {
        let (settings, _) = settings(
            "forwarding:\n  max_packet_size: 1400\n  collectors:\n  - {host: 192.0.2.9}\n",
        );
        assert_eq!(settings.outlets[0].packet_octets_max, 1400);
        assert_eq!(settings.outlets[0].ip_header, IpHeader::OfExporter);
    }
}
