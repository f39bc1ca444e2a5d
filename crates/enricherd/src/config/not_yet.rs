//! Keys that are read and checked, and whose work is not in this version.
//!
//! A file that sets one to its default changes nothing and is accepted. One that sets it to
//! something else asks for what would not happen, and is told so. Whoever adds the work removes
//! the row.
//!
//! Not here: what the keys mean (`keys`).

const DAEMON: &str = "only the daemon uses it, and this version does not run as one";
const LIVE_ROUTES: &str = "it does not learn routes from routers";
const PLACES: &str = "it does not show places";
const OUTPUT: &str =
    "it only sends UDP datagrams in the exporter's name, to each collector the same";

/// The keys, each with what this version lacks.
const NOT_YET: &[(&str, &str)] = &[
    ("general.listen_address", DAEMON),
    ("general.listen_port", DAEMON),
    ("general.stats_address", DAEMON),
    ("general.stats_port", DAEMON),
    ("general.log_level", DAEMON),
    ("general.log_file", DAEMON),
    ("general.log_format", DAEMON),
    ("general.state_dir", DAEMON),
    ("general.allow_exporters", DAEMON),
    ("general.buffer_size", DAEMON),
    (
        "exporters[].sampling_rate",
        "it does not use sampling rates",
    ),
    ("exporters[].routes_from", LIVE_ROUTES),
    (
        "enrichment.mrt_files",
        "it does not read routing table dumps",
    ),
    ("enrichment.geoip_enabled", PLACES),
    ("enrichment.geoip_database", PLACES),
    ("enrichment.reverse_dns", "it does not look up names"),
    ("enrichment.bgp_enabled", LIVE_ROUTES),
    ("enrichment.bgp_router", LIVE_ROUTES),
    ("enrichment.bgp_as", LIVE_ROUTES),
    ("enrichment.bgp_peers", LIVE_ROUTES),
    ("enrichment.bmp_enabled", LIVE_ROUTES),
    ("enrichment.bmp_port", LIVE_ROUTES),
    ("enrichment.bmp_allow", LIVE_ROUTES),
    ("forwarding.source", OUTPUT),
    ("forwarding.collectors[].source", OUTPUT),
    ("forwarding.collectors[].protocol", OUTPUT),
    ("forwarding.collectors[].tls", OUTPUT),
    ("forwarding.collectors[].filter", OUTPUT),
    ("forwarding.collectors[].raw", OUTPUT),
    ("forwarding.collectors[].group", OUTPUT),
    ("forwarding.collectors[].health", OUTPUT),
    ("performance.workers", DAEMON),
    ("performance.queue_size", DAEMON),
    ("performance.buffer_size", DAEMON),
    ("performance.receive_buffer", DAEMON),
    ("performance.stats_interval", DAEMON),
    ("performance.cpu_affinity", DAEMON),
    ("nat.enabled", OUTPUT),
    ("nat.source_ip", OUTPUT),
    ("nat.source_port", OUTPUT),
    ("metrics.enabled", DAEMON),
    ("metrics.address", DAEMON),
    ("metrics.port", DAEMON),
];

/// Returns what this version lacks for a key; `None` if the key works.
pub(super) fn lack(path: &str) -> Option<&'static str> {
    let row = NOT_YET.iter().find(|(key, _)| *key == path);
    row.map(|(_, lack)| *lack)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::KEYS;

    #[test]
    fn every_row_is_a_key() {
        for (path, _) in NOT_YET {
            assert!(KEYS.iter().any(|key| key.path == *path), "{path}");
        }
    }
}
