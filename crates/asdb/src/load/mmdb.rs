//! Reads a MaxMind DB: the search tree walked once, each record decoded once.
//!
//! `maxminddb` reads the metadata and decodes records, with its own limits on depth and size. The
//! walk over the search tree is ours, because a damaged tree whose nodes share children is small
//! on disk and has 2^128 leaves: a limit on visited nodes ends it.
//!
//! The IPv4 tree sits under ::/96 of an IPv6 tree, and other places (IPv4-mapped, 6to4, Teredo)
//! point to it as well; those are passed over, as they repeat the same prefixes.
//!
//! Not here: unpacking ([`super::unpack`]), what else a record says.
//!
//! Bound: 16 Mi visited nodes, ten times the largest AS database known.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use maxminddb::{MaxMindDbError, Reader};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::text::as_number;
use super::{Format, LoadError, LoadErrorKind, Loaded, Made, Noted, Packing};
use crate::entries::Entries;
use crate::names::AsNames;
use crate::{Asn, Prefix};

/// How many nodes of a search tree are visited.
const VISITED_NODES_MAX: usize = 16 << 20;

/// Under how many zero bits of an IPv6 tree the IPv4 tree sits.
const IPV4_DEPTH: u8 = 96;

/// Reads all prefixes that have an AS number.
pub(super) fn read(octets: &[u8]) -> Result<Loaded, LoadError> {
    let reader = Reader::from_source(octets).map_err(|error| {
        if octets.is_empty() || !has_marker(octets) {
            LoadError::whole(LoadErrorKind::UnknownFormat)
        } else {
            refused(&error)
        }
    })?;
    let mut walk = Walk::new(&reader, octets)?;
    walk.run()?;
    let metadata = reader.metadata();
    if walk.entries.is_empty() {
        let hint = format!("; it is an MMDB of type {:?}", metadata.database_type);
        return Err(LoadError::whole(LoadErrorKind::NoEntries { hint }));
    }
    walk.entries.shrink();
    walk.names.shrink();
    Ok(Loaded {
        format: Format::Mmdb,
        entries: walk.entries,
        names: walk.names,
        made: Some(Made::UnixSeconds(metadata.build_epoch)),
        packing: Packing::Plain,
        noted: Noted::default(),
    })
}

/// Returns whether the octets hold the marker that precedes an MMDB's metadata.
fn has_marker(octets: &[u8]) -> bool {
    const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";
    octets
        .windows(MARKER.len())
        .rev()
        .any(|window| window == MARKER)
}

fn refused(error: &MaxMindDbError) -> LoadError {
    LoadError::whole(LoadErrorKind::Mmdb {
        reason: error.to_string(),
    })
}

fn damaged(reason: String) -> LoadError {
    LoadError::whole(LoadErrorKind::Mmdb { reason })
}

/// A node or record still to visit: the tree's value for the first `depth` bits of `address`.
struct Pending {
    value: u32,
    /// The bits from the left, for IPv4 trees too.
    address: u128,
    depth: u8,
}

struct Walk<'a> {
    reader: &'a Reader<&'a [u8]>,
    tree: Tree<'a>,
    /// How many bits an address of the tree has: 32 or 128.
    bits: u8,
    /// The node of the IPv4 tree inside an IPv6 tree, if it is a node.
    ipv4_root: Option<u32>,
    /// What each record says; many prefixes share one.
    asns: HashMap<u32, Asn>,
    entries: Entries,
    names: AsNames,
}

impl<'a> Walk<'a> {
    fn new(reader: &'a Reader<&'a [u8]>, octets: &'a [u8]) -> Result<Self, LoadError> {
        let metadata = reader.metadata();
        let tree = Tree {
            octets,
            record_bits: metadata.record_size,
            nodes_count: metadata.node_count,
        };
        let bits = match metadata.ip_version {
            4 => 32,
            6 => 128,
            version => return Err(damaged(format!("IP version {version} is neither 4 nor 6"))),
        };
        let mut walk = Self {
            reader,
            tree,
            bits,
            ipv4_root: None,
            asns: HashMap::new(),
            entries: Entries::new(),
            names: AsNames::new(),
        };
        if bits == 128 {
            walk.ipv4_root = walk.tree.node_under_zeros(IPV4_DEPTH)?;
        }
        Ok(walk)
    }

    fn run(&mut self) -> Result<(), LoadError> {
        let mut pending = vec![Pending {
            value: 0,
            address: 0,
            depth: 0,
        }];
        let mut visited_count = 0;
        while let Some(next) = pending.pop() {
            if next.value >= self.tree.nodes_count {
                self.take_leaf(&next)?;
                continue;
            }
            if self.ipv4_root == Some(next.value) && next.address != 0 {
                continue;
            }
            visited_count += 1;
            if visited_count > VISITED_NODES_MAX {
                return Err(damaged(format!(
                    "more than {VISITED_NODES_MAX} nodes to visit"
                )));
            }
            if next.depth == self.bits {
                let node = next.value;
                return Err(damaged(format!(
                    "node {node} lies below the last bit of an address"
                )));
            }
            let depth = next.depth + 1;
            let right = next.address | 1 << (128 - depth);
            let children = self.tree.children(next.value)?;
            pending.push(Pending {
                value: children.right,
                address: right,
                depth,
            });
            pending.push(Pending {
                value: children.left,
                address: next.address,
                depth,
            });
        }
        Ok(())
    }

    /// Takes what is no node: a record, or the value that means "nothing here".
    fn take_leaf(&mut self, leaf: &Pending) -> Result<(), LoadError> {
        if leaf.value == self.tree.nodes_count {
            return Ok(());
        }
        let asn = match self.asns.get(&leaf.value) {
            Some(&asn) => asn,
            None => {
                let asn = self.decode(leaf)?;
                self.asns.insert(leaf.value, asn);
                asn
            }
        };
        let (address, length) = match self.bits {
            32 => (ipv4_from_left(leaf.address), leaf.depth),
            _ if leaf.address >> 32 == 0 && leaf.depth >= IPV4_DEPTH => (
                ipv4_from_left(leaf.address << IPV4_DEPTH),
                leaf.depth - IPV4_DEPTH,
            ),
            _ => (IpAddr::V6(Ipv6Addr::from_bits(leaf.address)), leaf.depth),
        };
        let prefix = Prefix::new(address, length).map_err(|error| damaged(error.to_string()))?;
        if asn != Asn::NONE {
            let pushed = self.entries.push(prefix, asn);
            pushed.map_err(|error| LoadError::whole(error.into()))?;
        }
        Ok(())
    }

    /// Decodes the record that the walk reached at `leaf`; [`Asn::NONE`] if it names no AS.
    fn decode(&mut self, leaf: &Pending) -> Result<Asn, LoadError> {
        let address = match self.bits {
            32 => ipv4_from_left(leaf.address),
            _ => IpAddr::V6(Ipv6Addr::from_bits(leaf.address)),
        };
        let found = self
            .reader
            .lookup(address)
            .map_err(|error| refused(&error))?;
        let record = found
            .decode::<Record<'_>>()
            .map_err(|error| refused(&error))?;
        let Some(record) = record else {
            return Ok(Asn::NONE);
        };
        let asn = record.asn();
        if let Some(name) = record.name().filter(|_| asn != Asn::NONE) {
            self.names
                .insert(asn, name)
                .map_err(|error| LoadError::whole(error.into()))?;
        }
        Ok(asn)
    }
}

fn ipv4_from_left(address: u128) -> IpAddr {
    let [a, b, c, d, ..] = address.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

/// The search tree as it lies in the file: two records of 24, 28 or 32 bits per node.
struct Tree<'a> {
    octets: &'a [u8],
    record_bits: u16,
    nodes_count: u32,
}

struct Children {
    left: u32,
    right: u32,
}

impl Tree<'_> {
    fn children(&self, node: u32) -> Result<Children, LoadError> {
        let node_octets = usize::from(self.record_bits / 4);
        let cut = || damaged(format!("node {node} lies behind the end of the file"));
        let start = usize::try_from(node)
            .ok()
            .and_then(|node| node.checked_mul(node_octets));
        let rest = start
            .and_then(|start| self.octets.get(start..))
            .ok_or_else(cut)?;
        match (self.record_bits, rest.get(..node_octets).ok_or_else(cut)?) {
            (24, &[a, b, c, d, e, f]) => Ok(Children {
                left: u32::from_be_bytes([0, a, b, c]),
                right: u32::from_be_bytes([0, d, e, f]),
            }),
            // The octet in the middle holds the highest four bits of both.
            (28, &[a, b, c, both, d, e, f]) => Ok(Children {
                left: u32::from_be_bytes([both >> 4, a, b, c]),
                right: u32::from_be_bytes([both & 0x0f, d, e, f]),
            }),
            (32, &[a, b, c, d, e, f, g, h]) => Ok(Children {
                left: u32::from_be_bytes([a, b, c, d]),
                right: u32::from_be_bytes([e, f, g, h]),
            }),
            (bits, _) => Err(damaged(format!(
                "record size {bits} is none of 24, 28, 32 bits"
            ))),
        }
    }

    /// Returns the node that `depth` zero bits lead to, if they lead to a node.
    fn node_under_zeros(&self, depth: u8) -> Result<Option<u32>, LoadError> {
        let mut value = 0;
        for _ in 0..depth {
            if value >= self.nodes_count {
                return Ok(None);
            }
            value = self.children(value)?.left;
        }
        Ok((value < self.nodes_count).then_some(value))
    }
}

/// The fields that name an AS, as MaxMind and DB-IP spell them, and as IPinfo does.
#[derive(Deserialize)]
struct Record<'a> {
    autonomous_system_number: Option<u32>,
    #[serde(borrow)]
    autonomous_system_organization: Option<&'a str>,
    asn: Option<AsnField>,
    #[serde(borrow)]
    as_name: Option<&'a str>,
    #[serde(borrow)]
    name: Option<&'a str>,
}

impl Record<'_> {
    fn asn(&self) -> Asn {
        let maxmind = self.autonomous_system_number.map(Asn);
        maxmind
            .or(self.asn.map(|field| field.0))
            .unwrap_or_default()
    }

    fn name(&self) -> Option<&str> {
        self.autonomous_system_organization
            .or(self.as_name)
            .or(self.name)
    }
}

/// An AS number as a number or as text such as "AS64500"; empty text is none.
#[derive(Clone, Copy)]
struct AsnField(Asn);

impl<'de> Deserialize<'de> for AsnField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AsnVisitor)
    }
}

struct AsnVisitor;

impl Visitor<'_> for AsnVisitor {
    type Value = AsnField;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an AS number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<AsnField, E> {
        let number = u32::try_from(number);
        number
            .map(|number| AsnField(Asn(number)))
            .map_err(|_| E::custom("AS above 32 bits"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<AsnField, E> {
        if text.is_empty() {
            return Ok(AsnField(Asn::NONE));
        }
        as_number(text).map(AsnField).map_err(E::custom)
    }
}
