//! AS numbers that are no answer, and addresses that are never looked up: each row of the tables
//! in `docs/as-numbers.md`, which name the tests here.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use asdb::{PolicyWord, Provider};
use mediator::settings::MissingFields;

use crate::notation::{ipfix, set};
use crate::rig::{Rig, settings};

/// Sends a record whose exporter says `asn` for an address; returns what leaves and who gave it.
fn said(rig: &mut Rig, address: &str, asn: u32) -> (u32, Option<Provider>) {
    let template = set(2, "0100 0002 IE8/4 IE16/4");
    rig.send(&ipfix(
        0,
        &[template, set(256, &format!("{address} AS{asn}"))],
    ));
    let source = rig.seen.last().expect("a record").source;
    (source.after.expect("an AS field"), source.by)
}

const FILLED: (u32, Option<Provider>) = (15_169, Some(Provider::Database));

/// Each of these numbers gives way to the table, and stays where nobody knows.
#[track_caller]
fn check_no_answer(numbers: &[u32]) {
    let mut rig = Rig::new();
    for asn in numbers {
        assert_eq!(said(&mut rig, "8.8.8.8", *asn), FILLED, "{asn}");
        assert_eq!(said(&mut rig, "9.9.9.9", *asn), (*asn, None), "{asn}");
    }
    let unusable = 2 * numbers.len() as u64;
    assert_eq!(rig.counters().records.unusable, unusable);
    // A source that says it says nothing: the shorter prefix answers.
    for asn in numbers {
        let table = [
            (Provider::Database, "8.0.0.0", 8, 3356),
            (Provider::Database, "8.8.8.0", 24, *asn),
        ];
        let mut rig = Rig::knowing(settings(), &table, &PolicyWord::DEFAULT_ORDER);
        assert_eq!(said(&mut rig, "8.8.8.8", 0).0, 3356, "{asn}");
    }
}

/// Each of these numbers of the exporter stays.
#[track_caller]
fn check_answer(numbers: &[u32]) {
    let mut rig = Rig::new();
    for asn in numbers {
        let kept = (*asn, Some(Provider::Flow));
        assert_eq!(said(&mut rig, "8.8.8.8", *asn), kept, "{asn}");
    }
}

#[test]
fn zero_is_looked_up_and_stays_where_nobody_knows() {
    check_no_answer(&[0]);
    check_answer(&[1, 2]);
}

#[test]
fn the_last_number_of_32_bits_is_no_answer() {
    check_no_answer(&[u32::MAX]);
    check_answer(&[u32::MAX - 1]);
}

#[test]
fn the_last_number_of_16_bits_is_no_answer() {
    check_no_answer(&[65_535]);
    check_answer(&[65_534]);
}

#[test]
fn as_trans_is_no_answer() {
    check_no_answer(&[23_456]);
    check_answer(&[23_455, 23_457]);
}

#[test]
fn documentation_numbers_are_no_answer() {
    check_no_answer(&[64_496, 64_511, 65_536, 65_551]);
    check_answer(&[64_495]);
}

#[test]
fn private_numbers_are_an_answer_unless_the_list_excepts_them() {
    let private = [64_512, 65_534, 4_200_000_000, 4_294_967_294];
    check_answer(&private);
    let mut rig = Rig::with_words(&[PolicyWord::FlowExceptPrivate, PolicyWord::Database]);
    for asn in private {
        assert_eq!(said(&mut rig, "8.8.8.8", asn), FILLED, "{asn}");
    }
    for public in [64_495, 4_199_999_999] {
        let kept = (public, Some(Provider::Flow));
        assert_eq!(said(&mut rig, "8.8.8.8", public), kept);
    }
}

#[test]
fn numbers_that_nobody_was_given_are_no_answer() {
    check_no_answer(&[65_552, 100_000, 131_071]);
    check_answer(&[131_072]);
}

#[test]
fn a_number_above_16_bits_is_never_cut() {
    let template = set(2, "0100 0002 IE8/4 IE16/2");
    // 34.64.0.0/10 is of AS396982.
    let data = set(256, "34.64.0.1 0000");
    let mut rig = Rig::new();
    rig.send(&ipfix(0, &[template.clone(), data.clone()]));
    assert_eq!(rig.seen[0].source.after, Some(396_982), "a wider clone");
    let mut leave = settings();
    leave.missing_fields = MissingFields::Leave;
    let mut rig = Rig::with(leave);
    rig.send(&ipfix(0, &[template, data]));
    assert_eq!(rig.seen[0].source.after, Some(23_456));
    assert_eq!(rig.counters().records.as_trans, 1);
}

/// A table in which the database claims every address, and the operator one of each range.
fn check_without_origin(template: &str, everything: &str, ranges: &[(&str, &str)]) {
    for (first, last) in ranges {
        let mut table = vec![
            (Provider::Database, everything, 1, 7018),
            (Provider::Table, *first, 32, 7018),
        ];
        let ask = |table: &[(Provider, &str, u8, u32)], address: &str| {
            let mut rig = Rig::knowing(settings(), table, &PolicyWord::DEFAULT_ORDER);
            rig.send(&ipfix(0, &[set(2, template), set(256, address)]));
            rig.seen[0].source.after
        };
        assert_eq!(ask(&table, first), Some(0), "{first}");
        assert_eq!(ask(&table, last), Some(0), "{last}");
        let bits = if first.contains(':') { 128 } else { 32 };
        table.push((Provider::Static, *last, bits, 64_512));
        assert_eq!(ask(&table, last), Some(64_512), "{last} by static");
    }
}

#[test]
fn ipv4_addresses_without_origin_are_only_the_operators() {
    let template = "0100 0001 IE8/4";
    let lower = [
        ("0.0.0.1", "0.255.255.255"),
        ("10.0.0.0", "10.255.255.255"),
        ("100.64.0.0", "100.127.255.255"),
        ("127.0.0.0", "127.255.255.255"),
    ];
    check_without_origin(template, "0.0.0.0", &lower);
    let upper = [
        ("169.254.0.0", "169.254.255.255"),
        ("172.16.0.0", "172.31.255.255"),
        ("192.0.0.0", "192.0.0.255"),
        ("192.0.2.0", "192.0.2.255"),
        ("192.168.0.0", "192.168.255.255"),
        ("198.18.0.0", "198.19.255.255"),
        ("198.51.100.0", "198.51.100.255"),
        ("203.0.113.0", "203.0.113.255"),
        ("224.0.0.0", "239.255.255.255"),
        ("240.0.0.0", "255.255.255.255"),
    ];
    check_without_origin(template, "128.0.0.0", &upper);
}

#[test]
fn ipv6_addresses_without_origin_are_only_the_operators() {
    let template = "0100 0001 IE27/16";
    let lower = [
        ("::1", "::fffe:ffff:ffff"),
        ("64:ff9b::", "64:ff9b::808:808"),
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2002::", "2002:808:808::1"),
        ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ];
    check_without_origin(template, "::", &lower);
    let upper = [
        ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ];
    check_without_origin(template, "8000::", &upper);
}

#[test]
fn a_mapped_address_is_looked_up_as_ipv4() {
    let mut rig = Rig::new();
    let template = set(2, "0100 0001 IE27/16");
    let data = set(256, "::ffff:8.8.8.8 ::ffff:10.0.0.1");
    rig.send(&ipfix(0, &[template, data]));
    let after: Vec<_> = rig.seen.iter().map(|seen| seen.source.after).collect();
    assert_eq!(after, [Some(15_169), Some(0)]);
    assert_eq!(
        rig.seen[0].source.address,
        "::ffff:8.8.8.8".parse::<IpAddr>().ok()
    );
}

#[test]
fn every_test_that_the_document_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("../../docs/as-numbers.md")).unwrap();
    let quoted = document.split('`').skip(1).step_by(2);
    let named: Vec<_> = quoted.filter_map(|word| word.split_once("::")).collect();
    assert!(named.len() > 10, "{named:?}");
    for (file, test) in named {
        let source =
            fs::read_to_string(root.join("tests/behaviour").join(file)).unwrap_or_default();
        assert!(
            source.contains(&format!("fn {test}() {{")),
            "{file} has no test {test}"
        );
    }
}
