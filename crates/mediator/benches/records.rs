//! Records per second through the whole Mediator, with the shipped table of the whole Internet:
//! limits, expiry and counting on, one core. Of 200,000 addresses half are drawn from all of
//! announced space and half from a hot set of 1,000.
//!
//! Beside it, in the same run, `netflow_parser` merely decodes the same Messages: what a reader
//! of such Messages costs without looking anything up or sending anything on.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot go on has failed"
)]

use std::hint::black_box;
use std::net::SocketAddr;

use asdb::{AsDb, Builder, PolicyWord, Provider, snapshot};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mediator::settings::{DomainNames, IpHeader, Knowledge, Outlet, Settings};
use mediator::{Egress, Mediator, Millis, Received, Silent};
use netflow_parser::NetflowParser;

/// Data Records of one Message: what fits 1,400 octets.
const RECORDS_PER_MESSAGE: usize = 25;
const MESSAGES: usize = 4000;
const ADDRESSES: usize = 2 * RECORDS_PER_MESSAGE * MESSAGES;
const HOT_ADDRESSES: usize = 1000;
const TEMPLATE_ID: u16 = 256;

/// One kind of traffic.
struct Traffic {
    name: &'static str,
    version: u16,
    fields: Vec<(u16, u16)>,
}

/// The fields of a common router's IPv4 Template, AS fields not among them: 52 octets.
const FIELDS: [(u16, u16); 17] = [
    (8, 4),
    (12, 4),
    (15, 4),
    (10, 4),
    (14, 4),
    (2, 4),
    (1, 4),
    (22, 4),
    (21, 4),
    (7, 2),
    (11, 2),
    (6, 1),
    (4, 1),
    (5, 1),
    (9, 1),
    (13, 1),
    (61, 1),
];

fn traffics() -> Vec<Traffic> {
    let plain = FIELDS.to_vec();
    let with_as: Vec<_> = plain.iter().copied().chain([(16, 4), (17, 4)]).collect();
    let variable: Vec<_> = plain.iter().copied().chain([(82, 0xFFFF)]).collect();
    let traffic = |name, version, fields: &Vec<_>| Traffic {
        name,
        version,
        fields: fields.clone(),
    };
    vec![
        traffic("fill v9", 9, &with_as),
        traffic("fill IPFIX", 10, &with_as),
        traffic("append v9", 9, &plain),
        traffic("append IPFIX", 10, &plain),
        traffic("variable length IPFIX", 10, &variable),
    ]
}

/// xorshift64*: repeatable, and nothing more is asked of it.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16) as usize % bound
    }
}

/// Half drawn evenly over announced space, half from a hot set of such addresses; mixed. So are
/// the addresses of `asdb`'s bench.
fn addresses(entries: &asdb::Entries) -> Vec<u32> {
    let mut space = 0;
    let ipv4: Vec<(usize, u32)> = entries
        .iter()
        .filter_map(|entry| match entry.prefix.network() {
            std::net::IpAddr::V4(address) => {
                space += 1_usize << (32 - entry.prefix.length());
                Some((space, address.to_bits()))
            }
            std::net::IpAddr::V6(_) => None,
        })
        .collect();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut draw = || {
        let place = random.below(space);
        let (end, network) = ipv4[ipv4.partition_point(|(end, _)| *end <= place)];
        // Counted from the last address, for the next entry begins where this one ends.
        network | (end - 1 - place) as u32
    };
    let hot: Vec<u32> = (0..HOT_ADDRESSES).map(|_| draw()).collect();
    let cold: Vec<u32> = (0..ADDRESSES).map(|_| draw()).collect();
    cold.into_iter()
        .map(|cold| match random.below(2) {
            0 => cold,
            _ => hot[random.below(HOT_ADDRESSES)],
        })
        .collect()
}

fn set(id: u16, content: &[u8]) -> Vec<u8> {
    let length = content.len() as u16 + 4;
    [&id.to_be_bytes(), &length.to_be_bytes(), content].concat()
}

fn message(version: u16, count: u16, set: &[u8]) -> Vec<u8> {
    let mut octets = version.to_be_bytes().to_vec();
    if version == 9 {
        octets.extend(count.to_be_bytes());
        octets.extend([0, 0, 0x27, 0x10, 0x6A, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    } else {
        octets.extend((set.len() as u16 + 16).to_be_bytes());
        octets.extend([0x6A, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    }
    octets.extend(set);
    octets
}

impl Traffic {
    fn template(&self) -> Vec<u8> {
        let mut record = TEMPLATE_ID.to_be_bytes().to_vec();
        record.extend((self.fields.len() as u16).to_be_bytes());
        for (element, octets) in &self.fields {
            record.extend(element.to_be_bytes());
            record.extend(octets.to_be_bytes());
        }
        let set_id = if self.version == 9 { 0 } else { 2 };
        message(self.version, 1, &set(set_id, &record))
    }

    fn data(&self, addresses: &[u32]) -> Vec<u8> {
        let mut records = Vec::new();
        for pair in addresses.chunks_exact(2) {
            for (element, octets) in &self.fields {
                match (element, octets) {
                    (8, _) => records.extend(pair[0].to_be_bytes()),
                    (12, _) => records.extend(pair[1].to_be_bytes()),
                    (16 | 17, _) => records.extend([0; 4]),
                    (_, 0xFFFF) => records.extend(b"\x09ae-12.100"),
                    (_, octets) => records.extend(std::iter::repeat_n(1, usize::from(*octets))),
                }
            }
        }
        let count = RECORDS_PER_MESSAGE as u16;
        message(self.version, count, &set(TEMPLATE_ID, &records))
    }

    fn messages(&self, addresses: &[u32]) -> Vec<Vec<u8>> {
        let per_message = addresses.chunks_exact(2 * RECORDS_PER_MESSAGE);
        per_message.map(|some| self.data(some)).collect()
    }

    const fn sequence_offset(&self) -> usize {
        if self.version == 9 { 12 } else { 8 }
    }
}

fn settings() -> Settings {
    Settings::of_outlets(vec![Outlet::of_all(
        1500,
        IpHeader::Ipv4,
        DomainNames::Kept,
    )])
}

/// A Mediator that has learnt the Template, and the counter of its exporter.
struct Engine {
    mediator: Mediator,
    egress: Egress,
    sequence: u32,
    datagram: Vec<u8>,
}

impl Engine {
    fn new(traffic: &Traffic, knowledge: &Knowledge<'_>) -> Self {
        let mut engine = Self {
            mediator: Mediator::new(settings(), 1),
            egress: Egress::new(),
            sequence: 0,
            datagram: Vec::new(),
        };
        engine.take(&traffic.template(), traffic, 0, knowledge);
        engine
    }

    fn take(&mut self, octets: &[u8], traffic: &Traffic, records: u32, knowledge: &Knowledge<'_>) {
        let exporter: SocketAddr = ([198, 18, 0, 1], 2055).into();
        self.datagram.clear();
        self.datagram.extend_from_slice(octets);
        let at = traffic.sequence_offset();
        self.datagram[at..at + 4].copy_from_slice(&self.sequence.to_be_bytes());
        self.sequence = self
            .sequence
            .wrapping_add(if traffic.version == 9 { 1 } else { records });
        let received = Received {
            exporter,
            arrived: Millis(0),
            octets: &mut self.datagram,
        };
        self.mediator
            .process(received, knowledge, &mut self.egress, &mut Silent);
        black_box(self.egress.outgoing());
        self.egress.clear();
    }
}

fn as_db() -> (AsDb, Vec<u32>) {
    let shipped = snapshot::decode(snapshot::shipped()).unwrap();
    let addresses = addresses(&shipped.entries);
    let mut builder = Builder::new();
    builder
        .add_all(Provider::Database, 0, shipped.entries)
        .unwrap();
    (builder.build(), addresses)
}

fn records(criterion: &mut Criterion) {
    let (as_db, addresses) = as_db();
    let policy = as_db.policy(&PolicyWord::DEFAULT_ORDER);
    let knowledge = Knowledge {
        as_db: &as_db,
        policies: &[policy],
        own: &[],
    };
    let mut group = criterion.benchmark_group("records");
    group.throughput(Throughput::Elements(
        (MESSAGES * RECORDS_PER_MESSAGE) as u64,
    ));
    group.sample_size(20);
    for traffic in traffics() {
        let messages = traffic.messages(&addresses);
        let mut engine = Engine::new(&traffic, &knowledge);
        group.bench_function(BenchmarkId::new("mediator", traffic.name), |bencher| {
            bencher.iter(|| {
                for message in &messages {
                    engine.take(message, &traffic, RECORDS_PER_MESSAGE as u32, &knowledge);
                }
            });
        });
        let mut parser = NetflowParser::default();
        let _ = black_box(parser.parse_bytes(&traffic.template()));
        group.bench_function(
            BenchmarkId::new("netflow_parser decodes", traffic.name),
            |bencher| {
                bencher.iter(|| {
                    for message in &messages {
                        let _ = black_box(parser.parse_bytes(message));
                    }
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, records);
criterion_main!(benches);
