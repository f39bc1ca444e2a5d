//! Each word of `as_providers`, and each wish for one exporter, on captures of real exporters.
//!
//! The captures are read from `../shared/corpus` and are not part of the project. A row says what
//! a configuration makes of a capture: how many AS fields stay with the exporter's value, how many
//! are filled and by whom, and for how many nobody knows.

use std::fs;
use std::path::PathBuf;

use crate::support::{Place, run};

/// 21 records: 27 AS fields have a value, 15 are 0; all addresses lie in 120.120.0.0/16.
const WITH_ZEROS: &str = "nf9-akv-data-before-templates.pcap";
/// The exporter of these records.
const ITS_EXPORTER: &str = "102.102.144.1";
/// 42 AS fields, of them 9 private and 26 documentation or 0.
const WITH_PRIVATE: &str = "nf9-cisco-asr9k-260.pcap";
/// 12 AS fields, 4 have a value, and all prefix lengths are 0.
const WITHOUT_MASKS: &str = "nf9-nprobe-2.pcap";

/// A dump of routes [RFC 6396 §4.3]: one peer, AS 64496, that reaches 120.120.0.0/16 by the path
/// 64496 1659.
const DUMP: &str = "6a000000 000d 0001 00000015  c0000201 0000 0001 02 c0000201 c0000201 0000fbf0 \
                    6a000000 000d 0002 00000029  00000000 10 7878 0001  0000 6a000000 0018 \
                    40010100 4002 0a 02 02 0000fbf0 0000067b 400304 c0000201";

/// AS fields kept; filled by static, by the database; for which nobody knew.
type Outcome = [usize; 4];

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(char::is_ascii_hexdigit).collect();
    let octet = |pair: &[char]| {
        let text: String = pair.iter().collect();
        u8::from_str_radix(&text, 16).expect("two digits")
    };
    digits.chunks(2).map(octet).collect()
}

/// Replays a capture; the database knows 120.120.0.0/16 and nothing else.
fn replay(test: &str, capture: &str, enrichment: &str, exporters: &str) -> Option<Outcome> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let capture = root.join("../../../shared/corpus").join(capture);
    if !capture.exists() {
        eprintln!("skipped: no {}", capture.display());
        return None;
    }
    let place = Place::new(test);
    let database = place.file("asn.csv", "120.120.0.0,120.120.255.255,1659,\"One\"\n");
    let config = format!(
        "enrichment:\n  as_databases: [{{path: {}}}]\n  {enrichment}\nexporters: [{exporters}]\n",
        database.display()
    );
    let config = place.file("config.yaml", config).display().to_string();
    let (capture, out) = (capture.display().to_string(), place.path("out.pcap"));
    let out = out.display().to_string();
    let replay = ["replay", &capture, "--out", &out, "--config", &config];
    let diff = run(&[&replay[..], &["--diff"]].concat());
    assert_eq!(diff.code, Some(0), "{diff:?}");
    let written = |by: &str| diff.out.matches(&format!("({by})")).count();
    let summary = run(&[&replay[..], &["--summary"]].concat()).out;
    let total = summary.split("\ntotal\n").nth(1).expect("a total");
    let number = |label: &str| {
        let line = total.lines().find(|line| line.trim().starts_with(label));
        let words = line.and_then(|line| line.split_whitespace().last());
        words.and_then(|word| word.parse().ok()).expect(label)
    };
    let (filled, appended): (usize, usize) = (number("filled"), number("appended"));
    let by = ["static", "table", "database"].map(written);
    let total: usize = by.iter().sum();
    assert_eq!(filled + appended, total, "{enrichment} {exporters}");
    drop(fs::remove_file(&out));
    // The dump knows what the database knows: it stands in its place.
    assert!(by[1] == 0 || by[2] == 0, "{by:?}");
    let kept = number("kept");
    Some([kept, by[0], by[1] + by[2], number("nobody knew")])
}

#[test]
fn each_word_of_a_provider_list_does_what_it_says_to_a_capture() {
    let own = "static_prefixes: [{prefix: 120.120.0.0/16, as: 64512}]";
    let rows: [(&str, &str, Outcome); 12] = [
        (WITH_ZEROS, "as_providers: [flow]", [27, 0, 0, 15]),
        (WITH_ZEROS, "as_providers: [flow, database]", [27, 0, 15, 0]),
        (WITH_ZEROS, "as_providers: [database, flow]", [0, 0, 42, 0]),
        (WITH_ZEROS, "as_providers: [database]", [0, 0, 42, 0]),
        (WITH_ZEROS, own, [0, 42, 0, 0]),
        (
            WITH_ZEROS,
            "as_providers: [flow, static, database]\n  \
             static_prefixes: [{prefix: 120.120.0.0/16, as: 64512}]",
            [27, 15, 0, 0],
        ),
        // There is no table without a dump of routes.
        (WITH_ZEROS, "as_providers: [table]", [0, 0, 0, 42]),
        (WITH_PRIVATE, "as_providers: [flow]", [16, 0, 0, 26]),
        (
            WITH_PRIVATE,
            "as_providers: [flow-except-private]",
            [7, 0, 0, 35],
        ),
        (WITHOUT_MASKS, "as_providers: [flow]", [4, 0, 0, 8]),
        (
            WITHOUT_MASKS,
            "as_providers: [flow-except-default-route]",
            [0, 0, 0, 12],
        ),
        (
            WITHOUT_MASKS,
            "as_providers: [flow-except-private]",
            [4, 0, 0, 8],
        ),
    ];
    for (capture, enrichment, expected) in rows {
        let Some(found) = replay("policy_words", capture, enrichment, "") else {
            return;
        };
        assert_eq!(found, expected, "{capture} {enrichment}");
    }
}

#[test]
fn a_dump_of_routes_answers_as_the_table() {
    let place = Place::new("policy_dump");
    let dump = place.file("rib.mrt", octets(DUMP)).display().to_string();
    for (words, expected) in [
        ("[table]", [0, 0, 42, 0]),
        ("[flow, table, database]", [27, 0, 15, 0]),
        ("[flow]", [27, 0, 0, 15]),
    ] {
        let enrichment = format!("as_providers: {words}\n  mrt_files: [{dump}]");
        let Some(found) = replay("policy_table", WITH_ZEROS, &enrichment, "") else {
            return;
        };
        assert_eq!(found, expected, "{words}");
    }
}

#[test]
fn an_exporter_has_wishes_of_its_own() {
    let domain = 17_170_432;
    let rows: [(String, Outcome); 8] = [
        ("as_providers: [flow]".into(), [27, 0, 0, 15]),
        ("unusable_as: [60095]".into(), [26, 0, 16, 0]),
        ("flow_as_semantics: peer".into(), [0, 0, 42, 0]),
        ("enrich: \"off\"".into(), [0, 0, 0, 0]),
        ("address: outer".into(), [27, 0, 15, 0]),
        (format!("domain: {domain}, enrich: \"off\""), [0, 0, 0, 0]),
        (
            format!("domain: {domain}, flow_as_semantics: peer"),
            [0, 0, 42, 0],
        ),
        ("domain: 1, enrich: \"off\"".into(), [27, 0, 15, 0]),
    ];
    for (wish, expected) in rows {
        let of_exporter = format!("{{match: {ITS_EXPORTER}, {wish}}}");
        let of_prefix = of_exporter.replace(ITS_EXPORTER, "102.102.144.0/24");
        let of_other = of_exporter.replace(ITS_EXPORTER, "102.102.145.0/24");
        let rows = [
            (&of_exporter, expected),
            (&of_prefix, expected),
            (&of_other, [27, 0, 15, 0]),
        ];
        for (exporters, expected) in rows {
            let Some(found) = replay("policy_exporter", WITH_ZEROS, "", exporters) else {
                return;
            };
            assert_eq!(found, expected, "{exporters}");
        }
    }
}
