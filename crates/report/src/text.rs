//! The face for people: a name and a number on each line.
//!
//! Numbers have thousands separators. Of an entry with a label only rows that are not 0 are shown:
//! most reasons never happen.
//!
//! Not here: tables (`table`).

use std::fmt::Write;

use crate::catalogue::Shape;
use crate::snapshot::Snapshot;

/// Returns one number a line.
#[must_use]
pub fn lines(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: u64| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<34} {:>20}", grouped(value));
    };
    for family in snapshot.families() {
        let name = family.entry.name;
        match family.entry.shape {
            Shape::Plain => family.rows.iter().for_each(|row| line(name, row.value)),
            Shape::Group => {
                for row in family.rows.iter().filter(|row| row.value > 0) {
                    line(&format!("{name}.{}", row.labels.join(".")), row.value);
                }
            }
            Shape::Worker => {}
            Shape::Metric => {}
        }
    }
    for (worker, rows) in workers(snapshot) {
        for (name, value) in rows {
            line(&format!("worker-{worker}.{name}"), value);
        }
    }
    text
}

/// Returns each worker with its numbers, in the order in which they were put in.
pub(crate) fn workers(snapshot: &Snapshot) -> Vec<(&str, Vec<(&'static str, u64)>)> {
    let mut workers: Vec<(&str, Vec<_>)> = Vec::new();
    let families = snapshot.families().iter();
    for family in families.filter(|family| family.entry.shape == Shape::Worker) {
        for row in &family.rows {
            let worker = row.labels.first().map_or("", String::as_str);
            let number = (family.entry.name, row.value);
            match workers.iter_mut().find(|(known, _)| *known == worker) {
                Some((_, numbers)) => numbers.push(number),
                None => workers.push((worker, vec![number])),
            }
        }
    }
    workers
}

/// Returns a number with a comma behind each third digit from the right.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    #[test]
    fn thousands_are_separated() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (123_456, "123,456"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn reasons_that_never_happened_are_left_out_and_workers_come_last() {
        let mut snapshot = Snapshot::default();
        snapshot.put_each(
            &catalogue::labelled::WORKER_DATAGRAMS,
            [("0", 7_000), ("1", 3)],
        );
        snapshot.put_each(
            &catalogue::labelled::WORKER_KERNEL_DROPS,
            [("0", 1), ("1", 2)],
        );
        snapshot.put(&catalogue::total::DATAGRAMS_IN, 7003);
        snapshot.put_each(
            &catalogue::labelled::SETS_RAW,
            [("options", 0), ("misfit", 2)],
        );
        let rows: Vec<Vec<String>> = lines(&snapshot)
            .lines()
            .map(|line| line.split_whitespace().map(str::to_owned).collect())
            .collect();
        assert_eq!(
            rows,
            [
                ["datagrams_in", "7,003"],
                ["sets_raw.misfit", "2"],
                ["worker-0.datagrams_in", "7,000"],
                ["worker-0.kernel_drops", "1"],
                ["worker-1.datagrams_in", "3"],
                ["worker-1.kernel_drops", "2"],
            ]
        );
    }
}
