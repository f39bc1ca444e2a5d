//! Data that came before its Template waits for it, once, in order.

use mediator::{Limits, Raw, Settings};

use crate::notation::{ipfix, patched, set, v9};
use crate::rig::{Rig, check, settings, without_hold};

const FILL: &str = "0100 0002 IE8/4 IE16/4";

fn data(sequence: u32, asn: u32) -> Vec<u8> {
    v9(sequence, 1, &[set(256, &format!("8.8.8.8 AS{asn}"))])
}

fn template(sequence: u32) -> Vec<u8> {
    v9(sequence, 1, &[set(0, FILL)])
}

#[test]
fn data_leave_enriched_behind_the_template_that_they_waited_for() {
    let mut rig = Rig::new();
    rig.expect(&data(10, 0), &[]);
    rig.expect(&data(11, 0), &[]);
    assert_eq!(rig.counters().messages_held, 2);
    // What the Messages need is announced before them, and takes the first number.
    rig.expect(
        &template(12),
        &[
            template(10),
            data(11, 15_169),
            data(12, 15_169),
            template(13),
        ],
    );
}

#[test]
fn ipfix_data_leave_behind_the_template_too() {
    let mut rig = Rig::new();
    let held = ipfix(500, &[set(256, "8.8.8.8"), set(256, "1.1.1.1")]);
    rig.expect(&held, &[]);
    let original = set(2, "0100 0001 IE8/4");
    let clone = set(2, "ffff 0002 IE8/4 IE16/4");
    rig.expect(
        &ipfix(502, std::slice::from_ref(&original)),
        &[
            ipfix(500, &[original.clone(), clone.clone()]),
            ipfix(
                500,
                &[set(65535, "8.8.8.8 AS15169"), set(65535, "1.1.1.1 AS13335")],
            ),
            ipfix(502, std::slice::from_ref(&clone)),
            ipfix(502, &[original, clone]),
        ],
    );
}

#[test]
fn nothing_of_the_session_overtakes_what_waits() {
    let mut rig = Rig::new();
    rig.send(&template(1));
    let unknown = v9(2, 1, &[set(300, "00*8")]);
    rig.expect(&unknown, &[]);
    rig.expect(&data(3, 0), &[]);
    let malformed = patched(&data(4, 0), 22, "ffff");
    rig.expect(&malformed, &[]);
    rig.pass(999);
    check(&rig.tick(), &[]);
    rig.pass(1);
    check(&rig.tick(), &[unknown, data(3, 15_169), malformed]);
    rig.expect(&data(5, 0), &[data(5, 15_169)]);
}

#[test]
fn an_id_is_waited_for_once_and_then_passes_without_delay() {
    let mut rig = Rig::new();
    rig.expect(&data(1, 0), &[]);
    rig.pass(1000);
    check(&rig.tick(), &[data(1, 0)]);
    rig.expect(&data(2, 0), &[data(2, 0)]);
    rig.expect(&template(3), &[template(3)]);
    rig.expect(&data(4, 0), &[data(4, 15_169)]);
    assert_eq!(
        (rig.raw(Raw::UnknownTemplate), rig.counters().holds),
        (2, 1)
    );
}

#[test]
fn the_next_message_ends_a_wait_that_is_over_without_a_tick() {
    let mut rig = Rig::new();
    rig.expect(&data(1, 0), &[]);
    rig.pass(1000);
    rig.expect(&data(2, 0), &[data(1, 0), data(2, 0)]);
}

#[test]
fn without_a_hold_time_nothing_waits() {
    let mut rig = Rig::with(without_hold());
    rig.expect(&data(1, 0), &[data(1, 0)]);
    assert_eq!(rig.counters().holds, 0);
}

#[test]
fn other_sessions_do_not_wait() {
    let mut rig = Rig::new();
    rig.send(&template(1));
    let of_domain = |message: &[u8]| crate::notation::of_domain(message, 8);
    rig.expect(&of_domain(&data(1, 0)), &[]);
    rig.expect(&data(2, 0), &[data(2, 15_169)]);
    let finished = rig.finish();
    check(&finished, &[of_domain(&data(1, 0))]);
}

#[test]
fn a_template_from_another_port_ends_the_wait() {
    let mut rig = Rig::new();
    check(&rig.send_from(3000, &data(10, 0)), &[]);
    check(
        &rig.send_from(2000, &template(1)),
        &[template(1), template(10), data(11, 15_169)],
    );
}

#[test]
fn raw_sets_follow_the_others_of_their_message_in_one_of_their_own() {
    let mut rig = Rig::with(without_hold());
    rig.send(&template(1));
    rig.expect(
        &v9(
            2,
            4,
            &[
                set(300, "01*8"),
                set(256, "8.8.8.8 AS0"),
                set(301, "02*8"),
                set(256, "1.1.1.1 AS0"),
            ],
        ),
        &[
            v9(
                2,
                2,
                &[set(256, "8.8.8.8 AS15169"), set(256, "1.1.1.1 AS13335")],
            ),
            v9(3, 2, &[set(300, "01*8"), set(301, "02*8")]),
        ],
    );
    rig.expect(&data(3, 0), &[data(4, 15_169)]);
}

#[test]
fn what_does_not_fit_the_bound_makes_the_queue_leave_at_once() {
    let small = |held_octets_max, held_octets_per_exporter_max| Settings {
        limits: Limits {
            held_octets_max,
            held_octets_per_exporter_max,
            ..Limits::default()
        },
        ..settings()
    };
    // Each Message has 32 octets.
    for settings in [small(70, 1000), small(1000, 70)] {
        let mut rig = Rig::with(settings);
        rig.expect(&data(1, 0), &[]);
        rig.expect(&data(2, 0), &[]);
        rig.expect(&data(3, 0), &[data(1, 0), data(2, 0), data(3, 0)]);
    }
    for settings in [small(31, 1000), small(1000, 31)] {
        let mut rig = Rig::with(settings);
        rig.expect(&data(1, 0), &[data(1, 0)]);
    }
}

#[test]
fn at_the_end_everything_that_waits_leaves() {
    let mut rig = Rig::new();
    rig.expect(&data(1, 0), &[]);
    rig.expect(&data(2, 0), &[]);
    check(&rig.finish(), &[data(1, 0), data(2, 0)]);
}

#[test]
fn a_definition_that_waits_changes_a_known_template_in_its_turn() {
    let mut rig = Rig::new();
    rig.send(&template(1));
    let unknown = v9(2, 1, &[set(300, "00*8")]);
    rig.expect(&unknown, &[]);
    rig.expect(&data(3, 0), &[]);
    let changed = v9(
        4,
        2,
        &[set(0, "0100 0002 IE16/4 IE8/4"), set(256, "AS0 1.1.1.1")],
    );
    let enriched = v9(
        4,
        2,
        &[
            set(0, "0100 0002 IE16/4 IE8/4"),
            set(256, "AS13335 1.1.1.1"),
        ],
    );
    rig.expect(&changed, &[]);
    rig.pass(1000);
    check(&rig.tick(), &[unknown, data(3, 15_169), enriched]);
}
