//! What is kept of routes, which of them counts, and what a restart finds.

use std::net::IpAddr;

use asdb::{Asn, Provider};
use routefeed::bgp::nlri::{Families, Family};
use routefeed::bgp::update::{Reading, Update};
use routefeed::bmp::station::{Happening, Station};
use routefeed::rib::snapshot::SnapshotError;
use routefeed::rib::{Limits, RibKey, Ribs, SourceKey, View};

use crate::speaker::{attribute, attributes, bmp, open, peer, update, usual};

fn key(router: u8) -> RibKey {
    let router = IpAddr::from([192, 0, 2, router]);
    RibKey {
        source: SourceKey {
            provider: Provider::Bgp,
            router,
        },
        peer: router,
        distinguisher: 0,
        view: View::PrePolicy,
    }
}

/// Reads an UPDATE of a neighbour of our own AS.
fn read(octets: &[u8]) -> Update {
    let reading = Reading {
        has_wide_asns: true,
        peer: Asn(64_512),
        is_internal: true,
        needs_next_hop: true,
        families: Families::ALL,
        with_path_ids: Families::default(),
    };
    let mut update = Update::default();
    update.read(&octets[19..], &reading).expect("readable");
    update
}

fn announce(ribs: &mut Ribs, key: RibKey, list: &[u8], routes: &[u8], now: u32) -> bool {
    ribs.update(key, &read(&update(&[], list, routes)), now)
}

fn origins(ribs: &Ribs) -> Vec<String> {
    let entries = ribs.origins(|_| true).unwrap();
    let entries = entries.iter();
    entries
        .map(|entry| format!("{} {}", entry.prefix, entry.asn.0))
        .collect()
}

const NET: &[u8] = &[24, 1, 1, 1];

#[test]
fn the_first_difference_between_two_routes_decides() {
    let with = |asns: &[u32], extra: Vec<u8>| [attributes(asns), extra].concat();
    let local_pref = |value: u8| attribute(0x40, 5, &[0, 0, 0, value]);
    let med = |value: u8| attribute(0x80, 4, &[0, 0, 0, value]);
    // of router 1, of router 2, whose origin counts
    let rows = [
        (
            "LOCAL_PREF",
            with(&[1], local_pref(99)),
            with(&[9, 9, 2], local_pref(100)),
            2,
        ),
        ("the path", with(&[9, 1], vec![]), with(&[2], med(9)), 2),
        ("MED", with(&[1], med(2)), with(&[2], med(1)), 2),
        ("the address", with(&[1], vec![]), with(&[2], vec![]), 1),
    ];
    for (what, one, other, winner) in rows {
        for order in [[1, 2], [2, 1]] {
            let mut ribs = Ribs::default();
            for router in order {
                let list = if router == 1 { &one } else { &other };
                announce(&mut ribs, key(router), list, NET, 0);
            }
            assert_eq!(origins(&ribs), [format!("1.1.1.0/24 {winner}")], "{what}");
        }
    }
}

#[test]
fn a_best_route_without_origin_is_no_answer() {
    let mut ribs = Ribs::default();
    let set = [
        attribute(0x40, 1, &[0]),
        attribute(0x40, 2, &[1, 2, 0, 0, 0, 7, 0, 0, 0, 8]),
        attribute(0x40, 3, &[192, 0, 2, 1]),
    ];
    announce(&mut ribs, key(1), &set.concat(), NET, 0);
    announce(&mut ribs, key(2), &attributes(&[9, 9, 9]), NET, 0);
    assert_eq!(origins(&ribs), [""; 0]);
}

#[test]
fn routes_of_a_lost_session_stay_for_the_grace_time_and_what_is_confirmed_stays_longer() {
    let mut ribs = Ribs::default();
    announce(
        &mut ribs,
        key(1),
        &attributes(&[1]),
        &[24, 1, 1, 1, 24, 1, 1, 2],
        100,
    );
    ribs.begin_again(|_| true, 200);
    assert_eq!(origins(&ribs), ["1.1.1.0/24 1", "1.1.2.0/24 1"]);
    assert!(ribs.about([1, 1, 1, 1].into())[0].is_stale);
    // It is back, and tells one of them again.
    announce(&mut ribs, key(1), &attributes(&[1]), NET, 210);
    let told = &ribs.about([1, 1, 1, 1].into())[0];
    assert_eq!(
        (told.is_stale, told.learnt_unix_s),
        (false, 100),
        "as old as it was"
    );
    assert_eq!(ribs.expire(199), []);
    assert_eq!(ribs.expire(200), [(key(1), 1)]);
    assert_eq!(origins(&ribs), ["1.1.1.0/24 1"]);
    // The end of the list is the end of what was not confirmed.
    ribs.begin_again(|_| true, 300);
    announce(&mut ribs, key(1), &attributes(&[2]), &[24, 1, 1, 3], 310);
    assert_eq!(ribs.sweep(|_| true, Some(Family::Ipv6)), 0);
    assert_eq!(ribs.sweep(|_| true, Some(Family::Ipv4)), 1);
    assert_eq!(origins(&ribs), ["1.1.3.0/24 2"]);
    assert_eq!((ribs.routes_count(), ribs.store().len()), (1, 1));
}

#[test]
fn a_route_that_was_not_confirmed_gives_way_to_one_that_was() {
    let mut ribs = Ribs::default();
    announce(&mut ribs, key(1), &attributes(&[1]), NET, 0);
    announce(&mut ribs, key(2), &attributes(&[9, 2]), NET, 0);
    assert_eq!(origins(&ribs), ["1.1.1.0/24 1"]);
    ribs.begin_again(|key| key.source.router == IpAddr::from([192, 0, 2, 1]), 1);
    assert_eq!(origins(&ribs), ["1.1.1.0/24 2"]);
}

#[test]
fn a_list_of_origins_is_old_only_when_an_origin_may_be_another() {
    let mut ribs = Ribs::default();
    let changed = |ribs: &mut Ribs| {
        let is_changed = ribs.is_changed();
        ribs.made_anew();
        is_changed
    };
    announce(&mut ribs, key(1), &attributes(&[7, 1]), NET, 0);
    assert!(changed(&mut ribs));
    announce(&mut ribs, key(1), &attributes(&[8, 9, 1]), NET, 0);
    assert!(
        !changed(&mut ribs),
        "a longer path to the same origin, and no rival"
    );
    announce(&mut ribs, key(1), &attributes(&[8, 2]), NET, 0);
    assert!(changed(&mut ribs));
    let changes = ribs.take_origin_changes();
    let [change] = &changes[..] else {
        panic!("{changes:?}");
    };
    let shown = (&*change.old_path, change.old, &*change.new_path, change.new);
    assert_eq!(shown, ("8 9 1", Asn(1), "8 2", Asn(2)));
    announce(&mut ribs, key(2), &attributes(&[3, 3, 3]), NET, 0);
    assert!(changed(&mut ribs));
    announce(&mut ribs, key(2), &attributes(&[3]), NET, 0);
    assert!(changed(&mut ribs), "it may be the best now");
    ribs.update(key(2), &read(&update(NET, &[], &[])), 0);
    assert!(changed(&mut ribs));
    ribs.update(key(2), &read(&update(NET, &[], &[])), 0);
    assert!(!changed(&mut ribs), "it was gone");
}

#[test]
fn limits_hold_and_are_counted() {
    let limits = Limits {
        tables_max: 2,
        table_routes_max: 2,
        routes_max: 3,
        attributes_octets_max: 100,
        origin_changes_max: 0,
    };
    let mut ribs = Ribs::new(limits);
    let list = attributes(&[1]);
    assert!(announce(
        &mut ribs,
        key(1),
        &list,
        &[24, 1, 1, 1, 24, 1, 1, 2],
        0
    ));
    assert!(
        !announce(&mut ribs, key(1), &list, &[24, 1, 1, 3], 0),
        "a table is full"
    );
    assert!(
        announce(&mut ribs, key(1), &list, NET, 0),
        "what is there may be told again"
    );
    assert!(announce(&mut ribs, key(2), &list, NET, 0));
    assert!(
        !announce(&mut ribs, key(2), &list, &[24, 1, 1, 2], 0),
        "all are full"
    );
    ribs.drop_all(|of| *of == key(2));
    assert!(announce(&mut ribs, key(2), &list, NET, 0));
    assert!(
        !announce(&mut ribs, key(3), &list, NET, 0),
        "there are two tables"
    );
    let long: Vec<u32> = (1..200).collect();
    assert!(
        !announce(&mut ribs, key(1), &attributes(&long), NET, 0),
        "no room for a path"
    );
    assert_eq!(ribs.counters().refused, 4);
    announce(&mut ribs, key(1), &attributes(&[2]), NET, 0);
    assert_eq!(ribs.counters().origin_changes_lost, 1);
}

#[test]
fn a_snapshot_gives_back_what_was_there_until_it_is_confirmed() {
    let mut ribs = Ribs::default();
    announce(
        &mut ribs,
        key(1),
        &attributes(&[5, 1]),
        &[24, 1, 1, 1, 16, 1, 2],
        100,
    );
    announce(&mut ribs, key(2), &attributes(&[2]), &[0], 100);
    let reach = [0, 2, 1, 4, 192, 0, 2, 1, 0, 32, 0x20, 1, 6, 0x7c];
    let list = [
        attribute(0x40, 1, &[0]),
        crate::speaker::path(&[6]),
        attribute(0x80, 14, &reach),
    ];
    announce(&mut ribs, key(2), &list.concat(), &[], 100);
    // One that leaves a free slot behind.
    announce(&mut ribs, key(1), &attributes(&[8]), &[8, 3], 100);
    ribs.update(key(1), &read(&update(&[8, 3], &[], &[])), 100);
    let octets = ribs.encode(150);
    let mut restored = Ribs::default();
    assert_eq!(restored.decode(&octets, 160), Ok((4, 150)));
    assert_eq!(origins(&restored), origins(&ribs));
    let told = &restored.about([1, 1, 1, 1].into())[0];
    assert_eq!((told.is_stale, told.learnt_unix_s), (true, 100));
    assert_eq!(told.attributes.path(), "5 1");
    assert_eq!(restored.encode(150), octets);
    announce(&mut restored, key(1), &attributes(&[5, 1]), NET, 170);
    assert_eq!(restored.expire(160), [(key(1), 1), (key(2), 2)]);
    assert_eq!(origins(&restored), ["1.1.1.0/24 1"]);
    for length in 0..octets.len() {
        let cut = Ribs::default().decode(&octets[..length], 0);
        assert!(cut.is_err(), "{length} octets");
    }
    for place in 0..octets.len() {
        let mut damaged = octets.clone();
        damaged[place] ^= 1;
        assert!(
            Ribs::default().decode(&damaged, 0).is_err(),
            "octet {place}"
        );
        // Whoever repairs the checksum still finds no way to harm.
        let content = damaged.len() - 8;
        let sum = damaged[..content]
            .iter()
            .fold(0xCBF2_9CE4_8422_2325_u64, |sum, octet| {
                (sum ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01B3)
            });
        damaged[content..].copy_from_slice(&sum.to_be_bytes());
        let mut ribs = Ribs::default();
        let _ = ribs.decode(&damaged, 0);
        let _ = origins(&ribs);
    }
    assert_eq!(
        Ribs::default().decode(b"IPFX-RT\x02", 0),
        Err(SnapshotError::Version)
    );
}

/// A router with a peer that told 1.1.1.0/24, before and behind its policy, and its own table.
fn station(ribs: &mut Ribs) -> Station {
    let mut station = Station::new([198, 51, 100, 1].into());
    let up = |header: Vec<u8>| {
        let open = open(64_512, 90, 1, &usual(64_512));
        bmp(3, &[header, vec![0; 20], open.clone(), open].concat())
    };
    let routes = |kind: u8, flags: u8, asns: &[u32]| {
        let header = peer(
            kind,
            flags,
            [[192, 0, 2, 9], [0; 4]][usize::from(kind == 3)],
            64_512,
        );
        bmp(0, &[header, update(&[], &attributes(asns), NET)].concat())
    };
    let told = [
        up(peer(0, 0, [192, 0, 2, 9], 64_512)),
        up(peer(3, 0, [0; 4], 64_513)),
        routes(0, 0, &[1]),
        routes(0, 0x40, &[9, 2]),
        routes(3, 0, &[9, 9, 3]),
        routes(0, 0x10, &[4]),
    ];
    station.take(&told.concat(), 0, ribs, &mut |_| ()).unwrap();
    station
}

#[test]
fn of_the_tables_of_a_router_its_own_counts_first() {
    let mut ribs = Ribs::default();
    let mut station = station(&mut ribs);
    assert_eq!(
        station.counters().outgoing,
        1,
        "what it tells others is none of our business"
    );
    let views: Vec<_> = ribs
        .about([1, 1, 1, 1].into())
        .iter()
        .map(|told| told.key.view)
        .collect();
    assert_eq!(views, [View::LocRib, View::PostPolicy, View::PrePolicy]);
    assert_eq!(origins(&ribs), ["1.1.1.0/24 3"]);
    let mut downs = Vec::new();
    let mut down = |ribs: &mut Ribs, header: Vec<u8>, reason: u8| {
        let octets = bmp(2, &[header, vec![reason]].concat());
        station
            .take(&octets, 0, ribs, &mut |happening| downs.push(happening))
            .unwrap();
    };
    down(&mut ribs, peer(3, 0, [0; 4], 64_513), 6);
    assert_eq!(origins(&ribs), ["1.1.1.0/24 2"]);
    down(&mut ribs, peer(0, 0, [192, 0, 2, 9], 64_512), 4);
    assert_eq!(origins(&ribs), [""; 0]);
    assert!(matches!(
        downs[..],
        [Happening::PeerDown(..), Happening::PeerDown(..)]
    ));
}

#[test]
fn a_stream_that_is_none_of_bmp_is_refused_and_a_bad_message_is_not() {
    let mut ribs = Ribs::default();
    let mut station = station(&mut ribs);
    let mut bad = Vec::new();
    let cut = bmp(0, &peer(0, 0, [192, 0, 2, 9], 1)[..30]);
    let no_update = bmp(0, &[peer(0, 0, [192, 0, 2, 9], 1), vec![1; 30]].concat());
    let octets = [cut, no_update, bmp(9, &[]), bmp(6, &[1])].concat();
    station
        .take(&octets, 0, &mut ribs, &mut |happening| bad.push(happening))
        .unwrap();
    assert_eq!((bad.len(), station.counters().malformed), (2, 2));
    let refused = station.take(&[4, 0, 0, 0, 6, 0], 0, &mut ribs, &mut |_| ());
    assert_eq!(
        refused.unwrap_err().to_string(),
        "BMP version 4; only version 3 is spoken here"
    );
    let mut other = Station::new([198, 51, 100, 1].into());
    assert!(
        other
            .take(&[3, 0, 0, 0, 5, 0], 0, &mut ribs, &mut |_| ())
            .is_err()
    );
    assert!(
        other
            .take(&[3, 0xff, 0, 0, 0, 0], 0, &mut ribs, &mut |_| ())
            .is_err()
    );
}
