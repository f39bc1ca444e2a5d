//! Which address of a record is looked up.

use std::net::IpAddr;

use mediator::settings::AddressChoice;

use crate::notation::{ipfix, set};
use crate::rig::{Rig, settings};

/// Sends one record of a Template of IPFIX; returns the AS numbers that leave, source first.
fn asked(choice: AddressChoice, fields: &str, count: u16, record: &str) -> [Option<u32>; 2] {
    let mut with_choice = settings();
    with_choice.otherwise.address = choice;
    let mut rig = Rig::with(with_choice);
    let template = set(2, &format!("0100 {count:04x} {fields}"));
    rig.send(&ipfix(0, &[template, set(256, record)]));
    let seen = rig.seen[0];
    [seen.source.after, seen.destination.after]
}

fn first_public(fields: &str, count: u16, record: &str) -> [Option<u32>; 2] {
    asked(AddressChoice::FirstPublic, fields, count, record)
}

#[test]
fn ipv6_addresses_are_looked_up() {
    let mut rig = Rig::new();
    let template = set(2, "0100 0002 IE27/16 IE28/16");
    let clone = set(2, "ffff 0004 IE27/16 IE28/16 IE16/4 IE17/4");
    let addresses = "2606:4700::1111 2001:67c:2e8::1";
    rig.expect(
        &ipfix(0, &[template.clone(), set(256, addresses)]),
        &[ipfix(
            0,
            &[
                template,
                clone,
                set(65535, &format!("{addresses} AS13335 AS3333")),
            ],
        )],
    );
}

#[test]
fn of_both_families_the_one_that_is_not_zero_counts() {
    let fields = "IE8/4 IE27/16 IE12/4 IE28/16";
    assert_eq!(
        first_public(fields, 4, "0.0.0.0 2606:4700::1 0.0.0.0 2001:67c:2e8::1"),
        [Some(13_335), Some(3333)]
    );
    assert_eq!(
        first_public(fields, 4, "8.8.8.8 :: 1.1.1.1 ::"),
        [Some(15_169), Some(13_335)]
    );
    assert_eq!(
        first_public(fields, 4, "0.0.0.0 :: 1.1.1.1 ::"),
        [Some(0), Some(13_335)]
    );
}

#[test]
fn an_ipv4_address_mapped_into_ipv6_is_looked_up_as_ipv4() {
    assert_eq!(
        first_public("IE27/16 IE28/16", 2, "::ffff:8.8.8.8 ::ffff:193.0.0.1"),
        [Some(15_169), Some(3333)]
    );
}

#[test]
fn of_repeated_addresses_the_first_that_can_have_an_origin_counts() {
    // An outer header with locators, then the inner one.
    let fields = "IE27/16 IE28/16 IE27/16 IE28/16";
    let record = "fd00::1 2606:4700::1 2001:67c:2e8::1 2001:67c:2e8::2";
    assert_eq!(first_public(fields, 4, record), [Some(3333), Some(13_335)]);
    assert_eq!(
        asked(AddressChoice::Outer, fields, 4, record),
        [Some(0), Some(13_335)]
    );
    assert_eq!(
        asked(AddressChoice::Inner, fields, 4, record),
        [Some(3333), Some(3333)]
    );
}

#[test]
fn an_outer_ipv6_header_and_inner_ipv4_addresses_are_told_apart() {
    let fields = "IE27/16 IE28/16 IE8/4 IE12/4";
    let record = "fc00::1 fc00::2 8.8.8.8 1.1.1.1";
    assert_eq!(
        first_public(fields, 4, record),
        [Some(15_169), Some(13_335)]
    );
    assert_eq!(
        asked(AddressChoice::Inner, fields, 4, record),
        [Some(15_169), Some(13_335)]
    );
}

#[test]
fn each_side_chooses_for_itself_where_families_are_mixed() {
    // A NAT from IPv6 to IPv4 as an ASA describes it.
    let fields = "IE8/4 IE28/16 IE225/4 IE282/16";
    let record = "8.8.8.8 2606:4700::1 0.0.0.0 ::";
    assert_eq!(
        first_public(fields, 4, record),
        [Some(15_169), Some(13_335)]
    );
}

#[test]
fn the_address_after_translation_counts_only_where_the_operator_says_so_and_it_is_private() {
    let choice = AddressChoice::PostNatIfPrivate;
    let fields = "IE8/4 IE12/4 IE225/4 IE226/4";
    let translated = "192.168.1.1 1.1.1.1 8.8.8.8 193.0.0.1";
    assert_eq!(
        asked(choice, fields, 4, translated),
        [Some(15_169), Some(13_335)]
    );
    assert_eq!(first_public(fields, 4, translated), [Some(0), Some(13_335)]);
    let untranslated = "192.168.1.1 1.1.1.1 0.0.0.0 0.0.0.0";
    assert_eq!(
        asked(choice, fields, 4, untranslated),
        [Some(0), Some(13_335)]
    );
}

#[test]
fn a_prefix_is_looked_up_where_there_is_no_address() {
    assert_eq!(
        first_public("IE44/4 IE45/4", 2, "8.8.8.0 1.1.1.0"),
        [Some(15_169), Some(13_335)]
    );
    assert_eq!(
        first_public("IE170/16 IE169/16", 2, "2606:4700:: 2001:67c:2e8::"),
        [Some(13_335), Some(3333)]
    );
    assert_eq!(
        first_public("IE44/4 IE8/4 IE12/4", 3, "8.8.8.0 1.1.1.1 1.1.1.1"),
        [Some(13_335), Some(13_335)]
    );
}

/// Ethernet header, IPv4 header from 8.8.8.8 to 1.1.1.1.
const FRAME: &str = "00*6 00*6 0800  45 00 0028 00*4 40 06 0000 8.8.8.8 1.1.1.1";

#[test]
fn the_addresses_inside_a_frame_section_are_looked_up() {
    let both = [Some(15_169), Some(13_335)];
    assert_eq!(first_public("IE315/34", 1, FRAME), both);
    assert_eq!(first_public("IE315/v", 1, &format!("22 {FRAME}")), both);
    assert_eq!(
        first_public("IE315/v", 1, &format!("ff 0022 {FRAME}")),
        both
    );
    assert_eq!(first_public("IE104/34", 1, FRAME), both);
    let packet = FRAME.split_once("0800").unwrap().1;
    assert_eq!(first_public("IE313/20", 1, packet), both);
}

#[test]
fn tags_and_labels_before_the_ip_header_are_looked_through() {
    let both = [Some(15_169), Some(13_335)];
    for before in [
        "8100 0001 0800",
        "88a8 0001 8100 0002 0800",
        "8847 00001000 00002100",
    ] {
        let frame = FRAME.replace("0800", before);
        let frame = crate::notation::octets(&frame);
        let text: String = frame.iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(
            first_public(&format!("IE315/{}", frame.len()), 1, &text),
            both,
            "{before}"
        );
    }
}

#[test]
fn a_frame_without_an_ip_header_has_no_addresses() {
    for frame in [
        "00*12 0806 00*20",
        "00*12 0800 45 00*6",
        "00*10",
        "00*12 0800 15 00*40",
        "00",
    ] {
        let octets = crate::notation::octets(frame).len();
        let as_numbers = first_public(
            &format!("IE315/{octets} IE1/4"),
            2,
            &format!("{frame} 00*4"),
        );
        assert_eq!(as_numbers, [Some(0), Some(0)], "{frame}");
    }
}

#[test]
fn an_address_field_comes_before_a_frame_section() {
    assert_eq!(
        first_public(
            "IE315/34 IE8/4 IE12/4",
            3,
            &format!("{FRAME} 193.0.0.1 193.0.0.2")
        ),
        [Some(3333), Some(3333)]
    );
}

#[test]
fn addresses_that_have_no_origin_are_only_the_operators() {
    let table = [
        (asdb::Provider::Database, "10.0.0.0", 8, 7018),
        (asdb::Provider::Database, "192.0.2.0", 24, 7018),
        (asdb::Provider::Database, "224.0.0.0", 4, 7018),
        (asdb::Provider::Database, "fc00::", 7, 7018),
        (asdb::Provider::Static, "10.1.0.0", 16, 64_500),
    ];
    let mut rig = Rig::knowing(
        settings(),
        &table,
        &[asdb::PolicyWord::Static, asdb::PolicyWord::Database],
    );
    let template = set(2, "0100 0002 IE8/4 IE12/4");
    rig.send(&ipfix(
        0,
        &[template, set(256, "10.2.0.1 10.1.0.1  192.0.2.1 224.0.0.1")],
    ));
    let after = |side: mediator::SideSeen| side.after;
    let seen: Vec<_> = rig
        .seen
        .iter()
        .map(|seen| [after(seen.source), after(seen.destination)])
        .collect();
    assert_eq!(seen, [[Some(0), Some(64_500)], [Some(0), Some(0)]]);
}

#[test]
fn a_record_shows_its_watcher_the_address_that_was_chosen() {
    let mut rig = Rig::new();
    let sets = [set(2, "0100 0002 IE8/4 IE16/4"), set(256, "8.8.8.8 AS0")];
    rig.send(&ipfix(0, &sets));
    let source = rig.seen[0].source;
    assert_eq!(source.address, Some(IpAddr::from([8, 8, 8, 8])));
    assert_eq!((source.before, source.after), (Some(0), Some(15_169)));
    assert_eq!(source.by, Some(asdb::Provider::Database));
}
