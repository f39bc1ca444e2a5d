//! Sockets of routers that speak BMP: they connect to us.
//!
//! Not here: what is said (`routefeed::bmp`), what comes of it (`hub`).
//! Bound: [`ROUTERS_MAX`] routers with a connection each; a new connection of a router takes the
//! place of the old one.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use asdb::Provider;
use routefeed::bmp::station::{Station, StationCounters};
use routefeed::rib::SourceKey;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::hub::{Hub, RouterBook};
use super::listen::{RETRY, listen, probe};
use super::remedy;
use crate::config::Bmp;

/// Routers at once.
pub(super) const ROUTERS_MAX: usize = 256;
/// Why a connection ends that a newer one of the same router follows.
const REPLACED: &str = "another connection took its place";
/// Octets that are read at once.
const READ_OCTETS: usize = 64 << 10;

/// Takes connections of all routers that may speak, for ever, or until that changes.
pub(super) async fn hear(hub: &Rc<RefCell<Hub>>, address: IpAddr, bmp: &Bmp) {
    if !bmp.enabled {
        return std::future::pending().await;
    }
    let address = SocketAddr::new(address, bmp.port);
    let mut has_failed = false;
    let listener = loop {
        match listen(address, |_, _| Ok(())) {
            Ok(listener) => break listener,
            Err(error) if !has_failed => {
                has_failed = true;
                let error = remedy(&error, "enrichment.bmp_port");
                tracing::error!("BMP at {address} (TCP): {error}; no router can connect to us");
            }
            Err(_) => {}
        }
        sleep(RETRY).await;
    };
    tracing::info!("BMP: listening at {address} (TCP)");
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                let router = from.ip().to_canonical();
                if hub.borrow().allows_bmp(router) {
                    tokio::task::spawn_local(hear_one(Rc::clone(hub), router, stream));
                } else {
                    hub.borrow_mut().strangers += 1;
                }
            }
            // Out of files, or the router is gone already: others may come.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Hears a router until its connection is over.
async fn hear_one(hub: Rc<RefCell<Hub>>, router: IpAddr, mut stream: TcpStream) {
    let Some((id, wake)) = begin(&mut hub.borrow_mut(), router) else {
        return;
    };
    probe(&stream);
    let mut octets = vec![0; READ_OCTETS];
    let reason = loop {
        let read = tokio::select! {
            read = stream.read(&mut octets) => read,
            () = wake.notified() => break REPLACED.to_owned(),
        };
        let count = match read {
            Ok(0) => break "the router closed the connection".to_owned(),
            Ok(count) => count,
            Err(error) => break error.to_string(),
        };
        let octets = octets.get(..count).unwrap_or_default();
        if let Err(fault) = take(&mut hub.borrow_mut(), router, id, octets) {
            break fault;
        }
    };
    end(&mut hub.borrow_mut(), router, id, &reason);
}

fn begin(hub: &mut Hub, router: IpAddr) -> Option<(u64, Rc<Notify>)> {
    let now = hub.now();
    if !hub.routers.contains_key(&router) {
        if hub.routers.len() >= ROUTERS_MAX {
            // Those that left make room; if none did, there is none.
            hub.routers.retain(|_, book| book.station.is_some());
        }
        if hub.routers.len() >= ROUTERS_MAX {
            hub.note(
                "bmp_refused",
                format!("BMP of {router} is refused: {ROUTERS_MAX} routers are there already"),
            );
            return None;
        }
    }
    let book = hub.routers.entry(router).or_insert_with(|| RouterBook {
        station: None,
        id: 0,
        wake: Rc::new(Notify::new()),
        connections_count: 0,
        since: now,
        last_error: None,
        last_malformed: None,
        counters: StationCounters::default(),
        name: None,
    });
    if book.station.is_some() {
        book.wake.notify_one();
    }
    let id = book.id;
    if book.station.is_some() {
        end(hub, router, id, REPLACED);
    }
    let book = hub.routers.get_mut(&router)?;
    book.id += 1;
    book.connections_count += 1;
    book.wake = Rc::new(Notify::new());
    book.station = Some(Station::new(router));
    book.since = now;
    let begun = (book.id, Rc::clone(&book.wake));
    hub.note("bmp_up", format!("BMP of {router} is up"));
    Some(begun)
}

fn take(hub: &mut Hub, router: IpAddr, id: u64, octets: &[u8]) -> Result<(), String> {
    let now_unix_s = hub.now_unix_s();
    let book = hub.routers.get_mut(&router).filter(|book| book.id == id);
    let Some(mut station) = book.and_then(|book| book.station.take()) else {
        return Err(REPLACED.to_owned());
    };
    let mut happenings = Vec::new();
    let taken = station.take(octets, now_unix_s, &mut hub.ribs, &mut |happening| {
        happenings.push(happening);
    });
    if let Some(book) = hub.routers.get_mut(&router) {
        book.name = station.name_and_description().0.map(str::to_owned);
        book.station = Some(station);
    }
    for happening in happenings {
        hub.happened_bmp(router, happening);
    }
    taken.map_err(|fault| fault.to_string())
}

fn end(hub: &mut Hub, router: IpAddr, id: u64, reason: &str) {
    let (now, now_unix_s) = (hub.now(), hub.now_unix_s());
    let Some(book) = hub.routers.get_mut(&router).filter(|book| book.id == id) else {
        return;
    };
    let Some(station) = book.station.take() else {
        return;
    };
    let (sum, more) = (&mut book.counters, station.counters());
    sum.messages += more.messages;
    sum.updates += more.updates;
    sum.malformed += more.malformed;
    sum.outgoing += more.outgoing;
    sum.peers_refused += more.peers_refused;
    book.since = now;
    book.last_error = Some((now, reason.to_owned()));
    let source = SourceKey {
        provider: Provider::Bmp,
        router,
    };
    hub.ribs.begin_again(|rib| rib.source == source, now_unix_s);
    let (ipv4, ipv6) = hub.routes_of(source);
    let grace_s = hub.grace.as_secs();
    let text = format!(
        "BMP of {router} is down: {reason}; its {} routes count for {grace_s} s more",
        ipv4 + ipv6
    );
    hub.note("bmp_down", text);
}
