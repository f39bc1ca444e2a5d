//! What particular exporters do that documents do not foresee [PROTOCOL 4].

use mediator::settings::AddressChoice;
use mediator::{Raw, Settings};

use crate::notation::{ipfix, octets, patched, set, v9};
use crate::rig::{Rig, check, settings, without_hold};

const FILL: &str = "0100 0002 IE8/4 IE16/4";

#[test]
fn a_tail_of_zeros_behind_the_last_set_does_not_leave() {
    for tail in ["00*4", "00*60", "00*1220"] {
        let message = |asn| v9(1, 2, &[set(0, FILL), set(256, &format!("8.8.8.8 AS{asn}"))]);
        let mut rig = Rig::new();
        rig.expect(&[message(0), octets(tail)].concat(), &[message(15_169)]);
        assert_eq!(rig.counters().tail_octets, octets(tail).len() as u64);
        assert_eq!(rig.counters().malformed, 0);
    }
    // IPFIX: the zeros are within the Message's Length.
    let mut rig = Rig::new();
    let padded = [ipfix(0, &[set(2, FILL)]), octets("00*8")].concat();
    let padded = patched(&padded, 2, "0028");
    rig.expect(&padded, &[ipfix(0, &[set(2, FILL)])]);
}

#[test]
fn fields_of_no_octets_are_kept_while_a_record_has_any() {
    let mut rig = Rig::new();
    let template = set(0, "0100 0005 IE8/4 0000 0000 0000 0000 IE12/4 0000 0000");
    let clone = set(
        0,
        "ffff 0007 IE8/4 0000 0000 0000 0000 IE12/4 0000 0000 IE16/4 IE17/4",
    );
    rig.expect(
        &v9(1, 2, &[template.clone(), set(256, "8.8.8.8 1.1.1.1")]),
        &[v9(
            1,
            3,
            &[
                template,
                clone,
                set(65535, "8.8.8.8 1.1.1.1 AS15169 AS13335"),
            ],
        )],
    );
}

#[test]
fn an_options_scope_of_no_octets_and_no_scope_at_all_pass() {
    let mut rig = Rig::new();
    // Scope System of length 0, then an Options Template without a scope.
    for options in [
        "0101 0004 0008 IE1/0 IE34/4 IE36/2 00*2",
        "0101 0000 0004 IE34/4 00*2",
    ] {
        let octets = if options.contains("IE36") {
            "0000000a 0001 00*2"
        } else {
            "0000000a"
        };
        let message = v9(1, 2, &[set(1, options), set(257, octets)]);
        rig.expect(&message, std::slice::from_ref(&message));
    }
    assert_eq!(rig.counters().broken_templates, 0);
    assert_eq!(rig.raw(Raw::Options), 2);
}

#[test]
fn a_v9_field_of_length_65535_is_of_variable_length() {
    let mut rig = Rig::new();
    let template = set(0, "0100 0003 IE8/4 IE236/v IE16/4");
    rig.expect(
        &v9(
            1,
            3,
            &[
                template.clone(),
                set(256, "8.8.8.8 03 \"vpn\" AS0  1.1.1.1 00 AS0 00*3"),
            ],
        ),
        &[v9(
            1,
            3,
            &[
                template,
                set(256, "8.8.8.8 03 \"vpn\" AS15169  1.1.1.1 00 AS13335 00*3"),
            ],
        )],
    );
}

#[test]
fn v9_field_types_above_32767_have_no_enterprise_number() {
    let mut rig = Rig::new();
    let template = set(0, "0100 0005 IE8/4 IE33002/2 IE12/4 IE57590/2 IE35001/4");
    let clone = set(
        0,
        "ffff 0007 IE8/4 IE33002/2 IE12/4 IE57590/2 IE35001/4 IE16/4 IE17/4",
    );
    let record = "8.8.8.8 07e1 1.1.1.1 0001 00000002";
    rig.expect(
        &v9(1, 2, &[template.clone(), set(256, record)]),
        &[v9(
            1,
            3,
            &[
                template,
                clone,
                set(65535, &format!("{record} AS15169 AS13335")),
            ],
        )],
    );
}

#[test]
fn v9_with_enterprise_numbers_is_not_guessed_at() {
    let mut rig = Rig::with(without_hold());
    // Two fields, one with an Enterprise Number behind it: the set is longer than its records.
    let template = set(0, "0100 0002 IE8/4 IE137/4@2636");
    let message = v9(1, 2, &[template, set(256, "8.8.8.8 00000001")]);
    rig.expect(&message, std::slice::from_ref(&message));
    assert_eq!(rig.raw(Raw::BrokenTemplate), 1);
}

#[test]
fn sets_that_are_not_aligned_are_read_and_ours_are_aligned() {
    let mut rig = Rig::new();
    rig.send(&v9(
        1,
        1,
        &[set(
            0,
            "0100 0002 IE8/4 IE4/1  0101 0003 IE8/4 IE4/1 IE16/4",
        )],
    ));
    rig.send(&v9(2, 0, &[]));
    rig.send(&v9(3, 0, &[]));
    rig.expect(
        &v9(
            4,
            3,
            &[
                set(256, "8.8.8.8 06"),
                set(257, "1.1.1.1 11 AS0"),
                set(256, "193.0.0.1 06 8.8.8.8 11"),
            ],
        ),
        &[v9(
            6,
            4,
            &[
                set(65535, "8.8.8.8 06 AS15169 00*3"),
                set(257, "1.1.1.1 11 AS13335"),
                set(65535, "193.0.0.1 06 AS3333  8.8.8.8 11 AS15169 00*2"),
            ],
        )],
    );
}

#[test]
fn a_set_with_garbage_behind_its_records_passes_raw() {
    let mut rig = Rig::new();
    rig.send(&v9(1, 1, &[set(0, "0100 0002 IE8/4 IE1/24")]));
    let came = v9(2, 1, &[set(256, "8.8.8.8 00*24 de*17")]);
    let clone = set(0, "ffff 0003 IE8/4 IE1/24 IE16/4");
    rig.expect(&came, &[v9(2, 1, &[clone]), patched(&came, 12, "00000003")]);
    assert_eq!(rig.raw(Raw::Misfit), 1);
}

#[test]
fn padding_that_is_not_zero_is_no_fault_and_ours_is_zero() {
    let mut rig = Rig::new();
    let options = set(1, "0101 0004 0004 IE1/4 IE34/4 2d67");
    let template = set(0, "0100 0002 IE8/4 IE4/1 ");
    let clone = set(0, "ffff 0003 IE8/4 IE4/1 IE16/4");
    rig.expect(
        &v9(
            1,
            3,
            &[
                options.clone(),
                template.clone(),
                set(256, "8.8.8.8 06 ab cd ef"),
            ],
        ),
        &[v9(
            1,
            4,
            &[
                options,
                template,
                clone,
                set(65535, "8.8.8.8 06 AS15169 00*3"),
            ],
        )],
    );
}

#[test]
fn an_options_template_with_a_wrong_length_takes_no_other_set_with_it() {
    let mut rig = Rig::new();
    for wrong in [
        // No options at all though fields follow; nine octets of options.
        "0101 0004 0000 IE1/4 IE34/4",
        "0101 0004 0009 IE1/4 IE34/4 IE35/1",
    ] {
        let good = [set(0, FILL), set(256, "8.8.8.8 AS15169")];
        let broken = set(1, wrong);
        let came = [good[0].clone(), broken.clone(), good[1].clone()];
        rig.expect(&v9(1, 3, &came), &[v9(1, 2, &good), v9(2, 1, &[broken])]);
        rig = Rig::new();
    }
}

#[test]
fn templates_that_flap_leave_data_raw_that_do_not_fit() {
    let mut rig = Rig::with(without_hold());
    rig.send(&v9(1, 1, &[set(0, "0100 0003 IE27/16 IE28/16 IE16/4")]));
    // The refresh describes IPv4, the records are IPv6.
    rig.send(&v9(2, 1, &[set(0, "0100 0004 IE8/4 IE12/4 IE16/4 IE1/4")]));
    let clone = "ffff 0005 IE8/4 IE12/4 IE16/4 IE1/4 IE17/4";
    let record = "2606:4700::1 2001:67c:2e8::1 AS6939";
    rig.expect(
        &v9(3, 1, &[set(256, record)]),
        &[v9(4, 1, &[set(0, clone)]), v9(5, 1, &[set(256, record)])],
    );
    assert_eq!((rig.raw(Raw::Misfit), rig.counters().redefinitions), (1, 1));
}

#[test]
fn events_of_a_firewall_are_enriched_on_their_addresses_or_those_after_translation() {
    let template = set(
        0,
        "0100 0006 IE8/4 IE12/4 IE40001/4 IE40002/4 IE33002/2 IE233/1",
    );
    let clone = set(
        0,
        "ffff 0008 IE8/4 IE12/4 IE40001/4 IE40002/4 IE33002/2 IE233/1 IE16/4 IE17/4",
    );
    let record = "192.168.7.7 1.1.1.1 8.8.8.8 1.1.1.1 07e1 02";
    let message = v9(1, 2, &[template.clone(), set(256, &format!("{record} 00"))]);
    let enriched = |source| {
        let record = format!("{record} AS{source} AS13335 00");
        v9(
            1,
            3,
            &[template.clone(), clone.clone(), set(65535, &record)],
        )
    };
    let mut rig = Rig::new();
    rig.expect(&message, &[enriched(0)]);
    let mut post_nat = settings();
    post_nat.otherwise.address = AddressChoice::PostNatIfPrivate;
    let mut rig = Rig::with(post_nat);
    rig.expect(&message, &[enriched(15_169)]);
}

#[test]
fn a_nat_event_without_both_addresses_is_about_a_pool_and_left_alone() {
    let mut rig = Rig::new();
    let message = ipfix(
        0,
        &[
            set(2, "0100 0003 IE230/1 IE283/4 IE8/4"),
            set(256, "0c 00000001 8.8.8.8"),
        ],
    );
    rig.expect(&message, std::slice::from_ref(&message));
    assert_eq!(rig.raw(Raw::NoAddress), 1);
    let session = ipfix(
        0,
        &[
            set(
                2,
                "0101 0003 IE230/1 IE8/4 IE16/4  0102 0003 IE230/1 IE12/4 IE8/4",
            ),
            set(258, "04 1.1.1.1 8.8.8.8"),
        ],
    );
    let sent = rig.send(&session);
    assert_eq!(&sent[0][sent[0].len() - 8..], octets("AS15169 AS13335"));
}

#[test]
fn one_record_in_each_set_stays_one_record_in_each_set() {
    let mut rig = Rig::new();
    rig.send(&v9(1, 1, &[set(0, "0100 0002 IE8/4 IE70/3")]));
    rig.send(&v9(2, 0, &[]));
    rig.send(&v9(3, 0, &[]));
    let came = vec![set(256, "8.8.8.8 000011 00"); 17];
    let enriched = vec![set(65535, "8.8.8.8 000011 AS15169 00"); 17];
    // The exporter counts its Sets; here that is the same.
    rig.expect(&v9(4, 17, &came), &[v9(6, 17, &enriched)]);
}

#[test]
fn padding_octets_fields_are_fields() {
    let mut rig = Rig::new();
    let template = set(2, "0100 0004 IE210/3 IE8/4 IE210/1 IE210/v");
    let clone = set(2, "ffff 0005 IE210/3 IE8/4 IE210/1 IE210/v IE16/4");
    rig.expect(
        &ipfix(
            0,
            &[template.clone(), set(256, "aabbcc 8.8.8.8 dd 02 eeff")],
        ),
        &[ipfix(
            0,
            &[
                template,
                clone,
                set(65535, "aabbcc 8.8.8.8 dd 02 eeff AS15169"),
            ],
        )],
    );
}

#[test]
fn enterprise_fields_of_every_length_and_place_are_kept() {
    let mut rig = Rig::new();
    let fields = "IE1/v@10704 IE8/4 IE880/2@6876 IE12/4 IE2/v@637 IE32767/1@4294967295";
    let template = set(2, &format!("0100 0006 {fields}"));
    let clone = set(2, &format!("ffff 0008 {fields} IE16/4 IE17/4"));
    let options = set(3, "0101 0003 0002 IE5/4@5951 IE149/4 IE7/v@29305");
    let record = "03 616263 8.8.8.8 0001 1.1.1.1 00 7f";
    rig.expect(
        &ipfix(
            0,
            &[
                options.clone(),
                set(257, "00000001 00000007 02 6162"),
                template.clone(),
                set(256, record),
            ],
        ),
        &[ipfix(
            0,
            &[
                options,
                set(257, "00000001 00000007 02 6162"),
                template,
                clone,
                set(65535, &format!("{record} AS15169 AS13335")),
            ],
        )],
    );
}

#[test]
fn structured_data_are_opaque_and_the_templates_they_refer_to_stay() {
    let mut rig = Rig::new();
    // YAF: a sub-Template, and a main Template with a subTemplateMultiList of it.
    let sub = "c003 0002 IE8/4 IE16/4";
    let main = "b311 0003 IE8/4 IE293/v IE292/v";
    let template = set(2, &format!("{sub} {main}"));
    let clone = set(2, "4dee 0004 IE8/4 IE293/v IE292/v IE16/4");
    // Semantic all-of, Template 49155, length 12, one record; then an empty list.
    let nested = "ff 000d 03 c003 000c 8.8.8.8 AS0";
    let record = format!("1.1.1.1 {nested} 03 ff c003");
    rig.expect(
        &ipfix(
            0,
            &[
                template.clone(),
                set(0xB311, &record),
                set(0xC003, "8.8.8.8 AS0"),
            ],
        ),
        &[ipfix(
            0,
            &[
                template,
                clone,
                set(0x4DEE, &format!("{record} AS13335")),
                set(0xC003, "8.8.8.8 AS15169"),
            ],
        )],
    );
}

#[test]
fn reverse_elements_are_not_taken_for_addresses_or_as_fields() {
    let mut rig = Rig::new();
    let fields = "IE8/4@29305 IE16/4@29305 IE12/4 IE17/4";
    let template = set(2, &format!("0100 0004 {fields}"));
    rig.expect(
        &ipfix(0, &[template.clone(), set(256, "8.8.8.8 AS0 1.1.1.1 AS0")]),
        &[ipfix(
            0,
            &[template, set(256, "8.8.8.8 AS0 1.1.1.1 AS13335")],
        )],
    );
}

#[test]
fn options_data_that_do_not_fit_pass_raw_behind_the_others() {
    let mut rig = Rig::new();
    let options = set(1, "0101 0004 0008 IE1/4 IE34/4 IE35/1 00*2");
    let (fits, long) = (set(257, "00000001 0000000a 01 00*3"), set(257, "11*16"));
    let (short, flows) = (set(257, "22*5"), set(0, FILL));
    rig.expect(
        &v9(
            1,
            4,
            &[
                options.clone(),
                long.clone(),
                fits.clone(),
                short.clone(),
                flows.clone(),
            ],
        ),
        &[v9(1, 3, &[options, fits, flows]), v9(2, 2, &[long, short])],
    );
    assert_eq!(rig.raw(Raw::Misfit), 2);
}

#[test]
fn two_ipfix_messages_in_one_datagram_are_two_messages() {
    let mut rig = Rig::new();
    let first = |asn| ipfix(0, &[set(2, FILL), set(256, &format!("8.8.8.8 AS{asn}"))]);
    let second = |asn| ipfix(1, &[set(256, &format!("1.1.1.1 AS{asn}"))]);
    rig.expect(
        &[first(0), second(0)].concat(),
        &[first(15_169), second(13_335)],
    );
    assert_eq!(rig.counters().messages_in, 2);
    // What is behind the last and is none does not leave.
    for tail in ["00*5", "000a 0005", "0009 0001 00*20", "000a ffff 00*20"] {
        rig.expect(&[second(0), octets(tail)].concat(), &[second(13_335)]);
    }
    assert_eq!(rig.counters().malformed, 0);
}

#[test]
fn a_template_of_many_fields_is_enriched() {
    let mut rig = Rig::with(Settings {
        hold_ms: 0,
        ..settings()
    });
    let fields = format!("IE8/4 {}", "IE1/4 ".repeat(300));
    let template = set(2, &format!("0100 012d {fields}"));
    let clone = set(2, &format!("ffff 012e {fields} IE16/4"));
    let record = "8.8.8.8 00*280 00*280 00*280 00*280 00*80".to_owned();
    rig.send(&ipfix(0, std::slice::from_ref(&template)));
    check(
        &rig.send(&ipfix(0, &[set(256, &record)])),
        &[
            ipfix(0, &[clone]),
            ipfix(0, &[set(65535, &format!("{record} AS15169"))]),
        ],
    );
}

#[test]
fn more_places_of_interest_than_are_followed_leave_the_template_alone() {
    let mut rig = Rig::new();
    let message = ipfix(
        0,
        &[
            set(2, &format!("0100 0031 {}", "IE8/4 ".repeat(49))),
            set(256, "00*196"),
        ],
    );
    rig.expect(&message, std::slice::from_ref(&message));
    assert_eq!(rig.raw(Raw::TooManyFields), 1);
}

#[test]
fn templates_without_data_pass_and_are_shown() {
    let mut rig = Rig::new();
    let message = v9(1, 1, &[set(0, FILL)]);
    rig.expect(&message, std::slice::from_ref(&message));
    let session = rig.mediator.sessions().next().unwrap();
    assert_eq!(
        (session.templates_count, session.counters.records.records),
        (1, 0)
    );
}

#[test]
fn what_another_mediator_said_of_the_exporter_stays() {
    let mut rig = Rig::new();
    let fields = "IE8/4 IE130/4 IE403/4 IE405/4 IE16/4";
    let template = set(2, &format!("0100 0005 {fields}"));
    let record = |asn| format!("8.8.8.8 192.0.2.9 192.0.2.8 00000005 AS{asn}");
    rig.expect(
        &ipfix(0, &[template.clone(), set(256, &record(0))]),
        &[ipfix(0, &[template, set(256, &record(15_169))])],
    );
}

#[test]
fn as_paths_and_communities_of_the_router_stay() {
    let mut rig = Rig::new();
    let template = set(2, "0100 0004 IE8/4 IE511/v IE484/v IE16/4");
    let path = "ff 0011 04 0010 0004 0000fbf4 00000d1c 00003b41";
    rig.expect(
        &ipfix(
            0,
            &[
                template.clone(),
                set(256, &format!("8.8.8.8 {path} 00 AS0")),
            ],
        ),
        &[ipfix(
            0,
            &[template, set(256, &format!("8.8.8.8 {path} 00 AS15169"))],
        )],
    );
}

#[test]
fn counters_of_strange_widths_and_values_stay() {
    let mut rig = Rig::new();
    let template = set(0, "0100 0005 IE21/8 IE22/8 IE1/16 IE34/4 IE8/4");
    let clone = set(0, "ffff 0006 IE21/8 IE22/8 IE1/16 IE34/4 IE8/4 IE16/4");
    let record = "ff*8 00*8 ee*16 e8030000 8.8.8.8";
    rig.expect(
        &v9(1, 2, &[template.clone(), set(256, record)]),
        &[v9(
            1,
            3,
            &[template, clone, set(65535, &format!("{record} AS15169"))],
        )],
    );
}

#[test]
fn common_properties_are_kept_beside_records_without_addresses() {
    let mut rig = Rig::new();
    let message = ipfix(
        0,
        &[
            set(3, "0101 0003 0001 IE137/8 IE8/4 IE12/4"),
            set(257, "00*7 01 8.8.8.8 1.1.1.1"),
            set(2, "0100 0002 IE137/8 IE1/4"),
            set(256, "00*7 01 00000064"),
        ],
    );
    rig.expect(&message, std::slice::from_ref(&message));
}

#[test]
fn sixty_four_domains_of_one_exporter_keep_their_templates_apart() {
    let mut rig = Rig::new();
    let of_domain = crate::notation::of_domain;
    for domain in 0..64 {
        let padding = format!("IE1/{}", domain + 1);
        let template = set(2, &format!("0100 0003 {padding} IE8/4 IE16/4"));
        rig.send(&of_domain(&ipfix(0, &[template]), domain));
    }
    for domain in 0..64 {
        let record = |asn| format!("00*{} 8.8.8.8 AS{asn}", domain + 1);
        rig.expect(
            &of_domain(&ipfix(0, &[set(256, &record(0))]), domain),
            &[of_domain(&ipfix(0, &[set(256, &record(15_169))]), domain)],
        );
    }
}
