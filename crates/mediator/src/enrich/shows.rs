//! What a Data Record shows to a filter: its addresses, and the AS numbers that it leaves with.
//!
//! Records are read where they lie: as they came with numbers written into them, or as the clone's,
//! whose AS fields are wider or stand at the end.
//!
//! Not here: what is wanted (`settings::filter`), leaving records out (`mediator::select`).

use core::net::IpAddr;

use super::address::{RecordAt, addresses};
use super::plan::Plan;
use super::walk::Walked;
use crate::settings::filter::{IpVersion, RecordFilter};
use crate::wire::octets::{u32_at, uint_at};

/// The Data Records of one Set after they were worked on.
#[derive(Clone, Copy, Debug)]
pub struct Worked<'a> {
    /// Where the fields are.
    pub plan: &'a Plan,
    /// The walk over the content.
    pub walked: &'a Walked,
    /// The records: as they came, but for numbers that were written into them.
    pub content: &'a [u8],
    /// The records of the clone, if that is what leaves, and where each of them ends.
    pub clones: Option<Clones<'a>>,
}

/// The records of a clone.
#[derive(Clone, Copy, Debug)]
pub struct Clones<'a> {
    /// Octets in which they lie, one behind the other.
    pub octets: &'a [u8],
    /// Where the first begins.
    pub start: usize,
    /// Octets of each, where all have as many.
    pub each_octets: usize,
    /// Where each ends, where they have not.
    pub ends: &'a [usize],
}

impl Worked<'_> {
    /// Whether a record is wanted.
    #[must_use]
    pub fn shows(&self, nth: usize, wanted: &RecordFilter) -> bool {
        self.shows_version(nth, wanted.ip_version)
            && self.shows_address(nth, wanted)
            && self.shows_as(nth, wanted)
    }

    fn shows_version(&self, nth: usize, wanted: Option<IpVersion>) -> bool {
        wanted.is_none_or(|wanted| {
            self.any_address(nth, |address| match wanted {
                IpVersion::V4 => address.is_ipv4(),
                IpVersion::V6 => address.is_ipv6(),
            })
        })
    }

    fn shows_address(&self, nth: usize, wanted: &RecordFilter) -> bool {
        let wanted = &wanted.addresses;
        wanted.is_empty() || self.any_address(nth, |address| wanted.contains(address))
    }

    fn shows_as(&self, nth: usize, wanted: &RecordFilter) -> bool {
        let wanted = &wanted.as_numbers;
        let is_wanted = |asn: u32| wanted.binary_search(&asn).is_ok();
        wanted.is_empty() || (0..2).any(|side| self.as_number(nth, side).is_some_and(is_wanted))
    }

    fn any_address(&self, nth: usize, is_wanted: impl Fn(IpAddr) -> bool) -> bool {
        let record = RecordAt {
            content: self.content,
            nth,
            walked: self.walked,
        };
        (0..2).any(|side| addresses(self.plan, side, &record).any(&is_wanted))
    }

    /// The AS number that leaves for a side: the one that collectors read, the last.
    fn as_number(&self, nth: usize, side: usize) -> Option<u32> {
        let marks = self.plan.sides.get(side)?;
        let Some(clones) = &self.clones else {
            let field = marks.as_fields.last()?;
            let at = self.plan.layout.mark(nth, field.mark, self.walked);
            return u32::try_from(uint_at(self.content, at, field.width)?).ok();
        };
        let clone = clones.record(nth)?;
        if marks.append {
            // What is appended stands at the end, the source before the destination.
            let behind = usize::from(side == 0 && self.plan.sides.last()?.append);
            return u32_at(clone, clone.len().checked_sub(4 * (behind + 1))?);
        }
        let field = marks.as_fields.last()?;
        let (start, _) = self.plan.layout.record(nth, self.walked);
        let at = self.plan.layout.mark(nth, field.mark, self.walked) - start;
        let widened = self.plan.widened.iter();
        let before = widened.clone().filter(|other| other.mark < field.mark);
        let shift: usize = before.map(|other| 4 - other.width).sum();
        let is_widened = widened.into_iter().any(|other| other.mark == field.mark);
        let width = if is_widened { 4 } else { field.width };
        u32::try_from(uint_at(clone, at + shift, width)?).ok()
    }
}

impl<'a> Clones<'a> {
    fn record(&self, nth: usize) -> Option<&'a [u8]> {
        let (start, end) = match self.ends {
            [] => {
                let start = self.start + nth * self.each_octets;
                (start, start + self.each_octets)
            }
            ends => {
                let before = nth.checked_sub(1).and_then(|before| ends.get(before));
                (before.copied().unwrap_or(self.start), *ends.get(nth)?)
            }
        };
        self.octets.get(start..end)
    }
}
