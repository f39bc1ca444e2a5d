//! NetFlow v5: fixed records, 16-bit AS fields, nothing grows.

use mediator::settings::Misfit;
use mediator::{Dropped, Settings};

use crate::notation::{octets, patched, v5, v5_record};
use crate::rig::{Rig, outlet, settings};

#[test]
fn as_numbers_are_filled_where_they_are_and_the_rest_stays() {
    let mut rig = Rig::new();
    rig.expect(
        &v5(
            70,
            &[
                v5_record("8.8.8.8 1.1.1.1", "AS0/2 AS0/2", "18 18"),
                v5_record("193.0.0.1 9.9.9.9", "AS65535/2 AS23456/2", "15 00"),
            ],
        ),
        &[v5(
            70,
            &[
                v5_record("8.8.8.8 1.1.1.1", "AS15169/2 AS13335/2", "18 18"),
                v5_record("193.0.0.1 9.9.9.9", "AS3333/2 AS23456/2", "15 00"),
            ],
        )],
    );
    assert_eq!(rig.counters().records.filled, 3);
}

#[test]
fn an_as_number_above_16_bits_becomes_as_trans_and_is_counted() {
    let mut rig = Rig::new();
    rig.expect(
        &v5(
            0,
            &[v5_record("34.64.0.1 8.8.8.8", "AS0/2 AS15169/2", "0a 18")],
        ),
        &[v5(
            0,
            &[v5_record(
                "34.64.0.1 8.8.8.8",
                "AS23456/2 AS15169/2",
                "0a 18",
            )],
        )],
    );
    assert_eq!(rig.counters().records.as_trans, 1);
}

#[test]
fn more_than_thirty_records_are_read_if_the_datagram_holds_them() {
    let mut rig = Rig::with(Settings {
        outlets: vec![outlet(4000)],
        ..settings()
    });
    let came = vec![v5_record("8.8.8.8 1.1.1.1", "AS0/2 AS0/2", "18 18"); 31];
    let filled = vec![v5_record("8.8.8.8 1.1.1.1", "AS15169/2 AS13335/2", "18 18"); 31];
    rig.expect(&v5(0, &came), &[v5(0, &filled)]);
}

#[test]
fn a_count_above_what_the_datagram_holds_passes_unchanged_or_is_dropped() {
    let record = v5_record("8.8.8.8 1.1.1.1", "AS0/2 AS0/2", "18 18");
    let lying = patched(&v5(0, &[record.clone(), record]), 2, "0003");
    let mut rig = Rig::new();
    rig.expect(&lying, std::slice::from_ref(&lying));
    assert_eq!(rig.counters().malformed, 1);

    let mut rig = Rig::with(Settings {
        malformed: Misfit::Drop,
        ..settings()
    });
    rig.expect(&lying, &[]);
    rig.expect(&lying[..23], &[]);
    assert_eq!(rig.dropped(Dropped::Malformed), 2);
}

#[test]
fn octets_behind_the_records_stay() {
    let mut rig = Rig::new();
    let with_tail = |as_numbers| {
        let datagram = v5(0, &[v5_record("8.8.8.8 1.1.1.1", as_numbers, "18 18")]);
        [datagram, octets("0102030405")].concat()
    };
    rig.expect(
        &with_tail("AS0/2 AS0/2"),
        &[with_tail("AS15169/2 AS13335/2")],
    );
}

#[test]
fn sequence_numbers_sampling_and_engine_are_the_exporters() {
    let mut rig = Rig::new();
    let record = v5_record("9.9.9.9 9.9.9.9", "AS0/2 AS0/2", "00 00");
    for sequence in [5, 4000, 0, u32::MAX] {
        let datagram = v5(sequence, std::slice::from_ref(&record));
        rig.expect(&datagram, std::slice::from_ref(&datagram));
    }
}

#[test]
fn a_datagram_above_the_size_is_divided_and_each_part_counts_on() {
    let mut rig = Rig::with(Settings {
        // Room for a header and two records.
        outlets: vec![outlet(28 + 24 + 96)],
        ..settings()
    });
    let record = |address, as_numbers| {
        let addresses = format!("{address} 9.9.9.9");
        v5_record(&addresses, as_numbers, "18 18")
    };
    rig.expect(
        &v5(
            10,
            &[
                record("8.8.8.8", "AS0/2 AS0/2"),
                record("1.1.1.1", "AS0/2 AS0/2"),
                record("193.0.0.1", "AS0/2 AS0/2"),
            ],
        ),
        &[
            v5(
                10,
                &[
                    record("8.8.8.8", "AS15169/2 AS0/2"),
                    record("1.1.1.1", "AS13335/2 AS0/2"),
                ],
            ),
            v5(12, &[record("193.0.0.1", "AS3333/2 AS0/2")]),
        ],
    );
    assert_eq!(rig.counters().splits, 1);
}
