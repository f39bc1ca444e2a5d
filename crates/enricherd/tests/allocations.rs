//! Once warm, a worker allocates nothing: from the socket where Messages arrive to those by which
//! they leave, its looks after collectors and its published numbers included.
//!
//! Everything is as in the daemon, over loopback; the allocator counts what the worker's thread
//! asks of it.
//!
//! Not here: the Mediator alone, in all its shapes (`mediator`).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "daemon/message.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod message;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use asdb::{Asn, Builder, Prefix, Provider};
use enricherd::config::ConfigFile;
use enricherd::io::clock::Clock;
use enricherd::io::open::input;
use enricherd::io::steering::Steering;
use enricherd::pipeline::known::{Known, SharedKnown};
use enricherd::pipeline::outlets::Outlets;
use enricherd::pipeline::page::Page;
use enricherd::pipeline::settings;
use enricherd::pipeline::worker::{Handover, Order, Start, Worker};
use mediator::{Observer, RecordSeen};
use message::{Head, PLAIN, Protocol, WITH_AS, data, plain_record, record_with_as, templates};

/// What threads that are watched asked of the allocator.
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
}

struct Counting;

// SAFETY: every call is handed to the system's allocator unchanged; counting touches no memory of
// the caller, and a thread-local number that needs no allocation itself.
#[allow(unsafe_code, reason = "an allocator cannot be written without it")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if IS_WATCHED.with(Cell::get) {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from the system's allocator above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Has the thread that enriches be watched from its first record on.
struct Marks;

impl Observer for Marks {
    const WATCHES: bool = true;

    fn record(&mut self, _: &RecordSeen) {
        IS_WATCHED.with(|is_watched| is_watched.set(true));
    }
}

const EXPORTERS: u8 = 8;
/// Messages that each exporter sends to make the worker warm.
const WARM: u32 = 600;
/// Publications of numbers that fall into the measurement: some looks after collectors do too.
const PUBLICATIONS: usize = 25;

/// A worker, its exporters and its collector.
struct Bench {
    exporters: Vec<UdpSocket>,
    collector: UdpSocket,
}

impl Bench {
    /// Each exporter sends a Message of each kind; what they become is taken.
    fn round(&self, number: u32) {
        for exporter in &self.exporters {
            for (protocol, set_id, record) in [
                (Protocol::V9, WITH_AS, record_with_as(0, 64_496)),
                (Protocol::Ipfix, PLAIN, plain_record(number)),
            ] {
                let records = record.repeat(20);
                let sequence = match protocol {
                    Protocol::V9 => number,
                    Protocol::Ipfix => 20 * number,
                };
                let head = Head::new(protocol, sequence);
                exporter.send(&data(head, set_id, &records)).unwrap();
                self.take_data();
            }
        }
    }

    /// Goes on until numbers were published some times; returns what was allocated meanwhile.
    fn allocations_of(&self, number: &mut u32, page: &Page) -> u64 {
        let published = || page.read().tally.datagrams;
        let (mut publications, mut last) = (0, published());
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        while publications < PUBLICATIONS {
            *number += 1;
            self.round(*number);
            let now = published();
            publications += usize::from(now != last);
            last = now;
        }
        ALLOCATIONS.load(Ordering::Relaxed) - before
    }

    /// Takes Messages up to one with data.
    fn take_data(&self) {
        let mut octets = [0; 2048];
        loop {
            let length = self.collector.recv(&mut octets).unwrap();
            if !message::data_sets(&octets[..length]).is_empty() {
                return;
            }
        }
    }
}

/// The other ends of what a worker is told and hands over.
type Ends = (SyncSender<Order>, Receiver<Handover>);

fn start(collector: SocketAddr) -> (Start, SocketAddr, Ends, Arc<Page>) {
    let text = format!(
        "forwarding: {{source: own, collectors: [{{host: 127.0.0.1, port: {}}}]}}",
        collector.port()
    );
    let config = ConfigFile::parse(text.as_bytes()).unwrap();
    let config = config.check().unwrap().config;
    let mut builder = Builder::new();
    for (network, asn) in [([8, 8, 8, 8], 15_169), ([1, 1, 1, 1], 13_335)] {
        let prefix = Prefix::new(network.into(), 32).unwrap();
        builder
            .add(Provider::Database, 0, prefix, Asn(asn))
            .unwrap();
    }
    let as_db = builder.build();
    let collectors = &config.forwarding.collectors;
    let decisions = Arc::new(settings::decisions(&config, &as_db).0);
    let (settings, policies) = settings::of(&config, collectors, &as_db);
    let input = input("127.0.0.1:0".parse().unwrap(), 1 << 20, Steering::over(1)).unwrap();
    let [socket] = input.sockets.try_into().unwrap();
    let (orders, ordered) = sync_channel::<Order>(1);
    let (handover, handed) = sync_channel(64);
    let page = Arc::new(Page::default());
    let start = Start {
        index: 0,
        steering: input.steering,
        apart: Arc::default(),
        socket,
        datagram_octets_max: 65_535,
        decisions: Arc::clone(&decisions),
        settings,
        seed: 1,
        outlets: Outlets::of(&config.forwarding, &[]),
        streams: Vec::new(),
        sockets_max: 64,
        state: Arc::default(),
        known: SharedKnown::new(Known {
            as_db,
            policies,
            decisions,
            own: Vec::new(),
        }),
        clock: Clock::start(),
        page: Arc::clone(&page),
        orders: ordered,
        handover,
    };
    (start, input.bound, (orders, handed), page)
}

#[test]
fn a_warm_worker_allocates_nothing_from_socket_to_socket() {
    let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
    collector
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let (start, to, ends, page) = start(collector.local_addr().unwrap());
    let worker = thread::spawn(|| Worker::new(start, Marks).run());
    let exporter = |last: u8| {
        let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
        socket.connect(to).unwrap();
        socket
    };
    let bench = Bench {
        exporters: (1..=EXPORTERS).map(exporter).collect(),
        collector,
    };
    for exporter in &bench.exporters {
        for protocol in [Protocol::V9, Protocol::Ipfix] {
            exporter.send(&templates(Head::new(protocol, 0))).unwrap();
        }
    }
    let mut number = 0;
    while number < WARM {
        number += 1;
        bench.round(number);
    }
    assert!(
        ALLOCATIONS.load(Ordering::Relaxed) > 0,
        "the worker is watched"
    );
    // The Templates that came first are saved a second later, and never again.
    let saves = || ends.1.try_iter().count();
    let mut counted = bench.allocations_of(&mut number, &page);
    for _ in 0..2 {
        if saves() > 0 {
            counted = bench.allocations_of(&mut number, &page);
        }
    }
    assert_eq!(counted, 0, "up to round {number}");
    // Nobody is left who could order anything: the worker ends.
    drop(ends);
    worker.join().unwrap();
}
