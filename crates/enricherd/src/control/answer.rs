//! What can be asked, by whatever way: telnet and HTTP answer the same.
//!
//! Not here: what each answer says (`stats`, `exporters` and their like), connections (`telnet`,
//! `http`).

use asdb::Provider;
use report::Snapshot;
use report::catalogue::labelled;

use crate::control::facts::Facts;
use crate::control::stats::Beside;
use crate::control::told::Form;
use crate::control::{as_stats, collectors, disagreements, exporters, sources, stats, templates};

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The AS numbers with most traffic.
    As,
    /// The sessions with routers over BGP.
    Bgp,
    /// The routers that speak BMP.
    Bmp,
    /// Who gets Messages.
    Collectors,
    /// The configuration in force.
    Config,
    /// Exporters whose AS numbers are not the table's.
    Disagreements,
    /// What went wrong last.
    Errors,
    /// What happened.
    Events,
    /// Who sends Messages.
    Exporters,
    /// Where AS numbers come from.
    Sources,
    /// All numbers.
    Stats,
    /// Sessions and their Templates.
    Templates,
}

/// The subjects by their names over telnet; over HTTP `as_stats` is `as`.
const SUBJECTS: [(&str, Subject); 13] = [
    ("as", Subject::As),
    ("as_stats", Subject::As),
    ("bgp", Subject::Bgp),
    ("bmp", Subject::Bmp),
    ("collectors", Subject::Collectors),
    ("config", Subject::Config),
    ("disagreements", Subject::Disagreements),
    ("errors", Subject::Errors),
    ("events", Subject::Events),
    ("exporters", Subject::Exporters),
    ("sources", Subject::Sources),
    ("stats", Subject::Stats),
    ("templates", Subject::Templates),
];

impl Subject {
    /// Returns the subject of this name, in lower case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let found = SUBJECTS.iter().find(|(known, _)| *known == name);
        found.map(|(_, subject)| *subject)
    }

    /// Returns what there is to say about it; JSON is one line.
    pub async fn answer(self, form: Form, facts: &Facts) -> String {
        let now = facts.now();
        let is_text = form == Form::Text;
        match self {
            Self::As if is_text => as_stats::text(&facts.pages.totals().traffic, &facts.told),
            Self::As => as_stats::json(&facts.pages.totals().traffic, &facts.told),
            Self::Bgp => facts.told.routes.sessions(Provider::Bgp, form).await,
            Self::Bmp => facts.told.routes.sessions(Provider::Bmp, form).await,
            Self::Collectors if is_text => {
                collectors::text(&facts.pages.totals(), &facts.healths.list())
            }
            Self::Collectors => {
                let healths = facts.healths.list();
                collectors::json(&facts.pages.totals(), &healths, facts.now())
            }
            Self::Config if is_text => facts.told.config.load().dump(),
            Self::Config => facts.told.config.load().json() + "\n",
            Self::Disagreements => {
                let numbers = facts.with_lists().await;
                match form {
                    Form::Text => disagreements::text(&numbers, &facts.told),
                    Form::Json => disagreements::json(&numbers, &facts.told),
                }
            }
            Self::Errors if is_text => facts.faults.text(now),
            Self::Errors => facts.faults.json(now),
            Self::Events if is_text => facts.events.text(now),
            Self::Events => facts.events.json(now),
            Self::Exporters => {
                let numbers = facts.with_lists().await;
                match form {
                    Form::Text => exporters::text(&numbers, facts),
                    Form::Json => exporters::json(&numbers, facts),
                }
            }
            Self::Sources if is_text => sources::text(&facts.sources.load(), now),
            Self::Sources => sources::json(&facts.sources.load(), now),
            Self::Stats if is_text => stats::text(&facts.pages.totals(), &beside(facts)),
            Self::Stats => stats::json(&facts.pages.totals(), &beside(facts)),
            Self::Templates => {
                let numbers = facts.with_lists().await;
                match form {
                    Form::Text => templates::text(&numbers, &facts.told.config.load()),
                    Form::Json => templates::json(&numbers, &facts.told.config.load()),
                }
            }
        }
    }
}

fn beside(facts: &Facts) -> Beside {
    Beside {
        uptime_s: facts.uptime_s(),
        rates: facts.pulse.rates(),
    }
}

/// Returns everything that scrapers want to know, from one reading of the workers' numbers.
pub async fn metrics(facts: &Facts) -> Snapshot {
    let numbers = facts.with_lists().await;
    let mut snapshot = stats::snapshot(&numbers, &beside(facts));
    exporters::put(&mut snapshot, &numbers, facts);
    collectors::put(&mut snapshot, &numbers, &facts.healths.list());
    sources::put(&mut snapshot, &facts.sources.load(), facts.now());
    let version = env!("CARGO_PKG_VERSION").to_owned();
    snapshot.put_at(&labelled::BUILD, vec![version], 1);
    snapshot
}
