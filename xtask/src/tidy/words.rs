//! One thing, one word, the RFC's.
//!
//! A word that means two things, or two words that mean one, cost every later reader a look-up.
//! The table says which word is not used where, and what to say instead; whoever meets a true
//! exception adds it with its reason.

use super::source::{File, Token, is_word};
use super::{Fault, Rule};
use crate::tree::Tree;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "word",
        check: word,
        bad: &[
            ("crates/mediator/src/mediator.rs", "//! Reads a flowset.\n"),
            ("crates/mediator/src/mediator.rs", "struct FlowSets;"),
            ("crates/mediator/src/export/a.rs", "// Sends the packet.\n"),
            (
                "crates/mediator/src/export/a.rs",
                "fn a(packets_count: u8) {}",
            ),
            ("crates/lab/src/a.rs", "struct Pdu;"),
            ("crates/lab/src/a.rs", "struct SchemaCache;"),
            ("crates/lab/src/a.rs", "// A rewrite table.\n"),
            ("crates/mediator/src/collect/a.rs", "struct Client;"),
            ("crates/mediator/src/collect/a.rs", "let upstream = device;"),
        ],
        good: &[
            (
                "crates/mediator/src/wire/message.rs",
                "// v9 calls it FlowSet.\n",
            ),
            (
                "crates/mediator/src/settings.rs",
                "/// Largest IP packet.\nstruct A { packet_octets_max: u8 }",
            ),
            (
                "crates/mediator/src/limits.rs",
                "// `max_packet_size` of the configuration.\n",
            ),
            (
                "crates/mediator/src/wire/a.rs",
                "// The Export Packet of v9.\n",
            ),
            ("crates/enricherd/src/a.rs", "struct Packet;"),
            ("crates/lab/src/a.rs", "let flows = set(0, FILL);"),
        ],
    },
    Rule {
        name: "identifier",
        check: identifier,
        bad: &[
            ("crates/mediator/src/wire/a.rs", "fn a(source_id: u32) {}"),
            ("crates/lab/src/a.rs", "struct SourceId(u32);"),
            ("crates/asdb/src/a.rs", "fn get_name() {}"),
            ("crates/asdb/src/a.rs", "mod utils;"),
            ("crates/asdb/src/helpers.rs", "//! Helps.\n"),
        ],
        good: &[
            (
                "crates/mediator/src/wire/a.rs",
                "/// The Source ID of v9.\nfn a(domain: u32) {}",
            ),
            ("crates/asdb/src/a.rs", "fn a() { b.get(1); c.get_mut(2); }"),
        ],
    },
];

/// A word that is not used.
struct Banned {
    /// One or several words, lower case, singular.
    not: &'static str,
    say: &'static str,
    /// Where the rule holds: the beginning of a path.
    places: &'static [&'static str],
    /// Files and phrases in which the word is right, each with the reason.
    except: &'static [(&'static str, &'static str)],
}

const EVERYWHERE: &[&str] = &["crates/"];
const WIRE_SPEAKERS: &[&str] = &["crates/lab/src/", "crates/mediator/src/"];

const BANNED: &[Banned] = &[
    Banned {
        not: "flowset",
        say: "Set",
        places: EVERYWHERE,
        except: &[(
            "crates/mediator/src/wire/message.rs",
            "says what v9 calls it",
        )],
    },
    Banned {
        not: "flow set",
        say: "Set",
        places: EVERYWHERE,
        except: &[(
            "crates/mediator/src/wire/message.rs",
            "says what v9 calls it",
        )],
    },
    Banned {
        not: "packet",
        say: "Message, or datagram for what UDP carries",
        places: WIRE_SPEAKERS,
        except: &[
            (
                "crates/mediator/src/enrich/frame.rs",
                "reads the IP packet in a sampled frame",
            ),
            ("ip packet", "what IP carries"),
            ("packet octets", "the size of an IP packet"),
            ("max packet size", "the name of a configuration key"),
            ("export packet", "RFC 3954's name for a v9 Message"),
            ("delta packet", "an Information Element's name"),
            ("packet delta", "an Information Element's name"),
            ("packet total", "an Information Element's name"),
            ("sampling packet", "an Information Element's name"),
            ("packet section", "an Information Element's name"),
            ("header packet section", "an Information Element's name"),
        ],
    },
    Banned {
        not: "pdu",
        say: "Message",
        places: EVERYWHERE,
        except: &[],
    },
    Banned {
        not: "schema",
        say: "Template",
        places: EVERYWHERE,
        except: &[],
    },
    Banned {
        not: "decoding template",
        say: "Template",
        places: EVERYWHERE,
        except: &[],
    },
    Banned {
        not: "rewrite table",
        say: "Template Mapping",
        places: WIRE_SPEAKERS,
        except: &[],
    },
    Banned {
        not: "translation table",
        say: "Template Mapping",
        places: WIRE_SPEAKERS,
        except: &[],
    },
    Banned {
        not: "client",
        say: "Transport Session or Original Exporter",
        places: WIRE_SPEAKERS,
        except: &[],
    },
    Banned {
        not: "device",
        say: "Original Exporter",
        places: WIRE_SPEAKERS,
        except: &[],
    },
    Banned {
        not: "upstream",
        say: "collector",
        places: WIRE_SPEAKERS,
        except: &[],
    },
    Banned {
        not: "inject",
        say: "append, or announce",
        places: WIRE_SPEAKERS,
        except: &[],
    },
];

/// Names that are not given, whatever comments call the thing.
const BANNED_NAMES: &[Banned] = &[
    Banned {
        not: "source id",
        say: "domain: v9's Source ID is its Observation Domain",
        places: EVERYWHERE,
        except: &[],
    },
    Banned {
        not: "util",
        say: "what the functions are about",
        places: EVERYWHERE,
        except: &[("hyper util", "somebody else's crate")],
    },
    Banned {
        not: "helper",
        say: "what the functions are about",
        places: EVERYWHERE,
        except: &[],
    },
    Banned {
        not: "misc",
        say: "what the functions are about",
        places: EVERYWHERE,
        except: &[],
    },
];

fn word(_: &Tree, file: &File) -> Vec<Fault> {
    if !file.is_rust() {
        return Vec::new();
    }
    let holds = |banned: &&Banned| banned.holds_in(&file.path);
    let banned: Vec<&Banned> = BANNED.iter().filter(holds).collect();
    let mut faults = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let words = words(line);
        for banned in banned.iter().filter(|banned| banned.is_in(&words)) {
            faults.push(banned.fault(index + 1));
        }
    }
    faults
}

fn identifier(_: &Tree, file: &File) -> Vec<Fault> {
    let holds = |banned: &&Banned| banned.holds_in(&file.path);
    let banned: Vec<&Banned> = BANNED_NAMES.iter().filter(holds).collect();
    if banned.is_empty() {
        return Vec::new();
    }
    let names = file.tokens.iter().filter(|token| is_word(&token.text));
    let names = names.map(|token| (token.line, words(&token.text)));
    let names = names.chain([(1, words(&file.path))]);
    let misnamed = names.flat_map(|(line, words)| {
        let found = banned.iter().filter(|banned| banned.is_in(&words));
        let found: Vec<Fault> = found.map(|banned| banned.fault(line)).collect();
        found
    });
    misnamed.chain(getters(file)).collect()
}

/// Only functions of ours: `get` and `get_mut` are the library's.
fn getters(file: &File) -> impl Iterator<Item = Fault> {
    let is_getter = |pair: &&[Token]| pair[0].text == "fn" && pair[1].text.starts_with("get_");
    let getters = file.tokens.windows(2).filter(is_getter);
    getters.map(|pair| Fault::new(pair[1].line, "not `get_`; say the noun itself"))
}

impl Banned {
    fn holds_in(&self, path: &str) -> bool {
        let is_excepted = self.except.iter().any(|(except, _)| *except == path);
        self.places.iter().any(|place| path.starts_with(place)) && !is_excepted
    }

    /// Says whether the word stands in `words` outside every exception.
    fn is_in(&self, words: &[String]) -> bool {
        let wanted: Vec<&str> = self.not.split(' ').collect();
        let excepted = |at: usize| {
            self.except.iter().any(|(phrase, _)| {
                let phrase: Vec<&str> = phrase.split(' ').collect();
                let first = at.saturating_sub(phrase.len() - 1);
                (first..=at).any(|start| begins(words.get(start..).unwrap_or_default(), &phrase))
            })
        };
        (0..words.len()).any(|at| begins(&words[at..], &wanted) && !excepted(at))
    }

    fn fault(&self, line: usize) -> Fault {
        Fault::new(line, format!("not `{}`; say {}", self.not, self.say))
    }
}

/// Says whether `words` begin with `wanted`, the plural counted as the same.
fn begins(words: &[String], wanted: &[&str]) -> bool {
    let is_same = |(word, want): (&String, &&str)| {
        word.strip_prefix(*want)
            .is_some_and(|rest| matches!(rest, "" | "s"))
    };
    words.len() >= wanted.len() && words.iter().zip(wanted).all(is_same)
}

/// Returns the words of a line in lower case; `TemplateId` and `template_id` are two words each.
///
/// An empty word stands where a sign ends what belongs together: `flows = set(0)` is no flow set.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut was_lower = false;
    for sign in line.chars() {
        let is_new_hump = was_lower && sign.is_uppercase();
        if (is_new_hump || !sign.is_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if !(sign.is_alphanumeric() || matches!(sign, ' ' | '_' | '-')) {
            words.push(String::new());
        }
        if sign.is_alphanumeric() {
            word.extend(sign.to_lowercase());
        }
        was_lower = sign.is_lowercase();
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn humps_and_underscores_divide_words() {
        assert_eq!(
            words("TemplateId, flow_sets; IPv6 a2"),
            ["template", "id", "", "flow", "sets", "", "ipv6", "a2"]
        );
        assert_eq!(words("FlowSet"), ["flow", "set"]);
    }

    #[test]
    fn every_exception_has_a_reason() {
        let all = BANNED.iter().chain(BANNED_NAMES);
        let mut reasons = all.flat_map(|banned| banned.except);
        assert!(reasons.all(|(_, reason)| !reason.is_empty()));
    }
}
