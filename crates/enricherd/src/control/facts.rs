//! What all answers are made of, whoever asks: telnet, HTTP, the log.
//!
//! Not here: the answers themselves (`control::answer`).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::time::sleep;

use crate::control::events::Events;
use crate::control::faults::Faults;
use crate::control::health::Looked;
use crate::control::ledger::SharedLedger;
use crate::control::pulse::SharedPulse;
use crate::control::reach::Healths;
use crate::control::reload;
use crate::control::standing::SharedStanding;
use crate::control::told::Told;
use crate::io::clock::Clock;
use crate::pipeline::page::{Numbers, Pages};
use crate::sources::health::SharedHealth;

/// How long the workers are given for their lists, and how often it is looked for them.
const LISTS_PATIENCE: Duration = Duration::from_secs(2);
const LISTS_STEP: Duration = Duration::from_millis(10);

/// What the answers are made of.
#[derive(Debug)]
pub struct Facts {
    /// The pages of the workers.
    pub pages: Pages,
    /// When the daemon started.
    pub started: Instant,
    /// The clock of the workers.
    pub clock: Clock,
    /// What explains addresses.
    pub told: Told,
    /// What happened.
    pub events: Events,
    /// What was said to be wrong.
    pub faults: &'static Faults,
    /// How the collectors are.
    pub healths: Healths,
    /// How the sources of AS numbers are.
    pub sources: SharedHealth,
    /// What is wrong for as long as it lasts.
    pub standing: SharedStanding,
    /// Where a reload is asked for.
    pub reload: reload::Port,
    /// What the last looks at the numbers showed.
    pub looked: Mutex<Looked>,
    /// What exporters sent in sessions that are forgotten.
    pub ledger: SharedLedger,
    /// How fast numbers rise.
    pub pulse: SharedPulse,
}

impl Facts {
    /// Returns all numbers, once the workers have written their lists; those of before serve if one
    /// does not.
    pub async fn with_lists(&self) -> Numbers {
        self.pages.want_lists();
        let asked = Instant::now();
        while self.pages.await_lists() && asked.elapsed() < LISTS_PATIENCE {
            sleep(LISTS_STEP).await;
        }
        let numbers = self.pages.everything();
        self.ledger.note(&numbers);
        numbers
    }

    /// Takes hold of what the last looks at the numbers showed.
    pub fn looked(&self) -> MutexGuard<'_, Looked> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seconds since the daemon started.
    #[must_use]
    pub fn uptime_s(&self) -> u64 {
        self.started.elapsed().as_secs()
    }

    /// The time of day.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}
