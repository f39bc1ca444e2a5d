//! The daemon: builds the parts, starts them, and stops them in reverse.
//!
//! Only an unusable input socket stops the start, as an invalid configuration did before. Whatever
//! else fails is said once, and the traffic flows.
//!
//! | thread | what it does |
//! |---|---|
//! | `worker-0` and so on | moves datagrams of its exporters (`pipeline::worker`) |
//! | `files` | writes state and datagrams that we failed over |
//! | `sources` | looks after AS data and builds new tables (`daemon::knowledge`) |
//! | `stream` | writes to one collector that is reached over a connection (`pipeline::streams`) |
//! | `routes` | hears routers over BGP and BMP, if any are configured (`control::routes`) |
//! | `control` | statistics, names of collectors, the times for all of it (`control`) |
//!
//! Not here: the command line and signals (`cli::run`), Messages (`mediator`).

mod crew;
mod hearing;
mod identities;
mod knowledge;
mod probes;
mod state;
mod streams;
mod timers;

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use crew::{Crew, Orders};
use hearing::Hearing;
use knowledge::Knowledge;
use mediator::Silent;
use socket2::Socket;
use streams::Streams;
use tokio::sync::oneshot;

use crate::config::changes::Changes;
use crate::config::{Config, EVERYONE_MAY_SEND};
use crate::control::events::{Events, Severity};
use crate::control::facts::Facts;
use crate::control::faults;
use crate::control::health;
use crate::control::health::Looked;
use crate::control::ledger::SharedLedger;
use crate::control::pulse::SharedPulse;
use crate::control::reach::Healths;
use crate::control::reload;
use crate::control::resolve::{Addresses, resolve_within};
use crate::control::reverse_dns::ReverseDns;
use crate::control::routes::{self, Asking};
use crate::control::standing::SharedStanding;
use crate::control::told::Told;
use crate::io::clock::Clock;
use crate::io::instance::Instance;
use crate::io::open::{Input, InputError, input, resumed};
use crate::io::service;
use crate::io::state_file::StateDir;
use crate::io::steering::Steering;
use crate::io::udp::raise_open_files;
use crate::pipeline::apart::Apart;
use crate::pipeline::known::SharedKnown;
use crate::pipeline::outlets::Outlets;
use crate::pipeline::page::{Numbers, Pages};
use crate::pipeline::settings;
use crate::pipeline::streams::StreamSender;
use crate::pipeline::worker::{Handover, Order, Start, Worker};

use crate::sources::geo::{Follower, SharedPlaces};
use crate::sources::live::Stop;
/// How long the start waits for names of collectors.
const NAMES_PATIENCE: Duration = Duration::from_secs(3);
/// How long the start waits for the service manager to let go of sockets, and how often it looks.
const RELEASE_PATIENCE: Duration = Duration::from_secs(5);
const RELEASE_STEP: Duration = Duration::from_millis(20);
/// Files that a process may usually open.
const FILES_USUAL: u64 = 1024;
/// States and datagrams of each worker that wait for the disk.
const HANDOVERS_PER_WORKER: usize = 4;

/// Why the daemon cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// One of us is there already.
    #[error(
        "another ipfix-enricher (process {pid}) listens at {address} (UDP); stop it first, or \
         choose another general.listen_port"
    )]
    AnotherInstance {
        /// Where we were to listen.
        address: SocketAddr,
        /// The other one's process ID.
        pid: u32,
    },
    /// The input cannot be opened.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The system gives no thread.
    #[error("a thread could not be started: {0}")]
    Thread(io::Error),
}

/// A daemon that runs.
#[derive(Debug)]
pub struct Daemon {
    bound: SocketAddr,
    /// Where telnet and HTTP are.
    answers_bound: (Option<SocketAddr>, Option<SocketAddr>),
    pages: Pages,
    knowledge: Knowledge,
    orders: Orders,
    crew: Crew,
    streams: Streams,
    files: JoinHandle<()>,
    control: JoinHandle<()>,
    stop_control: oneshot::Sender<()>,
    reloads: Option<reload::Requests>,
    facts: Arc<Facts>,
    hearing: Hearing,
    /// Ends the thread `sources` when it goes.
    _stop_sources: Stop,
    _instance: Option<Instance>,
}

impl Daemon {
    /// Starts the daemon.
    ///
    /// # Errors
    /// The input cannot be opened, by whomever it is taken.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let started = Instant::now();
        let input = open(&config)?;
        let (instance, workers_count) = (claim(input.bound), input.steering.workers_count());
        remark(&config, &input);
        let (knowledge, places) = (Knowledge::begin(&config), SharedPlaces::default());
        let mut state_dir = StateDir::new(config.general.state_dir.clone(), input.bound.port());
        let (outlets, addresses, own_addresses) = recipients(&config, &mut state_dir);
        let (orders, ordered) = Orders::for_all(workers_count);
        let (clock, (reload, reloads)) = (Clock::start(), reload::channel());
        let (streams, senders) = Streams::start(&config, &outlets.destinations, clock)?;
        let pages = Pages::new(workers_count).with_streams(streams.pages());
        let (asking, asked) = routes::questions();
        let (handover, handed) = sync_channel(HANDOVERS_PER_WORKER * workers_count);
        let told = told(&config, &knowledge, places.clone(), asking);
        let of = (pages.clone(), started, clock);
        let facts = Arc::new(facts(told, &knowledge, of, reload));
        let timers = timers::Timers {
            facts: Arc::clone(&facts),
            places: Follower::new(config.enrichment.clone(), places),
            orders: orders.clone(),
            destinations: outlets.destinations.clone(),
            addresses,
            stats_interval: config.performance.stats_interval,
        };
        let standing = facts.standing.clone();
        let ports = timers::Ports::open(&config, &standing);
        let answers_bound = ports.bound();
        let common = Common {
            steering: input.steering,
            outlets,
            streams: senders,
            own_addresses,
            state: state::load(&state_dir),
            known: knowledge.known().clone(),
            clock,
            handover,
        };
        // The workers are not there yet, so there is room.
        orders.give(&Order::Readdress(timers.addresses.list.clone()));
        let sockets = input.sockets.into_iter().zip(ordered);
        let starts = starts(&config, common, sockets, &pages);
        let crew = Crew::start(starts.map(|start| worker(&config, start)))?;
        let (stop_control, stop) = oneshot::channel();
        let (stop_sources, outbox, watch) = knowledge.clone().watch();
        spawn("sources", watch)?;
        let heard = (Arc::clone(&facts), asked, outbox);
        let hearing = Hearing::start(&config, heard, input.bound.port())?;
        let daemon = Self {
            bound: input.bound,
            answers_bound,
            pages,
            knowledge,
            orders,
            crew,
            streams,
            files: spawn("files", move || {
                state::write(state_dir, &handed, workers_count, &standing);
            })?,
            control: spawn("control", move || timers::run(timers, ports, stop))?,
            stop_control,
            reloads: Some(reloads),
            facts,
            hearing,
            _stop_sources: stop_sources,
            _instance: instance,
        };
        say_listening(input.bound, workers_count);
        Ok(daemon)
    }

    /// Where it listens.
    #[must_use]
    pub const fn bound(&self) -> SocketAddr {
        self.bound
    }

    /// Where its statistics are, if that port was free.
    #[must_use]
    pub const fn stats_bound(&self) -> Option<SocketAddr> {
        self.answers_bound.0
    }

    /// Where its metrics are, if they are wanted and that port was free.
    #[must_use]
    pub const fn metrics_bound(&self) -> Option<SocketAddr> {
        self.answers_bound.1
    }

    /// Returns the index of a worker that has ended, which none does before it is told to.
    #[must_use]
    pub fn ended_worker(&self) -> Option<usize> {
        self.crew.ended()
    }

    /// Whether every worker makes progress.
    #[must_use]
    pub fn is_live(&self) -> bool {
        health::live(&self.facts).is_yes()
    }

    /// Its numbers at this moment.
    #[must_use]
    pub fn numbers(&self) -> Numbers {
        self.pages.everything()
    }

    /// Takes hold of the reloads that are asked for over telnet; the first who does answers them.
    pub const fn take_reloads(&mut self) -> Option<reload::Requests> {
        self.reloads.take()
    }

    /// Says that something happened, in the log and among the events.
    pub fn tell(&self, severity: Severity, name: &'static str, text: &str) {
        let at = self.facts.now();
        self.facts.events.tell(severity, name, at, text.to_owned());
    }

    /// Has the state written soon.
    pub fn save(&self) {
        self.orders.give(&Order::Save);
    }

    /// Takes a new configuration, but for what needs a restart, and reads the AS data again: all of
    /// it, or nothing.
    ///
    /// # Errors
    /// A sentence for each reason to refuse; nothing has changed then.
    pub fn reload(&self, config: &Config) -> Result<Changes, Vec<String>> {
        let changes = self.knowledge.reload(config)?;
        self.hearing.take(&self.knowledge.config().load());
        Ok(changes)
    }

    /// Takes what has come, sends what waits, saves and ends.
    #[must_use]
    pub fn stop(self) -> Numbers {
        let Self {
            pages,
            orders,
            crew,
            streams,
            files,
            control,
            stop_control,
            hearing,
            ..
        } = self;
        orders.insist(&Order::Stop);
        crew.join();
        streams.end();
        if files.join().is_err() {
            tracing::error!("files: ended by a fault of this program");
        }
        // A thread that has ended needs no word.
        let _ = stop_control.send(());
        drop(control.join());
        hearing.stop();
        pages.everything()
    }
}

/// What whoever asks is answered from.
fn facts(
    told: Told,
    knowledge: &Knowledge,
    (pages, started, clock): (Pages, Instant, Clock),
    reload: reload::Port,
) -> Facts {
    let collectors_count = told.config.load().forwarding.collectors.len();
    Facts {
        pages,
        started,
        clock,
        told,
        events: Events::default(),
        healths: Healths::new(collectors_count, SystemTime::now()),
        faults: faults::last(),
        sources: knowledge.health().clone(),
        ledger: SharedLedger::default(),
        pulse: SharedPulse::default(),
        standing: SharedStanding::default(),
        reload,
        looked: Mutex::new(Looked::at(clock.now())),
    }
}

fn told(config: &Config, knowledge: &Knowledge, places: SharedPlaces, routes: Asking) -> Told {
    let names = if config.enrichment.reverse_dns {
        ReverseDns::of_system()
    } else {
        ReverseDns::default()
    };
    Told {
        config: Arc::clone(knowledge.config()),
        known: knowledge.known().clone(),
        about: knowledge.about().clone(),
        places,
        names,
        routes,
    }
}

/// What all workers are made of, besides the configuration.
struct Common {
    steering: Steering,
    outlets: Outlets,
    streams: Vec<Option<StreamSender>>,
    own_addresses: Vec<IpAddr>,
    state: Arc<[Vec<u8>]>,
    known: SharedKnown,
    clock: Clock,
    handover: SyncSender<Handover>,
}

/// Whom we send to, where they are, and which addresses are this host's own.
fn recipients(config: &Config, state_dir: &mut StateDir) -> (Outlets, Addresses, Vec<IpAddr>) {
    let destinations = Outlets::of(&config.forwarding, &[]).destinations;
    let addresses = resolve_within(&destinations, NAMES_PATIENCE);
    let identities = identities::choose_all(config, &destinations, &addresses.list, state_dir);
    let outlets = Outlets::of(&config.forwarding, &identities.choices);
    (outlets, addresses, identities.own_addresses)
}

/// What each worker begins with.
fn starts(
    config: &Config,
    common: Common,
    sockets: impl Iterator<Item = (Socket, Receiver<Order>)>,
    pages: &Pages,
) -> impl Iterator<Item = Start> {
    let collectors = &config.forwarding.collectors;
    let (mut settings, _) = settings::of(config, collectors, &common.known.load().as_db);
    let decisions = Arc::clone(&common.known.load().decisions);
    settings.limits = settings::limits_of(common.steering.workers_count());
    let sockets_max = crew::sockets_max(files_max(), common.steering.workers_count());
    settings.own_addresses.clone_from(&common.own_addresses);
    let apart = Arc::<Apart>::default();
    let sockets = sockets.zip(pages.iter()).enumerate();
    sockets.map(move |(index, ((socket, orders), page))| Start {
        index,
        steering: common.steering,
        apart: Arc::clone(&apart),
        socket,
        datagram_octets_max: usize::from(config.performance.datagram_octets_max),
        settings: settings.clone(),
        decisions: Arc::clone(&decisions),
        seed: RandomState::new().hash_one(index),
        outlets: common.outlets.clone(),
        streams: common.streams.clone(),
        sockets_max,
        state: Arc::clone(&common.state),
        known: common.known.clone(),
        clock: common.clock,
        page: Arc::clone(page),
        orders,
        handover: common.handover.clone(),
    })
}

/// Returns how many files this process may open; where it cannot be known, what is usual.
fn files_max() -> u64 {
    let raised = raise_open_files();
    raised
        .inspect_err(|error| tracing::warn!("the limit of open files could not be raised: {error}"))
        .unwrap_or(FILES_USUAL)
}

fn worker(config: &Config, start: Start) -> impl FnOnce() + Send + 'static {
    let performance = config.performance.clone();
    move || {
        crew::take_place(&performance, start.index);
        Worker::new(start, Silent).run();
    }
}

fn open(config: &Config) -> Result<Input, StartError> {
    let general = &config.general;
    let address = SocketAddr::new(general.listen_address, general.listen_port);
    let refuse = |pid| StartError::AnotherInstance { address, pid };
    let other = || Instance::pid_at(address).filter(|_| address.port() != 0);
    if let Some(pid) = other() {
        return Err(refuse(pid));
    }
    let workers = crew::wanted(&config.performance);
    let buffer_bytes = config.performance.receive_buffer_bytes;
    let kept = service::take_kept();
    let names: Vec<_> = kept.iter().map(|one| one.name.clone()).collect();
    let opened = match names.is_empty() {
        true => input(address, buffer_bytes, workers),
        false => resumed(kept, address, buffer_bytes, workers).or_else(|why| {
            tracing::warn!("the sockets of the process before are not used: {why}");
            service::release(&names);
            input_once_free(address, buffer_bytes, workers)
        }),
    };
    if let Ok(input) = &opened {
        service::keep(&input.sockets);
    }
    opened.map_err(|error| match error {
        // Two of us started at once, and the other was first.
        InputError::InUse { .. } => other().map_or_else(|| error.into(), refuse),
        error => error.into(),
    })
}

/// Waits for the service manager to let go of the port.
fn input_once_free(
    address: SocketAddr,
    receive_buffer_bytes: u32,
    workers: Steering,
) -> Result<Input, InputError> {
    let asked = Instant::now();
    loop {
        match input(address, receive_buffer_bytes, workers) {
            Err(InputError::InUse { .. }) if asked.elapsed() < RELEASE_PATIENCE => {
                thread::sleep(RELEASE_STEP);
            }
            outcome => return outcome,
        }
    }
}

fn claim(bound: SocketAddr) -> Option<Instance> {
    let claimed = Instance::claim(bound);
    claimed
        .inspect_err(|error| tracing::warn!("a second instance may not see this one: {error}"))
        .ok()
}

/// Says what the operator should know of what was opened.
fn remark(config: &Config, input: &Input) {
    for remark in &input.remarks {
        tracing::warn!("{remark}");
    }
    if config.general.allow_exporters.is_empty() {
        tracing::warn!("{EVERYONE_MAY_SEND}");
    }
}

fn say_listening(bound: SocketAddr, workers_count: usize) {
    let workers = ["workers", "worker"][usize::from(workers_count == 1)];
    tracing::info!("listening at {bound} (UDP), {workers_count} {workers}");
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(work).map_err(StartError::Thread)
}
