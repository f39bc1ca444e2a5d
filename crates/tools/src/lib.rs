//! Programs that look at a running daemon: `ipfix-monitor`, `ipfix-stats`, `ipfix-status`,
//! `ipfix-tail`.
//!
//! They ask over the statistics port and show what they are told; nothing is counted here.
//!
//! Not here: the daemon (`enricherd`), the names of numbers (`report`).
//! Bound: one answer of the daemon at a time, at most [`ask::ANSWER_OCTETS_MAX`].
#![forbid(unsafe_code)]

pub mod ask;
pub mod colour;
pub mod monitor;
pub mod stats;
pub mod status;
pub mod tail;
