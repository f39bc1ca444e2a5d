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
