//! What the operator decided, as the Mediator needs it.
//!
//! Not here: names of keys, defaults' reasons and checks (the daemon's `config`).

pub mod filter;

use alloc::vec::Vec;
use asdb::{AsDb, Policy};
use core::net::IpAddr;

use crate::Limits;
use filter::Filter;

/// What to do with octets that are no Message we can follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// Forward them unchanged, counted.
    Pass,
    /// Drop them, counted.
    Drop,
}

/// What to do with a Template that lacks the AS fields or has them too narrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingFields {
    /// Announce an enriched clone of the Template under another ID.
    Append,
    /// Change no Template; a narrow field takes what fits, else 23456.
    Leave,
}

/// Whether the records of an exporter are enriched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enrich {
    /// Yes.
    On,
    /// Everything is looked up and counted, nothing is written.
    DryRun,
    /// No: its Sets pass as they came.
    Off,
}

/// What the exporter's own AS fields mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowAsSemantics {
    /// The origin AS of the address: an answer of the provider `flow`.
    Origin,
    /// The adjacent AS: never an answer.
    Peer,
}

/// Which of several addresses of one side is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressChoice {
    /// The first that can have an origin.
    FirstPublic,
    /// The first.
    Outer,
    /// The last.
    Inner,
    /// As `FirstPublic`, but the post-NAT address where that one is private.
    PostNatIfPrivate,
}

/// How the records of one exporter, or of all that no rule names, are treated.
#[derive(Clone, Debug)]
pub struct Treatment {
    /// Whether to write.
    pub enrich: Enrich,
    /// Index into [`Knowledge::policies`].
    pub policy_index: u16,
    /// The router whose own routes count first; `None`: the one with the exporter's address.
    pub routes_from: Option<IpAddr>,
    /// What fields 16 and 17 mean.
    pub flow_as_semantics: FlowAsSemantics,
    /// Which address counts.
    pub address: AddressChoice,
    /// AS numbers of the exporter that are no answer, besides the reserved ranges.
    pub unusable_as: Vec<u32>,
    /// One IP packet in so many is sampled, where the exporter does not say; 0: nobody knows.
    pub sampling_rate: u32,
}

/// A [`Treatment`] for the exporters of a prefix.
#[derive(Clone, Debug)]
pub struct ExporterRule {
    /// Network address of the prefix; host bits are 0.
    pub network: IpAddr,
    /// Length of the prefix in bits.
    pub prefix_len: u8,
    /// Only this Observation Domain (v9 Source ID).
    pub domain: Option<u32>,
    /// What is done.
    pub treatment: Treatment,
}

impl ExporterRule {
    /// Whether the rule's prefix holds this address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let same = |a: u128, b: u128, width: u8| {
            let host_bits = u32::from(width.saturating_sub(self.prefix_len));
            a.checked_shr(host_bits) == b.checked_shr(host_bits)
        };
        match (self.network, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
            _ => false,
        }
    }
}

/// The IP header that a Message of an outlet will have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpHeader {
    /// 20 octets.
    Ipv4,
    /// 40 octets.
    Ipv6,
    /// That of the exporter's own address family.
    OfExporter,
    /// Not ours to count: a stream carries the Messages, each as long as it is.
    OfStream,
}

/// Which Observation Domain the Messages of an outlet name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainNames {
    /// The exporter's: the collector tells exporters apart by their address.
    Kept,
    /// One of our own for each domain of each exporter, as soon as there are two exporters: they
    /// all speak from our address.
    Distinct,
    /// As `Kept` for exporters whose address the Messages bear, as `Distinct` for the others; see
    /// [`Outlet::bears_address_of`].
    KeptIfBorne,
}

/// What leaves by an outlet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Messages of ours, with AS numbers.
    Enriched,
    /// Each datagram as it came, octet for octet, at once and whatever is in it.
    AsCame,
}

/// How the members of a group share the Data Records. Templates and Options Data Records go to
/// every member, so that each can read whatever it gets next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// All of an exporter's go to one member, which its address decides.
    ByExporter,
    /// All go to the first member that can be reached.
    FirstReachable,
}

/// The place of an outlet in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which group.
    pub group: u16,
    /// How the group shares.
    pub sharing: Sharing,
    /// What decides which exporters are whose: different for each member, the same after a
    /// restart and for every worker.
    pub key: u64,
}

/// Collectors with equal settings: they get the same Messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlet {
    /// Largest IP packet in octets, IP and UDP header included.
    pub packet_octets_max: usize,
    /// What the IP header takes of it.
    pub ip_header: IpHeader,
    /// Which domain its Messages name.
    pub domains: DomainNames,
    /// Whether it gets what we make or what came.
    pub content: Content,
    /// What it gets of it.
    pub filter: Filter,
    /// With which others it shares, if with any.
    pub member: Option<Member>,
}

/// Everything that is decided before the first datagram.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Templates without wide AS fields.
    pub missing_fields: MissingFields,
    /// Messages and Sets that contradict their own lengths.
    pub malformed: Misfit,
    /// Versions other than 5, 9 and 10.
    pub unknown_versions: Misfit,
    /// Templates are announced again after this time, with traffic.
    pub template_refresh_ms: u64,
    /// Templates are announced again after this many Messages: a collector that starts under load
    /// need not wait for the clock [RFC 3954 §7, RFC 5153 §6.2].
    pub template_refresh_messages: u32,
    /// How long Data Sets wait for their Template; 0: not at all.
    pub hold_ms: u64,
    /// Exporters with a treatment of their own; the first match counts.
    pub exporters: Vec<ExporterRule>,
    /// Everybody else.
    pub otherwise: Treatment,
    /// Groups of collectors; at least one, at most 64.
    pub outlets: Vec<Outlet>,
    /// Addresses of this host: Messages of exporters on it never bear theirs.
    pub own_addresses: Vec<IpAddr>,
    /// How much memory input may take.
    pub limits: Limits,
}

impl Outlet {
    /// Returns an outlet that gets everything, enriched, and shares with nobody.
    #[must_use]
    pub const fn of_all(
        packet_octets_max: usize,
        ip_header: IpHeader,
        domains: DomainNames,
    ) -> Self {
        Self {
            packet_octets_max,
            ip_header,
            domains,
            content: Content::Enriched,
            filter: Filter::EVERYTHING,
            member: None,
        }
    }

    /// Whether Messages of an exporter leave this outlet with the exporter's own address, so that
    /// collectors know it by that.
    ///
    /// Where [`DomainNames::KeptIfBorne`] asks: if it is of the family of the outlet's IP header,
    /// means the same everywhere, and is none of `own_addresses`, those of this host.
    #[must_use]
    pub fn bears_address_of(&self, exporter: IpAddr, own_addresses: &[IpAddr]) -> bool {
        match self.domains {
            DomainNames::Kept => return true,
            DomainNames::Distinct => return false,
            DomainNames::KeptIfBorne => {}
        }
        let is_of_family = match self.ip_header {
            IpHeader::Ipv4 => exporter.is_ipv4(),
            IpHeader::Ipv6 => exporter.is_ipv6(),
            IpHeader::OfExporter => true,
            IpHeader::OfStream => false,
        };
        let is_of_one_link = match exporter {
            IpAddr::V4(address) => address.is_link_local(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        };
        is_of_family
            && !is_of_one_link
            && !exporter.is_loopback()
            && !own_addresses.contains(&exporter)
    }
}

impl Default for Treatment {
    /// What becomes of an exporter of which the operator says nothing.
    fn default() -> Self {
        Self {
            enrich: Enrich::On,
            policy_index: 0,
            routes_from: None,
            flow_as_semantics: FlowAsSemantics::Origin,
            address: AddressChoice::FirstPublic,
            unusable_as: Vec::new(),
            sampling_rate: 0,
        }
    }
}

impl Settings {
    /// Returns what is done for these outlets where the operator says nothing.
    #[must_use]
    pub fn of_outlets(outlets: Vec<Outlet>) -> Self {
        Self {
            missing_fields: MissingFields::Append,
            malformed: Misfit::Pass,
            unknown_versions: Misfit::Pass,
            template_refresh_ms: 60_000,
            template_refresh_messages: 500,
            hold_ms: 1_000,
            exporters: Vec::new(),
            otherwise: Treatment::default(),
            outlets,
            own_addresses: Vec::new(),
            limits: Limits::default(),
        }
    }

    /// Whether an outlet names domains of our own choice for an exporter.
    pub(crate) fn shows_apart(&self, outlet: &Outlet, exporter: IpAddr) -> bool {
        !outlet.bears_address_of(exporter, &self.own_addresses)
    }
}

/// What is known of AS numbers at this moment: one consistent pair.
#[derive(Clone, Copy, Debug)]
pub struct Knowledge<'a> {
    /// Prefix to answers.
    pub as_db: &'a AsDb,
    /// The policies that [`Treatment::policy_index`] means, compiled against `as_db`.
    pub policies: &'a [Policy],
    /// The same for routers that tell their own routes, sorted by address.
    pub own: &'a [OwnPolicies],
}

/// The policies of a router whose own routes come before those of all.
#[derive(Clone, Debug)]
pub struct OwnPolicies {
    /// Its address.
    pub router: IpAddr,
    /// As [`Knowledge::policies`].
    pub policies: Vec<Policy>,
}

impl<'a> Knowledge<'a> {
    /// Returns the policy for an exporter that is treated so.
    #[must_use]
    pub fn policy(&self, exporter: IpAddr, treatment: &Treatment) -> Option<&'a Policy> {
        let mut policies = self.policies;
        if !self.own.is_empty() {
            let router = treatment.routes_from.unwrap_or(exporter);
            let own = self.own.binary_search_by_key(&router, |own| own.router);
            if let Some(own) = own.ok().and_then(|place| self.own.get(place)) {
                policies = &own.policies;
            }
        }
        policies.get(usize::from(treatment.policy_index))
    }
}
