//! Section `enrichment`: who knows AS numbers.
//!
//! Not here: exporters that are treated differently (`exporters`).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use asdb::{Asn, PolicyWord, Provider};
use ipnet::IpNet;
use mediator::settings::MissingFields;

use super::DAY_MS;
use crate::config::fault::{Report, Wrong};
use crate::config::section::Section;
use crate::config::types::{
    AddressFamily, AsDatabase, BGP_HOLD_TIME, BGP_PORT, Bgp, BgpPeer, Bmp, Enrichment, Exporter,
    StaticPrefix,
};
use crate::config::value;
use crate::config::words::{FAMILIES, MISSING_FIELDS};

const UNUSABLE_AS: [Asn; 4] = [Asn::NONE, Asn::TRANS, Asn(65535), Asn(u32::MAX)];
/// A session is held for three seconds at least [RFC 4271 §4.2].
const HOLD_TIME_MS_MIN: u64 = 3_000;
/// The longest hold time that an OPEN can say, 65,535 seconds, is above this.
const HOLD_TIME_MS_MAX: u64 = 18 * 3_600_000;
/// Longer than a router takes to restart.
const ROUTES_GRACE: Duration = Duration::from_secs(300);

pub(super) fn read(report: &mut Report, section: &Section) -> Enrichment {
    let append = MissingFields::Append;
    let geoip_database = "/usr/share/GeoIP/GeoLite2-City.mmdb".into();
    Enrichment {
        as_extraction: section.value(report, "as_extraction", true, value::flag),
        missing_fields: section.value(report, "missing_fields", append, |node| {
            value::word(node, MISSING_FIELDS)
        }),
        as_providers: as_providers(report, section, &PolicyWord::DEFAULT_ORDER),
        unusable_as: section.list(report, "unusable_as", UNUSABLE_AS.to_vec(), value::asn),
        static_prefixes: static_prefixes(report, section),
        as_databases: section.items(report, "as_databases", Vec::new(), |report, item| {
            let path = item.required(report, "path", value::path)?;
            Some(AsDatabase { path })
        }),
        mrt_files: section.list(report, "mrt_files", Vec::new(), value::path),
        geoip_enabled: section.value(report, "geoip_enabled", false, value::flag),
        geoip_database: section.value(report, "geoip_database", geoip_database, value::path),
        reverse_dns: section.value(report, "reverse_dns", false, value::flag),
        bgp: bgp(report, section),
        bmp: bmp(report, section),
        routes_grace: section.value(report, "routes_grace", ROUTES_GRACE, |node| {
            value::duration(node, 0..=DAY_MS)
        }),
    }
}

/// Reads a list of providers: none twice, and something to ask.
pub(super) fn as_providers(
    report: &mut Report,
    section: &Section,
    default: &[PolicyWord],
) -> Vec<PolicyWord> {
    let mut seen: Vec<PolicyWord> = Vec::new();
    let words = section.list(report, "as_providers", default.to_vec(), |node| {
        let word = value::provider(node)?;
        let same = seen
            .iter()
            .find(|other| other.provider() == word.provider())
            .copied();
        seen.push(word);
        match same {
            None => Ok(word),
            Some(other) if other == word => Err(Wrong::new(
                "written twice",
                "keep the one in the right place",
            )),
            Some(other) => {
                let problem = format!("another word for what `{}` says", other.name());
                Err(Wrong::new(problem, "keep one of the two"))
            }
        }
    });
    if words.is_empty() {
        let remedy = "name a provider, or set enrichment.as_extraction to false";
        section.fault(
            report,
            "as_providers",
            Wrong::new("nobody is asked", remedy),
        );
    }
    words
}

fn static_prefixes(report: &mut Report, section: &Section) -> Vec<StaticPrefix> {
    let mut seen: HashMap<IpNet, (Asn, u32)> = HashMap::new();
    section.items(report, "static_prefixes", Vec::new(), |report, item| {
        let prefix = item.required(report, "prefix", value::prefix);
        let asn = item.required(report, "as", value::asn_of_somebody);
        let name = item.optional(report, "name", value::name);
        let (prefix, asn) = (prefix?, asn?);
        if prefix.prefix_len() == 0 {
            let remedy = "write the prefixes that are meant";
            item.fault(
                report,
                "prefix",
                Wrong::new("a default route is no answer", remedy),
            );
            return None;
        }
        match seen.insert(prefix, (asn, item.line)) {
            Some((other, line)) if other != asn => {
                let problem = format!("the same prefix has {other} on line {line}");
                item.fault(report, "prefix", Wrong::new(problem, "keep one of the two"));
            }
            Some((_, line)) => {
                let label = item.label("prefix");
                report.warning(
                    item.line,
                    format!("{label}: {prefix} is on line {line} already"),
                );
            }
            None => {}
        }
        Some(StaticPrefix { prefix, asn, name })
    })
}

fn bgp(report: &mut Report, section: &Section) -> Bgp {
    let router = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let mut seen = Vec::new();
    let bgp = Bgp {
        enabled: section.value(report, "bgp_enabled", false, value::flag),
        router: section.value(report, "bgp_router", router, value::address),
        asn: section.value(report, "bgp_as", Asn(64500), value::asn_of_somebody),
        port: section.value(report, "bgp_port", BGP_PORT, value::port),
        peers: section.items(report, "bgp_peers", Vec::new(), |report, item| {
            let peer = bgp_peer(report, item)?;
            if seen.contains(&peer.address) {
                let wrong = Wrong::new("the same router again", "keep one of the two");
                item.fault(report, "address", wrong);
            }
            seen.push(peer.address);
            Some(peer)
        }),
    };
    let names_nobody = bgp.peers.is_empty() && section.written("bgp_router").is_none();
    if bgp.enabled && names_nobody && report.are_read(&["enrichment.bgp_peers"]) {
        let remedy = "name your routers in enrichment.bgp_peers, or one in enrichment.bgp_router";
        let wrong = Wrong::new("there is nobody to hear", remedy);
        section.fault(report, "bgp_enabled", wrong);
    }
    bgp
}

fn bgp_peer(report: &mut Report, item: &Section) -> Option<BgpPeer> {
    let address = item.required(report, "address", value::address);
    let asn = item.required(report, "as", value::asn_of_somebody);
    let passive = item.value(report, "passive", true, value::flag);
    let password_file = item.optional(report, "password_file", value::path);
    let hold_time = item.value(report, "hold_time", BGP_HOLD_TIME, |node| {
        value::duration(node, HOLD_TIME_MS_MIN..=HOLD_TIME_MS_MAX)
    });
    let port = item.value(report, "port", BGP_PORT, value::port);
    let both = vec![AddressFamily::Ipv4, AddressFamily::Ipv6];
    let families = item.list(report, "families", both, |node| value::word(node, FAMILIES));
    if families.is_empty() {
        let wrong = Wrong::new("no routes are asked for", "write ipv4, ipv6 or both");
        item.fault(report, "families", wrong);
    }
    Some(BgpPeer {
        address: address?.to_canonical(),
        asn: asn?,
        passive,
        password_file,
        hold_time,
        port,
        families,
    })
}

fn bmp(report: &mut Report, section: &Section) -> Bmp {
    let bmp = Bmp {
        enabled: section.value(report, "bmp_enabled", false, value::flag),
        port: section.value(report, "bmp_port", 11019, value::port),
        allow: section.list(report, "bmp_allow", Vec::new(), value::prefix),
    };
    if bmp.enabled && bmp.allow.is_empty() && report.are_read(&["enrichment.bmp_allow"]) {
        let remedy = "name the prefixes of your routers in enrichment.bmp_allow";
        let wrong = Wrong::new("anybody could tell us routes: bmp_allow is empty", remedy);
        section.fault(report, "bmp_enabled", wrong);
    }
    bmp
}

/// Warns of answers that no list of providers asks for.
pub(super) fn warn_of_the_unasked(
    report: &mut Report,
    section: &Section,
    enrichment: &Enrichment,
    exporters: &[Exporter],
) {
    let sources = [
        (
            "static_prefixes",
            Provider::Static,
            enrichment.static_prefixes.is_empty(),
        ),
        (
            "as_databases",
            Provider::Database,
            enrichment.as_databases.is_empty(),
        ),
        (
            "mrt_files",
            Provider::Table,
            enrichment.mrt_files.is_empty(),
        ),
    ];
    for (name, provider, is_empty) in sources {
        let asks = |words: &[PolicyWord]| words.iter().any(|word| word.provider() == provider);
        let is_asked = asks(&enrichment.as_providers)
            || exporters
                .iter()
                .any(|exporter| asks(&exporter.as_providers));
        let line = section.written(name).map_or(0, |node| node.line);
        if !is_empty && !is_asked {
            let label = section.label(name);
            let text = format!("{label}: nobody asks; no as_providers has `{provider}`");
            report.warning(line, text);
        }
    }
}
