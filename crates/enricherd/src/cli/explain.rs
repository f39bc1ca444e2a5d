//! `ipfix-enricher explain ADDRESS`: what each provider says, who wins, and why.
//!
//! The files are read anew; `explain ADDRESS` over telnet answers from the table in use.
//!
//! Not here: the explanation (`control::explain`).

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::cli::prepare::Prepared;
use crate::cli::{Failure, print};
use crate::control::explain::{Explanation, Question, Remarks};
use crate::control::reverse_dns::ReverseDns;
use crate::sources::about::About;
use crate::sources::geo;

/// How long a name is waited for.
const NAME_PATIENCE: Duration = Duration::from_secs(5);

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
    let places = geo::load(&config.enrichment);
    let places = places.map_err(|fault| Failure::failed(fault.to_string()))?;
    let (as_db, about) =
        About::freeze(sources).map_err(|error| Failure::failed(error.to_string()))?;
    let place = places.and_then(|places| places.of(options.address));
    let remarks = Remarks {
        place: place.map(|place| place.to_string()),
        name: config
            .enrichment
            .reverse_dns
            .then(|| name(options.address))
            .flatten(),
        // They are told to the daemon that runs: `explain` over telnet shows them.
        routes: Vec::new(),
    };
    let known = (&as_db, &about);
    let explanation = Explanation::of(question, &config, known, remarks, SystemTime::now());
    if options.json {
        print(&explanation.json())
    } else {
        print(&explanation.text())
    }
}

/// Asks the name servers of the system; without an answer in time there is no name.
fn name(address: IpAddr) -> Option<String> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().ok()?;
    let names = ReverseDns::of_system();
    let name = runtime.block_on(names.within(address, NAME_PATIENCE));
    name.map(|name| name.to_string())
}
