//! UPDATE: routes that come and routes that go [RFC 4271 §4.3, RFC 4760, RFC 7606].
//!
//! Not here: what becomes of a route (`rib`).
//! Bound: a message; the lists are reused from one to the next.

use asdb::Asn;

use super::attributes::{List, Speaker};
use super::nlri::{Families, Family, Nlri, read_all};
use super::{Fault, FaultKind};
use crate::cursor::Cursor;
use crate::path::AsnWidth;

/// How UPDATEs of a peer are read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Whether AS numbers of its paths have four octets [RFC 6793].
    pub has_wide_asns: bool,
    /// Its AS.
    pub peer: Asn,
    /// Whether that is our own, or in BMP that of the router.
    pub is_internal: bool,
    /// Whether a route without NEXT_HOP is malformed: over BMP it is what the router has, and some
    /// show routes of their own table so.
    pub needs_next_hop: bool,
    /// Families that are taken.
    pub families: Families,
    /// Those with several paths for a prefix [RFC 7911].
    pub with_path_ids: Families,
}

/// What one UPDATE says.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// Routes that come or are replaced, with the attributes of their family.
    pub announced: Vec<Nlri>,
    /// Those of `announced` from here on have `attributes_other`.
    pub other_from: usize,
    /// Routes that go.
    pub withdrawn: Vec<Nlri>,
    /// Attributes of the routes of MP_REACH_NLRI; see [`crate::attributes::Attributes`].
    pub attributes: Vec<u8>,
    /// Attributes of the routes at the end of the message.
    pub attributes_other: Vec<u8>,
    /// The family whose routes were all told [RFC 4724 §2].
    pub end_of: Option<Family>,
    /// Why routes that were announced count as withdrawn.
    pub malformed: Option<&'static str>,
    /// Whether it spoke of a family that is not read.
    pub has_other_family: bool,
}

impl Update {
    fn clear(&mut self) {
        self.announced.clear();
        self.withdrawn.clear();
        self.attributes.clear();
        self.attributes_other.clear();
        self.other_from = 0;
        self.end_of = None;
        self.malformed = None;
        self.has_other_family = false;
    }

    /// Reads the body of an UPDATE in the place of what is here.
    ///
    /// # Errors
    /// The fault that ends the session.
    pub fn read(&mut self, body: &[u8], reading: &Reading) -> Result<(), Fault> {
        self.clear();
        let mut cursor = Cursor::new(body, 0);
        let list_fault = |_| Fault::of(FaultKind::AttributeList);
        let withdrawn_octets = cursor.u16().map_err(list_fault)?;
        let withdrawn = cursor
            .part(usize::from(withdrawn_octets))
            .map_err(list_fault)?;
        let attributes_octets = cursor.u16().map_err(list_fault)?;
        let attributes = cursor
            .part(usize::from(attributes_octets))
            .map_err(list_fault)?;
        let is_empty = withdrawn.is_empty() && attributes.is_empty() && cursor.is_empty();
        let list = List::read(attributes)?;
        let ipv4 = |octets, to: &mut Vec<Nlri>| {
            let has_path_ids = reading.with_path_ids.has(Family::Ipv4);
            read_all(octets, Family::Ipv4, has_path_ids, to)
                .map_err(|_| Fault::of(FaultKind::Network))
        };
        ipv4(withdrawn, &mut self.withdrawn)?;
        if let Some(value) = list.unreach() {
            let is_alone = list.reach().is_none() && withdrawn.is_empty() && cursor.is_empty();
            self.unreach(value, reading, is_alone)?;
        }
        self.malformed = list.malformed;
        if let Some(value) = list.reach() {
            self.reach(value, &list, reading)?;
        }
        self.other_from = self.announced.len();
        if !cursor.is_empty() {
            ipv4(cursor, &mut self.announced)?;
            let written = if list.has_next_hop() || !reading.needs_next_hop {
                let speaker = reading.speaker();
                list.write(speaker, list.next_hop(), &mut self.attributes_other)
            } else {
                Err("NEXT_HOP is missing")
            };
            self.malformed = self.malformed.or(written.err());
        }
        if is_empty {
            self.end_of = Some(Family::Ipv4);
        }
        if !reading.families.has(Family::Ipv4) {
            self.leave_out_ipv4();
        }
        if self.malformed.is_some() {
            // What was announced is treated as if it was withdrawn [RFC 7606 §2].
            self.withdrawn.append(&mut self.announced);
            self.other_from = 0;
        }
        Ok(())
    }

    /// Routes of a family that was not agreed on do not count.
    fn leave_out_ipv4(&mut self) {
        let is_other = |nlri: &Nlri| nlri.distinguisher != 0 || !nlri.prefix.network().is_ipv4();
        let before = self.withdrawn.len() + self.announced.len();
        self.withdrawn.retain(is_other);
        self.announced.truncate(self.other_from);
        self.has_other_family |= self.withdrawn.len() + self.announced.len() < before;
    }

    /// MP_UNREACH_NLRI [RFC 4760 §4].
    fn unreach(
        &mut self,
        mut value: Cursor<'_>,
        reading: &Reading,
        is_alone: bool,
    ) -> Result<(), Fault> {
        let fault = |_| Fault::of(FaultKind::Multiprotocol);
        let afi = value.u16().map_err(fault)?;
        let safi = value.u8().map_err(fault)?;
        let Some(family) = reading.taken(afi, safi) else {
            self.has_other_family = true;
            return Ok(());
        };
        if value.is_empty() && is_alone {
            self.end_of = Some(family);
        }
        let has_path_ids = reading.with_path_ids.has(family);
        read_all(value, family, has_path_ids, &mut self.withdrawn)
            .map_err(|_| FaultKind::Multiprotocol.into())
    }

    /// MP_REACH_NLRI [RFC 4760 §3].
    fn reach(
        &mut self,
        mut value: Cursor<'_>,
        list: &List<'_>,
        reading: &Reading,
    ) -> Result<(), Fault> {
        let fault = |_| Fault::of(FaultKind::Multiprotocol);
        let afi = value.u16().map_err(fault)?;
        let safi = value.u8().map_err(fault)?;
        let next_hop_octets = value.u8().map_err(fault)?;
        let next_hop = value.part(usize::from(next_hop_octets)).map_err(fault)?;
        // Once it had another use [RFC 4760 §3].
        value.u8().map_err(fault)?;
        let Some(family) = reading.taken(afi, safi) else {
            self.has_other_family = true;
            return Ok(());
        };
        let next_hop = next_hop_of(next_hop.rest()).ok_or(Fault::of(FaultKind::Multiprotocol))?;
        let has_path_ids = reading.with_path_ids.has(family);
        read_all(value, family, has_path_ids, &mut self.announced)
            .map_err(|_| Fault::of(FaultKind::Multiprotocol))?;
        let written = list.write(reading.speaker(), next_hop, &mut self.attributes);
        self.malformed = self.malformed.or(written.err());
        Ok(())
    }
}

impl Reading {
    fn taken(&self, afi: u16, safi: u8) -> Option<Family> {
        Family::of(afi, safi).filter(|family| self.families.has(*family))
    }

    const fn speaker(&self) -> Speaker {
        Speaker {
            width: if self.has_wide_asns {
                AsnWidth::Four
            } else {
                AsnWidth::Two
            },
            asn: self.peer,
            is_internal: self.is_internal,
        }
    }
}

/// Returns the address of a next hop: of a VPN it stands behind a Route Distinguisher of 0, and of
/// two of IPv6 the first is the global one [RFC 2545 §3, RFC 4659 §3.2, RFC 8950 §3].
const fn next_hop_of(octets: &[u8]) -> Option<&[u8]> {
    match octets {
        [_, _, _, _] => Some(octets),
        [_, _, _, _, _, _, _, _, ipv4 @ ..] if ipv4.len() == 4 => Some(ipv4),
        [_, _, _, _, _, _, _, _, ipv6 @ ..] if ipv6.len() == 16 => Some(ipv6),
        [_, _, _, _, _, _, _, _, both @ ..] if both.len() == 40 => Some(both.split_at(16).0),
        _ if octets.len() == 16 => Some(octets),
        _ if octets.len() == 32 => Some(octets.split_at(16).0),
        _ => None,
    }
}
