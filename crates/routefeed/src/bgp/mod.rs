//! BGP-4 as a listener speaks it: everything is read, no route is ever announced.
//!
//! [`session::Session`] is one TCP connection from its first octet on, [`update`] reads routes,
//! [`peer::Peer`] says when to connect, to wait and to give up. All are functions of octets and of
//! a time that whoever drives them brings.
//!
//! The readers are our own: what a fault of a message means depends on where it is [RFC 7606], and
//! a library that goes on after one, or gives up over one, cannot tell us. One judges ours in the
//! tests.
//!
//! Not here: sockets (the daemon), routes once they are read ([`crate::rib`]).
//! Bound: a message is at most [`MESSAGE_OCTETS_MAX`] octets, and a session keeps one.

pub mod fault;
pub mod nlri;
pub mod open;
pub mod peer;
pub mod session;
pub mod update;

mod attributes;
pub(crate) mod frame;

pub use fault::{Fault, FaultKind};

/// The longest message [RFC 4271 §4.1]; longer ones [RFC 8654] are not asked for.
pub const MESSAGE_OCTETS_MAX: usize = 4096;

/// Octets of a message's header: marker, length, type [RFC 4271 §4.1].
pub const HEADER_OCTETS: usize = 19;
