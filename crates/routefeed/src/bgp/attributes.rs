//! Path attributes of an UPDATE, and what a fault of each of them costs [RFC 7606 §7].
//!
//! | fault | what becomes of it |
//! |---|---|
//! | ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF, MULTI_EXIT_DISC, communities, ORIGINATOR_ID, CLUSTER_LIST | the routes count as withdrawn |
//! | AS 0 in a path [RFC 7607], a path longer than [`STEPS_MAX`] | the same |
//! | flags that contradict the attribute, an attribute that passes the end of the list | the same |
//! | ATOMIC_AGGREGATE, AGGREGATOR, AS4_PATH, LOCAL_PREF from another AS | the attribute does not count |
//! | an attribute twice | the first counts |
//! | MP_REACH_NLRI or MP_UNREACH_NLRI, twice or unreadable | the session ends |
//!
//! Not here: prefixes (`nlri`), where attributes stand in a message (`update`).
//! Bound: a message.

use asdb::Asn;

use super::{Fault, FaultKind};
use crate::attributes::Parts;
use crate::cursor::Cursor;
use crate::path::{AsnWidth, Origin, Path, settle};

/// AS of the longest path that is kept: ten times what is seen, and a path of one message.
pub(crate) const STEPS_MAX: usize = 1_000;

const ORIGIN: u8 = 1;
const AS_PATH: u8 = 2;
const NEXT_HOP: u8 = 3;
const MULTI_EXIT_DISC: u8 = 4;
const LOCAL_PREF: u8 = 5;
const COMMUNITIES: u8 = 8;
const ORIGINATOR_ID: u8 = 9;
const CLUSTER_LIST: u8 = 10;
const MP_REACH_NLRI: u8 = 14;
const MP_UNREACH_NLRI: u8 = 15;
const EXTENDED_COMMUNITIES: u8 = 16;
const AS4_PATH: u8 = 17;
const LARGE_COMMUNITIES: u8 = 32;

const OPTIONAL: u8 = 0x80;
const TRANSITIVE: u8 = 0x40;
const EXTENDED_LENGTH: u8 = 0x10;

/// Who speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Speaker {
    /// How wide AS numbers of its AS_PATH are.
    pub(crate) width: AsnWidth,
    /// Its AS: that of a route with an empty path.
    pub(crate) asn: Asn,
    /// Whether it is of our AS.
    pub(crate) is_internal: bool,
}

/// The attributes of one message, by where they stand in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List<'a> {
    values: [Option<Cursor<'a>>; 33],
    /// Why its routes count as withdrawn.
    pub(crate) malformed: Option<&'static str>,
}

impl<'a> List<'a> {
    /// Reads the list.
    ///
    /// # Errors
    /// `AttributeList` if MP_REACH_NLRI or MP_UNREACH_NLRI is there twice.
    pub(crate) fn read(mut octets: Cursor<'a>) -> Result<Self, Fault> {
        let mut list = Self {
            values: [None; 33],
            malformed: None,
        };
        while !octets.is_empty() {
            let Some((flags, kind, value)) = next(&mut octets) else {
                // What is behind it cannot be found, so routes in there are lost [RFC 7606 §4].
                list.malformed = Some("an attribute passes the end of the list");
                break;
            };
            if !are_flags_of(kind, flags) {
                list.malformed = Some("flags that contradict the attribute");
            }
            let Some(place) = list.values.get_mut(usize::from(kind)) else {
                continue;
            };
            if place.is_none() {
                *place = Some(value);
            } else if matches!(kind, MP_REACH_NLRI | MP_UNREACH_NLRI) {
                return Err(FaultKind::AttributeList.into());
            }
        }
        Ok(list)
    }

    pub(crate) fn reach(&self) -> Option<Cursor<'a>> {
        self.value(MP_REACH_NLRI)
    }

    pub(crate) fn unreach(&self) -> Option<Cursor<'a>> {
        self.value(MP_UNREACH_NLRI)
    }

    /// NEXT_HOP, as far as it is one.
    pub(crate) fn next_hop(&self) -> &'a [u8] {
        self.octets(NEXT_HOP)
    }

    /// Whether routes of the message itself have what they need.
    pub(crate) fn has_next_hop(&self) -> bool {
        self.value(NEXT_HOP).is_some()
    }

    fn value(&self, kind: u8) -> Option<Cursor<'a>> {
        self.values.get(usize::from(kind)).copied().flatten()
    }

    fn octets(&self, kind: u8) -> &'a [u8] {
        self.value(kind).map_or(&[], Cursor::rest)
    }

    /// Returns why the routes of the message count as withdrawn, if they do.
    fn fault(&self, speaker: Speaker) -> Option<&'static str> {
        if self.malformed.is_some() {
            return self.malformed;
        }
        let has = |kind: u8, is_well: fn(&[u8]) -> bool| {
            self.value(kind).is_none_or(|value| is_well(value.rest()))
        };
        if self.value(ORIGIN).is_none() || self.value(AS_PATH).is_none() {
            return Some("ORIGIN or AS_PATH is missing");
        }
        if !has(ORIGIN, |value| matches!(value, [0..=2])) {
            return Some("ORIGIN is none");
        }
        if !has(NEXT_HOP, |value| value.len() == 4) {
            return Some("NEXT_HOP is no address");
        }
        if !has(MULTI_EXIT_DISC, |value| value.len() == 4) {
            return Some("MULTI_EXIT_DISC has not 4 octets");
        }
        if speaker.is_internal && !has(LOCAL_PREF, |value| value.len() == 4) {
            return Some("LOCAL_PREF has not 4 octets");
        }
        let are_communities = has(COMMUNITIES, |value| is_list(value, 4))
            && has(EXTENDED_COMMUNITIES, |value| is_list(value, 8))
            && has(LARGE_COMMUNITIES, |value| is_list(value, 12));
        if !are_communities {
            return Some("communities have a wrong length");
        }
        let is_reflected = has(ORIGINATOR_ID, |value| value.len() == 4)
            && has(CLUSTER_LIST, |value| is_list(value, 4));
        (speaker.is_internal && !is_reflected).then_some("ORIGINATOR_ID or CLUSTER_LIST is none")
    }

    /// Writes the run of these attributes into `to`, with this next hop.
    ///
    /// # Errors
    /// Why the routes count as withdrawn.
    pub(crate) fn write(
        &self,
        speaker: Speaker,
        next_hop: &[u8],
        to: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        if let Some(fault) = self.fault(speaker) {
            return Err(fault);
        }
        let path_octets = self.octets(AS_PATH);
        let path4_octets = match speaker.width {
            AsnWidth::Two => self.octets(AS4_PATH),
            // A speaker of wide numbers has no business with it [RFC 6793 §4.1].
            AsnWidth::Four => &[],
        };
        let path = Path::read(Cursor::new(path_octets, 0), speaker.width)
            .map_err(|_| "AS_PATH cannot be read")?;
        if has_empty_segment(path_octets, speaker.width) {
            return Err("AS_PATH has an empty segment");
        }
        let path4 = Path::read(Cursor::new(path4_octets, 0), AsnWidth::Four);
        let path4 = path4.unwrap_or_default();
        if path.has_zero || path4.has_zero {
            return Err("AS 0 is in the path");
        }
        if path.steps_count > STEPS_MAX {
            return Err("the path is too long");
        }
        let mut wide = Vec::new();
        if speaker.width == AsnWidth::Two {
            let leading = path.steps_count.saturating_sub(path4.steps_count);
            if path.gives_way_to(path4) {
                widen(path_octets, leading, &mut wide);
                wide.extend_from_slice(path4_octets);
            } else {
                widen(path_octets, path.steps_count, &mut wide);
            }
        }
        let origin = match settle(path, path4, speaker.asn) {
            Origin::Of(asn) => asn,
            Origin::AsSet | Origin::AsTrans | Origin::AsZero | Origin::Nobody => Asn::NONE,
        };
        let number = |kind| {
            self.octets(kind)
                .first_chunk()
                .map(|n| u32::from_be_bytes(*n))
        };
        let parts = Parts {
            origin_code: self.octets(ORIGIN).first().copied().unwrap_or(2),
            local_pref: number(LOCAL_PREF).filter(|_| speaker.is_internal),
            med: number(MULTI_EXIT_DISC),
            steps_count: path.steps_count,
            origin,
            next_hop,
            path: if wide.is_empty() { path_octets } else { &wide },
            communities: [COMMUNITIES, EXTENDED_COMMUNITIES, LARGE_COMMUNITIES]
                .map(|kind| self.octets(kind)),
        };
        parts.write(to);
        Ok(())
    }
}

/// Returns the next attribute's flags, type and value; `None` if it passes the end.
fn next<'a>(octets: &mut Cursor<'a>) -> Option<(u8, u8, Cursor<'a>)> {
    let flags = octets.u8().ok()?;
    let kind = octets.u8().ok()?;
    let octets_count = if flags & EXTENDED_LENGTH == 0 {
        u16::from(octets.u8().ok()?)
    } else {
        octets.u16().ok()?
    };
    let value = octets.part(usize::from(octets_count)).ok()?;
    Some((flags, kind, value))
}

/// Returns whether an attribute may have these flags [RFC 4271 §5, RFC 4760 §3].
const fn are_flags_of(kind: u8, flags: u8) -> bool {
    let wanted = match kind {
        ORIGIN | AS_PATH | NEXT_HOP | LOCAL_PREF => TRANSITIVE,
        MULTI_EXIT_DISC | ORIGINATOR_ID | CLUSTER_LIST | MP_REACH_NLRI | MP_UNREACH_NLRI => {
            OPTIONAL
        }
        COMMUNITIES | EXTENDED_COMMUNITIES | AS4_PATH | LARGE_COMMUNITIES => OPTIONAL | TRANSITIVE,
        _ => return true,
    };
    flags & (OPTIONAL | TRANSITIVE) == wanted
}

const fn is_list(value: &[u8], width: usize) -> bool {
    !value.is_empty() && value.len().is_multiple_of(width)
}

/// An empty segment makes a path malformed [RFC 7606 §7.2].
fn has_empty_segment(mut path: &[u8], width: AsnWidth) -> bool {
    while let [_, count, rest @ ..] = path {
        if *count == 0 {
            return true;
        }
        path = rest
            .get(usize::from(*count) * width.octets()..)
            .unwrap_or_default();
    }
    false
}

/// Copies the first `steps` of a path of two-octet AS numbers, as four-octet ones; a set is one
/// step, and those of confederations are none.
fn widen(mut path: &[u8], mut steps: usize, to: &mut Vec<u8>) {
    while let [kind, count, rest @ ..] = path {
        let (asns, rest) = rest.split_at(rest.len().min(2 * usize::from(*count)));
        path = rest;
        let (taken, cost) = match kind {
            2 => (
                usize::from(*count).min(steps),
                usize::from(*count).min(steps),
            ),
            1 if steps > 0 => (usize::from(*count), 1),
            1 => (0, 0),
            _ => (usize::from(*count), 0),
        };
        if taken > 0 {
            to.extend([*kind, u8::try_from(taken).unwrap_or(u8::MAX)]);
            for asn in asns.chunks_exact(2).take(taken) {
                to.extend([0, 0, asn[0], asn[1]]);
            }
        }
        steps -= cost;
    }
}
