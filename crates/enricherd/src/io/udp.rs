//! Datagrams in and out in batches: `recvmmsg` and `sendmmsg`.
//!
//! One system call moves up to [`BATCH_DATAGRAMS`] datagrams. With each that came we learn who sent
//! it, its TTL, and how many the kernel had to drop before it; each that leaves is a header and a
//! body in two places, so that one body serves many collectors.
//!
//! This is the one file of the project with unsafe code: the libraries either copy, or hide what
//! the kernel dropped. Every block says why it is sound.
//!
//! Not here: which socket a Message leaves by (`pipeline::senders`), opening sockets (`io::open`).
//! Bound: [`BATCH_DATAGRAMS`] × the largest datagram accepted, taken from the system only where
//! datagrams of that size come.
#![allow(
    unsafe_code,
    reason = "recvmmsg and sendmmsg take structures full of pointers"
)]

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;

use socket2::Socket;

/// Datagrams that one system call receives or sends.
pub const BATCH_DATAGRAMS: usize = 64;

/// Room for three ancillary messages: the kernel's drops, and the TTL of either family.
const CONTROL_OCTETS: usize = 128;

/// Ancillary data must lie as the kernel's structures do.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_OCTETS]);

/// What the kernel said of a datagram beside its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Who sent it; v4-mapped addresses are unmapped.
    pub source: SocketAddr,
    /// The TTL or Hop Limit it came with; `None` if the kernel did not say.
    pub ttl: Option<u8>,
    /// Octets of it that are in the buffer.
    pub octets_count: usize,
    /// Whether it was longer than the buffer, so that its end is lost.
    pub is_cut: bool,
}

/// The receiving end: buffers and the structures that `recvmmsg` fills.
///
/// Belongs to the thread that made it.
pub struct Inbox {
    socket: Socket,
    buffer_octets: usize,
    buffers: Vec<u8>,
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<Control>,
    // The headers point to the vectors, which point to the buffers; none of them ever grows.
    vectors: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    used: usize,
    kernel_drops_seen: u32,
    kernel_drops: u64,
}

impl Inbox {
    /// Returns an inbox that receives datagrams of at most `buffer_octets` from `socket`.
    #[must_use]
    pub fn new(socket: Socket, buffer_octets: usize) -> Self {
        let mut inbox = Self {
            socket,
            buffer_octets,
            // Zeroed memory is taken from the system page by page, when it is first written.
            buffers: vec![0; BATCH_DATAGRAMS * buffer_octets],
            // SAFETY: all zeroes is a valid sockaddr_storage, of the family AF_UNSPEC.
            names: vec![unsafe { mem::zeroed() }; BATCH_DATAGRAMS],
            controls: vec![Control([0; CONTROL_OCTETS]); BATCH_DATAGRAMS],
            vectors: Vec::with_capacity(BATCH_DATAGRAMS),
            headers: Vec::with_capacity(BATCH_DATAGRAMS),
            used: BATCH_DATAGRAMS,
            kernel_drops_seen: 0,
            kernel_drops: 0,
        };
        inbox.point();
        inbox
    }

    /// Waits for datagrams, as long as the socket's read timeout says; returns how many came.
    ///
    /// What came before is gone after this.
    ///
    /// # Errors
    /// What the kernel says, but neither that nothing came nor that a signal did.
    pub fn receive(&mut self) -> io::Result<usize> {
        self.receive_with(libc::MSG_WAITFORONE)
    }

    /// As [`Inbox::receive`], without waiting.
    ///
    /// # Errors
    /// Those of [`Inbox::receive`].
    pub fn receive_waiting(&mut self) -> io::Result<usize> {
        self.receive_with(libc::MSG_DONTWAIT)
    }

    /// Who sent the datagram at `index` of the last batch, and how it came.
    ///
    /// `None` if its source is no IP address, which no kernel does.
    #[must_use]
    pub fn arrival(&self, index: usize) -> Option<Arrival> {
        let header = self.headers.get(index)?;
        let source = address(self.names.get(index)?)?;
        Some(Arrival {
            source: SocketAddr::new(source.ip().to_canonical(), source.port()),
            ttl: self.ancillary(index).ttl,
            octets_count: (header.msg_len as usize).min(self.buffer_octets),
            is_cut: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
        })
    }

    /// The first `octets_count` octets of the buffer of the datagram at `index`.
    #[must_use]
    pub fn octets(&self, index: usize, octets_count: usize) -> &[u8] {
        let start = index * self.buffer_octets;
        self.buffers
            .get(start..start + octets_count.min(self.buffer_octets))
            .unwrap_or_default()
    }

    /// As [`Inbox::octets`], to be written.
    pub fn octets_mut(&mut self, index: usize, octets_count: usize) -> &mut [u8] {
        let start = index * self.buffer_octets;
        self.buffers
            .get_mut(start..start + octets_count.min(self.buffer_octets))
            .unwrap_or_default()
    }

    /// Datagrams that the kernel dropped because our receive buffer was full, as far as it told:
    /// it tells with the next datagram.
    #[must_use]
    pub const fn kernel_drops(&self) -> u64 {
        self.kernel_drops
    }

    /// Has all pointers point to their places; once, as the places do not move.
    fn point(&mut self) {
        for buffer in self.buffers.chunks_exact_mut(self.buffer_octets) {
            self.vectors.push(libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: buffer.len(),
            });
        }
        let places = self.names.iter_mut().zip(&mut self.controls);
        for ((name, control), vector) in places.zip(&mut self.vectors) {
            // SAFETY: all zeroes is a valid mmsghdr: null pointers with lengths of 0.
            let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
            header.msg_hdr.msg_name = ptr::from_mut(name).cast();
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            self.headers.push(header);
        }
    }

    fn receive_with(&mut self, flags: libc::c_int) -> io::Result<usize> {
        // The kernel writes the lengths that it used over those that there are.
        for header in self.headers.iter_mut().take(self.used) {
            header.msg_hdr.msg_namelen = socklen::<libc::sockaddr_storage>();
            header.msg_hdr.msg_controllen = CONTROL_OCTETS as _;
            header.msg_hdr.msg_flags = 0;
        }
        self.used = 0;
        // SAFETY: the headers are as many as we say; each points to a name, a control block and
        // one buffer of the lengths set, all of them owned by `self`, never moved or grown since
        // `point`, and borrowed by nobody while `self` is borrowed mutably.
        let received = unsafe {
            libc::recvmmsg(
                self.socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH_DATAGRAMS as _,
                flags as _,
                ptr::null_mut(),
            )
        };
        let Ok(received) = usize::try_from(received) else {
            return nothing_came(io::Error::last_os_error());
        };
        self.used = received;
        if let Some(last) = received.checked_sub(1) {
            self.note_kernel_drops(last);
        }
        Ok(received)
    }

    /// The kernel's number counts from the opening of the socket and wraps at 32 bits.
    fn note_kernel_drops(&mut self, last: usize) {
        if let Some(drops) = self.ancillary(last).kernel_drops {
            self.kernel_drops += u64::from(drops.wrapping_sub(self.kernel_drops_seen));
            self.kernel_drops_seen = drops;
        }
    }

    fn ancillary(&self, index: usize) -> Ancillary {
        let mut found = Ancillary::default();
        let Some(header) = self.headers.get(index).filter(|_| index < self.used) else {
            return found;
        };
        // SAFETY: after recvmmsg the header's control pointer and length describe what the kernel
        // wrote into our control block; the macros stay within that length.
        let mut control = unsafe { libc::CMSG_FIRSTHDR(&raw const header.msg_hdr) };
        while !control.is_null() {
            // SAFETY: the macro gave a pointer to a whole cmsghdr within the control block.
            let kind = unsafe { ((*control).cmsg_level, (*control).cmsg_type) };
            // SAFETY: each kind that is read carries one 32-bit integer, which the kernel wrote;
            // the read needs no alignment.
            let value = || unsafe { libc::CMSG_DATA(control).cast::<u32>().read_unaligned() };
            match kind {
                (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => found.kernel_drops = Some(value()),
                (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                    found.ttl = u8::try_from(value()).ok();
                }
                _ => {}
            }
            // SAFETY: both pointers come from this header, as the macro wants it.
            control = unsafe { libc::CMSG_NXTHDR(&raw const header.msg_hdr, control) };
        }
        found
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox")
            .field("socket", &self.socket)
            .field("buffer_octets", &self.buffer_octets)
            .finish_non_exhaustive()
    }
}

/// What the kernel put beside a datagram.
#[derive(Clone, Copy, Debug, Default)]
struct Ancillary {
    ttl: Option<u8>,
    kernel_drops: Option<u32>,
}

fn nothing_came(error: io::Error) -> io::Result<usize> {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::TimedOut => Ok(0),
        _ => Err(error),
    }
}

fn address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let name: *const libc::sockaddr_storage = name;
    // SAFETY: the storage is larger than either structure and aligned for both; its family says
    // which of the two the kernel wrote, and every bit pattern is a valid value of both.
    unsafe {
        match libc::c_int::from((*name).ss_family) {
            libc::AF_INET => {
                let v4 = &*name.cast::<libc::sockaddr_in>();
                let ip = Ipv4Addr::from_bits(u32::from_be(v4.sin_addr.s_addr));
                let port = u16::from_be(v4.sin_port);
                Some(SocketAddrV4::new(ip, port).into())
            }
            libc::AF_INET6 => {
                let v6 = &*name.cast::<libc::sockaddr_in6>();
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                let port = u16::from_be(v6.sin6_port);
                // The scope counts where the address is of one link only.
                let scope = if ip.is_unicast_link_local() {
                    v6.sin6_scope_id
                } else {
                    0
                };
                Some(SocketAddrV6::new(ip, port, 0, scope).into())
            }
            _ => None,
        }
    }
}

/// One datagram to send: its octets are in two places.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// What comes first; may be empty.
    pub header: &'a [u8],
    /// The rest.
    pub body: &'a [u8],
    /// The TTL or Hop Limit that it leaves with.
    pub ttl: u8,
}

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
}

/// The sending end: the structures that `sendmmsg` reads, used again for every call.
///
/// Belongs to the thread that made it.
pub struct Outbox {
    vectors: Vec<[libc::iovec; 2]>,
    controls: Vec<Control>,
    headers: Vec<libc::mmsghdr>,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            vectors: Vec::with_capacity(BATCH_DATAGRAMS),
            controls: Vec::with_capacity(BATCH_DATAGRAMS),
            headers: Vec::with_capacity(BATCH_DATAGRAMS),
        }
    }
}

impl Outbox {
    /// Sends datagrams through a connected socket without waiting; returns how many left, which
    /// is at least one, and at most [`BATCH_DATAGRAMS`].
    ///
    /// # Errors
    /// Why the first of them did not leave. The others were not tried.
    pub fn send<'a>(
        &mut self,
        socket: &Socket,
        family: Family,
        datagrams: impl Iterator<Item = Parts<'a>>,
    ) -> io::Result<usize> {
        self.vectors.clear();
        self.controls.clear();
        self.headers.clear();
        for parts in datagrams.take(BATCH_DATAGRAMS) {
            self.push(family, &parts);
        }
        if self.headers.is_empty() {
            return Ok(0);
        }
        // SAFETY: the headers are as many as we say. Each points to two vectors and a control
        // block in `self`, none of which moved since, as their capacity was there before; the
        // vectors point to octets borrowed for 'a, which this call does not outlive. The kernel
        // writes to the headers alone.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                self.headers.len() as _,
                libc::MSG_DONTWAIT as _,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    fn push(&mut self, family: Family, parts: &Parts<'_>) {
        debug_assert!(self.headers.len() < BATCH_DATAGRAMS);
        let vector = |octets: &[u8]| libc::iovec {
            iov_base: octets.as_ptr().cast_mut().cast(),
            iov_len: octets.len(),
        };
        self.vectors
            .push([vector(parts.header), vector(parts.body)]);
        let (control, control_octets) = ttl_control(family, parts.ttl);
        self.controls.push(control);
        let (Some(vectors), Some(control)) = (self.vectors.last_mut(), self.controls.last_mut())
        else {
            return;
        };
        // SAFETY: all zeroes is a valid mmsghdr: null pointers with lengths of 0.
        let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
        header.msg_hdr.msg_iov = vectors.as_mut_ptr();
        header.msg_hdr.msg_iovlen = vectors.len() as _;
        header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
        header.msg_hdr.msg_controllen = control_octets as _;
        self.headers.push(header);
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}

/// Writes the ancillary message that sets the TTL; returns it with its length.
fn ttl_control(family: Family, ttl: u8) -> (Control, usize) {
    let mut control = Control([0; CONTROL_OCTETS]);
    let (level, kind) = match family {
        Family::V4 => (libc::IPPROTO_IP, libc::IP_TTL),
        Family::V6 => (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT),
    };
    // SAFETY: CMSG_LEN and CMSG_SPACE only compute.
    let (length, space) = unsafe { (libc::CMSG_LEN(4), libc::CMSG_SPACE(4)) };
    debug_assert!(space as usize <= CONTROL_OCTETS);
    let header: *mut libc::cmsghdr = control.0.as_mut_ptr().cast();
    // SAFETY: the block is aligned for a cmsghdr and has room for it and four octets behind it.
    unsafe {
        (*header).cmsg_len = length as _;
        (*header).cmsg_level = level;
        (*header).cmsg_type = kind;
        libc::CMSG_DATA(header)
            .cast::<libc::c_int>()
            .write_unaligned(libc::c_int::from(ttl));
    }
    (control, space as usize)
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
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::*;

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

    fn outgoing(to: SocketAddr) -> Socket {
        let any = if to.is_ipv6() {
            "[::1]:0"
        } else {
            "127.0.0.1:0"
        };
        let socket = UdpSocket::bind(any).unwrap();
        socket.connect(to).unwrap();
        Socket::from(socket)
    }

    fn parts<'a>(header: &'a [u8], body: &'a [u8], ttl: u8) -> Parts<'a> {
        Parts { header, body, ttl }
    }

    #[test]
    fn header_body_ttl_and_source_arrive_over_ipv4() {
        let (mut inbox, to) = inbox("127.0.0.1:0", 1500);
        let socket = outgoing(to);
        let sent = [parts(b"ab", b"cd", 9), parts(b"", b"xyz", 200)];
        let count = Outbox::default().send(&socket, Family::V4, sent.into_iter());
        assert_eq!(count.unwrap(), 2);
        let mut came = Vec::new();
        while came.len() < 2 {
            for index in 0..inbox.receive().unwrap() {
                let arrival = inbox.arrival(index).unwrap();
                assert_eq!(
                    Some(arrival.source),
                    socket.local_addr().unwrap().as_socket()
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
        let socket = outgoing(to);
        let mut outbox = Outbox::default();
        for round in 0..3_u8 {
            let body = [round; 6];
            let one = [parts(b"", &body, 64)];
            outbox.send(&socket, Family::V4, one.into_iter()).unwrap();
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
        let socket = outgoing(nobody);
        let mut outbox = Outbox::default();
        let one = || [parts(b"", b"x", 64)].into_iter();
        assert_eq!(outbox.send(&socket, Family::V4, one()).unwrap(), 1);
        let refused = outbox.send(&socket, Family::V4, one()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(outbox.send(&socket, Family::V4, one()).unwrap(), 1);
    }

    #[test]
    fn datagrams_that_the_kernel_dropped_are_counted() {
        let (mut inbox, to) = inbox("127.0.0.1:0", 1500);
        inbox.socket.set_recv_buffer_size(2048).unwrap();
        let socket = outgoing(to);
        let body = [0; 1200];
        let sent_count = 50;
        let mut outbox = Outbox::default();
        let mut send = || outbox.send(&socket, Family::V4, [parts(b"", &body, 64)].into_iter());
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
        let v4 = outgoing(SocketAddr::from((Ipv4Addr::LOCALHOST, to.port())));
        let one = [parts(b"", b"x", 7)];
        Outbox::default()
            .send(&v4, Family::V4, one.into_iter())
            .unwrap();
        assert_eq!(inbox.receive().unwrap(), 1);
        let arrival = inbox.arrival(0).unwrap();
        assert_eq!(Some(arrival.source), v4.local_addr().unwrap().as_socket());
        assert_eq!(arrival.ttl, Some(7));
    }

    #[test]
    fn the_hop_limit_arrives_over_ipv6() {
        let Ok((mut inbox, to)) = std::panic::catch_unwind(|| inbox("[::1]:0", 1500)) else {
            eprintln!("skipped: this host has no IPv6");
            return;
        };
        let socket = outgoing(to);
        let one = [parts(b"", b"x", 33)];
        Outbox::default()
            .send(&socket, Family::V6, one.into_iter())
            .unwrap();
        assert_eq!(inbox.receive().unwrap(), 1);
        assert_eq!(inbox.arrival(0).unwrap().ttl, Some(33));
    }
}
