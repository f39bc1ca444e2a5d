//! Whether collectors live: what probes say, and what sending to them met.
//!
//! UDP has no answer. A collector that refuses Messages is heard where they bear our address; where
//! they bear their exporters', the refusal goes to a router. So each collector's host is asked from
//! our own address as well. Silence alone is no proof: a host that never answered a ping may be
//! told not to. One that did, and does no more, is down.
//!
//! Not here: asking (`daemon::probes`), sending (`pipeline::senders`).
//! Bound: one entry for each collector.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::config;
use crate::control::events::Events;
use crate::pipeline::page::TargetPage;
use crate::pipeline::streams::page::{StreamNumbers, StreamState};
use crate::pipeline::target::Unsent;

/// Answers that must fail to come in a row before a host that gave some is called down.
const FAILURES_MAX: u32 = 3;
/// Time between two questions while all is well.
const PAUSE: Duration = Duration::from_secs(5);
/// The same while it is not known yet whether all is well.
const PAUSE_IN_DOUBT: Duration = Duration::from_secs(1);
/// The longest time between two questions to a host that does not answer.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// How a collector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its host answers, and nothing speaks against it.
    Up,
    /// Nothing speaks against it, and nothing for it.
    Unverified,
    /// It refuses Messages, cannot be reached, or no longer answers.
    Down,
}

impl State {
    /// Its name in statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Unverified => "unverified",
            Self::Down => "down",
        }
    }
}

/// What became of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered.
    Answered,
    /// It was answered with a refusal: somebody is there and says no.
    Refused(String),
    /// Nobody answered.
    Silent(String),
    /// It could not be asked.
    Unasked(String),
}

/// What probes found of one collector.
#[derive(Clone, Debug, Default)]
pub struct Pulse {
    has_answered: bool,
    must_answer: bool,
    failures: u32,
    error: Option<String>,
}

impl Pulse {
    /// Takes note of an answer or of its absence. `is_tcp`: it was asked at a port that the
    /// operator named, so that silence counts from the first time.
    pub fn note(&mut self, outcome: Outcome, is_tcp: bool) {
        let failures = self.failures.saturating_add(1);
        *self = match outcome {
            Outcome::Answered => Self {
                has_answered: true,
                ..Self::default()
            },
            Outcome::Refused(error) | Outcome::Silent(error) => Self {
                has_answered: self.has_answered,
                must_answer: is_tcp,
                failures,
                error: Some(error),
            },
            Outcome::Unasked(error) => Self {
                failures,
                error: Some(error),
                ..Self::default()
            },
        };
    }

    /// What that means.
    #[must_use]
    pub const fn state(&self) -> State {
        let is_over = self.failures >= FAILURES_MAX;
        if is_over && (self.has_answered || self.must_answer) {
            State::Down
        } else if self.has_answered {
            State::Up
        } else {
            State::Unverified
        }
    }

    /// How long to wait before the next question: longer and longer where nobody answers, and never
    /// as long as others do. `draw` is a number by chance.
    #[must_use]
    pub fn pause(&self, draw: u64) -> Duration {
        let pause = match self.failures {
            0 => PAUSE,
            failures if failures < FAILURES_MAX => PAUSE_IN_DOUBT,
            failures => {
                let doublings = (failures - FAILURES_MAX).min(6);
                PAUSE_MAX.min(PAUSE_IN_DOUBT * (1 << doublings))
            }
        };
        // Between three quarters and five quarters.
        let share = u32::try_from(draw % 512).unwrap_or(0);
        pause * 3 / 4 + pause / 2 * share / 512
    }
}

/// How one collector is, for whoever asks.
#[derive(Clone, Debug)]
pub struct Health {
    /// Its state.
    pub state: State,
    /// Since when.
    pub since: SystemTime,
    /// What was wrong last, and when; `None` if nothing ever was.
    pub last_error: Option<(SystemTime, String)>,
    pulse: Pulse,
}

/// How the collectors are, in the order of the configuration.
#[derive(Debug)]
pub struct Healths(Mutex<Vec<Health>>);

/// Whom to tell of a look at the collectors.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Whether a collector went down or came back.
    pub any: bool,
    /// Whether one came back: it may have missed Templates.
    pub recovered: bool,
}

impl Healths {
    /// Returns so many collectors of which nothing is known.
    #[must_use]
    pub fn new(collectors_count: usize, now: SystemTime) -> Self {
        let unknown = Health {
            state: State::Unverified,
            since: now,
            last_error: None,
            pulse: Pulse::default(),
        };
        Self(Mutex::new(vec![unknown; collectors_count]))
    }

    /// Takes note of what a probe found; returns how long the next one waits.
    pub fn note(
        &self,
        index: usize,
        outcome: Outcome,
        probe: config::Health,
        (now, draw): (SystemTime, u64),
    ) -> Duration {
        let mut list = self.lock();
        let Some(health) = list.get_mut(index) else {
            return PAUSE_MAX;
        };
        let is_tcp = matches!(probe, config::Health::Tcp(_));
        health.pulse.note(outcome, is_tcp);
        if let Some(error) = &health.pulse.error {
            health.last_error = Some((now, error.clone()));
        }
        health.pulse.pause(draw)
    }

    /// Puts what probes found and what sending met together; says what changed.
    pub fn look(&self, targets: &[TargetPage], events: &Events, now: SystemTime) -> Changes {
        let mut changes = Changes::default();
        for (health, target) in self.lock().iter_mut().zip(targets) {
            let fatal = target.trouble.filter(|trouble| is_fatal(trouble.reason));
            let state = match (&target.stream, fatal) {
                (Some(stream), _) => of_connection(stream),
                (None, Some(_)) => State::Down,
                (None, None) => health.pulse.state(),
            };
            let of_stream = target.stream.as_ref().filter(|one| !one.is_connected());
            if let Some(error) = of_stream.and_then(|stream| stream.last_error.as_ref()) {
                health.last_error = Some((now, error.clone()));
            }
            if let Some(trouble) = target.trouble {
                health.last_error = Some((now, trouble.reason.meaning().to_owned()));
            }
            if state == health.state {
                continue;
            }
            let (before, since) = (health.state, health.since);
            health.state = state;
            health.since = now;
            let label = &target.label;
            let seconds = now.duration_since(since).unwrap_or_default().as_secs();
            match (before, state) {
                (_, State::Down) => {
                    let why = health.last_error.as_ref().map_or("", |(_, why)| why);
                    let text = format!("collector {label} is down: {why}");
                    events.note("collector_down", now, text);
                }
                (State::Down, _) => {
                    let text = format!("collector {label} is back after {seconds} s");
                    events.note("collector_up", now, text);
                    changes.recovered = true;
                }
                _ => continue,
            }
            changes.any = true;
        }
        changes
    }

    /// Returns which collectors are not down.
    #[must_use]
    pub fn reachable(&self) -> Vec<bool> {
        let list = self.lock();
        list.iter().map(|one| one.state != State::Down).collect()
    }

    /// Returns how they are.
    #[must_use]
    pub fn list(&self) -> Vec<Health> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Health>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection needs no probe: it is there or not.
fn of_connection(stream: &StreamNumbers) -> State {
    match stream.state {
        StreamState::Connected | StreamState::Stalled => State::Up,
        StreamState::Connecting if stream.last_error.is_none() => State::Unverified,
        StreamState::Connecting | StreamState::Down => State::Down,
    }
}

/// Whether trouble of this kind means that nothing reaches a collector.
#[must_use]
pub const fn is_fatal(reason: Unsent) -> bool {
    match reason {
        Unsent::Forbidden
        | Unsent::NoRight
        | Unsent::NoSocket
        | Unsent::Refused
        | Unsent::Unreachable
        | Unsent::Unresolved => true,
        Unsent::BufferFull
        | Unsent::NoTransport
        | Unsent::NotConnected
        | Unsent::Other
        | Unsent::QueueFull
        | Unsent::TooLarge => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::identity::Identity;
    use crate::pipeline::target::{TargetCounters, Trouble};
    use mediator::{Millis, OutletCounters};

    fn silent() -> Outcome {
        Outcome::Silent("no answer".to_owned())
    }

    fn target(reason: Option<Unsent>) -> TargetPage {
        TargetPage {
            label: "192.0.2.9:2055".to_owned(),
            identity: Identity::Own,
            address: None,
            counters: TargetCounters::default(),
            trouble: reason.map(|reason| Trouble {
                reason,
                since: Millis(0),
                last: Millis(0),
            }),
            left_out: OutletCounters::default(),
            stream: None,
        }
    }

    #[test]
    fn a_host_that_never_answered_a_ping_is_not_called_down_and_one_that_did_is() {
        let mut pulse = Pulse::default();
        for _ in 0..20 {
            pulse.note(silent(), false);
            assert_eq!(pulse.state(), State::Unverified);
        }
        pulse.note(Outcome::Answered, false);
        assert_eq!(pulse.state(), State::Up);
        for expected in [State::Up, State::Up, State::Down, State::Down] {
            pulse.note(silent(), false);
            assert_eq!(pulse.state(), expected);
        }
        pulse.note(Outcome::Answered, false);
        assert_eq!(pulse.state(), State::Up);
    }

    #[test]
    fn a_port_that_the_operator_named_must_answer() {
        let mut pulse = Pulse::default();
        for expected in [State::Unverified, State::Unverified, State::Down] {
            pulse.note(Outcome::Refused("refused".to_owned()), true);
            assert_eq!(pulse.state(), expected);
        }
    }

    #[test]
    fn where_we_may_not_ask_nothing_is_known() {
        let mut pulse = Pulse::default();
        for _ in 0..5 {
            pulse.note(Outcome::Unasked("no right".to_owned()), false);
        }
        assert_eq!(pulse.state(), State::Unverified);
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_are_never_all_the_same() {
        let mut pulse = Pulse::default();
        let mut pauses = Vec::new();
        for _ in 0..12 {
            pulse.note(silent(), false);
            pauses.push(pulse.pause(256).as_secs());
        }
        assert_eq!(pauses, [1, 1, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
        let (short, long) = (pulse.pause(0), pulse.pause(511));
        assert_eq!(short, Duration::from_secs(45));
        assert!(long > Duration::from_secs(74) && long < Duration::from_secs(75));
    }

    #[test]
    fn going_down_and_coming_back_are_events_and_told_once() {
        let (events, start) = (Events::default(), SystemTime::UNIX_EPOCH);
        let at = |seconds| start + Duration::from_secs(seconds);
        let healths = Healths::new(1, start);
        let look = |reason, seconds| healths.look(&[target(reason)], &events, at(seconds));
        assert_eq!(look(None, 1), Changes::default());
        assert_eq!(look(Some(Unsent::BufferFull), 2), Changes::default());
        let down = Changes {
            any: true,
            recovered: false,
        };
        assert_eq!(look(Some(Unsent::Refused), 3), down);
        assert_eq!(healths.reachable(), [false]);
        assert_eq!(look(Some(Unsent::Refused), 4), Changes::default());
        let up = Changes {
            any: true,
            recovered: true,
        };
        assert_eq!(look(None, 10), up);
        assert_eq!(healths.reachable(), [true]);
        let text = events.text(at(10));
        let said: Vec<_> = text.lines().collect();
        assert!(said[0].contains("collector_down: collector 192.0.2.9:2055 is down: it refuses"));
        assert!(said[1].contains("collector_up: collector 192.0.2.9:2055 is back after 7 s"));
    }
}
