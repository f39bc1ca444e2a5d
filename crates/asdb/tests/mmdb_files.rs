//! MMDB files: what good ones say, against their source in JSON, and that no bad one is believed.
//!
//! The samples are beside the checkout, in `../shared/asdata/mmdb`; without them only the
//! databases that these tests make themselves are read.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use asdb::load::{Format, Made, load};
use asdb::{Asn, Prefix, Reserved};

fn folder(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/asdata/mmdb")
        .join(name);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("{} is absent: skipped", path.display());
    None
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(folder).expect("a readable folder");
    let mut paths: Vec<PathBuf> = listed.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    paths
}

fn named(path: &Path) -> String {
    path.file_name()
        .expect("a file")
        .to_string_lossy()
        .into_owned()
}

/// The sources write an IPv4 prefix also as it lies in an IPv6 tree, below ::/96.
fn without_zeros(prefix: Prefix) -> Prefix {
    match prefix.network() {
        IpAddr::V6(network) if network.to_bits() >> 32 == 0 && prefix.length() >= 96 => {
            let ipv4 = network.to_ipv4().expect("96 zero bits");
            Prefix::new(IpAddr::V4(ipv4), prefix.length() - 96).expect("at most 32")
        }
        _ => prefix,
    }
}

/// Reads what the tests need of the JSON: `"PREFIX": {` and two fields, one per line.
fn json_source(text: &str) -> BTreeMap<Prefix, (u32, Option<String>)> {
    let mut source = BTreeMap::new();
    let mut prefix: Option<Prefix> = None;
    let mut asn = None;
    for line in text.lines().map(|line| line.trim().trim_end_matches(',')) {
        if let Some(key) = line.strip_suffix("\": {") {
            prefix = key.trim_start_matches('"').parse().ok().map(without_zeros);
            asn = None;
        } else if let Some(number) = line.strip_prefix("\"autonomous_system_number\": ") {
            let number: u32 = number.parse().expect("a number");
            asn = Some(number);
            source.insert(prefix.expect("a prefix"), (number, None));
        } else if let Some(name) = line.strip_prefix("\"autonomous_system_organization\": \"")
            && let (Some(prefix), Some(number)) = (prefix, asn)
        {
            source.insert(
                prefix,
                (number, Some(name.trim_end_matches('"').to_owned())),
            );
        }
    }
    source
}

#[test]
fn good_databases_say_what_their_source_says() {
    let (Some(data), Some(source)) = (folder("test-data"), folder("source-data")) else {
        return;
    };
    for name in ["GeoLite2-ASN-Test", "GeoIP2-ISP-Test"] {
        let octets = std::fs::read(data.join(name).with_extension("mmdb")).expect(name);
        let json = std::fs::read_to_string(source.join(name).with_extension("json")).expect(name);
        let expected = json_source(&json);
        let loaded = load(&octets).expect(name);
        assert_eq!(loaded.format, Format::Mmdb);
        assert!(
            matches!(loaded.made, Some(Made::UnixSeconds(1_500_000_000..))),
            "{name}"
        );
        let said: BTreeMap<Prefix, u32> = loaded
            .entries
            .iter()
            .map(|entry| (entry.prefix, entry.asn.0))
            .collect();
        let of_source = |address: IpAddr| {
            let holding = expected
                .iter()
                .filter(|(prefix, _)| prefix.contains(address));
            holding
                .max_by_key(|(prefix, _)| prefix.length())
                .map(|(_, value)| value)
        };
        // The tree joins neighbours of one AS, so addresses are compared, not prefixes.
        let networks = expected
            .keys()
            .chain(said.keys())
            .map(|prefix| prefix.network());
        for address in networks {
            let found = loaded.entries.longest(address, Reserved::Counts);
            let (asn, organisation) = of_source(address).expect(name);
            assert_eq!(
                found.map(|entry| entry.asn.0),
                Some(*asn),
                "{name} {address}"
            );
            if organisation.is_some() {
                assert!(
                    loaded.names.of(Asn(*asn)).is_some(),
                    "{name} {address} has a name"
                );
            }
        }
        println!("{name}: {} prefixes", said.len());
    }
}

#[test]
fn no_corrupt_database_is_believed() {
    let Some(folder) = folder("bad-data") else {
        return;
    };
    let files = files(&folder);
    assert!(files.len() >= 21);
    for path in files {
        let octets = std::fs::read(&path).expect("readable");
        let started = Instant::now();
        let refused = load(&octets);
        let message = refused.map(|_| ()).expect_err(&named(&path)).to_string();
        println!("{}: {message}", named(&path));
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{}",
            named(&path)
        );
    }
}

#[test]
fn databases_without_as_numbers_are_refused_by_their_type() {
    let Some(folder) = folder("test-data") else {
        return;
    };
    let rows = [
        ("GeoIP2-Country-Test.mmdb", "GeoIP2-Country"),
        ("GeoLite2-Country-Test.mmdb", "GeoLite2-Country"),
        ("MaxMind-DB-test-ipv4-24.mmdb", "Test"),
        ("MaxMind-DB-test-mixed-32.mmdb", "Test"),
    ];
    for (name, kind) in rows {
        let octets = std::fs::read(folder.join(name)).expect(name);
        let message = load(&octets).map(|_| ()).expect_err(name).to_string();
        let expected = format!("no prefix with an AS number in it; it is an MMDB of type {kind:?}");
        assert_eq!(message, expected, "{name}");
    }
}

#[test]
fn every_sample_ends_in_an_answer_or_a_refusal_on_a_small_stack() {
    for folder in ["bad-data", "test-data"].into_iter().filter_map(folder) {
        for path in files(&folder) {
            let octets = std::fs::read(&path).expect("readable");
            let read = move || load(&octets).map(|loaded| loaded.entries.len());
            let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(read);
            let outcome = thread.expect("a thread").join();
            assert!(outcome.is_ok(), "{}", named(&path));
        }
    }
}

#[test]
fn a_database_cut_anywhere_is_refused_or_read_but_never_panics() {
    let Some(folder) = folder("test-data") else {
        return;
    };
    let octets = std::fs::read(folder.join("GeoLite2-ASN-Test.mmdb")).expect("readable");
    for cut in (0..octets.len()).step_by(7) {
        assert!(load(&octets[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn a_database_with_any_octet_changed_never_panics() {
    let Some(folder) = folder("test-data") else {
        return;
    };
    let octets = std::fs::read(folder.join("GeoLite2-ASN-Test.mmdb")).expect("readable");
    for place in (0..octets.len()).step_by(11) {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = octets.clone();
            changed[place] ^= change;
            let prefixes_count = load(&changed).map_or(0, |loaded| loaded.entries.len());
            assert!(prefixes_count < 10_000, "octet {place}");
        }
    }
}

/// Packs a text of at most 284 octets as MMDB does.
fn text(text: &str) -> Vec<u8> {
    let octets = u8::try_from(text.len().min(29)).expect("small");
    let mut packed = vec![0x40 | octets];
    packed.extend(
        text.len()
            .checked_sub(29)
            .map(|more| u8::try_from(more).expect("short")),
    );
    packed.extend(text.as_bytes());
    packed
}

fn number(number: u32) -> Vec<u8> {
    [&[0xc4][..], &number.to_be_bytes()].concat()
}

fn map(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut packed = vec![0xe0 | u8::try_from(pairs.len()).expect("few")];
    for (key, value) in pairs {
        packed.extend(text(key));
        packed.extend(value);
    }
    packed
}

/// A database whose search tree is `nodes`, records of 32 bits; values from `nodes.len()` on are
/// "nothing" and, 16 more, offsets into `data`.
fn database(nodes: &[[u32; 2]], data: &[u8], ip_version: u32) -> Vec<u8> {
    let mut octets: Vec<u8> = nodes
        .iter()
        .flatten()
        .flat_map(|record| record.to_be_bytes())
        .collect();
    octets.extend([0; 16]);
    octets.extend(data);
    octets.extend(b"\xab\xcd\xefMaxMind.com");
    let uint16 = |value: u32| vec![0xa2, value.to_be_bytes()[2], value.to_be_bytes()[3]];
    octets.extend(map(&[
        ("binary_format_major_version", uint16(2)),
        ("binary_format_minor_version", uint16(0)),
        ("build_epoch", vec![0x04, 0x02, 0x6a, 0x00, 0x00, 0x00]),
        ("database_type", text("Made-ASN")),
        ("description", vec![0xe0]),
        ("ip_version", uint16(ip_version)),
        ("languages", vec![0x00, 0x04]),
        (
            "node_count",
            number(u32::try_from(nodes.len()).expect("few")),
        ),
        ("record_size", uint16(32)),
    ]));
    octets
}

fn shown(octets: &[u8]) -> Vec<String> {
    let loaded = load(octets).expect("a good database");
    let line = |entry: asdb::Entry| {
        let name = loaded.names.of(entry.asn).unwrap_or("-");
        format!("{} {} {name}", entry.prefix, entry.asn)
    };
    loaded.entries.iter().map(line).collect()
}

#[test]
fn as_numbers_of_every_spelling_are_read() {
    let rows = [
        (
            map(&[
                ("autonomous_system_number", number(64500)),
                ("autonomous_system_organization", text("Example")),
            ]),
            "128.0.0.0/1 AS64500 Example",
        ),
        (
            map(&[("autonomous_system_number", number(7))]),
            "128.0.0.0/1 AS7 -",
        ),
        (
            map(&[
                ("asn", text("AS13335")),
                ("name", text("Example")),
                ("domain", text("e.org")),
            ]),
            "128.0.0.0/1 AS13335 Example",
        ),
        (
            map(&[("as_name", text("Example")), ("asn", text("AS4294967294"))]),
            "128.0.0.0/1 AS4294967294 Example",
        ),
        (map(&[("asn", number(9))]), "128.0.0.0/1 AS9 -"),
    ];
    for (record, expected) in rows {
        assert_eq!(shown(&database(&[[1, 17]], &record, 4)), [expected]);
    }
}

#[test]
fn a_record_with_a_wrong_as_number_refuses_the_file() {
    for wrong in ["AS", "AS-1", "13335x", "AS4294967296"] {
        let record = map(&[("asn", text(wrong))]);
        let message = load(&database(&[[1, 17]], &record, 4))
            .expect_err(wrong)
            .to_string();
        let expected = format!("{wrong:?} is not an AS number");
        assert!(
            message.starts_with("MMDB: ") && message.ends_with(&expected),
            "{message}"
        );
    }
    // Nobody, and so no fault.
    let nobody = [map(&[("asn", text(""))]), map(&[("isp", text("Example"))])];
    for record in nobody {
        let message = load(&database(&[[1, 17]], &record, 4))
            .expect_err("empty")
            .to_string();
        let expected = "no prefix with an AS number in it; it is an MMDB of type \"Made-ASN\"";
        assert_eq!(message, expected);
    }
}

/// A tree of 128 levels whose nodes all lead to the next one on both sides.
fn shared_nodes(levels: u32, last: [u32; 2]) -> Vec<[u32; 2]> {
    let mut nodes: Vec<[u32; 2]> = (1..levels).map(|next| [next, next]).collect();
    nodes.push(last);
    nodes
}

#[test]
fn a_small_tree_with_endless_leaves_is_refused() {
    let record = map(&[("asn", number(9))]);
    // All leaves are empty; all leaves are records.
    for leaf in [100, 116] {
        let octets = database(&shared_nodes(100, [leaf, leaf]), &record, 6);
        let message = load(&octets).expect_err("a refusal").to_string();
        let expected = [
            "MMDB: more than 16777216 nodes to visit",
            "more than 4194304 prefixes",
        ];
        assert!(expected.contains(&message.as_str()), "{message}");
    }
}

#[test]
fn a_tree_with_a_cycle_is_refused() {
    let record = map(&[("asn", number(9))]);
    let message = load(&database(&[[0, 0]], &record, 4))
        .expect_err("a refusal")
        .to_string();
    assert_eq!(
        message,
        "MMDB: node 0 lies below the last bit of an address"
    );
}

#[test]
fn ipv4_prefixes_sit_under_96_zero_bits_and_other_ways_there_are_passed_over() {
    let record = map(&[("asn", number(9))]);
    // Left 96 times to the IPv4 tree, node 96; from the first node right to it as well.
    let mut nodes: Vec<[u32; 2]> = (1..=96).map(|next| [next, 97]).collect();
    nodes[0][1] = 96;
    nodes.push([97, 97 + 16]);
    assert_eq!(shown(&database(&nodes, &record, 6)), ["128.0.0.0/1 AS9 -"]);
}
