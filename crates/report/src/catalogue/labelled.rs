//! Numbers of which there are several: by reason, provider, worker, exporter, collector, source.
//!
//! Not here: numbers that stand alone (`total`).

use super::{Entry, Kind, Shape, Unit};

/// Datagrams received per second.
pub static DATAGRAMS_RATE: Entry = Entry {
    name: "datagrams_in_per_s",
    metric: None,
    kind: Kind::Gauge,
    unit: Unit::PerSecond,
    labels: &["window"],
    shape: Shape::Group,
    help: "Datagrams received per second.",
};
/// Octets received per second.
pub static OCTETS_RATE: Entry = Entry {
    name: "octets_in_per_s",
    metric: None,
    kind: Kind::Gauge,
    unit: Unit::PerSecond,
    labels: &["window"],
    shape: Shape::Group,
    help: "Octets received per second.",
};
/// Messages sent per second.
pub static MESSAGES_OUT_RATE: Entry = Entry {
    name: "messages_out_per_s",
    metric: None,
    kind: Kind::Gauge,
    unit: Unit::PerSecond,
    labels: &["window"],
    shape: Shape::Group,
    help: "Messages sent per second.",
};
/// Data Records per second.
pub static RECORDS_RATE: Entry = Entry {
    name: "records_per_s",
    metric: None,
    kind: Kind::Gauge,
    unit: Unit::PerSecond,
    labels: &["window"],
    shape: Shape::Group,
    help: "Data Records per second.",
};
/// Messages received, by protocol.
pub static MESSAGES_BY_VERSION: Entry = Entry {
    name: "messages_by_version",
    metric: Some("ipfix_messages_by_version_total"),
    kind: Kind::Counter,
    unit: Unit::Messages,
    labels: &["version"],
    shape: Shape::Group,
    help: "Messages received, by protocol.",
};
/// Octets of the Messages received, by protocol.
pub static OCTETS_BY_VERSION: Entry = Entry {
    name: "octets_by_version",
    metric: Some("ipfix_octets_by_version_total"),
    kind: Kind::Counter,
    unit: Unit::Octets,
    labels: &["version"],
    shape: Shape::Group,
    help: "Octets of the Messages received, by protocol.",
};
/// Data Records of known Templates, by protocol.
pub static RECORDS_BY_VERSION: Entry = Entry {
    name: "records_by_version",
    metric: Some("ipfix_records_by_version_total"),
    kind: Kind::Counter,
    unit: Unit::Records,
    labels: &["version"],
    shape: Shape::Group,
    help: "Data Records of known Templates, by protocol.",
};
/// AS numbers written or kept, by the provider that gave them.
pub static AS_BY_PROVIDER: Entry = Entry {
    name: "as_by_provider",
    metric: None,
    kind: Kind::Counter,
    unit: Unit::Values,
    labels: &["provider"],
    shape: Shape::Group,
    help: "AS numbers written or kept, by the provider that gave them.",
};
/// Source AS numbers written or kept, by the provider that gave them.
pub static AS_SOURCE: Entry = Entry {
    name: "as_source_by_provider",
    metric: Some("ipfix_as_source_answered_total"),
    kind: Kind::Counter,
    unit: Unit::Values,
    labels: &["provider"],
    shape: Shape::Group,
    help: "Source AS numbers written or kept, by the provider that gave them.",
};
/// Destination AS numbers written or kept, by the provider that gave them.
pub static AS_DESTINATION: Entry = Entry {
    name: "as_destination_by_provider",
    metric: Some("ipfix_as_destination_answered_total"),
    kind: Kind::Counter,
    unit: Unit::Values,
    labels: &["provider"],
    shape: Shape::Group,
    help: "Destination AS numbers written or kept, by the provider that gave them.",
};
/// How often a provider was asked for a source AS in vain.
pub static AS_SOURCE_NO_ANSWER: Entry = Entry {
    name: "as_source_no_answer",
    metric: Some("ipfix_as_source_no_answer_total"),
    kind: Kind::Counter,
    unit: Unit::Values,
    labels: &["provider"],
    shape: Shape::Group,
    help: "How often a provider was asked for a source AS in vain.",
};
/// How often a provider was asked for a destination AS in vain.
pub static AS_DESTINATION_NO_ANSWER: Entry = Entry {
    name: "as_destination_no_answer",
    metric: Some("ipfix_as_destination_no_answer_total"),
    kind: Kind::Counter,
    unit: Unit::Values,
    labels: &["provider"],
    shape: Shape::Group,
    help: "How often a provider was asked for a destination AS in vain.",
};
/// Datagrams that were not taken, by reason.
pub static DATAGRAMS_REFUSED: Entry = Entry {
    name: "datagrams_refused",
    metric: Some("ipfix_datagrams_refused_total"),
    kind: Kind::Counter,
    unit: Unit::Datagrams,
    labels: &["reason"],
    shape: Shape::Group,
    help: "Datagrams that were not taken, by reason.",
};
/// Received Messages that do not leave, by reason.
pub static MESSAGES_DROPPED: Entry = Entry {
    name: "messages_dropped",
    metric: Some("ipfix_messages_dropped_total"),
    kind: Kind::Counter,
    unit: Unit::Messages,
    labels: &["reason"],
    shape: Shape::Group,
    help: "Received Messages that do not leave, by reason.",
};
/// Sets that do not leave, by reason.
pub static SETS_DROPPED: Entry = Entry {
    name: "sets_dropped",
    metric: Some("ipfix_sets_dropped_total"),
    kind: Kind::Counter,
    unit: Unit::Sets,
    labels: &["reason"],
    shape: Shape::Group,
    help: "Sets that do not leave, by reason.",
};
/// Sets that left without AS numbers, by reason.
pub static SETS_RAW: Entry = Entry {
    name: "sets_raw",
    metric: Some("ipfix_sets_raw_total"),
    kind: Kind::Counter,
    unit: Unit::Sets,
    labels: &["reason"],
    shape: Shape::Group,
    help: "Sets that left without AS numbers, by reason.",
};
/// Datagrams received, by worker.
pub static WORKER_DATAGRAMS: Entry = Entry {
    name: "datagrams_in",
    metric: Some("ipfix_worker_packets_total"),
    kind: Kind::Counter,
    unit: Unit::Datagrams,
    labels: &["worker"],
    shape: Shape::Worker,
    help: "Datagrams received, by worker.",
};
/// Datagrams that the kernel dropped because the receive buffer was full.
pub static WORKER_KERNEL_DROPS: Entry = Entry {
    name: "kernel_drops",
    metric: Some("ipfix_kernel_drops_total"),
    kind: Kind::Counter,
    unit: Unit::Datagrams,
    labels: &["worker"],
    shape: Shape::Worker,
    help: "Datagrams that the kernel dropped because the receive buffer was full.",
};
/// Exporter addresses that are counted one by one.
pub static WORKER_EXPORTERS: Entry = Entry {
    name: "exporters",
    metric: Some("ipfix_worker_exporters"),
    kind: Kind::Gauge,
    unit: Unit::Exporters,
    labels: &["worker"],
    shape: Shape::Worker,
    help: "Exporter addresses that are counted one by one.",
};
/// Memory that input made the worker take.
pub static WORKER_BYTES: Entry = Entry {
    name: "mediator_bytes",
    metric: Some("ipfix_worker_memory_bytes"),
    kind: Kind::Gauge,
    unit: Unit::Bytes,
    labels: &["worker"],
    shape: Shape::Worker,
    help: "Memory that input made the worker take.",
};
/// Data Records, by what became of them and why.
pub static EXPORTER_RECORDS: Entry = Entry {
    name: "records",
    metric: Some("ipfix_records_total"),
    kind: Kind::Counter,
    unit: Unit::Records,
    labels: &["exporter", "outcome", "reason"],
    shape: Shape::Metric,
    help: "Data Records, by what became of them and why.",
};
/// AS numbers written or kept, by the provider that gave them.
pub static EXPORTER_AS_WRITTEN: Entry = Entry {
    name: "as_written",
    metric: Some("ipfix_as_written_total"),
    kind: Kind::Counter,
    unit: Unit::Values,
    labels: &["exporter", "side", "provider"],
    shape: Shape::Metric,
    help: "AS numbers written or kept, by the provider that gave them.",
};
/// Datagrams received from an exporter.
pub static EXPORTER_DATAGRAMS: Entry = Entry {
    name: "datagrams",
    metric: Some("ipfix_exporter_packets_total"),
    kind: Kind::Counter,
    unit: Unit::Datagrams,
    labels: &["exporter"],
    shape: Shape::Metric,
    help: "Datagrams received from an exporter.",
};
/// Octets received from an exporter.
pub static EXPORTER_OCTETS: Entry = Entry {
    name: "octets",
    metric: Some("ipfix_exporter_bytes_total"),
    kind: Kind::Counter,
    unit: Unit::Octets,
    labels: &["exporter"],
    shape: Shape::Metric,
    help: "Octets received from an exporter.",
};
/// Time since an exporter sent its last datagram.
pub static EXPORTER_LAST_SEEN: Entry = Entry {
    name: "last_seen_s",
    metric: Some("ipfix_exporter_last_seen_seconds"),
    kind: Kind::Gauge,
    unit: Unit::Seconds,
    labels: &["exporter"],
    shape: Shape::Metric,
    help: "Time since an exporter sent its last datagram.",
};
/// Templates of an exporter that are remembered.
pub static EXPORTER_TEMPLATES: Entry = Entry {
    name: "templates",
    metric: Some("ipfix_exporter_templates"),
    kind: Kind::Gauge,
    unit: Unit::Templates,
    labels: &["exporter"],
    shape: Shape::Metric,
    help: "Templates of an exporter that are remembered.",
};
/// One IP packet in so many is sampled, as the exporter announced or the operator wrote.
pub static EXPORTER_SAMPLING: Entry = Entry {
    name: "sampling_rate",
    metric: Some("ipfix_exporter_sampling_rate"),
    kind: Kind::Gauge,
    unit: Unit::Values,
    labels: &["exporter"],
    shape: Shape::Metric,
    help: "One IP packet in so many is sampled, as the exporter announced or the operator wrote.",
};
/// Whether a collector takes Messages: 1 or 0.
pub static COLLECTOR_UP: Entry = Entry {
    name: "up",
    metric: Some("ipfix_collector_up"),
    kind: Kind::Gauge,
    unit: Unit::Flag,
    labels: &["collector"],
    shape: Shape::Metric,
    help: "Whether a collector takes Messages: 1 or 0.",
};
/// Data Records that a collector did not get: its filter, or another member of its group.
pub static COLLECTOR_RECORDS_LEFT_OUT: Entry = Entry {
    name: "records_left_out",
    metric: Some("ipfix_collector_records_left_out_total"),
    kind: Kind::Counter,
    unit: Unit::Records,
    labels: &["collector"],
    shape: Shape::Metric,
    help: "Data Records that a collector did not get: its filter, or another member of its group.",
};
/// Messages sent to a collector.
pub static COLLECTOR_MESSAGES: Entry = Entry {
    name: "messages_sent",
    metric: Some("ipfix_collector_messages_total"),
    kind: Kind::Counter,
    unit: Unit::Messages,
    labels: &["collector"],
    shape: Shape::Metric,
    help: "Messages sent to a collector.",
};
/// Octets sent to a collector.
pub static COLLECTOR_OCTETS: Entry = Entry {
    name: "octets_sent",
    metric: Some("ipfix_collector_bytes_total"),
    kind: Kind::Counter,
    unit: Unit::Octets,
    labels: &["collector"],
    shape: Shape::Metric,
    help: "Octets sent to a collector.",
};
/// How often a collector's host refused Messages.
pub static COLLECTOR_REFUSALS: Entry = Entry {
    name: "refusals",
    metric: Some("ipfix_collector_refusals_total"),
    kind: Kind::Counter,
    unit: Unit::Events,
    labels: &["collector"],
    shape: Shape::Metric,
    help: "How often a collector's host refused Messages.",
};
/// Messages that could not be sent to a collector, by reason.
pub static COLLECTOR_UNSENT: Entry = Entry {
    name: "unsent",
    metric: Some("ipfix_collector_unsent_total"),
    kind: Kind::Counter,
    unit: Unit::Messages,
    labels: &["collector", "reason"],
    shape: Shape::Metric,
    help: "Messages that could not be sent to a collector, by reason.",
};
/// Whether what a source of AS data says is in use and in order: 1 or 0.
pub static SOURCE_UP: Entry = Entry {
    name: "source_up",
    metric: Some("ipfix_source_up"),
    kind: Kind::Gauge,
    unit: Unit::Flag,
    labels: &["provider", "source"],
    shape: Shape::Metric,
    help: "Whether what a source of AS data says is in use and in order: 1 or 0.",
};
/// Time since the AS data of a source was made.
pub static SOURCE_AGE: Entry = Entry {
    name: "source_age_s",
    metric: Some("ipfix_source_age_seconds"),
    kind: Kind::Gauge,
    unit: Unit::Seconds,
    labels: &["provider", "source"],
    shape: Shape::Metric,
    help: "Time since the AS data of a source was made.",
};
/// Prefixes that a source of AS data holds.
pub static SOURCE_PREFIXES: Entry = Entry {
    name: "source_prefixes",
    metric: Some("ipfix_source_prefixes"),
    kind: Kind::Gauge,
    unit: Unit::Values,
    labels: &["provider", "source"],
    shape: Shape::Metric,
    help: "Prefixes that a source of AS data holds.",
};
/// The version of the program; always 1.
pub static BUILD: Entry = Entry {
    name: "build",
    metric: Some("ipfix_build_info"),
    kind: Kind::Gauge,
    unit: Unit::Flag,
    labels: &["version"],
    shape: Shape::Metric,
    help: "The version of the program; always 1.",
};
/// Processor time of the daemon, all threads together.
pub static PROCESS_CPU: Entry = Entry {
    name: "process_cpu_ms",
    metric: Some("process_cpu_seconds_total"),
    kind: Kind::Counter,
    unit: Unit::Milliseconds,
    labels: &[],
    shape: Shape::Plain,
    help: "Processor time of the daemon, all threads together.",
};
/// Memory of the daemon that is in use.
pub static PROCESS_BYTES: Entry = Entry {
    name: "process_resident_bytes",
    metric: Some("process_resident_memory_bytes"),
    kind: Kind::Gauge,
    unit: Unit::Bytes,
    labels: &[],
    shape: Shape::Plain,
    help: "Memory of the daemon that is in use.",
};
