//! What each exporter sent since the daemon started, also in sessions that are forgotten.
//!
//! A worker forgets a session, and its numbers go with it. Whoever reads the lists of sessions has
//! them entered here first, so that what an exporter's numbers show never falls.
//!
//! Not here: counting (`mediator`), datagrams and octets, which never fall (`pipeline::tally`).
//! Bound: the sessions that the workers remember, and [`EXPORTERS_MAX`] exporters of forgotten
//! ones; what further ones sent is counted together.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mediator::{SessionCounters, Version};

use crate::pipeline::page::Numbers;
use crate::pipeline::tally::EXPORTERS_MAX;

/// A session, whatever worker it is with.
type Key = (SocketAddr, Version, u32);

/// The sums of sessions, by exporter.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The sessions as they were last read.
    sessions: HashMap<Key, SessionCounters>,
    /// What forgotten ones had counted.
    forgotten: BTreeMap<IpAddr, SessionCounters>,
    /// The same of exporters for which there is no room.
    others: SessionCounters,
}

impl Ledger {
    fn note(&mut self, numbers: &Numbers) {
        let mut now = HashMap::with_capacity(numbers.sessions.len());
        for session in &numbers.sessions {
            let key = (session.exporter, session.version, session.domain);
            now.insert(key, session.counters);
        }
        let before = std::mem::take(&mut self.sessions);
        for (key, counters) in before {
            // One that came back after it was forgotten begins at 0.
            let goes_on = |one: &SessionCounters| one.messages_in >= counters.messages_in;
            if !now.get(&key).is_some_and(goes_on) {
                self.forget(key.0.ip(), &counters);
            }
        }
        self.sessions = now;
    }

    fn forget(&mut self, exporter: IpAddr, counters: &SessionCounters) {
        let is_known = self.forgotten.contains_key(&exporter);
        if is_known || self.forgotten.len() < EXPORTERS_MAX {
            self.forgotten.entry(exporter).or_default().add(counters);
        } else {
            self.others.add(counters);
        }
    }

    /// The sums by exporter.
    fn sums(&self) -> BTreeMap<IpAddr, SessionCounters> {
        let mut sums = self.forgotten.clone();
        for ((exporter, ..), counters) in &self.sessions {
            sums.entry(exporter.ip()).or_default().add(counters);
        }
        sums
    }
}

/// A ledger that several answers write and read.
#[derive(Debug, Default)]
pub struct SharedLedger(Mutex<Ledger>);

impl SharedLedger {
    /// Enters the sessions as they are now.
    pub fn note(&self, numbers: &Numbers) {
        self.lock().note(numbers);
    }

    /// Returns what each exporter's sessions counted, forgotten ones too.
    #[must_use]
    pub fn sums(&self) -> BTreeMap<IpAddr, SessionCounters> {
        self.lock().sums()
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::page::SessionPage;

    fn numbers(sessions: &[(u16, u64)]) -> Numbers {
        let page = |(port, messages_in): &(u16, u64)| SessionPage {
            exporter: ([192, 0, 2, 1], *port).into(),
            version: Version::V9,
            domain: 0,
            templates_count: 1,
            counters: SessionCounters {
                messages_in: *messages_in,
                ..SessionCounters::default()
            },
            examples: Vec::new(),
            seen_at: mediator::Millis(0),
            sampling_rate: None,
        };
        Numbers {
            sessions: sessions.iter().map(page).collect(),
            ..Numbers::default()
        }
    }

    #[test]
    fn what_a_forgotten_session_counted_stays_with_its_exporter() {
        let ledger = SharedLedger::default();
        let messages = || ledger.sums()[&IpAddr::from([192, 0, 2, 1])].messages_in;
        for (sessions, expected) in [
            (&[(1, 10), (2, 5)][..], 15),
            (&[(1, 12)], 17),
            // The first came back and begins anew.
            (&[(1, 3)], 20),
            (&[], 20),
            (&[(1, 1), (3, 1)], 22),
        ] {
            ledger.note(&numbers(sessions));
            assert_eq!(messages(), expected, "{sessions:?}");
        }
    }
}
