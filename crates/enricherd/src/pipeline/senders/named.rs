//! Messages that bear the address and port of an exporter without sockets of its own.
//!
//! One raw socket of each family serves all such exporters of a worker, at a higher price: the
//! kernel looks for the way of each datagram, and the checksum is ours to make. It does not divide
//! what is above the MTU of the way; such a Message leaves by a socket that is bound to the
//! exporter's address, and the kernel fragments it.
//!
//! Not here: which exporters' addresses are borne (`mediator::settings`), headers (`io::udp::raw`).
//! Bound: two raw sockets, [`LARGE_MAX`] others; the one that was not used for longest goes first.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;

use foldhash::fast::FixedState;
use mediator::Millis;
use socket2::Socket;

use super::Passage;
use crate::io::open;
use crate::io::udp::Family;
use crate::io::udp::outbox::{Output, Parts};
use crate::io::udp::raw::{Named, RawOutbox};
use crate::pipeline::target::Unsent;

/// Sockets for Messages above the MTU of the way: there are few such exporters.
const LARGE_MAX: usize = 1024;

/// The sockets for Messages in their exporters' names.
#[derive(Debug)]
pub(super) struct NamedSenders {
    outbox: RawOutbox,
    raw: [RawSocket; 2],
    large_max: usize,
    large: HashMap<(SocketAddr, usize), Large, FixedState>,
}

#[derive(Debug)]
struct RawSocket {
    family: Family,
    is_wanted: bool,
    socket: Option<Socket>,
}

/// A socket bound to an exporter's address.
#[derive(Debug)]
struct Large {
    output: Output,
    used_at: Millis,
}

impl RawSocket {
    /// Opens the socket if it is wanted and not there: the right to it may come.
    fn open(&mut self) {
        if self.is_wanted && self.socket.is_none() {
            self.socket = open::raw(self.family).ok();
        }
    }
}

impl NamedSenders {
    /// Opens what is needed for collectors of these families.
    pub(super) fn new(families: &[Family], seed: u64) -> Self {
        let raw = [Family::V4, Family::V6].map(|family| RawSocket {
            family,
            is_wanted: families.contains(&family),
            socket: None,
        });
        let mut senders = Self {
            outbox: RawOutbox::default(),
            raw,
            large_max: LARGE_MAX,
            large: HashMap::with_hasher(FixedState::with_seed(seed)),
        };
        senders.sweep();
        senders
    }

    /// Opens no more sockets for large Messages than these; returns how many it may open.
    pub(super) fn keep_to(&mut self, sockets_max: usize) -> usize {
        let is_wanted = self.raw.iter().any(|raw| raw.is_wanted);
        self.large_max = LARGE_MAX.min(sockets_max).max(1);
        if is_wanted { self.large_max } else { 0 }
    }

    /// Tries again to open what could not be opened.
    pub(super) fn sweep(&mut self) {
        for raw in &mut self.raw {
            raw.open();
        }
    }

    /// Closes all sockets towards a collector: it has another address now.
    pub(super) fn close(&mut self, collector: usize) {
        self.large.retain(|(_, of), _| *of != collector);
    }

    /// Sends Messages to one collector, in their order.
    pub(super) fn send_all<'p, T>(
        &mut self,
        passage: &mut Passage<'_>,
        (collector, address): (usize, SocketAddr),
        mut rest: &[T],
        named: impl Fn(&T) -> Option<Named<'p>>,
    ) {
        while let Some(first) = rest.first().and_then(&named) {
            let octets_max = passage.target.unfragmented_octets_max;
            let done = if first.parts.octets_count() > octets_max {
                self.send_large(passage, (collector, address), first);
                1
            } else {
                let fits = |one: &Named<'_>| one.parts.octets_count() <= octets_max;
                let datagrams = rest.iter().map_while(&named).take_while(fits);
                match self.send_some(address, datagrams) {
                    Ok(sent) => passage.note_sent(sent),
                    Err(error) => passage.note_named_error(&error, first.parts, rest.len()),
                }
            };
            rest = rest.get(done..).unwrap_or_default();
        }
    }

    fn send_some<'p>(
        &mut self,
        address: SocketAddr,
        datagrams: impl Iterator<Item = Named<'p>>,
    ) -> io::Result<crate::io::udp::outbox::Sent> {
        let family = Family::of(address);
        let raw = self.raw.iter().find(|raw| raw.family == family);
        let Some(socket) = raw.and_then(|raw| raw.socket.as_ref()) else {
            return Err(io::ErrorKind::PermissionDenied.into());
        };
        self.outbox.send(socket, address, datagrams)
    }

    fn send_large(
        &mut self,
        passage: &mut Passage<'_>,
        (collector, address): (usize, SocketAddr),
        named: Named<'_>,
    ) {
        let now = passage.now;
        match self.large_output((named.exporter, collector), address, now) {
            Ok(output) => passage.send_all(output, &[named.parts], |parts| Some(*parts)),
            Err(error) => passage.target.note_unsent(unopened(&error), 1, now),
        }
    }

    fn large_output(
        &mut self,
        key: (SocketAddr, usize),
        address: SocketAddr,
        now: Millis,
    ) -> io::Result<&mut Output> {
        if !self.large.contains_key(&key) {
            let output = open::output_from(key.0, address)?;
            self.make_room();
            let used_at = now;
            self.large.insert(key, Large { output, used_at });
        }
        let large = self.large.get_mut(&key);
        let large = large.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))?;
        large.used_at = now;
        Ok(&mut large.output)
    }

    fn make_room(&mut self) {
        if self.large.len() < self.large_max {
            return;
        }
        let oldest = self.large.iter().min_by_key(|(_, large)| large.used_at);
        if let Some(key) = oldest.map(|(key, _)| *key) {
            self.large.remove(&key);
        }
    }
}

/// Why a socket in an exporter's name could not be opened.
fn unopened(error: &io::Error) -> Unsent {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Unsent::NoRight,
        _ => Unsent::of(error),
    }
}

impl Passage<'_> {
    /// Counts an error of a raw socket; returns how many of the `rest` Messages are not to be
    /// tried again.
    fn note_named_error(&mut self, error: &io::Error, first: Parts<'_>, rest: usize) -> usize {
        // Without a code it is ours: there is no socket, or there can be no such datagram.
        match (error.raw_os_error(), error.kind()) {
            (Some(libc::EMSGSIZE), _) => {
                self.target.unfragmented_octets_max = first.octets_count().saturating_sub(1);
                0
            }
            (None, io::ErrorKind::PermissionDenied) => {
                self.target
                    .note_unsent(Unsent::NoRight, rest as u64, self.now);
                rest
            }
            (None, _) => {
                self.target.note_unsent(Unsent::TooLarge, 1, self.now);
                1
            }
            (Some(_), _) => self.note_error(Unsent::of(error), true, rest),
        }
    }
}
