//! Captures of TCP, read as streams; by code that the product does not have.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// A folder beside the checkout; says so if it is not there.
pub(crate) fn shared(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(folder);
    if !path.is_dir() {
        eprintln!("../shared/{folder} is absent: skipped");
        return None;
    }
    Some(path)
}

/// What one end of a connection sent, in order.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) octets: Vec<u8>,
    next: Option<u32>,
    waiting: BTreeMap<u32, Vec<u8>>,
}

/// Who sends to whom: addresses and ports.
pub(crate) type Way = (IpAddr, u16, IpAddr, u16);

impl Stream {
    fn take(&mut self, sequence: u32, payload: &[u8]) {
        if payload.is_empty() {
            return;
        }
        // Not that of the SYN: some captures were put together with a wrong one.
        let next = *self.next.get_or_insert(sequence);
        let behind = next.wrapping_sub(sequence);
        if behind == 0 {
            self.append(payload);
        } else if behind < 0x8000_0000 {
            // Sent again, perhaps with more behind it.
            if let Some(new) = payload.get(usize::try_from(behind).unwrap()..) {
                self.append(new);
            }
        } else {
            self.waiting.insert(sequence, payload.to_vec());
        }
        while let Some(payload) = self.next.and_then(|next| self.waiting.remove(&next)) {
            self.append(&payload);
        }
    }

    fn append(&mut self, payload: &[u8]) {
        self.octets.extend_from_slice(payload);
        let count = u32::try_from(payload.len()).unwrap();
        self.next = self.next.map(|next| next.wrapping_add(count));
    }
}

/// Returns each stream of TCP in a capture.
pub(crate) fn streams(path: &Path) -> BTreeMap<Way, Stream> {
    let octets = std::fs::read(path).expect("readable");
    assert_eq!(octets[..4], [0xd4, 0xc3, 0xb2, 0xa1], "little-endian pcap");
    let link = u32::from_le_bytes(octets[20..24].try_into().unwrap());
    let mut streams = BTreeMap::<Way, Stream>::new();
    let mut rest = &octets[24..];
    while rest.len() >= 16 {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let frame = &rest[16..16 + length];
        rest = &rest[16 + length..];
        let Some(packet) = ip_packet(frame, link) else {
            continue;
        };
        let Some((source, destination, segment)) = segment(packet) else {
            continue;
        };
        let port = |at: usize| u16::from_be_bytes([segment[at], segment[at + 1]]);
        let sequence = u32::from_be_bytes(segment[4..8].try_into().unwrap());
        let payload = &segment[4 * usize::from(segment[12] >> 4)..];
        let way = (source, port(0), destination, port(2));
        streams.entry(way).or_default().take(sequence, payload);
    }
    streams
}

fn ip_packet(frame: &[u8], link: u32) -> Option<&[u8]> {
    match link {
        // Ethernet, with or without a VLAN.
        1 => match frame[12..] {
            [0x81, 0, _, _, _, _, ..] => Some(&frame[18..]),
            [0x08, 0, ..] | [0x86, 0xdd, ..] => Some(&frame[14..]),
            _ => None,
        },
        // Linux cooked.
        113 => Some(&frame[16..]),
        101 | 12 | 228 | 229 => Some(frame),
        other => panic!("link type {other}"),
    }
}

fn segment(packet: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    match packet[0] >> 4 {
        4 if packet[9] == 6 => {
            let address =
                |at: usize| IpAddr::from(<[u8; 4]>::try_from(&packet[at..at + 4]).unwrap());
            let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
            let header = 4 * usize::from(packet[0] & 15);
            Some((address(12), address(16), &packet[header..total]))
        }
        6 if packet[6] == 6 => {
            let address =
                |at: usize| IpAddr::from(<[u8; 16]>::try_from(&packet[at..at + 16]).unwrap());
            let total = usize::from(u16::from_be_bytes([packet[4], packet[5]]));
            Some((address(8), address(24), &packet[40..40 + total]))
        }
        _ => None,
    }
}

/// The value of a member of a line of JSON, as it stands there.
pub(crate) fn member<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let key = format!("\"{name}\": ");
    let rest = &line[line.find(&key)? + key.len()..];
    let end = match rest.as_bytes()[0] {
        b'[' => rest.find(']')? + 1,
        b'"' => rest[1..].find('"')? + 2,
        _ => rest.find([',', '}'])?,
    };
    Some(&rest[..end])
}

/// A text of a line of JSON.
pub(crate) fn text<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    member(line, name)?.strip_prefix('"')?.strip_suffix('"')
}

/// A list of words of a line of JSON, be it written as a list or as a text.
pub(crate) fn words(line: &str, name: &str) -> Vec<String> {
    let value = member(line, name).unwrap_or_default();
    let words = value.split(['[', ']', '"', ',', ' ']);
    let words = words.filter(|word| !word.is_empty() && *word != "null");
    words.map(str::to_owned).collect()
}

/// A Route Distinguisher as the other collector writes it: type, administrator, number.
pub(crate) fn distinguisher(text: &str) -> u64 {
    let parts: Vec<&str> = text.split(':').collect();
    let number = |index: usize| -> u64 { parts[index].parse().unwrap() };
    match parts[0] {
        "0" => number(1) << 32 | number(2),
        "1" => {
            let address: std::net::Ipv4Addr = parts[1].parse().unwrap();
            1 << 48 | u64::from(address.to_bits()) << 16 | number(2)
        }
        "2" => 2 << 48 | number(1) << 16 | number(2),
        other => panic!("type {other} of a Route Distinguisher"),
    }
}
