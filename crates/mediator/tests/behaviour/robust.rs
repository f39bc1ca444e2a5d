//! No input makes the Mediator panic, and its books always close.

use mediator::Settings;
use mediator::settings::Misfit;

use crate::notation::{ipfix, of_domain, set, v5, v5_record, v9};
use crate::rig::{Rig, outlet, settings};

/// Messages of every kind that the Mediator knows, in an order in which they make sense.
fn samples() -> Vec<Vec<u8>> {
    let frame = "00*6 00*6 8100 0001 0800 45 00 0028 00*8 0000 8.8.8.8 1.1.1.1";
    vec![
        v5(
            1,
            &[
                v5_record("8.8.8.8 1.1.1.1", "AS0/2 AS0/2", "18 18"),
                v5_record("34.64.0.1 9.9.9.9", "AS7/2 AS0/2", "00 00"),
            ],
        ),
        v9(
            1,
            4,
            &[
                set(
                    0,
                    "0100 0005 IE8/4 IE16/2 IE12/4 IE17/4 IE4/1  0101 0003 IE8/4 IE12/4 IE1/4",
                ),
                set(1, "0102 0004 0008 IE1/4 IE34/4 IE35/1 00*2"),
                set(256, "8.8.8.8 AS0/2 1.1.1.1 AS0 06"),
                set(
                    257,
                    "8.8.8.8 1.1.1.1 00000001  193.0.0.1 34.64.0.1 00000002",
                ),
                set(258, "00000001 0000000a 01 00*3"),
            ],
        ),
        v9(
            2,
            3,
            &[
                set(300, "00*8"),
                set(77, "0102"),
                set(257, "8.8.8.8 1.1.1.1 00000001"),
            ],
        ),
        v9(
            3,
            2,
            &[
                set(0, "012c 0002 IE8/4 IE16/4  ffff 0001 IE1/4"),
                set(65535, "00*4"),
            ],
        ),
        v9(
            4,
            1,
            &[
                set(0, "0100 0003 IE236/v IE8/4 IE16/4"),
                set(256, "01 61 8.8.8.8 AS0 00*2"),
            ],
        ),
        ipfix(
            1,
            &[
                set(
                    2,
                    "0100 0004 IE27/16 IE82/v IE8/4 IE880/2@6876  0101 0002 IE315/v IE16/8",
                ),
                set(3, "0102 0003 0001 IE149/4 IE41/8 IE5/v@9"),
                set(
                    256,
                    "2606:4700::1 04 \"ge-0\" 0.0.0.0 0001  :: ff 0001 61 8.8.8.8 0002",
                ),
                set(257, &format!("26 {frame} AS0/8")),
                set(258, "00000007 00*8 00"),
            ],
        ),
        ipfix(
            3,
            &[set(2, "0100 0000"), set(2, "0100 0002 IE8/4 IE12/4  00*4")],
        ),
        [
            ipfix(4, &[set(256, "8.8.8.8 1.1.1.1")]),
            ipfix(5, &[set(256, "8.8.8.8 1.1.1.1"), set(400, "00*12")]),
        ]
        .concat(),
        of_domain(&ipfix(9, &[set(500, "00*40")]), 9),
        of_domain(&ipfix(10, &[set(2, "01f4 0001 IE8/4")]), 9),
    ]
}

fn rigs() -> Vec<Rig> {
    let small = Settings {
        malformed: Misfit::Drop,
        outlets: vec![outlet(1500), outlet(90)],
        ..settings()
    };
    vec![Rig::new(), Rig::with(small)]
}

/// xorshift64*: repeatable, and nothing more is asked of it.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }
}

#[test]
fn every_sample_is_what_the_books_take_it_for() {
    for mut rig in rigs() {
        for sample in samples() {
            rig.send(&sample);
        }
        rig.finish();
        let counters = rig.counters();
        assert_eq!((counters.malformed, counters.broken_templates), (0, 0));
        assert_eq!(counters.messages_in, 11);
    }
}

#[test]
fn every_prefix_of_every_sample_is_taken_and_accounted_for() {
    for sample in 0..samples().len() {
        let samples = samples();
        for mut rig in rigs() {
            samples[..sample]
                .iter()
                .for_each(|before| drop(rig.send(before)));
            for end in 0..=samples[sample].len() {
                rig.send(&samples[sample][..end]);
            }
            rig.pass(1000);
            rig.tick();
            samples[sample..]
                .iter()
                .for_each(|behind| drop(rig.send(behind)));
            rig.finish();
        }
    }
}

#[test]
fn messages_with_changed_octets_are_taken_and_accounted_for() {
    let samples = samples();
    let mut random = Random(0x5851_F42D_4C95_7F2D);
    for _ in 0..100 {
        for mut rig in rigs() {
            for _ in 0..100 {
                let mut message = samples[random.below(samples.len())].clone();
                for _ in 0..random.below(4) {
                    let at = random.below(message.len());
                    message[at] = match random.below(4) {
                        0 => 0,
                        1 => 0xFF,
                        2 => message[at] ^ (1 << random.below(8)),
                        _ => message[random.below(message.len())],
                    };
                }
                if random.below(8) == 0 {
                    message.truncate(random.below(message.len()));
                }
                rig.exporter.set_port(2000 + random.below(3) as u16);
                rig.pass(random.below(400) as u64);
                rig.send(&message);
                if random.below(20) == 0 {
                    rig.tick();
                }
            }
            let state = rig.save();
            rig.finish();
            Rig::new().restore(&state);
        }
    }
}

#[test]
fn random_octets_behind_a_true_header_are_taken_and_accounted_for() {
    let mut random = Random(7);
    for mut rig in rigs() {
        for sample in samples() {
            rig.send(&sample);
        }
        for _ in 0..5000 {
            let content: Vec<u8> = (0..random.below(60))
                .map(|_| random.below(256) as u8)
                .collect();
            let text: String = content.iter().map(|octet| format!("{octet:02x}")).collect();
            let id = [0, 1, 2, 3, 256, 257, 258, 300, 65535][random.below(9)];
            let sets = [set(id, &text)];
            let message = if random.below(2) == 0 {
                v9(random.below(90) as u32, random.below(9) as u16, &sets)
            } else {
                ipfix(random.below(90) as u32, &sets)
            };
            rig.send(&message);
        }
        rig.finish();
    }
}
