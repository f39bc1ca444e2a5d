//! What exporters announce of their sampling scales what is counted, and changes no octet.

use mediator::Settings;

use crate::notation::{ipfix, set, v5, v5_record, v9};
use crate::rig::{Rig, settings};

/// A Template with IP packets and octets, and one with the sampler too.
const PLAIN: &str = "0100 0004 IE8/4 IE12/4 IE2/4 IE1/4";
const WITH_SAMPLER: &str = "0101 0005 IE8/4 IE12/4 IE48/1 IE2/4 IE1/4";
const RECORD: &str = "8.8.8.8 1.1.1.1 00000002 00000100";

/// Packets and octets of AS 15169 as the source.
fn counted(rig: &Rig) -> (u64, u64) {
    let [(_, ip_packets, octets), _] = rig.traffic[&15_169];
    (ip_packets, octets)
}

/// As [`counted`], of two records as [`RECORD`] behind an IPFIX Message with these Sets.
fn counted_behind(sets: &[Vec<u8>]) -> (u64, u64) {
    let mut rig = Rig::new();
    rig.send(&ipfix(0, sets));
    rig.send(&ipfix(1, &[set(2, PLAIN), set(256, RECORD)]));
    rig.send(&ipfix(2, &[set(256, RECORD)]));
    counted(&rig)
}

/// Options Template 512 with the domain as its scope and these further fields, and one record.
fn options(fields: &str, count: usize, values: &str) -> Vec<Vec<u8>> {
    let template = format!("0200 {:04x} 0001 IE149/4 {fields}", count + 1);
    vec![set(3, &template), set(512, &format!("00000007 {values}"))]
}

#[test]
fn a_rate_is_read_in_each_way_of_writing_it() {
    let sampled = |rate: u64| (4 * rate, 0x200 * rate);
    for (fields, count, values, rate) in [
        ("IE34/4", 1, "00000064", 100),
        ("IE50/4 IE49/1", 2, "000003e8 02", 1000),
        ("IE305/4 IE306/4", 2, "00000001 00000fff", 4096),
        ("IE305/2 IE306/2", 2, "0002 000e", 8),
        ("IE309/4 IE310/4", 2, "00000003 0000001e", 10),
        // Nothing that could be a rate.
        ("IE34/4", 1, "00000000", 1),
        ("IE305/4", 1, "00000005", 1),
        ("IE309/4 IE310/4", 2, "00000000 0000001e", 1),
        ("IE34/8", 1, "0000000100000000", 1),
    ] {
        let sets = options(fields, count, values);
        assert_eq!(counted_behind(&sets), sampled(rate), "{fields} {values}");
    }
    assert_eq!(counted_behind(&[]), sampled(1));
}

#[test]
fn a_record_that_names_its_sampler_has_that_samplers_rate() {
    let mut rig = Rig::new();
    let template = set(1, "0200 0004 0008 0001 0004 IE48/1 IE50/4");
    let announced = "00000000 01 0000000a 00000000 02 00000014";
    rig.send(&v9(0, 3, &[template, set(512, announced)]));
    rig.send(&v9(1, 1, &[set(0, WITH_SAMPLER)]));
    for (sampler, expected) in [
        ("01", (20, 0xA00)),
        ("02", (20 + 40, 0xA00 + 0x1400)),
        // Nobody announced this one, and the two do not agree.
        ("03", (20 + 40 + 2, 0xA00 + 0x1400 + 0x100)),
    ] {
        let record = format!("8.8.8.8 1.1.1.1 {sampler} 00000002 00000100");
        rig.send(&v9(2, 1, &[set(257, &record)]));
        assert_eq!(counted(&rig), expected, "sampler {sampler}");
    }
}

#[test]
fn where_the_exporter_says_nothing_the_operator_counts() {
    let mut settings: Settings = settings();
    settings.otherwise.sampling_rate = 7;
    let mut rig = Rig::with(settings.clone());
    rig.send(&ipfix(0, &[set(2, PLAIN), set(256, RECORD)]));
    assert_eq!(counted(&rig), (14, 0x700));
    rig.send(&ipfix(1, &options("IE34/4", 1, "00000002")));
    rig.send(&ipfix(1, &[set(256, RECORD)]));
    assert_eq!(counted(&rig), (14 + 4, 0x700 + 0x200));
    let rates: Vec<_> = rig
        .mediator
        .sessions()
        .map(|one| one.sampling_rate)
        .collect();
    assert_eq!(rates, [Some(2)]);
}

#[test]
fn a_rate_outlives_a_restart_of_ours() {
    let mut before = Rig::new();
    before.send(&ipfix(0, &options("IE34/4", 1, "00000064")));
    before.send(&ipfix(0, &[set(2, PLAIN), set(256, RECORD)]));
    let mut after = Rig::new();
    after.restore(&before.save());
    after.send(&ipfix(1, &[set(2, PLAIN), set(256, RECORD)]));
    assert_eq!(counted(&after), (200, 0x6400));
}

#[test]
fn the_header_of_v5_names_mode_and_rate() {
    let mut rig = Rig::new();
    let mut message = v5(0, &[v5_record("8.8.8.8 1.1.1.1", "AS0/2 AS0/2", "18 18")]);
    message[22..24].copy_from_slice(&[0, 0]);
    rig.send(&message);
    let (ip_packets, octets) = counted(&rig);
    // Mode 1 in the upper two bits, one of 16.
    message[22..24].copy_from_slice(&[0x40, 0x10]);
    rig.send(&message);
    assert_eq!(counted(&rig), (17 * ip_packets, 17 * octets));
}
