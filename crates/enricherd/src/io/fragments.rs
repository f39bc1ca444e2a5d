//! IP fragments put together [RFC 791 §3.2, RFC 8200 §4.5].
//!
//! Exporters that know nothing of the path send datagrams that IP has to divide. The fragments
//! may come in any order and twice. Fragments that contradict each other condemn their packet:
//! nobody could tell which of them is true [RFC 5722 §4].
//!
//! Not here: what is in the packet (`ip`).
//! Bound: [`PACKETS_MAX`] packets of [`FRAGMENTS_MAX`] fragments each, [`OCTETS_MAX`] octets in
//! all, [`LIFETIME`]; the packet that waits longest goes first. Every fragment that is given up
//! is counted.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::io::ip::{Fragment, IPV4_HEADER_OCTETS, Packet, Place};
use crate::io::unread::{Unread, UnreadCounts};

/// Packets that may be incomplete at the same time: one from each of many exporters.
pub const PACKETS_MAX: usize = 1024;
/// Fragments of one packet: 65535 octets over the smallest path MTU in use, 296 octets.
pub const FRAGMENTS_MAX: usize = 256;
/// Octets that may wait at the same time: 128 packets of the largest size.
pub const OCTETS_MAX: usize = 8 << 20;
/// How long fragments wait for each other, as Linux does.
pub const LIFETIME: Duration = Duration::from_secs(30);
/// What the length field of either IP version can say.
const LENGTH_MAX: usize = 65535;

/// What belongs together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    /// IPv6 does not have it in the key: there it is 0.
    protocol: u8,
    id: u32,
}

#[derive(Debug)]
struct Waiting {
    since: Duration,
    fragments_count: u64,
    /// By offset; no two overlap.
    parts: BTreeMap<usize, Vec<u8>>,
    /// Known once the last fragment came.
    octets_total: Option<usize>,
    /// What the whole begins with; known once the first fragment came.
    protocol: u8,
    condemned: Option<Unread>,
}

/// The whole payload of an IP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// What `payload` begins with.
    pub protocol: u8,
    /// All fragments, joined.
    pub payload: Vec<u8>,
    /// How many frames it took.
    pub fragments_count: u64,
}

/// Packets of which some fragments are still missing.
#[derive(Debug, Default)]
pub struct Fragments {
    waiting: BTreeMap<Key, Waiting>,
    octets_waiting: usize,
}

impl Fragments {
    /// Takes one fragment in; returns the whole payload if it was the last one missing.
    ///
    /// `now` is the capture's clock since any start. What is given up is counted in `unread`.
    pub fn add(
        &mut self,
        packet: &Packet<'_>,
        fragment: Fragment,
        now: Duration,
        unread: &mut UnreadCounts,
    ) -> Option<Whole> {
        self.expire(now, unread);
        let key = Key::of(packet, fragment);
        if !self.waiting.contains_key(&key) {
            self.make_room_for_packet(unread);
        }
        let waiting = self
            .waiting
            .entry(key)
            .or_insert_with(|| Waiting::new(now, packet.protocol));
        let octets_before = waiting.octets();
        waiting.add(packet, fragment);
        self.octets_waiting = self.octets_waiting + waiting.octets() - octets_before;
        if waiting.is_whole() {
            return self.take(&key).map(Waiting::join);
        }
        self.make_room_for_octets(unread);
        None
    }

    /// Gives up all packets that are not whole.
    pub fn finish(&mut self, unread: &mut UnreadCounts) {
        while let Some((&key, _)) = self.waiting.first_key_value() {
            self.give_up(&key, Unread::FragmentsIncomplete, unread);
        }
    }

    fn expire(&mut self, now: Duration, unread: &mut UnreadCounts) {
        while let Some(key) = self.oldest_if(|since| now.saturating_sub(since) > LIFETIME) {
            self.give_up(&key, Unread::FragmentsIncomplete, unread);
        }
    }

    fn make_room_for_packet(&mut self, unread: &mut UnreadCounts) {
        while self.waiting.len() >= PACKETS_MAX {
            self.give_up_oldest(unread);
        }
    }

    fn make_room_for_octets(&mut self, unread: &mut UnreadCounts) {
        while self.octets_waiting > OCTETS_MAX {
            self.give_up_oldest(unread);
        }
    }

    fn give_up_oldest(&mut self, unread: &mut UnreadCounts) {
        if let Some(key) = self.oldest_if(|_| true) {
            self.give_up(&key, Unread::FragmentsLimit, unread);
        }
    }

    fn oldest_if(&self, condition: impl Fn(Duration) -> bool) -> Option<Key> {
        let oldest = self.waiting.iter().min_by_key(|(_, waiting)| waiting.since);
        oldest
            .filter(|(_, waiting)| condition(waiting.since))
            .map(|(key, _)| *key)
    }

    fn give_up(&mut self, key: &Key, reason: Unread, unread: &mut UnreadCounts) {
        if let Some(waiting) = self.take(key) {
            unread.add(waiting.condemned.unwrap_or(reason), waiting.fragments_count);
        }
    }

    fn take(&mut self, key: &Key) -> Option<Waiting> {
        let waiting = self.waiting.remove(key)?;
        self.octets_waiting -= waiting.octets();
        Some(waiting)
    }
}

impl Key {
    fn of(packet: &Packet<'_>, fragment: Fragment) -> Self {
        Self {
            source: packet.source,
            destination: packet.destination,
            protocol: if packet.source.is_ipv4() {
                packet.protocol
            } else {
                0
            },
            id: fragment.id,
        }
    }
}

impl Waiting {
    const fn new(since: Duration, protocol: u8) -> Self {
        Self {
            since,
            fragments_count: 0,
            parts: BTreeMap::new(),
            octets_total: None,
            protocol,
            condemned: None,
        }
    }

    fn add(&mut self, packet: &Packet<'_>, fragment: Fragment) {
        self.fragments_count += 1;
        if self.condemned.is_some() {
            return;
        }
        if let Err(reason) = self.try_add(packet, fragment) {
            self.condemned = Some(reason);
            // Kept without its octets, so that its other fragments find it and are not read as
            // the start of a new packet.
            self.parts.clear();
        }
    }

    fn try_add(&mut self, packet: &Packet<'_>, fragment: Fragment) -> Result<(), Unread> {
        let end = fragment.offset + packet.payload.len();
        match fragment.place {
            Place::Last if self.contradicts_end(end) => return Err(Unread::FragmentsOverlap),
            Place::Last => self.octets_total = Some(end),
            Place::Inner if !packet.payload.len().is_multiple_of(8) => {
                return Err(Unread::Malformed);
            }
            Place::Inner => {}
        }
        if end > payload_octets_max(packet) {
            return Err(Unread::Malformed);
        }
        if self.parts.get(&fragment.offset).map(Vec::as_slice) == Some(packet.payload) {
            return Ok(());
        }
        if self.parts.len() >= FRAGMENTS_MAX {
            return Err(Unread::FragmentsLimit);
        }
        if self.overlaps(fragment.offset, end) {
            return Err(Unread::FragmentsOverlap);
        }
        if fragment.offset == 0 {
            self.protocol = packet.protocol;
        }
        self.parts.insert(fragment.offset, packet.payload.to_vec());
        Ok(())
    }

    /// Whether another end is known, or octets behind `end`.
    fn contradicts_end(&self, end: usize) -> bool {
        let last = self.parts.last_key_value();
        self.octets_total.is_some_and(|total| total != end)
            || last.is_some_and(|(offset, part)| offset + part.len() > end)
    }

    fn overlaps(&self, start: usize, end: usize) -> bool {
        let before = self.parts.range(..=start).next_back();
        let after = self.parts.range(start..).next();
        before.is_some_and(|(offset, part)| offset + part.len() > start)
            || after.is_some_and(|(offset, _)| *offset < end || *offset == start)
            || self.octets_total.is_some_and(|total| end > total)
    }

    fn octets(&self) -> usize {
        self.parts.values().map(Vec::len).sum()
    }

    /// No two parts overlap and none passes the end, so the sum tells whether all are there.
    fn is_whole(&self) -> bool {
        self.condemned.is_none() && self.octets_total == Some(self.octets())
    }

    fn join(self) -> Whole {
        Whole {
            protocol: self.protocol,
            payload: self.parts.into_values().flatten().collect(),
            fragments_count: self.fragments_count,
        }
    }
}

/// The length of IPv4 counts the header, that of IPv6 does not.
const fn payload_octets_max(packet: &Packet<'_>) -> usize {
    match packet.source {
        IpAddr::V4(_) => LENGTH_MAX - IPV4_HEADER_OCTETS,
        IpAddr::V6(_) => LENGTH_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fragment of packet `id`: offset, octets, whether others follow.
    type Piece = (u32, usize, &'static [u8], Place);

    const A: Piece = (1, 0, b"AAAAAAAA", Place::Inner);
    const B: Piece = (1, 8, b"BBBBBBBB", Place::Inner);
    const C: Piece = (1, 16, b"CCC", Place::Last);

    fn packet(payload: &[u8]) -> Packet<'_> {
        Packet {
            source: [192, 0, 2, 1].into(),
            destination: [192, 0, 2, 2].into(),
            protocol: 17,
            payload,
            fragment: None,
        }
    }

    /// Feeds the pieces at second 0, 1, 2 ...; returns the wholes and what was given up.
    fn join(pieces: &[Piece]) -> (Vec<Vec<u8>>, Vec<(Unread, u64)>) {
        let mut fragments = Fragments::default();
        let mut unread = UnreadCounts::default();
        let mut wholes = Vec::new();
        for (second, (id, offset, octets, place)) in (0..).zip(pieces) {
            let fragment = Fragment {
                id: *id,
                offset: *offset,
                place: *place,
            };
            let now = Duration::from_secs(second);
            let whole = fragments.add(&packet(octets), fragment, now, &mut unread);
            wholes.extend(whole.map(|whole| whole.payload));
        }
        fragments.finish(&mut unread);
        assert_eq!(fragments.octets_waiting, 0);
        (wholes, unread.iter().collect())
    }

    #[test]
    fn fragments_are_joined_in_any_order() {
        for pieces in [
            [A, B, C],
            [A, C, B],
            [B, A, C],
            [B, C, A],
            [C, A, B],
            [C, B, A],
        ] {
            let (wholes, unread) = join(&pieces);
            assert_eq!(wholes, [b"AAAAAAAABBBBBBBBCCC".to_vec()]);
            assert_eq!(unread, []);
        }
    }

    #[test]
    fn a_fragment_that_comes_twice_does_no_harm() {
        let (wholes, unread) = join(&[A, C, A, C, B]);
        assert_eq!(wholes.len(), 1);
        assert_eq!(unread, []);
    }

    #[test]
    fn a_missing_fragment_leaves_the_others_counted() {
        assert_eq!(
            join(&[A, C]),
            (vec![], vec![(Unread::FragmentsIncomplete, 2)])
        );
    }

    #[test]
    fn fragments_that_contradict_each_other_condemn_the_packet() {
        let other_octets = (1, 0, &b"aaaaaaaa"[..], Place::Inner);
        let across = (1, 0, &b"AAAAAAAAbbbbbbbb"[..], Place::Inner);
        let other_end = (1, 8, &b"B"[..], Place::Last);
        let beyond_end = (1, 24, &b"DDDDDDDD"[..], Place::Inner);
        for (pieces, count) in [
            (&[A, other_octets, B, C][..], 4),
            (&[B, across, C], 3),
            (&[A, C, other_end, B], 4),
            (&[A, C, beyond_end, B], 4),
            (&[A, beyond_end, C, B], 4),
        ] {
            assert_eq!(
                join(pieces),
                (vec![], vec![(Unread::FragmentsOverlap, count)])
            );
        }
    }

    #[test]
    fn an_inner_fragment_of_odd_length_is_malformed() {
        let odd = (1, 0, &b"AAA"[..], Place::Inner);
        assert_eq!(join(&[odd, C]), (vec![], vec![(Unread::Malformed, 2)]));
    }

    #[test]
    fn a_packet_of_more_than_65535_octets_is_malformed() {
        let far = (1, 65512, &b"1234"[..], Place::Last);
        assert_eq!(join(&[A, far]), (vec![], vec![(Unread::Malformed, 2)]));
    }

    #[test]
    fn packets_of_different_identification_do_not_mix() {
        let (wholes, unread) = join(&[A, (2, 8, b"BBBBBBBB", Place::Inner), B, C]);
        assert_eq!(wholes.len(), 1);
        assert_eq!(unread, [(Unread::FragmentsIncomplete, 1)]);
    }

    #[test]
    fn fragments_wait_thirty_seconds_and_no_longer() {
        for (seconds, wholes) in [(30, 1), (31, 0)] {
            let mut pieces = vec![A, B];
            pieces.extend((2..seconds).map(|_| B));
            pieces.push(C);
            assert_eq!(join(&pieces).0.len(), wholes, "{seconds}");
        }
    }

    #[test]
    fn the_limit_of_packets_gives_the_oldest_up() {
        let mut fragments = Fragments::default();
        let mut unread = UnreadCounts::default();
        for id in 0..=u32::try_from(PACKETS_MAX).unwrap() {
            let fragment = Fragment {
                id,
                offset: 0,
                place: Place::Inner,
            };
            fragments.add(&packet(b"12345678"), fragment, Duration::ZERO, &mut unread);
        }
        assert_eq!(
            unread.iter().collect::<Vec<_>>(),
            [(Unread::FragmentsLimit, 1)]
        );
    }

    #[test]
    fn the_limit_of_octets_gives_the_oldest_up() {
        let mut fragments = Fragments::default();
        let mut unread = UnreadCounts::default();
        let octets = vec![0; 65512];
        for id in 0..130 {
            let fragment = Fragment {
                id,
                offset: 0,
                place: Place::Inner,
            };
            fragments.add(&packet(&octets), fragment, Duration::ZERO, &mut unread);
            assert!(fragments.octets_waiting <= OCTETS_MAX);
        }
        assert_eq!(
            unread.iter().collect::<Vec<_>>(),
            [(Unread::FragmentsLimit, 2)]
        );
    }
}
