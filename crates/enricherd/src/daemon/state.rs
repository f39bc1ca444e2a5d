//! The saved state: at the start from the file to the workers, and from then on back.
//!
//! Each worker hands over its own part. The file is written when every worker has handed over one,
//! so that a slow one costs no other its exporters: until then the file of before is whole, as all
//! workers together took over what was in it. Later a slow worker's last part stays.
//!
//! Not here: what is in a part (`mediator`), the file (`io::state_file`).
//! Bound: the last part of each worker.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use mediator::state;

use crate::control::standing::SharedStanding;
use crate::io::state_file::StateDir;
use crate::pipeline::worker::Handover;

/// Reads the saved state; what cannot be used of it is kept aside and said.
pub(super) fn load(state_dir: &StateDir) -> Arc<[Vec<u8>]> {
    let parts = state_dir.load().unwrap_or_else(|fault| {
        tracing::error!("{fault}");
        Vec::new()
    });
    let count = parts.len();
    let is_whole = |(index, part): &(usize, Vec<u8>)| match state::check(part) {
        Ok(()) => true,
        Err(error) => {
            let kept = state_dir.set_aside(part);
            tracing::error!("part {} of {count}: {error} ({kept})", index + 1);
            false
        }
    };
    let parts = parts.into_iter().enumerate().filter(is_whole);
    parts.map(|(_, part)| part).collect()
}

/// Writes what workers hand over, until the last of them has ended.
pub(super) fn write(
    mut state_dir: StateDir,
    handed: &Receiver<Handover>,
    workers_count: usize,
    standing: &SharedStanding,
) {
    let mut parts = Parts::of(workers_count);
    for first in handed {
        // What came meanwhile is written along.
        for handover in std::iter::once(first).chain(handed.try_iter()) {
            match handover {
                Handover::State(worker, part) => parts.put(worker, part),
                Handover::Aside(exporter, octets) => state_dir.keep_aside(exporter, &octets),
            }
        }
        if let Some(parts) = parts.due() {
            state_dir.save(parts);
        }
        let fault = "general.state_dir cannot be written: a restart forgets Templates";
        standing.note("state_dir", state_dir.is_broken().then_some(fault));
    }
}

/// The last part of each worker.
#[derive(Debug)]
struct Parts {
    last: Vec<Option<Vec<u8>>>,
    is_newer: bool,
}

impl Parts {
    fn of(workers_count: usize) -> Self {
        Self {
            last: vec![None; workers_count],
            is_newer: false,
        }
    }

    /// The first part of a worker is what it took over: the file has that already.
    fn put(&mut self, worker: usize, part: Vec<u8>) {
        if let Some(last) = self.last.get_mut(worker) {
            self.is_newer |= last.is_some();
            *last = Some(part);
        }
    }

    /// Returns the parts of all workers, once for each time that there is something new.
    fn due(&mut self) -> Option<impl Iterator<Item = &[u8]> + Clone> {
        let is_due = self.is_newer && self.last.iter().all(Option::is_some);
        self.is_newer &= !is_due;
        is_due.then(|| self.last.iter().flatten().map(Vec::as_slice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(parts: &mut Parts) -> Option<Vec<&[u8]>> {
        parts.due().map(Iterator::collect)
    }

    #[test]
    fn nothing_is_written_before_every_worker_has_its_part() {
        let mut parts = Parts::of(2);
        parts.put(0, b"0 restored".to_vec());
        parts.put(0, b"0 later".to_vec());
        assert_eq!(written(&mut parts), None);
        parts.put(1, b"1 restored".to_vec());
        assert_eq!(
            written(&mut parts),
            Some(vec![b"0 later".as_slice(), b"1 restored"])
        );
        assert_eq!(written(&mut parts), None, "nothing is new");
        parts.put(1, b"1 later".to_vec());
        assert_eq!(
            written(&mut parts),
            Some(vec![b"0 later".as_slice(), b"1 later"])
        );
    }

    #[test]
    fn what_was_only_restored_is_not_written_again() {
        let mut parts = Parts::of(2);
        parts.put(1, b"1".to_vec());
        parts.put(0, b"0".to_vec());
        assert_eq!(written(&mut parts), None);
    }
}
