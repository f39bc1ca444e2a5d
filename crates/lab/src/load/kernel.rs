//! What only the kernel can do for a load program: datagrams in batches, forged sources, signals.
//!
//! This is the one file of the crate with unsafe code. It is written again, not shared with the
//! daemon: a yardstick made of what it measures would hide what both do badly.
//!
//! Not here: what is in the datagrams.
//! Bound: [`BATCH_DATAGRAMS`] buffers for each socket that receives.
#![allow(
    unsafe_code,
    reason = "recvmmsg and sendmmsg take structures full of pointers"
)]

use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Datagrams that one system call receives or sends.
pub const BATCH_DATAGRAMS: usize = 64;

/// The largest datagram that a flow exporter sends, and more than the loopback's MTU.
pub const DATAGRAM_OCTETS_MAX: usize = 65_535;

/// The most that neighbours can have together: a UDP payload.
const JOINED_OCTETS_MAX: usize = 65_507;

/// How long a receiver waits before it looks whether it should stop.
const RECEIVE_TIMEOUT: Duration = Duration::from_millis(50);

/// Room for the three ancillary messages that we ask for.
const CONTROL_OCTETS: usize = 128;

const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;

/// Ancillary data must lie as the kernel's structures do.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_OCTETS]);

impl Control {
    /// Writes an ancillary message behind those that take `used` octets; returns how many are
    /// used then.
    fn add<T>(&mut self, used: usize, level: libc::c_int, kind: libc::c_int, value: T) -> usize {
        let octets = mem::size_of::<T>() as u32;
        // SAFETY: CMSG_LEN and CMSG_SPACE only compute.
        let (length, space) = unsafe { (libc::CMSG_LEN(octets), libc::CMSG_SPACE(octets)) };
        let message = &mut self.0[used..used + space as usize];
        let header: *mut libc::cmsghdr = message.as_mut_ptr().cast();
        // SAFETY: the slice has room for the header and the value behind it, and begins aligned
        // for a cmsghdr: the block does, and what is used before is a multiple of its alignment.
        unsafe {
            (*header).cmsg_len = length as _;
            (*header).cmsg_level = level;
            (*header).cmsg_type = kind;
            libc::CMSG_DATA(header).cast::<T>().write_unaligned(value);
        }
        used + space as usize
    }
}

/// What the kernel is asked to say beside the octets of each datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nothing: the cheapest.
    Nothing,
    /// Who sent it, and what was dropped.
    Source,
    /// The same, and when it arrived; costs every socket of the machine a little.
    SourceAndTime,
}

/// One datagram of the last batch.
#[derive(Clone, Copy, Debug)]
pub struct Arrived<'a> {
    /// Who sent it; `None` if the kernel was not asked.
    pub source: Option<SocketAddr>,
    /// When the kernel took it, in nanoseconds since 1970.
    pub arrived_ns: Option<u64>,
    /// The octets.
    pub octets: &'a [u8],
}

/// Opens a socket at `address` with a receive buffer of `receive_buffer_bytes`, or as much of it
/// as the kernel grants.
///
/// # Errors
/// What the kernel says.
pub fn listen(
    address: SocketAddr,
    asked: Asked,
    receive_buffer_bytes: usize,
) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_read_timeout(Some(RECEIVE_TIMEOUT))?;
    let wanted = libc::c_int::try_from(receive_buffer_bytes).unwrap_or(libc::c_int::MAX);
    // Above net.core.rmem_max, which needs CAP_NET_ADMIN; else up to it.
    if set_option(&socket, libc::SO_RCVBUFFORCE, wanted).is_err() {
        set_option(&socket, libc::SO_RCVBUF, wanted)?;
    }
    if asked != Asked::Nothing {
        set_option(&socket, libc::SO_RXQ_OVFL, 1)?;
    }
    if asked == Asked::SourceAndTime {
        set_option(&socket, libc::SO_TIMESTAMPNS, 1)?;
    }
    Ok(socket)
}

/// A receiving socket with its buffers.
///
/// Belongs to the thread that made it.
pub struct Inlet {
    socket: UdpSocket,
    asked: Asked,
    buffer_octets: usize,
    buffers: Vec<u8>,
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<Control>,
    // The headers point to the vectors, names and controls, the vectors to the buffers; none of
    // them grows after `new`.
    vectors: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    received: usize,
    kernel_drops: u32,
}

impl Inlet {
    /// Returns an inlet for a socket of [`listen`], which was asked the same.
    #[must_use]
    pub fn new(socket: UdpSocket, asked: Asked) -> Self {
        let mut inlet = Self {
            socket,
            asked,
            buffer_octets: DATAGRAM_OCTETS_MAX,
            // Zeroed memory is taken from the system page by page, when it is first written.
            buffers: vec![0; BATCH_DATAGRAMS * DATAGRAM_OCTETS_MAX],
            // SAFETY: all zeroes is a valid sockaddr_storage, of the family AF_UNSPEC.
            names: vec![unsafe { mem::zeroed() }; BATCH_DATAGRAMS],
            controls: vec![Control([0; CONTROL_OCTETS]); BATCH_DATAGRAMS],
            vectors: Vec::with_capacity(BATCH_DATAGRAMS),
            headers: Vec::with_capacity(BATCH_DATAGRAMS),
            received: 0,
            kernel_drops: 0,
        };
        inlet.point();
        inlet
    }

    /// Datagrams that the kernel dropped for want of room, as far as it told: it tells with the
    /// next datagram.
    #[must_use]
    pub const fn kernel_drops(&self) -> u32 {
        self.kernel_drops
    }

    /// Waits a little for datagrams and returns how many came; 0 if none did.
    ///
    /// # Errors
    /// What the kernel says, but not that nothing came or that a signal did.
    pub fn receive(&mut self) -> io::Result<usize> {
        let is_asked = self.asked != Asked::Nothing;
        let vectors = self.vectors.iter_mut();
        // The kernel wrote the lengths that it used over those that there are.
        for (header, vector) in self.headers.iter_mut().zip(vectors).take(self.received) {
            vector.iov_len = self.buffer_octets;
            if is_asked {
                header.msg_hdr.msg_namelen = socklen::<libc::sockaddr_storage>();
                header.msg_hdr.msg_controllen = CONTROL_OCTETS as _;
            }
        }
        self.received = 0;
        // SAFETY: the headers are as many as we say; each points to a name or to none, a control
        // block and one buffer of the lengths set, all of them owned by `self`, never grown since
        // `point`, and borrowed by nobody while `self` is borrowed mutably.
        let received = unsafe {
            libc::recvmmsg(
                self.socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH_DATAGRAMS as _,
                libc::MSG_WAITFORONE as _,
                ptr::null_mut(),
            )
        };
        let Ok(received) = usize::try_from(received) else {
            return nothing_came(io::Error::last_os_error());
        };
        self.received = received;
        if let Some(drops) = received
            .checked_sub(1)
            .and_then(|last| self.said(last).drops)
        {
            self.kernel_drops = drops;
        }
        Ok(received)
    }

    /// The datagram at `index` of the last batch.
    ///
    /// # Panics
    /// If the last batch had fewer: our bug.
    #[must_use]
    pub fn datagram(&self, index: usize) -> Arrived<'_> {
        assert!(index < self.received, "no such datagram");
        let length = (self.headers[index].msg_len as usize).min(self.buffer_octets);
        let start = index * self.buffer_octets;
        Arrived {
            source: address(&self.names[index]),
            arrived_ns: match self.asked {
                Asked::SourceAndTime => self.said(index).arrived_ns,
                Asked::Nothing | Asked::Source => None,
            },
            octets: &self.buffers[start..start + length],
        }
    }

    /// Sends the last batch on through a connected socket, as it is; returns how many left.
    ///
    /// Nothing is copied and nothing is looked at: no forwarder can do less.
    ///
    /// # Panics
    /// If the kernel was asked for more than octets, for that would be sent too: our bug.
    pub fn pass_on(&mut self, socket: &UdpSocket) -> usize {
        assert_eq!(self.asked, Asked::Nothing, "asked for more than octets");
        let batch = self.headers.iter().zip(&mut self.vectors);
        for (header, vector) in batch.take(self.received) {
            vector.iov_len = header.msg_len as usize;
        }
        let mut done = 0;
        let mut sent = 0;
        while let Some(headers) = self.headers.get_mut(done..self.received)
            && !headers.is_empty()
        {
            // SAFETY: the headers are as many as we say; each points to one vector whose length
            // is that of the datagram in its buffer, and to no name and no control octets.
            let count = unsafe {
                libc::sendmmsg(
                    socket.as_raw_fd(),
                    headers.as_mut_ptr(),
                    headers.len() as _,
                    0,
                )
            };
            // What cannot be sent is skipped: a yardstick does not care for its collector.
            let left = usize::try_from(count).unwrap_or(0);
            sent += left;
            done += left.max(1);
        }
        sent
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
            let mut header = empty_header();
            if self.asked != Asked::Nothing {
                header.msg_hdr.msg_name = ptr::from_mut(name).cast();
                header.msg_hdr.msg_namelen = socklen::<libc::sockaddr_storage>();
                header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
                header.msg_hdr.msg_controllen = CONTROL_OCTETS as _;
            }
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            self.headers.push(header);
        }
    }

    /// What the kernel put beside the datagram at `index` of the last batch.
    fn said(&self, index: usize) -> Said {
        let mut said = Said::default();
        let header = &self.headers[index].msg_hdr;
        // SAFETY: after recvmmsg the control pointer and length of the header describe what the
        // kernel wrote into our block; the macros stay within that length.
        let mut control = unsafe { libc::CMSG_FIRSTHDR(&raw const *header) };
        while !control.is_null() {
            // SAFETY: the macro gave a pointer to a whole cmsghdr within the block.
            let kind = unsafe { ((*control).cmsg_level, (*control).cmsg_type) };
            // SAFETY: as above; the data follow the cmsghdr.
            let data = unsafe { libc::CMSG_DATA(control) };
            match kind {
                (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => {
                    // SAFETY: the kernel wrote one 32-bit number; the read needs no alignment.
                    said.drops = Some(unsafe { data.cast::<u32>().read_unaligned() });
                }
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                    // SAFETY: the kernel wrote one timespec; the read needs no alignment.
                    let time = unsafe { data.cast::<libc::timespec>().read_unaligned() };
                    said.arrived_ns = nanoseconds(&time);
                }
                _ => {}
            }
            // SAFETY: both pointers come from this header, as the macro wants it.
            control = unsafe { libc::CMSG_NXTHDR(&raw const *header, control) };
        }
        said
    }
}

impl std::fmt::Debug for Inlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inlet")
            .field("socket", &self.socket)
            .field("asked", &self.asked)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Said {
    drops: Option<u32>,
    arrived_ns: Option<u64>,
}

/// One datagram to send.
#[derive(Clone, Copy, Debug)]
pub struct Leaving<'a> {
    /// The address of this host that it comes from; `None` if the socket or `head` says it.
    pub source: Option<Ipv4Addr>,
    /// What stands before the payload: IP and UDP headers for a raw socket, else nothing.
    pub head: &'a [u8],
    /// The UDP payload.
    pub body: &'a [u8],
}

/// Whether neighbours leave as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joining {
    /// Each datagram for itself.
    Nothing,
    /// Datagrams of one source and one length are given to the kernel as one, which takes them
    /// apart again.
    Neighbours,
}

/// The structures that `sendmmsg` reads, used again for each call.
pub struct Outlet {
    vectors: Vec<[libc::iovec; 2]>,
    controls: Vec<Control>,
    headers: Vec<libc::mmsghdr>,
    /// Of the last header: where its datagrams come from, and their length.
    last: Option<(Option<Ipv4Addr>, usize)>,
}

impl Default for Outlet {
    fn default() -> Self {
        Self {
            vectors: Vec::with_capacity(BATCH_DATAGRAMS),
            controls: Vec::with_capacity(BATCH_DATAGRAMS),
            headers: Vec::with_capacity(BATCH_DATAGRAMS),
            last: None,
        }
    }
}

impl Outlet {
    /// Sends datagrams through a connected socket; returns how many left. Those behind one that
    /// cannot leave are tried again, that one is not.
    pub fn send<'a>(
        &mut self,
        socket: &UdpSocket,
        joining: Joining,
        datagrams: impl Iterator<Item = Leaving<'a>>,
    ) -> usize {
        self.vectors.clear();
        self.controls.clear();
        self.headers.clear();
        self.last = None;
        for leaving in datagrams.take(BATCH_DATAGRAMS) {
            if joining == Joining::Nothing || !self.join(&leaving) {
                self.push(&leaving);
            }
        }
        let mut done = 0;
        let mut sent = 0;
        while let Some(headers) = self.headers.get_mut(done..)
            && !headers.is_empty()
        {
            // SAFETY: the headers are as many as we say. Each points to pairs of vectors and a
            // control block of `self`, none of which moved since, as their capacity was there
            // before; the vectors point to octets borrowed for 'a, which this call does not
            // outlive.
            let count = unsafe {
                libc::sendmmsg(
                    socket.as_raw_fd(),
                    headers.as_mut_ptr(),
                    headers.len() as _,
                    0,
                )
            };
            let left = usize::try_from(count).unwrap_or(0);
            let datagrams = headers.iter().take(left).map(|header| {
                let vectors: usize = header.msg_hdr.msg_iovlen;
                vectors / 2
            });
            sent += datagrams.sum::<usize>();
            done += left.max(1);
        }
        sent
    }

    /// Adds a datagram to those of the last header, if it is like them and there is room.
    fn join(&mut self, leaving: &Leaving<'_>) -> bool {
        let length = leaving.body.len();
        let Some(header) = self.headers.last_mut() else {
            return false;
        };
        let count: usize = header.msg_hdr.msg_iovlen;
        let joined_octets = (count / 2 + 1) * length;
        let is_like = self.last == Some((leaving.source, length)) && leaving.head.is_empty();
        let has_room = joined_octets <= JOINED_OCTETS_MAX;
        let (true, true, Ok(octets)) = (is_like, has_room, u16::try_from(length)) else {
            return false;
        };
        // The pair follows those that the header has already.
        self.vectors.push(pair(leaving));
        header.msg_hdr.msg_iovlen = count + 2;
        if count == 2
            && let Some(control) = self.controls.last_mut()
        {
            let used: usize = header.msg_hdr.msg_controllen;
            let info = libc::UDP_SEGMENT;
            header.msg_hdr.msg_controllen = control.add(used, libc::SOL_UDP, info, octets);
        }
        true
    }

    fn push(&mut self, leaving: &Leaving<'_>) {
        self.last = Some((leaving.source, leaving.body.len()));
        self.vectors.push(pair(leaving));
        let mut control = Control([0; CONTROL_OCTETS]);
        let control_octets = leaving.source.map_or(0, |source| {
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr {
                    s_addr: source.to_bits().to_be(),
                },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            control.add(0, libc::IPPROTO_IP, libc::IP_PKTINFO, info)
        });
        self.controls.push(control);
        let (Some(vectors), Some(control)) = (self.vectors.last_mut(), self.controls.last_mut())
        else {
            return;
        };
        let mut header = empty_header();
        header.msg_hdr.msg_iov = vectors.as_mut_ptr();
        header.msg_hdr.msg_iovlen = vectors.len() as _;
        header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
        header.msg_hdr.msg_controllen = control_octets as _;
        self.headers.push(header);
    }
}

fn pair(leaving: &Leaving<'_>) -> [libc::iovec; 2] {
    let vector = |octets: &[u8]| libc::iovec {
        iov_base: octets.as_ptr().cast_mut().cast(),
        iov_len: octets.len(),
    };
    [vector(leaving.head), vector(leaving.body)]
}

impl std::fmt::Debug for Outlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outlet").finish_non_exhaustive()
    }
}

/// Opens a raw socket to `to`: whoever sends writes the IP header, so the source is free.
///
/// # Errors
/// Mostly that CAP_NET_RAW is missing.
pub fn raw_to(to: Ipv4Addr) -> io::Result<UdpSocket> {
    // SAFETY: no pointers; the result is checked.
    let descriptor = unsafe { libc::socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is open and nobody else has it.
    let socket = UdpSocket::from(unsafe { OwnedFd::from_raw_fd(descriptor) });
    socket.connect(SocketAddrV4::new(to, 0))?;
    Ok(socket)
}

static STOP: AtomicBool = AtomicBool::new(false);

extern "C" fn note_signal(_: libc::c_int) {
    STOP.store(true, Ordering::Relaxed);
}

/// From now on TERM and INT do not end the program, but make [`is_stopped`] true.
pub fn heed_signals() {
    let handler: extern "C" fn(libc::c_int) = note_signal;
    for signal in [libc::SIGTERM, libc::SIGINT] {
        // SAFETY: the handler does nothing but store into an atomic, which is allowed in one.
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
}

/// Whether a signal asked us to stop.
#[must_use]
pub fn is_stopped() -> bool {
    STOP.load(Ordering::Relaxed)
}

fn empty_header() -> libc::mmsghdr {
    // SAFETY: all zeroes is a valid mmsghdr: null pointers with lengths of 0.
    unsafe { mem::zeroed() }
}

fn nothing_came(error: io::Error) -> io::Result<usize> {
    match error.kind() {
        io::ErrorKind::WouldBlock
        | io::ErrorKind::Interrupted
        | io::ErrorKind::TimedOut
        | io::ErrorKind::ConnectionRefused => Ok(0),
        _ => Err(error),
    }
}

fn nanoseconds(time: &libc::timespec) -> Option<u64> {
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let rest = u64::try_from(time.tv_nsec).ok()?;
    Some(seconds * NANOSECONDS_PER_SECOND + rest)
}

fn address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let name: *const libc::sockaddr_storage = name;
    // SAFETY: the storage is larger than either structure and aligned for both; its family says
    // which of the two the kernel wrote, and every bit pattern is a valid value of both.
    let (ip, port): (IpAddr, u16) = unsafe {
        match libc::c_int::from((*name).ss_family) {
            libc::AF_INET => {
                let v4 = &*name.cast::<libc::sockaddr_in>();
                let ip = Ipv4Addr::from_bits(u32::from_be(v4.sin_addr.s_addr));
                (ip.into(), v4.sin_port)
            }
            libc::AF_INET6 => {
                let v6 = &*name.cast::<libc::sockaddr_in6>();
                (Ipv6Addr::from(v6.sin6_addr.s6_addr).into(), v6.sin6_port)
            }
            _ => return None,
        }
    };
    Some(SocketAddr::new(ip.to_canonical(), u16::from_be(port)))
}

fn set_option(socket: &UdpSocket, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let pointer: *const libc::c_int = &raw const value;
    // SAFETY: the pointer is to an integer of the length given, which lives until the call ends.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
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

const fn socklen<T>() -> libc::socklen_t {
    mem::size_of::<T>() as libc::socklen_t
}

#[cfg(test)]
mod tests {
    use super::{Asked, Inlet, Joining, Leaving, Outlet, listen};
    use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

    const LOOPBACK: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

    fn inlet(asked: Asked, receive_buffer_bytes: usize) -> (Inlet, SocketAddr) {
        let socket = listen(LOOPBACK.into(), asked, receive_buffer_bytes).unwrap();
        let bound = socket.local_addr().unwrap();
        (Inlet::new(socket, asked), bound)
    }

    fn connected(to: SocketAddr) -> UdpSocket {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        socket.connect(to).unwrap();
        socket
    }

    fn leaving(source: Option<Ipv4Addr>, body: &[u8]) -> Leaving<'_> {
        let head = &[];
        Leaving { source, head, body }
    }

    /// Receives until `count` datagrams came; returns sources, times and octets.
    fn collect(inlet: &mut Inlet, count: usize) -> Vec<(Option<SocketAddr>, bool, Vec<u8>)> {
        let mut found = Vec::new();
        while found.len() < count {
            for index in 0..inlet.receive().unwrap() {
                let arrived = inlet.datagram(index);
                let has_time = arrived.arrived_ns.is_some();
                found.push((arrived.source, has_time, arrived.octets.to_vec()));
            }
        }
        found
    }

    #[test]
    fn each_datagram_leaves_from_the_address_it_names() {
        let (mut inlet, bound) = inlet(Asked::SourceAndTime, 1 << 20);
        let socket = connected(bound);
        let sources = [
            Ipv4Addr::new(127, 1, 2, 3),
            Ipv4Addr::new(127, 9, 9, 9),
            Ipv4Addr::new(127, 1, 2, 3),
        ];
        let datagrams = sources.iter().map(|source| leaving(Some(*source), b"abc"));
        assert_eq!(
            Outlet::default().send(&socket, Joining::Nothing, datagrams),
            3
        );
        let port = socket.local_addr().unwrap().port();
        for (source, (seen, has_time, octets)) in sources.iter().zip(collect(&mut inlet, 3)) {
            assert_eq!(seen, Some((*source, port).into()));
            assert!(has_time);
            assert_eq!(octets, b"abc");
        }
    }

    #[test]
    fn neighbours_that_left_as_one_arrive_as_many() {
        let (mut inlet, bound) = inlet(Asked::Source, 1 << 20);
        let socket = connected(bound);
        let [a, b] = [Ipv4Addr::new(127, 1, 2, 3), Ipv4Addr::new(127, 9, 9, 9)];
        let sent = [
            (a, vec![1; 1400]),
            (a, vec![2; 1400]),
            (a, vec![3; 1400]),
            (b, vec![4; 1400]),
            (b, vec![5; 9]),
            (b, vec![6; 9]),
        ];
        let datagrams = sent
            .iter()
            .map(|(source, body)| leaving(Some(*source), body));
        let mut outlet = Outlet::default();
        assert_eq!(outlet.send(&socket, Joining::Neighbours, datagrams), 6);
        assert_eq!(outlet.headers.len(), 3);
        for ((source, body), (seen, _, octets)) in sent.iter().zip(collect(&mut inlet, 6)) {
            assert_eq!(seen.map(|seen| seen.ip()), Some((*source).into()));
            assert_eq!(octets, *body);
        }
    }

    #[test]
    fn what_is_passed_on_is_what_came_whatever_its_size() {
        let (mut sink, sink_bound) = inlet(Asked::Source, 1 << 20);
        let (mut between, between_bound) = inlet(Asked::Nothing, 1 << 20);
        let (socket, onward) = (connected(between_bound), connected(sink_bound));
        let mut outlet = Outlet::default();
        // Shorter ones after longer ones: a length of the batch before must not stay.
        for sizes in [[1400, 3, 9000], [2, 1500, 1]] {
            let bodies = sizes.map(|size| vec![7_u8; size]);
            let datagrams = bodies.iter().map(|body| leaving(None, body));
            assert_eq!(outlet.send(&socket, Joining::Nothing, datagrams), 3);
            let mut passed = 0;
            while passed < 3 {
                let received = between.receive().unwrap();
                assert_eq!(between.pass_on(&onward), received);
                passed += received;
            }
            let lengths: Vec<_> = collect(&mut sink, 3)
                .iter()
                .map(|(_, _, octets)| octets.len())
                .collect();
            assert_eq!(lengths, sizes);
        }
    }

    #[test]
    fn a_full_buffer_shows_as_drops() {
        let (mut inlet, bound) = inlet(Asked::Source, 1);
        let socket = connected(bound);
        let body = vec![0; 9000];
        let mut outlet = Outlet::default();
        assert_eq!(
            outlet.send(
                &socket,
                Joining::Nothing,
                (0..64).map(|_| leaving(None, &body))
            ),
            64
        );
        while inlet.receive().unwrap() > 0 {}
        assert_eq!(
            outlet.send(&socket, Joining::Nothing, [leaving(None, b"x")].into_iter()),
            1
        );
        while inlet.receive().unwrap() == 0 {}
        assert!(inlet.kernel_drops() > 0);
    }
}
