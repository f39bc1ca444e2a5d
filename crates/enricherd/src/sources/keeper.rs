//! Keeps what each source said last, and looks whether it says something new.
//!
//! A file is read when its size, time or inode changed and it then stayed as it was from one look
//! to the next; if it changes while it is read, it is read again later. What cannot be used is
//! said once and not tried again before it changes; what the source said last stays, whatever
//! became of the others. A file that lost more than half of its prefixes is not believed either:
//! text that was cut at the end of a line cannot be told from a short one. A reload believes it.
//!
//! If no database of the operator ever could be used, the shipped snapshot stands in for them.
//!
//! Not here: when to look, what becomes of it (`daemon`).
//! Bound: [`KeptSource`] and names of each source, 7 MiB and 4 MiB for one of the whole Internet;
//! the first is shared with what explains the table.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use asdb::{AsDb, AsNames, Provider, TooManyEntries};

use crate::sources::about::{About, KeptSource};
use crate::sources::fault::Trouble;
use crate::sources::health::{Health, State};
use crate::sources::live::Live;
use crate::sources::{
    Origin, Source, SourceFault, Sources, StaticPrefix, Wanted, files, from_configuration, shipped,
};

/// Prefixes from which on a loss of more than half of them is not believed.
const SHRINK_ENTRIES_MIN: usize = 1000;

/// Something that an operator may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened, for programs.
    pub name: &'static str,
    /// Whether somebody must act.
    pub is_trouble: bool,
    /// What happened.
    pub text: String,
}

/// All sources, each with what it said last.
#[derive(Debug)]
pub struct Keeper {
    slots: Vec<Slot>,
    live: Live,
}

/// Where a source stands.
#[derive(Debug)]
enum Place {
    Configuration(Vec<StaticPrefix>),
    Database(PathBuf),
    Dump(PathBuf),
    Shipped,
}

#[derive(Debug)]
struct Slot {
    place: Place,
    good: Option<Good>,
    /// What is wrong with what is there now.
    trouble: Option<Trouble>,
    last_error: Option<(SystemTime, String)>,
    /// The file as it was when it was last read, or found missing.
    tried: Option<Option<Stamp>>,
    /// The file as it was at the last look.
    seen: Option<Stamp>,
    said_stale: bool,
    stands_in: bool,
}

/// What a source said, and when it was asked.
#[derive(Debug)]
struct Good {
    kept: Arc<KeptSource>,
    names: AsNames,
    health: (SystemTime, std::time::Duration),
}

/// What tells that a file is another, or was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    octets: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            octets: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

/// Whether a file that lost most of its prefixes is believed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shrinking {
    Refused,
    Believed,
}

impl Keeper {
    /// Returns a keeper that has read nothing yet.
    #[must_use]
    pub fn new(wanted: &Wanted) -> Self {
        let mut places = Vec::new();
        if !wanted.static_prefixes.is_empty() {
            places.push(Place::Configuration(wanted.static_prefixes.clone()));
        }
        places.extend(wanted.mrt_files.iter().cloned().map(Place::Dump));
        places.extend(wanted.as_databases.iter().cloned().map(Place::Database));
        if wanted.as_databases.is_empty() {
            places.push(Place::Shipped);
        }
        Self {
            slots: places.into_iter().map(Slot::new).collect(),
            live: Live::default(),
        }
    }

    /// Reads everything but dumps of routing tables, which take long: [`Keeper::look`] reads those.
    pub fn load_quick(&mut self, now: SystemTime) -> Vec<Event> {
        self.load_where(now, |place| !matches!(place, Place::Dump(_)))
    }

    /// Reads everything.
    pub fn load_all(&mut self, now: SystemTime) -> Vec<Event> {
        self.load_where(now, |_| true)
    }

    fn load_where(&mut self, now: SystemTime, is_meant: impl Fn(&Place) -> bool) -> Vec<Event> {
        let mut events = Vec::new();
        for slot in self.slots.iter_mut().filter(|slot| is_meant(&slot.place)) {
            slot.read(now, Shrinking::Believed, &mut events);
        }
        self.stand_in(now, &mut events);
        events
    }

    /// Reads what changed and came to rest since the last look. There is something new to make a
    /// table of if [`has_news`] says so of what comes back.
    pub fn look(&mut self, now: SystemTime) -> Vec<Event> {
        let mut events = Vec::new();
        for slot in &mut self.slots {
            slot.look(now, &mut events);
        }
        self.stand_in(now, &mut events);
        events
    }

    /// Returns what is wrong with what is there now, a sentence for each source.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let wrong = self.slots.iter().filter(|slot| slot.trouble.is_some());
        wrong
            .filter_map(|slot| slot.last_error.as_ref())
            .map(|(_, sentence)| sentence.clone())
            .collect()
    }

    /// Returns the table of what all sources said last with what explains it, and the sources that
    /// are too much.
    ///
    /// # Errors
    /// Those of [`About::freeze`].
    pub fn freeze(&self) -> (Result<(AsDb, About), TooManyEntries>, Vec<SourceFault>) {
        let mut sources = Sources::default();
        let (mut list, mut faults) = (Vec::new(), Vec::new());
        for good in self.slots.iter().filter_map(|slot| slot.good.as_ref()) {
            match sources.add(good.kept.source(), &good.names) {
                Ok(()) => list.push(Arc::clone(&good.kept)),
                Err(fault) => faults.push(fault),
            }
        }
        for live in &self.live.all {
            match sources.add(live.source(), &AsNames::new()) {
                Ok(()) => list.push(Arc::clone(live)),
                Err(fault) => faults.push(fault),
            }
        }
        sources.own.clone_from(&self.live.own);
        (About::freeze_kept(sources, list), faults)
    }

    /// Takes what routers say now.
    pub fn set_live(&mut self, live: Live) {
        self.live = live;
    }

    /// Gives away what routers said last: for the keeper that takes this one's place.
    #[must_use]
    pub fn live(&self) -> Live {
        self.live.clone()
    }

    /// Returns how all sources are.
    #[must_use]
    pub fn health(&self, now: SystemTime) -> Vec<Health> {
        self.slots.iter().map(|slot| slot.health(now)).collect()
    }

    /// Lets the shipped snapshot stand in where no database can be used, and no longer.
    fn stand_in(&mut self, now: SystemTime, events: &mut Vec<Event>) {
        let is_database = |slot: &&Slot| matches!(slot.place, Place::Database(_) | Place::Shipped);
        let own = |slot: &&Slot| is_database(slot) && !slot.stands_in;
        let is_lacking = self
            .slots
            .iter()
            .filter(own)
            .all(|slot| slot.good.is_none());
        let is_standing_in = self.slots.iter().any(|slot| slot.stands_in);
        if is_lacking && !is_standing_in {
            let mut slot = Slot::new(Place::Shipped);
            slot.stands_in = true;
            slot.read(now, Shrinking::Believed, events);
            events.push(Event {
                name: "source_stands_in",
                is_trouble: true,
                text: "no AS database can be used; the snapshot shipped with this program serves \
                       instead"
                    .to_owned(),
            });
            self.slots.push(slot);
        } else if !is_lacking {
            self.slots.retain(|slot| !slot.stands_in);
        }
    }
}

/// Returns whether a source said something new.
#[must_use]
pub fn has_news(events: &[Event]) -> bool {
    events.iter().any(|event| event.name == LOADED)
}

const LOADED: &str = "source_loaded";

impl Slot {
    fn new(place: Place) -> Self {
        Self {
            place,
            good: None,
            trouble: None,
            last_error: None,
            tried: None,
            seen: None,
            said_stale: false,
            stands_in: false,
        }
    }

    fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Database(path) | Place::Dump(path) => Some(path),
            Place::Configuration(_) | Place::Shipped => None,
        }
    }

    fn origin(&self) -> Origin {
        match &self.place {
            Place::Configuration(_) => Origin::Configuration,
            Place::Database(path) | Place::Dump(path) => Origin::File(path.clone()),
            Place::Shipped => Origin::Shipped,
        }
    }

    fn look(&mut self, now: SystemTime, events: &mut Vec<Event>) {
        if let Some(path) = self.path() {
            let stamp = Stamp::of(path);
            let before = std::mem::replace(&mut self.seen, stamp);
            let is_at_rest = stamp == before || self.tried.is_none();
            if self.tried != Some(stamp) && is_at_rest {
                self.read(now, Shrinking::Refused, events);
            }
        }
        let warning = self.good.as_ref();
        let warning = warning.and_then(|good| good.kept.age_warning(now));
        if let Some(text) = warning.filter(|_| !self.said_stale) {
            self.said_stale = true;
            events.push(Event {
                name: "source_stale",
                is_trouble: true,
                text,
            });
        }
    }

    /// Reads the source. What it said last is only given up for something that can be used.
    fn read(&mut self, now: SystemTime, shrinking: Shrinking, events: &mut Vec<Event>) {
        let stamp = self.path().and_then(Stamp::of);
        let begun = Instant::now();
        let outcome = match &self.place {
            Place::Configuration(prefixes) => from_configuration(prefixes),
            Place::Database(path) => files::load(path),
            Place::Dump(path) => files::load_dump(path),
            Place::Shipped => shipped::load(),
        };
        let is_moving = self.path().and_then(Stamp::of) != stamp;
        if is_moving && self.good.is_some() {
            // Whoever writes is not ready: the next look that finds it at rest reads it again.
            return;
        }
        self.tried = Some(stamp);
        self.seen = stamp;
        let outcome = outcome.and_then(|(source, names)| {
            self.refuse_shrunk(&source, shrinking)?;
            Ok((source, names))
        });
        match outcome {
            Ok((source, names)) => {
                let took = begun.elapsed();
                events.push(Event {
                    name: LOADED,
                    is_trouble: false,
                    text: format!(
                        "{}: {}, {} prefixes, read in {} ms",
                        source.origin,
                        source.format,
                        source.entries.len(),
                        took.as_millis()
                    ),
                });
                self.trouble = None;
                self.said_stale = false;
                self.good = Some(Good {
                    kept: Arc::new(KeptSource::of(&source)),
                    names,
                    health: (now, took),
                });
            }
            Err(fault) => self.note(&fault, now, events),
        }
    }

    fn refuse_shrunk(&self, source: &Source, shrinking: Shrinking) -> Result<(), SourceFault> {
        let before = self.good.as_ref().map_or(0, |good| good.kept.entries_count);
        let found = source.entries.len();
        match &source.origin {
            Origin::File(path)
                if shrinking == Shrinking::Refused
                    && before >= SHRINK_ENTRIES_MIN
                    && found < before / 2 =>
            {
                Err(SourceFault::Shrunk {
                    path: path.clone(),
                    found,
                    before,
                })
            }
            _ => Ok(()),
        }
    }

    fn note(&mut self, fault: &SourceFault, now: SystemTime, events: &mut Vec<Event>) {
        let trouble = fault.trouble();
        self.trouble = Some(trouble);
        self.last_error = Some((now, fault.to_string()));
        let still = if self.good.is_some() {
            "; what it said before stays in use"
        } else {
            ""
        };
        events.push(Event {
            name: match trouble {
                Trouble::Broken => "source_broken",
                Trouble::Empty => "source_empty",
                Trouble::Missing => "source_missing",
            },
            is_trouble: true,
            text: format!("{fault}{still}"),
        });
    }

    fn health(&self, now: SystemTime) -> Health {
        let good = self.good.as_ref();
        let source = good.map(|good| &good.kept);
        let is_stale = source.is_some_and(|source| source.age_warning(now).is_some());
        let state = match self.trouble {
            Some(Trouble::Broken) => State::Broken,
            Some(Trouble::Empty) => State::Empty,
            Some(Trouble::Missing) => State::Missing,
            None if source.is_none() => State::Loading,
            None if is_stale => State::Stale,
            None => State::Ok,
        };
        Health {
            origin: self.origin(),
            provider: match self.place {
                Place::Configuration(_) => Provider::Static,
                Place::Dump(_) => Provider::Table,
                Place::Database(_) | Place::Shipped => Provider::Database,
            },
            state,
            format: source.map(|source| source.format),
            entries_count: source.map_or(0, |source| source.entries_count),
            made: source.and_then(|source| source.made),
            loaded: good.map(|good| good.health),
            last_error: self.last_error.clone(),
            is_last_good: self.trouble.is_some() && good.is_some(),
            stands_in: self.stands_in,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Files(PathBuf);

    impl Files {
        fn new(test: &str) -> Self {
            let path = std::env::temp_dir().join(format!("keeper-{test}-{}", std::process::id()));
            drop(fs::remove_dir_all(&path));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }

        /// Puts a whole new file in the place of the old one.
        fn put(&self, name: &str, text: &str) {
            fs::write(self.path("aside"), text).unwrap();
            fs::rename(self.path("aside"), self.path(name)).unwrap();
        }

        fn keeper(&self, names: &[&str]) -> Keeper {
            Keeper::new(&Wanted {
                as_databases: names.iter().map(|name| self.path(name)).collect(),
                ..Wanted::default()
            })
        }
    }

    impl Drop for Files {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn asn(keeper: &Keeper, address: &str) -> Option<u32> {
        let (frozen, faults) = keeper.freeze();
        assert!(faults.is_empty());
        let (table, _) = frozen.unwrap();
        let answers = table.answers(table.lookup(address.parse().unwrap()));
        answers.of(Provider::Database).map(|asn| asn.0)
    }

    fn names(events: &[Event]) -> Vec<&'static str> {
        events.iter().map(|event| event.name).collect()
    }

    fn states(keeper: &Keeper) -> Vec<&'static str> {
        let health = keeper.health(NOW);
        health.iter().map(|one| one.state.name()).collect()
    }

    #[test]
    fn a_file_put_in_place_is_read_once_it_rests() {
        let files = Files::new("rest");
        files.put("a", "1.0.0.0,1.0.0.255,1\n");
        let mut keeper = files.keeper(&["a"]);
        assert_eq!(names(&keeper.load_quick(NOW)), [LOADED]);
        assert!(keeper.look(NOW).is_empty());
        files.put("a", "1.0.0.0,1.0.0.255,22\n");
        assert!(keeper.look(NOW).is_empty(), "it changed a moment ago");
        assert_eq!(names(&keeper.look(NOW)), [LOADED]);
        assert_eq!(asn(&keeper, "1.0.0.1"), Some(22));
        assert!(keeper.look(NOW).is_empty());
    }

    #[test]
    fn what_a_broken_or_missing_file_said_last_stays_and_it_is_said_once() {
        let files = Files::new("broken");
        files.put("a", "1.0.0.0,1.0.0.255,1\n");
        files.put("b", "2.0.0.0,2.0.0.255,2\n");
        let mut keeper = files.keeper(&["a", "b"]);
        assert_eq!(names(&keeper.load_quick(NOW)), [LOADED, LOADED]);
        files.put("a", "1.0.0.0,1.0.0.2");
        files.put("b", "2.0.0.0,2.0.0.255,33\n");
        keeper.look(NOW);
        assert_eq!(names(&keeper.look(NOW)), ["source_broken", LOADED]);
        assert_eq!(asn(&keeper, "1.0.0.1"), Some(1));
        assert_eq!(asn(&keeper, "2.0.0.1"), Some(33));
        assert_eq!(states(&keeper), ["broken", "ok"]);
        assert!(keeper.health(NOW)[0].is_last_good);
        assert!(keeper.look(NOW).is_empty(), "said once");
        fs::remove_file(files.path("a")).unwrap();
        keeper.look(NOW);
        assert_eq!(names(&keeper.look(NOW)), ["source_missing"]);
        assert_eq!(states(&keeper), ["missing", "ok"]);
        files.put("a", "");
        keeper.look(NOW);
        assert_eq!(names(&keeper.look(NOW)), ["source_broken"]);
        files.put("a", "# nothing\n");
        keeper.look(NOW);
        assert_eq!(names(&keeper.look(NOW)), ["source_empty"]);
        assert_eq!(asn(&keeper, "1.0.0.1"), Some(1));
        files.put("a", "1.0.0.0,1.0.0.255,4\n");
        keeper.look(NOW);
        assert_eq!(names(&keeper.look(NOW)), [LOADED]);
        assert_eq!(states(&keeper), ["ok", "ok"]);
        assert_eq!(asn(&keeper, "1.0.0.1"), Some(4));
    }

    #[test]
    fn the_shipped_snapshot_stands_in_until_a_database_can_be_used() {
        let files = Files::new("stand-in");
        let mut keeper = files.keeper(&["a", "b"]);
        let events = keeper.load_quick(NOW);
        let expected = [
            "source_missing",
            "source_missing",
            LOADED,
            "source_stands_in",
        ];
        assert_eq!(names(&events), expected);
        assert_eq!(states(&keeper), ["missing", "missing", "ok"]);
        assert_eq!(asn(&keeper, "1.1.1.1"), Some(13335));
        files.put("b", "2.0.0.0,2.0.0.255,2\n");
        keeper.look(NOW);
        assert_eq!(names(&keeper.look(NOW)), [LOADED]);
        assert_eq!(states(&keeper), ["missing", "ok"]);
        assert_eq!(asn(&keeper, "1.1.1.1"), None);
    }

    #[test]
    fn a_file_that_lost_most_of_its_prefixes_is_believed_on_reload_only() {
        let files = Files::new("shrunk");
        let line = |n: u32| {
            format!(
                "1.{}.{}.0,1.{}.{}.255,7\n",
                n / 256,
                n % 256,
                n / 256,
                n % 256
            )
        };
        let long: String = (0..2000).map(line).collect();
        files.put("a", &long);
        let mut keeper = files.keeper(&["a"]);
        keeper.load_all(NOW);
        files.put("a", &line(0));
        keeper.look(NOW);
        let events = keeper.look(NOW);
        assert_eq!(names(&events), ["source_broken"]);
        assert!(
            events[0].text.contains("1 prefixes, 2000 before"),
            "{}",
            events[0].text
        );
        assert_eq!(keeper.faults().len(), 1);
        assert_eq!(names(&keeper.load_all(NOW)), [LOADED]);
        assert!(keeper.faults().is_empty());
    }

    #[test]
    fn a_pipe_or_a_folder_is_refused_and_keeps_nobody_waiting() {
        let files = Files::new("folder");
        fs::create_dir(files.path("a")).unwrap();
        let mut keeper = files.keeper(&["a"]);
        let events = keeper.load_all(NOW);
        assert!(
            events[0].text.ends_with("this is no regular file"),
            "{events:?}"
        );
    }
}
