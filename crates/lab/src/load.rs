//! The yardstick: load that looks like routers', somebody who counts what arrives, and the least
//! that a forwarder can cost.
//!
//! Three programs are made of it. `flowgen` sends Messages as many exporters would, `flowsink`
//! receives what came of them and counts, `blind` stands between the two as the measure for
//! whoever does more than copy. None of them shares a line with what they measure.
//!
//! # The parts
//!
//! - [`kernel`]: datagrams in batches, socket options, signals: all that is unsafe.
//! - [`origins`]: the addresses of flows. [`layout`]: records and Templates of a kind of exporter.
//! - [`volley`]: many exporters, their numbers, which datagram leaves next. [`pace`]: when.
//! - [`tally`]: records, gaps, AS numbers of what arrives. [`latency`]: how long it took.
//!
//! Not here: which programs are compared, and the figures (`cargo xtask bench`).
//! Bound: 8 MiB of datagrams made before the first leaves; a tally grows with sessions and
//! Templates, which the one who generates them limits.

pub mod kernel;
pub mod latency;
pub mod layout;
pub mod origins;
pub mod pace;
pub mod tally;
pub mod volley;
