//! BMP: a router tells what its peers told it [RFC 7854, version 3; RFC 8671, RFC 9069].
//!
//! [`message`] reads messages, [`station::Station`] is one connection of a router.
//!
//! Not here: sockets (the daemon), routes once they are read ([`crate::rib`]).
//! Bound: a message is at most [`MESSAGE_OCTETS_MAX`] octets, and a connection keeps one.

pub mod message;
pub mod station;

/// The longest message: an UPDATE of 65,535 octets [RFC 8654] and what stands before it fit four
/// times; route mirroring may hold several.
pub const MESSAGE_OCTETS_MAX: usize = 256 << 10;
