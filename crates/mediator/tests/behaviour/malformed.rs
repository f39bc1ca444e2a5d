//! What contradicts itself is passed as it came or dropped, for a named reason.

use mediator::settings::Misfit;
use mediator::{Dropped, Raw, Settings};

use crate::notation::{ipfix, octets, patched, set, v9};
use crate::rig::{Rig, settings, without_hold};

const FILL: &str = "0100 0002 IE8/4 IE16/4";

fn dropping() -> Settings {
    Settings {
        malformed: Misfit::Drop,
        unknown_versions: Misfit::Drop,
        ..without_hold()
    }
}

fn taught(settings: Settings) -> Rig {
    let mut rig = Rig::with(settings);
    rig.send(&v9(1, 1, &[set(0, FILL)]));
    rig.send(&ipfix(0, &[set(2, FILL)]));
    rig
}

#[test]
fn unknown_versions_pass_without_a_changed_octet_or_are_dropped() {
    let datagrams = [
        vec![],
        vec![9],
        octets("0001 00*46"),
        octets("0007 0001 00*72"),
        octets("0008 00*40"),
        octets("0000 0005 00000001 0a000001 00*16"),
        octets("000b 00*30"),
        octets("\"GET\" 20 2f 0d 0a"),
    ];
    let mut rig = Rig::with(settings());
    for datagram in &datagrams {
        rig.expect(datagram, std::slice::from_ref(datagram));
    }
    let mut rig = Rig::with(dropping());
    for datagram in &datagrams {
        rig.expect(datagram, &[]);
    }
    assert_eq!(rig.dropped(Dropped::UnknownVersion), 8);
}

#[test]
fn a_message_whose_lengths_contradict_it_passes_whole_or_is_dropped_whole() {
    let data = set(256, "8.8.8.8 AS0");
    let v9 = v9(2, 2, &[data.clone(), data.clone()]);
    let ipfix = ipfix(0, &[data.clone(), data]);
    let broken = [
        // The second Set passes the end; it is shorter than its own header.
        patched(&v9, 34, "000d"),
        patched(&v9, 34, "0003"),
        patched(&v9, 34, "0000"),
        patched(&ipfix, 30, "ffff"),
        patched(&ipfix, 30, "0002"),
        // The Message is longer than the datagram, or shorter than its header.
        patched(&ipfix, 2, "0029"),
        patched(&ipfix, 2, "000f"),
        patched(&ipfix, 2, "0000"),
        // One to three octets behind the last Set are no Set, and no padding unless zero.
        [v9.clone(), octets("01")].concat(),
        [v9.clone(), octets("00 00 01")].concat(),
        v9[..19].to_vec(),
        ipfix[..15].to_vec(),
    ];
    for datagram in &broken {
        let mut rig = taught(settings());
        rig.expect(datagram, std::slice::from_ref(datagram));
        assert_eq!(rig.counters().malformed, 1);
        let mut rig = taught(dropping());
        rig.expect(datagram, &[]);
        assert_eq!(rig.dropped(Dropped::Malformed), 1);
    }
}

#[test]
fn a_malformed_message_still_has_a_number_that_follows() {
    let mut rig = taught(without_hold());
    // Divided by its raw Set: one more Message went out than came in.
    rig.send(&v9(2, 2, &[set(256, "8.8.8.8 AS0"), set(77, "00*4")]));
    let broken = |sequence| patched(&v9(sequence, 1, &[set(256, "8.8.8.8 AS0")]), 22, "ffff");
    rig.expect(&broken(3), &[broken(4)]);
    rig.expect(
        &v9(4, 1, &[set(256, "8.8.8.8 AS0")]),
        &[v9(5, 1, &[set(256, "8.8.8.8 AS15169")])],
    );
}

#[test]
fn a_reserved_set_id_is_passed_behind_the_others_or_dropped() {
    for id in [2, 3, 4, 77, 255] {
        let (a, b) = (set(256, "8.8.8.8 AS0"), set(256, "1.1.1.1 AS0"));
        let filled = [set(256, "8.8.8.8 AS15169"), set(256, "1.1.1.1 AS13335")];
        let reserved = set(id, "00 01 02 03 04");
        let came = v9(2, 3, &[a, reserved.clone(), b]);
        let mut rig = taught(settings());
        rig.expect(&came, &[v9(2, 2, &filled), v9(3, 1, &[reserved])]);
        assert_eq!(rig.raw(Raw::ReservedSetId), 1);
        let mut rig = taught(dropping());
        rig.expect(&came, &[v9(2, 2, &filled)]);
        assert_eq!(rig.sets_dropped(Dropped::Malformed), 1);
    }
    for id in [0, 1] {
        let mut rig = taught(settings());
        let reserved = ipfix(0, &[set(id, "0100 0001 0008 0004")]);
        rig.expect(&reserved, std::slice::from_ref(&reserved));
        assert_eq!(rig.raw(Raw::ReservedSetId), 1);
    }
}

#[test]
fn a_template_set_that_cannot_be_read_passes_whole_and_takes_its_ids_with_it() {
    let broken = [
        // More fields than octets; an ID below 256; a field cut off.
        set(0, "0100 0003 IE8/4 IE16/4"),
        set(0, "0100 0002 IE16/4 IE8/4  0011 0001 IE1/4"),
        set(0, "0101 0001 IE1/4  0100 0001 0008"),
    ];
    for broken in broken {
        let mut rig = taught(settings());
        let unsure = set(256, "8.8.8.8 AS0");
        let message = v9(2, 2, &[broken.clone(), unsure.clone()]);
        rig.expect(&message, std::slice::from_ref(&message));
        assert_eq!(rig.raw(Raw::BrokenTemplate), 1);
        assert_eq!(rig.raw(Raw::UnknownTemplate), 1);
        // The exporter announces it again, in one piece.
        let again = |asn| v9(3, 2, &[set(0, FILL), set(256, &format!("8.8.8.8 AS{asn}"))]);
        rig.expect(&again(0), &[again(15_169)]);
    }
}

#[test]
fn a_broken_template_set_leaves_templates_alone_that_it_does_not_name() {
    let mut rig = taught(settings());
    let broken = set(0, "0101 0009 IE1/4");
    rig.expect(
        &v9(2, 2, &[broken.clone(), set(256, "8.8.8.8 AS0")]),
        &[
            v9(2, 1, &[set(256, "8.8.8.8 AS15169")]),
            v9(3, 1, &[broken]),
        ],
    );
}

#[test]
fn options_templates_with_impossible_lengths_pass_whole() {
    let mut rig = taught(settings());
    // v9: lengths of 6 and 9 octets are no number of Field Specifiers.
    for content in [
        "0101 0006 0004 IE1/4 IE34/4",
        "0101 0004 0009 IE1/4 IE34/4 00*2",
    ] {
        let broken = v9(2, 1, &[set(1, content)]);
        rig.send(&broken);
    }
    assert_eq!(rig.raw(Raw::BrokenTemplate), 2);
    // IPFIX: no scope, more scopes than fields.
    for content in ["0101 0001 0000 IE1/4", "0101 0001 0002 IE1/4"] {
        let broken = ipfix(0, &[set(3, content)]);
        rig.expect(&broken, std::slice::from_ref(&broken));
    }
    assert_eq!(rig.raw(Raw::BrokenTemplate), 4);
}

#[test]
fn a_variable_length_that_passes_the_end_of_the_set_leaves_the_set_raw() {
    let mut rig = Rig::with(without_hold());
    rig.send(&ipfix(0, &[set(2, "0100 0003 IE8/4 IE82/v IE16/4")]));
    for content in [
        "8.8.8.8 05 \"abcd\" AS0",
        "8.8.8.8 ff 0100 AS0 AS0",
        "8.8.8.8 ff ffff AS0 AS0",
        "8.8.8.8 04 \"abcd\" AS0  8.8.8.8 ff 00*4",
    ] {
        let came = ipfix(0, &[set(256, content)]);
        rig.expect(&came, std::slice::from_ref(&came));
    }
    assert_eq!(rig.raw(Raw::Misfit), 4);
}

#[test]
fn what_a_malformed_message_announces_is_not_believed_and_not_used_against_it() {
    let mut rig = taught(without_hold());
    let other = set(0, "0100 0002 IE16/4 IE8/4");
    let mut broken = v9(2, 2, &[other, set(256, "8.8.8.8 AS0")]);
    let length_at = broken.len() - 10;
    broken = patched(&broken, length_at, "00ff");
    rig.expect(&broken, std::slice::from_ref(&broken));
    let unsure = v9(3, 1, &[set(256, "8.8.8.8 AS0")]);
    rig.expect(&unsure, std::slice::from_ref(&unsure));
}
