//! What a lookup costs with the shipped snapshot, beside the least that any structure could cost.
//!
//! The yardstick is DIR-24-8, an array of all /24 with a second one for what is longer: one load
//! for nearly every address, at 64 MiB. Addresses are drawn from the announced prefixes: half
//! uniformly over announced space, half from a hot set of 1,000. Compare within one run only.
//!
//! Beside them, what a library would cost: `prefix-trie`, `ip_network_table`, and `maxminddb` with
//! a search in the file for each address. All give the same AS numbers, which is checked first.
//!
//! `cargo bench -p asdb` also prints the sizes, and measures the start: the compact form decoded,
//! the table built. Not here: what a Data Record costs (`mediator`).

mod array;
mod mmdb;
mod others;

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Instant;

use array::Dir248;
use asdb::{AnswerId, AsDb, Builder, Entries, Provider, snapshot};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use others::Others;

/// How many addresses a round looks up.
const ADDRESSES_COUNT: usize = 200_000;

/// How many addresses a batch has: the two sides of 25 Data Records.
const BATCH_COUNT: usize = 50;

/// How many addresses the hot set has.
const HOT_COUNT: usize = 1000;

fn lookups(criterion: &mut Criterion) {
    let started = Instant::now();
    let entries = snapshot::decode(snapshot::shipped())
        .expect("shipped")
        .entries;
    let loaded = started.elapsed();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let ipv4 = addresses(&mut random, &entries, ipv4_within);
    let ipv6 = addresses(&mut random, &entries, ipv6_within);
    let others = Others::new(&entries);
    let (db, built) = build(entries);
    println!(
        "load {loaded:.1?}, build {built:.1?}, {} IPv4 and {} IPv6 prefixes, {:.2} MiB",
        db.ipv4_prefixes_count(),
        db.ipv6_prefixes_count(),
        db.memory_bytes() as f64 / f64::from(1 << 20)
    );
    let array = Dir248::new(&db);
    compare(&db, &array, &ipv4);
    others.compare(&db, &ipv4, &ipv6);

    let mut group = criterion.benchmark_group("lookup");
    group.throughput(Throughput::Elements(ADDRESSES_COUNT as u64));
    group.bench_function("ipv4 array, singly", |b| {
        b.iter(|| {
            ipv4.iter()
                .fold(0, |sum, &address| sum ^ array.lookup(address).0)
        });
    });
    group.bench_function("ipv4 singly", |b| {
        b.iter(|| {
            let lookup = |address: u32| db.lookup(IpAddr::V4(address.into())).0;
            ipv4.iter().fold(0, |sum, &address| sum ^ lookup(address))
        });
    });
    group.bench_function("ipv4 batch", |b| {
        b.iter(|| {
            batches(&ipv4, |addresses, answers| {
                db.lookup_ipv4(addresses, answers)
            })
        });
    });
    group.bench_function("ipv6 singly", |b| {
        b.iter(|| {
            let lookup = |address: u128| db.lookup(IpAddr::V6(address.into())).0;
            ipv6.iter().fold(0, |sum, &address| sum ^ lookup(address))
        });
    });
    group.bench_function("ipv6 batch", |b| {
        b.iter(|| {
            batches(&ipv6, |addresses, answers| {
                db.lookup_ipv6(addresses, answers)
            })
        });
    });
    others.measure(&mut group, &ipv4, &ipv6);
    group.finish();
}

fn start(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("start");
    group.sample_size(20);
    let decode = || {
        let shipped = snapshot::decode(snapshot::shipped());
        shipped.expect("shipped").entries
    };
    group.bench_function("decode", |b| b.iter(decode));
    group.bench_function("build", |b| {
        b.iter_batched(decode, |entries| build(entries).0, BatchSize::LargeInput);
    });
    group.bench_function("from the compact form", |b| b.iter(|| build(decode()).0));
    group.finish();
}

fn build(entries: Entries) -> (AsDb, std::time::Duration) {
    let started = Instant::now();
    let mut builder = Builder::new();
    builder
        .add_all(Provider::Database, 0, entries)
        .expect("one source fits");
    let db = builder.build();
    (db, started.elapsed())
}

fn batches<A>(addresses: &[A], mut lookup: impl FnMut(&[A], &mut [AnswerId])) -> u32 {
    let mut answers = [AnswerId::NOBODY; BATCH_COUNT];
    let mut sum = 0;
    for batch in addresses.chunks(BATCH_COUNT) {
        lookup(batch, &mut answers);
        sum ^= black_box(&answers)[0].0;
    }
    sum
}

/// The array must give the same answers, or the comparison means nothing.
fn compare(db: &AsDb, array: &Dir248, addresses: &[u32]) {
    for &address in addresses {
        assert_eq!(array.lookup(address), db.lookup(IpAddr::V4(address.into())));
    }
}

/// Half drawn uniformly over announced space, half from a hot set of such addresses; mixed.
fn addresses<A: Copy>(
    random: &mut Random,
    entries: &Entries,
    within: fn(&asdb::Entry, &mut Random) -> Option<A>,
) -> Vec<A> {
    let weights: Vec<(f64, asdb::Entry)> = entries
        .iter()
        .filter(|entry| within(entry, &mut Random(1)).is_some())
        .scan(0.0, |sum, entry| {
            *sum += 2_f64.powi(-i32::from(entry.prefix.length()));
            Some((*sum, entry))
        })
        .collect();
    let total = weights.last().expect("entries of this family").0;
    let draw = |random: &mut Random| {
        let place = random.fraction() * total;
        let index = weights
            .partition_point(|&(sum, _)| sum <= place)
            .min(weights.len() - 1);
        within(&weights[index].1, random).expect("filtered above")
    };
    let hot: Vec<A> = (0..HOT_COUNT).map(|_| draw(random)).collect();
    let one = |random: &mut Random| match random.next() % 2 {
        0 => draw(random),
        _ => hot[usize::try_from(random.next() % HOT_COUNT as u64).expect("small")],
    };
    (0..ADDRESSES_COUNT).map(|_| one(random)).collect()
}

fn ipv4_within(entry: &asdb::Entry, random: &mut Random) -> Option<u32> {
    let IpAddr::V4(network) = entry.prefix.network() else {
        return None;
    };
    let host = u32::try_from(random.next() >> 32).expect("32 bits");
    let length = u32::from(entry.prefix.length());
    Some(network.to_bits() | host.checked_shr(length).unwrap_or(0))
}

fn ipv6_within(entry: &asdb::Entry, random: &mut Random) -> Option<u128> {
    let IpAddr::V6(network) = entry.prefix.network() else {
        return None;
    };
    let host = u128::from(random.next()) << 64 | u128::from(random.next());
    let length = u32::from(entry.prefix.length());
    Some(network.to_bits() | host.checked_shr(length).unwrap_or(0))
}

/// SplitMix64: the same addresses at every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

criterion_group!(benches, start, lookups);
criterion_main!(benches);
