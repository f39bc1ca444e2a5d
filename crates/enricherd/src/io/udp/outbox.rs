//! The sending end: a batch of datagrams by one `sendmmsg`, each a header and a body.
//!
//! The two are in two places, so that one body serves many collectors. Neighbours of one size go
//! through the kernel as one, which divides them again at the device (`UDP_SEGMENT`): most of what
//! a datagram costs is the way there, not its octets.
//!
//! Not here: which datagrams leave by which socket (`pipeline::senders`), those that bear another
//! address than ours (`io::udp::forge`).
//! Bound: [`BATCH_DATAGRAMS`] a call, [`SEGMENTS_MAX`] of them in one run.

use std::io;
use std::mem;
use std::os::fd::AsRawFd;

use socket2::Socket;

use super::{BATCH_DATAGRAMS, CONTROL_OCTETS, Control, Family};

/// Datagrams that go through the kernel as one; it takes no more.
pub const SEGMENTS_MAX: usize = 64;
/// Octets of all of them: what a single datagram could have over IPv4.
const RUN_OCTETS_MAX: usize = 65_507;

/// One datagram to send: its octets are in two places.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// What comes first; may be empty.
    pub header: &'a [u8],
    /// The rest.
    pub body: &'a [u8],
    /// The TTL or Hop Limit that it leaves with; not 0.
    pub ttl: u8,
}

impl Parts<'_> {
    /// Octets of the datagram, without IP and UDP headers.
    #[must_use]
    pub const fn octets_count(&self) -> usize {
        self.header.len() + self.body.len()
    }
}

/// A connected socket, and the TTL that the kernel gives its datagrams.
#[derive(Debug)]
pub struct Output {
    socket: Socket,
    family: Family,
    ttl: Option<u8>,
}

impl Output {
    /// Uses a socket that is connected to an address of this family.
    #[must_use]
    pub const fn new(socket: Socket, family: Family) -> Self {
        Self {
            socket,
            family,
            ttl: None,
        }
    }

    /// The socket.
    #[must_use]
    pub const fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Prepares for datagrams of this TTL. Said with each of them, it would have the kernel look
    /// for the route each time.
    fn prepare(&mut self, ttl: u8) {
        if self.ttl == Some(ttl) {
            return;
        }
        let value = u32::from(ttl);
        let outcome = match self.family {
            Family::V4 => self.socket.set_ttl_v4(value),
            Family::V6 => self.socket.set_unicast_hops_v6(value),
        };
        self.ttl = outcome.is_ok().then_some(ttl);
    }
}

/// What is known of the way to a collector: how large the datagrams of a run may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    octets_max: usize,
}

impl Segments {
    /// Runs of any datagrams, until one is refused.
    pub const ANY: Self = Self {
        octets_max: usize::MAX,
    };
    /// No runs.
    pub const NONE: Self = Self { octets_max: 0 };

    /// Learns from what did not leave; returns whether it is to be tried again, one by one.
    ///
    /// Nothing of a run has left when the kernel refuses it: it looks before it sends.
    pub fn learn(&mut self, refused: &Refused) -> bool {
        let Some(octets_count) = refused.segment_octets else {
            return false;
        };
        match refused.error.raw_os_error() {
            // Above the MTU of the way: the kernel divides datagrams only where each fits.
            Some(libc::EMSGSIZE) => self.octets_max = octets_count.saturating_sub(1),
            // It does not know how, or the device does not.
            Some(libc::EINVAL | libc::EIO) => self.octets_max = 0,
            _ => return false,
        }
        true
    }
}

/// What left with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Datagrams.
    pub count: usize,
    /// Octets in them, without IP and UDP headers.
    pub octets: usize,
}

/// Why the first of some datagrams did not leave.
#[derive(Debug)]
pub struct Refused {
    /// What the kernel says.
    pub error: io::Error,
    /// If it was to leave in a run, the size of the run's datagrams.
    pub segment_octets: Option<usize>,
}

/// Datagrams that one message header of the system call carries.
#[derive(Clone, Copy, Debug)]
struct Run {
    count: usize,
    /// Octets of each but the last.
    segment_octets: usize,
    octets: usize,
    vectors: usize,
    ttl: u8,
    /// The last one was shorter than the others.
    is_closed: bool,
}

impl Run {
    fn takes(&self, octets: usize, ttl: u8, segments: Segments) -> bool {
        !self.is_closed
            && self.ttl == ttl
            && (1..=self.segment_octets).contains(&octets)
            && self.segment_octets <= segments.octets_max
            && self.count < SEGMENTS_MAX
            && self.octets + octets <= RUN_OCTETS_MAX
    }
}

/// The structures that `sendmmsg` reads, used again for every call.
///
/// Belongs to the thread that made it.
pub struct Outbox {
    vectors: Vec<libc::iovec>,
    runs: Vec<Run>,
    /// With the octets of each that are in use.
    controls: Vec<(Control, usize)>,
    headers: Vec<libc::mmsghdr>,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            vectors: Vec::with_capacity(2 * BATCH_DATAGRAMS),
            runs: Vec::with_capacity(BATCH_DATAGRAMS),
            controls: Vec::with_capacity(BATCH_DATAGRAMS),
            headers: Vec::with_capacity(BATCH_DATAGRAMS),
        }
    }
}

impl Outbox {
    /// Sends datagrams through a connected socket without waiting; returns what left: at least one
    /// if there was one, and at most [`BATCH_DATAGRAMS`].
    ///
    /// # Errors
    /// Why the first of them did not leave. The others were not tried.
    pub fn send<'a>(
        &mut self,
        output: &mut Output,
        segments: Segments,
        datagrams: impl Iterator<Item = Parts<'a>>,
    ) -> Result<Sent, Refused> {
        self.vectors.clear();
        self.runs.clear();
        for parts in datagrams.take(BATCH_DATAGRAMS) {
            self.push(&parts, segments);
        }
        let Some(first) = self.runs.first() else {
            return Ok(Sent {
                count: 0,
                octets: 0,
            });
        };
        output.prepare(first.ttl);
        self.point(output);
        // SAFETY: the headers are as many as we say. Each points to vectors and at most one
        // control block in `self`, none of which moved since `point`; the vectors point to octets
        // borrowed for 'a, which this call does not outlive. The kernel writes to the headers
        // alone.
        let sent = unsafe {
            libc::sendmmsg(
                output.socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                self.headers.len() as _,
                libc::MSG_DONTWAIT as _,
            )
        };
        match usize::try_from(sent) {
            Ok(sent) => Ok(self.sent(sent)),
            Err(_) => Err(self.refused(io::Error::last_os_error())),
        }
    }

    fn sent(&self, runs_count: usize) -> Sent {
        let runs = || self.runs.iter().take(runs_count);
        Sent {
            count: runs().map(|run| run.count).sum(),
            octets: runs().map(|run| run.octets).sum(),
        }
    }

    fn refused(&self, error: io::Error) -> Refused {
        let first = self.runs.first().filter(|run| run.count > 1);
        Refused {
            error,
            segment_octets: first.map(|run| run.segment_octets),
        }
    }

    fn push(&mut self, parts: &Parts<'_>, segments: Segments) {
        let before = self.vectors.len();
        for octets in [parts.header, parts.body] {
            if !octets.is_empty() {
                self.vectors.push(vector(octets));
            }
        }
        let (vectors, octets) = (self.vectors.len() - before, parts.octets_count());
        match self.runs.last_mut() {
            Some(run) if run.takes(octets, parts.ttl, segments) => {
                run.count += 1;
                run.octets += octets;
                run.vectors += vectors;
                run.is_closed = octets < run.segment_octets;
            }
            _ => self.runs.push(Run {
                count: 1,
                segment_octets: octets,
                octets,
                vectors,
                ttl: parts.ttl,
                is_closed: false,
            }),
        }
    }

    /// Makes a message header for each run, now that the vectors no longer move.
    fn point(&mut self, output: &Output) {
        self.headers.clear();
        self.controls.clear();
        let controls = self.runs.iter().map(|run| control(run, output));
        self.controls.extend(controls);
        let mut rest = self.vectors.as_mut_slice();
        for (run, (control, control_octets)) in self.runs.iter().zip(&mut self.controls) {
            let (own, others) = mem::take(&mut rest).split_at_mut(run.vectors);
            rest = others;
            // SAFETY: all zeroes is a valid mmsghdr: null pointers with lengths of 0.
            let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
            header.msg_hdr.msg_iov = own.as_mut_ptr();
            header.msg_hdr.msg_iovlen = own.len() as _;
            if *control_octets > 0 {
                header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
                header.msg_hdr.msg_controllen = *control_octets as _;
            }
            self.headers.push(header);
        }
        debug_assert!(self.headers.len() <= BATCH_DATAGRAMS);
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}

pub(super) fn vector(octets: &[u8]) -> libc::iovec {
    libc::iovec {
        iov_base: octets.as_ptr().cast_mut().cast(),
        iov_len: octets.len(),
    }
}

/// Writes the ancillary messages of a run; returns them with their length, 0 if it needs none.
fn control(run: &Run, output: &Output) -> (Control, usize) {
    let mut control = Control([0; CONTROL_OCTETS]);
    let mut end = 0;
    if output.ttl != Some(run.ttl) {
        let (level, kind) = match output.family {
            Family::V4 => (libc::IPPROTO_IP, libc::IP_TTL),
            Family::V6 => (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT),
        };
        let ttl = libc::c_int::from(run.ttl);
        end = append(&mut control, end, (level, kind), &ttl.to_ne_bytes());
    }
    if run.count > 1 {
        let octets = u16::try_from(run.segment_octets).unwrap_or(u16::MAX);
        let kind = (libc::SOL_UDP, libc::UDP_SEGMENT);
        end = append(&mut control, end, kind, &octets.to_ne_bytes());
    }
    (control, end)
}

/// Writes an ancillary message behind `end` octets of others; returns where it ends.
fn append(
    control: &mut Control,
    end: usize,
    (level, kind): (libc::c_int, libc::c_int),
    data: &[u8],
) -> usize {
    let data_octets = data.len() as libc::c_uint;
    // SAFETY: CMSG_LEN and CMSG_SPACE only compute.
    let (length, space) = unsafe { (libc::CMSG_LEN(data_octets), libc::CMSG_SPACE(data_octets)) };
    let after = end + space as usize;
    debug_assert!(after <= CONTROL_OCTETS && end.is_multiple_of(mem::align_of::<Control>()));
    // SAFETY: the block is aligned for a cmsghdr and so are all spaces before `end`; it has room
    // for a cmsghdr and the data up to `after`.
    unsafe {
        let header: *mut libc::cmsghdr = control.0.as_mut_ptr().add(end).cast();
        (*header).cmsg_len = length as _;
        (*header).cmsg_level = level;
        (*header).cmsg_type = kind;
        libc::CMSG_DATA(header).copy_from_nonoverlapping(data.as_ptr(), data.len());
    }
    after
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::*;
    use crate::io::open::output;

    /// Datagrams of these sizes and TTLs, each of octets of its own.
    fn bodies(sizes: &[(usize, u8)]) -> Vec<(Vec<u8>, u8)> {
        let numbered = sizes.iter().zip(1..);
        let body = |(&(octets, ttl), number): (&(usize, u8), u8)| (vec![number; octets], ttl);
        numbered.map(body).collect()
    }

    fn parts(bodies: &[(Vec<u8>, u8)]) -> impl Iterator<Item = Parts<'_>> {
        bodies.iter().map(|(octets, ttl)| {
            let (header, body) = octets.split_at(octets.len().min(16));
            let ttl = *ttl;
            Parts { header, body, ttl }
        })
    }

    /// Returns how many datagrams each run would have.
    fn runs(sizes: &[(usize, u8)], segments: Segments) -> Vec<usize> {
        let mut outbox = Outbox::default();
        for parts in parts(&bodies(sizes)) {
            outbox.push(&parts, segments);
        }
        outbox.runs.iter().map(|run| run.count).collect()
    }

    #[test]
    fn neighbours_of_one_size_and_ttl_are_one_run_and_its_last_may_be_shorter() {
        let sizes = [(100, 9), (100, 9), (40, 9), (40, 9), (40, 8), (60, 8)];
        assert_eq!(runs(&sizes, Segments::ANY), [3, 1, 1, 1]);
        assert_eq!(runs(&sizes, Segments::NONE), [1; 6]);
        assert_eq!(runs(&sizes, Segments { octets_max: 99 }), [1, 1, 2, 1, 1]);
        assert_eq!(runs(&[(0, 9), (0, 9), (1, 9)], Segments::ANY), [1; 3]);
    }

    #[test]
    fn a_run_is_no_larger_than_the_kernel_takes() {
        assert_eq!(runs(&[(10, 9); 130], Segments::ANY), [64, 64, 2]);
        assert_eq!(runs(&[(30_000, 9); 5], Segments::ANY), [2, 2, 1]);
    }

    #[test]
    fn every_datagram_of_every_run_arrives_as_it_was() {
        for here in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(collector) = UdpSocket::bind(here) else {
                eprintln!("skipped: this host has no {here}");
                continue;
            };
            let timeout = Some(Duration::from_secs(20));
            collector.set_read_timeout(timeout).unwrap();
            let mut output = output(collector.local_addr().unwrap()).unwrap();
            let sizes = [(1400, 9), (1400, 9), (700, 9), (5, 9), (5, 200), (5, 200)];
            let bodies = bodies(&sizes);
            let sent = Outbox::default()
                .send(&mut output, Segments::ANY, parts(&bodies))
                .unwrap();
            assert_eq!((sent.count, sent.octets), (6, 3515));
            for (body, _) in &bodies {
                let mut octets = [0; 2000];
                let length = collector.recv(&mut octets).unwrap();
                assert_eq!(&octets[..length], &body[..]);
            }
        }
    }

    #[test]
    fn what_the_way_does_not_take_leaves_one_by_one_from_then_on() {
        let refused = |code, segment_octets| Refused {
            error: io::Error::from_raw_os_error(code),
            segment_octets,
        };
        let mut segments = Segments::ANY;
        assert!(!segments.learn(&refused(libc::EMSGSIZE, None)), "no run");
        assert!(!segments.learn(&refused(libc::ENOBUFS, Some(1400))));
        assert_eq!(segments, Segments::ANY);
        assert!(segments.learn(&refused(libc::EMSGSIZE, Some(1473))));
        assert_eq!(segments.octets_max, 1472);
        assert!(segments.learn(&refused(libc::EIO, Some(100))));
        assert_eq!(segments, Segments::NONE);
    }
}
