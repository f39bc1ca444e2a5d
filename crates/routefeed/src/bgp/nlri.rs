//! Prefixes as BGP writes them, and the families they are of.
//!
//! | family | a prefix is |
//! |---|---|
//! | IPv4, IPv6 unicast | length in bits, the octets that it needs [RFC 4271 §4.3] |
//! | the same of a VPN | labels and a Route Distinguisher before it [RFC 4364 §4.3.4, RFC 4659] |
//!
//! Not here: which routes they belong to (`update`).

use std::net::IpAddr;

use asdb::Prefix;

use crate::cursor::{Cursor, Cut};

/// A family whose routes we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Family {
    /// IPv4 unicast.
    Ipv4,
    /// IPv6 unicast.
    Ipv6,
    /// IPv4 of VPNs.
    Vpn4,
    /// IPv6 of VPNs.
    Vpn6,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ipv4, Self::Ipv6, Self::Vpn4, Self::Vpn6];

    /// Returns the family of an AFI and a SAFI; `None` if its routes are none of ours.
    #[must_use]
    pub const fn of(afi: u16, safi: u8) -> Option<Self> {
        match (afi, safi) {
            (1, 1) => Some(Self::Ipv4),
            (2, 1) => Some(Self::Ipv6),
            (1, 128) => Some(Self::Vpn4),
            (2, 128) => Some(Self::Vpn6),
            _ => None,
        }
    }

    /// Returns its AFI and SAFI.
    #[must_use]
    pub const fn numbers(self) -> (u16, u8) {
        match self {
            Self::Ipv4 => (1, 1),
            Self::Ipv6 => (2, 1),
            Self::Vpn4 => (1, 128),
            Self::Vpn6 => (2, 128),
        }
    }

    const fn is_ipv4(self) -> bool {
        matches!(self, Self::Ipv4 | Self::Vpn4)
    }

    const fn is_vpn(self) -> bool {
        matches!(self, Self::Vpn4 | Self::Vpn6)
    }
}

/// A set of families.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Families(u8);

impl Families {
    /// IPv4 and IPv6 unicast.
    pub const UNICAST: Self = Self(0b0011);
    /// Everything that we read.
    pub const ALL: Self = Self(0b1111);

    /// Returns the set of these.
    #[must_use]
    pub fn from_list(list: &[Family]) -> Self {
        let mut families = Self::default();
        for family in list {
            families.add(Some(*family));
        }
        families
    }

    /// Adds one, if it is one.
    pub fn add(&mut self, family: Option<Family>) {
        if let Some(family) = family {
            self.0 |= 1 << family as u8;
        }
    }

    /// Returns whether it is there.
    #[must_use]
    pub const fn has(self, family: Family) -> bool {
        self.0 & (1 << family as u8) != 0
    }

    /// Returns those that are in both.
    #[must_use]
    pub const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns them in their order.
    pub fn iter(self) -> impl Iterator<Item = Family> {
        Family::ALL
            .into_iter()
            .filter(move |family| self.has(*family))
    }
}

/// What a route is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nlri {
    /// The Route Distinguisher of its VPN; 0: none.
    pub distinguisher: u64,
    /// The addresses.
    pub prefix: Prefix,
    /// Which of several paths [RFC 7911]; 0 where there is one.
    pub path_id: u32,
}

/// A prefix cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadPrefix;

impl From<Cut> for BadPrefix {
    fn from(_: Cut) -> Self {
        Self
    }
}

/// Reads prefixes up to the end.
pub(crate) fn read_all(
    mut octets: Cursor<'_>,
    family: Family,
    has_path_ids: bool,
    list: &mut Vec<Nlri>,
) -> Result<(), BadPrefix> {
    while !octets.is_empty() {
        let path_id = if has_path_ids { octets.u32()? } else { 0 };
        let bits = octets.u8()?;
        let mut octets = octets.part(usize::from(bits.div_ceil(8)))?;
        let (distinguisher, length) = if family.is_vpn() {
            read_distinguisher(&mut octets, bits)?
        } else {
            (0, bits)
        };
        list.push(Nlri {
            distinguisher,
            prefix: prefix(octets.rest(), family, length)?,
            path_id,
        });
    }
    Ok(())
}

/// Reads labels up to the last one of the stack, then the Route Distinguisher.
fn read_distinguisher(octets: &mut Cursor<'_>, bits: u8) -> Result<(u64, u8), BadPrefix> {
    let mut bits = bits;
    loop {
        let label: [u8; 3] = octets.array()?;
        bits = bits.checked_sub(24).ok_or(BadPrefix)?;
        // A withdrawal has 0x800000, or what an older text says, 0 [RFC 8277 §2.4].
        if label[2] & 1 == 1 || matches!(label, [0x80 | 0, 0, 0]) {
            break;
        }
    }
    let distinguisher = u64::from_be_bytes(octets.array()?);
    Ok((distinguisher, bits.checked_sub(64).ok_or(BadPrefix)?))
}

fn prefix(octets: &[u8], family: Family, length: u8) -> Result<Prefix, BadPrefix> {
    let mut whole = [0; 16];
    for (octet, given) in whole.iter_mut().zip(octets) {
        *octet = *given;
    }
    let [a, b, c, d, ..] = whole;
    let (address, bits) = if family.is_ipv4() {
        (IpAddr::from([a, b, c, d]), 32)
    } else {
        (IpAddr::from(whole), 128)
    };
    if length > bits {
        return Err(BadPrefix);
    }
    Prefix::new(address, length).map_err(|_| BadPrefix)
}
