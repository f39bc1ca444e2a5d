//! The control thread: statistics for whoever asks, and what must be done every so often.
//!
//! Not here: answers (`control::stats`), looking up names (`control::resolve`).

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tracing::Level;

use super::crew::Orders;
use super::probes;
use crate::config::Config;
use crate::control::disagreements::Watch;
use crate::control::exporters;
use crate::control::facts::Facts;
use crate::control::reach::is_fatal;
use crate::control::resolve::{Addresses, resolve};
use crate::control::roll_call::{Moment, RollCall};
use crate::control::standing::SharedStanding;
use crate::control::stats;
use crate::control::telnet;
use crate::control::{health, http};
use crate::pipeline::outlets::Destination;
use crate::pipeline::page::{Numbers, TargetPage};
use crate::pipeline::worker::Order;
use crate::sources::geo::Follower;

/// How often the state is saved.
const SAVE_INTERVAL: Duration = Duration::from_secs(60);
/// How often it is looked what is wrong with collectors.
const TROUBLES_INTERVAL: Duration = Duration::from_secs(1);
/// How often it is noted how far the numbers are.
const PULSE_INTERVAL: Duration = Duration::from_secs(1);
/// After how many of these also each exporter's are.
const EXPORTERS_PULSE_SECONDS: u64 = 10;
/// How often names of collectors are looked up.
const NAMES_INTERVAL: Duration = Duration::from_secs(60);
/// The same while one has no address.
const NAMES_INTERVAL_IF_MISSING: Duration = Duration::from_secs(5);

/// How often it is looked for exporters that disagree with the table: the minute of their event.
const DISAGREEMENTS_INTERVAL: Duration = Duration::from_secs(60);
/// How often the file of places is looked at.
const PLACES_INTERVAL: Duration = Duration::from_secs(60);

/// What the control thread needs.
#[derive(Debug)]
pub(super) struct Timers {
    pub(super) facts: Arc<Facts>,
    pub(super) orders: Orders,
    pub(super) destinations: Vec<Destination>,
    pub(super) addresses: Addresses,
    pub(super) stats_interval: Duration,
    pub(super) places: Follower,
}

/// The ports at which the control thread answers, as far as they were free.
#[derive(Debug)]
pub(super) struct Ports {
    telnet: Option<TcpListener>,
    http: Option<TcpListener>,
}

impl Ports {
    /// Opens the ports; says of each that is taken what to do.
    pub(super) fn open(config: &Config, standing: &SharedStanding) -> Self {
        let Config {
            general, metrics, ..
        } = config;
        let open = |what, key, address| {
            let opened = listen(address).map_err(|error| {
                format!(
                    "{what} at {address} (TCP): {error}; free that port or set {key} to another"
                )
            });
            let fault = opened.as_ref().err().map(String::as_str);
            if let Some(fault) = fault {
                tracing::error!("{fault}");
            }
            standing.note(key, fault);
            opened.ok()
        };
        let stats = SocketAddr::new(general.stats_address, general.stats_port);
        let http = SocketAddr::new(metrics.address, metrics.port);
        Self {
            telnet: open("no statistics", "general.stats_port", stats),
            http: metrics
                .enabled
                .then(|| open("no metrics", "metrics.port", http))
                .flatten(),
        }
    }

    /// Where telnet and HTTP are.
    pub(super) fn bound(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        let bound = |listener: &Option<TcpListener>| listener.as_ref()?.local_addr().ok();
        (bound(&self.telnet), bound(&self.http))
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Does everything that belongs to the control thread, until it is told to stop.
pub(super) fn run(timers: Timers, ports: Ports, stop: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            runtime.block_on(work(timers, ports, stop));
            // A name that is being looked up is nobody's concern any more.
            runtime.shutdown_background();
        }
        Err(error) => {
            tracing::error!("no statistics, and no state is saved before the end: {error}")
        }
    }
}

async fn work(timers: Timers, ports: Ports, stop: oneshot::Receiver<()>) {
    let taken = |listener: TcpListener| tokio::net::TcpListener::from_std(listener).ok();
    if let Some(listener) = ports.telnet.and_then(taken) {
        tokio::spawn(telnet::serve(listener, Arc::clone(&timers.facts)));
    }
    if let Some(listener) = ports.http.and_then(taken) {
        tokio::spawn(http::serve(listener, Arc::clone(&timers.facts)));
    }
    let Timers {
        facts,
        orders,
        destinations,
        addresses,
        stats_interval,
        places,
    } = timers;
    tokio::select! {
        _ = stop => {}
        () = save(orders.clone()) => {}
        () = say_numbers(Arc::clone(&facts), stats_interval) => {}
        () = follow_collectors(Arc::clone(&facts), orders.clone()) => {}
        () = probes::ask_all(Arc::clone(&facts)) => {}
        () = feel_pulse(Arc::clone(&facts)) => {}
        () = watch_disagreements(facts) => {}
        () = follow_places(places) => {}
        () = follow_names(orders, destinations, addresses) => {}
    }
}

async fn save(orders: Orders) {
    let mut times = every(SAVE_INTERVAL);
    loop {
        times.tick().await;
        orders.give(&Order::Save);
    }
}

async fn say_numbers(facts: Arc<Facts>, interval: Duration) {
    let mut times = every(interval);
    let mut before = Numbers::default();
    loop {
        times.tick().await;
        let now = facts.pages.totals();
        tracing::info!("{}", stats::log_line(&before, &now, interval.as_secs()));
        before = now;
    }
}

/// Says what is wrong with a collector when it begins and when it is over, once for all workers,
/// and tells them which can be reached; in between the numbers tell.
async fn follow_collectors(facts: Arc<Facts>, orders: Orders) {
    let mut times = every(TROUBLES_INTERVAL);
    let mut before = Vec::new();
    loop {
        times.tick().await;
        let now = facts.pages.totals().targets;
        let changes = facts.healths.look(&now, &facts.events, SystemTime::now());
        if changes.any {
            orders.give(&Order::Reach {
                reachable: facts.healths.reachable(),
                recovered: changes.recovered,
            });
        }
        for (level, line) in troubles(&before, &now) {
            match level {
                Level::INFO => tracing::info!("{line}"),
                _ => tracing::warn!("{line}"),
            }
        }
        before = now;
    }
}

/// What does not make a collector be called down.
fn troubles(before: &[TargetPage], now: &[TargetPage]) -> Vec<(Level, String)> {
    let mild = |target: &TargetPage| target.trouble.filter(|one| !is_fatal(one.reason));
    let change = |(index, target): (usize, &TargetPage)| {
        let was = before.get(index).and_then(mild);
        let label = &target.label;
        match (was, mild(target)) {
            (None, Some(trouble)) => {
                let meaning = trouble.reason.meaning();
                Some((Level::WARN, format!("collector {label}: {meaning}")))
            }
            (Some(trouble), None) => {
                let seconds = trouble.last.since(trouble.since).div_ceil(1000);
                let line = format!("collector {label}: takes Messages again after {seconds} s");
                Some((Level::INFO, line))
            }
            _ => None,
        }
    };
    now.iter().enumerate().filter_map(change).collect()
}

/// Notes how far the numbers are, for rates, and who is there.
async fn feel_pulse(facts: Arc<Facts>) {
    let mut times = every(PULSE_INTERVAL);
    let mut seconds = 0_u64;
    let mut roll_call = RollCall::default();
    loop {
        let numbers = facts.pages.totals();
        facts.pulse.note(facts.clock.now().0, &numbers);
        health::note(&facts, &numbers);
        if seconds.is_multiple_of(EXPORTERS_PULSE_SECONDS) {
            let numbers = facts.with_lists().await;
            let now = facts.clock.now();
            facts.pulse.note_exporters(now.0, &numbers);
            let moment = Moment {
                events: &facts.events,
                now,
                wall: facts.now(),
            };
            roll_call.look(
                &exporters::of(&numbers, &facts),
                &facts.told.config.load(),
                moment,
            );
        }
        times.tick().await;
        seconds = seconds.wrapping_add(1);
    }
}

async fn watch_disagreements(facts: Arc<Facts>) {
    let mut times = every(DISAGREEMENTS_INTERVAL);
    let mut watch = Watch::default();
    loop {
        times.tick().await;
        let numbers = facts.with_lists().await;
        watch.look(&numbers, &facts.told, (&facts.events, SystemTime::now()));
    }
}

/// Reads the file of places at the start and whenever it is another one, in a thread of its own:
/// a large one takes seconds.
async fn follow_places(mut places: Follower) {
    if !places.is_wanted() {
        return std::future::pending().await;
    }
    loop {
        let look = tokio::task::spawn_blocking(move || {
            places.look();
            places
        });
        let Ok(after) = look.await else {
            tracing::error!("places: ended by a fault of this program");
            return std::future::pending().await;
        };
        places = after;
        sleep(PLACES_INTERVAL).await;
    }
}

async fn follow_names(orders: Orders, destinations: Vec<Destination>, mut addresses: Addresses) {
    let has_names = destinations.iter().any(|one| one.address().is_none());
    if !has_names {
        // The others never change.
        return std::future::pending().await;
    }
    loop {
        for fault in &addresses.faults {
            tracing::warn!("{fault}");
        }
        sleep(if addresses.are_complete() {
            NAMES_INTERVAL
        } else {
            NAMES_INTERVAL_IF_MISSING
        })
        .await;
        let (asked, before) = (destinations.clone(), addresses.clone());
        let looked_up = tokio::task::spawn_blocking(move || resolve(&asked, &before.list)).await;
        let Ok(mut now) = looked_up else {
            continue;
        };
        if now.list != addresses.list {
            tracing::info!(
                "a collector has another address: {}",
                shown(&destinations, &now)
            );
            orders.give(&Order::Readdress(now.list.clone()));
        }
        if now.faults == addresses.faults {
            // Said already.
            now.faults.clear();
        }
        addresses = now;
    }
}

fn shown(destinations: &[Destination], addresses: &Addresses) -> String {
    let pairs = destinations.iter().zip(&addresses.list);
    let named = pairs.filter(|(destination, _)| destination.address().is_none());
    let shown = named.map(|(destination, address)| match address {
        Some(address) => format!("{} is {address}", destination.label()),
        None => format!("{} has none", destination.label()),
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

#[cfg(test)]
mod tests {
    use mediator::Millis;

    use super::*;
    use crate::pipeline::target::{TargetCounters, Trouble, Unsent};

    fn target(trouble: Option<Trouble>) -> TargetPage {
        TargetPage {
            identity: crate::pipeline::identity::Identity::Own,
            label: "192.0.2.9:2055".to_owned(),
            address: None,
            counters: TargetCounters::default(),
            left_out: mediator::OutletCounters::default(),
            trouble,
            stream: None,
        }
    }

    #[test]
    fn what_is_wrong_with_a_collector_is_said_when_it_begins_and_when_it_is_over() {
        let well = [target(None)];
        let ill = [target(Some(Trouble {
            reason: Unsent::BufferFull,
            since: Millis(1000),
            last: Millis(3500),
        }))];
        assert_eq!(troubles(&[], &well), []);
        let [(Level::WARN, line)] = &troubles(&[], &ill)[..] else {
            panic!("a warning");
        };
        let expected = "collector 192.0.2.9:2055: Messages are dropped";
        assert!(line.starts_with(expected), "{line}");
        assert_eq!(troubles(&ill, &ill), []);
        let over = "collector 192.0.2.9:2055: takes Messages again after 3 s";
        assert_eq!(troubles(&ill, &well), [(Level::INFO, over.to_owned())]);
    }
}
