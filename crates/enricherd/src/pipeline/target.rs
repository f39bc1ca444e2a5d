//! One collector as a worker sees it: where it is, what it got, and what is wrong with it.
//!
//! Nothing here waits, so no collector slows another.
//!
//! Not here: the sockets towards it (`pipeline::senders`), saying once for all workers what is
//! wrong with it (`daemon`).

use std::io;
use std::net::SocketAddr;

use mediator::Millis;

use crate::io::udp::outbox::Segments;
use crate::pipeline::identity::Identity;
use crate::pipeline::outlets::Destination;

/// Trouble is over when something was sent and nothing went wrong for this long.
const QUIET_MS: u64 = 3000;
/// A collector that refuses is tried again after this long, then after twice as long, and so on.
const TRIAL_MS: u64 = 1000;
const TRIAL_MS_MAX: u64 = 60_000;
/// After this long the way to a collector may be another one, and is tried anew.
const WAY_MS: u64 = 60_000;

/// Why a Message did not leave for a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unsent {
    /// Our send buffer towards it is full.
    BufferFull,
    /// Something on our host forbids it, such as a firewall.
    Forbidden,
    /// What bears the exporter's address needs a right that we do not have.
    NoRight,
    /// There was no socket for it.
    NoSocket,
    /// A connection cannot carry it: it is not IPFIX, or its lengths contradict each other.
    NoTransport,
    /// We ended, and there was no connection to it.
    NotConnected,
    /// The kernel said something that has no row here.
    Other,
    /// As many Messages wait for it as may.
    QueueFull,
    /// It refused, twice for one Message.
    Refused,
    /// The Message is larger than a datagram to it can be.
    TooLarge,
    /// There is no way to it.
    Unreachable,
    /// Its name has no address.
    Unresolved,
}

impl Unsent {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::BufferFull,
        Self::Forbidden,
        Self::NoRight,
        Self::NoSocket,
        Self::NoTransport,
        Self::NotConnected,
        Self::Other,
        Self::QueueFull,
        Self::Refused,
        Self::TooLarge,
        Self::Unreachable,
        Self::Unresolved,
    ];

    /// The reason's place in a list of counters.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The reason's name in statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BufferFull => "buffer_full",
            Self::Forbidden => "forbidden",
            Self::NoRight => "no_right",
            Self::NoSocket => "no_socket",
            Self::NoTransport => "no_transport",
            Self::NotConnected => "not_connected",
            Self::Other => "other",
            Self::QueueFull => "queue_full",
            Self::Refused => "refused",
            Self::TooLarge => "too_large",
            Self::Unreachable => "unreachable",
            Self::Unresolved => "unresolved",
        }
    }

    /// Reads what the kernel said.
    #[must_use]
    pub fn of(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EAGAIN | libc::ENOBUFS) => Self::BufferFull,
            Some(libc::EPERM | libc::EACCES) => Self::Forbidden,
            Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM) => Self::NoSocket,
            Some(libc::ECONNREFUSED) => Self::Refused,
            Some(libc::EMSGSIZE) => Self::TooLarge,
            Some(
                libc::ENETUNREACH
                | libc::EHOSTUNREACH
                | libc::ENETDOWN
                | libc::EHOSTDOWN
                | libc::EADDRNOTAVAIL,
            ) => Self::Unreachable,
            _ => Self::Other,
        }
    }

    /// What the operator should know, as the end of a sentence about the collector.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::BufferFull => "Messages are dropped, our send buffer towards it is full",
            Self::Forbidden => "this host does not let us send to it; look at its firewall",
            Self::NoRight => {
                "nothing is sent to it: without CAP_NET_RAW Messages cannot bear their exporters' \
                 addresses; grant it, or set forwarding.source: own"
            }
            Self::NoSocket => "no socket could be opened for it; raise LimitNOFILE",
            Self::NoTransport => "Messages that are not IPFIX are dropped for it",
            Self::NotConnected => "there is no connection to it",
            Self::Other => "sending to it fails",
            Self::QueueFull => "Messages are dropped, as many wait for it as may",
            Self::Refused => "it refuses Messages, nobody listens at that port; we go on sending",
            Self::TooLarge => "Messages are larger than a datagram to it can be",
            Self::Unreachable => "there is no way to it; look at routes and interfaces",
            Self::Unresolved => "its name has no address; Messages for it are dropped until it has",
        }
    }
}

/// What became of the Messages for one collector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetCounters {
    /// Messages that the kernel took.
    pub sent: u64,
    /// Octets in them, without IP and UDP headers.
    pub sent_octets: u64,
    /// Messages that it did not take, by [`Unsent`].
    pub unsent: [u64; Unsent::ALL.len()],
    /// Times that the collector's host said that nobody listens.
    pub refusals: u64,
    /// Messages that left from our own address though they were to bear their exporter's.
    pub as_own: u64,
}

impl TargetCounters {
    /// Adds the numbers of another worker.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.sent_octets += other.sent_octets;
        self.refusals += other.refusals;
        self.as_own += other.as_own;
        for (sum, number) in self.unsent.iter_mut().zip(other.unsent) {
            *sum += number;
        }
    }
}

/// Something is wrong with a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What it was first.
    pub reason: Unsent,
    /// When it began.
    pub since: Millis,
    /// When it was last seen.
    pub last: Millis,
}

impl Trouble {
    /// Returns what two workers see of one collector.
    #[must_use]
    pub fn or_longer(self, other: Self) -> Self {
        Self {
            reason: if self.since <= other.since {
                self.reason
            } else {
                other.reason
            },
            since: self.since.min(other.since),
            last: self.last.max(other.last),
        }
    }
}

/// A collector.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) label: String,
    pub(super) outlet: u16,
    pub(super) identity: Identity,
    pub(super) address: Option<SocketAddr>,
    pub(super) counters: TargetCounters,
    pub(super) trouble: Option<Trouble>,
    pub(super) segments: Segments,
    /// Octets of the largest UDP payload that a raw socket need not fragment.
    pub(super) unfragmented_octets_max: usize,
    way_from: Millis,
    sent_at: Millis,
    /// When it was last tried whether it still refuses, and how long until the next time.
    tried_at: Millis,
    trial_ms: u64,
}

impl Target {
    pub(super) fn new(destination: &Destination) -> Self {
        Self {
            label: destination.label(),
            outlet: destination.outlet,
            identity: destination.identity,
            address: destination.address(),
            counters: TargetCounters::default(),
            trouble: None,
            segments: Segments::ANY,
            unfragmented_octets_max: usize::MAX,
            way_from: Millis(0),
            sent_at: Millis(0),
            tried_at: Millis(0),
            trial_ms: TRIAL_MS,
        }
    }

    pub(super) fn move_to(&mut self, address: Option<SocketAddr>) {
        self.address = address;
        self.try_way_anew();
    }

    fn try_way_anew(&mut self) {
        self.segments = Segments::ANY;
        self.unfragmented_octets_max = usize::MAX;
    }

    /// The address and port that Messages for it bear, if these are fixed and of its family.
    pub(super) fn fixed_source(&self, address: SocketAddr) -> Option<SocketAddr> {
        match self.identity {
            Identity::Fixed(source) if source.is_ipv4() == address.is_ipv4() => Some(source),
            _ => None,
        }
    }

    /// From now on Messages for it leave from our own address.
    pub(super) fn give_up_fixed(&mut self, source: SocketAddr, error: &io::Error) {
        self.identity = Identity::Own;
        tracing::error!(
            "collector {}: nothing can leave from nat.source_ip {source}: {error}; Messages leave \
             from our own address. Give this host that address, or grant CAP_NET_RAW",
            self.label
        );
    }

    /// Counts Messages that leave from our own address; says so if they were to bear their
    /// exporter's.
    pub(super) fn note_as_own(&mut self, exporter: SocketAddr, messages: u64) {
        if self.identity != Identity::Exporter {
            return;
        }
        if self.counters.as_own == 0 {
            let is_other_family = self.address.map(|own| own.is_ipv4()) != Some(exporter.is_ipv4());
            let why = if is_other_family {
                "it is of another IP version than the collector"
            } else {
                "its address is one of this host, or of one link only"
            };
            tracing::info!(
                "collector {}: Messages of {} leave from our own address: {why} (said once; \
                 counted in messages_as_own)",
                self.label,
                exporter.ip()
            );
        }
        self.counters.as_own += messages;
    }

    pub(super) fn note_sent(&mut self, messages: u64, octets: u64, now: Millis) {
        self.counters.sent += messages;
        self.counters.sent_octets += octets;
        self.sent_at = now;
    }

    pub(super) fn note_unsent(&mut self, reason: Unsent, messages: u64, now: Millis) {
        self.counters.unsent[reason.index()] += messages;
        self.note_trouble(reason, now);
    }

    pub(super) fn note_refusal(&mut self, now: Millis) {
        self.counters.refusals += 1;
        self.note_trouble(Unsent::Refused, now);
    }

    fn note_trouble(&mut self, reason: Unsent, now: Millis) {
        if let Some(trouble) = &mut self.trouble {
            trouble.last = now;
            return;
        }
        self.trouble = Some(Trouble {
            reason,
            since: now,
            last: now,
        });
    }

    /// Forgets now and then what the way to the collector was found not to take.
    pub(super) fn forget_way(&mut self, now: Millis) {
        if now.since(self.way_from) >= WAY_MS {
            self.way_from = now;
            self.try_way_anew();
        }
    }

    /// Returns whether it is time to send Templates to a collector that refuses: it may get nothing
    /// else while another member of its group has its data.
    pub(super) fn is_trial_due(&mut self, now: Millis) -> bool {
        let refuses = |trouble: Trouble| trouble.reason == Unsent::Refused;
        if !self.trouble.is_some_and(refuses) {
            self.trial_ms = TRIAL_MS;
            self.tried_at = now;
            return false;
        }
        let is_due = now.since(self.tried_at) >= self.trial_ms;
        if is_due {
            self.tried_at = now;
            self.trial_ms = TRIAL_MS_MAX.min(self.trial_ms * 2);
        }
        is_due
    }

    /// Returns whether trouble has ended: the collector may have missed Templates.
    pub(super) fn has_recovered(&mut self, now: Millis) -> bool {
        let Some(trouble) = self.trouble else {
            return false;
        };
        let is_quiet = now.since(trouble.last) >= QUIET_MS && self.sent_at > trouble.last;
        if is_quiet {
            self.trouble = None;
        }
        is_quiet
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Host;

    #[test]
    fn a_collector_has_recovered_when_it_took_something_and_stayed_quiet() {
        let mut target = Target::new(&Destination {
            host: Host::Name("flows.example.net".into()),
            port: 2055,
            protocol: crate::config::Protocol::Udp,
            outlet: 0,
            identity: Identity::Own,
        });
        target.note_refusal(Millis(1000));
        target.note_unsent(Unsent::BufferFull, 2, Millis(1500));
        assert_eq!(
            target.trouble.map(|trouble| trouble.reason),
            Some(Unsent::Refused)
        );
        assert!(
            !target.has_recovered(Millis(9000)),
            "nothing was sent since"
        );
        target.note_sent(1, 100, Millis(9000));
        assert!(target.has_recovered(Millis(9001)));
        assert!(!target.has_recovered(Millis(9002)), "said once");
        assert_eq!(target.counters.unsent[Unsent::BufferFull.index()], 2);
        assert_eq!((target.counters.refusals, target.counters.sent), (1, 1));
    }

    #[test]
    fn a_collector_that_refuses_is_tried_less_and_less_often() {
        let mut target = Target::new(&Destination {
            host: Host::Name("flows.example.net".into()),
            port: 2055,
            protocol: crate::config::Protocol::Udp,
            outlet: 0,
            identity: Identity::Own,
        });
        let mut trials = |seconds: std::ops::Range<u64>, refuses: bool| {
            let mut due = seconds.filter(|second| {
                let now = Millis(second * 1000);
                target.trouble = None;
                if refuses {
                    target.note_refusal(now);
                }
                target.is_trial_due(now)
            });
            due.by_ref().collect::<Vec<_>>()
        };
        assert!(trials(0..10, false).is_empty());
        let expected = [10, 12, 16, 24, 40, 72, 132, 192];
        assert_eq!(trials(10..200, true), expected);
        assert!(trials(200..201, false).is_empty());
        assert_eq!(trials(201..204, true), [201, 203]);
    }

    #[test]
    fn each_reason_is_its_own_counter() {
        for (index, reason) in Unsent::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), index);
        }
        let full = io::Error::from_raw_os_error(libc::ENOBUFS);
        assert_eq!(Unsent::of(&full), Unsent::BufferFull);
        assert_eq!(Unsent::of(&io::Error::other("x")), Unsent::Other);
    }
}
