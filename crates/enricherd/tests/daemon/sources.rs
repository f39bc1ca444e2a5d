//! AS data that changes, breaks and goes away while Messages flow.

use std::fs;

use enricherd::config::Config;
use enricherd::daemon::Daemon;

use crate::control::ask;
use crate::message::{Head, PLAIN, Protocol, data, data_sets, plain_record};
use crate::rig::{Collector, Exporter, Place, wait_until};

/// An exporter, the daemon and a collector.
struct Way {
    daemon: Daemon,
    exporter: Exporter,
    collector: Collector,
    sent: std::cell::Cell<u32>,
}

impl Way {
    fn new(place: &Place, change: impl FnOnce(&mut Config)) -> Self {
        let collector = Collector::new();
        let mut config = place.config(&[collector.address()], "listen_address: 127.0.0.1", "");
        change(&mut config);
        let daemon = Daemon::start(config).unwrap();
        let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
        exporter.send_templates(Protocol::Ipfix);
        Self {
            daemon,
            exporter,
            collector,
            sent: 0.into(),
        }
    }

    /// The AS of 8.8.8.8 as the collector sees it.
    fn asn(&self) -> u32 {
        let number = self.sent.replace(self.sent.get() + 1);
        let head = Head::new(Protocol::Ipfix, number);
        self.exporter
            .send(&data(head, PLAIN, &plain_record(number)));
        let (octets, _) = self.collector.next_data();
        let record = &data_sets(&octets)[0].1;
        u32::from_be_bytes(record[12..16].try_into().unwrap())
    }

    fn sources(&self) -> String {
        ask(&self.daemon, "sources json\n")
    }
}

/// Puts a whole new file in the place of the old one.
fn put(place: &Place, octets: &[u8]) {
    fs::write(place.path("aside"), octets).unwrap();
    fs::rename(place.path("aside"), place.path("asn.csv")).unwrap();
}

#[test]
fn a_new_file_is_taken_and_a_broken_one_is_loud_and_changes_nothing() {
    let place = Place::new("sources-change");
    let way = Way::new(&place, |_| ());
    assert_eq!(way.asn(), 15_169);
    let sources = way.sources();
    assert!(sources.contains("\"state\":\"ok\""), "{sources}");
    assert!(sources.contains("\"prefixes\":2,"), "{sources}");

    put(&place, b"8.8.8.0,8.8.8.255,64000,\"Other\"\n");
    wait_until("the new file counts", || way.asn() == 64_000);

    put(&place, b"8.8.8.0,8.8.8.255,1\n8.8.9.0,8.8.");
    wait_until("the broken file is said", || {
        way.sources().contains("\"state\":\"broken\"")
    });
    let sources = way.sources();
    assert!(sources.contains("\"is_last_good\":true"), "{sources}");
    assert!(sources.contains("asn.csv: line 2: "), "{sources}");
    assert_eq!(way.asn(), 64_000, "what it said before counts");

    fs::remove_file(place.path("asn.csv")).unwrap();
    wait_until("the missing file is said", || {
        way.sources().contains("\"state\":\"missing\"")
    });
    assert_eq!(way.asn(), 64_000, "what it said before counts");
    let text = ask(&way.daemon, "sources\n");
    assert!(text.contains("what it said before stays in use"), "{text}");

    put(&place, b"8.8.8.0,8.8.8.255,64001\n");
    wait_until("it is there again", || way.asn() == 64_001);
    drop(way.daemon.stop());
}

/// A dump of one prefix that two peers see announced by AS 3320: TABLE_DUMP_V2 [RFC 6396 §4.3].
fn dump() -> Vec<u8> {
    let mut octets = Vec::new();
    let mut record = |subtype: u8, body: &[u8]| {
        octets.extend([0x6a, 0, 0, 0, 0, 13, 0, subtype, 0, 0, 0]);
        octets.push(u8::try_from(body.len()).unwrap());
        octets.extend(body);
    };
    let peer = [2, 9, 9, 9, 9, 192, 0, 2, 1, 0, 0, 0x0d, 0x1c];
    let index = [&[1, 1, 1, 1, 0, 0, 0, 2][..], &peer, &peer].concat();
    let attributes = [0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0x0c, 0xf8];
    let route = |peer| [&[0, peer, 0, 0, 0, 0, 0, 13][..], &attributes].concat();
    let routes = [&[0, 0, 0, 0, 24, 8, 8, 8, 0, 2][..], &route(0), &route(1)].concat();
    record(1, &index);
    record(2, &routes);
    octets
}

#[test]
fn a_dump_of_a_routing_table_answers_before_a_database() {
    let place = Place::new("sources-dump");
    let path = place.path("rib");
    fs::write(&path, dump()).unwrap();
    let way = Way::new(&place, |config| {
        config.enrichment.mrt_files = vec![path.clone()];
    });
    // Traffic does not wait for it.
    wait_until("the dump counts", || way.asn() == 3320);
    fs::write(&path, &dump()[..90]).unwrap();
    wait_until("the cut dump is said", || {
        way.sources().contains("\"state\":\"broken\"")
    });
    let sources = way.sources();
    assert!(sources.contains("rib: octet 90: "), "{sources}");
    assert_eq!(way.asn(), 3320, "what it said before counts");
    drop(way.daemon.stop());
}

#[test]
fn without_any_database_the_shipped_snapshot_stands_in_until_there_is_one() {
    let place = Place::new("sources-none");
    let away = place.path("away");
    fs::rename(place.path("asn.csv"), &away).unwrap();
    let way = Way::new(&place, |_| ());
    assert_eq!(way.asn(), 15_169);
    let sources = way.sources();
    assert!(sources.contains("\"state\":\"missing\""), "{sources}");
    assert!(sources.contains("\"stands_in\":true"), "{sources}");
    put(&place, b"8.8.8.0,8.8.8.255,64001\n");
    wait_until("the database counts", || way.asn() == 64_001);
    let sources = way.sources();
    assert!(!sources.contains("\"stands_in\":true"), "{sources}");
    drop(way.daemon.stop());
}
