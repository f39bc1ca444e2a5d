//! Whom we hear, as the operator decided, also while sessions are up.
//!
//! A session ends only if what both sides agreed on changed. Routes of whoever is heard no more
//! are gone at once: nobody will ever confirm them.
//!
//! Not here: sockets (`bgp`, `bmp`), which are opened anew for a new configuration.
//! Bound: what the configuration names.

use std::collections::btree_map::Entry;
use std::net::IpAddr;
use std::time::Duration;

use asdb::Provider;
use routefeed::bgp::FaultKind;
use routefeed::rib::SourceKey;

use super::hub::{Hub, PeerBook};
use crate::config::{Bgp, BgpPeer, Bmp, Config};

/// What there is to decide about routers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The BGP speaker.
    pub bgp: Bgp,
    /// The BMP station.
    pub bmp: Bmp,
    /// How long routes count that nobody confirms.
    pub grace: Duration,
}

impl Settings {
    /// Returns those of a configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let enrichment = &config.enrichment;
        Self {
            bgp: enrichment.bgp.clone(),
            bmp: enrichment.bmp.clone(),
            grace: enrichment.routes_grace,
        }
    }

    /// Returns whether there is anybody to hear.
    #[must_use]
    pub const fn is_anybody_heard(&self) -> bool {
        self.bgp.enabled || self.bmp.enabled
    }

    /// Returns whether these change anything where `running` is in force. Files of passwords may
    /// have other contents.
    #[must_use]
    pub fn is_news_for(&self, running: &Self) -> bool {
        let heard = self.bgp.heard();
        self != running || heard.iter().any(|peer| peer.password_file.is_some())
    }
}

impl Hub {
    /// Hears whom the operator decided from now on: unchanged peers notice nothing.
    pub(super) fn take_settings(&mut self, settings: &Settings) {
        let is_our_asn_new = self.bgp.asn != settings.bgp.asn;
        self.bgp = settings.bgp.clone();
        self.grace = settings.grace;
        self.bmp_allow = match settings.bmp.enabled {
            true => settings.bmp.allow.clone(),
            false => Vec::new(),
        };
        let heard = self.bgp.heard();
        // A router of another AS is another router.
        let is_heard = |known: &BgpPeer| {
            let who = |one: &BgpPeer| (address_of(one), one.asn);
            heard.iter().any(|one| who(one) == who(known))
        };
        let books = self.peers.iter();
        let gone = books.filter(|(_, book)| !is_heard(&book.settings));
        let gone: Vec<IpAddr> = gone.map(|(address, _)| *address).collect();
        for address in gone {
            self.forget_peer(address);
        }
        for settings in heard {
            match self.peers.entry(address_of(&settings)) {
                Entry::Occupied(mut known) => change(known.get_mut(), settings, is_our_asn_new),
                Entry::Vacant(place) => drop(place.insert(PeerBook::new(settings))),
            }
        }
        self.forget_routers();
    }

    /// Ends the sessions of a peer that is heard no more.
    fn forget_peer(&mut self, peer: IpAddr) {
        let Some(book) = self.peers.remove(&peer) else {
            return;
        };
        for connection in &book.connections {
            connection.wake.notify_one();
        }
        let source = SourceKey {
            provider: Provider::Bgp,
            router: peer,
        };
        let count = self.forget_routes(source);
        let asn = book.settings.asn;
        self.note(
            "bgp_removed",
            format!("BGP with {peer} ({asn}) is configured no more; its {count} routes are gone"),
        );
    }

    /// Ends the connections of routers that may speak BMP no more.
    fn forget_routers(&mut self) {
        let routers = self.routers.keys().copied();
        let gone: Vec<IpAddr> = routers.filter(|router| !self.allows_bmp(*router)).collect();
        for router in gone {
            if let Some(book) = self.routers.remove(&router) {
                book.wake.notify_one();
            }
            let source = SourceKey {
                provider: Provider::Bmp,
                router,
            };
            let count = self.forget_routes(source);
            self.note(
                "bmp_removed",
                format!("BMP of {router} is allowed no more; its {count} routes are gone"),
            );
        }
    }

    fn forget_routes(&mut self, source: SourceKey) -> usize {
        let (ipv4, ipv6) = self.routes_of(source);
        self.ribs.drop_all(|key| key.source == source);
        ipv4 + ipv6
    }

    /// Returns the peers to connect to now; each is tried until [`Hub::has_tried`].
    pub(super) fn take_due(&mut self) -> Vec<BgpPeer> {
        let now_ms = self.now_ms();
        let due = self.peers.values_mut().filter(|book| {
            let at_ms = book.machine.connect_at_ms();
            let is_alone = book.connections.is_empty() && !book.is_connecting;
            is_alone && at_ms.is_some_and(|at_ms| now_ms >= at_ms)
        });
        let due = due.map(|book| {
            book.is_connecting = true;
            book.settings.clone()
        });
        due.collect()
    }

    /// A peer was connected to, or not; returns whether it is still wanted so.
    pub(super) fn has_tried(&mut self, settings: &BgpPeer) -> bool {
        let Some(book) = self.peers.get_mut(&address_of(settings)) else {
            return false;
        };
        book.is_connecting = false;
        book.settings == *settings
    }
}

fn address_of(peer: &BgpPeer) -> IpAddr {
    peer.address.to_canonical()
}

/// Takes the new settings of a peer of the same AS.
fn change(book: &mut PeerBook, new: BgpPeer, is_our_asn_new: bool) {
    let is_agreed_anew = is_our_asn_new
        || book.settings.hold_time != new.hold_time
        || book.settings.families != new.families
        || book.settings.password_file != new.password_file;
    if is_agreed_anew || book.settings.passive != new.passive || book.settings.port != new.port {
        book.machine.reconfigure(new.passive);
    }
    book.settings = new;
    for connection in book.connections.iter_mut().filter(|_| is_agreed_anew) {
        connection.stop = Some(FaultKind::Reconfigured);
        connection.wake.notify_one();
    }
}
