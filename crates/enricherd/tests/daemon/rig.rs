//! What the tests of the daemon share: a place for files, exporters, collectors, waiting.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use enricherd::config::{Config, ConfigFile};
use enricherd::daemon::Daemon;
use enricherd::pipeline::page::Numbers;

use crate::message::{Head, Protocol, data_sets, templates};

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A directory of one test; its files are there for whoever looks into a failure.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("daemon-{test}"));
        // It may be left from the last run, or not.
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).unwrap();
        let database = "1.1.1.0,1.1.1.255,13335,\"Cloudflare\"\n\
                        8.8.8.0,8.8.8.255,15169,\"Google\"\n";
        fs::write(path.join("asn.csv"), database).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A configuration as text; `general` and `more` are added as they are.
    pub(crate) fn text(&self, collectors: &[SocketAddr], general: &str, more: &str) -> String {
        let collectors: Vec<_> = collectors
            .iter()
            .map(|one| format!("{{host: \"{}\", port: {}}}", one.ip(), one.port()))
            .collect();
        format!(
            "general: {{log_file: \"-\", state_dir: {}, {general}}}\n\
             enrichment: {{as_databases: [{{path: {}}}]}}\n\
             forwarding: {{collectors: [{}], {more}}}\n\
             metrics: {{enabled: false}}\n",
            self.path("state").display(),
            self.path("asn.csv").display(),
            collectors.join(", ")
        )
    }

    /// As [`Place::config`], with this many workers.
    pub(crate) fn config_for(&self, collectors: &[SocketAddr], workers: u16) -> Config {
        let mut config = self.config(collectors, "listen_address: 127.0.0.1", "");
        config.performance.workers = workers;
        config
    }

    /// As [`Place::text`], read, at ports that the system chooses.
    pub(crate) fn config(&self, collectors: &[SocketAddr], general: &str, more: &str) -> Config {
        let text = self.text(collectors, general, more);
        let mut config = ConfigFile::parse(text.as_bytes())
            .unwrap()
            .check()
            .unwrap()
            .config;
        config.general.listen_port = 0;
        config.general.stats_port = 0;
        config.metrics.enabled = true;
        config.metrics.port = 0;
        config
    }
}

/// A collector: a socket.
pub(crate) struct Collector(UdpSocket);

impl Collector {
    pub(crate) fn new() -> Self {
        Self::at("127.0.0.1:0")
    }

    pub(crate) fn at(address: &str) -> Self {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// The next datagram, and where it came from.
    pub(crate) fn next(&self) -> (Vec<u8>, SocketAddr) {
        let mut octets = vec![0; 65_535];
        let (length, from) = self.0.recv_from(&mut octets).expect("a datagram in time");
        octets.truncate(length);
        (octets, from)
    }

    /// The next datagram that holds data, and where it came from.
    pub(crate) fn next_data(&self) -> (Vec<u8>, SocketAddr) {
        loop {
            let (octets, from) = self.next();
            if !data_sets(&octets).is_empty() {
                return (octets, from);
            }
        }
    }

    /// The TTL of the next datagram is not to be had from std; whether one is there already is.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.set_nonblocking(true).unwrap();
        let is_empty = self.0.peek_from(&mut [0; 1]).is_err();
        self.0.set_nonblocking(false).unwrap();
        is_empty
    }
}

/// An exporter: a socket with an address of its own.
pub(crate) struct Exporter(UdpSocket);

impl Exporter {
    pub(crate) fn new(address: &str, daemon: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).unwrap();
        let ip = match address.starts_with('[') {
            true => "::1".parse().unwrap(),
            false => "127.0.0.1".parse().unwrap(),
        };
        socket.connect(SocketAddr::new(ip, daemon.port())).unwrap();
        Self(socket)
    }

    pub(crate) fn send(&self, octets: &[u8]) {
        self.0.send(octets).unwrap();
    }

    pub(crate) fn send_templates(&self, protocol: Protocol) {
        self.send(&templates(Head::new(protocol, 0)));
    }

    pub(crate) fn socket(&self) -> &UdpSocket {
        &self.0
    }
}

/// Looks again and again until something is so.
pub(crate) fn wait_until(what: &str, is_so: impl FnMut() -> bool) {
    wait_with(what, is_so, || ());
}

/// As [`wait_until`], doing something between two looks.
pub(crate) fn wait_with(what: &str, mut is_so: impl FnMut() -> bool, mut between: impl FnMut()) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        between();
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// Waits until the daemon's numbers are as wanted.
pub(crate) fn wait_for(daemon: &Daemon, what: &str, is_so: impl Fn(&Numbers) -> bool) {
    wait_until(what, || is_so(&daemon.numbers()));
}
