//! Names of collectors become addresses, again and again: a collector may move.
//!
//! Not here: who asks and when (`daemon`), what a new address changes (`pipeline::senders`).

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::config::Host;
use crate::pipeline::outlets::Destination;

/// What is known of a collector's address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// One for each collector; `None` where a name has none yet.
    pub list: Vec<Option<SocketAddr>>,
    /// Why names have none, a sentence each.
    pub faults: Vec<String>,
}

impl Addresses {
    /// Returns the addresses that need no looking up.
    #[must_use]
    pub fn known(destinations: &[Destination]) -> Self {
        Self {
            list: destinations.iter().map(Destination::address).collect(),
            faults: Vec::new(),
        }
    }

    /// Whether every collector has one.
    #[must_use]
    pub fn are_complete(&self) -> bool {
        self.list.iter().all(Option::is_some)
    }
}

/// Looks up all names; takes as long as the system's resolver does.
///
/// A name keeps its address as long as that is among the answers, and also while nobody answers.
#[must_use]
pub fn resolve(destinations: &[Destination], before: &[Option<SocketAddr>]) -> Addresses {
    let mut addresses = Addresses::default();
    for (index, destination) in destinations.iter().enumerate() {
        let before = before.get(index).copied().flatten();
        let address = match &destination.host {
            Host::Address(_) => destination.address(),
            Host::Name(name) => match (name.as_str(), destination.port).to_socket_addrs() {
                Ok(answers) => choose(answers.collect(), before),
                Err(error) => {
                    let fault = format!("collector {}: {error}", destination.label());
                    addresses.faults.push(fault);
                    before
                }
            },
        };
        addresses.list.push(address);
    }
    addresses
}

/// As [`resolve`], but does not wait for longer than `patience`.
#[must_use]
pub fn resolve_within(destinations: &[Destination], patience: Duration) -> Addresses {
    let known = Addresses::known(destinations);
    if known.are_complete() {
        return known;
    }
    let (sender, receiver) = mpsc::channel();
    let asked = destinations.to_vec();
    // Whoever waits may be gone when the answer comes.
    thread::spawn(move || sender.send(resolve(&asked, &[])));
    receiver.recv_timeout(patience).unwrap_or(known)
}

fn choose(answers: Vec<SocketAddr>, before: Option<SocketAddr>) -> Option<SocketAddr> {
    before
        .filter(|address| answers.contains(address))
        .or_else(|| answers.first().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::identity::Identity;

    #[test]
    fn a_name_keeps_its_address_while_that_is_among_the_answers() {
        let one: SocketAddr = "192.0.2.1:1".parse().unwrap();
        let two: SocketAddr = "192.0.2.2:1".parse().unwrap();
        assert_eq!(choose(vec![one, two], None), Some(one));
        assert_eq!(choose(vec![one, two], Some(two)), Some(two));
        assert_eq!(choose(vec![one], Some(two)), Some(one));
        assert_eq!(choose(vec![], Some(two)), None);
    }

    #[test]
    fn this_host_has_a_name_and_a_name_that_cannot_be_is_a_fault() {
        let destination = |host| Destination {
            host,
            port: 9,
            protocol: crate::config::Protocol::Udp,
            outlet: 0,
            identity: Identity::Own,
        };
        let list = [
            destination(Host::Name("localhost".into())),
            destination(Host::Name("no.such.name.invalid".into())),
            destination(Host::Address([192, 0, 2, 1].into())),
        ];
        let before = "192.0.2.7:9".parse().unwrap();
        let addresses = resolve(&list, &[None, Some(before), None]);
        assert!(addresses.list[0].unwrap().ip().is_loopback());
        assert_eq!(
            addresses.list[1],
            Some(before),
            "the last one that was known"
        );
        assert_eq!(addresses.list[2], list[2].address());
        assert_eq!(addresses.faults.len(), 1);
    }
}
