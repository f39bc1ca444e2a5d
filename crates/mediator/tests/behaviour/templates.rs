//! Templates: one ID space, redefinition, padding, sessions and domains, ports.

use mediator::Raw;

use crate::notation::{at_time, ipfix, of_domain, set, v9};
use crate::rig::{Rig, check, without_hold};

const FILL: &str = "0100 0002 IE8/4 IE16/4";

#[test]
fn another_definition_of_an_id_counts_from_where_it_stands() {
    let mut rig = Rig::new();
    let other = "0100 0002 IE16/4 IE8/4";
    rig.expect(
        &v9(
            1,
            4,
            &[
                set(0, FILL),
                set(256, "8.8.8.8 AS0"),
                set(0, other),
                set(256, "AS0 1.1.1.1"),
            ],
        ),
        &[v9(
            1,
            4,
            &[
                set(0, FILL),
                set(256, "8.8.8.8 AS15169"),
                set(0, other),
                set(256, "AS13335 1.1.1.1"),
            ],
        )],
    );
    rig.expect(
        &v9(2, 1, &[set(256, "AS0 8.8.8.8")]),
        &[v9(2, 1, &[set(256, "AS15169 8.8.8.8")])],
    );
    assert_eq!(rig.counters().redefinitions, 1);
    rig.send(&v9(3, 1, &[set(0, other)]));
    assert_eq!(rig.counters().redefinitions, 1, "the same again is none");
}

#[test]
fn the_clone_of_a_redefined_template_is_redefined_before_its_data() {
    let mut rig = Rig::new();
    rig.send(&ipfix(0, &[set(2, "0100 0001 IE8/4")]));
    rig.send(&ipfix(0, &[]));
    rig.send(&ipfix(0, &[]));
    let other = set(2, "0100 0002 IE12/4 IE1/4");
    rig.expect(
        &ipfix(0, &[other.clone(), set(256, "8.8.8.8 00000001")]),
        &[ipfix(
            0,
            &[
                other,
                set(2, "ffff 0003 IE12/4 IE1/4 IE17/4"),
                set(65535, "8.8.8.8 00000001 AS15169"),
            ],
        )],
    );
}

#[test]
fn an_options_template_replaces_a_template_of_its_id_and_the_reverse() {
    let mut rig = Rig::new();
    let options = set(3, "0100 0002 0001 IE149/4 IE8/4");
    rig.expect(
        &ipfix(
            0,
            &[
                set(2, FILL),
                set(256, "8.8.8.8 AS0"),
                options.clone(),
                set(256, "00000007 8.8.8.8"),
                set(2, FILL),
                set(256, "8.8.8.8 AS0"),
            ],
        ),
        &[ipfix(
            0,
            &[
                set(2, FILL),
                set(256, "8.8.8.8 AS15169"),
                options,
                set(256, "00000007 8.8.8.8"),
                set(2, FILL),
                set(256, "8.8.8.8 AS15169"),
            ],
        )],
    );
}

#[test]
fn data_before_its_template_in_one_message_follows_it() {
    let mut rig = Rig::new();
    rig.expect(
        &v9(
            1,
            3,
            &[
                set(256, "8.8.8.8 AS0"),
                set(0, FILL),
                set(256, "1.1.1.1 AS0"),
            ],
        ),
        &[v9(
            1,
            3,
            &[
                set(0, FILL),
                set(256, "8.8.8.8 AS15169"),
                set(256, "1.1.1.1 AS13335"),
            ],
        )],
    );
}

#[test]
fn data_before_a_changed_definition_in_one_message_is_read_with_the_old_one() {
    let mut rig = Rig::new();
    rig.send(&v9(1, 1, &[set(0, FILL)]));
    rig.expect(
        &v9(
            2,
            2,
            &[set(256, "8.8.8.8 AS0"), set(0, "0100 0002 IE16/4 IE8/4")],
        ),
        &[v9(
            2,
            2,
            &[
                set(256, "8.8.8.8 AS15169"),
                set(0, "0100 0002 IE16/4 IE8/4"),
            ],
        )],
    );
}

#[test]
fn one_id_means_another_thing_in_another_domain_and_version() {
    let mut rig = Rig::new();
    rig.send(&v9(1, 1, &[set(0, FILL)]));
    rig.send(&of_domain(
        &v9(1, 1, &[set(0, "0100 0002 IE16/4 IE8/4")]),
        8,
    ));
    rig.send(&ipfix(0, &[set(2, "0100 0003 IE1/2 IE8/4 IE16/4")]));
    rig.expect(
        &v9(2, 1, &[set(256, "8.8.8.8 AS0")]),
        &[v9(2, 1, &[set(256, "8.8.8.8 AS15169")])],
    );
    rig.expect(
        &of_domain(&v9(2, 1, &[set(256, "AS0 8.8.8.8")]), 8),
        &[of_domain(&v9(2, 1, &[set(256, "AS15169 8.8.8.8")]), 8)],
    );
    rig.expect(
        &ipfix(0, &[set(256, "0001 8.8.8.8 AS0")]),
        &[ipfix(0, &[set(256, "0001 8.8.8.8 AS15169")])],
    );
}

#[test]
fn any_id_from_256_to_65535_is_a_template_id() {
    let mut rig = Rig::new();
    for id in [256, 257, 1024, 32768, 65534, 65535] {
        let template = set(0, &format!("{id:04x} 0002 IE8/4 IE16/4"));
        rig.expect(
            &v9(1, 2, &[template.clone(), set(id, "8.8.8.8 AS0")]),
            &[v9(1, 2, &[template, set(id, "8.8.8.8 AS15169")])],
        );
    }
}

#[test]
fn padding_of_template_sets_of_any_length_is_kept() {
    for padding in ["", "00", "00*2", "00*3", "00*4", "00*7", "abcd"] {
        let mut rig = Rig::new();
        let sets = [
            set(2, &format!("{FILL} {padding}")),
            set(3, &format!("0101 0001 0001 IE149/4 {padding}")),
            set(256, "8.8.8.8 AS15169"),
        ];
        rig.expect(&ipfix(0, &sets), &[ipfix(0, &sets)]);
        assert_eq!(rig.counters().broken_templates, 0, "padding {padding}");
    }
}

#[test]
fn padding_of_data_sets_is_up_to_three_octets_or_zeros() {
    let data = |octets: &str| v9(2, 1, &[set(256, octets)]);
    for padding in ["", "00", "ab*2", "ff*3", "00*4", "00*7"] {
        let mut rig = Rig::with(without_hold());
        rig.send(&v9(1, 1, &[set(0, FILL)]));
        rig.expect(
            &data(&format!("8.8.8.8 AS0 {padding}")),
            &[data(&format!("8.8.8.8 AS15169 {padding}"))],
        );
    }
    for misfit in ["ff*4", "00*6 01"] {
        let mut rig = Rig::with(without_hold());
        rig.send(&v9(1, 1, &[set(0, FILL)]));
        let came = data(&format!("8.8.8.8 AS0 {misfit}"));
        rig.expect(&came, std::slice::from_ref(&came));
        assert_eq!(rig.raw(Raw::Misfit), 1);
    }
}

#[test]
fn padding_of_an_enriched_set_is_made_anew() {
    let mut rig = Rig::new();
    rig.send(&v9(1, 1, &[set(0, "0100 0002 IE8/4 IE70/3")]));
    rig.send(&v9(2, 0, &[]));
    rig.send(&v9(3, 0, &[]));
    rig.expect(
        &v9(4, 1, &[set(256, "8.8.8.8 000011 ab")]),
        &[v9(6, 1, &[set(65535, "8.8.8.8 000011 AS15169 00")])],
    );
}

#[test]
fn a_template_announced_from_one_port_serves_data_from_another() {
    let mut rig = Rig::new();
    rig.send_from(2000, &v9(1, 1, &[set(0, FILL)]));
    // The collector hears the definition in the session whose data needs it.
    check(
        &rig.send_from(3000, &v9(70, 1, &[set(256, "8.8.8.8 AS0")])),
        &[
            v9(70, 1, &[set(0, FILL)]),
            v9(71, 1, &[set(256, "8.8.8.8 AS15169")]),
        ],
    );
    assert_eq!(rig.counters().templates_borrowed, 1);
}

#[test]
fn where_ports_disagree_on_an_id_nothing_is_guessed() {
    let mut rig = Rig::with(without_hold());
    rig.send_from(2000, &v9(1, 1, &[set(0, FILL)]));
    rig.send_from(3000, &v9(1, 1, &[set(0, "0100 0002 IE16/4 IE8/4")]));
    let data = v9(1, 1, &[set(256, "8.8.8.8 AS0")]);
    check(&rig.send_from(4000, &data), std::slice::from_ref(&data));
    check(
        &rig.send_from(2000, &v9(2, 1, &[set(256, "8.8.8.8 AS0")])),
        &[v9(2, 1, &[set(256, "8.8.8.8 AS15169")])],
    );
    check(
        &rig.send_from(3000, &v9(2, 1, &[set(256, "AS0 8.8.8.8")])),
        &[v9(2, 1, &[set(256, "AS15169 8.8.8.8")])],
    );
}

#[test]
fn a_port_whose_own_word_is_in_doubt_takes_no_other_ports_for_it() {
    let mut rig = Rig::with(without_hold());
    let other = "0100 0002 IE16/4 IE8/4";
    rig.send_from(3000, &v9(100, 1, &[set(0, other)]));
    rig.send_from(3000, &v9(101, 1, &[set(256, "AS0 8.8.8.8")]));
    let restarted = |number, set| at_time(&v9(number, 1, &[set]), 0x6A00_1000);
    let data = || set(256, "AS0 8.8.8.8");
    let raw = rig.send_from(3000, &restarted(0, data()));
    check(&raw, &[restarted(102, data())]);
    rig.pass(1000);
    rig.send_from(2000, &v9(1, 1, &[set(0, FILL)]));
    let raw = rig.send_from(3000, &restarted(1, data()));
    check(&raw, &[restarted(103, data())]);
    assert_eq!(rig.counters().templates_borrowed, 0);
}

#[test]
fn a_message_with_its_own_template_borrows_none_from_another_port() {
    let mut rig = Rig::new();
    rig.send_from(2000, &v9(1, 1, &[set(0, FILL)]));
    let other = set(0, "0100 0002 IE16/4 IE8/4");
    check(
        &rig.send_from(3000, &v9(70, 2, &[set(256, "AS0 8.8.8.8"), other.clone()])),
        &[v9(70, 2, &[other, set(256, "AS15169 8.8.8.8")])],
    );
    assert_eq!(rig.counters().templates_borrowed, 0);
}

#[test]
fn a_borrowed_template_is_forgotten_when_its_owner_changes_it() {
    let mut rig = Rig::with(without_hold());
    rig.send_from(2000, &v9(1, 1, &[set(0, FILL)]));
    rig.send_from(3000, &v9(70, 1, &[set(256, "8.8.8.8 AS0")]));
    let other = set(0, "0100 0002 IE16/4 IE8/4");
    rig.send_from(2000, &v9(2, 1, std::slice::from_ref(&other)));
    check(
        &rig.send_from(3000, &v9(71, 1, &[set(256, "AS0 8.8.8.8")])),
        &[
            v9(72, 1, &[other]),
            v9(73, 1, &[set(256, "AS15169 8.8.8.8")]),
        ],
    );
}

#[test]
fn a_template_lives_36_hours_unless_it_is_refreshed_or_its_data_fit() {
    let day_and_half_ms = 36 * 3_600_000;
    let data = |sequence| v9(sequence, 1, &[set(256, "8.8.8.8 AS0")]);
    let filled = |sequence| v9(sequence, 1, &[set(256, "8.8.8.8 AS15169")]);
    let announced = |sequence| v9(sequence, 1, &[set(0, FILL)]);
    let mut rig = Rig::with(without_hold());
    rig.send(&v9(1, 1, &[set(0, FILL)]));
    for sequence in [2, 4] {
        rig.pass(day_and_half_ms);
        rig.expect(
            &data(sequence),
            &[
                v9(sequence + sequence / 2 - 1, 1, &[set(0, FILL)]),
                filled(sequence + sequence / 2),
            ],
        );
        rig.send(&data(sequence + 1));
    }
    rig.pass(day_and_half_ms + 1);
    // Now nothing kept it alive: it is neither used nor announced.
    rig.expect(&data(6), &[data(8)]);
    rig.expect(&announced(7), &[announced(9)]);
    rig.expect(&data(8), &[filled(10)]);
}

#[test]
fn a_template_that_was_refreshed_lives_three_times_the_longest_interval() {
    let data = |sequence| v9(sequence, 1, &[set(256, "8.8.8.8 AS0")]);
    let filled = |sequence| v9(sequence, 1, &[set(256, "8.8.8.8 AS15169")]);
    let mut rig = Rig::with(without_hold());
    rig.send(&v9(1, 1, &[set(0, FILL)]));
    rig.pass(1_800_000);
    rig.send(&v9(2, 1, &[set(0, FILL)]));
    rig.pass(3 * 1_800_000 + 1);
    // The refresh before Message 2 had a number of its own.
    rig.expect(&data(3), &[data(4)]);

    let mut rig = Rig::with(without_hold());
    rig.send(&v9(1, 1, &[set(0, FILL)]));
    rig.pass(1_800_000);
    rig.send(&v9(2, 1, &[set(0, FILL)]));
    rig.pass(3 * 1_800_000);
    rig.expect(&data(3), &[v9(4, 1, &[set(0, FILL)]), filled(5)]);
}

#[test]
fn scopes_in_another_order_are_another_options_template() {
    let mut rig = Rig::new();
    let sets = [
        set(3, "0100 0003 0002 IE149/4 IE10/4 IE41/8"),
        set(3, "0101 0003 0002 IE10/4 IE149/4 IE41/8"),
        set(256, "00000007 00000001 00*8"),
        set(257, "00000001 00000007 00*8"),
    ];
    rig.expect(&ipfix(0, &sets), &[ipfix(0, &sets)]);
    assert_eq!(rig.mediator.sessions().next().unwrap().templates_count, 2);
}
