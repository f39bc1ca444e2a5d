//! The daemon before other people's collectors and behind other people's exporters, over loopback:
//! AS numbers are read back from the collectors' own files.
//!
//! Where a program is missing the tests say that they are skipped; under `CI=true` they fail
//! instead. Captures that are not part of the project are left out where they are absent.
#![allow(
    clippy::unwrap_used,
    reason = "what a test cannot go on without ends it, in its helpers too"
)]

mod collectors;
mod doctor;
mod exporters;
#[allow(
    dead_code,
    reason = "the daemon's own tests use more of these Messages"
)]
#[path = "../daemon/message.rs"]
mod message;
mod namespaces;
mod rig;
mod routers;
