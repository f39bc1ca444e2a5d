//! AS fields narrower than four octets leave in a clone that has them wider.

use crate::notation::{ipfix, set, v9};
use crate::rig::Rig;

#[test]
fn two_octets_become_four_where_they_are_even_if_the_value_would_fit() {
    let mut rig = Rig::new();
    let template = set(0, "0100 0005 IE8/4 IE16/2 IE12/4 IE17/2 IE1/4");
    let clone = set(0, "ffff 0005 IE8/4 IE16/4 IE12/4 IE17/4 IE1/4");
    rig.expect(
        &v9(1, 3, &[template.clone(), set(
            256,
            "8.8.8.8 AS0/2 34.64.0.1 AS0/2 00000001  1.1.1.1 AS6939/2 9.9.9.9 AS0/2 00000002",
        )]),
        &[v9(1, 4, &[template, clone, set(
            65535,
            "8.8.8.8 AS15169 34.64.0.1 AS396982 00000001  1.1.1.1 AS6939 9.9.9.9 AS0 00000002",
        )])],
    );
    let counters = rig.counters();
    assert_eq!((counters.widenings, counters.records.as_trans), (1, 0));
}

#[test]
fn fields_of_one_two_and_three_octets_are_widened_and_others_stay() {
    let mut rig = Rig::new();
    let template = set(2, "0100 0006 IE8/4 IE16/1 IE16/3 IE12/4 IE17/8 IE17/2");
    let clone = set(2, "ffff 0006 IE8/4 IE16/4 IE16/4 IE12/4 IE17/8 IE17/4");
    rig.expect(
        &ipfix(
            0,
            &[
                template.clone(),
                set(256, "8.8.8.8 AS0/1 AS0/3 1.1.1.1 AS0/8 AS0/2"),
            ],
        ),
        &[ipfix(
            0,
            &[
                template,
                clone,
                set(65535, "8.8.8.8 AS15169 AS15169 1.1.1.1 AS13335/8 AS13335"),
            ],
        )],
    );
}

#[test]
fn a_narrow_field_is_widened_and_a_missing_one_appended_in_records_of_variable_length() {
    let mut rig = Rig::new();
    let template = set(2, "0100 0004 IE82/v IE16/2 IE8/4 IE12/4");
    let clone = set(2, "ffff 0005 IE82/v IE16/4 IE8/4 IE12/4 IE17/4");
    rig.expect(
        &ipfix(
            0,
            &[
                template.clone(),
                set(
                    256,
                    "01 61 AS0/2 34.64.0.1 1.1.1.1  00 AS64512/2 9.9.9.9 9.9.9.9",
                ),
            ],
        ),
        &[ipfix(
            0,
            &[
                template,
                clone,
                set(
                    65535,
                    "01 61 AS396982 34.64.0.1 1.1.1.1 AS13335  00 AS64512 9.9.9.9 9.9.9.9 AS0",
                ),
            ],
        )],
    );
}

#[test]
fn a_narrow_field_without_an_address_stays_narrow() {
    let mut rig = Rig::new();
    let template = set(0, "0100 0003 IE8/4 IE16/2 IE17/2");
    let clone = set(0, "ffff 0003 IE8/4 IE16/4 IE17/2");
    rig.expect(
        &v9(1, 2, &[template.clone(), set(256, "8.8.8.8 AS0/2 AS7/2")]),
        &[v9(
            1,
            3,
            &[template, clone, set(65535, "8.8.8.8 AS15169 AS7/2 00*2")],
        )],
    );
}
