//! Live routes: the sessions with routers, on one thread that owns all their tables.
//!
//! Nobody else sees the tables. Whoever explains an address asks; the table for traffic gets lists
//! of origins, at most one a second and no more than a quarter of the time it takes to use them.
//!
//! | part | what it does |
//! |---|---|
//! | `bgp`, `bmp` | sockets: octets to and from the machines of `routefeed` |
//! | `hub` | what came of it: tables, sessions, events |
//! | `settings` | whom we hear, also when that changes |
//! | `show` | answers for people and programs |
//!
//! Not here: protocols and tables (`routefeed`), the lookup (`asdb`).
//! Bound: `routefeed::rib::Limits`; [`bmp::ROUTERS_MAX`] routers over BMP, as many over BGP as the
//! configuration names; [`QUESTIONS_MAX`] questions that wait.

mod bgp;
mod bmp;
mod hub;
mod listen;
mod settings;
mod show;

use std::cell::RefCell;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use asdb::{Kept, Provider, Reserved};
use routefeed::rib::Ribs;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::LocalSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::control::facts::Facts;
use crate::control::told::Form;
use crate::io::background::{be_modest, give_back_memory};
use crate::io::state_file::StateDir;
use crate::sources::about::KeptSource;
use crate::sources::live::{Live, Outbox};
use crate::sources::{Origin, Source};

use hub::Hub;
pub use settings::Settings;

/// Questions that wait for the thread.
pub const QUESTIONS_MAX: usize = 64;
/// How long an answer may take: a list of origins is made meanwhile.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked whether the table for traffic is old.
const PUBLISH_INTERVAL: Duration = Duration::from_secs(1);
/// A table is made anew only when so many times the time that it took has passed.
const REST_PER_TABLE: u32 = 4;
/// How often routes are saved.
const SAVE_INTERVAL: Duration = Duration::from_secs(300);
/// How long sessions are given to say that we stop.
const STOP_PATIENCE: Duration = Duration::from_millis(500);

/// What may be asked.
#[derive(Debug)]
pub(crate) enum Question {
    /// The sessions over BGP.
    Bgp(Form, oneshot::Sender<String>),
    /// The routers over BMP.
    Bmp(Form, oneshot::Sender<String>),
    /// What the tables have for an address.
    About(IpAddr, oneshot::Sender<Vec<RouteRemark>>),
}

/// A route, for whoever asks about an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRemark {
    /// As whose answer it counts.
    pub provider: Provider,
    /// The router that told it.
    pub router: String,
    /// Its peer and its table, where it tells those of others; its VRF.
    pub table: String,
    /// The addresses.
    pub prefix: String,
    /// The AS path.
    pub path: String,
    /// Where the traffic would go.
    pub next_hop: Option<String>,
    /// Its communities.
    pub communities: Vec<String>,
    /// How long it is as it is, in seconds.
    pub age_s: u64,
    /// Whether its session was lost and it was not told again.
    pub is_stale: bool,
}

/// Where questions go.
#[derive(Clone, Debug)]
pub struct Asking(mpsc::Sender<Question>);

/// Where they are answered.
#[derive(Debug)]
pub struct Asked(mpsc::Receiver<Question>);

/// Returns both ends.
#[must_use]
pub fn questions() -> (Asking, Asked) {
    let (sender, receiver) = mpsc::channel(QUESTIONS_MAX);
    (Asking(sender), Asked(receiver))
}

impl Default for Asking {
    /// Nobody answers.
    fn default() -> Self {
        questions().0
    }
}

impl Asking {
    /// Returns what there is to say about the sessions of a provider.
    pub async fn sessions(&self, provider: Provider, form: Form) -> String {
        let (answer, answered) = oneshot::channel();
        let question = match provider {
            Provider::Bmp => Question::Bmp(form, answer),
            _ => Question::Bgp(form, answer),
        };
        let nothing = || match form {
            Form::Text => "the thread of live routes is busy; ask again\n".to_owned(),
            Form::Json => "null\n".to_owned(),
        };
        if self.0.try_send(question).is_err() {
            return nothing();
        }
        let answer = timeout(ANSWER_PATIENCE, answered).await;
        answer.ok().and_then(Result::ok).unwrap_or_else(nothing)
    }

    /// Returns the routes that speak of an address, the best first; none if nobody answers.
    pub async fn about(&self, address: IpAddr) -> Vec<RouteRemark> {
        let (answer, answered) = oneshot::channel();
        if self.0.try_send(Question::About(address, answer)).is_err() {
            return Vec::new();
        }
        let answer = timeout(ANSWER_PATIENCE, answered).await;
        answer.ok().and_then(Result::ok).unwrap_or_default()
    }
}

/// What the thread needs.
#[derive(Debug)]
pub struct Start {
    /// Whom the operator wants heard, and every change of that.
    pub settings: watch::Receiver<Settings>,
    /// Where routers reach us.
    pub listen_address: IpAddr,
    /// What others publish, and where events go.
    pub facts: Arc<Facts>,
    /// Where questions come from.
    pub asked: Asked,
    /// Where lists of origins go.
    pub outbox: Outbox,
    /// Where routes are saved.
    pub state_dir: StateDir,
    /// Tells when it is over.
    pub stop: oneshot::Receiver<()>,
}

/// Hears routers until it is told to stop.
pub fn run(start: Start) {
    if let Err(error) = be_modest() {
        tracing::warn!("live routes have the priority of everything else: {error}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => LocalSet::new().block_on(&runtime, work(start)),
        Err(error) => tracing::error!("no live routes: {error}"),
    }
}

async fn work(start: Start) {
    let Start {
        mut settings,
        listen_address,
        facts,
        asked,
        outbox,
        state_dir,
        stop,
    } = start;
    let hub = Rc::new(RefCell::new(Hub::new(&settings.borrow(), facts)));
    hub.borrow_mut().take_settings(&settings.borrow());
    if settings.borrow().is_anybody_heard() {
        restore(&hub, &state_dir);
    }
    tokio::select! {
        _ = stop => {}
        () = hear(&hub, &mut settings, listen_address) => {}
        () = answer(&hub, asked) => {}
        () = publish(&hub, outbox) => {}
        () = save(&hub, &state_dir) => {}
    }
    hub.borrow_mut().stop_all();
    let begun = Instant::now();
    while hub.borrow().has_connections() && begun.elapsed() < STOP_PATIENCE {
        sleep(Duration::from_millis(5)).await;
    }
    // Routes of before are left alone where nobody was heard.
    if hub.borrow().changes_count() > 0 || settings.borrow().is_anybody_heard() {
        let octets = hub.borrow().encode();
        state_dir.save_routes(&octets);
    }
}

/// Hears whom the operator wants heard at this time. Another decision opens the ports anew, with
/// the passwords that count then; sessions that are up go on.
async fn hear(
    hub: &Rc<RefCell<Hub>>,
    settings: &mut watch::Receiver<Settings>,
    listen_address: IpAddr,
) {
    loop {
        let current = settings.borrow_and_update().clone();
        hub.borrow_mut().take_settings(&current);
        let changed = tokio::select! {
            changed = settings.changed() => changed,
            () = bgp::hear(hub, listen_address) => return,
            () = bgp::connect_all(hub) => return,
            () = bmp::hear(hub, listen_address, &current.bmp) => return,
        };
        if changed.is_err() {
            // Nobody decides any more: we are about to be stopped.
            return std::future::pending().await;
        }
    }
}

/// Takes back what was saved; what cannot be used is said.
fn restore(hub: &Rc<RefCell<Hub>>, state_dir: &StateDir) {
    match state_dir.load_routes() {
        Ok(Some(octets)) => hub.borrow_mut().restore(&octets),
        Ok(None) => {}
        Err(fault) => tracing::error!("{fault}"),
    }
}

async fn answer(hub: &Rc<RefCell<Hub>>, mut asked: Asked) {
    while let Some(question) = asked.0.recv().await {
        let hub = hub.borrow();
        // Whoever does not wait any more needs no answer.
        match question {
            Question::Bgp(form, answer) => drop(answer.send(show::bgp(&hub, form))),
            Question::Bmp(form, answer) => drop(answer.send(show::bmp(&hub, form))),
            Question::About(address, answer) => drop(answer.send(show::about(&hub, address))),
        }
    }
    std::future::pending().await
}

/// Gives lists of origins away whenever they are old, and lets go of what nobody confirmed.
async fn publish(hub: &Rc<RefCell<Hub>>, outbox: Outbox) {
    let mut times = interval(PUBLISH_INTERVAL);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut given: Option<Instant> = None;
    loop {
        times.tick().await;
        let mut hub = hub.borrow_mut();
        hub.expire();
        let rest = REST_PER_TABLE * outbox.took();
        let is_rested = given.is_none_or(|given| given.elapsed() >= rest);
        if !hub.ribs.is_changed() || !outbox.has_room() || !is_rested {
            continue;
        }
        hub.tell_origin_changes();
        outbox.give(live(&hub.ribs));
        hub.ribs.made_anew();
        given = Some(Instant::now());
        give_back_memory();
    }
}

/// Returns what routers say now.
fn live(ribs: &Ribs) -> Live {
    let mut live = Live::default();
    for provider in [Provider::Bgp, Provider::Bmp] {
        let mut sources = ribs.sources();
        sources.retain(|source| source.provider == provider);
        if sources.is_empty() {
            continue;
        }
        let Ok(entries) = ribs.origins(|source| source.provider == provider) else {
            tracing::error!("live routes: more prefixes than a source may hold; none are used");
            continue;
        };
        live.all.push(Arc::new(KeptSource::of(&Source {
            origin: Origin::Live(provider),
            provider,
            entries,
            made: None,
            format: "live routes",
        })));
        // What the only router says is what all say.
        for of in sources.iter().filter(|_| sources.len() > 1) {
            if let Ok(entries) = ribs.origins(|source| source == of) {
                let kept = Kept::of(&entries, Reserved::of(provider));
                live.own.push((of.router, provider, Arc::new(kept)));
            }
        }
    }
    live
}

async fn save(hub: &Rc<RefCell<Hub>>, state_dir: &StateDir) {
    let mut saved = None;
    loop {
        sleep(SAVE_INTERVAL).await;
        let changes = hub.borrow().changes_count();
        if saved != Some(changes) {
            let octets = hub.borrow().encode();
            state_dir.save_routes(&octets);
            saved = Some(changes);
        }
    }
}

/// Returns the error of a socket with what may help.
fn remedy(error: &io::Error, key: &str) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("{error}; grant CAP_NET_BIND_SERVICE, or choose another port in {key}")
        }
        io::ErrorKind::AddrInUse => {
            format!("{error}; stop whoever listens there, or choose another port in {key}")
        }
        _ => error.to_string(),
    }
}
