//! Who answers: providers beside each other, sources behind each other, policies over them.

use std::net::IpAddr;

use asdb::{AnswerId, AsDb, Asn, Builder, FlowRule, Given, LeftOut, PolicyWord, Provider};

/// Provider, number of the source, prefix, AS.
type Said = (Provider, u16, &'static str, u32);

fn builder(said: &[Said]) -> Builder {
    let mut builder = Builder::new();
    for &(provider, source_index, prefix, asn) in said {
        let prefix = prefix.parse().expect(prefix);
        builder
            .add(provider, source_index, prefix, Asn(asn))
            .expect("few");
    }
    builder
}

fn answers(db: &AsDb, address: &str) -> Vec<(Provider, u32)> {
    let id = db.lookup(address.parse::<IpAddr>().expect(address));
    db.answers(id)
        .iter()
        .map(|(provider, asn)| (provider, asn.0))
        .collect()
}

use Provider::{Bgp, Bmp, Database, Flow, Static, Table};

#[test]
fn each_provider_answers_with_its_own_longest_prefix() {
    let db = builder(&[
        (Database, 0, "8.0.0.0/8", 1),
        (Database, 0, "8.8.8.0/24", 2),
        (Bgp, 0, "8.8.0.0/16", 3),
        (Static, 0, "8.8.8.8/32", 4),
        (Bmp, 0, "8.8.8.0/25", 5),
        (Table, 0, "8.8.8.0/26", 6),
    ])
    .build();
    let all = [(Static, 4), (Bgp, 3), (Bmp, 5), (Table, 6), (Database, 2)];
    assert_eq!(answers(&db, "8.8.8.8"), all);
    assert_eq!(answers(&db, "8.8.8.9"), all[1..]);
    assert_eq!(answers(&db, "8.8.8.200"), [(Bgp, 3), (Database, 2)]);
    assert_eq!(answers(&db, "8.8.9.1"), [(Bgp, 3), (Database, 1)]);
    assert_eq!(answers(&db, "8.9.0.1"), [(Database, 1)]);
    assert_eq!(answers(&db, "9.0.0.1"), []);
}

#[test]
fn of_equal_prefixes_the_earlier_source_wins_whenever_it_was_added() {
    let db = builder(&[
        (Database, 1, "8.8.8.0/24", 1),
        (Database, 0, "8.8.8.0/24", 2),
        (Database, 0, "8.8.8.0/24", 3),
        (Database, 1, "8.8.8.128/25", 4),
    ])
    .build();
    assert_eq!(answers(&db, "8.8.8.1"), [(Database, 2)]);
    assert_eq!(answers(&db, "8.8.8.129"), [(Database, 4)]);
}

#[test]
fn what_is_no_answer_is_left_out_counted_and_covered_by_what_is() {
    let builder = builder(&[
        (Database, 0, "0.0.0.0/0", 7),
        (Static, 0, "::/0", 7),
        (Database, 0, "8.0.0.0/8", 1),
        (Database, 0, "8.8.0.0/16", 0),
        (Bgp, 0, "8.8.0.0/16", 64496),
        (Table, 0, "8.8.0.0/16", 23456),
        (Bmp, 0, "8.8.0.0/16", 4_294_967_294),
        (Static, 0, "8.8.8.0/24", 64500),
        (Static, 0, "8.8.9.0/24", 0),
        (Flow, 0, "8.8.9.0/24", 1),
    ]);
    let expected = LeftOut {
        default_routes_count: 2,
        reserved_asns_count: 4,
        flow_count: 1,
    };
    assert_eq!(builder.left_out(), expected);
    let db = builder.build();
    assert_eq!(
        answers(&db, "8.8.8.1"),
        [(Static, 64500), (Bmp, 4_294_967_294), (Database, 1)]
    );
    assert_eq!(
        answers(&db, "8.8.9.1"),
        [(Bmp, 4_294_967_294), (Database, 1)]
    );
    assert_eq!(answers(&db, "9.0.0.1"), []);
    assert_eq!(answers(&db, "2600::1"), []);
}

#[test]
fn addresses_without_an_origin_have_only_the_operators_answer() {
    let db = builder(&[
        (Database, 0, "8.0.0.0/5", 1),
        (Database, 0, "192.168.0.0/16", 1),
        (Static, 0, "10.1.0.0/16", 2),
        (Database, 0, "fd00::/8", 1),
        (Static, 0, "fd00::/64", 2),
        (Database, 0, "2001:db8::/32", 1),
        (Bgp, 0, "2002::/16", 1),
    ])
    .build();
    assert_eq!(answers(&db, "9.255.255.255"), [(Database, 1)]);
    assert_eq!(answers(&db, "10.0.0.0"), []);
    assert_eq!(answers(&db, "10.1.0.0"), [(Static, 2)]);
    assert_eq!(answers(&db, "11.0.0.0"), [(Database, 1)]);
    assert_eq!(answers(&db, "192.168.1.1"), []);
    assert_eq!(answers(&db, "::ffff:10.1.0.0"), [(Static, 2)]);
    assert_eq!(answers(&db, "fd00::1"), [(Static, 2)]);
    assert_eq!(answers(&db, "fd00:1::1"), []);
    assert_eq!(answers(&db, "2001:db8::1"), []);
    assert_eq!(answers(&db, "2002::1"), []);
}

#[test]
fn prefixes_down_to_the_last_bit_are_told_apart() {
    let db = builder(&[
        (Database, 0, "2600::/12", 1),
        (Database, 0, "2600::/64", 2),
        (Database, 0, "2600::/65", 3),
        (Database, 0, "2600::8000:0:0:0/127", 4),
        (Database, 0, "2600::8000:0:0:1/128", 5),
        (Database, 0, "2600::ffff:0:0:0/80", 6),
    ])
    .build();
    let rows = [
        ("2600::1", 3),
        ("2600::7fff:ffff:ffff:ffff", 3),
        ("2600::8000:0:0:0", 4),
        ("2600::8000:0:0:1", 5),
        ("2600::8000:0:0:2", 2),
        ("2600::ffff:0:0:0", 6),
        ("2600::ffff:ffff:ffff:ffff", 6),
        ("2600:0:0:1::", 1),
        ("260f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1),
    ];
    for (address, asn) in rows {
        assert_eq!(answers(&db, address), [(Database, asn)], "{address}");
    }
    assert_eq!(answers(&db, "2610::"), []);
}

#[test]
fn the_last_addresses_of_a_family_have_their_own_answer() {
    let db = builder(&[
        (Static, 0, "255.255.255.255/32", 1),
        (Static, 0, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", 2),
        (Static, 0, "0.0.0.0/32", 3),
        (Static, 0, "::/128", 4),
    ])
    .build();
    assert_eq!(answers(&db, "255.255.255.255"), [(Static, 1)]);
    assert_eq!(answers(&db, "255.255.255.254"), []);
    assert_eq!(
        answers(&db, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        [(Static, 2)]
    );
    assert_eq!(answers(&db, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"), []);
    assert_eq!(answers(&db, "0.0.0.0"), [(Static, 3)]);
    assert_eq!(answers(&db, "0.0.0.1"), []);
    assert_eq!(answers(&db, "::"), [(Static, 4)]);
    assert_eq!(answers(&db, "::1"), []);
}

fn policy_rows(words: &str) -> (Option<FlowRule>, Given, Given) {
    let db = builder(&[
        (Static, 0, "8.8.8.0/24", 1),
        (Bgp, 0, "8.8.8.0/24", 2),
        (Database, 0, "8.8.8.0/24", 3),
    ])
    .build();
    let words: Vec<PolicyWord> = words
        .split_whitespace()
        .map(|word| word.parse().expect(word))
        .collect();
    let policy = db.policy(&words);
    let id = db.lookup("8.8.8.8".parse().expect("an address"));
    assert_eq!(policy.before_flow(AnswerId::NOBODY).asn, Asn::NONE);
    assert_eq!(policy.after_flow(AnswerId::NOBODY).asn, Asn::NONE);
    assert_eq!(policy.before_flow(AnswerId(u32::MAX)).asn, Asn::NONE);
    (policy.flow(), policy.before_flow(id), policy.after_flow(id))
}

#[test]
fn a_policy_takes_the_first_answer_on_each_side_of_the_flow() {
    let given = |provider, asn| Given {
        provider,
        asn: Asn(asn),
    };
    let (of_static, of_bgp) = (given(Static, 1), given(Bgp, 2));
    let of_database = given(Database, 3);
    let any = Some(FlowRule::Any);
    let rows = [
        ("static flow bgp bmp table database", any, of_static, of_bgp),
        ("flow database bgp", any, Given::NOTHING, of_database),
        ("bmp table database", None, of_database, Given::NOTHING),
        (
            "table flow-except-private static",
            Some(FlowRule::ExceptPrivate),
            Given::NOTHING,
            of_static,
        ),
        (
            "bgp flow-except-default-route",
            Some(FlowRule::ExceptDefaultRoute),
            of_bgp,
            Given::NOTHING,
        ),
        (
            "flow-except-private flow bgp",
            Some(FlowRule::ExceptPrivate),
            Given::NOTHING,
            of_bgp,
        ),
        ("", None, Given::NOTHING, Given::NOTHING),
    ];
    for (words, flow, before, after) in rows {
        assert_eq!(policy_rows(words), (flow, before, after), "{words}");
    }
}

#[test]
fn an_empty_table_knows_nobody_and_takes_half_a_mebibyte() {
    let db = AsDb::empty();
    for address in ["8.8.8.8", "2600::1", "::ffff:8.8.8.8", "0.0.0.0", "ffff::"] {
        assert_eq!(
            db.lookup(address.parse().expect(address)),
            AnswerId::NOBODY,
            "{address}"
        );
    }
    assert_eq!((db.ipv4_prefixes_count(), db.ipv6_prefixes_count()), (0, 0));
    assert!(
        db.memory_bytes() < (1 << 19) + 1024,
        "{}",
        db.memory_bytes()
    );
}

#[test]
fn a_batch_fills_as_many_answers_as_there_is_room_for() {
    let db = builder(&[(Database, 0, "8.8.8.0/24", 1)]).build();
    let known = db.lookup("8.8.8.8".parse().expect("an address"));
    let addresses = [0x0808_0808_u32; 100];
    for room in [0, 1, 31, 32, 33, 64, 99, 100, 101] {
        let mut answers = vec![AnswerId(77); room];
        db.lookup_ipv4(&addresses, &mut answers);
        let filled = answers.iter().filter(|&&answer| answer == known).count();
        assert_eq!(filled, room.min(100));
    }
}

#[test]
fn what_a_router_says_itself_comes_before_what_all_say() {
    let mut builder = builder(&[
        (Bgp, 0, "8.8.0.0/16", 1),
        (Bgp, 0, "8.8.8.0/24", 2),
        (Bmp, 0, "8.8.0.0/16", 3),
        (Database, 0, "8.0.0.0/8", 4),
    ]);
    let own = |list: &[(&str, u32)]| {
        let mut entries = asdb::Entries::new();
        for (prefix, asn) in list {
            let prefix = prefix.parse().expect(prefix);
            entries.push(prefix, Asn(*asn)).expect("few");
        }
        entries
    };
    let one = own(&[
        ("8.8.0.0/17", 5),
        ("0.0.0.0/0", 6),
        ("8.9.0.0/16", 23_456),
        ("10.0.0.0/8", 7),
    ]);
    let one = builder.add_own(Bgp, one).expect("room");
    let other = builder
        .add_own(Bmp, own(&[("8.8.8.8/32", 8)]))
        .expect("room");
    assert!(builder.add_own(Database, own(&[])).is_err());
    let db = builder.build();
    let words = [PolicyWord::Bmp, PolicyWord::Bgp, PolicyWord::Database];
    let wins = |own: &[asdb::OwnRoutes], words: &[PolicyWord], address: &str| {
        let policy = db.policy_of(words, own);
        let given = policy.before_flow(db.lookup(address.parse().expect(address)));
        given.asn.0
    };
    // Its own longest prefix counts, though all together know a longer one.
    assert_eq!(wins(&[one], &words[1..], "8.8.8.1"), 5);
    assert_eq!(wins(&[], &words[1..], "8.8.8.1"), 2);
    assert_eq!(
        wins(&[one], &words[1..], "8.8.200.1"),
        1,
        "where it says nothing all speak"
    );
    assert_eq!(
        wins(&[one], &words[1..], "8.9.0.1"),
        4,
        "nobody's AS is no answer"
    );
    assert_eq!(wins(&[one], &words[1..], "10.1.1.1"), 0, "no origin");
    assert_eq!(wins(&[one, other], &words, "8.8.8.8"), 8);
    assert_eq!(wins(&[one, other], &words, "8.8.8.9"), 3);
    assert_eq!(wins(&[one, other], &words[1..], "8.8.8.8"), 5);
    assert_eq!(db.policy_of(&words, &[]).order(), db.policy(&words).order());
}
