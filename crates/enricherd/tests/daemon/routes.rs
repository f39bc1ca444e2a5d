//! Live routes on the wire: a router that speaks over a socket, and what becomes of records.
//!
//! Not here: real routers (`live`), what single messages do (`routefeed`).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use enricherd::config::{AddressFamily, BgpPeer, Config};
use enricherd::daemon::Daemon;

use crate::message::{Head, PLAIN, Protocol, data, data_sets, plain_record};
use crate::rig::{Collector, Exporter, Place};

/// How long anything may take: tables are made when nobody else wants to run, and on a loaded
/// machine that is seldom.
const PATIENCE: Duration = Duration::from_secs(200);

/// Looks again and again until something is so.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// The router's AS.
const ROUTER_AS: u16 = 64_512;
/// Where the router is; each test has its own, so that tests do not meet.
fn router(test: u8) -> IpAddr {
    [127, 0, 7, test].into()
}

/// A TCP port that is free at this address now.
fn free_port(address: IpAddr) -> u16 {
    let listener = TcpListener::bind(SocketAddr::new(address, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A configuration that hears one router over BGP and those of 127.0.0.0/8 over BMP.
fn config(place: &Place, collector: &Collector, test: u8) -> Config {
    let mut config = place.config_for(&[collector.address()], 1);
    let enrichment = &mut config.enrichment;
    enrichment.bgp.enabled = true;
    enrichment.bgp.asn = asdb::Asn(64_513);
    enrichment.bgp.port = free_port([127, 0, 0, 1].into());
    enrichment.bgp.peers = vec![BgpPeer {
        address: router(test),
        asn: asdb::Asn(u32::from(ROUTER_AS)),
        passive: true,
        password_file: None,
        hold_time: Duration::from_secs(90),
        port: 179,
        families: vec![AddressFamily::Ipv4],
    }];
    enrichment.bmp.enabled = true;
    enrichment.bmp.port = free_port([127, 0, 0, 1].into());
    enrichment.bmp.allow = vec!["127.0.0.0/8".parse().unwrap()];
    config
}

/// Connects from an address of our own choice.
fn connect(from: IpAddr, port: u16) -> TcpStream {
    let begun = std::time::Instant::now();
    loop {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
        let to = SocketAddr::new([127, 0, 0, 1].into(), port);
        match socket.connect(&to.into()) {
            Ok(()) => {
                let stream = TcpStream::from(socket);
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                return stream;
            }
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn bgp_message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut octets = vec![0xff; 16];
    octets.extend(u16::try_from(19 + body.len()).unwrap().to_be_bytes());
    octets.push(kind);
    octets.extend_from_slice(body);
    octets
}

fn open() -> Vec<u8> {
    let [high, low] = ROUTER_AS.to_be_bytes();
    let capabilities = [1, 4, 0, 1, 0, 1, 65, 4, 0, 0, high, low];
    let mut body = vec![4, high, low, 0, 90, 10, 0, 0, 1, 14, 2, 12];
    body.extend(capabilities);
    bgp_message(1, &body)
}

/// An UPDATE that announces prefixes of 24 bits with a path that ends in an AS.
fn announce(asn: u32, prefixes: &[[u8; 3]]) -> Vec<u8> {
    let mut attributes = vec![0x40, 1, 1, 0, 0x40, 2, 10, 2, 2, 0, 0];
    attributes.extend(ROUTER_AS.to_be_bytes());
    attributes.extend(asn.to_be_bytes());
    attributes.extend([0x40, 3, 4, 192, 0, 2, 9, 0xc0, 8, 4, 0xfc, 0, 0, 7]);
    let mut body = vec![0, 0];
    body.extend(u16::try_from(attributes.len()).unwrap().to_be_bytes());
    body.extend(attributes);
    for prefix in prefixes {
        body.push(24);
        body.extend(prefix);
    }
    bgp_message(2, &body)
}

fn withdraw(prefix: [u8; 3]) -> Vec<u8> {
    let [a, b, c] = prefix;
    bgp_message(2, &[0, 4, 24, a, b, c, 0, 0])
}

/// A session that is up, and the end of its list told.
fn session(config: &Config, test: u8) -> TcpStream {
    let mut stream = connect(router(test), config.enrichment.bgp.port);
    stream.write_all(&open()).unwrap();
    stream.write_all(&bgp_message(4, &[])).unwrap();
    // Its OPEN, KEEPALIVE and the end of its empty list.
    for kind in [1, 4, 2] {
        let mut header = [0; 19];
        stream.read_exact(&mut header).unwrap();
        assert_eq!(header[18], kind);
        let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
        stream.read_exact(&mut vec![0; length - 19]).unwrap();
    }
    stream
}

/// One answer of the statistics port.
fn ask(daemon: &Daemon, line: &str) -> String {
    let mut stream = TcpStream::connect(daemon.stats_bound().unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(format!("{line}\nquit\n").as_bytes())
        .unwrap();
    let mut text = String::new();
    for line in BufReader::new(stream).lines() {
        text += &(line.unwrap() + "\n");
    }
    text
}

/// Waits until an answer has something in it.
fn wait_for_answer(daemon: &Daemon, line: &str, part: &str) -> String {
    let mut last = String::new();
    wait_until(&format!("{part} in the answer to {line}"), || {
        last = ask(daemon, line);
        last.contains(part)
    });
    last
}

/// Numbers Messages, whoever sends them.
static NUMBER: AtomicU32 = AtomicU32::new(1);

/// Sends a record of 1.1.1.1 until it leaves with this source AS.
fn wait_for_as(exporter: &Exporter, collector: &Collector, asn: u32) {
    wait_until(&format!("records with AS {asn}"), || {
        // Never back: that would be an exporter that restarted.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let head = Head::new(Protocol::V9, number);
        exporter.send(&data(head, PLAIN, &plain_record(number)));
        let (octets, _) = collector.next_data();
        let mut sets = data_sets(&octets).into_iter();
        sets.any(|(_, records)| records.windows(4).any(|four| four == asn.to_be_bytes()))
    });
}

#[test]
fn records_get_the_origin_that_a_router_tells_until_its_routes_go() {
    let (place, collector) = (Place::new("routes-bgp"), Collector::new());
    let config = config(&place, &collector, 1);
    let daemon = Daemon::start(config.clone()).unwrap();
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::V9);
    wait_for_as(&exporter, &collector, 13_335);
    let mut stream = session(&config, 1);
    stream
        .write_all(&announce(3_320, &[[1, 1, 1], [9, 9, 9]]))
        .unwrap();
    wait_for_as(&exporter, &collector, 3_320);
    let told = ask(&daemon, "explain 1.1.1.1");
    let path = "1.1.1.0/24, path 64512 3320, next hop 192.0.2.9, communities 64512:7, \
                from 127.0.7.1 over BGP";
    assert!(told.contains(path), "{told}");
    assert!(
        told.contains("AS3320 by 1.1.1.0/24, in live routes over BGP"),
        "{told}"
    );
    let json = ask(&daemon, "explain 1.1.1.1 json");
    assert!(json.contains("\"path\":\"64512 3320\""), "{json}");
    assert!(ask(&daemon, "bgp").contains("Established"));
    assert!(ask(&daemon, "bgp json").contains("\"routes_ipv4\":2"));
    assert!(ask(&daemon, "events").contains("bgp_up"));
    stream.write_all(&announce(1_299, &[[1, 1, 1]])).unwrap();
    wait_for_as(&exporter, &collector, 1_299);
    let changed = "1.1.1.0/24 was of AS3320 (path 64512 3320) and is of AS1299 (path 64512 1299)";
    wait_for_answer(&daemon, "events", changed);
    stream.write_all(&withdraw([1, 1, 1])).unwrap();
    wait_for_as(&exporter, &collector, 13_335);
    // A message that cannot be read ends the session, and it is said why and of what.
    stream.write_all(&bgp_message(2, &[0, 9, 0, 0])).unwrap();
    let told = wait_for_answer(
        &daemon,
        "bgp",
        "the lengths of its parts contradict each other",
    );
    assert!(told.contains("00090000"), "{told}");
    let _ = daemon.stop();
}

#[test]
fn routes_of_a_lost_session_count_for_the_grace_time_and_a_restart_has_routes_at_once() {
    let (place, collector) = (Place::new("routes-grace"), Collector::new());
    let mut config = config(&place, &collector, 2);
    config.enrichment.routes_grace = Duration::from_secs(86_400);
    let daemon = Daemon::start(config.clone()).unwrap();
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::V9);
    let mut stream = session(&config, 2);
    stream.write_all(&announce(3_320, &[[1, 1, 1]])).unwrap();
    wait_for_as(&exporter, &collector, 3_320);
    drop(stream);
    wait_for_answer(&daemon, "events", "its 1 routes count for 86400 s more");
    wait_for_answer(
        &daemon,
        "explain 1.1.1.1",
        "not confirmed since its session was lost",
    );
    wait_for_as(&exporter, &collector, 3_320);
    let _ = daemon.stop();
    // The port is another, so the file is asked for by its old name.
    let state = place.path("state");
    let saved = std::fs::read_dir(&state).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        path.extension()
            .is_some_and(|end| end == "routes")
            .then_some(path)
    });
    let saved = saved.expect("saved routes");
    let port = free_port([127, 0, 0, 1].into());
    config.general.listen_port = port;
    std::fs::rename(saved, state.join(format!("udp-{port}.routes"))).unwrap();
    let daemon = Daemon::start(config.clone()).unwrap();
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::V9);
    wait_for_as(&exporter, &collector, 3_320);
    assert!(ask(&daemon, "explain 1.1.1.1").contains("not confirmed"));
    let _ = daemon.stop();
    // Without grace nothing that is not confirmed counts.
    config.enrichment.routes_grace = Duration::ZERO;
    let daemon = Daemon::start(config).unwrap();
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::V9);
    wait_for_answer(&daemon, "events", "routes_expired");
    wait_for_as(&exporter, &collector, 13_335);
    let _ = daemon.stop();
}

#[test]
fn a_stranger_is_told_so_and_a_taken_port_stops_nothing() {
    let (place, collector) = (Place::new("routes-stranger"), Collector::new());
    let mut config = config(&place, &collector, 3);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    config.enrichment.bmp.port = taken.local_addr().unwrap().port();
    let daemon = Daemon::start(config.clone()).unwrap();
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::V9);
    wait_for_as(&exporter, &collector, 13_335);
    let mut stream = connect([127, 0, 7, 99].into(), config.enrichment.bgp.port);
    let mut octets = Vec::new();
    stream.read_to_end(&mut octets).unwrap();
    assert_eq!(octets[18..], [3, 6, 5], "Cease, Connection Rejected");
    wait_for_answer(&daemon, "bgp", "1 connections of strangers");
    let _ = daemon.stop();
}

/// A message of BMP: version, length, type.
fn bmp_message(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut octets = vec![3];
    octets.extend(u32::try_from(6 + content.len()).unwrap().to_be_bytes());
    octets.push(kind);
    octets.extend_from_slice(content);
    octets
}

/// The header of the peer 10.0.0.2 of a router.
fn peer() -> Vec<u8> {
    let mut header = vec![0; 22];
    header.extend([10, 0, 0, 2, 0, 0]);
    header.extend(ROUTER_AS.to_be_bytes());
    header.extend([0; 12]);
    header
}

#[test]
fn what_a_router_tells_over_bmp_counts_for_its_own_records_first() {
    let (place, collector) = (Place::new("routes-bmp"), Collector::new());
    let config = config(&place, &collector, 4);
    let daemon = Daemon::start(config.clone()).unwrap();
    // Two routers see 1.1.1.0/24 come from another AS each; the paths are of one length.
    let routers: [(IpAddr, u32); 2] = [
        ([127, 0, 7, 5].into(), 3_320),
        ([127, 0, 7, 6].into(), 1_299),
    ];
    let streams = routers.map(|(router, asn)| {
        let mut stream = connect(router, config.enrichment.bmp.port);
        let up = [peer(), vec![0; 20], open(), open()].concat();
        let routes = [peer(), announce(asn, &[[1, 1, 1]])].concat();
        let messages = [
            bmp_message(4, &[0, 2, 0, 2, b'r', b'1']),
            bmp_message(3, &up),
            bmp_message(0, &routes),
        ];
        stream.write_all(&messages.concat()).unwrap();
        stream
    });
    for (router, asn) in routers {
        let exporter = Exporter::new(&format!("{router}:0"), daemon.bound());
        exporter.send_templates(Protocol::V9);
        wait_for_as(&exporter, &collector, asn);
    }
    // Everybody else gets the best of all: that of the lower address.
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::V9);
    wait_for_as(&exporter, &collector, 3_320);
    let told = ask(&daemon, "bmp");
    assert!(
        told.contains("127.0.7.5") && told.contains("peer 10.0.0.2"),
        "{told}"
    );
    assert!(ask(&daemon, "bmp json").contains("\"name\":\"r1\""));
    let told = ask(&daemon, "explain 1.1.1.1");
    assert!(
        told.contains("over BMP (its peer 10.0.0.2, pre-policy)"),
        "{told}"
    );
    let [mut first, second] = streams;
    first
        .write_all(&bmp_message(2, &[peer(), vec![4]].concat()))
        .unwrap();
    wait_for_as(&exporter, &collector, 1_299);
    wait_for_answer(
        &daemon,
        "events",
        "its peer 10.0.0.2 is down: the peer closed the session",
    );
    // Another protocol is no BMP, and its connection ends.
    first.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    wait_for_answer(
        &daemon,
        "bmp",
        "BMP version 71; only version 3 is spoken here",
    );
    drop(second);
    wait_for_answer(&daemon, "bmp", "the router closed the connection");
    let _ = daemon.stop();
}

/// The codes of the NOTIFICATION that ends a session.
fn farewell(stream: &mut TcpStream) -> [u8; 2] {
    loop {
        let mut header = [0; 19];
        stream.read_exact(&mut header).unwrap();
        let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
        let mut body = vec![0; length - 19];
        stream.read_exact(&mut body).unwrap();
        if header[18] == 3 {
            return body[..2].try_into().unwrap();
        }
    }
}

#[test]
fn a_reload_adds_changes_and_removes_routers_and_other_sessions_go_on() {
    let (place, collector) = (Place::new("routes-reload"), Collector::new());
    let mut wanted = config(&place, &collector, 10);
    wanted.enrichment.bgp.enabled = false;
    wanted.enrichment.bmp.enabled = false;
    let daemon = Daemon::start(wanted.clone()).unwrap();
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::V9);
    let off = "live routes are off: enrichment.bgp_enabled is false";
    assert!(ask(&daemon, "bgp").contains(off));

    wanted.enrichment.bgp.enabled = true;
    let changes = daemon.reload(&wanted).unwrap();
    let said: Vec<_> = changes.sentences().collect();
    assert_eq!(said, ["enrichment.bgp_enabled: false is now true"]);
    let mut first = session(&wanted, 10);
    first.write_all(&announce(3_320, &[[1, 1, 1]])).unwrap();
    wait_for_as(&exporter, &collector, 3_320);

    let mut other = wanted.enrichment.bgp.peers[0].clone();
    other.address = router(11);
    wanted.enrichment.bgp.peers.push(other);
    daemon.reload(&wanted).unwrap();
    wait_for_answer(&daemon, "bgp", "127.0.7.11");
    let mut second = session(&wanted, 11);
    second.write_all(&announce(1_299, &[[8, 8, 8]])).unwrap();
    wait_for_answer(&daemon, "explain 8.8.8.8", "path 64512 1299");

    // What both sides agreed on changes: the session begins anew, its routes wait for it.
    wanted.enrichment.bgp.peers[1].hold_time = Duration::from_secs(30);
    daemon.reload(&wanted).unwrap();
    assert_eq!(farewell(&mut second), [6, 6], "Other Configuration Change");
    wait_for_answer(&daemon, "explain 8.8.8.8", "not confirmed");
    let mut second = session(&wanted, 11);
    // Another port is open; sessions at the old one go on.
    wanted.enrichment.bgp.port = free_port([127, 0, 0, 1].into());
    daemon.reload(&wanted).unwrap();
    drop(connect([127, 0, 7, 99].into(), wanted.enrichment.bgp.port));
    second.write_all(&announce(1_299, &[[8, 8, 8]])).unwrap();
    wait_until("its routes are confirmed", || {
        let told = ask(&daemon, "explain 8.8.8.8");
        told.contains("path 64512 1299") && !told.contains("not confirmed")
    });

    let removed = wanted.enrichment.bgp.peers.remove(0);
    daemon.reload(&wanted).unwrap();
    assert_eq!(farewell(&mut first), [6, 3], "Peer De-configured");
    wait_for_as(&exporter, &collector, 13_335);
    wait_for_answer(
        &daemon,
        "events",
        "configured no more; its 1 routes are gone",
    );
    let told = ask(&daemon, "bgp json");
    assert!(!told.contains(&removed.address.to_string()), "{told}");
    assert!(told.contains("\"sessions_lost\":1"), "{told}");
    let _ = daemon.stop();
}

#[test]
fn a_reload_says_who_may_speak_bmp_and_others_are_not_heard_any_more() {
    let (place, collector) = (Place::new("routes-reload-bmp"), Collector::new());
    let mut wanted = config(&place, &collector, 12);
    wanted.enrichment.bgp.enabled = false;
    wanted.enrichment.bmp.enabled = false;
    let daemon = Daemon::start(wanted.clone()).unwrap();
    let exporter = Exporter::new("127.0.0.1:0", daemon.bound());
    exporter.send_templates(Protocol::V9);
    wanted.enrichment.bmp.enabled = true;
    daemon.reload(&wanted).unwrap();
    let mut streams = [13, 14].map(|test| {
        let mut stream = connect(router(test), wanted.enrichment.bmp.port);
        let up = [peer(), vec![0; 20], open(), open()].concat();
        let routes = [peer(), announce(3_300 + u32::from(test), &[[1, 1, 1]])].concat();
        let messages = [bmp_message(3, &up), bmp_message(0, &routes)];
        stream.write_all(&messages.concat()).unwrap();
        stream
    });
    // Of two equal routes that of the lower address counts.
    wait_for_as(&exporter, &collector, 3_313);
    wait_for_answer(&daemon, "explain 1.1.1.1", "path 64512 3314");
    wanted.enrichment.bmp.allow = vec!["127.0.7.14/32".parse().unwrap()];
    daemon.reload(&wanted).unwrap();
    assert_eq!(streams[0].read(&mut [0; 1]).unwrap(), 0, "it is closed");
    wait_for_as(&exporter, &collector, 3_314);
    wait_for_answer(&daemon, "events", "allowed no more; its 1 routes are gone");
    wanted.enrichment.bmp.enabled = false;
    daemon.reload(&wanted).unwrap();
    assert_eq!(streams[1].read(&mut [0; 1]).unwrap(), 0, "it is closed");
    wait_for_as(&exporter, &collector, 13_335);
    let _ = daemon.stop();
}
