//! Traffic by AS number: what leaves, with the packets and octets that the exporter counted.

use mediator::Settings;
use mediator::settings::Enrich;

use crate::notation::{ipfix, set, v9};
use crate::rig::{Rig, settings};

const NOTHING: (u64, u64, u64) = (0, 0, 0);

#[test]
fn filled_kept_and_unknown_as_numbers_are_counted_by_side() {
    let mut rig = Rig::new();
    let template = set(0, "0100 0006 IE8/4 IE12/4 IE16/4 IE17/4 IE2/4 IE1/8");
    let records = "8.8.8.8 1.1.1.1 AS0 AS0 00000003 0000000000000100 \
                   8.8.8.8 9.9.9.9 AS0 AS6939 00000001 0000000000000040 \
                   9.9.9.9 1.1.1.1 AS0 AS0 00000002 0000000000000080";
    rig.send(&v9(0, 4, &[template, set(256, records)]));
    let traffic = &rig.traffic;
    assert_eq!(traffic[&15_169], [(2, 4, 0x140), NOTHING]);
    assert_eq!(traffic[&13_335], [NOTHING, (2, 5, 0x180)]);
    assert_eq!(traffic[&6939], [NOTHING, (1, 1, 0x40)]);
    assert_eq!(traffic[&0], [(1, 2, 0x80), NOTHING]);
    assert_eq!(traffic.len(), 4);
}

#[test]
fn appended_as_numbers_are_counted_also_where_records_differ_in_length() {
    let mut rig = Rig::new();
    let template = set(2, "0100 0004 IE8/4 IE12/4 IE82/65535 IE85/2");
    let records = "8.8.8.8 1.1.1.1 02 6161 0010 8.8.8.8 1.1.1.1 00 0020";
    rig.send(&ipfix(0, &[template, set(256, records)]));
    let traffic = &rig.traffic;
    assert_eq!(traffic[&15_169], [(2, 0, 0x30), NOTHING]);
    assert_eq!(traffic[&13_335], [NOTHING, (2, 0, 0x30)]);
}

#[test]
fn of_several_counts_the_delta_is_taken() {
    let mut rig = Rig::new();
    let template = set(2, "0100 0005 IE8/4 IE12/4 IE85/4 IE23/4 IE1/4");
    let record = "8.8.8.8 1.1.1.1 00001000 00000200 00000100";
    rig.send(&ipfix(0, &[template, set(256, record)]));
    assert_eq!(rig.traffic[&15_169], [(1, 0, 0x100), NOTHING]);
}

#[test]
fn a_dry_run_counts_what_leaves() {
    let mut settings: Settings = settings();
    settings.otherwise.enrich = Enrich::DryRun;
    let mut rig = Rig::with(settings);
    let template = set(2, "0100 0004 IE8/4 IE12/4 IE16/4 IE17/4");
    rig.send(&ipfix(
        0,
        &[template, set(256, "8.8.8.8 1.1.1.1 AS0 AS6939")],
    ));
    let traffic = &rig.traffic;
    assert_eq!(traffic[&6939], [NOTHING, (1, 0, 0)]);
    assert!(!traffic.contains_key(&15_169));
}
