//! Habits that the compiler lets pass and we do not.

use super::source::{Comment, File};
use super::{Fault, Rule};
use crate::tree::Tree;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "unwrap",
        check: unwrap,
        bad: &[
            ("crates/a/src/b.rs", "fn a() { b().unwrap(); }"),
            ("crates/a/src/b.rs", "fn a() { todo!() }"),
            ("crates/a/src/b.rs", "fn a() { unimplemented!() }"),
            ("crates/a/src/b.rs", "fn a() { dbg!(1); }"),
            ("crates/a/src/b.rs", "fn a() { b().expect(\"it works\"); }"),
            (
                "crates/mediator/src/wire/b.rs",
                "fn a() { b().expect(\"invariant: yes\"); }",
            ),
        ],
        good: &[
            (
                "crates/a/src/b.rs",
                "/// a.unwrap()\n#[cfg(test)]\nmod tests { fn a() { b().unwrap() } }",
            ),
            (
                "crates/a/tests/b.rs",
                "fn a() { b().unwrap(); c().expect(\"it\"); }",
            ),
            (
                "crates/a/src/b.rs",
                "fn a() { b().expect(\"invariant: checked above\"); c().unwrap_or(1) }",
            ),
        ],
    },
    Rule {
        name: "allow-reason",
        check: allow_reason,
        bad: &[
            ("crates/a/src/b.rs", "#[allow(dead_code)]\nfn a() {}"),
            ("crates/a/src/b.rs", "#![expect(dead_code)]"),
            (
                "crates/a/src/b.rs",
                "#[cfg_attr(x, allow(dead_code))]\nfn a() {}",
            ),
        ],
        good: &[(
            "crates/a/src/b.rs",
            "#[expect(\n  dead_code,\n  reason = \"why\"\n)]\nfn allow(a: u8) {}",
        )],
    },
    Rule {
        name: "unfinished",
        check: unfinished,
        bad: &[
            ("crates/a/src/b.rs", "// TODO: later\n"),
            ("crates/a/src/b.rs", "/// FIXME\nfn a() {}"),
            ("crates/a/src/b.rs", "/* XXX */"),
            ("crates/a/src/b.rs", "// HACK\n"),
            ("crates/a/src/b.rs", "//! Placeholder.\n"),
        ],
        good: &[(
            "crates/a/src/b.rs",
            "// Nothing to do here.\nconst XXX: &str = \"TODO\";",
        )],
    },
    Rule {
        name: "narrowing",
        check: narrowing,
        bad: &[
            (
                "crates/mediator/src/wire/b.rs",
                "fn a(b: u32) -> u16 { b as u16 }",
            ),
            (
                "crates/mediator/src/collect.rs",
                "fn a(b: u64) -> usize { b as usize }",
            ),
            (
                "crates/mediator/src/export/b.rs",
                "fn a(b: u64) -> i8 { (b) as i8 }",
            ),
        ],
        good: &[
            (
                "crates/mediator/src/wire/b.rs",
                "use a as b; fn a(b: u8) -> u16 { u16::from(b) }",
            ),
            (
                "crates/mediator/src/wire/b.rs",
                "#[cfg(test)]\nmod tests { fn a(b: u32) -> u8 { b as u8 } }",
            ),
            ("crates/lab/src/b.rs", "fn a(b: u32) -> f64 { b as f64 }"),
        ],
    },
    Rule {
        name: "comment",
        check: comment,
        bad: &[
            ("crates/a/src/b.rs", "// let a = b();\n"),
            ("crates/a/src/b.rs", "// if a {\n"),
            ("crates/a/src/b.rs", "// ---- Part two ----\n"),
            ("crates/a/src/b.rs", "// ==========\n"),
        ],
        good: &[
            (
                "crates/a/src/b.rs",
                "// Late Messages take the number that was left free;\n// others do not.\n",
            ),
            (
                "crates/a/src/b.rs",
                "//! ```text\n//! a ----> b;\n//! ```\n",
            ),
        ],
    },
    Rule {
        name: "sleepless-tests",
        check: sleepless_tests,
        bad: &[
            ("crates/a/tests/b.rs", "#[test]\n#[ignore]\nfn a() {}"),
            ("crates/a/tests/b.rs", "#[ignore = \"slow\"]\nfn a() {}"),
            ("crates/a/tests/b.rs", "fn a() { std::thread::sleep(b); }"),
            (
                "crates/a/src/b.rs",
                "#[cfg(test)]\nmod tests { fn a() { SystemTime::now(); } }",
            ),
        ],
        good: &[(
            "crates/a/tests/b.rs",
            "fn a() { b.ignore(); Instant::now(); }",
        )],
    },
];

/// Where a number that does not fit is somebody's wrong octets, not our bug.
const EXACT: &[&str] = &[
    "crates/mediator/src/collect",
    "crates/mediator/src/export",
    "crates/mediator/src/wire",
];

const INTEGERS: &[&str] = &[
    "i128", "i16", "i32", "i64", "i8", "isize", "u128", "u16", "u32", "u64", "u8", "usize",
];

fn is_exact(file: &File) -> bool {
    EXACT.iter().any(|path| file.is_module(path))
}

fn unwrap(_: &Tree, file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    for line in file.lines_outside_tests(&[".", "unwrap", "(", ")"]) {
        faults.push(Fault::new(
            line,
            "`unwrap`: return the error, or prove with `expect(\"invariant: …\")`",
        ));
    }
    for name in ["todo", "unimplemented", "dbg"] {
        for line in file.lines_outside_tests(&[name, "!"]) {
            faults.push(Fault::new(
                line,
                format!("`{name}!`: nothing unfinished is committed"),
            ));
        }
    }
    let lines: Vec<&str> = file.text.lines().collect();
    for line in file.lines_outside_tests(&[".", "expect", "("]) {
        // The text of the literal stands on this line or, when rustfmt broke it, on the next.
        let near = lines
            .get(line - 1..(line + 1).min(lines.len()))
            .unwrap_or_default()
            .concat();
        if is_exact(file) {
            faults.push(Fault::new(
                line,
                "`expect`: here every fault is counted or returned",
            ));
        } else if !near.contains("\"invariant: ") {
            faults.push(Fault::new(
                line,
                "`expect` must name what was proven: `\"invariant: …\"`",
            ));
        }
    }
    faults
}

fn allow_reason(_: &Tree, file: &File) -> Vec<Fault> {
    let attributes = file.find(&["#"]).filter_map(|start| {
        let rest = file.tokens.get(start + 1..)?;
        let mut depth = 0_i32;
        let end = rest.iter().position(|token| {
            depth += i32::from(token.text == "[") - i32::from(token.text == "]");
            depth == 0 && token.text != "!"
        })?;
        Some((rest.first()?.line, rest.get(..end)?))
    });
    let silences = |words: &[&str]| {
        let pairs = words.windows(2);
        let mut pairs = pairs.map(|pair| (pair[0], pair[1]));
        pairs.any(|pair| matches!(pair, ("allow" | "expect", "(")))
    };
    attributes
        .filter_map(|(line, attribute)| {
            let words: Vec<&str> = attribute.iter().map(|token| token.text.as_str()).collect();
            let is_fault = silences(&words) && !words.contains(&"reason");
            is_fault.then(|| Fault::new(line, "a silenced lint needs `reason = \"…\"`"))
        })
        .collect()
}

fn unfinished(_: &Tree, file: &File) -> Vec<Fault> {
    let marks = ["TODO", "FIXME", "XXX", "HACK", "Placeholder"];
    let lines = file.comment_lines().filter_map(|(line, comment)| {
        let mut words = comment.text().split(|sign: char| !sign.is_alphanumeric());
        words
            .find(|word| marks.contains(word))
            .map(|word| (line, word))
    });
    lines
        .map(|(line, word)| Fault::new(line, format!("`{word}`: do it, or open an issue")))
        .collect()
}

fn narrowing(_: &Tree, file: &File) -> Vec<Fault> {
    if !is_exact(file) {
        return Vec::new();
    }
    let casts = INTEGERS.iter().flat_map(|integer| {
        let wanted = ["as", integer];
        let lines: Vec<usize> = file.lines_outside_tests(&wanted).collect();
        lines.into_iter().map(move |line| (line, integer))
    });
    casts
        .map(|(line, integer)| {
            let message = format!("`as {integer}`: `{integer}::from` or `{integer}::try_from`");
            Fault::new(line, message)
        })
        .collect()
}

fn comment(_: &Tree, file: &File) -> Vec<Fault> {
    let judge = |text: &str| {
        let text = text.trim();
        let is_banner = ["----", "====", "****", "####", "////", "────"]
            .iter()
            .any(|run| text.contains(run));
        let is_code = text.ends_with(['{', ';'])
            && (text.contains(" = ") || text.contains('(') || text.ends_with('{'));
        match (is_banner, is_code) {
            (true, _) => Some("a banner: let the order of the file speak, or divide it"),
            (_, true) => Some("code in a comment: delete it, git remembers"),
            _ => None,
        }
    };
    let plain = file
        .comment_lines()
        .filter_map(|(line, comment)| match comment {
            Comment::Plain(text) => judge(text).map(|message| Fault::new(line, message)),
            Comment::Doc(_) => None,
        });
    plain.collect()
}

fn sleepless_tests(_: &Tree, file: &File) -> Vec<Fault> {
    let forbidden: [(&[&str], &str); 3] = [
        (
            &["#", "[", "ignore"],
            "`#[ignore]`: a test runs, or is not there",
        ),
        (
            &["sleep", "("],
            "a test does not sleep: give it the time it should see",
        ),
        (
            &["SystemTime", ":", ":", "now"],
            "a test does not read the clock",
        ),
    ];
    let mut faults = Vec::new();
    for (wanted, message) in forbidden {
        let lines = file.find(wanted).map(|index| file.tokens[index].line);
        let lines = lines.filter(|line| file.is_test(*line));
        faults.extend(lines.map(|line| Fault::new(line, message)));
    }
    faults
}
