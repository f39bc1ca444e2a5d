//! Section `forwarding`: how Messages leave, and to whom.
//!
//! Bound: [`COLLECTORS_MAX`] collectors.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use mediator::settings::Misfit;

use super::{DAY_MS, Sections, sharing, streams};
use crate::config::fault::{Report, Wrong};
use crate::config::node::Node;
use crate::config::section::Section;
use crate::config::types::{
    Collector, CollectorFilter, Forwarding, ForwardingSource, General, Health, Host, Protocol,
};
use crate::config::value::{self, Bounds};
use crate::config::words::{MISFITS, PROTOCOLS, SOURCES};

/// As many as the `Mediator` can serve with settings of their own.
const COLLECTORS_MAX: usize = 64;
/// Data Sets that wait longer are worth less than the memory they wait in.
const HOLD_TIME_MS_MAX: u64 = 60_000;
const PACKET_OCTETS: Bounds = Bounds {
    range: 512..=65_535,
    unit: " octets",
    usual: "1500",
};

pub(super) fn read(report: &mut Report, sections: &Sections, general: &General) -> Forwarding {
    let section = &sections.forwarding;
    let mut forwarding = Forwarding {
        source: section.value(report, "source", ForwardingSource::Auto, source),
        packet_octets_max: section.value(report, "max_packet_size", 1500, packet_octets),
        template_refresh: {
            let default = Duration::from_secs(60);
            section.value(report, "template_refresh", default, |node| {
                value::duration(node, 1_000..=DAY_MS)
            })
        },
        hold_time: section.value(report, "hold_time", Duration::from_secs(1), |node| {
            value::duration(node, 0..=HOLD_TIME_MS_MAX)
        }),
        malformed: section.value(report, "malformed", Misfit::Pass, misfit),
        unknown_versions: section.value(report, "unknown_versions", Misfit::Pass, misfit),
        groups: sharing::groups(report, section),
        collectors: Vec::new(),
    };
    forwarding.collectors = collectors(report, sections, general, &forwarding);
    forwarding
}

fn source(node: &Node) -> Result<ForwardingSource, Wrong> {
    value::word(node, SOURCES)
}

fn packet_octets(node: &Node) -> Result<u16, Wrong> {
    value::number(node, &PACKET_OCTETS)
}

fn misfit(node: &Node) -> Result<Misfit, Wrong> {
    value::word(node, MISFITS)
}

fn collectors(
    report: &mut Report,
    sections: &Sections,
    general: &General,
    all: &Forwarding,
) -> Vec<Collector> {
    let section = &sections.forwarding;
    let default = Collector {
        host: Host::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        port: general.output_port,
        source: all.source,
        packet_octets_max: all.packet_octets_max,
        protocol: Protocol::Udp,
        filter: CollectorFilter::default(),
        tls: None,
        raw: false,
        group: None,
        health: Health::Icmp,
    };
    let mut seen: Vec<(Collector, u32)> = Vec::new();
    let collectors = section.items(report, "collectors", vec![default], |report, item| {
        let collector = collector(report, item, general, all)?;
        refuse_repeated(report, item, &collector, &seen);
        refuse_ourselves(report, item, "host", general, &collector);
        if seen.len() < COLLECTORS_MAX {
            seen.push((collector.clone(), item.line));
        }
        Some(collector)
    });
    let wrong = match collectors.len() {
        0 => Wrong::new("nobody to send to", "name a collector or leave the key out"),
        count if count > COLLECTORS_MAX => {
            let problem = format!("{count} entries, more than {COLLECTORS_MAX}");
            Wrong::new(problem, "let one collector pass Messages on to others")
        }
        _ => {
            if let (None, [only]) = (section.written("collectors"), collectors.as_slice()) {
                refuse_ourselves(report, &sections.general, "output_port", general, only);
            }
            return collectors;
        }
    };
    section.fault(report, "collectors", wrong);
    collectors
}

fn collector(
    report: &mut Report,
    item: &Section,
    general: &General,
    all: &Forwarding,
) -> Option<Collector> {
    let host = item.required(report, "host", value::host);
    let size = all.packet_octets_max;
    let port = item.value(report, "port", general.output_port, value::port);
    let protocol = item.value(report, "protocol", Protocol::Udp, |node| {
        value::word(node, PROTOCOLS)
    });
    let filter = sharing::filter(report, item);
    let tls = streams::collector_tls(report, item, protocol);
    streams::check_collector(report, item, protocol);
    let source_otherwise = match protocol {
        Protocol::Udp => all.source,
        Protocol::Tcp | Protocol::Tls => ForwardingSource::Own,
    };
    let source = item.value(report, "source", source_otherwise, source);
    let packet_octets_max = item.value(report, "max_packet_size", size, packet_octets);
    let raw = item.value(report, "raw", false, value::flag);
    streams::refuse_raw(report, item, protocol, raw);
    let group = sharing::group_of(report, item, &all.groups);
    sharing::refuse_raw_parts(report, item, raw, &filter, group);
    let group = group.map(|group| group.name.clone());
    let health = item.value(report, "health", Health::Icmp, value::health);
    Some(Collector {
        host: host?,
        port,
        source,
        packet_octets_max,
        protocol,
        filter,
        tls,
        raw,
        group,
        health,
    })
}

fn refuse_repeated(
    report: &mut Report,
    item: &Section,
    collector: &Collector,
    seen: &[(Collector, u32)],
) {
    let is_same = |other: &Collector| {
        let place = (&other.host, other.port, other.protocol);
        place == (&collector.host, collector.port, collector.protocol)
    };
    if let Some((_, line)) = seen.iter().find(|(other, _)| is_same(other)) {
        let problem = format!("the same collector as on line {line}");
        item.fault(report, "host", Wrong::new(problem, "keep one of the two"));
    }
}

/// What we send to ourselves would come back for ever.
fn refuse_ourselves(
    report: &mut Report,
    section: &Section,
    name: &str,
    general: &General,
    collector: &Collector,
) {
    let keys = [
        "general.listen_address",
        "general.listen_port",
        "general.output_port",
    ];
    if collector.port != general.listen_port || !report.are_read(&keys) {
        return;
    }
    if is_heard_at(general.listen_address, &collector.host) {
        let (host, port) = (&collector.host, collector.port);
        let problem = format!("{host} port {port} is where we listen: a loop");
        section.fault(
            report,
            name,
            Wrong::new(problem, "name the collector's own port"),
        );
    }
}

/// Whether this host hears, at the address `listen`, what is sent to `host`, as far as names say.
fn is_heard_at(listen: IpAddr, host: &Host) -> bool {
    match (listen, host) {
        (_, Host::Address(address)) if *address == listen => true,
        (IpAddr::V4(_), Host::Address(IpAddr::V6(_))) => false,
        (_, Host::Address(address)) => listen.is_unspecified() && address.is_loopback(),
        (_, Host::Name(name)) => {
            name.eq_ignore_ascii_case("localhost")
                && (listen.is_unspecified() || listen.is_loopback())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_hear_ourselves_by_several_names() {
        for (listen, host, is_heard) in [
            ("::", "127.0.0.1", true),
            ("::", "::1", true),
            ("::", "192.0.2.1", false),
            ("0.0.0.0", "127.0.0.2", true),
            ("0.0.0.0", "::1", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "127.0.0.1", false),
        ] {
            let listen = listen.parse().unwrap();
            let host = Host::Address(host.parse().unwrap());
            assert_eq!(is_heard_at(listen, &host), is_heard, "{listen} {host}");
        }
        let named = |name: &str| Host::Name(name.to_owned());
        assert!(is_heard_at("::1".parse().unwrap(), &named("LocalHost")));
        assert!(!is_heard_at(
            "192.0.2.1".parse().unwrap(),
            &named("localhost")
        ));
        assert!(!is_heard_at(
            "::".parse().unwrap(),
            &named("collector.example")
        ));
    }
}
