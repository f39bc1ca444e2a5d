//! The receiving end: a batch of datagrams by one `recvmmsg`, with what the kernel says of each.
//!
//! With each datagram we learn who sent it, its TTL, and how many the kernel had to drop before.
//!
//! Not here: options of the socket (`io::open`).
//! Bound: [`BATCH_DATAGRAMS`] × the largest datagram accepted, taken from the system only where
//! datagrams of that size come.

use std::io;
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;
use std::ptr;

use socket2::Socket;

use super::{BATCH_DATAGRAMS, CONTROL_OCTETS, Control, drops_of, socklen};

/// Buffers begin so far behind the begin of a page, each one further than the last. If all began at
/// one place of a large power of two, a batch would crowd into a few sets of the cache and push
/// itself out while most of the cache is idle.
const STAGGER_OCTETS: usize = 2048;
const PAGE_OCTETS: usize = 4096;

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
    pub(super) socket: Socket,
    buffer_octets: usize,
    /// From the first octet of a buffer to that of the next.
    stride_octets: usize,
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
        let stride_octets = buffer_octets.next_multiple_of(PAGE_OCTETS) + STAGGER_OCTETS;
        // What was dropped before us is not ours to count; a kernel that cannot say has nothing
        // kept for us.
        let kernel_drops_seen = drops_of(&socket).unwrap_or(0);
        let mut inbox = Self {
            socket,
            buffer_octets,
            stride_octets,
            // Zeroed memory is taken from the system page by page, when it is first written.
            buffers: vec![0; BATCH_DATAGRAMS * stride_octets],
            // SAFETY: all zeroes is a valid sockaddr_storage, of the family AF_UNSPEC.
            names: vec![unsafe { mem::zeroed() }; BATCH_DATAGRAMS],
            controls: vec![Control([0; CONTROL_OCTETS]); BATCH_DATAGRAMS],
            vectors: Vec::with_capacity(BATCH_DATAGRAMS),
            headers: Vec::with_capacity(BATCH_DATAGRAMS),
            used: BATCH_DATAGRAMS,
            kernel_drops_seen,
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
        let start = index * self.stride_octets;
        self.buffers
            .get(start..start + octets_count.min(self.buffer_octets))
            .unwrap_or_default()
    }

    /// As [`Inbox::octets`], to be written.
    pub fn octets_mut(&mut self, index: usize, octets_count: usize) -> &mut [u8] {
        let start = index * self.stride_octets;
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
        for place in self.buffers.chunks_exact_mut(self.stride_octets) {
            self.vectors.push(libc::iovec {
                iov_base: place.as_mut_ptr().cast(),
                // Never beyond the place: the stride is the longer one.
                iov_len: self.buffer_octets.min(place.len()),
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
