//! The IP and UDP headers of a captured packet.
//!
//! Lengths are believed where the octets are there; nothing is read beyond them. Checksums are
//! not verified: a capture on the sending host has none yet where the card computes them.
//!
//! Not here: putting fragments together (`fragments`), writing packets (`pcap_out`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::io::unread::Unread;

const PROTOCOL_HOP_BY_HOP: u8 = 0;
/// User Datagram Protocol [RFC 768].
pub const PROTOCOL_UDP: u8 = 17;
const PROTOCOL_ROUTING: u8 = 43;
const PROTOCOL_FRAGMENT: u8 = 44;
const PROTOCOL_AUTHENTICATION: u8 = 51;
const PROTOCOL_DESTINATION_OPTIONS: u8 = 60;
const PROTOCOL_MOBILITY: u8 = 135;
const PROTOCOL_HIP: u8 = 139;
const PROTOCOL_SHIM6: u8 = 140;

/// Octets of an IPv4 header without options.
pub const IPV4_HEADER_OCTETS: usize = 20;
/// Octets of an IPv6 header without extension headers.
pub const IPV6_HEADER_OCTETS: usize = 40;
/// Octets of a UDP header.
pub const UDP_HEADER_OCTETS: usize = 8;

/// Which part of an IP packet a fragment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Identification: 16 bits in IPv4, 32 in IPv6.
    pub id: u32,
    /// Where its first octet belongs; a multiple of 8.
    pub offset: usize,
    /// Whether it is the last.
    pub place: Place,
}

/// Whether more fragments follow behind a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It ends the packet.
    Last,
    /// Others follow it.
    Inner,
}

/// An IP packet, whole or a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Who sent it.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// What `payload` begins with.
    pub protocol: u8,
    /// Everything behind the IP header and those extension headers that were read.
    pub payload: &'a [u8],
    /// `None` if the packet is whole.
    pub fragment: Option<Fragment>,
}

/// A UDP datagram without its IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Udp<'a> {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// What it carries.
    pub payload: &'a [u8],
}

/// Reads an IP packet of either version; octets behind its length are ignored.
///
/// # Errors
/// `CutShort` if octets are missing, `Malformed` if lengths contradict each other, `NotIp` if the
/// version is neither 4 nor 6.
pub fn read(octets: &[u8]) -> Result<Packet<'_>, Unread> {
    match octets.first().ok_or(Unread::CutShort)? >> 4 {
        4 => read_ipv4(octets),
        6 => read_ipv6(octets),
        _ => Err(Unread::NotIp),
    }
}

/// Reads the UDP header at the start of `octets`, IPv6 extension headers before it skipped.
///
/// # Errors
/// `NotUdp` if another protocol follows, `CutShort` or `Malformed` as in [`read`].
pub fn read_udp(protocol: u8, octets: &[u8]) -> Result<Udp<'_>, Unread> {
    let (protocol, octets) = skip_extensions(protocol, octets)?;
    if protocol != PROTOCOL_UDP {
        return Err(Unread::NotUdp);
    }
    let header: &[u8; UDP_HEADER_OCTETS] = octets.first_chunk().ok_or(Unread::CutShort)?;
    let [s0, s1, d0, d1, l0, l1, _, _] = *header;
    let octets_count = usize::from(u16::from_be_bytes([l0, l1]));
    if octets_count < UDP_HEADER_OCTETS {
        return Err(Unread::Malformed);
    }
    Ok(Udp {
        source_port: u16::from_be_bytes([s0, s1]),
        destination_port: u16::from_be_bytes([d0, d1]),
        payload: octets
            .get(UDP_HEADER_OCTETS..octets_count)
            .ok_or(Unread::Malformed)?,
    })
}

/// Whether a packet that begins with `protocol` may still turn out to carry UDP.
#[must_use]
pub fn may_carry_udp(protocol: u8) -> bool {
    protocol == PROTOCOL_UDP || is_extension(protocol)
}

fn read_ipv4(octets: &[u8]) -> Result<Packet<'_>, Unread> {
    let header: &[u8; IPV4_HEADER_OCTETS] = octets.first_chunk().ok_or(Unread::CutShort)?;
    let header_octets = usize::from(header[0] & 0x0f) * 4;
    let total_octets = match u16_of(header, 2) {
        // The card divides the packet later and fills this in: it is all that was captured.
        0 => octets.len().min(usize::from(u16::MAX)),
        total_octets => usize::from(total_octets),
    };
    if header_octets < IPV4_HEADER_OCTETS || total_octets < header_octets {
        return Err(Unread::Malformed);
    }
    let payload = octets
        .get(header_octets..total_octets)
        .ok_or(Unread::CutShort)?;
    let fragment = u16_of(header, 6);
    let offset = usize::from(fragment & 0x1fff) * 8;
    let place = place(fragment & 0x2000 != 0);
    Ok(Packet {
        source: ipv4_of(header, 12),
        destination: ipv4_of(header, 16),
        protocol: header[9],
        payload,
        fragment: fragment_of(u32::from(u16_of(header, 4)), offset, place),
    })
}

fn read_ipv6(octets: &[u8]) -> Result<Packet<'_>, Unread> {
    let header: &[u8; IPV6_HEADER_OCTETS] = octets.first_chunk().ok_or(Unread::CutShort)?;
    let payload_octets = usize::from(u16_of(header, 4));
    let payload = octets
        .get(IPV6_HEADER_OCTETS..IPV6_HEADER_OCTETS + payload_octets)
        .ok_or(Unread::CutShort)?;
    let (protocol, payload) = skip_extensions(header[6], payload)?;
    let whole = Packet {
        source: ipv6_of(header, 8),
        destination: ipv6_of(header, 24),
        protocol,
        payload,
        fragment: None,
    };
    if protocol == PROTOCOL_FRAGMENT {
        read_ipv6_fragment(whole)
    } else {
        Ok(whole)
    }
}

/// `packet.payload` begins with a Fragment header [RFC 8200 §4.5].
fn read_ipv6_fragment(packet: Packet<'_>) -> Result<Packet<'_>, Unread> {
    let (header, payload) = packet
        .payload
        .split_first_chunk::<8>()
        .ok_or(Unread::Malformed)?;
    let [protocol, _, o0, o1, i0, i1, i2, i3] = *header;
    let place_octets = u16::from_be_bytes([o0, o1]);
    let offset = usize::from(place_octets & 0xfff8);
    let id = u32::from_be_bytes([i0, i1, i2, i3]);
    Ok(Packet {
        protocol,
        payload,
        fragment: fragment_of(id, offset, place(place_octets & 1 != 0)),
        ..packet
    })
}

const fn place(more_follow: bool) -> Place {
    if more_follow {
        Place::Inner
    } else {
        Place::Last
    }
}

/// A fragment that begins and ends the packet is the packet [RFC 6946].
fn fragment_of(id: u32, offset: usize, place: Place) -> Option<Fragment> {
    (offset != 0 || place == Place::Inner).then_some(Fragment { id, offset, place })
}

const fn is_extension(protocol: u8) -> bool {
    matches!(
        protocol,
        PROTOCOL_HOP_BY_HOP
            | PROTOCOL_ROUTING
            | PROTOCOL_AUTHENTICATION
            | PROTOCOL_DESTINATION_OPTIONS
            | PROTOCOL_MOBILITY
            | PROTOCOL_HIP
            | PROTOCOL_SHIM6
    )
}

/// Each step takes at least 8 octets, so the loop ends with the packet.
fn skip_extensions(mut protocol: u8, mut octets: &[u8]) -> Result<(u8, &[u8]), Unread> {
    while is_extension(protocol) {
        let [next, length, ..] = *octets else {
            return Err(Unread::Malformed);
        };
        let header_octets = match protocol {
            // Counted in 4 octets, less 2, as the only one [RFC 4302 §2.2].
            PROTOCOL_AUTHENTICATION => (usize::from(length) + 2) * 4,
            _ => (usize::from(length) + 1) * 8,
        };
        octets = octets.get(header_octets..).ok_or(Unread::Malformed)?;
        protocol = next;
    }
    Ok((protocol, octets))
}

fn array_of<const N: usize>(header: &[u8], at: usize) -> [u8; N] {
    let octets = header.get(at..).and_then(|octets| octets.first_chunk());
    *octets.expect("invariant: callers pass constants below the header's length")
}

fn u16_of(header: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(array_of(header, at))
}

fn ipv4_of(header: &[u8], at: usize) -> IpAddr {
    Ipv4Addr::from(array_of::<4>(header, at)).into()
}

fn ipv6_of(header: &[u8], at: usize) -> IpAddr {
    Ipv6Addr::from(array_of::<16>(header, at)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UDP: [u8; 11] = [0, 53, 8, 7, 0, 11, 0, 0, b'a', b'b', b'c'];

    fn ipv4(total: u16, fragment: u16, payload: &[u8]) -> Vec<u8> {
        let mut octets = vec![0x45, 0];
        octets.extend(total.to_be_bytes());
        octets.extend([0x12, 0x34]);
        octets.extend(fragment.to_be_bytes());
        octets.extend([64, PROTOCOL_UDP, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
        octets.extend(payload);
        octets
    }

    fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
        let mut octets = vec![0x60, 0, 0, 0];
        octets.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        octets.extend([next, 64]);
        octets.extend("2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        octets.extend("2001:db8::2".parse::<Ipv6Addr>().unwrap().octets());
        octets.extend(payload);
        octets
    }

    fn udp_payload(octets: &[u8]) -> Result<Vec<u8>, Unread> {
        let packet = read(octets)?;
        Ok(read_udp(packet.protocol, packet.payload)?.payload.to_vec())
    }

    #[test]
    fn a_datagram_is_read_from_either_version() {
        let packet = ipv4(31, 0, &UDP);
        let packet = read(&packet).unwrap();
        assert_eq!(packet.source, "192.0.2.1".parse::<IpAddr>().unwrap());
        assert_eq!(packet.destination, "192.0.2.2".parse::<IpAddr>().unwrap());
        assert_eq!(packet.fragment, None);
        let udp = read_udp(packet.protocol, packet.payload).unwrap();
        assert_eq!((udp.source_port, udp.destination_port), (53, 2055));
        assert_eq!(udp.payload, b"abc");
        assert_eq!(udp_payload(&ipv6(PROTOCOL_UDP, &UDP)).unwrap(), b"abc");
    }

    #[test]
    fn padding_of_the_link_layer_is_not_read() {
        let mut padded = ipv4(31, 0, &UDP);
        padded.extend([0; 20]);
        assert_eq!(udp_payload(&padded).unwrap(), b"abc");
    }

    #[test]
    fn a_total_length_of_zero_means_what_was_captured() {
        assert_eq!(udp_payload(&ipv4(0, 0, &UDP)).unwrap(), b"abc");
    }

    #[test]
    fn options_and_extension_headers_are_skipped() {
        let mut with_options = ipv4(35, 0, &[]);
        with_options[0] = 0x46;
        with_options.extend([1, 1, 1, 0]);
        with_options.extend(UDP);
        assert_eq!(udp_payload(&with_options).unwrap(), b"abc");

        let hop_by_hop = [PROTOCOL_ROUTING, 0, 1, 4, 0, 0, 0, 0];
        let routing = [
            PROTOCOL_AUTHENTICATION,
            1,
            4,
            0,
            0,
            0,
            0,
            0,
            9,
            9,
            9,
            9,
            9,
            9,
            9,
            9,
        ];
        let authentication = [PROTOCOL_UDP, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let chain = [&hop_by_hop[..], &routing, &authentication, &UDP].concat();
        assert_eq!(
            udp_payload(&ipv6(PROTOCOL_HOP_BY_HOP, &chain)).unwrap(),
            b"abc"
        );
    }

    #[test]
    fn fragments_are_told_from_whole_packets() {
        let fragment = |octets: &[u8]| read(octets).unwrap().fragment;
        let inner = Some(Fragment {
            id: 0x1234,
            offset: 0,
            place: Place::Inner,
        });
        assert_eq!(fragment(&ipv4(31, 0x2000, &UDP)), inner);
        let last = Some(Fragment {
            id: 0x1234,
            offset: 16,
            place: Place::Last,
        });
        assert_eq!(fragment(&ipv4(31, 2, &UDP)), last);
        assert_eq!(fragment(&ipv4(31, 0x4000, &UDP)), None, "DF is no fragment");

        let header = |offset: u8| [PROTOCOL_UDP, 0, 0, offset, 0, 0, 0, 9];
        let of = |offset| ipv6(PROTOCOL_FRAGMENT, &[&header(offset)[..], &UDP].concat());
        assert_eq!(fragment(&of(0)), None, "an atomic fragment is whole");
        let inner = Some(Fragment {
            id: 9,
            offset: 8,
            place: Place::Inner,
        });
        assert_eq!(fragment(&of(9)), inner);
    }

    #[test]
    fn every_prefix_of_a_packet_is_refused() {
        for packet in [ipv4(31, 0, &UDP), ipv6(PROTOCOL_UDP, &UDP)] {
            for len in 0..packet.len() {
                assert_eq!(udp_payload(&packet[..len]), Err(Unread::CutShort), "{len}");
            }
        }
    }

    #[test]
    fn lengths_that_contradict_each_other_are_malformed() {
        let mut long_udp = UDP;
        long_udp[5] = 12;
        let mut short_udp = UDP;
        short_udp[5] = 7;
        let mut short_header = ipv4(31, 0, &UDP);
        short_header[0] = 0x44;
        for packet in [
            ipv4(31, 0, &long_udp),
            ipv4(31, 0, &short_udp),
            ipv4(19, 0, &UDP),
            short_header,
            ipv6(PROTOCOL_ROUTING, &[PROTOCOL_UDP, 9, 0, 0, 0, 0, 0, 0]),
            ipv6(PROTOCOL_FRAGMENT, &[PROTOCOL_UDP, 0, 0]),
        ] {
            assert_eq!(
                udp_payload(&packet),
                Err(Unread::Malformed),
                "{packet:02x?}"
            );
        }
    }

    #[test]
    fn another_protocol_or_version_has_its_reason() {
        let mut tcp = ipv4(31, 0, &UDP);
        tcp[9] = 6;
        assert_eq!(udp_payload(&tcp), Err(Unread::NotUdp));
        assert_eq!(udp_payload(&[0x50; 40]), Err(Unread::NotIp));
    }
}
