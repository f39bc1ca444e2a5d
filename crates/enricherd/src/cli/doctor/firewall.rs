//! Firewalls on this host: CSF's lists, nftables, iptables; SNAT rules of older installations.
//!
//! Not here: what rules do (`rules`), what the kernel forbids us (`network`).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::Finding;
use super::rules::{self, Fate};
use crate::config::{Config, Protocol};

pub(super) fn look(config: &Config, csf: &Path, findings: &mut Vec<Finding>) {
    if let Ok(text) = fs::read_to_string(csf) {
        csf_lists(config, &text, findings);
    }
    let port = config.general.listen_port;
    let nft = output(Command::new("nft").args(["list", "ruleset"]));
    // Where iptables is a face of nftables, its rules are in that list.
    let saved = output(&mut Command::new("iptables-legacy-save"));
    let fates = [
        nft.as_deref()
            .map(|text| rules::nftables(text, "input", port)),
        saved
            .as_deref()
            .map(|text| rules::iptables(text, "INPUT", port)),
    ];
    for fate in fates.into_iter().flatten() {
        if let Fate::Dropped(by) = fate {
            findings.push(Finding::new(
                "firewall_in",
                format!("datagrams to UDP port {port} are dropped: {by}"),
                format!("accept UDP port {port} from the exporters, in front of that rule"),
            ));
        }
    }
    for text in [nft, saved].into_iter().flatten() {
        findings.extend(snat(config, &text));
    }
}

/// Returns what a program prints, if there is one and it may look.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then_some(text)
}

/// UDP or TCP ports of a direction, and the list of CSF that must name them.
fn csf_lists(config: &Config, text: &str, findings: &mut Vec<Finding>) {
    let ports = |protocol: fn(Protocol) -> bool| {
        let collectors = config.forwarding.collectors.iter();
        let remote = collectors.filter(|one| !is_loopback(&one.host.to_string()));
        let wanted = remote.filter(move |one| protocol(one.protocol));
        wanted.map(|one| one.port).collect::<BTreeSet<_>>()
    };
    let general = &config.general;
    let stats = (!general.stats_address.is_loopback()).then_some(general.stats_port);
    let metrics = &config.metrics;
    let metrics = (metrics.enabled && !metrics.address.is_loopback()).then_some(metrics.port);
    let wanted = [
        ("UDP_IN", BTreeSet::from([general.listen_port])),
        ("UDP_OUT", ports(|protocol| protocol == Protocol::Udp)),
        ("TCP_IN", stats.into_iter().chain(metrics).collect()),
        ("TCP_OUT", ports(|protocol| protocol != Protocol::Udp)),
    ];
    for (list, ports) in wanted {
        let Some(allowed) = csf_list(text, list) else {
            continue;
        };
        let missing = ports.iter().filter(|port| !allows(allowed, **port));
        let missing: Vec<_> = missing.map(u16::to_string).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            findings.push(Finding::new(
                "csf",
                format!("CSF's {list} = \"{allowed}\" does not name {missing}"),
                format!("add {missing} to {list} in csf.conf, then csf -r"),
            ));
        }
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

fn csf_list<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == name).then(|| value.trim().trim_matches('"'))
    })
}

/// CSF writes ranges with a colon.
fn allows(list: &str, port: u16) -> bool {
    list.split(',').any(|one| {
        let one = one.trim();
        let (first, last) = one.split_once(':').unwrap_or((one, one));
        let bounds = first.parse::<u16>().ok().zip(last.parse::<u16>().ok());
        bounds.is_some_and(|(first, last)| (first..=last).contains(&port))
    })
}

fn snat(config: &Config, text: &str) -> Option<Finding> {
    let collectors = &config.forwarding.collectors;
    let ports: BTreeSet<_> = collectors.iter().map(|one| one.port).collect();
    let is_it = |line: &&str| {
        let lower = line.to_lowercase();
        let rewrites = lower.contains("snat") || lower.contains("masquerade");
        let mut words = line.split(|char: char| !char.is_ascii_digit());
        rewrites
            && lower.contains("udp")
            && words.any(|word| word.parse().is_ok_and(|port: u16| ports.contains(&port)))
    };
    let rule = text.lines().map(str::trim).find(is_it)?;
    Some(Finding::new(
        "snat",
        format!("a rule rewrites the source of what leaves for a collector: {rule}"),
        "remove it: forwarding.source and nat decide whose address Messages bear",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigFile;

    fn config(text: &str) -> Config {
        let file = ConfigFile::parse(text.as_bytes()).unwrap();
        file.check().unwrap().config
    }

    fn csf(lists: &str) -> Vec<String> {
        let text = "forwarding: {collectors: [{host: 192.0.2.9, port: 9995}]}";
        let mut findings = Vec::new();
        csf_lists(&config(text), lists, &mut findings);
        findings.into_iter().map(|one| one.evidence).collect()
    }

    #[test]
    fn csf_must_name_our_port_and_those_of_collectors() {
        let well = "TCP_IN = \"22\"\nUDP_IN = \"53,2000:2100\"\nUDP_OUT = \"53,9995\"\n";
        assert_eq!(csf(well), [""; 0]);
        assert_eq!(
            csf("UDP_IN = \"53\"\nUDP_OUT = \"\"\n"),
            [
                "CSF's UDP_IN = \"53\" does not name 2055",
                "CSF's UDP_OUT = \"\" does not name 9995",
            ]
        );
    }

    #[test]
    fn a_rule_that_rewrites_what_leaves_for_a_collector_is_found() {
        let config = config("forwarding: {collectors: [{host: 192.0.2.9, port: 9995}]}");
        let old = "-A POSTROUTING -p udp -m udp --dport 9995 -j SNAT --to-source 192.0.2.2:40000";
        assert!(snat(&config, old).unwrap().evidence.contains(old));
        assert!(snat(&config, "\t\tudp dport 9995 masquerade").is_some());
        assert!(snat(&config, "\t\tudp dport 53 masquerade").is_none());
        assert!(snat(&config, "\t\tudp dport 9995 accept").is_none());
    }
}
