//! HTTP: metrics, questions of balancers, and the same answers as over telnet.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use enricherd::control::http::{CONNECTIONS_MAX, HEAD_OCTETS_MAX};
use enricherd::daemon::Daemon;

use crate::control::ask;
use crate::message::{Head, PLAIN, Protocol, data, plain_record};
use crate::rig::{Collector, Exporter, PATIENCE, Place, wait_for, wait_until};

/// Sends octets; returns everything that comes back.
fn exchange(daemon: &Daemon, request: &str) -> String {
    let mut stream = TcpStream::connect(daemon.metrics_bound().unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // One who is refused early closes while we still write.
    drop(stream.write_all(request.as_bytes()));
    let mut answer = String::new();
    drop(stream.read_to_string(&mut answer));
    answer
}

/// Returns the status and the body of a path.
pub(crate) fn get(daemon: &Daemon, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let answer = exchange(daemon, &request);
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// A daemon through which one Template and one record went.
fn busy(name: &str) -> (Daemon, Collector) {
    let (place, collector) = (Place::new(name), Collector::new());
    let config = place.config(&[collector.address()], "listen_address: 127.0.0.1", "");
    let daemon = Daemon::start(config).unwrap();
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::V9);
    exporter.send(&data(Head::new(Protocol::V9, 1), PLAIN, &plain_record(1)));
    drop(collector.next_data());
    wait_for(&daemon, "one record", |numbers| {
        numbers.mediator.records.records == 1
    });
    (daemon, collector)
}

#[test]
fn metrics_are_what_the_daemon_counted_and_promtool_has_no_complaint() {
    let (daemon, collector) = busy("http-metrics");
    let (status, metrics) = get(&daemon, "/metrics");
    assert_eq!(status, 200);
    let collector_up = format!(
        "ipfix_collector_up{{collector=\"{}\"}} 1",
        collector.address()
    );
    for line in [
        "ipfix_packets_total 2",
        "ipfix_as_unique 2",
        "ipfix_errors_total 0",
        "ipfix_records_total{exporter=\"127.0.0.1\",outcome=\"appended\",reason=\"\"} 1",
        "ipfix_as_written_total{exporter=\"127.0.0.1\",side=\"source\",provider=\"database\"} 1",
        "ipfix_exporter_last_seen_seconds{exporter=\"127.0.0.1\"} ",
        "ipfix_kernel_drops_total{worker=\"0\"} 0",
        "ipfix_source_up{provider=\"database\"",
        &collector_up,
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    check_with_promtool(&metrics);
    drop(daemon.stop());
}

fn check_with_promtool(metrics: &str) {
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else {
        assert!(std::env::var_os("CI").is_none(), "promtool is missing");
        eprintln!("skipped: promtool is missing; to enable: apt-get install prometheus");
        return;
    };
    let mut input = promtool.stdin.take().unwrap();
    input.write_all(metrics.as_bytes()).unwrap();
    drop(input);
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn http_and_telnet_answer_the_same() {
    let (daemon, _collector) = busy("http-api");
    let is_steady = |name: &str| {
        // Ages and rates change from one question to the next.
        let still = |text: String| {
            let digits_off: String = text.chars().filter(|one| !one.is_ascii_digit()).collect();
            digits_off
        };
        let (status, over_http) = get(&daemon, &format!("/api/v1/{name}"));
        let over_telnet = ask(&daemon, &format!("{name} json\n"));
        status == 200 && still(over_http) == still(over_telnet)
    };
    for name in [
        "stats",
        "as",
        "templates",
        "exporters",
        "collectors",
        "sources",
        "disagreements",
        "events",
        "errors",
        "config",
    ] {
        wait_until(name, || is_steady(name));
    }
    let stats = get(&daemon, "/api/v1/stats").1;
    assert!(stats.contains("\"datagrams_in\":2,"), "{stats}");
    drop(daemon.stop());
}

#[test]
fn balancers_are_told_yes_and_strangers_what_there_is() {
    let (daemon, _collector) = busy("http-health");
    for path in ["/live", "/ready", "/health"] {
        let ok = "{\"status\":\"ok\",\"reasons\":[]}\n".to_owned();
        assert_eq!(get(&daemon, path), (200, ok), "{path}");
    }
    let (status, text) = get(&daemon, "/nothing");
    assert!(status == 404 && text.contains("/api/v1/"), "{text}");
    assert_eq!(get(&daemon, "/api/v1/nothing").0, 404);
    let posted = exchange(
        &daemon,
        "POST /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert!(posted.starts_with("HTTP/1.1 405 "), "{posted}");
    drop(daemon.stop());
}

#[test]
fn heads_without_end_and_too_many_connections_are_cut_off() {
    let (daemon, _collector) = busy("http-bounds");
    let endless = format!("GET / HTTP/1.1\r\nA: {}", "x".repeat(2 * HEAD_OCTETS_MAX));
    let answer = exchange(&daemon, &endless);
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");

    let connect = || TcpStream::connect(daemon.metrics_bound().unwrap()).unwrap();
    let open: Vec<_> = (0..CONNECTIONS_MAX)
        .map(|_| {
            let mut stream = connect();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream
                .write_all(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
                .unwrap();
            // An answer shows that its place is taken.
            assert!(stream.read(&mut [0; 16]).unwrap() > 0);
            stream
        })
        .collect();
    let mut refused = connect();
    refused.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(matches!(refused.read(&mut [0; 1]), Ok(0) | Err(_)));
    drop(open);
    wait_until("there is room again", || {
        exchange(&daemon, "GET /live HTTP/1.0\r\n\r\n").contains(" 200 ")
    });
    drop(daemon.stop());
}
