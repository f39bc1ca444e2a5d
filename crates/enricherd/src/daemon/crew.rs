//! The workers: how many, starting them, telling all of them something, and their end.
//!
//! Not here: what a worker does (`pipeline::worker`).
//! Bound: `steering::WORKERS_MAX` workers, [`ORDERS_MAX`] orders that wait for each.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::{StartError, spawn};
use crate::config::Performance;
use crate::io::cores;
use crate::io::steering::Steering;
use crate::pipeline::worker::Order;

/// Orders that wait for a worker; it looks after each batch.
const ORDERS_MAX: usize = 16;

/// Files that are not for sending: the log, state, statistics, AS data.
const FILES_KEPT: usize = 128;

/// Returns how many workers the operator wants, and so which exporters each has.
pub(super) fn wanted(performance: &Performance) -> Steering {
    Steering::over(match usize::from(performance.workers) {
        0 if performance.cpu_affinity.is_empty() => cores::usable_count(),
        0 => performance.cpu_affinity.len(),
        workers => workers,
    })
}

/// Ties the calling worker to its core, if the operator gave it one.
pub(super) fn take_place(performance: &Performance, worker: usize) {
    let cores = &performance.cpu_affinity;
    let Some(core) = cores.iter().cycle().nth(worker % cores.len().max(1)) else {
        return;
    };
    if let Err(error) = cores::stay_on(*core) {
        tracing::warn!(
            "performance.cpu_affinity: worker-{worker} cannot stay on core {core} ({error}); it \
             works on any; /proc/self/status names the allowed ones (Cpus_allowed_list)"
        );
    }
}

/// Returns how many sockets each worker may open to send by, if the process may open this many
/// files in all.
pub(super) fn sockets_max(files_max: u64, workers_count: usize) -> usize {
    let files_max = usize::try_from(files_max).unwrap_or(usize::MAX);
    files_max.saturating_sub(FILES_KEPT + workers_count) / workers_count.max(1)
}

/// Tells all workers.
#[derive(Clone, Debug)]
pub(super) struct Orders(Vec<SyncSender<Order>>);

impl Orders {
    /// Returns it with the other end for each worker.
    pub(super) fn for_all(workers_count: usize) -> (Self, Vec<Receiver<Order>>) {
        let (orders, ordered) = (0..workers_count).map(|_| sync_channel(ORDERS_MAX)).unzip();
        (Self(orders), ordered)
    }

    /// Tells all who have room for another order, and waits for nobody. Where so many wait that
    /// there is none, one of them is most likely this one.
    pub(super) fn give(&self, order: &Order) {
        for orders in &self.0 {
            drop(orders.try_send(order.clone()));
        }
    }

    /// Tells all, and waits for those who have no room. One that has ended needs no order.
    pub(super) fn insist(&self, order: &Order) {
        for orders in &self.0 {
            drop(orders.send(order.clone()));
        }
    }
}

/// The threads.
#[derive(Debug)]
pub(super) struct Crew(Vec<JoinHandle<()>>);

impl Crew {
    /// Starts a thread for each of the workers.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start<W>(workers: impl Iterator<Item = W>) -> Result<Self, StartError>
    where
        W: FnOnce() + Send + 'static,
    {
        let threads = workers.enumerate();
        let threads = threads.map(|(index, work)| spawn(&format!("worker-{index}"), work));
        Ok(Self(threads.collect::<Result<_, _>>()?))
    }

    /// Returns the index of a worker that has ended, if one has.
    pub(super) fn ended(&self) -> Option<usize> {
        self.0.iter().position(JoinHandle::is_finished)
    }

    /// Waits for all of them.
    pub(super) fn join(self) {
        for (index, thread) in self.0.into_iter().enumerate() {
            if thread.join().is_err() {
                tracing::error!("worker-{index}: ended by a fault of this program");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigFile;

    fn workers(text: &str) -> usize {
        let text = format!("performance: {{{text}}}");
        let file = ConfigFile::parse(text.as_bytes()).unwrap();
        wanted(&file.check().unwrap().config.performance).workers_count()
    }

    #[test]
    fn there_are_as_many_workers_as_wanted_as_cores_given_or_as_cores_usable() {
        assert_eq!(workers("workers: 3, cpu_affinity: [0]"), 3);
        assert_eq!(workers("cpu_affinity: [0, 1, 2, 3, 4]"), 5);
        assert_eq!(workers(""), cores::usable_count().min(64));
    }

    #[test]
    fn a_flood_of_sessions_leaves_files_for_everything_else() {
        for (files_max, workers_count) in [(1024, 4), (20_000, 16), (u64::MAX, 1), (50, 64)] {
            let sockets = sockets_max(files_max, workers_count) as u64 * workers_count as u64;
            let kept = FILES_KEPT as u64;
            assert!(sockets == 0 || sockets + kept <= files_max, "{files_max}");
        }
        assert_eq!(sockets_max(1024, 4), 223);
    }

    #[test]
    fn an_order_reaches_every_worker_and_waits_for_none_that_has_ended() {
        let (orders, mut ordered) = Orders::for_all(3);
        drop(ordered.pop());
        orders.give(&Order::Save);
        orders.insist(&Order::Stop);
        for one in ordered {
            assert!(matches!(one.try_recv(), Ok(Order::Save)));
            assert!(matches!(one.try_recv(), Ok(Order::Stop)));
        }
    }
    #[test]
    fn a_worker_that_ended_unasked_is_named() {
        let (end, ended) = sync_channel::<()>(0);
        let (stays, told) = sync_channel::<()>(0);
        let works: [Box<dyn FnOnce() + Send>; 2] = [
            Box::new(move || assert!(told.recv().is_err())),
            Box::new(move || {
                assert!(ended.recv().is_err());
                panic!("on purpose");
            }),
        ];
        let crew = Crew::start(works.into_iter()).unwrap();
        assert_eq!(crew.ended(), None);
        drop(end);
        while crew.ended().is_none() {
            std::thread::yield_now();
        }
        assert_eq!(crew.ended(), Some(1));
        drop(stays);
        crew.join();
    }
}
