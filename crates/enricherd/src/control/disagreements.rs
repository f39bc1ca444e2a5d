//! Where exporters say another AS than the table: how often, with examples, and what that means.
//!
//! Counts are exact: every record whose exporter's AS stayed was compared, if the table knows its
//! address. Above half of a minute's, and not few, an event says what the exporter probably sends:
//! the AS of its neighbours, or that of its default route.
//!
//! Not here: counting (`mediator`), when the minutes are over (`daemon`).
//! Bound: one entry for each exporter of the sessions that are remembered, [`EXAMPLES_SHOWN_MAX`]
//! examples of each side.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

use mediator::counters::SideCounters;
use mediator::{Disagreement, Version};

use crate::control::events::Events;
use crate::control::told::Told;
use crate::pipeline::page::Numbers;
use report::json::{list, object, or_null, string};

/// Examples of each side that are shown.
pub const EXAMPLES_SHOWN_MAX: usize = 8;
/// Compared records of a minute and side below which nothing is concluded.
pub const COMPARED_MIN: u64 = 100;
/// Examples with one AS for different ones of the table, from which on that is no accident.
const ONE_AS_EXAMPLES_MIN: usize = 4;

/// The names of the sides.
const SIDES: [&str; 2] = ["source", "destination"];

/// One side of what an exporter sends.
#[derive(Clone, Debug, Default)]
struct Side {
    compared: u64,
    disagreements: u64,
    examples: Vec<Disagreement>,
}

impl Side {
    fn add(&mut self, counters: &SideCounters) {
        self.compared += counters.compared;
        self.disagreements += counters.disagreements;
    }

    /// What the examples let conclude.
    fn meaning(&self) -> Meaning {
        let is_all = |test: fn(&Disagreement) -> bool| {
            !self.examples.is_empty() && self.examples.iter().all(test)
        };
        let exporter_as: BTreeSet<_> = self.examples.iter().map(|one| one.exporter_as).collect();
        let table_as: BTreeSet<_> = self.examples.iter().map(|one| one.table_as).collect();
        if is_all(|one| one.by_default_route) {
            Meaning::DefaultRoute
        } else if exporter_as.len() == 1 && table_as.len() >= ONE_AS_EXAMPLES_MIN {
            Meaning::OneAs
        } else {
            Meaning::PeerAs
        }
    }

    fn example(&self) -> Option<&Disagreement> {
        self.examples.first()
    }
}

/// What an exporter probably sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// What its default route says.
    DefaultRoute,
    /// The same AS for all addresses.
    OneAs,
    /// The AS of neighbours.
    PeerAs,
}

impl Meaning {
    const fn event(self) -> &'static str {
        match self {
            Self::DefaultRoute => "probable_default_route_as",
            Self::OneAs | Self::PeerAs => "probable_peer_as",
        }
    }

    /// What it is and what to do.
    const fn text(self) -> &'static str {
        match self {
            Self::DefaultRoute => {
                "its records name a prefix of length 0: it probably sends the AS of its default \
                 route; write flow-except-default-route instead of flow into its as_providers"
            }
            Self::OneAs => {
                "it names one AS for all of them: it probably sends the AS of its default route or \
                 of its only neighbour; set its flow_as_semantics to peer, or leave flow out of \
                 its as_providers"
            }
            Self::PeerAs => {
                "it probably sends the AS of its neighbours, or the table is old; have it export \
                 the origin AS, or set its flow_as_semantics to peer"
            }
        }
    }
}

type Exporters = BTreeMap<IpAddr, [Side; 2]>;

fn exporters(numbers: &Numbers) -> Exporters {
    let mut exporters = Exporters::new();
    for session in &numbers.sessions {
        let sides = exporters.entry(session.exporter.ip()).or_default();
        for (side, counters) in sides.iter_mut().zip(&session.counters.records.sides) {
            side.add(counters);
        }
        for example in &session.examples {
            let Some(side) = sides.get_mut(example.side) else {
                continue;
            };
            if side.examples.len() < EXAMPLES_SHOWN_MAX && !side.examples.contains(example) {
                side.examples.push(*example);
            }
        }
    }
    exporters
}

/// Returns each exporter that disagrees, by side, with examples.
#[must_use]
pub fn text(numbers: &Numbers, told: &Told) -> String {
    let mut text = format!(
        "{:<40} {:<12} {:>14} {:>14} {:>8}\n",
        "exporter", "side", "compared", "disagree", "share"
    );
    for (address, name, side) in disagreeing(&exporters(numbers)) {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<40} {name:<12} {:>14} {:>14} {:>8}",
            address.to_string(),
            side.compared,
            side.disagreements,
            share(side.disagreements, side.compared)
        );
        for example in &side.examples {
            let _ = writeln!(text, "  {}", example_text(example, told));
        }
    }
    text
}

/// As [`text`], as one line of JSON.
#[must_use]
pub fn json(numbers: &Numbers, told: &Told) -> String {
    let exporters = exporters(numbers);
    let row = |(address, name, side): (IpAddr, &str, &Side)| {
        let examples = side.examples.iter();
        object(&[
            ("exporter", string(&address.to_string())),
            ("side", string(name)),
            ("compared", side.compared.to_string()),
            ("disagreements", side.disagreements.to_string()),
            (
                "examples",
                list(examples.map(|example| example_json(example, told))),
            ),
        ])
    };
    list(disagreeing(&exporters).map(row)) + "\n"
}

fn disagreeing(exporters: &Exporters) -> impl Iterator<Item = (IpAddr, &'static str, &Side)> {
    let sides = exporters.iter().flat_map(|(address, sides)| {
        let named = SIDES.into_iter().zip(sides);
        named.map(|(name, side)| (*address, name, side))
    });
    sides.filter(|(_, _, side)| side.disagreements > 0)
}

fn example_text(example: &Disagreement, told: &Told) -> String {
    let name = told.as_name(example.table_as);
    let name = name.map_or(String::new(), |name| format!(" {name}"));
    let prefix = told.prefix(example.address, example.table_as);
    let prefix = prefix.map_or(String::new(), |prefix| format!(" by {prefix}"));
    let dns_name = told.names.known(example.address);
    let dns_name = dns_name.map_or(String::new(), |name| format!(" ({name})"));
    let by_default = if example.by_default_route {
        " by a prefix of length 0"
    } else {
        ""
    };
    format!(
        "{}{dns_name}: exporter {}{by_default}, table {}{name}{prefix}",
        example.address, example.exporter_as, example.table_as
    )
}

fn example_json(example: &Disagreement, told: &Told) -> String {
    let prefix = told.prefix(example.address, example.table_as);
    let dns_name = told.names.known(example.address);
    object(&[
        ("address", string(&example.address.to_string())),
        ("dns_name", or_null(dns_name.as_deref().map(string))),
        ("exporter_as", example.exporter_as.0.to_string()),
        ("table_as", example.table_as.0.to_string()),
        (
            "table_name",
            or_null(told.as_name(example.table_as).as_deref().map(string)),
        ),
        (
            "prefix",
            or_null(prefix.map(|prefix| string(&prefix.to_string()))),
        ),
        ("by_default_route", example.by_default_route.to_string()),
    ])
}

/// Returns `12.3 %`.
fn share(part: u64, whole: u64) -> String {
    let per_mille = part.saturating_mul(1000) / whole.max(1);
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

/// A session, whatever worker it is with.
type SessionKey = (SocketAddr, Version, u32);

/// Compares each minute with the one before.
#[derive(Debug, Default)]
pub struct Watch {
    /// What was compared and disagreed when the last minute ended.
    before: HashMap<SessionKey, [SideCounters; 2]>,
    /// Exporters and sides for which an event was said and is still true.
    said: BTreeSet<(IpAddr, usize)>,
}

impl Watch {
    /// A minute is over: says an event for each exporter and side that begins to disagree.
    pub fn look(&mut self, numbers: &Numbers, told: &Told, (events, at): (&Events, SystemTime)) {
        let whole = exporters(numbers);
        let mut said = BTreeSet::new();
        for (key, of_minute) in self.minute(numbers) {
            let (address, number) = key;
            let is_much = of_minute.compared >= COMPARED_MIN
                && of_minute.disagreements * 2 > of_minute.compared;
            if !is_much {
                continue;
            }
            said.insert(key);
            let Some(side) = whole.get(&address).and_then(|sides| sides.get(number)) else {
                continue;
            };
            if !self.said.contains(&key) {
                let meaning = side.meaning();
                events.note(
                    meaning.event(),
                    at,
                    sentence(address, number, &of_minute, side, told),
                );
            }
        }
        self.said = said;
    }

    /// What each exporter's sides did since the last look.
    fn minute(&mut self, numbers: &Numbers) -> BTreeMap<(IpAddr, usize), Side> {
        let mut now: HashMap<SessionKey, [SideCounters; 2]> = HashMap::new();
        for session in &numbers.sessions {
            let key = (session.exporter, session.version, session.domain);
            let sides = now.entry(key).or_default();
            for (sum, side) in sides.iter_mut().zip(&session.counters.records.sides) {
                sum.add(side);
            }
        }
        let mut minute: BTreeMap<(IpAddr, usize), Side> = BTreeMap::new();
        for (key, sides) in &now {
            let before = self.before.get(key).copied().unwrap_or_default();
            for (number, (now, before)) in sides.iter().zip(&before).enumerate() {
                let side = minute.entry((key.0.ip(), number)).or_default();
                // A session that was forgotten and came back counts anew.
                side.compared += since(now.compared, before.compared);
                side.disagreements += since(now.disagreements, before.disagreements);
            }
        }
        self.before = now;
        minute
    }
}

const fn since(now: u64, before: u64) -> u64 {
    match now.checked_sub(before) {
        Some(more) => more,
        None => now,
    }
}

fn sentence(exporter: IpAddr, number: usize, of_minute: &Side, side: &Side, told: &Told) -> String {
    let example = side.example().map_or(String::new(), |example| {
        format!(", for example {}", example_text(example, told))
    });
    format!(
        "exporter {exporter}: its {} AS is not the table's for {} of {} records of a \
         minute{example}; {}",
        SIDES.get(number).copied().unwrap_or_default(),
        of_minute.disagreements,
        of_minute.compared,
        side.meaning().text()
    )
}

#[cfg(test)]
mod tests;
