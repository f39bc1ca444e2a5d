//! Messages leave from our own address: one source port for each exporter session.
//!
//! Collectors tell the Transport Sessions behind one address apart by port [RFC 7011 §3.1]. Each
//! session has a connected socket for each collector: the kernel then tells us which collector
//! refuses. Nothing here waits: what a full buffer does not take is dropped and counted.
//!
//! Not here: Messages (`mediator`), the system calls (`io::udp`).
//! Bound: [`SOCKETS_MAX`] sockets; sessions above it share one socket per collector, which the
//! domains, shown apart, allow. A session that was silent for a while gives its sockets back.

use std::collections::HashMap;
use std::net::SocketAddr;

use mediator::{Body, Egress, Millis, Outgoing};
use socket2::Socket;

use crate::io::open;
use crate::io::udp::Family;
use crate::io::udp::inbox::Inbox;
use crate::io::udp::outbox::{Outbox, Parts};
use crate::pipeline::outlets::Destination;
use crate::pipeline::target::{Target, Unsent};

/// Sockets that all sessions of a worker may have together.
pub(super) const SOCKETS_MAX: usize = 4096;

/// Silence after which a session gives its sockets back.
const IDLE_MS: u64 = 3_600_000;
/// The same where others wait for sockets.
const IDLE_MS_IF_FULL: u64 = 60_000;
/// What leaves before its exporter's TTL was seen: the usual start of a packet's life.
const TTL_UNKNOWN: u8 = 64;
/// The slot whose sockets all those share for whom there is no other.
const SHARED: usize = 0;

/// TTLs of the datagrams of a batch, by their index, as they are to leave.
pub(super) type Ttls = [u8; crate::io::udp::BATCH_DATAGRAMS];

/// Sockets for every session that leaves.
#[derive(Debug)]
pub(super) struct Senders {
    pub(super) targets: Vec<Target>,
    slots: Vec<Slot>,
    free: Vec<usize>,
    by_exporter: HashMap<SocketAddr, usize>,
    slots_max: usize,
    outbox: Outbox,
    /// Slot and place in the egress of each Message of one call of `send`.
    order: Vec<(usize, usize)>,
    pub(super) shared_messages: u64,
}

/// The sockets of one session, by collector.
#[derive(Debug)]
struct Slot {
    exporter: Option<SocketAddr>,
    ttl: u8,
    used_at: Millis,
    sockets: Vec<Option<Socket>>,
}

impl Slot {
    fn new(exporter: Option<SocketAddr>, collectors_count: usize, now: Millis) -> Self {
        Self {
            exporter,
            ttl: TTL_UNKNOWN,
            used_at: now,
            sockets: (0..collectors_count).map(|_| None).collect(),
        }
    }
}

/// What a call of `send` sends from.
#[derive(Clone, Copy)]
pub(super) struct Cargo<'a> {
    pub(super) egress: &'a Egress,
    pub(super) inbox: &'a Inbox,
    /// `None` where time let the Messages go, not a datagram.
    pub(super) ttls: Option<&'a Ttls>,
}

impl<'a> Cargo<'a> {
    fn outgoing(&self, at: usize) -> Option<&'a Outgoing> {
        self.egress.outgoing().get(at)
    }

    fn ttl(&self, outgoing: &Outgoing) -> Option<u8> {
        let index = usize::try_from(outgoing.received_index).ok()?;
        self.ttls?.get(index).copied()
    }

    fn parts(&self, outgoing: &'a Outgoing, ttl: u8) -> Parts<'a> {
        let body = match &outgoing.body {
            Body::Received(range) => {
                let index = usize::try_from(outgoing.received_index).unwrap_or(usize::MAX);
                self.inbox.octets(index, range.end).get(range.start..)
            }
            Body::Built(range) => self.egress.built().get(range.clone()),
        };
        Parts {
            header: outgoing.header(),
            body: body.unwrap_or_default(),
            ttl,
        }
    }
}

impl Senders {
    pub(super) fn new(destinations: &[Destination], now: Millis) -> Self {
        let targets: Vec<_> = destinations.iter().map(Target::new).collect();
        let collectors_count = targets.len();
        Self {
            slots: vec![Slot::new(None, collectors_count, now)],
            free: Vec::new(),
            by_exporter: HashMap::new(),
            slots_max: (SOCKETS_MAX / collectors_count.max(1)).max(1),
            outbox: Outbox::default(),
            order: Vec::new(),
            shared_messages: 0,
            targets,
        }
    }

    /// Sends everything in the egress, to each collector in the order of its sessions.
    pub(super) fn send(&mut self, cargo: Cargo<'_>, now: Millis) {
        self.order.clear();
        for (at, outgoing) in cargo.egress.outgoing().iter().enumerate() {
            let slot = self.slot_of(outgoing.route.exporter, now);
            if let (Some(ttl), Some(slot)) = (cargo.ttl(outgoing), self.slots.get_mut(slot)) {
                slot.ttl = ttl;
            }
            self.shared_messages += u64::from(slot == SHARED);
            self.order.push((slot, at));
        }
        self.order.sort_unstable();
        let order = std::mem::take(&mut self.order);
        for run in order.chunk_by(|one, next| one.0 == next.0) {
            for collector in 0..self.targets.len() {
                self.send_run(run, collector, cargo, now);
            }
        }
        self.order = order;
    }

    /// Gives back sockets of silent sessions; returns whether a collector has recovered.
    pub(super) fn sweep(&mut self, now: Millis) -> bool {
        let is_full = self.by_exporter.len() + 1 >= self.slots_max;
        let idle_ms = if is_full { IDLE_MS_IF_FULL } else { IDLE_MS };
        for (index, slot) in self.slots.iter_mut().enumerate().skip(1) {
            if slot.exporter.is_some() && now.since(slot.used_at) >= idle_ms {
                let exporter = slot.exporter.take();
                slot.sockets.fill_with(|| None);
                self.free.push(index);
                exporter.and_then(|exporter| self.by_exporter.remove(&exporter));
            }
        }
        let recovered = self.targets.iter_mut().filter_map(|target| {
            let has_recovered = target.has_recovered(now);
            has_recovered.then_some(())
        });
        recovered.count() > 0
    }

    /// Takes new addresses of the collectors; returns whether one of them changed.
    pub(super) fn readdress(&mut self, addresses: &[Option<SocketAddr>]) -> bool {
        let mut any = false;
        for (collector, (target, address)) in self.targets.iter_mut().zip(addresses).enumerate() {
            if target.address == *address {
                continue;
            }
            any = true;
            target.address = *address;
            for slot in &mut self.slots {
                if let Some(socket) = slot.sockets.get_mut(collector) {
                    *socket = None;
                }
            }
        }
        any
    }

    /// Sessions that have sockets of their own.
    pub(super) fn sessions_count(&self) -> usize {
        self.by_exporter.len()
    }

    fn slot_of(&mut self, exporter: SocketAddr, now: Millis) -> usize {
        if let Some(index) = self.by_exporter.get(&exporter) {
            if let Some(slot) = self.slots.get_mut(*index) {
                slot.used_at = now;
            }
            return *index;
        }
        let slot = Slot::new(Some(exporter), self.targets.len(), now);
        let index = match self.free.pop() {
            Some(index) => {
                if let Some(place) = self.slots.get_mut(index) {
                    *place = slot;
                }
                index
            }
            None if self.slots.len() < self.slots_max => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
            None => return SHARED,
        };
        self.by_exporter.insert(exporter, index);
        index
    }

    /// Sends the Messages of one session that are for one collector.
    fn send_run(
        &mut self,
        run: &[(usize, usize)],
        collector: usize,
        cargo: Cargo<'_>,
        now: Millis,
    ) {
        let Some(target) = self.targets.get_mut(collector) else {
            return;
        };
        let outlet = target.outlet;
        let outgoing = || {
            run.iter()
                .filter_map(|(_, at)| cargo.outgoing(*at))
                .filter(move |outgoing| outgoing.route.outlet == outlet)
        };
        let total = outgoing().count();
        let Some((index, _)) = run.first().filter(|_| total > 0) else {
            return;
        };
        let Some(address) = target.address else {
            return target.note_unsent(Unsent::Unresolved, total as u64, now);
        };
        let Some((ttl, socket)) = socket_for(&mut self.slots, *index, collector, address) else {
            return target.note_unsent(Unsent::NoSocket, total as u64, now);
        };
        let socket = match socket {
            Ok(socket) => socket,
            Err(error) => return target.note_unsent(Unsent::of(&error), total as u64, now),
        };
        let parts =
            || outgoing().map(|outgoing| cargo.parts(outgoing, cargo.ttl(outgoing).unwrap_or(ttl)));
        let mut passage = Passage {
            outbox: &mut self.outbox,
            target,
            now,
        };
        passage.send_all(socket, Family::of(address), total, parts);
    }
}

/// Returns the session's socket to a collector, opened if need be, and its TTL. Where the process
/// may open no more, the shared one serves.
fn socket_for(
    slots: &mut [Slot],
    index: usize,
    collector: usize,
    address: SocketAddr,
) -> Option<(u8, std::io::Result<&Socket>)> {
    let slot = slots.get_mut(index)?;
    let ttl = slot.ttl;
    let mut from = index;
    let place = slot.sockets.get_mut(collector)?;
    if place.is_none() {
        match open::output(address) {
            Ok(socket) => *place = Some(socket),
            Err(error) if Unsent::of(&error) != Unsent::NoSocket => return Some((ttl, Err(error))),
            Err(error) => {
                from = SHARED;
                let shared = slots.get_mut(SHARED)?.sockets.get_mut(collector)?;
                if shared.is_none() {
                    match open::output(address) {
                        Ok(socket) => *shared = Some(socket),
                        Err(_) => return Some((ttl, Err(error))),
                    }
                }
            }
        }
    }
    let socket = slots.get(from)?.sockets.get(collector)?.as_ref()?;
    Some((ttl, Ok(socket)))
}

/// Messages on their way through one socket.
struct Passage<'a> {
    outbox: &'a mut Outbox,
    target: &'a mut Target,
    now: Millis,
}

impl Passage<'_> {
    fn send_all<'p, I: Iterator<Item = Parts<'p>>>(
        &mut self,
        socket: &Socket,
        family: Family,
        total: usize,
        parts: impl Fn() -> I,
    ) {
        let mut done = 0;
        // A refusal is the answer to an earlier datagram: the Message at hand was not tried.
        let mut was_refused = false;
        while done < total {
            match self.outbox.send(socket, family, parts().skip(done)) {
                Ok(0) => return,
                Ok(sent) => {
                    let lengths = parts().skip(done).take(sent);
                    let octets = lengths.map(|part| part.header.len() + part.body.len());
                    let octets: usize = octets.sum();
                    self.target.note_sent(sent as u64, octets as u64, self.now);
                    done += sent;
                    was_refused = false;
                }
                Err(error) => {
                    let rest = total - done;
                    done += self.note_error(Unsent::of(&error), was_refused, rest);
                    was_refused = Unsent::of(&error) == Unsent::Refused;
                }
            }
        }
    }

    /// Counts an error; returns how many of the `rest` Messages are not to be tried again.
    fn note_error(&mut self, reason: Unsent, was_refused: bool, rest: usize) -> usize {
        let given_up = match reason {
            Unsent::Refused => {
                self.target.note_refusal(self.now);
                usize::from(was_refused)
            }
            Unsent::BufferFull | Unsent::Forbidden | Unsent::Unreachable => rest,
            _ => 1,
        };
        if given_up > 0 {
            self.target.note_unsent(reason, given_up as u64, self.now);
        }
        given_up
    }
}
