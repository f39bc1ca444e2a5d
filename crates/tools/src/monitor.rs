//! `ipfix-monitor`: live Messages, a line each.
//!
//! ```text
//! 2026-05-31 10:23:45 | 192.0.2.1:2055 | 1384 bytes | NetFlow v9 | AS: 15169->13335
//! ```
//!
//! IPFIX is blue, NetFlow cyan, Messages without AS yellow, errors red. Times are local.
//!
//! Not here: which Messages are shown when there are too many (the daemon, which says how many are
//! not).

use std::io::{self, BufRead, BufReader, Write};
use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::ask::{Connect, exit, list, number, text};
use crate::colour::{Colour, Palette};

/// Shows live Messages, one line each
#[derive(Clone, Debug, Parser)]
#[command(name = "ipfix-monitor", version)]
pub struct Options {
    #[command(flatten)]
    connect: Connect,
    /// Only Messages of this exporter
    #[arg(long, value_name = "ADDRESS")]
    source: Option<IpAddr>,
    /// Only Messages whose first record has an AS number
    #[arg(long)]
    with_as: bool,
    /// Only Messages with a record that has this address
    #[arg(long, value_name = "ADDRESS")]
    address: Option<IpAddr>,
    /// Also each record: before, after, who said it and by which prefix
    #[arg(long)]
    records: bool,
    /// Also Sets and Template IDs
    #[arg(short, long)]
    verbose: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Ends after so many Messages
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

impl Options {
    /// Does what was asked for.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        exit(self.watch())
    }

    fn question(&self) -> String {
        let mut question = "watch json".to_owned();
        for (name, address) in [("--source", self.source), ("--address", self.address)] {
            if let Some(address) = address {
                question += &format!(" {name} {address}");
            }
        }
        for (name, is_wanted) in [
            ("--with-as", self.with_as),
            ("--records", self.records),
            ("-v", self.verbose),
        ] {
            if is_wanted {
                question += &format!(" {name}");
            }
        }
        question + "\n"
    }

    fn watch(&self) -> Result<()> {
        let mut stream = self.connect.open()?;
        stream.write_all(self.question().as_bytes())?;
        // Messages may not come for hours.
        stream.set_read_timeout(None)?;
        let palette = Palette::of_output();
        let mut out = io::stdout().lock();
        let mut shown = 0;
        for line in BufReader::new(stream).lines() {
            let line = line?;
            let line = line.trim_start_matches("ipfix> ");
            if self.count.is_some_and(|count| shown >= count) {
                return Ok(());
            }
            let message: Value =
                serde_json::from_str(line).with_context(|| format!("the daemon says: {line}"))?;
            if message["not_shown"].is_u64() {
                let count = number(&message, &["not_shown"]);
                let note = format!("({count} Messages not shown: too many at once)");
                drop(writeln!(
                    io::stderr().lock(),
                    "{}",
                    palette.paint(Colour::Yellow, &note)
                ));
                continue;
            }
            shown += 1;
            if self.json {
                writeln!(out, "{line}")?;
            } else {
                write!(out, "{}", self.shown(&message, palette))?;
            }
            out.flush()?;
        }
        if self.count.is_some_and(|count| shown >= count) {
            return Ok(());
        }
        bail!("the daemon ended the connection")
    }

    fn shown(&self, message: &Value, palette: Palette) -> String {
        let both: Vec<u64> = list(&message["as"])
            .iter()
            .filter_map(Value::as_u64)
            .collect();
        let (state, has_as) = (text(message, "state"), both.len() == 2);
        let end = match (state, &both[..]) {
            ("ok", [source, destination]) => format!("AS: {source}->{destination}"),
            ("ok", _) => "AS: none".to_owned(),
            (state, _) => state.to_owned(),
        };
        let protocol = text(message, "protocol");
        let colour = match (state, has_as, protocol) {
            ("ok", false, _) => Colour::Yellow,
            ("ok", true, "IPFIX") => Colour::Blue,
            ("ok", true, _) => Colour::Cyan,
            _ => Colour::Red,
        };
        let exporter = text(message, "exporter");
        let exporter = if exporter.contains(':') {
            format!("[{exporter}]")
        } else {
            exporter.to_owned()
        };
        let name = message["name"].as_str();
        let name = name.map_or(String::new(), |name| format!(" ({name})"));
        let line = format!(
            "{} | {exporter}:{}{name} | {} bytes | {protocol} | {end}",
            local_time(number(message, &["unix_ms"])),
            number(message, &["port"]),
            number(message, &["bytes"]),
        );
        let mut shown = palette.paint(colour, &line) + "\n";
        for set in list(&message["sets"]) {
            let ids: Vec<_> = list(&set["templates"])
                .iter()
                .map(Value::to_string)
                .collect();
            let templates = match &ids[..] {
                [] => String::new(),
                ids => format!(", Templates {}", ids.join(", ")),
            };
            let (id, octets) = (number(set, &["id"]), number(set, &["octets"]));
            shown += &format!("    Set {id}, {octets} octets{templates}\n");
        }
        if self.records {
            for record in list(&message["records"]) {
                let source = side(&record["source"], palette);
                let destination = side(&record["destination"], palette);
                let id = number(record, &["template"]);
                shown += &format!("    {id}: {source} -> {destination}\n");
            }
        }
        shown
    }
}

fn side(side: &Value, palette: Palette) -> String {
    let number = |name: &str| match side[name].as_u64() {
        Some(number) => number.to_string(),
        None => "-".to_owned(),
    };
    let (by, prefix) = (side["by"].as_str(), side["prefix"].as_str());
    let prefix = prefix.map_or(String::new(), |prefix| format!(" {prefix}"));
    format!(
        "{} AS {} => {} ({}{prefix})",
        side["address"].as_str().unwrap_or("-"),
        number("before"),
        palette.paint(Colour::Bold, &number("after")),
        by.unwrap_or("nobody"),
    )
}

/// Returns `2026-05-31 10:23:45`, in the time zone of this host.
fn local_time(unix_ms: u64) -> String {
    let unix_ms = i64::try_from(unix_ms).unwrap_or(i64::MAX);
    let Ok(time) = Timestamp::from_millisecond(unix_ms) else {
        return "-".to_owned();
    };
    let time = time.to_zoned(TimeZone::system());
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> Options {
        Options::try_parse_from([&["ipfix-monitor"], arguments].concat()).unwrap()
    }

    #[test]
    fn the_question_has_all_options() {
        let all = ["--source", "192.0.2.1", "--with-as", "--records", "-v"];
        let expected = "watch json --source 192.0.2.1 --with-as --records -v\n";
        assert_eq!(options(&all).question(), expected);
        assert_eq!(options(&[]).question(), "watch json\n");
    }

    #[test]
    fn a_message_is_a_line_in_its_colour() {
        let message = |state: &str, both: &str, protocol: &str| -> Value {
            let text = format!(
                "{{\"unix_ms\":0,\"exporter\":\"192.0.2.1\",\"port\":2055,\"name\":null,\
                 \"bytes\":1384,\"protocol\":\"{protocol}\",\"as\":{both},\"state\":\"{state}\"}}"
            );
            serde_json::from_str(&text).unwrap()
        };
        for (state, both, protocol, end, colour) in [
            (
                "ok",
                "[15169,13335]",
                "NetFlow v9",
                "AS: 15169->13335",
                "36",
            ),
            ("ok", "[15169,13335]", "IPFIX", "AS: 15169->13335", "34"),
            ("ok", "null", "IPFIX", "AS: none", "33"),
            ("malformed", "null", "IPFIX", "malformed", "31"),
        ] {
            let message = message(state, both, protocol);
            let plain = options(&[]).shown(&message, Palette::Plain);
            let expected = format!(" | 192.0.2.1:2055 | 1384 bytes | {protocol} | {end}\n");
            assert!(plain.ends_with(&expected), "{plain}");
            let coloured = options(&[]).shown(&message, Palette::Coloured);
            assert!(
                coloured.starts_with(&format!("\u{1b}[{colour}m")),
                "{coloured}"
            );
        }
    }
}
