//! `ipfix-enricher explain ADDRESS`: what each provider says, who wins, and why.
//!
//! The files are read anew; `explain ADDRESS` over telnet answers from the table in use.
//!
//! Not here: the explanation (`control::explain`).

use std::net::IpAddr;
use std::path::Path;
use std::time::SystemTime;

use crate::cli::prepare::Prepared;
use crate::cli::{Failure, print};
use crate::control::explain::{Explanation, Question, Remarks};
use crate::sources::about::About;

/// What `explain` is asked for.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// IPv4 or IPv6 address
    #[arg(value_name = "ADDRESS")]
    address: IpAddr,

    /// Explain it for this exporter: it may have its own order of providers
    #[arg(long, value_name = "ADDRESS")]
    exporter: Option<IpAddr>,

    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// Explains an address.
pub(super) fn run(options: &Options, config: Option<&Path>) -> Result<(), Failure> {
    let Prepared {
        config, sources, ..
    } = Prepared::load(config)?;
    let question = Question {
        address: options.address,
        exporter: options.exporter,
    };
    let (as_db, about) =
        About::freeze(sources).map_err(|error| Failure::failed(error.to_string()))?;
    let known = (&as_db, &about);
    let remarks = Remarks::default();
    let explanation = Explanation::of(question, &config, known, remarks, SystemTime::now());
    if options.json {
        print(&explanation.json())
    } else {
        print(&explanation.text())
    }
}
