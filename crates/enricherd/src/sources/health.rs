//! How each source of AS numbers is: what it holds, how old it is, what is wrong with it.
//!
//! Not here: reading sources ([`super::keeper`]), showing this (`control::sources`).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use asdb::Provider;

use crate::sources::Origin;
use crate::sources::date::Date;

/// How a source is, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In use, and young enough.
    Ok,
    /// In use, and so old that somebody should look.
    Stale,
    /// Being read for the first time.
    Loading,
    /// Not there.
    Missing,
    /// There, and cannot be believed or read.
    Broken,
    /// There, and says nothing.
    Empty,
}

impl State {
    /// Returns the word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Stale => "stale",
            Self::Loading => "loading",
            Self::Missing => "missing",
            Self::Broken => "broken",
            Self::Empty => "empty",
        }
    }
}

/// How a source is.
#[derive(Clone, Debug)]
pub struct Health {
    /// Where its prefixes stand.
    pub origin: Origin,
    /// As whose answers they count.
    pub provider: Provider,
    /// In a word.
    pub state: State,
    /// What it is, as far as it was ever read.
    pub format: Option<&'static str>,
    /// How many prefixes of it are in use; 0 if none ever was.
    pub entries_count: usize,
    /// The day on which what is in use was made.
    pub made: Option<Date>,
    /// When what is in use was read, and how long that took.
    pub loaded: Option<(SystemTime, Duration)>,
    /// What went wrong last, and when; stays after it was put right.
    pub last_error: Option<(SystemTime, String)>,
    /// What is in use is older than what is there: the latter could not be used.
    pub is_last_good: bool,
    /// It is only used because no database of the operator can be.
    pub stands_in: bool,
}

/// How all sources are, for whoever asks.
#[derive(Clone, Debug, Default)]
pub struct SharedHealth(Arc<ArcSwap<Vec<Health>>>);

impl SharedHealth {
    /// Publishes.
    pub fn replace(&self, health: Vec<Health>) {
        self.0.store(Arc::new(health));
    }

    /// Returns what was published last.
    #[must_use]
    pub fn load(&self) -> Arc<Vec<Health>> {
        self.0.load_full()
    }
}
