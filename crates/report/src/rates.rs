//! How fast numbers rise: over the last second, ten seconds, minute.
//!
//! Whoever counts notes what it has once a second; a rate is the rise since the oldest note within
//! the window, divided by the time that really passed.
//!
//! Not here: the clock (whoever notes).
//! Bound: [`NOTES_MAX`] notes of `N` numbers.

use std::collections::VecDeque;

/// The windows over which rates are shown: name and milliseconds.
pub const WINDOWS: [(&str, u64); 3] = [("1s", 1000), ("10s", 10_000), ("60s", 60_000)];
/// Notes that are kept: those of the longest window, and one before it.
pub const NOTES_MAX: usize = 61;

/// Notes of `N` numbers that only rise.
#[derive(Clone, Debug)]
pub struct Rates<const N: usize> {
    notes: VecDeque<(u64, [u64; N])>,
}

impl<const N: usize> Default for Rates<N> {
    fn default() -> Self {
        Self {
            notes: VecDeque::with_capacity(NOTES_MAX),
        }
    }
}

impl<const N: usize> Rates<N> {
    /// Notes the numbers at a time in milliseconds, about a second after the last note.
    pub fn note(&mut self, now_ms: u64, numbers: [u64; N]) {
        if self.notes.len() >= NOTES_MAX {
            self.notes.pop_front();
        }
        self.notes.push_back((now_ms, numbers));
    }

    /// Returns by how much each number rose per second, over a window that ends with the last
    /// note; 0 before there are two notes.
    #[must_use]
    pub fn per_second(&self, window_ms: u64) -> [u64; N] {
        let Some((end_ms, end)) = self.notes.back() else {
            return [0; N];
        };
        // A note may come a little late: half a second of slack finds the one that is meant.
        let begin_ms = end_ms.saturating_sub(window_ms + 500);
        let mut within = self.notes.iter();
        let Some((begin_ms, begin)) = within.find(|(at_ms, _)| *at_ms >= begin_ms) else {
            return [0; N];
        };
        let passed_ms = end_ms - begin_ms;
        if passed_ms == 0 {
            return [0; N];
        }
        let mut rates = [0; N];
        for (rate, (begin, end)) in rates.iter_mut().zip(begin.iter().zip(end)) {
            *rate = end.saturating_sub(*begin).saturating_mul(1000) / passed_ms;
        }
        rates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_rise_over_the_time_that_really_passed() {
        let mut rates = Rates::default();
        assert_eq!(rates.per_second(1000), [0]);
        rates.note(1000, [500]);
        assert_eq!(rates.per_second(1000), [0]);
        // One note comes late, one early.
        rates.note(2100, [1600]);
        assert_eq!(rates.per_second(1000), [1000]);
        rates.note(3000, [1600]);
        assert_eq!(rates.per_second(1000), [0]);
        assert_eq!(rates.per_second(60_000), [550]);
    }

    #[test]
    fn the_longest_window_still_has_its_beginning_after_hours() {
        let mut rates = Rates::default();
        for second in 0..10_000 {
            rates.note(second * 1000, [second * second]);
        }
        assert_eq!(rates.notes.len(), NOTES_MAX);
        let end = 9999_u64;
        for (_, window_ms) in WINDOWS {
            let begin = end - window_ms / 1000;
            let expected = (end * end - begin * begin) / (window_ms / 1000);
            assert_eq!(rates.per_second(window_ms), [expected]);
        }
    }
}
