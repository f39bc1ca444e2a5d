//! `ipfix-monitor`: shows live Messages, a line each.

use std::process::ExitCode;

use clap::Parser;
use tools::monitor::Options;

fn main() -> ExitCode {
    Options::parse().run()
}
