//! What text files say, and exactly how a wrong one is refused.

use std::io::Write;
use std::net::Ipv4Addr;

use asdb::load::{Format, Loaded, Noted, Packing, load};
use asdb::{Asn, Entry};
use flate2::Compression;
use flate2::write::GzEncoder;

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(octets).expect("memory");
    encoder.finish().expect("memory")
}

/// Loads the text plain and packed: both must say the same.
fn loaded(text: &str) -> Loaded {
    let plain = load(text.as_bytes()).expect(text);
    let packed = load(&gzip(text.as_bytes())).expect(text);
    assert_eq!(shown(&plain), shown(&packed));
    assert_eq!(plain.noted, packed.noted);
    plain
}

fn shown(loaded: &Loaded) -> Vec<String> {
    let line = |entry: Entry| {
        let name = loaded.names.of(entry.asn).unwrap_or("-");
        format!("{} {} {name}", entry.prefix, entry.asn)
    };
    loaded.entries.iter().map(line).collect()
}

/// Returns the message of the refusal, which is the same for the packed text.
fn refusal(text: &[u8]) -> String {
    let message = load(text).expect_err("a refusal").to_string();
    assert_eq!(
        load(&gzip(text)).expect_err("a refusal").to_string(),
        message
    );
    message
}

#[test]
fn ranges_of_both_families_become_prefixes() {
    let loaded = loaded(
        "1.0.0.0,1.0.0.255,13335,\"Cloudflare, Inc.\"\n\
         1.0.4.0,1.0.7.255,38803,Gtelecom Pty Ltd\n\
         # the first prefix of an odd range is the largest that fits\n\
         \n\
         1.0.1.0,1.0.3.128,64512,\"\"\"A\"\" Group\"\r\n\
         2001:4:112::,2001:4:112:ffff:ffff:ffff:ffff:ffff,AS112,DNS-OARC\n\
         ::ffff:9.9.9.9,::ffff:9.9.9.9,19281\n\
         5.0.0.0,5.0.0.255,0,nobody\n\
         255.255.255.255,255.255.255.255,7,\n\
         ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,7",
    );
    assert_eq!(loaded.format, Format::Ranges);
    assert_eq!(
        loaded.noted,
        Noted {
            not_routed_count: 1,
            several_origins_count: 0
        }
    );
    let expected = [
        "1.0.0.0/24 AS13335 Cloudflare, Inc.",
        "1.0.4.0/22 AS38803 Gtelecom Pty Ltd",
        "1.0.1.0/24 AS64512 \"A\" Group",
        "1.0.2.0/24 AS64512 \"A\" Group",
        "1.0.3.0/25 AS64512 \"A\" Group",
        "1.0.3.128/32 AS64512 \"A\" Group",
        "9.9.9.9/32 AS19281 -",
        "255.255.255.255/32 AS7 -",
        "2001:4:112::/48 AS112 DNS-OARC",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127 AS7 -",
    ];
    assert_eq!(shown(&loaded), expected);
}

#[test]
fn a_range_over_the_whole_family_is_one_prefix_and_the_worst_range_is_254() {
    let whole = loaded("0.0.0.0,255.255.255.255,1\n::,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,2\n");
    assert_eq!(shown(&whole), ["0.0.0.0/0 AS1 -", "::/0 AS2 -"]);
    let worst =
        loaded("0.0.0.1,255.255.255.254,1\n::1,ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe,2\n");
    assert_eq!(worst.entries.len(), 62 + 254);
}

#[test]
fn iptoasn_lines_are_read_and_not_routed_ones_counted() {
    let loaded = loaded(
        "1.0.0.0\t1.0.0.255\t13335\tUS\tCLOUDFLARENET\n\
         1.0.1.0\t1.0.3.255\t0\tNone\tNot routed\n\
         2001:200::\t2001:200:ffff:ffff:ffff:ffff:ffff:ffff\t2500\tJP\tWIDE-BB WIDE Project\n\
         1.0.4.0\t1.0.5.255\t38803\n",
    );
    assert_eq!(loaded.format, Format::Iptoasn);
    assert_eq!(
        loaded.noted,
        Noted {
            not_routed_count: 1,
            several_origins_count: 0
        }
    );
    let expected = [
        "1.0.0.0/24 AS13335 CLOUDFLARENET",
        "1.0.4.0/23 AS38803 -",
        "2001:200::/32 AS2500 WIDE-BB WIDE Project",
    ];
    assert_eq!(shown(&loaded), expected);
}

#[test]
fn of_several_origins_the_lowest_usable_is_taken() {
    let loaded = loaded(
        "1.0.0.0\t24\t13335\n\
         1.0.4.0\t22\t38803_56203\n\
         1.0.5.0\t24\t64496_9000_8000\n\
         1.0.6.0\t24\t7000,6000\n\
         1.0.7.0\t24\t{5000,4000}_4500\n\
         1.0.8.0\t24\t23456_0\n\
         1.0.9.0\t24\t0\n\
         2001:200::\t32\t2500\n",
    );
    assert_eq!(loaded.format, Format::Pfx2as);
    assert_eq!(
        loaded.noted,
        Noted {
            not_routed_count: 2,
            several_origins_count: 5
        }
    );
    let expected = [
        "1.0.0.0/24 AS13335 -",
        "1.0.4.0/22 AS38803 -",
        "1.0.5.0/24 AS8000 -",
        "1.0.6.0/24 AS6000 -",
        "1.0.7.0/24 AS4000 -",
        "2001:200::/32 AS2500 -",
    ];
    assert_eq!(shown(&loaded), expected);
}

#[test]
fn a_wrong_line_refuses_the_file_and_is_named() {
    let range = "1.0.0.0,1.0.0.255,13335,Cloudflare\n";
    let iptoasn = "1.0.0.0\t1.0.0.255\t13335\tUS\tCLOUDFLARENET\n";
    let pfx2as = "1.0.0.0\t24\t13335\n";
    // what stands before, the wrong line, the message
    let rows = [
        (
            "",
            "start,end,asn,name",
            "line 1: start \"start\" is not an IP address",
        ),
        (
            range,
            "1.0.1.0,1.0.1.256,7",
            "line 2: end \"1.0.1.256\" is not an IP address",
        ),
        (
            range,
            "1.0.2.0,1.0.1.0,7",
            "line 2: end 1.0.1.0 is below start 1.0.2.0",
        ),
        (
            range,
            "1.0.2.0,2001::,7",
            "line 2: start and end are not of one address family",
        ),
        (
            range,
            "1.0.2.0,1.0.2.0",
            "line 2: 2 of the 3 fields start,end,asn",
        ),
        (
            range,
            "1.0.2.0,1.0.2.0,",
            "line 2: \"\" is not an AS number",
        ),
        (
            range,
            "1.0.2.0,1.0.2.0,-1",
            "line 2: \"-1\" is not an AS number",
        ),
        (
            range,
            "1.0.2.0,1.0.2.0,+1",
            "line 2: \"+1\" is not an AS number",
        ),
        (
            range,
            "1.0.2.0,1.0.2.0,4294967296",
            "line 2: \"4294967296\" is not an AS number",
        ),
        (range, iptoasn, "line 2: 1 of the 3 fields start,end,asn"),
        (
            iptoasn,
            "\n# comment\n1.0.2.0\tx\u{202e}\t7",
            "line 4: end \"x\\u{202e}\" is not an IP address",
        ),
        (
            iptoasn,
            "1.0.2.0\t1.0.2.0",
            "line 2: 2 of the 3 fields start, end, asn",
        ),
        (
            pfx2as,
            "1.0.0\t24\t7",
            "line 2: network \"1.0.0\" is not an IP address",
        ),
        (
            pfx2as,
            "1.0.0.0\t33\t7",
            "line 2: \"33\" is not a prefix length of this address",
        ),
        (
            pfx2as,
            "1.0.0.0\tx\t7",
            "line 2: \"x\" is not a prefix length of this address",
        ),
        (
            pfx2as,
            "1.0.0.0\t24\t7_",
            "line 2: \"\" is not an AS number",
        ),
        (
            "",
            "# nothing but a comment",
            "no prefix with an AS number in it",
        ),
        (
            "",
            "1.0.0.0,1.0.0.255,0",
            "no prefix with an AS number in it",
        ),
        (
            "",
            "<html>",
            "line 1: neither MMDB nor a snapshot nor text of a known layout: start,end,asn,name; \
             start<tab>end<tab>asn<tab>country<tab>name; network<tab>length<tab>asn",
        ),
    ];
    for (before, wrong, message) in rows {
        assert_eq!(refusal(format!("{before}{wrong}").as_bytes()), message);
    }
}

#[test]
fn what_is_no_text_is_refused_as_a_whole() {
    let unknown = "neither MMDB nor a snapshot nor text of a known layout: start,end,asn,name; \
                   start<tab>end<tab>asn<tab>country<tab>name; network<tab>length<tab>asn";
    assert_eq!(refusal(b""), unknown);
    assert_eq!(refusal(b"\0\x01\x02"), unknown);
}

#[test]
fn a_message_repeats_no_more_than_forty_characters_of_a_field() {
    let text = format!("{},1.0.0.0,7\n", "é".repeat(500));
    let expected = format!("line 1: start \"{}\" is not an IP address", "é".repeat(40));
    assert_eq!(refusal(text.as_bytes()), expected);
}

#[test]
fn a_line_without_end_is_refused() {
    let text = format!(
        "1.0.0.0,1.0.0.255,7,name\n1.0.0.0,1.0.0.255,7,{}",
        "n".repeat(5000)
    );
    assert_eq!(refusal(text.as_bytes()), "line 2: longer than 4096 octets");
}

#[test]
fn a_cut_gzip_file_is_refused_with_the_line_it_reached() {
    let text: String = (0..5000_u32)
        .map(|n| {
            format!(
                "1.{}.{}.0,1.{}.{}.255,{n},name {n}\n",
                n / 256,
                n % 256,
                n / 256,
                n % 256
            )
        })
        .map(|line| line.replace(",0,", ",1,"))
        .collect();
    let packed = gzip(text.as_bytes());
    let ends = [
        "gzip: unexpected end of file",
        "gzip: incomplete deflate stream",
    ];
    for cut in [11, packed.len() / 3, packed.len() - 9, packed.len() - 1] {
        let message = load(&packed[..cut]).expect_err("a refusal").to_string();
        assert!(
            ends.iter().any(|end| message.ends_with(end)),
            "{cut}: {message}"
        );
    }
    let mut damaged = packed.clone();
    let middle = damaged.len() - 6;
    damaged[middle] ^= 0xff;
    let message = load(&damaged).expect_err("a refusal").to_string();
    assert!(message.contains("gzip: corrupt gzip stream"), "{message}");
}

#[test]
fn a_gzip_bomb_is_refused_after_256_mib() {
    // Text: a line repeated. No text: zeros.
    let line = b"# nothing, again and again, but very compressible\n".repeat(20_000);
    for (octets, repeats) in [(line, 300), (vec![0; 1 << 20], 257)] {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        for _ in 0..repeats {
            encoder.write_all(&octets).expect("memory");
        }
        let bomb = encoder.finish().expect("memory");
        let message = load(&bomb).expect_err("a refusal").to_string();
        assert_eq!(message, "more than 268435456 octets when unpacked");
    }
}

#[test]
fn a_source_with_too_many_prefixes_is_refused() {
    // Each line is 254 prefixes.
    let line = "::1,ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe,2\n";
    let message = load(line.repeat(17_000).as_bytes())
        .expect_err("a refusal")
        .to_string();
    assert_eq!(message, "line 16514: more than 4194304 prefixes");
}

/// Packs as bzip2.
fn bzip2(octets: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    encoder.write_all(octets).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn bzip2_is_read_and_refused_where_it_is_damaged_or_cut() {
    let text: String = (1..300)
        .map(|n: u32| format!("{0},{0},{n},name {n}\n", Ipv4Addr::from_bits(n << 8)))
        .collect();
    let packed = bzip2(text.as_bytes());
    let loaded = load(&packed).expect("a good file");
    assert_eq!(
        (loaded.entries.len(), loaded.packing),
        (299, Packing::Bzip2)
    );
    for cut in (4..packed.len()).step_by(5) {
        let message = load(&packed[..cut]).expect_err("a refusal").to_string();
        assert!(!message.is_empty(), "{cut}");
    }
    for octet in (4..packed.len()).step_by(7) {
        let mut damaged = packed.clone();
        damaged[octet] ^= 0x10;
        // Some bits mean nothing; the content has a checksum.
        if let Ok(same) = load(&damaged) {
            assert_eq!(shown(&same), shown(&loaded), "octet {octet}");
        }
    }
    let mut two = packed;
    two.extend(bzip2(b"9.0.0.0,9.0.0.255,9\n"));
    assert_eq!(load(&two).expect("two streams").entries.len(), 300);
}

#[test]
fn a_bzip2_bomb_is_refused_after_256_mib() {
    let line = b"# nothing\n".repeat(1_000_000);
    let mut packed = Vec::new();
    let one = bzip2(&line);
    for _ in 0..30 {
        packed.extend(&one);
    }
    let message = load(&packed).expect_err("a refusal").to_string();
    assert_eq!(message, "more than 268435456 octets when unpacked");
}

#[test]
fn several_gzip_members_are_one_file() {
    let mut packed = gzip(b"1.0.0.0,1.0.0.255,1\n");
    packed.extend(gzip(b"1.0.1.0,1.0.1.255,2\n"));
    let loaded = load(&packed).expect("two members");
    assert_eq!(shown(&loaded), ["1.0.0.0/24 AS1 -", "1.0.1.0/24 AS2 -"]);
}

#[test]
fn the_first_name_of_an_as_in_a_file_stays() {
    let loaded = loaded("1.0.0.0,1.0.0.255,1,first\n1.0.1.0,1.0.1.255,1,second\n");
    assert_eq!(loaded.names.of(Asn(1)), Some("first"));
}
