//! Whose address the Messages for each collector bear: chosen once, at the start, and said.
//!
//! Collectors file flows under the source address. A choice that changed between two starts would
//! split every report, so what was in use is remembered, and where it is no longer possible the
//! collector gets nothing until somebody decides.
//!
//! Not here: how Messages leave (`pipeline::senders`), the file of what was in use
//! (`io::state_file`).
//! Bound: one line for each collector of the configuration.

use std::collections::HashMap;
use std::fmt::Write;
use std::io;
use std::net::SocketAddr;

use crate::config::{Config, ForwardingSource, Nat, Protocol};
use crate::io::routes::{Way, way_to};
use crate::io::state_file::StateDir;
use crate::io::udp::Family;
use crate::io::{open, routes};
use crate::pipeline::identity::{Choice, Identity};
use crate::pipeline::outlets::Destination;

const GRANT: &str = "grant it (AmbientCapabilities=CAP_NET_RAW in the unit, or setcap \
                     cap_net_raw+ep on the program)";
const HOW_TO_CHOOSE: &str = "forwarding.source decides otherwise";

/// Whose addresses Messages bear, and which addresses are this host's.
#[derive(Debug)]
pub(super) struct Identities {
    pub(super) choices: Vec<Choice>,
    pub(super) own_addresses: Vec<std::net::IpAddr>,
}

/// Chooses for each collector, says what was chosen, and remembers it.
pub(super) fn choose_all(
    config: &Config,
    destinations: &[Destination],
    addresses: &[Option<SocketAddr>],
    state_dir: &mut StateDir,
) -> Identities {
    let mut used = Used::load(state_dir);
    let collectors = config.forwarding.collectors.iter();
    let places = destinations.iter().zip(addresses);
    let choices = collectors
        .zip(places)
        .map(|(collector, (destination, address))| {
            if collector.protocol != Protocol::Udp {
                // Nobody can open a connection in another's name.
                return Choice::OWN;
            }
            let label = destination.label();
            let seen = Seen::of(collector.source, *address, used.before(&label));
            let chosen = choose(collector.source, &config.nat, &seen);
            say(&label, &chosen);
            used.note(label, chosen.identity);
            Choice {
                identity: chosen.identity,
                address: *address,
            }
        })
        .collect();
    used.save(state_dir);
    let own_addresses = routes::own_addresses().unwrap_or_else(|error| {
        tracing::warn!(
            "the addresses of this host cannot be listed ({error}): Messages of exporters on it \
             may bear their address"
        );
        Vec::new()
    });
    Identities {
        choices,
        own_addresses,
    }
}

/// What a choice depends on.
#[derive(Clone, Copy, Debug)]
struct Seen {
    address: Option<SocketAddr>,
    /// `None` where nobody needs to know, or nobody could say.
    way: Option<Way>,
    /// Whether datagrams of ours may bear others' addresses.
    may: bool,
    /// What was in use at the last start.
    before: Option<Before>,
}

impl Seen {
    fn of(source: ForwardingSource, address: Option<SocketAddr>, before: Option<Before>) -> Self {
        let way = address.filter(|_| source == ForwardingSource::Auto);
        let way = way.and_then(|address| {
            let asked = way_to(address.ip());
            let failed = |error: &io::Error| tracing::warn!("the routing table: {error}");
            asked.inspect_err(failed).ok()
        });
        let family = address.map_or(Family::V4, Family::of);
        let is_asked = source != ForwardingSource::Own;
        Self {
            address,
            way,
            may: is_asked && open::raw(family).is_ok(),
            before,
        }
    }
}

/// What was in use at the last start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Exporter,
    Own,
}

/// A choice and why.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Chosen {
    identity: Identity,
    gravity: Gravity,
    why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gravity {
    Info,
    Warning,
    Error,
}

fn choose(source: ForwardingSource, nat: &Nat, seen: &Seen) -> Chosen {
    let chosen = |identity, gravity, why: &str| Chosen {
        identity,
        gravity,
        why: why.to_owned(),
    };
    if nat.enabled && source != ForwardingSource::Exporter {
        return choose_nat(nat, seen);
    }
    match source {
        ForwardingSource::Own => chosen(Identity::Own, Gravity::Info, "forwarding.source: own"),
        ForwardingSource::Exporter if seen.may => {
            let why = "forwarding.source: exporter";
            chosen(Identity::Exporter, Gravity::Info, why)
        }
        ForwardingSource::Exporter => {
            let why = format!(
                "forwarding.source = exporter: CAP_NET_RAW is missing, so nothing is sent to it; \
                 {GRANT}, or set forwarding.source: own"
            );
            chosen(Identity::Exporter, Gravity::Error, &why)
        }
        ForwardingSource::Auto => choose_auto(seen),
    }
}

fn choose_nat(nat: &Nat, seen: &Seen) -> Chosen {
    let source = SocketAddr::new(nat.source_ip, nat.source_port);
    let is_other_family = seen
        .address
        .is_some_and(|address| address.is_ipv4() != source.is_ipv4());
    if is_other_family {
        return Chosen {
            identity: Identity::Own,
            gravity: Gravity::Warning,
            why: "nat.source_ip is of another IP version than the collector".to_owned(),
        };
    }
    Chosen {
        identity: Identity::Fixed(source),
        gravity: Gravity::Info,
        why: format!("nat: {source} for all exporters"),
    }
}

fn choose_auto(seen: &Seen) -> Chosen {
    let is_near = matches!(seen.way, Some(Way::Here | Way::OnLink));
    let (identity, gravity, why) = match (seen.before, seen.may) {
        (Some(Before::Exporter), false) => (
            Identity::Exporter,
            Gravity::Error,
            "source was \"exporter\", CAP_NET_RAW is now missing; refusing to go on as \"own\": \
             collectors would file every flow under this host. Restore it or set \
             forwarding.source; until then nothing is sent to it"
                .to_owned(),
        ),
        (Some(Before::Exporter), true) if seen.way == Some(Way::Beyond) => (
            Identity::Exporter,
            Gravity::Warning,
            "as before, though it is behind a router now, which may drop what bears another's \
             address; forwarding.source: own is for that"
                .to_owned(),
        ),
        (Some(Before::Own), true) if is_near => (
            Identity::Own,
            Gravity::Info,
            "as before; forwarding.source: exporter would be possible too, and shows collectors \
             the routers' own addresses"
                .to_owned(),
        ),
        (Some(before), _) => (
            before.identity(),
            Gravity::Info,
            format!("as before; {HOW_TO_CHOOSE}"),
        ),
        (None, true) if is_near => {
            let place = if seen.way == Some(Way::Here) {
                "it is on this host"
            } else {
                "it is on a link of this host"
            };
            let why = format!("forwarding.source: auto, and {place}; {HOW_TO_CHOOSE}");
            (Identity::Exporter, Gravity::Info, why)
        }
        (None, may) => {
            let lack = match (may, seen.address, seen.way) {
                (_, None, _) => "its name has no address yet",
                (_, Some(_), Some(Way::Beyond)) => {
                    "it is behind a router or a tunnel, which may drop what bears another's address"
                }
                (false, ..) => "CAP_NET_RAW is missing",
                _ => "the way to it is not known",
            };
            let why = format!("forwarding.source: auto, and {lack}; {HOW_TO_CHOOSE}");
            (Identity::Own, Gravity::Info, why)
        }
    };
    Chosen {
        identity,
        gravity,
        why,
    }
}

fn say(label: &str, chosen: &Chosen) {
    let whose = match chosen.identity {
        Identity::Exporter => "Messages bear their exporters' addresses",
        Identity::Own => "Messages leave from our own address",
        Identity::Fixed(_) => "Messages leave from one address and port",
    };
    let why = &chosen.why;
    match chosen.gravity {
        Gravity::Info => tracing::info!("collector {label}: {whose} ({why})"),
        Gravity::Warning => tracing::warn!("collector {label}: {whose} ({why})"),
        // There are none: the sentence says so.
        Gravity::Error => tracing::error!("collector {label}: {why}"),
    }
}

impl Before {
    const fn identity(self) -> Identity {
        match self {
            Self::Exporter => Identity::Exporter,
            Self::Own => Identity::Own,
        }
    }
}

/// What is in use for each collector, by its label.
#[derive(Debug, Default)]
struct Used {
    before: HashMap<String, Before>,
    now: Vec<(String, Identity)>,
}

impl Used {
    fn load(state_dir: &StateDir) -> Self {
        let text = state_dir.load_sources().unwrap_or_else(|error| {
            tracing::error!("{error}; what forwarding.source: auto chose before is not known");
            String::new()
        });
        let before = text.lines().filter_map(|line| {
            let (word, label) = line.split_once(' ')?;
            let before = match word {
                "exporter" => Before::Exporter,
                "own" => Before::Own,
                _ => return None,
            };
            Some((label.to_owned(), before))
        });
        Self {
            before: before.collect(),
            now: Vec::new(),
        }
    }

    fn before(&self, label: &str) -> Option<Before> {
        self.before.get(label).copied()
    }

    fn note(&mut self, label: String, identity: Identity) {
        self.now.push((label, identity));
    }

    fn save(&self, state_dir: &mut StateDir) {
        let mut text = String::new();
        for (label, identity) in &self.now {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{} {label}", identity.name());
        }
        state_dir.save_sources(&text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ForwardingSource::{Auto, Exporter, Own};

    const NEAR: Seen = Seen {
        address: Some(SocketAddr::new(
            std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)),
            2056,
        )),
        way: Some(Way::OnLink),
        may: true,
        before: None,
    };

    fn nat(enabled: bool) -> Nat {
        Nat {
            enabled,
            source_ip: [192, 0, 2, 2].into(),
            source_port: 40_000,
        }
    }

    fn check(source: ForwardingSource, seen: Seen, identity: Identity, said: &str) {
        let chosen = choose(source, &nat(false), &seen);
        assert_eq!(chosen.identity, identity, "{source:?} {seen:?}");
        assert!(chosen.why.contains(said), "{}", chosen.why);
    }

    #[test]
    fn auto_bears_the_exporters_address_where_nobody_filters_it() {
        let here = Seen {
            way: Some(Way::Here),
            ..NEAR
        };
        check(Auto, here, Identity::Exporter, "on this host");
        check(Auto, NEAR, Identity::Exporter, "on a link of this host");
        let beyond = Seen {
            way: Some(Way::Beyond),
            ..NEAR
        };
        check(Auto, beyond, Identity::Own, "behind a router");
        let without_right = Seen { may: false, ..NEAR };
        check(Auto, without_right, Identity::Own, "CAP_NET_RAW is missing");
        let nameless = Seen {
            address: None,
            way: None,
            ..NEAR
        };
        check(Auto, nameless, Identity::Own, "no address yet");
    }

    #[test]
    fn auto_never_flips_between_two_starts() {
        let before = |before, seen: Seen| Seen {
            before: Some(before),
            ..seen
        };
        let without_right = Seen { may: false, ..NEAR };
        let beyond = Seen {
            way: Some(Way::Beyond),
            ..NEAR
        };
        let refusal = "source was \"exporter\", CAP_NET_RAW is now missing; refusing to go on as \
                       \"own\": collectors would file every flow under this host. Restore it or \
                       set forwarding.source";
        for (seen, identity, said) in [
            (
                before(Before::Own, NEAR),
                Identity::Own,
                "would be possible",
            ),
            (before(Before::Own, beyond), Identity::Own, "as before"),
            (
                before(Before::Exporter, NEAR),
                Identity::Exporter,
                "as before",
            ),
            (
                before(Before::Exporter, beyond),
                Identity::Exporter,
                "behind a router now",
            ),
            (
                before(Before::Exporter, without_right),
                Identity::Exporter,
                refusal,
            ),
        ] {
            check(Auto, seen, identity, said);
        }
    }

    #[test]
    fn what_the_operator_wrote_is_done_whatever_was_before() {
        let seen = Seen {
            before: Some(Before::Exporter),
            ..NEAR
        };
        check(Own, seen, Identity::Own, "forwarding.source: own");
        let seen = Seen {
            before: Some(Before::Own),
            way: Some(Way::Beyond),
            ..NEAR
        };
        check(Exporter, seen, Identity::Exporter, "forwarding.source");
        let without_right = Seen { may: false, ..seen };
        let said = "CAP_NET_RAW is missing, so nothing is sent to it";
        check(Exporter, without_right, Identity::Exporter, said);
    }

    #[test]
    fn nat_is_one_address_and_port_for_collectors_of_its_ip_version() {
        let fixed = Identity::Fixed("192.0.2.2:40000".parse().unwrap());
        assert_eq!(choose(Auto, &nat(true), &NEAR).identity, fixed);
        assert_eq!(choose(Own, &nat(true), &NEAR).identity, fixed);
        let exporter = choose(Exporter, &nat(true), &NEAR).identity;
        assert_eq!(exporter, Identity::Exporter);
        let v6 = Seen {
            address: Some("[2001:db8::1]:9".parse().unwrap()),
            ..NEAR
        };
        let other = choose(Auto, &nat(true), &v6);
        let chosen = (other.identity, other.gravity);
        assert_eq!(chosen, (Identity::Own, Gravity::Warning));
    }

    #[test]
    fn what_is_in_use_is_remembered() {
        let place = format!("ipfix-enricher-sources-{}", std::process::id());
        let path = std::env::temp_dir().join(place);
        let mut state_dir = StateDir::new(path.clone(), 2055);
        let mut used = Used::load(&state_dir);
        assert_eq!(used.before("192.0.2.7:2056"), None);
        used.note("192.0.2.7:2056".to_owned(), Identity::Exporter);
        used.note("[2001:db8::1]:9".to_owned(), Identity::Own);
        used.note(
            "nat.example:9".to_owned(),
            Identity::Fixed(([192, 0, 2, 2], 9).into()),
        );
        used.save(&mut state_dir);
        let used = Used::load(&state_dir);
        assert_eq!(used.before("192.0.2.7:2056"), Some(Before::Exporter));
        assert_eq!(used.before("[2001:db8::1]:9"), Some(Before::Own));
        assert_eq!(used.before("nat.example:9"), None);
        std::fs::remove_dir_all(path).unwrap();
    }
}
