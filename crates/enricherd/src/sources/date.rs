//! Days, as people write them: enough to say how old a file is.
//!
//! Not here: time of day, time zones.

use std::fmt;
use std::time::{Duration, SystemTime};

const SECONDS_PER_DAY: u64 = 86_400;
/// Days of 400 years: after them the calendar repeats.
const DAYS_PER_ERA: u64 = 146_097;
/// Days from the first of March of year 0 to the first of January 1970.
const DAYS_BEFORE_1970: u64 = 719_468;

/// A day of the Gregorian calendar, UTC, from 1970 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    days_since_1970: u64,
}

impl Date {
    /// Returns the day of `time`; times before 1970 give its first day.
    #[must_use]
    pub fn of(time: SystemTime) -> Self {
        let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH);
        Self::of_unix_seconds(since_1970.unwrap_or(Duration::ZERO).as_secs())
    }

    /// Returns the day of a time in seconds since 1970.
    #[must_use]
    pub const fn of_unix_seconds(seconds: u64) -> Self {
        Self {
            days_since_1970: seconds / SECONDS_PER_DAY,
        }
    }

    /// Returns the day written as year, month, day, the month and day counted from 1.
    ///
    /// Days are counted from the first of March, so that the day that comes every four years is
    /// the last one of a year.
    #[must_use]
    pub const fn of_civil(year: u64, month: u64, day: u64) -> Self {
        let year = if month < 3 { year - 1 } else { year };
        let month_from_march = (month + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
        let year_of_era = year % 400;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Self {
            days_since_1970: year / 400 * DAYS_PER_ERA + day_of_era - DAYS_BEFORE_1970,
        }
    }

    /// Reads `2026-06-17`; `None` if that is not what stands there.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let numbers: Vec<u64> = text
            .split('-')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .ok()?;
        let [year @ 1970..=9999, month @ 1..=12, day @ 1..=31] = numbers[..] else {
            return None;
        };
        Some(Self::of_civil(year, month, day))
    }

    /// The inverse of [`Date::of_civil`].
    const fn civil(self) -> (u64, u64, u64) {
        let days = self.days_since_1970 + DAYS_BEFORE_1970;
        let day_of_era = days % DAYS_PER_ERA;
        let leap_days = day_of_era / 1460 + day_of_era / (DAYS_PER_ERA - 1);
        let year_of_era = (day_of_era - leap_days + day_of_era / 36_524) / 365;
        let days_before_year = 365 * year_of_era + year_of_era / 4 - year_of_era / 100;
        let day_of_year = day_of_era - days_before_year;
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = (month_from_march + 2) % 12 + 1;
        let year = year_of_era + days / DAYS_PER_ERA * 400;
        (if month < 3 { year + 1 } else { year }, month, day)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Returns the days from `earlier` to `later`, 0 if `earlier` is later.
#[must_use]
pub const fn days_between(earlier: Date, later: Date) -> u64 {
    later
        .days_since_1970
        .saturating_sub(earlier.days_since_1970)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_as_the_calendar_has_them() {
        // Seconds as `date -u -d ... +%s` prints them.
        for (seconds, text) in [
            (0, "1970-01-01"),
            (86_399, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_709_164_800, "2024-02-29"),
            (1_767_225_599, "2025-12-31"),
            (1_781_654_400, "2026-06-17"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(Date::of_unix_seconds(seconds).to_string(), text);
        }
    }

    #[test]
    fn every_day_of_four_centuries_is_read_back() {
        for day in 0..DAYS_PER_ERA {
            let date = Date {
                days_since_1970: day,
            };
            let (year, month, day) = date.civil();
            assert_eq!(Date::of_civil(year, month, day), date);
        }
    }

    #[test]
    fn a_day_is_read_as_it_is_written() {
        let date = Date::of_civil(2026, 6, 17);
        assert_eq!(Date::parse("2026-06-17"), Some(date));
        for wrong in [
            "",
            "2026-06",
            "2026-13-01",
            "2026-06-17-1",
            "17.6.2026",
            "1969-12-31",
        ] {
            assert_eq!(Date::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ages_are_whole_days_and_never_negative() {
        let (earlier, later) = (Date::of_civil(2026, 6, 17), Date::of_civil(2026, 9, 15));
        assert_eq!(days_between(earlier, later), 90);
        assert_eq!(days_between(later, earlier), 0);
    }
}
