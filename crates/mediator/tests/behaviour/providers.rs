//! Which AS number wins: the operator's order of providers, for each side of each record.

use std::net::IpAddr;

use asdb::{Asn, PolicyWord, Provider};
use mediator::counters::SideCounters;
use mediator::settings::{ExporterRule, FlowAsSemantics, MissingFields};
use mediator::{Disagreement, Raw, Settings};

use crate::notation::{ipfix, set};
use crate::rig::{Rig, settings};

/// Sends one record with an address, an AS number and a prefix length; returns what leaves.
fn answer(rig: &mut Rig, address: &str, asn: u32, prefix_length: u8) -> (u32, Option<Provider>) {
    let template = set(2, "0100 0003 IE8/4 IE16/4 IE9/1");
    let record = format!("{address} AS{asn} {prefix_length:02x}");
    rig.send(&ipfix(0, &[template, set(256, &record)]));
    let source = rig.seen.last().expect("a record").source;
    (source.after.expect("an AS field"), source.by)
}

#[test]
fn what_the_operator_wrote_comes_before_what_the_router_says() {
    let mut rig = Rig::new();
    assert_eq!(
        answer(&mut rig, "10.1.2.3", 6939, 16),
        (64_500, Some(Provider::Static))
    );
    assert_eq!(
        answer(&mut rig, "8.8.8.8", 6939, 24),
        (6939, Some(Provider::Flow))
    );
    assert_eq!(
        answer(&mut rig, "8.8.8.8", 0, 24),
        (15_169, Some(Provider::Database))
    );
    assert_eq!(answer(&mut rig, "9.9.9.9", 0, 24), (0, None));
}

#[test]
fn a_database_before_the_router_overrules_it_and_alone_it_is_the_only_voice() {
    let mut rig = Rig::with_words(&[PolicyWord::Database, PolicyWord::Flow]);
    assert_eq!(
        answer(&mut rig, "8.8.8.8", 6939, 24),
        (15_169, Some(Provider::Database))
    );
    assert_eq!(
        answer(&mut rig, "9.9.9.9", 6939, 24),
        (6939, Some(Provider::Flow))
    );
    let mut rig = Rig::with_words(&[PolicyWord::Database]);
    // Nobody answers: the octets stay as they came.
    assert_eq!(answer(&mut rig, "9.9.9.9", 6939, 24), (6939, None));
}

#[test]
fn private_as_numbers_of_the_router_can_be_no_answer() {
    let mut rig = Rig::with_words(&[PolicyWord::FlowExceptPrivate, PolicyWord::Database]);
    assert_eq!(
        answer(&mut rig, "8.8.8.8", 64_512, 24),
        (15_169, Some(Provider::Database))
    );
    assert_eq!(answer(&mut rig, "8.8.8.8", 4_200_000_000, 24).0, 15_169);
    assert_eq!(
        answer(&mut rig, "8.8.8.8", 6939, 24),
        (6939, Some(Provider::Flow))
    );
}

#[test]
fn what_the_router_took_from_a_default_route_can_be_no_answer() {
    let mut rig = Rig::with_words(&[PolicyWord::FlowExceptDefaultRoute, PolicyWord::Database]);
    assert_eq!(
        answer(&mut rig, "8.8.8.8", 6939, 0),
        (15_169, Some(Provider::Database))
    );
    assert_eq!(
        answer(&mut rig, "8.8.8.8", 6939, 8),
        (6939, Some(Provider::Flow))
    );
}

#[test]
fn a_default_route_in_a_table_is_no_answer() {
    let table = [
        (Provider::Database, "0.0.0.0", 0, 7018),
        (Provider::Database, "8.0.0.0", 9, 3356),
        (Provider::Database, "8.8.8.0", 24, 15_169),
    ];
    let mut rig = Rig::knowing(settings(), &table, &PolicyWord::DEFAULT_ORDER);
    assert_eq!(answer(&mut rig, "9.9.9.9", 0, 0), (0, None));
    // The longest prefix wins.
    assert_eq!(answer(&mut rig, "8.8.8.8", 0, 0).0, 15_169);
    assert_eq!(answer(&mut rig, "8.1.1.1", 0, 0).0, 3356);
}

#[test]
fn a_provider_that_comes_first_wins_with_a_shorter_prefix() {
    let table = [
        (Provider::Table, "8.0.0.0", 9, 3356),
        (Provider::Database, "8.8.8.0", 24, 15_169),
    ];
    let mut rig = Rig::knowing(settings(), &table, &PolicyWord::DEFAULT_ORDER);
    assert_eq!(
        answer(&mut rig, "8.8.8.8", 0, 0),
        (3356, Some(Provider::Table))
    );
}

#[test]
fn fields_with_the_adjacent_as_are_no_answer_where_the_operator_says_so() {
    let mut peer = settings();
    peer.otherwise.flow_as_semantics = FlowAsSemantics::Peer;
    let mut rig = Rig::with(peer);
    assert_eq!(
        answer(&mut rig, "8.8.8.8", 6939, 24),
        (15_169, Some(Provider::Database))
    );
    assert_eq!(answer(&mut rig, "9.9.9.9", 6939, 24), (6939, None));
}

#[test]
fn an_as_number_that_the_operator_calls_unusable_is_replaced() {
    let mut unusable = settings();
    unusable.otherwise.unusable_as.push(6939);
    let mut rig = Rig::with(unusable);
    assert_eq!(answer(&mut rig, "8.8.8.8", 6939, 24).0, 15_169);
    assert_eq!(answer(&mut rig, "9.9.9.9", 6939, 24), (6939, None));
}

#[test]
fn where_only_the_adjacent_as_is_sent_it_is_the_routers_answer_for_the_field_that_is_added() {
    let mut rig = Rig::new();
    let template = set(2, "0100 0004 IE8/4 IE12/4 IE129/4 IE128/4");
    let clone = set(2, "ffff 0006 IE8/4 IE12/4 IE129/4 IE128/4 IE16/4 IE17/4");
    let record = "8.8.8.8 1.1.1.1 AS6939 AS0";
    rig.expect(
        &ipfix(0, &[template.clone(), set(256, record)]),
        &[ipfix(
            0,
            &[
                template,
                clone,
                set(65535, &format!("{record} AS6939 AS13335")),
            ],
        )],
    );
}

#[test]
fn an_exporter_can_have_rules_of_its_own_and_the_first_match_counts() {
    let rule = |network: &str, prefix_len, domain, semantics| {
        let mut treatment = settings().otherwise;
        treatment.flow_as_semantics = semantics;
        ExporterRule {
            network: network.parse().unwrap(),
            prefix_len,
            domain,
            treatment,
        }
    };
    let with_rules = Settings {
        exporters: vec![
            rule("198.18.0.1", 32, Some(9), FlowAsSemantics::Peer),
            rule("198.18.0.0", 24, None, FlowAsSemantics::Origin),
            rule("0.0.0.0", 0, None, FlowAsSemantics::Peer),
        ],
        ..settings()
    };
    let mut rig = Rig::with(with_rules);
    assert_eq!(
        answer(&mut rig, "8.8.8.8", 6939, 24).0,
        6939,
        "the second rule"
    );
    rig.exporter = ([203, 0, 113, 9], 1).into();
    assert_eq!(
        answer(&mut rig, "8.8.8.8", 6939, 24).0,
        15_169,
        "the last rule"
    );
    rig.exporter = ([198, 18, 0, 1], 1).into();
    let message = ipfix(
        0,
        &[set(2, "0100 0002 IE8/4 IE16/4"), set(256, "8.8.8.8 AS6939")],
    );
    rig.send(&crate::notation::of_domain(&message, 9));
    assert_eq!(
        rig.seen.last().unwrap().source.after,
        Some(15_169),
        "the first rule"
    );
}

#[test]
fn who_gave_each_number_is_counted() {
    let mut rig = Rig::new();
    answer(&mut rig, "10.1.2.3", 6939, 16);
    answer(&mut rig, "8.8.8.8", 6939, 24);
    answer(&mut rig, "8.8.8.8", 0, 24);
    answer(&mut rig, "9.9.9.9", 0, 24);
    let records = rig.counters().records;
    let [source, destination] = records.sides;
    assert_eq!(source.answered, [1, 1, 0, 0, 0, 1]);
    assert_eq!(source.no_answer, [3, 2, 2, 2, 2, 1]);
    assert_eq!(destination, SideCounters::default());
    assert_eq!(
        (records.records, source.nobody, records.unusable),
        (4, 1, 2)
    );
}

#[test]
fn what_the_operator_calls_unusable_is_counted_as_unusable() {
    let mut unusable = settings();
    unusable.otherwise.unusable_as.push(6939);
    let mut rig = Rig::with(unusable);
    answer(&mut rig, "8.8.8.8", 6939, 24);
    answer(&mut rig, "9.9.9.9", 6939, 24);
    answer(&mut rig, "9.9.9.9", 6940, 24);
    assert_eq!(rig.counters().records.unusable, 2);
}

#[test]
fn a_router_that_disagrees_with_the_table_is_counted_by_side_with_an_example() {
    let mut rig = Rig::new();
    let template = set(2, "0100 0005 IE8/4 IE16/4 IE12/4 IE17/4 IE9/1");
    let record = set(256, "8.8.8.8 AS6939 1.1.1.1 AS13335 00");
    rig.send(&ipfix(0, &[template, record]));
    // Nobody but the router knows the one, the table alone the other.
    rig.send(&ipfix(1, &[set(256, "9.9.9.9 AS6939 1.1.1.1 AS0 18")]));
    let [source, destination] = rig.counters().records.sides;
    assert_eq!((source.compared, source.disagreements), (1, 1));
    assert_eq!((destination.compared, destination.disagreements), (1, 0));
    let example = Disagreement {
        side: 0,
        address: [8, 8, 8, 8].into(),
        exporter_as: Asn(6939),
        table_as: Asn(15_169),
        by_default_route: true,
    };
    let sessions: Vec<_> = rig.mediator.sessions().collect();
    assert_eq!(sessions[0].examples, [example]);
}

#[test]
fn a_second_later_a_disagreement_gives_another_example() {
    let mut rig = Rig::new();
    let template = set(2, "0100 0002 IE8/4 IE16/4");
    rig.send(&ipfix(0, &[template, set(256, "8.8.8.8 AS1")]));
    rig.send(&ipfix(1, &[set(256, "8.8.8.9 AS1")]));
    rig.pass(1000);
    rig.send(&ipfix(2, &[set(256, "1.1.1.1 AS13335  8.8.8.10 AS1")]));
    let sessions: Vec<_> = rig.mediator.sessions().collect();
    let examples = sessions[0].examples.iter().map(|one| one.address);
    assert!(examples.eq([[8, 8, 8, 8].into(), IpAddr::from([8, 8, 8, 10])]));
    assert_eq!(rig.counters().records.both_sides().disagreements, 3);
}

#[test]
fn without_any_knowledge_everything_passes_and_clones_have_zeros() {
    let mut rig = Rig::knowing(
        Settings {
            missing_fields: MissingFields::Append,
            ..settings()
        },
        &[],
        &PolicyWord::DEFAULT_ORDER,
    );
    let template = set(2, "0100 0001 IE8/4");
    rig.expect(
        &ipfix(0, &[template.clone(), set(256, "8.8.8.8")]),
        &[ipfix(
            0,
            &[
                template,
                set(2, "ffff 0002 IE8/4 IE16/4"),
                set(65535, "8.8.8.8 AS0"),
            ],
        )],
    );
    assert_eq!(rig.raw(Raw::NoAddress), 0);
}
