//! Questions to a collector's host, from our own address: does it answer a ping?
//!
//! Where the kernel lets everyone ping (`net.ipv4.ping_group_range`) a datagram socket does;
//! else it takes CAP_NET_RAW. Whoever asks waits for the answer itself; nothing here waits.
//!
//! Not here: when to ask, and what silence means (`control::reach`).
//! Bound: one socket for each question.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::checksum::Sum;

/// Octets of an answer that are looked at: an IPv4 header, and what we sent.
pub const ANSWER_OCTETS_MAX: usize = 128;

const IPV4_REQUEST: u8 = 8;
const IPV4_REPLY: u8 = 0;
const IPV6_REQUEST: u8 = 128;
const IPV6_REPLY: u8 = 129;
/// Type, code, checksum, identifier, Sequence Number [RFC 792, RFC 4443 §4.1].
const ICMP_HEADER_OCTETS: usize = 8;

/// A ping that is ready to be sent.
#[derive(Debug)]
pub struct Ping {
    /// Connected to the host, and not waiting.
    pub socket: UdpSocket,
    /// What to send.
    pub request: [u8; ICMP_HEADER_OCTETS + 8],
    reply_type: u8,
    nonce: [u8; 8],
}

impl Ping {
    /// Returns a ping to a host; its answer holds the `nonce`.
    ///
    /// # Errors
    /// We may not ping, or there is no way to the host.
    pub fn to(host: IpAddr, nonce: u64) -> io::Result<Self> {
        let (domain, protocol, request_type, reply_type) = match host {
            IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4, IPV4_REQUEST, IPV4_REPLY),
            IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6, IPV6_REQUEST, IPV6_REPLY),
        };
        let socket = Socket::new(domain, Type::DGRAM, Some(protocol))
            .or_else(|_| Socket::new(domain, Type::RAW, Some(protocol)))?;
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::from(SocketAddr::new(host, 0)))?;
        let nonce = nonce.to_be_bytes();
        let mut request = [0; ICMP_HEADER_OCTETS + 8];
        request[0] = request_type;
        request[6..8].copy_from_slice(&nonce[6..]);
        request[ICMP_HEADER_OCTETS..].copy_from_slice(&nonce);
        // Of ICMPv6 the kernel makes its own.
        let mut sum = Sum::default();
        sum.add(&request);
        request[2..4].copy_from_slice(&sum.checksum());
        Ok(Self {
            socket: socket.into(),
            request,
            reply_type,
            nonce,
        })
    }

    /// Whether these octets are the answer; others come as well where the socket is a raw one.
    #[must_use]
    pub fn is_answered_by(&self, octets: &[u8]) -> bool {
        // A raw IPv4 socket shows the IP header.
        let header_octets = match octets.first() {
            Some(first) if first >> 4 == 4 => usize::from(first & 0x0f) * 4,
            _ => 0,
        };
        let icmp = octets.get(header_octets..).unwrap_or_default();
        icmp.first() == Some(&self.reply_type) && icmp.ends_with(&self.nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_the_nonce_and_the_type_of_an_answer() {
        let Ok(ping) = Ping::to([127, 0, 0, 1].into(), 0x0102_0304_0506_0708) else {
            eprintln!("skipped: this user may not ping; run as root");
            return;
        };
        let mut answer = ping.request;
        assert!(!ping.is_answered_by(&answer), "the request itself");
        answer[0] = IPV4_REPLY;
        assert!(ping.is_answered_by(&answer));
        let with_ip_header = [&[0x45; 20][..], &answer].concat();
        assert!(ping.is_answered_by(&with_ip_header));
        answer[15] = 0;
        assert!(!ping.is_answered_by(&answer));
        assert!(!ping.is_answered_by(&[]));
    }
}
