//! What a collector that checks Sequence Numbers makes of a session, and of what it was made from.
//!
//! NetFlow v9 numbers Messages [RFC 3954 §5.1], IPFIX numbers Data Records [RFC 7011 §3.1], v5
//! numbers records. Two ways to compare: step by step, where the network kept the order; and by
//! what is missing in the end, where it did not.
//!
//! Not here: which numbers the mediator should have chosen; only what a collector concludes.
//! Bound: 16 bytes for each Message of a test.

use crate::collector::{MessageSeen, SequenceSeen};
use crate::framing::Version;
use std::collections::VecDeque;

/// Numbers of v9 that one may be behind and still only be late.
const REORDER_NUMBERS: u32 = 64;
/// Messages that one may be behind and still only be late.
const REORDER_MESSAGES: usize = 64;

/// The Sequence Numbers of one session, in the order of arrival.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    seen: Vec<SequenceSeen>,
    spans: Vec<(u32, u32)>,
    uncounted: usize,
    lately: VecDeque<u32>,
    deniable: usize,
    newest: Option<u32>,
    far_behind: u64,
}

impl Numbers {
    /// Notes a Message.
    pub fn note(&mut self, message: &MessageSeen) {
        let Some(header) = message.header else {
            return;
        };
        self.seen.push(message.sequence);
        if let (SequenceSeen::Back(_), Some(oldest)) = (message.sequence, self.lately.front()) {
            let behind = header.sequence.wrapping_sub(*oldest);
            self.deniable += usize::from(behind < 0x8000_0000);
        }
        let newest = *self.newest.get_or_insert(header.sequence);
        let behind = newest.wrapping_sub(header.sequence);
        if behind >= 0x8000_0000 {
            self.newest = Some(header.sequence);
        } else if header.version == Version::V9 && behind > REORDER_NUMBERS {
            self.far_behind += 1;
        }
        self.lately.push_back(header.sequence);
        if self.lately.len() > REORDER_MESSAGES {
            self.lately.pop_front();
        }
        match message.counts {
            Some(count) => self.spans.push((header.sequence, count)),
            None => self.uncounted += 1,
        }
    }

    /// Every gap, in order.
    #[must_use]
    pub fn gaps(&self) -> Vec<u32> {
        let gap = |seen: &SequenceSeen| match seen {
            SequenceSeen::Gap(missing) => Some(*missing),
            _ => None,
        };
        self.seen.iter().filter_map(gap).collect()
    }

    /// How often the numbers went back.
    #[must_use]
    pub fn steps_back(&self) -> usize {
        let back = |seen: &&SequenceSeen| matches!(seen, SequenceSeen::Back(_));
        self.seen.iter().filter(back).count()
    }

    /// Messages that nobody could count the records of; they make `missing` unknowable.
    #[must_use]
    pub fn uncounted(&self) -> usize {
        self.uncounted
    }

    /// How many numbers between the first and the last were never seen, whatever the order.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let Some((first, _)) = self.spans.first() else {
            return 0;
        };
        // Numbers wrap; taken from the middle of the circle, a test's worth of them does not.
        let base = first.wrapping_sub(0x8000_0000);
        let mut spans: Vec<(u64, u64)> = self
            .spans
            .iter()
            .map(|(start, count)| (u64::from(start.wrapping_sub(base)), u64::from(*count)))
            .collect();
        spans.sort_unstable();
        let mut end = spans.first().map_or(0, |(start, _)| *start);
        let mut missing = 0;
        for (start, count) in spans {
            missing += start.saturating_sub(end);
            end = end.max(start + count);
        }
        missing
    }
}

/// What the network and the exporters did to a session's Sequence Numbers before they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// Nothing was overtaken or came twice, and nobody started again.
    Orderly,
    /// Nothing was overtaken or came twice, but exporters started again.
    Restarted,
    /// Datagrams came late or twice, but nobody started again.
    Shuffled,
    /// Everything at once.
    Wild,
}

/// L4: whoever checks the numbers sees loss only where the input had it, and all of that.
///
/// The numbers of v5 are the exporter's own, whatever it does with them (N2). An IPFIX exporter
/// has no clock that shows its restart: where its numbers went back no further than they were
/// lately, nobody can tell it from a late Message, and one step back is excused. A v9 Message that
/// comes behind the window may have a new number, so that its own stays missing.
///
/// # Errors
/// A sentence that says what a collector would conclude.
pub fn judge(version: Version, came: &Numbers, left: &Numbers, past: Past) -> Result<(), String> {
    let countable = came.uncounted() == 0 && left.uncounted() == 0;
    let (before, after) = (came.gaps(), left.gaps());
    let explained = came.missing()..=came.missing() + came.far_behind;
    let excused = match (version, past) {
        (Version::V5, _) => usize::MAX,
        (Version::Ipfix, Past::Restarted) => came.deniable,
        (_, Past::Orderly) => came.steps_back(),
        _ => 0,
    };
    match past {
        Past::Orderly | Past::Restarted if left.steps_back() > excused => {
            Err(format!("the numbers went back {} times", left.steps_back()))
        }
        Past::Orderly if countable && before != after => {
            Err(format!("gaps {before:?} became {after:?}"))
        }
        Past::Restarted if countable && !is_part(&after, &before) => {
            Err(format!("gaps {before:?} became {after:?}"))
        }
        Past::Shuffled if countable && !explained.contains(&left.missing()) => Err(format!(
            "{} missing became {}",
            came.missing(),
            left.missing()
        )),
        _ => Ok(()),
    }
}

/// Whether `part` is `whole` with some left out.
fn is_part(part: &[u32], whole: &[u32]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|gap| rest.any(|other| other == gap))
}

#[cfg(test)]
mod tests {
    use super::Numbers;

    #[test]
    fn what_is_missing_does_not_depend_on_the_order() {
        let cases: &[(&[(u32, u32)], u64)] = &[
            (&[(5, 1), (6, 1), (7, 1)], 0),
            (&[(6, 1), (5, 1), (7, 1)], 0),
            (&[(5, 1), (8, 1), (7, 1)], 1),
            (&[(u32::MAX, 1), (1, 1), (0, 1)], 0),
            (&[(0, 10), (10, 0), (10, 5), (20, 1)], 5),
            (&[(0, 10), (0, 10), (10, 1)], 0),
        ];
        for (spans, missing) in cases {
            let numbers = Numbers {
                spans: spans.to_vec(),
                ..Numbers::default()
            };
            assert_eq!(numbers.missing(), *missing, "{spans:?}");
        }
    }
}
