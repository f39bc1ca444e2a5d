//! nfcapd and nfacctd store what they would have stored without us, and AS numbers besides.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;

use asdb::{AsDb, Provider};
use enricherd::sources::{Sources, Wanted};

use crate::message::{Head, Protocol, message, set, template};
use crate::rig::{
    Collector, Program, are_installed, csv, directly, free_port, place, send_capture,
    through_daemon, wait_until,
};

/// Real captures of many makers, where they are there; those with public addresses first.
const CAPTURES: [&str; 10] = [
    "nf9-cisco-1941k9.pcap",
    "nf9-goflow2-asr9k.pcap",
    "ipfix-softflowd.pcap",
    "ipfix-bitkeks-softflowd.pcap",
    "ipfix-mikrotik.pcap",
    "ipfix-openbsd-pflow.pcap",
    "nf9-bitkeks-softflowd.pcap",
    "nf9-h3c.pcap",
    "nf9-softflowd-valid01.pcap",
    "nf9-ubnt-edgerouter.pcap",
];

/// nfacctd takes seconds for each capture, so it gets the first of them.
const CAPTURES_OF_NFACCTD: usize = 5;

type Row = HashMap<String, String>;

/// nfcapd, read by nfdump.
pub(crate) struct Nfcapd {
    program: Program,
    port: u16,
    files: PathBuf,
}

impl Nfcapd {
    pub(crate) fn start(files: PathBuf) -> Self {
        fs::create_dir_all(&files).unwrap();
        let port = free_port();
        let mut command = Command::new("nfcapd");
        command.args(["-b", "127.0.0.1", "-p", &port.to_string(), "-w"]);
        Self {
            program: Program::start(command.arg(&files), &["Startup nfcapd"]),
            port,
            files,
        }
    }
}

impl Collector for Nfcapd {
    fn port(&self) -> u16 {
        self.port
    }

    fn rows(self) -> Vec<Row> {
        drop(self.program.stop("-TERM"));
        let mut nfdump = Command::new("nfdump");
        let output = nfdump
            .arg("-R")
            .arg(&self.files)
            .args(["-o", "csv"])
            .output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        csv(text.split("\nSummary").next().unwrap_or_default())
    }
}

/// nfacctd, which writes its file at the end.
struct Nfacctd {
    program: Program,
    port: u16,
    file: PathBuf,
}

impl Nfacctd {
    fn start(place: &Path) -> Self {
        fs::create_dir_all(place).unwrap();
        let (port, file) = (free_port(), place.join("out.csv"));
        let config = format!(
            "daemonize: false\nnfacctd_ip: 127.0.0.1\nnfacctd_port: {port}\n\
             nfacctd_as: netflow\nnfacctd_time_new: true\nplugins: print\n\
             aggregate: src_host, dst_host, src_port, dst_port, proto, src_as, dst_as\n\
             print_output: csv\nprint_output_file: {}\nprint_output_file_append: true\n\
             print_refresh_time: 1\n",
            file.display()
        );
        let path = place.join("nfacctd.conf");
        fs::write(&path, config).unwrap();
        let mut command = Command::new("nfacctd");
        let ready = ["waiting for NetFlow", "cache entries"];
        let program = Program::start(command.arg("-f").arg(path), &ready);
        // What comes in its first moments it reads and forgets.
        let there = SocketAddr::from(([127, 0, 0, 1], port));
        wait_until("nfacctd has written a first record", || {
            send_one(FIRST, there);
            fs::read_to_string(&file).is_ok_and(|text| text.contains(FIRST))
        });
        Self {
            program,
            port,
            file,
        }
    }
}

impl Collector for Nfacctd {
    fn port(&self) -> u16 {
        self.port
    }

    fn rows(self) -> Vec<Row> {
        let text = || fs::read_to_string(&self.file).unwrap_or_default();
        wait_until("nfacctd has written the last record", || {
            text().contains(LAST)
        });
        drop(self.program.stop("-INT"));
        merged(csv(&text()))
    }
}

/// The destinations of the records that are sent first and last, addresses of documentation.
const FIRST: &str = "203.0.113.97";
const LAST: &str = "203.0.113.99";

/// Sends a v5 Message of one record: whoever has stored the last one has stored all others.
fn send_one(destination: &str, to: SocketAddr) {
    let destination: Ipv4Addr = destination.parse().unwrap();
    let mut octets = vec![0, 5, 0, 1];
    octets.extend([0; 20]);
    octets.extend([203, 0, 113, 98]);
    octets.extend(destination.octets());
    octets.extend([0; 40]);
    let exporter = UdpSocket::bind("127.0.0.200:0").unwrap();
    exporter.send_to(&octets, to).unwrap();
}

/// nfacctd writes once a second: what it divided is one row again.
fn merged(rows: Vec<Row>) -> Vec<Row> {
    let mut sums: BTreeMap<Vec<(String, String)>, [u64; 2]> = BTreeMap::new();
    for mut row in rows.into_iter().filter(|row| row["DST_IP"] != FIRST) {
        let counts = ["PACKETS", "BYTES"].map(|name| row.remove(name).unwrap());
        let mut key: Vec<_> = row.into_iter().collect();
        key.sort_unstable();
        let sum = sums.entry(key).or_default();
        for (sum, count) in sum.iter_mut().zip(counts) {
            *sum += count.parse::<u64>().unwrap_or(0);
        }
    }
    let row = |(key, [packets, octets]): (Vec<(String, String)>, [u64; 2])| {
        let counts = [("PACKETS", packets), ("BYTES", octets)];
        let counts = counts.map(|(name, count)| (name.to_owned(), count.to_string()));
        key.into_iter().chain(counts).collect()
    };
    sums.into_iter().map(row).collect()
}

/// Names of the columns that a collector's rows have for what we look at.
struct Columns {
    addresses: [&'static str; 2],
    as_numbers: [&'static str; 2],
    /// Differ from run to run, or because we are the exporter now.
    ours: &'static [&'static str],
}

const NFDUMP: Columns = Columns {
    addresses: ["sa", "da"],
    as_numbers: ["sas", "das"],
    ours: &["ra", "eng", "exid", "tr"],
};
const PMACCT: Columns = Columns {
    addresses: ["SRC_IP", "DST_IP"],
    as_numbers: ["SRC_AS", "DST_AS"],
    ours: &[],
};

/// Checks that only AS numbers differ, and that they are what `explain` says.
fn compare(name: &str, direct: Vec<Row>, enriched: Vec<Row>, columns: &Columns, as_db: &AsDb) {
    assert!(!direct.is_empty(), "{name}: nothing was stored");
    let (direct, enriched) = (sorted(direct, columns), sorted(enriched, columns));
    assert_eq!(direct.len(), enriched.len(), "{name}");
    let mut changed = 0;
    for ((rest_before, before), (rest_after, after)) in direct.iter().zip(&enriched) {
        assert_eq!(rest_before, rest_after, "{name}");
        for (address, number) in columns.addresses.iter().zip(columns.as_numbers) {
            let expected = match before[number].as_str() {
                "0" | "23456" | "65535" | "4294967295" => says(as_db, &before[*address]),
                usable => usable.to_owned(),
            };
            changed += u32::from(before[number] != expected);
            assert_eq!(after[number], expected, "{name}: {after:?}");
        }
    }
    eprintln!(
        "{name}: {} records, {changed} AS numbers filled",
        direct.len()
    );
}

/// Rows in an order of their own, each behind what must not differ.
fn sorted(rows: Vec<Row>, columns: &Columns) -> Vec<(Vec<(String, String)>, Row)> {
    let rest = |row: &Row| {
        let is_rest = |name: &&String| {
            let name = name.as_str();
            !columns.as_numbers.contains(&name) && !columns.ours.contains(&name)
        };
        let mut rest: Vec<_> = row
            .keys()
            .filter(is_rest)
            .map(|name| (name.clone(), row[name].clone()))
            .collect();
        rest.sort_unstable();
        rest
    };
    let mut rows: Vec<_> = rows.into_iter().map(|row| (rest(&row), row)).collect();
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    rows
}

/// What the table says of an address, "0" if nothing: what `explain` prints.
fn says(as_db: &AsDb, address: &str) -> String {
    let address: IpAddr = address.trim().parse().unwrap();
    let answer = asdb::has_origin(address)
        .then(|| as_db.answers(as_db.lookup(address)).of(Provider::Database));
    answer
        .flatten()
        .map_or_else(|| "0".to_owned(), |asn| asn.0.to_string())
}

pub(crate) fn shipped() -> AsDb {
    Sources::load(&Wanted::default())
        .unwrap()
        .into_table()
        .unwrap()
        .0
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn captures() -> Vec<PathBuf> {
    let corpus = repository().join("../shared/corpus");
    let real = CAPTURES.iter().map(|name| corpus.join(name));
    let mut captures = vec![repository().join("examples/small.pcap")];
    captures.extend(real.filter(|path| path.is_file()));
    if captures.len() == 1 {
        eprintln!("real captures are skipped: {} is absent", corpus.display());
    }
    captures
}

#[test]
fn nfcapd_stores_every_record_as_without_us_with_the_as_numbers_of_explain() {
    if !are_installed(&["nfcapd", "nfdump"]) {
        return;
    }
    let as_db = shipped();
    for capture in captures() {
        let name = capture.file_stem().unwrap().to_string_lossy().into_owned();
        let place = place(&format!("nfcapd-{name}"));
        let send = |to| send_capture(&capture, to);
        let direct = directly(Nfcapd::start(place.join("direct")), send);
        let enriched = through_daemon(&place, Nfcapd::start(place.join("enriched")), send);
        compare(&name, direct, enriched, &NFDUMP, &as_db);
    }
}

#[test]
fn nfacctd_stores_every_record_as_without_us_with_the_as_numbers_of_explain() {
    if !are_installed(&["nfacctd"]) {
        return;
    }
    let as_db = shipped();
    for capture in captures().into_iter().take(CAPTURES_OF_NFACCTD) {
        let name = capture.file_stem().unwrap().to_string_lossy().into_owned();
        let place = place(&format!("nfacctd-{name}"));
        let send = |to| {
            send_capture(&capture, to);
            send_one(LAST, to);
        };
        let direct = directly(Nfacctd::start(&place.join("direct")), send);
        let enriched = through_daemon(&place, Nfacctd::start(&place.join("enriched")), send);
        compare(&name, direct, enriched, &PMACCT, &as_db);
    }
}

#[test]
fn two_exporters_with_one_domain_one_template_id_and_two_layouts_decode_right() {
    let as_db = shipped();
    let place = place("layouts");
    if are_installed(&["nfcapd", "nfdump"]) {
        let direct = directly(Nfcapd::start(place.join("direct")), send_layouts);
        let enriched = Nfcapd::start(place.join("enriched"));
        let enriched = through_daemon(&place, enriched, send_layouts);
        compare("layouts, nfcapd", direct, enriched, &NFDUMP, &as_db);
    }
    if are_installed(&["nfacctd"]) {
        let direct = directly(Nfacctd::start(&place.join("direct-2")), send_layouts);
        let enriched = Nfacctd::start(&place.join("enriched-2"));
        let enriched = through_daemon(&place, enriched, send_layouts);
        compare("layouts, nfacctd", direct, enriched, &PMACCT, &as_db);
    }
}

/// Two exporters in turn: the second has its fields the other way round, and AS fields of its own.
fn send_layouts(to: SocketAddr) {
    let exporter = |address: &str| UdpSocket::bind((address, 0)).unwrap();
    let exporters = [exporter("127.0.0.2"), exporter("127.0.0.3")];
    let common = [(2, 4), (1, 4), (4, 1), (7, 2), (11, 2)];
    let first: Vec<_> = [(8, 4), (12, 4)].into_iter().chain(common).collect();
    let second: Vec<_> = common
        .into_iter()
        .chain([(17, 4), (16, 4), (12, 4), (8, 4)])
        .collect();
    let (one, other) = ([8_u8, 8, 8, 8], [1_u8, 1, 1, 1]);
    for number in 0..10_u8 {
        let counts = [0, 0, 0, 3, 0, 0, 1, number, 17, 0, 53, 0x30, number];
        let records = [
            [&one[..], &other, &counts].concat(),
            [&counts[..], &[0; 8], &one, &other].concat(),
        ];
        for ((exporter, fields), record) in exporters.iter().zip([&first, &second]).zip(records) {
            let head = Head::new(Protocol::V9, u32::from(number));
            let sets = [set(0, &template(256, fields)), set(256, &record)].concat();
            exporter.send_to(&message(head, 2, &sets), to).unwrap();
        }
    }
    send_one(LAST, to);
}
