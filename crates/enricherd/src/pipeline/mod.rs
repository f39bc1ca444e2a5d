//! The data plane: datagrams in, the `Mediator` between, datagrams out.
//!
//! Not here: where AS knowledge comes from (`sources`), what is shown of it (`cli`, `control`).

pub mod apart;
pub mod identity;
pub mod known;
mod learnt;
mod left_out;
mod loops;
pub mod outlets;
pub mod page;
pub mod replay;
mod senders;
pub mod settings;
pub mod streams;
pub mod tally;
pub mod target;
pub mod traffic;
pub mod watch;
pub mod worker;
