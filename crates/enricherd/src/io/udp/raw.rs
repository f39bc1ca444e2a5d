//! The sending end for datagrams that bear their exporter's address and port.
//!
//! The IP and UDP headers are ours, so one raw socket serves all exporters with one `sendmmsg`.
//! The kernel fills in the IPv4 checksum and an identification, so that the datagram can be
//! fragmented on its way; DF is never set, as no router heard of our choice of sizes.
//!
//! Not here: which exporters' addresses are shown (`pipeline::senders`); datagrams above the MTU,
//! which a raw socket does not divide (`io::open::in_name_of`).
//! Bound: [`BATCH_DATAGRAMS`] a call.

use std::io;
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

use socket2::{SockAddr, Socket};

use super::outbox::{Parts, Sent, vector};
use super::{BATCH_DATAGRAMS, Family};
use crate::io::checksum::Sum;
use crate::io::ip::{IPV4_HEADER_OCTETS, IPV6_HEADER_OCTETS, PROTOCOL_UDP, UDP_HEADER_OCTETS};

const HEADERS_OCTETS_MAX: usize = IPV6_HEADER_OCTETS + UDP_HEADER_OCTETS;

/// A datagram that leaves in its exporter's name.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// The address and port that it bears.
    pub exporter: SocketAddr,
    /// Its octets.
    pub parts: Parts<'a>,
}

/// IP and UDP header of a datagram.
#[derive(Clone, Copy, Debug)]
struct Headers {
    octets: [u8; HEADERS_OCTETS_MAX],
    len: usize,
}

/// The structures that `sendmmsg` reads, used again for every call.
///
/// Belongs to the thread that made it.
pub struct RawOutbox {
    ip_headers: Vec<Headers>,
    parts_octets: Vec<usize>,
    vectors: Vec<[libc::iovec; 3]>,
    headers: Vec<libc::mmsghdr>,
}

impl Default for RawOutbox {
    fn default() -> Self {
        Self {
            ip_headers: Vec::with_capacity(BATCH_DATAGRAMS),
            parts_octets: Vec::with_capacity(BATCH_DATAGRAMS),
            vectors: Vec::with_capacity(BATCH_DATAGRAMS),
            headers: Vec::with_capacity(BATCH_DATAGRAMS),
        }
    }
}

impl RawOutbox {
    /// Sends datagrams through a raw socket of the collector's family without waiting; returns
    /// what left: at least one if there was one, and at most [`BATCH_DATAGRAMS`].
    ///
    /// # Errors
    /// Why the first of them did not leave, `InvalidInput` if its exporter is of another family or
    /// it is larger than a datagram can be. The others were not tried.
    pub fn send<'a>(
        &mut self,
        socket: &Socket,
        collector: SocketAddr,
        datagrams: impl Iterator<Item = Named<'a>>,
    ) -> io::Result<Sent> {
        self.ip_headers.clear();
        self.parts_octets.clear();
        self.vectors.clear();
        self.headers.clear();
        for named in datagrams.take(BATCH_DATAGRAMS) {
            let Some(headers) = headers(&named, collector) else {
                break;
            };
            self.push(headers, &named.parts);
        }
        if self.ip_headers.is_empty() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // A port would be taken for the number of a protocol.
        let mut name = collector;
        name.set_port(0);
        let name = SockAddr::from(name);
        self.point(&name);
        // SAFETY: the headers are as many as we say. Each points to `name` and to three vectors in
        // `self`, which did not move since `point`; the vectors point to headers in `self` and to
        // octets borrowed for 'a. All of it outlives this call, and the kernel writes to the
        // message headers alone.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                self.headers.len() as _,
                libc::MSG_DONTWAIT as _,
            )
        };
        let count = usize::try_from(sent).map_err(|_| io::Error::last_os_error())?;
        Ok(Sent {
            count,
            octets: self.parts_octets.iter().take(count).sum(),
        })
    }

    fn push(&mut self, headers: Headers, parts: &Parts<'_>) {
        debug_assert!(self.ip_headers.len() < BATCH_DATAGRAMS);
        self.ip_headers.push(headers);
        self.parts_octets.push(parts.octets_count());
        // The first one has its place when all headers have theirs.
        self.vectors
            .push([vector(&[]), vector(parts.header), vector(parts.body)]);
    }

    fn point(&mut self, name: &SockAddr) {
        for (vectors, ours) in self.vectors.iter_mut().zip(&self.ip_headers) {
            vectors[0] = vector(ours.octets.get(..ours.len).unwrap_or_default());
            // SAFETY: all zeroes is a valid mmsghdr: null pointers with lengths of 0.
            let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
            header.msg_hdr.msg_name = name.as_ptr().cast_mut().cast();
            header.msg_hdr.msg_namelen = name.len();
            header.msg_hdr.msg_iov = vectors.as_mut_ptr();
            header.msg_hdr.msg_iovlen = vectors.len() as _;
            self.headers.push(header);
        }
    }
}

impl std::fmt::Debug for RawOutbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawOutbox").finish_non_exhaustive()
    }
}

/// Octets that IP and UDP header take of a packet.
#[must_use]
pub const fn headers_octets(family: Family) -> usize {
    UDP_HEADER_OCTETS
        + match family {
            Family::V4 => IPV4_HEADER_OCTETS,
            Family::V6 => IPV6_HEADER_OCTETS,
        }
}

/// Writes the headers of a datagram; `None` if there can be no such datagram.
fn headers(named: &Named<'_>, collector: SocketAddr) -> Option<Headers> {
    let parts = &named.parts;
    let udp_octets = parts.octets_count() + UDP_HEADER_OCTETS;
    let udp_octets = u16::try_from(udp_octets).ok()?.to_be_bytes();
    let mut octets = [0; HEADERS_OCTETS_MAX];
    let mut sum = Sum::default();
    let ip_octets = match (named.exporter.ip(), collector.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            // Total Length, Identification and checksum are the kernel's.
            octets[0] = 0x45;
            octets[8] = parts.ttl;
            octets[9] = PROTOCOL_UDP;
            octets[12..16].copy_from_slice(&source.octets());
            octets[16..20].copy_from_slice(&destination.octets());
            sum.add(&octets[12..20]);
            IPV4_HEADER_OCTETS
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            octets[0] = 0x60;
            octets[4..6].copy_from_slice(&udp_octets);
            octets[6] = PROTOCOL_UDP;
            octets[7] = parts.ttl;
            octets[8..24].copy_from_slice(&source.octets());
            octets[24..40].copy_from_slice(&destination.octets());
            sum.add(&octets[8..40]);
            IPV6_HEADER_OCTETS
        }
        _ => return None,
    };
    // The length counts twice: in the pseudo header and in the UDP header.
    sum.add(&[0, PROTOCOL_UDP, udp_octets[0], udp_octets[1]]);
    let udp = octets.get_mut(ip_octets..ip_octets + UDP_HEADER_OCTETS)?;
    udp[0..2].copy_from_slice(&named.exporter.port().to_be_bytes());
    udp[2..4].copy_from_slice(&collector.port().to_be_bytes());
    udp[4..6].copy_from_slice(&udp_octets);
    for part in [&*udp, parts.header, parts.body] {
        sum.add(part);
    }
    udp[6..8].copy_from_slice(&sum.udp_checksum());
    Some(Headers {
        octets,
        len: ip_octets + UDP_HEADER_OCTETS,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::ip;

    fn packet(exporter: &str, collector: &str, header: &[u8], body: &[u8]) -> Option<Vec<u8>> {
        let (ttl, exporter) = (63, exporter.parse().unwrap());
        let parts = Parts { header, body, ttl };
        let headers = headers(&Named { exporter, parts }, collector.parse().unwrap())?;
        Some([&headers.octets[..headers.len], header, body].concat())
    }

    /// The sum as RFC 1071 §1 explains it, 16 bits after 16 bits.
    fn plain_sum(octets: &[u8]) -> u16 {
        octets.chunks(2).fold(0, |sum: u16, pair| {
            let word = u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]);
            let (sum, carry) = sum.overflowing_add(word);
            sum + u16::from(carry)
        })
    }

    #[test]
    fn the_collector_reads_the_exporters_address_port_and_octets() {
        for (exporter, collector) in [
            ("192.0.2.1:2055", "198.51.100.7:9995"),
            ("[2001:db8::1]:4739", "[2001:db8::2]:2056"),
        ] {
            let mut octets = packet(exporter, collector, b"head", b"the rest").unwrap();
            let exporter: SocketAddr = exporter.parse().unwrap();
            let collector: SocketAddr = collector.parse().unwrap();
            let ttl_at = if exporter.is_ipv4() { 8 } else { 7 };
            assert_eq!(octets[ttl_at], 63);
            if exporter.is_ipv4() {
                assert_eq!(octets[6], 0, "no DF");
                // As the kernel does.
                let total = u16::try_from(octets.len()).unwrap();
                octets[2..4].copy_from_slice(&total.to_be_bytes());
            }
            let packet = ip::read(&octets).unwrap();
            assert_eq!(
                (packet.source, packet.destination),
                (exporter.ip(), collector.ip())
            );
            let udp = ip::read_udp(packet.protocol, packet.payload).unwrap();
            assert_eq!(udp.source_port, exporter.port());
            assert_eq!(udp.destination_port, collector.port());
            assert_eq!(udp.payload, b"headthe rest");
        }
    }

    #[test]
    fn the_udp_checksum_is_true_and_never_zero() {
        for (exporter, collector, addresses, udp_at) in [
            ("192.0.2.1:2055", "198.51.100.7:9995", 12..20, 20),
            ("[2001:db8::1]:4739", "[2001:db8::2]:2056", 8..40, 40),
        ] {
            for last in 0..=u16::MAX {
                let body = [b"odd", &last.to_be_bytes()[..]].concat();
                let octets = packet(exporter, collector, b"", &body).unwrap();
                let udp = &octets[udp_at..];
                let udp_octets = u8::try_from(udp.len()).unwrap();
                let pseudo = [&octets[addresses.clone()], &[0, 17, 0, udp_octets]].concat();
                assert_eq!(plain_sum(&[&pseudo, udp].concat()), 0xffff);
                assert_ne!(udp[6..8], [0, 0]);
            }
        }
    }

    #[test]
    fn there_is_no_datagram_between_families_and_none_above_65535_octets() {
        let mixed = packet("[2001:db8::1]:4739", "192.0.2.1:2055", b"", b"x");
        assert_eq!(mixed, None);
        let large = vec![0; 65_528];
        let collector = "192.0.2.7:2056";
        assert_eq!(packet("192.0.2.1:2055", collector, b"", &large), None);
    }
}
