//! Counts, lengths, times and Sequence Numbers of outgoing Messages.

use mediator::settings::Misfit;
use mediator::{Dropped, Settings};

use crate::notation::{at_time, ipfix, of_domain, patched, set, v9};
use crate::rig::{Rig, settings, without_hold};

fn data(sequence: u32) -> Vec<u8> {
    v9(sequence, 1, &[set(256, "8.8.8.8 AS15169")])
}

fn template() -> Vec<u8> {
    set(0, "0100 0002 IE8/4 IE16/4")
}

/// A v9 rig that knows Template 256 and expects the number 1.
fn taught() -> Rig {
    let mut rig = Rig::with(without_hold());
    rig.send(&v9(0, 1, &[template()]));
    rig
}

fn numbers_of(rig: &mut Rig, messages: &[Vec<u8>]) -> Vec<u32> {
    let sent = messages.iter().flat_map(|message| rig.send(message));
    let number = |message: Vec<u8>| {
        let at = if message[1] == 9 { 12 } else { 8 };
        u32::from_be_bytes(message[at..at + 4].try_into().expect("four octets"))
    };
    sent.map(number).collect()
}

#[test]
fn a_v9_count_is_the_number_of_records_whatever_the_exporter_counted() {
    let records = set(256, "8.8.8.8 AS15169 8.8.8.8 AS15169");
    let sets = [template(), records.clone(), records];
    for wrong in [0, 1, 3, 999] {
        let mut rig = Rig::new();
        rig.expect(&v9(1, wrong, &sets), &[v9(1, 5, &sets)]);
    }
}

#[test]
fn the_count_of_sets_without_template_is_what_is_left_of_the_exporters() {
    let mut rig = taught();
    let known = set(256, "8.8.8.8 AS15169");
    let unknown = set(300, "00*24");
    rig.expect(
        &v9(1, 7, &[unknown.clone(), known.clone()]),
        &[
            v9(1, 1, std::slice::from_ref(&known)),
            v9(2, 6, std::slice::from_ref(&unknown)),
        ],
    );
    // A count that is too low still counts one record for each Set.
    rig.expect(
        &v9(2, 1, &[unknown.clone(), known.clone(), unknown.clone()]),
        &[v9(3, 1, &[known]), v9(4, 2, &[unknown.clone(), unknown])],
    );
}

#[test]
fn uptime_export_time_and_domain_stay_in_every_part() {
    let mut rig = Rig::new();
    let strange = |message: &[u8]| {
        let message = patched(message, 4, "fffffff0 00000001");
        of_domain(&message, 0x0100_0000)
    };
    let sets = [template(), set(256, "8.8.8.8 AS15169"), set(77, "00*4")];
    rig.expect(
        &strange(&v9(1, 3, &sets)),
        &[
            strange(&v9(1, 2, &sets[..2])),
            strange(&v9(2, 1, &sets[2..])),
        ],
    );
}

#[test]
fn a_gap_of_the_input_stays_and_a_late_message_fills_it() {
    let mut rig = taught();
    let came = [1, 2, 5, 6, 3, 7, 4].map(data);
    assert_eq!(numbers_of(&mut rig, &came), [1, 2, 5, 6, 3, 7, 4]);
}

#[test]
fn a_message_that_is_late_by_more_than_two_seconds_takes_a_new_number() {
    let mut rig = taught();
    rig.send(&data(1));
    rig.send(&data(3));
    rig.pass(2001);
    assert_eq!(numbers_of(&mut rig, &[data(2), data(4)]), [4, 5]);
}

#[test]
fn numbers_wrap_around() {
    let mut rig = Rig::new();
    rig.send(&v9(u32::MAX - 2, 1, &[template()]));
    let came = [u32::MAX - 1, u32::MAX, 0, 1].map(data);
    assert_eq!(numbers_of(&mut rig, &came), [u32::MAX - 1, u32::MAX, 0, 1]);

    let mut rig = Rig::new();
    let two = set(256, "8.8.8.8 AS15169 8.8.8.8 AS15169");
    rig.send(&ipfix(0xFFFF_FFFE, &[set(2, "0100 0002 IE8/4 IE16/4")]));
    let came = [0xFFFF_FFFE, 0, 2].map(|number| ipfix(number, std::slice::from_ref(&two)));
    assert_eq!(numbers_of(&mut rig, &came), [0xFFFF_FFFE, 0, 2]);
}

#[test]
fn ipfix_numbers_count_data_records_and_options_data_but_no_templates() {
    let mut rig = Rig::new();
    let sets = [
        set(2, "0100 0001 IE1/4"),
        set(3, "0101 0002 0001 IE149/4 IE41/8"),
        set(256, "00000001 00000002"),
        set(257, "00000007 00*8"),
    ];
    rig.expect(&ipfix(50, &sets), &[ipfix(50, &sets)]);
    // A Set that fits no Template leaves behind three more records, in a Message of its own.
    let mixed = [
        set(256, "00000003"),
        set(257, "61*5"),
        set(256, "00000004 00000005"),
    ];
    rig.expect(
        &ipfix(53, &mixed),
        &[
            ipfix(53, &[mixed[0].clone(), mixed[2].clone()]),
            ipfix(56, &[mixed[1].clone()]),
        ],
    );
    rig.expect(&ipfix(57, &sets[2..3]), &[ipfix(57, &sets[2..3])]);
}

#[test]
fn domains_of_one_exporter_count_for_themselves() {
    let mut rig = taught();
    rig.send(&of_domain(&v9(900, 1, &[template()]), 8));
    let came = [
        data(1),
        of_domain(&data(901), 8),
        data(2),
        of_domain(&data(903), 8),
    ];
    assert_eq!(numbers_of(&mut rig, &came), [1, 901, 2, 903]);
}

#[test]
fn after_a_v9_restart_the_output_goes_on_and_templates_are_doubted() {
    let mut rig = taught();
    assert_eq!(
        numbers_of(&mut rig, &[data(1), data(2), data(3)]),
        [1, 2, 3]
    );
    let after = |message: Vec<u8>| at_time(&message, 0x6A00_1000);
    // Nobody knows what 256 means now: the Set passes as it came, zeros and all.
    let unsure = |number| after(v9(number, 1, &[set(256, "8.8.8.8 AS0")]));
    rig.expect(&unsure(0), &[unsure(4)]);
    assert_eq!(rig.counters().restarts, 1);
    let again = |number| after(v9(number, 2, &[template(), set(256, "8.8.8.8 AS15169")]));
    rig.expect(&again(1), &[again(5)]);
    assert_eq!(numbers_of(&mut rig, &[after(data(2))]), [6]);
}

#[test]
fn data_of_a_doubted_template_leave_before_the_redefinition_that_they_do_not_fit() {
    let mut rig = taught();
    numbers_of(&mut rig, &[data(1), data(2), data(3)]);
    let wider = set(0, "0100 0003 IE8/4 IE16/4 IE17/4");
    let sets = [set(256, "8.8.8.8 AS7"), wider];
    let after = |number| at_time(&v9(number, 2, &sets), 0x6A00_1000);
    rig.expect(&after(0), &[after(4)]);
}

#[test]
fn after_an_ipfix_restart_the_output_goes_on() {
    let mut rig = Rig::with(without_hold());
    let sets = [
        set(2, "0100 0002 IE8/4 IE16/4"),
        set(256, "8.8.8.8 AS15169"),
    ];
    rig.expect(&ipfix(5000, &sets), &[ipfix(5000, &sets)]);
    let again = |number| at_time(&ipfix(number, &sets), 0x6A00_0010);
    rig.expect(&again(0), &[again(5001)]);
    rig.expect(&again(1), &[again(5002)]);
    assert_eq!(rig.counters().restarts, 1);
}

#[test]
fn a_late_ipfix_message_with_a_newer_time_is_no_restart() {
    let mut rig = Rig::with(without_hold());
    rig.send(&ipfix(0, &[set(2, "0100 0002 IE8/4 IE16/4")]));
    let filled = |number, time| at_time(&ipfix(number, &[set(256, "8.8.8.8 AS15169")]), time);
    let came = |number, time| at_time(&ipfix(number, &[set(256, "8.8.8.8 AS0")]), time);
    for (number, time) in [(0, 1), (2, 2), (1, 3), (3, 4)] {
        let time = 0x6A00_0000 + time;
        rig.expect(&came(number, time), &[filled(number, time)]);
    }
    assert_eq!(rig.counters().restarts, 0);
}

/// Two processors of one exporter, each with a count of its own, send two Messages in turn, half a
/// second apart; `message` gets the number and the half second. Returns what leaves.
fn in_turn(rig: &mut Rig, message: impl Fn(u32, u32) -> Vec<u8>) -> Vec<Vec<u8>> {
    let mut sent = Vec::new();
    for turn in 0..12 {
        let first = [70_000, 500][turn as usize % 2] + turn / 2 * 2;
        for number in [first, first + 1] {
            sent.extend(rig.send(&message(number, turn)));
        }
        rig.pass(500);
    }
    sent
}

/// Once it is clear that nobody restarted, all is read.
fn assert_filled_from_the_seventh_turn(rig: &Rig, sent: &[Vec<u8>]) {
    assert_eq!(rig.counters().restarts, 1);
    let is_filled = |message: &Vec<u8>| message.ends_with(&15_169_u32.to_be_bytes());
    assert!(sent[12..].iter().all(is_filled));
}

#[test]
fn two_v9_counts_in_one_session_are_no_restarts() {
    let mut rig = taught();
    let sent = in_turn(&mut rig, |number, turn| {
        let message = v9(number, 1, &[set(256, "8.8.8.8 AS0")]);
        let booted_ms = if number < 70_000 { 90_000 } else { 0 };
        let uptime_ms = format!("{:08x}", 100_000 + turn / 2 * 1000 - booted_ms);
        at_time(&patched(&message, 4, &uptime_ms), 0x6A00_0000 + turn / 2)
    });
    assert_filled_from_the_seventh_turn(&rig, &sent);
    let number = |message: &Vec<u8>| u32::from_be_bytes(message[12..16].try_into().unwrap());
    let numbers: Vec<u32> = sent.iter().map(number).collect();
    let follows = |pair: &[u32]| pair[1] == pair[0] + 1;
    assert!(numbers.windows(2).all(follows), "{numbers:?}");
}

#[test]
fn two_ipfix_counts_in_one_session_are_no_restarts() {
    let mut rig = Rig::with(without_hold());
    rig.send(&ipfix(70_000, &[set(2, "0100 0002 IE8/4 IE16/4")]));
    let sent = in_turn(&mut rig, |number, turn| {
        let message = ipfix(number, &[set(256, "8.8.8.8 AS0")]);
        at_time(&message, 0x6A00_0000 + turn)
    });
    assert_filled_from_the_seventh_turn(&rig, &sent);
}

#[test]
fn a_clock_that_is_set_is_no_restart_while_the_numbers_go_on() {
    let mut rig = taught();
    numbers_of(&mut rig, &[data(1), data(2), data(3)]);
    let filled = at_time(&data(4), 0x6A10_0000);
    let came = at_time(&v9(4, 1, &[set(256, "8.8.8.8 AS0")]), 0x6A10_0000);
    rig.expect(&came, &[filled]);
    assert_eq!(rig.counters().restarts, 0);
}

#[test]
fn a_message_that_is_dropped_leaves_no_gap() {
    let mut rig = Rig::with(Settings {
        malformed: Misfit::Drop,
        ..without_hold()
    });
    rig.send(&v9(0, 1, &[template()]));
    rig.send(&data(1));
    let reserved = v9(2, 1, &[set(77, "00*4")]);
    let malformed = patched(&data(3), 22, "ffff");
    rig.expect(&reserved, &[]);
    rig.expect(&malformed, &[]);
    assert_eq!(numbers_of(&mut rig, &[data(4)]), [2]);
    assert_eq!(rig.dropped(Dropped::Empty), 1);
    assert_eq!(rig.dropped(Dropped::Malformed), 1);
}

#[test]
fn an_exporter_that_never_counts_stops_nothing() {
    let mut rig = Rig::with(settings());
    for _ in 0..5 {
        let message = v9(0, 2, &[template(), set(256, "8.8.8.8 AS0")]);
        let sent = rig.send(&message);
        assert_eq!(sent.len(), 1);
        assert_eq!(&sent[0][sent[0].len() - 4..], 15_169_u32.to_be_bytes());
        rig.pass(3000);
    }
    assert_eq!(rig.counters().restarts, 0);
}

#[test]
fn wrong_sequence_numbers_of_ipfix_drop_nothing() {
    let mut rig = Rig::new();
    let sets = [
        set(2, "0100 0002 IE8/4 IE16/4"),
        set(256, "8.8.8.8 AS15169"),
    ];
    // Counts Messages, counts itself, stands still, leaps.
    let came = [0, 1, 3, 3, 9000, 9001].map(|number| ipfix(number, &sets));
    assert_eq!(numbers_of(&mut rig, &came), [0, 1, 3, 3, 9000, 9001]);
}

#[test]
fn messages_without_sets_pass_and_count() {
    let mut rig = Rig::new();
    for message in [v9(1, 0, &[]), v9(2, 0, &[]), ipfix(9, &[]), ipfix(9, &[])] {
        rig.expect(&message, std::slice::from_ref(&message));
    }
}
