//! What a watcher may see of Data Records while they are enriched.
//!
//! The watcher is a type parameter: with [`Silent`] the calls vanish and a record costs what it
//! costs; with a recorder, `replay --diff` and the live tools see every value before and after; a
//! counter of traffic sees many records at once.
//!
//! Not here: text, names, colours (whoever shows it).

use crate::Version;
use asdb::{Asn, Provider};
use core::net::{IpAddr, SocketAddr};

/// One side, source or destination, of one Data Record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SideSeen {
    /// The address that was chosen; `None` where the Template or the record has none to use.
    pub address: Option<IpAddr>,
    /// The AS number that the exporter sent; `None` where the Template has no field for it.
    pub before: Option<u32>,
    /// The AS number that leaves; `None` where the record has no field for it.
    pub after: Option<u32>,
    /// Who gave `after`; `None` where nobody knew and the octets stayed.
    pub by: Option<Provider>,
    /// What the table knows where the exporter's usable value stayed and differs.
    pub disagrees: Option<Asn>,
}

/// One Data Record as it was enriched.
#[derive(Clone, Copy, Debug)]
pub struct RecordSeen {
    /// The Transport Session.
    pub exporter: SocketAddr,
    /// The protocol.
    pub version: Version,
    /// Observation Domain ID, v9 Source ID, v5 engine type and ID.
    pub domain: u32,
    /// The exporter's Template ID; 0 for v5.
    pub template_id: u16,
    /// The source side.
    pub source: SideSeen,
    /// The destination side.
    pub destination: SideSeen,
}

/// How much traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Data Records.
    pub flows: u64,
    /// IP packets that they count, as the exporter says.
    pub ip_packets: u64,
    /// Octets that they count, as the exporter says.
    pub octets: u64,
}

impl Volume {
    /// Adds another.
    pub const fn add(&mut self, other: &Self) {
        self.flows = self.flows.wrapping_add(other.flows);
        self.ip_packets = self.ip_packets.wrapping_add(other.ip_packets);
        self.octets = self.octets.wrapping_add(other.octets);
    }
}

/// Somebody who wants to see records.
pub trait Observer {
    /// Whether [`Observer::record`] is to be called at all.
    const WATCHES: bool;
    /// Whether [`Observer::traffic`] is to be called at all.
    const COUNTS: bool = false;

    /// Sees one Data Record, in the order of the output.
    fn record(&mut self, seen: &RecordSeen);

    /// Sees the traffic of some Data Records: for each the AS number that leaves for its source
    /// and for its destination, 0 where nobody knows, and its volume. All three have one length.
    fn traffic(&mut self, ases: [&[u32]; 2], volumes: &[Volume]) {
        let _ = (ases, volumes);
    }
}

/// Nobody watches.
#[derive(Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    const WATCHES: bool = false;

    fn record(&mut self, _: &RecordSeen) {}
}
