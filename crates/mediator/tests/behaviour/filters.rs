//! Collectors that want only some of it, raw copies, and groups that share.

use mediator::settings::filter::{Filter, IpVersion, RecordFilter};
use mediator::settings::{Content, Member, Outlet, Sharing};
use mediator::{Dropped, OutletCounters, Settings};

use crate::notation::{ipfix, octets, set, v5, v5_record, v9};
use crate::rig::{Rig, check, outlet, settings};

const FILL: &str = "0100 0002 IE8/4 IE16/4";
const OPTIONS: &str = "0102 0002 0001 IE149/4 IE34/4";

fn with(outlets: Vec<Outlet>) -> Rig {
    Rig::with(Settings {
        outlets,
        ..settings()
    })
}

fn wanting(records: RecordFilter) -> Outlet {
    Outlet {
        filter: Filter {
            records,
            ..Filter::EVERYTHING
        },
        ..outlet(1500)
    }
}

fn of_as(as_numbers: &[u32]) -> Outlet {
    wanting(RecordFilter {
        as_numbers: as_numbers.into(),
        ..RecordFilter::EVERYTHING
    })
}

/// What each of `N` outlets gets of a datagram.
fn send<const N: usize>(rig: &mut Rig, datagram: &[u8]) -> [Vec<Vec<u8>>; N] {
    let sent = rig.send_everywhere(datagram);
    std::array::from_fn(|index| {
        let of_outlet = sent
            .iter()
            .filter(|(route, _)| usize::from(route.outlet) == index);
        of_outlet.map(|(_, datagram)| datagram.clone()).collect()
    })
}

fn left_out(rig: &Rig, outlet: usize) -> (u64, u64, u64) {
    let OutletCounters {
        messages_left_out,
        records_left_out,
        sets_left_out,
    } = rig.mediator.outlet_counters()[outlet];
    (messages_left_out, records_left_out, sets_left_out)
}

#[test]
fn records_that_do_not_match_are_left_out_and_the_numbers_count_the_others() {
    let mut rig = with(vec![outlet(1500), of_as(&[3333, 15_169])]);
    let definition = ipfix(100, &[set(2, FILL)]);
    let [all, some] = send(&mut rig, &definition);
    check(&all, std::slice::from_ref(&definition));
    check(&some, std::slice::from_ref(&definition));
    let came = "8.8.8.8 AS0 1.1.1.1 AS0 193.0.0.1 AS0";
    let [all, some] = send(&mut rig, &ipfix(100, &[set(256, came)]));
    let filled = "8.8.8.8 AS15169 1.1.1.1 AS13335 193.0.0.1 AS3333";
    check(&all, &[ipfix(100, &[set(256, filled)])]);
    check(
        &some,
        &[ipfix(100, &[set(256, "8.8.8.8 AS15169 193.0.0.1 AS3333")])],
    );
    // A Message of which nothing is wanted does not leave, and leaves no gap.
    let other = ipfix(103, &[set(256, "1.1.1.1 AS13335")]);
    let [all, some] = send(&mut rig, &other);
    check(&all, &[other]);
    check(&some, &[]);
    // What was lost before us stays lost.
    let behind_a_gap = |number| ipfix(number, &[set(256, "8.8.8.8 AS15169")]);
    let [all, some] = send(&mut rig, &behind_a_gap(114));
    check(&all, &[behind_a_gap(114)]);
    check(&some, &[behind_a_gap(112)]);
    assert_eq!(
        (left_out(&rig, 0), left_out(&rig, 1)),
        ((0, 0, 0), (1, 2, 0))
    );
}

#[test]
fn records_of_a_clone_are_judged_by_the_numbers_that_they_leave_with() {
    let mut rig = with(vec![of_as(&[13_335])]);
    rig.send(&v9(1, 1, &[set(0, "0100 0002 IE8/4 IE12/4")]));
    let sent = rig.send(&v9(
        2,
        2,
        &[set(256, "8.8.8.8 193.0.0.1 193.0.0.1 1.1.1.1")],
    ));
    let clone = set(65_535, "193.0.0.1 1.1.1.1 AS3333 AS13335");
    // The clone was announced again before it: that Message has a number of its own.
    check(&sent[1..], &[v9(3, 1, &[clone])]);
    assert_eq!(left_out(&rig, 0), (0, 1, 0));
}

#[test]
fn widened_fields_and_records_of_unequal_length_are_judged_too() {
    let template = "0100 0004 IE82/v IE16/2 IE8/4 IE17/4";
    let mut rig = with(vec![of_as(&[396_982])]);
    rig.send(&ipfix(0, &[set(2, template)]));
    let came = "01 61 AS0/2 34.64.0.1 AS5 02 6161 AS0/2 8.8.8.8 AS5";
    let sent = rig.send(&ipfix(0, &[set(256, came)]));
    let clone = set(65_535, "01 61 AS396982 34.64.0.1 AS5");
    let behind_the_announcement = sent.last().cloned();
    check(behind_the_announcement.as_slice(), &[ipfix(0, &[clone])]);
}

#[test]
fn addresses_and_versions_are_those_of_either_side() {
    let template = "0100 0003 IE8/4 IE27/16 IE16/4";
    let records = "8.8.8.8 00*16 AS15169 0.0.0.0 2606:4700::1 AS13335";
    let rows: [(RecordFilter, &str); 3] = [
        (
            RecordFilter {
                ip_version: Some(IpVersion::V6),
                ..RecordFilter::EVERYTHING
            },
            "0.0.0.0 2606:4700::1 AS13335",
        ),
        (
            RecordFilter {
                addresses: ["8.8.0.0/16".parse().unwrap()].into_iter().collect(),
                ..RecordFilter::EVERYTHING
            },
            "8.8.8.8 00*16 AS15169",
        ),
        (
            RecordFilter {
                addresses: ["8.8.0.0/16".parse().unwrap()].into_iter().collect(),
                ip_version: Some(IpVersion::V6),
                ..RecordFilter::EVERYTHING
            },
            "",
        ),
    ];
    for (filter, expected) in rows {
        let mut rig = with(vec![wanting(filter)]);
        rig.send(&ipfix(0, &[set(2, template)]));
        let sent = rig.send(&ipfix(0, &[set(256, records)]));
        let expected = (!expected.is_empty()).then(|| ipfix(0, &[set(256, expected)]));
        check(&sent, expected.as_slice());
    }
}

#[test]
fn what_nobody_can_read_is_left_out_where_records_are_asked_for() {
    let mut rig = Rig::with(Settings {
        outlets: vec![of_as(&[15_169]), outlet(1500)],
        hold_ms: 0,
        ..settings()
    });
    let unknown = v9(7, 1, &[set(300, "01020304")]);
    let [some, all] = send(&mut rig, &unknown);
    check(&some, &[]);
    check(&all, &[unknown]);
    let [some, all] = send(&mut rig, &octets("0007 0102"));
    check(&some, &[]);
    check(&all, &[octets("0007 0102")]);
    assert_eq!(left_out(&rig, 0), (2, 0, 2));
    // Alone, nobody gets it: it was dropped, and that is its reason.
    let mut rig = Rig::with(Settings {
        outlets: vec![of_as(&[15_169])],
        hold_ms: 0,
        ..settings()
    });
    rig.send(&v9(7, 1, &[set(300, "01020304")]));
    assert_eq!(rig.dropped(Dropped::Filtered), 1);
    assert_eq!(rig.sets_dropped(Dropped::Filtered), 1);
}

#[test]
fn exporters_and_domains_that_are_not_asked_for_send_nothing() {
    let of_exporter = Outlet {
        filter: Filter {
            exporters: ["198.18.0.1".parse().unwrap()].into_iter().collect(),
            ..Filter::EVERYTHING
        },
        ..outlet(1500)
    };
    let of_domain = Outlet {
        filter: Filter {
            domains: vec![8],
            ..Filter::EVERYTHING
        },
        ..outlet(1500)
    };
    let mut rig = with(vec![of_exporter, of_domain]);
    // The domain of every Message here is 7.
    let message = v9(1, 2, &[set(0, FILL), set(256, "8.8.8.8 AS15169")]);
    let [first, second] = send(&mut rig, &message);
    check(&first, std::slice::from_ref(&message));
    check(&second, &[]);
    rig.exporter = ([198, 18, 0, 2], 2055).into();
    let nobody: [Vec<Vec<u8>>; 2] = send(&mut rig, &message);
    assert_eq!(nobody.concat(), Vec::<Vec<u8>>::new());
    assert_eq!(rig.dropped(Dropped::Filtered), 1);
    assert_eq!(rig.sets_dropped(Dropped::Filtered), 2);
    assert_eq!(
        (left_out(&rig, 0), left_out(&rig, 1)),
        ((1, 1, 0), (2, 2, 0))
    );
}

#[test]
fn records_of_v5_are_left_out_and_its_numbers_count_the_others() {
    let mut rig = with(vec![outlet(1500), of_as(&[13_335])]);
    let google = v5_record("8.8.8.8 193.0.0.1", "AS15169/2 AS3333/2", "18 15");
    let ours = v5_record("8.8.8.8 1.1.1.1", "AS15169/2 AS13335/2", "18 18");
    let all = [google.clone(), ours.clone(), ours.clone()];
    let [whole, some] = send(&mut rig, &v5(70, &all));
    check(&whole, &[v5(70, &all)]);
    check(&some, &[v5(70, &[ours.clone(), ours.clone()])]);
    let [_, some] = send(&mut rig, &v5(73, std::slice::from_ref(&google)));
    check(&some, &[]);
    let [_, some] = send(&mut rig, &v5(74, std::slice::from_ref(&ours)));
    check(&some, &[v5(72, std::slice::from_ref(&ours))]);
    assert_eq!(left_out(&rig, 1), (1, 2, 0));
}

#[test]
fn a_raw_copy_has_every_octet_that_came_at_once() {
    let copy = Outlet {
        content: Content::AsCame,
        ..outlet(1500)
    };
    let mut rig = with(vec![outlet(1500), copy.clone(), copy]);
    for datagram in [
        // It waits for its Template; the copies do not.
        v9(1, 1, &[set(256, "8.8.8.8 AS0")]),
        v9(2, 1, &[set(0, FILL)]),
        v9(3, 1, &[set(256, "8.8.8.8 AS0")]),
        v5(1, &[v5_record("8.8.8.8 1.1.1.1", "AS0/2 AS0/2", "18 18")]),
        octets("000a 0102 0304"),
        octets("0007"),
        [v9(4, 1, &[set(256, "8.8.8.8 AS0")]), vec![0; 5]].concat(),
    ] {
        let [_, first, second] = send(&mut rig, &datagram);
        check(&first, std::slice::from_ref(&datagram));
        check(&second, &[datagram]);
    }
}

#[test]
fn where_only_copies_leave_the_books_close() {
    let copy = Outlet {
        content: Content::AsCame,
        filter: Filter {
            exporters: ["198.18.0.1".parse().unwrap()].into_iter().collect(),
            ..Filter::EVERYTHING
        },
        ..outlet(1500)
    };
    let mut rig = with(vec![copy]);
    let message = v9(1, 2, &[set(0, FILL), set(256, "8.8.8.8 AS0")]);
    rig.expect(&message, std::slice::from_ref(&message));
    assert_eq!(rig.counters().messages_forwarded, 1);
    rig.exporter = ([198, 18, 0, 2], 2055).into();
    rig.expect(&message, &[]);
    assert_eq!(rig.dropped(Dropped::Filtered), 1);
    assert_eq!(left_out(&rig, 0), (1, 0, 0));
}

/// A group of so many.
fn group(sharing: Sharing, members: u64) -> Vec<Outlet> {
    let member = |number: u64| Outlet {
        member: Some(Member {
            group: 0,
            sharing,
            key: (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
        }),
        ..outlet(1500)
    };
    (0..members).map(member).collect()
}

fn set_reachable(rig: &mut Rig, reachable: &[bool]) {
    rig.on_both(|mediator| {
        mediator.set_reachable(reachable);
    });
}

#[test]
fn the_first_member_that_can_be_reached_gets_the_data_and_all_get_what_reads_it() {
    let mut rig = with(group(Sharing::FirstReachable, 2));
    let definitions = ipfix(0, &[set(2, FILL), set(3, OPTIONS)]);
    let [first, second] = send(&mut rig, &definitions);
    check(&first, std::slice::from_ref(&definitions));
    check(&second, std::slice::from_ref(&definitions));
    let data = |number| ipfix(number, &[set(256, "8.8.8.8 AS15169 1.1.1.1 AS13335")]);
    let [first, second] = send(&mut rig, &data(0));
    check(&first, &[data(0)]);
    check(&second, &[]);
    let options = |number| ipfix(number, &[set(258, "00000007 00000064")]);
    let [first, second] = send(&mut rig, &options(2));
    check(&first, &[options(2)]);
    check(&second, &[options(0)]);
    set_reachable(&mut rig, &[false, true]);
    let [first, second] = send(&mut rig, &data(3));
    // The Templates again, for whoever has the data now.
    assert_eq!(second.len(), 2);
    check(&second[1..], &[data(1)]);
    assert_eq!(first.len(), 1);
    set_reachable(&mut rig, &[false, false]);
    let [first, second] = send(&mut rig, &data(5));
    check(&first[1..], &[data(3)]);
    assert_eq!(second.len(), 1);
}

#[test]
fn exporters_are_shared_among_the_members_and_move_only_if_theirs_goes() {
    let mut rig = with(group(Sharing::ByExporter, 3));
    let message = v9(1, 2, &[set(0, FILL), set(256, "8.8.8.8 AS15169")]);
    let data = v9(2, 1, &[set(256, "8.8.8.8 AS15169")]);
    let who = |rig: &mut Rig, last: u8, datagram: &[u8]| {
        rig.exporter = ([198, 18, 0, last], 2055).into();
        let sent: [Vec<Vec<u8>>; 3] = send(rig, datagram);
        // Version, count, ..., and behind the header a Set of data.
        let has_data = |sent: &Vec<Vec<u8>>| sent.iter().any(|one| one[20..].starts_with(&[1, 0]));
        let of_data: Vec<_> = (0..3).filter(|at| has_data(&sent[*at])).collect();
        assert!(of_data.len() <= 1);
        of_data.first().copied()
    };
    for last in 1..=30 {
        who(&mut rig, last, &message);
    }
    let before: Vec<_> = (1..=30).map(|last| who(&mut rig, last, &data)).collect();
    assert!(
        (0..3).all(|member| before.contains(&Some(member))),
        "{before:?}"
    );
    set_reachable(&mut rig, &[true, false, true]);
    let later = v9(3, 1, &[set(256, "8.8.8.8 AS15169")]);
    for (last, before) in (1..=30).zip(before) {
        let now = who(&mut rig, last, &later);
        assert_ne!(now, Some(1));
        assert!(before == Some(1) || now == before, "{before:?} {now:?}");
    }
}
