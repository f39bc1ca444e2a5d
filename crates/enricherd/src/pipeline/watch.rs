//! Live Messages for whoever watches, without slowing a datagram.
//!
//! Each watcher has a *post* with each worker: what it wants, and a ring of Messages. A worker
//! looks once a batch whether anybody watches. It writes into a ring only while that has room, is
//! not being read, and its budget for the second lasts; everything else is counted as not shown. A
//! Message's first AS numbers come for free, so watching takes the usual way through the Mediator;
//! only records in full take the watched one, and have a smaller budget.
//!
//! Not here: text and JSON (`control::watch`).
//! Bound: [`WATCHERS_MAX`] watchers; each has with each worker [`RING_MESSAGES`] Messages of
//! [`OCTETS_KEPT_MAX`] octets, and with records in full [`RING_MESSAGES_WITH_RECORDS`] Messages of
//! [`RECORDS_KEPT_MAX`] records, some 800 KiB. The room is taken when the watch begins.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mediator::{Millis, Observer, RecordSeen, Volume};

use crate::pipeline::tally::Refused;
use crate::pipeline::traffic::Counting;

/// Watchers at once.
pub const WATCHERS_MAX: usize = 4;
/// Messages that wait for a watcher.
pub const RING_MESSAGES: usize = 256;
/// The same with records in full.
pub const RING_MESSAGES_WITH_RECORDS: usize = 64;
/// Octets of a Message that are kept: enough for the Sets of a usual one.
pub const OCTETS_KEPT_MAX: usize = 1500;
/// Records of a Message that are kept.
pub const RECORDS_KEPT_MAX: usize = 64;
/// Messages that a worker shows a watcher within a second: more than anybody reads.
pub const MESSAGES_PER_SECOND_MAX: u32 = 500;
/// The same with records in full, which cost more.
pub const RECORD_MESSAGES_PER_SECOND_MAX: u32 = 64;

/// What a watcher wants to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// Messages of this exporter only.
    pub exporter: Option<IpAddr>,
    /// Records in full.
    pub records: bool,
}

/// A Message as a watcher sees it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When it came, by the workers' clock.
    pub at: Millis,
    /// Who sent it.
    pub exporter: SocketAddr,
    /// Octets of its datagram.
    pub octets_count: usize,
    /// The first of them, as they came.
    pub octets: Vec<u8>,
    /// Source and destination AS of its first record, as they leave; 0 where nobody knows.
    pub first_as: Option<[u32; 2]>,
    /// Whether its lengths contradict each other.
    pub is_malformed: bool,
    /// Why it was not taken, if so.
    pub refused: Option<Refused>,
    /// Its first records, if they were wanted.
    pub records: Vec<RecordSeen>,
}

impl Seen {
    /// Room for a Message, as large as it ever will be.
    fn room(want: Want) -> Self {
        let records_max = if want.records { RECORDS_KEPT_MAX } else { 0 };
        Self {
            at: Millis(0),
            exporter: SocketAddr::from(([0; 4], 0)),
            octets_count: 0,
            octets: Vec::with_capacity(OCTETS_KEPT_MAX),
            first_as: None,
            is_malformed: false,
            refused: None,
            records: Vec::with_capacity(records_max),
        }
    }

    /// Takes over what another has, into the room that this one has.
    fn take(&mut self, other: &Self) {
        self.at = other.at;
        self.exporter = other.exporter;
        self.octets_count = other.octets_count;
        self.first_as = other.first_as;
        self.is_malformed = other.is_malformed;
        self.refused = other.refused;
        self.octets.clear();
        self.octets.extend_from_slice(&other.octets);
        self.records.clear();
        let room = self.records.capacity();
        self.records.extend(other.records.iter().take(room));
    }
}

/// Messages that wait, in places that are used again and again.
#[derive(Debug)]
struct Ring {
    places: Vec<Seen>,
    first: usize,
    used: usize,
    /// The second that the budget is for, and what is left of it.
    second: u64,
    left: u32,
}

/// What one watcher has with one worker.
#[derive(Debug)]
pub struct Post {
    want: Want,
    ring: Mutex<Ring>,
    not_shown: AtomicU64,
}

impl Post {
    fn new(want: Want) -> Self {
        let places = if want.records {
            RING_MESSAGES_WITH_RECORDS
        } else {
            RING_MESSAGES
        };
        Self {
            want,
            ring: Mutex::new(Ring {
                places: (0..places).map(|_| Seen::room(want)).collect(),
                first: 0,
                used: 0,
                second: u64::MAX,
                left: 0,
            }),
            not_shown: AtomicU64::new(0),
        }
    }

    fn wants(&self, exporter: IpAddr) -> bool {
        self.want.exporter.is_none_or(|only| only == exporter)
    }

    /// Whether there is room and budget for a Message now; if not, it is counted as not shown.
    fn has_room(&self, now: Millis) -> bool {
        let has_room = self.ring.try_lock().is_ok_and(|mut ring| {
            let second = now.0 / 1000;
            if ring.second != second {
                ring.second = second;
                ring.left = if self.want.records {
                    RECORD_MESSAGES_PER_SECOND_MAX
                } else {
                    MESSAGES_PER_SECOND_MAX
                };
            }
            ring.left > 0 && ring.used < ring.places.len()
        });
        if !has_room {
            self.count_not_shown();
        }
        has_room
    }

    fn put(&self, seen: &Seen) {
        let Ok(mut ring) = self.ring.try_lock() else {
            return self.count_not_shown();
        };
        let at = (ring.first + ring.used) % ring.places.len().max(1);
        if let Some(place) = ring.places.get_mut(at) {
            place.take(seen);
            ring.used += 1;
            ring.left = ring.left.saturating_sub(1);
        }
    }

    fn count_not_shown(&self) {
        self.not_shown.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes the Messages that wait; also returns how many were not shown since the last time.
    pub fn drain(&self, to: &mut Vec<Seen>) -> u64 {
        let mut ring = self.lock();
        let Ring {
            places,
            first,
            used,
            ..
        } = &mut *ring;
        for nth in 0..*used {
            let at = (*first + nth) % places.len().max(1);
            to.extend(places.get(at).cloned());
        }
        *first = (*first + *used) % places.len().max(1);
        *used = 0;
        self.not_shown.swap(0, Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The posts with one worker.
#[derive(Debug, Default)]
pub struct Posts {
    list: Mutex<Vec<Arc<Post>>>,
    are_there: AtomicBool,
}

impl Posts {
    /// Opens a post; `None` if there are as many watchers as there may be.
    #[must_use]
    pub fn open(&self, want: Want) -> Option<Arc<Post>> {
        let post = Arc::new(Post::new(want));
        let mut list = self.lock();
        if list.len() >= WATCHERS_MAX {
            return None;
        }
        list.push(Arc::clone(&post));
        self.are_there.store(true, Ordering::Release);
        Some(post)
    }

    /// Closes a post.
    pub fn close(&self, post: &Arc<Post>) {
        let mut list = self.lock();
        list.retain(|other| !Arc::ptr_eq(other, post));
        self.are_there.store(!list.is_empty(), Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Post>>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The worker's side of all posts.
#[derive(Debug)]
pub struct Watched {
    /// The posts as they were when this batch began; empty while nobody watches.
    posts: Vec<Arc<Post>>,
    /// The Message that is worked on, written down once for all who want it.
    seen: Seen,
    /// Those of `posts` that have room for it.
    takers: Vec<usize>,
}

impl Default for Watched {
    fn default() -> Self {
        Self {
            posts: Vec::with_capacity(WATCHERS_MAX),
            seen: Seen::room(Want {
                exporter: None,
                records: true,
            }),
            takers: Vec::with_capacity(WATCHERS_MAX),
        }
    }
}

/// How much of a Message somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Nobody wants it.
    Nothing,
    /// What is known of it anyway.
    Message,
    /// Each record.
    Records,
}

impl Watched {
    /// Looks who watches; once a batch. A list that is being changed is looked at again with the
    /// next batch.
    pub fn begin_batch(&mut self, posts: &Posts) {
        if !posts.are_there.load(Ordering::Acquire) {
            self.posts.clear();
        } else if let Ok(list) = posts.list.try_lock() {
            self.posts.clear();
            self.posts.extend(list.iter().take(WATCHERS_MAX).cloned());
        }
    }

    /// Returns how much of the next Message is wanted, and writes down what is known before it is
    /// worked on.
    #[inline]
    pub fn begin(&mut self, exporter: SocketAddr, octets: &[u8], now: Millis) -> Depth {
        if self.posts.is_empty() {
            return Depth::Nothing;
        }
        self.note(exporter, octets, now)
    }

    #[cold]
    fn note(&mut self, exporter: SocketAddr, octets: &[u8], now: Millis) -> Depth {
        self.takers.clear();
        let mut depth = Depth::Nothing;
        for (index, post) in self.posts.iter().enumerate() {
            if post.wants(exporter.ip()) && post.has_room(now) {
                self.takers.push(index);
                if post.want.records {
                    depth = Depth::Records;
                } else if depth == Depth::Nothing {
                    depth = Depth::Message;
                }
            }
        }
        if depth != Depth::Nothing {
            let kept = octets.get(..OCTETS_KEPT_MAX).unwrap_or(octets);
            self.seen.at = now;
            self.seen.exporter = exporter;
            self.seen.octets_count = octets.len();
            self.seen.octets.clear();
            self.seen.octets.extend_from_slice(kept);
            self.seen.first_as = None;
            self.seen.is_malformed = false;
            self.seen.refused = None;
            self.seen.records.clear();
        }
        depth
    }

    /// The records of the Message that is worked on.
    pub const fn records(&mut self) -> &mut Vec<RecordSeen> {
        &mut self.seen.records
    }

    /// Gives the Message to all who have room for it, with what became of it.
    pub fn end(
        &mut self,
        first_as: Option<[u32; 2]>,
        is_malformed: bool,
        refused: Option<Refused>,
    ) {
        self.seen.first_as = first_as;
        self.seen.is_malformed = is_malformed;
        self.seen.refused = refused;
        for index in &self.takers {
            if let Some(post) = self.posts.get(*index) {
                post.put(&self.seen);
            }
        }
    }
}

/// Writes down records beside whoever counts their traffic.
#[derive(Debug)]
pub struct Noting<'a, O> {
    /// Who counts.
    pub counting: &'a mut Counting<O>,
    /// Where records are written down, up to its room.
    pub records: &'a mut Vec<RecordSeen>,
}

impl<O: Observer> Observer for Noting<'_, O> {
    const WATCHES: bool = true;
    const COUNTS: bool = true;

    fn record(&mut self, seen: &RecordSeen) {
        if O::WATCHES {
            self.counting.record(seen);
        }
        if self.records.len() < RECORDS_KEPT_MAX {
            self.records.push(*seen);
        }
    }

    fn traffic(&mut self, ases: [&[u32]; 2], volumes: &[Volume]) {
        self.counting.traffic(ases, volumes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORTER: ([u8; 4], u16) = ([192, 0, 2, 1], 2055);

    fn show(watched: &mut Watched, now_ms: u64) -> Depth {
        let depth = watched.begin(EXPORTER.into(), b"octets", Millis(now_ms));
        if depth != Depth::Nothing {
            watched.end(Some([1, 2]), false, None);
        }
        depth
    }

    #[test]
    fn only_while_somebody_watches_and_only_what_is_wanted_is_shown() {
        let (posts, mut watched) = (Posts::default(), Watched::default());
        watched.begin_batch(&posts);
        assert_eq!(show(&mut watched, 0), Depth::Nothing);
        let other = Want {
            exporter: Some([192, 0, 2, 9].into()),
            records: true,
        };
        let nobody = posts.open(other).unwrap();
        watched.begin_batch(&posts);
        assert_eq!(show(&mut watched, 0), Depth::Nothing);
        let everybody = posts.open(Want::default()).unwrap();
        watched.begin_batch(&posts);
        assert_eq!(show(&mut watched, 0), Depth::Message);
        let mut seen = Vec::new();
        assert_eq!((nobody.drain(&mut seen), seen.len()), (0, 0));
        assert_eq!((everybody.drain(&mut seen), seen.len()), (0, 1));
        assert_eq!(seen[0].octets, b"octets");
        posts.close(&nobody);
        posts.close(&everybody);
        watched.begin_batch(&posts);
        assert_eq!(show(&mut watched, 0), Depth::Nothing);
    }

    #[test]
    fn a_watcher_that_does_not_read_loses_messages_and_they_are_counted() {
        let (posts, mut watched) = (Posts::default(), Watched::default());
        let post = posts.open(Want::default()).unwrap();
        watched.begin_batch(&posts);
        let shown = RING_MESSAGES as u64;
        for _ in 0..shown + 7 {
            show(&mut watched, 0);
        }
        let mut seen = Vec::new();
        assert_eq!(post.drain(&mut seen), 7);
        assert_eq!(seen.len() as u64, shown);
        assert_eq!(show(&mut watched, 0), Depth::Message);
    }

    #[test]
    fn a_second_has_its_budget_however_fast_the_watcher_reads() {
        let (posts, mut watched) = (Posts::default(), Watched::default());
        let want = Want {
            exporter: None,
            records: true,
        };
        let post = posts.open(want).unwrap();
        watched.begin_batch(&posts);
        let mut seen = Vec::new();
        let mut not_shown = 0;
        for _ in 0..1000 {
            show(&mut watched, 5000);
            not_shown += post.drain(&mut seen);
        }
        let budget = u64::from(RECORD_MESSAGES_PER_SECOND_MAX);
        assert_eq!((seen.len() as u64, not_shown), (budget, 1000 - budget));
        assert_eq!(show(&mut watched, 6000), Depth::Records);
    }

    #[test]
    fn there_are_so_many_watchers_and_no_more() {
        let posts = Posts::default();
        let open: Vec<_> = (0..=WATCHERS_MAX)
            .filter_map(|_| posts.open(Want::default()))
            .collect();
        assert_eq!(open.len(), WATCHERS_MAX);
        posts.close(&open[0]);
        assert!(posts.open(Want::default()).is_some());
    }
}
