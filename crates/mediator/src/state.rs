//! What a Mediator remembers, as octets: so that a restart forgets no Template.
//!
//! A file that is cut off or changed is refused as a whole: half a state is worse than none.
//! Times are kept as ages, for the clock of the next start begins anew.
//!
//! Not here: files (the daemon), which part of the state is believed (`mediator::save`).
//! Bound: what is read is at most what was written; lists announce their length and are read as
//! far as there are octets.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::wire::octets::{u16_at, u32_at};

/// The first octets of a state: what it is, and the version of its layout.
const MAGIC: &[u8] = b"IPFX-AS\x02";
const CHECKSUM_OCTETS: usize = 8;

/// Why a saved state is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateError {
    /// It is cut off or was changed.
    Damaged,
    /// It is no state, or one of another layout.
    Foreign,
}

impl core::fmt::Display for StateError {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str(match self {
            Self::Damaged => {
                "the saved state is cut off or damaged; it is not used, Templates are learnt anew"
            }
            Self::Foreign => {
                "this is no saved state of this version; it is not used, Templates are learnt anew"
            }
        })
    }
}

impl core::error::Error for StateError {}

/// Looks whether octets are a whole state, without taking anything from it.
///
/// # Errors
/// What keeps a [`crate::Mediator`] from taking it over.
pub fn check(octets: &[u8]) -> Result<(), StateError> {
    StateReader::new(octets).map(drop)
}

/// Writes a state.
#[derive(Debug)]
pub(crate) struct StateWriter {
    octets: Vec<u8>,
}

impl StateWriter {
    pub(crate) fn new() -> Self {
        Self {
            octets: MAGIC.to_vec(),
        }
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.octets.push(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.octets.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.octets.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.octets.extend_from_slice(&value.to_be_bytes());
    }

    /// A length, then the items; a longer list is cut off at 65,535, above every limit of ours.
    pub(crate) fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        let count = u16::try_from(items.len()).unwrap_or(u16::MAX);
        self.u16(count);
        for each in items.iter().take(usize::from(count)) {
            item(self, each);
        }
    }

    pub(crate) fn optional(&mut self, value: Option<u64>) {
        self.u64(value.map_or(u64::MAX, |value| value.min(u64::MAX - 1)));
    }

    pub(crate) fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(v4) => {
                self.u8(4);
                self.octets.extend_from_slice(&v4.octets());
            }
            IpAddr::V6(v6) => {
                self.u8(6);
                self.octets.extend_from_slice(&v6.octets());
            }
        }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        let checksum = checksum(&self.octets);
        self.octets.extend_from_slice(&checksum.to_be_bytes());
        self.octets
    }
}

/// Reads a state; `None` at the end of the octets.
#[derive(Debug)]
pub(crate) struct StateReader<'a> {
    rest: &'a [u8],
}

impl<'a> StateReader<'a> {
    /// Checks the state as a whole before anything of it is used.
    pub(crate) fn new(octets: &'a [u8]) -> Result<Self, StateError> {
        let body = octets.strip_prefix(MAGIC).ok_or(StateError::Foreign)?;
        let end = octets
            .len()
            .checked_sub(CHECKSUM_OCTETS)
            .ok_or(StateError::Damaged)?;
        let (state, sum) = octets.split_at(end);
        if checksum(state).to_be_bytes() != sum {
            return Err(StateError::Damaged);
        }
        let end = body
            .len()
            .checked_sub(CHECKSUM_OCTETS)
            .ok_or(StateError::Damaged)?;
        Ok(Self {
            rest: body.get(..end).unwrap_or_default(),
        })
    }

    pub(crate) fn octets(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.octets(1)?.first().copied()
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        u16_at(self.octets(2)?, 0)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        u32_at(self.octets(4)?, 0)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        let octets = self.octets(8)?.try_into().ok()?;
        Some(u64::from_be_bytes(octets))
    }

    pub(crate) fn optional(&mut self) -> Option<Option<u64>> {
        Some(Some(self.u64()?).filter(|value| *value != u64::MAX))
    }

    pub(crate) fn address(&mut self) -> Option<IpAddr> {
        match self.u8()? {
            4 => {
                let octets: [u8; 4] = self.octets(4)?.try_into().ok()?;
                Some(IpAddr::V4(Ipv4Addr::from(octets)))
            }
            6 => {
                let octets: [u8; 16] = self.octets(16)?.try_into().ok()?;
                Some(IpAddr::V6(Ipv6Addr::from(octets)))
            }
            _ => None,
        }
    }
}

/// FNV-1a, 64 bit: finds accidents, not attacks; the file is ours alone.
fn checksum(octets: &[u8]) -> u64 {
    octets.iter().fold(0xCBF2_9CE4_8422_2325, |sum, octet| {
        (sum ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut writer = StateWriter::new();
        writer.u8(1);
        writer.u16(0x0203);
        writer.u32(0x0405_0607);
        writer.u64(0x0809_0A0B_0C0D_0E0F);
        writer.optional(None);
        writer.optional(Some(0));
        writer.optional(Some(u64::MAX));
        writer.address([192, 0, 2, 1].into());
        writer.address([0x2001, 0xDB8, 0, 0, 0, 0, 0, 1].into());
        writer.list(&[7_u16, 8], |writer, item| writer.u16(*item));
        writer.finish()
    }

    #[test]
    fn what_was_written_is_read_in_the_same_order() {
        let octets = sample();
        let mut reader = StateReader::new(&octets).unwrap();
        assert_eq!(reader.u8(), Some(1));
        assert_eq!(reader.u16(), Some(0x0203));
        assert_eq!(reader.u32(), Some(0x0405_0607));
        assert_eq!(reader.u64(), Some(0x0809_0A0B_0C0D_0E0F));
        assert_eq!(reader.optional(), Some(None));
        assert_eq!(reader.optional(), Some(Some(0)));
        assert_eq!(
            reader.optional(),
            Some(Some(u64::MAX - 1)),
            "the largest is taken"
        );
        assert_eq!(reader.address(), Some([192, 0, 2, 1].into()));
        let v6 = [0x2001, 0xDB8, 0, 0, 0, 0, 0, 1];
        assert_eq!(reader.address(), Some(v6.into()));
        assert_eq!(reader.u16(), Some(2), "a list says how long it is");
        assert_eq!((reader.u16(), reader.u16()), (Some(7), Some(8)));
        assert_eq!(
            (reader.u8(), reader.octets(1)),
            (None, None),
            "and the end is the end"
        );
    }

    #[test]
    fn every_prefix_is_refused() {
        let octets = sample();
        assert_eq!(check(&octets), Ok(()));
        for end in 0..octets.len() {
            let expected = if end < MAGIC.len() {
                StateError::Foreign
            } else {
                StateError::Damaged
            };
            assert_eq!(
                StateReader::new(&octets[..end]).unwrap_err(),
                expected,
                "{end} octets"
            );
        }
    }

    #[test]
    fn every_flipped_octet_is_found() {
        let octets = sample();
        for at in 0..octets.len() {
            for bit in 0..8 {
                let mut changed = octets.clone();
                changed[at] ^= 1 << bit;
                assert!(
                    StateReader::new(&changed).is_err(),
                    "bit {bit} of octet {at}"
                );
            }
        }
    }

    #[test]
    fn octets_behind_the_state_are_found() {
        assert_eq!(
            StateReader::new(&[&sample()[..], &[0]].concat()).unwrap_err(),
            StateError::Damaged
        );
        assert_eq!(StateReader::new(b"").unwrap_err(), StateError::Foreign);
    }

    #[test]
    fn an_address_of_no_family_is_none() {
        let mut writer = StateWriter::new();
        writer.u8(5);
        writer.u64(0);
        let octets = writer.finish();
        assert_eq!(StateReader::new(&octets).unwrap().address(), None);
    }

    #[test]
    fn what_is_refused_is_said_with_its_consequence() {
        for error in [StateError::Damaged, StateError::Foreign] {
            assert!(std::format!("{error}").ends_with("Templates are learnt anew"));
        }
    }
}
