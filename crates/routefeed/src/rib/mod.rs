//! Routes as peers told them: each peer's own, VRFs apart, and the origin of the best of them.
//!
//! A *source* is a router that speaks BGP to us, or one that tells us its own sessions over BMP. A
//! source has a table for each peer, VRF and view; what its flow records are asked is the best of
//! those outside VRFs, and the best of all sources of a kind is their union.
//!
//! Not here: who speaks (`bgp`, `bmp`), the lookup for traffic (`asdb`).
//! Bound: [`Limits`]: each of their numbers is counted where it is reached.

pub mod best;
pub mod snapshot;
pub mod store;
pub mod table;

use std::collections::BTreeMap;
use std::net::IpAddr;

use asdb::{Asn, Entries, Prefix, Provider, TooManyEntries};

use crate::attributes::Attributes;
use crate::bgp::nlri::{Family, Nlri};
use crate::bgp::update::Update;
use store::Store;
use table::{Change, Key, Route, Table};

/// How much may be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tables: peers, times views, times VRFs.
    pub tables_max: usize,
    /// Routes of one table; four times the Internet of 2026.
    pub table_routes_max: usize,
    /// Routes of all tables together.
    pub routes_max: usize,
    /// Octets of distinct attributes.
    pub attributes_octets_max: usize,
    /// Changes of origins that are kept until somebody takes them.
    pub origin_changes_max: usize,
}

impl Default for Limits {
    /// Twenty peers with the whole Internet: 1.5 GiB.
    fn default() -> Self {
        Self {
            tables_max: 4_096,
            table_routes_max: 4 << 20,
            routes_max: 24 << 20,
            attributes_octets_max: 512 << 20,
            origin_changes_max: 4_096,
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RibCounters {
    /// Routes that came or were replaced.
    pub announced: u64,
    /// Routes that went.
    pub withdrawn: u64,
    /// Routes that were not taken because of a limit.
    pub refused: u64,
    /// Routes that went because no peer confirmed them in time.
    pub expired: u64,
    /// Changes of origins that nobody took in time.
    pub origin_changes_lost: u64,
}

/// A router that tells routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceKey {
    /// Over what: as whose answers its routes count, [`Provider::Bgp`] or [`Provider::Bmp`].
    pub provider: Provider,
    /// Its address.
    pub router: IpAddr,
}

/// Which of a router's tables BMP shows [RFC 7854 §2, RFC 9069].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// What a peer told, before the router's policy: for BGP the only one.
    PrePolicy,
    /// What was left of it behind the policy.
    PostPolicy,
    /// What the router itself uses.
    LocRib,
}

impl View {
    /// Returns its place: the lowest counts first.
    pub(crate) const fn order(self) -> u8 {
        match self {
            Self::LocRib => 0,
            Self::PostPolicy => 1,
            Self::PrePolicy => 2,
        }
    }

    /// Returns its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PrePolicy => "pre-policy",
            Self::PostPolicy => "post-policy",
            Self::LocRib => "loc-rib",
        }
    }
}

/// Whose routes a table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RibKey {
    /// The router that told them.
    pub source: SourceKey,
    /// Its peer; for BGP, and for its own table, the router itself.
    pub peer: IpAddr,
    /// The Route Distinguisher of a VRF; 0: none.
    pub distinguisher: u64,
    /// Which of the router's tables.
    pub view: View,
}

/// An origin that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginChange {
    /// Where.
    pub key: RibKey,
    /// Of what.
    pub prefix: Prefix,
    /// Who it was; `Asn::NONE`: nobody.
    pub old: Asn,
    /// The path before.
    pub old_path: String,
    /// Who it is.
    pub new: Asn,
    /// The path now.
    pub new_path: String,
}

/// A route, for somebody who asks about it.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// Whose it is.
    pub key: RibKey,
    /// The addresses.
    pub prefix: Prefix,
    /// Which of several paths.
    pub path_id: u32,
    /// When it came as it is, in UNIX seconds.
    pub learnt_unix_s: u32,
    /// Whether the peer did not confirm it.
    pub is_stale: bool,
    /// What is known of it.
    pub attributes: Attributes<'a>,
}

/// All tables.
#[derive(Debug)]
pub struct Ribs {
    pub(crate) tables: BTreeMap<RibKey, Table>,
    pub(crate) store: Store,
    limits: Limits,
    routes_count: usize,
    counters: RibCounters,
    origin_changes: Vec<OriginChange>,
    /// Sources whose lists of origins are old.
    changed: BTreeMap<SourceKey, Change>,
}

impl Default for Ribs {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Ribs {
    /// Returns an empty set of tables.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            tables: BTreeMap::new(),
            store: Store::new(limits.attributes_octets_max),
            limits,
            routes_count: 0,
            counters: RibCounters::default(),
            origin_changes: Vec::new(),
            changed: BTreeMap::new(),
        }
    }

    /// Takes what an UPDATE says of one peer; `key.distinguisher` is that of the peer, those of
    /// the routes come before it. Returns whether every route found room.
    pub fn update(&mut self, key: RibKey, update: &Update, now_unix_s: u32) -> bool {
        for nlri in &update.withdrawn {
            self.withdraw(key, nlri);
        }
        let (reached, other) = update.announced.split_at(update.other_from);
        let refused = self.counters.refused;
        self.announce(key, reached, &update.attributes, now_unix_s);
        self.announce(key, other, &update.attributes_other, now_unix_s);
        self.counters.refused == refused
    }

    fn announce(&mut self, key: RibKey, list: &[Nlri], attributes: &[u8], now_unix_s: u32) {
        let Some(first) = list.first() else {
            return;
        };
        // One is taken for all, and for each route again.
        let Some(id) = self.store.take(attributes) else {
            self.counters.refused += list.len() as u64;
            return;
        };
        let mut of = table_key(key, first);
        let mut index = 0;
        while index < list.len() {
            let count = list[index..]
                .iter()
                .take_while(|nlri| table_key(key, nlri) == of)
                .count();
            self.announce_in(of, &list[index..index + count], id, now_unix_s);
            index += count;
            if let Some(next) = list.get(index) {
                of = table_key(key, next);
            }
        }
        self.store.give_back(id);
    }

    /// As `announce`, of routes that are all of one table.
    fn announce_in(
        &mut self,
        key: RibKey,
        list: &[Nlri],
        id: store::AttributesId,
        now_unix_s: u32,
    ) {
        if !self.tables.contains_key(&key) && self.tables.len() >= self.limits.tables_max {
            self.counters.refused += list.len() as u64;
            return;
        }
        let table = self.tables.entry(key).or_default();
        let mut changed = Change::None;
        for nlri in list {
            let (ipv4, ipv6) = table.len();
            let is_full = ipv4 + ipv6 >= self.limits.table_routes_max
                || self.routes_count >= self.limits.routes_max;
            if is_full && table.exact(nlri.prefix).is_empty() {
                self.counters.refused += 1;
                continue;
            }
            self.counters.announced += 1;
            self.store.again(id);
            let route = Key::of(nlri.prefix, nlri.path_id);
            let (change, replaced) = table.put(route, id, now_unix_s, &mut self.store);
            let (ipv4_now, ipv6_now) = table.len();
            self.routes_count += ipv4_now + ipv6_now - ipv4 - ipv6;
            changed = changed.max(change);
            let Some(replaced) = replaced else { continue };
            if change == Change::Origin && key.distinguisher == 0 {
                if self.origin_changes.len() < self.limits.origin_changes_max {
                    let change = origin_change(key, nlri.prefix, (replaced, id), &self.store);
                    self.origin_changes.extend(change);
                } else {
                    self.counters.origin_changes_lost += 1;
                }
            }
            self.store.give_back(replaced);
        }
        self.note(key, changed);
    }

    fn withdraw(&mut self, key: RibKey, nlri: &Nlri) {
        let of = table_key(key, nlri);
        let Some(table) = self.tables.get_mut(&of) else {
            return;
        };
        let route = Key::of(nlri.prefix, nlri.path_id);
        if let Some(attributes) = table.remove(route) {
            self.store.give_back(attributes);
            self.counters.withdrawn += 1;
            self.routes_count -= 1;
            self.note(of, Change::Origin);
        }
    }

    /// Remembers that a list of origins is old. Routes in VRFs are in none.
    fn note(&mut self, key: RibKey, change: Change) {
        if key.distinguisher == 0 && change != Change::None {
            let known = self.changed.entry(key.source).or_insert(change);
            *known = change.max(*known);
        }
    }

    /// Routes of these tables stay until they are confirmed or until [`Ribs::sweep`].
    pub fn begin_again(&mut self, which: impl Fn(&RibKey) -> bool, now_unix_s: u32) {
        for (key, table) in &mut self.tables {
            if which(key) && !table.is_empty() {
                let (ipv4, ipv6) = table.len();
                table.begin_again(now_unix_s, &mut self.store);
                let (ipv4_now, ipv6_now) = table.len();
                self.routes_count -= ipv4 + ipv6 - ipv4_now - ipv6_now;
                if key.distinguisher == 0 {
                    self.changed.insert(key.source, Change::Origin);
                }
            }
        }
    }

    /// Takes away what was not confirmed in these tables, of one family or of all; returns how
    /// many routes.
    pub fn sweep(&mut self, which: impl Fn(&RibKey) -> bool, family: Option<Family>) -> usize {
        let is_ipv4 = family.map(|family| matches!(family, Family::Ipv4 | Family::Vpn4));
        let mut swept = 0;
        for (key, table) in &mut self.tables {
            if !which(key) || table.stale().is_none() {
                continue;
            }
            let count = table.sweep(is_ipv4, &mut self.store);
            swept += count;
            if count > 0 && key.distinguisher == 0 {
                self.changed.insert(key.source, Change::Origin);
            }
        }
        self.routes_count -= swept;
        self.counters.expired += swept as u64;
        self.tables.retain(|_, table| !table.is_empty());
        swept
    }

    /// Takes away what was not confirmed since before a time; returns for each table how many.
    pub fn expire(&mut self, before_unix_s: u32) -> Vec<(RibKey, usize)> {
        let due = self.tables.iter().filter(|(_, table)| {
            table
                .stale()
                .is_some_and(|(_, since)| since <= before_unix_s)
        });
        let due: Vec<RibKey> = due.map(|(key, _)| *key).collect();
        let swept = due
            .into_iter()
            .map(|due| (due, self.sweep(|key| *key == due, None)));
        swept.collect()
    }

    /// Takes all routes of these tables away.
    pub fn drop_all(&mut self, which: impl Fn(&RibKey) -> bool) {
        for (key, table) in &mut self.tables {
            if which(key) && !table.is_empty() {
                let (ipv4, ipv6) = table.len();
                self.routes_count -= ipv4 + ipv6;
                self.counters.withdrawn += (ipv4 + ipv6) as u64;
                table.clear(&mut self.store);
                if key.distinguisher == 0 {
                    self.changed.insert(key.source, Change::Origin);
                }
            }
        }
        self.tables.retain(|_, table| !table.is_empty());
    }

    /// Returns whether a list of origins is old. A route that only became better or worse makes
    /// none old where there is no other to compare it with.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        let has_rivals = self.tables.len() > 1;
        let mut changes = self.changed.values();
        changes.any(|change| *change == Change::Origin || has_rivals)
    }

    /// The lists of origins are about to be made anew.
    pub fn made_anew(&mut self) {
        self.changed.clear();
    }

    /// Takes away the changes of origins since the last time.
    pub fn take_origin_changes(&mut self) -> Vec<OriginChange> {
        std::mem::take(&mut self.origin_changes)
    }

    /// Returns the sources that have routes outside VRFs.
    #[must_use]
    pub fn sources(&self) -> Vec<SourceKey> {
        let tables = self.tables.iter();
        let outside = tables.filter(|(key, table)| key.distinguisher == 0 && !table.is_empty());
        let mut sources: Vec<_> = outside.map(|(key, _)| key.source).collect();
        sources.dedup();
        sources
    }

    /// Returns the origin of the best route to each prefix outside VRFs, of these sources.
    ///
    /// # Errors
    /// There are more than a list may hold.
    pub fn origins(&self, which: impl Fn(&SourceKey) -> bool) -> Result<Entries, TooManyEntries> {
        let tables = self.tables.iter();
        let wanted = tables.filter(|(key, _)| key.distinguisher == 0 && which(&key.source));
        best::entries(&wanted.collect::<Vec<_>>(), &self.store)
    }

    /// Returns the routes that speak of an address, the best of each VRF first.
    #[must_use]
    pub fn about(&self, address: IpAddr) -> Vec<Told<'_>> {
        let mut found = Vec::new();
        for (key, table) in &self.tables {
            for (prefix, path_id, route) in table.longest(address) {
                let is_default = prefix.is_default();
                let length = if is_default { 0 } else { prefix.length() };
                let place = best::place(key, table, path_id, &route, &self.store);
                found.push((
                    (key.distinguisher, 128 - length, place),
                    key,
                    prefix,
                    path_id,
                    route,
                ));
            }
        }
        found.sort_by_key(|(order, ..)| *order);
        let told = found
            .into_iter()
            .filter_map(|((_, _, place), key, prefix, path_id, route)| {
                Some(Told {
                    key: *key,
                    prefix,
                    path_id,
                    learnt_unix_s: route.learnt_unix_s,
                    is_stale: place.0,
                    attributes: self.store.attributes(route.attributes)?,
                })
            });
        told.collect()
    }

    /// Returns the best route of a table that speaks of an address.
    #[must_use]
    pub fn best_of(&self, key: &RibKey, address: IpAddr) -> Option<(Prefix, Attributes<'_>)> {
        let table = self.tables.get(key)?;
        let routes = table.longest(address).into_iter();
        let best = routes.min_by_key(|(_, path_id, route): &(Prefix, u32, Route)| {
            let (is_stale, view, rank, _, path_id) =
                best::place(key, table, *path_id, route, &self.store);
            (is_stale, view, rank, path_id)
        });
        let (prefix, _, route) = best?;
        Some((prefix, self.store.attributes(route.attributes)?))
    }

    /// Returns all tables that have routes.
    pub fn tables(&self) -> impl Iterator<Item = (&RibKey, &Table)> {
        self.tables.iter()
    }

    /// Returns how many routes there are.
    #[must_use]
    pub const fn routes_count(&self) -> usize {
        self.routes_count
    }

    /// Returns the distinct attributes.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Returns what is counted.
    #[must_use]
    pub const fn counters(&self) -> RibCounters {
        self.counters
    }
}

/// Returns the table of a route: its own Route Distinguisher comes before that of its peer.
const fn table_key(mut key: RibKey, nlri: &Nlri) -> RibKey {
    if nlri.distinguisher != 0 {
        key.distinguisher = nlri.distinguisher;
    }
    key
}

fn origin_change(
    key: RibKey,
    prefix: Prefix,
    (old, new): (store::AttributesId, store::AttributesId),
    store: &Store,
) -> Option<OriginChange> {
    Some(OriginChange {
        key,
        prefix,
        old: store.origin(old),
        old_path: store.attributes(old)?.path(),
        new: store.origin(new),
        new_path: store.attributes(new)?.path(),
    })
}
