//! The tools and all faces of the daemon, under a replayed capture: every number the same, and the
//! same as a strict collector counted.
#![allow(
    clippy::unwrap_used,
    reason = "what a test cannot go on without ends it, in its helpers too"
)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use enricherd::config::ConfigFile;
use enricherd::daemon::Daemon;
use enricherd::io::capture::read_frames;
use enricherd::io::datagram::{Datagrams, Ports};
use lab::collector::{StrictCollector, TemplateOrder};
use report::Shape;
use report::catalogue::ALL;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);

/// The daemon, its collector, and who sends what.
struct Site {
    daemon: Daemon,
    collector: UdpSocket,
    datagrams: Vec<(SocketAddr, Vec<u8>)>,
    exporters: Vec<(SocketAddr, UdpSocket)>,
}

impl Site {
    fn start(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // It may be left from the last run, or not.
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).unwrap();
        let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
        collector.set_read_timeout(Some(PATIENCE)).unwrap();
        let text = format!(
            "general: {{log_file: \"-\", listen_address: 127.0.0.1, state_dir: {}}}\n\
             forwarding: {{source: own, collectors: [{{host: 127.0.0.1, port: {}}}]}}\n",
            folder.join("state").display(),
            collector.local_addr().unwrap().port()
        );
        let file = ConfigFile::parse(text.as_bytes()).unwrap();
        let mut config = file.check().unwrap().config;
        config.general.listen_port = 0;
        config.general.stats_port = 0;
        config.metrics.port = 0;
        Self {
            daemon: Daemon::start(config).unwrap(),
            collector,
            datagrams: datagrams(),
            exporters: Vec::new(),
        }
    }

    fn connect(&self) -> String {
        self.daemon.stats_bound().unwrap().to_string()
    }

    /// Sends the whole capture, each exporter from an address of its own.
    fn replay(&mut self) {
        for (source, octets) in &self.datagrams {
            let known = self.exporters.iter().position(|(one, _)| one == source);
            let at = known.unwrap_or_else(|| {
                let last = u8::try_from(self.exporters.len() + 2).unwrap();
                let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, last), 0)).unwrap();
                socket.connect(self.daemon.bound()).unwrap();
                self.exporters.push((*source, socket));
                self.exporters.len() - 1
            });
            self.exporters[at].1.send(octets).unwrap();
        }
    }

    /// Waits until everything that was sent is counted and sent on.
    fn wait(&self, datagrams: usize) {
        wait_until("all datagrams are counted", || {
            let numbers = self.daemon.numbers();
            numbers.tally.datagrams == datagrams as u64
                && numbers.mediator.messages_held == 0
                && numbers.targets[0].counters.sent == numbers.mediator.messages_out
        });
    }

    /// Reads what the collector got so far; returns Messages and records.
    fn judged(&self, judge: &mut StrictCollector, messages: u64) -> (u64, u64) {
        let (mut came, mut records) = (0, 0);
        while came < messages {
            let mut octets = [0; 65_535];
            let (length, from) = self.collector.recv_from(&mut octets).unwrap();
            for message in judge.read(from, &octets[..length]) {
                came += 1;
                records += message.records_count() as u64;
            }
        }
        (came, records)
    }

    fn ask(&self, subject: &str) -> Value {
        let mut stream = TcpStream::connect(self.daemon.stats_bound().unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        writeln!(stream, "{subject} json\nquit").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(&answer.replace("ipfix> ", "")).unwrap()
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.daemon.metrics_bound().unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// Runs a tool to its end.
    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let connect = self.connect();
        let mut command = Command::new(program);
        command.args(arguments).args(["--connect", &connect]);
        command.output().unwrap()
    }
}

/// The datagrams of the capture that comes with the project.
fn datagrams() -> Vec<(SocketAddr, Vec<u8>)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/small.pcap");
    let (mut finder, mut payload) = (Datagrams::new(Ports::All), Vec::new());
    let mut found = Vec::new();
    read_frames(File::open(path).unwrap(), |frame| {
        if let Some(datagram) = finder.read(&frame, &mut payload) {
            found.push((datagram.source, payload.clone()));
        }
        Ok(())
    })
    .unwrap();
    found
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

const MONITOR: &str = env!("CARGO_BIN_EXE_ipfix-monitor");
const STATS: &str = env!("CARGO_BIN_EXE_ipfix-stats");
const STATUS: &str = env!("CARGO_BIN_EXE_ipfix-status");
const TAIL: &str = env!("CARGO_BIN_EXE_ipfix-tail");

fn out(output: &Output) -> String {
    let said = [output.stdout.clone(), output.stderr.clone()].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn telnet_http_prometheus_and_the_tools_say_what_a_strict_collector_counted() {
    let mut site = Site::start("faces");
    site.replay();
    site.wait(site.datagrams.len());
    let stats = site.ask("stats");
    let of = |name: &str| stats[name].as_u64().unwrap();
    assert_eq!(of("datagrams_in"), site.datagrams.len() as u64);
    let mut judge = StrictCollector::new(TemplateOrder::AsSent, 1472);
    let (messages, records) = site.judged(&mut judge, of("messages_out"));
    assert_eq!(of("messages_out"), messages);
    let exporters = site.ask("exporters");
    let raw = exporters.as_array().unwrap().iter();
    let raw = raw.flat_map(|one| one["records_raw"].as_object().unwrap().values());
    let raw: u64 = raw.filter_map(Value::as_u64).sum();
    assert_eq!(of("records") + raw, records);
    assert!(of("records") > 0);

    let metrics = site.get("/metrics");
    for entry in ALL.iter().filter(|entry| entry.shape == Shape::Plain) {
        let changes = entry.name.starts_with("process_") || entry.name == "uptime_s";
        if let Some(metric) = entry.metric.filter(|_| !changes) {
            let line = format!("\n{metric} {}\n", of(entry.name));
            assert!(metrics.contains(&line), "{line} in {metrics}");
        }
    }
    let over_http: Value = serde_json::from_str(&site.get("/api/v1/stats")).unwrap();
    let document: Value = serde_json::from_str(&out(&site.run(STATS, &["--json"]))).unwrap();
    let status: Value = serde_json::from_str(&out(&site.run(STATUS, &["--json"]))).unwrap();
    for name in [
        "datagrams_in",
        "messages_out",
        "records",
        "as_filled",
        "as_unique",
        "errors",
    ] {
        for face in [&over_http, &document["stats"], &status["stats"]] {
            assert_eq!(face[name], stats[name], "{name}");
        }
    }
    assert_eq!(document["as_unique"], stats["as_unique"]);
    assert_eq!(document["error_percent"].as_f64(), Some(0.0));
    drop(site.daemon.stop());
}

#[test]
fn reports_for_people_and_for_nagios() {
    let mut site = Site::start("reports");
    site.replay();
    site.wait(site.datagrams.len());
    let report = out(&site.run(STATS, &["--once"]));
    for part in [
        "Source AS",
        "Exporters",
        "127.0.0.2",
        "filled",
        "127.0.0.1:",
    ] {
        assert!(report.contains(part), "{part} in {report}");
    }
    let compact = out(&site.run(STATS, &["--once", "--compact"]));
    assert_eq!(compact.lines().count(), 4, "{compact}");
    let status = out(&site.run(STATUS, &["-v"]));
    for part in [
        "datagrams last minute",
        "last errors",
        "exporter 127.0.0.2",
        "AS data",
    ] {
        assert!(status.contains(part), "{part} in {status}");
    }
    let nagios = site.run(STATUS, &["--nagios", "-w", "50", "-c", "90"]);
    let line = out(&nagios);
    assert!(
        line.starts_with("IPFIX OK - ") && line.contains("error_percent=0.00%;50;90"),
        "{line}"
    );
    let nagios = site.run(STATUS, &["--nagios", "-w", "0", "-c", "90"]);
    assert_eq!(nagios.status.code(), Some(1));
    let nagios = site.run(STATUS, &["--nagios", "-c", "0"]);
    assert_eq!(nagios.status.code(), Some(2));
    drop(site.daemon.stop());
}

/// A program that is ended when the test is over.
struct Running(Child);

impl Running {
    fn start(program: &str, arguments: &[&str]) -> (Self, BufReader<impl Read + use<>>) {
        let mut child = Command::new(program)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        (Self(child), output)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Has a monitor run to its end while the capture is sent again and again; returns what it said.
fn monitored(site: &mut Site, arguments: &[&str]) -> String {
    let connect = site.connect();
    let arguments = [&["--connect", connect.as_str()], arguments].concat();
    let (mut monitor, mut output) = Running::start(MONITOR, &arguments);
    wait_until("the monitor has seen enough", || {
        site.replay();
        monitor.0.try_wait().unwrap().is_some()
    });
    let mut said = String::new();
    output.read_to_string(&mut said).unwrap();
    said
}

#[test]
fn messages_are_monitored_as_lines_with_records_and_as_json() {
    let mut site = Site::start("monitor");
    let lines = monitored(&mut site, &["--with-as", "--count", "3"]);
    assert_eq!(lines.lines().count(), 3, "{lines}");
    for line in lines.lines() {
        let parts: Vec<_> = line.split(" | ").collect();
        let [time, exporter, bytes, protocol, ases] = parts[..] else {
            panic!("{line}");
        };
        assert_eq!(time.len(), 19, "{line}");
        assert!(
            exporter.starts_with("127.0.0.") && bytes.ends_with(" bytes"),
            "{line}"
        );
        assert!(
            ["NetFlow v5", "NetFlow v9", "IPFIX"].contains(&protocol),
            "{line}"
        );
        assert!(ases.starts_with("AS: ") && ases.contains("->"), "{line}");
    }
    let records = [
        "--source",
        "127.0.0.2",
        "--records",
        "--with-as",
        "--count",
        "1",
    ];
    let lines = monitored(&mut site, &records);
    assert!(lines.lines().nth(1).unwrap().contains(" => "), "{lines}");
    let json = monitored(&mut site, &["--json", "-v", "--count", "2"]);
    for line in json.lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        assert!(message["sets"].is_array(), "{line}");
    }
    drop(site.daemon.stop());
}

#[test]
fn the_log_is_followed_from_its_last_lines() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("followed.log");
    fs::write(&path, " INFO one\n ERROR two\n INFO three\n WARN four\n").unwrap();
    let file = path.display().to_string();
    let (_tail, mut output) = Running::start(TAIL, &[&file, "-n", "3", "--errors"]);
    let mut next = || {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        line
    };
    assert_eq!(
        (next(), next()),
        (" ERROR two\n".into(), " WARN four\n".into())
    );
    fs::rename(&path, path.with_extension("1")).unwrap();
    fs::write(&path, " ERROR five\n").unwrap();
    assert_eq!(next(), " ERROR five\n");
}

#[test]
fn without_a_daemon_each_tool_says_so_and_what_to_do() {
    for (program, arguments, code) in [
        (MONITOR, &[][..], 1),
        (STATS, &["--once"], 1),
        (STATS, &["--json"], 1),
        (STATUS, &[], 1),
        (STATUS, &["--nagios"], 2),
    ] {
        let mut command = Command::new(program);
        // Nobody may listen at port 1 of a host of ours.
        let output = command
            .args(arguments)
            .args(["--connect", "127.0.0.1:1"])
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(code), "{program}: {said}");
        assert!(
            said.contains("no ipfix-enricher answers at 127.0.0.1:1"),
            "{said}"
        );
        assert!(said.contains("--connect HOST:PORT"), "{said}");
    }
    for program in [MONITOR, STATS, STATUS, TAIL] {
        for option in ["--help", "--version"] {
            let output = Command::new(program).arg(option).output().unwrap();
            assert!(
                output.status.success() && !output.stdout.is_empty(),
                "{program}"
            );
        }
    }
}
