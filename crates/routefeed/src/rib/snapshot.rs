//! All tables as octets, so that a restart has routes at once, and back.
//!
//! | what | octets |
//! |---|---|
//! | `IPFX-RT` and the version, 1 | 8 |
//! | when, in UNIX seconds | 4 |
//! | how many attributes; each its length and its octets | 4; 4 + n |
//! | how many tables; each its key, how many routes, the routes | 4; 48 + n |
//! | a route: family, prefix, path, attributes, when it came | 1 + 9 or 21 + 4 + 4 |
//! | the checksum of all that, FNV-1a | 8 |
//!
//! What comes back is not confirmed by any peer: it counts for the grace time.
//!
//! Not here: the file (the daemon).
//! Bound: the limits of the tables that it is read into.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use asdb::Provider;

use super::store::AttributesId;
use super::table::{Key, Route, RouteKey};
use super::{RibKey, Ribs, SourceKey, View};
use crate::attributes::Attributes;
use crate::cursor::{Cursor, Cut};

const MAGIC: &[u8; 8] = b"IPFX-RT\x01";
const CHECKSUM_OCTETS: usize = 8;

/// Why a snapshot cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The checksum is another.
    #[error("it is cut or damaged: the checksum is another")]
    Checksum,
    /// Lengths or numbers contradict each other.
    #[error("it contradicts itself at octet {offset}")]
    Contradiction {
        /// Where.
        offset: u64,
    },
    /// It is of another version, or something else.
    #[error("it is no snapshot of routes of this version")]
    Version,
}

impl From<Cut> for SnapshotError {
    fn from(cut: Cut) -> Self {
        Self::Contradiction { offset: cut.offset }
    }
}

impl Ribs {
    /// Returns all tables as octets.
    #[must_use]
    pub fn encode(&self, now_unix_s: u32) -> Vec<u8> {
        let mut octets = MAGIC.to_vec();
        octets.extend(now_unix_s.to_be_bytes());
        // Slots that are free are left out, so names are counted anew.
        let mut names = vec![u32::MAX; self.store.slots_count()];
        let mut runs = Vec::new();
        let mut runs_count = 0_u32;
        let mut name_of = |id: AttributesId| {
            let name = names.get_mut(usize::try_from(id.0).unwrap_or(usize::MAX));
            let Some(name) = name else { return u32::MAX };
            if *name == u32::MAX {
                *name = runs_count;
                runs_count += 1;
                let run = self.store.octets(id);
                runs.extend(u32_of(run.len()).to_be_bytes());
                runs.extend_from_slice(run);
            }
            *name
        };
        let mut tables = u32_of(self.tables.len()).to_be_bytes().to_vec();
        for (key, table) in &self.tables {
            write_key(key, &mut tables);
            let (ipv4, ipv6) = table.len();
            tables.extend(u32_of(ipv4 + ipv6).to_be_bytes());
            for (key, route) in &table.ipv4 {
                tables.push(4);
                tables.extend_from_slice(key);
                write_route(name_of(route.attributes), route, &mut tables);
            }
            for (key, route) in &table.ipv6 {
                tables.push(6);
                tables.extend_from_slice(key);
                write_route(name_of(route.attributes), route, &mut tables);
            }
        }
        octets.extend(runs_count.to_be_bytes());
        octets.append(&mut runs);
        octets.append(&mut tables);
        octets.extend(checksum(&octets).to_be_bytes());
        octets
    }

    /// Puts the tables of a snapshot into these; returns how many routes came, and when they were
    /// saved, in UNIX seconds.
    ///
    /// # Errors
    /// Why it cannot be used; what was read before that stays, unconfirmed as all of it.
    pub fn decode(
        &mut self,
        octets: &[u8],
        now_unix_s: u32,
    ) -> Result<(usize, u32), SnapshotError> {
        if !octets.starts_with(MAGIC) {
            return Err(SnapshotError::Version);
        }
        let Some((content, sum)) = octets.split_last_chunk::<CHECKSUM_OCTETS>() else {
            return Err(SnapshotError::Checksum);
        };
        if checksum(content) != u64::from_be_bytes(*sum) {
            return Err(SnapshotError::Checksum);
        }
        let mut cursor = Cursor::new(content, 0);
        cursor.part(MAGIC.len())?;
        let saved_unix_s = cursor.u32()?;
        let runs = read_runs(&mut cursor)?;
        let mut routes_count = 0;
        for _ in 0..cursor.u32()? {
            routes_count += self.read_table(&mut cursor, &runs, now_unix_s)?;
        }
        if !cursor.is_empty() {
            return Err(at(&cursor));
        }
        Ok((routes_count, saved_unix_s))
    }

    fn read_table(
        &mut self,
        cursor: &mut Cursor<'_>,
        runs: &[&[u8]],
        now_unix_s: u32,
    ) -> Result<usize, SnapshotError> {
        let key = read_key(cursor)?;
        let mut taken = 0;
        for _ in 0..cursor.u32()? {
            let place = *cursor;
            let wrong = || at(&place);
            let route_key = match cursor.u8()? {
                4 => Key::V4(cursor.array()?),
                6 => Key::V6(cursor.array()?),
                _ => return Err(wrong()),
            };
            let prefix = match route_key {
                Key::V4(key) => key.prefix(),
                Key::V6(key) => key.prefix(),
            };
            let run = usize::try_from(cursor.u32()?).unwrap_or(usize::MAX);
            let run = runs.get(run).ok_or_else(wrong)?;
            let learnt_unix_s = cursor.u32()?;
            // A length that no address has, or host bits, would never be found again.
            let path_id = match route_key {
                Key::V4(key) => key.path_id(),
                Key::V6(key) => key.path_id(),
            };
            let whole = prefix.map(|prefix| Key::of(prefix, path_id));
            let is_whole = match (whole, route_key) {
                (Some(Key::V4(whole)), Key::V4(key)) => whole == key,
                (Some(Key::V6(whole)), Key::V6(key)) => whole == key,
                _ => false,
            };
            if !is_whole {
                return Err(wrong());
            }
            let has_room = self.routes_count < self.limits.routes_max
                && (self.tables.len() < self.limits.tables_max || self.tables.contains_key(&key));
            let Some(attributes) = self.store.take(run).filter(|_| has_room) else {
                self.counters.refused += 1;
                continue;
            };
            let route = Route {
                attributes,
                learnt_unix_s,
                telling: 0,
            };
            let table = self.tables.entry(key).or_default();
            let (ipv4, ipv6) = table.len();
            table.restore(route_key, route, &mut self.store);
            table.restored(now_unix_s);
            let (ipv4_now, ipv6_now) = table.len();
            self.routes_count += ipv4_now + ipv6_now - ipv4 - ipv6;
            taken += 1;
        }
        self.note(key, super::Change::Origin);
        Ok(taken)
    }
}

fn read_runs<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<&'a [u8]>, SnapshotError> {
    let mut runs = Vec::new();
    for _ in 0..cursor.u32()? {
        let place = *cursor;
        let octets_count = usize::try_from(cursor.u32()?).unwrap_or(usize::MAX);
        let run = cursor.part(octets_count)?.rest();
        if Attributes::of(run).is_none() {
            return Err(at(&place));
        }
        runs.push(run);
    }
    Ok(runs)
}

const fn at(cursor: &Cursor<'_>) -> SnapshotError {
    SnapshotError::Contradiction {
        offset: cursor.offset(),
    }
}

fn write_key(key: &RibKey, to: &mut Vec<u8>) {
    to.push(u8::from(key.source.provider == Provider::Bmp));
    write_address(key.source.router, to);
    write_address(key.peer, to);
    to.extend(key.distinguisher.to_be_bytes());
    to.push(key.view.order());
}

fn read_key(cursor: &mut Cursor<'_>) -> Result<RibKey, SnapshotError> {
    let place = *cursor;
    let provider = match cursor.u8()? {
        0 => Provider::Bgp,
        1 => Provider::Bmp,
        _ => return Err(at(&place)),
    };
    let router = read_address(cursor)?;
    let peer = read_address(cursor)?;
    let distinguisher = u64::from_be_bytes(cursor.array()?);
    let view = match cursor.u8()? {
        0 => View::LocRib,
        1 => View::PostPolicy,
        2 => View::PrePolicy,
        _ => return Err(at(&place)),
    };
    Ok(RibKey {
        source: SourceKey { provider, router },
        peer,
        distinguisher,
        view,
    })
}

fn write_address(address: IpAddr, to: &mut Vec<u8>) {
    let octets = match address {
        IpAddr::V4(ipv4) => ipv4.to_ipv6_mapped().octets(),
        IpAddr::V6(ipv6) => ipv6.octets(),
    };
    to.push(if address.is_ipv4() { 4 } else { 6 });
    to.extend(octets);
}

fn read_address(cursor: &mut Cursor<'_>) -> Result<IpAddr, SnapshotError> {
    let place = *cursor;
    let family = cursor.u8()?;
    let octets: [u8; 16] = cursor.array()?;
    let [.., a, b, c, d] = octets;
    match family {
        4 => Ok(Ipv4Addr::new(a, b, c, d).into()),
        6 => Ok(Ipv6Addr::from(octets).into()),
        _ => Err(at(&place)),
    }
}

fn write_route(name: u32, route: &Route, to: &mut Vec<u8>) {
    to.extend(name.to_be_bytes());
    to.extend(route.learnt_unix_s.to_be_bytes());
}

fn u32_of(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn checksum(octets: &[u8]) -> u64 {
    octets.iter().fold(0xCBF2_9CE4_8422_2325, |sum, octet| {
        (sum ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}
