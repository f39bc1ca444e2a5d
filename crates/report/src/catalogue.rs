//! The catalogue: what each number is called, what it means, in which unit.
//!
//! Names are public: they are added, never renamed. Whoever adds a number adds its entry here and
//! to [`ALL`]; tests look that names are unique and keep to the habits of each face.
//!
//! Not here: values (`snapshot`).

pub mod labelled;
pub mod total;

/// Whether a number only rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It rises, and begins at 0 with the daemon or with what it counts.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of memory.
    Bytes,
    /// UDP datagrams.
    Datagrams,
    /// Faults.
    Errors,
    /// Things that happened.
    Events,
    /// Exporter addresses.
    Exporters,
    /// 1 for yes, 0 for no.
    Flag,
    /// Messages of NetFlow or IPFIX.
    Messages,
    /// Milliseconds.
    Milliseconds,
    /// Octets on the wire.
    Octets,
    /// So many of the thing per second.
    PerSecond,
    /// Data Records.
    Records,
    /// Seconds.
    Seconds,
    /// Transport Sessions with an Observation Domain.
    Sessions,
    /// Sets.
    Sets,
    /// Templates.
    Templates,
    /// Numbers without a unit of their own.
    Values,
}

impl Unit {
    /// The unit's name in the reference.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Datagrams => "datagrams",
            Self::Errors => "errors",
            Self::Events => "events",
            Self::Exporters => "exporters",
            Self::Flag => "0 or 1",
            Self::Messages => "Messages",
            Self::Milliseconds => "milliseconds",
            Self::Octets => "octets",
            Self::PerSecond => "per second",
            Self::Records => "Data Records",
            Self::Seconds => "seconds",
            Self::Sessions => "sessions",
            Self::Sets => "Sets",
            Self::Templates => "Templates",
            Self::Values => "values",
        }
    }
}

/// Where `stats` shows a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// By itself.
    Plain,
    /// In a group of numbers, each with a label.
    Group,
    /// With the other numbers of a worker.
    Worker,
    /// Nowhere: it is a metric alone, and other answers show it in their own way.
    Metric,
}

/// What a number is.
#[derive(Debug)]
pub struct Entry {
    /// Its name over telnet and in JSON.
    pub name: &'static str,
    /// Its name in Prometheus, if it is shown there.
    pub metric: Option<&'static str>,
    /// Whether it only rises.
    pub kind: Kind,
    /// Its unit.
    pub unit: Unit,
    /// What tells its rows apart.
    pub labels: &'static [&'static str],
    /// Where `stats` shows it.
    pub shape: Shape,
    /// What it is, in a sentence.
    pub help: &'static str,
}

/// All entries.
pub static ALL: &[&Entry] = &[
    &total::UPTIME,
    &total::DATAGRAMS_IN,
    &total::OCTETS_IN,
    &total::KERNEL_DROPS,
    &total::MESSAGES_IN,
    &total::MESSAGES_FORWARDED,
    &total::MESSAGES_HELD,
    &total::MESSAGES_LOST,
    &total::MESSAGES_OUT,
    &total::OCTETS_OUT,
    &total::SETS_IN,
    &total::SETS_FORWARDED,
    &total::MALFORMED,
    &total::OVERSIZE,
    &total::SPLITS,
    &total::HOLDS,
    &total::ANNOUNCEMENTS,
    &total::EXPORTER_RESTARTS,
    &total::REDEFINITIONS,
    &total::ID_MOVES,
    &total::BROKEN_TEMPLATES,
    &total::RECORDS,
    &total::AS_FILLED,
    &total::AS_APPENDED,
    &total::AS_KEPT,
    &total::AS_NOBODY,
    &total::AS_COMPARED,
    &total::AS_DISAGREEMENTS,
    &total::AS_UNIQUE,
    &total::TEMPLATES_EXPIRED,
    &total::TEMPLATES_REFUSED,
    &total::SESSIONS_EVICTED,
    &total::SESSIONS_EXPIRED,
    &total::SESSIONS_REFUSED,
    &total::SESSIONS_WITH_SOCKETS,
    &total::MESSAGES_BY_SHARED_SOCKET,
    &total::MEDIATOR_BYTES,
    &total::ERRORS,
    &labelled::DATAGRAMS_RATE,
    &labelled::OCTETS_RATE,
    &labelled::MESSAGES_OUT_RATE,
    &labelled::RECORDS_RATE,
    &labelled::MESSAGES_BY_VERSION,
    &labelled::OCTETS_BY_VERSION,
    &labelled::RECORDS_BY_VERSION,
    &labelled::AS_BY_PROVIDER,
    &labelled::AS_SOURCE,
    &labelled::AS_DESTINATION,
    &labelled::AS_SOURCE_NO_ANSWER,
    &labelled::AS_DESTINATION_NO_ANSWER,
    &labelled::DATAGRAMS_REFUSED,
    &labelled::MESSAGES_DROPPED,
    &labelled::SETS_DROPPED,
    &labelled::SETS_RAW,
    &labelled::WORKER_DATAGRAMS,
    &labelled::WORKER_KERNEL_DROPS,
    &labelled::WORKER_EXPORTERS,
    &labelled::WORKER_BYTES,
    &labelled::EXPORTER_RECORDS,
    &labelled::EXPORTER_AS_WRITTEN,
    &labelled::EXPORTER_DATAGRAMS,
    &labelled::EXPORTER_OCTETS,
    &labelled::EXPORTER_LAST_SEEN,
    &labelled::EXPORTER_TEMPLATES,
    &labelled::EXPORTER_SAMPLING,
    &labelled::COLLECTOR_UP,
    &labelled::COLLECTOR_MESSAGES,
    &labelled::COLLECTOR_OCTETS,
    &labelled::COLLECTOR_RECORDS_LEFT_OUT,
    &labelled::COLLECTOR_REFUSALS,
    &labelled::COLLECTOR_UNSENT,
    &labelled::SOURCE_UP,
    &labelled::SOURCE_AGE,
    &labelled::SOURCE_PREFIXES,
    &labelled::BUILD,
    &labelled::PROCESS_CPU,
    &labelled::PROCESS_BYTES,
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_keep_to_the_habits_of_prometheus() {
        let mut metrics = HashSet::new();
        let mut names = HashSet::new();
        for entry in ALL {
            let is_new = names.insert((entry.name, entry.labels.first()));
            assert!(is_new, "{} stands there twice", entry.name);
            assert!(entry.help.ends_with('.'), "{}", entry.name);
            let Some(metric) = entry.metric else { continue };
            assert!(metrics.insert(metric), "{metric} stands there twice");
            let is_counter = entry.kind == Kind::Counter;
            assert_eq!(metric.ends_with("_total"), is_counter, "{metric}");
            if matches!(entry.unit, Unit::Seconds | Unit::Milliseconds) {
                assert!(metric.contains("_seconds"), "{metric}");
            }
        }
    }

    #[test]
    fn what_stats_shows_by_itself_has_no_label_and_a_group_has_one() {
        for entry in ALL {
            let labels_max = match entry.shape {
                Shape::Plain => 0,
                Shape::Group | Shape::Worker => 1,
                Shape::Metric => 3,
            };
            assert!(entry.labels.len() <= labels_max, "{}", entry.name);
        }
    }
}
