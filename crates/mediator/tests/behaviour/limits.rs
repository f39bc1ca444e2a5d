//! Every bound holds, and what cannot be remembered passes raw.

use mediator::{Limits, Raw, Settings};

use crate::notation::{ipfix, of_domain, set, v9};
use crate::rig::{Rig, settings, without_hold};

const FILL: &str = "0100 0002 IE8/4 IE16/4";

fn limited(limits: Limits) -> Rig {
    Rig::with(Settings {
        limits,
        ..without_hold()
    })
}

fn data(asn: u32) -> Vec<u8> {
    v9(2, 1, &[set(256, &format!("8.8.8.8 AS{asn}"))])
}

#[test]
fn a_flood_of_exporters_does_not_push_out_one_whose_data_are_read() {
    let mut rig = limited(Limits {
        sessions_max: 8,
        ..Limits::default()
    });
    rig.send(&v9(1, 1, &[set(0, FILL)]));
    rig.expect(&data(0), &[data(15_169)]);
    let known = rig.exporter;
    for nth in 0..2000_u32 {
        rig.exporter = (nth.to_be_bytes(), 1).into();
        let message = v9(1, 1, &[set(0, FILL)]);
        rig.expect(&message, std::slice::from_ref(&message));
        assert!(rig.mediator.sessions().count() <= 8);
    }
    rig.exporter = known;
    let sent = rig.send(&v9(3, 1, &[set(256, "8.8.8.8 AS0")]));
    assert_eq!(sent, [v9(3, 1, &[set(256, "8.8.8.8 AS15169")])]);
    assert!(rig.counters().store.sessions_evicted > 0);
}

#[test]
fn where_every_session_is_of_use_a_new_exporter_passes_unread() {
    let mut rig = limited(Limits {
        sessions_max: 2,
        ..Limits::default()
    });
    for domain in 0..2 {
        rig.send(&of_domain(
            &v9(1, 2, &[set(0, FILL), set(256, "8.8.8.8 AS0")]),
            domain,
        ));
    }
    let refused = of_domain(&v9(1, 2, &[set(0, FILL), set(256, "8.8.8.8 AS0")]), 2);
    rig.expect(&refused, std::slice::from_ref(&refused));
    assert_eq!(rig.counters().store.sessions_refused, 1);
}

#[test]
fn a_template_above_a_limit_passes_and_its_data_pass_raw() {
    let mut rig = limited(Limits {
        templates_per_session_max: 1,
        fields_max: 2,
        ..Limits::default()
    });
    rig.send(&v9(1, 1, &[set(0, FILL)]));
    let second = v9(
        2,
        2,
        &[set(0, "0101 0002 IE8/4 IE16/4"), set(257, "8.8.8.8 AS0")],
    );
    rig.expect(
        &second,
        &[
            v9(2, 1, &[set(0, "0101 0002 IE8/4 IE16/4")]),
            v9(3, 1, &[set(257, "8.8.8.8 AS0")]),
        ],
    );
    // A known Template that grows above a limit is forgotten: its data mean something else now.
    let grown = v9(
        3,
        2,
        &[
            set(0, "0100 0003 IE16/4 IE8/4 IE1/4"),
            set(256, "AS0 8.8.8.8 00*4"),
        ],
    );
    rig.expect(
        &grown,
        &[
            v9(4, 1, &[set(0, "0100 0003 IE16/4 IE8/4 IE1/4")]),
            v9(5, 1, &[set(256, "AS0 8.8.8.8 00*4")]),
        ],
    );
    assert_eq!(rig.counters().store.templates_refused, 2);
    assert_eq!(rig.raw(Raw::UnknownTemplate), 2);
}

#[test]
fn templates_of_all_sessions_stay_within_their_bytes() {
    let limits = Limits {
        templates_bytes_max: 20_000,
        ..Limits::default()
    };
    let mut rig = limited(limits);
    rig.send(&v9(1, 2, &[set(0, FILL), set(256, "8.8.8.8 AS0")]));
    for domain in 100..200 {
        for id in 256..260 {
            let template = set(0, &format!("{id:04x} 0002 IE8/4 IE1/4"));
            rig.send(&of_domain(&v9(id - 255, 1, &[template]), domain));
        }
    }
    let counters = rig.counters().store;
    assert!(counters.templates_refused + counters.sessions_evicted > 0);
    // The session whose data were read has lost nothing.
    rig.expect(&data(0), &[data(15_169)]);
}

#[test]
fn an_exporter_that_changes_its_port_all_the_time_becomes_one_session() {
    let mut rig = Rig::with(settings());
    for port in 1000..1016 {
        rig.send_from(port, &v9(1, 1, &[set(0, FILL)]));
    }
    assert_eq!(rig.counters().store.exporters_portless, 0);
    for port in 2000..2100 {
        let number = u32::from(port - 1999);
        let sent = rig.send_from(
            port,
            &v9(number, 2, &[set(0, FILL), set(256, "8.8.8.8 AS0")]),
        );
        assert_eq!(
            sent,
            [v9(number, 2, &[set(0, FILL), set(256, "8.8.8.8 AS15169")])]
        );
    }
    assert_eq!(rig.counters().store.exporters_portless, 1);
    assert_eq!(rig.mediator.sessions().count(), 17);
}

#[test]
fn sixteen_ports_in_a_minute_and_more_later_stay_sessions_of_their_own() {
    let mut rig = Rig::with(settings());
    for port in 1000..1016 {
        rig.send_from(port, &v9(1, 1, &[set(0, FILL)]));
    }
    rig.pass(60_001);
    rig.send_from(2000, &v9(1, 1, &[set(0, FILL)]));
    assert_eq!(rig.counters().store.exporters_portless, 0);
    assert_eq!(rig.mediator.sessions().count(), 17);
}

#[test]
fn the_domains_of_two_ports_are_not_taken_for_ports() {
    let mut rig = Rig::with(settings());
    let (narrow, wide) = ("0100 0001 IE8/4", "0100 0002 IE8/4 IE1/4");
    for domain in 0..12 {
        for (port, fields) in [(1000, narrow), (1001, wide)] {
            rig.send_from(port, &of_domain(&v9(1, 1, &[set(0, fields)]), domain));
        }
    }
    assert_eq!(rig.counters().store.exporters_portless, 0);
    assert_eq!(rig.mediator.sessions().count(), 24);
}

#[test]
fn ids_that_were_waited_for_in_vain_are_bounded_and_others_pass_at_once() {
    let mut rig = Rig::with(Settings {
        limits: Limits {
            waited_ids_max: 2,
            ..Limits::default()
        },
        ..settings()
    });
    let unknown = |id: u16| v9(1, 1, &[set(id, "00*8")]);
    for id in [300, 301] {
        assert!(rig.send(&unknown(id)).is_empty());
        rig.pass(1000);
        assert_eq!(rig.tick().len(), 1);
    }
    assert_eq!(rig.send(&unknown(302)).len(), 1);
    assert_eq!(rig.counters().holds, 2);
}

#[test]
fn a_session_that_was_silent_for_an_hour_and_has_no_template_is_forgotten() {
    let mut rig = limited(Limits::default());
    rig.send(&ipfix(0, &[]));
    rig.send(&of_domain(&ipfix(0, &[set(2, FILL)]), 8));
    rig.pass(3_600_000);
    rig.tick();
    assert_eq!(rig.mediator.sessions().count(), 2);
    rig.pass(1);
    rig.tick();
    assert_eq!(rig.mediator.sessions().count(), 1);
    assert_eq!(rig.counters().store.sessions_expired, 1);
    // The other is kept by its Template, until that expires.
    rig.pass(36 * 3_600_000);
    rig.tick();
    assert_eq!(rig.mediator.sessions().count(), 0);
}

#[test]
fn the_bytes_in_use_follow_what_is_remembered() {
    let mut rig = limited(Limits::default());
    assert_eq!(rig.mediator.bytes(), 0);
    rig.send(&v9(1, 1, &[set(0, FILL)]));
    let one = rig.mediator.bytes();
    assert!(one > 0);
    rig.send(&v9(2, 1, &[set(0, FILL)]));
    assert_eq!(
        rig.mediator.bytes(),
        one,
        "the same Template again takes nothing"
    );
    rig.pass(40 * 3_600_000);
    rig.tick();
    assert_eq!(rig.mediator.bytes(), 0);
}
