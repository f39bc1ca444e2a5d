//! The control thread: statistics for whoever asks, and what must be done every so often.
//!
//! Not here: answers (`control::stats`), looking up names (`control::resolve`).

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use super::crew::Orders;
use crate::control::resolve::{Addresses, resolve};
use crate::control::stats;
use crate::control::telnet::{self, Facts};
use crate::pipeline::outlets::Destination;
use crate::pipeline::page::Numbers;
use crate::pipeline::worker::Order;

/// How often the state is saved.
const SAVE_INTERVAL: Duration = Duration::from_secs(60);
/// How often names of collectors are looked up.
const NAMES_INTERVAL: Duration = Duration::from_secs(60);
/// The same while one has no address.
const NAMES_INTERVAL_IF_MISSING: Duration = Duration::from_secs(5);

/// What the control thread needs.
#[derive(Debug)]
pub(super) struct Timers {
    pub(super) facts: Arc<Facts>,
    pub(super) orders: Orders,
    pub(super) destinations: Vec<Destination>,
    pub(super) addresses: Addresses,
    pub(super) stats_interval: Duration,
}

/// Opens the port of the statistics; says so if it is taken.
pub(super) fn listen(address: SocketAddr) -> Option<TcpListener> {
    let opened = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    opened
        .inspect_err(|error| {
            tracing::error!(
                "statistics at {address} (TCP): {error}; there are none until general.stats_port \
                 is free or another one"
            );
        })
        .ok()
}

/// Does everything that belongs to the control thread, until it is told to stop.
pub(super) fn run(timers: Timers, telnet: Option<TcpListener>, stop: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            runtime.block_on(work(timers, telnet, stop));
            // A name that is being looked up is nobody's concern any more.
            runtime.shutdown_background();
        }
        Err(error) => {
            tracing::error!("no statistics, and no state is saved before the end: {error}")
        }
    }
}

async fn work(timers: Timers, telnet: Option<TcpListener>, stop: oneshot::Receiver<()>) {
    let listener = telnet.and_then(|listener| tokio::net::TcpListener::from_std(listener).ok());
    if let Some(listener) = listener {
        tokio::spawn(telnet::serve(listener, Arc::clone(&timers.facts)));
    }
    let Timers {
        facts,
        orders,
        destinations,
        addresses,
        stats_interval,
    } = timers;
    tokio::select! {
        _ = stop => {}
        () = save(orders.clone()) => {}
        () = say_numbers(facts, stats_interval) => {}
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
