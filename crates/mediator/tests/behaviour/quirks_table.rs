//! `docs/quirks.md` is complete and true: every row is there, every test it names exists.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn table() -> String {
    fs::read_to_string(root().join("docs/quirks.md")).unwrap()
}

/// The numbers in the first column of all tables.
fn numbers(table: &str) -> Vec<&str> {
    let rows = table.lines().filter_map(|line| line.strip_prefix("| "));
    rows.filter_map(|row| row.split(' ').next()).collect()
}

/// Returns the pairs of file and test in a text: `fill.rs::a_test` in backquotes.
fn cited(text: &str) -> Vec<(&str, &str)> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter_map(|word| word.split_once("::")).collect()
}

/// Letters of the requirements, and how many rows each has.
const ROWS: [(char, u32); 9] = [
    ('Q', 50),
    ('K', 17),
    ('H', 16),
    ('S', 17),
    ('T', 29),
    ('E', 14),
    ('D', 12),
    ('C', 14),
    ('N', 5),
];

#[test]
fn every_requirement_has_one_row() {
    let table = table();
    let numbers = numbers(&table);
    for (letter, count) in ROWS {
        for number in 1..=count {
            let number = format!("{letter}{number}");
            let rows = numbers.iter().filter(|row| **row == number).count();
            assert_eq!(rows, 1, "{number}");
        }
    }
}

#[test]
fn every_row_names_a_test_or_a_reason() {
    for line in table().lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 3, "{line}");
        let shown = cells[2].trim();
        let is_heading = cells[0].trim() == "Row";
        assert!(
            is_heading || !cited(shown).is_empty() || shown.starts_with("Out of scope: "),
            "{line}"
        );
    }
}

#[test]
fn every_test_that_is_named_exists() {
    let table = table();
    let cited = cited(&table);
    assert!(cited.len() > 100);
    for (file, test) in cited {
        let path = if file.starts_with("crates/") {
            root().join(file)
        } else {
            root().join("crates/mediator/tests/behaviour").join(file)
        };
        let source = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            source.contains(&format!("fn {test}() {{")),
            "{file} has no test {test}"
        );
    }
}
