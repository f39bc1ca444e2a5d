//! Messages through the Mediator, for whoever counts instructions.
//!
//! `cargo xtask instructions` runs this under callgrind, which counts what each of the functions
//! `measured_…` costs with all that they call. Everything else is outside of them: the table of
//! the whole Internet, making the Messages, learning the Templates, the first Messages of each
//! exporter. Nothing is random, so the same build counts the same.
//!
//! Not here: time. Instructions say nothing about caches, and are the same on a busy machine.
//! Bound: some hundred Messages of each flavour.

use std::error::Error;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};

use asdb::{AsDb, Builder, PolicyWord, Provider, snapshot};
use lab::load::kernel::BATCH_DATAGRAMS;
use lab::load::layout::Flavour;
use lab::load::origins::Origins;
use lab::load::volley::{Fleet, Volley};
use lab::random::Random;
use mediator::settings::{DomainNames, IpHeader, Knowledge, Outlet, Settings};
use mediator::{Egress, Mediator, Millis, Received, Silent};

/// Batches of 64 before anything is counted: all Templates, and some Messages of each exporter.
const WARM_UP_BATCHES: usize = 4;

/// Batches of 64 that are counted.
const COUNTED_BATCHES: usize = 8;

/// 2026-01-01, in nanoseconds since 1970.
const NOW_NS: u64 = 1_767_225_600_000_000_000;

/// One datagram and who sends it.
type Datagram = (SocketAddr, Vec<u8>);

/// A Mediator and what is sent to it.
struct Run<'a> {
    mediator: Mediator,
    egress: Egress,
    knowledge: &'a Knowledge<'a>,
}

impl Run<'_> {
    fn take(&mut self, datagrams: &mut [Datagram]) {
        for (exporter, octets) in datagrams {
            let received = Received {
                exporter: *exporter,
                arrived: Millis(1),
                octets,
            };
            self.mediator
                .process(received, self.knowledge, &mut self.egress, &mut Silent);
            black_box(self.egress.outgoing());
            self.egress.clear();
        }
    }
}

// Each is a function of its own under a name of its own: that is what callgrind tells apart. The
// text keeps the compiler from taking equal ones for one.

#[inline(never)]
fn measured_fill(run: &mut Run<'_>, datagrams: &mut [Datagram]) {
    black_box("fill");
    run.take(datagrams);
}

#[inline(never)]
fn measured_append(run: &mut Run<'_>, datagrams: &mut [Datagram]) {
    black_box("append");
    run.take(datagrams);
}

#[inline(never)]
fn measured_variable(run: &mut Run<'_>, datagrams: &mut [Datagram]) {
    black_box("variable");
    run.take(datagrams);
}

#[inline(never)]
fn measured_v5(run: &mut Run<'_>, datagrams: &mut [Datagram]) {
    black_box("v5");
    run.take(datagrams);
}

/// What callgrind looks at, by the flavour that it is given.
type Measured = fn(&mut Run<'_>, &mut [Datagram]);

const MEASURED: [(&str, Measured); 4] = [
    ("fill", measured_fill),
    ("append", measured_append),
    ("variable", measured_variable),
    ("v5", measured_v5),
];

fn main() -> Result<(), Box<dyn Error>> {
    let as_db = as_db()?;
    let words = [PolicyWord::Static, PolicyWord::Flow, PolicyWord::Database];
    let knowledge = Knowledge {
        as_db: &as_db,
        policies: &[as_db.policy(&words)],
        own: &[],
    };
    for (name, measured) in MEASURED {
        let (mut before, mut counted) = datagrams(name.parse()?);
        let mut run = Run {
            mediator: Mediator::new(settings(), 1),
            egress: Egress::new(),
            knowledge: &knowledge,
        };
        run.take(&mut before.datagrams);
        measured(&mut run, &mut counted.datagrams);
        println!("{name} {}", counted.records);
    }
    Ok(())
}

fn as_db() -> Result<AsDb, Box<dyn Error>> {
    let mut builder = Builder::new();
    let entries = snapshot::decode(snapshot::shipped())?.entries;
    builder.add_all(Provider::Database, 0, entries)?;
    Ok(builder.build())
}

/// Some datagrams in the order they are sent, and the records in them.
#[derive(Default)]
struct Traffic {
    datagrams: Vec<Datagram>,
    records: u64,
}

/// What is sent before and what is sent while somebody counts.
fn datagrams(flavour: Flavour) -> (Traffic, Traffic) {
    let mut random = Random::new(1);
    let origins = Origins::everywhere(&mut random);
    let fleet = Fleet {
        flavours: vec![flavour],
        exporters_count: 10,
        address_first: Ipv4Addr::new(198, 18, 0, 1),
        records_max: None,
        templates_count: 1,
        port_first: 2055,
        ports_count: 1,
        run_messages: 4,
        refresh_messages: 500,
        forged_to: None,
    };
    let mut volley = Volley::new(fleet, &origins, &mut random);
    let mut traffic = |batches| {
        let mut traffic = Traffic::default();
        let records_before = volley.sent().records;
        for _ in 0..batches {
            volley.load(BATCH_DATAGRAMS, NOW_NS);
            let loaded = volley.loaded();
            traffic.datagrams.extend(loaded.map(|(_, leaving)| {
                let source = leaving.source.unwrap_or(Ipv4Addr::UNSPECIFIED);
                (SocketAddr::from((source, 2055)), leaving.body.to_vec())
            }));
        }
        traffic.records = volley.sent().records - records_before;
        traffic
    };
    (traffic(WARM_UP_BATCHES), traffic(COUNTED_BATCHES))
}

fn settings() -> Settings {
    Settings::of_outlets(vec![Outlet::of_all(
        1500,
        IpHeader::Ipv4,
        DomainNames::Kept,
    )])
}
