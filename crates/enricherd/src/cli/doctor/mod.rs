//! `ipfix-enricher doctor`: what is wrong around the daemon, with evidence and remedy.
//!
//! It looks and asks, and changes nothing; to see who sends to them it hands each collector two
//! empty datagrams. As root it sees more: firewalls, other users' programs.
//!
//! | file | looks at |
//! |---|---|
//! | `host` | receive buffers, drops, `rp_filter`, conntrack, `state_dir`, rights, AS data |
//! | `network` | the port, collectors, the MTU on the way to them |
//! | `firewall`, `rules` | CSF, nftables, iptables, leftover SNAT rules |
//! | `running` | what a daemon that runs says of its exporters |
//!
//! Not here: faults of the configuration itself (`cli::check`).
//! Bound: one finding for each cause and place.

mod firewall;
mod host;
mod network;
mod rules;
mod running;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use report::json::{list, object, string};

use crate::cli::{Failure, print};
use crate::config::{self, Checked};
use crate::io::instance::Instance;

/// What to look at.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Print one line of JSON
    #[arg(long)]
    json: bool,

    /// The configuration of CSF
    #[arg(long, value_name = "FILE", default_value = "/etc/csf/csf.conf")]
    csf: PathBuf,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    /// Its name in JSON; names are added, never changed.
    name: &'static str,
    /// What was seen.
    evidence: String,
    /// What helps.
    remedy: String,
}

impl Finding {
    fn new(name: &'static str, evidence: String, remedy: impl Into<String>) -> Self {
        let remedy = remedy.into();
        Self {
            name,
            evidence,
            remedy,
        }
    }
}

/// Looks at everything; ends with 1 if something is wrong.
pub(super) fn run(options: &Options, named: Option<&Path>) -> Result<(), Failure> {
    let Checked { config, .. } =
        config::load(named).map_err(|error| Failure::usage(error.to_string()))?;
    let general = &config.general;
    let running = Instance::pid_at((general.listen_address, general.listen_port).into());
    let mut findings = Vec::new();
    network::look(&config, running, &mut findings);
    host::look(&config, running, &mut findings);
    firewall::look(&config, &options.csf, &mut findings);
    if running.is_some() {
        running::look(&config, &mut findings);
    }
    let shown = if options.json {
        json(&findings)
    } else {
        text(&findings, running)
    };
    print(&shown)?;
    if findings.is_empty() {
        Ok(())
    } else {
        Err(Failure::failed("").said())
    }
}

fn json(findings: &[Finding]) -> String {
    let entries = findings.iter().map(|finding| {
        object(&[
            ("finding", string(finding.name)),
            ("evidence", string(&finding.evidence)),
            ("remedy", string(&finding.remedy)),
        ])
    });
    list(entries) + "\n"
}

fn text(findings: &[Finding], running: Option<u32>) -> String {
    let mut text = String::new();
    for Finding {
        name,
        evidence,
        remedy,
    } in findings
    {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}: {evidence}\n    {remedy}");
    }
    let daemon = match running {
        Some(pid) => format!("the daemon runs (process {pid})"),
        None => "the daemon does not run, so it could not be asked".to_owned(),
    };
    let count = match findings.len() {
        0 => "nothing is wrong".to_owned(),
        1 => "one finding".to_owned(),
        count => format!("{count} findings"),
    };
    text + &format!("{count}; {daemon}\n")
}
