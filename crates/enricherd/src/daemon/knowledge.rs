//! AS knowledge for the workers: read at the start, on demand, and when a file changes.
//!
//! A thread that is nice to all others looks after the files once a second. What is new is read
//! and built beside the table in use, then put in its place by one pointer. The old table is freed
//! here, after the last batch that began with it, and its memory goes back to the system.
//!
//! Not here: files (`sources::keeper`), the lookup (`asdb`).
//! Bound: while a table is replaced there are two of it, its sources twice, and what building
//! takes: 100 MiB for one source of the whole Internet.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use mediator::settings::OwnPolicies;

use arc_swap::ArcSwap;

use crate::config::Config;
use crate::config::changes::Changes;
use crate::io::background::{be_nice, give_back_memory, keep_large_blocks_apart};
use crate::pipeline::known::{Decisions, Known, SharedKnown, is_idle};
use crate::pipeline::settings;
use crate::sources::Wanted;
use crate::sources::about::{About, SharedAbout};
use crate::sources::health::SharedHealth;
use crate::sources::keeper::{Event, Keeper, has_news};
use crate::sources::live::{Live, Outbox, Stop, Wake};

/// How often files are looked after. One is read when it did not change between two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What is known, where it comes from, and how that is.
#[derive(Clone, Debug)]
pub(super) struct Knowledge {
    held: Arc<Mutex<Held>>,
    known: SharedKnown,
    about: SharedAbout,
    health: SharedHealth,
    config: Arc<ArcSwap<Config>>,
}

#[derive(Debug)]
struct Held {
    config: Config,
    decisions: Arc<Decisions>,
    keeper: Keeper,
    /// Replaced tables that a batch may still use.
    replaced: Vec<Arc<Known>>,
}

impl Knowledge {
    /// Reads what the configuration names, but for dumps of routing tables, which the thread of
    /// [`Knowledge::watch`] reads: traffic does not wait for them.
    ///
    /// What cannot be used is said; see [`Keeper`] for what serves instead.
    pub(super) fn begin(config: &Config) -> Self {
        keep_large_blocks_apart();
        let mut keeper = Keeper::new(&Wanted::of(&config.enrichment));
        say(&keeper.load_quick(SystemTime::now()));
        let decisions = Arc::new(settings::decisions(config, &asdb::AsDb::empty()).0);
        let (known, explained) = known((config, &decisions), &keeper);
        let (about, health) = (SharedAbout::default(), SharedHealth::default());
        about.replace(explained);
        health.replace(keeper.health(SystemTime::now()));
        give_back_memory();
        Self {
            held: Arc::new(Mutex::new(Held {
                config: config.clone(),
                decisions,
                keeper,
                replaced: Vec::new(),
            })),
            known: SharedKnown::new(known),
            about,
            health,
            config: Arc::new(ArcSwap::from_pointee(config.clone())),
        }
    }

    /// Returns the table that counts.
    pub(super) const fn known(&self) -> &SharedKnown {
        &self.known
    }

    /// Returns what explains the table.
    pub(super) const fn about(&self) -> &SharedAbout {
        &self.about
    }

    /// Returns how the sources are.
    pub(super) const fn health(&self) -> &SharedHealth {
        &self.health
    }

    /// Returns the configuration in force.
    pub(super) const fn config(&self) -> &Arc<ArcSwap<Config>> {
        &self.config
    }

    /// Looks after the files, and takes what routers say, until whoever has the first part lets go
    /// of it. Nobody needs to wait for the end: a dump that is being read then is of no use to
    /// anybody.
    pub(super) fn watch(self) -> (Stop, Outbox, impl FnOnce() + Send + 'static) {
        let (wake, woken) = channel();
        let outbox = Outbox::new(wake.clone());
        let own_outbox = outbox.clone();
        let work = move || self.look_until(&woken, &own_outbox);
        (Stop::new(wake), outbox, work)
    }

    fn look_until(&self, woken: &Receiver<Wake>, outbox: &Outbox) {
        if let Err(error) = be_nice() {
            tracing::warn!("AS data is read with the priority of everything else: {error}");
        }
        let mut next_look = Instant::now();
        loop {
            if Instant::now() >= next_look {
                self.look();
                next_look = Instant::now() + LOOK_INTERVAL;
            }
            match woken.recv_timeout(next_look.saturating_duration_since(Instant::now())) {
                Ok(Wake::Routes(live)) => self.take_live(live, outbox),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn take_live(&self, live: Live, outbox: &Outbox) {
        let begun = Instant::now();
        let mut held = self.hold();
        held.keeper.set_live(live);
        self.put(&mut held);
        held.replaced.retain(|replaced| !is_idle(replaced));
        give_back_memory();
        outbox.taken(begun.elapsed());
    }

    fn look(&self) {
        let mut held = self.hold();
        let events = held.keeper.look(SystemTime::now());
        say(&events);
        // Before the table: whoever sees the new one in use finds its sources as they are.
        self.health.replace(held.keeper.health(SystemTime::now()));
        if has_news(&events) {
            self.put(&mut held);
        }
        let before = held.replaced.len();
        held.replaced.retain(|replaced| !is_idle(replaced));
        if held.replaced.len() < before || has_news(&events) {
            give_back_memory();
        }
    }

    /// Takes a new configuration and reads everything that it names, whole or not at all. The
    /// workers take it with their next batch.
    ///
    /// # Errors
    /// A sentence for each source that cannot be used; nothing has changed then.
    pub(super) fn reload(&self, wanted: &Config) -> Result<Changes, Vec<String>> {
        let mut held = self.hold();
        let config = held.config.taking_what_can_change(wanted);
        let changes = Changes::between(&held.config, &config, wanted);
        let mut keeper = Keeper::new(&Wanted::of(&config.enrichment));
        let events = keeper.load_all(SystemTime::now());
        let faults = keeper.faults();
        if !faults.is_empty() {
            return Err(faults);
        }
        say(&events);
        keeper.set_live(held.keeper.live());
        held.keeper = keeper;
        held.decisions = Arc::new(settings::decisions(&config, &asdb::AsDb::empty()).0);
        self.config.store(Arc::new(config.clone()));
        held.config = config;
        self.health.replace(held.keeper.health(SystemTime::now()));
        self.put(&mut held);
        Ok(changes)
    }

    /// Puts the table of what all sources said last in the place of the one in use.
    fn put(&self, held: &mut Held) {
        let (known, about) = known((&held.config, &held.decisions), &held.keeper);
        held.replaced.push(self.known.replace(known));
        self.about.replace(about);
    }

    /// What is held is whole at any time, also if a thread failed over it.
    fn hold(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn say(events: &[Event]) {
    for Event {
        name,
        is_trouble,
        text,
    } in events
    {
        if *is_trouble {
            tracing::error!(event = name, "AS data: {text}");
        } else {
            tracing::info!(event = name, "AS data: {text}");
        }
    }
}

/// Returns the table of what all sources said last, its policies, and what explains it.
fn known((config, decisions): (&Config, &Arc<Decisions>), keeper: &Keeper) -> (Known, About) {
    let (frozen, faults) = keeper.freeze();
    for fault in faults {
        tracing::error!(
            event = "source_too_large",
            "AS data: {fault}; it is left out"
        );
    }
    let (as_db, about) = frozen.unwrap_or_else(|error| {
        tracing::error!("AS data: {error}; Data Records pass as they came");
        (asdb::Builder::new().build(), About::default())
    });
    let (_, policies) = settings::decisions(config, &as_db);
    let decisions = Arc::clone(decisions);
    let own = about.own.iter().map(|(router, own)| OwnPolicies {
        router: *router,
        policies: settings::own_policies(config, &as_db, own),
    });
    let own = own.collect();
    let known = Known {
        as_db,
        policies,
        decisions,
        own,
    };
    (known, about)
}
