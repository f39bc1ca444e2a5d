//! A reader for classic pcap files of bare IP packets (LINKTYPE_RAW) that carry UDP.
//!
//! Not here: other link types, fragments, pcapng: the captures have none of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// One UDP datagram.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    /// Milliseconds since 1970.
    pub(crate) time_ms: u64,
    /// Where it came from.
    pub(crate) source: SocketAddr,
    /// The UDP payload.
    pub(crate) payload: Vec<u8>,
}

/// Returns the datagrams of a capture, in order.
pub(crate) fn read(file: &[u8]) -> Vec<Datagram> {
    assert_eq!(
        file[..4],
        [0xd4, 0xc3, 0xb2, 0xa1],
        "little-endian classic pcap"
    );
    assert_eq!(little_u32(file, 20), 101, "LINKTYPE_RAW");
    let mut found = Vec::new();
    let mut at = 24;
    while at < file.len() {
        let seconds = u64::from(little_u32(file, at));
        let microseconds = u64::from(little_u32(file, at + 4));
        let captured = usize::try_from(little_u32(file, at + 8)).unwrap();
        let packet = &file[at + 16..at + 16 + captured];
        found.push(datagram(seconds * 1000 + microseconds / 1000, packet));
        at += 16 + captured;
    }
    found
}

fn datagram(time_ms: u64, packet: &[u8]) -> Datagram {
    let (address, udp) = match packet[0] >> 4 {
        4 => {
            let octets: [u8; 4] = packet[12..16].try_into().unwrap();
            let header = usize::from(packet[0] & 15) * 4;
            (IpAddr::V4(Ipv4Addr::from(octets)), &packet[header..])
        }
        _ => {
            let octets: [u8; 16] = packet[8..24].try_into().unwrap();
            (IpAddr::V6(Ipv6Addr::from(octets)), &packet[40..])
        }
    };
    let port = u16::from_be_bytes([udp[0], udp[1]]);
    let length = usize::from(u16::from_be_bytes([udp[4], udp[5]]));
    Datagram {
        time_ms,
        source: SocketAddr::new(address, port),
        payload: udp[8..length].to_vec(),
    }
}

fn little_u32(file: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(file[at..at + 4].try_into().unwrap())
}
