//! Who may know whom: arrows point down only.
//!
//! Between crates the manifests say it, between the folders of a crate the paths in the code.
//! The same manifests show what we did not write ourselves, and each such line must be answered
//! for in ARCHITECTURE.md.
//!
//! Not here: what `std` may be used for (`purity`).

use super::source::File;
use super::{Fault, Rule};
use crate::tree::Tree;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "crate-arrow",
        check: crate_arrow,
        bad: &[
            (
                "crates/asdb/Cargo.toml",
                "[dependencies]\nmediator.workspace = true\n",
            ),
            (
                "crates/lab/Cargo.toml",
                "[dependencies]\nmediator = { path = \"../mediator\" }\n",
            ),
            (
                "crates/enricherd/Cargo.toml",
                "[build-dependencies]\nlab.workspace = true\n",
            ),
            (
                "crates/enricherd/Cargo.toml",
                "[dependencies.lab]\nworkspace = true\n",
            ),
            (
                "crates/enricherd/Cargo.toml",
                "[target.'cfg(unix)'.dependencies]\nlab = \"1\"\n",
            ),
            ("crates/newcomer/Cargo.toml", "[package]\n"),
        ],
        good: &[
            (
                "crates/mediator/Cargo.toml",
                "[dependencies]\nasdb.workspace = true\n",
            ),
            (
                "crates/lab/Cargo.toml",
                "[dependencies]\n[dev-dependencies]\nmediator.workspace = true\n",
            ),
            (
                "crates/enricherd/Cargo.toml",
                "[dependencies]\nasdb.workspace = true\n# lab\n",
            ),
        ],
    },
    Rule {
        name: "module-arrow",
        check: module_arrow,
        bad: &[
            ("crates/mediator/src/wire/a.rs", "use crate::collect::B;"),
            (
                "crates/mediator/src/enrich/a.rs",
                "use crate::{Version, export::B};",
            ),
            (
                "crates/mediator/src/export.rs",
                "fn a() { crate::enrich::b(); }",
            ),
            (
                "crates/enricherd/src/pipeline/a.rs",
                "use crate::sources::B;",
            ),
            ("crates/enricherd/src/io/a.rs", "use crate::{pipeline};"),
        ],
        good: &[
            ("crates/mediator/src/collect/a.rs", "use crate::wire::B;"),
            (
                "crates/mediator/src/mediator.rs",
                "use crate::{collect, enrich, export};",
            ),
            (
                "crates/mediator/src/wire/a.rs",
                "// See crate::collect.\nfn a() { b::collect(); }",
            ),
            (
                "crates/mediator/src/export/a.rs",
                "#[cfg(test)]\nmod tests { use crate::enrich::B; }",
            ),
        ],
    },
    Rule {
        name: "dependencies-count",
        check: dependencies_count,
        bad: &[
            (
                "crates/mediator/Cargo.toml",
                "[dependencies]\na = \"1\"\nb = \"1\"\nc = \"1\"\n",
            ),
            (
                "crates/enricherd/Cargo.toml",
                "[dependencies]\n×19×a = \"1\"\n×",
            ),
        ],
        good: &[(
            "crates/mediator/Cargo.toml",
            "[dependencies]\nasdb = \"1\"\na = \"1\"\nb = \"1\"\n[dev-dependencies]\nc = \"1\"\n",
        )],
    },
    Rule {
        name: "dependency-answer",
        check: dependency_answer,
        bad: &[(
            "crates/mediator/Cargo.toml",
            "[dependencies]\nunheard-of = \"1\"\n",
        )],
        good: &[(
            "crates/mediator/Cargo.toml",
            "[dependencies]\nasdb.workspace = true\n",
        )],
    },
];

/// A crate and those of ours that its product code may use.
struct Floor {
    name: &'static str,
    may_use: &'static [&'static str],
    /// How many crates of others it may use.
    foreign_max: usize,
}

/// DESIGN's house, from the ground up. `lab` judges `mediator`, so it shares no code with it.
const HOUSE: &[Floor] = &[
    Floor {
        name: "asdb",
        may_use: &[],
        foreign_max: 6,
    },
    Floor {
        name: "mediator",
        may_use: &["asdb"],
        foreign_max: 2,
    },
    Floor {
        name: "routefeed",
        may_use: &["asdb"],
        // Two hash tables' worth: attributes of routes are kept once each.
        foreign_max: 3,
    },
    Floor {
        name: "lab",
        may_use: &[],
        // The kernel and a command line, for the load programs; the judge needs nothing.
        foreign_max: 2,
    },
    Floor {
        name: "report",
        may_use: &[],
        foreign_max: 0,
    },
    Floor {
        name: "enricherd",
        may_use: &["asdb", "mediator", "report", "routefeed"],
        // The data path needs three of them; signals, HTTP, TLS, DNS and the log the others.
        foreign_max: 18,
    },
    Floor {
        name: "tools",
        may_use: &["report"],
        foreign_max: 6,
    },
    Floor {
        name: "hostile",
        may_use: &["asdb", "enricherd", "lab", "mediator", "routefeed"],
        foreign_max: 0,
    },
    Floor {
        name: "xtask",
        may_use: &["asdb", "lab"],
        foreign_max: 2,
    },
];

/// Modules and what they may not name.
const MODULES: &[(&str, &[&str])] = &[
    (
        "crates/mediator/src/wire",
        &["collect", "enrich", "export", "mediator"],
    ),
    (
        "crates/mediator/src/collect",
        &["enrich", "export", "mediator"],
    ),
    ("crates/mediator/src/enrich", &["export", "mediator"]),
    ("crates/mediator/src/export", &["enrich", "mediator"]),
    (
        "crates/enricherd/src/config",
        &["cli", "control", "daemon", "pipeline", "sources"],
    ),
    (
        "crates/enricherd/src/io",
        &["cli", "control", "daemon", "pipeline", "sources"],
    ),
    (
        "crates/enricherd/src/pipeline",
        &["cli", "control", "daemon", "sources"],
    ),
    (
        "crates/enricherd/src/sources",
        &["cli", "control", "daemon", "pipeline"],
    ),
];

const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// The head of the table that answers for what we did not write.
const TABLE_HEADER: &str = "| crate | used by | what it saves us |";

/// One line of a manifest that names a crate.
struct Dependency<'a> {
    line: usize,
    name: &'a str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Product,
    Test,
}

fn floor(file: &File) -> Option<&'static Floor> {
    let name = file.path.strip_suffix("/Cargo.toml")?;
    let name = name.strip_prefix("crates/").unwrap_or(name);
    HOUSE.iter().find(|floor| floor.name == name)
}

fn is_ours(name: &str) -> bool {
    HOUSE.iter().any(|floor| floor.name == name)
}

fn dependencies(file: &File) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    let mut section = None;
    for (index, line) in file.text.lines().enumerate() {
        let line_text = line.trim();
        let name = if let Some(header) = line_text.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            section = kind(header);
            named_in_header(header)
        } else if section.is_some() && !line_text.starts_with('#') {
            line_text.split(['.', '=', ' ']).next()
        } else {
            None
        };
        if let (Some(kind), Some(name)) = (section, name.filter(|name| !name.is_empty())) {
            found.push(Dependency {
                line: index + 1,
                name,
                kind,
            });
        }
        if named_in_header(line_text.trim_matches(['[', ']'])).is_some() {
            section = None;
        }
    }
    found
}

fn kind(header: &str) -> Option<Kind> {
    let table = header.rsplit("'.").next().unwrap_or(header);
    match table.split('.').next() {
        Some("dependencies" | "build-dependencies") => Some(Kind::Product),
        Some("dev-dependencies") => Some(Kind::Test),
        _ => None,
    }
}

/// Returns `name` of `[dependencies.name]`.
fn named_in_header(header: &str) -> Option<&str> {
    kind(header)?;
    header.rsplit_once("dependencies.").map(|(_, name)| name)
}

fn crate_arrow(_: &Tree, file: &File) -> Vec<Fault> {
    let is_member = file.path.starts_with("crates/") && file.path.ends_with("/Cargo.toml");
    let Some(floor) = floor(file) else {
        let message = "the crate has no floor in the house: see `HOUSE` in xtask";
        return Vec::from_iter(is_member.then(|| Fault::new(1, message)));
    };
    let dependencies = dependencies(file).into_iter();
    let upward = dependencies.filter(|dependency| {
        dependency.kind == Kind::Product
            && is_ours(dependency.name)
            && !floor.may_use.contains(&dependency.name)
    });
    let message = |name: &str| format!("`{}` may not use `{name}`: arrows point down", floor.name);
    upward
        .map(|dependency| Fault::new(dependency.line, message(dependency.name)))
        .collect()
}

fn dependencies_count(_: &Tree, file: &File) -> Vec<Fault> {
    let Some(floor) = floor(file) else {
        return Vec::new();
    };
    let foreign = dependencies(file).into_iter();
    let foreign = foreign.filter(|dep| dep.kind == Kind::Product && !is_ours(dep.name));
    let lines: Vec<usize> = foreign.map(|dependency| dependency.line).collect();
    let message = format!(
        "{} direct dependencies; {} at most",
        lines.len(),
        floor.foreign_max
    );
    let is_over = lines.get(floor.foreign_max);
    Vec::from_iter(is_over.map(|line| Fault::new(*line, message)))
}

fn dependency_answer(tree: &Tree, file: &File) -> Vec<Fault> {
    if file.path == ARCHITECTURE {
        return stale_answers(tree, file);
    }
    if floor(file).is_none() {
        return Vec::new();
    }
    let answers = tree.file(ARCHITECTURE).map(answers).unwrap_or_default();
    let is_answered = |name: &str| answers.iter().any(|(_, answered)| *answered == name);
    let foreign = dependencies(file).into_iter();
    let unanswered = foreign.filter(|dep| !is_ours(dep.name) && !is_answered(dep.name));
    unanswered
        .map(|dependency| {
            let message = format!(
                "{ARCHITECTURE} must say what `{}` saves us",
                dependency.name
            );
            Fault::new(dependency.line, message)
        })
        .collect()
}

/// Returns the answers to questions that nobody asks any more.
fn stale_answers(tree: &Tree, architecture: &File) -> Vec<Fault> {
    let manifests = tree.files.iter().filter(|file| floor(file).is_some());
    let used: Vec<&str> = manifests
        .flat_map(|file| dependencies(file).into_iter().map(|dep| dep.name))
        .collect();
    let stale = answers(architecture).into_iter();
    let stale = stale.filter(|(_, name)| !used.contains(name));
    stale
        .map(|(line, name)| Fault::new(line, format!("no crate of ours uses `{name}`")))
        .collect()
}

/// Returns line and crate of each row of the table of dependencies.
fn answers(architecture: &File) -> Vec<(usize, &str)> {
    let lines = architecture.text.lines().enumerate();
    let table = lines.skip_while(|(_, line)| *line != TABLE_HEADER);
    let table = table.take_while(|(_, line)| line.starts_with('|'));
    table
        .filter_map(|(index, line)| Some((index + 1, line.strip_prefix("| `")?.split('`').next()?)))
        .collect()
}

fn module_arrow(_: &Tree, file: &File) -> Vec<Fault> {
    let rows = MODULES.iter().filter(|(module, _)| file.is_module(module));
    let forbidden: Vec<&str> = rows.flat_map(|(_, names)| names.iter().copied()).collect();
    let named = named_in_crate(file).into_iter();
    let upward = named.filter(|(line, name)| forbidden.contains(name) && !file.is_test(*line));
    upward
        .map(|(line, name)| Fault::new(line, format!("`crate::{name}` is not below this module")))
        .collect()
}

/// Returns the modules that are reached as `crate::name` or in `crate::{…, name, …}`.
fn named_in_crate(file: &File) -> Vec<(usize, &str)> {
    let mut named = Vec::new();
    for index in file.find(&["crate", ":", ":"]) {
        let path = &file.tokens[index + 3..];
        let mut depth = 0_i32;
        for (at, token) in path.iter().enumerate() {
            let is_head = at == 0 || matches!(path[at - 1].text.as_str(), "{" | ",");
            match token.text.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                name if is_head && depth <= 1 => named.push((token.line, name)),
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    named
}
