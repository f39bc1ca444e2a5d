//! How many IP packets a record stands for: what exporters announce of their sampling.
//!
//! Options Data Records name a rate, alone or for a sampler with an ID that Data Records repeat.
//! Where a record names no sampler and several with different rates were announced, nobody knows;
//! then what the operator wrote counts, else 1. Nothing in a Message changes for it: rates only
//! scale what is counted [RFC 3954 §8, RFC 5477 §8].
//!
//! Elements 34 and 50 are a rate; 305 of 305 + 306 IP packets, and 309 of 310, are sampled. They
//! are read in Options Data Records alone: in Data Records some exporters write nonsense there.
//!
//! Not here: who scales what (`apply`, `columns`).
//! Bound: [`SAMPLERS_MAX`] samplers of a session; the one announced longest ago goes first.

use super::plan::{NumberMark, Plan};
use super::walk::{Fit, Walked};
use crate::observe::Volume;
use crate::wire::octets::uint_at;

/// Samplers of one session.
pub const SAMPLERS_MAX: usize = 8;

/// What a field of an Options Data Record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// Which sampler is meant.
    Sampler,
    /// One IP packet in so many is sampled.
    Rate,
    /// So many IP packets in a row are sampled.
    Sampled,
    /// So many are passed over then.
    PassedOver,
    /// So many are sampled of a population.
    Size,
    /// So many are the population.
    Population,
}

/// samplerId of NetFlow v9, selectorId of IPFIX.
pub(super) const SAMPLER_IDS: [u16; 2] = [48, 302];

/// What an element of an Options Data Record says of sampling.
pub(super) const fn says(element: u16) -> Option<Says> {
    match element {
        48 | 302 => Some(Says::Sampler),
        34 | 50 => Some(Says::Rate),
        305 => Some(Says::Sampled),
        306 => Some(Says::PassedOver),
        309 => Some(Says::Size),
        310 => Some(Says::Population),
        _ => None,
    }
}

/// A field of the records of an Options Template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SamplingMark {
    /// Where it is.
    pub at: NumberMark,
    pub(super) says: Says,
}

/// What one exporter announced in a domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Samplers {
    /// The rate that has no sampler; 0: none was announced.
    alone: u32,
    /// ID and rate; a rate of 0 is a free place.
    list: [(u64, u32); SAMPLERS_MAX],
    next: usize,
    /// The rate of records that name no sampler; 0 where it is not clear. It is kept beside the
    /// others because every Set asks for it.
    common: u32,
}

impl Samplers {
    /// Notes what was announced; a rate of 0 says nothing.
    pub fn note(&mut self, sampler: Option<u64>, rate: u32) {
        if rate == 0 {
            return;
        }
        match sampler {
            None if self.alone == rate => return,
            None => self.alone = rate,
            Some(id) => self.note_sampler(id, rate),
        }
        self.common = self.agreed().unwrap_or(0);
    }

    fn note_sampler(&mut self, id: u64, rate: u32) {
        let mut list = self.list.iter_mut();
        if let Some(known) = list.find(|(one, old)| *one == id && *old > 0) {
            known.1 = rate;
        } else if let Some(place) = self.list.get_mut(self.next % SAMPLERS_MAX) {
            *place = (id, rate);
            self.next = (self.next + 1) % SAMPLERS_MAX;
        }
    }

    /// The rate without sampler, or the one of all samplers.
    fn agreed(&self) -> Option<u32> {
        if self.alone > 0 {
            return Some(self.alone);
        }
        let mut rates = self.iter().map(|(_, rate)| rate);
        let first = rates.next()?;
        rates.all(|rate| rate == first).then_some(first)
    }

    /// Notes everything that others say.
    pub fn note_all(&mut self, others: &Self) {
        self.note(None, others.alone);
        for (id, rate) in others.iter() {
            self.note(Some(id), rate);
        }
    }

    /// Returns the rate of records that name no sampler, if it is clear.
    #[must_use]
    #[inline]
    pub const fn common(&self) -> Option<u32> {
        match self.common {
            0 => None,
            rate => Some(rate),
        }
    }

    /// Returns the rate of a sampler.
    #[must_use]
    pub fn of(&self, sampler: u64) -> Option<u32> {
        let mut known = self.iter();
        known.find(|(id, _)| *id == sampler).map(|(_, rate)| rate)
    }

    /// The samplers with an ID.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        self.list.iter().copied().filter(|(_, rate)| *rate > 0)
    }

    /// The rate that has no sampler; 0 if none was announced.
    #[must_use]
    pub const fn alone(&self) -> u32 {
        self.alone
    }
}

/// What the records of one Set stand for.
#[derive(Clone, Copy, Debug)]
pub struct Sampling<'a> {
    /// So many IP packets, where the record names no sampler that is known.
    pub rate: u32,
    /// The samplers, where the records name one.
    pub samplers: Option<&'a Samplers>,
}

impl Sampling<'_> {
    /// Makes `volume` of a record what it stands for.
    #[inline]
    pub(super) fn scale_by(&self, sampler: Option<u64>, volume: &mut Volume) {
        let known = || self.samplers?.of(sampler?);
        let rate = u64::from(known().unwrap_or(self.rate));
        volume.ip_packets = volume.ip_packets.wrapping_mul(rate);
        volume.octets = volume.octets.wrapping_mul(rate);
    }

    /// Makes the volumes of records that name no sampler what they stand for.
    #[inline]
    pub(super) fn scale(&self, volumes: &mut [Volume]) {
        if self.rate > 1 {
            volumes
                .iter_mut()
                .for_each(|volume| self.scale_by(None, volume));
        }
    }
}

/// Returns what the Options Data Records of a Set announce.
#[must_use]
pub fn announced(plan: &Plan, fit: Fit, content: &[u8], walked: &Walked) -> Samplers {
    let mut samplers = Samplers::default();
    if plan.sampling.is_empty() {
        return samplers;
    }
    for nth in 0..fit.records_count {
        let value = |wanted: Says| {
            let marks = plan.sampling.iter().filter(|mark| mark.says == wanted);
            let numbers = marks.filter_map(|mark| {
                let at = plan.layout.mark(nth, mark.at.mark, walked);
                uint_at(content, at, mark.at.width)
            });
            numbers.max()
        };
        let in_row = || {
            let sampled = value(Says::Sampled)?;
            quotient(sampled.saturating_add(value(Says::PassedOver)?), sampled)
        };
        let of_population = || quotient(value(Says::Population)?, value(Says::Size)?);
        let rate = value(Says::Rate).filter(|rate| *rate > 0);
        let rate = rate.or_else(in_row).or_else(of_population);
        let rate = rate.and_then(|rate| u32::try_from(rate).ok());
        samplers.note(value(Says::Sampler), rate.unwrap_or(0));
    }
    samplers
}

/// Divides, to the nearest whole number.
fn quotient(whole: u64, part: u64) -> Option<u64> {
    whole.saturating_add(part / 2).checked_div(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_sampler_has_the_rate_on_which_all_agree() {
        let mut samplers = Samplers::default();
        assert_eq!(samplers.common(), None);
        samplers.note(Some(1), 100);
        samplers.note(Some(2), 100);
        assert_eq!(samplers.common(), Some(100));
        samplers.note(Some(2), 1000);
        assert_eq!(samplers.common(), None);
        assert_eq!((samplers.of(1), samplers.of(2)), (Some(100), Some(1000)));
        samplers.note(None, 50);
        assert_eq!(samplers.common(), Some(50));
        samplers.note(Some(3), 0);
        assert_eq!(samplers.of(3), None);
    }

    #[test]
    fn the_sampler_announced_longest_ago_makes_room() {
        let mut samplers = Samplers::default();
        let announced = 0..3 * SAMPLERS_MAX as u64;
        for id in announced.clone() {
            samplers.note(Some(id), 7);
        }
        let known: usize = announced.filter(|id| samplers.of(*id).is_some()).count();
        assert_eq!(known, SAMPLERS_MAX);
        assert_eq!(samplers.of(3 * SAMPLERS_MAX as u64 - 1), Some(7));
    }

    #[test]
    fn a_volume_becomes_what_it_stands_for_and_the_flow_stays_one() {
        let mut samplers = Samplers::default();
        samplers.note(Some(9), 10);
        let sampling = Sampling {
            rate: 3,
            samplers: Some(&samplers),
        };
        let sampled = Volume {
            flows: 1,
            ip_packets: 2,
            octets: 100,
        };
        for (sampler, rate) in [(Some(9), 10), (Some(8), 3), (None, 3)] {
            let mut volume = sampled;
            sampling.scale_by(sampler, &mut volume);
            let expected = Volume {
                flows: 1,
                ip_packets: 2 * rate,
                octets: 100 * rate,
            };
            assert_eq!(volume, expected);
        }
    }
}
