//! Sessions and routes, for people and for programs.
//!
//! Names of JSON members here are public: they are added, never renamed.
//!
//! Not here: who asks (`control::answer`, `control::explain`).

use std::fmt::Write;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use asdb::Provider;
use routefeed::bgp::session::SessionCounters;
use routefeed::rib::{SourceKey, Told, View};

use super::RouteRemark;
use super::hub::{Hub, Malformed, PeerBook, RouterBook};
use crate::control::told::Form;
use report::json::{list, object, or_null, string};

/// The sessions over BGP.
pub(super) fn bgp(hub: &Hub, form: Form) -> String {
    if !hub.bgp.enabled {
        return off(Provider::Bgp, form);
    }
    let rows = hub
        .peers
        .iter()
        .map(|(address, book)| PeerRow::of(hub, *address, book));
    match form {
        Form::Text => {
            let mut text = format!(
                "{:<24} {:>10} {:<12} {:>9} {:>9} {:>9} {:>9} {:>9} {:>7}  last error\n",
                "peer", "as", "state", "since_s", "ipv4", "ipv6", "stale", "updates", "bad"
            );
            for row in rows {
                row.text(&mut text);
            }
            text + &tables_text(hub)
        }
        Form::Json => {
            object(&[
                ("peers", list(rows.map(|row| row.json()))),
                ("tables", tables_json(hub)),
            ]) + "\n"
        }
    }
}

/// That nobody is heard so.
pub(super) fn off(provider: Provider, form: Form) -> String {
    match form {
        Form::Text => format!(
            "live routes are off: enrichment.{}_enabled is false\n",
            provider.name()
        ),
        Form::Json => "null\n".to_owned(),
    }
}

/// What is to be said of a peer.
struct PeerRow<'a> {
    address: IpAddr,
    book: &'a PeerBook,
    state: &'static str,
    now: SystemTime,
    routes: (usize, usize),
    stale: usize,
    counters: SessionCounters,
}

impl<'a> PeerRow<'a> {
    fn of(hub: &Hub, address: IpAddr, book: &'a PeerBook) -> Self {
        // The one that is furthest counts.
        let live = book.connections.iter().max_by_key(|one| one.state as u8);
        let source = source(Provider::Bgp, address);
        let mut counters = book.counters;
        for connection in &book.connections {
            counters.messages += connection.counters.messages;
            counters.updates += connection.counters.updates;
            counters.malformed += connection.counters.malformed;
            counters.refreshes += connection.counters.refreshes;
        }
        Self {
            address,
            book,
            state: live.map_or_else(
                || book.machine.state_name(hub.now_ms()),
                |one| one.state.name(),
            ),
            now: hub.now(),
            routes: hub.routes_of(source),
            stale: stale_of(hub, source),
            counters,
        }
    }

    fn text(&self, text: &mut String) {
        let (ipv4, ipv6) = self.routes;
        let since = self
            .book
            .since
            .map(|since| seconds(since, self.now).to_string());
        let error = error_text(self.book.last_error.as_ref(), self.now);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<24} {:>10} {:<12} {:>9} {ipv4:>9} {ipv6:>9} {:>9} {:>9} {:>7}  {error}",
            self.address,
            self.book.settings.asn.0,
            self.state,
            since.as_deref().unwrap_or("-"),
            self.stale,
            self.counters.updates,
            self.counters.malformed,
        );
        malformed_text(self.book.last_malformed.as_ref(), self.now, text);
    }

    fn json(&self) -> String {
        let (ipv4, ipv6) = self.routes;
        let book = self.book;
        let up = book.connections.iter().max_by_key(|one| one.state as u8);
        let hold_s = up.map(|one| (one.hold_ms / 1000).to_string());
        let families = up.map(|one| {
            list(
                one.families
                    .iter()
                    .map(|family| string(&format!("{family:?}").to_lowercase())),
            )
        });
        object(&[
            ("peer", string(&self.address.to_string())),
            ("as", book.settings.asn.0.to_string()),
            ("state", string(self.state)),
            (
                "since_s",
                or_null(book.since.map(|since| seconds(since, self.now).to_string())),
            ),
            ("hold_time_s", or_null(hold_s)),
            ("families", or_null(families)),
            ("routes_ipv4", ipv4.to_string()),
            ("routes_ipv6", ipv6.to_string()),
            ("routes_stale", self.stale.to_string()),
            ("messages", self.counters.messages.to_string()),
            ("updates", self.counters.updates.to_string()),
            ("malformed", self.counters.malformed.to_string()),
            ("sessions_up", book.ups.to_string()),
            ("sessions_lost", book.losses.to_string()),
            (
                "last_error",
                or_null(book.last_error.as_ref().map(|(_, text)| string(text))),
            ),
            (
                "last_malformed",
                malformed_json(book.last_malformed.as_ref()),
            ),
        ])
    }
}

/// The routers over BMP.
pub(super) fn bmp(hub: &Hub, form: Form) -> String {
    if hub.bmp_allow.is_empty() {
        return off(Provider::Bmp, form);
    }
    match form {
        Form::Text => {
            let mut text = format!(
                "{:<24} {:<6} {:>9} {:>9} {:>9} {:>9} {:>9} {:>7}  name, last error\n",
                "router", "state", "since_s", "ipv4", "ipv6", "stale", "messages", "bad"
            );
            for (address, book) in &hub.routers {
                router_text(hub, *address, book, &mut text);
            }
            if hub.routers.is_empty() {
                text += "no router has connected\n";
            }
            text + &tables_text(hub)
        }
        Form::Json => {
            let routers = hub.routers.iter();
            let routers = routers.map(|(address, book)| router_json(hub, *address, book));
            object(&[
                ("routers", list(routers)),
                ("strangers", hub.strangers.to_string()),
                ("tables", tables_json(hub)),
            ]) + "\n"
        }
    }
}

fn router_text(hub: &Hub, address: IpAddr, book: &RouterBook, text: &mut String) {
    let now = hub.now();
    let source = source(Provider::Bmp, address);
    let (ipv4, ipv6) = hub.routes_of(source);
    let (messages, malformed) = messages_of(book);
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{address:<24} {:<6} {:>9} {ipv4:>9} {ipv6:>9} {:>9} {messages:>9} {malformed:>7}  {}{}",
        if book.station.is_some() { "up" } else { "down" },
        seconds(book.since, now),
        stale_of(hub, source),
        book.name.as_deref().unwrap_or("-"),
        match &book.last_error {
            Some(_) => format!(", {}", error_text(book.last_error.as_ref(), now)),
            None => String::new(),
        },
    );
    malformed_text(book.last_malformed.as_ref(), now, text);
    for (key, peer) in book.station.iter().flat_map(|station| station.peers()) {
        let what = match key.kind {
            3 => "its own table".to_owned(),
            _ => format!("peer {}", key.address),
        };
        let up = ["down", "up"][usize::from(peer.is_up)];
        let vrf = vrf_text(key.distinguisher);
        let _ = writeln!(
            text,
            "  {what}{vrf} ({}) {up}, {} updates",
            peer.asn, peer.updates
        );
    }
}

fn router_json(hub: &Hub, address: IpAddr, book: &RouterBook) -> String {
    let source = source(Provider::Bmp, address);
    let (ipv4, ipv6) = hub.routes_of(source);
    let (messages, malformed) = messages_of(book);
    let peers = book.station.iter().flat_map(|station| station.peers());
    let peers = peers.map(|(key, peer)| {
        object(&[
            ("peer", string(&key.address.to_string())),
            ("is_own_table", (key.kind == 3).to_string()),
            (
                "distinguisher",
                string(&format!("{:016x}", key.distinguisher)),
            ),
            ("as", peer.asn.0.to_string()),
            ("is_up", peer.is_up.to_string()),
            ("updates", peer.updates.to_string()),
            (
                "statistics",
                list(
                    peer.statistics
                        .iter()
                        .map(|(kind, number)| format!("[{kind},{number}]")),
                ),
            ),
        ])
    });
    object(&[
        ("router", string(&address.to_string())),
        ("name", or_null(book.name.as_deref().map(string))),
        ("is_up", book.station.is_some().to_string()),
        ("since_s", seconds(book.since, hub.now()).to_string()),
        ("connections", book.connections_count.to_string()),
        ("routes_ipv4", ipv4.to_string()),
        ("routes_ipv6", ipv6.to_string()),
        ("routes_stale", stale_of(hub, source).to_string()),
        ("messages", messages.to_string()),
        ("malformed", malformed.to_string()),
        (
            "last_error",
            or_null(book.last_error.as_ref().map(|(_, text)| string(text))),
        ),
        (
            "last_malformed",
            malformed_json(book.last_malformed.as_ref()),
        ),
        ("peers", list(peers)),
    ])
}

fn messages_of(book: &RouterBook) -> (u64, u64) {
    let live = book
        .station
        .as_ref()
        .map(|station| station.counters())
        .unwrap_or_default();
    let sum = book.counters;
    (sum.messages + live.messages, sum.malformed + live.malformed)
}

/// The routes that speak of an address, the best first.
pub(super) fn about(hub: &Hub, address: IpAddr) -> Vec<RouteRemark> {
    let now_unix_s = hub.now_unix_s();
    let told = hub.ribs.about(address.to_canonical());
    told.iter().map(|told| remark(told, now_unix_s)).collect()
}

fn remark(told: &Told<'_>, now_unix_s: u32) -> RouteRemark {
    let key = &told.key;
    let mut table = match (key.source.provider, key.view) {
        (Provider::Bgp, _) => String::new(),
        (_, View::LocRib) => "its own table".to_owned(),
        (_, view) => format!("its peer {}, {}", key.peer, view.name()),
    };
    table += &vrf_text(key.distinguisher);
    RouteRemark {
        provider: key.source.provider,
        router: key.source.router.to_string(),
        table,
        prefix: told.prefix.to_string(),
        path: told.attributes.path(),
        next_hop: told.attributes.next_hop().map(|hop| hop.to_string()),
        communities: told.attributes.communities(),
        age_s: u64::from(now_unix_s.saturating_sub(told.learnt_unix_s)),
        is_stale: told.is_stale,
    }
}

fn vrf_text(distinguisher: u64) -> String {
    match distinguisher {
        0 => String::new(),
        some => format!(" in the VRF of RD {some:016x}"),
    }
}

fn tables_text(hub: &Hub) -> String {
    let counters = hub.ribs.counters();
    format!(
        "{} routes, {} distinct attributes of {} octets; {} announced, {} withdrawn, {} expired, \
         {} refused by limits, {} connections of strangers\n",
        hub.ribs.routes_count(),
        hub.ribs.store().len(),
        hub.ribs.store().octets_count(),
        counters.announced,
        counters.withdrawn,
        counters.expired,
        counters.refused,
        hub.strangers
    )
}

fn tables_json(hub: &Hub) -> String {
    let counters = hub.ribs.counters();
    object(&[
        ("routes", hub.ribs.routes_count().to_string()),
        ("attributes", hub.ribs.store().len().to_string()),
        (
            "attributes_octets",
            hub.ribs.store().octets_count().to_string(),
        ),
        ("announced", counters.announced.to_string()),
        ("withdrawn", counters.withdrawn.to_string()),
        ("expired", counters.expired.to_string()),
        ("refused", counters.refused.to_string()),
    ])
}

fn stale_of(hub: &Hub, source: SourceKey) -> usize {
    let tables = hub.ribs.tables().filter(|(key, _)| key.source == source);
    tables.filter_map(|(_, table)| Some(table.stale()?.0)).sum()
}

const fn source(provider: Provider, router: IpAddr) -> SourceKey {
    SourceKey { provider, router }
}

fn seconds(since: SystemTime, now: SystemTime) -> u64 {
    now.duration_since(since)
        .unwrap_or(Duration::ZERO)
        .as_secs()
}

fn error_text(error: Option<&(SystemTime, String)>, now: SystemTime) -> String {
    error.map_or_else(
        || "-".to_owned(),
        |(at, text)| format!("{text} ({} s ago)", seconds(*at, now)),
    )
}

fn malformed_text(malformed: Option<&Malformed>, now: SystemTime, text: &mut String) {
    if let Some((at, reason, octets)) = malformed {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  {} s ago: {reason}: {}",
            seconds(*at, now),
            hex(octets)
        );
    }
}

fn malformed_json(malformed: Option<&Malformed>) -> String {
    or_null(malformed.map(|(_, reason, octets)| {
        object(&[("reason", string(reason)), ("octets", string(&hex(octets)))])
    }))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
