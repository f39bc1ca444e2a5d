//! What the kernel knows of addresses: which are this host's own, and what the way to another is.
//!
//! Asked over netlink [RFC 3549], which needs no right. Answers are of the moment: who needs them
//! for long asks again.
//!
//! Not here: what follows from them (`daemon`).
//! Bound: answers of [`ANSWER_OCTETS_MAX`] at a time, [`ANSWERS_MAX`] of them.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// What one read takes; the kernel sends no more at once.
const ANSWER_OCTETS_MAX: usize = 32_768;
/// Reads for one question.
const ANSWERS_MAX: usize = 256;
/// The kernel answers at once or not at all.
const PATIENCE: Duration = Duration::from_secs(1);

const HEADER_OCTETS: usize = 16;
/// The length of `rtmsg` [rtnetlink(7)].
const ROUTE_OCTETS: usize = 12;
/// The length of `ifaddrmsg`.
const ADDRESS_OCTETS: usize = 8;
/// The length of `ifinfomsg`.
const LINK_OCTETS: usize = 16;
/// Answer with the route itself, not with what it would be for one address.
const RTM_F_FIB_MATCH: u32 = 0x2000;
/// Attributes of a route that say that a router stands between: `RTA_GATEWAY`, `RTA_MULTIPATH`,
/// `RTA_VIA`.
const BETWEEN: [u16; 3] = [5, 9, 18];

/// The way to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It is one of this host's own.
    Here,
    /// It is on a link of this host: no router stands between.
    OnLink,
    /// It is behind a router or a tunnel, or there is no way.
    Beyond,
}

/// Returns the way to an address.
///
/// # Errors
/// The kernel cannot be asked.
pub fn way_to(address: IpAddr) -> io::Result<Way> {
    if address.is_loopback() {
        return Ok(Way::Here);
    }
    if matches!(address, IpAddr::V6(address) if address.is_unicast_link_local()) {
        return Ok(Way::OnLink);
    }
    let mut netlink = Netlink::open()?;
    let mut body = Vec::with_capacity(ROUTE_OCTETS + 20);
    let octets = octets_of(address);
    body.extend([family_of(address), bits_of(&octets), 0, 0, 0, 0, 0, 0]);
    body.extend(RTM_F_FIB_MATCH.to_ne_bytes());
    push_attribute(&mut body, libc::RTA_DST, &octets);
    let mut way = Way::Beyond;
    let mut link = None;
    let asked = netlink.ask(libc::RTM_GETROUTE, 0, &body, |kind, answer| {
        if kind == libc::RTM_NEWROUTE {
            (way, link) = read_route(answer);
        }
    });
    match asked {
        Err(error) if is_nowhere(&error) => return Ok(Way::Beyond),
        outcome => outcome?,
    }
    match (way, link) {
        (Way::OnLink, Some(link)) if netlink.is_tunnel(link)? => Ok(Way::Beyond),
        _ => Ok(way),
    }
}

/// Returns the addresses of this host's interfaces.
///
/// # Errors
/// The kernel cannot be asked.
pub fn own_addresses() -> io::Result<Vec<IpAddr>> {
    let mut addresses = Vec::new();
    let flags = libc::NLM_F_DUMP;
    let body = [0; ADDRESS_OCTETS];
    Netlink::open()?.ask(libc::RTM_GETADDR, flags, &body, |kind, answer| {
        if kind == libc::RTM_NEWADDR {
            addresses.extend(read_address(answer));
        }
    })?;
    Ok(addresses)
}

/// Reads a route: what kind of way it is, and through which interface.
fn read_route(answer: &[u8]) -> (Way, Option<u32>) {
    let (Some(route), Some(rest)) = (answer.get(..ROUTE_OCTETS), answer.get(ROUTE_OCTETS..)) else {
        return (Way::Beyond, None);
    };
    let (prefix_len, kind) = (route[1], route[7]);
    if kind == libc::RTN_LOCAL {
        return (Way::Here, None);
    }
    // A default route without a router leads into a tunnel or to a provider.
    let mut is_on_link = kind == libc::RTN_UNICAST && prefix_len > 0;
    let mut link = None;
    for (kind, value) in attributes(rest) {
        is_on_link &= !BETWEEN.contains(&kind);
        if kind == libc::RTA_OIF {
            link = value
                .first_chunk()
                .map(|octets| u32::from_ne_bytes(*octets));
        }
    }
    let way = if is_on_link { Way::OnLink } else { Way::Beyond };
    (way, link)
}

fn read_address(answer: &[u8]) -> Option<IpAddr> {
    let attributes = || attributes(answer.get(ADDRESS_OCTETS..).unwrap_or_default());
    // On a tunnel the address is the other end's, and "local" ours.
    let local = attributes().find(|(kind, _)| *kind == libc::IFA_LOCAL);
    let found = local.or_else(|| attributes().find(|(kind, _)| *kind == libc::IFA_ADDRESS));
    let (_, octets) = found?;
    match octets.len() {
        4 => Some(Ipv4Addr::from(*octets.first_chunk::<4>()?).into()),
        16 => Some(Ipv6Addr::from(*octets.first_chunk::<16>()?).into()),
        _ => None,
    }
}

/// A socket to the kernel.
struct Netlink {
    socket: Socket,
    buffer: Vec<u8>,
}

impl Netlink {
    fn open() -> io::Result<Self> {
        let domain = Domain::from(libc::AF_NETLINK);
        let protocol = Protocol::from(libc::NETLINK_ROUTE);
        let socket = Socket::new(domain, Type::RAW, Some(protocol))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            socket,
            buffer: vec![0; ANSWER_OCTETS_MAX],
        })
    }

    /// Asks one question and hands each part of the answer over, with its kind.
    fn ask(
        &mut self,
        kind: u16,
        flags: libc::c_int,
        body: &[u8],
        mut take: impl FnMut(u16, &[u8]),
    ) -> io::Result<()> {
        let flags = u16::try_from(flags | libc::NLM_F_REQUEST).unwrap_or(0);
        let is_dump = libc::c_int::from(flags) & libc::NLM_F_DUMP == libc::NLM_F_DUMP;
        let octets = u32::try_from(HEADER_OCTETS + body.len()).unwrap_or(0);
        let mut question = octets.to_ne_bytes().to_vec();
        question.extend(kind.to_ne_bytes());
        question.extend(flags.to_ne_bytes());
        // Number and port are for who asks several things at once.
        question.extend([0; 8]);
        question.extend(body);
        self.socket.write_all(&question)?;
        for _ in 0..ANSWERS_MAX {
            let came = self.socket.read(&mut self.buffer)?;
            for (kind, answer) in answers(self.buffer.get(..came).unwrap_or_default()) {
                match libc::c_int::from(kind) {
                    libc::NLMSG_DONE => return Ok(()),
                    libc::NLMSG_ERROR => return error_in(answer),
                    _ => take(kind, answer),
                }
                if !is_dump {
                    return Ok(());
                }
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }

    /// Whether an interface leads to one peer that decides what it takes.
    fn is_tunnel(&mut self, link: u32) -> io::Result<bool> {
        let mut body = [0; LINK_OCTETS];
        body[4..8].copy_from_slice(&link.to_ne_bytes());
        let mut flags = 0;
        self.ask(libc::RTM_GETLINK, 0, &body, |kind, answer| {
            if let Some(octets) = answer.get(8..12).and_then(|octets| octets.first_chunk())
                && kind == libc::RTM_NEWLINK
            {
                flags = u32::from_ne_bytes(*octets);
            }
        })?;
        Ok(flags & libc::IFF_POINTOPOINT.cast_unsigned() != 0)
    }
}

/// The parts of an answer, each with its kind.
fn answers(mut octets: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(*octets.first_chunk()?);
        let length = usize::try_from(length).ok()?;
        let kind = u16::from_ne_bytes(*octets.get(4..)?.first_chunk()?);
        let body = octets.get(HEADER_OCTETS..length)?;
        octets = octets.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, body))
    })
}

fn attributes(mut octets: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(*octets.first_chunk()?));
        let kind = u16::from_ne_bytes(*octets.get(2..)?.first_chunk()?);
        let value = octets.get(4..length)?;
        octets = octets.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn push_attribute(to: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).unwrap_or(0);
    to.extend(length.to_ne_bytes());
    to.extend(kind.to_ne_bytes());
    to.extend(value);
}

fn error_in(answer: &[u8]) -> io::Result<()> {
    let code = answer
        .first_chunk()
        .map_or(0, |octets| i32::from_ne_bytes(*octets));
    if code == 0 {
        return Ok(());
    }
    Err(io::Error::from_raw_os_error(code.saturating_neg()))
}

fn is_nowhere(error: &io::Error) -> bool {
    let codes = [
        libc::ENETUNREACH,
        libc::EHOSTUNREACH,
        libc::EACCES,
        libc::EINVAL,
    ];
    error
        .raw_os_error()
        .is_some_and(|code| codes.contains(&code))
}

fn octets_of(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn family_of(address: IpAddr) -> u8 {
    let family = if address.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    u8::try_from(family).unwrap_or(0)
}

fn bits_of(octets: &[u8]) -> u8 {
    u8::try_from(octets.len() * 8).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(kind: u8, prefix_len: u8, attributes: &[u16]) -> Vec<u8> {
        let mut answer = vec![2, prefix_len, 0, 0, 0, 0, 0, kind, 0, 0, 0, 0];
        for attribute in attributes {
            push_attribute(&mut answer, *attribute, &7_u32.to_ne_bytes());
        }
        answer
    }

    #[test]
    fn a_host_behind_a_router_is_not_on_link_and_neither_is_one_behind_a_bare_default_route() {
        let (unicast, local) = (libc::RTN_UNICAST, libc::RTN_LOCAL);
        for (kind, prefix_len, attributes, way) in [
            (local, 32, &[libc::RTA_OIF][..], Way::Here),
            (unicast, 24, &[libc::RTA_OIF], Way::OnLink),
            (
                unicast,
                24,
                &[libc::RTA_OIF, libc::RTA_GATEWAY],
                Way::Beyond,
            ),
            (unicast, 24, &[libc::RTA_MULTIPATH], Way::Beyond),
            (unicast, 0, &[libc::RTA_OIF], Way::Beyond),
            (libc::RTN_UNREACHABLE, 24, &[libc::RTA_OIF], Way::Beyond),
        ] {
            let (read, _) = read_route(&route(kind, prefix_len, attributes));
            assert_eq!(read, way, "{kind} {prefix_len} {attributes:?}");
        }
        assert_eq!(read_route(&route(unicast, 24, &[libc::RTA_OIF])).1, Some(7));
    }

    #[test]
    fn answers_that_are_cut_are_read_as_far_as_they_go() {
        let whole = route(libc::RTN_UNICAST, 24, &[libc::RTA_OIF, libc::RTA_GATEWAY]);
        for end in 0..whole.len() {
            read_route(&whole[..end]);
            assert!(answers(&whole[..end]).count() <= 1);
        }
    }

    #[test]
    fn the_kernel_says_that_loopback_is_here_and_that_its_address_is_ours() {
        assert_eq!(way_to(Ipv4Addr::LOCALHOST.into()).unwrap(), Way::Here);
        let own = own_addresses().unwrap();
        assert!(own.contains(&Ipv4Addr::LOCALHOST.into()), "{own:?}");
        for address in own.into_iter().filter(|address| !is_link_local(*address)) {
            assert_eq!(way_to(address).unwrap(), Way::Here, "{address}");
        }
        assert_eq!(way_to([203, 0, 113, 77].into()).unwrap(), Way::Beyond);
    }

    /// The way to one depends on the interface, which the address does not say.
    fn is_link_local(address: IpAddr) -> bool {
        matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
    }
}
