//! What a list of firewall rules does to a datagram, as far as text tells.
//!
//! Rules of `nft list ruleset` and of `iptables-save` are read into one form. A rule whose
//! conditions are about anything but the protocol, the port and the loopback interface may or may
//! not match: if it accepts, the operator thought of somebody, and nothing is claimed.
//!
//! Not here: where the text comes from (`firewall`).

use std::ops::RangeInclusive;

/// What happens to a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It passes, or some rule may let it.
    Passes,
    /// This rule or policy drops it.
    Dropped(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Accept,
    Drop,
    /// Another chain, a counter, nothing.
    Other,
}

/// One rule.
#[derive(Debug)]
struct Rule {
    text: String,
    verdict: Verdict,
    /// Whether it can match our datagram at all.
    may_match: bool,
    /// Whether it certainly does.
    must_match: bool,
}

/// A chain that datagrams enter from the kernel.
#[derive(Debug)]
struct Chain {
    name: String,
    policy: Verdict,
    rules: Vec<Rule>,
}

/// Returns what the chains of `nft list ruleset` at a hook (`input`) do to UDP datagrams to a port.
pub(super) fn nftables(ruleset: &str, hook: &str, port: u16) -> Fate {
    let mut chains: Vec<Chain> = Vec::new();
    let (mut table, mut chain, mut is_at_hook) = ("", "", false);
    for line in ruleset.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("table ") {
            table = name.trim_end_matches(" {");
        } else if let Some(name) = line.strip_prefix("chain ") {
            (chain, is_at_hook) = (name.trim_end_matches(" {"), false);
        } else if line.starts_with("type ") && line.contains(" hook ") {
            let is_filter = line.starts_with("type filter");
            is_at_hook = is_filter && line.contains(&format!(" hook {hook} "));
            let policy = if line.contains("policy drop") {
                Verdict::Drop
            } else {
                Verdict::Accept
            };
            if is_at_hook {
                chains.push(Chain {
                    name: format!("table {table} chain {chain}"),
                    policy,
                    rules: Vec::new(),
                });
            }
        } else if line == "}" {
            is_at_hook = false;
        } else if let (true, Some(chain)) = (is_at_hook, chains.last_mut()) {
            chain.rules.push(nft_rule(line, port));
        }
    }
    fate(&chains)
}

/// As [`nftables`], of `iptables-save` and a chain's name (`INPUT`).
pub(super) fn iptables(saved: &str, name: &str, port: u16) -> Fate {
    let filter = saved.split("*filter").nth(1).unwrap_or_default();
    let filter = filter.split("COMMIT").next().unwrap_or_default();
    let (policy, append) = (format!(":{name} "), format!("-A {name} "));
    let mut chain = Chain {
        name: format!("iptables chain {name}"),
        policy: Verdict::Accept,
        rules: Vec::new(),
    };
    for line in filter.lines() {
        if line.starts_with(&policy) && line.contains(" DROP") {
            chain.policy = Verdict::Drop;
        } else if let Some(rule) = line.strip_prefix(&append) {
            chain.rules.push(iptables_rule(rule, port));
        }
    }
    fate(&[chain])
}

/// A datagram must get through every chain.
fn fate(chains: &[Chain]) -> Fate {
    for chain in chains {
        if let Some(by) = dropped_by(chain) {
            return Fate::Dropped(format!("{}: {by}", chain.name));
        }
    }
    Fate::Passes
}

fn dropped_by(chain: &Chain) -> Option<String> {
    for rule in chain.rules.iter().filter(|rule| rule.may_match) {
        match rule.verdict {
            Verdict::Accept => return None,
            Verdict::Drop if rule.must_match => return Some(rule.text.clone()),
            // Another chain may accept it.
            Verdict::Other if rule.text.contains("jump ") || rule.text.contains("-j ") => {
                return None;
            }
            _ => {}
        }
    }
    (chain.policy == Verdict::Drop).then(|| "policy drop, and no rule accepts it".to_owned())
}

/// Conditions that let only answers or this host's own datagrams through.
fn is_of_others(text: &str) -> bool {
    let words = ["\"lo\"", "-i lo", "-o lo", "established", "invalid", "icmp"];
    words.iter().any(|word| text.contains(word))
}

fn nft_rule(line: &str, port: u16) -> Rule {
    let words: Vec<_> = line.split_whitespace().collect();
    let verdict = words.iter().rev().find_map(|word| match *word {
        "accept" => Some(Verdict::Accept),
        "drop" | "reject" => Some(Verdict::Drop),
        _ => None,
    });
    let ports = line.split("dport ").nth(1).map(port_ranges);
    let is_tcp = line.contains("tcp ") || line.contains("l4proto tcp");
    let is_udp = line.contains("udp ") || line.contains("l4proto udp");
    let is_port = ports
        .as_ref()
        .is_none_or(|ranges| ranges.iter().any(|range| range.contains(&port)));
    let conditions = ["saddr", "iifname", "oifname", "ct ", "daddr", "@"];
    let is_plain = !conditions.iter().any(|one| line.contains(one));
    Rule {
        text: line.to_owned(),
        verdict: verdict.unwrap_or(Verdict::Other),
        may_match: is_port && (is_udp || !is_tcp) && !is_of_others(line),
        must_match: is_port && is_plain && (is_udp || !is_tcp) && !is_of_others(line),
    }
}

/// Reads `2055`, `2000-3000` or `{ 53, 2055 }`.
fn port_ranges(text: &str) -> Vec<RangeInclusive<u16>> {
    let list = match text.strip_prefix('{') {
        Some(list) => list.split('}').next().unwrap_or_default(),
        None => text.split_whitespace().next().unwrap_or_default(),
    };
    list.split(',').filter_map(|one| range(one, '-')).collect()
}

fn range(text: &str, between: char) -> Option<RangeInclusive<u16>> {
    let text = text.trim();
    let (first, last) = text.split_once(between).unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

fn iptables_rule(rule: &str, port: u16) -> Rule {
    let words: Vec<_> = rule.split_whitespace().collect();
    let behind = |option: &str| {
        let at = words.iter().position(|word| *word == option)?;
        words.get(at + 1).copied()
    };
    let verdict = match behind("-j") {
        Some("ACCEPT") => Verdict::Accept,
        Some("DROP" | "REJECT") => Verdict::Drop,
        _ => Verdict::Other,
    };
    let ports = behind("--dport").or_else(|| behind("--dports"));
    let is_port = ports.is_none_or(|list| {
        let mut ranges = list.split(',').filter_map(|one| range(one, ':'));
        ranges.any(|range| range.contains(&port))
    });
    let is_udp = behind("-p").is_none_or(|protocol| protocol == "udp" || protocol == "all");
    let conditions = ["-s", "-i", "-o", "-d", "--state", "--ctstate", "!"];
    let is_plain = !words.iter().any(|word| conditions.contains(word));
    let may_match = is_port && is_udp && !is_of_others(&rule.to_lowercase());
    Rule {
        text: rule.to_owned(),
        verdict,
        may_match,
        must_match: may_match && is_plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(policy: &str, rules: &[&str]) -> Fate {
        let rules = rules.join("\n\t\t");
        let ruleset = format!(
            "table inet filter {{\n\tchain input {{\n\t\ttype filter hook input priority filter; \
             policy {policy};\n\t\t{rules}\n\t}}\n\tchain output {{\n\t\ttype filter hook output \
             priority filter; policy drop;\n\t}}\n}}\n"
        );
        nftables(&ruleset, "input", 2055)
    }

    #[test]
    fn a_drop_of_our_port_or_of_everything_is_found_and_an_accept_before_it_counts() {
        let dropped = |rule: &str| Fate::Dropped(format!("table inet filter chain input: {rule}"));
        let policy = "policy drop, and no rule accepts it";
        let lo = "iif \"lo\" accept";
        let old = "ct state established,related accept";
        assert_eq!(input("accept", &[]), Fate::Passes);
        assert_eq!(input("drop", &[lo, old]), dropped(policy));
        assert_eq!(input("drop", &["tcp dport 22 accept"]), dropped(policy));
        assert_eq!(
            input("drop", &["udp dport { 53, 2000-2100 } accept"]),
            Fate::Passes
        );
        assert_eq!(
            input("drop", &["udp dport { 53, 67 } accept"]),
            dropped(policy)
        );
        let some = "ip saddr 192.0.2.0/24 udp dport 2055 accept";
        assert_eq!(input("drop", &[some]), Fate::Passes);
        let drop = "udp dport 2055 drop";
        assert_eq!(input("accept", &[drop]), dropped(drop));
        assert_eq!(
            input("accept", &["udp dport 2055 accept", drop]),
            Fate::Passes
        );
        assert_eq!(input("accept", &["udp dport 2056 drop"]), Fate::Passes);
        assert_eq!(input("drop", &["jump CLIENTS"]), Fate::Passes);
    }

    #[test]
    fn the_same_of_iptables() {
        let fate = |policy: &str, rules: &str| {
            let saved =
                format!("*filter\n:INPUT {policy} [0:0]\n:OUTPUT ACCEPT [0:0]\n{rules}COMMIT\n");
            iptables(&saved, "INPUT", 2055)
        };
        let lo = "-A INPUT -i lo -j ACCEPT\n";
        let dropped = |by: &str| Fate::Dropped(format!("iptables chain INPUT: {by}"));
        assert_eq!(fate("ACCEPT", ""), Fate::Passes);
        assert_eq!(
            fate("DROP", lo),
            dropped("policy drop, and no rule accepts it")
        );
        let accept = "-A INPUT -p udp -m udp --dport 2055 -j ACCEPT\n";
        assert_eq!(fate("DROP", accept), Fate::Passes);
        let list = "-A INPUT -p udp -m multiport --dports 53,2000:2100 -j ACCEPT\n";
        assert_eq!(fate("DROP", list), Fate::Passes);
        let drop = "-p udp -m udp --dport 2055 -j DROP";
        assert_eq!(fate("ACCEPT", &format!("-A INPUT {drop}\n")), dropped(drop));
        assert_eq!(fate("DROP", "-A INPUT -j LOCALINPUT\n"), Fate::Passes);
    }
}
