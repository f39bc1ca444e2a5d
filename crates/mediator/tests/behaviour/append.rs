//! Records whose Template lacks AS fields leave under an enriched clone of it.

use mediator::Raw;

use crate::notation::{ipfix, set, v9};
use crate::rig::{Rig, without_hold};

#[test]
fn the_template_passes_unchanged_and_its_clone_follows_in_the_same_message() {
    let mut rig = Rig::new();
    let template = set(0, "0100 0003 IE8/4 IE12/4 IE1/4");
    rig.expect(
        &v9(1, 1, std::slice::from_ref(&template)),
        &[v9(
            1,
            2,
            &[
                template,
                set(0, "ffff 0005 IE8/4 IE12/4 IE1/4 IE16/4 IE17/4"),
            ],
        )],
    );
}

#[test]
fn v9_records_get_their_as_numbers_at_the_end_and_sets_their_padding() {
    let mut rig = Rig::new();
    rig.send(&v9(1, 1, &[set(0, "0100 0003 IE8/4 IE12/4 IE4/1")]));
    // The clone is announced twice more out of turn, each time in a Message of its own.
    let clone = set(0, "ffff 0005 IE8/4 IE12/4 IE4/1 IE16/4 IE17/4");
    rig.expect(
        &v9(
            2,
            2,
            &[set(256, "8.8.8.8 1.1.1.1 06  193.0.0.1 9.9.9.9 11  00*2")],
        ),
        &[
            v9(2, 1, &[clone]),
            v9(
                3,
                2,
                &[set(
                    65535,
                    "8.8.8.8 1.1.1.1 06 AS15169 AS13335  193.0.0.1 9.9.9.9 11 AS3333 AS0  00*2",
                )],
            ),
        ],
    );
    assert_eq!(rig.counters().records.appended, 3);
    assert_eq!(rig.counters().records.both_sides().nobody, 1);
}

#[test]
fn ipfix_records_get_their_as_numbers_at_the_end_and_sets_no_padding() {
    let mut rig = Rig::new();
    let template = set(2, "0100 0003 IE8/4 IE12/4 IE4/1");
    let clone = set(2, "ffff 0005 IE8/4 IE12/4 IE4/1 IE16/4 IE17/4");
    rig.expect(
        &ipfix(
            100,
            &[template.clone(), set(256, "8.8.8.8 1.1.1.1 06 00*3")],
        ),
        &[ipfix(
            100,
            &[
                template,
                clone.clone(),
                set(65535, "8.8.8.8 1.1.1.1 06 AS15169 AS13335"),
            ],
        )],
    );
    rig.expect(
        &ipfix(101, &[set(256, "8.8.8.8 1.1.1.1 06")]),
        &[
            ipfix(101, std::slice::from_ref(&clone)),
            ipfix(101, &[set(65535, "8.8.8.8 1.1.1.1 06 AS15169 AS13335")]),
        ],
    );
}

#[test]
fn records_of_variable_length_are_appended_to_one_by_one() {
    let mut rig = Rig::new();
    let template = set(2, "0100 0003 IE82/v IE8/4 IE83/v");
    let clone = set(2, "ffff 0004 IE82/v IE8/4 IE83/v IE16/4");
    rig.expect(
        &ipfix(
            0,
            &[
                template.clone(),
                set(256, "04 \"ge-0\" 8.8.8.8 00  ff 0001 61 1.1.1.1 02 6262"),
            ],
        ),
        &[ipfix(
            0,
            &[
                template,
                clone,
                set(
                    65535,
                    "04 \"ge-0\" 8.8.8.8 00 AS15169  ff 0001 61 1.1.1.1 02 6262 AS13335",
                ),
            ],
        )],
    );
}

#[test]
fn only_the_side_whose_address_the_template_has_is_appended() {
    let mut rig = Rig::new();
    let template = set(0, "0100 0002 IE12/4 IE4/4");
    let clone = set(0, "ffff 0003 IE12/4 IE4/4 IE17/4");
    rig.expect(
        &v9(1, 2, &[template.clone(), set(256, "8.8.8.8 00000006")]),
        &[v9(
            1,
            3,
            &[template, clone, set(65535, "8.8.8.8 00000006 AS15169")],
        )],
    );
}

#[test]
fn one_side_is_filled_and_the_other_appended_in_one_clone() {
    let mut rig = Rig::new();
    let template = set(0, "0100 0003 IE8/4 IE12/4 IE17/4");
    let clone = set(0, "ffff 0004 IE8/4 IE12/4 IE17/4 IE16/4");
    rig.expect(
        &v9(1, 2, &[template.clone(), set(256, "8.8.8.8 1.1.1.1 AS0")]),
        &[v9(
            1,
            3,
            &[
                template,
                clone,
                set(65535, "8.8.8.8 1.1.1.1 AS13335 AS15169"),
            ],
        )],
    );
}

#[test]
fn a_template_without_an_address_is_left_alone() {
    let mut rig = Rig::new();
    let message = v9(
        1,
        2,
        &[
            set(0, "0100 0002 IE70/3 IE1/4"),
            set(256, "000011 00000064 00"),
        ],
    );
    rig.expect(&message, std::slice::from_ref(&message));
    assert_eq!(rig.raw(Raw::NoAddress), 1);
}

#[test]
fn an_address_of_a_wrong_length_is_no_address() {
    let mut rig = Rig::new();
    for (id, field) in [(256, "IE8/16"), (257, "IE27/4"), (258, "IE8/v")] {
        let template = set(2, &format!("{id:04x} 0001 {field}"));
        let message = ipfix(0, &[template, set(id, "0f 00*15")]);
        rig.expect(&message, std::slice::from_ref(&message));
    }
    assert_eq!(rig.raw(Raw::NoAddress), 3);
}

#[test]
fn an_as_field_of_a_width_that_no_number_has_is_neither_filled_nor_doubled() {
    for field in ["IE16/0", "IE16/9", "IE16/v"] {
        let mut rig = Rig::new();
        let template = set(2, &format!("0100 0002 IE8/4 {field}"));
        let message = ipfix(0, &[template, set(256, "8.8.8.8 00*9")]);
        if field == "IE16/9" {
            rig.expect(&message, std::slice::from_ref(&message));
            assert_eq!(rig.raw(Raw::NoAsField), 1);
        } else {
            rig.send(&message);
        }
        assert_eq!(rig.counters().records.appended, 0, "{field}");
    }
}

#[test]
fn options_templates_and_their_data_pass_unchanged_in_their_place() {
    let mut rig = Rig::new();
    // Scope System of length 4, samplingInterval and an address: v9 counts octets of each part.
    let options = set(1, "0101 0004 0008 IE1/4 IE34/4 IE8/4 00*2");
    let data = set(257, "00000001 0000000a 8.8.8.8");
    let flows = set(0, "0100 0001 IE8/4");
    let clone = set(0, "ffff 0002 IE8/4 IE16/4");
    rig.expect(
        &v9(
            1,
            4,
            &[
                options.clone(),
                data.clone(),
                flows.clone(),
                set(256, "8.8.8.8"),
            ],
        ),
        &[v9(
            1,
            5,
            &[options, data, flows, clone, set(65535, "8.8.8.8 AS15169")],
        )],
    );
    assert_eq!(rig.raw(Raw::Options), 1);
}

#[test]
fn unknown_elements_keep_their_order_and_octets() {
    let mut rig = Rig::new();
    let template = set(2, "0100 0004 IE999/2 IE8/4 IE7/3@9 IE500/1");
    let clone = set(2, "ffff 0005 IE999/2 IE8/4 IE7/3@9 IE500/1 IE16/4");
    rig.expect(
        &ipfix(0, &[template.clone(), set(256, "abcd 8.8.8.8 010203 ff")]),
        &[ipfix(
            0,
            &[
                template,
                clone,
                set(65535, "abcd 8.8.8.8 010203 ff AS15169"),
            ],
        )],
    );
}

#[test]
fn several_sets_keep_their_order_enriched_or_not() {
    let mut rig = Rig::with(without_hold());
    rig.send(&ipfix(
        0,
        &[set(
            2,
            "0100 0001 IE8/4  0101 0002 IE8/4 IE16/4  0102 0001 IE1/4",
        )],
    ));
    rig.send(&ipfix(0, &[]));
    rig.send(&ipfix(0, &[]));
    rig.expect(
        &ipfix(
            0,
            &[
                set(258, "00000001"),
                set(256, "8.8.8.8"),
                set(257, "1.1.1.1 AS0"),
                set(256, "193.0.0.1"),
                set(258, "00000002 00000003"),
            ],
        ),
        &[ipfix(
            0,
            &[
                set(258, "00000001"),
                set(65535, "8.8.8.8 AS15169"),
                set(257, "1.1.1.1 AS13335"),
                set(65535, "193.0.0.1 AS3333"),
                set(258, "00000002 00000003"),
            ],
        )],
    );
}

#[test]
fn a_record_without_any_octet_is_never_counted_nor_looped_over() {
    let mut rig = Rig::new();
    let template = set(2, "0100 0002 IE8/0 IE12/0");
    rig.expect(
        &ipfix(0, &[template.clone(), set(256, "00*8")]),
        &[ipfix(0, &[template]), ipfix(0, &[set(256, "00*8")])],
    );
    assert_eq!(rig.raw(Raw::ZeroLength), 1);
}
