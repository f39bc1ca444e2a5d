//! Damage: what broken exporters, broken networks and strangers send.
//!
//! Not here: Sets that are wrong but well framed (`exporter` puts them between sound ones).
//! Bound: a damaged Message is at most 40 octets longer than the sound one.

use crate::framing::Version;
use crate::random::Random;

/// What was done to a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Octets of no protocol.
    Junk,
    /// The Length or count in the header is wrong.
    Length,
    /// A Set Length passes the end.
    SetOverrun,
    /// A Set Length below its header.
    SetTooShort,
    /// The end is missing.
    Truncated,
    /// The version is none of ours.
    Version,
}

const FLAWS: &[Flaw] = &[
    Flaw::Length,
    Flaw::SetOverrun,
    Flaw::SetTooShort,
    Flaw::Truncated,
    Flaw::Version,
];

/// Damages a sound Message and says how.
pub fn damage(random: &mut Random, version: Version, octets: &mut Vec<u8>) -> Flaw {
    let flaw = match version {
        Version::V5 => *random.pick(&[Flaw::Length, Flaw::Truncated, Flaw::Version]),
        _ => *random.pick(FLAWS),
    };
    match flaw {
        Flaw::Length if version == Version::Ipfix => {
            let wrong = octets.len() + random.between(1, 40);
            put(octets, 2, wrong);
        }
        // v9 has no length that could be wrong, and its count is nothing to go by.
        Flaw::Length if version == Version::V9 => append_set(octets, 3),
        Flaw::Length => put(octets, 2, random.between(1_400, 60_000)),
        Flaw::SetOverrun => append_set(octets, random.between(5, 2_000)),
        Flaw::SetTooShort => append_set(octets, random.between(0, 3)),
        Flaw::Truncated => {
            let kept = random.between(0, octets.len().saturating_sub(1));
            octets.truncate(kept);
        }
        Flaw::Version | Flaw::Junk => put(octets, 0, *random.pick(&[0, 1, 6, 7, 8, 11, 2_560])),
    }
    flaw
}

/// Returns octets that mean nothing; sometimes none at all.
pub fn junk(random: &mut Random) -> Vec<u8> {
    let length = random.between(0, 40);
    random.octets(length)
}

/// Appends a Set header with a Set Length that is not true, and keeps an IPFIX Length true.
fn append_set(octets: &mut Vec<u8>, length: usize) {
    octets.extend([1, 1, 0, 0]);
    let start = octets.len() - 4;
    put(octets, start + 2, length);
    if octets.starts_with(&[0, 10]) {
        let length = octets.len();
        put(octets, 2, length);
    }
}

fn put(octets: &mut [u8], at: usize, number: usize) {
    let number = u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes();
    if let Some(place) = octets.get_mut(at..at + 2) {
        place.copy_from_slice(&number);
    }
}

#[cfg(test)]
mod tests {
    use super::{Flaw, damage};
    use crate::exporter::encode::{Numbers, message, set};
    use crate::framing::{Version, messages};
    use crate::random::Random;

    #[test]
    fn damage_is_seen_unless_a_set_border_was_cut() {
        let numbers = Numbers {
            count: 1,
            up_time_ms: 0,
            export_time_s: 0,
            sequence: 0,
            domain: 0,
        };
        let mut random = Random::new(4);
        for version in [Version::V9, Version::Ipfix] {
            for _ in 0..300 {
                let mut octets = message(version, numbers, &[set(256, &[7; 40], &[])]);
                let flaw = damage(&mut random, version, &mut octets);
                let (found, _) = messages(&octets);
                let cut = flaw == Flaw::Truncated && octets.len() == version.header_octets();
                assert_eq!(found[0].fault.is_none(), cut, "{version:?} {flaw:?}");
            }
        }
    }
}
