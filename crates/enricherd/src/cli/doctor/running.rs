//! What a daemon that runs says of its exporters.
//!
//! Not here: the numbers themselves (`control::exporters`).
//! Bound: [`ANSWER_OCTETS_MAX`].

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use mediator::settings::MissingFields;
use serde::Deserialize;

use super::{Finding, host};
use crate::config::Config;

/// Octets of an answer that are read.
const ANSWER_OCTETS_MAX: u64 = 64 << 20;
/// How long the daemon may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// An exporter that says nothing for so many seconds is silent.
const SILENCE_S: u64 = 300;

/// What is read of an exporter.
#[derive(Debug, Deserialize)]
struct Exporter {
    exporter: IpAddr,
    records: u64,
    messages: u64,
    templates: u64,
    last_seen_s: u64,
    refused: HashMap<String, u64>,
    templates_by_as_fields: HashMap<String, u64>,
}

pub(super) fn look(config: &Config, findings: &mut Vec<Finding>) {
    let stats = SocketAddr::new(config.general.stats_address, config.general.stats_port);
    match ask(stats) {
        Ok(exporters) => {
            let gateway = host::gateway_of_container();
            judge((config, gateway), &exporters, findings);
        }
        Err(error) => findings.push(Finding::new(
            "statistics",
            format!("the daemon does not answer at {stats}: {error}"),
            "its log says whether another program has general.stats_port",
        )),
    }
}

fn ask(stats: SocketAddr) -> io::Result<Vec<Exporter>> {
    let mut stream = TcpStream::connect_timeout(&stats, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"exporters json\nquit\n")?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.take(ANSWER_OCTETS_MAX).read_to_string(&mut answer)?;
    read(&answer)
}

/// JSON is YAML.
fn read(answer: &str) -> io::Result<Vec<Exporter>> {
    let read = serde_saphyr::from_str(answer);
    read.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
}

fn judge(
    (config, gateway): (&Config, Option<IpAddr>),
    exporters: &[Exporter],
    findings: &mut Vec<Finding>,
) {
    for entry in &config.exporters {
        let is_one = entry.prefix.prefix_len() == entry.prefix.max_prefix_len();
        let address = entry.prefix.addr();
        if is_one && !exporters.iter().any(|one| one.exporter == address) {
            findings.push(silent(&format!("exporter {address} never sent anything")));
        }
    }
    let leaves = config.enrichment.missing_fields == MissingFields::Leave;
    for one in exporters {
        let address = one.exporter;
        let count = |map: &HashMap<String, u64>, key: &str| map.get(key).copied().unwrap_or(0);
        if one.last_seen_s > SILENCE_S {
            let seconds = one.last_seen_s;
            findings.push(silent(&format!(
                "exporter {address} sent nothing for {seconds} s"
            )));
        }
        let looped = count(&one.refused, "loop");
        if looped > 0 {
            findings.push(Finding::new(
                "loop",
                format!("{looped} datagrams of {address} came with a TTL of 1: they go in circles"),
                "two forwarders, or a collector that forwards, name each other; break the circle",
            ));
        }
        if one.messages > 0 && one.templates == 0 && one.records == 0 {
            findings.push(Finding::new(
                "no_templates",
                format!(
                    "exporter {address} sent {} Messages and no Template",
                    one.messages
                ),
                "have it send Templates every minute; some send them every 30 minutes or once",
            ));
        }
        let [none, narrow, wide] =
            ["none", "narrow", "wide"].map(|width| count(&one.templates_by_as_fields, width));
        if leaves && none > 0 && narrow + wide == 0 {
            findings.push(Finding::new(
                "no_as_fields",
                format!("Templates of exporter {address} have no AS fields, so none is written"),
                "enrichment.missing_fields: append, or configure AS fields at the exporter",
            ));
        }
        if leaves && narrow > 0 {
            findings.push(Finding::new(
                "narrow_as_fields",
                format!("AS fields of exporter {address} have 16 bits: 23456 stands for the rest"),
                "enrichment.missing_fields: append, or configure 32-bit AS at the exporter",
            ));
        }
        if gateway == Some(address) {
            findings.push(Finding::new(
                "container_network",
                format!("exporters seem to be {address}, the router of this container's bridge"),
                "run the container with --network host: a bridge hides who sends",
            ));
        }
    }
}

fn silent(evidence: &str) -> Finding {
    Finding::new(
        "exporter_silent",
        evidence.to_owned(),
        "look at its configuration, the way to us and firewalls on it; tcpdump shows what arrives",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigFile;

    fn names(config: &str, answer: &str) -> Vec<&'static str> {
        let file = ConfigFile::parse(config.as_bytes()).unwrap();
        let config = file.check().unwrap().config;
        let mut findings = Vec::new();
        let gateway = "198.51.100.1".parse().ok();
        judge((&config, gateway), &read(answer).unwrap(), &mut findings);
        findings.iter().map(|finding| finding.name).collect()
    }

    fn exporter(rest: &str) -> String {
        format!(
            "[{{\"exporter\":\"192.0.2.1\",\"datagrams\":9,\"records\":0,\"messages\":4,{rest}}}]"
        )
    }

    #[test]
    fn each_habit_of_an_exporter_is_found_and_nothing_else() {
        let well = "\"templates\":1,\"last_seen_s\":0,\"refused\":{\"loop\":0},\
                    \"templates_by_as_fields\":{\"none\":0,\"narrow\":1,\"wide\":0}";
        assert_eq!(names("", &exporter(well)), [""; 0]);
        for (from, to, expected) in [
            ("\"templates\":1", "\"templates\":0", "no_templates"),
            (
                "\"last_seen_s\":0",
                "\"last_seen_s\":301",
                "exporter_silent",
            ),
            ("\"loop\":0", "\"loop\":1", "loop"),
        ] {
            let answer = exporter(&well.replace(from, to));
            assert_eq!(names("", &answer), [expected]);
        }
        let leave = "enrichment: {missing_fields: leave}";
        assert_eq!(names(leave, &exporter(well)), ["narrow_as_fields"]);
        let none = well.replace("\"narrow\":1", "\"narrow\":0");
        let none = none.replace("\"none\":0", "\"none\":1");
        assert_eq!(names(leave, &exporter(&none)), ["no_as_fields"]);
        let named = "exporters: [{match: 192.0.2.1}, {match: 192.0.2.2}, {match: 192.0.3.0/24}]";
        assert_eq!(names(named, &exporter(well)), ["exporter_silent"]);
    }
}
