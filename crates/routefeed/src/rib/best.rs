//! Which of several routes to a prefix counts.
//!
//! The first difference decides, so the answer depends on nothing but the routes:
//!
//! 1. a route that its peer confirmed before one that it did not;
//! 2. in BMP what the router itself uses (Loc-RIB) before what it lets in (post-policy) before what
//!    it was told (pre-policy);
//! 3. higher LOCAL_PREF, shorter AS path, lower ORIGIN, lower MULTI_EXIT_DISC, whoever the
//!    neighbour is [RFC 4271 §9.1.2.2 b to c, with all neighbours compared];
//! 4. the lower address of the router, then of its peer, then the lower number of the path.
//!
//! If the best route has no origin (its path ends in a set), the prefix has none: the second best
//! is another network's view.
//!
//! Not here: which provider wins (`asdb`).
//! Bound: a place in each table while they are merged.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, btree_map};

use asdb::{Asn, Entries, TooManyEntries};

use super::RibKey;
use super::store::Store;
use super::table::{Route, RouteKey, Table};

/// Where a route stands among those to one prefix; the lowest is the best.
type Place<'a> = (bool, u8, (u32, u16, u8, u32), &'a RibKey, u32);

/// Returns where a route stands; see the module.
pub(crate) fn place<'a>(
    key: &'a RibKey,
    table: &Table,
    path_id: u32,
    route: &Route,
    store: &Store,
) -> Place<'a> {
    let rank = store.attributes(route.attributes).map(|one| one.rank());
    (
        table.is_stale(route),
        key.view.order(),
        rank.unwrap_or((u32::MAX, u16::MAX, u8::MAX, u32::MAX)),
        key,
        path_id,
    )
}

/// Returns the origin of the best route to each prefix, sorted.
///
/// # Errors
/// There are more than a source may hold.
pub(crate) fn entries(
    tables: &[(&RibKey, &Table)],
    store: &Store,
) -> Result<Entries, TooManyEntries> {
    let mut entries = Entries::new();
    merge(tables, |table| &table.ipv4, store, &mut entries)?;
    merge(tables, |table| &table.ipv6, store, &mut entries)?;
    entries.shrink();
    Ok(entries)
}

/// One table on the way from its first route to its last.
struct Walk<'a, K> {
    table: (&'a RibKey, &'a Table),
    rest: btree_map::Iter<'a, K, Route>,
    /// The route that the walk stands at.
    route: Route,
}

/// Goes through all tables at once, in the order of their keys.
fn merge<K: RouteKey>(
    tables: &[(&RibKey, &Table)],
    routes: fn(&Table) -> &BTreeMap<K, Route>,
    store: &Store,
    entries: &mut Entries,
) -> Result<(), TooManyEntries> {
    let mut walks = Vec::new();
    let mut heads = BinaryHeap::new();
    for &table in tables {
        let mut rest = routes(table.1).iter();
        if let Some((key, &route)) = rest.next() {
            heads.push(Reverse((*key, walks.len())));
            walks.push(Walk { table, rest, route });
        }
    }
    let mut best: Option<(K, (&RibKey, &Table), Route)> = None;
    while let Some(Reverse((key, index))) = heads.pop() {
        let walk: &mut Walk<'_, K> = &mut walks[index];
        let (table, route) = (walk.table, walk.route);
        if let Some((next, &route)) = walk.rest.next() {
            walk.route = route;
            heads.push(Reverse((*next, index)));
        }
        match best {
            Some((of, other, rival)) if of.prefix_octets() == key.prefix_octets() => {
                let before = place(other.0, other.1, of.path_id(), &rival, store);
                if place(table.0, table.1, key.path_id(), &route, store) < before {
                    best = Some((key, table, route));
                }
            }
            decided => {
                push(decided.map(|(key, _, route)| (key, route)), store, entries)?;
                best = Some((key, table, route));
            }
        }
    }
    push(best.map(|(key, _, route)| (key, route)), store, entries)
}

fn push<K: RouteKey>(
    best: Option<(K, Route)>,
    store: &Store,
    entries: &mut Entries,
) -> Result<(), TooManyEntries> {
    let Some((key, route)) = best else {
        return Ok(());
    };
    let origin = store.origin(route.attributes);
    match key.prefix() {
        Some(prefix) if origin != Asn::NONE => entries.push(prefix, origin),
        _ => Ok(()),
    }
}
