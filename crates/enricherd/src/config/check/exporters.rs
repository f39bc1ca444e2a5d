//! List `exporters`: what is known of single exporters.
//!
//! The first entry that matches counts, so an entry behind one that matches all it could match is
//! a mistake of the operator and refused.
//!
//! Bound: [`EXPORTERS_MAX`] entries; each is compared with all before it.

use std::num::NonZeroU32;

use mediator::settings::{AddressChoice, Enrich, FlowAsSemantics};

use super::enrichment::as_providers;
use crate::config::fault::{Report, Wrong};
use crate::config::node::Node;
use crate::config::section::Section;
use crate::config::types::{Enrichment, Exporter};
use crate::config::value::{self, Bounds};
use crate::config::words::{ADDRESSES, ENRICH, FLOW_AS_SEMANTICS};

/// Entries are tried one after the other for each new exporter.
const EXPORTERS_MAX: usize = 1_000;
const DOMAINS: Bounds = Bounds {
    range: 0..=0xFFFF_FFFF,
    unit: "",
    usual: "the number that the exporter sends",
};
const SAMPLING_RATES: Bounds = Bounds {
    range: 0..=0xFFFF_FFFF,
    unit: "",
    usual: "the rate that the exporter is set to",
};

pub(super) fn read(report: &mut Report, file: &Section, all: &Enrichment) -> Vec<Exporter> {
    let mut seen: Vec<(Exporter, u32)> = Vec::new();
    let exporters = file.items(report, "exporters", Vec::new(), |report, item| {
        let exporter = exporter(report, item, all)?;
        if seen.len() < EXPORTERS_MAX {
            refuse_hidden(report, item, &exporter, &seen);
            seen.push((exporter.clone(), item.line));
        }
        Some(exporter)
    });
    if exporters.len() > EXPORTERS_MAX {
        let problem = format!("{} entries, more than {EXPORTERS_MAX}", exporters.len());
        let remedy = "put exporters that are treated alike under one prefix";
        file.fault(report, "exporters", Wrong::new(problem, remedy));
    }
    exporters
}

fn exporter(report: &mut Report, item: &Section, all: &Enrichment) -> Option<Exporter> {
    let prefix = item.required(report, "match", value::prefix);
    let domain = item.optional(report, "domain", |node| value::number(node, &DOMAINS));
    let name = item.optional(report, "name", value::name);
    let enrich = item.value(report, "enrich", Enrich::On, enrich);
    let as_providers = as_providers(report, item, &all.as_providers);
    let origin = FlowAsSemantics::Origin;
    let flow_as_semantics = item.value(report, "flow_as_semantics", origin, |node| {
        value::word(node, FLOW_AS_SEMANTICS)
    });
    let address = item.value(report, "address", AddressChoice::FirstPublic, |node| {
        value::word(node, ADDRESSES)
    });
    let unusable_as = item.list(report, "unusable_as", all.unusable_as.clone(), value::asn);
    let sampling_rate = item.optional(report, "sampling_rate", sampling_rate);
    let routes_from = item.optional(report, "routes_from", value::address);
    Some(Exporter {
        prefix: prefix?,
        domain,
        name,
        enrich,
        as_providers,
        flow_as_semantics,
        address,
        unusable_as,
        sampling_rate,
        routes_from,
    })
}

fn sampling_rate(node: &Node) -> Result<NonZeroU32, Wrong> {
    let rate = NonZeroU32::new(value::number(node, &SAMPLING_RATES)?);
    rate.ok_or_else(|| Wrong::new("one of 0 is never sampled", "write 1 or more"))
}

fn enrich(node: &Node) -> Result<Enrich, Wrong> {
    value::word(node, ENRICH).map_err(|_| Wrong::new("unknown word", "write on, dry-run or off"))
}

fn refuse_hidden(
    report: &mut Report,
    item: &Section,
    exporter: &Exporter,
    seen: &[(Exporter, u32)],
) {
    let hides = |earlier: &Exporter| {
        let is_any_domain = earlier.domain.is_none();
        earlier.prefix.contains(&exporter.prefix)
            && (is_any_domain || earlier.domain == exporter.domain)
    };
    if let Some((earlier, line)) = seen.iter().find(|(earlier, _)| hides(earlier)) {
        let problem = format!(
            "never counts: {} on line {line} matches first",
            earlier.prefix
        );
        let remedy = "put the narrower entry first or remove one";
        item.fault(report, "match", Wrong::new(problem, remedy));
    }
}
