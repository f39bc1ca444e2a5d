//! Capture files made by hand: both formats, both byte orders, all resolutions, every fault.

use super::*;
use crate::io::datagram::{Datagrams, Ports};

const LITTLE: Order = Order::Little;
const BIG: Order = Order::Big;

/// The byte order of a file.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, number: u16) -> [u8; 2] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    fn u32(self, number: u32) -> [u8; 4] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }
}

fn pcap_header(order: Order, magic: u32, network: u32) -> Vec<u8> {
    let mut octets = order.u32(magic).to_vec();
    octets.extend([order.u16(2), order.u16(4)].concat());
    octets.extend([0, 0, 65535, network].map(|word| order.u32(word)).concat());
    octets
}

fn pcap_frame(order: Order, seconds: u32, fraction: u32, octets: &[u8]) -> Vec<u8> {
    let len = u32::try_from(octets.len()).unwrap();
    let header = [seconds, fraction, len, len].map(|word| order.u32(word));
    [&header.concat(), octets].concat()
}

fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let len = order.u32(u32::try_from(body.len() + 12).unwrap());
    [&order.u32(kind)[..], &len, &body, &len].concat()
}

fn section(order: Order) -> Vec<u8> {
    let mut body = order.u32(0x1a2b_3c4d).to_vec();
    body.extend([order.u16(1), order.u16(0)].concat());
    body.extend([0xff; 8]);
    block(order, 0x0a0d_0d0a, &body)
}

/// `options` are code and value.
fn interface(order: Order, link_type: u16, snap: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = [order.u16(link_type), order.u16(0)].concat();
    body.extend(order.u32(snap));
    for (code, value) in options {
        body.extend(order.u16(*code));
        body.extend(order.u16(u16::try_from(value.len()).unwrap()));
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    block(order, 1, &body)
}

fn enhanced(order: Order, interface_id: u32, ticks: u64, octets: &[u8]) -> Vec<u8> {
    let high = u32::try_from(ticks >> 32).unwrap();
    let low = u32::try_from(ticks & 0xffff_ffff).unwrap();
    let len = u32::try_from(octets.len()).unwrap();
    let header = [interface_id, high, low, len, len].map(|word| order.u32(word));
    block(order, 6, &[&header.concat(), octets].concat())
}

/// A frame with its octets owned.
type Seen = (Duration, Precision, Option<u16>, Vec<u8>);

fn frames_of(file: &[u8]) -> Result<(Vec<Seen>, End), CaptureError> {
    let mut seen = Vec::new();
    let end = read_frames(file, |frame| {
        let Frame {
            time,
            precision,
            link_type,
            octets,
        } = frame;
        seen.push((time, precision, link_type, octets.to_vec()));
        Ok(())
    })?;
    Ok((seen, end))
}

fn at(seconds: u64, nanos: u32) -> Duration {
    Duration::new(seconds, nanos)
}

#[test]
fn pcap_is_read_in_either_order_and_precision() {
    for order in [LITTLE, BIG] {
        for (magic, precision, nanos) in [
            (0xa1b2_c3d4, Precision::Micros, 7000),
            (0xa1b2_3c4d, Precision::Nanos, 7),
        ] {
            let file = [
                pcap_header(order, magic, 101),
                pcap_frame(order, 1000, 7, b"one"),
                pcap_frame(order, 1001, 0, b""),
            ];
            let (seen, end) = frames_of(&file.concat()).unwrap();
            let frame = (at(1000, nanos), precision, Some(101), b"one".to_vec());
            assert_eq!(seen[0], frame);
            assert_eq!(seen[1], (at(1001, 0), precision, Some(101), vec![]));
            assert_eq!((seen.len(), end), (2, End::Complete));
        }
    }
}

#[test]
fn the_frame_check_bits_are_no_part_of_the_link_type() {
    let file = [
        pcap_header(LITTLE, 0xa1b2_c3d4, 0x5400_0001),
        pcap_frame(LITTLE, 1, 0, b"x"),
    ];
    assert_eq!(frames_of(&file.concat()).unwrap().0[0].2, Some(1));
}

#[test]
fn pcapng_is_read_in_either_order_and_resolution() {
    let seconds = 1_600_000_000_u64;
    for order in [LITTLE, BIG] {
        let offset = match order {
            LITTLE => (-100_i64).to_le_bytes(),
            BIG => (-100_i64).to_be_bytes(),
        };
        let file = [
            section(order),
            interface(order, 1, 0, &[]),
            interface(order, 101, 0, &[(9, &[9])]),
            interface(order, 113, 0, &[(9, &[0x80 | 10]), (14, &offset)]),
            enhanced(order, 0, seconds * 1_000_000 + 5, b"micros"),
            enhanced(order, 1, seconds * 1_000_000_000 + 5, b"nanos"),
            enhanced(order, 2, (seconds << 10) + 512, b"binary"),
        ];
        let (seen, end) = frames_of(&file.concat()).unwrap();
        let micros = (
            at(seconds, 5000),
            Precision::Micros,
            Some(1),
            b"micros".to_vec(),
        );
        assert_eq!(seen[0], micros);
        let nanos = (
            at(seconds, 5),
            Precision::Nanos,
            Some(101),
            b"nanos".to_vec(),
        );
        assert_eq!(seen[1], nanos);
        let binary = (at(seconds - 100, 500_000_000), Precision::Micros, Some(113));
        assert_eq!((seen[2].0, seen[2].1, seen[2].2), binary);
        assert_eq!((seen.len(), end), (3, End::Complete));
    }
}

#[test]
fn sections_have_their_own_order_and_interfaces() {
    let file = [
        section(LITTLE),
        interface(LITTLE, 1, 0, &[]),
        enhanced(LITTLE, 0, 1, b"a"),
        section(BIG),
        interface(BIG, 101, 0, &[]),
        enhanced(BIG, 0, 2, b"b"),
        enhanced(BIG, 1, 3, b"c"),
    ];
    let (seen, end) = frames_of(&file.concat()).unwrap();
    let link_types: Vec<_> = seen.iter().map(|seen| seen.2).collect();
    assert_eq!(link_types, [Some(1), Some(101), None]);
    assert_eq!(end, End::Complete);
}

#[test]
fn simple_blocks_take_the_last_time_and_the_snap_length() {
    let simple = [&LITTLE.u32(9)[..], b"abcde"].concat();
    let file = [
        section(LITTLE),
        interface(LITTLE, 101, 5, &[]),
        enhanced(LITTLE, 0, 3_000_000, b"a"),
        block(LITTLE, 3, &simple),
        block(LITTLE, 0x0bad_cafe, b"unknown blocks are skipped"),
    ];
    let (seen, end) = frames_of(&file.concat()).unwrap();
    assert_eq!(
        seen[1],
        (at(3, 0), Precision::Micros, Some(101), b"abcde".to_vec())
    );
    assert_eq!((seen.len(), end), (2, End::Complete));
}

#[test]
fn a_file_that_breaks_off_is_used_up_to_there() {
    let pcap = [
        pcap_header(LITTLE, 0xa1b2_c3d4, 101),
        pcap_frame(LITTLE, 1, 0, b"first"),
        pcap_frame(LITTLE, 2, 0, b"second"),
    ];
    let pcapng = [
        [section(LITTLE), interface(LITTLE, 101, 0, &[])].concat(),
        enhanced(LITTLE, 0, 1, b"first"),
        enhanced(LITTLE, 0, 2, b"second"),
    ];
    for [header, first, second] in [pcap, pcapng] {
        let file = [&header[..], &first, &second].concat();
        let offset = header.len() + first.len();
        for len in offset + 1..file.len() {
            let (seen, end) = frames_of(&file[..len]).unwrap();
            assert_eq!((seen.len(), end), (1, End::Truncated { offset }), "{len}");
        }
        let (seen, end) = frames_of(&file[..offset]).unwrap();
        assert_eq!((seen.len(), end), (1, End::Complete));
    }
}

#[test]
fn a_block_that_contradicts_itself_ends_the_reading() {
    let header = [section(LITTLE), interface(LITTLE, 101, 0, &[])].concat();
    let mut short = enhanced(LITTLE, 0, 1, b"octets");
    short[4..8].copy_from_slice(&8_u32.to_le_bytes());
    let (seen, end) = frames_of(&[header.clone(), short].concat()).unwrap();
    assert_eq!(
        (seen.len(), end),
        (
            0,
            End::Malformed {
                offset: header.len()
            }
        )
    );
}

#[test]
fn a_length_without_its_octets_takes_no_memory() {
    let mut file = pcap_header(LITTLE, 0xa1b2_c3d4, 101);
    file.extend([1, 0, u32::MAX - 16, 1].map(u32::to_le_bytes).concat());
    file.resize(file.len() + 100, 0);
    let (seen, end) = frames_of(&file).unwrap();
    assert!(seen.is_empty());
    assert!(
        matches!(
            end,
            End::TooLong { offset: 24 } | End::Truncated { offset: 24 }
        ),
        "{end:?}"
    );
}

#[test]
fn large_frames_and_many_small_ones_pass_the_buffer() {
    let large = vec![7; BUFFER_OCTETS * 3];
    let mut file = pcap_header(LITTLE, 0xa1b2_c3d4, 101);
    for n in 0..20_000 {
        file.extend(pcap_frame(LITTLE, n, 0, b"small"));
    }
    file.extend(pcap_frame(LITTLE, 20_000, 0, &large));
    file.extend(pcap_frame(LITTLE, 20_001, 0, b"last"));
    let (seen, end) = frames_of(&file).unwrap();
    assert_eq!((seen.len(), end), (20_002, End::Complete));
    assert_eq!(seen[20_000].3, large);
    assert_eq!(seen[20_001].3, b"last");
}

#[test]
fn what_is_no_capture_is_refused() {
    for file in [
        &b""[..],
        b"\xd4\xc3\xb2",
        b"PK\x03\x04 no capture at all, whatever it is",
    ] {
        let result = frames_of(file);
        assert!(
            matches!(result, Err(CaptureError::NotACapture)),
            "{result:?}"
        );
    }
}

#[test]
fn a_source_that_fails_is_told_from_the_end() {
    struct Failing(Vec<u8>);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Err(io::Error::other("the disk is gone"));
            }
            buffer[0] = self.0.remove(0);
            Ok(1)
        }
    }
    let file = [
        pcap_header(LITTLE, 0xa1b2_c3d4, 101),
        pcap_frame(LITTLE, 1, 0, b"first"),
    ];
    let mut seen = 0;
    let result = read_frames(Failing(file.concat()), |_| {
        seen += 1;
        Ok(())
    });
    assert_eq!(seen, 1);
    assert_eq!(result.unwrap_err().to_string(), "the disk is gone");
}

/// A xorshift generator: the same numbers at every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

#[test]
fn no_change_of_some_octets_makes_the_reader_panic() {
    let ethernet = [
        &[0xaa; 12][..],
        &[0x81, 0, 0, 7, 8, 0, 0x45, 0, 0, 32, 0, 7, 0x20, 0],
    ]
    .concat();
    let fragment = [
        &ethernet[..],
        &[64, 17, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2],
        &[9; 12],
    ]
    .concat();
    let pcap = [
        pcap_header(LITTLE, 0xa1b2_c3d4, 1),
        pcap_frame(LITTLE, 1, 0, &fragment),
        pcap_frame(LITTLE, 2, 0, &fragment),
    ];
    let pcapng = [
        section(BIG),
        interface(BIG, 1, 0, &[(9, &[9]), (14, &[0; 8])]),
        enhanced(BIG, 0, 1, &fragment),
        enhanced(BIG, 0, 2, &fragment),
    ];
    let mut random = Random(0x1234_5678_9abc_def1);
    for file in [pcap.concat(), pcapng.concat()] {
        for _ in 0..300 {
            let mut changed = file.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(changed.len());
                changed[at] = u8::try_from(random.below(256)).unwrap();
            }
            let mut datagrams = Datagrams::new(Ports::All);
            let mut frames_count = 0;
            let result = read_frames(&changed[..], |frame| {
                frames_count += 1;
                datagrams.read(&frame, &mut Vec::new());
                Ok(())
            });
            let counts = datagrams.finish();
            assert!(result.is_ok() || frames_count == 0);
            let gone = counts.unread.total() + counts.joined_count + counts.datagrams_count;
            assert_eq!((counts.frames_count, gone), (frames_count, frames_count));
        }
    }
}
