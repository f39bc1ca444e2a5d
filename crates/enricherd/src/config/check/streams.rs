//! Keys of connections: TCP and TLS, and what they cannot do.
//!
//! Not here: the files that are named (`io::tls`), whether somebody answers (`pipeline::streams`).

use crate::config::fault::{Report, Wrong};
use crate::config::section::Section;
use crate::config::types::{CollectorTls, ForwardingSource, Protocol, TlsIdentity};
use crate::config::value;
use crate::config::words::SOURCES;

/// Reads the keys and certificates of a collector.
pub(super) fn collector_tls(
    report: &mut Report,
    item: &Section,
    protocol: Protocol,
) -> Option<CollectorTls> {
    let is_written = item.written("tls").is_some();
    match (protocol, is_written) {
        (Protocol::Tls, true) => {}
        (Protocol::Tls, false) => {
            let wrong = Wrong::new(
                "tls.ca_file is missing: without it anybody could be the collector",
                "write tls: {ca_file: ...} beside it, or use protocol: tcp",
            );
            item.fault(report, "protocol", wrong);
            return None;
        }
        (_, true) => {
            let wrong = Wrong::new("no use without protocol: tls", "write that, or remove it");
            item.fault(report, "tls", wrong);
        }
        (_, false) => return None,
    }
    let section = item.section(report, "tls");
    let ca_file = section.required(report, "ca_file", value::path);
    let identity = identity(report, &section);
    if let (None, Some(node)) = (&identity, item.written("tls")) {
        let text = format!(
            "{}: no certificate_file and key_file: the collector cannot know that it is us",
            item.label("tls")
        );
        report.warning(node.line, text);
    }
    let server_name = section.optional(report, "server_name", value::host);
    Some(CollectorTls {
        ca_file: ca_file?,
        identity,
        server_name: server_name.map(|name| name.to_string()),
    })
}

/// Reads a certificate and its key, which belong together.
fn identity(report: &mut Report, section: &Section) -> Option<TlsIdentity> {
    let certificate_file = section.optional(report, "certificate_file", value::path);
    let key_file = section.optional(report, "key_file", value::path);
    let lonely = match (&certificate_file, &key_file) {
        (Some(_), None) => Some(("certificate_file", "key_file")),
        (None, Some(_)) => Some(("key_file", "certificate_file")),
        _ => None,
    };
    let labels = ["certificate_file", "key_file"].map(|name| section.label(name));
    if let Some((written, missing)) = lonely
        && report.are_read(&[&labels[0], &labels[1]])
    {
        let problem = format!("{missing} is missing beside it");
        section.fault(
            report,
            written,
            Wrong::new(problem, "write both or neither"),
        );
    }
    Some(TlsIdentity {
        certificate_file: certificate_file?,
        key_file: key_file?,
    })
}

/// Says what a connection cannot do.
pub(super) fn check_collector(report: &mut Report, item: &Section, protocol: Protocol) {
    let name = match protocol {
        Protocol::Udp => return,
        Protocol::Tcp => "tcp",
        Protocol::Tls => "tls",
    };
    if let Some(node) = item.written("protocol") {
        let text = format!(
            "{} = {name}: a connection carries IPFIX alone, so Messages of NetFlow v5 and v9 \
             exporters are dropped for this collector (no_transport); let them export IPFIX, or \
             use protocol: udp",
            item.label("protocol")
        );
        report.warning(node.line, text);
    }
    let source = item
        .written("source")
        .map(|node| value::word(node, SOURCES));
    if source == Some(Ok(ForwardingSource::Exporter)) {
        let problem = format!("nobody can open a connection in another\'s name (protocol: {name})");
        let wrong = Wrong::new(problem, "leave it out: Messages leave from our own address");
        item.fault(report, "source", wrong);
    }
}

/// Copies of what came would mix up the exporters that share a connection.
pub(super) fn refuse_raw(report: &mut Report, item: &Section, protocol: Protocol, raw: bool) {
    if raw && protocol != Protocol::Udp {
        let problem = "contradicts the protocol: one connection serves all exporters, whose \
                       domains and Templates would collide as they came";
        item.fault(
            report,
            "raw",
            Wrong::new(problem, "leave one of the two out"),
        );
    }
}
