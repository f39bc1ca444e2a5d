//! How the sources of AS numbers are, for people and for programs.
//!
//! Names here are public: they are added, never renamed.
//!
//! Not here: reading sources (`sources::keeper`), who asks (`control::telnet`).

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use report::Snapshot;
use report::catalogue::labelled;
use report::json::{list, object, or_null, string};

use crate::control::stats::saturating;
use crate::sources::date::{Date, days_between};
use crate::sources::health::{Health, State};

const SECONDS_PER_DAY: u64 = 86_400;

/// Returns each source with what it holds and what is wrong with it.
#[must_use]
pub fn text(sources: &[Health], now: SystemTime) -> String {
    let mut text = format!(
        "{:<10} {:<8} {:<14} {:>9} {:>11} {:>9} {:>12} {:>8}  source\n",
        "provider", "state", "format", "prefixes", "made", "age_days", "loaded_s_ago", "load_ms"
    );
    for source in sources {
        let loaded = source.loaded.map(|(at, _)| seconds_since(at, now));
        let took = source.loaded.map(|(_, took)| took.as_millis());
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<10} {:<8} {:<14} {:>9} {:>11} {:>9} {:>12} {:>8}  {}{}",
            source.provider.name(),
            source.state.name(),
            source.format.unwrap_or("-"),
            source.entries_count,
            or_dash(source.made),
            or_dash(age_days(source, now)),
            or_dash(loaded),
            or_dash(took),
            source.origin,
            if source.stands_in {
                " (stands in: no database can be used)"
            } else if source.is_last_good {
                " (what it said before stays in use)"
            } else {
                ""
            }
        );
        if let Some((at, error)) = &source.last_error {
            let ago = seconds_since(*at, now);
            let _ = writeln!(text, "{:<10} {ago} s ago: {error}", "");
        }
    }
    text
}

/// As [`text`], as one line of JSON.
#[must_use]
pub fn json(sources: &[Health], now: SystemTime) -> String {
    list(sources.iter().map(|source| source_json(source, now))) + "\n"
}

/// Puts in what scrapers want to know of each source.
pub(crate) fn put(snapshot: &mut Snapshot, sources: &[Health], now: SystemTime) {
    for source in sources {
        let labels = vec![source.provider.name().to_owned(), source.origin.to_string()];
        let is_up = source.state == State::Ok && !source.stands_in && !source.is_last_good;
        snapshot.put_at(&labelled::SOURCE_UP, labels.clone(), u64::from(is_up));
        let prefixes_count = saturating(source.entries_count);
        snapshot.put_at(&labelled::SOURCE_PREFIXES, labels.clone(), prefixes_count);
        if let Some(days) = age_days(source, now) {
            snapshot.put_at(&labelled::SOURCE_AGE, labels, days * SECONDS_PER_DAY);
        }
    }
}

fn source_json(source: &Health, now: SystemTime) -> String {
    let number = |number: Option<u64>| or_null(number.map(|number| number.to_string()));
    let error = source.last_error.as_ref();
    object(&[
        ("source", string(&source.origin.to_string())),
        ("provider", string(source.provider.name())),
        ("state", string(source.state.name())),
        ("format", or_null(source.format.map(string))),
        ("prefixes", source.entries_count.to_string()),
        (
            "made",
            or_null(source.made.map(|made| string(&made.to_string()))),
        ),
        ("age_days", number(age_days(source, now))),
        (
            "loaded_unix_s",
            number(source.loaded.map(|(at, _)| unix_s(at))),
        ),
        (
            "load_ms",
            number(
                source
                    .loaded
                    .map(|(_, took)| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
            ),
        ),
        ("last_error", or_null(error.map(|(_, text)| string(text)))),
        (
            "last_error_unix_s",
            number(error.map(|(at, _)| unix_s(*at))),
        ),
        ("is_last_good", source.is_last_good.to_string()),
        ("stands_in", source.stands_in.to_string()),
    ])
}

fn age_days(source: &Health, now: SystemTime) -> Option<u64> {
    source.made.map(|made| days_between(made, Date::of(now)))
}

fn seconds_since(time: SystemTime, now: SystemTime) -> u64 {
    now.duration_since(time).unwrap_or(Duration::ZERO).as_secs()
}

fn unix_s(time: SystemTime) -> u64 {
    seconds_since(SystemTime::UNIX_EPOCH, time)
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
