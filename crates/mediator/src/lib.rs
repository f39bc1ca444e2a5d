//! The Intermediate Process of RFC 6183 between Original Exporters and collectors.
//!
//! Datagrams of NetFlow v5, NetFlow v9 and IPFIX go in, with the address they came from and the
//! time they came at; Messages for the collectors come out, with the AS numbers of each Data
//! Record filled in or appended, and everything else as the exporter sent it.
//!
//! This crate is pure: no socket, clock, file, thread, global or log. Whoever drives it (the
//! daemon's worker, `replay`, a test) gives it octets and a time and takes octets and counters.
//!
//! Not here: prefixes and AS numbers (`asdb`), who the collectors are (the daemon).
//! Bound: everything that input can make grow has its limit in [`limits`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod collect;
pub mod counters;
pub mod egress;
pub mod enrich;
pub mod export;
pub mod limits;
mod mediator;
pub mod observe;
pub mod settings;
pub mod state;
pub mod wire;

pub use counters::{Counters, Dropped, OutletCounters, Raw, SessionCounters};
pub use egress::{Body, Egress, Outgoing, Route};
pub use enrich::disagree::Disagreement;
pub use limits::Limits;
pub use mediator::{Mediator, Received, SessionView, Taken};
pub use observe::{Observer, RecordSeen, SideSeen, Silent, Volume};
pub use settings::Settings;

/// Milliseconds on a clock that never goes back; where it starts is the caller's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u64);

impl Millis {
    /// Milliseconds from `earlier` to `self`, 0 if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The export protocol of a Message: what its first two octets say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// NetFlow version 5.
    V5,
    /// NetFlow version 9 [RFC 3954].
    V9,
    /// IPFIX, version number 10 [RFC 7011].
    Ipfix,
}
