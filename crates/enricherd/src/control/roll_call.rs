//! Who is there: exporters that are new, fell silent, came back or restarted, and Messages of ours
//! that come back, each as an event.
//!
//! Not here: counting (`pipeline::tally`, `mediator`), when it is looked (`daemon::timers`).
//! Bound: the exporters that the workers count one by one; [`NAMED_MAX`] events of a kind at each
//! look, the others together.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::SystemTime;

use mediator::Millis;

use crate::config::Config;
use crate::control::events::Events;
use crate::control::exporters::{Exporter, named};

/// Exporters that a look names; further ones are counted.
pub const NAMED_MAX: usize = 10;
/// An exporter is called silent after this long, or after three times its longest pause.
const SILENT_MS: u64 = 300_000;
/// A loop that goes on is said again after this long.
const LOOP_SAID_MS: u64 = 600_000;

/// What was known of an exporter at the last look.
#[derive(Clone, Copy, Debug)]
struct Known {
    seen_at: Millis,
    pause_longest_ms: u64,
    is_silent: bool,
    restarts: u64,
    looped: u64,
}

/// The exporters at the last look.
#[derive(Debug, Default)]
pub struct RollCall {
    known: HashMap<IpAddr, Known>,
    loop_said_at: Option<Millis>,
}

/// Where events go, and how late it is on the workers' clock and on the wall.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// Where to.
    pub events: &'a Events,
    /// The workers' clock.
    pub now: Millis,
    /// The time of day.
    pub wall: SystemTime,
}

impl RollCall {
    /// Looks who is there, and says what changed.
    pub fn look(
        &mut self,
        exporters: &BTreeMap<IpAddr, Exporter>,
        config: &Config,
        moment: Moment<'_>,
    ) {
        let now = moment.now;
        let mut new = Vec::new();
        let mut silent = Vec::new();
        let mut back = Vec::new();
        let mut restarted = Vec::new();
        let mut looping = Vec::new();
        for (address, exporter) in exporters {
            let (seen_at, looped) = (exporter.tally.seen_at, exporter.tally.looped);
            let restarts = exporter.sums.sequence.restarts;
            let is_new = !self.known.contains_key(address);
            if is_new && exporter.sums.messages_in == 0 && looped == 0 {
                // Whoever sent no Message is no exporter.
                continue;
            }
            let known = self.known.entry(*address).or_insert(Known {
                seen_at,
                pause_longest_ms: 0,
                is_silent: false,
                restarts: 0,
                looped: 0,
            });
            let pause_ms = seen_at.since(known.seen_at);
            known.pause_longest_ms = known.pause_longest_ms.max(pause_ms);
            let patience_ms = SILENT_MS.max(known.pause_longest_ms.saturating_mul(3));
            let was_silent = known.is_silent;
            known.is_silent = now.since(seen_at) > patience_ms;
            let lists = [
                (is_new, &mut new),
                (!was_silent && known.is_silent, &mut silent),
                (was_silent && !known.is_silent, &mut back),
                (restarts > known.restarts, &mut restarted),
                (looped > known.looped, &mut looping),
            ];
            for (_, list) in lists.into_iter().filter(|(holds, _)| *holds) {
                list.push(named(config, *address));
            }
            known.seen_at = seen_at;
            known.restarts = restarts;
            known.looped = looped;
        }
        say(
            moment,
            "exporter_new",
            &new,
            "sends Messages for the first time",
        );
        let silence = "fell silent: it has sent nothing for minutes; look at it and the way to it";
        say(moment, "exporter_silent", &silent, silence);
        say(moment, "exporter_back", &back, "sends Messages again");
        let restart = "restarted: it counts anew; Templates are used again once it announces them";
        say(moment, "exporter_restarted", &restarted, restart);
        self.say_loop(moment, &looping);
    }

    fn say_loop(&mut self, moment: Moment<'_>, from: &[String]) {
        let is_fresh = |said_at: Millis| moment.now.since(said_at) < LOOP_SAID_MS;
        if from.is_empty() || self.loop_said_at.is_some_and(is_fresh) {
            return;
        }
        self.loop_said_at = Some(moment.now);
        let text = format!(
            "Messages that we sent come back to us from {}: a loop, and they are dropped; look \
             where our collectors pass Messages on to",
            from.iter()
                .take(NAMED_MAX)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ")
        );
        moment.events.note("loop", moment.wall, text);
    }
}

fn say(moment: Moment<'_>, event: &'static str, names: &[String], what: &str) {
    for name in names.iter().take(NAMED_MAX) {
        let text = format!("exporter {name} {what}");
        moment.events.note(event, moment.wall, text);
    }
    if let Some(others) = names
        .len()
        .checked_sub(NAMED_MAX)
        .filter(|count| *count > 0)
    {
        let text = format!("{others} more exporters: {what}");
        moment.events.note(event, moment.wall, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigFile;

    fn exporter(seen_at: u64, restarts: u64, looped: u64) -> Exporter {
        let mut exporter = Exporter::default();
        exporter.tally.seen_at = Millis(seen_at);
        exporter.tally.looped = looped;
        exporter.sums.messages_in = 1;
        exporter.sums.sequence.restarts = restarts;
        exporter
    }

    /// The names of the events that a series of looks makes.
    fn events(looks: &[(u64, Vec<Exporter>)]) -> Vec<String> {
        let config = ConfigFile::parse(b"").unwrap().check().unwrap().config;
        let (events, wall) = (Events::default(), SystemTime::UNIX_EPOCH);
        let mut roll_call = RollCall::default();
        for (seconds, exporters) in looks {
            let addressed = (0..).zip(exporters.clone());
            let exporters = addressed.map(|(number, exporter)| {
                let address = std::net::Ipv4Addr::from_bits(0xC633_6400 + number);
                (address.into(), exporter)
            });
            let moment = Moment {
                events: &events,
                now: Millis(seconds * 1000),
                wall,
            };
            roll_call.look(&exporters.collect(), &config, moment);
        }
        let text = events.text(wall);
        let names = text
            .lines()
            .filter_map(|line| line.split_whitespace().nth(3));
        names
            .map(|name| name.trim_end_matches(':').to_owned())
            .collect()
    }

    #[test]
    fn exporters_are_new_silent_back_and_restarted_once_each() {
        let one = |seen_at, restarts| vec![exporter(seen_at, restarts, 0)];
        let looks = [
            (10, one(9_000, 0)),
            (20, one(19_000, 0)),
            (320, one(19_000, 0)),
            (330, one(329_000, 0)),
            (340, one(339_000, 1)),
            (350, one(349_000, 1)),
        ];
        let expected = [
            "exporter_new",
            "exporter_silent",
            "exporter_back",
            "exporter_restarted",
        ];
        assert_eq!(events(&looks), expected);
    }

    #[test]
    fn an_exporter_that_is_slow_by_habit_is_given_more_time() {
        let one = |seen_at| vec![exporter(seen_at, 0, 0)];
        let looks = [
            (10, one(0)),
            (210, one(200_000)),
            (700, one(200_000)),
            (810, one(200_000)),
        ];
        assert_eq!(events(&looks), ["exporter_new", "exporter_silent"]);
    }

    #[test]
    fn a_flood_of_forged_exporters_makes_few_events_and_a_loop_is_said_once() {
        let flood = vec![exporter(1000, 0, 1); 500];
        let again = vec![exporter(1000, 0, 2); 500];
        let said = events(&[(1, flood), (2, again)]);
        assert_eq!(said.len(), NAMED_MAX + 1 + 1);
        assert_eq!(said.last().map(String::as_str), Some("loop"));
    }
}
