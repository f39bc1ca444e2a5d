//! `docs/configuration.md` says what the code does: it is made of the table of keys, and what the
//! table calls a default is one.

use std::fs;
use std::path::Path;

use enricherd::config::{Absent, Config, ConfigFile, Faults, KEYS, Key};

const INTRODUCTION: &str = "\
# Configuration

One YAML file, `/etc/ipfix-enricher/config.yaml` or the one named with `--config`. Every key has a
default; an absent or empty file means all defaults. Unknown keys, keys written twice, bad values and
contradictions are refused, all of them at once, each with line, key, value and remedy; exit code 2.
`ipfix-enricher check` prints what is in force. The file is UTF-8 of at most 1 MiB.

What stands in the column *takes*:

- **address**: `192.0.2.1` or `\"2001:db8::1\"`. YAML wants quotes around what begins or ends with a colon.
- **AS number**: `64500` or `AS64500`.
- **duration**: `500ms`, `60s`, `2m`, `1h`; `0` needs no unit.
- **port**: 1 to 65535.
- **prefix**: `192.0.2.0/24` without host bits; an address alone is a prefix too.
- **provider**: `static` (`static_prefixes`), `flow` (what the Data Record says), `flow-except-private`
  (not a private AS), `flow-except-default-route` (not where its prefix length is 0), `bgp`, `bmp`,
  `table` (`mrt_files`), `database` (`as_databases`). None twice, one `flow` word at most.
- **size**: octets as a plain number, or `64KiB`, `16MiB`, `1GiB`.
- **true or false**: also `yes`, `no`, `on`, `off`, as older files have them.

A key marked with ◦ is read and checked, but what it asks for is not in this version: a file that sets
it to anything but its default is refused with the reason.
";

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md")
}

fn check(text: &str) -> Result<Config, Faults> {
    let file = ConfigFile::parse(text.as_bytes())?;
    file.check().map(|checked| checked.config)
}

/// Returns the key without its place, and its place; a key of the file is a place of its own.
fn parts(key: &Key) -> (&'static str, &'static str) {
    match key.path.rsplit_once('.') {
        Some((place, name)) => (place, name),
        None => (key.path, key.path),
    }
}

fn reference() -> String {
    let mut text = String::from(INTRODUCTION);
    let mut places: Vec<&str> = Vec::new();
    for key in KEYS {
        let (place, _) = parts(key);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    for place in places {
        let title = match place.strip_suffix("[]") {
            Some(list) => format!("Entries of `{list}`"),
            None => format!("`{place}`"),
        };
        text += &format!("\n## {title}\n\n");
        text += "| key | takes | default | meaning |\n|---|---|---|---|\n";
        let rows = KEYS.iter().filter(|key| parts(key).0 == place).map(row);
        text.extend(rows);
    }
    text
}

fn row(key: &Key) -> String {
    let absent = match key.absent {
        Absent::Is(value) => format!("`{value}`"),
        Absent::As(other) => format!("that of `{other}`"),
        Absent::Nothing => "none".to_owned(),
        Absent::Fault => "must be written".to_owned(),
    };
    let mark = if key.lack().is_some() { " ◦" } else { "" };
    let (_, name) = parts(key);
    let (takes, meaning) = (key.takes, key.meaning);
    format!("| `{name}`{mark} | {takes} | {absent} | {meaning} |\n")
}

#[test]
fn the_reference_is_that_of_the_code() {
    let reference = reference();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path(), &reference).unwrap();
    }
    let written = fs::read_to_string(path()).unwrap_or_default();
    assert!(
        written == reference,
        "docs/configuration.md must be:\n{reference}"
    );
}

/// Writes `name: value` where the key belongs, beside what its entry must have.
fn file_with(key: &Key, line: &str) -> String {
    let (parent, _) = key.path.rsplit_once('.').unwrap_or(("", key.path));
    match parent {
        "" => format!("{line}\n"),
        "exporters[]" => format!("exporters:\n- match: 192.0.2.1\n  {line}\n"),
        "enrichment.static_prefixes[]" => {
            let entry = "prefix: 192.0.2.0/24\n    as: 64500";
            format!("enrichment:\n  static_prefixes:\n  - {entry}\n    {line}\n")
        }
        "forwarding.collectors[]" => {
            format!("forwarding:\n  collectors:\n  - host: 192.0.2.9\n    {line}\n")
        }
        "forwarding.collectors[].filter" => {
            let entry = "host: 192.0.2.9";
            format!("forwarding:\n  collectors:\n  - {entry}\n    filter:\n      {line}\n")
        }
        "forwarding.groups[]" => {
            format!("forwarding:\n  groups:\n  - name: a\n    {line}\n")
        }
        "forwarding.collectors[].tls" => format!(
            "forwarding:\n  collectors:\n  - host: 192.0.2.9\n    protocol: tls\n    \
             tls:\n      ca_file: ca.pem\n      {line}\n"
        ),
        "enrichment.bgp_peers[]" => {
            let entry = "address: 192.0.2.1\n    as: 64500";
            format!("enrichment:\n  bgp_peers:\n  - {entry}\n    {line}\n")
        }
        section => format!("{section}:\n  {line}\n"),
    }
}

#[test]
fn writing_a_default_changes_nothing() {
    let is_default = |key: &&Key| matches!(key.absent, Absent::Is(_) | Absent::Nothing);
    for key in KEYS.iter().filter(is_default) {
        let value = match key.absent {
            Absent::Is(value) => value,
            _ => "~",
        };
        let name = key.path.rsplit('.').next().unwrap_or_default();
        let without = check(&file_with(key, ""));
        let with = check(&file_with(key, &format!("{name}: {value}")));
        // Peers are refused whatever they say, but no default may be what is wrong with them.
        assert_eq!(with, without, "{}", key.path);
    }
}

#[test]
fn entries_fall_back_on_what_holds_for_all() {
    let config = check(
        "general: {output_port: 9995}\n\
         enrichment: {as_providers: [database], unusable_as: [1]}\n\
         exporters: [{match: 192.0.2.1}]\n\
         forwarding: {max_packet_size: 1400, collectors: [{host: 192.0.2.9}]}\n",
    );
    let config = config.unwrap();
    let (exporter, collector) = (&config.exporters[0], &config.forwarding.collectors[0]);
    assert_eq!(exporter.as_providers, config.enrichment.as_providers);
    assert_eq!(exporter.unusable_as, config.enrichment.unusable_as);
    assert_eq!((collector.port, collector.packet_octets_max), (9995, 1400));
    assert_eq!(collector.source, config.forwarding.source);
    let fallbacks = KEYS
        .iter()
        .filter(|key| matches!(key.absent, Absent::As(_)));
    // These four, `source` and `server_name` of a collector, and the other place of `buffer_size`.
    assert_eq!(fallbacks.count(), 7);
}

#[test]
fn what_must_be_written_is_missed() {
    for (file, key) in [
        ("exporters: [{name: a}]", "exporters[0].match"),
        (
            "enrichment: {static_prefixes: [{as: 1}]}",
            "enrichment.static_prefixes[0].prefix",
        ),
        (
            "enrichment: {static_prefixes: [{prefix: 192.0.2.1}]}",
            "enrichment.static_prefixes[0].as",
        ),
        (
            "enrichment: {as_databases: [{}]}",
            "enrichment.as_databases[0].path",
        ),
        (
            "enrichment: {bgp_peers: [{as: 1}]}",
            "enrichment.bgp_peers[0].address",
        ),
        (
            "enrichment: {bgp_peers: [{address: 192.0.2.1}]}",
            "enrichment.bgp_peers[0].as",
        ),
        (
            "forwarding: {collectors: [{port: 1}]}",
            "forwarding.collectors[0].host",
        ),
        (
            "forwarding: {groups: [{mode: all}]}",
            "forwarding.groups[0].name",
        ),
        (
            "forwarding: {collectors: [{host: a, protocol: tls, tls: {}}]}",
            "forwarding.collectors[0].tls.ca_file",
        ),
    ] {
        let faults = check(file).unwrap_err();
        assert_eq!(faults.list()[0].key(), key);
    }
    let required = KEYS.iter().filter(|key| key.absent == Absent::Fault);
    assert_eq!(required.count(), 9);
}

#[test]
fn every_key_is_in_the_dump() {
    let config = check(
        "exporters:\n\
         \x20 - {match: 192.0.2.1, domain: 1, name: a, sampling_rate: 2, routes_from: 192.0.2.9}\n\
         enrichment:\n\
         \x20 static_prefixes: [{prefix: 192.0.2.0/24, as: 64500, name: a}]\n\
         \x20 as_databases: [{path: a}]\n\
         forwarding:\n\
         \x20 groups: [{name: a}]\n\
         \x20 collectors:\n\
         \x20 - {host: a, group: a, filter: {exporters: [192.0.2.1], domains: [1], as: [1], \
         addresses: [192.0.2.1], ip_version: 4}}\n\
         \x20 - {host: b, protocol: tls, tls: {ca_file: a, certificate_file: a, key_file: a,\n\
         \x20   server_name: a}}\n",
    );
    let dump = config.unwrap().dump();
    for key in KEYS {
        let (parent, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        let is_elsewhere = key.path == "general.buffer_size";
        let is_unset = key.absent == Absent::Nothing && key.lack().is_some();
        if is_elsewhere || is_unset || parent == "enrichment.bgp_peers[]" {
            continue;
        }
        let is_there = dump.contains(&format!("{name}: ")) || dump.contains(&format!("{name}:\n"));
        assert!(is_there, "{}", key.path);
    }
}
