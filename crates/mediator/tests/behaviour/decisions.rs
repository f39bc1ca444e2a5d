//! New decisions while Messages flow: Templates, clones and numbers stay.

use mediator::settings::{Enrich, ExporterRule, MissingFields};

use crate::notation::{ipfix, set};
use crate::rig::{Rig, settings};

const TEMPLATE: &str = "0100 0003 IE8/4 IE12/4 IE4/1";
const CLONE: &str = "ffff 0005 IE8/4 IE12/4 IE4/1 IE16/4 IE17/4";
const RECORD: &str = "8.8.8.8 1.1.1.1 06";
const ENRICHED: &str = "8.8.8.8 1.1.1.1 06 AS15169 AS13335";

#[test]
fn a_clone_that_is_wanted_from_now_on_is_announced_before_the_data_that_need_it() {
    let mut decided = settings();
    decided.missing_fields = MissingFields::Leave;
    let mut rig = Rig::with(decided);
    let raw = |sequence| ipfix(sequence, &[set(256, RECORD)]);
    rig.send(&ipfix(0, &[set(2, TEMPLATE)]));
    rig.expect(&raw(0), &[raw(0)]);
    rig.decide(&settings());
    let enriched = |sequence| ipfix(sequence, &[set(65535, ENRICHED)]);
    for sequence in 1..4 {
        let announced = ipfix(sequence, &[set(2, CLONE)]);
        rig.expect(&raw(sequence), &[announced, enriched(sequence)]);
    }
    rig.expect(&raw(4), &[enriched(4)]);
}

#[test]
fn an_exporter_that_is_switched_off_and_on_again_keeps_its_template_and_its_clone() {
    let mut rig = Rig::new();
    rig.send(&ipfix(0, &[set(2, TEMPLATE)]));
    let raw = |sequence| ipfix(sequence, &[set(256, RECORD)]);
    for sequence in 0..3 {
        rig.send(&raw(sequence));
    }
    let mut off = settings();
    let mut treatment = off.otherwise.clone();
    treatment.enrich = Enrich::Off;
    off.exporters.push(ExporterRule {
        network: rig.exporter.ip(),
        prefix_len: 32,
        domain: None,
        treatment,
    });
    rig.decide(&off);
    rig.expect(&raw(3), &[raw(3)]);
    rig.decide(&settings());
    let announced = ipfix(4, &[set(2, CLONE)]);
    let enriched = ipfix(4, &[set(65535, ENRICHED)]);
    rig.expect(&raw(4), &[announced, enriched]);
}

#[test]
fn what_does_not_concern_templates_announces_nothing() {
    let mut rig = Rig::new();
    rig.send(&ipfix(0, &[set(2, TEMPLATE)]));
    for sequence in 0..3 {
        rig.send(&ipfix(sequence, &[set(256, RECORD)]));
    }
    let mut other = settings();
    other.hold_ms = 7;
    other.otherwise.unusable_as = vec![13_335];
    rig.decide(&other);
    rig.expect(
        &ipfix(3, &[set(256, RECORD)]),
        &[ipfix(3, &[set(65535, ENRICHED)])],
    );
}
