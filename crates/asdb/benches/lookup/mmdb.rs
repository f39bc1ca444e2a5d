//! Writes the prefixes as a MaxMind DB, for the library that reads those.

use std::collections::HashMap;
use std::net::IpAddr;

use asdb::{Asn, Entries};

/// What a side of a node leads to.
#[derive(Clone, Copy)]
enum Side {
    Nothing,
    Node(u32),
    As(Asn),
}

/// A tree of 128 levels, the IPv4 prefixes below 96 zero bits.
struct Tree(Vec<[Side; 2]>);

impl Tree {
    /// Lets `asn` answer below the first `length` bits of `bits`; what is there already and longer
    /// stays, so the shorter prefix must come first.
    fn insert(&mut self, bits: u128, length: u8, asn: Asn) {
        let mut node = 0;
        for depth in 0..length {
            let side = usize::from(bits >> (127 - depth) & 1 == 1);
            if depth + 1 == length {
                self.0[node][side] = Side::As(asn);
                return;
            }
            node = match self.0[node][side] {
                Side::Node(next) => next as usize,
                filled => {
                    let next = self.0.len();
                    self.0.push([filled; 2]);
                    self.0[node][side] = Side::Node(u32::try_from(next).expect("few nodes"));
                    next
                }
            };
        }
    }
}

/// Returns the file.
pub(crate) fn write(entries: &Entries) -> Vec<u8> {
    let mut list: Vec<(u128, u8, Asn)> = entries
        .iter()
        .map(|entry| match entry.prefix.network() {
            IpAddr::V4(network) => {
                let bits = u128::from(network.to_bits());
                (bits, entry.prefix.length() + 96, entry.asn)
            }
            IpAddr::V6(network) => (network.to_bits(), entry.prefix.length(), entry.asn),
        })
        .collect();
    list.sort_by_key(|&(bits, length, _)| (length, bits));
    list.dedup_by_key(|&mut (bits, length, _)| (length, bits));
    let mut tree = Tree(vec![[Side::Nothing; 2]]);
    for (bits, length, asn) in list {
        tree.insert(bits, length, asn);
    }
    let count = u32::try_from(tree.0.len()).expect("few nodes");
    let mut data = Vec::new();
    let mut places: HashMap<Asn, u32> = HashMap::new();
    let mut octets = Vec::new();
    for side in tree.0.iter().flatten() {
        let value = match side {
            Side::Nothing => count,
            Side::Node(node) => *node,
            Side::As(asn) => {
                let place = *places.entry(*asn).or_insert_with(|| {
                    let place = u32::try_from(data.len()).expect("few records");
                    data.push(0xe1);
                    data.extend(text("autonomous_system_number"));
                    data.push(0xc4);
                    data.extend(asn.0.to_be_bytes());
                    place
                });
                count + 16 + place
            }
        };
        octets.extend(value.to_be_bytes());
    }
    octets.extend([0; 16]);
    octets.extend(data);
    octets.extend(b"\xab\xcd\xefMaxMind.com");
    octets.extend(metadata(count));
    octets
}

/// A map of nine fields.
fn metadata(count: u32) -> Vec<u8> {
    let mut octets = vec![0xe9];
    let mut field = |name: &str, value: &[u8]| {
        octets.extend(text(name));
        octets.extend(value);
    };
    field("binary_format_major_version", &[0xa1, 2]);
    field("binary_format_minor_version", &[0xa0]);
    field("build_epoch", &[0x04, 0x02, 0x6a, 0, 0, 0]);
    field("database_type", &text("Yardstick-ASN"));
    field("description", &[0xe0]);
    field("ip_version", &[0xa1, 6]);
    field("languages", &[0x00, 0x04]);
    field("node_count", &[&[0xc4][..], &count.to_be_bytes()].concat());
    field("record_size", &[0xa1, 32]);
    octets
}

/// A string of fewer than 29 octets.
fn text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("short");
    [&[0x40 | length][..], text.as_bytes()].concat()
}
