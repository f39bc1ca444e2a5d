//! `ipfix-enricher explain ADDRESS`: what each provider says, who wins, and why.
//!
//! Not here: the lookup (`asdb`), the shape of the output (`explain/text`, `explain/json`).

mod json;
mod text;

use std::net::IpAddr;
use std::path::Path;
use std::time::SystemTime;

use asdb::{AnswerId, AsDb, AsNames, Asn, FlowRule, Given, PolicyWord, Prefix, Provider};
use mediator::settings::{Enrich, FlowAsSemantics};

use crate::cli::prepare::{Prepared, table};
use crate::cli::{Failure, print};
use crate::config::Config;
use crate::sources::{Origin, Sources};

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
    let address = options.address.to_canonical();
    let answers = answers(&sources, address, SystemTime::now());
    let wishes = Wishes::of(&config, options.exporter);
    let (as_db, names) = table(sources)?;
    let explanation = Explanation {
        address,
        has_origin: asdb::has_origin(address),
        answers,
        verdict: Verdict::of(&wishes, &as_db, as_db.lookup(address)),
        wishes,
        names: &names,
    };
    if options.json {
        print(&explanation.json())
    } else {
        print(&explanation.text())
    }
}

/// All that there is to say about an address.
struct Explanation<'a> {
    address: IpAddr,
    /// Whether anybody but the operator is asked about it.
    has_origin: bool,
    answers: Vec<Answer>,
    wishes: Wishes<'a>,
    verdict: Verdict,
    names: &'a AsNames,
}

/// What one source says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    provider: Provider,
    origin: Origin,
    /// The longest prefix that holds the address, and its AS.
    found: Option<(Prefix, Asn)>,
    made: Option<String>,
    age_days: Option<u64>,
}

fn answers(sources: &Sources, address: IpAddr, now: SystemTime) -> Vec<Answer> {
    let answer = |source: &crate::sources::Source| Answer {
        provider: source.provider,
        origin: source.origin.clone(),
        found: source
            .answer(address)
            .map(|entry| (entry.prefix, entry.asn)),
        made: source.made.map(|made| made.to_string()),
        age_days: source.age_days(now),
    };
    sources.list.iter().map(answer).collect()
}

/// What the operator wants for the exporter.
struct Wishes<'a> {
    exporter: Option<IpAddr>,
    /// The entry of `exporters` that counts.
    name: Option<&'a str>,
    order: &'a [PolicyWord],
    enrich: Enrich,
    flow_as_semantics: FlowAsSemantics,
}

impl<'a> Wishes<'a> {
    /// An entry for one Observation Domain only is passed over: nobody said which domain is meant.
    fn of(config: &'a Config, exporter: Option<IpAddr>) -> Self {
        let address = exporter.map(|address| address.to_canonical());
        let entry = address.and_then(|address| {
            let mut entries = config.exporters.iter();
            entries.find(|entry| entry.domain.is_none() && entry.prefix.contains(&address))
        });
        let enrichment = &config.enrichment;
        let enrich = entry.map_or(Enrich::On, |entry| entry.enrich);
        Self {
            exporter: address,
            name: entry.and_then(|entry| entry.name.as_deref()),
            order: entry.map_or(&enrichment.as_providers, |entry| &entry.as_providers),
            enrich: if enrichment.as_extraction {
                enrich
            } else {
                Enrich::Off
            },
            flow_as_semantics: entry
                .map_or(FlowAsSemantics::Origin, |entry| entry.flow_as_semantics),
        }
    }
}

/// Who wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Verdict {
    /// Who answers before the record is looked at.
    before_flow: Option<Given>,
    /// When the record's own AS number counts, if it ever does.
    flow: Option<FlowRule>,
    /// Who answers if the record does not.
    after_flow: Option<Given>,
}

impl Verdict {
    fn of(wishes: &Wishes<'_>, as_db: &AsDb, id: AnswerId) -> Self {
        let policy = as_db.policy(wishes.order);
        let answer = |given: Given| (given.asn != Asn::NONE).then_some(given);
        let is_origin = wishes.flow_as_semantics == FlowAsSemantics::Origin;
        Self {
            before_flow: answer(policy.before_flow(id)),
            flow: policy.flow().filter(|_| is_origin),
            after_flow: answer(policy.after_flow(id)),
        }
    }
}

#[cfg(test)]
mod tests;
