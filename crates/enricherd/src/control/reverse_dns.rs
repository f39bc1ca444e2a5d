//! Names of addresses that reports and tools show, from the DNS.
//!
//! Whoever makes a report gets the names that are known at that moment and never waits; what is
//! not known is asked for meanwhile and is there for the next report. Private addresses are asked
//! for too: their names are those that operators know best.
//!
//! Not here: anything on the way of a Message; names of collectors (`control::resolve`).
//! Bound: [`NAMES_MAX`] names, [`ASKING_MAX`] questions that wait for an answer, of them
//! [`AT_ONCE_MAX`] at the name servers; what is above is not asked for and counted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::ResolverOpts;
use hickory_resolver::proto::rr::RData;
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

/// Names that are remembered; above it the one that expires first goes.
pub const NAMES_MAX: usize = 4096;
/// Questions that wait for an answer.
pub const ASKING_MAX: usize = 256;
/// Questions that the name servers have at once.
pub const AT_ONCE_MAX: usize = 8;

/// How long a name server may think, and how often it is asked.
const SERVER_PATIENCE: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 2;
/// How long an answer counts, whatever it says of itself.
const VALID_MIN: Duration = Duration::from_secs(60);
const VALID_MAX: Duration = Duration::from_secs(3600);
/// How long it counts that there is no name, or no answer.
const NAMELESS: Duration = Duration::from_secs(300);

/// What is known of an address.
#[derive(Clone, Debug)]
enum Known {
    /// It was asked for.
    Asking,
    /// It has this name, or none.
    Answered(Option<Arc<str>>, Instant),
}

/// Names of addresses.
#[derive(Clone, Debug, Default)]
pub struct ReverseDns(Option<Arc<Names>>);

#[derive(Debug)]
struct Names {
    resolver: OnceLock<Option<TokioResolver>>,
    names_max: usize,
    known: Mutex<HashMap<IpAddr, Known>>,
    at_once: Semaphore,
    answered: Notify,
    unasked: AtomicU64,
}

impl ReverseDns {
    /// Returns names from the name servers of the system.
    #[must_use]
    pub fn of_system() -> Self {
        Self::with(OnceLock::new(), NAMES_MAX)
    }

    fn with(resolver: OnceLock<Option<TokioResolver>>, names_max: usize) -> Self {
        Self(Some(Arc::new(Names {
            resolver,
            names_max,
            known: Mutex::new(HashMap::new()),
            at_once: Semaphore::new(AT_ONCE_MAX),
            answered: Notify::new(),
            unasked: AtomicU64::new(0),
        })))
    }

    /// Returns the name of an address, if it is known now; else has it asked for. To be called in
    /// a runtime of `tokio`.
    #[must_use]
    pub fn known(&self, address: IpAddr) -> Option<Arc<str>> {
        let names = self.0.as_ref()?;
        match names.look(address) {
            Some(Known::Answered(name, _)) => name,
            Some(Known::Asking) | None => None,
        }
    }

    /// Returns the name of an address, and waits for it for at most `patience`.
    pub async fn within(&self, address: IpAddr, patience: Duration) -> Option<Arc<str>> {
        let names = self.0.as_ref()?;
        let wait = async {
            loop {
                let mut answered = std::pin::pin!(names.answered.notified());
                // From here on no answer is missed.
                answered.as_mut().enable();
                match names.look(address) {
                    Some(Known::Answered(name, _)) => return name,
                    Some(Known::Asking) => answered.await,
                    None => return None,
                }
            }
        };
        timeout(patience, wait).await.ok().flatten()
    }

    /// Returns how many addresses were not asked for because too many questions waited.
    #[must_use]
    pub fn unasked_count(&self) -> u64 {
        let names = self.0.as_ref();
        names.map_or(0, |names| names.unasked.load(Ordering::Relaxed))
    }
}

impl Names {
    /// Returns what is known; what is not is asked for, unless too many questions wait.
    fn look(self: &Arc<Self>, address: IpAddr) -> Option<Known> {
        let address = address.to_canonical();
        let now = Instant::now();
        let mut known = self.lock();
        match known.get(&address) {
            Some(Known::Answered(_, until)) if *until <= now => {}
            Some(found) => return Some(found.clone()),
            None => {}
        }
        let asking = known.values().filter(|one| matches!(one, Known::Asking));
        if asking.count() >= ASKING_MAX {
            self.unasked.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        make_room(&mut known, self.names_max);
        known.insert(address, Known::Asking);
        drop(known);
        let names = Arc::clone(self);
        tokio::spawn(async move { names.ask(address).await });
        Some(Known::Asking)
    }

    async fn ask(&self, address: IpAddr) {
        let place = self.at_once.acquire().await;
        let resolver = self.resolver.get_or_init(of_system).as_ref();
        let answer = match resolver {
            Some(resolver) => name_of(resolver, address).await,
            None => None,
        };
        drop(place);
        let (name, valid) = match answer {
            Some((name, valid)) => (Some(name), valid.clamp(VALID_MIN, VALID_MAX)),
            None => (None, NAMELESS),
        };
        let answered = Known::Answered(name, Instant::now() + valid);
        self.lock().insert(address, answered);
        self.answered.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of answers the one that expires first goes; questions are fewer than there is room for.
fn make_room(known: &mut HashMap<IpAddr, Known>, names_max: usize) {
    if known.len() < names_max {
        return;
    }
    let answers = known.iter().filter_map(|(address, one)| match one {
        Known::Answered(_, until) => Some((*until, *address)),
        Known::Asking => None,
    });
    if let Some((_, first)) = answers.min() {
        known.remove(&first);
    }
}

fn of_system() -> Option<TokioResolver> {
    let built = TokioResolver::builder_tokio().and_then(|builder| {
        let mut builder = builder;
        set(builder.options_mut());
        builder.build()
    });
    built
        .inspect_err(|error| {
            tracing::warn!(
                "enrichment.reverse_dns: {error}; no names are shown until /etc/resolv.conf names \
                 a server and this program is started again"
            );
        })
        .ok()
}

fn set(options: &mut ResolverOpts) {
    options.timeout = SERVER_PATIENCE;
    options.attempts = ATTEMPTS;
    // What was answered is remembered here.
    options.cache_size = 0;
}

/// Returns the first name, without the last dot, and how long it counts.
async fn name_of(resolver: &TokioResolver, address: IpAddr) -> Option<(Arc<str>, Duration)> {
    let found = resolver.reverse_lookup(address).await.ok()?;
    found.answers().iter().find_map(|record| {
        let RData::PTR(name) = &record.data else {
            return None;
        };
        let name = name.to_ascii();
        let name = name.trim_end_matches('.');
        let valid = Duration::from_secs(record.ttl.into());
        (!name.is_empty()).then(|| (name.into(), valid))
    })
}

#[cfg(test)]
mod tests;
