//! Messages leave: which of them goes where, in which order, by which socket.
//!
//! Nothing here waits: what a full buffer does not take is dropped and counted. Once warm, nothing
//! is allocated.
//!
//! Not here: Messages (`mediator`), the system calls (`io::udp`), what became of them (`target`).
//! Bound: those of `sessions` and `named`; the list of one batch's Messages.

mod named;
mod sessions;
mod streams;

use std::io;
use std::net::{IpAddr, SocketAddr};

use mediator::settings::{IpHeader, Outlet};
use mediator::{Body, Egress, Millis, Outgoing};

use crate::io::udp::Family;
use crate::io::udp::inbox::Inbox;
use crate::io::udp::outbox::{Outbox, Output, Parts, Sent};
use crate::io::udp::raw::Named;
use crate::pipeline::identity::Identity;
use crate::pipeline::outlets::Outlets;
use crate::pipeline::streams::StreamSender;
use crate::pipeline::target::{Target, Unsent};
use named::NamedSenders;
use sessions::{Sessions, SlotIndex};

/// TTLs of the datagrams of a batch, by their index, as they are to leave.
pub(super) type Ttls = [u8; crate::io::udp::BATCH_DATAGRAMS];

/// Sockets for every session that leaves.
#[derive(Debug)]
pub(super) struct Senders {
    pub(super) targets: Vec<Target>,
    /// In the order of the `Mediator`'s outlets.
    ways: Vec<Way>,
    own_addresses: Vec<IpAddr>,
    named: NamedSenders,
    sessions: Sessions,
    outbox: Outbox,
    /// The Messages of one call of `send`.
    leaving: Vec<Leaving>,
    /// By collector; `None` where datagrams are sent.
    streams: Vec<Option<StreamSender>>,
    pub(super) shared_messages: u64,
}

/// An outlet, and who its collectors hear.
#[derive(Clone, Debug)]
struct Way {
    outlet: Outlet,
    identity: Identity,
}

impl Way {
    fn bears_address_of(&self, exporter: IpAddr, own_addresses: &[IpAddr]) -> bool {
        self.outlet.bears_address_of(exporter, own_addresses)
    }

    /// The family of the collectors whose Messages bear their exporters' addresses.
    const fn named_family(&self) -> Option<Family> {
        match (self.identity, self.outlet.ip_header) {
            (Identity::Exporter, IpHeader::Ipv4) => Some(Family::V4),
            (Identity::Exporter, IpHeader::Ipv6) => Some(Family::V6),
            _ => None,
        }
    }
}

/// A Message's outlet, slot and place in the egress, in one number: in its order the Messages of
/// one session stand together, as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Leaving(u64);

impl Leaving {
    const PLACE_BITS: u32 = 32;
    const SLOT_BITS: u32 = 16;

    fn new(outlet: u16, slot: SlotIndex, place: usize) -> Self {
        debug_assert!(u64::from(slot.0) >> Self::SLOT_BITS == 0);
        let group = u64::from(outlet) << Self::SLOT_BITS | u64::from(slot.0);
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        Self(group << Self::PLACE_BITS | u64::from(place))
    }

    const fn group(self) -> u64 {
        self.0 >> Self::PLACE_BITS
    }

    const fn outlet(self) -> u64 {
        self.0 >> (Self::PLACE_BITS + Self::SLOT_BITS)
    }

    const fn slot(self) -> SlotIndex {
        SlotIndex((self.group() & 0xffff) as u32)
    }

    const fn place(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
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
    fn ttl(&self, outgoing: &Outgoing) -> Option<u8> {
        let index = usize::try_from(outgoing.received_index).ok()?;
        self.ttls?.get(index).copied()
    }

    pub(super) fn parts(&self, outgoing: &'a Outgoing, ttl_otherwise: u8) -> Parts<'a> {
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
            ttl: self.ttl(outgoing).unwrap_or(ttl_otherwise),
        }
    }
}

impl Senders {
    pub(super) fn new(
        outlets: &Outlets,
        own_addresses: Vec<IpAddr>,
        seed: u64,
        now: Millis,
    ) -> Self {
        let destinations = &outlets.destinations;
        let ways: Vec<_> = outlets
            .outlets
            .iter()
            .zip(0..)
            .map(|(outlet, index)| {
                let hears = destinations.iter().find(|one| one.outlet == index);
                let identity = hears.map_or(Identity::Own, |one| one.identity);
                let outlet = outlet.clone();
                Way { outlet, identity }
            })
            .collect();
        let families: Vec<_> = ways.iter().filter_map(Way::named_family).collect();
        Self {
            targets: destinations.iter().map(Target::new).collect(),
            named: NamedSenders::new(&families, seed),
            sessions: Sessions::new(destinations.len(), seed, now),
            ways,
            own_addresses,
            outbox: Outbox::default(),
            leaving: Vec::new(),
            streams: Vec::new(),
            shared_messages: 0,
        }
    }

    /// Takes the ends of those collectors that are reached over a connection.
    pub(super) fn take_streams(&mut self, streams: Vec<Option<StreamSender>>) {
        self.streams = streams;
    }

    /// Has all sessions together keep to this many sockets.
    pub(super) fn keep_to(&mut self, sockets_max: usize) {
        let large = self.named.keep_to(sockets_max / 4);
        self.sessions.keep_to(sockets_max.saturating_sub(large));
    }

    /// Sends everything in the egress, to each collector in the order of its sessions.
    pub(super) fn send(&mut self, cargo: Cargo<'_>, now: Millis) {
        let mut leaving = std::mem::take(&mut self.leaving);
        leaving.clear();
        for (place, outgoing) in cargo.egress.outgoing().iter().enumerate() {
            let slot = self.slot_of(outgoing, now);
            leaving.push(Leaving::new(outgoing.route.outlet, slot, place));
        }
        leaving.sort_unstable();
        for group in leaving.chunk_by(|one, next| one.group() == next.group()) {
            self.send_group(group, cargo, now);
        }
        self.leaving = leaving;
    }

    /// Returns by whose sockets a Message leaves.
    fn slot_of(&mut self, outgoing: &Outgoing, now: Millis) -> SlotIndex {
        let exporter = outgoing.route.exporter;
        let way = self.ways.get(usize::from(outgoing.route.outlet));
        let is_shared = |way: &Way| {
            // One connection serves all.
            way.outlet.ip_header == IpHeader::OfStream || matches!(way.identity, Identity::Fixed(_))
        };
        if way.is_some_and(is_shared) {
            return SlotIndex::SHARED;
        }
        let slot = self.sessions.slot_of(exporter, now);
        if slot != SlotIndex::SHARED {
            return slot;
        }
        if way.is_some_and(|way| way.bears_address_of(exporter.ip(), &self.own_addresses)) {
            return SlotIndex::NAMED;
        }
        self.shared_messages += 1;
        slot
    }

    /// Gives back sockets of silent sessions; returns whether a collector has recovered, or is to
    /// be tried again.
    pub(super) fn sweep(&mut self, now: Millis) -> bool {
        self.sessions.sweep(now);
        self.named.sweep();
        let recovered = self.targets.iter_mut().filter_map(|target| {
            target.forget_way(now);
            let has_recovered = target.has_recovered(now);
            (has_recovered | target.is_trial_due(now)).then_some(())
        });
        recovered.count() > 0
    }

    /// Whether a collector has this address.
    pub(super) fn sends_to(&self, address: IpAddr) -> bool {
        let mut targets = self.targets.iter();
        targets.any(|target| target.address.is_some_and(|one| one.ip() == address))
    }

    /// Returns which outlets can be reached, if these collectors can: one of an outlet is enough.
    pub(super) fn reachable_outlets(&self, reachable: &[bool]) -> Vec<bool> {
        let of_outlet = |index: usize| {
            let targets = self.targets.iter().zip(reachable);
            let mut targets = targets.filter(|(target, _)| usize::from(target.outlet) == index);
            targets.any(|(_, is_reachable)| *is_reachable)
        };
        (0..self.ways.len()).map(of_outlet).collect()
    }

    /// Returns whether there is room again for a collector whose queue was full.
    pub(super) fn has_room_again(&mut self) -> bool {
        let streams = self.streams.iter_mut().flatten();
        // Each is asked: it says so once.
        streams
            .filter_map(|stream| stream.has_recovered().then_some(()))
            .count()
            > 0
    }

    /// Takes new addresses of the collectors; returns whether one of them changed.
    pub(super) fn readdress(&mut self, addresses: &[Option<SocketAddr>]) -> bool {
        let mut any = false;
        for (collector, (target, address)) in self.targets.iter_mut().zip(addresses).enumerate() {
            if target.address != *address {
                any = true;
                target.move_to(*address);
                self.sessions.close(collector);
                self.named.close(collector);
            }
        }
        any
    }

    /// Sessions that have sockets of their own.
    pub(super) fn sessions_count(&self) -> usize {
        self.sessions.count()
    }

    /// Sends the Messages of one session and outlet, or those of an outlet that bear the addresses
    /// of exporters without sockets, to each collector of the outlet.
    fn send_group(&mut self, group: &[Leaving], cargo: Cargo<'_>, now: Millis) {
        let outgoing = cargo.egress.outgoing();
        let mut messages = group.iter().filter_map(|one| outgoing.get(one.place()));
        let (Some(first), Some(last)) = (group.first(), messages.next_back()) else {
            return;
        };
        let (slot, total) = (first.slot(), group.len() as u64);
        let ttl = self.sessions.note_use(slot, cargo.ttl(last), now);
        let exporter = last.route.exporter;
        let way = self.ways.get(usize::from(last.route.outlet));
        let way = way.filter(|way| way.bears_address_of(exporter.ip(), &self.own_addresses));
        let borne_family = way.and_then(Way::named_family);
        let named = |leaving: &Leaving| {
            let outgoing = outgoing.get(leaving.place())?;
            Some(Named {
                exporter: outgoing.route.exporter,
                parts: cargo.parts(outgoing, ttl),
            })
        };
        for (collector, target) in self.targets.iter_mut().enumerate() {
            if u64::from(target.outlet) != first.outlet() {
                continue;
            }
            if let Some(stream) = self.streams.get_mut(collector).and_then(Option::as_mut) {
                let parts = group.iter().filter_map(|one| Some(named(one)?.parts));
                streams::hand_over(stream, target, parts, now);
                continue;
            }
            let Some(address) = target.address else {
                target.note_unsent(Unsent::Unresolved, total, now);
                continue;
            };
            let is_borne = Some(Family::of(address)) == borne_family;
            let to = (collector, address);
            let mut passage = Passage {
                outbox: &mut self.outbox,
                target,
                now,
            };
            if is_borne {
                match self.sessions.output_as(exporter, slot, to) {
                    Some(output) => passage.send_all(output, group, |one| Some(named(one)?.parts)),
                    None => self.named.send_all(&mut passage, to, group, named),
                }
                continue;
            }
            passage.target.note_as_own(exporter, total);
            let source = passage.target.fixed_source(address);
            match self.sessions.output(slot, to, source) {
                Ok(output) => {
                    passage.send_all(output, group, |one| Some(named(one)?.parts));
                }
                Err(error) => passage.note_unopened(&error, source, total),
            }
        }
    }
}

/// Messages on their way through one socket.
struct Passage<'a> {
    outbox: &'a mut Outbox,
    target: &'a mut Target,
    now: Millis,
}

impl Passage<'_> {
    fn send_all<'p, T>(
        &mut self,
        output: &mut Output,
        mut rest: &[T],
        parts: impl Fn(&T) -> Option<Parts<'p>>,
    ) {
        // A refusal is the answer to an earlier datagram: the Message at hand was not tried.
        let mut was_refused = false;
        while !rest.is_empty() {
            let datagrams = rest.iter().filter_map(&parts);
            let done = match self.outbox.send(output, self.target.segments, datagrams) {
                Ok(Sent { count: 0, .. }) => return,
                Ok(sent) => {
                    was_refused = false;
                    self.note_sent(sent)
                }
                Err(refused) if self.target.segments.learn(&refused) => 0,
                Err(refused) => {
                    let reason = Unsent::of(&refused.error);
                    let given_up = self.note_error(reason, was_refused, rest.len());
                    was_refused = reason == Unsent::Refused;
                    given_up
                }
            };
            rest = rest.get(done..).unwrap_or_default();
        }
    }

    /// Counts what left; returns how many Messages that were.
    fn note_sent(&mut self, sent: Sent) -> usize {
        let Sent { count, octets } = sent;
        self.target.note_sent(count as u64, octets as u64, self.now);
        count
    }

    /// Counts Messages for which there is no socket.
    fn note_unopened(&mut self, error: &io::Error, source: Option<SocketAddr>, total: u64) {
        let is_of_source = matches!(
            error.kind(),
            io::ErrorKind::AddrInUse
                | io::ErrorKind::AddrNotAvailable
                | io::ErrorKind::PermissionDenied
        );
        if let Some(source) = source.filter(|_| is_of_source) {
            self.target.give_up_fixed(source, error);
        }
        self.target.note_unsent(Unsent::of(error), total, self.now);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_one_session_stand_together_as_they_came() {
        let came = [(1, 5), (0, 7), (0, 2), (1, 5), (0, 7), (0, 0xffff)];
        let numbered = came.into_iter().enumerate();
        let mut leaving: Vec<_> = numbered
            .map(|(place, (outlet, slot))| Leaving::new(outlet, SlotIndex(slot), place))
            .collect();
        leaving.sort_unstable();
        let read = leaving
            .iter()
            .map(|one| (one.outlet(), one.slot().0, one.place()));
        let expected = [
            (0, 2, 2),
            (0, 7, 1),
            (0, 7, 4),
            (0, 0xffff, 5),
            (1, 5, 0),
            (1, 5, 3),
        ];
        assert_eq!(read.collect::<Vec<_>>(), expected);
    }
}
