//! IDs of clones: predictable, and never those of the exporter.

use mediator::{Dropped, Settings};

use crate::notation::{ipfix, of_domain, set, v9};
use crate::rig::{Rig, check, settings, without_hold};

const TEMPLATE: &str = "0100 0001 IE8/4";

/// A v9 rig whose clone of Template 256 was announced often enough; the next Message is 4, and it
/// leaves as 6.
fn taught(settings: Settings) -> Rig {
    let mut rig = Rig::with(settings);
    rig.send(&v9(1, 1, &[set(0, TEMPLATE)]));
    rig.send(&v9(2, 0, &[]));
    rig.send(&v9(3, 0, &[]));
    rig
}

#[test]
fn the_clone_of_a_template_mirrors_its_id() {
    let mut rig = Rig::new();
    let templates = "0100 0001 IE8/4  0101 0001 IE8/4  012c 0001 IE8/4  8000 0001 IE8/4";
    rig.expect(
        &v9(1, 4, &[set(0, templates)]),
        &[v9(
            1,
            8,
            &[
                set(0, templates),
                set(
                    0,
                    "ffff 0002 IE8/4 IE16/4  fffe 0002 IE8/4 IE16/4  ffd3 0002 IE8/4 IE16/4 \
                 80ff 0002 IE8/4 IE16/4",
                ),
            ],
        )],
    );
}

#[test]
fn an_id_that_the_exporter_uses_is_passed_over() {
    let mut rig = Rig::new();
    let own = "ffff 0002 IE8/4 IE16/4";
    rig.expect(
        &v9(1, 2, &[set(0, &format!("{own} {TEMPLATE}"))]),
        &[v9(
            1,
            3,
            &[
                set(0, &format!("{own} {TEMPLATE}")),
                set(0, "fffe 0002 IE8/4 IE16/4"),
            ],
        )],
    );
}

#[test]
fn a_clone_moves_before_the_exporter_defines_its_id() {
    let mut rig = taught(settings());
    let own = set(0, "ffff 0002 IE16/4 IE8/4");
    let moved = set(0, "fffe 0002 IE8/4 IE16/4");
    rig.expect(
        &v9(
            4,
            3,
            &[own.clone(), set(256, "8.8.8.8"), set(65535, "AS0 1.1.1.1")],
        ),
        &[v9(
            6,
            4,
            &[
                moved,
                own,
                set(65534, "8.8.8.8 AS15169"),
                set(65535, "AS13335 1.1.1.1"),
            ],
        )],
    );
    assert_eq!(rig.counters().id_moves, 1);
}

#[test]
fn a_clone_that_nobody_needs_any_more_takes_no_other_id() {
    let mut rig = taught(without_hold());
    let filled = [set(0, "0100 0002 IE8/4 IE16/4")];
    rig.expect(&v9(4, 1, &filled), &[v9(6, 1, &filled)]);
    let own = [set(0, "ffff 0002 IE8/4 IE16/4")];
    rig.expect(&v9(5, 1, &own), &[v9(7, 1, &own)]);
    // Where the clone would have moved to.
    let unknown = [set(65534, "1.1.1.1 AS7")];
    rig.expect(&v9(6, 1, &unknown), &[v9(8, 1, &unknown)]);
}

#[test]
fn data_under_the_id_of_a_clone_wait_and_are_never_passed_raw() {
    let mut rig = taught(settings());
    let stray = v9(4, 2, &[set(65535, "1.1.1.1 AS7"), set(256, "8.8.8.8")]);
    rig.expect(&stray, &[]);
    rig.pass(1000);
    // The clone has moved away, and the stray Set is gone.
    check(
        &rig.tick(),
        &[v9(
            6,
            2,
            &[
                set(0, "fffe 0002 IE8/4 IE16/4"),
                set(65534, "8.8.8.8 AS15169"),
            ],
        )],
    );
    assert_eq!(rig.sets_dropped(Dropped::IdTaken), 1);
    // As long as the exporter does not say what it means, more of it is dropped.
    rig.expect(&v9(5, 1, &[set(65535, "1.1.1.1 AS7")]), &[]);
    assert_eq!(rig.sets_dropped(Dropped::IdTaken), 2);
}

#[test]
fn data_under_an_id_that_was_a_clones_pass_once_the_exporter_defined_it() {
    let mut rig = taught(without_hold());
    rig.expect(
        &v9(4, 1, &[set(65535, "AS0 1.1.1.1")]),
        &[v9(6, 1, &[set(0, "fffe 0002 IE8/4 IE16/4")])],
    );
    let own = set(0, "ffff 0002 IE16/4 IE8/4");
    let clone = set(0, "fffe 0002 IE8/4 IE16/4");
    rig.expect(
        &v9(5, 2, &[own.clone(), set(65535, "AS0 1.1.1.1")]),
        &[
            v9(7, 1, &[clone]),
            v9(8, 2, &[own, set(65535, "AS13335 1.1.1.1")]),
        ],
    );
}

#[test]
fn a_broken_template_set_with_the_id_of_a_clone_moves_it_before_data_use_it() {
    let mut rig = taught(settings());
    let broken = set(0, "ffff 0001 IE1/4  0300 0009 IE1/4");
    rig.expect(
        &v9(4, 2, &[broken.clone(), set(256, "8.8.8.8")]),
        &[
            v9(
                6,
                2,
                &[
                    set(0, "fffe 0002 IE8/4 IE16/4"),
                    set(65534, "8.8.8.8 AS15169"),
                ],
            ),
            v9(7, 1, &[broken]),
        ],
    );
}

#[test]
fn all_ports_of_an_exporter_share_the_ids_of_clones_and_domains_do_not() {
    let mut rig = Rig::new();
    let message = v9(1, 2, &[set(0, TEMPLATE), set(256, "8.8.8.8")]);
    let enriched = v9(
        1,
        3,
        &[
            set(0, TEMPLATE),
            set(0, "ffff 0002 IE8/4 IE16/4"),
            set(65535, "8.8.8.8 AS15169"),
        ],
    );
    check(
        &rig.send_from(2000, &message),
        std::slice::from_ref(&enriched),
    );
    check(
        &rig.send_from(3000, &message),
        std::slice::from_ref(&enriched),
    );
    rig.expect(&of_domain(&message, 9), &[of_domain(&enriched, 9)]);
    // A Template that one port has under the ID moves the clones of all.
    let own = set(0, "ffff 0001 IE1/4");
    let moved = set(0, "fffe 0002 IE8/4 IE16/4");
    let from_3000 = rig.send_from(3000, &v9(2, 1, std::slice::from_ref(&own)));
    assert_eq!(from_3000.last(), Some(&v9(3, 2, &[moved.clone(), own])));
    check(
        &rig.send_from(2000, &v9(2, 1, &[set(256, "8.8.8.8")])),
        &[
            v9(2, 1, &[moved]),
            v9(3, 1, &[set(65534, "8.8.8.8 AS15169")]),
        ],
    );
}

#[test]
fn a_new_mediator_chooses_the_same_ids_whatever_the_order() {
    let templates = ["0100 0001 IE8/4", "0102 0001 IE12/4", "ffff 0001 IE1/4"];
    for order in [[2, 0, 1], [1, 2, 0], [0, 1, 2]] {
        let mut rig = Rig::new();
        for at in order {
            rig.send(&ipfix(0, &[set(2, templates[at])]));
        }
        // 65535 is the exporter's own; whether the clone of 256 moved or not, it has the next.
        let sent = rig.send(&ipfix(0, &[set(256, "8.8.8.8"), set(258, "8.8.8.8")]));
        let enriched = [set(65534, "8.8.8.8 AS15169"), set(65533, "8.8.8.8 AS15169")];
        assert_eq!(sent.last(), Some(&ipfix(0, &enriched)));
    }
}
