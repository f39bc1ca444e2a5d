//! Whether the daemon lives, is ready, and is well: three questions of balancers and monitors.
//!
//! | question | yes means |
//! |---|---|
//! | live | every worker looked after its sockets within [`PROGRESS_MS`] |
//! | ready | live, and there are AS data, or none are wanted |
//! | well | ready, and no reason of [`reasons`] |
//!
//! Not here: who asks (`control::http`).
//! Bound: one sentence for each reason, collector and source.

use mediator::Millis;
use report::json::{list, object, string};

use crate::control::collectors;
use crate::control::facts::Facts;
use crate::control::reach;
use crate::pipeline::page::Numbers;
use crate::sources::health::State;

/// A worker that did not look after its sockets for this long makes no progress.
pub const PROGRESS_MS: u64 = 10_000;
/// No datagram for this long is a fault: exporters say something every minute.
pub const SILENCE_MS: u64 = 300_000;
/// What was dropped is a fault for this long.
pub const DROPS_MS: u64 = 60_000;

/// What the last looks at the numbers showed.
#[derive(Clone, Copy, Debug)]
pub struct Looked {
    datagrams: u64,
    came_at: Millis,
    drops: u64,
    dropped_at: Option<Millis>,
}

impl Looked {
    /// Returns what there is to know at the start.
    #[must_use]
    pub const fn at(start: Millis) -> Self {
        Self {
            datagrams: 0,
            came_at: start,
            drops: 0,
            dropped_at: None,
        }
    }

    fn look(&mut self, numbers: &Numbers, now: Millis) {
        if numbers.tally.datagrams > self.datagrams {
            self.datagrams = numbers.tally.datagrams;
            self.came_at = now;
        }
        let unsent = numbers.targets.iter().map(collectors::unsent);
        let drops = numbers.kernel_drops + numbers.held_lost + unsent.sum::<u64>();
        if drops > self.drops {
            self.drops = drops;
            self.dropped_at = Some(now);
        }
    }
}

/// Notes what came and what was lost; to be called once a second.
pub fn note(facts: &Facts, numbers: &Numbers) {
    let now = facts.clock.now();
    facts.looked().look(numbers, now);
}

/// An answer: whether yes, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict(pub Vec<String>);

impl Verdict {
    /// Whether the answer is yes.
    #[must_use]
    pub const fn is_yes(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns it as one line of JSON.
    #[must_use]
    pub fn json(&self) -> String {
        let status = if self.is_yes() { "ok" } else { "failing" };
        let reasons = self.0.iter().map(|reason| string(reason));
        object(&[("status", string(status)), ("reasons", list(reasons))]) + "\n"
    }
}

/// Returns whether every worker makes progress.
#[must_use]
pub fn live(facts: &Facts) -> Verdict {
    let now = facts.clock.now();
    let numbers = facts.pages.totals();
    let workers = numbers.workers.iter().enumerate();
    let stuck = workers.filter(|(_, worker)| now.since(worker.published_at) > PROGRESS_MS);
    Verdict(
        stuck
            .map(|(index, worker)| {
                let seconds = now.since(worker.published_at) / 1000;
                format!("worker-{index} has made no progress for {seconds} s; restart the program")
            })
            .collect(),
    )
}

/// Returns whether Messages can be taken and enriched.
#[must_use]
pub fn ready(facts: &Facts) -> Verdict {
    let mut verdict = live(facts);
    let as_db = &facts.told.known.load().as_db;
    let is_empty = as_db.ipv4_prefixes_count() + as_db.ipv6_prefixes_count() == 0;
    if is_empty && facts.told.config.load().enrichment.as_extraction {
        let reason = "there are no AS data: nothing is enriched; the answer to sources says why";
        verdict.0.push(reason.to_owned());
    }
    verdict
}

/// Returns whether all is well, and what is not.
#[must_use]
pub fn well(facts: &Facts) -> Verdict {
    let mut verdict = ready(facts);
    verdict.0.extend(reasons(facts));
    verdict
}

fn reasons(facts: &Facts) -> Vec<String> {
    let now = facts.clock.now();
    let numbers = facts.pages.totals();
    let mut reasons = facts.standing.list();
    let looked = *facts.looked();
    let silence_ms = now.since(looked.came_at);
    if silence_ms > SILENCE_MS {
        let seconds = silence_ms / 1000;
        reasons.push(format!(
            "no datagram came for {seconds} s; look at the exporters and the firewall"
        ));
    }
    if looked.dropped_at.is_some_and(|at| now.since(at) < DROPS_MS) {
        reasons.push(
            "Messages were dropped within the last minute; kernel_drops and collectors say which"
                .to_owned(),
        );
    }
    for (target, health) in numbers.targets.iter().zip(facts.healths.list()) {
        let down = (health.state == reach::State::Down).then_some("down");
        if let Some(state) = collectors::trouble(target).or(down) {
            reasons.push(format!("collector {}: {state}", target.label));
        }
    }
    for source in facts.sources.load().iter() {
        if matches!(source.state, State::Missing | State::Broken | State::Empty) {
            let (origin, state) = (&source.origin, source.state.name());
            reasons.push(format!("AS data {origin}: {state}"));
        }
    }
    let config = &facts.told.config.load().enrichment;
    if config.geoip_enabled && facts.told.places.load().is_none() && now_is_late(facts) {
        reasons.push("enrichment.geoip_database is not in use; the log says why".to_owned());
    }
    reasons
}

/// Whether everything that is read at the start has had its time.
fn now_is_late(facts: &Facts) -> bool {
    facts.uptime_s() > 60
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_and_what_was_lost_is_noted_when_it_rises() {
        let start = Millis(1000);
        let mut looked = Looked::at(start);
        let mut numbers = Numbers::default();
        looked.look(&numbers, Millis(2000));
        assert_eq!((looked.came_at, looked.dropped_at), (start, None));
        numbers.tally.datagrams = 1;
        looked.look(&numbers, Millis(3000));
        numbers.kernel_drops = 2;
        looked.look(&numbers, Millis(4000));
        looked.look(&numbers, Millis(5000));
        assert_eq!(looked.came_at, Millis(3000));
        assert_eq!(looked.dropped_at, Some(Millis(4000)));
    }

    #[test]
    fn a_verdict_names_its_reasons() {
        assert_eq!(
            Verdict(Vec::new()).json(),
            "{\"status\":\"ok\",\"reasons\":[]}\n"
        );
        let failing = Verdict(vec!["a \"b\"".to_owned()]);
        let expected = "{\"status\":\"failing\",\"reasons\":[\"a \\\"b\\\"\"]}\n";
        assert_eq!(failing.json(), expected);
    }
}
