//! Messages with octets changed, taken out and put in: nothing may fail over them.
//!
//! `ROUTEFEED_MUTATIONS` says how many; `cargo xtask prove` tries ten million.

use asdb::{Asn, Provider};
use routefeed::bgp::nlri::Families;
use routefeed::bgp::session::{Happening, Session, Terms};
use routefeed::bmp::station::Station;
use routefeed::rib::{Limits, RibKey, Ribs, SourceKey, View};

use crate::speaker::{attribute, attributes, bmp, keepalive, open, path, peer, update, usual};

/// A few hundred milliseconds.
const MUTATIONS: u64 = 60_000;

/// A generator of numbers that gives the same ones every time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }
}

fn samples() -> Vec<Vec<u8>> {
    let reach = [
        0, 2, 1, 4, 192, 0, 2, 1, 0, 32, 0x20, 1, 6, 0x7c, 20, 0x2a, 1, 0x70,
    ];
    let vpn = [
        0, 1, 128, 12, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1, 0, 112, 0, 1, 1, 0, 0, 0xfc, 0, 0, 0,
        0, 1, 10, 1, 2,
    ];
    let both = [
        attribute(0x40, 1, &[0]),
        path(&[1, 2, 3]),
        attribute(0xc0, 8, &[0, 1, 0, 2]),
        attribute(0x80, 14, &reach),
        attribute(0x80, 15, &[0, 2, 1, 32, 0x20, 1, 6, 0x7c]),
    ];
    let of_vpn = [
        attribute(0x40, 1, &[0]),
        path(&[1]),
        attribute(0x80, 14, &vpn),
    ];
    vec![
        open(64_512, 90, 1, &usual(64_512)),
        update(&[], &attributes(&[1, 2, 3]), &[24, 1, 1, 1, 16, 1, 2, 0]),
        update(&[24, 1, 1, 1], &both.concat(), &[]),
        update(&[], &of_vpn.concat(), &[]),
        keepalive(),
    ]
}

fn mutate(numbers: &mut Numbers, octets: &mut Vec<u8>) {
    for _ in 0..1 + numbers.below(4) {
        let place = numbers.below(octets.len());
        let value = u8::try_from(numbers.below(256)).unwrap();
        match numbers.below(5) {
            0 => octets.insert(place, value),
            1 if octets.len() > 1 => drop(octets.remove(place)),
            2 => octets.truncate(place.max(1)),
            3 => octets[place] ^= 1 << numbers.below(8),
            _ => octets[place] = value,
        }
    }
}

#[test]
fn nothing_fails_over_a_mutated_message() {
    let count = std::env::var("ROUTEFEED_MUTATIONS");
    let count = count.map_or(MUTATIONS, |text| text.parse().expect("a number"));
    let limits = Limits {
        tables_max: 8,
        table_routes_max: 1_000,
        routes_max: 2_000,
        attributes_octets_max: 1 << 20,
        origin_changes_max: 10,
    };
    let samples = samples();
    let mut numbers = Numbers(0x1234_5678_9abc_def1);
    let mut ribs = Ribs::new(limits);
    let (mut faults, mut taken) = (0_u64, 0_u64);
    for _ in 0..count / 2 {
        let index = numbers.below(samples.len());
        let mut message = samples[index].clone();
        // Most mutations keep the header, or nothing behind it would ever be read.
        let is_whole = numbers.below(8) == 0;
        let mut body = if is_whole {
            message
        } else {
            message.split_off(19)
        };
        if !body.is_empty() {
            mutate(&mut numbers, &mut body);
        }
        let octets = match is_whole {
            true => body,
            false => crate::speaker::message(samples[index][18], &body),
        };
        over_bgp(&octets, index == 0, &mut ribs, &mut faults, &mut taken);
        over_bmp(&octets, &mut numbers, &mut ribs);
    }
    assert!(
        faults > count / 20 && taken > count / 20,
        "{faults} faults, {taken} taken"
    );
    assert!(ribs.routes_count() <= limits.routes_max);
    let saved = ribs.encode(0);
    let restored = Ribs::new(limits).decode(&saved, 0);
    assert_eq!(restored, Ok((ribs.routes_count(), 0)));
    eprintln!("{count} mutated messages, {faults} faults, {taken} UPDATEs taken, 0 panics");
}

fn over_bgp(octets: &[u8], is_open: bool, ribs: &mut Ribs, faults: &mut u64, taken: &mut u64) {
    let terms = Terms {
        our_asn: Asn(64_513),
        our_identifier: [192, 0, 2, 254].into(),
        peer_asn: Asn(64_512),
        hold_time_s: 90,
        families: Families::ALL,
    };
    let mut session = Session::new(terms, 0);
    let router = [192, 0, 2, 1].into();
    let key = RibKey {
        source: SourceKey {
            provider: Provider::Bgp,
            router,
        },
        peer: router,
        distinguisher: 0,
        view: View::PrePolicy,
    };
    let mut tell = |happening: Happening<'_>| match happening {
        Happening::Malformed { octets, .. } => {
            assert!(octets.len() <= 64);
            *faults += 1;
        }
        Happening::Update(update) => {
            *taken += 1;
            ribs.update(key, update, 0);
        }
        _ => {}
    };
    if !is_open {
        let mut start = open(64_512, 90, 1, &usual(64_512));
        start.extend(keepalive());
        session.take(&start, 0, &mut tell);
    }
    session.take(octets, 1, &mut tell);
    session.tick(session.due_ms(), &mut tell);
}

fn over_bmp(octets: &[u8], numbers: &mut Numbers, ribs: &mut Ribs) {
    let mut station = Station::new([198, 51, 100, 1].into());
    let kind = u8::try_from(numbers.below(7)).unwrap();
    let mut content = peer(
        u8::try_from(numbers.below(4)).unwrap(),
        0,
        [192, 0, 2, 9],
        1,
    );
    if kind == 3 {
        content.extend([0; 20]);
        content.extend(open(64_512, 90, 1, &usual(64_512)));
    }
    content.extend_from_slice(octets);
    if numbers.below(4) == 0 {
        mutate(numbers, &mut content);
    }
    let mut octets = bmp(kind, &content);
    if numbers.below(16) == 0 {
        mutate(numbers, &mut octets);
    }
    // Whether the stream was one of BMP does not matter here.
    let _ = station.take(&octets, 0, ribs, &mut |_| ());
}
