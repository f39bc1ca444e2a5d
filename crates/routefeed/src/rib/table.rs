//! The routes of one peer, of one family of addresses each, sorted.
//!
//! A key is a prefix as octets, its length and the number of the path, so the order of keys is that
//! of addresses, the shorter prefix first, and one pass over all is a sorted list.
//!
//! Not here: attributes (`store`), which of several peers counts (`best`).
//! Bound: `routes_max` routes. A route takes 21 (IPv4) or 33 bytes (IPv6), and as much again where
//! nodes are half full.

use std::collections::BTreeMap;
use std::net::IpAddr;

use asdb::Prefix;

use super::store::{AttributesId, Store};

/// Octets of a path's number.
const PATH_OCTETS: usize = 4;
/// IPv4: address, length, path.
pub(crate) type Key4 = [u8; 4 + 1 + PATH_OCTETS];
/// IPv6: address, length, path.
pub(crate) type Key6 = [u8; 16 + 1 + PATH_OCTETS];

/// A route as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// What is known of it.
    pub attributes: AttributesId,
    /// When it came as it is, in UNIX seconds.
    pub learnt_unix_s: u32,
    /// Which telling of the peer it is of; see [`Table::begin_again`].
    pub(crate) telling: u8,
}

/// What a change means to whoever made a list of origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Nothing.
    None,
    /// The route is as good as before no more.
    Rank,
    /// The prefix has another origin, or is there, or is gone.
    Origin,
}

/// The routes of one peer.
#[derive(Debug, Default)]
pub struct Table {
    pub(crate) ipv4: BTreeMap<Key4, Route>,
    pub(crate) ipv6: BTreeMap<Key6, Route>,
    telling: u8,
    /// Since when there are routes that the peer did not confirm, in UNIX seconds.
    stale_since_unix_s: Option<u32>,
    stale_count: usize,
}

/// A key of either family.
#[derive(Clone, Copy)]
pub(crate) enum Key {
    V4(Key4),
    V6(Key6),
}

impl Key {
    pub(crate) fn of(prefix: Prefix, path_id: u32) -> Self {
        let [p0, p1, p2, p3] = path_id.to_be_bytes();
        match prefix.network() {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                Self::V4([a, b, c, d, prefix.length(), p0, p1, p2, p3])
            }
            IpAddr::V6(address) => {
                let mut key = [0; 21];
                key[..16].copy_from_slice(&address.octets());
                key[16..].copy_from_slice(&[prefix.length(), p0, p1, p2, p3]);
                Self::V6(key)
            }
        }
    }
}

/// A key as the prefix and the path that it is of.
pub(crate) trait RouteKey: Copy + Ord {
    /// Returns the prefix.
    fn prefix(&self) -> Option<Prefix>;
    /// Returns the octets that make the prefix.
    fn prefix_octets(&self) -> &[u8];
    /// Returns the number of the path.
    fn path_id(&self) -> u32;
}

impl RouteKey for Key4 {
    fn prefix(&self) -> Option<Prefix> {
        let [a, b, c, d, length, ..] = *self;
        Prefix::new([a, b, c, d].into(), length).ok()
    }

    fn prefix_octets(&self) -> &[u8] {
        &self[..5]
    }

    fn path_id(&self) -> u32 {
        let [.., a, b, c, d] = *self;
        u32::from_be_bytes([a, b, c, d])
    }
}

impl RouteKey for Key6 {
    fn prefix(&self) -> Option<Prefix> {
        let address: [u8; 16] = *self.first_chunk()?;
        Prefix::new(address.into(), self[16]).ok()
    }

    fn prefix_octets(&self) -> &[u8] {
        &self[..17]
    }

    fn path_id(&self) -> u32 {
        let [.., a, b, c, d] = *self;
        u32::from_be_bytes([a, b, c, d])
    }
}

impl Table {
    /// Returns how many routes there are, of IPv4 and of IPv6.
    #[must_use]
    pub fn len(&self) -> (usize, usize) {
        (self.ipv4.len(), self.ipv6.len())
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ipv4.is_empty() && self.ipv6.is_empty()
    }

    /// Returns how many of them the peer did not confirm, and since when, in UNIX seconds.
    #[must_use]
    pub fn stale(&self) -> Option<(usize, u32)> {
        let since = self.stale_since_unix_s?;
        (self.stale_count > 0).then_some((self.stale_count, since))
    }

    /// Returns whether the peer did not confirm a route.
    #[must_use]
    pub const fn is_stale(&self, route: &Route) -> bool {
        route.telling != self.telling
    }

    /// Puts a route in its place; `attributes` is taken over.
    pub(crate) fn put(
        &mut self,
        key: Key,
        attributes: AttributesId,
        now_unix_s: u32,
        store: &mut Store,
    ) -> (Change, Option<AttributesId>) {
        let route = Route {
            attributes,
            learnt_unix_s: now_unix_s,
            telling: self.telling,
        };
        let before = match key {
            Key::V4(key) => self.ipv4.insert(key, route),
            Key::V6(key) => self.ipv6.insert(key, route),
        };
        let Some(before) = before else {
            return (Change::Origin, None);
        };
        let was_stale = self.is_stale(&before);
        self.stale_count -= usize::from(was_stale);
        if before.attributes == attributes {
            // A route that is told again is as old as it was.
            let again = match key {
                Key::V4(key) => self.ipv4.get_mut(&key),
                Key::V6(key) => self.ipv6.get_mut(&key),
            };
            if let Some(route) = again {
                route.learnt_unix_s = before.learnt_unix_s;
            }
            store.give_back(attributes);
            let change = [Change::None, Change::Rank][usize::from(was_stale)];
            return (change, None);
        }
        let (old, new) = (
            store.attributes(before.attributes),
            store.attributes(attributes),
        );
        let change = if old.map(|one| one.origin()) != new.map(|one| one.origin()) {
            Change::Origin
        } else if was_stale || old.map(|one| one.rank()) != new.map(|one| one.rank()) {
            Change::Rank
        } else {
            Change::None
        };
        (change, Some(before.attributes))
    }

    /// Takes a route away; the caller gives its attributes back.
    pub(crate) fn remove(&mut self, key: Key) -> Option<AttributesId> {
        let gone = match key {
            Key::V4(key) => self.ipv4.remove(&key),
            Key::V6(key) => self.ipv6.remove(&key),
        }?;
        self.stale_count -= usize::from(self.is_stale(&gone));
        Some(gone.attributes)
    }

    /// The peer tells its routes from the start, or will never tell any again: what there is
    /// counts until it is confirmed, or until [`Table::sweep`]. Routes that were not confirmed
    /// the last time either are gone at once.
    pub(crate) fn begin_again(&mut self, now_unix_s: u32, store: &mut Store) {
        if self.stale_count > 0 {
            self.sweep(None, store);
        }
        self.telling = self.telling.wrapping_add(1);
        self.stale_count = self.ipv4.len() + self.ipv6.len();
        self.stale_since_unix_s = Some(now_unix_s);
    }

    /// Takes away what was not confirmed, of one family or of all; returns how many.
    pub(crate) fn sweep(&mut self, ipv4: Option<bool>, store: &mut Store) -> usize {
        let telling = self.telling;
        let mut swept = 0;
        let mut stays = |route: &Route| {
            let stays = route.telling == telling;
            if !stays {
                store.give_back(route.attributes);
                swept += 1;
            }
            stays
        };
        if ipv4 != Some(false) {
            self.ipv4.retain(|_, route| stays(route));
        }
        if ipv4 != Some(true) {
            self.ipv6.retain(|_, route| stays(route));
        }
        self.stale_count -= swept;
        if self.stale_count == 0 {
            self.stale_since_unix_s = None;
        }
        swept
    }

    /// Takes all away.
    pub(crate) fn clear(&mut self, store: &mut Store) {
        let ipv4 = self.ipv4.values();
        for route in ipv4.chain(self.ipv6.values()) {
            store.give_back(route.attributes);
        }
        *self = Self::default();
    }

    /// Puts a route of a saved table in its place: the peer has not confirmed it.
    pub(crate) fn restore(&mut self, key: Key, route: Route, store: &mut Store) {
        let route = Route {
            telling: self.telling.wrapping_sub(1),
            ..route
        };
        let before = match key {
            Key::V4(key) => self.ipv4.insert(key, route),
            Key::V6(key) => self.ipv6.insert(key, route),
        };
        match before {
            Some(before) => store.give_back(before.attributes),
            None => self.stale_count += 1,
        }
    }

    /// Since when restored routes are not confirmed.
    pub(crate) const fn restored(&mut self, now_unix_s: u32) {
        self.stale_since_unix_s = Some(now_unix_s);
    }

    /// Returns the routes with the longest prefix that holds an address, one for each path; a
    /// default route is one.
    #[must_use]
    pub fn longest(&self, address: IpAddr) -> Vec<(Prefix, u32, Route)> {
        let (lengths, address) = match address.to_canonical() {
            IpAddr::V4(address) => (0..=32_u8, IpAddr::V4(address)),
            IpAddr::V6(address) => (0..=128, IpAddr::V6(address)),
        };
        let prefixes = lengths
            .rev()
            .filter_map(|length| Prefix::new(address, length).ok());
        for prefix in prefixes {
            let found = self.exact(prefix);
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }

    /// Returns the prefixes, each once, in the order of their addresses.
    pub fn prefixes(&self) -> impl Iterator<Item = Prefix> {
        let ipv4 = self.ipv4.keys().filter_map(RouteKey::prefix);
        let mut all = ipv4.chain(self.ipv6.keys().filter_map(RouteKey::prefix));
        let mut last = None;
        std::iter::from_fn(move || {
            let next = all.find(|prefix| Some(*prefix) != last);
            last = next;
            next
        })
    }

    /// Returns the routes for exactly this prefix, one for each path.
    #[must_use]
    pub fn exact(&self, prefix: Prefix) -> Vec<(Prefix, u32, Route)> {
        let row = |path_id, route: &Route| (prefix, path_id, *route);
        match (Key::of(prefix, 0), Key::of(prefix, u32::MAX)) {
            (Key::V4(first), Key::V4(last)) => {
                let range = self.ipv4.range(first..=last);
                range
                    .map(|(key, route)| row(key.path_id(), route))
                    .collect()
            }
            (Key::V6(first), Key::V6(last)) => {
                let range = self.ipv6.range(first..=last);
                range
                    .map(|(key, route)| row(key.path_id(), route))
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}
