//! OPEN: who a speaker is and what it can do [RFC 4271 §4.2, RFC 5492].
//!
//! | capability | ours | the peer's |
//! |---|---|---|
//! | 1 multiprotocol [RFC 4760] | as configured | which families come |
//! | 2 route refresh [RFC 2918] | yes | noted |
//! | 5 next hops of the other family [RFC 8950] | IPv4 over IPv6 | noted |
//! | 64 graceful restart [RFC 4724] | as a helper: no family of ours | how long to wait |
//! | 65 AS numbers of four octets [RFC 6793] | yes | decides the width |
//! | 69 several paths [RFC 7911] | no | used for BMP only |
//!
//! Not here: what a session makes of it (`session`).
//! Bound: nothing is kept but these.

use std::net::Ipv4Addr;

use asdb::Asn;

use super::nlri::{Families, Family};
use super::{Fault, FaultKind};
use crate::cursor::{Cursor, Cut};

/// What an OPEN says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// The speaker's AS: that of the capability, if there is one.
    pub asn: Asn,
    /// Seconds; 0: no hold timer.
    pub hold_time_s: u16,
    /// The BGP Identifier.
    pub identifier: u32,
    /// Families of capability 1.
    pub families: Families,
    /// Capability 65.
    pub has_wide_asns: bool,
    /// Capability 2.
    pub has_route_refresh: bool,
    /// Capability 64, if it is there.
    pub graceful: Option<Graceful>,
    /// Families in which it receives several paths for a prefix.
    pub receives_paths: Families,
    /// Families in which it sends several paths for a prefix.
    pub sends_paths: Families,
}

/// Graceful restart, as a speaker that restarts asks for it [RFC 4724 §3].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Graceful {
    /// It has just restarted.
    pub is_restarting: bool,
    /// How long its routes may stay without it, in seconds.
    pub restart_time_s: u16,
    /// Families whose forwarding it kept.
    pub kept: Families,
    /// Families it can restart at all.
    pub families: Families,
}

const MULTIPROTOCOL: u8 = 1;
const REFRESH: u8 = 2;
const OTHER_NEXT_HOP: u8 = 5;
const GRACEFUL_RESTART: u8 = 64;
const WIDE_ASNS: u8 = 65;
const ADD_PATH: u8 = 69;
/// AS_TRANS, in the field of two octets [RFC 6793 §9].
const AS_TRANS: u16 = 23456;

impl Open {
    /// Reads the body of an OPEN.
    ///
    /// # Errors
    /// The fault that the peer is told [RFC 4271 §6.2].
    pub fn read(body: &[u8]) -> Result<Self, Fault> {
        let mut cursor = Cursor::new(body, 0);
        let cut = |_: Cut| Fault::of(FaultKind::OpenLength);
        if cursor.u8().map_err(cut)? != 4 {
            return Err(Fault {
                kind: FaultKind::OpenVersion,
                data: vec![0, 4],
            });
        }
        let mut open = Self {
            asn: Asn(u32::from(cursor.u16().map_err(cut)?)),
            hold_time_s: cursor.u16().map_err(cut)?,
            identifier: cursor.u32().map_err(cut)?,
            ..Self::default()
        };
        if matches!(open.hold_time_s, 1 | 2) {
            return Err(FaultKind::OpenHoldTime.into());
        }
        let mut octets_count = u16::from(cursor.u8().map_err(cut)?);
        // Parameters longer than 255 octets [RFC 9072 §2].
        let is_extended = octets_count != 0 && body.get(10) == Some(&255);
        if is_extended {
            cursor.u8().map_err(cut)?;
            octets_count = cursor.u16().map_err(cut)?;
        }
        let parameters = cursor.part(usize::from(octets_count)).map_err(cut)?;
        if !cursor.is_empty() {
            return Err(FaultKind::OpenLength.into());
        }
        open.read_parameters(parameters, is_extended)?;
        Ok(open)
    }

    fn read_parameters(&mut self, mut list: Cursor<'_>, is_extended: bool) -> Result<(), Fault> {
        let cut = |_: Cut| Fault::of(FaultKind::OpenLength);
        while !list.is_empty() {
            let kind = list.u8().map_err(cut)?;
            let octets_count = if is_extended {
                list.u16().map_err(cut)?
            } else {
                u16::from(list.u8().map_err(cut)?)
            };
            let mut value = list.part(usize::from(octets_count)).map_err(cut)?;
            if kind != 2 {
                return Err(FaultKind::OpenParameter.into());
            }
            while !value.is_empty() {
                let code = value.u8().map_err(cut)?;
                let octets_count = value.u8().map_err(cut)?;
                let capability = value.part(usize::from(octets_count)).map_err(cut)?;
                self.read_capability(code, capability).map_err(cut)?;
            }
        }
        Ok(())
    }

    /// One that we do not know is nothing to us [RFC 5492 §3].
    fn read_capability(&mut self, code: u8, mut value: Cursor<'_>) -> Result<(), Cut> {
        match code {
            MULTIPROTOCOL => {
                let (afi, _, safi) = (value.u16()?, value.u8()?, value.u8()?);
                self.families.add(Family::of(afi, safi));
            }
            REFRESH => self.has_route_refresh = true,
            WIDE_ASNS => {
                self.has_wide_asns = true;
                self.asn = Asn(value.u32()?);
            }
            GRACEFUL_RESTART => {
                let head = value.u16()?;
                let mut graceful = Graceful {
                    is_restarting: head & 0x8000 != 0,
                    restart_time_s: head & 0x0fff,
                    kept: Families::default(),
                    families: Families::default(),
                };
                while !value.is_empty() {
                    let (afi, safi, flags) = (value.u16()?, value.u8()?, value.u8()?);
                    graceful.families.add(Family::of(afi, safi));
                    if flags & 0x80 != 0 {
                        graceful.kept.add(Family::of(afi, safi));
                    }
                }
                self.graceful = Some(graceful);
            }
            ADD_PATH => {
                while !value.is_empty() {
                    let (afi, safi, way) = (value.u16()?, value.u8()?, value.u8()?);
                    if way & 1 != 0 {
                        self.receives_paths.add(Family::of(afi, safi));
                    }
                    if way & 2 != 0 {
                        self.sends_paths.add(Family::of(afi, safi));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Returns our OPEN.
pub(crate) fn ours(asn: Asn, identifier: Ipv4Addr, hold_time_s: u16, all: Families) -> Vec<u8> {
    let mut capabilities = Vec::new();
    let mut add = |code: u8, value: &[u8]| {
        capabilities.push(code);
        capabilities.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
        capabilities.extend_from_slice(value);
    };
    for family in all.iter() {
        let (afi, safi) = family.numbers();
        let [high, low] = afi.to_be_bytes();
        add(MULTIPROTOCOL, &[high, low, 0, safi]);
    }
    add(REFRESH, &[]);
    if all.has(Family::Ipv4) {
        add(OTHER_NEXT_HOP, &[0, 1, 0, 1, 0, 2]);
    }
    add(GRACEFUL_RESTART, &[0, 0]);
    add(WIDE_ASNS, &asn.0.to_be_bytes());
    let mut body = vec![4];
    let narrow = u16::try_from(asn.0).unwrap_or(AS_TRANS);
    body.extend(narrow.to_be_bytes());
    body.extend(hold_time_s.to_be_bytes());
    body.extend(identifier.octets());
    let octets = u8::try_from(capabilities.len()).unwrap_or(u8::MAX);
    body.extend([octets.saturating_add(2), 2, octets]);
    body.extend(capabilities);
    super::frame::message(super::frame::OPEN, &body)
}
