//! Datagrams as a classic capture: LINKTYPE_RAW, IPv4, UDP, checksums as they must be.

use std::net::SocketAddrV4;

use super::message::EXPORT_TIME_S;

const IPV4_OCTETS: usize = 20;
const UDP_OCTETS: usize = 8;
const LINKTYPE_RAW: u32 = 101;
const SNAP_OCTETS: u32 = 65_535;

/// Returns what stands once before all records: microseconds, little-endian.
pub(super) fn capture_header() -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(0xa1b2_c3d4_u32.to_le_bytes());
    header.extend(2_u16.to_le_bytes());
    header.extend(4_u16.to_le_bytes());
    header.extend([0; 8]); // zone, accuracy
    header.extend(SNAP_OCTETS.to_le_bytes());
    header.extend(LINKTYPE_RAW.to_le_bytes());
    header
}

/// Returns one record of the capture, `second` seconds after the first.
pub(super) fn record(
    second: usize,
    source: SocketAddrV4,
    destination: SocketAddrV4,
    payload: &[u8],
) -> Vec<u8> {
    let frame = frame(source, destination, payload);
    let time = EXPORT_TIME_S + u32::try_from(second).expect("invariant: the example is short");
    let octets = u32::from(length(frame.len()));
    let mut record = Vec::new();
    for number in [time, 0, octets, octets] {
        record.extend(number.to_le_bytes());
    }
    record.extend(frame);
    record
}

fn frame(source: SocketAddrV4, destination: SocketAddrV4, payload: &[u8]) -> Vec<u8> {
    let addresses = [source.ip().octets(), destination.ip().octets()].concat();
    let udp_length = length(UDP_OCTETS + payload.len());
    let mut udp = Vec::new();
    for number in [source.port(), destination.port(), udp_length, 0] {
        udp.extend(number.to_be_bytes());
    }
    udp.extend(payload);
    let mut pseudo = addresses.clone();
    pseudo.extend([0, 17]);
    pseudo.extend(udp_length.to_be_bytes());
    pseudo.extend(&udp);
    put(&mut udp, 6, checksum(&pseudo));

    let total = length(IPV4_OCTETS + udp.len());
    let mut ip = vec![0x45, 0];
    ip.extend(total.to_be_bytes());
    ip.extend([0, 0, 0, 0, 64, 17, 0, 0]); // identification, fragment, TTL, UDP, checksum
    ip.extend(&addresses);
    let sum = checksum(&ip);
    put(&mut ip, 10, sum);
    ip.extend(udp);
    ip
}

/// The Internet checksum [RFC 1071].
fn checksum(octets: &[u8]) -> u16 {
    let pairs = octets.chunks(2);
    let words = pairs.map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded).expect("invariant: folded twice")
}

fn put(octets: &mut [u8], at: usize, value: u16) {
    octets[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

fn length(count: usize) -> u16 {
    u16::try_from(count).expect("invariant: the example is small")
}
