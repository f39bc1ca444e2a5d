//! From the file as written to the configuration as meant.
//!
//! Every key is read once, with its default beside it; then the keys that can contradict each
//! other are compared. All faults come back together.
//!
//! Not here: what single values mean (`value`), unknown and repeated keys (`section`).

mod enrichment;
mod exporters;
mod forwarding;
mod sharing;
mod streams;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::fault::{Faults, Report, Warning, Wrong};
use super::node::Node;
use super::section::Section;
use super::types::{
    Config, Enrichment, Forwarding, ForwardingSource, General, LogFile, LogFormat, LogLevel,
    Metrics, Nat, Performance,
};
use super::value::{self, Bounds};
use super::words::{LOG_FORMATS, LOG_LEVELS};

/// UDP carries no larger datagram.
const DATAGRAM_OCTETS_MAX: u16 = u16::MAX;
const WORKERS: Bounds = Bounds {
    range: 0..=64,
    unit: "",
    usual: "0",
};
const QUEUE_DATAGRAMS: Bounds = Bounds {
    range: 1..=1_000_000,
    unit: "",
    usual: "10000",
};
const DATAGRAM_OCTETS: Bounds = Bounds {
    range: 576..=1 << 30,
    unit: " octets",
    usual: "65535",
};
const RECEIVE_BUFFER_BYTES: Bounds = Bounds {
    range: 4096..=1 << 30,
    unit: " bytes",
    usual: "16MiB",
};
const CPUS: Bounds = Bounds {
    range: 0..=1023,
    unit: "",
    usual: "0 to 1023",
};
const DAY_MS: u64 = 86_400_000;

/// A configuration without faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What counts.
    pub config: Config,
    /// What the operator may want to look at.
    pub warnings: Vec<Warning>,
}

/// Gives every key its meaning.
///
/// # Errors
/// All faults of the file.
pub(super) fn check(root: &Node) -> Result<Checked, Faults> {
    let mut report = Report::default();
    let file = Section::root(&mut report, root);
    let sections = Sections {
        general: file.section(&mut report, "general"),
        enrichment: file.section(&mut report, "enrichment"),
        forwarding: file.section(&mut report, "forwarding"),
        performance: file.section(&mut report, "performance"),
        nat: file.section(&mut report, "nat"),
        metrics: file.section(&mut report, "metrics"),
        file,
    };
    let config = config(&mut report, &sections);
    let warnings = report.finish()?;
    Ok(Checked { config, warnings })
}

/// The mappings that the file consists of.
struct Sections<'a> {
    /// The file itself, for the list `exporters`.
    file: Section<'a>,
    general: Section<'a>,
    enrichment: Section<'a>,
    forwarding: Section<'a>,
    performance: Section<'a>,
    nat: Section<'a>,
    metrics: Section<'a>,
}

fn config(report: &mut Report, sections: &Sections) -> Config {
    let general = general(report, &sections.general);
    let enrichment = enrichment::read(report, &sections.enrichment);
    let exporters = exporters::read(report, &sections.file, &enrichment);
    enrichment::warn_of_the_unasked(report, &sections.enrichment, &enrichment, &exporters);
    let forwarding = forwarding::read(report, sections, &general);
    let performance = performance(report, &sections.performance, &sections.general);
    let nat = nat(report, &sections.nat);
    check_nat(report, sections, &nat, &forwarding, &general);
    let metrics = metrics(report, &sections.metrics);
    refuse_shared_ports(
        report,
        &listeners(sections, &general, &metrics, &enrichment),
    );
    Config {
        general,
        exporters,
        enrichment,
        forwarding,
        performance,
        nat,
        metrics,
    }
}

fn general(report: &mut Report, section: &Section) -> General {
    let any = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let log_file = LogFile::Path("/var/log/ipfix-enricher/ipfix-enricher.log".into());
    let state_dir = "/var/lib/ipfix-enricher".into();
    General {
        listen_address: section.value(report, "listen_address", any, value::address),
        listen_port: section.value(report, "listen_port", 2055, value::port),
        output_port: section.value(report, "output_port", 2056, value::port),
        stats_address: section.value(report, "stats_address", LOCALHOST, value::address),
        stats_port: section.value(report, "stats_port", 9999, value::port),
        log_level: section.value(report, "log_level", LogLevel::Info, |node| {
            value::word(node, LOG_LEVELS)
        }),
        log_file: section.value(report, "log_file", log_file, value::log_file),
        log_format: section.value(report, "log_format", LogFormat::Text, |node| {
            value::word(node, LOG_FORMATS)
        }),
        state_dir: section.value(report, "state_dir", state_dir, value::path),
        allow_exporters: section.list(report, "allow_exporters", Vec::new(), value::prefix),
    }
}

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn performance(report: &mut Report, section: &Section, general: &Section) -> Performance {
    Performance {
        workers: section.value(report, "workers", 0, |node| value::number(node, &WORKERS)),
        queue_datagrams_max: section.value(report, "queue_size", 10_000, |node| {
            value::number(node, &QUEUE_DATAGRAMS)
        }),
        datagram_octets_max: datagram_octets_max(report, section, general),
        receive_buffer_bytes: section.value(report, "receive_buffer", 16 << 20, |node| {
            value::size(node, &RECEIVE_BUFFER_BYTES)
        }),
        stats_interval: {
            let default = std::time::Duration::from_secs(60);
            section.value(report, "stats_interval", default, |node| {
                value::seconds(node, 1_000..=DAY_MS)
            })
        },
        cpu_affinity: section.list(report, "cpu_affinity", Vec::new(), |node| {
            value::number(node, &CPUS)
        }),
    }
}

/// Reads `buffer_size` from where it belongs or from where older files have it.
fn datagram_octets_max(report: &mut Report, performance: &Section, general: &Section) -> u16 {
    let here = buffer_size(report, performance);
    let there = buffer_size(report, general);
    let (Some(node), Some(_)) = (
        performance.written("buffer_size"),
        general.written("buffer_size"),
    ) else {
        return here.min(there);
    };
    let keys = ["performance.buffer_size", "general.buffer_size"];
    if here != there && report.are_read(&keys) {
        let problem = format!("differs from performance.buffer_size on line {}", node.line);
        general.fault(report, "buffer_size", Wrong::new(problem, "keep that one"));
    }
    here
}

fn buffer_size(report: &mut Report, section: &Section) -> u16 {
    let mut is_above = false;
    let octets = section.value(report, "buffer_size", DATAGRAM_OCTETS_MAX, |node| {
        let octets: u32 = value::size(node, &DATAGRAM_OCTETS)?;
        let fitting = u16::try_from(octets);
        is_above = fitting.is_err();
        Ok(fitting.unwrap_or(DATAGRAM_OCTETS_MAX))
    });
    if let Some(node) = section.written("buffer_size").filter(|_| is_above) {
        let text = format!(
            "{}: no datagram is larger than {DATAGRAM_OCTETS_MAX} octets, which counts here; \
             what the kernel keeps for us is performance.receive_buffer",
            section.label("buffer_size")
        );
        report.warning(node.line, text);
    }
    octets
}

fn nat(report: &mut Report, section: &Section) -> Nat {
    let source_ip = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    Nat {
        enabled: section.value(report, "enabled", false, value::flag),
        source_ip: section.value(report, "source_ip", source_ip, value::address),
        source_port: section.value(report, "source_port", 40_000, value::port),
    }
}

/// Compares `nat` with what contradicts it, and says what it costs.
fn check_nat(
    report: &mut Report,
    sections: &Sections,
    nat: &Nat,
    forwarding: &Forwarding,
    general: &General,
) {
    let Some(enabled) = sections.nat.written("enabled").filter(|_| nat.enabled) else {
        return;
    };
    report.warning(
        enabled.line,
        "nat.enabled: everything leaves from one address and port, so to collectors all routers \
         look like one; forwarding.source: exporter keeps their addresses"
            .to_owned(),
    );
    let mut collectors = forwarding.collectors.iter();
    let is_contradicted = collectors.any(|one| one.source == ForwardingSource::Exporter);
    if is_contradicted && report.are_read(&["forwarding.source", "nat.enabled"]) {
        let problem = "contradicts source: exporter in forwarding";
        let wrong = Wrong::new(problem, "keep one of the two");
        sections.nat.fault(report, "enabled", wrong);
    }
    let keys = ["nat.source_port", "general.listen_port"];
    if nat.source_port == general.listen_port && report.are_read(&keys) {
        let problem = "we listen at this port: answers would be taken for Messages";
        let wrong = Wrong::new(problem, "use another port");
        sections.nat.fault(report, "source_port", wrong);
    }
}

fn metrics(report: &mut Report, section: &Section) -> Metrics {
    Metrics {
        enabled: section.value(report, "enabled", true, value::flag),
        address: section.value(report, "address", LOCALHOST, value::address),
        port: section.value(report, "port", 9100, value::port),
    }
}

/// A TCP port that we open ourselves.
struct Listener<'s, 'a> {
    section: &'s Section<'a>,
    name: &'static str,
    address: IpAddr,
    port: u16,
}

impl Listener<'_, '_> {
    fn key(&self) -> String {
        self.section.label(self.name)
    }

    fn is_written(&self) -> bool {
        self.section.written(self.name).is_some()
    }

    fn is_in_the_way_of(&self, other: &Self) -> bool {
        let is_any = self.address.is_unspecified() || other.address.is_unspecified();
        self.port == other.port && (is_any || self.address == other.address)
    }
}

fn listeners<'s, 'a>(
    sections: &'s Sections<'a>,
    general: &General,
    metrics: &Metrics,
    enrichment: &Enrichment,
) -> Vec<Listener<'s, 'a>> {
    let mut listeners = vec![Listener {
        section: &sections.general,
        name: "stats_port",
        address: general.stats_address,
        port: general.stats_port,
    }];
    if metrics.enabled {
        listeners.push(Listener {
            section: &sections.metrics,
            name: "port",
            address: metrics.address,
            port: metrics.port,
        });
    }
    let (bgp, bmp) = (&enrichment.bgp, &enrichment.bmp);
    let live = [
        (bgp.enabled, "bgp_port", bgp.port),
        (bmp.enabled, "bmp_port", bmp.port),
    ];
    for (is_enabled, name, port) in live {
        if is_enabled {
            listeners.push(Listener {
                section: &sections.enrichment,
                name,
                address: general.listen_address,
                port,
            });
        }
    }
    listeners
}

fn refuse_shared_ports(report: &mut Report, listeners: &[Listener]) {
    for (index, later) in listeners.iter().enumerate() {
        let mut earlier = listeners.iter().take(index);
        let Some(other) = earlier.find(|earlier| earlier.is_in_the_way_of(later)) else {
            continue;
        };
        // The fault belongs to the one that is written, not to the other's default.
        let (blamed, other) = if later.is_written() {
            (later, other)
        } else {
            (other, later)
        };
        if report.are_read(&[&blamed.key(), &other.key()]) {
            let problem = format!("the same TCP port as {}", other.key());
            let wrong = Wrong::new(problem, "use another port for one of them");
            blamed.section.fault(report, blamed.name, wrong);
        }
    }
}
