//! The Sets of Messages that are being put together, and where they may be divided.
//!
//! A Message that grows is first written as one run of Sets, whatever its size; then it is cut
//! into as few Messages as the size limit allows, of about equal size, between Sets where that
//! costs no further Message and between records otherwise [RFC 5655 §7.3.1].
//!
//! Not here: Message Headers (`emit`).
//! Bound: the caller's; the memory is used again for every Message.

pub mod selected;

use alloc::vec::Vec;
use core::ops::Range;

use crate::Version;
use crate::wire::SET_HEADER_OCTETS;

/// Where a Set may be divided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nowhere.
    Whole,
    /// After each multiple of so many octets.
    Fixed(usize),
    /// At some of the places where records were noted to end.
    Ends(Range<usize>),
}

/// What the records of a Set count for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// Template Records that we add: as those of the exporter, but not in its own count.
    Added,
    /// Nobody can count them: in a v9 count as one, or as what is left of the exporter's.
    Unknown,
    /// Template Records: in a v9 count, not in an IPFIX Sequence Number.
    Templates,
    /// Data Records: in both.
    Data,
}

/// How the end of a Set is padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// The content has the padding that it came with; parts of a divided Set have none.
    AsCame,
    /// The content has the padding that it came with; parts of a divided Set are padded to four.
    AsCameOrFour,
    /// With zeros to a multiple of four octets [RFC 3954 §5.3].
    ToFour,
    /// Not at all.
    Nothing,
}

impl Padding {
    /// What a Set keeps that we do not build, whose records have at least this many octets.
    #[must_use]
    pub const fn of_kept(version: Version, record_octets_min: usize) -> Self {
        match Self::of_built(version, record_octets_min) {
            Self::ToFour => Self::AsCameOrFour,
            _ => Self::AsCame,
        }
    }

    /// What a Set gets that we build from records of at least this many octets: padding must be
    /// shorter than any record [RFC 7011 §3.3.1].
    #[must_use]
    pub const fn of_built(version: Version, record_octets_min: usize) -> Self {
        match version {
            Version::Ipfix => Self::Nothing,
            _ if record_octets_min < 4 => Self::Nothing,
            _ => Self::ToFour,
        }
    }
}

/// One Set of the draft.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Set ID.
    pub set_id: u16,
    /// Where it may be divided.
    pub unit: Unit,
    /// What its records count for.
    pub counts: Counts,
    /// How many records it has.
    pub records_count: usize,
    /// How it is padded.
    pub padding: Padding,
    start: usize,
    end: usize,
}

impl Piece {
    const fn octets(&self) -> usize {
        self.end.saturating_sub(self.start)
    }
}

/// A place between two records: everything before it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    piece: usize,
    at: usize,
}

/// A run of Sets.
#[derive(Debug, Default)]
pub struct Draft {
    body: Vec<u8>,
    pieces: Vec<Piece>,
    ends: Vec<usize>,
    open_at: usize,
    ends_open_at: usize,
}

impl Draft {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.body.clear();
        self.pieces.clear();
        self.ends.clear();
        self.open_at = 0;
        self.ends_open_at = 0;
    }

    /// Whether there is no Set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The Sets.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The buffer that the content of the next Set is appended to.
    pub fn content(&mut self) -> &mut Vec<u8> {
        &mut self.body
    }

    /// The same buffer, and the list of places in it where records end.
    pub fn content_and_ends(&mut self) -> (&mut Vec<u8>, &mut Vec<usize>) {
        (&mut self.body, &mut self.ends)
    }

    /// Notes that a record ends here, for [`Self::close_at_ends`].
    pub fn record_ends(&mut self) {
        self.ends.push(self.body.len());
    }

    /// Notes that records end so many octets behind the start of the content.
    pub fn records_end_at(&mut self, ends: impl Iterator<Item = usize>) {
        let start = self.open_at;
        self.ends.extend(ends.map(|end| start.saturating_add(end)));
    }

    /// Octets that were appended since the last Set.
    #[must_use]
    pub fn open_octets(&self) -> usize {
        self.body.len().saturating_sub(self.open_at)
    }

    /// Gives the first Set that nobody can count what is left of `stated` when all other Sets, and
    /// `known` records elsewhere, are taken off; at least one.
    pub fn count_unknown(&mut self, stated: usize, known: usize) {
        let counted: usize = self.pieces.iter().map(|piece| piece.records_count).sum();
        let mut unknown = self.pieces.iter_mut();
        if let Some(piece) = unknown.find(|piece| piece.counts == Counts::Unknown) {
            let others = counted.saturating_sub(1).saturating_add(known);
            piece.records_count = stated.saturating_sub(others).max(1);
        }
    }

    /// Whether nothing was appended since the last Set.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.open_at == self.body.len()
    }

    /// Makes a Set of what was appended since the last one.
    pub fn close(
        &mut self,
        set_id: u16,
        unit: Unit,
        records_count: usize,
        counts: Counts,
        padding: Padding,
    ) {
        self.pieces.push(Piece {
            set_id,
            unit,
            counts,
            records_count,
            padding,
            start: self.open_at,
            end: self.body.len(),
        });
        self.open_at = self.body.len();
        self.ends_open_at = self.ends.len();
    }

    /// Makes a Set of the records whose ends were noted.
    pub fn close_at_ends(&mut self, set_id: u16, counts: Counts, padding: Padding) {
        let ends = self.ends_open_at..self.ends.len();
        let records_count = ends.len();
        self.close(set_id, Unit::Ends(ends), records_count, counts, padding);
    }

    /// Forgets what was appended since the last Set.
    pub fn discard(&mut self) {
        self.body.truncate(self.open_at);
        self.ends.truncate(self.ends_open_at);
    }

    /// Octets of the Sets from a place to the end, headers and padding included.
    #[must_use]
    pub fn octets_from(&self, from: Cursor) -> usize {
        self.pieces
            .iter()
            .skip(from.piece)
            .enumerate()
            .map(|(nth, piece)| {
                let at = if nth == 0 { from.at } else { 0 };
                set_octets(piece, piece.octets().saturating_sub(at))
            })
            .fold(0, usize::saturating_add)
    }

    /// Whether a place is behind the last Set.
    #[must_use]
    pub fn is_end(&self, cursor: Cursor) -> bool {
        cursor.piece >= self.pieces.len()
    }

    /// Returns where the Message that begins at `from` ends, so that it has at most
    /// `octets_max` octets of Sets; more only where one unit alone has more.
    #[must_use]
    pub fn cut(&self, from: Cursor, octets_max: usize) -> Cursor {
        let remaining = self.octets_from(from);
        if remaining <= octets_max {
            return Cursor {
                piece: self.pieces.len(),
                at: 0,
            };
        }
        let parts = remaining.div_ceil(octets_max.max(1));
        let wanted = Wanted {
            target: remaining.checked_div(parts).unwrap_or(remaining),
            at_least: remaining.saturating_sub(parts.saturating_sub(1).saturating_mul(octets_max)),
            at_most: octets_max,
        };
        self.cut_at_best(from, &wanted)
    }

    fn cut_at_best(&self, from: Cursor, wanted: &Wanted) -> Cursor {
        let mut taken = 0_usize;
        let mut best: Option<(usize, Cursor)> = None;
        for (nth, piece) in self.pieces.iter().enumerate().skip(from.piece) {
            let at = if nth == from.piece { from.at } else { 0 };
            let whole = set_octets(piece, piece.octets().saturating_sub(at));
            if taken.saturating_add(whole) > wanted.at_most {
                return match best {
                    Some((_, cursor)) => cursor,
                    None => self.cut_inside(Cursor { piece: nth, at }, taken, wanted),
                };
            }
            taken = taken.saturating_add(whole);
            let distance = taken.abs_diff(wanted.target);
            let is_nearer = best.is_none_or(|(nearest, _)| distance < nearest);
            if taken >= wanted.at_least && is_nearer {
                let behind = Cursor {
                    piece: nth.saturating_add(1),
                    at: 0,
                };
                best = Some((distance, behind));
            }
        }
        Cursor {
            piece: self.pieces.len(),
            at: 0,
        }
    }

    /// Cuts at the record border nearest to the target; if none fits, before the Set; if there is
    /// nothing before it, behind the one unit that is too large.
    fn cut_inside(&self, at: Cursor, taken: usize, wanted: &Wanted) -> Cursor {
        let Some(piece) = self.pieces.get(at.piece) else {
            return at;
        };
        let room = wanted.at_most.saturating_sub(taken);
        let aim = wanted.target.saturating_sub(taken);
        let mut first = None;
        let mut best: Option<(usize, usize)> = None;
        let mut border = self.border_after(piece, at.at);
        while let Some(end) = border {
            first = first.or(Some(end));
            let octets = set_octets(piece, end.saturating_sub(at.at));
            if octets > room {
                break;
            }
            let distance = octets.abs_diff(aim);
            if best.is_none_or(|(nearest, _)| distance < nearest) {
                best = Some((distance, end));
            }
            border = self.border_after(piece, end);
        }
        let inside = |end| Cursor {
            piece: at.piece,
            at: end,
        };
        match (best, first) {
            (Some((_, end)), _) => inside(end),
            (None, _) if taken > 0 => at,
            (None, Some(end)) => inside(end),
            (None, None) => Cursor {
                piece: at.piece.saturating_add(1),
                at: 0,
            },
        }
    }

    /// The first record border behind `at` that is not the end of the Set.
    fn border_after(&self, piece: &Piece, at: usize) -> Option<usize> {
        match &piece.unit {
            Unit::Whole => None,
            Unit::Fixed(octets) => {
                let border = at.saturating_add(*octets);
                let last = octets.saturating_mul(piece.records_count);
                (border < last && border > at).then_some(border)
            }
            Unit::Ends(range) => {
                let ends = self.ends.get(range.clone())?;
                let next = ends.partition_point(|end| *end <= piece.start.saturating_add(at));
                let is_last = next.saturating_add(1) >= ends.len();
                let border = ends.get(next).filter(|_| !is_last)?;
                border.checked_sub(piece.start)
            }
        }
    }

    /// The Sets between two places, for the one who writes them.
    pub fn sets(&self, from: Cursor, to: Cursor) -> impl Iterator<Item = SetPart<'_>> {
        let last = if to.at > 0 {
            to.piece.saturating_add(1)
        } else {
            to.piece
        };
        let range = from.piece..last.min(self.pieces.len());
        range.filter_map(move |nth| {
            let piece = self.pieces.get(nth)?;
            let begin = if nth == from.piece { from.at } else { 0 };
            let end = if nth == to.piece {
                to.at
            } else {
                piece.octets()
            };
            let start = piece.start.saturating_add(begin);
            Some(SetPart {
                set_id: piece.set_id,
                content: self.body.get(start..piece.start.saturating_add(end))?,
                padding_octets: padding_octets(piece, end.saturating_sub(begin), end),
                records_count: self.records_between(piece, begin, end),
                counts: piece.counts,
            })
        })
    }

    fn records_between(&self, piece: &Piece, begin: usize, end: usize) -> usize {
        if begin == 0 && end == piece.octets() {
            return piece.records_count;
        }
        match &piece.unit {
            Unit::Whole => piece.records_count,
            Unit::Fixed(octets) => {
                let upto = |at: usize| {
                    at.checked_div(*octets)
                        .unwrap_or(0)
                        .min(piece.records_count)
                };
                upto(end).saturating_sub(upto(begin))
            }
            Unit::Ends(range) => {
                let ends = self.ends.get(range.clone()).unwrap_or_default();
                let place = |at: usize| piece.start.saturating_add(at);
                let inside = ends
                    .iter()
                    .filter(|at| **at > place(begin) && **at <= place(end));
                inside.count()
            }
        }
    }
}

/// One Set of one Message, ready to be written.
#[derive(Clone, Copy, Debug)]
pub struct SetPart<'a> {
    /// Set ID.
    pub set_id: u16,
    /// The records.
    pub content: &'a [u8],
    /// Zero octets behind them.
    pub padding_octets: usize,
    /// How many records.
    pub records_count: usize,
    /// What they count for.
    pub counts: Counts,
}

struct Wanted {
    target: usize,
    at_least: usize,
    at_most: usize,
}

fn set_octets(piece: &Piece, content_octets: usize) -> usize {
    let end = if content_octets == piece.octets() {
        piece.octets()
    } else {
        0
    };
    SET_HEADER_OCTETS
        .saturating_add(content_octets)
        .saturating_add(padding_octets(piece, content_octets, end))
}

/// Zeros behind `content_octets` of a piece that end at `end` of it. Content that kept its own
/// padding is padded anew only where it was divided, with up to three octets.
fn padding_octets(piece: &Piece, content_octets: usize, end: usize) -> usize {
    let to_four = content_octets.wrapping_neg() & 3;
    match piece.padding {
        Padding::Nothing | Padding::AsCame => 0,
        Padding::ToFour => to_four,
        Padding::AsCameOrFour if end == piece.octets() => 0,
        Padding::AsCameOrFour => to_four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    /// What a Set of a part shows: its ID, octets of records, octets of padding, records.
    type Shown = (u16, usize, usize, usize);

    fn parts(draft: &Draft, octets_max: usize) -> Vec<Vec<Shown>> {
        let mut parts = vec![];
        let mut from = Cursor::default();
        while !draft.is_end(from) {
            let to = draft.cut(from, octets_max);
            assert_ne!(from, to, "a part of nothing");
            let show = |set: SetPart<'_>| {
                let content = set.content.len();
                (set.set_id, content, set.padding_octets, set.records_count)
            };
            parts.push(draft.sets(from, to).map(show).collect());
            from = to;
        }
        parts
    }

    fn octets(part: &[Shown]) -> usize {
        part.iter()
            .map(|(_, content, padding, _)| 4 + content + padding)
            .sum()
    }

    /// A Set of records of one length.
    fn fixed(draft: &mut Draft, set_id: u16, records: usize, octets: usize, padding: Padding) {
        draft.content().extend(vec![7; records * octets]);
        draft.close(set_id, Unit::Fixed(octets), records, Counts::Data, padding);
    }

    /// A Set of records of these lengths.
    fn variable(draft: &mut Draft, set_id: u16, lengths: &[usize]) {
        for length in lengths {
            draft.content().extend(vec![7; *length]);
            draft.record_ends();
        }
        draft.close_at_ends(set_id, Counts::Data, Padding::Nothing);
    }

    fn whole(draft: &mut Draft, set_id: u16, octets: usize) {
        draft.content().extend(vec![7; octets]);
        draft.close(set_id, Unit::Whole, 1, Counts::Templates, Padding::AsCame);
    }

    #[test]
    fn what_fits_is_one_part() {
        let mut draft = Draft::default();
        fixed(&mut draft, 256, 3, 20, Padding::Nothing);
        whole(&mut draft, 77, 12);
        assert_eq!(parts(&draft, 80), [[(256, 60, 0, 3), (77, 12, 0, 1)]]);
        assert_eq!(parts(&draft, 79).len(), 2);
    }

    #[test]
    fn parts_are_about_equal() {
        let mut draft = Draft::default();
        fixed(&mut draft, 256, 6, 20, Padding::Nothing);
        assert_eq!(parts(&draft, 110), [[(256, 60, 0, 3)], [(256, 60, 0, 3)]]);
        draft.clear();
        variable(&mut draft, 256, &[10, 30, 20, 20, 40, 20]);
        assert_eq!(parts(&draft, 110), [[(256, 60, 0, 3)], [(256, 80, 0, 3)]]);
    }

    #[test]
    fn a_border_between_sets_is_taken_where_it_costs_nothing() {
        let mut draft = Draft::default();
        fixed(&mut draft, 256, 2, 20, Padding::Nothing);
        fixed(&mut draft, 257, 4, 20, Padding::Nothing);
        assert_eq!(parts(&draft, 100), [[(256, 40, 0, 2)], [(257, 80, 0, 4)]]);
        draft.clear();
        fixed(&mut draft, 256, 1, 20, Padding::Nothing);
        fixed(&mut draft, 257, 5, 20, Padding::Nothing);
        let divided = parts(&draft, 84);
        assert_eq!(divided[0], [(256, 20, 0, 1), (257, 40, 0, 2)]);
        assert_eq!(divided[1], [(257, 60, 0, 3)]);
    }

    #[test]
    fn one_unit_above_the_limit_is_a_part_of_its_own() {
        let mut draft = Draft::default();
        whole(&mut draft, 77, 10);
        whole(&mut draft, 78, 300);
        whole(&mut draft, 79, 10);
        assert_eq!(
            parts(&draft, 100),
            [[(77, 10, 0, 1)], [(78, 300, 0, 1)], [(79, 10, 0, 1)]]
        );
        draft.clear();
        variable(&mut draft, 256, &[10, 300, 10]);
        assert_eq!(
            parts(&draft, 100),
            [[(256, 10, 0, 1)], [(256, 300, 0, 1)], [(256, 10, 0, 1)]]
        );
        draft.clear();
        fixed(&mut draft, 256, 2, 300, Padding::Nothing);
        assert_eq!(parts(&draft, 100), [[(256, 300, 0, 1)], [(256, 300, 0, 1)]]);
    }

    #[test]
    fn each_part_of_a_set_is_padded() {
        let mut draft = Draft::default();
        fixed(&mut draft, 256, 4, 21, Padding::ToFour);
        assert_eq!(parts(&draft, 60), [[(256, 42, 2, 2)], [(256, 42, 2, 2)]]);
        assert_eq!(parts(&draft, 1000), [[(256, 84, 0, 4)]]);
        draft.clear();
        fixed(&mut draft, 256, 5, 21, Padding::ToFour);
        assert_eq!(parts(&draft, 1000), [[(256, 105, 3, 5)]]);
    }

    #[test]
    fn padding_that_came_stays_at_the_end_and_other_parts_get_their_own() {
        let mut draft = Draft::default();
        draft.content().extend(vec![7; 4 * 21 + 2]);
        let padding = Padding::of_kept(Version::V9, 21);
        draft.close(256, Unit::Fixed(21), 4, Counts::Data, padding);
        assert_eq!(parts(&draft, 60), [[(256, 42, 2, 2)], [(256, 44, 0, 2)]]);
        assert_eq!(parts(&draft, 90), [[(256, 86, 0, 4)]]);
        draft.clear();
        // Records shorter than padding could be: none is added.
        draft.content().extend(vec![7; 99]);
        let padding = Padding::of_kept(Version::V9, 3);
        draft.close(256, Unit::Fixed(3), 33, Counts::Data, padding);
        assert_eq!(parts(&draft, 60), [[(256, 48, 0, 16)], [(256, 51, 0, 17)]]);
    }

    #[test]
    fn what_is_built_of_short_records_has_no_padding() {
        assert_eq!(Padding::of_built(Version::V9, 3), Padding::Nothing);
        assert_eq!(Padding::of_built(Version::V9, 4), Padding::ToFour);
        assert_eq!(Padding::of_built(Version::Ipfix, 40), Padding::Nothing);
        assert_eq!(Padding::of_kept(Version::Ipfix, 40), Padding::AsCame);
    }

    #[test]
    fn what_was_begun_and_discarded_leaves_no_trace() {
        let mut draft = Draft::default();
        fixed(&mut draft, 256, 1, 20, Padding::Nothing);
        draft.content().extend([1, 2, 3]);
        draft.record_ends();
        draft.discard();
        assert!(draft.is_blank());
        variable(&mut draft, 257, &[5, 6]);
        assert_eq!(parts(&draft, 1000), [[(256, 20, 0, 1), (257, 11, 0, 2)]]);
    }

    /// xorshift64*: repeatable, and nothing more is asked of it.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
            usize::try_from(number).unwrap() % bound
        }
    }

    fn random_draft(random: &mut Random) -> Draft {
        let mut draft = Draft::default();
        for set_id in 256..257 + u16::try_from(random.below(6)).unwrap() {
            match random.below(4) {
                0 => whole(&mut draft, set_id, random.below(90)),
                1 => {
                    let lengths: Vec<usize> =
                        (0..random.below(8)).map(|_| 1 + random.below(60)).collect();
                    variable(&mut draft, set_id, &lengths);
                }
                _ => {
                    let padding = [Padding::Nothing, Padding::ToFour][random.below(2)];
                    let records = random.below(12);
                    fixed(&mut draft, set_id, records, 4 + random.below(40), padding);
                }
            }
        }
        draft
    }

    /// What cannot be divided: the number of its Set, and where it begins and ends in it.
    fn units(draft: &Draft) -> Vec<(usize, usize, usize)> {
        let mut units = vec![];
        for (nth, piece) in draft.pieces.iter().enumerate() {
            let mut begin = 0;
            while let Some(border) = draft.border_after(piece, begin) {
                units.push((nth, begin, border));
                begin = border;
            }
            units.push((nth, begin, piece.octets()));
        }
        units
    }

    /// How many parts there are if each takes as much as it can.
    fn fewest(draft: &Draft, octets_max: usize) -> usize {
        let units = units(draft);
        let size = |some: &[(usize, usize, usize)]| {
            let sets = some.chunk_by(|a, b| a.0 == b.0);
            let octets = sets.map(|set| {
                let content = set[set.len() - 1].2 - set[0].1;
                set_octets(&draft.pieces[set[0].0], content)
            });
            octets.sum::<usize>()
        };
        let (mut first, mut count) = (0, 0);
        while first < units.len() {
            let mut last = first + 1;
            while last < units.len() && size(&units[first..=last]) <= octets_max {
                last += 1;
            }
            first = last;
            count += 1;
        }
        count
    }

    #[test]
    fn random_drafts_keep_every_octet_in_order_within_the_limit() {
        let mut random = Random(0x0DDB_1A5E_5BAD_5EED);
        let (mut messages, mut further) = (0, 0);
        for _ in 0..20_000 {
            let draft = random_draft(&mut random);
            let octets_max = 40 + random.below(200);
            let parts = parts(&draft, octets_max);
            for piece in &draft.pieces {
                let of_piece = parts.iter().flatten().filter(|set| set.0 == piece.set_id);
                let (content, records) =
                    of_piece.fold((0, 0), |sum, set| (sum.0 + set.1, sum.1 + set.3));
                assert_eq!((content, records), (piece.octets(), piece.records_count));
            }
            for part in &parts {
                let is_one_unit = part.len() == 1 && part[0].3 <= 1;
                assert!(octets(part) <= octets_max || is_one_unit, "{part:?}");
            }
            messages += parts.len();
            further += parts.len() - fewest(&draft, octets_max);
        }
        assert!(
            further * 40 < messages,
            "{further} of {messages} beyond the fewest"
        );
    }

    #[test]
    fn messages_that_outgrow_an_ethernet_frame_are_divided_into_the_fewest_parts() {
        let mut random = Random(42);
        let mut further = 0;
        for _ in 0..5000 {
            let mut draft = Draft::default();
            for set_id in 256..257 + u16::try_from(random.below(4)).unwrap() {
                let octets = 40 + random.below(80);
                let records = 1 + random.below(1464 / octets / 2);
                fixed(&mut draft, set_id, records, octets, Padding::ToFour);
            }
            further += parts(&draft, 1452).len() - fewest(&draft, 1452);
        }
        assert_eq!(further, 0);
    }
}
