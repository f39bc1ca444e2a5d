//! Our own Messages that come back: directly, or through another enricher.
//!
//! What leaves is remembered for a while by a fingerprint of what no enricher changes once it has
//! been through one: version, header times, octets of the Sets. What comes is looked up. An equal
//! Message is ours if it comes from where the first one came, or from a collector of ours, and with
//! no more TTL than ours left with: we take one off, as every enricher does, so a copy that the
//! network made has more.
//!
//! The first few pass, so that each enricher of a circle sees them and says so; then they are
//! dropped as long as they come. What is not found here dies by its TTL: Templates, for instance,
//! whose clones have other IDs after each round.
//!
//! Not here: counting and saying it (`worker`, `control`).
//! Bound: [`MARKS`] fingerprints, 64 KiB for each worker; the newer takes the place of the older.

use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;

use foldhash::fast::FixedState;
use mediator::Millis;
use mediator::wire::header;

/// Messages that are remembered: at 100,000 a second those of 40 milliseconds.
const MARKS: usize = 4096;
/// Octets at each end of the Sets that the fingerprint covers.
const SAMPLE_OCTETS: usize = 64;
/// Messages that pass before those behind them are dropped.
const PASSED_MAX: u32 = 2;
/// After so long without one the loop is over.
const MEMORY_MS: u64 = 60_000;

/// A Message that left.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    print: u64,
    source: u32,
    ttl: u8,
}

/// What a Message that comes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nobody sent it here before.
    New,
    /// Ours, and one of the first: let it pass.
    First,
    /// Ours: drop it.
    Again,
}

/// What left lately.
#[derive(Debug)]
pub(super) struct Loops {
    hasher: FixedState,
    marks: Box<[Mark]>,
    found: u32,
    found_at: Millis,
}

impl Loops {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            hasher: FixedState::with_seed(seed),
            marks: vec![Mark::default(); MARKS].into_boxed_slice(),
            found: 0,
            found_at: Millis(0),
        }
    }

    /// Remembers a Message that leaves with this TTL and came from `source`; `header` may be empty,
    /// where the body has it.
    pub(super) fn note(&mut self, (header, body): (&[u8], &[u8]), source: IpAddr, ttl: u8) {
        let print = self.print(header, body);
        let source = self.source(source);
        if let Some(mark) = self.marks.get_mut(place_of(print)) {
            // Of equal Messages, as repeated Templates are, one may be on a later round.
            let is_equal = mark.print == print && mark.source == source;
            let ttl = if is_equal { mark.ttl.max(ttl) } else { ttl };
            *mark = Mark { print, source, ttl };
        }
    }

    /// Says whether a datagram that came from `source` is ours. `is_collector`: we send to there.
    pub(super) fn look(
        &mut self,
        octets: &[u8],
        (source, ttl): (IpAddr, u8),
        is_collector: impl FnOnce() -> bool,
        now: Millis,
    ) -> Seen {
        let print = self.print(&[], octets);
        let Some(mark) = self.marks.get(place_of(print)).copied() else {
            return Seen::New;
        };
        if mark.print != print || ttl > mark.ttl {
            return Seen::New;
        }
        if mark.source != self.source(source) && !is_collector() {
            return Seen::New;
        }
        if now.since(self.found_at) >= MEMORY_MS {
            self.found = 0;
        }
        self.found = self.found.saturating_add(1);
        self.found_at = now;
        if self.found > PASSED_MAX {
            Seen::Again
        } else {
            Seen::First
        }
    }

    fn source(&self, source: IpAddr) -> u32 {
        let hash = self.hasher.hash_one(source);
        u32::try_from(hash >> 32).unwrap_or_default()
    }

    /// The fingerprint of a Message; never 0, which is no Message's.
    fn print(&self, header: &[u8], body: &[u8]) -> u64 {
        let (header, sets) = if header.is_empty() {
            let version = header::version(body);
            let header_octets = version.map_or(0, |version| version.header_octets());
            body.split_at_checked(header_octets).unwrap_or((&[], body))
        } else {
            (header, body)
        };
        let mut hasher = self.hasher.build_hasher();
        hasher.write(times(header));
        hasher.write_usize(sets.len());
        hasher.write(sets.get(..SAMPLE_OCTETS).unwrap_or(sets));
        let behind = sets.len().saturating_sub(SAMPLE_OCTETS);
        hasher.write(sets.get(behind..).unwrap_or_default());
        hasher.finish().max(1)
    }
}

/// What of a header says when the Message was made: the rest is ours to change.
fn times(header: &[u8]) -> &[u8] {
    let range = match header {
        [0, 10, ..] => 4..8,
        _ => 4..12,
    };
    header.get(range).unwrap_or_default()
}

fn place_of(print: u64) -> usize {
    usize::try_from(print).unwrap_or(usize::MAX) % MARKS
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORTER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    /// A Message of IPFIX with this Sequence Number, domain and last octet.
    fn message(sequence: u8, domain: u8, last: u8) -> Vec<u8> {
        let header = [0, 10, 0, 28, 1, 2, 3, 4, 0, 0, 0, sequence, 0, 0, 0, domain];
        let set = [1, 0, 0, 12, 8, 8, 8, 8, 1, 1, 1, last];
        [&header[..], &set].concat()
    }

    fn look(loops: &mut Loops, octets: &[u8], from: (IpAddr, u8), seconds: u64) -> Seen {
        loops.look(octets, from, || from.0 == OTHER, Millis(seconds * 1000))
    }

    #[test]
    fn what_left_is_known_again_whatever_numbers_it_has_now() {
        let mut loops = Loops::new(7);
        let came = message(1, 7, 1);
        loops.note((&came[..16], &came[16..]), EXPORTER, 63);
        let back = message(9, 4, 1);
        assert_eq!(look(&mut loops, &back, (EXPORTER, 62), 1), Seen::First);
        assert_eq!(look(&mut loops, &back, (OTHER, 61), 1), Seen::First);
        assert_eq!(look(&mut loops, &back, (EXPORTER, 62), 1), Seen::Again);
        assert_eq!(look(&mut loops, &back, (EXPORTER, 62), 100), Seen::First);
    }

    #[test]
    fn one_on_a_later_round_hides_no_equal_one_on_an_earlier() {
        let mut loops = Loops::new(7);
        let came = message(1, 7, 1);
        loops.note((&[], &came), EXPORTER, 63);
        loops.note((&[], &came), EXPORTER, 40);
        assert_eq!(look(&mut loops, &came, (EXPORTER, 62), 1), Seen::First);
    }

    #[test]
    fn copies_of_the_network_other_exporters_and_other_data_are_not_ours() {
        let mut loops = Loops::new(7);
        let came = message(1, 7, 1);
        loops.note((&[], &came), EXPORTER, 63);
        let third = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 3));
        for (octets, from) in [
            (&came, (EXPORTER, 64)),
            (&came, (third, 60)),
            (&message(1, 7, 2), (EXPORTER, 60)),
            (&vec![], (EXPORTER, 60)),
        ] {
            for _ in 0..5 {
                assert_eq!(look(&mut loops, octets, from, 1), Seen::New, "{from:?}");
            }
        }
    }
}
