//! What explains the table in use: which prefix of which source answers, and what an AS is called.
//!
//! Not here: the answer that counts (`asdb`), the explanation (`control::explain`).
//! Bound: [`asdb::Kept`], 7.3 MB for the whole Internet of 2026; [`asdb::AsNames`].

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use asdb::{AsDb, AsNames, Entry, Kept, Provider, Reserved, TooManyEntries};

use crate::sources::date::Date;
use crate::sources::{Origin, OwnOfRouters, Source, Sources, age_days, age_warning};

/// The prefixes of a source that can answer.
#[derive(Clone, Debug)]
pub struct KeptSource {
    /// Where they stood.
    pub origin: Origin,
    /// As whose answers they count.
    pub provider: Provider,
    /// The day on which it was made, if anything says so.
    pub made: Option<Date>,
    /// What it is in a word.
    pub format: &'static str,
    /// How many prefixes it had, those among them that are no answer.
    pub entries_count: usize,
    prefixes: Kept,
}

impl KeptSource {
    /// Keeps what a source can answer with.
    #[must_use]
    pub fn of(source: &Source) -> Self {
        Self {
            origin: source.origin.clone(),
            provider: source.provider,
            made: source.made,
            format: source.format,
            entries_count: source.entries.len(),
            prefixes: Kept::of(&source.entries, Reserved::of(source.provider)),
        }
    }

    /// Returns how old it is in days; `None` if nothing says.
    #[must_use]
    pub fn age_days(&self, now: SystemTime) -> Option<u64> {
        age_days(self.made, now)
    }

    /// Returns a sentence about its age if that is a reason to act.
    #[must_use]
    pub fn age_warning(&self, now: SystemTime) -> Option<String> {
        age_warning(&self.origin, self.made, now)
    }

    /// Returns the source again, for a table to be made of it.
    pub(super) fn source(&self) -> Source {
        Source {
            origin: self.origin.clone(),
            provider: self.provider,
            entries: self.prefixes.entries(),
            made: self.made,
            format: self.format,
        }
    }

    /// Returns the entry that answers for `address`, were this the only source.
    #[must_use]
    pub fn answer(&self, address: IpAddr) -> Option<Entry> {
        let is_asked = self.provider == Provider::Static || asdb::has_origin(address);
        is_asked.then(|| self.prefixes.longest(address)).flatten()
    }
}

/// What explains one table.
#[derive(Debug, Default)]
pub struct About {
    /// The sources, in the order in which they are asked within their provider.
    pub list: Vec<Arc<KeptSource>>,
    /// What they call the AS numbers.
    pub names: AsNames,
    /// What single routers say themselves.
    pub own: OwnOfRouters,
}

impl About {
    /// Freezes all prefixes into the table, and keeps what explains it.
    ///
    /// # Errors
    /// `TooManyEntries` never, as `Sources::load` refuses the source that would be too much.
    pub fn freeze(sources: Sources) -> Result<(AsDb, Self), TooManyEntries> {
        let kept = |source| Arc::new(KeptSource::of(source));
        let list = sources.list.iter().map(kept).collect();
        Self::freeze_kept(sources, list)
    }

    /// As [`About::freeze`], of sources that are kept already.
    ///
    /// # Errors
    /// Those of [`About::freeze`].
    pub(super) fn freeze_kept(
        sources: Sources,
        list: Vec<Arc<KeptSource>>,
    ) -> Result<(AsDb, Self), TooManyEntries> {
        let (as_db, names, own) = sources.into_table_with_own()?;
        Ok((as_db, Self { list, names, own }))
    }

    /// Returns the entry with which a provider answers: the longest prefix of its sources, of
    /// equal ones that of the first.
    #[must_use]
    pub fn answer(&self, provider: Provider, address: IpAddr) -> Option<Entry> {
        let sources = self.list.iter().rev();
        let of_provider = sources.filter(|source| source.provider == provider);
        let answers = of_provider.filter_map(|source| source.answer(address));
        // Of equal ones `max` takes the last, that is of the first source.
        answers.max_by_key(|entry| entry.prefix.length())
    }

    /// Returns the bytes of memory that it takes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let prefixes = self.list.iter().map(|one| one.prefixes.memory_bytes());
        prefixes.sum::<usize>() + self.names.memory_bytes()
    }
}

/// What explains the table that counts now.
#[derive(Clone, Debug, Default)]
pub struct SharedAbout(Arc<ArcSwap<About>>);

impl SharedAbout {
    /// Puts another in its place.
    pub fn replace(&self, about: About) {
        self.0.store(Arc::new(about));
    }

    /// Takes hold of what counts now.
    #[must_use]
    pub fn load(&self) -> arc_swap::Guard<Arc<About>> {
        self.0.load()
    }
}
