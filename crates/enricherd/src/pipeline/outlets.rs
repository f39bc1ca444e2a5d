//! Whom we send to, and which collectors share one outgoing session.
//!
//! Collectors with equal settings form an outlet: the `Mediator` makes each Message once for it.
//!
//! Not here: sockets (`pipeline::senders`), what a name resolves to (`io::resolve`).
//! Bound: as many outlets as collectors, which the configuration limits to 64.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use mediator::settings::filter::{Filter, PrefixSet, RecordFilter};
use mediator::settings::{Content, DomainNames, IpHeader, Member, Outlet, Sharing};

use crate::config::{Collector, CollectorFilter, Forwarding, Group, GroupMode, Host, Protocol};
use crate::pipeline::identity::{Choice, Identity};

/// Collectors and the outlets that they share.
#[derive(Clone, Debug)]
pub struct Outlets {
    /// What the `Mediator` is told.
    pub outlets: Vec<Outlet>,
    /// The collectors, in the order of the configuration.
    pub destinations: Vec<Destination>,
}

/// One collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Its address or name.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// What carries the Messages.
    pub protocol: Protocol,
    /// Index into [`Outlets::outlets`].
    pub outlet: u16,
    /// Whose address Messages for it bear.
    pub identity: Identity,
}

impl Destination {
    /// What it is called in log and statistics; a connection says that it is one.
    #[must_use]
    pub fn label(&self) -> String {
        let place = match &self.host {
            Host::Address(ip) => SocketAddr::new(*ip, self.port).to_string(),
            Host::Name(name) => format!("{name}:{}", self.port),
        };
        match self.protocol {
            Protocol::Udp => place,
            Protocol::Tcp => place + "/tcp",
            Protocol::Tls => place + "/tls",
        }
    }

    /// Its address if that needs no looking up.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.host {
            Host::Address(ip) => Some(SocketAddr::new(*ip, self.port)),
            Host::Name(_) => None,
        }
    }
}

impl Outlets {
    /// Groups collectors that get the same Messages; each has its choice.
    #[must_use]
    pub fn of(forwarding: &Forwarding, choices: &[Choice]) -> Self {
        let Forwarding { collectors, .. } = forwarding;
        let mut groups: Vec<(Identity, Outlet)> = Vec::new();
        let choices = choices.iter().chain(std::iter::repeat(&Choice::OWN));
        let destination = |(collector, choice): (&Collector, &Choice)| {
            let outlet = outlet(collector, choice, &forwarding.groups);
            let group = (choice.identity, outlet);
            let known = groups.iter().position(|known| *known == group);
            let index = known.unwrap_or(groups.len());
            if known.is_none() {
                groups.push(group);
            }
            Destination {
                host: collector.host.clone(),
                port: collector.port,
                protocol: collector.protocol,
                outlet: u16::try_from(index).unwrap_or(u16::MAX),
                identity: choice.identity,
            }
        };
        let destinations = collectors.iter().zip(choices).map(destination).collect();
        Self {
            outlets: groups.into_iter().map(|(_, outlet)| outlet).collect(),
            destinations,
        }
    }
}

fn outlet(collector: &Collector, choice: &Choice, groups: &[Group]) -> Outlet {
    Outlet {
        content: if collector.raw {
            Content::AsCame
        } else {
            Content::Enriched
        },
        filter: filter(&collector.filter),
        member: member(collector, groups),
        packet_octets_max: match collector.protocol {
            Protocol::Udp => usize::from(collector.packet_octets_max),
            Protocol::Tcp | Protocol::Tls => usize::from(u16::MAX),
        },
        ip_header: match collector.protocol {
            Protocol::Udp => ip_header(&collector.host, choice),
            Protocol::Tcp | Protocol::Tls => IpHeader::OfStream,
        },
        domains: match choice.identity {
            Identity::Exporter => DomainNames::KeptIfBorne,
            Identity::Own | Identity::Fixed(_) => DomainNames::Distinct,
        },
    }
}

fn filter(filter: &CollectorFilter) -> Filter {
    Filter {
        exporters: prefixes(&filter.exporters),
        domains: filter.domains.clone(),
        records: RecordFilter {
            as_numbers: filter.as_numbers.iter().map(|asn| asn.0).collect(),
            addresses: prefixes(&filter.addresses),
            ip_version: filter.ip_version,
        },
    }
}

fn prefixes(list: &[IpNet]) -> PrefixSet {
    let prefix = |prefix: &IpNet| asdb::Prefix::new(prefix.network(), prefix.prefix_len()).ok();
    list.iter().filter_map(prefix).collect()
}

/// A collector that shares with others has an outlet of its own.
fn member(collector: &Collector, groups: &[Group]) -> Option<Member> {
    let name = collector.group.as_ref()?;
    let index = groups.iter().position(|group| group.name == *name)?;
    let sharing = match groups.get(index)?.mode {
        GroupMode::All => return None,
        GroupMode::ExporterHash => Sharing::ByExporter,
        GroupMode::Failover => Sharing::FirstReachable,
    };
    Some(Member {
        group: u16::try_from(index).ok()?,
        sharing,
        key: key_of(&format!("{}:{}", collector.host, collector.port)),
    })
}

/// FNV-1a: the same for every worker and after a restart, whatever order the file has.
fn key_of(place: &str) -> u64 {
    let add = |hash: u64, octet: u8| (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01B3);
    place.bytes().fold(0xCBF2_9CE4_8422_2325, add)
}

/// A name may have an address of either family, today or tomorrow: room for the larger header.
/// Where Messages bear their exporters' addresses it must be one family: that of the address there
/// is, else the likelier one.
fn ip_header(host: &Host, choice: &Choice) -> IpHeader {
    match (host, choice.identity, choice.address) {
        (Host::Address(IpAddr::V4(_)), ..)
        | (Host::Name(_), Identity::Exporter, Some(SocketAddr::V4(_)) | None) => IpHeader::Ipv4,
        (Host::Address(IpAddr::V6(_)) | Host::Name(_), ..) => IpHeader::Ipv6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigFile;

    #[test]
    fn collectors_of_equal_size_and_family_share_an_outlet() {
        let text = "forwarding: {collectors: [\
                    {host: 192.0.2.1}, {host: 192.0.2.2, port: 9995}, {host: '2001:db8::1'}, \
                    {host: flows.example.net}, {host: 192.0.2.3, max_packet_size: 9000}]}";
        let config = ConfigFile::parse(text.as_bytes())
            .unwrap()
            .check()
            .unwrap()
            .config;
        let outlets = Outlets::of(&config.forwarding, &[]);
        let shared: Vec<_> = outlets.destinations.iter().map(|one| one.outlet).collect();
        assert_eq!(shared, [0, 0, 1, 1, 2]);
        assert_eq!(outlets.outlets.len(), 3);
        let labels: Vec<_> = outlets
            .destinations
            .iter()
            .map(Destination::label)
            .collect();
        assert_eq!(labels[1], "192.0.2.2:9995");
        assert_eq!(labels[2], "[2001:db8::1]:2056");
        assert_eq!(labels[3], "flows.example.net:2056");
        assert_eq!(outlets.destinations[3].address(), None);
    }

    #[test]
    fn collectors_that_hear_others_have_outlets_of_their_own() {
        let text = "forwarding: {collectors: [{host: 192.0.2.1}, {host: 192.0.2.2}, \
                    {host: 192.0.2.3}, {host: flows.example.net}]}";
        let file = ConfigFile::parse(text.as_bytes()).unwrap();
        let forwarding = file.check().unwrap().config.forwarding;
        let choice = |identity, address: &str| Choice {
            identity,
            address: Some(address.parse().unwrap()),
        };
        let choices = [
            choice(Identity::Own, "192.0.2.1:9"),
            choice(Identity::Exporter, "192.0.2.2:9"),
            choice(
                Identity::Fixed("192.0.2.9:9".parse().unwrap()),
                "192.0.2.3:9",
            ),
            choice(Identity::Exporter, "192.0.2.4:9"),
        ];
        let outlets = Outlets::of(&forwarding, &choices);
        let shared: Vec<_> = outlets.destinations.iter().map(|one| one.outlet).collect();
        assert_eq!(shared, [0, 1, 2, 1]);
        let domains: Vec<_> = outlets.outlets.iter().map(|one| one.domains).collect();
        let apart = DomainNames::Distinct;
        assert_eq!(domains, [apart, DomainNames::KeptIfBorne, apart]);
    }

    #[test]
    fn collectors_that_want_other_things_have_outlets_of_their_own() {
        let text = "forwarding:\n  groups: [{name: stores, mode: exporter-hash}]\n  collectors:\n\
                    \x20 - {host: 192.0.2.1}\n\
                    \x20 - {host: 192.0.2.2, filter: {as: [64500, 3320], exporters: [192.0.2.0/24]}}\n\
                    \x20 - {host: 192.0.2.3, raw: true}\n\
                    \x20 - {host: 192.0.2.4, group: stores}\n\
                    \x20 - {host: 192.0.2.5, group: stores}\n";
        let file = ConfigFile::parse(text.as_bytes()).unwrap();
        let outlets = Outlets::of(&file.check().unwrap().config.forwarding, &[]);
        let own: Vec<_> = outlets.destinations.iter().map(|one| one.outlet).collect();
        assert_eq!(own, [0, 1, 2, 3, 4]);
        let [plain, some, raw, one, other] = &outlets.outlets[..] else {
            panic!("{:?}", outlets.outlets);
        };
        assert_eq!(plain.filter, Filter::EVERYTHING);
        assert_eq!(some.filter.records.as_numbers, [3320, 64_500]);
        assert!(some.filter.wants_exporter([192, 0, 2, 9].into()));
        assert!(!some.filter.wants_exporter([192, 0, 3, 9].into()));
        assert_eq!(raw.content, Content::AsCame);
        let members = [one.member.unwrap(), other.member.unwrap()];
        assert_eq!(members[0].group, members[1].group);
        assert_ne!(members[0].key, members[1].key);
    }
}
