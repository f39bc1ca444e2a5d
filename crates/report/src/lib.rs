//! Every number that the daemon shows, once: its name, unit, kind and help.
//!
//! Whoever has numbers puts them into a [`Snapshot`] under an entry of the [`catalogue`]; each face
//! shows a snapshot in its own way: [`text`] for people, [`json`] for programs, [`prometheus`] for
//! scrapers. A number that two faces show is the same number.
//!
//! Not here: counting (the daemon's workers), sockets that answer (the daemon's `control`).
//! Bound: a snapshot has as many rows as were put into it; whoever labels rows by something that
//! comes off the wire bounds them.
#![forbid(unsafe_code)]

pub mod catalogue;
pub mod json;
pub mod prometheus;
pub mod rates;
pub mod snapshot;
pub mod table;
pub mod text;

pub use catalogue::{Entry, Kind, Shape, Unit};
pub use snapshot::Snapshot;
