//! The AS numbers with most traffic, and the pairs of them.
//!
//! AS numbers are counted exactly: flows as they came, packets and octets as the exporters say,
//! times the sampling rate that they announce. Pairs come from one
//! record in [`PAIR_STRIDE`] and are multiplied, which the answer says.
//!
//! Not here: counting (`pipeline::traffic`).
//! Bound: [`SHOWN_MAX`] rows of each list, over what the workers remember.

use std::collections::HashMap;
use std::fmt::Write;

use asdb::Asn;
use mediator::Volume;

use report::json::{list, object, or_null, string};
use report::text::grouped;

use crate::control::told::Told;
use crate::pipeline::traffic::{PAIR_STRIDE, TrafficView};

/// Rows of each list.
pub const SHOWN_MAX: usize = 20;

/// The names of the sides.
const SIDES: [&str; 2] = ["source", "destination"];

/// What all workers counted.
#[derive(Debug, Default)]
struct Sum {
    ases: HashMap<Asn, [Volume; 2]>,
    unknown: [Volume; 2],
    others: [Volume; 2],
    pairs: HashMap<[Asn; 2], Volume>,
    other_pairs: Volume,
}

impl Sum {
    fn of(traffic: &[TrafficView]) -> Self {
        let mut sum = Self::default();
        for view in traffic {
            for (asn, volumes) in view.ases() {
                add_both(sum.ases.entry(asn).or_default(), &volumes);
            }
            add_both(&mut sum.unknown, &view.unknown());
            add_both(&mut sum.others, &view.others());
            for (pair, volume) in view.pairs() {
                sum.pairs.entry(pair).or_default().add(&scaled(&volume));
            }
            sum.other_pairs.add(&scaled(&view.other_pairs()));
        }
        sum
    }

    /// The AS numbers with most octets on one side, the most first.
    fn top(&self, side: usize) -> Vec<(Asn, Volume)> {
        let of_side = self.ases.iter().map(|(asn, both)| (*asn, both[side]));
        most(of_side.filter(|(_, volume)| volume.flows > 0))
    }

    fn top_pairs(&self) -> Vec<([Asn; 2], Volume)> {
        most(self.pairs.iter().map(|(pair, volume)| (*pair, *volume)))
    }
}

fn add_both(sum: &mut [Volume; 2], more: &[Volume; 2]) {
    for (sum, more) in sum.iter_mut().zip(more) {
        sum.add(more);
    }
}

const fn scaled(volume: &Volume) -> Volume {
    let factor = PAIR_STRIDE as u64;
    Volume {
        flows: volume.flows * factor,
        ip_packets: volume.ip_packets.saturating_mul(factor),
        octets: volume.octets.saturating_mul(factor),
    }
}

fn most<K: Ord + Copy>(counted: impl Iterator<Item = (K, Volume)>) -> Vec<(K, Volume)> {
    let mut rows: Vec<_> = counted.collect();
    rows.sort_unstable_by_key(|(key, volume)| {
        (std::cmp::Reverse((volume.octets, volume.flows)), *key)
    });
    rows.truncate(SHOWN_MAX);
    rows
}

/// Returns the lists for people.
#[must_use]
pub fn text(traffic: &[TrafficView], told: &Told) -> String {
    let sum = Sum::of(traffic);
    let mut text = format!("as_unique {}\n", sum.ases.len());
    for (number, side) in SIDES.into_iter().enumerate() {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "\n{:<12} {COLUMNS}  name", format!("{side} AS"));
        for (asn, volume) in sum.top(number) {
            let name = told.as_name(asn).unwrap_or_default();
            let _ = writeln!(text, "{:<12} {}  {name}", asn.0, columns(&volume));
        }
        for (name, rest) in [("unknown", &sum.unknown), ("(others)", &sum.others)] {
            if rest[number].flows > 0 {
                let _ = writeln!(text, "{name:<12} {}", columns(&rest[number]));
            }
        }
    }
    let _ = writeln!(
        text,
        "\n{:<24} {COLUMNS}  (from one record in {PAIR_STRIDE}, multiplied)",
        "AS pair"
    );
    for ([source, destination], volume) in sum.top_pairs() {
        let pair = format!("{} -> {}", source.0, destination.0);
        let name = |asn| told.as_name(asn).unwrap_or_else(|| "?".to_owned());
        let names = format!("{} -> {}", name(source), name(destination));
        let _ = writeln!(text, "{pair:<24} {}  {names}", columns(&volume));
    }
    if sum.other_pairs.flows > 0 {
        let _ = writeln!(text, "{:<24} {}", "(others)", columns(&sum.other_pairs));
    }
    text
}

const COLUMNS: &str = "         flows              packets                   octets";

fn columns(volume: &Volume) -> String {
    let Volume {
        flows,
        ip_packets: packets,
        octets,
    } = volume;
    format!(
        "{:>14} {:>20} {:>24}",
        grouped(*flows),
        grouped(*packets),
        grouped(*octets)
    )
}

/// As [`text`], as one line of JSON.
#[must_use]
pub fn json(traffic: &[TrafficView], told: &Told) -> String {
    let sum = Sum::of(traffic);
    let side = |number: usize| {
        let rows = sum.top(number).into_iter().map(|(asn, volume)| {
            let name = told.as_name(asn).map(|name| string(&name));
            let mut members = vec![("as", asn.0.to_string()), ("name", or_null(name))];
            members.extend(volume_members(&volume));
            object(&members)
        });
        object(&[
            ("top", list(rows)),
            ("unknown", object(&volume_members(&sum.unknown[number]))),
            ("others", object(&volume_members(&sum.others[number]))),
        ])
    };
    let pairs = sum.top_pairs().into_iter().map(|(pair, volume)| {
        let name = |asn| or_null(told.as_name(asn).map(|name| string(&name)));
        let mut members = vec![
            ("source_as", pair[0].0.to_string()),
            ("destination_as", pair[1].0.to_string()),
            ("source_name", name(pair[0])),
            ("destination_name", name(pair[1])),
        ];
        members.extend(volume_members(&volume));
        object(&members)
    });
    object(&[
        ("as_unique", sum.ases.len().to_string()),
        ("source", side(0)),
        ("destination", side(1)),
        ("pairs_sampled_one_in", PAIR_STRIDE.to_string()),
        ("pairs", list(pairs)),
        ("other_pairs", object(&volume_members(&sum.other_pairs))),
    ]) + "\n"
}

fn volume_members(volume: &Volume) -> Vec<(&'static str, String)> {
    vec![
        ("flows", volume.flows.to_string()),
        ("packets", volume.ip_packets.to_string()),
        ("octets", volume.octets.to_string()),
    ]
}
