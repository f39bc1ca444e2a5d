//! What came of all sessions: tables, who is there, what went wrong, events.
//!
//! Not here: sockets (`bgp`, `bmp`), another configuration (`settings`), words (`show`).
//! Bound: a book for each configured peer and each router over BMP.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use asdb::{Asn, Provider};
use ipnet::IpNet;
use routefeed::bgp::FaultKind;
use routefeed::bgp::nlri::Families;
use routefeed::bgp::open::Open;
use routefeed::bgp::peer::{Begun, Peer, stays};
use routefeed::bgp::session::{Happening, SessionCounters, State};
use routefeed::bmp::station::{PeerKey, Station, StationCounters};
use routefeed::rib::{RibKey, Ribs, SourceKey, View};
use tokio::sync::Notify;

use super::settings::Settings;
use crate::config::{Bgp, BgpPeer};
use crate::control::facts::Facts;

/// Changes of origins that are told one by one each time the table is made anew.
const ORIGIN_CHANGES_TOLD: usize = 8;
/// Connections of one peer at once: one that is to replace another.
const CONNECTIONS_MAX: usize = 2;

/// Something that could not be read: when, why, the first octets.
pub(super) type Malformed = (SystemTime, String, Vec<u8>);

/// Everything.
#[derive(Debug)]
pub(super) struct Hub {
    pub(super) ribs: Ribs,
    pub(super) bgp: Bgp,
    /// The peers that we hear over BGP, by address.
    pub(super) peers: BTreeMap<IpAddr, PeerBook>,
    /// The routers that spoke BMP, by address.
    pub(super) routers: BTreeMap<IpAddr, RouterBook>,
    /// Connections of addresses that nobody configured.
    pub(super) strangers: u64,
    pub(super) bmp_allow: Vec<IpNet>,
    pub(super) grace: Duration,
    facts: Arc<Facts>,
    started: Instant,
    next_connection: u64,
    is_stopping: bool,
}

/// A peer over BGP.
#[derive(Debug)]
pub(super) struct PeerBook {
    pub(super) settings: BgpPeer,
    pub(super) machine: Peer,
    pub(super) connections: Vec<Connection>,
    /// Whether we try to connect to it.
    pub(super) is_connecting: bool,
    /// Sessions that came up, and that were lost.
    pub(super) ups: u64,
    pub(super) losses: u64,
    /// Since when the session is up, or lost.
    pub(super) since: Option<SystemTime>,
    pub(super) last_error: Option<(SystemTime, String)>,
    pub(super) last_malformed: Option<Malformed>,
    /// What came in sessions that are over.
    pub(super) counters: SessionCounters,
}

/// A connection of a peer.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: u64,
    pub(super) begun: Begun,
    pub(super) state: State,
    pub(super) open: Option<Open>,
    pub(super) families: Families,
    pub(super) hold_ms: u64,
    pub(super) counters: SessionCounters,
    our_identifier: u32,
    /// Why it is to end, and who is to be told.
    pub(super) stop: Option<FaultKind>,
    pub(super) wake: Rc<Notify>,
}

/// A router over BMP.
#[derive(Debug)]
pub(super) struct RouterBook {
    /// Its connection, if there is one.
    pub(super) station: Option<Station>,
    /// Tells connections of one router apart.
    pub(super) id: u64,
    pub(super) wake: Rc<Notify>,
    pub(super) connections_count: u64,
    pub(super) since: SystemTime,
    pub(super) last_error: Option<(SystemTime, String)>,
    pub(super) last_malformed: Option<Malformed>,
    pub(super) counters: StationCounters,
    pub(super) name: Option<String>,
}

impl Hub {
    /// Returns one that hears nobody: [`Hub::take_settings`] says whom.
    pub(super) fn new(settings: &Settings, facts: Arc<Facts>) -> Self {
        Self {
            ribs: Ribs::default(),
            bgp: settings.bgp.clone(),
            peers: BTreeMap::new(),
            routers: BTreeMap::new(),
            strangers: 0,
            bmp_allow: Vec::new(),
            grace: settings.grace,
            facts,
            started: Instant::now(),
            next_connection: 0,
            is_stopping: false,
        }
    }

    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn now(&self) -> SystemTime {
        self.facts.now()
    }

    pub(super) fn now_unix_s(&self) -> u32 {
        let since = self.now().duration_since(SystemTime::UNIX_EPOCH);
        u32::try_from(since.map_or(0, |since| since.as_secs())).unwrap_or(u32::MAX)
    }

    /// Counts changes of tables, to tell whether there were any.
    pub(super) fn changes_count(&self) -> u64 {
        let counters = self.ribs.counters();
        counters.announced + counters.withdrawn + counters.expired
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        self.ribs.encode(self.now_unix_s())
    }

    /// Takes back saved routes of those whom we still hear; they count for the grace time.
    pub(super) fn restore(&mut self, octets: &[u8]) {
        let now_unix_s = self.now_unix_s();
        match self.ribs.decode(octets, now_unix_s) {
            Ok((count, saved_unix_s)) => {
                let ago_s = now_unix_s.saturating_sub(saved_unix_s);
                tracing::info!(
                    "live routes: {count} saved {ago_s} s ago count until they are told again, \
                     for {} s at most",
                    self.grace.as_secs()
                );
            }
            Err(error) => {
                self.ribs = Ribs::default();
                tracing::error!("saved routes: {error}; routes are learnt anew");
            }
        }
        let (peers, allow) = (&self.peers, &self.bmp_allow);
        self.ribs.drop_all(|key| match key.source.provider {
            Provider::Bgp => !peers.contains_key(&key.source.router),
            _ => !is_allowed(allow, key.source.router),
        });
    }

    pub(super) fn allows_bmp(&self, address: IpAddr) -> bool {
        is_allowed(&self.bmp_allow, address)
    }

    pub(super) fn note(&self, name: &'static str, text: String) {
        self.facts.events.note(name, self.now(), text);
    }

    /// Lets go of routes that nobody confirmed within the grace time.
    pub(super) fn expire(&mut self) {
        let grace_s = u32::try_from(self.grace.as_secs()).unwrap_or(u32::MAX);
        let before_unix_s = self.now_unix_s().saturating_sub(grace_s);
        for (key, count) in self.ribs.expire(before_unix_s) {
            let router = key.source.router;
            let text = format!(
                "{count} routes of {router} ({}) were not told again within {grace_s} s and \
                 count no more",
                key.source.provider
            );
            self.note("routes_expired", text);
        }
    }

    /// Tells of origins that changed where there is traffic with the old or the new AS.
    pub(super) fn tell_origin_changes(&mut self) {
        let changes = self.ribs.take_origin_changes();
        if changes.is_empty() {
            return;
        }
        let traffic = self.facts.pages.totals().traffic;
        let ases = traffic.iter().flat_map(|view| view.ases());
        let busy: HashSet<Asn> = ases.map(|(asn, _)| asn).collect();
        let is_busy = |asn: &Asn| *asn != Asn::NONE && busy.contains(asn);
        let told = changes
            .into_iter()
            .filter(|change| is_busy(&change.old) || is_busy(&change.new));
        let mut more = 0;
        for (index, change) in told.enumerate() {
            if index >= ORIGIN_CHANGES_TOLD {
                more += 1;
                continue;
            }
            let text = format!(
                "{} was of {} (path {}) and is of {} (path {}), says {} ({})",
                change.prefix,
                change.old,
                change.old_path,
                change.new,
                change.new_path,
                change.key.source.router,
                change.key.source.provider
            );
            self.note("origin_changed", text);
        }
        if more > 0 {
            self.note(
                "origin_changed",
                format!("{more} more prefixes have another origin"),
            );
        }
    }

    /// Ends all sessions: we stop.
    pub(super) fn stop_all(&mut self) {
        self.is_stopping = true;
        for connection in self
            .peers
            .values_mut()
            .flat_map(|book| &mut book.connections)
        {
            connection.stop = Some(FaultKind::Shutdown);
            connection.wake.notify_one();
        }
    }

    pub(super) fn has_connections(&self) -> bool {
        self.peers.values().any(|book| !book.connections.is_empty())
    }

    /// Begins a connection with a peer; `Err` says what it is told instead.
    pub(super) fn begin(
        &mut self,
        peer: IpAddr,
        begun: Begun,
        our_identifier: u32,
    ) -> Result<(u64, Rc<Notify>), FaultKind> {
        let now_ms = self.now_ms();
        let Some(book) = self.peers.get_mut(&peer).filter(|_| !self.is_stopping) else {
            self.strangers += 1;
            return Err(FaultKind::Rejected);
        };
        let has_room = book.connections.len() < CONNECTIONS_MAX;
        if !has_room || !book.machine.may_begin(now_ms) {
            return Err(FaultKind::Rejected);
        }
        let id = self.next_connection;
        self.next_connection += 1;
        let wake = Rc::new(Notify::new());
        book.connections.push(Connection {
            id,
            begun,
            state: State::OpenSent,
            open: None,
            families: Families::default(),
            hold_ms: 0,
            counters: SessionCounters::default(),
            our_identifier,
            stop: None,
            wake: Rc::clone(&wake),
        });
        Ok((id, wake))
    }

    /// Takes what happened on a connection of a peer.
    pub(super) fn happened(&mut self, peer: IpAddr, id: u64, happening: Happening<'_>) {
        match happening {
            Happening::Opened(open) => self.opened(peer, id, open),
            Happening::Established(_) => self.established(peer, id),
            Happening::Update(update) => {
                // A peer that is heard no more says nothing that counts.
                if self.connection(peer, id).is_none() {
                    return;
                }
                let now_unix_s = self.now_unix_s();
                let key = bgp_key(peer);
                if !self.ribs.update(key, update, now_unix_s)
                    && let Some(connection) = self.connection(peer, id)
                {
                    connection.stop = Some(FaultKind::PrefixLimit);
                }
                if let Some(family) = update.end_of {
                    self.ribs
                        .sweep(|rib| rib.source == key.source, Some(family));
                }
            }
            Happening::Malformed { reason, octets } => {
                let now = self.now();
                if let Some(book) = self.peers.get_mut(&peer) {
                    book.last_malformed = Some((now, reason, octets.to_vec()));
                }
            }
            Happening::Over {
                reason,
                is_notified: _,
            } => self.over(peer, id, reason),
        }
    }

    fn connection(&mut self, peer: IpAddr, id: u64) -> Option<&mut Connection> {
        let book = self.peers.get_mut(&peer)?;
        book.connections.iter_mut().find(|one| one.id == id)
    }

    /// The other side said who it is: if there are two connections, one of them goes.
    fn opened(&mut self, peer: IpAddr, id: u64, open: &Open) {
        let our_asn = self.bgp.asn.0;
        let Some(connection) = self.connection(peer, id) else {
            return;
        };
        connection.open = Some(open.clone());
        connection.state = State::OpenConfirm;
        let ours = (connection.our_identifier, our_asn);
        let stays = stays(ours, (open.identifier, open.asn.0));
        let begun = connection.begun;
        let Some(book) = self.peers.get_mut(&peer) else {
            return;
        };
        let Some(other) = book.connections.iter().position(|one| one.id != id) else {
            return;
        };
        let loser = match (book.connections[other].state, &book.connections[other].open) {
            // A peer that restarts and knows how to: the old connection is dead [RFC 4724 §5].
            (State::Established, Some(open)) if open.graceful.is_some() => Some(other),
            (State::Established, _) => None,
            (State::OpenConfirm, _) if begun == stays => Some(other),
            (State::OpenConfirm, _) => None,
            // It has not said OPEN there: whoever does first goes on, the other is judged then.
            (State::OpenSent | State::Over, _) => return,
        };
        let this = book.connections.iter().position(|one| one.id == id);
        if let Some(loser) = loser.or(this) {
            let loser = &mut book.connections[loser];
            loser.stop = Some(FaultKind::Collision);
            loser.wake.notify_one();
        }
    }

    fn established(&mut self, peer: IpAddr, id: u64) {
        let (now, now_ms) = (self.now(), self.now_ms());
        let Some(book) = self.peers.get_mut(&peer) else {
            return;
        };
        book.machine.established(now_ms);
        book.ups += 1;
        book.since = Some(now);
        for connection in &mut book.connections {
            if connection.id == id {
                connection.state = State::Established;
            } else {
                connection.stop = Some(FaultKind::Collision);
                connection.wake.notify_one();
            }
        }
        let asn = book.settings.asn;
        self.note("bgp_up", format!("BGP with {peer} ({asn}) is up"));
    }

    fn over(&mut self, peer: IpAddr, id: u64, reason: String) {
        let (now, now_ms, now_unix_s) = (self.now(), self.now_ms(), self.now_unix_s());
        let Some(book) = self.peers.get_mut(&peer) else {
            return;
        };
        let Some(place) = book.connections.iter().position(|one| one.id == id) else {
            return;
        };
        let gone = book.connections.remove(place);
        add(&mut book.counters, gone.counters);
        let was_up = gone.state == State::Established;
        // Another connection is there, or may come at once.
        let may_follow = [FaultKind::Collision, FaultKind::Reconfigured];
        if !gone.stop.is_some_and(|stop| may_follow.contains(&stop)) {
            book.machine.failed(now_ms);
        }
        book.last_error = Some((now, reason.clone()));
        if !was_up {
            tracing::info!("BGP with {peer}: {reason}");
            return;
        }
        book.losses += 1;
        book.since = Some(now);
        let key = bgp_key(peer);
        self.ribs
            .begin_again(|rib| rib.source == key.source, now_unix_s);
        let (ipv4, ipv6) = self.routes_of(key.source);
        let grace_s = self.grace.as_secs();
        let text = format!(
            "BGP with {peer} is down: {reason}; its {} routes count for {grace_s} s more",
            ipv4 + ipv6
        );
        self.note("bgp_down", text);
    }

    /// A connection could not be made.
    pub(super) fn unreachable(&mut self, peer: IpAddr, reason: String) {
        let (now, now_ms) = (self.now(), self.now_ms());
        if let Some(book) = self.peers.get_mut(&peer) {
            book.machine.failed(now_ms);
            book.last_error = Some((now, reason));
        }
    }

    /// Keeps the numbers of a connection, and says why it is to end.
    pub(super) fn keep(
        &mut self,
        peer: IpAddr,
        id: u64,
        (counters, families, hold_ms): (SessionCounters, Families, u64),
    ) -> Option<FaultKind> {
        let Some(connection) = self.connection(peer, id) else {
            return Some(FaultKind::Deconfigured);
        };
        connection.counters = counters;
        connection.families = families;
        connection.hold_ms = hold_ms;
        connection.stop
    }

    /// Returns how many routes of both families a source has outside VRFs.
    pub(super) fn routes_of(&self, source: SourceKey) -> (usize, usize) {
        let tables = self.ribs.tables();
        let of_source = tables.filter(|(key, _)| key.source == source);
        of_source.fold((0, 0), |(ipv4, ipv6), (_, table)| {
            let (more_ipv4, more_ipv6) = table.len();
            (ipv4 + more_ipv4, ipv6 + more_ipv6)
        })
    }

    /// Takes what happened on a connection of a router over BMP.
    pub(super) fn happened_bmp(
        &mut self,
        router: IpAddr,
        happening: routefeed::bmp::station::Happening,
    ) {
        use routefeed::bmp::station::Happening as Bmp;
        match happening {
            Bmp::Initiated => {}
            Bmp::PeerUp(peer) => {
                let peer = shown(&peer);
                self.note("bmp_peer_up", format!("{router} says: {peer} is up"));
            }
            Bmp::PeerDown(peer, reason) => {
                let peer = shown(&peer);
                self.note(
                    "bmp_peer_down",
                    format!("{router} says: {peer} is down: {reason}"),
                );
            }
            Bmp::Malformed(reason, octets) => {
                let now = self.now();
                if let Some(book) = self.routers.get_mut(&router) {
                    book.last_malformed = Some((now, reason, octets));
                }
            }
            Bmp::Terminated(reason) => {
                let now = self.now();
                if let Some(book) = self.routers.get_mut(&router) {
                    book.last_error = Some((now, reason.to_owned()));
                }
            }
        }
    }
}

impl PeerBook {
    /// Returns one of a peer that was never heard.
    pub(super) fn new(settings: BgpPeer) -> Self {
        Self {
            machine: Peer::new(settings.passive),
            settings,
            connections: Vec::new(),
            is_connecting: false,
            ups: 0,
            losses: 0,
            since: None,
            last_error: None,
            last_malformed: None,
            counters: SessionCounters::default(),
        }
    }
}

fn is_allowed(allow: &[IpNet], address: IpAddr) -> bool {
    allow.iter().any(|prefix| prefix.contains(&address))
}

fn bgp_key(peer: IpAddr) -> RibKey {
    RibKey {
        source: SourceKey {
            provider: Provider::Bgp,
            router: peer,
        },
        peer,
        distinguisher: 0,
        view: View::PrePolicy,
    }
}

fn shown(peer: &PeerKey) -> String {
    match peer.kind {
        3 => "its own table".to_owned(),
        _ => format!("its peer {}", peer.address),
    }
}

fn add(sum: &mut SessionCounters, more: SessionCounters) {
    sum.messages += more.messages;
    sum.updates += more.updates;
    sum.malformed += more.malformed;
    sum.refreshes += more.refreshes;
}
