//! Collectors that want only some of it, raw copies, and groups that share.

use asdb::Asn;
use enricherd::config::{Group, GroupMode, Health};
use enricherd::daemon::Daemon;
use mediator::OutletCounters;

use crate::control::ask;
use crate::message::{
    Head, Protocol, WITH_AS, data, data_sets, message, record_with_as, set, templates,
};
use crate::rig::{Collector, Exporter, Place, wait_for, wait_with};

#[test]
fn one_collector_gets_all_one_what_it_wants_and_one_a_copy() {
    let place = Place::new("filter");
    let collectors = [Collector::new(), Collector::new(), Collector::new()];
    let addresses: Vec<_> = collectors.iter().map(Collector::address).collect();
    let mut config = place.config(&addresses, "listen_address: 127.0.0.1", "");
    config.forwarding.collectors[1].filter.as_numbers = vec![Asn(3320)];
    config.forwarding.collectors[2].raw = true;
    let daemon = Daemon::start(config).unwrap();
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    let announced = templates(Head::new(Protocol::Ipfix, 0));
    let both = [record_with_as(0, 3320), record_with_as(0, 0)].concat();
    let came = message(Head::new(Protocol::Ipfix, 0), 2, &set(WITH_AS, &both));
    let head = Head::new(Protocol::Ipfix, 2);
    let last = data(head, WITH_AS, &record_with_as(0, 3320));
    for octets in [&announced, &came, &last] {
        exporter.send(octets);
    }
    let [all, some, copy] = &collectors;
    let filled = [record_with_as(15_169, 3320), record_with_as(15_169, 13_335)];
    let (octets, _) = all.next_data();
    assert_eq!(data_sets(&octets), [(WITH_AS, filled.concat())]);
    for sequence in [0, 1] {
        let (octets, _) = some.next_data();
        assert_eq!(data_sets(&octets), [(WITH_AS, filled[0].clone())]);
        assert_eq!(octets[8..12], u32::to_be_bytes(sequence));
    }
    for octets in [announced, came, last] {
        assert_eq!(copy.next().0, octets);
    }
    let targets = daemon.stop().targets;
    let left_out: Vec<_> = targets.iter().map(|target| target.left_out).collect();
    let one_record = OutletCounters {
        records_left_out: 1,
        ..OutletCounters::default()
    };
    let nothing = OutletCounters::default();
    assert_eq!(left_out, [nothing, one_record, nothing]);
}

#[test]
fn the_data_go_to_the_second_while_the_first_is_down_and_back_again_behind_templates() {
    let place = Place::new("failover");
    let (first, second) = (Collector::new(), Collector::new());
    let addresses = [first.address(), second.address()];
    let more = "source: own";
    let mut config = place.config(&addresses, "listen_address: 127.0.0.1", more);
    config.forwarding.groups = vec![Group {
        name: "stores".to_owned(),
        mode: GroupMode::Failover,
    }];
    for collector in &mut config.forwarding.collectors {
        collector.group = Some("stores".to_owned());
        collector.health = Health::None;
    }
    let daemon = Daemon::start(config).unwrap();
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::Ipfix);
    let mut sequence = 0;
    let mut send = || {
        let head = Head::new(Protocol::Ipfix, sequence);
        exporter.send(&data(head, WITH_AS, &record_with_as(0, 0)));
        sequence += 1;
    };
    send();
    let (octets, _) = first.next_data();
    assert_eq!(octets[8..12], 0_u32.to_be_bytes());
    let (octets, _) = second.next();
    assert!(data_sets(&octets).is_empty(), "the Templates alone");

    let place_of_first = first.address().to_string();
    drop(first);
    let has_data =
        |collector: &Collector| !collector.is_empty() && !data_sets(&collector.next().0).is_empty();
    wait_with("data at the second", || has_data(&second), &mut send);
    let events = ask(&daemon, "events\n");
    let down = format!("collector_down: collector {place_of_first} is down: it refuses Messages");
    assert!(events.contains(&down), "{events}");

    let first = Collector::at(&place_of_first);
    let mut came = Vec::new();
    let mut is_back = || {
        while !first.is_empty() {
            came.push(first.next().0);
        }
        came.iter().any(|octets| !data_sets(octets).is_empty())
    };
    wait_with("data at the first again", &mut is_back, &mut send);
    assert!(data_sets(&came[0]).is_empty(), "Templates come first");
    let events = ask(&daemon, "events\n");
    let up = format!("collector_up: collector {place_of_first} is back after");
    assert!(events.contains(&up), "{events}");
    let collectors = ask(&daemon, "collectors json\n");
    assert!(
        collectors.contains("\"last_error\":\"it refuses"),
        "{collectors}"
    );
    wait_for(&daemon, "everything was counted", |numbers| {
        let counters = &numbers.mediator;
        counters.messages_in == counters.messages_forwarded
    });
    drop(daemon.stop());
}
