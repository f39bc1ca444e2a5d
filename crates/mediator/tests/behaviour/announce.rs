//! Templates are announced again, with traffic, right before the next Message.

use mediator::Settings;

use crate::notation::{at_time, ipfix, octets, set, v9};
use crate::rig::{Rig, check, settings};

const FILL: &str = "0100 0002 IE8/4 IE16/4";

fn data(sequence: u32) -> Vec<u8> {
    v9(sequence, 1, &[set(256, "8.8.8.8 AS15169")])
}

#[test]
fn after_a_minute_the_templates_go_out_before_the_next_message() {
    let mut rig = Rig::new();
    rig.send(&v9(1, 1, &[set(0, FILL)]));
    rig.pass(59_999);
    rig.expect(&data(2), &[data(2)]);
    rig.pass(1);
    // A v9 announcement takes a number; the exporter's last time stands in it.
    rig.expect(&data(3), &[v9(3, 1, &[set(0, FILL)]), data(4)]);
    rig.expect(&data(4), &[data(5)]);
    assert_eq!(rig.counters().announcements, 1);
}

#[test]
fn a_silent_session_sends_nothing() {
    let mut rig = Rig::new();
    rig.send(&v9(1, 1, &[set(0, FILL)]));
    for _ in 0..10 {
        rig.pass(60_000);
        check(&rig.tick(), &[]);
    }
}

#[test]
fn after_so_many_messages_the_templates_go_out_again() {
    let mut rig = Rig::with(Settings {
        template_refresh_messages: 3,
        ..settings()
    });
    rig.send(&v9(1, 1, &[set(0, FILL)]));
    let sent: Vec<usize> = (2..10)
        .map(|number| rig.send(&data(number)).len())
        .collect();
    assert_eq!(sent, [1, 1, 2, 1, 1, 2, 1, 1]);
}

#[test]
fn an_announcement_has_the_export_time_of_the_message_behind_it() {
    let mut rig = Rig::new();
    rig.send(&ipfix(0, &[set(2, FILL)]));
    rig.pass(60_000);
    let late = at_time(&ipfix(0, &[set(256, "8.8.8.8 AS15169")]), 0x5000_0000);
    rig.expect(
        &late,
        &[
            at_time(&ipfix(0, &[set(2, FILL)]), 0x5000_0000),
            late.clone(),
        ],
    );
}

#[test]
fn data_templates_come_first_then_clones_then_one_options_template_in_each_set() {
    let mut rig = Rig::new();
    rig.send(&v9(
        1,
        4,
        &[
            set(1, "0102 0004 0004 IE1/4 IE34/4 00*2"),
            set(1, "0103 0004 0008 IE1/4 IE34/4 IE35/1"),
            set(0, FILL),
            set(0, "0101 0001 IE8/4"),
        ],
    ));
    rig.pass(60_000);
    rig.expect(
        &data(2),
        &[
            v9(
                2,
                5,
                &[
                    set(0, &format!("{FILL} 0101 0001 IE8/4")),
                    set(0, "fffe 0002 IE8/4 IE16/4"),
                    set(1, "0102 0004 0004 IE1/4 IE34/4 00*2"),
                    set(1, "0103 0004 0008 IE1/4 IE34/4 IE35/1 00*2"),
                ],
            ),
            data(3),
        ],
    );
}

#[test]
fn an_ipfix_announcement_has_no_padding_and_no_number_of_its_own() {
    let mut rig = Rig::new();
    let sets = [
        set(3, "0102 0002 0001 IE149/4 IE41/8 00*2"),
        set(2, &format!("{FILL} 00*3")),
    ];
    rig.send(&ipfix(7, &sets));
    rig.announce_again();
    let data = ipfix(7, &[set(256, "8.8.8.8 AS15169")]);
    rig.expect(
        &data,
        &[
            ipfix(7, &[set(2, FILL), set(3, "0102 0002 0001 IE149/4 IE41/8")]),
            data.clone(),
        ],
    );
}

#[test]
fn a_new_clone_is_announced_three_times() {
    let mut rig = Rig::new();
    rig.send(&ipfix(0, &[set(2, "0100 0001 IE8/4")]));
    let with_clone = |sent: Vec<Vec<u8>>| {
        let clone = octets("ffff 0002 IE8/4 IE16/4");
        let has_clone = |message: &&Vec<u8>| message.windows(clone.len()).any(|at| at == clone);
        sent.iter().filter(has_clone).count()
    };
    let counts: Vec<usize> = (0..4)
        .map(|number| with_clone(rig.send(&ipfix(number, &[set(256, "8.8.8.8")]))))
        .collect();
    assert_eq!(counts, [1, 1, 0, 0]);
}

#[test]
fn a_collector_that_came_back_gets_every_session_announced() {
    let mut rig = Rig::new();
    let of_8 = |message: &[u8]| crate::notation::of_domain(message, 8);
    rig.send(&v9(1, 1, &[set(0, FILL)]));
    rig.send(&of_8(&v9(1, 1, &[set(0, FILL)])));
    rig.announce_again();
    let announced = v9(2, 1, &[set(0, FILL)]);
    rig.expect(&data(2), &[announced.clone(), data(3)]);
    rig.expect(&of_8(&data(2)), &[of_8(&announced), of_8(&data(3))]);
    rig.expect(&data(3), &[data(4)]);
}
