//! Any set of prefixes, of any providers and sources: the table answers as a scan of all would.
//!
//! Prefixes are drawn close together, so that they nest, touch, repeat and reach into the addresses
//! without an origin; lengths go to the last bit.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use asdb::{AnswerId, Asn, Builder, Entries, Kept, Prefix, Provider, Reserved, has_origin};
use proptest::prelude::*;

/// What one source says about one prefix.
#[derive(Clone, Debug)]
struct Said {
    provider: Provider,
    source_index: u16,
    prefix: Prefix,
    asn: Asn,
}

const TABLED: [Provider; 5] = [
    Provider::Static,
    Provider::Bgp,
    Provider::Bmp,
    Provider::Table,
    Provider::Database,
];

/// The longest usable prefix of a provider; of equal ones the earlier source, then the earlier.
fn naive(all: &[Said], provider: Provider, address: IpAddr) -> Option<Asn> {
    let address = address.to_canonical();
    if provider != Provider::Static && !has_origin(address) {
        return None;
    }
    let is_usable = |said: &&Said| match provider {
        Provider::Static => said.asn != Asn(0),
        _ => !said.asn.is_reserved(),
    };
    all.iter()
        .filter(|said| said.provider == provider && said.prefix.contains(address))
        .filter(|said| said.prefix.length() > 0)
        .filter(is_usable)
        .min_by_key(|said| (u8::MAX - said.prefix.length(), said.source_index))
        .map(|said| said.asn)
}

/// Addresses near the borders of the prefixes, and any others.
fn addresses(all: &[Said], others: &[IpAddr]) -> Vec<IpAddr> {
    let mut addresses = others.to_vec();
    for said in all {
        match said.prefix.network() {
            IpAddr::V4(network) => {
                let first = network.to_bits();
                let host = u32::MAX
                    .checked_shr(said.prefix.length().into())
                    .unwrap_or(0);
                let last = first | host;
                let near = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
                addresses.extend(near.map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))));
            }
            IpAddr::V6(network) => {
                let first = network.to_bits();
                let host = u128::MAX
                    .checked_shr(said.prefix.length().into())
                    .unwrap_or(0);
                let last = first | host;
                let near = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
                addresses.extend(near.map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))));
            }
        }
    }
    addresses
}

/// Few high bits and few low bits differ, so that draws meet.
fn ipv4() -> impl Strategy<Value = IpAddr> {
    let near = (0..4_u32, 0..4_u32, 0..4_u32).prop_map(|(high, middle, low)| {
        IpAddr::V4(Ipv4Addr::from_bits(
            0xc000_0000 + (high << 24) + (middle << 15) + low,
        ))
    });
    prop_oneof![
        near,
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits)))
    ]
}

fn ipv6() -> impl Strategy<Value = IpAddr> {
    let near = (0..3_u128, 0..3_u128, 0..3_u128, 0..4_u128).prop_map(|(a, b, c, low)| {
        let bits = (0x2001 << 112) + (a << 110) + (b << 79) + (c << 61) + low;
        IpAddr::V6(Ipv6Addr::from_bits(bits))
    });
    prop_oneof![
        near,
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)))
    ]
}

fn prefix() -> impl Strategy<Value = Prefix> {
    let ipv4 = (ipv4(), 0..=32_u8);
    let ipv6 = (ipv6(), 0..=128_u8);
    prop_oneof![ipv4.boxed(), ipv6.boxed()]
        .prop_map(|(address, length)| Prefix::new(address, length).expect("within the family"))
}

fn said() -> impl Strategy<Value = Said> {
    let asn = prop_oneof![
        8 => 1..30_u32,
        1 => Just(0),
        1 => Just(64496),
        1 => Just(4_294_967_294),
    ];
    (0..TABLED.len(), 0..3_u16, prefix(), asn).prop_map(|(provider, source_index, prefix, asn)| {
        Said {
            provider: TABLED[provider],
            source_index,
            prefix,
            asn: Asn(asn),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_table_answers_as_a_scan_does(
        all in prop::collection::vec(said(), 0..60),
        others in prop::collection::vec(prop_oneof![ipv4(), ipv6()], 1..60),
    ) {
        let mut builder = Builder::new();
        for said in &all {
            let added = builder.add(said.provider, said.source_index, said.prefix, said.asn);
            prop_assert!(added.is_ok());
        }
        let db = builder.build();
        for address in addresses(&all, &others) {
            let answers = db.answers(db.lookup(address));
            for provider in TABLED {
                let expected = naive(&all, provider, address);
                prop_assert_eq!(answers.of(provider), expected, "{} {}", provider, address);
            }
        }
    }

    #[test]
    fn a_batch_answers_as_each_address_alone(
        all in prop::collection::vec(said(), 0..40),
        ipv4_addresses in prop::collection::vec(ipv4(), 0..100),
        ipv6_addresses in prop::collection::vec(ipv6(), 0..100),
    ) {
        let mut builder = Builder::new();
        for said in &all {
            prop_assert!(builder.add(said.provider, 0, said.prefix, said.asn).is_ok());
        }
        let db = builder.build();
        let ipv4: Vec<u32> = ipv4_addresses.iter().map(|ip| match ip {
            IpAddr::V4(ip) => ip.to_bits(),
            IpAddr::V6(_) => 0,
        }).collect();
        // Every IPv4 address also comes as an IPv4-mapped one.
        let ipv6: Vec<u128> = ipv6_addresses.iter().chain(&ipv4_addresses).map(|ip| match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
            IpAddr::V6(ip) => ip.to_bits(),
        }).collect();
        let mut answers = vec![AnswerId(u32::MAX); ipv4.len()];
        db.lookup_ipv4(&ipv4, &mut answers);
        for (&address, &answer) in ipv4.iter().zip(&answers) {
            prop_assert_eq!(answer, db.lookup(IpAddr::V4(address.into())));
        }
        let mut answers = vec![AnswerId(u32::MAX); ipv6.len()];
        db.lookup_ipv6(&ipv6, &mut answers);
        for (&address, &answer) in ipv6.iter().zip(&answers) {
            prop_assert_eq!(answer, db.lookup(IpAddr::V6(address.into())));
        }
    }

    #[test]
    fn entries_name_the_prefix_that_the_table_answers_with(
        all in prop::collection::vec(said(), 0..40),
        others in prop::collection::vec(prop_oneof![ipv4(), ipv6()], 1..20),
    ) {
        let mut entries = Entries::new();
        for said in &all {
            prop_assert!(entries.push(said.prefix, said.asn).is_ok());
        }
        let mut builder = Builder::new();
        prop_assert!(builder.add_all(Provider::Table, 0, entries.clone()).is_ok());
        let db = builder.build();
        for address in addresses(&all, &others).into_iter().filter(|&ip| has_origin(ip)) {
            let found = entries.longest(address, Reserved::of(Provider::Table));
            let answer = db.answers(db.lookup(address)).of(Provider::Table);
            prop_assert_eq!(found.map(|entry| entry.asn), answer, "{}", address);
            prop_assert!(found.is_none_or(|entry| entry.prefix.contains(address)));
        }
    }

    #[test]
    fn what_is_kept_of_a_source_answers_as_its_entries_do(
        all in prop::collection::vec(said(), 0..40),
        others in prop::collection::vec(prop_oneof![ipv4(), ipv6()], 1..20),
    ) {
        let mut entries = Entries::new();
        for said in &all {
            prop_assert!(entries.push(said.prefix, said.asn).is_ok());
        }
        for reserved in [Reserved::Counts, Reserved::IsNoAnswer] {
            let kept = Kept::of(&entries, reserved);
            let again = kept.entries();
            prop_assert_eq!(again.len(), kept.len());
            for address in addresses(&all, &others) {
                let expected = entries.longest(address, reserved);
                prop_assert_eq!(kept.longest(address), expected, "{}", address);
                prop_assert_eq!(again.longest(address, reserved), expected, "{}", address);
            }
        }
    }
}

#[test]
fn the_internet_of_a_day_is_kept_in_eleven_bytes_a_prefix() {
    let shipped = asdb::snapshot::decode(asdb::snapshot::shipped()).expect("a good snapshot");
    let kept = Kept::of(&shipped.entries, Reserved::IsNoAnswer);
    let bytes = kept.memory_bytes();
    eprintln!("{} prefixes, {bytes} bytes", kept.len());
    assert!(bytes < 11 * kept.len(), "{bytes}");
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "2606:4700::1111",
        "10.0.0.1",
        "2001:67c:2e8::1",
    ] {
        let address = address.parse().expect(address);
        let expected = shipped.entries.longest(address, Reserved::IsNoAnswer);
        assert_eq!(kept.longest(address), expected, "{address}");
    }
}
