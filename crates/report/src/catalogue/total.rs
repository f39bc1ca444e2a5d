//! Numbers that stand alone: one for the whole daemon.
//!
//! Not here: numbers of which there are several, told apart by a label (`labelled`).

use super::{Entry, Kind, Shape, Unit};

/// Time since the daemon started.
pub static UPTIME: Entry = Entry {
    name: "uptime_s",
    metric: Some("ipfix_uptime_seconds"),
    kind: Kind::Gauge,
    unit: Unit::Seconds,
    labels: &[],
    shape: Shape::Plain,
    help: "Time since the daemon started.",
};
/// Datagrams received.
pub static DATAGRAMS_IN: Entry = Entry {
    name: "datagrams_in",
    metric: Some("ipfix_packets_total"),
    kind: Kind::Counter,
    unit: Unit::Datagrams,
    labels: &[],
    shape: Shape::Plain,
    help: "Datagrams received.",
};
/// Octets of the datagrams received.
pub static OCTETS_IN: Entry = Entry {
    name: "octets_in",
    metric: Some("ipfix_bytes_total"),
    kind: Kind::Counter,
    unit: Unit::Octets,
    labels: &[],
    shape: Shape::Plain,
    help: "Octets of the datagrams received.",
};
/// Datagrams that the kernel dropped because a receive buffer was full.
pub static KERNEL_DROPS: Entry = Entry {
    name: "kernel_drops",
    metric: None,
    kind: Kind::Counter,
    unit: Unit::Datagrams,
    labels: &[],
    shape: Shape::Plain,
    help: "Datagrams that the kernel dropped because a receive buffer was full.",
};
/// Messages found in the datagrams; one may hold several.
pub static MESSAGES_IN: Entry = Entry {
    name: "messages_in",
    metric: Some("ipfix_messages_received_total"),
    kind: Kind::Counter,
    unit: Unit::Messages,
    labels: &[],
    shape: Shape::Plain,
    help: "Messages found in the datagrams; one may hold several.",
};
/// Received Messages that left, changed or not.
pub static MESSAGES_FORWARDED: Entry = Entry {
    name: "messages_forwarded",
    metric: Some("ipfix_messages_forwarded_total"),
    kind: Kind::Counter,
    unit: Unit::Messages,
    labels: &[],
    shape: Shape::Plain,
    help: "Received Messages that left, changed or not.",
};
/// Received Messages that wait for a Template now.
pub static MESSAGES_HELD: Entry = Entry {
    name: "messages_held",
    metric: Some("ipfix_messages_held"),
    kind: Kind::Gauge,
    unit: Unit::Messages,
    labels: &[],
    shape: Shape::Plain,
    help: "Received Messages that wait for a Template now.",
};
/// Messages lost because the program failed over a datagram.
pub static MESSAGES_LOST: Entry = Entry {
    name: "messages_lost",
    metric: Some("ipfix_messages_lost_total"),
    kind: Kind::Counter,
    unit: Unit::Messages,
    labels: &[],
    shape: Shape::Plain,
    help: "Messages lost because the program failed over a datagram.",
};
/// Messages built or patched, towards all outgoing sessions.
pub static MESSAGES_OUT: Entry = Entry {
    name: "messages_out",
    metric: Some("ipfix_messages_sent_total"),
    kind: Kind::Counter,
    unit: Unit::Messages,
    labels: &[],
    shape: Shape::Plain,
    help: "Messages built or patched, towards all outgoing sessions.",
};
/// Octets of the Messages built or patched.
pub static OCTETS_OUT: Entry = Entry {
    name: "octets_out",
    metric: Some("ipfix_sent_bytes_total"),
    kind: Kind::Counter,
    unit: Unit::Octets,
    labels: &[],
    shape: Shape::Plain,
    help: "Octets of the Messages built or patched.",
};
/// Sets in well-formed Messages.
pub static SETS_IN: Entry = Entry {
    name: "sets_in",
    metric: Some("ipfix_sets_received_total"),
    kind: Kind::Counter,
    unit: Unit::Sets,
    labels: &[],
    shape: Shape::Plain,
    help: "Sets in well-formed Messages.",
};
/// Sets that left, enriched or not.
pub static SETS_FORWARDED: Entry = Entry {
    name: "sets_forwarded",
    metric: Some("ipfix_sets_forwarded_total"),
    kind: Kind::Counter,
    unit: Unit::Sets,
    labels: &[],
    shape: Shape::Plain,
    help: "Sets that left, enriched or not.",
};
/// Received Messages whose lengths contradict each other.
pub static MALFORMED: Entry = Entry {
    name: "malformed",
    metric: Some("ipfix_messages_malformed_total"),
    kind: Kind::Counter,
    unit: Unit::Messages,
    labels: &[],
    shape: Shape::Plain,
    help: "Received Messages whose lengths contradict each other.",
};
/// Messages sent above the size limit because nothing in them can be divided.
pub static OVERSIZE: Entry = Entry {
    name: "oversize",
    metric: Some("ipfix_messages_oversize_total"),
    kind: Kind::Counter,
    unit: Unit::Messages,
    labels: &[],
    shape: Shape::Plain,
    help: "Messages sent above the size limit because nothing in them can be divided.",
};
/// Further Messages because one was divided.
pub static SPLITS: Entry = Entry {
    name: "splits",
    metric: Some("ipfix_messages_split_total"),
    kind: Kind::Counter,
    unit: Unit::Messages,
    labels: &[],
    shape: Shape::Plain,
    help: "Further Messages because one was divided.",
};
/// Received Messages that had to wait for a Template.
pub static HOLDS: Entry = Entry {
    name: "holds",
    metric: Some("ipfix_messages_waited_total"),
    kind: Kind::Counter,
    unit: Unit::Messages,
    labels: &[],
    shape: Shape::Plain,
    help: "Received Messages that had to wait for a Template.",
};
/// Messages with repeated Templates.
pub static ANNOUNCEMENTS: Entry = Entry {
    name: "announcements",
    metric: Some("ipfix_announcements_total"),
    kind: Kind::Counter,
    unit: Unit::Messages,
    labels: &[],
    shape: Shape::Plain,
    help: "Messages with repeated Templates.",
};
/// Exporters that began to count anew.
pub static EXPORTER_RESTARTS: Entry = Entry {
    name: "exporter_restarts",
    metric: Some("ipfix_exporter_restarts_total"),
    kind: Kind::Counter,
    unit: Unit::Events,
    labels: &[],
    shape: Shape::Plain,
    help: "Exporters that began to count anew.",
};
/// Templates announced with another definition.
pub static REDEFINITIONS: Entry = Entry {
    name: "template_redefinitions",
    metric: Some("ipfix_template_redefinitions_total"),
    kind: Kind::Counter,
    unit: Unit::Templates,
    labels: &[],
    shape: Shape::Plain,
    help: "Templates announced with another definition.",
};
/// Clones that moved because the exporter uses their ID.
pub static ID_MOVES: Entry = Entry {
    name: "clone_id_moves",
    metric: Some("ipfix_clone_id_moves_total"),
    kind: Kind::Counter,
    unit: Unit::Templates,
    labels: &[],
    shape: Shape::Plain,
    help: "Clones that moved because the exporter uses their ID.",
};
/// Template Records that cannot be read.
pub static BROKEN_TEMPLATES: Entry = Entry {
    name: "broken_templates",
    metric: Some("ipfix_broken_templates_total"),
    kind: Kind::Counter,
    unit: Unit::Templates,
    labels: &[],
    shape: Shape::Plain,
    help: "Template Records that cannot be read.",
};
/// Data Records of Templates that are known, Options not among them.
pub static RECORDS: Entry = Entry {
    name: "records",
    metric: Some("ipfix_data_records_total"),
    kind: Kind::Counter,
    unit: Unit::Records,
    labels: &[],
    shape: Shape::Plain,
    help: "Data Records of Templates that are known, Options not among them.",
};
/// AS fields that got another value where they were.
pub static AS_FILLED: Entry = Entry {
    name: "as_filled",
    metric: Some("ipfix_as_filled_total"),
    kind: Kind::Counter,
    unit: Unit::Values,
    labels: &[],
    shape: Shape::Plain,
    help: "AS fields that got another value where they were.",
};
/// AS numbers added with a field of their own.
pub static AS_APPENDED: Entry = Entry {
    name: "as_appended",
    metric: Some("ipfix_as_appended_total"),
    kind: Kind::Counter,
    unit: Unit::Values,
    labels: &[],
    shape: Shape::Plain,
    help: "AS numbers added with a field of their own.",
};
/// AS fields whose value stayed.
pub static AS_KEPT: Entry = Entry {
    name: "as_kept",
    metric: Some("ipfix_as_kept_total"),
    kind: Kind::Counter,
    unit: Unit::Values,
    labels: &[],
    shape: Shape::Plain,
    help: "AS fields whose value stayed.",
};
/// Addresses for whose AS nobody had an answer.
pub static AS_NOBODY: Entry = Entry {
    name: "as_nobody",
    metric: Some("ipfix_as_unanswered_total"),
    kind: Kind::Counter,
    unit: Unit::Values,
    labels: &[],
    shape: Shape::Plain,
    help: "Addresses for whose AS nobody had an answer.",
};
/// Values of exporters that stayed and that the table knows too.
pub static AS_COMPARED: Entry = Entry {
    name: "as_compared",
    metric: Some("ipfix_as_compared_total"),
    kind: Kind::Counter,
    unit: Unit::Values,
    labels: &[],
    shape: Shape::Plain,
    help: "Values of exporters that stayed and that the table knows too.",
};
/// Of the compared, those where the table knows another AS.
pub static AS_DISAGREEMENTS: Entry = Entry {
    name: "as_disagreements",
    metric: Some("ipfix_as_disagreements_total"),
    kind: Kind::Counter,
    unit: Unit::Values,
    labels: &[],
    shape: Shape::Plain,
    help: "Of the compared, those where the table knows another AS.",
};
/// AS numbers seen in the records as they left.
pub static AS_UNIQUE: Entry = Entry {
    name: "as_unique",
    metric: Some("ipfix_as_unique"),
    kind: Kind::Gauge,
    unit: Unit::Values,
    labels: &[],
    shape: Shape::Plain,
    help: "AS numbers seen in the records as they left.",
};
/// Templates forgotten because nothing kept them alive.
pub static TEMPLATES_EXPIRED: Entry = Entry {
    name: "templates_expired",
    metric: Some("ipfix_templates_expired_total"),
    kind: Kind::Counter,
    unit: Unit::Templates,
    labels: &[],
    shape: Shape::Plain,
    help: "Templates forgotten because nothing kept them alive.",
};
/// Templates not learnt because a limit was reached.
pub static TEMPLATES_REFUSED: Entry = Entry {
    name: "templates_refused",
    metric: Some("ipfix_templates_refused_total"),
    kind: Kind::Counter,
    unit: Unit::Templates,
    labels: &[],
    shape: Shape::Plain,
    help: "Templates not learnt because a limit was reached.",
};
/// Sessions forgotten to make room for another.
pub static SESSIONS_EVICTED: Entry = Entry {
    name: "sessions_evicted",
    metric: Some("ipfix_sessions_evicted_total"),
    kind: Kind::Counter,
    unit: Unit::Sessions,
    labels: &[],
    shape: Shape::Plain,
    help: "Sessions forgotten to make room for another.",
};
/// Sessions forgotten because they were silent.
pub static SESSIONS_EXPIRED: Entry = Entry {
    name: "sessions_expired",
    metric: Some("ipfix_sessions_expired_total"),
    kind: Kind::Counter,
    unit: Unit::Sessions,
    labels: &[],
    shape: Shape::Plain,
    help: "Sessions forgotten because they were silent.",
};
/// Messages for whose session there was no room.
pub static SESSIONS_REFUSED: Entry = Entry {
    name: "sessions_refused",
    metric: Some("ipfix_sessions_refused_total"),
    kind: Kind::Counter,
    unit: Unit::Messages,
    labels: &[],
    shape: Shape::Plain,
    help: "Messages for whose session there was no room.",
};
/// Sessions that have sockets of their own to send by.
pub static SESSIONS_WITH_SOCKETS: Entry = Entry {
    name: "sessions_with_sockets",
    metric: Some("ipfix_sessions_with_sockets"),
    kind: Kind::Gauge,
    unit: Unit::Sessions,
    labels: &[],
    shape: Shape::Plain,
    help: "Sessions that have sockets of their own to send by.",
};
/// Messages that left by a socket that sessions share.
pub static MESSAGES_BY_SHARED_SOCKET: Entry = Entry {
    name: "messages_by_shared_socket",
    metric: Some("ipfix_messages_by_shared_socket_total"),
    kind: Kind::Counter,
    unit: Unit::Messages,
    labels: &[],
    shape: Shape::Plain,
    help: "Messages that left by a socket that sessions share.",
};
/// Memory that input made the workers take.
pub static MEDIATOR_BYTES: Entry = Entry {
    name: "mediator_bytes",
    metric: Some("ipfix_mediator_memory_bytes"),
    kind: Kind::Gauge,
    unit: Unit::Bytes,
    labels: &[],
    shape: Shape::Plain,
    help: "Memory that input made the workers take.",
};
/// Malformed Messages, refused and lost datagrams, dropped and unsent Messages.
pub static ERRORS: Entry = Entry {
    name: "errors",
    metric: Some("ipfix_errors_total"),
    kind: Kind::Counter,
    unit: Unit::Errors,
    labels: &[],
    shape: Shape::Plain,
    help: "Malformed Messages, refused and lost datagrams, dropped and unsent Messages.",
};
