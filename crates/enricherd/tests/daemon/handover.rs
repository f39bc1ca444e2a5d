//! A new process in the place of the old one, with the sockets that a service manager kept.
#![allow(
    unsafe_code,
    reason = "a child is given the sockets under the numbers that it expects"
)]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use sendfd::RecvWithFd;

use crate::message::{Head, PLAIN, Protocol, data, data_sets, plain_record};
use crate::restart::free_port;
use crate::rig::{Collector, Exporter, PATIENCE, Place};

/// The first number of a file that a manager hands over [sd_listen_fds(3)].
const FIRST: RawFd = 3;
/// Messages while nobody takes any: they fit the receive buffer that any kernel grants.
const MEANWHILE: u32 = 200;

/// What systemd does of a service manager's work.
struct Manager {
    socket: UnixDatagram,
    place: Place,
    /// Names and numbers of what is kept.
    kept: Vec<(String, RawFd)>,
}

/// The program, run by a manager.
struct Service {
    child: Child,
    lines: Receiver<String>,
}

impl Manager {
    fn new(test: &str) -> Self {
        let place = Place::new(test);
        let socket = UnixDatagram::bind(place.path("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            socket,
            place,
            kept: Vec::new(),
        }
    }

    /// Starts the program with what is kept, and waits until it says that it is ready.
    fn start(&mut self) -> Service {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "LISTEN_PID=$$ exec \"$@\"", "sh"])
            .arg(env!("CARGO_BIN_EXE_ipfix-enricher"))
            .arg("--config")
            .arg(self.place.path("config.yaml"))
            .env("NOTIFY_SOCKET", self.place.path("notify"))
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        if !self.kept.is_empty() {
            let names = self.kept.iter().map(|(name, _)| name.as_str());
            let names: Vec<_> = names.collect();
            command
                .env("LISTEN_FDS", names.len().to_string())
                .env("LISTEN_FDNAMES", names.join(":"));
        }
        let numbers: Vec<_> = self.kept.iter().map(|(_, number)| *number).collect();
        // SAFETY: the child only calls fcntl and dup2 before it becomes the program.
        unsafe {
            command.pre_exec(move || {
                // First out of the way of each other.
                let moved = numbers
                    .iter()
                    .map(|number| libc::fcntl(*number, libc::F_DUPFD, 100));
                let mut places = [0; 8];
                let mut count = 0;
                for (place, number) in places.iter_mut().zip(moved) {
                    *place = number;
                    count += 1;
                }
                for (number, target) in places[..count].iter().zip(FIRST..) {
                    libc::dup2(*number, target);
                }
                Ok(())
            });
        }
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                drop(sender.send(line));
            }
        });
        self.hear("READY=1");
        Service { child, lines }
    }

    /// Hears the service until it says this; keeps what it hands over.
    fn hear(&mut self, wanted: &str) {
        loop {
            let (mut octets, mut numbers) = ([0; 4096], [0; 8]);
            let heard = self.socket.recv_with_fd(&mut octets, &mut numbers);
            let (length, count) = heard.expect("a word in time");
            let text = String::from_utf8_lossy(&octets[..length]).into_owned();
            let name = text.lines().find_map(|line| line.strip_prefix("FDNAME="));
            match (name, count) {
                (Some(name), 1) if !self.kept.iter().any(|(known, _)| known == name) => {
                    self.kept.push((name.to_owned(), numbers[0]));
                }
                _ => {}
            }
            if text.lines().any(|line| line == wanted) {
                return;
            }
        }
    }
}

impl Service {
    /// Ends it as `systemctl restart` does.
    fn stop(mut self) {
        let pid = libc::pid_t::try_from(self.child.id()).unwrap();
        // SAFETY: the child is ours and was not waited for.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
        assert!(self.child.wait().unwrap().success());
        let mut lines = self.lines.try_iter().chain(self.lines.iter());
        assert!(lines.any(|line| line.contains("stopped: ")));
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_new_process_goes_on_where_the_old_one_ended_and_no_message_is_lost() {
    for workers in [1, 3] {
        let (mut manager, collector) = (Manager::new("handover"), Collector::new());
        let port = free_port();
        let general = format!("listen_address: 127.0.0.1, listen_port: {port}, stats_port: 1");
        let text = manager.place.text(&[collector.address()], &general, "")
            + &format!("performance: {{workers: {workers}}}\n");
        std::fs::write(manager.place.path("config.yaml"), text).unwrap();
        let old = manager.start();
        assert_eq!(manager.kept.len(), workers);
        let exporter = Exporter::new("127.0.0.1:0", SocketAddr::from(([127, 0, 0, 1], port)));
        exporter.send_templates(Protocol::Ipfix);
        let send = |number| {
            let head = Head::new(Protocol::Ipfix, number);
            exporter.send(&data(head, PLAIN, &plain_record(number)));
        };
        let expect = |number: u32| {
            let (octets, _) = collector.next_data();
            let sequence = u32::from_be_bytes(octets[8..12].try_into().unwrap());
            assert_eq!(sequence, number, "Sequence Numbers go on");
            let (_, record) = &data_sets(&octets)[0];
            let expected = crate::message::appended_record(number);
            assert_eq!(*record, expected, "{workers} workers");
        };
        (0..10).for_each(send);
        (0..10).for_each(expect);
        old.stop();
        (10..10 + MEANWHILE).for_each(send);
        let new = manager.start();
        (10..10 + MEANWHILE).for_each(expect);
        let later = 10 + MEANWHILE..20 + MEANWHILE;
        later.clone().for_each(send);
        later.for_each(expect);
        new.stop();
    }
}

#[test]
fn sockets_that_are_not_what_is_wanted_now_are_let_go() {
    let (mut manager, collector) = (Manager::new("handover-other"), Collector::new());
    let write = |manager: &Manager, workers: u16, port: u16| {
        let general = format!("listen_address: 127.0.0.1, listen_port: {port}, stats_port: 1");
        let text = manager.place.text(&[collector.address()], &general, "")
            + &format!("performance: {{workers: {workers}}}\n");
        std::fs::write(manager.place.path("config.yaml"), text).unwrap();
    };
    write(&manager, 2, free_port());
    manager.start().stop();
    assert_eq!(manager.kept.len(), 2);
    // This manager lets go of nothing, so another port.
    write(&manager, 3, free_port());
    let new = manager.start();
    let said = new
        .lines
        .try_iter()
        .any(|line| line.contains("are not used: there were 2, for 3"));
    assert!(said);
    new.stop();
}
