//! The snapshot: what goes in comes out, a damaged one is refused, the shipped one is complete.

use std::path::Path;

use asdb::load::{Format, Made, load};
use asdb::snapshot::{Snapshot, decode, encode, shipped};
use asdb::{AsNames, Asn, Entries, Entry};

fn snapshot(entries: &[(&str, u32)], names: &[(u32, &str)]) -> Snapshot {
    let mut made = Snapshot {
        date: "2026-06-17".to_owned(),
        attribution: "Data by Example,\nCC BY 4.0".to_owned(),
        entries: Entries::new(),
        names: AsNames::new(),
    };
    for &(prefix, asn) in entries {
        made.entries
            .push(prefix.parse().expect(prefix), Asn(asn))
            .expect("few");
    }
    for &(asn, name) in names {
        made.names.insert(Asn(asn), name).expect("few");
    }
    made
}

fn sample() -> Snapshot {
    let entries = [
        ("0.0.0.0/0", 5),
        ("8.0.0.0/8", 4_294_967_294),
        ("8.8.8.0/24", 15169),
        ("8.8.9.0/24", 15169),
        ("8.8.8.8/32", 1),
        ("1.0.0.0/32", 0),
        ("255.255.255.255/32", 7),
        ("::/0", 5),
        ("2600::/12", 7),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", 4_294_967_295),
        ("::/128", 1),
        ("2001:db8::1/128", 3),
    ];
    snapshot(
        &entries,
        &[
            (15169, "Google LLC"),
            (7, "Seven"),
            (4_294_967_294, "Übung"),
        ],
    )
}

fn list(snapshot: &Snapshot) -> Vec<Entry> {
    snapshot.entries.iter().collect()
}

#[test]
fn a_snapshot_is_a_file_like_any_other() {
    let made = sample();
    let packed = encode(&made).expect("packed");
    let loaded = load(&packed).expect("a good file");
    assert_eq!(loaded.format, Format::Snapshot);
    assert_eq!(loaded.made, Some(Made::Day(made.date.clone())));
    assert_eq!(loaded.entries.iter().collect::<Vec<_>>(), list(&made));
    assert_eq!(loaded.names.of(Asn(7)), Some("Seven"));
    let cut = load(&packed[..packed.len() - 9]).expect_err("a refusal");
    assert!(cut.to_string().starts_with("snapshot: "), "{cut}");
    let nothing = encode(&snapshot(&[], &[])).expect("packed");
    let message = load(&nothing).expect_err("a refusal").to_string();
    assert_eq!(message, "no prefix with an AS number in it");
}

#[test]
fn what_is_packed_is_unpacked_in_the_same_order() {
    let made = sample();
    let packed = encode(&made).expect("packed");
    let opened = decode(&packed).expect("opened");
    assert_eq!(opened.date, made.date);
    assert_eq!(opened.attribution, made.attribution);
    assert_eq!(list(&opened), list(&made));
    assert_eq!(
        opened.names.sorted().collect::<Vec<_>>(),
        made.names.sorted().collect::<Vec<_>>()
    );
    assert_eq!(encode(&opened).expect("packed"), packed);
}

#[test]
fn an_empty_snapshot_is_one() {
    let opened = decode(&encode(&snapshot(&[], &[])).expect("packed")).expect("opened");
    assert!(opened.entries.is_empty() && opened.names.is_empty());
}

#[test]
fn date_and_attribution_are_readable_without_this_program() {
    let packed = encode(&sample()).expect("packed");
    let text = String::from_utf8_lossy(&packed).into_owned();
    assert!(text.contains("2026-06-17\nData by Example,\nCC BY 4.0"));
}

#[test]
fn a_date_of_two_lines_is_refused() {
    let mut made = sample();
    made.date = "2026-06-17\n".to_owned();
    let message = encode(&made).expect_err("a refusal").to_string();
    assert_eq!(
        message,
        "the notice with date and attribution is cut or no text"
    );
}

#[test]
fn every_cut_and_every_changed_octet_is_refused() {
    let packed = encode(&sample()).expect("packed");
    for cut in 0..packed.len() {
        assert!(decode(&packed[..cut]).is_err(), "cut at {cut}");
    }
    // The notice is plain text: a change there is no fault that anyone could see.
    let columns = packed.len() - 100..packed.len();
    for place in (0..12).chain(columns) {
        let mut changed = packed.clone();
        changed[place] ^= 0x10;
        let opened = decode(&changed);
        assert!(opened.is_err(), "octet {place}");
    }
}

#[test]
fn each_refusal_says_what_is_wrong() {
    let rows: [(&[u8], &str); 4] = [
        (b"", "not a snapshot: it does not begin with ASDBSNP1"),
        (
            b"ASDBSNP2",
            "not a snapshot: it does not begin with ASDBSNP1",
        ),
        (
            b"ASDBSNP1\0\0\0\x09short",
            "the notice with date and attribution is cut or no text",
        ),
        (
            b"ASDBSNP1\0\0\0\x02d\nxx",
            "compressed columns: corrupt deflate stream",
        ),
    ];
    for (octets, message) in rows {
        assert_eq!(decode(octets).expect_err("a refusal").to_string(), message);
    }
}

/// Packs a body of columns as `encode` does.
fn packed(columns: &[&[u8]]) -> Vec<u8> {
    use std::io::Write;
    let compression = flate2::Compression::fast();
    let notice = b"ASDBSNP1\0\0\0\x02d\n".to_vec();
    let mut encoder = flate2::write::ZlibEncoder::new(notice, compression);
    for column in columns {
        let octets = u32::try_from(column.len()).expect("short");
        encoder.write_all(&octets.to_be_bytes()).expect("memory");
        encoder.write_all(column).expect("memory");
    }
    encoder.finish().expect("memory")
}

#[test]
fn columns_that_do_not_fit_each_other_are_named() {
    let good: [&[u8]; 8] = [
        b"\x07", b"Seven\n", b"\x08", b"\x08", b"\x00", b"", b"", b"",
    ];
    assert_eq!(list(&decode(&packed(&good)).expect("good")).len(), 1);
    // which column, what it holds instead, the message
    let ends =
        |column| format!("column {column} does not have as many values as there are prefixes");
    let value = |column| format!("column {column}: value 0 is out of range");
    let rows: [(usize, &[u8], String); 9] = [
        (0, b"\xff\xff\xff\xff\x7f", value("AS numbers")),
        (0, b"\x87", ends("AS numbers")),
        (1, b"\xff\n", value("names")),
        (2, b"\x21", value("lengths")),
        (2, b"\x08\x08", ends("gaps")),
        (3, b"\x08\x00", ends("gaps")),
        (
            3,
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            ends("gaps"),
        ),
        (4, b"\x01", value("owners")),
        (4, b"", ends("owners")),
    ];
    for (index, column, message) in rows {
        let mut columns = good;
        columns[index] = column;
        let refused = decode(&packed(&columns)).map(|_| ());
        assert_eq!(refused.expect_err(&message).to_string(), message);
    }
    assert_eq!(
        decode(&packed(&good[..7])).expect_err("cut").to_string(),
        ends("owners")
    );
}

#[test]
fn the_shipped_snapshot_is_complete_and_names_its_sources() {
    let opened = decode(shipped()).expect("shipped");
    assert_eq!(opened.date, "2026-06-17");
    let ipv4 = opened
        .entries
        .iter()
        .filter(|entry| entry.prefix.network().is_ipv4())
        .count();
    assert_eq!((ipv4, opened.entries.len() - ipv4), (564_580, 167_903));
    assert_eq!(opened.names.len(), 91_065);
    assert_eq!(opened.names.of(Asn(13335)), Some("Cloudflare, Inc."));
    for owner in [
        "RouteViews",
        "DB-IP",
        "Number Resource Organization",
        "CC BY 4.0",
    ] {
        assert!(opened.attribution.contains(owner), "{owner}");
    }
    let notice = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../NOTICE");
    let notice = std::fs::read_to_string(notice).expect("NOTICE");
    assert!(notice.contains(&opened.attribution));
}
