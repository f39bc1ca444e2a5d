//! Template Withdrawals have no place over UDP: received ones are ignored, none is sent.

use mediator::settings::Misfit;
use mediator::{Dropped, Settings};

use crate::notation::{ipfix, set, v9};
use crate::rig::{Rig, without_hold};

const FILL: &str = "0100 0002 IE8/4 IE16/4";

fn taught() -> Rig {
    let mut rig = Rig::new();
    rig.send(&ipfix(0, &[set(2, FILL)]));
    rig
}

#[test]
fn a_message_of_nothing_but_withdrawals_is_dropped_and_data_stay_enriched() {
    for withdrawal in [
        set(2, "0100 0000"),
        set(2, "0100 0000 0101 0000 00*2"),
        set(2, "0002 0000"),
        set(3, "0003 0000"),
        set(3, "0100 0000"),
        set(2, "0300 0000"),
    ] {
        let mut rig = taught();
        rig.expect(&ipfix(0, &[withdrawal]), &[]);
        assert_eq!(rig.sets_dropped(Dropped::Withdrawal), 1);
        assert_eq!(rig.dropped(Dropped::Empty), 1);
        rig.expect(
            &ipfix(0, &[set(256, "8.8.8.8 AS0")]),
            &[ipfix(0, &[set(256, "8.8.8.8 AS15169")])],
        );
    }
}

#[test]
fn a_withdrawal_is_taken_out_of_a_message_and_the_rest_keeps_its_order() {
    let mut rig = taught();
    rig.expect(
        &ipfix(
            0,
            &[
                set(256, "8.8.8.8 AS0"),
                set(2, "0100 0000"),
                set(256, "1.1.1.1 AS0"),
                set(2, FILL),
            ],
        ),
        &[ipfix(
            0,
            &[
                set(256, "8.8.8.8 AS15169"),
                set(256, "1.1.1.1 AS13335"),
                set(2, FILL),
            ],
        )],
    );
}

#[test]
fn a_withdrawal_is_taken_out_of_a_set_with_definitions() {
    let mut rig = taught();
    rig.expect(
        &ipfix(
            0,
            &[set(
                2,
                &format!("0100 0000 {FILL} 0101 0000 0102 0001 IE1/4 00*2"),
            )],
        ),
        &[ipfix(0, &[set(2, &format!("{FILL} 0102 0001 IE1/4"))])],
    );
    assert_eq!(rig.counters().withdrawals, 2);
}

#[test]
fn a_v9_template_without_fields_is_no_withdrawal_but_a_fault() {
    let taught = |malformed| {
        let mut rig = Rig::with(Settings {
            malformed,
            ..without_hold()
        });
        rig.send(&v9(1, 1, &[set(0, FILL)]));
        rig
    };
    let fault = v9(2, 1, &[set(0, "0100 0000")]);
    let unsure = |sequence| v9(sequence, 1, &[set(256, "8.8.8.8 AS0")]);
    let mut rig = taught(Misfit::Pass);
    rig.expect(&fault, std::slice::from_ref(&fault));
    rig.expect(&unsure(3), &[unsure(3)]);
    let mut rig = taught(Misfit::Drop);
    rig.expect(&fault, &[]);
    assert_eq!(rig.sets_dropped(Dropped::Malformed), 1);
    rig.expect(&unsure(3), &[unsure(2)]);
}

#[test]
fn an_announcement_that_was_due_before_a_dropped_message_leaves_before_the_next() {
    let mut rig = taught();
    rig.announce_again();
    rig.expect(&ipfix(0, &[set(2, "0100 0000")]), &[]);
    rig.expect(
        &ipfix(0, &[set(256, "8.8.8.8 AS0")]),
        &[
            ipfix(0, &[set(2, FILL)]),
            ipfix(0, &[set(256, "8.8.8.8 AS15169")]),
        ],
    );
}
