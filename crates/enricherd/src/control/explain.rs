//! What each provider says about an address, who wins, and why.
//!
//! Not here: the lookup (`asdb`), the shape of the output (`explain/text`, `explain/json`), who
//! asks (`cli::explain`, `control::telnet`).

mod json;
mod text;

use std::net::IpAddr;
use std::time::SystemTime;

use asdb::{AnswerId, AsDb, AsNames, Asn, FlowRule, Given, PolicyWord, Prefix, Provider};
use mediator::settings::{AddressChoice, Enrich, FlowAsSemantics};

use crate::config::Config;
use crate::control::routes::RouteRemark;
use crate::sources::Origin;
use crate::sources::about::About;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The address.
    pub address: IpAddr,
    /// For whom: it may have its own order of providers.
    pub exporter: Option<IpAddr>,
}

/// What is known of an address beside its AS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// Where it is.
    pub place: Option<String>,
    /// What its owner calls it in the DNS.
    pub name: Option<String>,
    /// What routers say of it, the best route first.
    pub routes: Vec<RouteRemark>,
}

/// All that there is to say about an address.
#[derive(Debug)]
pub struct Explanation<'a> {
    address: IpAddr,
    remarks: Remarks,
    /// Whether anybody but the operator is asked about it.
    has_origin: bool,
    answers: Vec<Answer>,
    wishes: Wishes<'a>,
    verdict: Verdict,
    names: &'a AsNames,
}

impl<'a> Explanation<'a> {
    /// Answers a question from a table and what explains it.
    #[must_use]
    pub fn of(
        question: Question,
        config: &'a Config,
        (as_db, about): (&AsDb, &'a About),
        remarks: Remarks,
        now: SystemTime,
    ) -> Self {
        let wishes = Wishes::of(config, question.exporter);
        Self::with(question.address, wishes, (as_db, about), remarks, now)
    }

    fn with(
        address: IpAddr,
        wishes: Wishes<'a>,
        (as_db, about): (&AsDb, &'a About),
        remarks: Remarks,
        now: SystemTime,
    ) -> Self {
        let address = address.to_canonical();
        Self {
            address,
            remarks,
            has_origin: asdb::has_origin(address),
            answers: answers(about, address, now),
            verdict: Verdict::of(&wishes, as_db, as_db.lookup(address)),
            wishes,
            names: &about.names,
        }
    }
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

fn answers(about: &About, address: IpAddr, now: SystemTime) -> Vec<Answer> {
    let sources = about.list.iter();
    let answers = sources.map(|source| Answer {
        provider: source.provider,
        origin: source.origin.clone(),
        found: source
            .answer(address)
            .map(|entry| (entry.prefix, entry.asn)),
        made: source.made.map(|made| made.to_string()),
        age_days: source.age_days(now),
    });
    answers.collect()
}

/// What the operator wants for the exporter.
#[derive(Clone, Copy, Debug)]
struct Wishes<'a> {
    exporter: Option<IpAddr>,
    /// The entry of `exporters` that counts.
    name: Option<&'a str>,
    order: &'a [PolicyWord],
    enrich: Enrich,
    flow_as_semantics: FlowAsSemantics,
    address: AddressChoice,
    unusable_as: &'a [Asn],
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
            address: entry.map_or(AddressChoice::FirstPublic, |entry| entry.address),
            unusable_as: entry.map_or(&enrichment.unusable_as, |entry| &entry.unusable_as),
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
