//! Where AS knowledge comes from: files of the operator and what the program brings along.
//!
//! Every source is read whole or refused by name with the line or offset of its fault; faults of
//! all sources come back together.
//!
//! Not here: file formats and the lookup (`asdb`, `routefeed`), which provider wins
//! (`pipeline::settings`).
//! Bound: [`FILE_OCTETS_MAX`] per file while it is read; what is kept is bounded by `asdb`.

pub mod about;
pub mod date;
mod fault;
mod files;
pub mod geo;
pub mod health;
pub mod keeper;
pub mod live;
mod shipped;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use asdb::{
    AsDb, AsNames, Asn, Builder, ENTRIES_MAX, Entries, Kept, OwnRoutes, Prefix, Provider,
    TooManyEntries,
};

use crate::config::{self, Enrichment};
use crate::sources::date::{Date, days_between};

pub use fault::SourceFault;
pub use files::{FILE_OCTETS_MAX, load_any};
pub use shipped::{Notice, shipped_notice};

/// A file of the operator older than this is worth a warning: prefixes move every day.
pub const FILE_AGE_DAYS_MAX: u64 = 90;
/// The shipped snapshot is renewed with the program: 18 months are a program nobody updated.
pub const SHIPPED_AGE_DAYS_MAX: u64 = 548;

/// A prefix that the operator wrote into the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticPrefix {
    /// The addresses.
    pub prefix: Prefix,
    /// Their AS.
    pub asn: Asn,
    /// What the operator calls that AS.
    pub name: Option<String>,
}

/// What the operator wants to be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `enrichment.static_prefixes`
    pub static_prefixes: Vec<StaticPrefix>,
    /// The paths of `enrichment.as_databases`; none: the shipped snapshot.
    pub as_databases: Vec<PathBuf>,
    /// `enrichment.mrt_files`
    pub mrt_files: Vec<PathBuf>,
}

impl Wanted {
    /// Returns what a configuration asks for.
    #[must_use]
    pub fn of(enrichment: &Enrichment) -> Self {
        let databases = enrichment.as_databases.iter();
        Self {
            static_prefixes: enrichment
                .static_prefixes
                .iter()
                .map(static_prefix)
                .collect(),
            as_databases: databases.map(|database| database.path.clone()).collect(),
            mrt_files: enrichment.mrt_files.clone(),
        }
    }
}

fn static_prefix(written: &config::StaticPrefix) -> StaticPrefix {
    let prefix = Prefix::new(written.prefix.network(), written.prefix.prefix_len());
    StaticPrefix {
        prefix: prefix.expect("invariant: an IpNet's length is one of its family"),
        asn: written.asn,
        name: written.name.clone(),
    }
}

/// Where the prefixes of a source stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the configuration.
    Configuration,
    /// In this file.
    File(PathBuf),
    /// In the program.
    Shipped,
    /// What routers say over `bgp` or `bmp`, the best of each route.
    Live(Provider),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration => f.write_str("enrichment.static_prefixes"),
            Self::File(path) => path.display().fmt(f),
            Self::Shipped => f.write_str("the snapshot shipped with this program"),
            Self::Live(provider) => {
                write!(f, "live routes over {}", provider.name().to_uppercase())
            }
        }
    }
}

/// The prefixes of one file, or of the configuration.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where they stood.
    pub origin: Origin,
    /// As whose answers they count.
    pub provider: Provider,
    /// The prefixes.
    pub entries: Entries,
    /// The day on which it was made, if anything says so.
    pub made: Option<Date>,
    /// What it is in a word.
    pub format: &'static str,
}

impl Source {
    /// Returns how old it is in days; `None` if nothing says.
    #[must_use]
    pub fn age_days(&self, now: SystemTime) -> Option<u64> {
        age_days(self.made, now)
    }
}

/// How old data are that were made on a day; `None` if nothing says.
fn age_days(made: Option<Date>, now: SystemTime) -> Option<u64> {
    made.map(|made| days_between(made, Date::of(now)))
}

/// A sentence about the age of data from there if that is a reason to act.
fn age_warning(origin: &Origin, made: Option<Date>, now: SystemTime) -> Option<String> {
    let days = age_days(made, now)?;
    match origin {
        Origin::File(path) if days > FILE_AGE_DAYS_MAX => Some(format!(
            "{}: {days} days old; fetch a newer one, prefixes move every day",
            path.display()
        )),
        Origin::Shipped if days > SHIPPED_AGE_DAYS_MAX => Some(format!(
            "the AS data shipped with this program are {days} days old; update the program, \
             or name a file in enrichment.as_databases"
        )),
        Origin::File(_) | Origin::Shipped | Origin::Configuration | Origin::Live(_) => None,
    }
}

/// What the routers with these addresses say themselves, in one table.
pub type OwnOfRouters = BTreeMap<IpAddr, Vec<OwnRoutes>>;

/// All sources, in the order in which they are asked within their provider.
#[derive(Debug, Default)]
pub struct Sources {
    /// What they say about prefixes.
    pub list: Vec<Source>,
    /// What they call the AS numbers.
    pub names: AsNames,
    /// What single routers say, for their own records.
    own: Vec<(IpAddr, Provider, Arc<Kept>)>,
    /// Whether names were left out because there were too many.
    names_cut: bool,
}

impl Sources {
    /// Reads everything that is wanted.
    ///
    /// # Errors
    /// The fault of each source that is missing, unreadable, broken or too large; nothing is used
    /// then.
    pub fn load(wanted: &Wanted) -> Result<Self, Vec<SourceFault>> {
        let mut sources = Self::default();
        let mut faults = Vec::new();
        let mut add = |loaded| match loaded {
            Ok((source, names)) => faults.extend(sources.add(source, &names).err()),
            Err(fault) => faults.push(fault),
        };
        if !wanted.static_prefixes.is_empty() {
            add(from_configuration(&wanted.static_prefixes));
        }
        for path in &wanted.mrt_files {
            add(files::load_dump(path));
        }
        for path in &wanted.as_databases {
            add(files::load(path));
        }
        if wanted.as_databases.is_empty() {
            add(shipped::load());
        }
        if faults.is_empty() {
            Ok(sources)
        } else {
            Err(faults)
        }
    }

    /// Returns a sentence for each source that is too old, and for names that were not kept.
    #[must_use]
    pub fn warnings(&self, now: SystemTime) -> Vec<String> {
        let ages = self
            .list
            .iter()
            .filter_map(|source| age_warning(&source.origin, source.made, now));
        let names = self.names_cut.then(|| {
            "the AS databases name more AS than are kept; the last ones stay without a name".into()
        });
        ages.chain(names).collect()
    }

    /// Freezes all prefixes into the table; the names come back beside it.
    ///
    /// # Errors
    /// `TooManyEntries` never, as `load` refuses the source that would be too much.
    pub fn into_table(self) -> Result<(AsDb, AsNames), TooManyEntries> {
        let (as_db, names, _) = self.into_table_with_own()?;
        Ok((as_db, names))
    }

    /// As [`Sources::into_table`], with what single routers say themselves.
    fn into_table_with_own(self) -> Result<(AsDb, AsNames, OwnOfRouters), TooManyEntries> {
        let mut builder = Builder::new();
        for (index, source) in (0..).zip(self.list) {
            builder.add_all(source.provider, index, source.entries)?;
        }
        let mut own = OwnOfRouters::new();
        for (router, provider, kept) in self.own {
            // Routers beyond the limit are heard with all others, and have no say of their own.
            if let Ok(routes) = builder.add_own(provider, kept.entries()) {
                own.entry(router).or_default().push(routes);
            }
        }
        Ok((builder.build(), self.names, own))
    }

    /// Of two names for one AS the first stays: the operator's, then that of the first file.
    fn add(&mut self, source: Source, names: &AsNames) -> Result<(), SourceFault> {
        let of_provider = self
            .list
            .iter()
            .filter(|known| known.provider == source.provider);
        let entries_count: usize = of_provider.map(|known| known.entries.len()).sum();
        if entries_count + source.entries.len() > ENTRIES_MAX {
            return Err(SourceFault::TooManyEntries {
                origin: source.origin,
            });
        }
        // Names are an ornament: those beyond the limit are no reason to refuse the prefixes.
        self.names_cut |= self.names.merge(names).is_err();
        self.list.push(source);
        Ok(())
    }
}

fn from_configuration(prefixes: &[StaticPrefix]) -> Result<(Source, AsNames), SourceFault> {
    let mut entries = Entries::new();
    let mut names = AsNames::new();
    for StaticPrefix { prefix, asn, name } in prefixes {
        let name = name.as_deref().unwrap_or_default();
        let pushed = entries.push(*prefix, *asn).is_ok() && names.insert(*asn, name).is_ok();
        if !pushed {
            return Err(SourceFault::TooManyEntries {
                origin: Origin::Configuration,
            });
        }
    }
    let source = Source {
        origin: Origin::Configuration,
        provider: Provider::Static,
        entries,
        made: None,
        format: "configuration",
    };
    Ok((source, names))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::about::KeptSource;
    use super::*;

    fn kept(origin: Origin, provider: Provider, entries: &[(&str, u32)]) -> KeptSource {
        let mut list = Entries::new();
        for (prefix, asn) in entries {
            list.push(prefix.parse().unwrap(), Asn(*asn)).unwrap();
        }
        KeptSource::of(&Source {
            origin,
            provider,
            entries: list,
            made: Some(Date::of_civil(2026, 1, 1)),
            format: "test",
        })
    }

    fn days_later(days: u64) -> SystemTime {
        let made = Duration::from_secs(1_767_225_600);
        SystemTime::UNIX_EPOCH + made + Duration::from_secs(days * 86_400)
    }

    #[test]
    fn age_is_a_warning_for_files_of_90_days_and_the_snapshot_of_18_months() {
        let warns = |origin, days| {
            let made = Some(Date::of_civil(2026, 1, 1));
            age_warning(&origin, made, days_later(days)).is_some()
        };
        let file = || Origin::File("asn.mmdb".into());
        assert!(!warns(file(), 90));
        assert!(warns(file(), 91));
        assert!(!warns(Origin::Shipped, 548));
        assert!(warns(Origin::Shipped, 549));
    }

    #[test]
    fn only_the_operator_is_asked_about_addresses_without_origin() {
        let address = "10.1.2.3".parse().unwrap();
        let entries = [("10.0.0.0/8", 64512), ("10.1.0.0/16", 64500)];
        let database = kept(Origin::Shipped, Provider::Database, &entries);
        assert_eq!(database.answer(address), None);
        let own = kept(Origin::Configuration, Provider::Static, &entries);
        assert_eq!(own.answer(address).unwrap().asn, Asn(64500));
    }

    #[test]
    fn prefixes_of_the_operator_and_their_names_come_first() {
        let wanted = Wanted {
            static_prefixes: vec![StaticPrefix {
                prefix: "1.1.1.0/24".parse().unwrap(),
                asn: Asn(13335),
                name: Some("our resolver".into()),
            }],
            as_databases: vec![],
            mrt_files: vec![],
        };
        let sources = Sources::load(&wanted).unwrap();
        let origins: Vec<_> = sources.list.iter().map(|source| &source.origin).collect();
        assert_eq!(origins, [&Origin::Configuration, &Origin::Shipped]);
        let (table, names) = sources.into_table().unwrap();
        assert_eq!(names.of(Asn(13335)), Some("our resolver"));
        let answers = table.answers(table.lookup("1.1.1.1".parse().unwrap()));
        assert_eq!(answers.of(Provider::Static), Some(Asn(13335)));
        assert!(answers.of(Provider::Database).is_some());
    }

    #[test]
    fn every_missing_file_is_named() {
        let wanted = Wanted {
            static_prefixes: vec![],
            as_databases: vec!["no/such/one".into(), "no/such/other".into()],
            mrt_files: vec![],
        };
        let faults = Sources::load(&wanted).unwrap_err();
        let [one, other] = &faults[..] else {
            panic!("{faults:?}");
        };
        assert!(one.to_string().starts_with("no/such/one: "), "{one}");
        assert!(other.to_string().starts_with("no/such/other: "), "{other}");
    }
}
