//! The service manager: what it is told, and the sockets that it keeps while we are replaced.
//!
//! systemd keeps open what it was handed (`FileDescriptorStoreMax=` in the unit) and gives it to
//! the next process. The sockets of the workers go on taking datagrams meanwhile, so an upgrade,
//! a restart and a crash lose none that fits their buffers.
//!
//! Without a manager, which `NOTIFY_SOCKET` names, nothing here does anything.
//!
//! Not here: whether kept sockets are what the configuration wants (`io::open`).
//! Bound: a socket for each worker.
#![allow(
    unsafe_code,
    reason = "the numbers of inherited sockets become their owners"
)]

use std::fmt::Display;
use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use sd_notify::NotifyState;
use socket2::Socket;

/// A socket that was kept for us.
#[derive(Debug)]
pub struct Kept {
    /// What it was called when it was handed over.
    pub name: String,
    /// The socket.
    pub socket: Socket,
}

/// Returns what a worker's socket is called: the manager gives names back in any order.
#[must_use]
pub fn name_of(worker: usize, workers_count: usize) -> String {
    format!("udp-{worker}-of-{workers_count}")
}

/// Takes the sockets that were kept for this process; the second time there are none.
pub fn take_kept() -> Vec<Kept> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Vec::new();
    }
    let listed = match sd_notify::listen_fds_with_names() {
        Ok(listed) => listed,
        Err(error) => {
            tracing::warn!("sockets of the service manager: {error}; they are not used");
            return Vec::new();
        }
    };
    let owned = listed.map(|(number, name)| {
        // SAFETY: the environment says that this number was opened for this very process, and
        // nobody else takes it: this is done once.
        let owned = unsafe { OwnedFd::from_raw_fd(number) };
        Kept {
            name,
            socket: owned.into(),
        }
    });
    owned.collect()
}

/// Hands the workers' sockets over, to be kept.
pub fn keep(sockets: &[Socket]) {
    for (worker, socket) in sockets.iter().enumerate() {
        let name = name_of(worker, sockets.len());
        let states = [NotifyState::FdStore, NotifyState::FdName(&name)];
        note(sd_notify::notify_with_fds(&states, &[socket.as_fd()]));
    }
}

/// Has sockets no longer kept. That takes a moment, in which their port is still taken.
pub fn release(names: &[String]) {
    for name in names {
        note(sd_notify::notify(&[
            NotifyState::FdStoreRemove,
            NotifyState::FdName(name),
        ]));
    }
}

/// Says that Messages are taken, and where.
pub fn say_ready(place: impl Display) {
    let status = format!("listening at {place} (UDP)");
    note(sd_notify::notify(&[
        NotifyState::Ready,
        NotifyState::Status(&status),
    ]));
}

/// Says that all workers make progress. Who does not say so for long is killed and started anew.
pub fn say_alive() {
    if sd_notify::watchdog_enabled().is_some() {
        note(sd_notify::notify(&[NotifyState::Watchdog]));
    }
}

/// Says that what waits is sent and saved, and that the end is near.
pub fn say_stopping() {
    note(sd_notify::notify(&[NotifyState::Stopping]));
}

fn note(outcome: io::Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!("the service manager cannot be told: {error}");
    }
}
