//! Statistics over telnet, while Messages flow.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};

use enricherd::daemon::Daemon;

use crate::message::{Head, PLAIN, Protocol, data, plain_record};
use crate::rig::{Collector, Exporter, PATIENCE, Place, wait_for};

pub(crate) fn ask(daemon: &Daemon, questions: &str) -> String {
    let mut stream = TcpStream::connect(daemon.stats_bound().unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(questions.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    // Under load we may be so slow that we are taken for a person.
    answer.replace("ipfix> ", "")
}

#[test]
fn an_address_is_explained_from_the_table_in_use() {
    let (place, collector) = (Place::new("explain"), Collector::new());
    let config = place.config(&[collector.address()], "listen_address: 127.0.0.1", "");
    let daemon = Daemon::start(config).unwrap();
    let explained = ask(&daemon, "explain 8.8.8.8 exporter 127.0.0.1\nquit\n");
    assert!(
        explained.contains("database  AS15169 Google"),
        "{explained}"
    );
    assert!(explained.contains(" by 8.8.8.0/24, in "), "{explained}");
    assert!(
        explained.contains("(of exporter 127.0.0.1)\n"),
        "{explained}"
    );
    let json = ask(&daemon, "explain 8.8.8.8 json\n");
    assert!(json.starts_with("{\"address\":\"8.8.8.8\","), "{json}");
    assert_eq!(json.lines().count(), 1);
    let fault = ask(&daemon, "explain 8.8.8\nexplain\n");
    assert_eq!(
        fault,
        "8.8.8: no IP address\nexplain ADDRESS [exporter ADDRESS] [json]\n"
    );
    assert_eq!(ask(&daemon, "events\nevents json\n"), "no events\n[]\n");
    let _ = daemon.stop();
}

#[test]
fn the_numbers_are_there_for_people_and_for_programs() {
    let (place, collector) = (Place::new("telnet"), Collector::new());
    let config = place.config(&[collector.address()], "listen_address: 127.0.0.1", "");
    let daemon = Daemon::start(config).unwrap();
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::V9);
    exporter.send(&data(Head::new(Protocol::V9, 1), PLAIN, &plain_record(1)));
    drop(collector.next_data());
    wait_for(&daemon, "one record", |numbers| {
        numbers.mediator.records.records == 1
    });

    let stats = ask(&daemon, "stats\nquit\n");
    let value = |name: &str| {
        let line = stats.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().last())
    };
    assert_eq!(value("datagrams_in"), Some("2"), "{stats}");
    assert_eq!(value("as_appended"), Some("2"), "{stats}");
    assert_eq!(value("as_by_provider.database"), Some("2"), "{stats}");

    let json = ask(&daemon, "stats json\r\n");
    assert!(
        json.starts_with("{\"uptime_s\":") && json.ends_with("}\n"),
        "{json}"
    );
    assert!(json.contains("\"as_appended\":2,"), "{json}");
    let exporters = ask(&daemon, "exporters\n");
    assert!(exporters.contains("127.0.0.1 "), "{exporters}");
    let exporters = ask(&daemon, "exporters json\n");
    assert!(
        exporters.contains("\"exporter\":\"127.0.0.1\",\"datagrams\":2,"),
        "{exporters}"
    );
    let side = "\"source\":{\"answered\":{\"static\":0,\"flow\":0,\"bgp\":0,\"bmp\":0,\
                \"table\":0,\"database\":1},\"no_answer\":{\"static\":1,\"flow\":1,";
    assert!(exporters.contains(side), "{exporters}");
    let as_stats = ask(&daemon, "as_stats\n");
    let row = |name: &str| {
        let line = as_stats.lines().find(|line| line.starts_with(name));
        line.map(|line| line.split_whitespace().nth(1).unwrap_or_default())
    };
    assert_eq!(row("15169 "), Some("1"), "{as_stats}");
    let as_stats = ask(&daemon, "as_stats json\n");
    assert!(as_stats.starts_with("{\"as_unique\":2,"), "{as_stats}");
    let templates = ask(&daemon, "templates json\n");
    assert!(
        templates.contains("\"version\":\"v9\",\"domain\":7,\"templates\":2,"),
        "{templates}"
    );
    let collectors = ask(&daemon, "collectors\n");
    assert!(
        collectors.contains(&collector.address().to_string()),
        "{collectors}"
    );
    let collectors = ask(&daemon, "collectors json\n");
    let is_well = ["\"state\":\"up\"", "\"state\":\"unverified\""];
    let is_well = is_well.iter().any(|state| collectors.contains(state));
    assert!(
        is_well && collectors.contains("\"trouble\":null"),
        "{collectors}"
    );
    assert!(ask(&daemon, "help\n").contains("exporters"));
    assert!(ask(&daemon, "nonsense\n").contains("no such command"));
    drop(daemon.stop());
}

#[test]
fn junk_is_counted_for_the_exporter_that_sent_it() {
    let (place, collector) = (Place::new("telnet-junk"), Collector::new());
    let config = place.config(&[collector.address()], "listen_address: 127.0.0.1", "");
    let daemon = Daemon::start(config).unwrap();
    let broken = Exporter::new("127.0.0.2:0", daemon.bound());
    let foreign = Exporter::new("127.0.0.3:0", daemon.bound());
    // A Message whose Length is beyond its end, one whose Set is, and one of no version we read.
    broken.send(&[0, 10, 0xFF, 0xFF, 1, 2, 3]);
    let mut message = data(Head::new(Protocol::Ipfix, 0), PLAIN, &plain_record(1));
    message[19] += 1;
    broken.send(&message);
    foreign.send(b"GET / HTTP/1.1");
    wait_for(&daemon, "three datagrams", |numbers| {
        numbers.tally.datagrams == 3
    });
    let exporters = ask(&daemon, "exporters json\n");
    for (exporter, unknown_versions, malformed) in [("127.0.0.2", 0, 2), ("127.0.0.3", 1, 0)] {
        let begin = format!("{{\"exporter\":\"{exporter}\",");
        let at = exporters.find(&begin).expect("the exporter is listed");
        let numbers = format!("\"unknown_versions\":{unknown_versions},\"malformed\":{malformed},");
        let end = exporters[at..].find('}').unwrap();
        assert!(exporters[at..at + end].contains(&numbers), "{exporters}");
    }
    drop(daemon.stop());
}

#[test]
fn a_line_without_end_and_too_many_connections_are_cut_off() {
    let (place, collector) = (Place::new("telnet-bounds"), Collector::new());
    let config = place.config(&[collector.address()], "listen_address: 127.0.0.1", "");
    let daemon = Daemon::start(config).unwrap();
    assert_eq!(ask(&daemon, &"x".repeat(256)), "");

    let connect = || {
        let stream = TcpStream::connect(daemon.stats_bound().unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let mut open = Vec::new();
    for _ in 0..enricherd::control::telnet::CONNECTIONS_MAX {
        let mut stream = connect();
        // An answer shows that its place is taken.
        stream.write_all(b"nonsense\n").unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        open.push(stream);
    }
    let mut refused = String::new();
    connect().read_to_string(&mut refused).unwrap();
    assert!(refused.contains("too many connections"), "{refused}");
    drop(daemon.stop());
}
