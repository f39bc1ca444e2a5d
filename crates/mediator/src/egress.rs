//! Messages on their way out, in the order they must leave.
//!
//! A Message that needed no new octets stays in the receive buffer: only its header is kept here,
//! so that several collectors can each get their own header before one shared body. A Message that
//! grew or was divided is built in one buffer that is used again for every batch.
//!
//! Not here: sockets, addresses of collectors, batching of system calls (the daemon's `io`).
//! Bound: what one call of `process` can build is [`crate::limits::Limits::built_octets_max`];
//! the caller takes everything out before that much is left behind twice.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::ops::Range;

/// The longest Message header: NetFlow v5, 24 octets.
pub const HEADER_OCTETS_MAX: usize = 24;

/// Where a Message goes, and in whose name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Index into [`crate::Settings::outlets`].
    pub outlet: u16,
    /// The Original Exporter's address and port: the Transport Session this Message belongs to.
    pub exporter: SocketAddr,
}

/// Where the octets behind the header are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// In the received datagram, at these octets.
    Received(Range<usize>),
    /// In [`Egress::built`], at these octets.
    Built(Range<usize>),
}

/// One datagram to send.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Which collectors, in whose name.
    pub route: Route,
    /// The number of the datagram, as given to [`Egress::begin`], that [`Body::Received`] means.
    pub received_index: u32,
    /// Where the rest of the datagram is.
    pub body: Body,
    header: [u8; HEADER_OCTETS_MAX],
    header_octets: u8,
}

impl Outgoing {
    /// The octets that come before the body; empty for a datagram that leaves as it came.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        self.header
            .get(..usize::from(self.header_octets))
            .unwrap_or_default()
    }

    /// The length of the UDP payload in octets.
    #[must_use]
    pub fn octets(&self) -> usize {
        let (Body::Received(range) | Body::Built(range)) = &self.body;
        range.len() + usize::from(self.header_octets)
    }
}

/// The Messages that are to leave.
#[derive(Debug, Default)]
pub struct Egress {
    built: Vec<u8>,
    outgoing: Vec<Outgoing>,
    received_index: u32,
}

impl Egress {
    /// Returns an egress with nothing in it and no memory taken.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says which received datagram the next call of `process` is about.
    pub fn begin(&mut self, received_index: u32) {
        self.received_index = received_index;
    }

    /// What is to be sent, in order.
    #[must_use]
    pub fn outgoing(&self) -> &[Outgoing] {
        &self.outgoing
    }

    /// The octets that [`Body::Built`] points into.
    #[must_use]
    pub fn built(&self) -> &[u8] {
        &self.built
    }

    /// Copies one datagram's octets, header and body, to the end of `to`.
    ///
    /// `received` is the datagram that [`Body::Received`] points into.
    pub fn copy_to(&self, outgoing: &Outgoing, received: &[u8], to: &mut Vec<u8>) {
        to.extend_from_slice(outgoing.header());
        let body = match &outgoing.body {
            Body::Received(range) => received.get(range.clone()),
            Body::Built(range) => self.built.get(range.clone()),
        };
        to.extend_from_slice(body.unwrap_or_default());
    }

    /// Forgets everything, keeps the memory. To be called after all was sent.
    pub fn clear(&mut self) {
        self.built.clear();
        self.outgoing.clear();
    }

    /// Adds a datagram whose body is in the received one.
    pub(crate) fn send_received(&mut self, route: Route, header: &[u8], body: Range<usize>) {
        self.send(route, header, Body::Received(body));
    }

    /// The buffer that built bodies are appended to.
    pub(crate) fn building(&mut self) -> &mut Vec<u8> {
        &mut self.built
    }

    /// Adds a datagram whose body is what was built since `start`.
    pub(crate) fn send_from(&mut self, route: Route, header: &[u8], start: usize) {
        let body = Body::Built(start..self.built.len());
        self.send(route, header, body);
    }

    /// Adds a datagram with these octets, which will not outlive the call.
    pub(crate) fn send_copy(&mut self, route: Route, header: &[u8], body: &[u8]) -> Range<usize> {
        let start = self.built.len();
        self.built.extend_from_slice(body);
        self.send_from(route, header, start);
        start..self.built.len()
    }

    /// Adds a datagram with the octets of one that [`Self::send_copy`] added before.
    pub(crate) fn send_again(&mut self, route: Route, body: &Range<usize>) {
        self.send(route, &[], Body::Built(body.clone()));
    }

    fn send(&mut self, route: Route, header: &[u8], body: Body) {
        debug_assert!(header.len() <= HEADER_OCTETS_MAX);
        let mut kept = [0; HEADER_OCTETS_MAX];
        for (to, from) in kept.iter_mut().zip(header) {
            *to = *from;
        }
        self.outgoing.push(Outgoing {
            route,
            received_index: self.received_index,
            body,
            header: kept,
            header_octets: u8::try_from(header.len()).unwrap_or(0),
        });
    }
}
