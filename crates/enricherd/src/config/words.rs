//! The words that stand for a choice: one table for each, to read them and to write them.
//!
//! Where two words mean the same, the first is the one that is written.

use mediator::settings::filter::IpVersion;
use mediator::settings::{AddressChoice, Enrich, FlowAsSemantics, Misfit, MissingFields};

use super::types::{AddressFamily, ForwardingSource, GroupMode, LogFormat, LogLevel, Protocol};

/// Words with their meaning.
pub(super) type Words<T> = [(&'static str, T)];

pub(super) const LOG_LEVELS: &Words<LogLevel> = &[
    ("DEBUG", LogLevel::Debug),
    ("INFO", LogLevel::Info),
    ("WARNING", LogLevel::Warning),
    ("ERROR", LogLevel::Error),
];

pub(super) const LOG_FORMATS: &Words<LogFormat> =
    &[("text", LogFormat::Text), ("json", LogFormat::Json)];

pub(super) const MISSING_FIELDS: &Words<MissingFields> = &[
    ("append", MissingFields::Append),
    ("leave", MissingFields::Leave),
];

pub(super) const ENRICH: &Words<Enrich> = &[
    ("on", Enrich::On),
    ("dry-run", Enrich::DryRun),
    ("off", Enrich::Off),
    // What other programs make of a bare `on` and `off`.
    ("true", Enrich::On),
    ("yes", Enrich::On),
    ("false", Enrich::Off),
    ("no", Enrich::Off),
];

pub(super) const FLOW_AS_SEMANTICS: &Words<FlowAsSemantics> = &[
    ("origin", FlowAsSemantics::Origin),
    ("peer", FlowAsSemantics::Peer),
];

pub(super) const ADDRESSES: &Words<AddressChoice> = &[
    ("first-public", AddressChoice::FirstPublic),
    ("outer", AddressChoice::Outer),
    ("inner", AddressChoice::Inner),
    ("post-nat-if-private", AddressChoice::PostNatIfPrivate),
];

pub(super) const MISFITS: &Words<Misfit> = &[("pass", Misfit::Pass), ("drop", Misfit::Drop)];

pub(super) const SOURCES: &Words<ForwardingSource> = &[
    ("auto", ForwardingSource::Auto),
    ("exporter", ForwardingSource::Exporter),
    ("own", ForwardingSource::Own),
];

pub(super) const GROUP_MODES: &Words<GroupMode> = &[
    ("all", GroupMode::All),
    ("exporter-hash", GroupMode::ExporterHash),
    ("failover", GroupMode::Failover),
];

pub(super) const IP_VERSIONS: &Words<IpVersion> = &[("4", IpVersion::V4), ("6", IpVersion::V6)];

pub(super) const PROTOCOLS: &Words<Protocol> = &[
    ("udp", Protocol::Udp),
    ("tcp", Protocol::Tcp),
    ("tls", Protocol::Tls),
];

/// Returns the word for a choice; every choice has one.
pub(super) fn word_for<T: PartialEq>(words: &Words<T>, choice: &T) -> &'static str {
    let found = words.iter().find(|(_, meant)| meant == choice);
    found.map_or("", |(word, _)| word)
}

pub(super) const FAMILIES: &Words<AddressFamily> =
    &[("ipv4", AddressFamily::Ipv4), ("ipv6", AddressFamily::Ipv6)];
