//! The daemon on the wire: exporters, collectors and the daemon between them, all on loopback at
//! ports that the system chooses.
//!
//! Not here: what becomes of single Messages (`mediator`), other people's collectors (`live`).

mod control;
mod faults;
mod forwarding;
mod message;
mod restart;
mod rig;
