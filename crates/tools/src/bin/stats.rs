//! `ipfix-stats`: shows what the daemon does, on a full screen or as a report.

use std::process::ExitCode;

use clap::Parser;
use tools::stats::Options;

fn main() -> ExitCode {
    Options::parse().run()
}
