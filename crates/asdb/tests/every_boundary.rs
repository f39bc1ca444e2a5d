//! The shipped table at every border of every range of the data it was made of, and of every
//! prefix in it.
//!
//! The judge shares nothing with the crate: a binary search over the ranges as they stand in the
//! files, with its own list of addresses that have no origin. Without `../shared` the ranges are
//! the prefixes of the snapshot.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::path::Path;

use asdb::{AnswerId, AsDb, Builder, Provider, snapshot};
use flate2::read::GzDecoder;

/// An inclusive range of addresses, as numbers, and its AS.
struct Range {
    first: u128,
    last: u128,
    asn: u32,
}

/// The ranges of one family, ascending by first address, and how many bits an address has.
struct Judge {
    ranges: Vec<Range>,
    /// The highest last address of each range and those before it.
    furthest: Vec<u128>,
    bits: u32,
    without_origin: Vec<(u128, u128)>,
}

const IPV4_WITHOUT_ORIGIN: &[&str] = &[
    "0.0.0.0-0.255.255.255",
    "10.0.0.0-10.255.255.255",
    "100.64.0.0-100.127.255.255",
    "127.0.0.0-127.255.255.255",
    "169.254.0.0-169.254.255.255",
    "172.16.0.0-172.31.255.255",
    "192.0.0.0-192.0.0.255",
    "192.0.2.0-192.0.2.255",
    "192.168.0.0-192.168.255.255",
    "198.18.0.0-198.19.255.255",
    "198.51.100.0-198.51.100.255",
    "203.0.113.0-203.0.113.255",
    "224.0.0.0-255.255.255.255",
];

const IPV6_WITHOUT_ORIGIN: &[&str] = &[
    "::-1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    "2002::-2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "3fff::-3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
    "4000::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
];

impl Judge {
    fn new(mut ranges: Vec<Range>, bits: u32, without_origin: &[&str]) -> Self {
        // Stable: of ranges with one start the first in the file stays first.
        ranges.sort_by_key(|range| range.first);
        let ends = |text: &&str| {
            let (first, last) = text.split_once('-').expect("a range");
            (number(first), number(last))
        };
        let furthest = ranges.iter().scan(0, |furthest, range| {
            *furthest = range.last.max(*furthest);
            Some(*furthest)
        });
        Self {
            furthest: furthest.collect(),
            ranges,
            bits,
            without_origin: without_origin.iter().map(ends).collect(),
        }
    }

    /// The AS of an address; 0 if it has none.
    fn asn(&self, address: u128) -> u32 {
        let inside = |&&(first, last): &&(u128, u128)| first <= address && address <= last;
        if self.without_origin.iter().find(inside).is_some() {
            return 0;
        }
        let behind = self.ranges.partition_point(|range| range.first <= address);
        // Going back, none of the ranges before holds the address once the furthest ends below.
        let reaching = (0..behind)
            .rev()
            .take_while(|&index| address <= self.furthest[index]);
        let holding: Vec<&Range> = reaching
            .map(|index| &self.ranges[index])
            .filter(|range| address <= range.last && !is_reserved(range.asn))
            .collect();
        match holding[..] {
            [] => 0,
            [only] => only.asn,
            // The last of the longest, going back, is the earliest.
            _ => holding
                .iter()
                .max_by_key(|range| self.prefix_length(address, range))
                .map_or(0, |range| range.asn),
        }
    }

    /// The length of the largest prefix that holds the address and lies inside the range.
    fn prefix_length(&self, address: u128, range: &Range) -> u32 {
        let fits = |length: &u32| {
            let host = 1_u128
                .checked_shl(self.bits - length)
                .map_or(u128::MAX, |size| size - 1);
            range.first <= address & !host && address | host <= range.last
        };
        (0..=self.bits).find(fits).expect("the address itself fits")
    }

    /// Calls `look` with each border of its ranges and of `prefixes`, and with the address on its
    /// other side.
    fn each_border(&self, prefixes: &[Range], mut look: impl FnMut(u128)) {
        let top = 1_u128
            .checked_shl(self.bits)
            .map_or(u128::MAX, |size| size - 1);
        for range in self.ranges.iter().chain(prefixes) {
            look(range.first.saturating_sub(1));
            look(range.first);
            look(range.last);
            look(range.last.saturating_add(1).min(top));
        }
    }
}

fn is_reserved(asn: u32) -> bool {
    [0, 23456, 65535, 4_294_967_295].contains(&asn)
        || (64496..=64511).contains(&asn)
        || (65536..=131_071).contains(&asn)
}

fn number(address: &str) -> u128 {
    match address.parse().expect(address) {
        IpAddr::V4(ipv4) => u128::from(ipv4.to_bits()),
        IpAddr::V6(ipv6) => ipv6.to_bits(),
    }
}

/// The ranges of a file beside the checkout, if it is there.
fn file_ranges(name: &str) -> Option<Vec<Range>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/asdata")
        .join(name);
    let file = File::open(&path).ok()?;
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    let range = |line: std::io::Result<String>| {
        let line = line.expect("a readable line");
        let mut fields = line.split(',');
        let mut field = || fields.next().expect("four fields");
        let (first, last) = (number(field()), number(field()));
        Range {
            first,
            last,
            asn: field().parse().expect("an AS number"),
        }
    };
    Some(lines.map(range).collect())
}

fn snapshot_ranges(is_ipv4: bool) -> Vec<Range> {
    let entries = snapshot::decode(snapshot::shipped())
        .expect("shipped")
        .entries;
    let bits = if is_ipv4 { 32 } else { 128 };
    let of_family = entries
        .iter()
        .filter(|entry| entry.prefix.network().is_ipv4() == is_ipv4);
    let range = |entry: asdb::Entry| {
        let first = number(&entry.prefix.network().to_string());
        let last = first + ((1_u128 << (bits - u32::from(entry.prefix.length()))) - 1);
        Range {
            first,
            last,
            asn: entry.asn.0,
        }
    };
    of_family.map(range).collect()
}

fn ranges(name: &str, is_ipv4: bool) -> Vec<Range> {
    file_ranges(name).unwrap_or_else(|| {
        eprintln!("../shared/asdata is absent: {name} skipped, the snapshot's own prefixes judge");
        snapshot_ranges(is_ipv4)
    })
}

fn shipped_table() -> AsDb {
    let entries = snapshot::decode(snapshot::shipped())
        .expect("shipped")
        .entries;
    let mut builder = Builder::new();
    builder
        .add_all(Provider::Database, 0, entries)
        .expect("one source fits");
    builder.build()
}

fn asn_of(db: &AsDb, id: AnswerId) -> u32 {
    db.answers(id).of(Provider::Database).map_or(0, |asn| asn.0)
}

#[test]
fn every_ipv4_border_has_the_answer_of_a_search_over_the_ranges() {
    let judge = Judge::new(ranges("asn-ipv4.csv.gz", true), 32, IPV4_WITHOUT_ORIGIN);
    let mut addresses = Vec::new();
    let prefixes = snapshot_ranges(true);
    judge.each_border(&prefixes, |address| {
        addresses.push(u32::try_from(address).expect("IPv4"));
    });
    let db = shipped_table();
    let mut answers = vec![AnswerId::NOBODY; addresses.len()];
    db.lookup_ipv4(&addresses, &mut answers);
    for (&address, &answer) in addresses.iter().zip(&answers) {
        let ip = IpAddr::V4(address.into());
        assert_eq!(asn_of(&db, answer), judge.asn(u128::from(address)), "{ip}");
        assert_eq!(db.lookup(ip), answer, "{ip} singly");
    }
    println!(
        "{} addresses at the borders of {} prefixes, 0 differences",
        addresses.len(),
        prefixes.len()
    );
}

#[test]
fn every_ipv6_border_has_the_answer_of_a_search_over_the_ranges() {
    let judge = Judge::new(ranges("asn-ipv6.csv.gz", false), 128, IPV6_WITHOUT_ORIGIN);
    let mut addresses = Vec::new();
    let prefixes = snapshot_ranges(false);
    judge.each_border(&prefixes, |address| addresses.push(address));
    let db = shipped_table();
    let mut answers = vec![AnswerId::NOBODY; addresses.len()];
    db.lookup_ipv6(&addresses, &mut answers);
    for (&address, &answer) in addresses.iter().zip(&answers) {
        let ip = IpAddr::V6(address.into());
        assert_eq!(asn_of(&db, answer), judge.asn(address), "{ip}");
        assert_eq!(db.lookup(ip), answer, "{ip} singly");
    }
    println!(
        "{} addresses at the borders of {} prefixes, 0 differences",
        addresses.len(),
        prefixes.len()
    );
}

#[test]
fn the_overlapping_pair_goes_to_the_longest_prefix_then_to_the_earlier_line() {
    // 214.95.0.0-215.0.255.255 is AS 749, 215.0.0.0-215.1.3.255 is AS 721: both have
    // 215.0.0.0/16, and the first line wins.
    let db = shipped_table();
    let rows = [
        ("214.95.0.0", 749),
        ("214.255.255.255", 749),
        ("215.0.0.0", 749),
        ("215.0.255.255", 749),
        ("215.1.0.0", 721),
        ("215.1.3.255", 721),
    ];
    for (address, asn) in rows {
        let id = db.lookup(address.parse().expect(address));
        assert_eq!(asn_of(&db, id), asn, "{address}");
    }
}
