//! The face for programs: JSON, in which a value is its text [RFC 8259].
//!
//! Not here: names of members that are no numbers of the catalogue (whoever answers).

use std::fmt::Write;

use crate::catalogue::Shape;
use crate::snapshot::{Family, Snapshot};
use crate::text;

/// Returns the members of the object that shows a snapshot: its numbers, then the list of workers.
#[must_use]
pub fn members(snapshot: &Snapshot) -> Vec<(&'static str, String)> {
    let families = snapshot.families().iter();
    let mut members: Vec<_> = families.filter_map(member).collect();
    let workers = text::workers(snapshot).into_iter();
    let workers: Vec<_> = workers.map(|(_, rows)| numbers(rows)).collect();
    if !workers.is_empty() {
        members.push(("workers", list(workers.into_iter())));
    }
    members
}

fn member(family: &Family) -> Option<(&'static str, String)> {
    let value = match family.entry.shape {
        Shape::Plain => family.rows.first()?.value.to_string(),
        Shape::Group => {
            let rows = family.rows.iter();
            numbers(rows.map(|row| (row.labels.join("."), row.value)))
        }
        Shape::Worker | Shape::Metric => return None,
    };
    Some((family.entry.name, value))
}

/// Returns an object of numbers.
pub fn numbers<N: AsRef<str>>(rows: impl IntoIterator<Item = (N, u64)>) -> String {
    let rows = rows.into_iter();
    let members: Vec<_> = rows
        .map(|(name, value)| format!("{}:{value}", string(name.as_ref())))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// Returns an object of members in this order.
#[must_use]
pub fn object(members: &[(&str, String)]) -> String {
    let members = members
        .iter()
        .map(|(key, value)| format!("{}:{value}", string(key)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// Returns a list of values.
#[must_use]
pub fn list(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(","))
}

/// Returns the value, or `null`.
#[must_use]
pub fn or_null(value: Option<String>) -> String {
    value.unwrap_or_else(|| "null".to_owned())
}

/// Returns a string [RFC 8259 §7].
#[must_use]
pub fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control < ' ' => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    #[test]
    fn a_string_is_quoted_as_json_wants_it() {
        assert_eq!(string("a\"b\\c\n\u{1}é"), "\"a\\\"b\\\\c\\u000a\\u0001é\"");
    }

    #[test]
    fn a_snapshot_is_numbers_groups_and_workers() {
        let mut snapshot = Snapshot::default();
        snapshot.put(&catalogue::total::DATAGRAMS_IN, 3);
        snapshot.put_each(
            &catalogue::labelled::SETS_RAW,
            [("options", 0), ("misfit", 2)],
        );
        snapshot.put_each(&catalogue::labelled::WORKER_DATAGRAMS, [("0", 3)]);
        snapshot.put_at(
            &catalogue::labelled::SOURCE_AGE,
            vec!["a".into(), "b".into()],
            1,
        );
        let shown = object(&members(&snapshot));
        let expected = r#"{"datagrams_in":3,"sets_raw":{"options":0,"misfit":2},"#.to_owned()
            + r#""workers":[{"datagrams_in":3}]}"#;
        assert_eq!(shown, expected);
    }
}
