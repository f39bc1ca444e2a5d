//! How long things may be, and that each file says what it is.
//!
//! Lines of tests and of tables (constants whose value is a list) are not counted: both grow with
//! the world and are read one line at a time.

use super::source::{Comment, File};
use super::{Fault, Rule};
use crate::tree::Tree;

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "module-doc",
        check: module_doc,
        bad: &[
            ("crates/a/src/b.rs", "use std::fs;\n"),
            ("crates/a/src/b.rs", "//! Placeholder.\n"),
            ("crates/a/src/b.rs", ""),
        ],
        good: &[("crates/a/src/b.rs", "//! What it is.\nuse std::fs;\n")],
    },
    Rule {
        name: "file-length",
        check: file_length,
        bad: &[("crates/a/src/b.rs", "×601×fn a() {}\n×")],
        good: &[
            ("crates/a/src/b.rs", "×600×fn a() {}\n×"),
            ("crates/a/tests/b.rs", "×601×fn a() {}\n×"),
            ("crates/a/src/b.rs", "×301×#[cfg(test)]\nmod tests {}\n×"),
            ("crates/a/src/b.rs", "×301×const A: &[u8] = &[\n1];\n×"),
        ],
    },
    Rule {
        name: "function-length",
        check: function_length,
        bad: &[("crates/a/src/b.rs", "fn a() {×70×\n×}")],
        good: &[
            ("crates/a/src/b.rs", "fn a() {×69×\n×}"),
            ("crates/a/tests/b.rs", "fn a() {×70×\n×}"),
        ],
    },
    Rule {
        name: "columns",
        check: columns,
        bad: &[("crates/a/src/b.rs", "×101×a×")],
        good: &[
            ("crates/a/src/b.rs", "×100×ä×"),
            ("crates/a/src/b.rs", "const A: &str = \"\\\n×101×a×\";\n"),
        ],
    },
];

fn module_doc(_: &Tree, file: &File) -> Vec<Fault> {
    let first = file.comment_lines().next();
    let said = match first {
        Some((1, Comment::Doc(text))) if file.text.starts_with("//!") => text.trim(),
        _ => "",
    };
    let is_said = said.contains(' ');
    if is_said || !file.is_rust() {
        return Vec::new();
    }
    vec![Fault::new(
        1,
        "the file must begin with `//!` and a sentence that says what it is",
    )]
}

fn file_length(_: &Tree, file: &File) -> Vec<Fault> {
    let lines = file.text.lines().count();
    let counted = lines.saturating_sub(file.test_lines_count() + file.table_lines_count());
    if counted <= FILE_LINES_MAX || !file.is_rust() {
        return Vec::new();
    }
    let message = format!("{counted} lines without tests and tables; {FILE_LINES_MAX} at most");
    vec![Fault::new(1, message)]
}

fn function_length(_: &Tree, file: &File) -> Vec<Fault> {
    let functions = file.functions().into_iter();
    let functions = functions.filter(|function| !file.is_test(*function.lines.start()));
    functions
        .filter_map(|function| {
            let start = *function.lines.start();
            let lines = function.lines.count();
            let message = format!(
                "`{}` has {lines} lines; {FUNCTION_LINES_MAX} at most",
                function.name
            );
            (lines > FUNCTION_LINES_MAX).then(|| Fault::new(start, message))
        })
        .collect()
}

fn columns(_: &Tree, file: &File) -> Vec<Fault> {
    if !file.is_rust() {
        return Vec::new();
    }
    let lines = file.text.lines().enumerate();
    lines
        .filter_map(|(index, line)| {
            let columns = line.chars().count();
            let message = format!("{columns} columns; {COLUMNS_MAX} at most");
            // Neither a row of a table nor a text for others can be wrapped.
            let is_row = line.trim_start().starts_with("//! |");
            let is_fixed = is_row || file.is_in_literal(index + 1);
            let is_over = columns > COLUMNS_MAX && !is_fixed;
            is_over.then(|| Fault::new(index + 1, message))
        })
        .collect()
}
