//! Real routers on loopback: each announces, changes and withdraws routes, and the daemon says so.
//!
//! Under CI one of them runs, BIRD; `LIVE_ROUTERS=all`, which `cargo xtask prove` sets, runs all
//! that are installed: FRR with BGP and BMP, GoBGP, ExaBGP.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use enricherd::config::ConfigFile;
use enricherd::daemon::Daemon;

use crate::rig::{are_installed, place};

/// How long anything may take before a test fails: tables are made when nobody else wants to run.
const PATIENCE: Duration = Duration::from_secs(200);
const US: &str = "127.0.0.1";

/// Whether the routers besides BIRD are wanted.
fn are_all_wanted() -> bool {
    let wanted = std::env::var("LIVE_ROUTERS").is_ok_and(|value| value == "all");
    if !wanted {
        eprintln!("skipped; LIVE_ROUTERS=all, or cargo xtask prove, runs it");
    }
    wanted
}

/// A TCP port that is free now.
fn free_port() -> u16 {
    let listener = TcpListener::bind((US, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// The daemon with one peer, and where it is reached.
struct Rig {
    daemon: Daemon,
    bgp_port: u16,
    bmp_port: u16,
    place: PathBuf,
}

impl Rig {
    /// `peer` stands behind `address` and `as` of the peer, with a comma before it.
    fn new(test: &str, router: &str, peer: &str) -> Self {
        let place = place(test);
        let (bgp_port, bmp_port) = (free_port(), free_port());
        let text = format!(
            "general: {{log_file: \"-\", listen_address: {US}, state_dir: {}}}\n\
             enrichment:\n\
             \x20 bgp_enabled: true\n\
             \x20 bgp_as: 64513\n\
             \x20 bgp_port: {bgp_port}\n\
             \x20 bgp_peers: [{{address: {router}, as: 64512{peer}}}]\n\
             \x20 bmp_enabled: true\n\
             \x20 bmp_port: {bmp_port}\n\
             \x20 bmp_allow: [127.0.0.0/8]\n\
             metrics: {{enabled: false}}\n",
            place.join("state").display()
        );
        let file = ConfigFile::parse(text.as_bytes()).unwrap();
        let mut config = file.check().unwrap().config;
        config.general.listen_port = 0;
        config.general.stats_port = 0;
        let daemon = Daemon::start(config).unwrap();
        Self {
            daemon,
            bgp_port,
            bmp_port,
            place,
        }
    }

    fn ask(&self, line: &str) -> String {
        let address = self.daemon.stats_bound().unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
            .write_all(format!("{line}\nquit\n").as_bytes())
            .unwrap();
        let lines = BufReader::new(stream).lines();
        lines.map(|line| line.unwrap() + "\n").collect()
    }

    /// Waits until an answer is as it should be.
    fn wait(&self, line: &str, is_so: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let answer = self.ask(line);
            if is_so(&answer) {
                return answer;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{line}: {answer}\n{}",
                self.ask("bgp")
            );
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.place.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// What every router does: 1.1.1.0/24 and 2606:4700::/32 of AS 3320 come, then IPv4 goes.
    fn check(&self, router: &str, withdraw: impl FnOnce()) {
        let path = format!("1.1.1.0/24, path 64512 3320, next hop {router}");
        let told = self.wait("explain 1.1.1.1", |text| {
            text.contains("by 1.1.1.0/24, in live routes over BGP")
        });
        assert!(told.contains(&path), "{told}");
        assert!(told.contains(&format!("from {router} over BGP")), "{told}");
        self.wait("explain 2606:4700::1", |text| {
            text.contains("by 2606:4700::/32, in live routes over BGP")
        });
        withdraw();
        self.wait("explain 1.1.1.1", |text| !text.contains("path 64512 3320"));
        let told = self.ask("explain 2606:4700::1");
        assert!(told.contains("path 64512 3320"), "{told}");
        assert!(self.ask("bgp").contains("Established"));
    }

    fn is_lost(&self, router: &str) {
        let lost = format!("BGP with {router} is down");
        self.wait("events", |text| text.contains(&lost));
        self.wait("explain 2606:4700::1", |text| {
            text.contains("not confirmed")
        });
    }
}

/// A router that runs until the test is over.
struct Router(Child);

impl Router {
    fn start(command: &mut Command, log: &Path) -> Self {
        let log = fs::File::create(log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        Self(child.spawn().unwrap())
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Runs a command until it succeeds: a router takes its time to listen to its own tools.
fn insist(command: &mut Command) {
    let begun = Instant::now();
    loop {
        let output = command.output().unwrap();
        if output.status.success() {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{command:?}: {output:?}");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

/// BIRD with one session; `more` stands in it.
fn bird(rig: &Rig, router: &str, port: u16, more: &str) -> (Router, PathBuf) {
    let text = format!(
        "router id 10.0.0.2;\nlog stderr all;\nprotocol device {{}}\n\
         protocol static four {{ ipv4; route 1.1.1.0/24 blackhole; }}\n\
         protocol static six {{ ipv6; route 2606:4700::/32 blackhole; }}\n\
         filter told {{ bgp_path.prepend(3320); accept; }}\n\
         protocol bgp enricher {{\n\
         local {router} port {port} as 64512;\n\
         neighbor {US} port {} as 64513;\n\
         multihop; connect retry time 2; connect delay time 1; error wait time 1, 2;\n\
         ipv4 {{ import none; export filter told; next hop self; }};\n\
         ipv6 {{ import none; export filter told; next hop address 2001:db8::2; }};\n{more}\n}}\n",
        rig.bgp_port
    );
    let config = rig.write("bird.conf", &text);
    let socket = rig.place.join("bird.ctl");
    let mut command = Command::new("bird");
    command
        .arg("-f")
        .arg("-c")
        .arg(config)
        .arg("-s")
        .arg(&socket);
    command.arg("-P").arg(rig.place.join("bird.pid"));
    (
        Router::start(&mut command, &rig.place.join("bird.log")),
        socket,
    )
}

fn birdc(socket: &Path, words: &[&str]) {
    insist(Command::new("birdc").arg("-s").arg(socket).args(words));
}

#[test]
fn bird_announces_and_withdraws() {
    if !are_installed(&["bird", "birdc"]) {
        return;
    }
    let router = "127.0.8.2";
    let rig = Rig::new("bird", router, "");
    let (process, socket) = bird(&rig, router, free_port(), "");
    rig.check(router, || birdc(&socket, &["disable", "four"]));
    birdc(&socket, &["enable", "four"]);
    rig.wait("explain 1.1.1.1", |text| text.contains("path 64512 3320"));
    // It is killed, and another takes its place: what it told counts until it is told again.
    drop(process);
    rig.is_lost(router);
    let _again = bird(&rig, router, free_port(), "");
    rig.wait("explain 2606:4700::1", |text| {
        text.contains("path 64512 3320") && !text.contains("not confirmed")
    });
    let _ = rig.daemon.stop();
}

#[test]
fn bird_is_connected_to_with_a_password() {
    if !are_installed(&["bird", "birdc"]) {
        return;
    }
    let (router, port) = ("127.0.8.3", free_port());
    let secret = place("bird-secret").join("password");
    fs::write(&secret, "a secret\n").unwrap();
    let peer = format!(
        ", passive: false, port: {port}, password_file: {}",
        secret.display()
    );
    let rig = Rig::new("bird-password", router, &peer);
    let more = "passive; password \"a secret\";";
    let (_process, socket) = bird(&rig, router, port, more);
    rig.check(router, || birdc(&socket, &["disable", "four"]));
    let _ = rig.daemon.stop();
}

#[test]
fn frr_announces_and_withdraws_and_tells_it_over_bmp_too() {
    if !are_all_wanted() || !are_installed(&["vtysh"]) {
        return;
    }
    let router = "127.0.8.4";
    let rig = Rig::new("frr", router, "");
    let text = format!(
        "router bgp 64512\n bgp router-id 10.0.0.4\n no bgp ebgp-requires-policy\n\
         \x20no bgp network import-check\n neighbor {US} remote-as 64513\n\
         \x20neighbor {US} port {}\n neighbor {US} ebgp-multihop\n\
         \x20neighbor {US} update-source {router}\n neighbor {US} timers connect 1\n\
         \x20address-family ipv4 unicast\n  network 1.1.1.0/24\n  neighbor {US} route-map out out\n\
         \x20exit-address-family\n address-family ipv6 unicast\n  network 2606:4700::/32\n\
         \x20 neighbor {US} activate\n  neighbor {US} route-map out out\n exit-address-family\n\
         \x20bmp targets enricher\n  bmp monitor ipv4 unicast pre-policy\n\
         \x20 bmp monitor ipv6 unicast pre-policy\n\
         \x20 bmp connect {US} port {} min-retry 100 max-retry 1000\n\
         \x20exit\nexit\nroute-map out permit 10\n set as-path prepend 3320\n",
        rig.bgp_port, rig.bmp_port
    );
    let config = rig.write("bgpd.conf", &text);
    let at = rig.place.clone();
    let mut command = Command::new("/usr/lib/frr/bgpd");
    command.args([
        "--no_zebra",
        "--skip_runas",
        "--listenon",
        router,
        "-M",
        "bmp",
        "-P",
        "0",
    ]);
    command
        .arg("-p")
        .arg(free_port().to_string())
        .arg("-f")
        .arg(config);
    command
        .arg("-i")
        .arg(at.join("bgpd.pid"))
        .arg("--vty_socket")
        .arg(&at);
    let _process = Router::start(&mut command, &at.join("bgpd.log"));
    rig.wait("bmp", |text| {
        text.contains("127.0.0.1") || text.contains(router)
    });
    rig.check(router, || {
        let words = ["conf t", "router bgp 64512", "no network 1.1.1.0/24"];
        let mut command = Command::new("vtysh");
        command.arg("--vty_socket").arg(&at);
        command.args(words.iter().flat_map(|word| ["-c", word]));
        insist(&mut command);
    });
    rig.wait("bmp", |text| text.contains(" up "));
    let _ = rig.daemon.stop();
}

#[test]
fn gobgp_announces_and_withdraws_and_tells_it_over_bmp_too() {
    if !are_all_wanted() || !are_installed(&["gobgpd", "gobgp"]) {
        return;
    }
    let (router, api) = ("127.0.8.5", free_port());
    let rig = Rig::new("gobgp", router, "");
    let text = format!(
        "[global.config]\nas = 64512\nrouter-id = \"10.0.0.5\"\nport = {}\n\
         local-address-list = [\"{router}\"]\n\
         [[neighbors]]\n[neighbors.config]\nneighbor-address = \"{US}\"\npeer-as = 64513\n\
         [neighbors.transport.config]\nlocal-address = \"{router}\"\nremote-port = {}\n\
         [neighbors.ebgp-multihop.config]\nenabled = true\nmultihop-ttl = 2\n\
         [neighbors.timers.config]\nconnect-retry = 1\n\
         [[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"ipv4-unicast\"\n\
         [[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"ipv6-unicast\"\n\
         [[bmp-servers]]\n[bmp-servers.config]\naddress = \"{US}\"\nport = {}\n\
         route-monitoring-policy = \"all\"\n",
        free_port(),
        rig.bgp_port,
        rig.bmp_port
    );
    let config = rig.write("gobgp.toml", &text);
    let mut command = Command::new("gobgpd");
    command
        .arg("-f")
        .arg(config)
        .arg("--api-hosts")
        .arg(format!("{US}:{api}"));
    let _process = Router::start(&mut command, &rig.place.join("gobgp.log"));
    let gobgp = |words: &str| {
        let mut command = Command::new("gobgp");
        command.args(["-u", US, "-p", &api.to_string(), "global", "rib"]);
        insist(command.args(words.split(' ')));
    };
    gobgp("add 1.1.1.0/24 origin igp aspath 3320");
    gobgp("add 2606:4700::/32 origin igp aspath 3320 -a ipv6 nexthop 2001:db8::5");
    rig.check(router, || gobgp("del 1.1.1.0/24"));
    rig.wait("bmp", |text| text.contains(" up "));
    let told = rig.wait("explain 2606:4700::1", |text| text.contains("over BMP"));
    assert!(told.contains("path 3320"), "{told}");
    let _ = rig.daemon.stop();
}

#[test]
fn exabgp_announces_and_withdraws() {
    if !are_all_wanted() || !are_installed(&["exabgp"]) {
        return;
    }
    let router = "127.0.8.6";
    let rig = Rig::new("exabgp", router, "");
    let go = rig.place.join("go");
    let script = rig.write(
        "announce.sh",
        &format!(
            "#!/bin/sh\n\
             echo 'announce route 1.1.1.0/24 next-hop {router} as-path [64512 3320]'\n\
             echo 'announce route 2606:4700::/32 next-hop 2001:db8::6 as-path [64512 3320]'\n\
             while [ ! -e {go} ]; do sleep 0.1; done\n\
             echo 'withdraw route 1.1.1.0/24 next-hop {router}'\n\
             while true; do sleep 1; done\n",
            go = go.display()
        ),
    );
    let text = format!(
        "process announce {{ run /bin/sh {}; encoder text; }}\n\
         neighbor {US} {{ router-id 10.0.0.6; local-address {router}; local-as 64512;\n\
         peer-as 64513; connect {}; family {{ ipv4 unicast; ipv6 unicast; }}\n\
         api {{ processes [announce]; }} }}\n",
        script.display(),
        rig.bgp_port
    );
    let config = rig.write("exabgp.conf", &text);
    let mut command = Command::new("exabgp");
    command
        .env("exabgp.daemon.user", "root")
        .env("exabgp.api.cli", "false");
    command.arg(config);
    let _process = Router::start(&mut command, &rig.place.join("exabgp.log"));
    rig.check(router, || fs::write(&go, "").unwrap());
    let _ = rig.daemon.stop();
}
