//! Datagrams into a classic pcap file of raw IP packets.
//!
//! What is written depends on the arguments only: no clock, no random number, so the same
//! datagrams give the same octets. A datagram above the path's size is one unfragmented packet.
//!
//! Not here: who the datagram is from and to, and when it left (the caller's choice).

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::io::capture::Precision;
use crate::io::checksum::Sum;
use crate::io::ip::{IPV4_HEADER_OCTETS, IPV6_HEADER_OCTETS, PROTOCOL_UDP, UDP_HEADER_OCTETS};
use crate::io::link;

const MAGIC_MICROS: u32 = 0xa1b2_c3d4;
const MAGIC_NANOS: u32 = 0xa1b2_3c4d;
/// As much as other programs accept; larger than any packet below.
const SNAP_OCTETS: u32 = 262_144;
/// A router on the way took one of the usual 64. The input's own value is no better: a Message
/// may be made from several datagrams.
const HOP_LIMIT: u8 = 63;

/// Writes packets to `out`, the file header before the first.
#[derive(Debug)]
pub struct PcapOut<W> {
    out: W,
    /// `None` until the file header is written.
    precision: Option<Precision>,
    /// IPv4 Identification: the packets may be fragmented on their way.
    identification: u16,
    packet: Vec<u8>,
}

/// The two ends of a datagram, of one address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Who it is from.
    pub source: SocketAddr,
    /// To whom it goes.
    pub destination: SocketAddr,
}

impl<W: Write> PcapOut<W> {
    /// Returns a writer that has written nothing.
    pub const fn new(out: W) -> Self {
        Self {
            out,
            precision: None,
            identification: 0,
            packet: Vec::new(),
        }
    }

    /// Writes one datagram, `time` since 1970.
    ///
    /// `precision` of the first datagram is that of the file.
    ///
    /// # Errors
    /// That of `out`; `InvalidInput` if `ends` are of two families or `payload` is longer than a
    /// UDP datagram can be.
    pub fn write(
        &mut self,
        time: Duration,
        precision: Precision,
        ends: Ends,
        payload: &[u8],
    ) -> io::Result<()> {
        let precision = self.begin(precision)?;
        self.identification = self.identification.wrapping_add(1);
        self.packet.clear();
        push_packet(&mut self.packet, ends, self.identification, payload)
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let fraction = match precision {
            Precision::Micros => time.subsec_micros(),
            Precision::Nanos => time.subsec_nanos(),
        };
        let octets = u32::try_from(self.packet.len()).unwrap_or(SNAP_OCTETS);
        for word in [seconds, fraction, octets, octets] {
            self.out.write_all(&word.to_le_bytes())?;
        }
        self.out.write_all(&self.packet)
    }

    /// Writes the file header if no datagram was, and empties all buffers.
    ///
    /// # Errors
    /// That of `out`.
    pub fn finish(mut self) -> io::Result<W> {
        self.begin(Precision::Micros)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn begin(&mut self, precision: Precision) -> io::Result<Precision> {
        if let Some(precision) = self.precision {
            return Ok(precision);
        }
        let magic = match precision {
            Precision::Micros => MAGIC_MICROS,
            Precision::Nanos => MAGIC_NANOS,
        };
        self.out.write_all(&magic.to_le_bytes())?;
        self.out.write_all(&[2, 0, 4, 0])?;
        for word in [0, 0, SNAP_OCTETS, u32::from(link::RAW)] {
            self.out.write_all(&word.to_le_bytes())?;
        }
        self.precision = Some(precision);
        Ok(precision)
    }
}

/// Appends an IP packet to `packet`; `None` if `ends` or the length do not allow one.
fn push_packet(packet: &mut Vec<u8>, ends: Ends, id: u16, payload: &[u8]) -> Option<()> {
    let udp_octets = u16::try_from(payload.len() + UDP_HEADER_OCTETS).ok()?;
    match (ends.source.ip(), ends.destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let header_octets = u16::try_from(IPV4_HEADER_OCTETS).ok()?;
            let total = udp_octets.checked_add(header_octets)?.to_be_bytes();
            let [i0, i1] = id.to_be_bytes();
            let start = packet.len();
            packet.extend([0x45, 0, total[0], total[1], i0, i1, 0, 0]);
            packet.extend([HOP_LIMIT, PROTOCOL_UDP, 0, 0]);
            packet.extend(source.octets());
            packet.extend(destination.octets());
            let mut sum = Sum::default();
            sum.add(packet.get(start..)?);
            packet
                .get_mut(start + 10..start + 12)?
                .copy_from_slice(&sum.checksum());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            packet.reserve(IPV6_HEADER_OCTETS);
            packet.extend([0x60, 0, 0, 0]);
            packet.extend(udp_octets.to_be_bytes());
            packet.extend([PROTOCOL_UDP, HOP_LIMIT]);
            packet.extend(source.octets());
            packet.extend(destination.octets());
        }
        _ => return None,
    }
    packet.extend(ends.source.port().to_be_bytes());
    packet.extend(ends.destination.port().to_be_bytes());
    packet.extend(udp_octets.to_be_bytes());
    packet.extend(udp_checksum(ends, udp_octets, payload));
    packet.extend(payload);
    Some(())
}

/// The checksum over pseudo header, UDP header and payload; never 0, which means none
/// [RFC 768, RFC 8200 §8.1].
fn udp_checksum(ends: Ends, udp_octets: u16, payload: &[u8]) -> [u8; 2] {
    let mut sum = Sum::default();
    for address in [ends.source.ip(), ends.destination.ip()] {
        match address {
            IpAddr::V4(address) => sum.add(&address.octets()),
            IpAddr::V6(address) => sum.add(&address.octets()),
        }
    }
    // The length counts twice: in the pseudo header and in the UDP header.
    for word in [
        u16::from(PROTOCOL_UDP),
        udp_octets,
        udp_octets,
        ends.source.port(),
        ends.destination.port(),
    ] {
        sum.add(&word.to_be_bytes());
    }
    sum.add(payload);
    sum.udp_checksum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::capture::read_frames;
    use crate::io::ip;

    fn ends(source: &str, destination: &str) -> Ends {
        Ends {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
        }
    }

    fn file_of(datagrams: &[(Duration, Precision, Ends, Vec<u8>)]) -> io::Result<Vec<u8>> {
        let mut out = PcapOut::new(Vec::new());
        for (time, precision, ends, payload) in datagrams {
            out.write(*time, *precision, *ends, payload)?;
        }
        out.finish()
    }

    fn packets(file: &[u8]) -> Vec<(Duration, Vec<u8>)> {
        let mut packets = Vec::new();
        read_frames(file, |frame| {
            assert_eq!(frame.link_type, Some(link::RAW));
            packets.push((frame.time, frame.octets.to_vec()));
            Ok(())
        })
        .unwrap();
        packets
    }

    #[test]
    fn what_was_written_is_read_back() {
        let time = Duration::new(1_700_000_000, 123_456_000);
        for ends in [
            ends("192.0.2.1:2055", "127.0.0.1:2056"),
            ends("[2001:db8::1]:4739", "[::1]:2056"),
        ] {
            let datagram = (time, Precision::Micros, ends, b"payload".to_vec());
            let packets = packets(&file_of(&[datagram]).unwrap());
            let [(read_time, octets)] = &packets[..] else {
                panic!("{packets:?}");
            };
            assert_eq!(*read_time, time);
            let packet = ip::read(octets).unwrap();
            assert_eq!(packet.source, ends.source.ip());
            assert_eq!(packet.destination, ends.destination.ip());
            let udp = ip::read_udp(packet.protocol, packet.payload).unwrap();
            assert_eq!(udp.source_port, ends.source.port());
            assert_eq!(udp.destination_port, ends.destination.port());
            assert_eq!(udp.payload, b"payload");
        }
    }

    /// Adds `octets` to `sum` as the Internet checksum does [RFC 1071]; an odd one is padded.
    fn ones_complement_sum(sum: u16, octets: &[u8]) -> u16 {
        let (pairs, odd) = octets.as_chunks::<2>();
        let padded = odd.first().map(|octet| u16::from_be_bytes([*octet, 0]));
        // 32,768 words of 16 bits do not overflow 32 bits.
        let mut total = u32::from(sum) + u32::from(padded.unwrap_or(0));
        total += pairs
            .iter()
            .map(|pair| u32::from(u16::from_be_bytes(*pair)))
            .sum::<u32>();
        while let Ok(carry @ 1..) = u16::try_from(total >> 16) {
            total = (total & 0xffff) + u32::from(carry);
        }
        u16::try_from(total).unwrap_or(u16::MAX)
    }

    #[test]
    fn checksums_are_true_and_never_zero() {
        // Sums over the header, and over pseudo header, UDP header and payload, checksum
        // included, are all ones [RFC 1071 §1].
        let verify = |octets: &[u8], addresses: std::ops::Range<usize>, udp_at: usize| {
            let udp = &octets[udp_at..];
            let len = u16::try_from(udp.len()).unwrap();
            let sum = ones_complement_sum(17, &octets[addresses]);
            let sum = ones_complement_sum(sum, &len.to_be_bytes());
            assert_eq!(ones_complement_sum(sum, udp), 0xffff);
            assert_ne!(udp[6..8], [0, 0]);
        };
        let v4 = ends("192.0.2.1:2055", "127.0.0.1:2056");
        let v6 = ends("[2001:db8::1]:4739", "[::1]:2056");
        for ends in [v4, v6] {
            for last in 0..=u16::MAX {
                let mut payload = b"odd".to_vec();
                payload.extend(last.to_be_bytes());
                let mut octets = Vec::new();
                push_packet(&mut octets, ends, last, &payload).unwrap();
                if ends == v4 {
                    assert_eq!(ones_complement_sum(0, &octets[..20]), 0xffff);
                    verify(&octets, 12..20, 20);
                } else {
                    verify(&octets, 8..40, 40);
                }
            }
        }
    }

    #[test]
    fn nanoseconds_are_kept_where_the_input_has_them() {
        let ends = ends("192.0.2.1:2055", "127.0.0.1:2056");
        let time = Duration::new(1, 123_456_789);
        for (precision, nanos) in [(Precision::Nanos, 789), (Precision::Micros, 0)] {
            let file = file_of(&[(time, precision, ends, vec![])]).unwrap();
            assert_eq!(packets(&file)[0].0, Duration::new(1, 123_456_000 + nanos));
        }
    }

    #[test]
    fn a_large_datagram_is_one_packet() {
        let payload = vec![1; 65507];
        let ends = ends("192.0.2.1:2055", "127.0.0.1:2056");
        let file = file_of(&[(Duration::ZERO, Precision::Micros, ends, payload)]).unwrap();
        assert_eq!(packets(&file)[0].1.len(), 65535);
    }

    #[test]
    fn what_no_packet_can_hold_is_refused() {
        let v4 = ends("192.0.2.1:2055", "127.0.0.1:2056");
        let mixed = ends("192.0.2.1:2055", "[::1]:2056");
        for (ends, len) in [(v4, 65508), (mixed, 1)] {
            let result = file_of(&[(Duration::ZERO, Precision::Micros, ends, vec![0; len])]);
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn a_file_without_datagrams_has_its_header() {
        let file = file_of(&[]).unwrap();
        assert_eq!(file.len(), 24);
        assert_eq!(packets(&file), []);
    }
}
