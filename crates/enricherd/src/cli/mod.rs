//! The command line: what can be asked for, and which file answers.
//!
//! Not here: the work itself (`pipeline`, `sources`, `io`).

mod check;
mod db;
mod demo;
mod diff;
mod doctor;
mod explain;
mod exporters;
mod failure;
mod prepare;
mod replay;
mod run;
mod summary;
mod version;
mod words;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand};

pub use failure::Failure;

/// Puts AS numbers into NetFlow v5, v9 and IPFIX on their way to the collector.
#[derive(Debug, Parser)]
#[command(name = "ipfix-enricher", disable_version_flag = true)]
pub struct Cli {
    /// Configuration file [default: /etc/ipfix-enricher/config.yaml, if that is there]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print version, date and origin of the AS data
    #[arg(short = 'V', long, action = ArgAction::SetTrue)]
    version: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon; the same as no command
    Run,
    /// Show the main job on this host, with nothing to prepare
    Demo,
    /// Send a capture through the enricher into another capture, without a network
    Replay(replay::Options),
    /// Check the configuration and the AS data; print what is in force
    Check,
    /// Build and look into files of AS data
    #[command(subcommand)]
    Db(db::Command),
    /// Say which AS an address gets, and who says so
    Explain(explain::Options),
    /// List who sends to the running daemon, also as general.allow_exporters
    Exporters(exporters::Options),
    /// Find what is wrong around the daemon: ports, buffers, firewalls, collectors, exporters
    Doctor(doctor::Options),
    /// Print version, date and origin of the AS data
    Version,
}

impl Cli {
    /// Does what was asked for.
    ///
    /// # Errors
    /// What the operator must know, with the exit code for it.
    pub fn run(self) -> Result<(), Failure> {
        let config = self.config.as_deref();
        match self.command {
            _ if self.version => version::run(),
            Some(Command::Demo) => demo::run(),
            Some(Command::Replay(options)) => replay::run(&options, config),
            Some(Command::Check) => check::run(config),
            Some(Command::Db(command)) => db::run(&command),
            Some(Command::Explain(options)) => explain::run(&options, config),
            Some(Command::Exporters(options)) => exporters::run(&options, config),
            Some(Command::Doctor(options)) => doctor::run(&options, config),
            Some(Command::Version) => version::run(),
            Some(Command::Run) | None => run::run(config),
        }
    }
}

/// Prints to standard output; a reader who has seen enough is no failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints a line to standard error; there is nobody to tell if that fails.
fn say(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}
