//! Outgoing Sequence Numbers [RFC 3954 §5.1, RFC 7011 §3.1].
//!
//! v9 counts Messages, IPFIX counts Data Records: dividing a Message shifts all later v9 numbers
//! and no IPFIX number. Out = in + offset; a gap of the input stays visible as the same gap. A v9
//! Message that comes late takes the number that its gap left free. After an exporter's restart
//! the output goes on where a collector expects it [RFC 6183 §7].
//!
//! Two facts tell a restart from a late Message: it is further behind than the window, and either
//! its clock says so or a second Message goes on from it.
//!
//! Some exporters have several processors that count each for itself, behind one port and in one
//! domain. One that goes on from where it stopped, long after it began anew, never restarted: it
//! has two counts. Nobody can tell loss from that; it is numbered through.
//!
//! Not here: counting records, writing headers.
//! Bound: the last [`WINDOW`] Messages of a session and outlet.

use crate::wire::header::Header;
use crate::{Millis, Version};

/// Messages that may come late by this many places.
pub const WINDOW: usize = 64;
/// Messages that may come late by this much.
pub const LATE_MS: u64 = 2000;
/// Data Records that as many Messages have, more or less.
const WINDOW_RECORDS: u32 = 4096;

/// What a Message says of its place in the stream.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Its Sequence Number.
    pub sequence: u32,
    /// By how much it raises the exporter's number: v9: 1; IPFIX: its Data Records, as far as
    /// they are known.
    pub units: u32,
    /// Its Export Time in seconds since 1970.
    pub export_time_s: u32,
    /// When it came.
    pub arrived: Millis,
    /// Whether that is all of them: of Sets that nobody can read nobody knows the records.
    pub units_known: bool,
    /// Whether the exporter's own clock shows that it restarted since the last Message.
    pub clock_restarted: bool,
}

/// What became of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It continues the stream, perhaps behind a gap.
    InOrder,
    /// It is older than others that were sent, and took none of their numbers.
    Late,
    /// It was sent before.
    Repeated,
    /// It is far from all others, and took numbers at the end.
    Stray,
    /// The exporter began to count anew.
    Restarted,
}

/// The numbers of one session towards one outlet.
#[derive(Debug)]
pub struct Numbers {
    counts_messages: bool,
    started: bool,
    offset: u32,
    next_in: u32,
    newest_in: u32,
    /// Whether `next_in` counts every record of the newest Message.
    is_next_known: bool,
    newest_time_s: u32,
    suspect: Option<Suspect>,
    left: Option<Left>,
    has_two_counts: bool,
    recent: [Recent; WINDOW],
    recent_at: usize,
}

/// Numbers that were far behind: the one that would follow them, how many they were, and when the
/// first came.
#[derive(Clone, Copy, Debug)]
struct Suspect {
    follows: u32,
    at: Millis,
    seen: u8,
}

/// Where the exporter stopped when it began to count anew: the number that would have followed,
/// and when it did.
#[derive(Clone, Copy, Debug)]
struct Left {
    follows: u32,
    at: Millis,
}

#[derive(Clone, Copy, Debug, Default)]
struct Recent {
    known: bool,
    came: bool,
    has_units: bool,
    sequence_in: u32,
    sequence_out: u32,
    at: Millis,
}

impl Numbers {
    /// Returns the numbers of a session that has sent nothing.
    #[must_use]
    pub fn new(version: Version) -> Self {
        Self {
            counts_messages: version == Version::V9,
            started: false,
            offset: 0,
            next_in: 0,
            newest_in: 0,
            is_next_known: false,
            newest_time_s: 0,
            suspect: None,
            left: None,
            has_two_counts: false,
            recent: [Recent::default(); WINDOW],
            recent_at: 0,
        }
    }

    /// What is added to the exporter's numbers, for a saved state.
    #[must_use]
    pub const fn offset(&self) -> u32 {
        self.offset
    }

    /// The number that the exporter is expected to use next, for a saved state.
    #[must_use]
    pub const fn next_in(&self) -> u32 {
        self.next_in
    }

    /// Whether these numbers count Messages, not records.
    #[must_use]
    pub const fn counts_messages(&self) -> bool {
        self.counts_messages
    }

    /// Whether anything was sent.
    #[must_use]
    pub const fn has_started(&self) -> bool {
        self.started
    }

    /// Goes on from a saved state.
    pub fn restore(&mut self, next_in: u32, offset: u32, newest_time_s: u32) {
        self.started = true;
        self.next_in = next_in;
        self.newest_in = next_in;
        self.offset = offset;
        self.newest_time_s = newest_time_s;
    }

    /// Begins a stream with something of our own: it takes the number of the first Message, which
    /// then has the next.
    pub fn begin_before(&mut self, place: &Place) {
        if !self.started {
            self.started = true;
            self.next_in = place.sequence;
            self.newest_in = place.sequence;
        }
    }

    /// Whether a Message tells that its exporter restarted, and since when it has: a Message before
    /// it may have been the first of the new count. `rebooted` is what its clock says: a clock that
    /// was set, with numbers that go on, is no restart.
    #[must_use]
    pub fn shows_restart(
        &self,
        header: &Header,
        rebooted: bool,
        arrived: Millis,
    ) -> Option<Millis> {
        if !self.started || header.version == Version::V5 {
            return None;
        }
        if self.has_two_counts || self.goes_on_from_left(header.sequence) {
            return None;
        }
        if let Some(suspect) = self.confirmed_by(header.sequence, header.export_time_s) {
            return Some(suspect.at);
        }
        let restarted = if self.counts_messages {
            let ahead = header.sequence.wrapping_sub(self.next_in);
            let goes_on = usize::try_from(ahead).is_ok_and(|ahead| ahead <= WINDOW);
            rebooted && !goes_on
        } else {
            header.sequence.wrapping_sub(self.newest_in) >= 1 << 31
                && header.export_time_s > self.newest_time_s
                && !self.is_in_window(header.sequence, arrived)
        };
        restarted.then_some(arrived)
    }

    /// Whether a Message tells that its exporter never restarted, but has two counts.
    #[must_use]
    #[inline]
    pub fn shows_two_counts(&self, sequence: u32, arrived: Millis) -> bool {
        let is_late = |left: Left| arrived.since(left.at) <= LATE_MS;
        self.has_two_counts
            || (self.left.is_some_and(|left| !is_late(left)) && self.goes_on_from_left(sequence))
    }

    /// Returns the number of a Message, and what it means.
    pub fn message(&mut self, place: &Place) -> (u32, Placed) {
        if !self.started {
            self.started = true;
            self.offset = 0;
            return (self.advance(place), Placed::InOrder);
        }
        if self.shows_two_counts(place.sequence, place.arrived) {
            self.has_two_counts = true;
            return (self.next_free(place.units), Placed::InOrder);
        }
        if place.clock_restarted {
            return (self.restart(place), Placed::Restarted);
        }
        if self.goes_on_from_left(place.sequence) {
            self.left = self.left.map(|left| Left {
                follows: place.sequence.wrapping_add(place.units),
                ..left
            });
            return (self.next_free(place.units), Placed::Stray);
        }
        if self.counts_messages {
            self.counted_by_message(place)
        } else {
            self.counted_by_record(place)
        }
    }

    /// Returns a number for a Message that has none in the input: a repeated Template, a further
    /// part, or one raw Set that left its Message. IPFIX: it holds no counted record.
    pub fn extra(&mut self) -> u32 {
        let number = self.next_in.wrapping_add(self.offset);
        if self.counts_messages {
            self.offset = self.offset.wrapping_add(1);
        }
        number
    }

    /// Notes a Message of the input that does not leave, so that it leaves no gap.
    pub fn skip(&mut self, place: &Place) {
        let (_, placed) = self.message(place);
        self.leave_out(u32::from(self.counts_messages), placed);
    }

    /// Returns how many numbers are missing between the newest Message and this one.
    #[must_use]
    pub fn missing_before(&self, place: &Place) -> u32 {
        let ahead = place.sequence.wrapping_sub(self.next_in);
        let is_other = self.has_two_counts || self.goes_on_from_left(place.sequence);
        if self.started && self.is_next_known && !is_other && ahead < 1 << 31 {
            ahead
        } else {
            0
        }
    }

    /// Notes that so many of the numbers of a Message that was `placed` were not used, so that
    /// they leave no gap. What is late leaves one: others behind it were sent already.
    pub fn leave_out(&mut self, units: u32, placed: Placed) {
        if !matches!(placed, Placed::Late | Placed::Repeated) {
            self.offset = self.offset.wrapping_sub(units);
        }
    }

    fn counted_by_message(&mut self, place: &Place) -> (u32, Placed) {
        let ahead = place.sequence.wrapping_sub(self.next_in);
        if ahead < 1 << 31 {
            self.note_gap(ahead, place);
            return (self.advance(place), Placed::InOrder);
        }
        if let Some(recent) = self.recently(place) {
            let placed = if recent.came {
                Placed::Repeated
            } else {
                Placed::Late
            };
            let number = recent.sequence_out;
            recent.came = true;
            return (number, placed);
        }
        self.out_of_window(place)
    }

    fn counted_by_record(&mut self, place: &Place) -> (u32, Placed) {
        let ahead = place.sequence.wrapping_sub(self.newest_in);
        if ahead == 0 && place.units > 0 && self.has_come(place) {
            return (self.late_number(place), Placed::Repeated);
        }
        if ahead < 1 << 31 {
            return (self.advance(place), Placed::InOrder);
        }
        if self.is_in_window(place.sequence, place.arrived) {
            let number = self.late_number(place);
            if place.units > 0 && self.has_come(place) {
                return (number, Placed::Repeated);
            }
            self.remember(place, number, true);
            return (number, Placed::Late);
        }
        if place.export_time_s > self.newest_time_s {
            return (self.restart(place), Placed::Restarted);
        }
        self.out_of_window(place)
    }

    /// A number that is far behind. If others go on from it, the exporter restarted. If not, it was
    /// a stray Message: one that is old by its own clock keeps its place, any other takes the next
    /// free number.
    fn out_of_window(&mut self, place: &Place) -> (u32, Placed) {
        if self
            .confirmed_by(place.sequence, place.export_time_s)
            .is_some()
        {
            return (self.restart(place), Placed::Restarted);
        }
        let before = self
            .suspect
            .filter(|suspect| suspect.follows == place.sequence);
        self.suspect = Some(Suspect {
            follows: place.sequence.wrapping_add(place.units),
            at: before.map_or(place.arrived, |suspect| suspect.at),
            seen: before.map_or(1, |suspect| suspect.seen.saturating_add(1)),
        });
        let is_old = place.export_time_s < self.newest_time_s
            || (place.export_time_s == self.newest_time_s && place.sequence != 0);
        if !self.counts_messages && is_old {
            return (self.late_number(place), Placed::Late);
        }
        (self.next_free(place.units), Placed::Stray)
    }

    /// The number behind all others, for a Message that raises it by `units`.
    const fn next_free(&mut self, units: u32) -> u32 {
        let number = self.next_in.wrapping_add(self.offset);
        self.offset = self.offset.wrapping_add(units);
        number
    }

    /// Whether a number is far from those that come, and near where the exporter stopped when it
    /// began to count anew.
    fn goes_on_from_left(&self, sequence: u32) -> bool {
        let left = self
            .left
            .filter(|left| self.is_near(left.follows, sequence));
        left.is_some() && !self.is_near(self.next_in, sequence)
    }

    fn is_near(&self, expected: u32, sequence: u32) -> bool {
        let near = if self.counts_messages {
            u32::try_from(WINDOW).unwrap_or(u32::MAX)
        } else {
            WINDOW_RECORDS
        };
        let ahead = sequence.wrapping_sub(expected);
        ahead.min(ahead.wrapping_neg()) <= near
    }

    /// The suspicion that a Message confirms, if it does: two in a row are a restart, three where
    /// the exporter's clock went back as well.
    fn confirmed_by(&self, sequence: u32, export_time_s: u32) -> Option<Suspect> {
        let needed = if export_time_s < self.newest_time_s {
            2
        } else {
            1
        };
        self.suspect
            .filter(|suspect| suspect.follows == sequence && suspect.seen >= needed)
    }

    fn restart(&mut self, place: &Place) -> u32 {
        self.left = Some(Left {
            follows: self.next_in,
            at: place.arrived,
        });
        let expected = self.next_in.wrapping_add(self.offset);
        self.offset = expected.wrapping_sub(place.sequence);
        self.recent = [Recent::default(); WINDOW];
        self.newest_time_s = 0;
        self.advance(place)
    }

    fn advance(&mut self, place: &Place) -> u32 {
        let number = place.sequence.wrapping_add(self.offset);
        self.suspect = None;
        self.newest_in = place.sequence;
        self.next_in = place.sequence.wrapping_add(place.units);
        self.is_next_known = place.units_known;
        self.newest_time_s = self.newest_time_s.max(place.export_time_s);
        self.remember(place, number, true);
        number
    }

    /// Keeps the numbers that a gap leaves free, the last of them at least.
    fn note_gap(&mut self, missing: u32, place: &Place) {
        let window = u32::try_from(WINDOW).unwrap_or(u32::MAX);
        for behind in (1..=missing.min(window)).rev() {
            let sequence = self.next_in.wrapping_add(missing).wrapping_sub(behind);
            let missing = Place { sequence, ..*place };
            self.remember(&missing, sequence.wrapping_add(self.offset), false);
        }
    }

    /// Keeps the number of a Message; `came`: it is there, and not only missing.
    fn remember(&mut self, place: &Place, sequence_out: u32, came: bool) {
        let slot = self.recent_at.checked_rem(WINDOW).unwrap_or(0);
        if let Some(recent) = self.recent.get_mut(slot) {
            *recent = Recent {
                known: true,
                came,
                has_units: place.units > 0,
                sequence_in: place.sequence,
                sequence_out,
                at: place.arrived,
            };
        }
        self.recent_at = slot.saturating_add(1);
    }

    fn recently(&mut self, place: &Place) -> Option<&mut Recent> {
        self.recent
            .iter_mut()
            .find(|recent| recent.known && recent.sequence_in == place.sequence)
            .filter(|recent| place.arrived.since(recent.at) <= LATE_MS)
    }

    /// Whether a Message with records came lately under the same number.
    fn has_come(&self, place: &Place) -> bool {
        self.recent.iter().any(|recent| {
            recent.known
                && recent.came
                && recent.has_units
                && recent.sequence_in == place.sequence
                && place.arrived.since(recent.at) <= LATE_MS
        })
    }

    /// The number of an IPFIX Message that comes late: what was added to the Message behind it
    /// counts, for records may have been left out since.
    fn late_number(&self, place: &Place) -> u32 {
        let behind = |recent: &&Recent| {
            let distance = recent.sequence_in.wrapping_sub(place.sequence);
            (recent.known && distance < 1 << 31).then_some(distance)
        };
        let newer = self.recent.iter().filter(|recent| behind(recent).is_some());
        let next = newer.min_by_key(|recent| behind(recent));
        let offset = next.map_or(self.offset, |recent| {
            recent.sequence_out.wrapping_sub(recent.sequence_in)
        });
        place.sequence.wrapping_add(offset)
    }

    /// Whether some recent Message is as old: an IPFIX number falls between two that came.
    fn is_in_window(&self, sequence: u32, arrived: Millis) -> bool {
        self.recent.iter().any(|recent| {
            recent.known
                && sequence.wrapping_sub(recent.sequence_in) < 1 << 31
                && arrived.since(recent.at) <= LATE_MS
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(sequence: u32) -> Place {
        Place {
            sequence,
            units: 1,
            units_known: true,
            export_time_s: 1000,
            arrived: Millis(0),
            clock_restarted: false,
        }
    }

    fn records(sequence: u32, units: u32, export_time_s: u32) -> Place {
        Place {
            units,
            export_time_s,
            ..at(sequence)
        }
    }

    fn v9(sequences: &[u32]) -> std::vec::Vec<u32> {
        let mut numbers = Numbers::new(Version::V9);
        sequences
            .iter()
            .map(|sequence| numbers.message(&at(*sequence)).0)
            .collect()
    }

    #[test]
    fn a_gap_of_the_input_is_the_same_gap_in_the_output() {
        assert_eq!(v9(&[7, 8, 11, 12]), [7, 8, 11, 12]);
        assert_eq!(v9(&[u32::MAX, 0, 1]), [u32::MAX, 0, 1]);
    }

    #[test]
    fn a_late_message_takes_the_number_that_its_gap_left_free() {
        let mut numbers = Numbers::new(Version::V9);
        numbers.message(&at(1));
        assert_eq!(numbers.extra(), 2, "Message 1 was divided");
        assert_eq!(numbers.message(&at(4)).0, 5, "2 and 3 are missing");
        assert_eq!(numbers.extra(), 6);
        assert_eq!(numbers.message(&at(2)), (3, Placed::Late));
        assert_eq!(numbers.extra(), 7, "its further part goes to the end");
        assert_eq!(numbers.message(&at(5)).0, 8);
    }

    #[test]
    fn after_a_restart_the_output_goes_on() {
        let mut numbers = Numbers::new(Version::V9);
        numbers.message(&at(1000));
        assert_eq!(numbers.message(&at(0)), (1001, Placed::Stray));
        assert_eq!(numbers.message(&at(1)), (1002, Placed::Restarted));
        assert_eq!(numbers.message(&at(2)), (1003, Placed::InOrder));

        let mut numbers = Numbers::new(Version::V9);
        numbers.message(&at(5));
        let rebooted = Place {
            clock_restarted: true,
            ..at(0)
        };
        assert_eq!(numbers.message(&rebooted), (6, Placed::Restarted));
    }

    #[test]
    fn one_stray_number_shifts_nothing_but_itself() {
        let mut numbers = Numbers::new(Version::V9);
        numbers.message(&at(1000));
        assert_eq!(numbers.message(&at(3)).0, 1001);
        assert_eq!(numbers.message(&at(1001)), (1002, Placed::InOrder));
    }

    #[test]
    fn a_message_that_does_not_leave_leaves_no_gap() {
        let mut numbers = Numbers::new(Version::V9);
        numbers.message(&at(1));
        numbers.skip(&at(2));
        assert_eq!(numbers.message(&at(3)).0, 2);
    }

    #[test]
    fn what_is_missing_late_and_repeated_is_told_apart() {
        for (version, units) in [(Version::V9, 1), (Version::Ipfix, 10)] {
            let mut numbers = Numbers::new(version);
            let mut send = |nth: u32| {
                let place = records(nth * units, units, 50);
                let missing = numbers.missing_before(&place);
                let (_, placed) = numbers.message(&place);
                numbers.leave_out(units, placed);
                (placed, missing / units)
            };
            let expected = [
                (1, (Placed::InOrder, 0)),
                (2, (Placed::InOrder, 0)),
                (2, (Placed::Repeated, 0)),
                (5, (Placed::InOrder, 2)),
                (3, (Placed::Late, 0)),
                (3, (Placed::Repeated, 0)),
                (6, (Placed::InOrder, 0)),
            ];
            for (nth, expected) in expected {
                assert_eq!(send(nth), expected, "{version:?} {nth}");
            }
        }
    }

    #[test]
    fn records_that_are_left_out_leave_no_gap_and_a_late_message_stands_where_it_belongs() {
        let mut numbers = Numbers::new(Version::Ipfix);
        let mut send = |sequence, left_out| {
            let (number, placed) = numbers.message(&records(sequence, 10, 50));
            numbers.leave_out(left_out, placed);
            number
        };
        assert_eq!(send(0, 5), 0);
        assert_eq!(send(10, 10), 5);
        assert_eq!(send(30, 4), 15, "the gap of ten stays one");
        assert_eq!(send(20, 5), 5, "where the gap begins");
        assert_eq!(send(40, 0), 21);
    }

    #[test]
    fn ipfix_numbers_count_records_and_survive_a_restart() {
        let mut numbers = Numbers::new(Version::Ipfix);
        assert_eq!(numbers.message(&records(100, 10, 50)).0, 100);
        assert_eq!(
            numbers.extra(),
            110,
            "a Template Message has no number of its own"
        );
        assert_eq!(numbers.message(&records(110, 5, 50)).0, 110);
        let again = numbers.message(&records(100, 10, 50));
        assert_eq!(again, (100, Placed::Repeated));
        assert_eq!(
            numbers.message(&records(0, 4, 60)),
            (115, Placed::Restarted)
        );
        assert_eq!(numbers.message(&records(4, 4, 60)), (119, Placed::InOrder));
    }
}
