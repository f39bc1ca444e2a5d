//! What a single value means: a port, a prefix, a duration.
//!
//! Each reader takes a node as written and gives the value as meant, or says what is wrong with
//! it and what to write instead. None looks at another key.
//!
//! Not here: which key has which reader (`check`), lists and mappings (`section`).

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use asdb::{Asn, PolicyWord};
use ipnet::{IpNet, Ipv6Net};

use super::fault::Wrong;
use super::near::nearest;
use super::node::{Node, Value};
use super::types::{Health, Host, LogFile};

/// A name that people read, and metrics carry as a label.
const NAME_CHARS_MAX: usize = 128;
/// A domain name in text [RFC 1035 §2.3.4], and one label of it.
const HOST_OCTETS_MAX: usize = 253;
const LABEL_OCTETS_MAX: usize = 63;

/// Returns what is written, which must be a single value and not empty.
pub(super) fn text(node: &Node) -> Result<&str, Wrong> {
    let problem = match &node.value {
        Value::Text(text) if !text.trim().is_empty() => return Ok(text.trim()),
        Value::Text(_) => "empty",
        Value::Nothing => "no value",
        Value::List(_) => "a list where one value belongs",
        Value::Map(_) => "a mapping where one value belongs",
    };
    Err(Wrong::new(problem, "write one value or leave the key out"))
}

/// Reads one of a few words, in whatever case.
pub(super) fn word<T: Copy>(node: &Node, words: &[(&str, T)]) -> Result<T, Wrong> {
    let text = text(node)?;
    let found = words
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text));
    found.map(|(_, meant)| *meant).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        unknown_word(text, &words)
    })
}

fn unknown_word(text: &str, words: &[&str]) -> Wrong {
    let remedy = match nearest(text, words) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("write {}", one_of(words)),
    };
    Wrong::new("unknown word", remedy)
}

/// Writes `a, b or c`.
fn one_of(words: &[&str]) -> String {
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

/// Reads a truth value; older files write `yes`, `on` and the like.
pub(super) fn flag(node: &Node) -> Result<bool, Wrong> {
    let words = [
        ("true", true),
        ("false", false),
        ("yes", true),
        ("no", false),
        ("on", true),
        ("off", false),
    ];
    text(node)?;
    word(node, &words).map_err(|_| Wrong::new("neither true nor false", "write true or false"))
}

/// A range of numbers, and how to speak of it.
pub(super) struct Bounds {
    pub(super) range: RangeInclusive<u64>,
    /// What is counted, with a blank before it; empty for a bare number.
    pub(super) unit: &'static str,
    /// What most people need.
    pub(super) usual: &'static str,
}

impl Bounds {
    fn check(&self, number: u64) -> Result<u64, Wrong> {
        let Self { range, unit, usual } = self;
        let problem = if number < *range.start() {
            format!("below {}{unit}", range.start())
        } else if number > *range.end() {
            format!("above {}{unit}", range.end())
        } else {
            return Ok(number);
        };
        Err(Wrong::new(
            problem,
            format!("use {usual} or leave the key out"),
        ))
    }
}

/// Reads a number of `T` within bounds.
pub(super) fn number<T: TryFrom<u64>>(node: &Node, bounds: &Bounds) -> Result<T, Wrong> {
    let text = text(node)?;
    let remedy = || format!("use {} or leave the key out", bounds.usual);
    let number = digits(text).ok_or_else(|| Wrong::new("not a whole number", remedy()))?;
    narrowed(bounds.check(number)?, remedy)
}

fn narrowed<T: TryFrom<u64>>(number: u64, remedy: impl Fn() -> String) -> Result<T, Wrong> {
    T::try_from(number).map_err(|_| Wrong::new("too large", remedy()))
}

/// Reads decimal digits; `None` for anything else, a sign included.
fn digits(text: &str) -> Option<u64> {
    let is_digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    // What has more digits than 64 bits hold is above every bound.
    is_digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Reads a port other than 0.
pub(super) fn port(node: &Node) -> Result<u16, Wrong> {
    let text = text(node)?;
    let port = digits(text).and_then(|number| u16::try_from(number).ok());
    port.filter(|port| *port != 0)
        .ok_or_else(|| Wrong::new("not a port", "write a number from 1 to 65535"))
}

/// Reads a size in bytes: `16MiB`, or a plain number.
pub(super) fn size<T: TryFrom<u64>>(node: &Node, bounds: &Bounds) -> Result<T, Wrong> {
    let text = text(node)?;
    let (number, unit) = split_unit(text);
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ if unit.starts_with(['.', ',']) => {
            return Err(Wrong::new("a fraction", "use a smaller unit"));
        }
        _ => {
            let problem = "unknown unit of size";
            return Err(Wrong::new(problem, "write a plain number, KiB, MiB or GiB"));
        }
    };
    let remedy = || format!("use {} or leave the key out", bounds.usual);
    let number = digits(number).ok_or_else(|| Wrong::new("not a size", remedy()))?;
    narrowed(bounds.check(number.saturating_mul(factor))?, remedy)
}

/// Reads a duration: `500ms`, `60s`, `2m`, `1h`, or `0`; within `range`, in milliseconds.
pub(super) fn duration(node: &Node, range: RangeInclusive<u64>) -> Result<Duration, Wrong> {
    let text = text(node)?;
    let (number, unit) = split_unit(text);
    let Some(number) = digits(number) else {
        return Err(Wrong::new(
            "not a duration",
            "write it like 500ms, 60s or 2m",
        ));
    };
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" if number == 0 => 0,
        "" => {
            let remedy = format!("write {number}s if seconds are meant");
            return Err(Wrong::new("a duration without its unit", remedy));
        }
        _ if unit.starts_with(['.', ',']) => {
            return Err(Wrong::new("a fraction", "use a smaller unit, like 1500ms"));
        }
        _ => {
            let problem = "unknown unit of time";
            return Err(Wrong::new(problem, "write ms, s, m or h"));
        }
    };
    let millis = number.saturating_mul(factor);
    let (low, high) = (*range.start(), *range.end());
    if range.contains(&millis) {
        return Ok(Duration::from_millis(millis));
    }
    let problem = if millis < low {
        format!("below {}", duration_text(low))
    } else {
        format!("above {}", duration_text(high))
    };
    let remedy = format!("use {} to {}", duration_text(low), duration_text(high));
    Err(Wrong::new(problem, remedy))
}

/// As [`duration`]; a plain number is seconds, for the key that is defined so.
pub(super) fn seconds(node: &Node, range: RangeInclusive<u64>) -> Result<Duration, Wrong> {
    let text = text(node)?;
    if digits(text).is_none() {
        return duration(node, range);
    }
    let with_unit = Node {
        line: node.line,
        value: Value::Text(format!("{text}s")),
    };
    duration(&with_unit, range)
}

/// Writes milliseconds in a way that [`duration`] reads.
pub(super) fn duration_text(millis: u64) -> String {
    let units = [("h", 3_600_000), ("s", 1_000), ("ms", 1)];
    let divides = |(_, factor): &&(&str, u64)| millis >= *factor && millis.is_multiple_of(*factor);
    match units.iter().find(divides) {
        Some((unit, factor)) => format!("{}{unit}", millis / factor),
        None => "0".to_owned(),
    }
}

/// Splits `16MiB` into `16` and `MiB`.
fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|char: char| !char.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    (number, unit.trim_start())
}

/// Reads an IP address; an IPv4 address in IPv6 clothes is the IPv4 address.
pub(super) fn address(node: &Node) -> Result<IpAddr, Wrong> {
    let address: Result<IpAddr, _> = text(node)?.parse();
    let wrong = |_| {
        Wrong::new(
            "not an IP address",
            "write one like 192.0.2.1 or \"2001:db8::1\"",
        )
    };
    address.map_err(wrong).map(|address| address.to_canonical())
}

/// Reads a prefix without host bits; an address alone is a prefix of its full length.
pub(super) fn prefix(node: &Node) -> Result<IpNet, Wrong> {
    let text = text(node)?;
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address.to_canonical()));
    }
    let prefix: IpNet = text.parse().map_err(|_| {
        let remedy = "write one like 192.0.2.0/24, \"2001:db8::/32\" or 192.0.2.1";
        Wrong::new("neither a prefix nor an address", remedy)
    })?;
    if let IpNet::V6(mapped) = prefix
        && is_mapped(mapped)
    {
        let problem = "a prefix of IPv4 addresses in IPv6 clothes";
        return Err(Wrong::new(problem, "write it as an IPv4 prefix"));
    }
    if prefix.addr() != prefix.network() {
        let problem = format!(
            "bits are set behind the prefix length {}",
            prefix.prefix_len()
        );
        let remedy = format!("write {} or {}", prefix.trunc(), prefix.addr());
        return Err(Wrong::new(problem, remedy));
    }
    Ok(prefix)
}

fn is_mapped(prefix: Ipv6Net) -> bool {
    prefix.prefix_len() >= 96 && prefix.addr().to_ipv4_mapped().is_some()
}

/// Reads an AS number, with or without `AS` before it.
pub(super) fn asn(node: &Node) -> Result<Asn, Wrong> {
    let text = text(node)?;
    let number = text.strip_prefix("AS").unwrap_or(text);
    let asn = digits(number).and_then(|number| u32::try_from(number).ok());
    asn.map(Asn).ok_or_else(|| {
        let remedy = match asdot(number) {
            Some(asn) => format!("write {asn}"),
            None => "write a number from 0 to 4294967295".to_owned(),
        };
        Wrong::new("not an AS number", remedy)
    })
}

/// As [`asn`], for an AS that somebody has.
pub(super) fn asn_of_somebody(node: &Node) -> Result<Asn, Wrong> {
    match asn(node)? {
        Asn::NONE => {
            let problem = "AS 0 is nobody's [RFC 7607]";
            Err(Wrong::new(
                problem,
                "write the AS number or remove the entry",
            ))
        }
        asn => Ok(asn),
    }
}

/// Reads `1.10`, the form that RFC 5396 calls asdot.
fn asdot(text: &str) -> Option<u32> {
    let (high, low) = text.split_once('.')?;
    let high: u16 = high.parse().ok()?;
    let low: u16 = low.parse().ok()?;
    Some((u32::from(high) << 16) | u32::from(low))
}

/// Reads a word of a list of providers.
pub(super) fn provider(node: &Node) -> Result<PolicyWord, Wrong> {
    let words = PolicyWord::ALL.map(|word| (word.name(), word));
    word(node, &words)
}

/// Reads a path.
pub(super) fn path(node: &Node) -> Result<PathBuf, Wrong> {
    text(node).map(PathBuf::from)
}

/// Reads where the log goes.
pub(super) fn log_file(node: &Node) -> Result<LogFile, Wrong> {
    match text(node)? {
        "-" => Ok(LogFile::StandardError),
        path => Ok(LogFile::Path(PathBuf::from(path))),
    }
}

/// Reads a name for people.
pub(super) fn name(node: &Node) -> Result<String, Wrong> {
    let text = text(node)?;
    if text.chars().any(char::is_control) {
        let problem = "has control characters";
        return Err(Wrong::new(problem, "write a name of one line"));
    }
    if text.chars().count() > NAME_CHARS_MAX {
        let problem = format!("longer than {NAME_CHARS_MAX} characters");
        return Err(Wrong::new(problem, "write a shorter name"));
    }
    Ok(text.to_owned())
}

/// Reads an address or a host name; a collector cannot be at an unspecified address.
pub(super) fn host(node: &Node) -> Result<Host, Wrong> {
    let text = text(node)?;
    if let Ok(address) = text.parse::<IpAddr>() {
        if address.to_canonical().is_unspecified() {
            let problem = "nobody is at the unspecified address";
            return Err(Wrong::new(problem, "write the collector's address"));
        }
        return Ok(Host::Address(address.to_canonical()));
    }
    if is_host_name(text) {
        return Ok(Host::Name(text.to_owned()));
    }
    let bare = text
        .rsplit_once(':')
        .map(|(host, _)| host.trim_matches(['[', ']']));
    let remedy = match bare {
        Some(host) if host.parse::<IpAddr>().is_ok() || is_host_name(host) => {
            format!("write {host} here and the port as `port`")
        }
        _ => "write one like 192.0.2.1, \"2001:db8::1\" or collector.example".to_owned(),
    };
    Err(Wrong::new("neither an address nor a host name", remedy))
}

/// A name whose last label is a number is an address that went wrong.
fn is_host_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= HOST_OCTETS_MAX && name.split('.').all(is_label) && digits(last).is_none()
}

fn is_label(label: &str) -> bool {
    let is_sign = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    (1..=LABEL_OCTETS_MAX).contains(&label.len())
        && label.bytes().all(is_sign)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Reads how a collector is watched.
pub(super) fn health(node: &Node) -> Result<Health, Wrong> {
    let text = text(node)?;
    let Some(number) = text.strip_prefix("tcp:") else {
        return word(node, &[("none", Health::None), ("icmp", Health::Icmp)])
            .map_err(|_| Wrong::new("unknown word", "write none, icmp or tcp:PORT"));
    };
    let number = Node {
        line: node.line,
        value: Value::Text(number.to_owned()),
    };
    port(&number).map(Health::Tcp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> Node {
        Node {
            line: 1,
            value: Value::Text(text.to_owned()),
        }
    }

    fn check<T>(read: impl Fn(&Node) -> Result<T, Wrong>, accepted: &[(&str, T)], refused: &[&str])
    where
        T: PartialEq + std::fmt::Debug,
    {
        for (text, meant) in accepted {
            assert_eq!(read(&node(text)).as_ref(), Ok(meant), "{text}");
        }
        for text in refused {
            assert!(read(&node(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn truth_has_many_words() {
        let accepted = [
            ("true", true),
            ("ON", true),
            ("Yes", true),
            ("no", false),
            ("off", false),
        ];
        check(flag, &accepted, &["", "1", "y", "maybe"]);
    }

    #[test]
    fn ports_are_16_bits_and_not_0() {
        let accepted = [
            ("1", 1),
            ("65535", 65535),
            (" 2055 ", 2055),
            ("02055", 2055),
        ];
        let refused = [
            "0",
            "65536",
            "-1",
            "+1",
            "0x1",
            "2055.0",
            "99999999999999999999999",
            "",
        ];
        check(port, &accepted, &refused);
    }

    #[test]
    fn durations_have_units() {
        let millis = Duration::from_millis;
        let accepted = [
            ("500ms", millis(500)),
            ("60s", millis(60_000)),
            ("2m", millis(120_000)),
            ("1 h", millis(3_600_000)),
            ("0", millis(0)),
        ];
        let refused = [
            "60",
            "1.5s",
            "-1s",
            "s",
            "1d",
            "61m",
            "18446744073709551615h",
        ];
        check(|node| duration(node, 0..=3_600_000), &accepted, &refused);
        let accepted = [
            ("60", millis(60_000)),
            ("60s", millis(60_000)),
            ("0", millis(0)),
        ];
        check(|node| seconds(node, 0..=60_000), &accepted, &["61", "x"]);
    }

    #[test]
    fn sizes_count_in_powers_of_two() {
        let bounds = Bounds {
            range: 1..=1 << 30,
            unit: " bytes",
            usual: "16MiB",
        };
        let accepted = [
            ("16MiB", 16 << 20),
            ("1 GiB", 1 << 30),
            ("65535", 65535),
            ("2KiB", 2048),
        ];
        let refused = [
            "0",
            "16MB",
            "16M",
            "2GiB",
            "MiB",
            "1.5MiB",
            "99999999999999999999GiB",
        ];
        check(|node| size::<u32>(node, &bounds), &accepted, &refused);
    }

    #[test]
    fn addresses_and_prefixes_are_of_one_kind() {
        let accepted = [
            ("::", "::"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("192.0.2.1", "192.0.2.1"),
        ];
        let accepted = accepted.map(|(text, meant)| (text, meant.parse().unwrap()));
        check(
            address,
            &accepted,
            &["localhost", "192.0.2.1/32", "192.0.2", "[::1]"],
        );
        let accepted = [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("192.0.2.1", "192.0.2.1/32"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::ffff:192.0.2.1", "192.0.2.1/32"),
            ("::/0", "::/0"),
        ];
        let accepted = accepted.map(|(text, meant)| (text, meant.parse().unwrap()));
        let refused = [
            "192.0.2.1/24",
            "::ffff:192.0.2.0/120",
            "192.0.2.0/33",
            "192.0.2/24",
            "x",
        ];
        check(prefix, &accepted, &refused);
    }

    #[test]
    fn as_numbers_may_say_what_they_are() {
        let accepted = [
            ("64500", Asn(64500)),
            ("AS64500", Asn(64500)),
            ("0", Asn(0)),
        ];
        check(
            asn,
            &accepted,
            &["4294967296", "1.10", "as64500", "AS", "-1"],
        );
        assert_eq!(asdot("1.10"), Some(65546));
        assert!(asn_of_somebody(&node("AS0")).is_err());
    }

    #[test]
    fn hosts_are_addresses_or_names_and_have_no_port() {
        let named = |name: &str| Host::Name(name.to_owned());
        let accepted = [
            ("::1", Host::Address("::1".parse().unwrap())),
            ("nf_1.collector.example.", named("nf_1.collector.example.")),
            ("localhost", named("localhost")),
        ];
        let long = "a.".repeat(128);
        let refused = [
            "0.0.0.0",
            "::",
            "300.1.1.1",
            "a b",
            "-a",
            "a..b",
            "[::1]",
            "h:1",
            "[::1]:2055",
            "a/b",
            &long,
        ];
        check(host, &accepted, &refused);
    }

    #[test]
    fn health_is_watched_by_ping_or_port() {
        let accepted = [
            ("none", Health::None),
            ("icmp", Health::Icmp),
            ("tcp:22", Health::Tcp(22)),
        ];
        check(
            health,
            &accepted,
            &["tcp", "tcp:", "tcp:0", "udp:1", "ping"],
        );
    }

    #[test]
    fn names_fit_on_one_line() {
        let (fits, long) = ("ä".repeat(128), "ä".repeat(129));
        check(
            name,
            &[(&fits, fits.clone())],
            &["", "a\nb", "a\u{7f}", &long],
        );
    }
}
