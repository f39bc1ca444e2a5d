//! Once warm, nothing is allocated for a Message whose Templates are known.
//!
//! The allocator counts; everything else is as in the daemon: one egress that is emptied and used
//! again, a growing clock, Templates refreshed by the exporter now and then.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;

use asdb::{Asn, Builder, PolicyWord, Prefix, Provider};
use mediator::settings::{DomainNames, IpHeader, Knowledge, Outlet, Settings};
use mediator::{Egress, Mediator, Millis, Received, Silent};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is handed to the system's allocator unchanged; counting touches no memory of
// the caller, and a thread-local number that needs no allocation itself.
#[allow(unsafe_code, reason = "an allocator cannot be written without it")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
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

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

const SOURCE: [u8; 4] = [8, 8, 8, 8];
const DESTINATION: [u8; 4] = [1, 1, 1, 1];

/// A Template, and one Data Record of it.
struct Shape {
    version: u8,
    fields: &'static [(u16, u16)],
    record: &'static [u8],
}

const APPEND: [(u16, u16); 3] = [(8, 4), (12, 4), (1, 4)];
const FILL: [(u16, u16); 5] = [(8, 4), (12, 4), (1, 4), (16, 4), (17, 4)];
const WIDEN: [(u16, u16); 5] = [(8, 4), (12, 4), (16, 2), (17, 2), (1, 4)];
const VARIABLE: [(u16, u16); 4] = [(8, 4), (82, 0xFFFF), (12, 4), (1, 4)];

const SHAPES: [Shape; 7] = [
    Shape {
        version: 9,
        fields: &APPEND,
        record: &[8, 8, 8, 8, 1, 1, 1, 1, 0, 0, 0, 9],
    },
    Shape {
        version: 10,
        fields: &APPEND,
        record: &[8, 8, 8, 8, 1, 1, 1, 1, 0, 0, 0, 9],
    },
    Shape {
        version: 9,
        fields: &FILL,
        record: &[8, 8, 8, 8, 1, 1, 1, 1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0],
    },
    Shape {
        version: 10,
        fields: &FILL,
        record: &[8, 8, 8, 8, 1, 1, 1, 1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0],
    },
    Shape {
        version: 9,
        fields: &WIDEN,
        record: &[8, 8, 8, 8, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 9],
    },
    Shape {
        version: 10,
        fields: &WIDEN,
        record: &[8, 8, 8, 8, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 9],
    },
    Shape {
        version: 10,
        fields: &VARIABLE,
        record: &[8, 8, 8, 8, 3, b'x', b'e', b'0', 1, 1, 1, 1, 0, 0, 0, 9],
    },
];

fn set(id: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 4).unwrap();
    [&id.to_be_bytes(), &length.to_be_bytes(), content].concat()
}

fn message(version: u8, sequence: u32, sets: &[u8]) -> Vec<u8> {
    let sequence = sequence.to_be_bytes();
    if version == 9 {
        let start = [0, 9, 0, 1, 0, 0, 0, 0, 0x65, 0, 0, 0];
        return [&start, &sequence[..], &[0, 0, 0, 7], sets].concat();
    }
    let length = u16::try_from(sets.len() + 16).unwrap().to_be_bytes();
    let times = [0x65, 0, 0, 0];
    [
        &[0, 10],
        &length[..],
        &times,
        &sequence,
        &[0, 0, 0, 7],
        sets,
    ]
    .concat()
}

impl Shape {
    fn template_set(&self) -> Vec<u8> {
        let mut record = vec![1, 0, 0, u8::try_from(self.fields.len()).unwrap()];
        for (element, octets) in self.fields {
            record.extend(element.to_be_bytes());
            record.extend(octets.to_be_bytes());
        }
        set(if self.version == 9 { 0 } else { 2 }, &record)
    }

    /// As many records as make the Message large enough to be divided when it grows.
    fn data_set(&self) -> Vec<u8> {
        set(256, &self.record.repeat(1400 / self.record.len()))
    }
}

fn settings() -> Settings {
    let outlet =
        |packet_octets_max| Outlet::of_all(packet_octets_max, IpHeader::Ipv4, DomainNames::Kept);
    Settings::of_outlets(vec![outlet(1500), outlet(576)])
}

#[test]
fn a_warm_mediator_allocates_nothing() {
    let mut builder = Builder::new();
    for (network, asn) in [(SOURCE, 15_169), (DESTINATION, 13_335)] {
        let prefix = Prefix::new(network.into(), 32).unwrap();
        builder.add(Provider::Static, 0, prefix, Asn(asn)).unwrap();
    }
    let as_db = builder.build();
    let policies = [as_db.policy(&[PolicyWord::Static, PolicyWord::Flow])];
    let knowledge = Knowledge {
        as_db: &as_db,
        policies: &policies,
        own: &[],
    };
    for (number, shape) in SHAPES.iter().enumerate() {
        let mut mediator = Mediator::new(settings(), 1);
        let mut egress = Egress::new();
        let exporter: SocketAddr = ([198, 18, 0, 1], 2055).into();
        let records = u32::try_from(1400 / shape.record.len()).unwrap();
        let step = if shape.version == 9 { 1 } else { records };
        let mut take = |nth: u32, sets: &[u8]| {
            let mut octets = message(shape.version, nth.wrapping_mul(step), sets);
            let received = Received {
                exporter,
                arrived: Millis(u64::from(nth)),
                octets: &mut octets,
            };
            let counted = allocations(|| {
                mediator.tick(Millis(u64::from(nth)), &knowledge, &mut egress, &mut Silent);
                mediator.process(received, &knowledge, &mut egress, &mut Silent);
            });
            assert!(!egress.outgoing().is_empty());
            egress.clear();
            counted
        };
        take(0, &shape.template_set());
        for nth in 1..600 {
            take(nth, &shape.data_set());
        }
        let counted: u64 = (600..2000).map(|nth| take(nth, &shape.data_set())).sum();
        assert_eq!(
            counted, 0,
            "shape {number}, two announcements among the Messages"
        );
    }
}
