//! Sockets of their own for sessions: from our address, each from a source port of its own, or
//! from the exporter's address and port.
//!
//! Collectors tell the Transport Sessions behind one address apart by port [RFC 7011 §3.1]. Each
//! session has a connected socket for each collector: the kernel then tells us which collector
//! refuses, it knows the way already, and neighbours may leave as one.
//!
//! Not here: what is sent (`senders`).
//! Bound: [`SOCKETS_MAX`] sockets, or fewer where the process may open fewer files; sessions above
//! it share one socket per collector, which the domains, shown apart, allow, or bear their
//! exporters' addresses without one (`named`). A session that was silent for a while gives its
//! sockets back.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;

use foldhash::fast::FixedState;
use mediator::Millis;

use crate::io::open;
use crate::io::udp::outbox::Output;
use crate::pipeline::target::Unsent;

/// Sockets that all sessions of a worker may have together.
pub(in crate::pipeline) const SOCKETS_MAX: usize = 4096;

/// Silence after which a session gives its sockets back.
const IDLE_MS: u64 = 3_600_000;
/// The same where others wait for sockets.
const IDLE_MS_IF_FULL: u64 = 60_000;
/// What leaves before its exporter's TTL was seen: the usual start of a packet's life.
const TTL_UNKNOWN: u8 = 64;

/// A session's place among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotIndex(pub(super) u32);

impl SlotIndex {
    /// The slot whose sockets all those share for whom there is no other.
    pub(super) const SHARED: Self = Self(0);
    /// The place of those that bear their exporters' addresses and have no sockets.
    pub(super) const NAMED: Self = Self(u16::MAX as u32);

    fn place(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// The sessions of a worker.
#[derive(Debug)]
pub(super) struct Sessions {
    slots: Vec<Slot>,
    free: Vec<SlotIndex>,
    by_exporter: HashMap<SocketAddr, SlotIndex, FixedState>,
    /// Most Messages come behind one of the same session.
    last: Option<(SocketAddr, SlotIndex)>,
    slots_max: usize,
    collectors_count: usize,
}

/// The sockets of one session, by collector.
#[derive(Debug)]
struct Slot {
    exporter: Option<SocketAddr>,
    ttl: u8,
    used_at: Millis,
    outputs: Vec<Option<Output>>,
    /// Nothing can be bound to the exporter's address and port.
    is_unbindable: bool,
}

impl Slot {
    fn new(exporter: Option<SocketAddr>, collectors_count: usize, now: Millis) -> Self {
        Self {
            exporter,
            ttl: TTL_UNKNOWN,
            used_at: now,
            outputs: (0..collectors_count).map(|_| None).collect(),
            is_unbindable: false,
        }
    }
}

impl Sessions {
    pub(super) fn new(collectors_count: usize, seed: u64, now: Millis) -> Self {
        Self {
            slots: vec![Slot::new(None, collectors_count, now)],
            free: Vec::new(),
            by_exporter: HashMap::with_hasher(FixedState::with_seed(seed)),
            last: None,
            slots_max: (SOCKETS_MAX / collectors_count.max(1)).max(1),
            collectors_count,
        }
    }

    /// Has all sessions together keep to fewer sockets: those that the process may open.
    pub(super) fn keep_to(&mut self, sockets_max: usize) {
        let slots_max = sockets_max / self.collectors_count.max(1);
        self.slots_max = self.slots_max.min(slots_max.max(1));
    }

    /// Sessions that have sockets of their own.
    pub(super) fn count(&self) -> usize {
        self.by_exporter.len()
    }

    /// Returns the slot of an exporter, a new one if need be, the shared one if there is none.
    pub(super) fn slot_of(&mut self, exporter: SocketAddr, now: Millis) -> SlotIndex {
        match self.last {
            Some((last, slot)) if last == exporter => return slot,
            _ => {}
        }
        let known = self.by_exporter.get(&exporter).copied();
        let slot = known.unwrap_or_else(|| self.open(exporter, now));
        self.last = Some((exporter, slot));
        slot
    }

    fn open(&mut self, exporter: SocketAddr, now: Millis) -> SlotIndex {
        let slot = Slot::new(Some(exporter), self.collectors_count, now);
        let index = match self.free.pop() {
            Some(index) => {
                if let Some(place) = self.slots.get_mut(index.place()) {
                    *place = slot;
                }
                index
            }
            None if self.slots.len() < self.slots_max => {
                self.slots.push(slot);
                SlotIndex(u32::try_from(self.slots.len() - 1).unwrap_or(0))
            }
            None => return SlotIndex::SHARED,
        };
        self.by_exporter.insert(exporter, index);
        index
    }

    /// Notes that a session sends now, with this TTL if it is known; returns the TTL that counts.
    pub(super) fn note_use(&mut self, index: SlotIndex, ttl: Option<u8>, now: Millis) -> u8 {
        let Some(slot) = self.slots.get_mut(index.place()) else {
            return TTL_UNKNOWN;
        };
        slot.used_at = now;
        slot.ttl = ttl.unwrap_or(slot.ttl);
        slot.ttl
    }

    /// Returns a session's socket to a collector that bears its exporter's address and port, opened
    /// if need be; `None` if there can be none.
    ///
    /// It is tried once: the port may be one that only a superuser has, the process may open no
    /// more files, and the way without a socket is as good.
    pub(super) fn output_as(
        &mut self,
        exporter: SocketAddr,
        index: SlotIndex,
        (collector, address): (usize, SocketAddr),
    ) -> Option<&mut Output> {
        let slot = self.slots.get_mut(index.place())?;
        let place = slot.outputs.get_mut(collector)?;
        if place.is_none() && !slot.is_unbindable {
            *place = open::output_from(exporter, address).ok();
            slot.is_unbindable = place.is_none();
        }
        place.as_mut()
    }

    /// Returns a session's socket to a collector, opened if need be, from `source` if there is one.
    /// Where the process may open no more, the shared one serves.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn output(
        &mut self,
        index: SlotIndex,
        (collector, address): (usize, SocketAddr),
        source: Option<SocketAddr>,
    ) -> io::Result<&mut Output> {
        let shared = SlotIndex::SHARED;
        let index = if index == SlotIndex::NAMED {
            shared
        } else {
            index
        };
        let mut open = |index| self.open_output(index, (collector, address), source);
        let opened = match open(index) {
            Ok(()) => index,
            Err(error) if Unsent::of(&error) == Unsent::NoSocket => {
                open(shared).map_err(|_| error)?;
                shared
            }
            Err(error) => return Err(error),
        };
        let place = self.place(opened, collector).and_then(Option::as_mut);
        place.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))
    }

    fn open_output(
        &mut self,
        index: SlotIndex,
        (collector, address): (usize, SocketAddr),
        source: Option<SocketAddr>,
    ) -> io::Result<()> {
        let place = self.place(index, collector);
        if let Some(place) = place.filter(|place| place.is_none()) {
            *place = Some(match source {
                Some(source) => open::output_from(source, address)?,
                None => open::output(address)?,
            });
        }
        Ok(())
    }

    fn place(&mut self, index: SlotIndex, collector: usize) -> Option<&mut Option<Output>> {
        self.slots
            .get_mut(index.place())?
            .outputs
            .get_mut(collector)
    }

    /// Gives back the sockets of silent sessions.
    pub(super) fn sweep(&mut self, now: Millis) {
        let is_full = self.by_exporter.len() + 1 >= self.slots_max;
        let idle_ms = if is_full { IDLE_MS_IF_FULL } else { IDLE_MS };
        for (slot, index) in self.slots.iter_mut().zip(0..).skip(1) {
            if slot.exporter.is_some() && now.since(slot.used_at) >= idle_ms {
                let exporter = slot.exporter.take();
                slot.outputs.fill_with(|| None);
                slot.is_unbindable = false;
                self.free.push(SlotIndex(index));
                exporter.and_then(|exporter| self.by_exporter.remove(&exporter));
                self.last = None;
            }
        }
    }

    /// Closes all sockets towards a collector: it has another address now.
    pub(super) fn close(&mut self, collector: usize) {
        for slot in &mut self.slots {
            if let Some(output) = slot.outputs.get_mut(collector) {
                *output = None;
            }
            slot.is_unbindable = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    fn exporter(number: usize) -> SocketAddr {
        let number = u32::try_from(number).unwrap();
        SocketAddr::new(std::net::Ipv4Addr::from_bits(number).into(), 2055)
    }

    #[test]
    fn each_session_has_its_port_until_there_are_too_many() {
        let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = collector.local_addr().unwrap();
        let collectors_count = SOCKETS_MAX / 4;
        let mut sessions = Sessions::new(collectors_count, 0, Millis(0));
        let mut port = |number, now| {
            let slot = sessions.slot_of(exporter(number), Millis(now));
            sessions.note_use(slot, None, Millis(now));
            let output = sessions.output(slot, (0, address), None).unwrap();
            let port = output.socket().local_addr().unwrap();
            (slot, port.as_socket().unwrap().port())
        };
        let own: Vec<_> = (0..3).map(|number| port(number, 0)).collect();
        let shared = [port(3, 0), port(4, 0)];
        assert_eq!(shared[0], shared[1]);
        assert_eq!(shared[0].0, SlotIndex::SHARED);
        for (number, one) in own.iter().enumerate() {
            assert!(own[..number].iter().all(|other| other.1 != one.1));
            assert_eq!(port(number, 1), *one, "it stays");
        }
    }

    #[test]
    fn there_are_no_more_sockets_than_the_process_may_open() {
        let mut sessions = Sessions::new(2, 0, Millis(0));
        sessions.keep_to(7);
        let own = (0..10).map(|number| sessions.slot_of(exporter(number), Millis(0)));
        let shared_count = own.filter(|slot| *slot == SlotIndex::SHARED).count();
        assert_eq!(
            shared_count, 8,
            "three slots of two sockets, one of them the shared one"
        );
        sessions.keep_to(0);
        assert_eq!(sessions.slot_of(exporter(99), Millis(0)), SlotIndex::SHARED);
    }

    #[test]
    fn a_silent_session_gives_its_slot_to_who_waits_for_one() {
        let mut sessions = Sessions::new(SOCKETS_MAX / 2, 0, Millis(0));
        let only = sessions.slot_of(exporter(1), Millis(0));
        assert_eq!(sessions.slot_of(exporter(2), Millis(0)), SlotIndex::SHARED);
        sessions.sweep(Millis(IDLE_MS_IF_FULL - 1));
        assert_eq!(sessions.count(), 1);
        sessions.sweep(Millis(IDLE_MS_IF_FULL));
        assert_eq!(sessions.count(), 0);
        assert_eq!(sessions.slot_of(exporter(2), Millis(0)), only);
    }

    #[test]
    fn a_port_that_another_program_has_to_itself_is_asked_for_once() {
        let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = (0, collector.local_addr().unwrap());
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let exporter = taken.local_addr().unwrap();
        let mut sessions = Sessions::new(1, 0, Millis(0));
        let slot = sessions.slot_of(exporter, Millis(0));
        assert!(sessions.output_as(exporter, slot, to).is_none());
        drop(taken);
        assert!(sessions.output_as(exporter, slot, to).is_none());
        sessions.close(0);
        let output = sessions.output_as(exporter, slot, to).unwrap();
        let bound = output.socket().local_addr().unwrap();
        assert_eq!(bound.as_socket(), Some(exporter));
    }

    #[test]
    fn a_message_without_a_ttl_leaves_with_the_last_one_of_its_session() {
        let mut sessions = Sessions::new(1, 0, Millis(0));
        let slot = sessions.slot_of(exporter(1), Millis(0));
        assert_eq!(sessions.note_use(slot, None, Millis(0)), TTL_UNKNOWN);
        assert_eq!(sessions.note_use(slot, Some(9), Millis(0)), 9);
        assert_eq!(sessions.note_use(slot, None, Millis(0)), 9);
    }
}
