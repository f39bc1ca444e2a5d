//! Routes as routers tell them: octets in, prefixes with their origin AS out.
//!
//! [`mrt::read`] turns a dump of a routing table into [`asdb::Entries`]: for each prefix the AS
//! that announces it, or nothing where that is in doubt.
//!
//! ```
//! let error = routefeed::mrt::read(&mut &b"no dump at all"[..]).unwrap_err();
//! assert_eq!(error.to_string(), "octet 0: 30061 is no type of an MRT record");
//! ```
//!
//! Not here: files, sockets, clocks (the daemon); the table and the lookup (`asdb`); which
//! provider wins (`asdb::Policy`).
//!
//! Bound: see each module; nothing grows with the number of peers of a dump, and what live peers
//! can make us keep is in [`rib::Limits`].

#![forbid(unsafe_code)]

pub mod attributes;
pub mod bgp;
pub mod bmp;
mod cursor;
pub mod mrt;
mod path;
pub mod rib;
mod votes;
