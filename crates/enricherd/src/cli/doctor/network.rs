//! The port, the collectors and the way to them.
//!
//! Not here: firewalls, but for what one on this host forbids us (`firewall`).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::Duration;

use super::Finding;
use crate::config::{Collector, Config, Host, Protocol};
use crate::io::port_owner::PortOwner;
use crate::io::routes::own_addresses;
use crate::io::udp::mtu_to;
use crate::pipeline::target::Unsent;

/// How long a collector's host is given to say that nobody listens.
const REFUSAL_PATIENCE: Duration = Duration::from_millis(300);

pub(super) fn look(config: &Config, running: Option<u32>, findings: &mut Vec<Finding>) {
    if running.is_none() {
        findings.extend(port_taken(config));
    }
    let own = own_addresses().unwrap_or_default();
    for collector in &config.forwarding.collectors {
        let Some(address) = address_of(collector, findings) else {
            continue;
        };
        findings.extend(loops_back(config, address, &own));
        if collector.protocol == Protocol::Udp {
            findings.extend(unreachable(address));
        }
        findings.extend(mtu(collector, address));
    }
}

fn port_taken(config: &Config) -> Option<Finding> {
    let port = config.general.listen_port;
    let address = SocketAddr::new(config.general.listen_address, port);
    let error = UdpSocket::bind(address).err()?;
    let by = PortOwner::of_udp(port).map_or_else(
        || "a program that only root can name".to_owned(),
        |owner| owner.to_string(),
    );
    match error.kind() {
        io::ErrorKind::AddrInUse => Some(Finding::new(
            "port_taken",
            format!("{address} (UDP) is in use by {by}"),
            "stop that program, or choose another general.listen_port",
        )),
        io::ErrorKind::AddrNotAvailable if address.ip() != IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
            Some(Finding::new(
                "listen_address",
                format!("{address}: this host has no such address"),
                "general.listen_address must be one of its own, or \"::\" for all",
            ))
        }
        _ => None,
    }
}

fn address_of(collector: &Collector, findings: &mut Vec<Finding>) -> Option<SocketAddr> {
    let name = match &collector.host {
        Host::Address(ip) => return Some(SocketAddr::new(*ip, collector.port)),
        Host::Name(name) => name,
    };
    let found = (name.as_str(), collector.port).to_socket_addrs();
    let found = found.ok().and_then(|mut addresses| addresses.next());
    if found.is_none() {
        findings.push(Finding::new(
            "collector_name",
            format!("collector {name}: its name has no address"),
            "look at /etc/resolv.conf and the name, or write the address",
        ));
    }
    found
}

fn loops_back(config: &Config, collector: SocketAddr, own: &[IpAddr]) -> Option<Finding> {
    let is_us = own.contains(&collector.ip()) || collector.ip().is_loopback();
    let listen = config.general.listen_address;
    let hears = listen.is_unspecified() || listen == collector.ip();
    (is_us && hears && collector.port() == config.general.listen_port).then(|| {
        Finding::new(
            "loop",
            format!("collector {collector} is where we listen: Messages would come back to us"),
            "name the collector's own address and port",
        )
    })
}

/// Two datagrams: the answer to the first is told with the second.
fn unreachable(collector: SocketAddr) -> Option<Finding> {
    let outcome = probe(collector);
    let error = outcome.err()?;
    let (name, remedy) = match Unsent::of(&error) {
        Unsent::Refused => (
            "collector_refuses",
            "start the collector, or correct forwarding.collectors: nobody listens there",
        ),
        Unsent::Forbidden => (
            "firewall_out",
            "this host's firewall does not let us send there; allow it in the chain OUTPUT",
        ),
        Unsent::Unreachable => (
            "collector_unreachable",
            "look at routes, interfaces and neighbours: there is no way to it",
        ),
        _ => return None,
    };
    let evidence = format!("collector {collector}: {error}");
    Some(Finding::new(name, evidence, remedy))
}

fn probe(collector: SocketAddr) -> io::Result<()> {
    let any: IpAddr = match collector {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(collector)?;
    socket.set_read_timeout(Some(REFUSAL_PATIENCE))?;
    socket.send(&[])?;
    match socket.recv(&mut [0; 1]) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        outcome => outcome.map(|_| ()),
    }
}

fn mtu(collector: &Collector, address: SocketAddr) -> Option<Finding> {
    let mtu = mtu_to(address).ok()?;
    let wanted = usize::from(collector.packet_octets_max);
    (mtu < wanted).then(|| {
        Finding::new(
            "mtu",
            format!("collector {address}: the way takes {mtu} octets, max_packet_size is {wanted}"),
            format!("forwarding.max_packet_size: {mtu}; larger packets leave in fragments"),
        )
    })
}
