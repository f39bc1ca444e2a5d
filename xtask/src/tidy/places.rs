//! Text that only makes sense on one machine, and links that lead nowhere.

use super::source::File;
use super::{Fault, Rule};
use crate::tree::Tree;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "machine-path",
        check: machine_path,
        bad: &[
            ("README.md", concat!("see /ho", "me/me/project")),
            (
                "crates/a/src/b.rs",
                concat!("const A: &str = \"/wo", "rk/shared\";"),
            ),
            (".ci/run", concat!("cd /ro", "ot/x")),
            ("crates/a/tests/b.rs", concat!("// /tm", "p/x")),
        ],
        good: &[(
            "README.md",
            "/var/lib/ipfix-enricher, /etc, ../shared, a/home/b, network/x",
        )],
    },
    Rule {
        name: "registry",
        check: registry,
        bad: &[
            (
                "Cargo.lock",
                "source = \"registry+https://mirror.example/index\"\n",
            ),
            ("Cargo.lock", "source = \"git+https://github.com/a/b\"\n"),
            (".cargo/config.toml", "[source.crates-io]\n"),
            (".cargo/config.toml", "[registries.x]\n"),
        ],
        good: &[
            (
                "Cargo.lock",
                "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n",
            ),
            (".cargo/config.toml", "[alias]\nxtask = \"run\"\n"),
        ],
    },
    Rule {
        name: "link",
        check: link,
        bad: &[
            ("docs/a.md", "see [b](b.md)"),
            ("README.md", "[a](docs/none.md#part)"),
        ],
        good: &[(
            "docs/a.md",
            "[a](a.md) [b](../docs/a.md#x) [c](https://a.example) [d](#d)",
        )],
    },
];

/// The public index, which is the same for everybody.
const INDEX: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";

fn machine_path(_: &Tree, file: &File) -> Vec<Fault> {
    // Written in halves, so that this file obeys its own rule.
    let folders = [
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/tm", "p/"),
        concat!("/Us", "ers/"),
        concat!("/wo", "rk/"),
    ];
    let begins_path = |line: &str, folder: &str| {
        let mut places = line.match_indices(folder);
        places.any(|(at, _)| {
            let before = line[..at].chars().next_back();
            !before.is_some_and(|sign| sign.is_alphanumeric() || matches!(sign, '.' | '_' | '-'))
        })
    };
    let lines = file.text.lines().enumerate();
    lines
        .filter_map(|(index, line)| {
            let folder = folders.iter().find(|folder| begins_path(line, folder))?;
            let message = format!("`{folder}` is a place on one machine; count from the project");
            Some(Fault::new(index + 1, message))
        })
        .collect()
}

fn registry(_: &Tree, file: &File) -> Vec<Fault> {
    let is_fault = |line: &str| match file.path.as_str() {
        "Cargo.lock" => line.starts_with("source = ") && line != INDEX,
        ".cargo/config.toml" => ["[source", "[registr"]
            .iter()
            .any(|section| line.trim().starts_with(section)),
        _ => false,
    };
    let lines = file.text.lines().enumerate();
    let wrong = lines.filter(|(_, line)| is_fault(line));
    wrong
        .map(|(index, _)| Fault::new(index + 1, "dependencies come from the public index alone"))
        .collect()
}

fn link(tree: &Tree, file: &File) -> Vec<Fault> {
    if !file.path.ends_with(".md") {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        for (at, _) in line.match_indices("](") {
            let target = line[at + 2..]
                .split([')', '#', ' '])
                .next()
                .unwrap_or_default();
            let is_local = !target.is_empty() && !target.contains("://");
            if is_local && !exists(tree, &resolve(&file.path, target)) {
                faults.push(Fault::new(
                    index + 1,
                    format!("the link to `{target}` leads nowhere"),
                ));
            }
        }
    }
    faults
}

/// A link may lead to a file that no rule reads, such as an image; then the disk is asked.
fn exists(tree: &Tree, path: &str) -> bool {
    tree.file(path).is_some() || crate::tree::root().join(path).exists()
}

/// Returns the path, from the root, of what `target` means in the file at `from`.
fn resolve(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}
