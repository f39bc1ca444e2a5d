//! Sessions over telnet: of people, of scripts, of whoever watches.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use enricherd::daemon::Daemon;

use crate::control::ask;
use crate::message::{Head, PLAIN, Protocol, data, plain_record};
use crate::rig::{Collector, Exporter, PATIENCE, Place, wait_for, wait_until};

const PROMPT: &str = "ipfix> ";

fn start(name: &str) -> (Daemon, Collector) {
    let (place, collector) = (Place::new(name), Collector::new());
    let config = place.config(&[collector.address()], "listen_address: 127.0.0.1", "");
    (Daemon::start(config).unwrap(), collector)
}

fn connect(daemon: &Daemon) -> TcpStream {
    let stream = TcpStream::connect(daemon.stats_bound().unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Reads until what was read ends in `end`.
fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut octets = Vec::new();
    while !octets.ends_with(end.as_bytes()) {
        let mut one = [0];
        assert_eq!(stream.read(&mut one).unwrap(), 1, "the end came first");
        octets.push(one[0]);
    }
    String::from_utf8(octets).unwrap()
}

#[test]
fn a_script_sees_no_prompt_and_its_connection_ends_by_itself() {
    let (daemon, _collector) = start("telnet-script");
    // Under load a script may be so slow that it is taken for a person; then it tries again.
    wait_until("an answer without prompt", || {
        let mut stream = connect(&daemon);
        stream.write_all(b"events\nEvents JSON\n").unwrap();
        let mut answer = vec![0; 64];
        let length = stream.read(&mut answer).unwrap();
        let is_person = answer[..length].starts_with(PROMPT.as_bytes());
        if !is_person {
            let mut rest = String::new();
            stream.read_to_string(&mut rest).unwrap();
            let answer = String::from_utf8_lossy(&answer[..length]) + rest.as_str();
            assert_eq!(answer, "no events\n[]\n");
        }
        !is_person
    });
    drop(daemon.stop());
}

#[test]
fn a_person_gets_a_prompt_after_a_silence_and_behind_each_answer() {
    let (daemon, _collector) = start("telnet-person");
    let mut stream = connect(&daemon);
    assert_eq!(read_until(&mut stream, PROMPT), PROMPT);
    stream.write_all(b"EVENTS\r\n").unwrap();
    assert_eq!(read_until(&mut stream, PROMPT), "no events\nipfix> ");
    stream.write_all(b"quit\r\n").unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    drop(daemon.stop());
}

/// Runs a line in a shell with `$PORT`; `None` if the program is not installed.
fn in_shell(daemon: &Daemon, program: &str, package: &str, line: &str) -> Option<String> {
    let is_there = Command::new(program)
        .arg("-h")
        .stdin(Stdio::null())
        .output();
    if is_there.is_err() {
        assert!(std::env::var_os("CI").is_none(), "{program} is missing");
        eprintln!("skipped: {program} is missing; to enable: apt-get install {package}");
        return None;
    }
    let port = daemon.stats_bound().unwrap().port().to_string();
    let output = Command::new("sh")
        .args(["-c", line])
        .env("PORT", port)
        .output()
        .unwrap();
    Some(String::from_utf8_lossy(&output.stdout).replace(PROMPT, ""))
}

#[test]
fn netcat_and_telnet_as_people_use_them() {
    let (daemon, _collector) = start("telnet-programs");
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::V9);
    wait_for(&daemon, "a datagram", |numbers| {
        numbers.tally.datagrams == 1
    });
    let line = "echo \"stats\" | nc localhost $PORT";
    if let Some(stats) = in_shell(&daemon, "nc", "netcat-openbsd", line) {
        let is_there = |line: &str| line.starts_with("datagrams_in ") && line.ends_with(" 1");
        assert!(stats.lines().any(is_there), "{stats}");
    }
    let line = "(echo events; sleep 0.1; echo quit) | telnet localhost $PORT";
    if let Some(events) = in_shell(&daemon, "telnet", "telnet", line) {
        assert!(events.contains("Connected to localhost"), "{events}");
        // Whether the exporter was met by then is a matter of time.
        let is_answered = ["no events\n", "exporter_new: "];
        let is_answered = is_answered.iter().any(|answer| events.contains(answer));
        assert!(is_answered, "{events}");
    }
    drop(daemon.stop());
}

/// A watch that has begun: a Message of the daemon's own test exporter was seen.
struct Watcher {
    lines: BufReader<TcpStream>,
}

impl Watcher {
    fn begin(daemon: &Daemon, options: &str) -> Self {
        let mut stream = connect(daemon);
        writeln!(stream, "watch {options}").unwrap();
        Self {
            lines: BufReader::new(stream),
        }
    }

    fn next(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().replace(PROMPT, "")
    }

    /// Sends a record again and again until a line holds `wanted`; returns that line.
    fn until(&mut self, sender: &Sender, wanted: &str) -> String {
        let timeout = std::time::Duration::from_millis(50);
        self.lines
            .get_ref()
            .set_read_timeout(Some(timeout))
            .unwrap();
        let mut found = String::new();
        wait_until(wanted, || {
            sender.record();
            let mut line = String::new();
            // What was read of a line before the time was over stays with the reader's string only
            // if there is none; lines are short and come at once.
            if self.lines.read_line(&mut line).is_ok() && line.contains(wanted) {
                found = line.trim_end().replace(PROMPT, "");
            }
            !found.is_empty()
        });
        self.lines
            .get_ref()
            .set_read_timeout(Some(PATIENCE))
            .unwrap();
        found
    }
}

/// An exporter that sends a Template, and then one record after the other.
struct Sender {
    exporter: Exporter,
    sent: std::cell::Cell<u32>,
}

impl Sender {
    fn new(daemon: &Daemon) -> Self {
        let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
        exporter.send_templates(Protocol::Ipfix);
        Self {
            exporter,
            sent: 0.into(),
        }
    }

    fn record(&self) {
        let number = self.sent.replace(self.sent.get() + 1);
        let head = Head::new(Protocol::Ipfix, number);
        self.exporter
            .send(&data(head, PLAIN, &plain_record(number)));
    }

    fn address(&self) -> SocketAddr {
        self.exporter.socket().local_addr().unwrap()
    }
}

#[test]
fn messages_are_watched_a_line_each() {
    let (daemon, _collector) = start("watch-text");
    let sender = Sender::new(&daemon);
    let mut watcher = Watcher::begin(&daemon, "--with-as");
    let line = watcher.until(&sender, "AS: ");
    let (time, rest) = line.split_once(" | ").unwrap();
    assert_eq!(time.len(), "2026-05-31 10:23:45".len(), "{line}");
    let expected = format!("{} | 32 bytes | IPFIX | AS: 15169->13335", sender.address());
    assert_eq!(rest, expected);

    let mut watcher = Watcher::begin(&daemon, "-v --records --source 127.0.0.1");
    drop(watcher.until(&sender, "AS: "));
    assert_eq!(watcher.next().trim(), "Set 256, 16 octets");
    let source = "8.8.8.8 AS - => 15169 (database 8.8.8.0/24)";
    let destination = "1.1.1.1 AS - => 13335 (database 1.1.1.0/24)";
    let expected = format!("256: {source} -> {destination}");
    assert_eq!(watcher.next().trim(), expected);
    drop(daemon.stop());
}

#[test]
fn programs_watch_json_and_choose_by_address() {
    let (daemon, _collector) = start("watch-json");
    let sender = Sender::new(&daemon);
    let mut watcher = Watcher::begin(&daemon, "json --address 1.1.1.1");
    let line = watcher.until(&sender, "\"records\"");
    for member in [
        "\"exporter\":\"127.0.0.1\"",
        "\"protocol\":\"IPFIX\",\"as\":[15169,13335],\"state\":\"ok\",\"domain\":7,",
        "{\"address\":\"1.1.1.1\",\"before\":null,\"after\":13335,\"by\":\"database\",\
         \"prefix\":\"1.1.1.0/24\"}",
    ] {
        assert!(line.contains(member), "{member} in {line}");
    }
    assert!(ask(&daemon, "watch --all\n").starts_with("watch [json]"));
    drop(daemon.stop());
}

#[test]
fn a_watcher_that_never_reads_costs_nobody_a_datagram() {
    let (daemon, collector) = start("watch-unread");
    let sender = Sender::new(&daemon);
    let mut stuck = connect(&daemon);
    stuck.write_all(b"watch --records -v\n").unwrap();
    let records = 2000;
    for number in 0..records {
        sender.record();
        if number % 50 == 0 {
            // One that is not read either, and gone at once.
            drop(Watcher::begin(&daemon, "json"));
        }
        drop(collector.next_data());
    }
    wait_for(&daemon, "all records", |numbers| {
        numbers.mediator.records.records == records
    });
    drop(daemon.stop());
}
