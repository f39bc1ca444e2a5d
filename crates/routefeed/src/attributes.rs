//! What is known of a route beside its prefix, as it is kept: one run of octets.
//!
//! Routes with the same attributes share one run, so it is written in one canonical form: a head
//! of numbers that best-path selection compares, then next hop, AS path with AS numbers of four
//! octets, and communities.
//!
//! Not here: reading them off the wire (`bgp::attributes`), sharing them (`rib::store`).
//! Bound: [`OCTETS_MAX`] octets.

use std::fmt::Write;
use std::net::IpAddr;

use asdb::Asn;

/// Octets of the longest run: its path and its communities came in one message.
pub const OCTETS_MAX: usize = HEAD_OCTETS + 16 + 2 * 65_535;
/// Octets before the next hop.
pub(crate) const HEAD_OCTETS: usize = 20;

const HAS_LOCAL_PREF: u8 = 1;
const HAS_MED: u8 = 2;
/// LOCAL_PREF of a route without one [RFC 4271 §9.1.1 leaves it to us; so do most routers].
const LOCAL_PREF_USUAL: u32 = 100;

/// Communities of other widths stand behind the number of their attribute.
const EXTENDED: u8 = 16;
const LARGE: u8 = 32;

/// What a reader found; written into a run by [`Parts::write`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parts<'a> {
    /// 0: IGP, 1: EGP, 2: incomplete.
    pub(crate) origin_code: u8,
    pub(crate) local_pref: Option<u32>,
    pub(crate) med: Option<u32>,
    pub(crate) steps_count: usize,
    /// `Asn::NONE` where the path tells nobody.
    pub(crate) origin: Asn,
    pub(crate) next_hop: &'a [u8],
    /// Segments with AS numbers of four octets.
    pub(crate) path: &'a [u8],
    /// Values of attributes 8, 16 and 32.
    pub(crate) communities: [&'a [u8]; 3],
}

impl Parts<'_> {
    /// Replaces what is in `to` by the run of these parts.
    pub(crate) fn write(&self, to: &mut Vec<u8>) {
        to.clear();
        let mut flags = self.origin_code << 4;
        flags |= if self.local_pref.is_some() {
            HAS_LOCAL_PREF
        } else {
            0
        };
        flags |= if self.med.is_some() { HAS_MED } else { 0 };
        let [standard, extended, large] = self.communities;
        to.push(flags);
        to.push(u8::try_from(self.next_hop.len()).unwrap_or(0));
        to.extend(
            u16::try_from(self.steps_count)
                .unwrap_or(u16::MAX)
                .to_be_bytes(),
        );
        to.extend(self.local_pref.unwrap_or(LOCAL_PREF_USUAL).to_be_bytes());
        to.extend(self.med.unwrap_or(0).to_be_bytes());
        to.extend(self.origin.0.to_be_bytes());
        to.extend(length_of(self.path));
        to.extend(length_of(standard));
        to.extend_from_slice(self.next_hop);
        to.extend_from_slice(self.path);
        to.extend_from_slice(standard);
        for (kind, list) in [(EXTENDED, extended), (LARGE, large)] {
            if !list.is_empty() {
                to.push(kind);
                to.extend(length_of(list));
                to.extend_from_slice(list);
            }
        }
    }
}

fn length_of(list: &[u8]) -> [u8; 2] {
    u16::try_from(list.len()).unwrap_or(u16::MAX).to_be_bytes()
}

/// The attributes of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    /// Returns a view of a run; `None` if it is none.
    #[must_use]
    pub fn of(octets: &'a [u8]) -> Option<Self> {
        let whole = Self(octets);
        let fixed = HEAD_OCTETS + whole.next_hop_octets() + whole.path_octets();
        let is_whole = octets.len() >= HEAD_OCTETS
            && octets.len() >= fixed + usize::from(whole.u16_at(18))
            && matches!(whole.next_hop_octets(), 0 | 4 | 16);
        is_whole.then_some(whole)
    }

    /// Returns the AS that announces the route; `None` where its path tells nobody.
    #[must_use]
    pub fn origin(self) -> Option<Asn> {
        let asn = Asn(self.u32_at(12));
        (asn != Asn::NONE).then_some(asn)
    }

    /// Returns LOCAL_PREF, if the route has one.
    #[must_use]
    pub fn local_pref(self) -> Option<u32> {
        (self.flags() & HAS_LOCAL_PREF != 0).then(|| self.u32_at(4))
    }

    /// Returns MULTI_EXIT_DISC, if the route has one.
    #[must_use]
    pub fn med(self) -> Option<u32> {
        (self.flags() & HAS_MED != 0).then(|| self.u32_at(8))
    }

    /// Returns the next hop: of two of IPv6, the global one.
    #[must_use]
    pub fn next_hop(self) -> Option<IpAddr> {
        let octets = self.part(HEAD_OCTETS, self.next_hop_octets());
        if let Ok(ipv4) = <[u8; 4]>::try_from(octets) {
            return Some(ipv4.into());
        }
        <[u8; 16]>::try_from(octets).ok().map(IpAddr::from)
    }

    /// Returns the AS path as people write it: `64500 64501 {64502,64503}`; segments of a
    /// confederation in round brackets [RFC 5065].
    #[must_use]
    pub fn path(self) -> String {
        let mut text = String::new();
        let mut rest = self.part(HEAD_OCTETS + self.next_hop_octets(), self.path_octets());
        while let [kind, count, behind @ ..] = rest {
            let (asns, behind) = behind.split_at(behind.len().min(4 * usize::from(*count)));
            rest = behind;
            let (open, between, close) = match kind {
                1 => ("{", ",", "}"),
                2 => ("", " ", ""),
                3 => ("(", " ", ")"),
                _ => ("[", ",", "]"),
            };
            let asns: Vec<String> = asns.chunks_exact(4).map(number).collect();
            let gap = if text.is_empty() { "" } else { " " };
            // Writing to a String cannot fail.
            let _ = write!(text, "{gap}{open}{}{close}", asns.join(between));
        }
        text
    }

    /// Returns the communities as people write them: `64500:1`, `rt:64500:1`, `64500:1:2`.
    #[must_use]
    pub fn communities(self) -> Vec<String> {
        let from = HEAD_OCTETS + self.next_hop_octets() + self.path_octets();
        let standard = self.part(from, usize::from(self.u16_at(18)));
        let mut texts: Vec<String> = standard.chunks_exact(4).map(pair).collect();
        let mut rest = self.0.get(from + standard.len()..).unwrap_or_default();
        while let [kind, high, low, behind @ ..] = rest {
            let octets = usize::from(u16::from_be_bytes([*high, *low]));
            let (list, behind) = behind.split_at(behind.len().min(octets));
            rest = behind;
            match *kind {
                EXTENDED => texts.extend(list.chunks_exact(8).map(extended)),
                LARGE => texts.extend(list.chunks_exact(12).map(|large| {
                    let parts: Vec<String> = large.chunks_exact(4).map(number).collect();
                    parts.join(":")
                })),
                _ => {}
            }
        }
        texts
    }

    /// What makes one route better than another, in this order [RFC 4271 §9.1]: a higher
    /// LOCAL_PREF, a shorter path, a lower ORIGIN, a lower MULTI_EXIT_DISC, whoever is the
    /// neighbour. Lower is better.
    #[must_use]
    pub fn rank(self) -> (u32, u16, u8, u32) {
        (
            u32::MAX - self.u32_at(4),
            self.u16_at(2),
            self.flags() >> 4,
            self.u32_at(8),
        )
    }

    fn flags(self) -> u8 {
        self.0.first().copied().unwrap_or(0)
    }

    fn next_hop_octets(self) -> usize {
        usize::from(self.0.get(1).copied().unwrap_or(0))
    }

    fn path_octets(self) -> usize {
        usize::from(self.u16_at(16))
    }

    fn part(self, from: usize, count: usize) -> &'a [u8] {
        self.0.get(from..from + count).unwrap_or_default()
    }

    fn u16_at(self, at: usize) -> u16 {
        let octets = self.0.get(at..).and_then(|rest| rest.first_chunk());
        octets.map_or(0, |octets| u16::from_be_bytes(*octets))
    }

    fn u32_at(self, at: usize) -> u32 {
        let octets = self.0.get(at..).and_then(|rest| rest.first_chunk());
        octets.map_or(0, |octets| u32::from_be_bytes(*octets))
    }
}

fn number(octets: &[u8]) -> String {
    let number = octets
        .iter()
        .fold(0, |sum, octet| sum << 8 | u64::from(*octet));
    number.to_string()
}

fn pair(octets: &[u8]) -> String {
    let (high, low) = octets.split_at(2);
    format!("{}:{}", number(high), number(low))
}

/// Route targets and origins by name, others as their octets [RFC 4360, RFC 5668].
fn extended(octets: &[u8]) -> String {
    let name = match octets.get(1) {
        Some(2) => "rt",
        Some(3) => "soo",
        _ => "ext",
    };
    match (octets.first().map(|kind| kind & 0x3f), name) {
        (Some(0), "rt" | "soo") => {
            format!("{name}:{}:{}", number(&octets[2..4]), number(&octets[4..]))
        }
        (Some(1), "rt" | "soo") => {
            let address = &octets[2..6];
            let address: Vec<String> = address.iter().map(ToString::to_string).collect();
            format!("{name}:{}:{}", address.join("."), number(&octets[6..]))
        }
        (Some(2), "rt" | "soo") => {
            format!("{name}:{}:{}", number(&octets[2..6]), number(&octets[6..]))
        }
        _ => {
            let mut text = "ext:".to_owned();
            for octet in octets {
                // Writing to a String cannot fail.
                let _ = write!(text, "{octet:02x}");
            }
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_says_what_was_written() {
        let path = [
            2, 2, 0, 0, 0xfc, 0, 0, 1, 0, 0, 1, 2, 0, 0, 0, 1, 0, 0, 0, 2,
        ];
        let parts = Parts {
            origin_code: 2,
            local_pref: Some(200),
            med: None,
            steps_count: 3,
            origin: Asn(0),
            next_hop: &[192, 0, 2, 1],
            path: &path,
            communities: [
                &[0xfc, 0, 0, 7],
                &[0, 2, 0xfc, 0, 0, 0, 0, 1],
                &[0, 0, 0xfc, 0, 0, 0, 0, 1, 0, 0, 0, 2],
            ],
        };
        let mut octets = Vec::new();
        parts.write(&mut octets);
        let read = Attributes::of(&octets).unwrap();
        assert_eq!(read.origin(), None);
        assert_eq!((read.local_pref(), read.med()), (Some(200), None));
        assert_eq!(read.next_hop(), Some([192, 0, 2, 1].into()));
        assert_eq!(read.path(), "64512 65536 {1,2}");
        assert_eq!(read.communities(), ["64512:7", "rt:64512:1", "64512:1:2"]);
        for length in 0..octets.len() {
            // Whatever is cut off: no answer may come from behind the end.
            let Some(cut) = Attributes::of(&octets[..length]) else {
                continue;
            };
            let _ = (cut.path(), cut.communities(), cut.next_hop());
        }
    }

    #[test]
    fn the_better_route_has_the_lower_rank() {
        let rank = |local_pref, steps_count, origin_code, med| {
            let parts = Parts {
                origin_code,
                local_pref,
                med,
                steps_count,
                ..Parts::default()
            };
            let mut octets = Vec::new();
            parts.write(&mut octets);
            Attributes::of(&octets).unwrap().rank()
        };
        let ascending = [
            rank(Some(200), 9, 2, Some(9)),
            rank(None, 1, 2, Some(9)),
            rank(Some(100), 2, 0, Some(9)),
            rank(Some(100), 2, 1, None),
            rank(Some(100), 2, 1, Some(1)),
            rank(Some(99), 1, 0, None),
        ];
        assert!(ascending.is_sorted(), "{ascending:?}");
    }
}
