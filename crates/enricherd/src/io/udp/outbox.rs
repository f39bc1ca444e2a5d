//! The sending end: a batch of datagrams by one `sendmmsg`, each a header and a body.
//!
//! The two are in two places, so that one body serves many collectors.
//!
//! Not here: which datagrams leave by which socket (`pipeline::senders`).
//! Bound: [`BATCH_DATAGRAMS`].

use std::io;
use std::mem;
use std::os::fd::AsRawFd;

use socket2::Socket;

use super::{BATCH_DATAGRAMS, CONTROL_OCTETS, Control, Family};

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
