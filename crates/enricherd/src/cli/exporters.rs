//! `ipfix-enricher exporters`: who sends to the running daemon, and the list of them to allow.
//!
//! Not here: what the daemon answers (`control::exporters`).
//! Bound: the daemon's own: the exporters that it counts one by one.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use crate::cli::{Failure, print};
use crate::config;

/// How long the daemon is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What `exporters` is asked for.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Print the list for general.allow_exporters, to paste into the configuration
    #[arg(long)]
    yaml: bool,

    /// The statistics of the daemon [default: where the configuration has them]
    #[arg(long, value_name = "ADDRESS:PORT")]
    connect: Option<SocketAddr>,
}

/// Asks the daemon who sends.
pub(super) fn run(options: &Options, config: Option<&Path>) -> Result<(), Failure> {
    let daemon = match options.connect {
        Some(daemon) => daemon,
        None => {
            let checked = config::load(config);
            let general = checked.map_err(|error| Failure::usage(error.to_string()))?;
            let general = general.config.general;
            SocketAddr::new(general.stats_address, general.stats_port)
        }
    };
    let question = if options.yaml {
        "exporters json"
    } else {
        "exporters"
    };
    let answer = ask(daemon, question).map_err(|error| {
        Failure::failed(format!(
            "no answer from {daemon}: {error}; is the daemon running, and is this its \
             general.stats_address and stats_port? --connect names another place"
        ))
    })?;
    if options.yaml {
        print(&yaml(&answer))
    } else {
        print(&answer)
    }
}

fn ask(daemon: SocketAddr, question: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&daemon, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{question}\nquit\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The list for the configuration. Whoever sent no Message that we know stands in it as a comment:
/// it may be a scanner, or an exporter that is misconfigured.
fn yaml(json: &str) -> String {
    let (exporters, others): (Vec<_>, Vec<_>) = entries(json)
        .into_iter()
        .partition(|(_, messages)| *messages > 0);
    let mut text = String::from("general:\n  allow_exporters:");
    text += if exporters.is_empty() { " []\n" } else { "\n" };
    // Writing to a String cannot fail.
    for (address, messages) in exporters {
        let _ = writeln!(text, "    - \"{address}\"  # {messages} Messages");
    }
    for (address, _) in others {
        let _ = writeln!(
            text,
            "    # - \"{address}\"  # no Message of NetFlow or IPFIX"
        );
    }
    text
}

/// The addresses in the daemon's answer, each with its number of Messages.
fn entries(json: &str) -> Vec<(IpAddr, u64)> {
    let entries = json.split("{\"exporter\":\"").skip(1);
    let mut found: Vec<(IpAddr, u64)> = entries
        .filter_map(|entry| {
            let (address, rest) = entry.split_once('"')?;
            let (_, behind) = rest.split_once("\"messages\":")?;
            let digits = behind.split(|sign: char| !sign.is_ascii_digit()).next()?;
            Some((address.parse().ok()?, digits.parse().ok()?))
        })
        .collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_can_be_pasted_and_strangers_stand_in_it_as_comments() {
        let json = "[{\"exporter\":\"2001:db8::1\",\"datagrams\":3,\"messages\":3,\"a\":0},\
                    {\"exporter\":\"192.0.2.1\",\"datagrams\":7,\"messages\":12},\
                    {\"exporter\":\"192.0.2.66\",\"datagrams\":9,\"messages\":0}]";
        let text = yaml(json);
        let expected = "general:\n  allow_exporters:\n    - \"192.0.2.1\"  # 12 Messages\n    \
                        - \"2001:db8::1\"  # 3 Messages\n    \
                        # - \"192.0.2.66\"  # no Message of NetFlow or IPFIX\n";
        assert_eq!(text, expected);
        let file = config::ConfigFile::parse(text.as_bytes()).unwrap();
        let allowed = file.check().unwrap().config.general.allow_exporters;
        assert_eq!(allowed.len(), 2);
        assert!(yaml("[]").ends_with("allow_exporters: []\n"));
    }
}
