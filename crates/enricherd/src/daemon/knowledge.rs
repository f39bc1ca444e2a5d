//! AS knowledge for the workers: read at the start, on demand, and when a file changes.
//!
//! A thread that is nice to all others looks after the files once a second. What is new is read
//! and built beside the table in use, then put in its place by one pointer. The old table is freed
//! here, after the last batch that began with it, and its memory goes back to the system.
//!
//! Not here: files (`sources::keeper`), the lookup (`asdb`).
//! Bound: while a table is replaced there are two of it, its sources twice, and what building
//! takes: 100 MiB for one source of the whole Internet.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::config::Config;
use crate::io::background::{be_nice, give_back_memory, keep_large_blocks_apart};
use crate::pipeline::known::{Known, SharedKnown, is_idle};
use crate::pipeline::settings;
use crate::sources::Wanted;
use crate::sources::about::{About, SharedAbout};
use crate::sources::health::SharedHealth;
use crate::sources::keeper::{Event, Keeper, has_news};

/// How often files are looked after. One is read when it did not change between two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What is known, where it comes from, and how that is.
#[derive(Clone, Debug)]
pub(super) struct Knowledge {
    held: Arc<Mutex<Held>>,
    known: SharedKnown,
    about: SharedAbout,
    health: SharedHealth,
}

#[derive(Debug)]
struct Held {
    config: Config,
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
        let (known, explained) = known(config, &keeper);
        let (about, health) = (SharedAbout::default(), SharedHealth::default());
        about.replace(explained);
        health.replace(keeper.health(SystemTime::now()));
        give_back_memory();
        Self {
            held: Arc::new(Mutex::new(Held {
                config: config.clone(),
                keeper,
                replaced: Vec::new(),
            })),
            known: SharedKnown::new(known),
            about,
            health,
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

    /// Looks after the files until whoever has the other end lets go of it. Nobody needs to wait
    /// for the end: a dump that is being read then is of no use to anybody.
    pub(super) fn watch(self) -> (Sender<()>, impl FnOnce() + Send + 'static) {
        let (stop, stopped) = channel();
        (stop, move || self.look_until(&stopped))
    }

    fn look_until(&self, stopped: &Receiver<()>) {
        if let Err(error) = be_nice() {
            tracing::warn!("AS data is read with the priority of everything else: {error}");
        }
        loop {
            self.look();
            if stopped.recv_timeout(LOOK_INTERVAL) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
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

    /// Reads everything that a new configuration names, whole or not at all.
    ///
    /// # Errors
    /// A sentence for each source that cannot be used; nothing has changed then.
    pub(super) fn reload(&self, config: &Config) -> Result<(), Vec<String>> {
        let mut held = self.hold();
        refuse_lasting(&held.config, config)?;
        let mut keeper = Keeper::new(&Wanted::of(&config.enrichment));
        let events = keeper.load_all(SystemTime::now());
        let faults = keeper.faults();
        if !faults.is_empty() {
            return Err(faults);
        }
        say(&events);
        held.keeper = keeper;
        held.config = config.clone();
        self.health.replace(held.keeper.health(SystemTime::now()));
        self.put(&mut held);
        Ok(())
    }

    /// Puts the table of what all sources said last in the place of the one in use.
    fn put(&self, held: &mut Held) {
        let (known, about) = known(&held.config, &held.keeper);
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
fn known(config: &Config, keeper: &Keeper) -> (Known, About) {
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
    let (_, policies) = settings::of(config, &config.forwarding.collectors, &as_db);
    (Known { as_db, policies }, about)
}

/// Says why a new configuration cannot take effect while the daemon runs.
fn refuse_lasting(running: &Config, new: &Config) -> Result<(), Vec<String>> {
    let mut like_running = new.clone();
    like_running
        .enrichment
        .static_prefixes
        .clone_from(&running.enrichment.static_prefixes);
    like_running
        .enrichment
        .as_databases
        .clone_from(&running.enrichment.as_databases);
    like_running
        .enrichment
        .mrt_files
        .clone_from(&running.enrichment.mrt_files);
    if like_running == *running {
        return Ok(());
    }
    let sections = [
        ("general", like_running.general != running.general),
        ("exporters", like_running.exporters != running.exporters),
        ("enrichment", like_running.enrichment != running.enrichment),
        ("forwarding", like_running.forwarding != running.forwarding),
        (
            "performance",
            like_running.performance != running.performance,
        ),
        ("nat", like_running.nat != running.nat),
        ("metrics", like_running.metrics != running.metrics),
    ];
    let changed = sections.iter().filter(|(_, is_changed)| *is_changed);
    Err(changed
        .map(|(name, _)| {
            format!(
                "section {name} changed: only enrichment.static_prefixes, \
                 enrichment.as_databases and enrichment.mrt_files take effect without a restart"
            )
        })
        .collect())
}
