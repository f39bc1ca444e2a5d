//! `ipfix-status`: tells how the daemon is, in one look.

use std::process::ExitCode;

use clap::Parser;
use tools::status::Options;

fn main() -> ExitCode {
    Options::parse().run()
}
