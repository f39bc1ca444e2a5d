//! Hosts with addresses of their own: exporters, the daemon and a collector, each in a network
//! namespace, so that the collector's files tell whom it took for the exporter.
//!
//! Needs root: without it the tests say that they are skipped.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::message::{Head, Protocol, message, set, template};
use crate::rig::{Program, are_installed, csv, place, wait_until};

/// Set where a test runs in the namespace of the exporters.
const INSIDE: &str = "ENRICHER_TEST_NAMESPACE";
/// Namespaces have every port to themselves.
const DAEMON_PORT: u16 = 2055;
const COLLECTOR_PORT: u16 = 9995;

/// Addresses of one IP version.
struct Addresses {
    exporters: [&'static str; 2],
    /// Towards the exporters, and towards the collector.
    daemon: [&'static str; 2],
    collector: &'static str,
}

const V4: Addresses = Addresses {
    exporters: ["198.18.0.1", "198.18.0.2"],
    daemon: ["198.18.0.9", "198.18.1.9"],
    collector: "198.18.1.3",
};
const V6: Addresses = Addresses {
    exporters: ["2001:2::1", "2001:2::2"],
    daemon: ["2001:2::9", "2001:2:1::9"],
    collector: "2001:2:1::3",
};

/// The namespaces of daemon and collector; the exporters' is the test's own.
struct Net {
    daemon: String,
    collector: String,
}

impl Net {
    fn new(test: &str) -> Self {
        let id = std::process::id();
        let net = Self {
            daemon: format!("{test}-{id}-daemon"),
            collector: format!("{test}-{id}-collector"),
        };
        let Self { daemon, collector } = &net;
        run(&format!("ip netns add {daemon}"));
        run(&format!("ip netns add {collector}"));
        run("ip link set lo up");
        run(&format!(
            "ip link add name up0 type veth peer name up0 netns {daemon}"
        ));
        run(&format!(
            "ip -n {daemon} link add name down0 type veth peer name down0 netns {collector}"
        ));
        for Addresses {
            exporters,
            daemon: [up, down],
            collector: last,
        } in [V4, V6]
        {
            let (bits, nodad) = if up.contains(':') {
                (64, " nodad")
            } else {
                (24, "")
            };
            for exporter in exporters {
                run(&format!("ip addr add {exporter}/{bits} dev up0{nodad}"));
            }
            run(&format!(
                "ip -n {daemon} addr add {up}/{bits} dev up0{nodad}"
            ));
            run(&format!(
                "ip -n {daemon} addr add {down}/{bits} dev down0{nodad}"
            ));
            run(&format!(
                "ip -n {collector} addr add {last}/{bits} dev down0{nodad}"
            ));
        }
        run("ip link set up0 up");
        for link in ["lo", "up0", "down0"] {
            run(&format!("ip -n {daemon} link set {link} up"));
        }
        run(&format!("ip -n {collector} link set down0 up"));
        // Collectors that check the way back must have one.
        for down in [V4.daemon[1], V6.daemon[1]] {
            run(&format!("ip -n {collector} route add default via {down}"));
        }
        net
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // The kernel takes its time to remove what is in a namespace.
        drop(Command::new("ip").args(["link", "del", "up0"]).status());
        for name in [&self.daemon, &self.collector] {
            // It may not have been made.
            drop(Command::new("ip").args(["netns", "del", name]).status());
        }
    }
}

fn run(line: &str) {
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap());
    assert!(command.args(words).status().unwrap().success(), "{line}");
}

fn within(namespace: &str, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace, program]);
    command
}

/// Runs a test in a namespace of its own; returns whether this is the run inside of it.
fn is_inside(test: &str, programs: &[&str]) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let needed = [programs, &["ip", "unshare"]].concat();
    if !are_installed(&needed) || !is_root() {
        return false;
    }
    let outcome = Command::new("unshare")
        .arg("--net")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("namespaces::{test}"), "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&outcome.stdout) + String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.success(), "{said}");
    assert!(said.contains("1 passed"), "there is no such test: {said}");
    false
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let is_root = status.lines().any(|line| line.starts_with("Uid:\t0\t"));
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(is_root || !is_ci, "not root, and nothing is skipped here");
    if !is_root {
        eprintln!("skipped, needs network namespaces: run as root");
    }
    is_root
}

/// nfcapd in the collector's namespace.
struct Nfcapd {
    program: Program,
    files: PathBuf,
}

impl Nfcapd {
    fn start(net: &Net, address: &str, files: PathBuf) -> Self {
        fs::create_dir_all(&files).unwrap();
        let mut command = within(&net.collector, "nfcapd");
        command.args(["-b", address, "-p", &COLLECTOR_PORT.to_string(), "-w"]);
        let program = Program::start(command.arg(&files), &["Startup nfcapd"]);
        Self { program, files }
    }

    fn rows(self) -> Vec<HashMap<String, String>> {
        drop(self.program.stop("-TERM"));
        let mut nfdump = Command::new("nfdump");
        let output = nfdump.arg("-R").arg(&self.files).args(["-o", "csv"]);
        let text = String::from_utf8(output.output().unwrap().stdout).unwrap();
        csv(text.split("\nSummary").next().unwrap_or_default())
    }
}

/// Files that the daemon may open.
#[derive(Clone, Copy)]
enum Files {
    AsMany,
    /// Too few for a socket for each exporter.
    Few,
}

fn start_daemon(net: &Net, place: &Path, forwarding: &str, files: Files) -> Program {
    let state = place.join("state");
    let text = format!(
        "general: {{listen_port: {DAEMON_PORT}, log_file: \"-\", state_dir: {}}}\n{forwarding}\n",
        state.display()
    );
    let config = place.join("config.yaml");
    fs::write(&config, text).unwrap();
    let limit = match files {
        Files::AsMany => "",
        Files::Few => "ulimit -n 64; ",
    };
    let script = format!("{limit}exec \"$@\"");
    let mut command = within(&net.daemon, "sh");
    command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_ipfix-enricher")]);
    Program::start(command.arg("--config").arg(config), &["listening at"])
}

/// Datagrams that programs in a namespace have read, of both IP versions.
fn datagrams_read(namespace: &str) -> u64 {
    let mut command = within(namespace, "cat");
    let output = command.args(["/proc/net/snmp", "/proc/net/snmp6"]).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    let words = |start| text.lines().filter(move |line| line.starts_with(start));
    let second = |line: &str| line.split_whitespace().nth(1)?.parse::<u64>().ok();
    let counts = words("Udp: ").chain(words("Udp6InDatagrams"));
    counts.filter_map(second).sum()
}

/// Ends the daemon when it has read so many datagrams, and waits until the collector has read all
/// that came of them.
fn finish(net: &Net, daemon: Program, datagrams_sent: u64) {
    wait_until("the daemon has read everything", || {
        datagrams_read(&net.daemon) >= datagrams_sent
    });
    let said = daemon.stop("-TERM");
    let messages = said.iter().find_map(|line| {
        let (_, rest) = line.split_once("datagrams in, ")?;
        rest.split_once(" Messages out")?.0.parse::<u64>().ok()
    });
    let messages = messages.unwrap_or_else(|| panic!("{said:?}"));
    wait_until("the collector has read everything", || {
        datagrams_read(&net.collector) >= messages
    });
}

/// Two exporters in turn, one domain, one Template ID, two layouts.
fn send_layouts(addresses: &Addresses) {
    let daemon = SocketAddr::new(addresses.daemon[0].parse().unwrap(), DAEMON_PORT);
    let exporters = addresses.exporters.map(|address| {
        let address: IpAddr = address.parse().unwrap();
        let exporter = UdpSocket::bind((address, 0)).unwrap();
        exporter.connect(daemon).unwrap();
        exporter
    });
    let common = [(2, 4), (1, 4), (4, 1), (7, 2), (11, 2)];
    let first: Vec<_> = [(8, 4), (12, 4)].into_iter().chain(common).collect();
    let last = [(17, 4), (16, 4), (12, 4), (8, 4)];
    let second: Vec<_> = common.into_iter().chain(last).collect();
    let (one, other) = ([8_u8, 8, 8, 8], [1_u8, 1, 1, 1]);
    for number in 0..MESSAGES {
        let counts = [0, 0, 0, 3, 0, 0, 1, number, 17, 0, 53, 0x30, number];
        let records = [
            [&one[..], &other, &counts].concat(),
            [&counts[..], &[0; 8], &one, &other].concat(),
        ];
        for ((exporter, fields), record) in exporters.iter().zip([&first, &second]).zip(records) {
            let head = Head::new(Protocol::V9, u32::from(number));
            let sets = [set(0, &template(256, fields)), set(256, &record)].concat();
            exporter.send(&message(head, 2, &sets)).unwrap();
        }
    }
}

const MESSAGES: u8 = 10;

/// Who the collector took for the exporter of each record that goes to an address.
fn exporters_of(rows: &[HashMap<String, String>], destination: &str) -> BTreeSet<String> {
    let to = rows.iter().filter(|row| row["da"].trim() == destination);
    to.map(|row| row["ra"].trim().to_owned()).collect()
}

fn check_attribution(
    test: &str,
    (source, files): (&str, Files),
    addresses: &Addresses,
    expected: [&str; 2],
) {
    let net = Net::new("net");
    let place = place(test);
    let nfcapd = Nfcapd::start(&net, addresses.collector, place.join("files"));
    let forwarding = format!(
        "forwarding: {{source: {source}, collectors: [{{host: \"{}\", port: {COLLECTOR_PORT}}}]}}",
        addresses.collector
    );
    let daemon = start_daemon(&net, &place, &forwarding, files);
    send_layouts(addresses);
    finish(&net, daemon, 2 * u64::from(MESSAGES));
    let rows = nfcapd.rows();
    assert_eq!(rows.len(), 2 * usize::from(MESSAGES), "{rows:?}");
    for row in &rows {
        let sides = [
            row["sa"].trim(),
            row["sas"].trim(),
            row["da"].trim(),
            row["das"].trim(),
        ];
        let one = ["8.8.8.8", "15169", "1.1.1.1", "13335"];
        let other = ["1.1.1.1", "13335", "8.8.8.8", "15169"];
        assert!(sides == one || sides == other, "{row:?}");
    }
    for (destination, expected) in ["1.1.1.1", "8.8.8.8"].into_iter().zip(expected) {
        let exporters = exporters_of(&rows, destination);
        assert_eq!(exporters, BTreeSet::from([expected.to_owned()]), "{source}");
    }
}

#[test]
fn each_record_is_its_exporters_over_ipv4() {
    if is_inside(
        "each_record_is_its_exporters_over_ipv4",
        &["nfcapd", "nfdump"],
    ) {
        check_attribution("named-v4", ("exporter", Files::AsMany), &V4, V4.exporters);
        check_attribution("auto-v4", ("auto", Files::AsMany), &V4, V4.exporters);
    }
}

#[test]
fn each_record_is_its_exporters_over_ipv6() {
    if is_inside(
        "each_record_is_its_exporters_over_ipv6",
        &["nfcapd", "nfdump"],
    ) {
        check_attribution("named-v6", ("exporter", Files::AsMany), &V6, V6.exporters);
    }
}

#[test]
fn without_a_socket_for_each_exporter_each_record_is_its_exporters_too() {
    if is_inside(
        "without_a_socket_for_each_exporter_each_record_is_its_exporters_too",
        &["nfcapd", "nfdump"],
    ) {
        let few = ("exporter", Files::Few);
        check_attribution("few-v4", few, &V4, V4.exporters);
        check_attribution("few-v6", few, &V6, V6.exporters);
    }
}

#[test]
fn behind_our_own_address_each_record_decodes_right() {
    if is_inside(
        "behind_our_own_address_each_record_decodes_right",
        &["nfcapd", "nfdump"],
    ) {
        let own = |addresses: &Addresses| [addresses.daemon[1]; 2];
        check_attribution("own-v4", ("own", Files::AsMany), &V4, own(&V4));
        check_attribution("own-v6", ("own", Files::AsMany), &V6, own(&V6));
    }
}

#[test]
fn an_exporter_of_the_other_ip_version_leaves_under_our_address_and_decodes_right() {
    if is_inside(
        "an_exporter_of_the_other_ip_version_leaves_under_our_address_and_decodes_right",
        &["nfcapd", "nfdump"],
    ) {
        let mixed = Addresses {
            collector: V4.collector,
            ..V6
        };
        check_attribution(
            "mixed",
            ("exporter", Files::AsMany),
            &mixed,
            [V4.daemon[1]; 2],
        );
    }
}

#[test]
fn what_is_above_the_mtu_arrives_whole_in_its_exporters_name() {
    if !is_inside(
        "what_is_above_the_mtu_arrives_whole_in_its_exporters_name",
        &["nfcapd", "nfdump"],
    ) {
        return;
    }
    for (name, addresses, source, files) in [
        ("large-v4", V4, "exporter", Files::AsMany),
        ("large-v6", V6, "exporter", Files::AsMany),
        ("large-few-v4", V4, "exporter", Files::Few),
        ("large-few-v6", V6, "exporter", Files::Few),
        ("large-own", V4, "own", Files::AsMany),
    ] {
        let (net, place) = (Net::new("mtu"), place(name));
        let nfcapd = Nfcapd::start(&net, addresses.collector, place.join("files"));
        let forwarding = format!(
            "forwarding: {{source: {source}, max_packet_size: 9000, collectors: \
             [{{host: \"{}\", port: {COLLECTOR_PORT}}}]}}",
            addresses.collector
        );
        let daemon = start_daemon(&net, &place, &forwarding, files);
        let [exporter, _] = addresses.exporters;
        let exporter = UdpSocket::bind((exporter.parse::<IpAddr>().unwrap(), 0)).unwrap();
        let to = SocketAddr::new(addresses.daemon[0].parse().unwrap(), DAEMON_PORT);
        let fields = [(8, 4), (12, 4), (16, 4), (17, 4), (2, 4), (1, 4)];
        let head = |sequence| Head::new(Protocol::V9, sequence);
        let announced = message(head(0), 1, &set(0, &template(256, &fields)));
        exporter.send_to(&announced, to).unwrap();
        let record = [
            8, 8, 8, 8, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1,
        ];
        // Small, two of one large size, and small again: 240 records a large one, 5,784 octets.
        for (sequence, records_count) in (1..).zip([3_u16, 240, 240, 3]) {
            let records = record.repeat(usize::from(records_count));
            let sets = set(256, &records);
            let datagram = message(head(sequence), records_count, &sets);
            exporter.send_to(&datagram, to).unwrap();
        }
        finish(&net, daemon, 5);
        let rows = nfcapd.rows();
        assert_eq!(rows.len(), 486, "{name}");
        let seen = if source == "own" {
            addresses.daemon[1]
        } else {
            addresses.exporters[0]
        };
        assert_eq!(
            exporters_of(&rows, "1.1.1.1"),
            BTreeSet::from([seen.to_owned()]),
            "{name}"
        );
        assert!(
            rows.iter().all(|row| row["sas"].trim() == "15169"),
            "{name}"
        );
    }
}
