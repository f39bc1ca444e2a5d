//! Connections of routers: BGP and BMP, in pieces of any size.
//!
//! Not here: sockets and timers.
//! Bound: one connection's octets.

use std::net::Ipv4Addr;

use asdb::Asn;
use routefeed::bgp::nlri::Families;
use routefeed::bgp::session::{Session, Terms};
use routefeed::bmp::station::Station;
use routefeed::rib::Ribs;

/// The octets of a BGP peer; the first says how they are cut.
pub fn bgp(octets: &[u8]) {
    let terms = Terms {
        our_asn: Asn(64_512),
        our_identifier: Ipv4Addr::new(192, 0, 2, 1),
        peer_asn: Asn(65_001),
        hold_time_s: 180,
        families: Families::ALL,
    };
    let mut session = Session::new(terms, 0);
    for piece in pieces(octets) {
        session.take(piece, 1_000, &mut |_| {});
        assert!(session.output().len() < 1 << 20);
    }
    session.tick(2_000, &mut |_| {});
}

/// The octets of a router that speaks BMP; the first says how they are cut.
pub fn bmp(octets: &[u8]) {
    let mut ribs = Ribs::default();
    let mut station = Station::new(Ipv4Addr::new(192, 0, 2, 2).into());
    for piece in pieces(octets) {
        if station.take(piece, 1, &mut ribs, &mut |_| {}).is_err() {
            return;
        }
    }
}

fn pieces(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (size, rest) = octets.split_first().unwrap_or((&1, &[]));
    rest.chunks(usize::from(*size).max(1))
}
