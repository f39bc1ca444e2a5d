//! The addresses inside a sampled frame: dataLinkFrameSection (315) and ipHeaderPacketSection
//! (313) [RFC 7133 §3].
//!
//! Some exporters send no address fields at all, only the first octets of the frame. Ethernet with
//! VLAN tags and an MPLS label stack is looked through.
//!
//! Not here: tunnels; the outer IP header counts.
//! Bound: at most [`TAGS_MAX`] tags and labels.

use core::net::IpAddr;

use crate::wire::octets::{u16_at, u32_at, u128_at};

const TAGS_MAX: usize = 8;

/// Source and destination address of the IP packet in an Ethernet frame.
#[must_use]
pub fn of_frame(frame: &[u8]) -> Option<[IpAddr; 2]> {
    let mut at = 12;
    for _ in 0..TAGS_MAX {
        let ethertype = u16_at(frame, at)?;
        at += 2;
        match ethertype {
            0x8100 | 0x88A8 | 0x9100 => at += 2,
            0x0800 | 0x86DD => return of_ip_packet(frame.get(at..)?),
            0x8847 | 0x8848 => return of_ip_packet(frame.get(behind_labels(frame, at)?..)?),
            _ => return None,
        }
    }
    None
}

fn behind_labels(frame: &[u8], mut at: usize) -> Option<usize> {
    for _ in 0..TAGS_MAX {
        let label = u32_at(frame, at)?;
        at += 4;
        if label & 0x100 != 0 {
            return Some(at);
        }
    }
    None
}

/// Source and destination address of an IP packet.
#[must_use]
pub fn of_ip_packet(packet: &[u8]) -> Option<[IpAddr; 2]> {
    match packet.first()? >> 4 {
        4 => {
            let address = |at| u32_at(packet, at).map(|bits| IpAddr::V4(bits.into()));
            Some([address(12)?, address(16)?])
        }
        6 => {
            let address = |at| u128_at(packet, at).map(|bits| IpAddr::V6(bits.into()));
            Some([address(8)?, address(24)?])
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const MAC_ADDRESSES: [u8; 12] = [0; 12];
    const IPV4: [u8; 20] = [
        0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 8, 8, 8, 8, 1, 1, 1, 1,
    ];

    fn found(before: &[u8]) -> Option<[IpAddr; 2]> {
        of_frame(&[&MAC_ADDRESSES, before, &IPV4].concat())
    }

    fn both() -> [IpAddr; 2] {
        [[8, 8, 8, 8].into(), [1, 1, 1, 1].into()]
    }

    #[test]
    fn tags_and_labels_are_looked_through() {
        for before in [
            &[0x08, 0x00][..],
            &[0x81, 0x00, 0, 5, 0x08, 0x00],
            &[0x88, 0xA8, 0, 5, 0x81, 0x00, 0, 6, 0x08, 0x00],
            &[0x88, 0x47, 0, 1, 0x01, 64],
            &[0x88, 0x48, 0, 1, 0x00, 64, 0, 2, 0x01, 64],
        ] {
            assert_eq!(found(before), Some(both()), "{before:02x?}");
        }
    }

    #[test]
    fn other_protocols_and_endless_tags_have_no_addresses() {
        assert_eq!(found(&[0x08, 0x06]), None);
        let tags: Vec<u8> = [0x81, 0x00, 0, 1].repeat(20);
        assert_eq!(found(&tags), None);
        let labels: Vec<u8> = [&[0x88, 0x47][..], &[0; 80]].concat();
        assert_eq!(found(&labels), None);
    }

    #[test]
    fn an_ipv6_header_is_read() {
        let mut header = [0; 40];
        header[0] = 0x60;
        header[8..24].fill(1);
        header[24..40].fill(2);
        assert_eq!(
            of_ip_packet(&header),
            Some([[1; 16].into(), [2; 16].into()])
        );
    }

    #[test]
    fn every_cut_off_header_has_no_addresses() {
        let frame = [&MAC_ADDRESSES[..], &[0x08, 0x00], &IPV4].concat();
        for end in 0..frame.len() {
            assert_eq!(of_frame(&frame[..end]), None, "{end} octets");
        }
        assert_eq!(of_ip_packet(&[0x75; 40]), None);
    }
}
