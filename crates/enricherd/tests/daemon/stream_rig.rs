//! A collector at the end of a connection, which reads as strictly as can be.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};

use enricherd::config::{Config, Protocol};
use enricherd::daemon::Daemon;
use enricherd::pipeline::page::{Numbers, TargetPage};
use enricherd::pipeline::streams::page::StreamNumbers;
use lab::collector::{Content, MessageSeen};
use lab::connection::ConnectionCollector;

use crate::rig::{PATIENCE, Place};

/// What one connection brings, in pieces of a few octets.
pub(crate) struct Connection<S> {
    socket: S,
    collector: ConnectionCollector,
    seen: std::collections::VecDeque<MessageSeen>,
}

/// Waits for a connection.
pub(crate) fn accept(listener: &TcpListener) -> Connection<TcpStream> {
    let (socket, from) = accept_socket(listener);
    Connection::new(socket, from)
}

/// As [`accept`], the bare socket.
pub(crate) fn accept_socket(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    listener.set_nonblocking(true).unwrap();
    let mut accepted = None;
    crate::rig::wait_until("a connection", || {
        accepted = listener.accept().ok();
        accepted.is_some()
    });
    let (socket, from) = accepted.unwrap();
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    (socket, from)
}

impl<S: Read> Connection<S> {
    pub(crate) fn new(socket: S, from: SocketAddr) -> Self {
        Self {
            socket,
            collector: ConnectionCollector::new(from),
            seen: std::collections::VecDeque::new(),
        }
    }

    /// The next Message, in which there is nothing to object to; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<MessageSeen> {
        while self.seen.is_empty() {
            let mut octets = [0; 1000];
            let count = self.socket.read(&mut octets).expect("octets in time");
            if count == 0 {
                assert!(self.collector.rest().is_empty(), "whole Messages");
                return None;
            }
            for octet in &octets[..count] {
                self.seen.extend(self.collector.read(&[*octet]));
            }
            assert!(!self.collector.is_torn());
        }
        let message = self.seen.pop_front().unwrap();
        assert!(message.findings.is_empty(), "{message}");
        Some(message)
    }

    /// The next Message that holds data, and its data.
    pub(crate) fn next_data(&mut self) -> (MessageSeen, Vec<(u16, Vec<u8>)>) {
        loop {
            let message = self.next().expect("data");
            let data = data_of(&message);
            if !data.is_empty() {
                return (message, data);
            }
        }
    }
}

/// The Data Sets of a Message.
pub(crate) fn data_of(message: &MessageSeen) -> Vec<(u16, Vec<u8>)> {
    let sets = message.sets.iter();
    let data = sets.filter(|set| matches!(set.content, Content::Data(_)));
    data.map(|set| (set.id, set.body.clone())).collect()
}

/// Whether a Message has nothing but Templates.
pub(crate) fn is_templates(message: &MessageSeen) -> bool {
    let mut sets = message.sets.iter();
    sets.all(|set| matches!(set.content, Content::Templates(_))) && !message.sets.is_empty()
}

/// A configuration whose first collector is reached over TCP.
pub(crate) fn tcp_config(place: &Place, collectors: &[SocketAddr], more: &str) -> Config {
    let mut config = place.config(collectors, "listen_address: \"0.0.0.0\"", more);
    config.forwarding.collectors[0].protocol = Protocol::Tcp;
    config
}

/// What became of everything that was handed over for a collector.
pub(crate) fn ends_of(target: &TargetPage) -> u64 {
    let stream = target.stream.as_ref().unwrap();
    target.counters.sent
        + target.counters.unsent.iter().sum::<u64>()
        + stream.repeats
        + stream.waiting
}

pub(crate) fn first(numbers: &Numbers) -> &TargetPage {
    &numbers.targets[0]
}

/// Waits until the first collector's connection is as wanted.
pub(crate) fn wait_stream(daemon: &Daemon, what: &str, is_so: impl Fn(&StreamNumbers) -> bool) {
    crate::rig::wait_for(daemon, what, |numbers| {
        let target = numbers.targets.first();
        let stream = target.and_then(|target| target.stream.as_ref());
        stream.is_some_and(&is_so)
    });
}

/// Waits until the first collector is connected so many times.
pub(crate) fn wait_connections(daemon: &Daemon, count: u64) {
    wait_stream(daemon, "a connection", |stream| stream.connections >= count);
}
