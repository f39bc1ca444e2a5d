//! From a captured frame to the IP packet in it: the link layer taken off.
//!
//! Link types are the numbers of <https://www.tcpdump.org/linktypes.html>. VLAN tags may be
//! stacked as deep as the frame is long, and so may MPLS labels: a core link is a place to capture
//! at. PPP is read by itself and behind PPPoE.
//!
//! Not here: the IP header (`ip`); tunnels in IP (GRE, IP in IP, VXLAN), whose frames are `NotUdp`
//! or another program's datagrams.

use crate::io::unread::Unread;

/// BSD loopback: an address family of 4 octets in the order of the host that captured.
pub const NULL: u16 = 0;
/// Ethernet, with or without VLAN tags.
pub const ETHERNET: u16 = 1;
/// PPP, with or without its HDLC address and control octets [RFC 1662 §3.1].
pub const PPP: u16 = 9;
/// Raw IP as some BSDs number it.
pub const RAW_BSD: u16 = 12;
/// Raw IP as OpenBSD numbers it.
pub const RAW_OPENBSD: u16 = 14;
/// PPP, as NetBSD numbers it.
pub const PPP_HDLC: u16 = 50;
/// Raw IP, version by the first octet.
pub const RAW: u16 = 101;
/// Cisco HDLC: address and control, then an Ethertype.
pub const CISCO_HDLC: u16 = 104;
/// OpenBSD loopback: an address family of 4 octets in network order.
pub const LOOP: u16 = 108;
/// Linux "cooked" capture, the interface `any`.
pub const LINUX_SLL: u16 = 113;
/// Raw IPv4.
pub const IPV4: u16 = 228;
/// Raw IPv6.
pub const IPV6: u16 = 229;
/// Linux "cooked" capture, version 2.
pub const LINUX_SLL2: u16 = 276;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
/// Unicast and multicast [RFC 3032 §5].
const ETHERTYPES_MPLS: [u16; 2] = [0x8847, 0x8848];
const ETHERTYPE_PPPOE_SESSION: u16 = 0x8864;
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;
const PPP_MPLS: u16 = 0x0281;
/// Address and control of PPP in HDLC-like framing.
const PPP_ALL_STATIONS: [u8; 2] = [0xff, 0x03];
const PPPOE_HEADER_OCTETS: usize = 6;
/// 802.1Q, 802.1ad and the two that came before 802.1ad.
const ETHERTYPES_VLAN: [u16; 4] = [0x8100, 0x88a8, 0x9100, 0x9200];
/// IPv4 everywhere; IPv6 on Linux, NetBSD and OpenBSD, FreeBSD, Darwin.
const FAMILIES_IP: [u32; 5] = [2, 10, 24, 28, 30];

/// Returns the IP packet in `frame`, link-layer padding at its end included.
///
/// # Errors
/// `CutShort` if the frame ends in the link-layer header, `NotIp` if it carries something else,
/// `LinkTypeUnknown` if we do not know how to tell.
pub fn ip_packet(link_type: u16, frame: &[u8]) -> Result<&[u8], Unread> {
    match link_type {
        RAW | RAW_BSD | RAW_OPENBSD | IPV4 | IPV6 => Ok(frame),
        ETHERNET => by_ethertype(frame.get(12..).ok_or(Unread::CutShort)?),
        LINUX_SLL => by_ethertype(frame.get(14..).ok_or(Unread::CutShort)?),
        LINUX_SLL2 => {
            let (protocol, _) = u16_at_start(frame)?;
            by_protocol(protocol, frame.get(20..).ok_or(Unread::CutShort)?)
        }
        NULL | LOOP => by_family(frame),
        PPP | PPP_HDLC => by_ppp(frame.strip_prefix(&PPP_ALL_STATIONS).unwrap_or(frame)),
        CISCO_HDLC => by_ethertype(frame.get(2..).ok_or(Unread::CutShort)?),
        _ => Err(Unread::LinkTypeUnknown),
    }
}

/// `octets` begin with an Ethertype.
fn by_ethertype(octets: &[u8]) -> Result<&[u8], Unread> {
    let (protocol, rest) = u16_at_start(octets)?;
    by_protocol(protocol, rest)
}

fn by_protocol(mut protocol: u16, mut octets: &[u8]) -> Result<&[u8], Unread> {
    while ETHERTYPES_VLAN.contains(&protocol) {
        // The tag's own two octets come before the next Ethertype.
        (protocol, octets) = u16_at_start(octets.get(2..).ok_or(Unread::CutShort)?)?;
    }
    match protocol {
        ETHERTYPE_IPV4 | ETHERTYPE_IPV6 => Ok(octets),
        _ if ETHERTYPES_MPLS.contains(&protocol) => behind_labels(octets),
        ETHERTYPE_PPPOE_SESSION => {
            by_ppp(octets.get(PPPOE_HEADER_OCTETS..).ok_or(Unread::CutShort)?)
        }
        _ => Err(Unread::NotIp),
    }
}

/// `octets` begin with a PPP protocol number.
fn by_ppp(octets: &[u8]) -> Result<&[u8], Unread> {
    let (protocol, rest) = u16_at_start(octets)?;
    match protocol {
        PPP_IPV4 | PPP_IPV6 => Ok(rest),
        PPP_MPLS => behind_labels(rest),
        _ => Err(Unread::NotIp),
    }
}

/// What is behind a label stack is not named: the packet itself says whether it is IP.
fn behind_labels(mut octets: &[u8]) -> Result<&[u8], Unread> {
    loop {
        let (label, rest) = octets.split_first_chunk::<4>().ok_or(Unread::CutShort)?;
        octets = rest;
        if label[2] & 1 != 0 {
            return Ok(octets);
        }
    }
}

/// The family says only whether this is IP: the packet itself says which version.
fn by_family(frame: &[u8]) -> Result<&[u8], Unread> {
    let (family, packet) = frame.split_first_chunk().ok_or(Unread::CutShort)?;
    let in_either_order = [u32::from_le_bytes(*family), u32::from_be_bytes(*family)];
    if FAMILIES_IP.iter().any(|ip| in_either_order.contains(ip)) {
        Ok(packet)
    } else {
        Err(Unread::NotIp)
    }
}

fn u16_at_start(octets: &[u8]) -> Result<(u16, &[u8]), Unread> {
    let (number, rest) = octets.split_first_chunk().ok_or(Unread::CutShort)?;
    Ok((u16::from_be_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: &[u8] = b"\x45packet";

    /// One frame per link type: the octets in front of the packet.
    fn frames() -> Vec<(&'static str, u16, Vec<u8>)> {
        let macs = [0xaa; 12].to_vec();
        let with = |tail: &[u8]| [macs.clone(), tail.to_vec()].concat();
        let sll = |protocol: &[u8]| [vec![0; 14], protocol.to_vec()].concat();
        let sll2 = |protocol: &[u8], rest: usize| [protocol.to_vec(), vec![0; rest]].concat();
        vec![
            ("raw", RAW, vec![]),
            ("raw BSD", RAW_BSD, vec![]),
            ("raw OpenBSD", RAW_OPENBSD, vec![]),
            ("IPv4", IPV4, vec![]),
            ("IPv6", IPV6, vec![]),
            ("Ethernet IPv4", ETHERNET, with(&[8, 0])),
            ("Ethernet IPv6", ETHERNET, with(&[0x86, 0xdd])),
            ("VLAN", ETHERNET, with(&[0x81, 0, 0, 7, 8, 0])),
            (
                "QinQ",
                ETHERNET,
                with(&[0x88, 0xa8, 0, 7, 0x81, 0, 0, 9, 0x86, 0xdd]),
            ),
            (
                "three tags",
                ETHERNET,
                with(&[0x91, 0, 0, 1, 0x92, 0, 0, 2, 0x81, 0, 0, 3, 8, 0]),
            ),
            ("SLL", LINUX_SLL, sll(&[8, 0])),
            (
                "SLL with VLAN",
                LINUX_SLL,
                sll(&[0x81, 0, 0, 7, 0x86, 0xdd]),
            ),
            ("SLL2", LINUX_SLL2, sll2(&[8, 0], 18)),
            ("NULL little-endian", NULL, vec![2, 0, 0, 0]),
            ("NULL big-endian, Darwin IPv6", NULL, vec![0, 0, 0, 30]),
            ("LOOP, OpenBSD IPv6", LOOP, vec![0, 0, 0, 24]),
            (
                "MPLS",
                ETHERNET,
                with(&[0x88, 0x47, 0, 1, 0, 9, 0, 1, 1, 9]),
            ),
            (
                "MPLS in a VLAN",
                ETHERNET,
                with(&[0x81, 0, 0, 7, 0x88, 0x48, 0, 1, 1, 9]),
            ),
            (
                "PPPoE",
                ETHERNET,
                with(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 9, 0, 0x21]),
            ),
            ("PPP", PPP, vec![0, 0x57]),
            ("PPP in HDLC", PPP_HDLC, vec![0xff, 3, 0, 0x21]),
            ("PPP with MPLS", PPP, vec![2, 0x81, 0, 1, 1, 9]),
            ("Cisco HDLC", CISCO_HDLC, vec![0x0f, 0, 8, 0]),
        ]
    }

    #[test]
    fn every_link_type_gives_the_packet_behind_its_header() {
        for (name, link_type, header) in frames() {
            let frame = [header, PACKET.to_vec()].concat();
            assert_eq!(ip_packet(link_type, &frame), Ok(PACKET), "{name}");
        }
    }

    #[test]
    fn every_prefix_of_every_header_is_cut_short() {
        for (name, link_type, header) in frames() {
            for len in 0..header.len() {
                let result = ip_packet(link_type, &header[..len]);
                assert_eq!(result, Err(Unread::CutShort), "{name} {len}");
            }
        }
    }

    #[test]
    fn other_protocols_and_link_types_have_their_reason() {
        let arp = [&[0xaa; 12][..], &[8, 6, 0, 1]].concat();
        assert_eq!(ip_packet(ETHERNET, &arp), Err(Unread::NotIp));
        assert_eq!(ip_packet(NULL, &[7, 0, 0, 0, 1]), Err(Unread::NotIp));
        assert_eq!(ip_packet(PPP, &[0xc0, 0x21, 1]), Err(Unread::NotIp));
        assert_eq!(ip_packet(105, PACKET), Err(Unread::LinkTypeUnknown));
    }
}
