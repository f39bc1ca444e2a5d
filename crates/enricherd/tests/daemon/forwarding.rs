//! What comes in leaves, with AS numbers, to every collector, under the right name.

use enricherd::daemon::Daemon;

use crate::message::{
    Head, PLAIN, PLAIN_CLONE, Protocol, WITH_AS, appended_record, data, data_sets, domain,
    plain_record, record_with_as,
};
use crate::rig::{Collector, Exporter, Place, wait_for};

#[test]
fn records_are_filled_and_appended_in_both_protocols() {
    for (protocol, name) in [
        (Protocol::V9, "filled-v9"),
        (Protocol::Ipfix, "filled-ipfix"),
    ] {
        let (place, collector) = (Place::new(name), Collector::new());
        let config = place.config(&[collector.address()], "listen_address: 127.0.0.1", "");
        let daemon = Daemon::start(config).unwrap();
        let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
        exporter.send_templates(protocol);
        let (announced, _) = collector.next();
        assert!(data_sets(&announced).is_empty());

        let head = Head::new(protocol, 1);
        exporter.send(&data(head, WITH_AS, &record_with_as(0, 64_496)));
        let (octets, _) = collector.next_data();
        assert_eq!(
            data_sets(&octets),
            [(WITH_AS, record_with_as(15_169, 13_335))]
        );

        let head = Head::new(protocol, 2);
        exporter.send(&data(head, WITH_AS, &record_with_as(3320, 0)));
        let (octets, _) = collector.next_data();
        assert_eq!(
            data_sets(&octets),
            [(WITH_AS, record_with_as(3320, 13_335))]
        );

        let head = Head::new(protocol, 3);
        exporter.send(&data(head, PLAIN, &plain_record(42)));
        let (octets, _) = collector.next_data();
        assert_eq!(data_sets(&octets), [(PLAIN_CLONE, appended_record(42))]);

        let numbers = daemon.stop();
        let records = &numbers.mediator.records;
        assert_eq!(
            (records.records, records.filled, records.appended),
            (3, 3, 2)
        );
    }
}

#[test]
fn every_collector_gets_every_message_and_each_session_has_its_port() {
    let place = Place::new("fan-out");
    let collectors = [Collector::new(), Collector::new()];
    let addresses = [collectors[0].address(), collectors[1].address()];
    let config = place.config(&addresses, "listen_address: 127.0.0.1", "");
    let daemon = Daemon::start(config).unwrap();
    let exporters: Vec<_> = (0..3)
        .map(|_| Exporter::new("127.0.0.1:0", daemon.bound()))
        .collect();
    for (domain, exporter) in (0..).zip(&exporters) {
        let head = Head {
            domain,
            ..Head::new(Protocol::Ipfix, 0)
        };
        exporter.send(&crate::message::templates(head));
        exporter.send(&data(head, WITH_AS, &record_with_as(1, 2)));
    }
    for collector in &collectors {
        let mut sessions: Vec<_> = (0..exporters.len())
            .map(|_| {
                let (octets, from) = collector.next_data();
                (domain(&octets), from.port())
            })
            .collect();
        sessions.sort_unstable();
        let domains: Vec<_> = sessions.iter().map(|(domain, _)| *domain).collect();
        assert_eq!(domains, [0, 1, 2], "one exporter address: domains stay");
        let mut ports: Vec<_> = sessions.iter().map(|(_, port)| *port).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), exporters.len());
    }
    assert_eq!(daemon.stop().sender_sessions, exporters.len());
}

#[test]
fn two_exporters_with_one_domain_and_one_template_id_are_told_apart() {
    let (place, collector) = (Place::new("domains"), Collector::new());
    let config = place.config(&[collector.address()], "listen_address: 127.0.0.1", "");
    let daemon = Daemon::start(config).unwrap();
    let shown = ["127.0.0.1:0", "127.0.0.2:0"].map(|address| {
        let exporter = Exporter::new(address, daemon.bound());
        exporter.send_templates(Protocol::V9);
        exporter.send(&data(
            Head::new(Protocol::V9, 1),
            WITH_AS,
            &record_with_as(1, 2),
        ));
        let (octets, _) = collector.next_data();
        // Once the second is seen the first is shown otherwise too.
        (exporter, domain(&octets))
    });
    let (first, first_shown) = &shown[0];
    assert_eq!(*first_shown, 7, "alone it keeps its Source ID");
    first.send(&data(
        Head::new(Protocol::V9, 2),
        WITH_AS,
        &record_with_as(1, 2),
    ));
    let (octets, _) = collector.next_data();
    assert_ne!(domain(&octets), shown[1].1);
    drop(daemon.stop());
}

#[test]
fn exporters_of_both_families_reach_one_socket() {
    let (place, collector) = (Place::new("families"), Collector::new());
    let config = place.config(&[collector.address()], "listen_address: \"::\"", "");
    let daemon = Daemon::start(config).unwrap();
    let mut addresses = vec!["127.0.0.1:0"];
    if daemon.bound().is_ipv6() {
        addresses.push("[::1]:0");
    } else {
        eprintln!("IPv6 is skipped: this host has none");
    }
    for address in &addresses {
        let exporter = Exporter::new(address, daemon.bound());
        exporter.send_templates(Protocol::Ipfix);
        exporter.send(&data(
            Head::new(Protocol::Ipfix, 0),
            PLAIN,
            &plain_record(1),
        ));
        let (octets, _) = collector.next_data();
        assert_eq!(
            data_sets(&octets),
            [(PLAIN_CLONE, appended_record(1))],
            "{address}"
        );
    }
    drop(daemon.stop());
}

#[test]
fn data_that_wait_for_their_template_leave_when_time_is_up_or_at_the_end() {
    let (place, collector) = (Place::new("waiting"), Collector::new());
    let general = "listen_address: 127.0.0.1";
    let config = place.config(&[collector.address()], general, "hold_time: 100ms");
    let daemon = Daemon::start(config).unwrap();
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send(&data(Head::new(Protocol::Ipfix, 0), 300, &plain_record(1)));
    let (octets, _) = collector.next_data();
    assert_eq!(data_sets(&octets), [(300, plain_record(1))]);
    drop(daemon.stop());

    let config = place.config(&[collector.address()], general, "hold_time: 60s");
    let daemon = Daemon::start(config).unwrap();
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send(&data(Head::new(Protocol::Ipfix, 0), 301, &plain_record(2)));
    wait_for(&daemon, "a Message waits", |numbers| {
        numbers.mediator.messages_held == 1
    });
    let numbers = daemon.stop();
    assert_eq!(numbers.mediator.messages_held, 0);
    let (octets, _) = collector.next_data();
    assert_eq!(data_sets(&octets), [(301, plain_record(2))]);
}

#[test]
fn what_came_before_the_stop_is_sent() {
    let (place, collector) = (Place::new("drain"), Collector::new());
    let config = place.config(&[collector.address()], "listen_address: 127.0.0.1", "");
    let daemon = Daemon::start(config).unwrap();
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::Ipfix);
    let messages_count = 50;
    for number in 0..messages_count {
        let head = Head::new(Protocol::Ipfix, number);
        exporter.send(&data(head, PLAIN, &plain_record(number)));
    }
    let numbers = daemon.stop();
    assert_eq!(numbers.mediator.records.records, u64::from(messages_count));
    for number in 0..messages_count {
        let (octets, _) = collector.next_data();
        assert_eq!(data_sets(&octets), [(PLAIN_CLONE, appended_record(number))]);
    }
}
