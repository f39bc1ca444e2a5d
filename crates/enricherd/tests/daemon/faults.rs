//! What bad input and bad luck get: bounded, counted by reason, and no harm to others.

use std::net::UdpSocket;

use enricherd::daemon::{Daemon, StartError};
use enricherd::pipeline::tally::Refused;
use enricherd::pipeline::target::Unsent;
use mediator::Dropped;

use crate::http::get;
use crate::message::{
    Head, PLAIN, PLAIN_CLONE, Protocol, appended_record, data, data_sets, plain_record,
};
use crate::rig::{Collector, Exporter, Place, wait_for, wait_until, wait_with};

#[test]
fn a_second_instance_is_told_the_first_ones_process() {
    let (place, collector) = (Place::new("second"), Collector::new());
    let config = place.config(&[collector.address()], "listen_address: 127.0.0.1", "");
    let first = Daemon::start(config.clone()).unwrap();
    let mut second = config;
    second.general.listen_port = first.bound().port();
    let error = Daemon::start(second.clone()).unwrap_err();
    assert!(
        matches!(error, StartError::AnotherInstance { .. }),
        "{error}"
    );
    let own = format!("(process {})", std::process::id());
    assert!(error.to_string().contains(&own), "{error}");
    drop(first.stop());
    let third = Daemon::start(second).unwrap();
    drop(third.stop());
}

#[test]
fn a_port_of_another_program_is_refused_with_its_process() {
    let (place, collector) = (Place::new("taken"), Collector::new());
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut config = place.config(&[collector.address()], "listen_address: 127.0.0.1", "");
    config.general.listen_port = taken.local_addr().unwrap().port();
    let error = Daemon::start(config).unwrap_err().to_string();
    let own = format!("(process {})", std::process::id());
    assert!(
        error.contains("in use by") && error.contains(&own),
        "{error}"
    );
    assert!(error.contains("general.listen_port"), "{error}");
}

#[test]
fn taken_statistics_missing_files_and_a_directory_that_cannot_be_stop_nothing() {
    let (place, collector) = (Place::new("lacks"), Collector::new());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = place.config(&[collector.address()], "listen_address: 127.0.0.1", "");
    config.general.stats_port = taken.local_addr().unwrap().port();
    config.general.state_dir = "/dev/null/state".into();
    config.enrichment.as_databases[0].path = place.path("missing.mmdb");
    let daemon = Daemon::start(config).unwrap();
    assert_eq!(daemon.stats_bound(), None);
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::V9);
    exporter.send(&data(Head::new(Protocol::V9, 1), PLAIN, &plain_record(1)));
    let (octets, _) = collector.next_data();
    let expected = [(PLAIN_CLONE, appended_record(1))];
    assert_eq!(data_sets(&octets), expected, "the shipped snapshot answers");
    wait_until("all of it is said", || {
        let (status, health) = get(&daemon, "/health");
        let reasons = ["general.stats_port", "general.state_dir", "missing.mmdb"];
        status == 503 && reasons.iter().all(|reason| health.contains(reason))
    });
    assert_eq!(get(&daemon, "/ready").0, 200);
    drop(daemon.stop());
}

#[test]
fn junk_and_floods_are_counted_by_reason_and_harm_nobody() {
    let (place, collector) = (Place::new("junk"), Collector::new());
    let config = place.config(
        &[collector.address()],
        "listen_address: 127.0.0.1",
        "unknown_versions: drop, malformed: drop",
    );
    let daemon = Daemon::start(config).unwrap();
    let honest = Exporter::new("127.0.0.1:0", daemon.bound());
    honest.send_templates(Protocol::Ipfix);
    let (strangers_count, each) = (100_u64, 10_u64);
    for stranger in 1..=strangers_count {
        let address = format!("127.1.0.{stranger}:0");
        let flooder = Exporter::new(&address, daemon.bound());
        for number in 0..each {
            // No version at all, a length that is not true, and nothing.
            let junk: &[u8] = match number % 3 {
                0 => b"GET / HTTP/1.1\r\n\r\n",
                1 => &[0, 10, 0xFF, 0xFF, 1, 2, 3],
                _ => &[],
            };
            flooder.send(junk);
        }
    }
    honest.send(&data(
        Head::new(Protocol::Ipfix, 0),
        PLAIN,
        &plain_record(5),
    ));
    let (octets, _) = collector.next_data();
    assert_eq!(data_sets(&octets), [(PLAIN_CLONE, appended_record(5))]);
    let numbers = daemon.stop();
    let junk = strangers_count * each;
    assert_eq!(numbers.tally.datagrams + numbers.kernel_drops, junk + 2);
    let dropped = |reason: Dropped| numbers.mediator.messages_dropped[reason.index()];
    assert_eq!(
        dropped(Dropped::UnknownVersion) + dropped(Dropped::Malformed) + numbers.kernel_drops,
        junk
    );
    assert!(collector.is_empty());
}

#[test]
fn datagrams_of_strangers_loops_and_too_long_ones_are_refused_by_reason() {
    let (place, collector) = (Place::new("refused"), Collector::new());
    let general = "listen_address: 127.0.0.1, allow_exporters: [127.0.0.1/32], buffer_size: 1500";
    let config = place.config(&[collector.address()], general, "");
    let daemon = Daemon::start(config).unwrap();
    let stranger = Exporter::new("127.0.0.2:0", daemon.bound());
    stranger.send_templates(Protocol::V9);
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send(&[0; 1501]);
    exporter.socket().set_ttl(1).unwrap();
    exporter.send_templates(Protocol::V9);
    exporter.socket().set_ttl(2).unwrap();
    exporter.send_templates(Protocol::V9);
    drop(collector.next());
    let refused = daemon.stop().tally.refused;
    for reason in [Refused::Cut, Refused::Loop, Refused::NotAllowed] {
        assert_eq!(refused[reason.index()], 1, "{reason:?}");
    }
    assert!(collector.is_empty());
}

#[test]
fn a_collector_that_refuses_is_counted_and_slows_nobody_and_gets_templates_when_it_is_back() {
    let (place, collector) = (Place::new("refusing"), Collector::new());
    let gone = Collector::new();
    let gone_address = gone.address();
    drop(gone);
    let addresses = [gone_address, collector.address()];
    let config = place.config(&addresses, "listen_address: 127.0.0.1", "");
    let daemon = Daemon::start(config).unwrap();
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::Ipfix);
    let send = |number| {
        let head = Head::new(Protocol::Ipfix, number);
        exporter.send(&data(head, PLAIN, &plain_record(number)));
    };
    for number in 0..20 {
        send(number);
        let (octets, _) = collector.next_data();
        assert_eq!(data_sets(&octets), [(PLAIN_CLONE, appended_record(number))]);
    }
    wait_for(&daemon, "refusals", |numbers| {
        let mut targets = numbers.targets.iter();
        let refusing = targets.next();
        let reason = refusing.and_then(|target| target.trouble.map(|trouble| trouble.reason));
        reason == Some(Unsent::Refused) && targets.all(|target| target.trouble.is_none())
    });
    let back = Collector::at(&gone_address.to_string());
    let mut looks = 0;
    wait_with(
        "the collector takes Messages again",
        || daemon.numbers().targets[0].trouble.is_none(),
        || {
            looks += 1;
            // Few enough that no Template is announced for their number.
            if looks % 20 == 0 {
                send(20 + looks / 20);
            }
        },
    );
    send(1000);
    // Only Messages of Templates have no Data Set.
    wait_until("Templates for it", || data_sets(&back.next().0).is_empty());
    let numbers = daemon.stop();
    for target in &numbers.targets {
        let unsent: u64 = target.counters.unsent.iter().sum();
        assert_eq!(target.counters.sent + unsent, numbers.mediator.messages_out);
    }
}
