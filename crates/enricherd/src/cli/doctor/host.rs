//! The host: kernel settings, rights, limits, the age of AS data.
//!
//! Not here: sockets and the way to collectors (`network`).

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use socket2::{Domain, Socket, Type};

use super::Finding;
use crate::config::{Config, ForwardingSource};
use crate::sources::{Sources, Wanted};

/// The bits of capabilities [capabilities(7)].
const CAP_NET_ADMIN: u64 = 1 << 12;
const CAP_NET_RAW: u64 = 1 << 13;
/// Files without which a site of some size runs out of sockets.
const FILES_MIN: u64 = 1024;
/// Percent of the connection table above which it soon is full.
const CONNTRACK_PERCENT_MAX: u64 = 80;

pub(super) fn look(config: &Config, running: Option<u32>, findings: &mut Vec<Finding>) {
    let rights = running.and_then(rights_of);
    findings.extend(receive_buffer(config, rights));
    findings.extend(drops(config.general.listen_port));
    findings.extend(reverse_path());
    findings.extend(conntrack());
    findings.extend(state_dir(config));
    findings.extend(running.and_then(open_files));
    findings.extend(rights.and_then(|rights| may_not_bear_addresses(config, rights)));
    as_data(config, findings);
}

fn number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Returns the effective capabilities of a process.
fn rights_of(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn receive_buffer(config: &Config, rights: Option<u64>) -> Option<Finding> {
    let wanted = usize::try_from(config.performance.receive_buffer_bytes).ok()?;
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).ok()?;
    socket.set_recv_buffer_size(wanted).ok()?;
    // The kernel doubles what is asked for, to have room for its own bookkeeping.
    let granted = socket.recv_buffer_size().ok()? / 2;
    let may_force = rights.is_some_and(|rights| rights & CAP_NET_ADMIN != 0);
    (granted < wanted && !may_force).then(|| {
        Finding::new(
            "receive_buffer",
            format!("performance.receive_buffer: of {wanted} bytes the kernel grants {granted}"),
            format!("sysctl -w net.core.rmem_max={wanted}, and restart the daemon"),
        )
    })
}

/// What the kernel dropped at sockets of our port that are open now.
fn drops(port: u16) -> Option<Finding> {
    let tables = ["/proc/net/udp", "/proc/net/udp6"];
    let texts = tables
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok());
    let dropped: u64 = texts.map(|text| drops_in(&text, port)).sum();
    (dropped > 0).then(|| {
        Finding::new(
            "kernel_drops",
            format!("the kernel dropped {dropped} datagrams at UDP port {port}"),
            "raise performance.receive_buffer and net.core.rmem_max, then performance.workers",
        )
    })
}

fn drops_in(table: &str, port: u16) -> u64 {
    let of_line = |line: &str| {
        let mut words = line.split_whitespace();
        let (_, local_port) = words.nth(1)?.rsplit_once(':')?;
        let is_it = u16::from_str_radix(local_port, 16).ok()? == port;
        words.last().filter(|_| is_it)?.parse::<u64>().ok()
    };
    table.lines().skip(1).filter_map(of_line).sum()
}

/// With one interface that has a way the strict check drops nothing that could be answered.
fn reverse_path() -> Option<Finding> {
    let all = number("/proc/sys/net/ipv4/conf/all/rp_filter")?;
    let table = fs::read_to_string("/proc/net/route").ok()?;
    let names = table
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').next());
    let links: BTreeSet<_> = names.filter(|name| *name != "lo").collect();
    let is_strict = |name: &&&str| {
        let own = number(&format!("/proc/sys/net/ipv4/conf/{name}/rp_filter"));
        own.unwrap_or(0).max(all) == 1
    };
    let strict: Vec<_> = links.iter().filter(is_strict).copied().collect();
    (links.len() > 1 && !strict.is_empty()).then(|| {
        let shown = strict.join(", ");
        Finding::new(
            "rp_filter",
            format!(
                "rp_filter is strict on {shown}: datagrams of exporters to whom the way leads \
                 through another interface are dropped, and nothing counts them"
            ),
            "sysctl -w net.ipv4.conf.all.rp_filter=2",
        )
    })
}

fn conntrack() -> Option<Finding> {
    let count = number("/proc/sys/net/netfilter/nf_conntrack_count")?;
    let max = number("/proc/sys/net/netfilter/nf_conntrack_max").filter(|max| *max > 0)?;
    (count * 100 / max > CONNTRACK_PERCENT_MAX).then(|| {
        Finding::new(
            "conntrack",
            format!("{count} of {max} connections are tracked; above that datagrams are dropped"),
            format!(
                "sysctl -w net.netfilter.nf_conntrack_max={}, or exempt our port with notrack",
                max * 2
            ),
        )
    })
}

fn state_dir(config: &Config) -> Option<Finding> {
    let path = &config.general.state_dir;
    let shown = path.display();
    let Ok(metadata) = fs::metadata(path) else {
        return Some(Finding::new(
            "state_dir",
            format!("general.state_dir {shown} cannot be read or is not there"),
            format!("install -d -o ipfix-enricher -g ipfix-enricher -m 0750 {shown}"),
        ));
    };
    let user = user_id("ipfix-enricher")?;
    (metadata.uid() != user && metadata.mode() & 0o002 == 0).then(|| {
        Finding::new(
            "state_dir",
            format!(
                "general.state_dir {shown} belongs to user {}",
                metadata.uid()
            ),
            format!("chown -R ipfix-enricher: {shown}"),
        )
    })
}

fn user_id(name: &str) -> Option<u32> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    })
}

fn open_files(pid: u32) -> Option<Finding> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    let max: u64 = line.split_whitespace().next()?.parse().ok()?;
    (max < FILES_MIN).then(|| {
        Finding::new(
            "open_files",
            format!("the daemon may open {max} files; each exporter takes one for each collector"),
            "LimitNOFILE=65536 in the unit",
        )
    })
}

fn may_not_bear_addresses(config: &Config, rights: u64) -> Option<Finding> {
    let mut collectors = config.forwarding.collectors.iter();
    let is_wanted = collectors.any(|one| one.source == ForwardingSource::Exporter);
    (is_wanted && rights & CAP_NET_RAW == 0).then(|| {
        Finding::new(
            "capabilities",
            "forwarding.source is exporter, and the daemon has no CAP_NET_RAW".to_owned(),
            "AmbientCapabilities=CAP_NET_RAW in the unit, or forwarding.source: own",
        )
    })
}

fn as_data(config: &Config, findings: &mut Vec<Finding>) {
    if !config.enrichment.as_extraction {
        return;
    }
    let (name, faults) = match Sources::load(&Wanted::of(&config.enrichment)) {
        Ok(sources) => ("as_data_old", sources.warnings(SystemTime::now())),
        Err(faults) => {
            let faults = faults.iter().map(ToString::to_string);
            ("as_data", faults.collect())
        }
    };
    for fault in faults {
        let remedy = "put a new file in its place: it is used at once, without a reload";
        findings.push(Finding::new(name, fault, remedy));
    }
}

/// Returns the router that everything unknown goes to, where this is a container.
pub(super) fn gateway_of_container() -> Option<IpAddr> {
    let marks = ["/.dockerenv", "/run/.containerenv"];
    if !marks.iter().any(|mark| Path::new(mark).exists()) {
        return None;
    }
    let table = fs::read_to_string("/proc/net/route").ok()?;
    table.lines().skip(1).find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let is_default = words.next()? == "00000000";
        let router = u32::from_str_radix(words.next()?, 16).ok()?;
        (is_default && router != 0).then(|| IpAddr::from(router.to_ne_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_those_of_our_port() {
        let table = "  sl local_address and so on, up to drops\n\
            1: 00000000:0807 00000000:0000 07 0:0 0:0 0 0 0 1 2 0 12\n\
            2: 00000000:0807 00000000:0000 07 0:0 0:0 0 0 0 1 2 0 3\n\
            3: 00000000:0808 00000000:0000 07 0:0 0:0 0 0 0 1 2 0 99\n";
        assert_eq!(drops_in(table, 2055), 15);
        assert_eq!(drops_in(table, 9), 0);
    }
}
