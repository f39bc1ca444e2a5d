//! The collecting end of one TCP connection: octets in whatever pieces they come.
//!
//! Messages are told apart by the Length of their headers alone [RFC 7011 §10.4.3]. What is no
//! IPFIX Message header is the end of reading: nobody could say where the next one begins.
//!
//! Not here: what Messages mean (`collector`), sockets.
//! Bound: one Message that has not come whole.

use crate::collector::{MessageSeen, StrictCollector};
use std::net::SocketAddr;

/// A collector at the end of one connection.
#[derive(Debug)]
pub struct ConnectionCollector {
    exporter: SocketAddr,
    collector: StrictCollector,
    rest: Vec<u8>,
    is_torn: bool,
}

impl ConnectionCollector {
    /// Returns a collector for a connection that an exporter opened from this address.
    #[must_use]
    pub fn new(exporter: SocketAddr) -> Self {
        Self {
            exporter,
            collector: StrictCollector::of_stream(),
            rest: Vec::new(),
            is_torn: false,
        }
    }

    /// Reads a piece of the stream; returns the Messages that are whole now.
    pub fn read(&mut self, piece: &[u8]) -> Vec<MessageSeen> {
        self.rest.extend_from_slice(piece);
        let mut seen = Vec::new();
        while let Some(length) = self.next_length() {
            let message: Vec<u8> = self.rest.drain(..length).collect();
            seen.extend(self.collector.read(self.exporter, &message));
        }
        seen
    }

    /// Whether something came that is no IPFIX Message.
    #[must_use]
    pub fn is_torn(&self) -> bool {
        self.is_torn
    }

    /// Octets of a Message that has not come whole.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        &self.rest
    }

    fn next_length(&mut self) -> Option<usize> {
        let header = self.rest.first_chunk::<4>()?;
        let version = u16::from_be_bytes([header[0], header[1]]);
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        self.is_torn |= version != 10 || length < 16;
        (!self.is_torn && self.rest.len() >= length).then_some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::ConnectionCollector;
    use crate::finding::Finding;

    /// A Message with the Set that these numbers are.
    fn message(set: &[u16]) -> Vec<u8> {
        let length = u16::try_from(16 + 2 * set.len()).unwrap();
        let header = [10, length, 0, 1, 0, 0, 0, 7];
        let numbers = header.iter().chain(set);
        numbers.flat_map(|number| number.to_be_bytes()).collect()
    }

    fn findings(sets: &[&[u16]]) -> Vec<Finding> {
        let mut collector = ConnectionCollector::new("192.0.2.1:9".parse().unwrap());
        let octets: Vec<u8> = sets.iter().flat_map(|set| message(set)).collect();
        // One octet at a time.
        let seen = octets.chunks(1).flat_map(|piece| collector.read(piece));
        let findings = seen.flat_map(|message| message.findings).collect();
        assert!(!collector.is_torn() && collector.rest().is_empty());
        findings
    }

    #[test]
    fn a_template_comes_once_and_is_withdrawn_before_its_id_gets_another() {
        let one: &[u16] = &[2, 12, 256, 1, 8, 4];
        let other: &[u16] = &[2, 12, 256, 1, 12, 4];
        let withdrawal: &[u16] = &[2, 8, 256, 0];
        let all: &[u16] = &[2, 8, 2, 0];
        let data: &[u16] = &[256, 8, 1, 2];
        let template_id = 256;
        let unreadable = Finding::NoTemplate { set_id: 256 };
        for (sets, expected) in [
            (vec![one, data, withdrawal, other, data], vec![]),
            (vec![one, all, other], vec![]),
            (vec![one, other], vec![Finding::Redefined { template_id }]),
            (vec![one, one], vec![Finding::Repeated { template_id }]),
            (vec![one, withdrawal, data], vec![unreadable]),
            (vec![withdrawal], vec![Finding::Withdrawal { template_id }]),
        ] {
            assert_eq!(findings(&sets), expected, "{sets:?}");
        }
    }

    #[test]
    fn what_is_no_header_ends_the_reading() {
        for junk in [&b"GET / HTTP/1.1"[..], &[0, 10, 0, 15], &[0, 9, 0, 20]] {
            let mut collector = ConnectionCollector::new("192.0.2.1:9".parse().unwrap());
            let mut octets = message(&[]);
            octets.extend(junk);
            assert_eq!(collector.read(&octets).len(), 1);
            assert!(collector.is_torn());
            assert!(collector.read(&message(&[])).is_empty());
        }
    }
}
