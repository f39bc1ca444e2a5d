//! The purity line: `mediator`, `asdb` and `routefeed` see octets and a time, and nothing of the
//! machine.
//!
//! That is what makes every test of them exact and every replay the same twice. The compiler
//! guards `mediator`, which has no `std`; the rules here guard that it stays so, and the other two,
//! whose readers of compressed files and MMDB need `std`.
//!
//! Not here: who may depend on whom (`arrows`).

use super::source::{File, Token};
use super::{Fault, Rule};
use crate::tree::Tree;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "core-attributes",
        check: core_attributes,
        bad: &[
            (
                "crates/mediator/src/lib.rs",
                "//! A b.\n#![forbid(unsafe_code)]\n",
            ),
            ("crates/mediator/src/lib.rs", "//! A b.\n#![no_std]\n"),
            (
                "crates/mediator/src/lib.rs",
                "//! #![no_std] #![forbid(unsafe_code)]\n",
            ),
            ("crates/asdb/src/lib.rs", "//! A b.\n"),
            (
                "crates/mediator/src/lib.rs",
                "#![no_std]\n#![forbid(unsafe_code)]\nextern crate std;\n",
            ),
        ],
        good: &[
            (
                "crates/mediator/src/lib.rs",
                "#![no_std]\n#![forbid(unsafe_code)]\n#[cfg(test)]\nextern crate std;\n",
            ),
            ("crates/asdb/src/lib.rs", "#![forbid(unsafe_code)]\n"),
            ("crates/enricherd/src/main.rs", "fn main() {}\n"),
        ],
    },
    Rule {
        name: "core-machine",
        check: core_machine,
        bad: &[
            ("crates/asdb/src/a.rs", "use std::fs::File;"),
            (
                "crates/asdb/src/a.rs",
                "use std::{\n  io::Read,\n  time::Instant,\n};",
            ),
            ("crates/asdb/src/a.rs", "fn a() { std::thread::spawn(b); }"),
            ("crates/asdb/src/a.rs", "use std::net::{IpAddr, UdpSocket};"),
            ("crates/asdb/src/a.rs", "fn a() { std::env::var(\"A\"); }"),
            ("crates/asdb/src/a.rs", "fn a() { std::process::exit(1); }"),
            (
                "crates/asdb/src/a.rs",
                "static A: std::sync::OnceLock<u8> = b();",
            ),
            ("crates/mediator/src/a.rs", "static mut A: u8 = 0;"),
            ("crates/mediator/src/a.rs", "static A: AtomicU64 = b();"),
            ("crates/asdb/src/a.rs", "thread_local! { }"),
            ("crates/asdb/src/a.rs", "fn a() { eprintln!(\"a\"); }"),
            ("crates/asdb/src/a.rs", "fn a() { tracing::info!(\"a\"); }"),
            ("crates/asdb/src/a.rs", "use std::{io, fs};"),
        ],
        good: &[
            (
                "crates/asdb/src/a.rs",
                "use std::io::Read;\nuse std::net::IpAddr;\nuse std::time::Duration;",
            ),
            (
                "crates/mediator/src/a.rs",
                "use core::{fmt, net::IpAddr};\nfn a(m: &mut M) { m.process(b); }",
            ),
            (
                "crates/asdb/src/a.rs",
                "const A: &str = env!(\"CARGO_PKG_VERSION\");\nstatic B: [u8; 2] = [1, 2];",
            ),
            ("crates/asdb/tests/a.rs", "use std::fs;"),
            (
                "crates/asdb/src/a.rs",
                "#[cfg(test)]\nmod tests { use std::fs; }",
            ),
            ("crates/enricherd/src/a.rs", "use std::fs;"),
        ],
    },
];

/// The crates below the line.
const PURE: &[&str] = &["crates/asdb/", "crates/mediator/", "crates/routefeed/"];

/// Modules of `std` that reach the machine.
const MODULES: &[&str] = &["env", "fs", "os", "process", "thread"];

/// Names that reach the machine or that are shared by all that runs in a process.
const NAMES: &[&str] = &[
    "Condvar",
    "Instant",
    "LazyLock",
    "Mutex",
    "OnceCell",
    "OnceLock",
    "RwLock",
    "SystemTime",
    "TcpListener",
    "TcpStream",
    "ToSocketAddrs",
    "UdpSocket",
    "UnixDatagram",
    "UnixStream",
    "log",
    "stderr",
    "stdin",
    "stdout",
    "thread_local",
    "tracing",
];

/// Macros that write somewhere.
const MACROS: &[&str] = &["eprint", "eprintln", "print", "println"];

fn core_attributes(_: &Tree, file: &File) -> Vec<Fault> {
    let demanded: &[&[&str]] = match file.path.as_str() {
        "crates/mediator/src/lib.rs" => &[
            &["#", "!", "[", "no_std", "]"],
            &["#", "!", "[", "forbid", "(", "unsafe_code", ")", "]"],
        ],
        "crates/asdb/src/lib.rs" | "crates/routefeed/src/lib.rs" => {
            &[&["#", "!", "[", "forbid", "(", "unsafe_code", ")", "]"]]
        }
        _ => return Vec::new(),
    };
    let absent = demanded
        .iter()
        .filter(|wanted| file.find(wanted).next().is_none());
    let mut faults: Vec<Fault> = absent
        .map(|wanted| Fault::new(1, format!("the crate must say `{}`", wanted.concat())))
        .collect();
    if file.path.starts_with("crates/mediator/") {
        let lines = file.lines_outside_tests(&["extern", "crate", "std"]);
        faults.extend(lines.map(|line| Fault::new(line, "`std` is for tests only")));
    }
    faults
}

fn core_machine(_: &Tree, file: &File) -> Vec<Fault> {
    if !PURE.iter().any(|path| file.path.starts_with(path)) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (index, token) in file.tokens.iter().enumerate() {
        let name = token.text.as_str();
        let follows = |sign: &str| {
            file.tokens
                .get(index + 1)
                .is_some_and(|next| next.text == sign)
        };
        let is_found = NAMES.contains(&name) && !is_method(&file.tokens, index)
            || MACROS.contains(&name) && follows("!")
            || MODULES.contains(&name) && is_of_std(&file.tokens, index)
            || name == "static" && follows("mut")
            || name.starts_with("Atomic");
        if is_found && !file.is_test(token.line) {
            let message = format!("`{name}` is above the purity line: give it in, or give it back");
            faults.push(Fault::new(token.line, message));
        }
    }
    faults
}

fn is_method(tokens: &[Token], index: usize) -> bool {
    let before = index.checked_sub(1).and_then(|before| tokens.get(before));
    before.is_some_and(|token| token.text == ".")
}

/// Says whether the word at `index` is reached as `std::word` or in `std::{…, word, …}`.
fn is_of_std(tokens: &[Token], index: usize) -> bool {
    let mut depth = 0_i32;
    for at in (0..index).rev() {
        match tokens[at].text.as_str() {
            "}" => depth += 1,
            "{" if depth == 0 => return is_path_of_std(&tokens[..at]),
            "{" => depth -= 1,
            ":" if at + 1 == index => return is_path_of_std(&tokens[..index]),
            ";" | ")" | "(" | "=" => return false,
            _ => {}
        }
    }
    false
}

fn is_path_of_std(before: &[Token]) -> bool {
    let [.., root, first, second] = before else {
        return false;
    };
    root.text == "std" && first.text == ":" && second.text == ":"
}
