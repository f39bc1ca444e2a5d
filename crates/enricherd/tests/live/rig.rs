//! Programs of other people, captures that are sent, the daemon between.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use enricherd::config::ConfigFile;
use enricherd::daemon::Daemon;
use enricherd::io::capture::read_frames;
use enricherd::io::datagram::{Datagrams, Ports};

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether all programs are there; says what is skipped if not.
pub(crate) fn are_installed(programs: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places: Vec<_> = std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .collect();
    let is_there = |program: &&&str| !places.iter().any(|place| place.join(program).is_file());
    let missing: Vec<_> = programs.iter().filter(is_there).collect();
    if missing.is_empty() {
        return true;
    }
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!is_ci, "missing, and nothing is skipped here: {missing:?}");
    eprintln!("skipped, not installed: {missing:?}");
    false
}

/// An empty directory of one test.
pub(crate) fn place(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("live-{test}"));
    // It may be left from the last run, or not.
    drop(fs::remove_dir_all(&path));
    fs::create_dir_all(&path).unwrap();
    path
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// A program that runs until it is told to stop.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    /// Starts it and waits until it has said each of `ready`.
    pub(crate) fn start(command: &mut Command, ready: &[&str]) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        follow(child.stdout.take().unwrap(), sender.clone());
        follow(child.stderr.take().unwrap(), sender);
        let program = Self { child, lines };
        let mut unsaid = ready.to_vec();
        while !unsaid.is_empty() {
            let line = program.lines.recv_timeout(PATIENCE);
            let line = line.expect("it starts in time");
            unsaid.retain(|part| !line.contains(part));
        }
        program
    }

    /// Sends it a signal and waits until it has ended; returns what it said meanwhile.
    pub(crate) fn stop(mut self, signal: &str) -> Vec<String> {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap();
        // Its children, which write the files, have the same output: it ends with the last.
        let lines = std::iter::from_fn(|| self.lines.recv_timeout(PATIENCE).ok());
        lines.collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn follow(output: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            drop(lines.send(line));
        }
    });
}

/// A collector of somebody else's.
pub(crate) trait Collector {
    /// Where it listens.
    fn port(&self) -> u16;
    /// Ends it and returns what it stored: names of columns, then rows.
    fn rows(self) -> Vec<HashMap<String, String>>;
}

/// Waits until the program at a port has read all that the kernel has for it.
pub(crate) fn wait_until_read(port: u16) {
    wait_until("the collector has read everything", || {
        let table = fs::read_to_string("/proc/net/udp").unwrap();
        let mut sockets = table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        sockets.all(|words| {
            let is_it = words
                .get(1)
                .is_some_and(|local| local.ends_with(&format!(":{port:04X}")));
            !is_it
                || words
                    .get(4)
                    .is_some_and(|queues| queues.ends_with(":00000000"))
        })
    });
}

/// Looks again and again until something is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// Reads a CSV file as collectors write it: no commas inside of fields.
pub(crate) fn csv(text: &str) -> Vec<HashMap<String, String>> {
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap_or_default();
    lines
        .filter(|fields| fields.len() == names.len())
        .map(|fields| {
            let pairs = names.iter().zip(fields);
            pairs
                .map(|(name, field)| ((*name).to_owned(), field.to_owned()))
                .collect()
        })
        .collect()
}

/// Sends what `send` sends to a collector, through the daemon, and returns what that stored.
pub(crate) fn through_daemon<C: Collector>(
    place: &Path,
    collector: C,
    send: impl FnOnce(SocketAddr),
) -> Vec<HashMap<String, String>> {
    let text = format!(
        "general: {{log_file: \"-\", listen_address: 127.0.0.1, state_dir: {}}}\n\
         forwarding: {{collectors: [{{host: 127.0.0.1, port: {}}}]}}\n",
        place.join("state").display(),
        collector.port()
    );
    let file = ConfigFile::parse(text.as_bytes()).unwrap();
    let mut config = file.check().unwrap().config;
    config.general.listen_port = 0;
    config.general.stats_port = 0;
    config.metrics.port = 0;
    let daemon = Daemon::start(config).unwrap();
    send(daemon.bound());
    let numbers = daemon.stop();
    assert_eq!(numbers.kernel_drops, 0);
    assert_eq!(
        numbers.mediator.messages_out,
        numbers.targets[0].counters.sent
    );
    wait_until_read(collector.port());
    collector.rows()
}

/// Sends it there without the daemon.
pub(crate) fn directly<C: Collector>(
    collector: C,
    send: impl FnOnce(SocketAddr),
) -> Vec<HashMap<String, String>> {
    send(SocketAddr::from(([127, 0, 0, 1], collector.port())));
    wait_until_read(collector.port());
    collector.rows()
}

/// Sends the datagrams of a capture; each exporter in it has an address of this host.
pub(crate) fn send_capture(path: &Path, to: SocketAddr) {
    let mut addresses: HashMap<IpAddr, String> = HashMap::new();
    let mut exporters: HashMap<SocketAddr, UdpSocket> = HashMap::new();
    let mut datagrams = Datagrams::new(Ports::All);
    let mut octets = Vec::new();
    read_frames(File::open(path).unwrap(), |frame| {
        let Some(datagram) = datagrams.read(&frame, &mut octets) else {
            return Ok(());
        };
        let source = datagram.source;
        let next = format!("127.0.0.{}:0", addresses.len() + 2);
        let address = addresses.entry(source.ip()).or_insert(next);
        let exporter = exporters
            .entry(source)
            .or_insert_with(|| UdpSocket::bind(address.as_str()).unwrap());
        exporter.send_to(&octets, to).map(|_| ())
    })
    .unwrap();
}
