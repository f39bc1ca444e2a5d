//! What a collector gets of it all: `filter`, `raw` and `group`.
//!
//! Bound: none of its own; a list is as long as the file.

use crate::config::fault::{Report, Wrong};
use crate::config::section::Section;
use crate::config::types::{CollectorFilter, Group, GroupMode};
use crate::config::value::{self, Bounds};
use crate::config::words::{GROUP_MODES, IP_VERSIONS};

const DOMAINS: Bounds = Bounds {
    range: 0..=0xFFFF_FFFF,
    unit: "",
    usual: "the number that the exporter sends",
};

/// Reads the groups of section `forwarding`.
pub(super) fn groups(report: &mut Report, section: &Section) -> Vec<Group> {
    let mut seen: Vec<(String, u32)> = Vec::new();
    section.items(report, "groups", Vec::new(), |report, item| {
        let name = item.required(report, "name", value::name);
        let mode = item.value(report, "mode", GroupMode::All, |node| {
            value::word(node, GROUP_MODES)
        });
        let name = name?;
        if let Some((_, line)) = seen.iter().find(|(other, _)| *other == name) {
            let problem = format!("the same group as on line {line}");
            item.fault(report, "name", Wrong::new(problem, "keep one of the two"));
        }
        seen.push((name.clone(), item.line));
        Some(Group { name, mode })
    })
}

/// Reads which of the groups a collector is in.
pub(super) fn group_of<'a>(
    report: &mut Report,
    item: &Section,
    groups: &'a [Group],
) -> Option<&'a Group> {
    let name = item.optional(report, "group", value::name)?;
    let found = groups.iter().find(|group| group.name == name);
    if found.is_none() && report.are_read(&["forwarding.groups"]) {
        let remedy = format!("add {{name: {name}, mode: …}} to forwarding.groups");
        item.fault(report, "group", Wrong::new("no such group", remedy));
    }
    found
}

/// Reads the conditions of a collector.
pub(super) fn filter(report: &mut Report, item: &Section) -> CollectorFilter {
    let section = item.section(report, "filter");
    let mut filter = CollectorFilter {
        exporters: section.list(report, "exporters", Vec::new(), value::prefix),
        domains: section.list(report, "domains", Vec::new(), |node| {
            value::number(node, &DOMAINS)
        }),
        as_numbers: section.list(report, "as", Vec::new(), value::asn),
        addresses: section.list(report, "addresses", Vec::new(), value::prefix),
        ip_version: section.optional(report, "ip_version", |node| value::word(node, IP_VERSIONS)),
    };
    filter.domains.sort_unstable();
    filter.domains.dedup();
    filter.as_numbers.sort_unstable();
    filter.as_numbers.dedup();
    filter
}

/// A copy of a datagram is all of it or nothing: what asks for a part of it contradicts `raw`.
pub(super) fn refuse_raw_parts(
    report: &mut Report,
    item: &Section,
    raw: bool,
    filter: &CollectorFilter,
    group: Option<&Group>,
) {
    if !raw {
        return;
    }
    if let Some(key) = filter.record_key() {
        let problem = format!("contradicts filter.{key}: a raw copy has every octet that came");
        let remedy = "leave one of the two out; filter.exporters works with raw";
        item.fault(report, "raw", Wrong::new(problem, remedy));
    }
    if let Some(group) = group.filter(|group| group.mode != GroupMode::All) {
        let name = &group.name;
        let problem = format!(
            "contradicts group {name}: its members get Templates that are not with their data, \
             and a raw copy has every octet that came"
        );
        item.fault(
            report,
            "raw",
            Wrong::new(problem, "leave one of the two out"),
        );
    }
}
