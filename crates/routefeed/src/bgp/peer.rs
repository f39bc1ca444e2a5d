//! When to connect to a peer, when to wait, and which of two connections stays.
//!
//! After a session that failed we wait, longer each time, so that a peer that flaps costs little
//! [RFC 4271 §8.1, DampPeerOscillations]; one that held is tried again at once.
//!
//! Not here: what is said on a connection (`session`), sockets (the daemon).
//! Bound: a few numbers.

/// The first wait.
pub const WAIT_MS_MIN: u64 = 5_000;
/// The longest wait.
pub const WAIT_MS_MAX: u64 = 120_000;
/// A session that held this long was a good one.
pub const GOOD_MS: u64 = 60_000;

/// Who began a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// We did.
    ByUs,
    /// The peer did.
    ByPeer,
}

/// What a peer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    is_passive: bool,
    wait_ms: u64,
    /// Before that nothing is taken and nothing tried.
    idle_until_ms: u64,
    established_at_ms: Option<u64>,
}

impl Peer {
    /// Returns a peer that may begin at once.
    #[must_use]
    pub const fn new(is_passive: bool) -> Self {
        Self {
            is_passive,
            wait_ms: WAIT_MS_MIN,
            idle_until_ms: 0,
            established_at_ms: None,
        }
    }

    /// Has it begin at once, as what is known of it is new; a session that is up stays so.
    pub const fn reconfigure(&mut self, is_passive: bool) {
        self.is_passive = is_passive;
        self.wait_ms = WAIT_MS_MIN;
        self.idle_until_ms = 0;
    }

    /// Returns when to connect; never, if the peer is to connect to us.
    #[must_use]
    pub const fn connect_at_ms(&self) -> Option<u64> {
        if self.is_passive {
            None
        } else {
            Some(self.idle_until_ms)
        }
    }

    /// Returns whether a connection of the peer is taken at this time.
    #[must_use]
    pub const fn may_begin(&self, now_ms: u64) -> bool {
        now_ms >= self.idle_until_ms
    }

    /// Returns the state while there is no connection [RFC 4271 §8.2.2].
    #[must_use]
    pub const fn state_name(&self, now_ms: u64) -> &'static str {
        if now_ms < self.idle_until_ms {
            "Idle"
        } else if self.is_passive {
            "Active"
        } else {
            "Connect"
        }
    }

    /// A session is up.
    pub const fn established(&mut self, now_ms: u64) {
        self.established_at_ms = Some(now_ms);
    }

    /// A connection is over, or could not be made.
    pub fn failed(&mut self, now_ms: u64) {
        let held_ms = self.established_at_ms.take();
        let held_ms = held_ms.map(|since| now_ms.saturating_sub(since));
        if held_ms.is_some_and(|held| held >= GOOD_MS) {
            self.wait_ms = WAIT_MS_MIN;
            self.idle_until_ms = now_ms;
        } else {
            self.idle_until_ms = now_ms + self.wait_ms;
            self.wait_ms = (2 * self.wait_ms).min(WAIT_MS_MAX);
        }
    }
}

/// Returns whose connection stays if both sides began one: that of the higher BGP Identifier; of
/// equals that of the higher AS [RFC 4271 §6.8, RFC 6286 §2.3].
#[must_use]
pub fn stays(ours: (u32, u32), theirs: (u32, u32)) -> Begun {
    if ours > theirs {
        Begun::ByUs
    } else {
        Begun::ByPeer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_fails_again_and_again_waits_longer_each_time() {
        let mut peer = Peer::new(false);
        let mut now_ms = 0;
        let mut waits = Vec::new();
        for _ in 0..7 {
            peer.failed(now_ms);
            let at_ms = peer.connect_at_ms().unwrap();
            waits.push((at_ms - now_ms) / 1000);
            assert!(!peer.may_begin(at_ms - 1) && peer.may_begin(at_ms));
            now_ms = at_ms;
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 120, 120]);
        peer.established(now_ms);
        peer.failed(now_ms + GOOD_MS);
        assert!(peer.may_begin(now_ms + GOOD_MS), "it was a good session");
        peer.failed(now_ms + GOOD_MS);
        assert_eq!(peer.connect_at_ms(), Some(now_ms + GOOD_MS + WAIT_MS_MIN));
        peer.reconfigure(true);
        assert!(peer.may_begin(0) && peer.connect_at_ms().is_none());
        peer.failed(0);
        assert!(!peer.may_begin(WAIT_MS_MIN - 1) && peer.may_begin(WAIT_MS_MIN));
    }

    #[test]
    fn of_two_connections_that_of_the_higher_identifier_stays() {
        assert_eq!(stays((2, 1), (1, 9)), Begun::ByUs);
        assert_eq!(stays((1, 9), (2, 1)), Begun::ByPeer);
        assert_eq!(stays((1, 2), (1, 1)), Begun::ByUs);
    }
}
