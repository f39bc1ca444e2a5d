//! The configuration as the program means it.
//!
//! Every key of the file has its place here, and what the file left out has its default, so no
//! field is an `Option` unless "none" is a meaning of its own. Where a key of one exporter or
//! collector falls back on a key of all, the fallback is worked out: the field says what counts.
//!
//! Not here: names and defaults of the keys (`keys`), how they are read (`check`).

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use asdb::{Asn, PolicyWord};
use ipnet::IpNet;
use mediator::settings::filter::IpVersion;
use mediator::settings::{AddressChoice, Enrich, FlowAsSemantics, Misfit, MissingFields};

/// Everything that the operator decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Section `general`.
    pub general: General,
    /// What is known of single exporters; the first match counts, and each entry can match.
    pub exporters: Vec<Exporter>,
    /// Section `enrichment`.
    pub enrichment: Enrichment,
    /// Section `forwarding`.
    pub forwarding: Forwarding,
    /// Section `performance`.
    pub performance: Performance,
    /// Section `nat`.
    pub nat: Nat,
    /// Section `metrics`.
    pub metrics: Metrics,
}

/// Where the daemon listens, logs and keeps its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct General {
    /// Where Messages arrive; unspecified means every address of the host.
    pub listen_address: IpAddr,
    /// UDP port at which Messages arrive; not 0.
    pub listen_port: u16,
    /// Port of a collector that names none; not 0.
    pub output_port: u16,
    /// Where the telnet statistics listen.
    pub stats_address: IpAddr,
    /// TCP port of the telnet statistics; not 0.
    pub stats_port: u16,
    /// What is worth a line in the log.
    pub log_level: LogLevel,
    /// Where these lines go.
    pub log_file: LogFile,
    /// What these lines look like.
    pub log_format: LogFormat,
    /// Where Templates and choices survive a restart.
    pub state_dir: PathBuf,
    /// Who may send Messages; empty: everyone.
    pub allow_exporters: Vec<IpNet>,
}

/// What is worth a line in the log, and all that is graver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What the operator may want to know.
    Info,
    /// What the operator should look at.
    Warning,
    /// What no longer works.
    Error,
}

/// Where the log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogFile {
    /// To standard error alone.
    StandardError,
    /// To this file.
    Path(PathBuf),
}

/// What a line of the log looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// What is known of the exporters of a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exporter {
    /// Addresses the exporter sends from; no host bits.
    pub prefix: IpNet,
    /// Only this Observation Domain (v9 Source ID).
    pub domain: Option<u32>,
    /// What reports call it.
    pub name: Option<String>,
    /// Whether its Data Records are enriched.
    pub enrich: Enrich,
    /// Who is asked for its AS numbers, in this order.
    pub as_providers: Vec<PolicyWord>,
    /// What its own AS fields mean.
    pub flow_as_semantics: FlowAsSemantics,
    /// Which of several addresses of one side is looked up.
    pub address: AddressChoice,
    /// AS numbers that are no answer when it says them, besides the reserved ranges.
    pub unusable_as: Vec<Asn>,
    /// One of this many is sampled, where the exporter does not say.
    pub sampling_rate: Option<NonZeroU32>,
    /// The BGP or BMP peer whose routes are its own.
    pub routes_from: Option<IpAddr>,
}

/// Where AS numbers come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrichment {
    /// Whether AS numbers are written at all.
    pub as_extraction: bool,
    /// What happens to Templates without wide AS fields.
    pub missing_fields: MissingFields,
    /// Who is asked, in this order; no word twice, at most one for `flow`.
    pub as_providers: Vec<PolicyWord>,
    /// AS numbers of exporters that are no answer, besides the reserved ranges.
    pub unusable_as: Vec<Asn>,
    /// The operator's own answers; no prefix twice, no default route, no AS 0.
    pub static_prefixes: Vec<StaticPrefix>,
    /// Files of the provider `database`; none: the snapshot shipped with the program.
    pub as_databases: Vec<AsDatabase>,
    /// Routing table dumps of the provider `table`.
    pub mrt_files: Vec<PathBuf>,
    /// Whether reports show places.
    pub geoip_enabled: bool,
    /// Where these places come from.
    pub geoip_database: PathBuf,
    /// Whether tools and reports show names of addresses.
    pub reverse_dns: bool,
    /// The provider `bgp`.
    pub bgp: Bgp,
    /// The provider `bmp`.
    pub bmp: Bmp,
    /// How long routes count after their session was lost; zero: not at all.
    pub routes_grace: Duration,
}

/// A prefix whose AS the operator knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticPrefix {
    /// The addresses; no host bits, never a default route.
    pub prefix: IpNet,
    /// Their AS; not 0.
    pub asn: Asn,
    /// What the operator calls this AS.
    pub name: Option<String>,
}

/// A file of prefixes and AS numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsDatabase {
    /// MMDB, text or snapshot; plain, gzip or bzip2.
    pub path: PathBuf,
}

/// The listen-only BGP speaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bgp {
    /// Whether there is one.
    pub enabled: bool,
    /// Whom we hear where nobody is listed.
    pub router: IpAddr,
    /// Our AS.
    pub asn: Asn,
    /// Where routers reach us; not 0.
    pub port: u16,
    /// Whom we hear, as it is written; see [`Bgp::heard`].
    pub peers: Vec<BgpPeer>,
}

impl Bgp {
    /// Returns whom we hear: the listed ones, else the one router.
    #[must_use]
    pub fn heard(&self) -> Vec<BgpPeer> {
        let alone = || BgpPeer {
            address: self.router,
            asn: self.asn,
            passive: false,
            port: self::BGP_PORT,
            password_file: None,
            hold_time: self::BGP_HOLD_TIME,
            families: vec![AddressFamily::Ipv4, AddressFamily::Ipv6],
        };
        match (self.enabled, self.peers.is_empty()) {
            (false, _) => Vec::new(),
            (true, true) => vec![alone()],
            (true, false) => self.peers.clone(),
        }
    }
}

/// The port of BGP [RFC 4271 §8].
pub(super) const BGP_PORT: u16 = 179;
/// The usual hold time [RFC 4271 §10].
pub(super) const BGP_HOLD_TIME: Duration = Duration::from_secs(90);

/// An address family of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFamily {
    /// IPv4 unicast.
    Ipv4,
    /// IPv6 unicast.
    Ipv6,
}

/// A router that tells us its routes over BGP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BgpPeer {
    /// Its address.
    pub address: IpAddr,
    /// Its AS.
    pub asn: Asn,
    /// Whether it connects to us, not we to it.
    pub passive: bool,
    /// The file with the password of the session [RFC 2385].
    pub password_file: Option<PathBuf>,
    /// How long it may stay silent [RFC 4271 §4.2].
    pub hold_time: Duration,
    /// Its TCP port, where we connect to it; not 0.
    pub port: u16,
    /// The families that we ask for; at least one.
    pub families: Vec<AddressFamily>,
}

/// The BMP station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bmp {
    /// Whether there is one.
    pub enabled: bool,
    /// Its TCP port; not 0.
    pub port: u16,
    /// Who may connect.
    pub allow: Vec<IpNet>,
}

/// How Messages leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarding {
    /// Whose address they leave from.
    pub source: ForwardingSource,
    /// Largest IP packet in octets, IP and UDP header included.
    pub packet_octets_max: u16,
    /// Templates are announced again after this time, with traffic.
    pub template_refresh: Duration,
    /// How long Data Sets wait for their Template; zero: not at all.
    pub hold_time: Duration,
    /// Messages and Sets that contradict their own lengths.
    pub malformed: Misfit,
    /// Versions other than 5, 9 and 10.
    pub unknown_versions: Misfit,
    /// How collectors that share do so; none twice.
    pub groups: Vec<Group>,
    /// Whom we send to; at least one, none twice, none of them us.
    pub collectors: Vec<Collector>,
}

/// Whose address Messages leave from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardingSource {
    /// The exporter's if that can work, else ours.
    Auto,
    /// The exporter's.
    Exporter,
    /// Ours.
    Own,
}

/// Whom we send to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector {
    /// Its address or name.
    pub host: Host,
    /// Its port; not 0.
    pub port: u16,
    /// Whose address Messages leave from.
    pub source: ForwardingSource,
    /// Largest IP packet in octets, IP and UDP header included.
    pub packet_octets_max: u16,
    /// What carries the Messages.
    pub protocol: Protocol,
    /// Keys and certificates; with [`Protocol::Tls`] alone.
    pub tls: Option<CollectorTls>,
    /// What of it all it gets.
    pub filter: CollectorFilter,
    /// Whether it gets the octets as they came.
    pub raw: bool,
    /// The name of the group in which it shares; one of those in [`Forwarding::groups`].
    pub group: Option<String>,
    /// How we find out that it lives.
    pub health: Health,
}

/// What a collector gets: all conditions hold, and of each list one entry does; empty: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CollectorFilter {
    /// Exporters with these addresses.
    pub exporters: Vec<IpNet>,
    /// Observation Domains (v9 Source IDs, v5 engines).
    pub domains: Vec<u32>,
    /// Data Records that leave with one of these as source or destination AS.
    pub as_numbers: Vec<Asn>,
    /// Data Records with a source or destination address in one of these.
    pub addresses: Vec<IpNet>,
    /// Data Records with addresses of this version.
    pub ip_version: Option<IpVersion>,
}

impl CollectorFilter {
    /// Returns the key of a condition that a datagram as a whole cannot meet, if there is one.
    #[must_use]
    pub const fn record_key(&self) -> Option<&'static str> {
        if !self.domains.is_empty() {
            Some("domains")
        } else if !self.as_numbers.is_empty() {
            Some("as")
        } else if !self.addresses.is_empty() {
            Some("addresses")
        } else if self.ip_version.is_some() {
            Some("ip_version")
        } else {
            None
        }
    }
}

/// Collectors that share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What collectors call it.
    pub name: String,
    /// How they share.
    pub mode: GroupMode,
}

/// Which member of a group gets a Data Record. Templates and Options Data Records go to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupMode {
    /// Every one.
    All,
    /// One for each exporter, by a hash of its address.
    ExporterHash,
    /// The first that is not down.
    Failover,
}

/// An address, or a name that has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An address.
    Address(IpAddr),
    /// A name that whoever connects must look up.
    Name(String),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// What carries Messages to a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Datagrams [RFC 7011 §10.3].
    Udp,
    /// A stream [RFC 7011 §10.4].
    Tcp,
    /// An encrypted stream [RFC 7011 §11.1].
    Tls,
}

/// How we and a collector prove to each other who we are [RFC 7011 §11.3]; PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectorTls {
    /// Who may have signed the collector's certificate.
    pub ca_file: PathBuf,
    /// Our certificate and its key; none: the collector need not know who we are.
    pub identity: Option<TlsIdentity>,
    /// The name that the collector's certificate must bear, if not that of its `host`.
    pub server_name: Option<String>,
}

/// A certificate and the key that belongs to it; PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsIdentity {
    /// The certificate, and behind it those that lead to a known one.
    pub certificate_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

/// How we find out that a collector lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Not at all.
    None,
    /// It answers pings.
    Icmp,
    /// It accepts connections at this port; not 0.
    Tcp(u16),
}

/// How much of the host the daemon takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Performance {
    /// Threads that move Messages; 0: one per core, or per entry of `cpu_affinity`.
    pub workers: u16,
    /// Datagrams that may wait for one TCP or TLS collector.
    pub queue_datagrams_max: u32,
    /// Largest datagram accepted, in octets.
    pub datagram_octets_max: u16,
    /// What is asked of the kernel per socket, in bytes.
    pub receive_buffer_bytes: u32,
    /// Time between two statistics lines in the log.
    pub stats_interval: Duration,
    /// The cores that workers are tied to, in turn; empty: none.
    pub cpu_affinity: Vec<u16>,
}

/// One fixed address and port for everything that leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nat {
    /// Whether it is used.
    pub enabled: bool,
    /// The address.
    pub source_ip: IpAddr,
    /// The UDP port; not 0.
    pub source_port: u16,
}

/// Where metrics are served over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Whether they are.
    pub enabled: bool,
    /// The address.
    pub address: IpAddr,
    /// The TCP port; not 0.
    pub port: u16,
}
