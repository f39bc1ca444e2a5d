//! Every key of the file: what it takes, what holds where it is not written, what it means.
//!
//! The reference in `docs` is made of this table, unknown keys are found by it, and a test writes
//! every default into a file to see that it changes nothing.
//!
//! Not here: keys whose work is not there yet (`not_yet`), how values are read (`value`).

use super::not_yet;
use Absent::{As, Fault, Is, Nothing};

/// A key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// `section.key`; `[]` stands for the entries of a list.
    pub path: &'static str,
    /// What may stand behind it.
    pub takes: &'static str,
    /// What holds where it is not written.
    pub absent: Absent,
    /// What it decides.
    pub meaning: &'static str,
}

/// What holds where a key is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// This value, in YAML.
    Is(&'static str),
    /// The value of another key.
    As(&'static str),
    /// Nothing: the key has no default value, and can be left out.
    Nothing,
    /// The entry is refused.
    Fault,
}

impl Key {
    /// Returns what this version lacks to do what the key asks for; `None` if the key works.
    #[must_use]
    pub fn lack(&self) -> Option<&'static str> {
        not_yet::lack(self.path)
    }
}

const fn key(
    path: &'static str,
    takes: &'static str,
    absent: Absent,
    meaning: &'static str,
) -> Key {
    Key {
        path,
        takes,
        absent,
        meaning,
    }
}

/// All keys, in the order in which they are explained.
pub const KEYS: &[Key] = &[
    key(
        "general.listen_address",
        "address",
        Is("\"::\""),
        "Where Messages arrive; `\"::\"` is every address of both families.",
    ),
    key(
        "general.listen_port",
        "port",
        Is("2055"),
        "The UDP port at which Messages arrive.",
    ),
    key(
        "general.output_port",
        "port",
        Is("2056"),
        "The port of a collector that names none.",
    ),
    key(
        "general.stats_address",
        "address",
        Is("127.0.0.1"),
        "Where the telnet statistics listen.",
    ),
    key(
        "general.stats_port",
        "port",
        Is("9999"),
        "The TCP port of the telnet statistics.",
    ),
    key(
        "general.log_level",
        "`DEBUG`, `INFO`, `WARNING` or `ERROR`",
        Is("INFO"),
        "What is worth a line in the log, and all that is graver.",
    ),
    key(
        "general.log_file",
        "path or `\"-\"`",
        Is("/var/log/ipfix-enricher/ipfix-enricher.log"),
        "Where these lines go; `\"-\"` is standard error only.",
    ),
    key(
        "general.log_format",
        "`text` or `json`",
        Is("text"),
        "Lines for people, or one JSON object per line.",
    ),
    key(
        "general.state_dir",
        "path",
        Is("/var/lib/ipfix-enricher"),
        "Where Templates and choices survive a restart.",
    ),
    key(
        "general.allow_exporters",
        "list of prefixes",
        Is("[]"),
        "Who may send Messages; an empty list is everyone.",
    ),
    key(
        "general.buffer_size",
        "size",
        As("performance.buffer_size"),
        "Another place for `performance.buffer_size`: older files have it here.",
    ),
    key(
        "exporters",
        "list of mappings",
        Is("[]"),
        "What is known of single exporters; the first entry that matches counts.",
    ),
    key(
        "exporters[].match",
        "prefix or address",
        Fault,
        "The addresses the exporter sends from.",
    ),
    key(
        "exporters[].domain",
        "number",
        Nothing,
        "Only this Observation Domain (NetFlow v9: Source ID).",
    ),
    key("exporters[].name", "text", Nothing, "What reports call it."),
    key(
        "exporters[].enrich",
        "`on`, `dry-run` or `off`",
        Is("on"),
        "Whether its Data Records are enriched; `dry-run`: counted, not written.",
    ),
    key(
        "exporters[].as_providers",
        "list of providers",
        As("enrichment.as_providers"),
        "Who is asked for its AS numbers, in this order.",
    ),
    key(
        "exporters[].flow_as_semantics",
        "`origin` or `peer`",
        Is("origin"),
        "What its own AS fields mean; `peer`, the adjacent AS, is no answer.",
    ),
    key(
        "exporters[].address",
        "`first-public`, `outer`, `inner` or `post-nat-if-private`",
        Is("first-public"),
        "Which of several addresses of one side is looked up.",
    ),
    key(
        "exporters[].unusable_as",
        "list of AS numbers",
        As("enrichment.unusable_as"),
        "AS numbers that are no answer when it says them, besides the reserved ranges.",
    ),
    key(
        "exporters[].sampling_rate",
        "number",
        Nothing,
        "One of this many is sampled, where the exporter does not say.",
    ),
    key(
        "exporters[].routes_from",
        "address",
        Nothing,
        "The BGP or BMP peer whose routes are its own.",
    ),
    key(
        "enrichment.as_extraction",
        "true or false",
        Is("true"),
        "Whether AS numbers are written at all; `false` makes a pure replicator.",
    ),
    key(
        "enrichment.missing_fields",
        "`append` or `leave`",
        Is("append"),
        "What happens to Templates without AS fields of 32 bits: they are announced again with \
         such fields, or left as they are.",
    ),
    key(
        "enrichment.as_providers",
        "list of providers",
        Is("[static, flow, bgp, bmp, table, database]"),
        "Who is asked for an AS number, in this order; the first usable answer counts. Instead of \
         `flow`: `flow-except-private` or `flow-except-default-route`.",
    ),
    key(
        "enrichment.unusable_as",
        "list of AS numbers",
        Is("[0, 23456, 65535, 4294967295]"),
        "AS numbers of exporters that are no answer, besides the reserved ranges.",
    ),
    key(
        "enrichment.static_prefixes",
        "list of mappings",
        Is("[]"),
        "Your own answers: the provider `static`.",
    ),
    key(
        "enrichment.static_prefixes[].prefix",
        "prefix or address",
        Fault,
        "The addresses; a default route is no answer.",
    ),
    key(
        "enrichment.static_prefixes[].as",
        "AS number",
        Fault,
        "Their AS; not 0.",
    ),
    key(
        "enrichment.static_prefixes[].name",
        "text",
        Nothing,
        "What reports call this AS.",
    ),
    key(
        "enrichment.as_databases",
        "list of mappings",
        Is("[]"),
        "Files of the provider `database`; an empty list is the snapshot shipped with the program.",
    ),
    key(
        "enrichment.as_databases[].path",
        "path",
        Fault,
        "An MMDB or text file, or what `db build` writes; plain, gzip or bzip2.",
    ),
    key(
        "enrichment.mrt_files",
        "list of paths",
        Is("[]"),
        "Routing table dumps of the provider `table`.",
    ),
    key(
        "enrichment.geoip_enabled",
        "true or false",
        Is("false"),
        "Whether reports show places.",
    ),
    key(
        "enrichment.geoip_database",
        "path",
        Is("/usr/share/GeoIP/GeoLite2-City.mmdb"),
        "Where these places come from.",
    ),
    key(
        "enrichment.reverse_dns",
        "true or false",
        Is("false"),
        "Whether tools and reports show the names of addresses.",
    ),
    key(
        "enrichment.bgp_enabled",
        "true or false",
        Is("false"),
        "Whether routers can tell us their routes over BGP: the provider `bgp`.",
    ),
    key(
        "enrichment.bgp_router",
        "address",
        Is("192.0.2.1"),
        "The router that we hear where `bgp_peers` is empty, of our own AS; whoever of both is \
         first connects.",
    ),
    key("enrichment.bgp_as", "AS number", Is("64500"), "Our AS."),
    key(
        "enrichment.bgp_port",
        "port",
        Is("179"),
        "The TCP port, at `general.listen_address`, where routers reach us.",
    ),
    key(
        "enrichment.bgp_peers",
        "list of mappings",
        Is("[]"),
        "The routers that we hear.",
    ),
    key(
        "enrichment.bgp_peers[].address",
        "address",
        Fault,
        "The address of the router.",
    ),
    key("enrichment.bgp_peers[].as", "AS number", Fault, "Its AS."),
    key(
        "enrichment.bgp_peers[].passive",
        "true or false",
        Is("true"),
        "Whether it connects to us, not we to it.",
    ),
    key(
        "enrichment.bgp_peers[].password_file",
        "path",
        Nothing,
        "The file with the password of the session.",
    ),
    key(
        "enrichment.bgp_peers[].hold_time",
        "duration",
        Is("90s"),
        "How long it may stay silent; 3 seconds or more.",
    ),
    key(
        "enrichment.bgp_peers[].port",
        "port",
        Is("179"),
        "The TCP port of the router, where we connect to it.",
    ),
    key(
        "enrichment.bgp_peers[].families",
        "list of `ipv4`, `ipv6`",
        Is("[ipv4, ipv6]"),
        "The address families whose routes we ask for.",
    ),
    key(
        "enrichment.bmp_enabled",
        "true or false",
        Is("false"),
        "Whether routers can tell us their routes over BMP: the provider `bmp`.",
    ),
    key(
        "enrichment.bmp_port",
        "port",
        Is("11019"),
        "The TCP port for them.",
    ),
    key(
        "enrichment.bmp_allow",
        "list of prefixes",
        Is("[]"),
        "Which routers may; must be given when BMP is on.",
    ),
    key(
        "enrichment.routes_grace",
        "duration",
        Is("5m"),
        "How long routes count after the session that told them was lost, or after a restart, \
         unless they are told again.",
    ),
    key(
        "forwarding.source",
        "`auto`, `exporter` or `own`",
        Is("auto"),
        "Whose address Messages bear. `exporter`: the exporter's address and port, as if we were \
         not there (needs CAP_NET_RAW). `own`: ours, a port for each exporter, Observation Domains \
         told apart. `auto`: `exporter` if we may and no router stands before the collector, else \
         `own`; what was chosen is remembered in `general.state_dir`.",
    ),
    key(
        "forwarding.max_packet_size",
        "512 to 65535 octets",
        Is("1500"),
        "The largest IP packet; what grows beyond it is split.",
    ),
    key(
        "forwarding.template_refresh",
        "duration",
        Is("60s"),
        "Templates are announced again after this time, with traffic; 1 second to 1 day.",
    ),
    key(
        "forwarding.hold_time",
        "duration",
        Is("1s"),
        "How long Data Sets wait for their Template; `0`: not at all; 60 seconds at most.",
    ),
    key(
        "forwarding.malformed",
        "`pass` or `drop`",
        Is("pass"),
        "What happens to Messages and Sets that contradict their own lengths.",
    ),
    key(
        "forwarding.unknown_versions",
        "`pass` or `drop`",
        Is("pass"),
        "What happens to datagrams that are not NetFlow v5, NetFlow v9 or IPFIX.",
    ),
    key(
        "forwarding.groups",
        "list of mappings",
        Is("[]"),
        "Collectors that share the traffic. Templates and Options Data Records go to every member, \
         so that each can read whatever it gets next.",
    ),
    key(
        "forwarding.groups[].name",
        "text",
        Fault,
        "What `forwarding.collectors[].group` calls it.",
    ),
    key(
        "forwarding.groups[].mode",
        "`all`, `exporter-hash` or `failover`",
        Is("all"),
        "Which member gets a Data Record. `all`: every one. `exporter-hash`: one for each \
         exporter, chosen by its address; a member that is down hands over its exporters and no others. \
         `failover`: the first in this file that is not down.",
    ),
    key(
        "forwarding.collectors",
        "list of mappings",
        Is("[{host: 127.0.0.1}]"),
        "Whom we send to; at least one, at most 64.",
    ),
    key(
        "forwarding.collectors[].host",
        "address or name",
        Fault,
        "Where the collector is.",
    ),
    key(
        "forwarding.collectors[].port",
        "port",
        As("general.output_port"),
        "The port at which it listens.",
    ),
    key(
        "forwarding.collectors[].source",
        "`auto`, `exporter` or `own`",
        As("forwarding.source"),
        "Whose address Messages to it leave from; with the protocols `tcp` and `tls` ours.",
    ),
    key(
        "forwarding.collectors[].max_packet_size",
        "512 to 65535 octets",
        As("forwarding.max_packet_size"),
        "The largest IP packet to it.",
    ),
    key(
        "forwarding.collectors[].protocol",
        "`udp`, `tcp` or `tls`",
        Is("udp"),
        "What carries the Messages. `tcp` and `tls` carry IPFIX alone, over one connection for all \
         exporters, from our own address; NetFlow v5 and v9 are dropped for that collector \
         (`no_transport`).",
    ),
    key(
        "forwarding.collectors[].tls",
        "mapping",
        Nothing,
        "Keys and certificates; must be written with the protocol `tls`.",
    ),
    key(
        "forwarding.collectors[].tls.ca_file",
        "path",
        Fault,
        "The certificates, in PEM, of those who may have signed the collector's.",
    ),
    key(
        "forwarding.collectors[].tls.certificate_file",
        "path",
        Nothing,
        "Our certificate, in PEM, and behind it those that lead to one that the collector knows.",
    ),
    key(
        "forwarding.collectors[].tls.key_file",
        "path",
        Nothing,
        "The private key of `certificate_file`, in PEM.",
    ),
    key(
        "forwarding.collectors[].tls.server_name",
        "address or name",
        As("forwarding.collectors[].host"),
        "The name, or address, that the collector's certificate must bear.",
    ),
    key(
        "forwarding.collectors[].filter",
        "mapping",
        Nothing,
        "What it gets; Data Records that do not match are left out and counted. Every condition \
         must hold, and of each list one entry. Templates and Options Data Records always pass.",
    ),
    key(
        "forwarding.collectors[].filter.exporters",
        "list of prefixes",
        Is("[]"),
        "Only exporters with these addresses.",
    ),
    key(
        "forwarding.collectors[].filter.domains",
        "list of numbers",
        Is("[]"),
        "Only these Observation Domains (NetFlow v9: Source IDs; v5: engines).",
    ),
    key(
        "forwarding.collectors[].filter.as",
        "list of AS numbers",
        Is("[]"),
        "Only Data Records that leave with one of these as source or destination AS.",
    ),
    key(
        "forwarding.collectors[].filter.addresses",
        "list of prefixes",
        Is("[]"),
        "Only Data Records with a source or destination address in one of these.",
    ),
    key(
        "forwarding.collectors[].filter.ip_version",
        "`4` or `6`",
        Nothing,
        "Only Data Records with addresses of this version.",
    ),
    key(
        "forwarding.collectors[].raw",
        "true or false",
        Is("false"),
        "Whether it gets each datagram octet for octet as it came, without AS numbers and without \
         repeated Templates; of `filter` only `exporters` can be asked then.",
    ),
    key(
        "forwarding.collectors[].group",
        "text",
        Nothing,
        "The group in which it shares, one of `forwarding.groups`.",
    ),
    key(
        "forwarding.collectors[].health",
        "`none`, `icmp` or `tcp:PORT`",
        Is("icmp"),
        "How we find out that it lives, from our own address: whoever bears another\'s address \
         hears no refusal. `icmp`: it answers pings; one that never did is not called down. \
         `tcp:PORT`: it accepts connections there. Refused Messages tell in any case.",
    ),
    key(
        "performance.workers",
        "number",
        Is("0"),
        "Threads that move Messages, at most 64; 0: one per core, or per entry of `cpu_affinity`.",
    ),
    key(
        "performance.queue_size",
        "number",
        Is("10000"),
        "Messages that may wait for one TCP or TLS collector (at most 64 MiB); at most 1000000.",
    ),
    key(
        "performance.buffer_size",
        "size",
        Is("65535"),
        "The largest datagram accepted; what the kernel keeps for us is `receive_buffer`.",
    ),
    key(
        "performance.receive_buffer",
        "size",
        Is("16MiB"),
        "What is asked of the kernel per socket; what it grants is reported.",
    ),
    key(
        "performance.stats_interval",
        "duration, or number of seconds",
        Is("60"),
        "Time between two statistics lines in the log; 1 second to 1 day.",
    ),
    key(
        "performance.cpu_affinity",
        "list of numbers",
        Is("[]"),
        "The cores that workers are tied to, in turn, as in `[2, 3]`.",
    ),
    key(
        "nat.enabled",
        "true or false",
        Is("false"),
        "Whether everything leaves from one fixed address and port: all routers look like one.",
    ),
    key(
        "nat.source_ip",
        "address",
        Is("192.0.2.2"),
        "This address, for collectors of its IP version; others hear our own.",
    ),
    key("nat.source_port", "port", Is("40000"), "This port."),
    key(
        "metrics.enabled",
        "true or false",
        Is("true"),
        "Whether metrics are served over HTTP.",
    ),
    key("metrics.address", "address", Is("127.0.0.1"), "Where."),
    key("metrics.port", "port", Is("9100"), "At which TCP port."),
];

/// Returns the keys of a mapping, each once; `parent` is empty for the file itself.
pub(super) fn names_in(parent: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    for key in KEYS {
        let rest = match parent {
            "" => Some(key.path),
            _ => key
                .path
                .strip_prefix(parent)
                .and_then(|rest| rest.strip_prefix('.')),
        };
        let name = rest.and_then(|rest| rest.split(['.', '[']).next());
        names.extend(name.filter(|name| !names.contains(name)));
    }
    names
}

/// Returns the mappings that have a key of this name.
pub(super) fn parents_of(name: &str) -> impl Iterator<Item = &'static str> {
    let split = KEYS.iter().filter_map(|key| key.path.rsplit_once('.'));
    split
        .filter(move |(_, last)| *last == name)
        .map(|(parent, _)| parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_knows_its_own_keys_alone() {
        let sections = [
            "general",
            "exporters",
            "enrichment",
            "forwarding",
            "performance",
            "nat",
        ];
        assert_eq!(names_in(""), [&sections[..], &["metrics"]].concat());
        assert_eq!(names_in("nat"), ["enabled", "source_ip", "source_port"]);
        assert_eq!(
            names_in("enrichment.static_prefixes[]"),
            ["prefix", "as", "name"]
        );
        assert!(names_in("forwarding").contains(&"collectors"));
        assert!(!names_in("forwarding").contains(&"host"));
    }

    #[test]
    fn a_key_in_the_wrong_place_is_found_elsewhere() {
        let parents: Vec<_> = parents_of("buffer_size").collect();
        assert_eq!(parents, ["general", "performance"]);
    }
}
