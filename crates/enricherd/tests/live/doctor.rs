//! `ipfix-enricher doctor` in surroundings that were broken on purpose: each fault is found, and
//! nothing else.
//!
//! Every case runs this test again in a network namespace of its own. Needs root and `nft`.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;

use crate::rig::{Program, are_installed, place, wait_until};

/// Names the case that is to be run, in a namespace that was made for it.
const CASE: &str = "IPFIX_ENRICHER_TEST_DOCTOR";
/// Namespaces have every port to themselves.
const OURS: &str = "127.0.0.1:2055";
const COLLECTOR: &str = "127.0.0.1:9995";
const PROGRAM: &str = env!("CARGO_BIN_EXE_ipfix-enricher");

/// What the surroundings are.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    /// Sections of the configuration besides those of all cases.
    config: &'static str,
    collector: &'static str,
    /// Whether the daemon runs, and the collector.
    is_running: bool,
    is_collected: bool,
    /// Done before, each by a shell.
    breaks: &'static [&'static str],
    /// Names of what is found.
    found: &'static [&'static str],
}

const WELL: Case = Case {
    name: "well",
    config: "",
    collector: "{host: 127.0.0.1, port: 9995}",
    is_running: true,
    is_collected: true,
    breaks: &[],
    found: &[],
};

const CASES: &[Case] = &[
    WELL,
    Case {
        name: "port-taken",
        is_running: false,
        found: &["port_taken"],
        ..WELL
    },
    Case {
        name: "small-buffer",
        config: "performance: {receive_buffer: 1GiB}\n",
        is_running: false,
        found: &["receive_buffer"],
        ..WELL
    },
    Case {
        name: "firewall-in",
        breaks: &[
            "nft add table inet t",
            "nft 'add chain inet t in { type filter hook input priority 0; policy accept; }'",
            "nft add rule inet t in udp dport 2055 drop",
        ],
        found: &["firewall_in"],
        ..WELL
    },
    Case {
        name: "firewall-out",
        breaks: &[
            "nft add table inet t",
            "nft 'add chain inet t out { type filter hook output priority 0; policy accept; }'",
            "nft add rule inet t out udp dport 9995 drop",
        ],
        found: &["firewall_out"],
        ..WELL
    },
    Case {
        name: "csf",
        breaks: &[
            "ip link add far type veth peer name end",
            "ip addr add 192.0.2.1/24 dev far",
            "ip link set far up",
            "ip link set end up",
            "ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev far",
            "printf 'UDP_IN = \"2055\"\\nUDP_OUT = \"\"\\n' > csf.conf",
        ],
        collector: "{host: 192.0.2.9, port: 9995}",
        found: &["csf"],
        ..WELL
    },
    Case {
        name: "rp-filter",
        breaks: &[
            "ip link add one type veth peer name two",
            "ip addr add 192.0.2.1/24 dev one",
            "ip addr add 198.51.100.1/24 dev two",
            "ip link set one up",
            "ip link set two up",
            "echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter",
            "echo 0 > /proc/sys/net/ipv4/conf/two/rp_filter",
            "echo 1 > /proc/sys/net/ipv4/conf/one/rp_filter",
        ],
        found: &["rp_filter"],
        ..WELL
    },
    Case {
        name: "dead-collector",
        is_collected: false,
        found: &["collector_refuses"],
        ..WELL
    },
    Case {
        name: "loop",
        found: &["loop"],
        ..WELL
    },
    Case {
        name: "silent-exporter",
        config: "exporters: [{match: 192.0.2.77}]\n",
        found: &["exporter_silent"],
        ..WELL
    },
    Case {
        name: "stale-as-data",
        breaks: &["touch -d 2020-01-01 asn.csv"],
        found: &["as_data_old"],
        ..WELL
    },
];

#[test]
fn each_broken_surrounding_is_found_and_nothing_else() {
    if !are_installed(&["nft", "ip", "unshare"]) {
        return;
    }
    let may = Command::new("unshare").args(["--net", "true"]).status();
    if !may.is_ok_and(|status| status.success()) {
        let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!is_ci, "CI runs as root");
        eprintln!("skipped: a network namespace needs root");
        return;
    }
    for case in CASES {
        let status = Command::new("unshare")
            .arg("--net")
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "doctor::one_case", "--nocapture"])
            .env(CASE, case.name)
            .status()
            .unwrap();
        assert!(status.success(), "{}", case.name);
    }
}

/// Does nothing unless it is told which.
#[test]
fn one_case() {
    let Some(name) = std::env::var_os(CASE) else {
        return;
    };
    let case = CASES.iter().find(|case| *case.name == *name).unwrap();
    let place = place(&format!("doctor-{}", case.name));
    let config = format!(
        "general: {{log_file: '-', state_dir: {state}, listen_address: 127.0.0.1}}\n\
         enrichment: {{as_databases: [{{path: {table}}}]}}\n\
         forwarding: {{source: own, collectors: [{collector}]}}\n\
         metrics: {{enabled: false}}\n{more}",
        state = place.join("state").display(),
        table = place.join("asn.csv").display(),
        collector = case.collector,
        more = if case.config.starts_with("performance") {
            case.config.to_owned()
        } else {
            // What any kernel grants.
            format!("performance: {{receive_buffer: 64KiB}}\n{}", case.config)
        },
    );
    fs::write(place.join("config.yaml"), config).unwrap();
    fs::write(place.join("asn.csv"), "8.8.8.0,8.8.8.255,15169\n").unwrap();
    fs::create_dir(place.join("state")).unwrap();
    run(&place, "ip link set lo up");
    for command in case.breaks {
        run(&place, command);
    }
    let collector = case.is_collected.then(|| UdpSocket::bind(COLLECTOR));
    let taken = (case.name == "port-taken").then(|| UdpSocket::bind(OURS));
    let daemon = case.is_running.then(|| {
        let mut command = Command::new(PROGRAM);
        command.arg("--config").arg(place.join("config.yaml"));
        Program::start(&mut command, &["listening at"])
    });
    if case.name == "loop" {
        let exporter = UdpSocket::bind("127.0.0.2:0").unwrap();
        exporter.set_ttl(1).unwrap();
        exporter.send_to(&[0; 40], OURS).unwrap();
        // What workers count is seen a moment later.
        wait_until("the loop is counted", || !found(&place).is_empty());
    }
    assert_eq!(found(&place), case.found, "{}", case.name);
    drop((collector, taken, daemon));
}

fn run(place: &Path, command: &str) {
    let status = Command::new("/bin/sh")
        .args(["-c", command])
        .current_dir(place)
        .status();
    assert!(status.unwrap().success(), "{command}");
}

/// The names of what is found.
fn found(place: &Path) -> Vec<String> {
    let answer = Command::new(PROGRAM)
        .arg("--config")
        .arg(place.join("config.yaml"))
        .args(["doctor", "--json", "--csf"])
        .arg(place.join("csf.conf"))
        .output()
        .unwrap();
    let text = String::from_utf8(answer.stdout).unwrap();
    let names = text.split("{\"finding\":\"").skip(1);
    let names: Vec<_> = names
        .map(|entry| entry.split('"').next().unwrap().to_owned())
        .collect();
    let code = i32::from(!names.is_empty());
    assert_eq!(answer.status.code(), Some(code), "{text}");
    if !names.is_empty() {
        eprint!("{text}");
    }
    names
}
