//! `ipfix-enricher`: puts AS numbers into flow export on its way to the collector.
//!
//! What it can be asked for stands in [`enricherd::cli`], one file per command:
//!
//! | command | what it does |
//! |---|---|
//! | `run` | the daemon; the same as no command |
//! | `demo` | shows the main job on this host, with nothing to prepare |
//! | `replay` | sends a capture through the core, without a network |
//! | `check` | validates configuration and AS data, prints what is in force |
//! | `explain` | says which AS an address gets, and who says so |
//! | `exporters` | lists who sends to the running daemon, also to paste into the configuration |
//! | `doctor` | finds what is wrong around the daemon |
//! | `version` | names the program and the origin of its AS data |

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use enricherd::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // If standard error is closed the exit code says it alone.
            if !failure.is_said() {
                drop(writeln!(std::io::stderr().lock(), "{failure}"));
            }
            ExitCode::from(failure.code())
        }
    }
}
