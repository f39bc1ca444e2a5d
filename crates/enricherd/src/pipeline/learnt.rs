//! Whether a `Mediator` has learnt something that a restart must not forget.
//!
//! Not here: saving it (`worker`).

use mediator::Mediator;

/// What tells that there is something new to save.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Learnt {
    templates_count: usize,
    redefinitions: u64,
    id_moves: u64,
    restarts: u64,
}

impl Learnt {
    pub(super) fn of(mediator: &Mediator) -> Self {
        let counters = mediator.counters();
        let sessions = mediator.sessions();
        Self {
            templates_count: sessions.map(|session| session.templates_count).sum(),
            redefinitions: counters.redefinitions,
            id_moves: counters.id_moves,
            restarts: counters.restarts,
        }
    }
}
