//! The face for scrapers: the text format 0.0.4 of Prometheus.
//!
//! Not here: who may ask and how (the daemon's `control`).

use std::fmt::Write;

use crate::catalogue::{Kind, Unit};
use crate::snapshot::{Family, Snapshot};

/// What the text is, for the header `Content-Type`.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns all families that have a metric, each with help and kind.
#[must_use]
pub fn text(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for family in snapshot.families() {
        let Some(metric) = family.entry.metric else {
            continue;
        };
        let kind = match family.entry.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "# HELP {metric} {}", family.entry.help);
        let _ = writeln!(text, "# TYPE {metric} {kind}");
        write_rows(&mut text, metric, family);
    }
    text
}

fn write_rows(text: &mut String, metric: &str, family: &Family) {
    for row in &family.rows {
        let labels = family.entry.labels.iter().zip(&row.labels);
        let labels: Vec<_> = labels
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        let labels = match &labels[..] {
            [] => String::new(),
            labels => format!("{{{}}}", labels.join(",")),
        };
        let _ = match family.entry.unit {
            // Prometheus wants base units.
            Unit::Milliseconds => {
                let (seconds, rest) = (row.value / 1000, row.value % 1000);
                writeln!(text, "{metric}{labels} {seconds}.{rest:03}")
            }
            _ => writeln!(text, "{metric}{labels} {}", row.value),
        };
    }
}

fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '\\' => escaped += "\\\\",
            '"' => escaped += "\\\"",
            '\n' => escaped += "\\n",
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    #[test]
    fn a_family_has_help_kind_and_rows_with_their_labels() {
        let mut snapshot = Snapshot::default();
        snapshot.put(&catalogue::total::DATAGRAMS_IN, 3);
        let labels = vec!["database".to_owned(), "C:\\a \"b\"\n".to_owned()];
        snapshot.put_at(&catalogue::labelled::SOURCE_AGE, labels, 7);
        snapshot.put(&catalogue::labelled::PROCESS_CPU, 12_034);
        // One that only other faces show.
        snapshot.put_each(&catalogue::labelled::DATAGRAMS_RATE, [("10s", 1)]);
        let expected = "\
# HELP ipfix_packets_total Datagrams received.
# TYPE ipfix_packets_total counter
ipfix_packets_total 3
# HELP ipfix_source_age_seconds Time since the AS data of a source was made.
# TYPE ipfix_source_age_seconds gauge
ipfix_source_age_seconds{provider=\"database\",source=\"C:\\\\a \\\"b\\\"\\n\"} 7
# HELP process_cpu_seconds_total Processor time of the daemon, all threads together.
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 12.034
";
        assert_eq!(text(&snapshot), expected);
    }
}
