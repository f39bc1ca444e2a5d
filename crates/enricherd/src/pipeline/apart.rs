//! Whether there is more than one exporter, as all workers see it together.
//!
//! A second exporter makes every Observation Domain be shown as another (`mediator`). The second
//! may belong to another worker than the first, and each worker knows its own alone. So the first
//! exporter of all is remembered here, once, and whoever meets another one tells everybody.
//!
//! Nobody waits: the worker that meets the second shows it apart at once; the first one's worker
//! hears of it before its next batch. Until then the first has its domain to itself.
//!
//! Not here: what domains are shown as (`mediator`).

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// What the workers share.
#[derive(Debug, Default)]
pub struct Apart {
    first: OnceLock<IpAddr>,
    is_told: AtomicBool,
}

/// What one worker makes of it.
#[derive(Debug)]
pub(super) struct ApartWatch {
    shared: Arc<Apart>,
    /// The first exporter of all, if it is one of ours.
    met: Option<IpAddr>,
    /// Whether there is nothing more to find out.
    is_done: bool,
}

impl ApartWatch {
    /// A single worker has nothing to find out: its `Mediator` sees all exporters itself.
    pub(super) const fn new(shared: Arc<Apart>, workers_count: usize) -> Self {
        Self {
            shared,
            met: None,
            is_done: workers_count <= 1,
        }
    }

    /// Returns, once, whether exporters are to be told apart, by what other workers saw.
    pub(super) fn hears(&mut self) -> bool {
        !self.is_done && self.shared.is_told.load(Ordering::Relaxed) && self.finish()
    }

    /// Returns, once, whether exporters are to be told apart because of this one, if it sends
    /// Messages.
    pub(super) fn meets(&mut self, exporter: IpAddr, is_message: impl FnOnce() -> bool) -> bool {
        if self.is_done || self.met == Some(exporter) || !is_message() {
            return false;
        }
        if *self.shared.first.get_or_init(|| exporter) == exporter {
            self.met = Some(exporter);
            return false;
        }
        self.tell()
    }

    /// Tells all workers; returns that exporters are to be told apart.
    pub(super) fn tell(&mut self) -> bool {
        self.shared.is_told.store(true, Ordering::Relaxed);
        self.finish()
    }

    const fn finish(&mut self) -> bool {
        self.is_done = true;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exporter(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn two() -> [ApartWatch; 2] {
        let shared = Arc::new(Apart::default());
        [
            ApartWatch::new(Arc::clone(&shared), 2),
            ApartWatch::new(shared, 2),
        ]
    }

    #[test]
    fn the_worker_of_the_second_exporter_knows_at_once_and_the_other_hears_of_it_once() {
        let [mut one, mut other] = two();
        assert!(!one.meets(exporter(1), || true));
        assert!(!one.meets(exporter(1), || true));
        assert!(!one.hears());
        assert!(other.meets(exporter(2), || true));
        assert!(one.hears());
        assert!(!one.hears() && !other.hears());
        assert!(!one.meets(exporter(3), || true));
    }

    #[test]
    fn whoever_sends_no_message_is_no_exporter() {
        let [mut one, mut other] = two();
        assert!(!one.meets(exporter(1), || true));
        assert!(!other.meets(exporter(2), || false));
        assert!(!one.hears());
    }

    #[test]
    fn what_a_saved_state_knew_is_told_to_all() {
        let [mut one, mut other] = two();
        assert!(one.tell());
        assert!(other.hears());
    }
}
