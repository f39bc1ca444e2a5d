//! Messages that outgrow the size limit are divided between Sets and between records.

use mediator::{Raw, Settings};

use crate::notation::{ipfix, octets, set, v9};
use crate::rig::{Rig, check, outlet, settings};

/// Room for 80 octets of Sets in a v9 Message, 84 in an IPFIX Message.
const PACKET_OCTETS_MAX: usize = 128;
const FIELDS: &str = "IE8/4 IE12/4 IE1/4";
const CAME: &str = "8.8.8.8 9.9.9.9 00000001 ";
/// 20 octets.
const GROWN: &str = "8.8.8.8 9.9.9.9 00000001 AS15169 AS0 ";

/// A rig with a small limit whose clone of Template 256 was announced as often as it needs.
fn taught_v9() -> Rig {
    let mut rig = small();
    rig.send(&v9(1, 1, &[set(0, &format!("0100 0003 {FIELDS}"))]));
    // The third copy leaves before Message 3, so Message 4 has the number 6.
    rig.send(&v9(2, 0, &[]));
    rig.send(&v9(3, 0, &[]));
    rig
}

fn taught_ipfix() -> Rig {
    let mut rig = small();
    rig.send(&ipfix(0, &[set(2, &format!("0100 0003 {FIELDS}"))]));
    rig.send(&ipfix(0, &[]));
    rig.send(&ipfix(0, &[]));
    rig
}

fn small() -> Rig {
    Rig::with(Settings {
        outlets: vec![outlet(PACKET_OCTETS_MAX)],
        ..settings()
    })
}

fn came(records: usize) -> Vec<u8> {
    set(256, &CAME.repeat(records))
}

fn grown(records: usize) -> Vec<u8> {
    set(65535, &GROWN.repeat(records))
}

#[test]
fn a_v9_set_is_divided_into_equal_parts_that_number_and_count_on() {
    let mut rig = taught_v9();
    rig.expect(
        &v9(4, 6, &[came(6)]),
        &[v9(6, 3, &[grown(3)]), v9(7, 3, &[grown(3)])],
    );
    assert_eq!(rig.counters().splits, 1);
    rig.expect(&v9(5, 1, &[came(1)]), &[v9(8, 1, &[grown(1)])]);
}

#[test]
fn an_ipfix_part_is_numbered_by_the_records_before_it() {
    let mut rig = taught_ipfix();
    rig.expect(
        &ipfix(1000, &[came(6)]),
        &[ipfix(1000, &[grown(3)]), ipfix(1003, &[grown(3)])],
    );
    rig.expect(&ipfix(1006, &[came(1)]), &[ipfix(1006, &[grown(1)])]);
}

#[test]
fn a_border_between_sets_is_preferred_to_one_between_records() {
    let mut rig = taught_v9();
    rig.expect(
        &v9(4, 4, &[came(1), came(3)]),
        &[v9(6, 1, &[grown(1)]), v9(7, 3, &[grown(3)])],
    );
}

#[test]
fn a_set_is_divided_where_a_border_between_sets_would_cost_a_further_message() {
    let mut rig = taught_ipfix();
    // 24 + 104 octets of Sets: two Messages of at most 84 only if the second Set is divided.
    rig.expect(
        &ipfix(0, &[came(1), came(5)]),
        &[ipfix(0, &[grown(1), grown(2)]), ipfix(3, &[grown(3)])],
    );
}

#[test]
fn ten_records_become_four_parts_none_above_the_limit() {
    let mut rig = taught_v9();
    rig.expect(
        &v9(4, 10, &[came(10)]),
        &[
            v9(6, 3, &[grown(3)]),
            v9(7, 3, &[grown(3)]),
            v9(8, 2, &[grown(2)]),
            v9(9, 2, &[grown(2)]),
        ],
    );
}

#[test]
fn each_part_of_a_v9_set_is_padded_with_zeros() {
    let mut rig = small();
    rig.send(&v9(1, 1, &[set(0, "0100 0002 IE8/4 IE70/3")]));
    rig.send(&v9(2, 0, &[]));
    rig.send(&v9(3, 0, &[]));
    let part = |records| set(65535, &("8.8.8.8 000011 AS15169 ".repeat(records) + "00"));
    rig.expect(
        &v9(4, 10, &[set(256, &("8.8.8.8 000011 ".repeat(10) + "00*2"))]),
        &[v9(6, 5, &[part(5)]), v9(7, 5, &[part(5)])],
    );
}

#[test]
fn records_of_variable_length_are_divided_where_they_end() {
    let mut rig = small();
    rig.send(&ipfix(0, &[set(2, "0100 0002 IE82/v IE8/4")]));
    rig.send(&ipfix(0, &[]));
    rig.send(&ipfix(0, &[]));
    rig.expect(
        &ipfix(
            7,
            &[set(
                256,
                "1e 61*30 8.8.8.8  0a 62*10 1.1.1.1  00 193.0.0.1  05 63*5 8.8.8.8",
            )],
        ),
        &[
            ipfix(7, &[set(65535, "1e 61*30 8.8.8.8 AS15169")]),
            ipfix(
                8,
                &[set(
                    65535,
                    "0a 62*10 1.1.1.1 AS13335  00 193.0.0.1 AS3333  05 63*5 8.8.8.8 AS15169",
                )],
            ),
        ],
    );
}

#[test]
fn what_came_too_large_is_divided_though_nothing_grows() {
    let mut rig = small();
    rig.send(&v9(1, 1, &[set(0, "0100 0002 IE8/4 IE16/4")]));
    let part = |records| set(256, &"8.8.8.8 AS15169 ".repeat(records));
    rig.expect(
        &v9(2, 12, &[set(256, &"8.8.8.8 AS0 ".repeat(12))]),
        &[v9(2, 6, &[part(6)]), v9(3, 6, &[part(6)])],
    );
    rig.expect(
        &v9(3, 1, &[set(256, "8.8.8.8 AS0")]),
        &[v9(4, 1, &[part(1)])],
    );
}

#[test]
fn a_message_of_exactly_the_limit_is_not_divided() {
    let mut rig = small();
    rig.send(&v9(1, 1, &[set(0, "0100 0002 IE8/4 IE16/4")]));
    // 20 + 4 + 9 × 8 = 96 octets, 100 with a Set of nothing behind it.
    let whole = |number| {
        let record = format!("8.8.8.8 AS{number} ");
        v9(2, 9, &[set(256, &record.repeat(9)), set(256, "")])
    };
    assert_eq!(whole(0).len(), 100);
    rig.expect(&whole(0), &[whole(15_169)]);
}

#[test]
fn a_record_above_the_limit_leaves_alone_whole_and_counted() {
    let mut rig = small();
    let template = set(2, "0100 0002 IE82/v IE8/4");
    let clone = set(2, "ffff 0003 IE82/v IE8/4 IE16/4");
    let large = "64 61*100 8.8.8.8";
    rig.expect(
        &ipfix(
            0,
            &[
                template.clone(),
                set(256, &format!("00 1.1.1.1 {large} 00 193.0.0.1")),
            ],
        ),
        &[
            ipfix(0, &[template, clone, set(65535, "00 1.1.1.1 AS13335")]),
            ipfix(1, &[set(65535, &format!("{large} AS15169"))]),
            ipfix(2, &[set(65535, "00 193.0.0.1 AS3333")]),
        ],
    );
    assert_eq!(rig.counters().oversize, 1);
}

#[test]
fn template_sets_are_divided_between_template_records_and_no_later_than_their_data() {
    let mut rig = small();
    let template = |id: u16| format!("{id:04x} 0005 IE1/4 IE2/4 IE4/1 IE5/1 IE6/1 ");
    let templates = [template(300), template(301), template(302), template(303)];
    rig.expect(
        &v9(
            1,
            5,
            &[set(0, &templates.concat()), set(303, "00*8 11 22 33 00")],
        ),
        &[
            v9(1, 2, &[set(0, &templates[..2].concat())]),
            v9(
                2,
                3,
                &[
                    set(0, &templates[2..].concat()),
                    set(303, "00*8 11 22 33 00"),
                ],
            ),
        ],
    );
}

#[test]
fn a_template_above_the_limit_leaves_alone_and_counted() {
    let mut rig = small();
    let large = format!("0100 0018 {}", "IE1/4 ".repeat(24));
    rig.expect(
        &v9(1, 2, &[set(0, &format!("{large} 0101 0001 IE1/4"))]),
        &[
            v9(1, 1, &[set(0, &large)]),
            v9(2, 1, &[set(0, "0101 0001 IE1/4")]),
        ],
    );
    assert_eq!(rig.counters().oversize, 1);
}

#[test]
fn what_cannot_be_divided_leaves_as_large_as_it_came() {
    let mut rig = Rig::with(Settings {
        hold_ms: 0,
        outlets: vec![outlet(PACKET_OCTETS_MAX)],
        ..settings()
    });
    let without_template = ipfix(0, &[set(300, "61*200")]);
    let malformed = [ipfix(0, &[set(300, "61*200")]), set(300, "61")].concat();
    let malformed = crate::notation::patched(&malformed, 2, "ffff");
    let unknown_version = [octets("0007"), vec![1; 200]].concat();
    for datagram in [without_template, malformed, unknown_version] {
        rig.expect(&datagram, std::slice::from_ref(&datagram));
    }
    assert_eq!(rig.counters().oversize, 3);
}

#[test]
fn an_announcement_is_divided_like_any_message() {
    let mut rig = small();
    let fields = "IE1/4 IE2/4 IE3/4 IE4/1 ";
    let template = |id: u16| format!("{id:04x} 0004 {fields}");
    let templates: Vec<String> = (300..305).map(template).collect();
    for (nth, template) in (0..).zip(&templates) {
        rig.send(&v9(nth, 1, &[set(0, template)]));
    }
    rig.announce_again();
    check(
        &rig.send(&v9(5, 1, &[set(304, "00*13 00*3")])),
        &[
            v9(5, 2, &[set(0, &templates[..2].concat())]),
            v9(6, 3, &[set(0, &templates[2..].concat())]),
            v9(7, 1, &[set(304, "00*13 00*3")]),
        ],
    );
}

#[test]
fn a_record_that_would_outgrow_every_datagram_leaves_as_it_came() {
    let mut rig = small();
    let template = set(2, "0100 0003 IE82/v IE8/4 IE17/2");
    rig.send(&ipfix(0, std::slice::from_ref(&template)));
    rig.send(&ipfix(0, &[]));
    rig.send(&ipfix(0, &[]));
    // The largest UDP payload over IPv4.
    let large = ipfix(0, &[set(256, "ff ffc6 61*65478 8.8.8.8 AS0/2")]);
    assert_eq!(large.len(), 65_507);
    rig.expect(&large, std::slice::from_ref(&large));
    assert_eq!(rig.raw(Raw::TooLarge), 1);
    assert_eq!(rig.counters().records.appended, 0);
    rig.expect(
        &ipfix(1, &[set(256, "ff ffb0 61*65456 8.8.8.8 AS0/2")]),
        &[ipfix(
            1,
            &[set(65535, "ff ffb0 61*65456 8.8.8.8 AS0/2 AS15169")],
        )],
    );
}
