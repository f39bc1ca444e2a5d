//! Many workers behave as one: each exporter meets the Templates that it announced.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use enricherd::config::Config;
use enricherd::daemon::Daemon;
use mediator::Raw;

use crate::message::{
    Head, PLAIN, PLAIN_CLONE, Protocol, WITH_AS, appended_record, data, data_sets, domain,
    plain_record, record_with_as,
};
use crate::rig::{Collector, Exporter, Place, wait_for};

/// Addresses of as many exporters on this host.
fn addresses(count: u8) -> impl Iterator<Item = String> {
    (1..=count).map(|last| format!("127.0.0.{last}:0"))
}

#[test]
fn an_exporter_that_changes_its_port_with_every_datagram_meets_its_templates() {
    let (place, collector) = (Place::new("ports"), Collector::new());
    let daemon = Daemon::start(place.config_for(&[collector.address()], 4)).unwrap();
    for (nth, address) in addresses(8).enumerate() {
        let (host, _) = address.split_once(':').unwrap();
        let send = |octets: &[u8]| Exporter::new(&format!("{host}:0"), daemon.bound()).send(octets);
        send(&crate::message::templates(Head::new(Protocol::V9, 0)));
        for number in 1..=40 {
            send(&data(
                Head::new(Protocol::V9, number),
                PLAIN,
                &plain_record(number),
            ));
            let (octets, _) = collector.next_data();
            let expected = [(PLAIN_CLONE, appended_record(number))];
            assert_eq!(data_sets(&octets), expected, "exporter {nth}");
        }
    }
    let numbers = daemon.stop();
    assert_eq!(numbers.mediator.sets_raw, [0; Raw::ALL.len()]);
    assert_eq!(
        numbers.mediator.holds, 0,
        "no Template was missed even once"
    );
}

#[test]
fn sixty_four_exporters_keep_two_workers_busy() {
    let (place, collector) = (Place::new("busy"), Collector::new());
    let daemon = Daemon::start(place.config_for(&[collector.address()], 2)).unwrap();
    for address in addresses(64) {
        let exporter = Exporter::new(&address, daemon.bound());
        exporter.send_templates(Protocol::Ipfix);
        exporter.send(&data(
            Head::new(Protocol::Ipfix, 0),
            PLAIN,
            &plain_record(1),
        ));
        let (octets, _) = collector.next_data();
        assert_eq!(data_sets(&octets), [(PLAIN_CLONE, appended_record(1))]);
    }
    let numbers = daemon.stop();
    assert_eq!(numbers.tally.datagrams, 128);
    let [one, other] = numbers.workers[..] else {
        panic!("{:?}", numbers.workers);
    };
    assert_eq!(one.datagrams + other.datagrams, 128);
    assert_eq!(one.exporters_count + other.exporters_count, 64);
    for worker in [one, other] {
        assert!(worker.exporters_count >= 16, "{worker:?}");
        assert_eq!(worker.datagrams, 2 * worker.exporters_count as u64);
    }
}

#[test]
fn exporters_of_different_workers_with_one_domain_are_told_apart() {
    let (place, collector) = (Place::new("apart"), Collector::new());
    let config = place.config_for(&[collector.address()], 4);
    let daemon = Daemon::start(config.clone()).unwrap();
    let port = daemon.bound().port();
    let exporters: Vec<_> = addresses(8)
        .map(|address| Exporter::new(&address, daemon.bound()))
        .collect();
    let shown = |nth: usize, number: u32| {
        let head = Head::new(Protocol::V9, number);
        exporters[nth].send(&data(head, WITH_AS, &record_with_as(1, 2)));
        domain(&collector.next_data().0)
    };
    exporters[0].send_templates(Protocol::V9);
    assert_eq!(shown(0, 1), 7, "alone it keeps its Source ID");
    let mut seen = Vec::new();
    for (nth, exporter) in exporters.iter().enumerate().skip(1) {
        exporter.send_templates(Protocol::V9);
        seen.push(shown(nth, 1));
    }
    seen.push(shown(0, 2));
    let (first_again, before) = (seen[seen.len() - 1], seen.clone());
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), exporters.len(), "no two under one domain");
    assert!(!seen.contains(&7));
    let numbers = daemon.stop();
    let busy = numbers.workers.iter().filter(|one| one.datagrams > 0);
    assert!(busy.count() > 1, "{:?}", numbers.workers);

    // A restart with other workers shows each of them as before, whoever speaks first.
    let daemon = Daemon::start(at_port(config, port, 3)).unwrap();
    assert_eq!(shown(0, 3), first_again);
    assert_eq!(shown(1, 2), before[0]);
    drop(daemon.stop());
}

fn at_port(mut config: Config, port: u16, workers: u16) -> Config {
    config.general.listen_port = port;
    config.performance.workers = workers;
    config
}

/// The state of a daemon that had 40 exporters, which go on with Message `number`.
struct Site {
    place: Place,
    collector: Collector,
    config: Config,
    exporters: Vec<Exporter>,
    port: u16,
}

impl Site {
    const EXPORTERS: u8 = 40;

    /// Each exporter announced its Templates to four workers, which were then stopped.
    fn new(name: &str) -> Self {
        let (place, collector) = (Place::new(name), Collector::new());
        let mut config = place.config_for(&[collector.address()], 4);
        // What is not restored is to leave at once.
        config.forwarding.hold_time = Duration::ZERO;
        let daemon = Daemon::start(config.clone()).unwrap();
        let port = daemon.bound().port();
        let exporters: Vec<_> = addresses(Self::EXPORTERS)
            .map(|address| Exporter::new(&address, daemon.bound()))
            .collect();
        for exporter in &exporters {
            exporter.send_templates(Protocol::V9);
            drop(collector.next());
        }
        let numbers = daemon.stop();
        assert!(numbers.workers.iter().all(|one| one.exporters_count > 0));
        Self {
            place,
            collector,
            config,
            exporters,
            port,
        }
    }

    fn start(&self, workers: u16) -> Daemon {
        Daemon::start(at_port(self.config.clone(), self.port, workers)).unwrap()
    }

    /// Has each exporter send one datagram of data; returns how many of them left enriched.
    fn enriched(&self, number: u32) -> usize {
        let enriched = self.exporters.iter().filter(|exporter| {
            let head = Head::new(Protocol::V9, number);
            exporter.send(&data(head, PLAIN, &plain_record(number)));
            let (octets, _) = self.collector.next_data();
            data_sets(&octets) == [(PLAIN_CLONE, appended_record(number))]
        });
        enriched.count()
    }

    fn state(&self) -> PathBuf {
        self.place.path(&format!("state/udp-{}.state", self.port))
    }
}

#[test]
fn each_exporters_state_reaches_its_worker_after_a_change_of_workers() {
    let site = Site::new("resized");
    for (number, workers) in (1..).zip([1, 3, 4, 2]) {
        let daemon = site.start(workers);
        assert_eq!(
            site.enriched(number),
            site.exporters.len(),
            "{workers} workers"
        );
        let numbers = daemon.stop();
        assert_eq!(numbers.workers.len(), usize::from(workers));
        let counts = numbers.workers.iter().map(|one| one.exporters_count);
        assert_eq!(counts.sum::<usize>(), site.exporters.len());
        assert_eq!(numbers.mediator.sets_raw, [0; Raw::ALL.len()]);
    }
}

#[test]
fn a_damaged_part_of_the_state_costs_only_its_own_exporters() {
    let site = Site::new("damaged-part");
    let mut octets = fs::read(site.state()).unwrap();
    let last = octets.len() - 1;
    octets[last] ^= 1;
    fs::write(site.state(), &octets).unwrap();
    let daemon = site.start(2);
    let enriched = site.enriched(1);
    assert!(
        enriched > 0 && enriched < site.exporters.len(),
        "{enriched}"
    );
    assert!(site.state().with_extension("damaged").exists());
    drop(daemon.stop());
}

#[test]
fn a_state_that_is_none_stops_nothing() {
    let site = Site::new("no-state");
    fs::write(site.state(), b"something else").unwrap();
    let daemon = site.start(2);
    assert_eq!(site.enriched(1), 0);
    let kept = fs::read(site.state().with_extension("damaged")).unwrap();
    assert_eq!(kept, b"something else");
    drop(daemon.stop());
}

#[test]
fn exporters_of_both_families_share_workers_whatever_their_ports() {
    let (place, collector) = (Place::new("both-families"), Collector::new());
    let mut config = place.config_for(&[collector.address()], 4);
    config.general.listen_address = "::".parse().unwrap();
    let daemon = Daemon::start(config).unwrap();
    let mut hosts: Vec<_> = (1..=8).map(|last| format!("127.0.0.{last}:0")).collect();
    if daemon.bound().is_ipv6() {
        hosts.push("[::1]:0".to_owned());
    } else {
        eprintln!("IPv6 is skipped: this host has none");
    }
    for address in &hosts {
        let send = |octets: &[u8]| Exporter::new(address, daemon.bound()).send(octets);
        send(&crate::message::templates(Head::new(Protocol::Ipfix, 0)));
        for number in 0..10 {
            let head = Head::new(Protocol::Ipfix, number);
            send(&data(head, PLAIN, &plain_record(number)));
            let (octets, _) = collector.next_data();
            let expected = [(PLAIN_CLONE, appended_record(number))];
            assert_eq!(data_sets(&octets), expected, "{address}");
        }
    }
    let numbers = daemon.stop();
    assert_eq!(numbers.mediator.sets_raw, [0; Raw::ALL.len()]);
    assert_eq!(numbers.mediator.holds, 0);
}

#[test]
fn data_that_wait_leave_on_time_at_a_worker_that_hears_nothing_else() {
    let (place, collector) = (Place::new("idle"), Collector::new());
    let config = place.config(
        &[collector.address()],
        "listen_address: 127.0.0.1",
        "hold_time: 100ms",
    );
    let mut config = config;
    config.performance.workers = 4;
    let daemon = Daemon::start(config).unwrap();
    for address in addresses(8) {
        let exporter = Exporter::new(&address, daemon.bound());
        exporter.send(&data(Head::new(Protocol::Ipfix, 0), 300, &plain_record(1)));
    }
    for _ in addresses(8) {
        let (octets, _) = collector.next_data();
        assert_eq!(data_sets(&octets), [(300, plain_record(1))]);
    }
    wait_for(&daemon, "nothing waits", |numbers| {
        numbers.mediator.messages_held == 0
    });
    drop(daemon.stop());
}

#[test]
fn a_core_that_there_is_not_is_no_reason_to_stop() {
    let (place, collector) = (Place::new("cores"), Collector::new());
    let mut config = place.config_for(&[collector.address()], 0);
    config.performance.cpu_affinity = vec![0, 1023, 0];
    let daemon = Daemon::start(config).unwrap();
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::Ipfix);
    exporter.send(&data(
        Head::new(Protocol::Ipfix, 0),
        PLAIN,
        &plain_record(1),
    ));
    let (octets, _) = collector.next_data();
    assert_eq!(data_sets(&octets), [(PLAIN_CLONE, appended_record(1))]);
    assert_eq!(daemon.ended_worker(), None);
    assert_eq!(daemon.stop().workers.len(), 3, "one for each entry");
}
