//! `ipfix-stats`: what the daemon does, on a full screen, as a report, or as JSON.
//!
//! Not here: drawing (`screen`), keys (`screen::keys`).
//! Bound: one look at the daemon, and [`screen::HISTORY_MAX`] rates.

mod screen;

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use report::json;
use report::table::{Align, Table};
use report::text::grouped;
use serde_json::Value;

use crate::ask::{Connect, exit, is_well, list, number, text};
use crate::status::error_percent;

/// Rows of each list in a report.
const REPORT_ROWS: usize = 10;

/// Shows what the daemon does
#[derive(Clone, Debug, Parser)]
#[command(name = "ipfix-stats", version)]
pub struct Options {
    #[command(flatten)]
    connect: Connect,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 1,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// Print a report and end
    #[arg(long)]
    once: bool,
    /// Print one JSON document and end
    #[arg(long)]
    json: bool,
    /// A few lines each time instead of a full screen, for a small console
    #[arg(long)]
    compact: bool,
}

impl Options {
    /// Does what was asked for.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        exit(self.show())
    }

    fn show(&self) -> Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            out.write_all(self.twice()?.json().as_bytes())?;
        } else if self.once && self.compact {
            out.write_all(self.twice()?.compact().as_bytes())?;
        } else if self.once {
            out.write_all(self.twice()?.report().as_bytes())?;
        } else if self.compact {
            let mut look = Look::take(&self.connect, None)?;
            loop {
                sleep(Duration::from_secs(self.interval));
                look = Look::take(&self.connect, Some(&look))?;
                out.write_all(look.compact().as_bytes())?;
                out.flush()?;
            }
        } else {
            drop(out);
            return screen::run(&self.connect, Duration::from_secs(self.interval));
        }
        Ok(())
    }

    /// Two looks, a moment apart: processor time needs that.
    fn twice(&self) -> Result<Look> {
        let first = Look::take(&self.connect, None)?;
        sleep(Duration::from_millis(500));
        Look::take(&self.connect, Some(&first))
    }
}

/// What the daemon says at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    stats: Value,
    ases: Value,
    exporters: Value,
    collectors: Value,
    sources: Value,
    events: Value,
    errors: Value,
    at: Option<std::time::Instant>,
    cpu_percent: f64,
}

impl Look {
    fn take(connect: &Connect, before: Option<&Self>) -> Result<Self> {
        let subjects = [
            "stats",
            "as_stats",
            "exporters",
            "collectors",
            "sources",
            "events",
            "errors",
        ];
        let [stats, ases, exporters, collectors, sources, events, errors] =
            connect.ask(subjects)?;
        let now = std::time::Instant::now();
        let cpu_ms = |stats: &Value| number(stats, &["process_cpu_ms"]);
        let cpu_percent = before
            .and_then(|before| {
                let passed_ms = now.duration_since(before.at?).as_secs_f64() * 1000.0;
                let used_ms = cpu_ms(&stats).saturating_sub(cpu_ms(&before.stats));
                Some(100.0 * used_ms as f64 / passed_ms.max(1.0))
            })
            .unwrap_or_default();
        Ok(Self {
            stats,
            ases,
            exporters,
            collectors,
            sources,
            events,
            errors,
            at: Some(now),
            cpu_percent,
        })
    }

    fn packet_rate(&self) -> u64 {
        number(&self.stats, &["datagrams_in_per_s", "1s"])
    }

    fn packet_rate_average(&self) -> u64 {
        number(&self.stats, &["datagrams_in_per_s", "60s"])
    }

    fn unknown_raw(&self) -> u64 {
        let raw = self.stats["sets_raw"].as_object();
        raw.map_or(0, |raw| raw.values().filter_map(Value::as_u64).sum())
    }

    fn dropped(&self) -> u64 {
        let dropped = self.stats["messages_dropped"].as_object();
        dropped.map_or(0, |all| all.values().filter_map(Value::as_u64).sum())
    }

    /// What deserves a look: collectors, sources, drops.
    fn alerts(&self) -> Vec<String> {
        let of = |kind: &str, name: &str, value: &Value| -> Vec<String> {
            let ill = list(value).iter().filter(|one| !is_well(one));
            ill.map(|one| format!("{kind} {}: {}", text(one, name), text(one, "state")))
                .collect()
        };
        let mut alerts = of("collector", "collector", &self.collectors);
        alerts.extend(of("AS data", "source", &self.sources));
        let drops = number(&self.stats, &["kernel_drops"]);
        if drops > 0 {
            alerts.push(format!("the kernel dropped {} datagrams", grouped(drops)));
        }
        alerts
    }

    fn json(&self) -> String {
        json::object(&[
            ("packet_rate", self.packet_rate().to_string()),
            (
                "packet_rate_average",
                self.packet_rate_average().to_string(),
            ),
            ("cpu_percent", format!("{:.1}", self.cpu_percent)),
            (
                "error_percent",
                format!("{:.4}", error_percent(&self.stats)),
            ),
            ("as_unique", number(&self.stats, &["as_unique"]).to_string()),
            (
                "memory_bytes",
                number(&self.stats, &["process_resident_bytes"]).to_string(),
            ),
            ("stats", self.stats.to_string()),
            ("as", self.ases.to_string()),
            ("exporters", self.exporters.to_string()),
            ("collectors", self.collectors.to_string()),
            ("sources", self.sources.to_string()),
            ("events", self.events.to_string()),
            ("errors", self.errors.to_string()),
        ]) + "\n"
    }

    /// Four lines for a small console.
    fn compact(&self) -> String {
        let alerts = self.alerts();
        let state = match &alerts[..] {
            [] => "ok".to_owned(),
            alerts => alerts.join("; "),
        };
        format!(
            "up {} s  {} datagrams/s (60 s: {})  {} records/s\n\
             filled {}  appended {}  raw Sets {}  dropped {}\nerrors {:.2} %  AS {}  CPU {:.0} %  memory {} MiB\n{state}\n",
            grouped(number(&self.stats, &["uptime_s"])),
            grouped(self.packet_rate()),
            grouped(self.packet_rate_average()),
            grouped(number(&self.stats, &["records_per_s", "1s"])),
            grouped(number(&self.stats, &["as_filled"])),
            grouped(number(&self.stats, &["as_appended"])),
            grouped(self.unknown_raw()),
            grouped(self.dropped()),
            error_percent(&self.stats),
            grouped(number(&self.stats, &["as_unique"])),
            self.cpu_percent,
            number(&self.stats, &["process_resident_bytes"]) >> 20,
        )
    }

    fn report(&self) -> String {
        let mut report = self.compact();
        for view in View::ALL {
            let (heads, rows) = self.rows(view);
            let mut table = Table::new(&heads);
            rows.into_iter()
                .take(REPORT_ROWS)
                .for_each(|row| table.row(row));
            report += &format!("\n{}\n{}", view.name(), table.text());
        }
        report
    }

    /// Returns the heads and the rows of a list, the most first.
    fn rows(&self, view: View) -> (Vec<(&'static str, Align)>, Vec<Vec<String>>) {
        use Align::{Left, Right};
        let rows = |value: &Value, row: &dyn Fn(&Value) -> Vec<String>| {
            list(value).iter().map(row).collect::<Vec<_>>()
        };
        let volume =
            |row: &Value| ["flows", "packets", "octets"].map(|name| grouped(number(row, &[name])));
        let as_heads = |name| {
            let heads = vec![(name, Left), ("flows", Right), ("packets", Right)];
            [heads, vec![("octets", Right), ("name", Left)]].concat()
        };
        let as_row = |row: &Value| {
            let asn = number(row, &["as"]).to_string();
            let name = text(row, "name").to_owned();
            [vec![asn], volume(row).to_vec(), vec![name]].concat()
        };
        match view {
            View::Sources => (
                as_heads("source AS"),
                rows(&self.ases["source"]["top"], &as_row),
            ),
            View::Destinations => (
                as_heads("destination AS"),
                rows(&self.ases["destination"]["top"], &as_row),
            ),
            View::Pairs => (
                as_heads("pair"),
                rows(&self.ases["pairs"], &|row| {
                    let number = |name| number(row, &[name]);
                    let pair = format!("{} -> {}", number("source_as"), number("destination_as"));
                    let names = format!(
                        "{} -> {}",
                        text(row, "source_name"),
                        text(row, "destination_name")
                    );
                    [vec![pair], volume(row).to_vec(), vec![names]].concat()
                }),
            ),
            View::Exporters => (
                EXPORTER_HEADS.to_vec(),
                rows(&self.exporters, &exporter_row),
            ),
            View::Collectors => (
                COLLECTOR_HEADS.to_vec(),
                rows(&self.collectors, &collector_row),
            ),
            View::Events => (EVENT_HEADS.to_vec(), rows(&self.events, &event_row)),
        }
    }
}

const EXPORTER_HEADS: [(&str, Align); 6] = [
    ("exporter", Align::Left),
    ("name", Align::Left),
    ("datagrams", Align::Right),
    ("per_s", Align::Right),
    ("records", Align::Right),
    ("seen_s_ago", Align::Right),
];

fn exporter_row(row: &Value) -> Vec<String> {
    vec![
        text(row, "exporter").to_owned(),
        row["name"].as_str().unwrap_or("-").to_owned(),
        grouped(number(row, &["datagrams"])),
        grouped(number(row, &["datagrams_per_s"])),
        grouped(number(row, &["records"])),
        grouped(number(row, &["last_seen_s"])),
    ]
}

const COLLECTOR_HEADS: [(&str, Align); 5] = [
    ("collector", Align::Left),
    ("state", Align::Left),
    ("messages", Align::Right),
    ("octets", Align::Right),
    ("refusals", Align::Right),
];

fn collector_row(row: &Value) -> Vec<String> {
    vec![
        text(row, "collector").to_owned(),
        text(row, "state").to_owned(),
        grouped(number(row, &["messages_sent"])),
        grouped(number(row, &["octets_sent"])),
        grouped(number(row, &["refusals"])),
    ]
}

const EVENT_HEADS: [(&str, Align); 3] = [
    ("s_ago", Align::Right),
    ("event", Align::Left),
    ("text", Align::Left),
];

fn event_row(row: &Value) -> Vec<String> {
    vec![
        grouped(number(row, &["ago_s"])),
        text(row, "event").to_owned(),
        text(row, "text").to_owned(),
    ]
}

/// A list that can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// AS numbers as sources.
    Sources,
    /// AS numbers as destinations.
    Destinations,
    /// Pairs of AS numbers.
    Pairs,
    /// Who sends.
    Exporters,
    /// Who gets it.
    Collectors,
    /// What happened.
    Events,
}

impl View {
    /// All, in the order of their keys.
    const ALL: [Self; 6] = [
        Self::Sources,
        Self::Destinations,
        Self::Pairs,
        Self::Exporters,
        Self::Collectors,
        Self::Events,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Sources => "Source AS",
            Self::Destinations => "Destination AS",
            Self::Pairs => "AS pairs",
            Self::Exporters => "Exporters",
            Self::Collectors => "Collectors",
            Self::Events => "Events",
        }
    }
}
