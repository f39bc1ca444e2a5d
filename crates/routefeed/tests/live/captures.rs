//! Sessions of real routers, replayed, against what another collector read in them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use asdb::{Asn, Prefix, Provider};
use routefeed::bgp::nlri::Families;
use routefeed::bgp::open::Open;
use routefeed::bgp::session::{Happening, Session, State, Terms};
use routefeed::bmp::station::Station;
use routefeed::rib::{RibKey, Ribs, SourceKey, View};

use crate::support::{distinguisher, shared, streams, text, words};

/// Replays the connections of routers in a capture, however many octets come at once; returns the
/// address of the last router.
fn replay_bmp(path: &Path, octets_at_once: usize, ribs: &mut Ribs) -> IpAddr {
    let mut router = None;
    for (way, stream) in streams(path) {
        if stream.octets.first() != Some(&3) {
            continue;
        }
        router = Some(way.0);
        let mut station = Station::new(way.0);
        let mut malformed = Vec::new();
        for octets in stream.octets.chunks(octets_at_once) {
            let taken = station.take(octets, 0, ribs, &mut |happening| {
                if let routefeed::bmp::station::Happening::Malformed(reason, _) = happening {
                    malformed.push(reason);
                }
            });
            taken.unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        }
        assert_eq!(malformed, [""; 0], "{}", path.display());
    }
    router.expect("a router")
}

/// Replays the session of a router over BGP, as if we had agreed to what it asked for.
fn replay_bgp(path: &Path, ribs: &mut Ribs) -> SourceKey {
    let streams = streams(path);
    let (way, stream) = streams
        .iter()
        .find(|(_, stream)| stream.octets.first() == Some(&0xff))
        .expect("a session");
    let octets_count = usize::from(stream.octets[17]);
    let open = Open::read(&stream.octets[19..octets_count]).expect("an OPEN");
    let terms = Terms {
        our_asn: Asn(1),
        our_identifier: [192, 0, 2, 254].into(),
        peer_asn: open.asn,
        hold_time_s: 90,
        families: Families::ALL,
    };
    let source = SourceKey {
        provider: Provider::Bgp,
        router: way.0,
    };
    let key = RibKey {
        source,
        peer: way.0,
        distinguisher: 0,
        view: View::PrePolicy,
    };
    let mut session = Session::new(terms, 0);
    for octets in stream.octets.chunks(100) {
        session.take(octets, 0, &mut |happening| match happening {
            Happening::Update(update) => assert!(ribs.update(key, update, 0)),
            Happening::Malformed { reason, .. } => panic!("{}: {reason}", path.display()),
            Happening::Opened(_) | Happening::Established(_) | Happening::Over { .. } => {}
        });
    }
    assert_eq!(session.state(), State::Established, "{}", path.display());
    source
}

/// A route as both collectors can say it: where, and path, next hop, communities.
type Routes = BTreeMap<(String, u64, View, Prefix), (String, Option<IpAddr>, Vec<String>)>;

/// The routes that the other collector's log leaves.
fn said(log: &Path, router: &str, with_internal: bool) -> Routes {
    let mut routes = Routes::new();
    for line in std::fs::read_to_string(log).expect("readable").lines() {
        let Some(kind) = text(line, "log_type") else {
            continue;
        };
        let is_internal = text(line, "bmp_msg_type") == Some("internal");
        let is_ours = line.contains(router) && (with_internal || !is_internal);
        if !is_ours || line.contains("\"safi\": 4") || kind == "end-of-rib" {
            continue;
        }
        let view = if line.contains("\"is_loc\": 1") {
            View::LocRib
        } else if line.contains("\"is_post\": 1") {
            View::PostPolicy
        } else {
            View::PrePolicy
        };
        let peer = text(line, "peer_ip").unwrap_or("the router").to_owned();
        let rd = text(line, "rd").map_or(0, distinguisher);
        let prefix = text(line, "ip_prefix").unwrap().parse().unwrap();
        let key = (peer, rd, view, prefix);
        if kind == "update" {
            let mut communities = words(line, "comms");
            communities.extend(words(line, "lcomms"));
            communities.sort();
            let next_hop = text(line, "bgp_nexthop")
                .unwrap()
                .parse::<IpAddr>()
                .unwrap();
            // The other collector writes 0.0.0.0 where there is none.
            let next_hop = Some(next_hop.to_canonical()).filter(|hop| !hop.is_unspecified());
            routes.insert(
                key,
                (words(line, "as_path").join(" "), next_hop, communities),
            );
        } else {
            routes.remove(&key);
        }
    }
    routes
}

/// The routes that we have.
fn kept(ribs: &Ribs) -> Routes {
    let mut routes = Routes::new();
    for (key, table) in ribs.tables() {
        let peer = match key.source.provider {
            Provider::Bgp => "the router".to_owned(),
            _ => key.peer.to_string(),
        };
        let prefixes = table.prefixes();
        for prefix in prefixes {
            for (_, _, route) in table.exact(prefix) {
                let read = ribs.store().attributes(route.attributes).unwrap();
                let communities = read.communities();
                let plain = communities.into_iter().filter(|one| {
                    !["rt:", "soo:", "ext:"]
                        .iter()
                        .any(|name| one.starts_with(name))
                });
                let next_hop = read.next_hop().map(|address| address.to_canonical());
                let next_hop = next_hop.filter(|hop| !hop.is_unspecified());
                let path = read.path().replace(['(', ')'], "");
                let mut plain: Vec<_> = plain.collect();
                plain.sort();
                let value = (path, next_hop, plain);
                let place = (peer.clone(), key.distinguisher, key.view, prefix);
                routes.insert(place, value);
            }
        }
    }
    routes
}

fn compare(what: &str, ours: &Routes, theirs: &Routes) {
    for (key, route) in theirs {
        let mut route = route.clone();
        // A router wrote these paths with AS numbers of two octets and did not say so; the other
        // collector read nothing.
        let ours = ours.get(key);
        let is_narrow = ours.is_some_and(|ours| ours.0 == "65000");
        if what.starts_with("205") && route.0.is_empty() && is_narrow {
            route.0 = "65000".to_owned();
        }
        assert_eq!(ours, Some(&route), "{what}: {key:?}");
    }
    for key in ours.keys() {
        assert!(theirs.contains_key(key), "{what}: only we have {key:?}");
    }
    eprintln!(
        "{what}: {} routes, each as the other collector read it",
        ours.len()
    );
    assert!(!ours.is_empty());
}

#[test]
fn bmp_of_real_routers_gives_the_routes_that_another_collector_read() {
    let (Some(folder), Some(oracle)) = (shared("asdata/bgp-bmp"), shared("corpus/oracle")) else {
        return;
    };
    // folder, capture, log, router in the log, whether what the log ends with is of the capture
    let rows = [
        (
            &folder,
            "200-BMP-HUAWEI-locrib_instance",
            "traffic-00.pcap",
            "192.168.100.1",
            false,
        ),
        (
            &folder,
            "201-BMP-CISCO-rd_instance",
            "traffic-00.pcap",
            "192.168.100.1",
            false,
        ),
        (
            &folder,
            "204-BMP-CISCO-peer_down",
            "traffic-00.pcap",
            "fd25::101",
            true,
        ),
        (
            &folder,
            "205-BMP-6wind-FRR-peer_down",
            "traffic-00.pcap",
            "172.21.1.101",
            true,
        ),
        (
            &oracle,
            "pm400",
            "traffic-00.pcap",
            "\"172.21.1.101\"",
            true,
        ),
        (
            &oracle,
            "pm400",
            "traffic-01.pcap",
            "\"172.21.1.102\"",
            true,
        ),
        (&oracle, "pm401", "traffic-00.pcap", "\"fd25::101\"", true),
        (&oracle, "pm401", "traffic-01.pcap", "\"fd25::102\"", true),
    ];
    for (folder, name, capture, router, with_internal) in rows {
        let folder = folder.join(name);
        let theirs = said(&folder.join("output-bmp-00.json"), router, with_internal);
        for octets_at_once in [1 << 20, 7] {
            let mut ribs = Ribs::default();
            replay_bmp(&folder.join(capture), octets_at_once, &mut ribs);
            compare(&format!("{name} {capture}"), &kept(&ribs), &theirs);
        }
    }
}

#[test]
fn bgp_of_real_routers_gives_the_routes_that_another_collector_read() {
    let (Some(folder), Some(oracle)) = (shared("asdata/bgp-bmp"), shared("corpus/oracle")) else {
        return;
    };
    let folders = [
        folder.join("300-BGP-IPv6-CISCO-extNH_enc"),
        folder.join("301-BGP-CISCO-pretag"),
        oracle.join("pm501"),
    ];
    for folder in folders {
        let theirs = said(&folder.join("output-bgp-00.json"), "", true);
        let mut ribs = Ribs::default();
        replay_bgp(&folder.join("traffic-00.pcap"), &mut ribs);
        compare(&folder.display().to_string(), &kept(&ribs), &theirs);
    }
}

#[test]
fn flow_records_get_the_origin_whose_path_another_collector_resolved() {
    let Some(oracle) = shared("corpus/oracle") else {
        return;
    };
    for name in ["pm400", "pm401", "pm501"] {
        let folder = oracle.join(name);
        let mut ribs = Ribs::default();
        let mut routers = BTreeMap::new();
        for (nkey, capture) in [("90", "traffic-00.pcap"), ("91", "traffic-01.pcap")] {
            let path = folder.join(capture);
            if name == "pm501" && nkey == "90" {
                let source = replay_bgp(&path, &mut ribs);
                routers.insert("node90".to_owned(), source.router);
            } else if path.exists() {
                let router = replay_bmp(&path, 1 << 20, &mut ribs);
                routers.insert(nkey.to_owned(), router);
            }
        }
        let (mut compared, mut differing) = (0, Vec::new());
        let flows = std::fs::read_to_string(folder.join("output-flow-00.json"));
        for line in flows.expect("readable").lines() {
            let router = routers[text(line, "nkey").unwrap()];
            let rd = distinguisher(text(line, "mpls_vpn_rd").unwrap());
            for (address, path) in [("ip_src", "as_path_src"), ("ip_dst", "as_path")] {
                let path = words(line, path);
                let Some(theirs) = path.last() else { continue };
                let address: IpAddr = text(line, address).unwrap().parse().unwrap();
                let told = ribs.about(address);
                let mut best = told.iter().filter(|told| {
                    told.key.source.router == router && told.key.distinguisher == rd
                });
                let ours = best.next().and_then(|told| told.attributes.origin());
                compared += 1;
                if ours.map(|asn| asn.0.to_string()).as_ref() != Some(theirs) {
                    differing.push(format!("{address} rd {rd:x}: {ours:?}, {theirs}"));
                }
            }
        }
        eprintln!(
            "{name}: {compared} origins compared, {} differ",
            differing.len()
        );
        assert!(
            compared > 20 && differing.is_empty(),
            "{name}: {differing:#?}"
        );
    }
}

#[test]
fn every_capture_of_bmp_is_read_without_a_fault() {
    let Some(folder) = shared("asdata/bgp-bmp/akvorado") else {
        return;
    };
    // The session goes on in another file: what the peers agreed on stands in the first two.
    let start = ["bmp-init.pcap", "bmp-peers-up.pcap"].map(|name| folder.join(name));
    let mut read = 0;
    for entry in std::fs::read_dir(&folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let mut octets = Vec::new();
        for path in start.iter().chain([&path]) {
            octets.extend(streams(path).into_values().flat_map(|stream| stream.octets));
        }
        let (mut ribs, mut station) = (Ribs::default(), Station::new([192, 0, 2, 1].into()));
        for octets in octets.chunks(5) {
            let taken = station.take(octets, 0, &mut ribs, &mut |happening| {
                let is_bad = matches!(happening, routefeed::bmp::station::Happening::Malformed(..));
                assert!(!is_bad, "{}: {happening:?}", path.display());
            });
            taken.expect("a stream of BMP");
        }
        if path.ends_with("bmp-reach-addpath.pcap") {
            let ids = ribs.tables().flat_map(|(_, table)| {
                let prefixes = table.prefixes().collect::<Vec<_>>();
                prefixes.into_iter().flat_map(|prefix| table.exact(prefix))
            });
            let ids: Vec<_> = ids
                .map(|(prefix, path_id, _)| (prefix.to_string(), path_id))
                .collect();
            assert!(
                !ids.is_empty() && ids.iter().all(|(_, id)| *id != 0),
                "{ids:?}"
            );
        }
        read += 1;
    }
    assert_eq!(read, 12);
}
