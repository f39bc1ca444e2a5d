//! What is concluded from counts and examples.

use std::time::SystemTime;

use arc_swap::ArcSwap;
use asdb::{Asn, Entries, Provider};
use mediator::SessionCounters;

use super::*;
use crate::config::ConfigFile;
use crate::control::reverse_dns::ReverseDns;
use crate::control::routes::Asking;
use crate::pipeline::known::{Known, SharedKnown};
use crate::pipeline::page::SessionPage;
use crate::pipeline::settings::decisions_of;
use crate::sources::about::{About, SharedAbout};
use crate::sources::geo::SharedPlaces;
use crate::sources::{Origin, Source, Sources};

fn told() -> Told {
    let mut entries = Entries::new();
    entries
        .push("8.8.0.0/16".parse().unwrap(), Asn(15_169))
        .unwrap();
    let mut sources = Sources::default();
    sources.names.insert(Asn(15_169), "Google LLC").unwrap();
    sources.list = vec![Source {
        origin: Origin::File("a.mmdb".into()),
        provider: Provider::Database,
        entries,
        made: None,
        format: "test",
    }];
    let (as_db, explained) = About::freeze(sources).unwrap();
    let about = SharedAbout::default();
    about.replace(explained);
    let file = ConfigFile::parse(b"").unwrap();
    Told {
        config: std::sync::Arc::new(ArcSwap::from_pointee(file.check().unwrap().config)),
        known: SharedKnown::new(Known {
            as_db,
            policies: Vec::new(),
            decisions: decisions_of("").into(),
            own: Vec::new(),
        }),
        about,
        places: SharedPlaces::default(),
        names: ReverseDns::default(),
        routes: Asking::default(),
    }
}

fn example(last: u8, exporter_as: u32, table_as: u32) -> Disagreement {
    Disagreement {
        side: 0,
        address: [8, 8, 8, last].into(),
        exporter_as: Asn(exporter_as),
        table_as: Asn(table_as),
        by_default_route: false,
    }
}

fn session(port: u16, compared: u64, disagreements: u64, examples: &[Disagreement]) -> SessionPage {
    let mut counters = SessionCounters::default();
    counters.records.sides[0].compared = compared;
    counters.records.sides[0].disagreements = disagreements;
    SessionPage {
        exporter: ([192, 0, 2, 1], port).into(),
        version: Version::V9,
        domain: 7,
        templates_count: 1,
        counters,
        examples: examples.to_vec(),
        seen_at: mediator::Millis(0),
        sampling_rate: None,
    }
}

fn numbers(sessions: Vec<SessionPage>) -> Numbers {
    Numbers {
        sessions,
        ..Numbers::default()
    }
}

#[test]
fn an_exporter_that_disagrees_is_shown_with_examples_and_the_tables_prefix() {
    let told = told();
    let both = [example(8, 6939, 15_169), example(9, 6939, 15_169)];
    let sessions = vec![
        session(1, 100, 40, &both[..1]),
        session(2, 100, 11, &both),
        session(3, 50, 0, &[]),
    ];
    let numbers = numbers(sessions);
    let expected = "\
exporter                                 side               compared       disagree    share
192.0.2.1                                source                  250             51   20.4 %
  8.8.8.8: exporter AS6939, table AS15169 Google LLC by 8.8.0.0/16
  8.8.8.9: exporter AS6939, table AS15169 Google LLC by 8.8.0.0/16
";
    assert_eq!(text(&numbers, &told), expected);
    let json = json(&numbers, &told);
    let start = concat!(
        r#"[{"exporter":"192.0.2.1","side":"source","compared":250,"disagreements":51,"#,
        r#""examples":[{"address":"8.8.8.8","dns_name":null,"exporter_as":6939,"#,
        r#""table_as":15169,"table_name":"Google LLC","prefix":"8.8.0.0/16","#,
        r#""by_default_route":false},"#
    );
    assert!(json.starts_with(start) && json.ends_with("]}]\n"), "{json}");
}

/// What was said after the counts (compared, disagreements) of these minutes.
fn events(minutes: &[(u64, u64)], examples: &[Disagreement]) -> Vec<String> {
    let (told, events, mut watch) = (told(), Events::default(), Watch::default());
    for (compared, disagreements) in minutes {
        let sessions = vec![session(1, *compared, *disagreements, examples)];
        watch.look(&numbers(sessions), &told, (&events, SystemTime::UNIX_EPOCH));
    }
    let text = events.text(SystemTime::UNIX_EPOCH);
    let lines = text.lines().filter(|line| *line != "no events");
    lines.map(str::to_owned).collect()
}

#[test]
fn more_than_half_of_a_minutes_records_is_an_event_until_it_is_over() {
    let none = |minutes: &[(u64, u64)]| events(minutes, &[]).len();
    assert_eq!(none(&[(200, 100)]), 0, "half is not more than half");
    assert_eq!(none(&[(99, 99)]), 0, "too few to conclude from");
    assert_eq!(none(&[(200, 101)]), 1);
    assert_eq!(none(&[(200, 150), (400, 300)]), 1, "said once");
    assert_eq!(none(&[(10_000, 0), (10_200, 101)]), 1, "the minute counts");
    assert_eq!(none(&[(200, 150), (400, 150), (600, 300)]), 2, "and again");
    assert_eq!(none(&[(9000, 0), (200, 150)]), 1, "a session counts anew");
}

#[test]
fn examples_tell_neighbours_from_a_default_route() {
    let neighbours = [example(1, 6939, 1), example(2, 174, 2), example(3, 174, 3)];
    let one_as = [1, 2, 3, 4].map(|last| example(last, 6939, last.into()));
    let default = one_as.map(|one| Disagreement {
        by_default_route: true,
        ..one
    });
    for (examples, event, remedy) in [
        (
            &neighbours[..],
            "probable_peer_as: ",
            "flow_as_semantics to peer",
        ),
        (&one_as, "probable_peer_as: ", "one AS for all of them"),
        (
            &default,
            "probable_default_route_as: ",
            "flow-except-default-route",
        ),
    ] {
        let said = events(&[(1000, 900)], examples);
        assert!(said[0].contains(event), "{said:?}");
        assert!(said[0].contains(remedy), "{said:?}");
        let counts = "its source AS is not the table's for 900 of 1000 records of a minute, for \
                      example 8.8.8.1: exporter AS6939";
        assert!(said[0].contains(counts), "{said:?}");
    }
}
