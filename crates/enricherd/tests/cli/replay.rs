//! What a replay makes of time, addresses and sizes.

use std::fs;

use crate::support::{Place, Sent, capture, datagrams, run, sent, v9_data, v9_template};

/// Replays `input` with `more` lines of configuration; returns what left.
fn replay(test: &str, more: &str, input: &[Sent]) -> Vec<Sent> {
    let place = Place::new(test);
    let config = place.config(more).display().to_string();
    let capture = place.file("in.pcap", capture(input)).display().to_string();
    let out = place.path("out.pcap").display().to_string();
    let ended = run(&["replay", &capture, "--out", &out, "--config", &config]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    datagrams(&fs::read(out).expect("the output"))
}

fn times(datagrams: &[Sent]) -> Vec<u64> {
    datagrams.iter().map(|(millis, ..)| *millis).collect()
}

/// What stands behind the header of a v9 Message, whatever its Sequence Number.
fn sets(message: &[u8]) -> &[u8] {
    &message[20..]
}

const EXPORTER: &str = "192.0.2.1:50001";
const OTHER: &str = "192.0.2.2:50001";

#[test]
fn data_before_its_template_leaves_with_it() {
    let left = replay(
        "held_for_template",
        "",
        &[
            sent(1000, EXPORTER, &v9_data(1, 0, 0)),
            sent(1300, EXPORTER, &v9_template(2)),
        ],
    );
    assert!(left.len() >= 2, "{left:?}");
    assert!(
        times(&left).iter().all(|millis| *millis == 1300),
        "{left:?}"
    );
    let filled = v9_data(1, 13335, 15169);
    assert!(
        left.iter()
            .any(|(.., payload)| sets(payload) == sets(&filled))
    );
}

#[test]
fn data_whose_template_never_comes_leaves_when_its_time_is_up() {
    let raw = v9_data(1, 0, 0);
    let left = replay(
        "held_in_vain",
        "",
        &[
            sent(1000, EXPORTER, &raw),
            sent(1900, OTHER, &v9_template(1)),
            sent(2100, OTHER, &v9_data(2, 0, 0)),
        ],
    );
    assert_eq!(times(&left), [1900, 2100, 2100]);
    assert_eq!((left[1].1.as_str(), &left[1].3), (EXPORTER, &raw));
}

#[test]
fn what_waits_at_the_end_leaves_with_the_last_time() {
    let raw = v9_data(1, 0, 0);
    let left = replay("held_at_the_end", "", &[sent(1000, EXPORTER, &raw)]);
    let collector = "127.0.0.1:2056".to_owned();
    assert_eq!(left, [(1000, EXPORTER.to_owned(), collector, raw)]);
}

#[test]
fn the_time_of_the_output_never_goes_back() {
    let left = replay(
        "time_goes_back",
        "",
        &[
            sent(5000, EXPORTER, &v9_template(1)),
            sent(4000, EXPORTER, &v9_data(2, 0, 0)),
            sent(5001, EXPORTER, &v9_data(3, 0, 0)),
        ],
    );
    assert_eq!(times(&left), [5000, 5000, 5001]);
}

#[test]
fn a_long_gap_is_no_reason_to_forget_a_template() {
    let days = 3 * 86_400_000;
    let left = replay(
        "long_gap",
        "",
        &[
            sent(1000, EXPORTER, &v9_template(1)),
            sent(2000, EXPORTER, &v9_template(2)),
            sent(days, EXPORTER, &v9_data(3, 0, 0)),
        ],
    );
    let (millis, .., payload) = left.last().expect("something left");
    assert_eq!(
        (*millis, sets(payload)),
        (days, sets(&v9_data(3, 13335, 15169)))
    );
}

#[test]
fn each_family_reaches_a_collector_of_its_own() {
    let v6 = "[2001:db8::1]:50001";
    let input = [
        sent(1000, EXPORTER, &v9_template(1)),
        sent(1001, v6, &v9_template(1)),
    ];
    let collector =
        |host: &str| format!("forwarding:\n  collectors:\n    - {{host: \"{host}\"}}\n");
    for (host, of_v4, of_v6) in [
        ("198.51.100.9", "198.51.100.9:2056", "[::1]:2056"),
        ("2001:db8::9", "127.0.0.1:2056", "[2001:db8::9]:2056"),
    ] {
        let left = replay("families", &collector(host), &input);
        let ends: Vec<_> = left
            .iter()
            .map(|(_, from, to, _)| (from.as_str(), to.as_str()))
            .collect();
        assert_eq!(ends, [(EXPORTER, of_v4), (v6, of_v6)]);
    }
}

#[test]
fn what_is_no_message_passes_as_it_came_and_in_one_packet() {
    let large = [vec![0, 1], vec![7; 3000]].concat();
    let left = replay("unknown_version", "", &[sent(1000, EXPORTER, &large)]);
    assert_eq!(left[0].3, large);
}
