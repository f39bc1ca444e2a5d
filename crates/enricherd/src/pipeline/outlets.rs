//! Whom we send to, and which collectors share one outgoing session.
//!
//! Collectors with equal settings form an outlet: the `Mediator` makes each Message once for it.
//!
//! Not here: sockets (`pipeline::senders`), what a name resolves to (`io::resolve`).
//! Bound: as many outlets as collectors, which the configuration limits to 64.

use std::net::{IpAddr, SocketAddr};

use mediator::settings::{DomainNames, IpHeader, Outlet};

use crate::config::{Collector, Host};
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
    /// Its UDP port.
    pub port: u16,
    /// Index into [`Outlets::outlets`].
    pub outlet: u16,
    /// Whose address Messages for it bear.
    pub identity: Identity,
}

impl Destination {
    /// What it is called in log and statistics.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.host {
            Host::Address(ip) => SocketAddr::new(*ip, self.port).to_string(),
            Host::Name(name) => format!("{name}:{}", self.port),
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
    pub fn of(collectors: &[Collector], choices: &[Choice]) -> Self {
        let mut groups: Vec<(Identity, Outlet)> = Vec::new();
        let choices = choices.iter().chain(std::iter::repeat(&Choice::OWN));
        let destination = |(collector, choice): (&Collector, &Choice)| {
            let group = (choice.identity, outlet(collector, choice));
            let known = groups.iter().position(|known| *known == group);
            let index = known.unwrap_or(groups.len());
            if known.is_none() {
                groups.push(group);
            }
            Destination {
                host: collector.host.clone(),
                port: collector.port,
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

fn outlet(collector: &Collector, choice: &Choice) -> Outlet {
    Outlet {
        packet_octets_max: usize::from(collector.packet_octets_max),
        ip_header: ip_header(&collector.host, choice),
        domains: match choice.identity {
            Identity::Exporter => DomainNames::KeptIfBorne,
            Identity::Own | Identity::Fixed(_) => DomainNames::Distinct,
        },
    }
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
        let outlets = Outlets::of(&config.forwarding.collectors, &[]);
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
        let collectors = file.check().unwrap().config.forwarding.collectors;
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
        let outlets = Outlets::of(&collectors, &choices);
        let shared: Vec<_> = outlets.destinations.iter().map(|one| one.outlet).collect();
        assert_eq!(shared, [0, 1, 2, 1]);
        let domains: Vec<_> = outlets.outlets.iter().map(|one| one.domains).collect();
        let apart = DomainNames::Distinct;
        assert_eq!(domains, [apart, DomainNames::KeptIfBorne, apart]);
    }
}
