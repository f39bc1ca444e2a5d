//! A draft of which some collectors get a part: the same Sets with fewer Data Records.
//!
//! Not here: which records these are (`mediator::select`).
//! Bound: that of the draft it is taken from; the memory is used again for every Message.

use core::ops::Range;

use super::{Counts, Draft, Padding, Piece, Unit};
use crate::wire::DATA_SET_ID_MIN;

/// The records of the Set that was closed last.
#[derive(Clone, Copy, Debug)]
pub struct LastSet<'a> {
    /// The octets of all Sets.
    pub body: &'a [u8],
    /// Where the first record begins.
    pub start: usize,
    /// Where each record ends; none where all have the same length.
    pub ends: &'a [usize],
}

/// What a selection lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Data Records that are not wanted.
    pub records: usize,
    /// Sets whose records nobody here can read.
    pub unread_sets: usize,
}

impl Draft {
    /// Returns the Set that was closed last.
    #[must_use]
    pub fn last_set(&self) -> Option<LastSet<'_>> {
        let piece = self.pieces.last()?;
        let ends = match &piece.unit {
            Unit::Ends(range) => self.ends.get(range.clone())?,
            Unit::Whole | Unit::Fixed(_) => &[],
        };
        Some(LastSet {
            body: &self.body,
            start: piece.start,
            ends,
        })
    }

    /// Makes this draft a copy of `whole` without the Data Records that are not wanted; a Set of
    /// which none is wanted goes. `wanted` has a place for each Data Record of `whole`, in order.
    /// A Set that nobody can read goes as well. Returns what went.
    pub fn select(&mut self, whole: &Self, wanted: &[bool]) -> LeftOut {
        self.clear();
        let mut rest = wanted;
        let mut left_out = LeftOut::default();
        for piece in &whole.pieces {
            if piece.set_id < DATA_SET_ID_MIN {
                self.copy(whole, piece);
                continue;
            }
            if piece.counts != Counts::Data {
                left_out.unread_sets = left_out.unread_sets.saturating_add(1);
                continue;
            }
            let (of_piece, behind) = rest
                .split_at_checked(piece.records_count)
                .unwrap_or((rest, &[]));
            rest = behind;
            let kept = of_piece.iter().filter(|wanted| **wanted).count();
            let gone = piece.records_count.saturating_sub(kept);
            left_out.records = left_out.records.saturating_add(gone);
            if kept == piece.records_count {
                self.copy(whole, piece);
            } else if kept > 0 {
                self.copy_some(whole, piece, of_piece, kept);
            }
        }
        left_out
    }

    fn copy(&mut self, whole: &Self, piece: &Piece) {
        let content = whole.body.get(piece.start..piece.end).unwrap_or_default();
        self.body.extend_from_slice(content);
        let unit = match &piece.unit {
            Unit::Whole => Unit::Whole,
            Unit::Fixed(octets) => Unit::Fixed(*octets),
            Unit::Ends(range) => {
                let ends = whole.ends.get(range.clone()).unwrap_or_default();
                let (from, to) = (piece.start, self.open_at);
                let moved = |end: &usize| end.saturating_sub(from).saturating_add(to);
                self.ends.extend(ends.iter().map(moved));
                Unit::Ends(self.ends_open_at..self.ends.len())
            }
        };
        let (records, counts) = (piece.records_count, piece.counts);
        self.close(piece.set_id, unit, records, counts, piece.padding);
    }

    fn copy_some(&mut self, whole: &Self, piece: &Piece, wanted: &[bool], kept: usize) {
        for (nth, _) in wanted.iter().enumerate().filter(|(_, wanted)| **wanted) {
            let place = whole.record(piece, nth);
            let record = place.and_then(|place| whole.body.get(place));
            self.body.extend_from_slice(record.unwrap_or_default());
            if matches!(piece.unit, Unit::Ends(_)) {
                self.record_ends();
            }
        }
        // The padding that a Set came with belongs to all of it.
        let padding = match piece.padding {
            Padding::AsCame | Padding::Nothing => Padding::Nothing,
            Padding::AsCameOrFour | Padding::ToFour => Padding::ToFour,
        };
        let unit = match &piece.unit {
            Unit::Ends(_) => Unit::Ends(self.ends_open_at..self.ends.len()),
            unit => unit.clone(),
        };
        self.close(piece.set_id, unit, kept, Counts::Data, padding);
    }

    /// Where a Data Record of a Set is.
    fn record(&self, piece: &Piece, nth: usize) -> Option<Range<usize>> {
        match &piece.unit {
            Unit::Whole => None,
            Unit::Fixed(octets) => {
                let start = piece.start.checked_add(nth.checked_mul(*octets)?)?;
                Some(start..start.checked_add(*octets)?)
            }
            Unit::Ends(range) => {
                let ends = self.ends.get(range.clone())?;
                let before = nth.checked_sub(1).and_then(|before| ends.get(before));
                Some(before.copied().unwrap_or(piece.start)..*ends.get(nth)?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cursor;
    use super::*;
    use std::vec;
    use std::vec::Vec;

    /// A Template, three records of two octets with padding, and three of unequal length.
    fn whole() -> Draft {
        let mut draft = Draft::default();
        draft.content().extend_from_slice(&[9; 4]);
        draft.close(2, Unit::Whole, 1, Counts::Templates, Padding::Nothing);
        draft.content().extend_from_slice(&[1, 1, 2, 2, 3, 3, 0, 0]);
        let padding = Padding::AsCameOrFour;
        draft.close(256, Unit::Fixed(2), 3, Counts::Data, padding);
        for record in [&[4][..], &[5, 5], &[6, 6, 6]] {
            draft.content().extend_from_slice(record);
            draft.record_ends();
        }
        draft.close_at_ends(257, Counts::Data, Padding::AsCame);
        draft
    }

    /// What a Set of the selection shows: its ID, its octets, its records.
    type Shown = (u16, Vec<u8>, usize);

    fn selected(wanted: [bool; 6]) -> (Vec<Shown>, usize) {
        let whole = whole();
        let mut draft = Draft::default();
        // What was selected before must not be seen.
        draft.select(&whole, &[true; 6]);
        let left_out = draft.select(&whole, &wanted);
        let to = draft.cut(Cursor::default(), usize::MAX);
        let sets = draft.sets(Cursor::default(), to).map(|set| {
            let padded = [set.content, &vec![0; set.padding_octets]].concat();
            (set.set_id, padded, set.records_count)
        });
        (sets.collect(), left_out.records)
    }

    #[test]
    fn a_selection_has_the_wanted_records_and_all_templates() {
        let template = (2, vec![9; 4], 1);
        let (sets, left_out) = selected([true; 6]);
        let first = (256, vec![1, 1, 2, 2, 3, 3, 0, 0], 3);
        let second = (257, vec![4, 5, 5, 6, 6, 6], 3);
        assert_eq!((sets, left_out), (vec![template.clone(), first, second], 0));
        let (sets, left_out) = selected([false, true, false, true, false, true]);
        let first = (256, vec![2, 2, 0, 0], 1);
        let second = (257, vec![4, 6, 6, 6], 2);
        assert_eq!((sets, left_out), (vec![template.clone(), first, second], 3));
        assert_eq!(selected([false; 6]), (vec![template], 6));
    }

    #[test]
    fn what_nobody_can_read_is_left_out() {
        let mut whole = whole();
        whole.content().extend_from_slice(&[7; 4]);
        whole.close(300, Unit::Whole, 1, Counts::Unknown, Padding::AsCame);
        let mut draft = Draft::default();
        let left_out = draft.select(&whole, &[true; 6]);
        let (records, unread_sets) = (left_out.records, left_out.unread_sets);
        assert_eq!((records, unread_sets, draft.pieces().len()), (0, 1, 3));
    }

    #[test]
    fn a_selection_can_be_cut_where_its_records_end() {
        let mut draft = Draft::default();
        draft.select(&whole(), &[false, false, false, true, true, true]);
        let from = draft.cut(Cursor::default(), 8);
        let to = draft.cut(from, 7);
        let octets: Vec<_> = draft.sets(from, to).map(|set| set.content.len()).collect();
        assert_eq!(octets, [1]);
    }
}
