//! AS fields that the Template has are filled where they are.

use mediator::Settings;
use mediator::settings::{Enrich, MissingFields};

use crate::notation::{ipfix, octets, set, v9};
use crate::rig::{Rig, check, settings};

/// Source, destination, AS fields of four octets.
const TEMPLATE: &str = "0100 0004 IE8/4 IE12/4 IE16/4 IE17/4";

/// A rig that knows Template 256 of v9, and what the next Sequence Number is: 2.
fn taught(template: &str) -> Rig {
    let mut rig = Rig::new();
    let announced = v9(1, 1, &[set(0, template)]);
    rig.expect(&announced, std::slice::from_ref(&announced));
    rig
}

#[test]
fn zeros_are_filled_and_nothing_else_changes() {
    let mut rig = taught("0100 0006 IE1/4 IE8/4 IE16/4 IE12/4 IE17/4 IE4/1");
    rig.expect(
        &v9(
            2,
            2,
            &[set(
                256,
                "00000064 8.8.8.8 AS0 1.1.1.1 AS0 06  000000c8 193.0.0.1 AS0 8.8.8.8 AS0 11 0000",
            )],
        ),
        &[v9(
            2,
            2,
            &[set(
                256,
                "00000064 8.8.8.8 AS15169 1.1.1.1 AS13335 06 \
             000000c8 193.0.0.1 AS3333 8.8.8.8 AS15169 11 0000",
            )],
        )],
    );
    assert_eq!(rig.counters().records.filled, 4);
}

#[test]
fn an_ipfix_message_is_filled_in_place() {
    let mut rig = Rig::new();
    let data = |source, destination| {
        let record = format!("8.8.8.8 1.1.1.1 {source} {destination}");
        set(256, &record)
    };
    rig.expect(
        &ipfix(10, &[set(2, TEMPLATE), data("AS0", "AS0")]),
        &[ipfix(10, &[set(2, TEMPLATE), data("AS15169", "AS13335")])],
    );
    rig.expect(
        &ipfix(11, &[data("AS0", "AS0")]),
        &[ipfix(11, &[data("AS15169", "AS13335")])],
    );
}

#[test]
fn a_usable_as_number_of_the_router_stays_and_the_difference_is_counted() {
    let mut rig = taught(TEMPLATE);
    let came = v9(2, 1, &[set(256, "8.8.8.8 1.1.1.1 AS15169 AS6939")]);
    rig.expect(&came, std::slice::from_ref(&came));
    let records = rig.counters().records;
    assert_eq!((records.kept, records.both_sides().disagreements), (2, 1));
    assert_eq!(rig.seen[0].destination.disagrees, Some(asdb::Asn(13_335)));
}

#[test]
fn reserved_values_mean_that_the_router_does_not_know() {
    for reserved in [
        0,
        23_456,
        64_496,
        64_511,
        65_535,
        65_536,
        65_551,
        65_552,
        131_071,
        u32::MAX,
    ] {
        let mut rig = taught(TEMPLATE);
        rig.expect(
            &v9(
                2,
                1,
                &[set(
                    256,
                    &format!("8.8.8.8 9.9.9.9 AS{reserved} AS{reserved}"),
                )],
            ),
            // Nobody knows 9.9.9.9: the octets stay.
            &[v9(
                2,
                1,
                &[set(256, &format!("8.8.8.8 9.9.9.9 AS15169 AS{reserved}"))],
            )],
        );
    }
}

#[test]
fn a_private_as_number_of_the_router_is_an_answer() {
    for private in [64_512_u32, 65_534, 4_200_000_000, 4_294_967_294] {
        let mut rig = taught(TEMPLATE);
        let came = v9(
            2,
            1,
            &[set(256, &format!("8.8.8.8 1.1.1.1 AS{private} AS13335"))],
        );
        rig.expect(&came, std::slice::from_ref(&came));
    }
}

#[test]
fn fields_of_five_to_eight_octets_are_filled_with_leading_zeros() {
    let mut rig = taught("0100 0004 IE8/4 IE12/4 IE16/8 IE17/5");
    rig.expect(
        &v9(2, 1, &[set(256, "8.8.8.8 34.64.0.1 AS0/8 AS0/5 00*3")]),
        &[v9(
            2,
            1,
            &[set(256, "8.8.8.8 34.64.0.1 AS15169/8 AS396982/5 00*3")],
        )],
    );
}

#[test]
fn of_repeated_as_fields_the_last_is_what_the_router_says_and_all_are_filled() {
    let mut rig = taught("0100 0003 IE8/4 IE16/4 IE16/4");
    rig.expect(
        &v9(
            2,
            3,
            &[set(
                256,
                "8.8.8.8 AS0 AS0  8.8.8.8 AS0 AS6939  8.8.8.8 AS6939 AS0",
            )],
        ),
        &[v9(
            2,
            3,
            &[set(
                256,
                "8.8.8.8 AS15169 AS15169  8.8.8.8 AS0 AS6939  8.8.8.8 AS15169 AS15169",
            )],
        )],
    );
}

#[test]
fn an_as_field_without_an_address_is_never_written() {
    let mut rig = taught("0100 0003 IE8/4 IE16/4 IE17/4");
    rig.expect(
        &v9(2, 1, &[set(256, "8.8.8.8 AS0 AS0")]),
        &[v9(2, 1, &[set(256, "8.8.8.8 AS15169 AS0")])],
    );
}

#[test]
fn records_of_variable_length_are_filled_and_keep_the_form_of_their_lengths() {
    let mut rig = Rig::new();
    let template = set(2, "0100 0004 IE8/4 IE82/v IE16/4 IE94/v");
    // A length of five in the three-octet form is legal [RFC 7011 §7].
    let data = |first, second| {
        let content = format!(
            "8.8.8.8 04 \"ge-0\" {first} 00  193.0.0.1 ff 0005 \"ge-11\" {second} 02 \"ab\""
        );
        set(256, &content)
    };
    rig.expect(
        &ipfix(0, &[template.clone(), data("AS0", "AS0")]),
        &[ipfix(0, &[template, data("AS15169", "AS3333")])],
    );
}

#[test]
fn an_enterprise_field_with_the_number_of_an_as_field_is_none() {
    let mut rig = Rig::new();
    let template = set(2, "0100 0002 IE8/4 IE16/4@35632");
    let clone = set(2, "ffff 0003 IE8/4 IE16/4@35632 IE16/4");
    rig.expect(
        &ipfix(0, &[template.clone(), set(256, "8.8.8.8 AS0")]),
        &[ipfix(
            0,
            &[template, clone, set(65535, "8.8.8.8 AS0 AS15169")],
        )],
    );
}

#[test]
fn a_dry_run_counts_and_writes_nothing() {
    let mut with_dry_run = settings();
    with_dry_run.otherwise.enrich = Enrich::DryRun;
    let mut rig = Rig::with(with_dry_run);
    for message in [
        v9(
            1,
            2,
            &[set(0, TEMPLATE), set(256, "8.8.8.8 1.1.1.1 AS0 AS0")],
        ),
        v9(2, 2, &[set(0, "0101 0001 IE8/4"), set(257, "8.8.8.8")]),
    ] {
        rig.expect(&message, std::slice::from_ref(&message));
    }
    let records = rig.counters().records;
    assert_eq!((records.filled, records.appended), (2, 1));
}

#[test]
fn an_exporter_that_is_switched_off_passes_as_it_came() {
    let mut switched_off = settings();
    switched_off.otherwise.enrich = Enrich::Off;
    let mut rig = Rig::with(switched_off);
    let message = v9(
        1,
        2,
        &[set(0, TEMPLATE), set(256, "8.8.8.8 1.1.1.1 AS0 AS0")],
    );
    rig.expect(&message, std::slice::from_ref(&message));
    assert_eq!(rig.raw(mediator::Raw::SwitchedOff), 1);
}

#[test]
fn where_templates_must_stay_a_narrow_field_takes_what_fits_and_as_trans_otherwise() {
    let mut rig = Rig::with(Settings {
        missing_fields: MissingFields::Leave,
        ..settings()
    });
    let template = set(0, "0100 0004 IE8/4 IE12/4 IE16/2 IE17/2");
    rig.expect(
        &v9(
            1,
            2,
            &[template.clone(), set(256, "8.8.8.8 34.64.0.1 AS0/2 AS0/2")],
        ),
        &[v9(
            1,
            2,
            &[template, set(256, "8.8.8.8 34.64.0.1 AS15169/2 AS23456/2")],
        )],
    );
    assert_eq!(rig.counters().records.as_trans, 1);
    let plain = v9(2, 2, &[set(0, "0101 0001 IE8/4"), set(257, "8.8.8.8")]);
    rig.expect(&plain, std::slice::from_ref(&plain));
    assert_eq!(rig.raw(mediator::Raw::NoAsField), 1);
}

#[test]
fn filling_more_records_than_are_looked_up_together_fills_every_one() {
    let mut rig = taught("0100 0002 IE8/4 IE16/4");
    let came = "8.8.8.8 AS0 ".repeat(150);
    let filled = "8.8.8.8 AS15169 ".repeat(150);
    let sent = rig.send(&v9(2, 150, &[set(256, &came)]));
    check(&sent, &[v9(2, 150, &[set(256, &filled)])]);
    assert_eq!(sent[0].len(), 20 + 4 + octets(&came).len());
}
