//! The daemon on the wire: exporters, collectors and the daemon between them, all on loopback at
//! ports that the system chooses.
//!
//! Not here: what becomes of single Messages (`mediator`), other people's collectors (`live`).
#![allow(
    clippy::unwrap_used,
    reason = "what a test cannot go on without ends it, in its helpers too"
)]

mod control;
mod faults;
mod forwarding;
mod handover;
mod http;
mod killed;
mod loops;
mod message;
mod reload;
mod restart;
mod rig;
mod routes;
mod sharing;
mod sources;
mod stream_rig;
mod streams;
mod telnet;
mod tls;
mod workers;
