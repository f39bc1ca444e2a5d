//! New configurations while Messages flow: whole or not at all, and no Message is lost.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use enricherd::config::{Config, ConfigFile};
use enricherd::daemon::Daemon;

use crate::message::{Head, PLAIN, PLAIN_CLONE, Protocol, data, data_sets, plain_record};
use crate::rig::{Collector, Exporter, Place, wait_until};

/// Messages that are on their way at once.
const WINDOW: u32 = 32;

/// What the collector saw of a record: the Set ID and both AS numbers, if there are any.
type Look = (u16, Option<[u32; 2]>);

const ENRICHED: Look = (PLAIN_CLONE, Some([15_169, 13_335]));
const AS_CAME: Look = (PLAIN, None);

/// Messages that flow until somebody says stop: as fast as they get through, none before those of
/// the window are there.
struct Flow {
    is_over: Arc<AtomicBool>,
    last: Arc<Mutex<Option<Look>>>,
    thread: JoinHandle<u32>,
}

impl Flow {
    fn start(exporter: Exporter, collector: Collector) -> Self {
        let (is_over, last) = (Arc::<AtomicBool>::default(), Arc::<Mutex<_>>::default());
        let (over, seen) = (Arc::clone(&is_over), Arc::clone(&last));
        let thread = thread::spawn(move || {
            exporter.send_templates(Protocol::Ipfix);
            let mut sent = 0;
            while !over.load(Ordering::Relaxed) {
                for number in sent..sent + WINDOW {
                    let head = Head::new(Protocol::Ipfix, number);
                    exporter.send(&data(head, PLAIN, &plain_record(number)));
                }
                for number in sent..sent + WINDOW {
                    *seen.lock().unwrap() = Some(look(&collector.next_data().0, number));
                }
                sent += WINDOW;
            }
            sent
        });
        Self {
            is_over,
            last,
            thread,
        }
    }

    fn wait_for(&self, look: Look) {
        let what = format!("records that look like {look:?}");
        wait_until(&what, || *self.last.lock().unwrap() == Some(look));
    }

    /// Returns how many Messages there were.
    fn stop(self) -> u32 {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Reads the record of a Message, which must be the one with this number.
fn look(octets: &[u8], number: u32) -> Look {
    let sequence = u32::from_be_bytes(octets[8..12].try_into().unwrap());
    assert_eq!(sequence, number, "Sequence Numbers go on");
    let sets = data_sets(octets);
    let [(id, record)] = &sets[..] else {
        panic!("one Set: {sets:?}");
    };
    let word = |at: usize| {
        let octets = record.get(at..at + 4)?;
        Some(u32::from_be_bytes(octets.try_into().unwrap()))
    };
    assert_eq!(word(8), Some(number), "records come as they were sent");
    (*id, word(12).zip(word(16)).map(<[u32; 2]>::from))
}

fn start(place: &Place) -> (Daemon, Config, Flow) {
    let collector = Collector::new();
    let config = place.config(&[collector.address()], "listen_address: 127.0.0.1", "");
    let daemon = Daemon::start(config.clone()).unwrap();
    let flow = Flow::start(Exporter::new("127.0.0.1:0", daemon.bound()), collector);
    flow.wait_for(ENRICHED);
    (daemon, config, flow)
}

/// A section of a configuration file, read.
fn read(text: &str) -> Config {
    let file = ConfigFile::parse(text.as_bytes()).unwrap();
    file.check().unwrap().config
}

#[test]
fn each_kind_of_change_takes_effect_and_costs_no_message() {
    let place = Place::new("reload-kinds");
    let (daemon, config, flow) = start(&place);
    let own = "{prefix: 8.8.8.0/24, as: 64500}";
    let rule = |rest: &str| format!("exporters: [{{match: 127.0.0.0/8, {rest}}}]");
    let kinds: [(String, &str, Look); 7] = [
        (
            format!("enrichment: {{static_prefixes: [{own}]}}"),
            "+ {prefix: \"8.8.8.0/24\", as: 64500}",
            (PLAIN_CLONE, Some([64_500, 13_335])),
        ),
        (
            format!("enrichment: {{static_prefixes: [{own}], as_providers: [database, static]}}"),
            "enrichment.as_providers: ",
            ENRICHED,
        ),
        (
            "enrichment: {missing_fields: leave}".to_owned(),
            "enrichment.missing_fields: append is now leave",
            AS_CAME,
        ),
        (
            "enrichment: {as_providers: [static]}".to_owned(),
            "enrichment.as_providers: ",
            (PLAIN_CLONE, Some([0, 0])),
        ),
        (rule("enrich: \"off\""), "+ {match: ", AS_CAME),
        (rule("as_providers: [database]"), "exporters: ", ENRICHED),
        (
            "enrichment: {as_extraction: false}".to_owned(),
            "enrichment.as_extraction: true is now false",
            AS_CAME,
        ),
    ];
    for (text, sentence, look) in kinds {
        let mut changed = config.clone();
        let new = read(&text);
        changed.exporters = new.exporters;
        changed.enrichment = new.enrichment;
        changed
            .enrichment
            .as_databases
            .clone_from(&config.enrichment.as_databases);
        let changes = daemon.reload(&changed).unwrap();
        let said: Vec<_> = changes.sentences().collect();
        assert!(said.iter().any(|one| one.contains(sentence)), "{said:?}");
        assert_eq!(changes.at_restart, [], "{text}");
        flow.wait_for(look);
    }
    let mut databases = config.clone();
    let other = place.path("other.csv");
    fs::write(&other, "8.8.8.0,8.8.8.255,64000\n1.1.1.0,1.1.1.255,64001\n").unwrap();
    databases.enrichment.as_databases[0].path = other;
    databases.forwarding.hold_time = std::time::Duration::from_secs(3);
    daemon.reload(&databases).unwrap();
    flow.wait_for((PLAIN_CLONE, Some([64_000, 64_001])));
    let sent = flow.stop();
    let numbers = daemon.stop();
    assert_eq!(numbers.tally.datagrams, u64::from(sent) + 1);
    assert_eq!(numbers.kernel_drops, 0);
}

#[test]
fn exporters_that_are_no_longer_allowed_are_refused_and_others_are_not() {
    let (place, collector) = (Place::new("reload-allow"), Collector::new());
    let config = place.config(&[collector.address()], "listen_address: 127.0.0.1", "");
    let daemon = Daemon::start(config.clone()).unwrap();
    let [one, other] = ["127.0.0.2:0", "127.0.0.3:0"].map(|address| {
        let exporter = Exporter::new(address, daemon.bound());
        exporter.send_templates(Protocol::Ipfix);
        exporter
    });
    let mut allowing = config;
    allowing.general.allow_exporters = vec!["127.0.0.3/32".parse().unwrap()];
    daemon.reload(&allowing).unwrap();
    wait_until("a datagram is refused", || {
        one.send(b"?");
        let refused = daemon.numbers().tally.refused;
        refused[enricherd::pipeline::tally::Refused::NotAllowed.index()] > 0
    });
    let head = Head::new(Protocol::Ipfix, 0);
    other.send(&data(head, PLAIN, &plain_record(7)));
    let (octets, _) = collector.next_data();
    let expected = crate::message::appended_record(7);
    assert_eq!(data_sets(&octets), [(PLAIN_CLONE, expected)]);
    drop(daemon.stop());
}

#[test]
fn a_broken_file_leaves_the_old_state_running_and_says_so() {
    let place = Place::new("reload-broken");
    let (daemon, config, flow) = start(&place);
    let mut broken = config.clone();
    broken.enrichment.as_extraction = false;
    let path = place.path("broken.csv");
    fs::write(&path, "no table").unwrap();
    broken.enrichment.as_databases[0].path = path;
    let faults = daemon.reload(&broken).unwrap_err();
    assert!(faults[0].contains("broken.csv"), "{faults:?}");
    // What was asked for besides did not happen either.
    flow.wait_for(ENRICHED);
    let again = daemon.reload(&config).unwrap();
    assert!(again.is_empty(), "{again:?}");
    flow.wait_for(ENRICHED);
    flow.stop();
    drop(daemon.stop());
}

#[test]
fn what_needs_a_restart_is_named_and_the_rest_takes_effect() {
    let place = Place::new("reload-restart");
    let (daemon, config, flow) = start(&place);
    let mut other = config;
    other.general.state_dir = place.path("elsewhere");
    other.performance.workers = 63;
    other.enrichment.as_extraction = false;
    let changes = daemon.reload(&other).unwrap();
    let keys = changes.at_restart.iter().map(|change| change.key.as_str());
    let keys: Vec<_> = keys.collect();
    assert_eq!(keys, ["general.state_dir", "performance.workers"]);
    flow.wait_for(AS_CAME);
    flow.stop();
    drop(daemon.stop());
}
