//! One connection of a router that speaks BMP: its messages in, changes of its tables out.
//!
//! Whoever drives it brings octets and a time. A message that contradicts itself is counted and
//! passed over; a stream that is none of BMP ends the connection.
//!
//! Not here: what becomes of the routes when the connection is lost (the daemon).
//! Bound: one message, [`PEERS_MAX`] peers, [`STATISTICS_MAX`] numbers of each.

use std::collections::BTreeMap;
use std::net::IpAddr;

use asdb::{Asn, Provider};

use super::message::{self, Message, PeerHeader, StreamFault};
use crate::bgp::nlri::{Families, Family};
use crate::bgp::open::Open;
use crate::bgp::session::KEPT_OCTETS;
use crate::bgp::update::{Reading, Update};
use crate::bgp::{HEADER_OCTETS, MESSAGE_OCTETS_MAX};
use crate::rib::{RibKey, Ribs, SourceKey, View};

/// Peers of one router.
pub const PEERS_MAX: usize = 1_024;
/// Numbers of a Statistics Report that are kept.
pub const STATISTICS_MAX: usize = 32;
/// Octets of the longest UPDATE between router and peer [RFC 8654].
const UPDATE_OCTETS_MAX: usize = 65_535;

/// A peer of the router, as the router names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PeerKey {
    /// 0: global, 1: of an RD, 2: local, 3: the router's own table.
    pub kind: u8,
    /// Tells VRFs apart; 0: none.
    pub distinguisher: u64,
    /// Its address.
    pub address: IpAddr,
}

/// What is known of a peer of the router.
#[derive(Clone, Debug, Default)]
pub struct PeerState {
    /// Its AS.
    pub asn: Asn,
    /// Whether its session is up.
    pub is_up: bool,
    /// Families in which it tells several paths for a prefix.
    with_path_ids: Families,
    /// The AS of the router, as it told the peer.
    router_asn: Asn,
    /// UPDATEs of it.
    pub updates: u64,
    /// The last numbers of the router, by their type.
    pub statistics: BTreeMap<u16, u64>,
}

/// What came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StationCounters {
    /// Messages.
    pub messages: u64,
    /// Route Monitoring among them.
    pub updates: u64,
    /// Messages that contradict themselves, and UPDATEs whose routes count as withdrawn.
    pub malformed: u64,
    /// Messages about what the router tells others, which is none of our business [RFC 8671].
    pub outgoing: u64,
    /// Messages of a peer beyond [`PEERS_MAX`].
    pub peers_refused: u64,
}

/// What happened on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The router said who it is.
    Initiated,
    /// A session of the router is up.
    PeerUp(PeerKey),
    /// A session of the router is over, and why.
    PeerDown(PeerKey, &'static str),
    /// Something could not be read, and the first octets of it.
    Malformed(String, Vec<u8>),
    /// The router ends the connection, and why.
    Terminated(&'static str),
}

/// A connection.
#[derive(Debug)]
pub struct Station {
    source: SourceKey,
    name: Option<String>,
    description: Option<String>,
    peers: BTreeMap<PeerKey, PeerState>,
    input: Vec<u8>,
    update: Update,
    counters: StationCounters,
}

impl Station {
    /// Begins with a router that has this address.
    #[must_use]
    pub fn new(router: IpAddr) -> Self {
        Self {
            source: SourceKey {
                provider: Provider::Bmp,
                router,
            },
            name: None,
            description: None,
            peers: BTreeMap::new(),
            input: Vec::new(),
            update: Update::default(),
            counters: StationCounters::default(),
        }
    }

    /// Returns whose connection it is.
    #[must_use]
    pub const fn source(&self) -> SourceKey {
        self.source
    }

    /// Returns what the router calls itself, and what it is.
    #[must_use]
    pub fn name_and_description(&self) -> (Option<&str>, Option<&str>) {
        (self.name.as_deref(), self.description.as_deref())
    }

    /// Returns its peers.
    #[must_use]
    pub const fn peers(&self) -> &BTreeMap<PeerKey, PeerState> {
        &self.peers
    }

    /// Returns what came.
    #[must_use]
    pub const fn counters(&self) -> StationCounters {
        self.counters
    }

    /// Takes octets of the router, however they are cut.
    ///
    /// # Errors
    /// The stream is none of BMP; the connection is to be closed.
    pub fn take(
        &mut self,
        octets: &[u8],
        now_unix_s: u32,
        ribs: &mut Ribs,
        tell: &mut dyn FnMut(Happening),
    ) -> Result<(), StreamFault> {
        let mut input = std::mem::take(&mut self.input);
        input.extend_from_slice(octets);
        let mut rest = input.as_slice();
        while let Some(frame) = message::first(rest)? {
            rest = &rest[frame.octets..];
            self.counters.messages += 1;
            match Message::read(frame.kind, frame.content) {
                Ok(message) => self.message(&message, now_unix_s, ribs, tell),
                Err(misread) => self.malformed(misread.to_string(), frame.content, tell),
            }
        }
        let done = input.len() - rest.len();
        input.drain(..done);
        self.input = input;
        Ok(())
    }

    fn message(
        &mut self,
        message: &Message<'_>,
        now_unix_s: u32,
        ribs: &mut Ribs,
        tell: &mut dyn FnMut(Happening),
    ) {
        match *message {
            Message::Initiation(texts) => {
                (self.name, self.description) = texts.name_and_description();
                tell(Happening::Initiated);
            }
            Message::PeerUp { peer, opens } => self.peer_up(&peer, opens, tell),
            Message::PeerDown { peer, reason } => {
                let key = peer.key();
                self.peers.remove(&key);
                let ribs_of = self.ribs_of(key);
                ribs.drop_all(ribs_of);
                tell(Happening::PeerDown(key, message::peer_down_text(reason)));
            }
            Message::RouteMonitoring(peer, octets) => {
                self.routes(&peer, octets, now_unix_s, ribs, tell);
            }
            Message::Statistics(peer, statistics) => {
                if let Some(state) = self.peers.get_mut(&peer.key()) {
                    let numbers = statistics.numbers().take(STATISTICS_MAX);
                    state.statistics = numbers.collect();
                }
            }
            Message::Termination { reason } => {
                tell(Happening::Terminated(message::termination_text(reason)));
            }
            Message::RouteMirroring | Message::Unknown => {}
        }
    }

    /// Returns which tables are those of a peer. Several instances of a router's own table, told
    /// apart by their distinguisher, have one address.
    fn ribs_of(&self, key: PeerKey) -> impl Fn(&RibKey) -> bool + use<> {
        let source = self.source;
        let is_own_table = key.kind == 3;
        move |rib| {
            rib.source == source
                && rib.peer == key.address
                && (rib.view == View::LocRib) == is_own_table
                && (key.distinguisher == 0 || rib.distinguisher == key.distinguisher)
        }
    }

    fn peer_up(&mut self, peer: &PeerHeader, opens: [&[u8]; 2], tell: &mut dyn FnMut(Happening)) {
        let read = |octets: &[u8]| {
            let body = octets.get(HEADER_OCTETS..).unwrap_or_default();
            Open::read(body)
        };
        let [sent, received] = opens.map(read);
        let (Ok(sent), Ok(received)) = (sent, received) else {
            return self.malformed(
                "Peer Up: an OPEN in it cannot be read".into(),
                opens[0],
                tell,
            );
        };
        let key = peer.key();
        let Some(state) = self.peer(peer) else { return };
        state.is_up = true;
        state.router_asn = sent.asn;
        // Its own table has no other side: what the router can send is what it sends.
        state.with_path_ids = if peer.kind == 3 {
            sent.sends_paths
        } else {
            sent.receives_paths.both(received.sends_paths)
        };
        tell(Happening::PeerUp(key));
    }

    /// Returns what is known of a peer, which is new if there is room.
    fn peer(&mut self, peer: &PeerHeader) -> Option<&mut PeerState> {
        let key = peer.key();
        if !self.peers.contains_key(&key) && self.peers.len() >= PEERS_MAX {
            self.counters.peers_refused += 1;
            return None;
        }
        let state = self.peers.entry(key).or_default();
        state.asn = peer.asn;
        Some(state)
    }

    fn routes(
        &mut self,
        peer: &PeerHeader,
        octets: &[u8],
        now_unix_s: u32,
        ribs: &mut Ribs,
        tell: &mut dyn FnMut(Happening),
    ) {
        self.counters.updates += 1;
        let Some(view) = peer.view else {
            self.counters.outgoing += 1;
            return;
        };
        // A router that forgot the Peer Up still has something to say.
        let Some(state) = self.peer(peer) else { return };
        state.updates += 1;
        let mut reading = Reading {
            has_wide_asns: !peer.has_narrow_asns,
            peer: if peer.kind == 3 && peer.asn == Asn::NONE {
                state.router_asn
            } else {
                peer.asn
            },
            // LOCAL_PREF counts: the router's policy set it, or its own AS.
            is_internal: true,
            needs_next_hop: false,
            families: Families::ALL,
            with_path_ids: state.with_path_ids,
        };
        let mut update = std::mem::take(&mut self.update);
        let mut read = read_update(&mut update, octets, &reading);
        if update.malformed.is_some() && reading.has_wide_asns {
            // Some routers pass on paths of two-octet AS numbers and do not say so in the header.
            // What cannot be read either way stays malformed.
            reading.has_wide_asns = false;
            read = read_update(&mut update, octets, &reading);
        }
        let key = RibKey {
            source: self.source,
            peer: peer.address,
            distinguisher: peer.distinguisher,
            view,
        };
        match read {
            Ok(()) => {
                if let Some(reason) = update.malformed {
                    let reason = format!("UPDATE: {reason}; its routes count as withdrawn");
                    self.malformed(reason, octets, tell);
                }
                // What found no room is counted there.
                ribs.update(key, &update, now_unix_s);
                if let Some(family) = update.end_of {
                    ribs.sweep(|rib| is_told(rib, &key, family), Some(family));
                }
            }
            Err(reason) => self.malformed(reason, octets, tell),
        }
        self.update = update;
    }

    fn malformed(&mut self, reason: String, octets: &[u8], tell: &mut dyn FnMut(Happening)) {
        self.counters.malformed += 1;
        let kept = octets[..octets.len().min(KEPT_OCTETS)].to_vec();
        tell(Happening::Malformed(reason, kept));
    }
}

/// Whether the end of what is told in `told` is that of this table too: routes of VPNs, told by
/// their own Route Distinguishers, have an end of their own.
fn is_told(rib: &RibKey, told: &RibKey, family: Family) -> bool {
    let is_vpn = matches!(family, Family::Vpn4 | Family::Vpn6);
    let is_of_vrf = rib.distinguisher != told.distinguisher;
    rib.source == told.source
        && rib.peer == told.peer
        && rib.view == told.view
        && is_of_vrf == is_vpn
}

fn read_update(update: &mut Update, octets: &[u8], reading: &Reading) -> Result<(), String> {
    const _: () = assert!(MESSAGE_OCTETS_MAX < UPDATE_OCTETS_MAX);
    let first = crate::bgp::frame::first(octets, UPDATE_OCTETS_MAX);
    let message = match first {
        Ok(Some(message)) if message.kind == crate::bgp::frame::UPDATE => message,
        Ok(_) => return Err("Route Monitoring without an UPDATE".to_owned()),
        Err(fault) => return Err(fault.to_string()),
    };
    update
        .read(message.body, reading)
        .map_err(|fault| fault.to_string())
}

impl PeerHeader {
    fn key(&self) -> PeerKey {
        PeerKey {
            kind: self.kind,
            distinguisher: self.distinguisher,
            address: self.address,
        }
    }
}
