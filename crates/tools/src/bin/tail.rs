//! `ipfix-tail`: follows the log of the daemon.

use std::process::ExitCode;

use clap::Parser;
use tools::tail::Options;

fn main() -> ExitCode {
    Options::parse().run()
}
