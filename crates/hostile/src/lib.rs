//! Everything that reads octets of strangers, each as a function that takes any octets at all.
//!
//! A fuzzer calls these functions (`fuzz/`), and so does a plain test with the cases that fuzzers
//! found before (`tests/cases.rs`). A function returns if all is well and panics if not: because
//! the code below it did, or because what it returned contradicts what it promises. Wherever there
//! is a second reader (`lab`) both must say the same.
//!
//! Not here: inventing octets (libFuzzer), well-formed traffic (`lab::exporter`).
//! Bound: [`Target::octets_max`].
#![forbid(unsafe_code)]

pub mod control;
pub mod knowledge;
mod laws;
pub mod routes;
pub mod seeds;
mod state;
mod wire;

/// One reader.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of the fuzz target, and of the folders of its cases and seeds.
    pub name: &'static str,
    /// The longest input that is worth a fuzzer's time.
    pub octets_max: usize,
    /// Takes any octets.
    ///
    /// # Panics
    /// Something is wrong with the reader, or with the judge.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target("wire_v5", 1_464, wire::v5),
    target("wire_v9", 1_464, wire::v9),
    target("wire_ipfix", 1_464, wire::ipfix),
    target("options", 512, wire::options),
    target("process", 4_096, laws::run),
    target("state", 4_096, state::run),
    target("as_text", 1_024, knowledge::text),
    target("as_mmdb", 4_096, knowledge::mmdb),
    target("mrt", 2_048, knowledge::mrt),
    target("bgp", 2_048, routes::bgp),
    target("bmp", 2_048, routes::bmp),
    target("config", 2_048, control::config),
    target("telnet", 256, control::telnet),
    target("pcap", 4_096, control::pcap),
];

/// Returns the target of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

const fn target(name: &'static str, octets_max: usize, run: fn(&[u8])) -> Target {
    Target {
        name,
        octets_max,
        run,
    }
}
