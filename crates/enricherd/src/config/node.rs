//! A YAML file as written: texts, lists and mappings, each with its line.
//!
//! Nothing is guessed from what a value looks like: `on`, `1.10` and `0755` stay the text that the
//! operator wrote, and the key they belong to says what they mean. That is also why every fault
//! can be found: the tree is whole before the first key is read.
//!
//! Not here: which keys there are (`keys`), what their values mean (`value`).
//! Bound: [`OCTETS_MAX`] of text, [`NODES_MAX`] nodes after all aliases were replaced, and
//! [`DEPTH_MAX`] levels; about 30 MiB while the worst such file is read.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Error, Location, Options, Spanned};

use super::fault::{Faults, Wrong};

/// Room for some 20,000 static prefixes.
pub const OCTETS_MAX: usize = 1 << 20;
/// As many as the prefixes that fit into [`OCTETS_MAX`] need.
const NODES_MAX: usize = 200_000;
/// Parts of values that aliases may repeat: some 1,000 exporters with ten keys each.
const REPEATED_MAX: usize = 10_000;
/// Our deepest key is at level 5.
const DEPTH_MAX: usize = 16;

/// One value with the line on which its key, or the value itself in a list, stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// Counted from 1.
    pub(super) line: u32,
    pub(super) value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Not written, `~` or `null`.
    Nothing,
    /// What stands there, without quotes.
    Text(String),
    List(Vec<Node>),
    /// Keys in the order of the file, repeated ones included.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// Reads one YAML document.
    ///
    /// # Errors
    /// The text is too long, not UTF-8, or no YAML; the first such fault hides all others.
    pub(super) fn parse(octets: &[u8]) -> Result<Self, Faults> {
        if octets.len() > OCTETS_MAX {
            let remedy = "this is no configuration, or its prefixes belong into a file of \
                enrichment.as_databases";
            return Err(Faults::of_file(
                0,
                Wrong::new("the file is longer than 1 MiB", remedy),
            ));
        }
        let text = text_of(octets)?;
        let root: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options())
            .map_err(|error| fault_of(&error))?;
        Ok(Self::new(root, None, text))
    }

    fn new(raw: Spanned<Raw>, key_line: Option<u32>, text: &str) -> Self {
        let value = match raw.value {
            Raw::Nothing => Value::Nothing,
            Raw::Text(text) => Value::Text(text),
            Raw::Guessed(guess) => Value::Text(written(raw.defined, text).unwrap_or(guess)),
            Raw::List(items) => {
                let items = items.into_iter().map(|item| Self::new(item, None, text));
                Value::List(items.collect())
            }
            Raw::Map(entries) => {
                let entries = entries.into_iter().map(|(key, value)| {
                    let line = line_of(key.referenced);
                    (key.value, Self::new(value, Some(line), text))
                });
                Value::Map(entries.collect())
            }
        };
        let line = key_line.unwrap_or_else(|| line_of(raw.referenced));
        Self { line, value }
    }
}

/// A value as the YAML reader tells it.
enum Raw {
    Nothing,
    Text(String),
    /// Taken for a number or a truth value, which may have cost its text: `1.10` became 1.1.
    Guessed(String),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a list or a mapping")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Nothing)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    fn visit_bool<E>(self, guess: bool) -> Result<Raw, E> {
        Ok(Raw::Guessed(guess.to_string()))
    }

    fn visit_i64<E>(self, guess: i64) -> Result<Raw, E> {
        Ok(Raw::Guessed(guess.to_string()))
    }

    fn visit_u64<E>(self, guess: u64) -> Result<Raw, E> {
        Ok(Raw::Guessed(guess.to_string()))
    }

    fn visit_f64<E>(self, guess: f64) -> Result<Raw, E> {
        Ok(Raw::Guessed(guess.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

fn options() -> Options {
    let limits = serde_saphyr::budget! {
        max_nodes: NODES_MAX,
        max_depth: DEPTH_MAX,
        flow_nesting_limit: DEPTH_MAX,
    };
    let alias_limits = serde_saphyr::alias_limits! {
        max_total_replayed_events: REPEATED_MAX,
    };
    serde_saphyr::options! {
        budget: limits,
        alias_limits: alias_limits,
        // Both lines are worth saying.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    }
}

fn text_of(octets: &[u8]) -> Result<&str, Faults> {
    let octets = octets.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(octets);
    std::str::from_utf8(octets).map_err(|error| {
        let before = octets.get(..error.valid_up_to()).unwrap_or_default();
        let line_ends = before.iter().filter(|octet| **octet == b'\n').count();
        let line = u32::try_from(line_ends + 1).unwrap_or(u32::MAX);
        Faults::of_file(line, Wrong::new("not UTF-8", "save the file as UTF-8"))
    })
}

/// Returns what stands in the text where the value was read.
fn written(location: Location, text: &str) -> Option<String> {
    let span = location.span();
    let begin = usize::try_from(span.byte_offset()?).ok()?;
    let length = usize::try_from(span.byte_len()?).ok()?;
    let written = text.get(begin..begin.checked_add(length)?)?;
    Some(written.to_owned())
}

fn line_of(location: Location) -> u32 {
    u32::try_from(location.line()).unwrap_or(u32::MAX)
}

const NO_KEY: &str = "write a word before the colon";
const TOO_MUCH: &str = "nested too deeply or repeated too often";
const TOO_MUCH_REMEDY: &str = "write the values out; no key needs more than 5 levels";

/// What the YAML reader says to programmers: a part of it, what is wrong, and what to do.
const SAID_OTHERWISE: &[(&str, &str, &str)] = &[
    ("budget breached", TOO_MUCH, TOO_MUCH_REMEDY),
    ("recursion limit", TOO_MUCH, TOO_MUCH_REMEDY),
    ("limit exceeded", TOO_MUCH, TOO_MUCH_REMEDY),
    (
        "recursive references",
        "an alias inside of what it stands for",
        "write the values out",
    ),
    (
        "multiple YAML documents",
        "a second document begins",
        "leave only the first one",
    ),
    ("null into string", "nothing where a key belongs", NO_KEY),
    (
        "expected string scalar",
        "a list or a mapping where a key belongs",
        NO_KEY,
    ),
];

fn fault_of(error: &Error) -> Faults {
    let line = error.location().map_or(0, line_of);
    let text = error.to_string();
    let found = SAID_OTHERWISE.iter().find(|(part, ..)| text.contains(part));
    let wrong = if let Some((_, problem, remedy)) = found {
        Wrong::new(*problem, *remedy)
    } else {
        // Where it is has been said already.
        let problem = text.split(" at line ").next().unwrap_or_default();
        let remedy = "correct it, or put a value with signs like : # @ into quotes";
        Wrong::new(format!("not YAML: {problem}"), remedy)
    };
    Faults::of_file(line, wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows a tree as `line:value`, so that a test can say it in one text.
    fn drawn(node: &Node) -> String {
        let value = match &node.value {
            Value::Nothing => "~".to_owned(),
            Value::Text(text) => format!("{text:?}"),
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(drawn).collect();
                format!("[{}]", items.join(" "))
            }
            Value::Map(entries) => {
                let entry = |(key, value): &(String, Node)| format!("{key}={}", drawn(value));
                let entries: Vec<String> = entries.iter().map(entry).collect();
                format!("{{{}}}", entries.join(" "))
            }
        };
        format!("{}:{value}", node.line)
    }

    #[test]
    fn values_stay_as_written() {
        for (text, expected) in [
            ("", "1:~"),
            ("~", "1:~"),
            ("a:\n", "1:{a=1:~}"),
            (
                "a: [on, 1.10, 0755, 1_0, -.inf, \"0x1\"]",
                r#"1:{a=1:[1:"on" 1:"1.10" 1:"0755" 1:"1_0" 1:"-.inf" 1:"0x1"]}"#,
            ),
            (
                "ä: ö # ü\r\nb:\r\n  - 1\r\n  - {c: 'x: y'}\r\n",
                r#"1:{ä=1:"ö" b=2:[3:"1" 4:{c=4:"x: y"}]}"#,
            ),
            (
                "a: 1e999\na: 123456789012345678901234567890",
                r#"1:{a=1:"1e999" a=2:"123456789012345678901234567890"}"#,
            ),
            (
                "a: &a {x: 1.50}\nb: *a\nc:\n  <<: *a\n",
                r#"1:{a=1:{x=1:"1.50"} b=2:{x=2:"1.50"} c=3:{x=4:"1.50"}}"#,
            ),
            ("\u{feff}a: 1", r#"1:{a=1:"1"}"#),
        ] {
            assert_eq!(drawn(&Node::parse(text.as_bytes()).unwrap()), expected);
        }
    }

    #[test]
    fn no_prefix_of_a_file_is_too_much_for_the_reader() {
        let text = "general: &g {a: [\"x\", 'y', 1.5]}\r\nb: *g\nc: |\n  d\n? e\n: !f g\n";
        for end in 0..=text.len() {
            // Whatever comes of it is right, as long as something does.
            drop(Node::parse(&text.as_bytes()[..end]));
        }
    }
}
