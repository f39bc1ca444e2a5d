//! The house rules, as a program.
//!
//! Each rule is a function over one file and carries two lists of examples: what it must find and
//! what it must leave alone. The tests run every rule over its own examples, so a rule that can
//! no longer fail is itself a failure.
//!
//! Not here: what the compiler and clippy check (the lint table of the workspace).

mod arrows;
mod habits;
mod places;
mod purity;
mod shape;
pub(crate) mod source;
mod words;

use anyhow::{Result, bail};

use crate::tree::Tree;
use source::File;

/// A demand on every file.
struct Rule {
    /// Shown with each fault.
    name: &'static str,
    /// Finds the faults of one file; the tree is there to look up others.
    check: fn(&Tree, &File) -> Vec<Fault>,
    /// Pairs of path and text in which the rule must find something.
    bad: &'static [(&'static str, &'static str)],
    /// Pairs of path and text in which it must find nothing.
    good: &'static [(&'static str, &'static str)],
}

/// What a rule found in a file.
struct Fault {
    /// Counted from 1.
    line: usize,
    /// What is wrong and what to write instead.
    message: String,
}

impl Fault {
    fn new(line: usize, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }
}

/// Checks the rules themselves, then the whole project, and prints every fault.
///
/// # Errors
/// There is a fault, or a file cannot be read.
pub(crate) fn run() -> Result<()> {
    let tree = Tree::read()?;
    let mut faults = rules_that_err();
    faults.extend(faults_of(&tree));
    for fault in &faults {
        println!("{fault}");
    }
    if !faults.is_empty() {
        bail!("{} faults against the house rules", faults.len());
    }
    println!(
        "{} rules hold in {} files",
        rules().count(),
        tree.files.len()
    );
    Ok(())
}

fn rules() -> impl Iterator<Item = &'static Rule> {
    [
        shape::RULES,
        words::RULES,
        habits::RULES,
        places::RULES,
        purity::RULES,
        arrows::RULES,
    ]
    .into_iter()
    .flatten()
}

/// Returns one line of text per fault, file by file.
fn faults_of(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for file in &tree.files {
        for rule in rules() {
            for Fault { line, message } in (rule.check)(tree, file) {
                found.push(format!("{}:{line}: {}: {message}", file.path, rule.name));
            }
        }
    }
    found
}

/// Runs every rule over its own examples; returns one line of text per example that it misjudges.
fn rules_that_err() -> Vec<String> {
    let mut found = Vec::new();
    for Rule {
        name,
        check,
        bad,
        good,
    } in rules()
    {
        let is_found = |example: &(&str, &str)| {
            let tree = Tree::new(vec![(example.0.to_owned(), written_out(example.1))]);
            tree.files.iter().any(|file| !check(&tree, file).is_empty())
        };
        let missed = bad.iter().filter(|example| !is_found(example));
        found.extend(missed.map(|example| format!("{name} misses {example:?}")));
        let blamed = good.iter().filter(|example| is_found(example));
        found.extend(blamed.map(|example| format!("{name} blames {example:?}")));
        if bad.is_empty() || good.is_empty() {
            found.push(format!("{name} lacks examples"));
        }
    }
    found
}

/// Returns a text in which `before×COUNT×repeated×after` was written out.
fn written_out(text: &str) -> String {
    if let [before, count, repeated, after] = text.split('×').collect::<Vec<_>>()[..]
        && let Ok(count) = count.parse()
    {
        return format!("{before}{}{after}", repeated.repeat(count));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_finds_its_bad_examples_and_spares_its_good_ones() {
        let found = rules_that_err();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    #[test]
    fn a_fault_names_file_line_and_rule() {
        let text = "//! A b.\nfn get_a() {}\n".to_owned();
        let tree = Tree::new(vec![("crates/asdb/src/a.rs".to_owned(), text)]);
        let expected = "crates/asdb/src/a.rs:2: identifier: not `get_`; say the noun itself";
        assert_eq!(faults_of(&tree), [expected]);
    }

    #[test]
    fn the_project_obeys_its_rules() {
        let faults = faults_of(&Tree::read().unwrap());
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}
