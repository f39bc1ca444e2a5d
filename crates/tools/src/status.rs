//! `ipfix-status`: how the daemon is, in one look, for people, programs and Nagios.
//!
//! Not here: the daemon's own judgement over HTTP (`/health`).

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::Parser;
use report::json;
use report::text::grouped;
use serde_json::Value;

use crate::ask::{Connect, exit, is_well, list, number, text};
use crate::colour::{Colour, Palette};

/// Errors that are shown.
const ERRORS_SHOWN: usize = 5;

/// Tells how the daemon is
#[derive(Clone, Debug, Parser)]
#[command(name = "ipfix-status", version)]
pub struct Options {
    #[command(flatten)]
    connect: Connect,
    /// Also exporters, collectors and sources one by one
    #[arg(short, long)]
    verbose: bool,
    /// One JSON document
    #[arg(long)]
    json: bool,
    /// One line and an exit code for Nagios and its like
    #[arg(long)]
    nagios: bool,
    /// Nagios: warning from this percentage of errors on
    #[arg(short, value_name = "PERCENT", default_value_t = 1.0)]
    warning: f64,
    /// Nagios: critical from this percentage of errors on
    #[arg(short, value_name = "PERCENT", default_value_t = 5.0)]
    critical: f64,
    /// The configuration to check [default: the daemon's own]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What Nagios knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

/// What the daemon and its host say.
struct Look {
    stats: Value,
    collectors: Vec<Value>,
    exporters: Vec<Value>,
    sources: Vec<Value>,
    errors: Vec<Value>,
    service: Option<String>,
    config_issues: Vec<String>,
}

impl Options {
    /// Does what was asked for.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let look = self.look();
        if self.nagios {
            let (grade, line) = match &look {
                Ok(look) => look.judged(self.warning, self.critical),
                Err(fault) if self.connect.open().is_ok() => {
                    (Grade::Unknown, format!("IPFIX UNKNOWN - {fault:#}"))
                }
                Err(fault) => (Grade::Critical, format!("IPFIX CRITICAL - {fault:#}")),
            };
            // If standard output is closed the exit code says it alone.
            drop(writeln!(io::stdout().lock(), "{line}"));
            return ExitCode::from(grade as u8);
        }
        exit(look.and_then(|look| {
            let text = if self.json {
                look.json()
            } else {
                look.text(self.verbose, Palette::of_output())
            };
            io::stdout().lock().write_all(text.as_bytes())?;
            Ok(())
        }))
    }

    fn look(&self) -> Result<Look> {
        let subjects = ["stats", "collectors", "exporters", "sources", "errors"];
        let [stats, collectors, exporters, sources, errors] = self.connect.ask(subjects)?;
        Ok(Look {
            stats,
            collectors: list(&collectors).to_vec(),
            exporters: list(&exporters).to_vec(),
            sources: list(&sources).to_vec(),
            errors: list(&errors).to_vec(),
            service: service(),
            config_issues: config_issues(self.config.as_deref()),
        })
    }
}

impl Look {
    fn per_minute(&self) -> u64 {
        number(&self.stats, &["datagrams_in_per_s", "60s"]) * 60
    }

    fn error_percent(&self) -> f64 {
        error_percent(&self.stats)
    }

    fn memory_bytes(&self) -> u64 {
        number(&self.stats, &["process_resident_bytes"])
    }

    /// Collectors that do not take Messages, and sources that cannot be used.
    fn troubles(&self) -> Vec<String> {
        let of = |kind: &str, name: &str, list: &[Value]| -> Vec<String> {
            let ill = list.iter().filter(|one| !is_well(one));
            ill.map(|one| format!("{kind} {}: {}", text(one, name), text(one, "state")))
                .collect()
        };
        let mut troubles = of("collector", "collector", &self.collectors);
        troubles.extend(of("AS data", "source", &self.sources));
        troubles
    }

    fn judged(&self, warning: f64, critical: f64) -> (Grade, String) {
        let percent = self.error_percent();
        let troubles = self.troubles();
        let grade = if percent >= critical {
            Grade::Critical
        } else if percent >= warning || !troubles.is_empty() {
            Grade::Warning
        } else {
            Grade::Ok
        };
        let word = match grade {
            Grade::Ok => "OK",
            Grade::Warning => "WARNING",
            Grade::Critical => "CRITICAL",
            Grade::Unknown => "UNKNOWN",
        };
        let troubles = match &troubles[..] {
            [] => String::new(),
            troubles => format!(", {}", troubles.join(", ")),
        };
        let line = format!(
            "IPFIX {word} - {} datagrams in the last minute, {percent:.2} % errors{troubles} | \
             datagrams_per_minute={} error_percent={percent:.2}%;{warning};{critical} errors={}c \
             as_unique={} memory={}B uptime={}s",
            self.per_minute(),
            self.per_minute(),
            number(&self.stats, &["errors"]),
            number(&self.stats, &["as_unique"]),
            self.memory_bytes(),
            number(&self.stats, &["uptime_s"]),
        );
        (grade, line)
    }

    fn text(&self, verbose: bool, palette: Palette) -> String {
        let mut out = String::new();
        let mut row = |name: &str, value: &str| {
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(out, "{name:<22} {value}");
        };
        row("service", self.service.as_deref().unwrap_or("answers"));
        row("uptime", &duration(number(&self.stats, &["uptime_s"])));
        row("datagrams last minute", &grouped(self.per_minute()));
        row("records", &grouped(number(&self.stats, &["records"])));
        row("errors", &format!("{:.2} %", self.error_percent()));
        row("memory", &format!("{} MiB", self.memory_bytes() >> 20));
        row("exporters", &self.exporters.len().to_string());
        let troubles = self.troubles();
        match &troubles[..] {
            [] => row("collectors, AS data", &palette.paint(Colour::Green, "ok")),
            troubles => troubles
                .iter()
                .for_each(|one| row("to be looked at", &palette.paint(Colour::Red, one))),
        }
        match &self.config_issues[..] {
            [] => row("configuration", "no issues"),
            issues => issues
                .iter()
                .for_each(|issue| row("configuration", &palette.paint(Colour::Yellow, issue))),
        }
        let skipped = self.errors.len().saturating_sub(ERRORS_SHOWN);
        let _ = writeln!(out, "last errors");
        for error in self.errors.iter().skip(skipped) {
            let ago = duration(number(error, &["ago_s"]));
            let _ = writeln!(
                out,
                "  {ago} ago  {}  {}",
                text(error, "level"),
                text(error, "text")
            );
        }
        if self.errors.is_empty() {
            let _ = writeln!(out, "  none");
        }
        if verbose {
            out += &self.more();
        }
        out
    }

    fn more(&self) -> String {
        let mut out = String::new();
        for exporter in &self.exporters {
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(
                out,
                "exporter {} {}: {} datagrams, {} per second, seen {} s ago",
                text(exporter, "exporter"),
                exporter["name"].as_str().unwrap_or("-"),
                grouped(number(exporter, &["datagrams"])),
                grouped(number(exporter, &["datagrams_per_s"])),
                number(exporter, &["last_seen_s"]),
            );
        }
        for collector in &self.collectors {
            let _ = writeln!(
                out,
                "collector {}: {}, {} Messages",
                text(collector, "collector"),
                text(collector, "state"),
                grouped(number(collector, &["messages_sent"])),
            );
        }
        for source in &self.sources {
            let _ = writeln!(
                out,
                "AS data {}: {}, {} prefixes",
                text(source, "source"),
                text(source, "state"),
                grouped(number(source, &["prefixes"])),
            );
        }
        out
    }

    fn json(&self) -> String {
        let values = |list: &[Value]| json::list(list.iter().map(Value::to_string));
        let skipped = self.errors.len().saturating_sub(ERRORS_SHOWN);
        let strings = |list: &[String]| json::list(list.iter().map(|one| json::string(one)));
        json::object(&[
            (
                "service",
                json::or_null(self.service.as_deref().map(json::string)),
            ),
            ("uptime_s", number(&self.stats, &["uptime_s"]).to_string()),
            ("datagrams_last_minute", self.per_minute().to_string()),
            ("memory_bytes", self.memory_bytes().to_string()),
            ("error_percent", format!("{:.4}", self.error_percent())),
            ("troubles", strings(&self.troubles())),
            ("config_issues", strings(&self.config_issues)),
            (
                "last_errors",
                values(self.errors.get(skipped..).unwrap_or_default()),
            ),
            ("exporters", values(&self.exporters)),
            ("collectors", values(&self.collectors)),
            ("sources", values(&self.sources)),
            ("stats", self.stats.to_string()),
        ]) + "\n"
    }
}

/// Errors in a hundred datagrams, since the daemon started.
#[must_use]
pub(crate) fn error_percent(stats: &Value) -> f64 {
    let datagrams = number(stats, &["datagrams_in"]) + number(stats, &["kernel_drops"]);
    100.0 * number(stats, &["errors"]) as f64 / datagrams.max(1) as f64
}

/// What systemd says of the service; `None` where there is no systemd or no such unit.
fn service() -> Option<String> {
    let output = Command::new("systemctl")
        .args(["is-active", "ipfix-enricher"])
        .output()
        .ok()?;
    let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (state == "active" || state == "activating").then_some(state)
}

/// What `ipfix-enricher check` complains of; nothing if that program is not here.
fn config_issues(config: Option<&Path>) -> Vec<String> {
    let own = std::env::current_exe().ok();
    let beside = own.map(|own| own.with_file_name("ipfix-enricher"));
    let program = beside.filter(|path| path.exists());
    let mut command = Command::new(program.unwrap_or_else(|| "ipfix-enricher".into()));
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    let Ok(output) = command.arg("check").output() else {
        return Vec::new();
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let lines = said.lines().filter(|line| !line.trim().is_empty());
    lines.map(str::to_owned).collect()
}

/// Returns `3d 4h`, `4h 5m`, `5m 6s`.
fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, ..) => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(errors: u64, collector_state: &str) -> Look {
        let stats = format!(
            "{{\"uptime_s\":61,\"datagrams_in\":1000,\"errors\":{errors},\"as_unique\":7,\
             \"datagrams_in_per_s\":{{\"60s\":2}},\"process_resident_bytes\":2097152}}"
        );
        let collector = format!("{{\"collector\":\"a:1\",\"state\":\"{collector_state}\"}}");
        Look {
            stats: serde_json::from_str(&stats).unwrap(),
            collectors: vec![serde_json::from_str(&collector).unwrap()],
            exporters: Vec::new(),
            sources: Vec::new(),
            errors: Vec::new(),
            service: None,
            config_issues: Vec::new(),
        }
    }

    #[test]
    fn nagios_is_told_a_grade_and_performance_data() {
        for (errors, state, grade) in [
            (0, "ok", Grade::Ok),
            (10, "ok", Grade::Warning),
            (0, "refused", Grade::Warning),
            (50, "ok", Grade::Critical),
        ] {
            let (judged, line) = look(errors, state).judged(1.0, 5.0);
            assert_eq!(judged, grade, "{line}");
        }
        let (_, line) = look(10, "refused").judged(1.0, 5.0);
        let expected = "IPFIX WARNING - 120 datagrams in the last minute, 1.00 % errors, collector \
                        a:1: refused | datagrams_per_minute=120 error_percent=1.00%;1;5 errors=10c \
                        as_unique=7 memory=2097152B uptime=61s";
        assert_eq!(line, expected);
    }

    #[test]
    fn a_duration_has_its_two_largest_units() {
        for (seconds, expected) in [(7, "7s"), (61, "1m 1s"), (7260, "2h 1m"), (90_000, "1d 1h")] {
            assert_eq!(duration(seconds), expected);
        }
    }
}
