//! The parts of the daemon `ipfix-enricher` that its program and its tests share.
//!
//! Not here: the program itself (`main`), which only hands over to `cli`.

pub mod cli;
pub mod config;
pub mod control;
pub mod daemon;
pub mod demo;
pub mod io;
pub mod pipeline;
pub mod sources;
