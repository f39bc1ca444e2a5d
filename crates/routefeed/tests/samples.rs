//! Real dumps against what two other programs read in them.
//!
//! One judge is the text that another tool printed of the same dumps, the other is a library: both
//! give paths, from which the origin is worked out here anew. The dumps belong to others and lie
//! beside the checkout; without them the tests say so and are skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use bgpkit_parser::BgpkitParser;
use bgpkit_parser::models::AsPathSegment;
use flate2::read::MultiGzDecoder;
use routefeed::mrt::{Dump, read};

/// For each prefix who sees which origin.
type Seen = BTreeMap<String, BTreeMap<u32, BTreeSet<IpAddr>>>;

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/asdata/mrt");
    if !folder.is_dir() {
        eprintln!("../shared/asdata/mrt is absent: skipped");
        return None;
    }
    Some(folder)
}

fn read_file(path: &Path) -> Dump {
    let mut file = std::fs::File::open(path).expect("readable");
    read(&mut file).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn refusal(path: &Path) -> String {
    let mut file = std::fs::File::open(path).expect("readable");
    let refused = read(&mut file).map(|dump| dump.entries.len());
    refused.expect_err("a refusal").to_string()
}

/// The whole content of a file that may be packed with gzip.
fn content(path: &Path) -> Vec<u8> {
    let packed = std::fs::read(path).expect("readable");
    let mut content = Vec::new();
    if packed.starts_with(&[0x1f, 0x8b]) {
        let mut decoder = MultiGzDecoder::new(&packed[..]);
        decoder.read_to_end(&mut content).expect("good gzip");
        content
    } else {
        packed
    }
}

/// Whom most see; of equals the lowest. Only AS that mean something.
fn elected(seen: &Seen) -> Vec<String> {
    let choose = |(prefix, origins): (&String, &BTreeMap<u32, BTreeSet<IpAddr>>)| {
        let mut best: Option<(u32, usize)> = None;
        for (&origin, peers) in origins {
            let is_reserved = [0, 23456, 65535, 4_294_967_295].contains(&origin)
                || (64496..=64511).contains(&origin)
                || (65536..=131_071).contains(&origin);
            if !is_reserved && best.is_none_or(|(_, count)| peers.len() > count) {
                best = Some((origin, peers.len()));
            }
        }
        best.map(|(origin, _)| format!("{prefix} {origin}"))
    };
    let mut lines: Vec<String> = seen.iter().filter_map(choose).collect();
    lines.sort();
    lines
}

fn said(dump: &Dump) -> Vec<String> {
    let entries = dump.entries.iter();
    let mut lines: Vec<String> = entries
        .map(|entry| format!("{} {}", entry.prefix, entry.asn.0))
        .collect();
    lines.sort();
    lines
}

/// Reads `TYPE|TIME|B|peer|peer AS|prefix|path|…`; with ADD-PATH an identifier stands before path.
fn seen_in_text(text: &str) -> Seen {
    let mut seen = Seen::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('|').collect();
        let path = match fields[0] {
            "TABLE_DUMP" | "TABLE_DUMP2" => fields[6],
            "TABLE_DUMP2_AP" => fields[7],
            other => panic!("{other}"),
        };
        let origin = match path.split(' ').next_back() {
            None | Some("") => fields[4],
            // A set.
            Some(last) if last.ends_with('}') => "0",
            Some(last) => last,
        };
        let origin: u32 = origin.parse().unwrap_or_else(|_| panic!("{line}"));
        let peer = fields[3].parse().expect("an address");
        let origins = seen.entry(fields[5].to_owned()).or_default();
        if !fields[5].ends_with("/0") {
            origins.entry(origin).or_default().insert(peer);
        }
    }
    seen
}

/// As another library reads it.
fn seen_by_library(octets: Vec<u8>) -> Seen {
    let mut seen = Seen::new();
    for element in BgpkitParser::from_reader(std::io::Cursor::new(octets)).into_elem_iter() {
        let segments = element.as_path.iter().flat_map(|path| path.segments.iter());
        let mut origin = element.peer_asn.to_u32();
        let mut has_zero = false;
        for segment in segments {
            let (asns, is_set): (&[_], _) = match segment {
                AsPathSegment::AsSequence(asns) => (asns, false),
                AsPathSegment::AsSet(asns) => (asns, true),
                other => panic!("{other:?}"),
            };
            has_zero |= asns.iter().any(|asn| asn.to_u32() == 0);
            if let Some(last) = asns.last() {
                origin = if is_set { 0 } else { last.to_u32() };
            }
        }
        let origin = if has_zero { 0 } else { origin };
        let origins = seen.entry(element.prefix.prefix.to_string()).or_default();
        if element.prefix.prefix.prefix_len() > 0 {
            origins.entry(origin).or_default().insert(element.peer_ip);
        }
    }
    seen
}

#[test]
fn dumps_say_what_the_text_beside_them_says() {
    let Some(folder) = folder() else {
        return;
    };
    let names = [
        "bview.20020722.2337",
        "bview.64k_stream_overflow",
        "bview.ipv4_unicast_add_path",
        "bview.ipv6_unicast_add_path",
    ];
    for name in names {
        let dump = read_file(&folder.join(format!("bgpdump/{name}.gz")));
        let text = content(&folder.join(format!("bgpdump-expect/{name}.gz.bgp.gz")));
        let text = String::from_utf8(text).expect("text");
        let (said, expected) = (said(&dump), elected(&seen_in_text(&text)));
        assert_eq!(said, expected, "{name}");
        assert_eq!(
            dump.noted.routes_count,
            text.lines().count() as u64,
            "{name}"
        );
        let noted = &dump.noted;
        println!("{name}: {} prefixes, 0 differences; {noted:?}", said.len());
    }
}

#[test]
fn dumps_say_what_another_library_reads_in_them() {
    let Some(folder) = folder() else {
        return;
    };
    let names = [
        "bgpdump/bview.20020722.2337.gz",
        "bgpdump/bview.64k_stream_overflow.gz",
        "bgpdump/bview.ipv4_unicast_add_path.gz",
        "bgpdump/bview.ipv6_unicast_add_path.gz",
        "mrtparse/bird-mrtdump_rib",
        "mrtparse/bird6-mrtdump_rib",
        "mrtparse/openbgpd_rib_table",
        "mrtparse/openbgpd_rib_table-v2",
        "mrtparse/quagga_rib",
    ];
    for name in names {
        let path = folder.join(name);
        let expected = elected(&seen_by_library(content(&path)));
        assert_eq!(said(&read_file(&path)), expected, "{name}");
        println!("{name}: {} prefixes, 0 differences", expected.len());
    }
}

#[test]
fn what_is_no_table_is_refused_with_place_and_reason() {
    let Some(folder) = folder() else {
        return;
    };
    let mut refused = 0;
    for part in ["bgpdump", "bgpkit", "mrtparse"] {
        let files = std::fs::read_dir(folder.join(part)).expect("a folder");
        for path in files.map(|file| file.expect("readable").path()) {
            let name = path.file_name().expect("a name").to_string_lossy();
            let is_table = name.contains("mrtdump_rib")
                || ["openbgpd_rib_table", "openbgpd_rib_table-v2", "quagga_rib"].contains(&&*name)
                || name.starts_with("bview.");
            if is_table || ["LICENSE", "COPYING"].contains(&&*name) {
                continue;
            }
            let message = refusal(&path);
            println!("{name}: {message}");
            let (place, reason) = message.split_once(": ").expect("a place");
            assert!(place.starts_with("octet "), "{name}: {message}");
            if name.contains("updates") && !name.contains("2000.03") {
                assert!(
                    reason.starts_with("updates up to the end"),
                    "{name}: {message}"
                );
            }
            refused += 1;
        }
    }
    assert!(refused >= 20);
}

#[test]
fn a_dump_cut_anywhere_or_followed_by_garbage_is_refused() {
    let Some(folder) = folder() else {
        return;
    };
    for name in [
        "mrtparse/openbgpd_rib_table-v2",
        "mrtparse/openbgpd_rib_table",
        "bgpdump/bview.ipv6_unicast_add_path.gz",
    ] {
        let whole = content(&folder.join(name));
        let borders = borders(&whole);
        for cut in 0..whole.len() {
            let outcome = read(&mut &whole[..cut]);
            // Records end where they end: what is before is a whole dump for all that it says.
            let is_border = borders.contains(&cut);
            assert!(outcome.is_err() || is_border, "{name} cut at {cut}");
        }
        let garbage = [&whole[..], b"garbage that is no record"].concat();
        let message = read(&mut &garbage[..]).expect_err("a refusal").to_string();
        let place = format!("octet {}: ", whole.len());
        assert!(message.starts_with(&place), "{message}");
    }
}

/// Where records end.
fn borders(whole: &[u8]) -> Vec<usize> {
    let mut borders = Vec::new();
    let mut place = 0;
    while let Some(length) = whole.get(place + 8..place + 12) {
        place += 12 + u32::from_be_bytes(length.try_into().expect("4 octets")) as usize;
        borders.push(place);
    }
    borders
}

#[test]
fn a_dump_with_any_octet_changed_never_panics_and_stays_small() {
    let Some(folder) = folder() else {
        return;
    };
    for name in [
        "mrtparse/openbgpd_rib_table-v2",
        "mrtparse/bird-mrtdump_rib",
        "mrtparse/quagga_rib",
        "bgpdump/bview.ipv4_unicast_add_path.gz",
    ] {
        let whole = content(&folder.join(name));
        let mut refused = 0;
        for place in 0..whole.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[place] ^= change;
                match read(&mut &changed[..]) {
                    Ok(dump) => assert!(dump.entries.len() < 100),
                    Err(error) => {
                        assert!(error.offset <= whole.len() as u64, "{error}");
                        refused += 1;
                    }
                }
            }
        }
        println!("{name}: {refused} of {} refused", 3 * whole.len());
    }
}
