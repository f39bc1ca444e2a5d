//! Killed between an exporter's Templates and its data: what a new process still knows.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::message::{
    Head, PLAIN, PLAIN_CLONE, Protocol, appended_record, data, data_sets, plain_record, templates,
};
use crate::rig::{Collector, Exporter, PATIENCE, Place, wait_until};

/// The program in a process of its own.
struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    fn start(place: &Place) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ipfix-enricher"))
            .arg("--config")
            .arg(place.path("config.yaml"))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                drop(sender.send(line));
            }
        });
        let process = Self { child, lines };
        process.wait_for_line("listening at");
        process
    }

    fn wait_for_line(&self, part: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("a line in time");
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Ends it without a chance to say or save anything.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it as an operator would.
    fn terminate(mut self) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        self.wait_for_line("stopped: ");
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Sends Templates, kills the daemon, starts it again; returns what data then become.
fn data_after_a_kill(name: &str, protocol: Protocol, later: Head) -> Vec<(u16, Vec<u8>)> {
    let (place, collector) = (Place::new(name), Collector::new());
    let port = free_port();
    let general = format!("listen_address: 127.0.0.1, listen_port: {port}, stats_port: 1");
    let text = place.text(&[collector.address()], &general, "hold_time: 0");
    std::fs::write(place.path("config.yaml"), text).unwrap();
    let first = Process::start(&place);
    let daemon = SocketAddr::from(([127, 0, 0, 1], port));
    let exporter = Exporter::new("127.0.0.1:0", daemon);
    exporter.send(&templates(Head::new(protocol, 10)));
    drop(collector.next());
    let state = place.path(&format!("state/udp-{port}.state"));
    wait_until("the Templates are saved", || state.exists());
    first.kill();

    let second = Process::start(&place);
    exporter.send(&data(later, PLAIN, &plain_record(9)));
    let (octets, _) = collector.next_data();
    second.terminate();
    data_sets(&octets)
}

const RESTARTED: [(&str, Protocol); 2] = [
    ("restarted-v9", Protocol::V9),
    ("restarted-ipfix", Protocol::Ipfix),
];

#[test]
fn an_exporter_that_kept_running_is_enriched_from_its_first_datagram() {
    for (name, protocol) in [("kept-v9", Protocol::V9), ("kept-ipfix", Protocol::Ipfix)] {
        let later = Head {
            uptime_s: 130,
            ..Head::new(protocol, 11)
        };
        let sets = data_after_a_kill(name, protocol, later);
        assert_eq!(sets, [(PLAIN_CLONE, appended_record(9))], "{name}");
    }
}

#[test]
fn an_exporter_that_restarted_meanwhile_is_raw_until_its_template() {
    for (name, protocol) in RESTARTED {
        let later = Head {
            boot_s: 1_700_000_120,
            uptime_s: 10,
            ..Head::new(protocol, 0)
        };
        let sets = data_after_a_kill(name, protocol, later);
        assert_eq!(sets, [(PLAIN, plain_record(9))], "{name}");
    }
}
