//! The configuration that counts, written as a file.
//!
//! Every key is written, defaults too, so that an operator sees what is in force; reading the text
//! again gives the same configuration. Texts are quoted always: what needs no quotes bears them.
//!
//! Not here: comments and explanations (the reference in `docs`).

use std::fmt::{self, Display};
use std::path::Path;
use std::time::Duration;

use asdb::PolicyWord;

use super::types::{
    BgpPeer, Collector, CollectorFilter, CollectorTls, Config, Enrichment, Exporter, Forwarding,
    General, Health, LogFile, Metrics, Nat, Performance, StaticPrefix,
};
use super::value::duration_text;
use super::words::{
    ADDRESSES, ENRICH, FAMILIES, FLOW_AS_SEMANTICS, GROUP_MODES, IP_VERSIONS, LOG_FORMATS,
    LOG_LEVELS, MISFITS, MISSING_FIELDS, PROTOCOLS, SOURCES, word_for,
};

impl Config {
    /// Returns the configuration as YAML that reads back as the same configuration.
    #[must_use]
    pub fn dump(&self) -> String {
        let mut out = Dump(String::new());
        out.general(&self.general);
        out.block("exporters", &self.exporters, exporter);
        out.enrichment(&self.enrichment);
        out.forwarding(&self.forwarding);
        out.performance(&self.performance);
        out.nat(&self.nat);
        out.metrics(&self.metrics);
        out.0
    }
}

/// The text so far.
struct Dump(String);

impl Dump {
    fn section(&mut self, name: &str) {
        self.line(format_args!("{name}:"));
    }

    fn key(&mut self, name: &str, value: impl Display) {
        self.line(format_args!("  {name}: {value}"));
    }

    fn list<T>(&mut self, name: &str, items: &[T], shown: impl Fn(&T) -> String) {
        self.key(name, flow_list(items, shown));
    }

    /// Writes one mapping per line: long lists stay readable.
    fn block<T>(&mut self, name: &str, items: &[T], shown: impl Fn(&T) -> Entry) {
        if items.is_empty() {
            self.line(format_args!("{name}: []"));
            return;
        }
        self.line(format_args!("{name}:"));
        for item in items {
            let indent = name.len() - name.trim_start().len();
            let Entry(pairs) = shown(item);
            self.line(format_args!("{:indent$}  - {{{}}}", "", pairs.join(", ")));
        }
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        self.0.push_str(&line.to_string());
        self.0.push('\n');
    }

    fn general(&mut self, general: &General) {
        self.section("general");
        self.key("listen_address", quoted(general.listen_address));
        self.key("listen_port", general.listen_port);
        self.key("output_port", general.output_port);
        self.key("stats_address", quoted(general.stats_address));
        self.key("stats_port", general.stats_port);
        self.key("log_level", word_for(LOG_LEVELS, &general.log_level));
        self.key("log_file", log_file(&general.log_file));
        self.key("log_format", word_for(LOG_FORMATS, &general.log_format));
        self.key("state_dir", path(&general.state_dir));
        self.list("allow_exporters", &general.allow_exporters, |prefix| {
            quoted(prefix)
        });
    }

    fn enrichment(&mut self, enrichment: &Enrichment) {
        self.section("enrichment");
        self.key("as_extraction", enrichment.as_extraction);
        self.key(
            "missing_fields",
            word_for(MISSING_FIELDS, &enrichment.missing_fields),
        );
        self.list("as_providers", &enrichment.as_providers, provider);
        self.list("unusable_as", &enrichment.unusable_as, |asn| {
            asn.0.to_string()
        });
        self.block(
            "  static_prefixes",
            &enrichment.static_prefixes,
            static_prefix,
        );
        self.block("  as_databases", &enrichment.as_databases, |database| {
            Entry::new().with("path", path(&database.path))
        });
        self.list("mrt_files", &enrichment.mrt_files, |file| path(file));
        self.key("geoip_enabled", enrichment.geoip_enabled);
        self.key("geoip_database", path(&enrichment.geoip_database));
        self.key("reverse_dns", enrichment.reverse_dns);
        self.key("bgp_enabled", enrichment.bgp.enabled);
        self.key("bgp_router", quoted(enrichment.bgp.router));
        self.key("bgp_as", enrichment.bgp.asn.0);
        self.key("bgp_port", enrichment.bgp.port);
        self.block("  bgp_peers", &enrichment.bgp.peers, bgp_peer);
        self.key("bmp_enabled", enrichment.bmp.enabled);
        self.key("bmp_port", enrichment.bmp.port);
        self.list("bmp_allow", &enrichment.bmp.allow, |prefix| quoted(prefix));
        self.key("routes_grace", duration(enrichment.routes_grace));
    }

    fn forwarding(&mut self, forwarding: &Forwarding) {
        self.section("forwarding");
        self.key("source", word_for(SOURCES, &forwarding.source));
        self.key("max_packet_size", forwarding.packet_octets_max);
        self.key("template_refresh", duration(forwarding.template_refresh));
        self.key("hold_time", duration(forwarding.hold_time));
        self.key("malformed", word_for(MISFITS, &forwarding.malformed));
        self.key(
            "unknown_versions",
            word_for(MISFITS, &forwarding.unknown_versions),
        );
        self.block("  groups", &forwarding.groups, |group| {
            Entry::new()
                .with("name", quoted(&group.name))
                .with("mode", word_for(GROUP_MODES, &group.mode))
        });
        self.block("  collectors", &forwarding.collectors, collector);
    }

    fn performance(&mut self, performance: &Performance) {
        self.section("performance");
        self.key("workers", performance.workers);
        self.key("queue_size", performance.queue_datagrams_max);
        self.key("buffer_size", performance.datagram_octets_max);
        self.key("receive_buffer", performance.receive_buffer_bytes);
        self.key("stats_interval", duration(performance.stats_interval));
        self.list("cpu_affinity", &performance.cpu_affinity, u16::to_string);
    }

    fn nat(&mut self, nat: &Nat) {
        self.section("nat");
        self.key("enabled", nat.enabled);
        self.key("source_ip", quoted(nat.source_ip));
        self.key("source_port", nat.source_port);
    }

    fn metrics(&mut self, metrics: &Metrics) {
        self.section("metrics");
        self.key("enabled", metrics.enabled);
        self.key("address", quoted(metrics.address));
        self.key("port", metrics.port);
    }
}

/// A mapping on one line.
struct Entry(Vec<String>);

impl Entry {
    const fn new() -> Self {
        Self(Vec::new())
    }

    fn with(mut self, name: &str, value: impl Display) -> Self {
        self.0.push(format!("{name}: {value}"));
        self
    }

    fn with_some(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

fn exporter(exporter: &Exporter) -> Entry {
    let unusable_as = flow_list(&exporter.unusable_as, |asn| asn.0.to_string());
    Entry::new()
        .with("match", quoted(exporter.prefix))
        .with_some("domain", exporter.domain)
        .with_some("name", exporter.name.as_ref().map(quoted))
        .with("enrich", word_for(ENRICH, &exporter.enrich))
        .with("as_providers", flow_list(&exporter.as_providers, provider))
        .with(
            "flow_as_semantics",
            word_for(FLOW_AS_SEMANTICS, &exporter.flow_as_semantics),
        )
        .with("address", word_for(ADDRESSES, &exporter.address))
        .with("unusable_as", unusable_as)
        .with_some("sampling_rate", exporter.sampling_rate)
        .with_some("routes_from", exporter.routes_from.map(quoted))
}

fn static_prefix(of: &StaticPrefix) -> Entry {
    Entry::new()
        .with("prefix", quoted(of.prefix))
        .with("as", of.asn.0)
        .with_some("name", of.name.as_ref().map(quoted))
}

fn bgp_peer(peer: &BgpPeer) -> Entry {
    Entry::new()
        .with("address", quoted(peer.address))
        .with("as", peer.asn.0)
        .with("passive", peer.passive)
        .with_some("password_file", peer.password_file.as_deref().map(path))
        .with("hold_time", duration(peer.hold_time))
        .with("port", peer.port)
        .with(
            "families",
            flow_list(&peer.families, |family| {
                word_for(FAMILIES, family).to_owned()
            }),
        )
}

fn collector(collector: &Collector) -> Entry {
    Entry::new()
        .with("host", quoted(&collector.host))
        .with("port", collector.port)
        .with("source", word_for(SOURCES, &collector.source))
        .with("max_packet_size", collector.packet_octets_max)
        .with("protocol", word_for(PROTOCOLS, &collector.protocol))
        .with_some("tls", collector.tls.as_ref().map(collector_tls))
        .with_some("filter", filter(&collector.filter))
        .with("raw", collector.raw)
        .with_some("group", collector.group.as_ref().map(quoted))
        .with("health", health(collector.health))
}

/// A list that asks nothing is not written; neither is a filter that does not.
fn filter(filter: &CollectorFilter) -> Option<String> {
    fn some<T>(items: &[T], shown: impl Fn(&T) -> String) -> Option<String> {
        (!items.is_empty()).then(|| flow_list(items, shown))
    }
    let version = filter.ip_version.as_ref();
    let Entry(pairs) = Entry::new()
        .with_some(
            "exporters",
            some(&filter.exporters, |prefix| quoted(prefix)),
        )
        .with_some("domains", some(&filter.domains, u32::to_string))
        .with_some("as", some(&filter.as_numbers, |asn| asn.0.to_string()))
        .with_some(
            "addresses",
            some(&filter.addresses, |prefix| quoted(prefix)),
        )
        .with_some("ip_version", version.map(|one| word_for(IP_VERSIONS, one)));
    (!pairs.is_empty()).then(|| format!("{{{}}}", pairs.join(", ")))
}

fn collector_tls(tls: &CollectorTls) -> String {
    let CollectorTls {
        ca_file,
        identity,
        server_name,
    } = tls;
    let mut members = vec![format!("ca_file: {}", quoted(ca_file.display()))];
    if let Some(identity) = identity {
        let certificate = quoted(identity.certificate_file.display());
        members.push(format!("certificate_file: {certificate}"));
        members.push(format!("key_file: {}", quoted(identity.key_file.display())));
    }
    let name = server_name.as_ref();
    members.extend(name.map(|name| format!("server_name: {}", quoted(name))));
    format!("{{{}}}", members.join(", "))
}

fn flow_list<T>(items: &[T], shown: impl Fn(&T) -> String) -> String {
    let items: Vec<String> = items.iter().map(shown).collect();
    format!("[{}]", items.join(", "))
}

/// Returns the text in double quotes.
fn quoted(text: impl Display) -> String {
    let mut quoted = String::from('"');
    for char in text.to_string().chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            // YAML forbids these bare; 8 digits hold every character.
            _ if char.is_control() || matches!(char, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                quoted.push_str(&format!("\\U{:08X}", u32::from(char)));
            }
            _ => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

/// Every path was text in the file, so nothing is lost.
fn path(path: &Path) -> String {
    quoted(path.display())
}

fn duration(duration: Duration) -> String {
    duration_text(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn provider(word: &PolicyWord) -> String {
    word.name().to_owned()
}

fn log_file(file: &LogFile) -> String {
    match file {
        LogFile::StandardError => quoted("-"),
        LogFile::Path(file) => path(file),
    }
}

fn health(health: Health) -> String {
    match health {
        Health::None => "none".to_owned(),
        Health::Icmp => "icmp".to_owned(),
        Health::Tcp(port) => format!("\"tcp:{port}\""),
    }
}
