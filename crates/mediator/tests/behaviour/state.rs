//! Templates, clone IDs and numbers survive a restart of ours.

use mediator::state::StateError;
use mediator::{Dropped, Raw};

use crate::notation::{at_time, ipfix, set, v9};
use crate::rig::{Rig, check, settings, without_hold};

const TEMPLATE: &str = "0100 0001 IE8/4";
const CLONE: &str = "ffff 0002 IE8/4 IE16/4";

/// The state of a v9 session that sent three Messages, the last of which left as 5.
fn saved_v9() -> Vec<u8> {
    let mut rig = Rig::new();
    rig.send(&v9(1, 1, &[set(0, TEMPLATE)]));
    rig.send(&v9(2, 0, &[]));
    rig.send(&v9(3, 0, &[]));
    rig.save()
}

fn restored(state: &[u8]) -> Rig {
    let mut rig = Rig::with(settings());
    rig.restore(state);
    rig
}

#[test]
fn where_a_v9_exporter_kept_running_the_first_message_is_enriched_and_numbers_go_on() {
    let mut rig = restored(&saved_v9());
    rig.expect(
        &v9(4, 1, &[set(256, "8.8.8.8")]),
        &[
            v9(6, 2, &[set(0, TEMPLATE), set(0, CLONE)]),
            v9(7, 1, &[set(65535, "8.8.8.8 AS15169")]),
        ],
    );
}

#[test]
fn a_boot_time_that_differs_by_five_seconds_is_the_same_boot() {
    for (difference_s, sent) in [(0, 2), (5, 2), (6, 1)] {
        let mut rig = restored(&saved_v9());
        let message = at_time(
            &v9(4, 1, &[set(256, "8.8.8.8")]),
            0x6A00_0000 + difference_s,
        );
        assert_eq!(rig.send(&message).len(), sent, "{difference_s} s");
    }
}

#[test]
fn where_a_v9_exporter_restarted_too_its_sets_are_raw_until_it_announces() {
    let mut rig = restored(&saved_v9());
    let after = |message: &[u8]| at_time(message, 0x6A00_2000);
    let data = |sequence| after(&v9(sequence, 1, &[set(256, "8.8.8.8")]));
    rig.expect(&data(0), &[data(6)]);
    rig.expect(&data(1), &[data(7)]);
    assert_eq!(rig.raw(Raw::UnknownTemplate), 2);
    let sent = rig.send(&after(&v9(2, 2, &[set(0, TEMPLATE), set(256, "8.8.8.8")])));
    let enriched = v9(
        8,
        3,
        &[
            set(0, TEMPLATE),
            set(0, CLONE),
            set(65535, "8.8.8.8 AS15169"),
        ],
    );
    assert_eq!(sent.last().map(|last| &last[20..]), Some(&enriched[20..]));
}

#[test]
fn an_ipfix_exporter_kept_running_if_neither_number_nor_time_is_behind() {
    let mut rig = Rig::new();
    rig.send(&ipfix(1000, &[set(2, TEMPLATE), set(256, "8.8.8.8")]));
    let state = rig.save();
    let data = |sequence, time| at_time(&ipfix(sequence, &[set(256, "8.8.8.8")]), time);
    for (sequence, time, is_enriched) in [
        (1001, 0x6A00_0000, true),
        (9000, 0x6A00_4000, true),
        (1000, 0x6A00_0000, false),
        (0, 0x6A00_4000, false),
        (1001, 0x69FF_FFFF, false),
    ] {
        let mut rig = restored(&state);
        let sent = rig.send(&data(sequence, time));
        assert_eq!(
            sent.last().unwrap().ends_with(&15_169_u32.to_be_bytes()),
            is_enriched,
            "{sequence} {time:x}"
        );
    }
}

#[test]
fn clone_ids_and_those_that_collectors_may_still_misread_are_kept() {
    let mut rig = Rig::with(without_hold());
    rig.send(&v9(1, 1, &[set(0, TEMPLATE)]));
    // Data under the clone's ID: the clone moves, the ID stays tainted.
    rig.send(&v9(2, 1, &[set(65535, "00*8")]));
    let mut rig = restored(&rig.save());
    let sent = rig.send(&v9(3, 1, &[set(256, "8.8.8.8")]));
    let last = sent.last().unwrap();
    assert_eq!(last[20..], v9(0, 0, &[set(65534, "8.8.8.8 AS15169")])[20..]);
    rig.send(&v9(4, 1, &[set(65535, "00*8")]));
    rig.pass(1000);
    rig.tick();
    assert_eq!(rig.sets_dropped(Dropped::IdTaken), 1);
}

#[test]
fn a_template_has_the_same_time_left_after_a_restart() {
    let mut rig = Rig::with(without_hold());
    rig.send(&v9(1, 1, &[set(0, "0100 0002 IE8/4 IE16/4")]));
    rig.pass(20 * 3_600_000);
    let mut rig = restored(&rig.save());
    rig.pass(16 * 3_600_000);
    rig.tick();
    assert_eq!(rig.mediator.sessions().count(), 1);
    rig.pass(1);
    rig.tick();
    assert_eq!(rig.mediator.sessions().count(), 0);
}

#[test]
fn only_the_exporters_of_this_worker_are_taken_over() {
    let state = saved_v9();
    let mut mediator = mediator::Mediator::new(settings(), 1);
    let now = mediator::Millis(5);
    assert_eq!(mediator.restore(&state, now, |_| false), Ok(0));
    assert_eq!(mediator.sessions().count(), 0);
    assert_eq!(mediator.restore(&state, now, |_| true), Ok(1));
    assert_eq!(mediator.sessions().count(), 1);
}

#[test]
fn a_state_that_was_cut_or_changed_is_refused_and_nothing_is_taken_over() {
    let state = saved_v9();
    let refused = |octets: &[u8]| {
        let mut mediator = mediator::Mediator::new(settings(), 1);
        let error = mediator.restore(octets, mediator::Millis(5), |_| true);
        assert_eq!(mediator.sessions().count(), 0);
        error.unwrap_err()
    };
    for end in 0..state.len() {
        refused(&state[..end]);
    }
    for at in 0..state.len() {
        let mut changed = state.clone();
        changed[at] ^= 0x10;
        refused(&changed);
    }
    assert_eq!(refused(b"another file"), StateError::Foreign);
    assert_eq!(refused(&state[..state.len() - 1]), StateError::Damaged);
}

#[test]
fn a_state_survives_being_saved_again_at_once() {
    let state = saved_v9();
    let mut rig = restored(&restored(&state).save());
    check(
        &rig.send(&v9(4, 1, &[set(256, "8.8.8.8")])),
        &[
            v9(6, 2, &[set(0, TEMPLATE), set(0, CLONE)]),
            v9(7, 1, &[set(65535, "8.8.8.8 AS15169")]),
        ],
    );
}
