//! One connection with a peer, from the first octet to the last: OpenSent, OpenConfirm,
//! Established [RFC 4271 §8].
//!
//! Whoever drives it brings octets and times and takes away octets and what happened. It says OPEN,
//! KEEPALIVE, the ends of empty lists [RFC 4724 §2] and NOTIFICATION, and never a route.
//!
//! Not here: when to connect (`peer`), what becomes of routes (`rib`).
//! Bound: one message of the peer and what was not taken away of ours, a few hundred octets.

use std::net::Ipv4Addr;

use asdb::Asn;

use super::fault::notification_text;
use super::frame::{self, Frame};
use super::nlri::{Families, Family};
use super::open::{self, Open};
use super::update::{Reading, Update};
use super::{Fault, FaultKind, MESSAGE_OCTETS_MAX};

/// How long an OPEN may take [RFC 4271 §8.2.2 suggests 4 minutes].
const OPEN_PATIENCE_MS: u64 = 240_000;
/// What is kept of a message that could not be read.
pub const KEPT_OCTETS: usize = 64;

/// What both sides must agree on.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Our AS.
    pub our_asn: Asn,
    /// Our BGP Identifier.
    pub our_identifier: Ipv4Addr,
    /// The AS that the peer must have.
    pub peer_asn: Asn,
    /// The hold time that we ask for, in seconds; 0 or at least 3.
    pub hold_time_s: u16,
    /// Families that we ask for.
    pub families: Families,
}

/// Where the conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Our OPEN is out.
    OpenSent,
    /// Theirs came.
    OpenConfirm,
    /// Routes come.
    Established,
    /// It is over: what is left to send is a NOTIFICATION.
    Over,
}

impl State {
    /// Returns its name [RFC 4271 §8.2.2].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenSent => "OpenSent",
            Self::OpenConfirm => "OpenConfirm",
            Self::Established => "Established",
            Self::Over => "Idle",
        }
    }
}

/// What happened in a session.
#[derive(Debug)]
pub enum Happening<'a> {
    /// The peer said who it is.
    Opened(&'a Open),
    /// Routes may come from now on.
    Established(&'a Open),
    /// Routes came or went.
    Update(&'a Update),
    /// A message could not be read as a whole, or its routes count as withdrawn.
    Malformed {
        /// Why.
        reason: String,
        /// The first octets of its body.
        octets: &'a [u8],
    },
    /// It is over; nothing happens any more.
    Over {
        /// Why, in words.
        reason: String,
        /// Whether the peer said so with a NOTIFICATION.
        is_notified: bool,
    },
}

/// What came and went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounters {
    /// Messages received.
    pub messages: u64,
    /// UPDATEs among them.
    pub updates: u64,
    /// UPDATEs whose routes count as withdrawn, or that ended the session.
    pub malformed: u64,
    /// Requests for routes that we do not have.
    pub refreshes: u64,
}

/// A connection.
#[derive(Debug)]
pub struct Session {
    terms: Terms,
    state: State,
    peer: Option<Open>,
    reading: Reading,
    input: Vec<u8>,
    output: Vec<u8>,
    update: Update,
    hold_ms: u64,
    /// When nothing has come for too long.
    silent_at_ms: u64,
    keepalive_at_ms: u64,
    counters: SessionCounters,
}

impl Session {
    /// Begins: the connection is there, and our OPEN is the first to send.
    #[must_use]
    pub fn new(terms: Terms, now_ms: u64) -> Self {
        let open = open::ours(
            terms.our_asn,
            terms.our_identifier,
            terms.hold_time_s,
            terms.families,
        );
        let reading = Reading {
            has_wide_asns: true,
            peer: terms.peer_asn,
            is_internal: terms.peer_asn == terms.our_asn,
            needs_next_hop: true,
            families: Families::default(),
            with_path_ids: Families::default(),
        };
        Self {
            terms,
            state: State::OpenSent,
            peer: None,
            reading,
            input: Vec::new(),
            output: open,
            update: Update::default(),
            hold_ms: 0,
            silent_at_ms: now_ms + OPEN_PATIENCE_MS,
            keepalive_at_ms: u64::MAX,
            counters: SessionCounters::default(),
        }
    }

    /// Returns where the conversation is.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Returns what the peer said of itself, once it did.
    #[must_use]
    pub const fn peer(&self) -> Option<&Open> {
        self.peer.as_ref()
    }

    /// Returns the families whose routes come.
    #[must_use]
    pub const fn families(&self) -> Families {
        self.reading.families
    }

    /// Returns what came.
    #[must_use]
    pub const fn counters(&self) -> SessionCounters {
        self.counters
    }

    /// Returns the negotiated hold time in milliseconds; 0: none.
    #[must_use]
    pub const fn hold_ms(&self) -> u64 {
        self.hold_ms
    }

    /// Takes away what is to be sent.
    #[must_use]
    pub fn output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Returns when [`Session::tick`] has something to do at the latest.
    #[must_use]
    pub const fn due_ms(&self) -> u64 {
        if self.silent_at_ms < self.keepalive_at_ms {
            self.silent_at_ms
        } else {
            self.keepalive_at_ms
        }
    }

    /// Takes octets of the peer, however they are cut.
    pub fn take(&mut self, octets: &[u8], now_ms: u64, tell: &mut dyn FnMut(Happening<'_>)) {
        let mut input = std::mem::take(&mut self.input);
        input.extend_from_slice(octets);
        let mut rest = input.as_slice();
        while self.state != State::Over {
            match frame::first(rest, MESSAGE_OCTETS_MAX) {
                Ok(Some(message)) => {
                    rest = &rest[message.octets..];
                    self.counters.messages += 1;
                    if let Err(fault) = self.message(message, now_ms, tell) {
                        self.fail(&fault, message.body, tell);
                    }
                }
                Ok(None) => break,
                Err(fault) => self.fail(&fault, rest, tell),
            }
        }
        let done = input.len() - rest.len();
        input.drain(..done);
        self.input = input;
    }

    /// Does what time demands.
    pub fn tick(&mut self, now_ms: u64, tell: &mut dyn FnMut(Happening<'_>)) {
        if self.state == State::Over {
            return;
        }
        if now_ms >= self.silent_at_ms {
            return self.stop(FaultKind::HoldTimer, tell);
        }
        if now_ms >= self.keepalive_at_ms {
            self.output.extend(frame::message(frame::KEEPALIVE, &[]));
            self.keepalive_at_ms = now_ms + self.hold_ms / 3;
        }
    }

    /// Ends it: the peer is told why.
    pub fn stop(&mut self, kind: FaultKind, tell: &mut dyn FnMut(Happening<'_>)) {
        if self.state != State::Over {
            self.output.extend(Fault::of(kind).notification());
            self.end(kind.to_string(), false, tell);
        }
    }

    /// The connection was lost.
    pub fn lost(&mut self, reason: &str, tell: &mut dyn FnMut(Happening<'_>)) {
        if self.state != State::Over {
            self.end(reason.to_owned(), false, tell);
        }
    }

    fn fail(&mut self, fault: &Fault, octets: &[u8], tell: &mut dyn FnMut(Happening<'_>)) {
        self.counters.malformed += 1;
        tell(Happening::Malformed {
            reason: fault.to_string(),
            octets: kept(octets),
        });
        self.output.extend(fault.notification());
        self.end(fault.to_string(), false, tell);
    }

    fn end(&mut self, reason: String, is_notified: bool, tell: &mut dyn FnMut(Happening<'_>)) {
        self.state = State::Over;
        self.silent_at_ms = u64::MAX;
        self.keepalive_at_ms = u64::MAX;
        tell(Happening::Over {
            reason,
            is_notified,
        });
    }

    fn message(
        &mut self,
        message: Frame<'_>,
        now_ms: u64,
        tell: &mut dyn FnMut(Happening<'_>),
    ) -> Result<(), Fault> {
        match (self.state, message.kind) {
            (_, frame::NOTIFICATION) => {
                let [code, subcode, ..] = *message.body else {
                    return Err(FaultKind::Length.into());
                };
                let reason = format!("the peer said: {}", notification_text(code, subcode));
                self.end(reason, true, tell);
                Ok(())
            }
            (State::OpenSent, frame::OPEN) => self.opened(message.body, now_ms, tell),
            (State::OpenConfirm, frame::KEEPALIVE) => {
                self.establish(now_ms, tell);
                Ok(())
            }
            (State::Established, frame::KEEPALIVE) => {
                self.heard(now_ms);
                Ok(())
            }
            (State::Established, frame::UPDATE) => {
                self.heard(now_ms);
                self.routes(message.body, tell)
            }
            (State::Established, frame::ROUTE_REFRESH) => {
                self.heard(now_ms);
                self.counters.refreshes += 1;
                match message.body.len() {
                    // What was to be sent again is nothing.
                    4 => Ok(()),
                    _ => Err(FaultKind::RefreshLength.into()),
                }
            }
            (state, _) => {
                let subcode = match state {
                    State::OpenSent => 1,
                    State::OpenConfirm => 2,
                    State::Established | State::Over => 3,
                };
                Err(FaultKind::Unexpected { subcode }.into())
            }
        }
    }

    fn opened(
        &mut self,
        body: &[u8],
        now_ms: u64,
        tell: &mut dyn FnMut(Happening<'_>),
    ) -> Result<(), Fault> {
        let open = Open::read(body)?;
        if open.asn != self.terms.peer_asn {
            return Err(FaultKind::OpenAs.into());
        }
        let is_our_identifier =
            self.reading.is_internal && open.identifier == self.terms.our_identifier.to_bits();
        if open.identifier == 0 || is_our_identifier {
            return Err(FaultKind::OpenIdentifier.into());
        }
        // Without the capability there is IPv4 alone [RFC 4760 §8].
        let theirs = if open.families.is_empty() {
            Families::from_list(&[Family::Ipv4])
        } else {
            open.families
        };
        self.reading.families = self.terms.families.both(theirs);
        self.reading.has_wide_asns = open.has_wide_asns;
        self.hold_ms = 1000 * u64::from(self.terms.hold_time_s.min(open.hold_time_s));
        self.output.extend(frame::message(frame::KEEPALIVE, &[]));
        self.state = State::OpenConfirm;
        self.heard(now_ms);
        if self.hold_ms > 0 {
            self.keepalive_at_ms = now_ms + self.hold_ms / 3;
        }
        tell(Happening::Opened(&open));
        self.peer = Some(open);
        Ok(())
    }

    fn establish(&mut self, now_ms: u64, tell: &mut dyn FnMut(Happening<'_>)) {
        self.state = State::Established;
        self.heard(now_ms);
        // All our routes, of which there are none: a peer that restarts waits for this.
        for family in self.reading.families.iter() {
            let body: &[u8] = match family {
                Family::Ipv4 => &[0, 0, 0, 0],
                Family::Ipv6 => &[0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1],
                Family::Vpn4 => &[0, 0, 0, 6, 0x80, 15, 3, 0, 1, 128],
                Family::Vpn6 => &[0, 0, 0, 6, 0x80, 15, 3, 0, 2, 128],
            };
            self.output.extend(frame::message(frame::UPDATE, body));
        }
        if let Some(open) = &self.peer {
            tell(Happening::Established(open));
        }
    }

    fn heard(&mut self, now_ms: u64) {
        self.silent_at_ms = match self.hold_ms {
            0 => u64::MAX,
            hold_ms => now_ms + hold_ms,
        };
    }

    fn routes(&mut self, body: &[u8], tell: &mut dyn FnMut(Happening<'_>)) -> Result<(), Fault> {
        self.counters.updates += 1;
        self.update.read(body, &self.reading)?;
        if let Some(reason) = self.update.malformed {
            self.counters.malformed += 1;
            tell(Happening::Malformed {
                reason: format!("UPDATE: {reason}; its routes count as withdrawn"),
                octets: kept(body),
            });
        }
        tell(Happening::Update(&self.update));
        Ok(())
    }
}

fn kept(octets: &[u8]) -> &[u8] {
    &octets[..octets.len().min(KEPT_OCTETS)]
}
