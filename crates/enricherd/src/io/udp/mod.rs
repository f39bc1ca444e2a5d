//! Datagrams in and out in batches: `recvmmsg` and `sendmmsg`.
//!
//! These files and `io::cores` are the only ones of the project with unsafe code: the libraries
//! either copy, or hide what the kernel dropped. Every block says why it is sound.
//!
//! Not here: which socket a Message leaves by (`pipeline::senders`), opening sockets (`io::open`).
//! Bound: [`BATCH_DATAGRAMS`] for each of the two ends.
#![allow(
    unsafe_code,
    reason = "the system calls take structures full of pointers"
)]

pub mod inbox;
pub mod outbox;
pub mod raw;

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};

use socket2::{Domain, Socket};

/// Datagrams that one system call receives or sends.
pub const BATCH_DATAGRAMS: usize = 64;

/// Room for three ancillary messages: the kernel's drops, and the TTL of either family.
const CONTROL_OCTETS: usize = 128;

/// Ancillary data must lie as the kernel's structures do.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_OCTETS]);

/// Whether a socket speaks IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub const fn of(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(_) => Self::V4,
            SocketAddr::V6(_) => Self::V6,
        }
    }

    /// Its name for a new socket.
    #[must_use]
    pub const fn domain(self) -> Domain {
        match self {
            Self::V4 => Domain::IPV4,
            Self::V6 => Domain::IPV6,
        }
    }
}

/// What the kernel is asked to say with each datagram, and to do with those that leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Say how many datagrams were dropped for want of room.
    ReportDrops,
    /// Say the TTL of IPv4 datagrams; on IPv6 sockets too, which IPv4 datagrams reach.
    ReportTtl,
    /// Say the Hop Limit of IPv6 datagrams.
    ReportHopLimit,
    /// Take this receive buffer, even above `net.core.rmem_max`; needs CAP_NET_ADMIN.
    ForceReceiveBuffer(u32),
    /// Take this send buffer, even above `net.core.wmem_max`; needs CAP_NET_ADMIN.
    ForceSendBuffer(u32),
    /// Fragment what is larger than the path, as routers may: the exporter's datagrams could be.
    Fragment(Family),
}

/// Sets an option of a socket that no library sets.
///
/// # Errors
/// What the kernel says.
pub fn wish(socket: &Socket, wish: Wish) -> io::Result<()> {
    let (level, name, value) = match wish {
        Wish::ReportDrops => (libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 1),
        Wish::ReportTtl => (libc::IPPROTO_IP, libc::IP_RECVTTL, 1),
        Wish::ReportHopLimit => (libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT, 1),
        Wish::ForceReceiveBuffer(bytes) => {
            let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
            (libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, bytes)
        }
        Wish::ForceSendBuffer(bytes) => {
            let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
            (libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, bytes)
        }
        Wish::Fragment(Family::V4) => {
            let value = libc::IP_PMTUDISC_DONT;
            (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, value)
        }
        Wish::Fragment(Family::V6) => {
            let value = libc::IPV6_PMTUDISC_DONT;
            (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, value)
        }
    };
    set_option(socket.as_raw_fd(), level, name, value)
}

fn set_option(
    socket: RawFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let pointer: *const libc::c_int = &raw const value;
    // SAFETY: the pointer is to an integer of the length given, which lives until the call ends.
    let outcome = unsafe {
        libc::setsockopt(
            socket,
            level,
            name,
            pointer.cast(),
            socklen::<libc::c_int>(),
        )
    };
    if outcome == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Returns the octets of the largest IP packet that the way to an address takes whole, as far as
/// the kernel knows.
///
/// # Errors
/// What the kernel says; there may be no way.
pub fn mtu_to(address: SocketAddr) -> io::Result<usize> {
    let family = Family::of(address);
    let socket = Socket::new(family.domain(), socket2::Type::DGRAM, None)?;
    socket.connect(&address.into())?;
    let (level, name) = match family {
        Family::V4 => (libc::IPPROTO_IP, libc::IP_MTU),
        Family::V6 => (libc::IPPROTO_IPV6, libc::IPV6_MTU),
    };
    let mut mtu: libc::c_int = 0;
    let mut length = socklen::<libc::c_int>();
    // SAFETY: the pointers are to an integer of the length given and to that length; both live
    // until the call ends.
    let outcome = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw mut mtu).cast(),
            &raw mut length,
        )
    };
    match outcome {
        0 => usize::try_from(mtu).map_err(|_| io::ErrorKind::InvalidData.into()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Returns how many datagrams the kernel dropped at a socket since it was opened, perhaps by the
/// process before this one.
///
/// # Errors
/// What the kernel says.
pub fn drops_of(socket: &Socket) -> io::Result<u32> {
    /// SK_MEMINFO_DROPS is the last of SK_MEMINFO_VARS numbers [linux/sock_diag.h].
    const NUMBERS: usize = 9;
    let mut numbers = [0_u32; NUMBERS];
    let mut length = socklen::<[u32; NUMBERS]>();
    // SAFETY: the pointers are to an array of the length given and to that length; both live until
    // the call ends.
    let outcome = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            numbers.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    match numbers {
        [.., drops] if outcome == 0 && length == socklen::<[u32; NUMBERS]>() => Ok(drops),
        _ if outcome == 0 => Err(io::ErrorKind::Unsupported.into()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Has the kernel pick a socket of the group to which `socket` belongs by a program, which returns
/// the place of the socket in the order of binding.
///
/// # Errors
/// What the kernel says: it knows no such programs, or takes none from us.
pub fn steer(socket: &Socket, program: &[libc::sock_filter]) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        // The kernel only reads it.
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the pointer is to a structure of the length given, which points to as many
    // instructions as it says; both live until the call ends, and the kernel keeps copies.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            (&raw const program).cast(),
            socklen::<libc::sock_fprog>(),
        )
    };
    if outcome == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Raises the number of files that this process may open to what its hard limit allows; returns
/// that number.
///
/// # Errors
/// What the kernel says; the number stays what it was.
pub fn raise_open_files() -> io::Result<u64> {
    let mut limit = MaybeUninit::<libc::rlimit>::uninit();
    // SAFETY: the kernel writes the whole structure where it returns 0.
    let limit = unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, limit.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        limit.assume_init()
    };
    let raised = libc::rlimit {
        rlim_cur: limit.rlim_max,
        ..limit
    };
    // SAFETY: the pointer is to a whole structure that lives until the call ends.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(raised.rlim_cur)
}

fn socklen<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(mem::size_of::<T>()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};
    use std::time::Duration;

    use super::*;
    use crate::io::udp::inbox::Inbox;
    use crate::io::udp::outbox::{Outbox, Output, Parts, Segments, Sent};

    fn inbox(address: &str, buffer_octets: usize) -> (Inbox, SocketAddr) {
        let socket = UdpSocket::bind(address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let bound = socket.local_addr().unwrap();
        let socket = Socket::from(socket);
        wish(&socket, Wish::ReportDrops).unwrap();
        wish(&socket, Wish::ReportTtl).unwrap();
        if bound.is_ipv6() {
            wish(&socket, Wish::ReportHopLimit).unwrap();
        }
        (Inbox::new(socket, buffer_octets), bound)
    }

    fn outgoing(to: SocketAddr) -> Output {
        let any = if to.is_ipv6() {
            "[::1]:0"
        } else {
            "127.0.0.1:0"
        };
        let socket = UdpSocket::bind(any).unwrap();
        socket.connect(to).unwrap();
        Output::new(Socket::from(socket), Family::of(to))
    }

    fn parts<'a>(header: &'a [u8], body: &'a [u8], ttl: u8) -> Parts<'a> {
        Parts { header, body, ttl }
    }

    #[test]
    fn header_body_ttl_and_source_arrive_over_ipv4() {
        let (mut inbox, to) = inbox("127.0.0.1:0", 1500);
        let mut output = outgoing(to);
        let sent = [parts(b"ab", b"cd", 9), parts(b"", b"xyz", 200)];
        let count = Outbox::default().send(&mut output, Segments::ANY, sent.into_iter());
        assert_eq!(
            count.unwrap(),
            Sent {
                count: 2,
                octets: 7
            }
        );
        let mut came = Vec::new();
        while came.len() < 2 {
            for index in 0..inbox.receive().unwrap() {
                let arrival = inbox.arrival(index).unwrap();
                assert_eq!(
                    Some(arrival.source),
                    output.socket().local_addr().unwrap().as_socket()
                );
                assert!(!arrival.is_cut);
                came.push((
                    inbox.octets(index, arrival.octets_count).to_vec(),
                    arrival.ttl,
                ));
            }
        }
        assert_eq!(
            came,
            [(b"abcd".to_vec(), Some(9)), (b"xyz".to_vec(), Some(200))]
        );
        assert_eq!(inbox.receive_waiting().unwrap(), 0);
    }

    #[test]
    fn buffers_are_ready_again_after_every_batch() {
        let (mut inbox, to) = inbox("127.0.0.1:0", 4);
        let mut output = outgoing(to);
        let mut outbox = Outbox::default();
        for round in 0..3_u8 {
            let body = [round; 6];
            let one = [parts(b"", &body, 64)];
            outbox
                .send(&mut output, Segments::ANY, one.into_iter())
                .unwrap();
            assert_eq!(inbox.receive().unwrap(), 1);
            let arrival = inbox.arrival(0).unwrap();
            assert!(arrival.is_cut);
            assert_eq!(arrival.ttl, Some(64));
            assert_eq!(inbox.octets(0, arrival.octets_count), &body[..4]);
        }
    }

    #[test]
    fn a_port_where_nobody_listens_is_an_error_of_a_later_call() {
        let nobody = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let mut output = outgoing(nobody);
        let mut outbox = Outbox::default();
        let one = || [parts(b"", b"x", 64)].into_iter();
        assert_eq!(
            outbox
                .send(&mut output, Segments::ANY, one())
                .unwrap()
                .count,
            1
        );
        let refused = outbox.send(&mut output, Segments::ANY, one()).unwrap_err();
        assert_eq!(refused.error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(
            outbox
                .send(&mut output, Segments::ANY, one())
                .unwrap()
                .count,
            1
        );
    }

    #[test]
    fn datagrams_that_the_kernel_dropped_are_counted() {
        let (mut inbox, to) = inbox("127.0.0.1:0", 1500);
        inbox.socket.set_recv_buffer_size(2048).unwrap();
        let mut output = outgoing(to);
        let body = [0; 1200];
        let sent_count = 50;
        let mut outbox = Outbox::default();
        let mut send = || {
            outbox.send(
                &mut output,
                Segments::ANY,
                [parts(b"", &body, 64)].into_iter(),
            )
        };
        for _ in 0..sent_count {
            send().unwrap();
        }
        let mut came = 0;
        loop {
            let received = inbox.receive_waiting().unwrap();
            came += received as u64;
            if received == 0 {
                break;
            }
        }
        send().unwrap();
        came += inbox.receive().unwrap() as u64;
        assert!(inbox.kernel_drops() > 0);
        assert_eq!(came + inbox.kernel_drops(), sent_count + 1);
    }

    #[test]
    fn ipv4_exporters_reach_a_socket_of_both_families_under_their_own_address() {
        let Ok((mut inbox, to)) = std::panic::catch_unwind(|| inbox("[::]:0", 1500)) else {
            eprintln!("skipped: this host has no IPv6");
            return;
        };
        let mut v4 = outgoing(SocketAddr::from((Ipv4Addr::LOCALHOST, to.port())));
        let one = [parts(b"", b"x", 7)];
        Outbox::default()
            .send(&mut v4, Segments::ANY, one.into_iter())
            .unwrap();
        assert_eq!(inbox.receive().unwrap(), 1);
        let arrival = inbox.arrival(0).unwrap();
        assert_eq!(
            Some(arrival.source),
            v4.socket().local_addr().unwrap().as_socket()
        );
        assert_eq!(arrival.ttl, Some(7));
    }

    #[test]
    fn the_hop_limit_arrives_over_ipv6() {
        let Ok((mut inbox, to)) = std::panic::catch_unwind(|| inbox("[::1]:0", 1500)) else {
            eprintln!("skipped: this host has no IPv6");
            return;
        };
        let mut output = outgoing(to);
        let one = [parts(b"", b"x", 33)];
        Outbox::default()
            .send(&mut output, Segments::ANY, one.into_iter())
            .unwrap();
        assert_eq!(inbox.receive().unwrap(), 1);
        assert_eq!(inbox.arrival(0).unwrap().ttl, Some(33));
    }
}
