//! `replay --summary`: what each exporter sent and what became of it.
//!
//! Not here: counting (`mediator`, `io::unread`); single records (`diff`).
//! Bound: [`SAMPLES_MAX`] differences of each of [`EXPORTERS_MAX`] exporters are remembered.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::net::IpAddr;

use asdb::{Asn, Provider};
use mediator::counters::{RecordCounters, SideCounters};
use mediator::{Counters, Dropped, Raw, RecordSeen, SessionCounters, SessionView, SideSeen};

use crate::cli::words::{dropped_reason, raw_reason, version_name};
use crate::io::datagram::FrameCounts;

/// How many differences of an exporter are shown.
pub(super) const SAMPLES_MAX: usize = 3;
/// Of how many exporters differences are remembered.
pub(super) const EXPORTERS_MAX: usize = 4096;

/// Where router and table disagree about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Disagreement {
    address: IpAddr,
    router: u32,
    table: Asn,
}

/// Remembers some of the differences between what the routers say and what the table says.
#[derive(Debug, Default)]
pub(super) struct Disagreements {
    by_exporter: BTreeMap<IpAddr, Vec<Disagreement>>,
}

impl Disagreements {
    /// Looks at a record.
    pub(super) fn record(&mut self, seen: &RecordSeen) {
        for side in [&seen.source, &seen.destination] {
            if let Some(disagreement) = disagreement(side) {
                self.remember(seen.exporter.ip(), disagreement);
            }
        }
    }

    fn remember(&mut self, exporter: IpAddr, disagreement: Disagreement) {
        let is_full = self.by_exporter.len() >= EXPORTERS_MAX;
        if is_full && !self.by_exporter.contains_key(&exporter) {
            return;
        }
        let known = self.by_exporter.entry(exporter).or_default();
        if known.len() < SAMPLES_MAX && !known.contains(&disagreement) {
            known.push(disagreement);
        }
    }

    fn of(&self, exporter: IpAddr) -> &[Disagreement] {
        self.by_exporter.get(&exporter).map_or(&[], Vec::as_slice)
    }
}

fn disagreement(side: &SideSeen) -> Option<Disagreement> {
    Some(Disagreement {
        address: side.address?,
        router: side.before?,
        table: side.disagrees?,
    })
}

/// What is known of an exporter after all its sessions were added.
#[derive(Debug, Default)]
struct Exporter {
    versions: BTreeSet<&'static str>,
    domains: BTreeSet<u32>,
    ports: BTreeSet<u16>,
    counters: SessionCounters,
}

impl Exporter {
    fn add(&mut self, session: &SessionView<'_>) {
        self.versions.insert(version_name(session.version));
        self.domains.insert(session.domain);
        self.ports.insert(session.exporter.port());
        let (sum, new) = (&mut self.counters, session.counters);
        sum.messages_in += new.messages_in;
        sum.messages_out += new.messages_out;
        sum.records.add(&new.records);
        add_each(&mut sum.raw_sets, &new.raw_sets);
        add_each(&mut sum.raw_records, &new.raw_records);
        add_each(&mut sum.templates_by_as_width, &new.templates_by_as_width);
    }

    fn rows(&self, disagreements: &[Disagreement]) -> Rows {
        let counters = &self.counters;
        let mut rows = Rows::default();
        rows.add(
            "Messages",
            format!("{} in, {} out", counters.messages_in, counters.messages_out),
        );
        let [none, narrow, wide] = counters.templates_by_as_width;
        if none + narrow + wide > 0 {
            rows.add(
                "Templates",
                format!("AS fields: none {none}, 16 bits {narrow}, 32 bits {wide}"),
            );
        }
        rows.add_records(&counters.records);
        for Disagreement {
            address,
            router,
            table,
        } in disagreements
        {
            rows.add(
                "  for example",
                format!("{address}: router {router}, table {}", table.0),
            );
        }
        rows.add_raw(&counters.raw_sets, Some(&counters.raw_records));
        rows
    }
}

fn add_each<const N: usize>(sums: &mut [u64; N], numbers: &[u64; N]) {
    for (sum, number) in sums.iter_mut().zip(numbers) {
        *sum += number;
    }
}

/// Returns the whole report.
pub(super) fn text<'a>(
    sessions: impl Iterator<Item = SessionView<'a>>,
    counters: &Counters,
    frames: &FrameCounts,
    disagreements: &Disagreements,
) -> String {
    let mut exporters: BTreeMap<IpAddr, Exporter> = BTreeMap::new();
    for session in sessions {
        let exporter = exporters.entry(session.exporter.ip()).or_default();
        exporter.add(&session);
    }
    let mut text = String::new();
    for (address, exporter) in &exporters {
        let title = format!(
            "exporter {address}: {}, {}, {}",
            exporter
                .versions
                .iter()
                .copied()
                .collect::<Vec<_>>()
                .join(", "),
            counted(exporter.domains.len() as u64, "domain"),
            counted(exporter.ports.len() as u64, "port"),
        );
        let rows = exporter.rows(disagreements.of(*address));
        text += &format!("{title}\n{rows}\n");
    }
    text + &format!("total\n{}", total_rows(counters, frames))
}

fn total_rows(counters: &Counters, frames: &FrameCounts) -> Rows {
    let mut rows = Rows::default();
    rows.add(
        "frames",
        format!(
            "{}, of them {} datagrams, {} further fragments, {} not read",
            frames.frames_count,
            frames.datagrams_count,
            frames.joined_count,
            frames.unread.total()
        ),
    );
    for (reason, frames_count) in frames.unread.iter() {
        rows.add("  not read", format!("{frames_count}: {reason}"));
    }
    rows.add(
        "Messages",
        format!("{} in, {} out", counters.messages_in, counters.messages_out),
    );
    let [v5, v9, ipfix, other] = counters.messages_by_version;
    rows.add(
        "  versions",
        format!("v5 {v5}, v9 {v9}, ipfix {ipfix}, other {other}"),
    );
    for (reason, messages) in Dropped::ALL.iter().zip(counters.messages_dropped) {
        if messages > 0 {
            rows.add(
                "  dropped",
                format!("{messages}: {}", dropped_reason(*reason)),
            );
        }
    }
    rows.add(
        "  of them held",
        format!(
            "{}, divided {}, above the size {}",
            counters.holds, counters.splits, counters.oversize
        ),
    );
    rows.add_records(&counters.records);
    rows.add_raw(&counters.sets_raw, None);
    for (reason, sets) in Dropped::ALL.iter().zip(counters.sets_dropped) {
        if sets > 0 {
            rows.add(
                "  dropped",
                format!("{}: {}", counted(sets, "Set"), dropped_reason(*reason)),
            );
        }
    }
    rows
}

fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// Lines of a label and a text, the texts below each other.
#[derive(Debug, Default)]
struct Rows {
    rows: Vec<(&'static str, String)>,
}

impl Rows {
    fn add(&mut self, label: &'static str, text: impl Display) {
        self.rows.push((label, text.to_string()));
    }

    fn add_records(&mut self, records: &RecordCounters) {
        self.add("Data Records", records.records);
        self.add(
            "AS fields",
            format!(
                "{}, unusable {}{}",
                records.fields,
                records.unusable,
                share(records.unusable, records.fields)
            ),
        );
        self.add("  filled", records.filled);
        self.add("  appended", records.appended);
        self.add("  kept", records.kept);
        let both_sides = records.both_sides();
        self.add("  nobody knew", both_sides.nobody);
        if records.as_trans > 0 {
            self.add("  became 23456", records.as_trans);
        }
        for (label, side) in ["  source by", "  destination by"]
            .iter()
            .zip(&records.sides)
        {
            self.add_side(label, side);
        }
        self.add(
            "  router and table disagree",
            format!(
                "{} of {}{}",
                both_sides.disagreements,
                both_sides.compared,
                share(both_sides.disagreements, both_sides.compared)
            ),
        );
    }

    /// Who answered for a side, and of how many that it was asked for.
    fn add_side(&mut self, label: &'static str, side: &SideCounters) {
        let numbers = side.answered.iter().zip(&side.no_answer);
        let rows = Provider::ALL.iter().zip(numbers);
        let shown: Vec<_> = rows
            .filter(|(_, (answered, _))| **answered > 0)
            .map(|(provider, (answered, vain))| {
                format!("{provider} {answered} of {}", answered + vain)
            })
            .collect();
        if !shown.is_empty() {
            self.add(label, shown.join(", "));
        }
    }

    fn add_raw(&mut self, sets: &[u64; Raw::ALL.len()], records: Option<&[u64; Raw::ALL.len()]>) {
        for (index, (reason, sets)) in Raw::ALL.iter().zip(sets).enumerate() {
            if *sets == 0 {
                continue;
            }
            let records = records.and_then(|records| records.get(index));
            let records = records.map(|count| format!(" with {}", counted(*count, "record")));
            let (sets, reason) = (counted(*sets, "Set"), raw_reason(*reason));
            self.add(
                "raw",
                format!("{sets}{}: {reason}", records.unwrap_or_default()),
            );
        }
    }
}

impl Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|(label, _)| label.len()).max();
        let width = width.unwrap_or(0);
        for (label, text) in &self.rows {
            writeln!(f, "  {label:width$}  {text}")?;
        }
        Ok(())
    }
}

/// Returns ` (12.3 %)`, nothing if there is no whole.
fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return String::new();
    }
    let per_mille = part.saturating_mul(1000) / whole;
    format!(" ({}.{} %)", per_mille / 10, per_mille % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::unread::Unread;
    use mediator::Version;

    fn side(address: &str, router: u32, table: u32) -> SideSeen {
        SideSeen {
            address: Some(address.parse().unwrap()),
            before: Some(router),
            after: Some(router),
            by: Some(Provider::Flow),
            disagrees: Some(Asn(table)),
        }
    }

    fn seen(source: SideSeen) -> RecordSeen {
        RecordSeen {
            exporter: "192.0.2.1:2055".parse().unwrap(),
            version: Version::V9,
            domain: 7,
            template_id: 256,
            source,
            destination: SideSeen::default(),
        }
    }

    #[test]
    fn sessions_of_one_exporter_are_one_paragraph() {
        let mut counters = SessionCounters {
            messages_in: 2,
            messages_out: 3,
            templates_by_as_width: [1, 0, 1],
            ..SessionCounters::default()
        };
        counters.records.records = 5;
        counters.records.fields = 6;
        counters.records.unusable = 2;
        counters.records.filled = 2;
        counters.records.sides[0].answered[usize::from(Provider::Flow as u8)] = 4;
        counters.records.sides[0].no_answer[usize::from(Provider::Flow as u8)] = 1;
        counters.records.sides[0].compared = 4;
        counters.records.sides[0].disagreements = 1;
        counters.raw_sets[Raw::Options.index()] = 1;
        counters.raw_records[Raw::Options.index()] = 9;
        let session = |port, domain| SessionView {
            exporter: ([192, 0, 2, 1], port).into(),
            version: Version::V9,
            domain,
            templates_count: 2,
            counters: &counters,
            examples: &[],
            seen_at: mediator::Millis(0),
            sampling_rate: None,
        };
        let mut frames = FrameCounts {
            frames_count: 7,
            datagrams_count: 4,
            joined_count: 1,
            ..FrameCounts::default()
        };
        frames.unread.add(Unread::NotUdp, 2);
        let mut disagreements = Disagreements::default();
        disagreements.record(&seen(side("1.1.1.1", 1, 13335)));
        let sessions = [session(1, 7), session(2, 7)].into_iter();
        let text = text(sessions, &Counters::default(), &frames, &disagreements);
        let (exporter, total) = text.split_once("\n\n").unwrap();
        let expected = "\
exporter 192.0.2.1: v9, 1 domain, 2 ports
  Messages                     4 in, 6 out
  Templates                    AS fields: none 2, 16 bits 0, 32 bits 2
  Data Records                 10
  AS fields                    12, unusable 4 (33.3 %)
    filled                     4
    appended                   0
    kept                       0
    nobody knew                0
    source by                  flow 8 of 10
    router and table disagree  2 of 8 (25.0 %)
    for example                1.1.1.1: router 1, table 13335
  raw                          2 Sets with 18 records: options data";
        assert_eq!(exporter, expected);
        let frames =
            "frames                       7, of them 4 datagrams, 1 further fragments, 2 not read";
        assert!(total.contains(frames), "{total}");
        assert!(
            total.contains("  not read                   2: not UDP"),
            "{total}"
        );
    }

    #[test]
    fn some_differences_are_remembered_each_once() {
        let mut disagreements = Disagreements::default();
        for table in [2, 2, 3, 4, 5] {
            disagreements.record(&seen(side("1.1.1.1", 1, table)));
        }
        let tables: Vec<_> = disagreements
            .of([192, 0, 2, 1].into())
            .iter()
            .map(|disagreement| disagreement.table.0)
            .collect();
        assert_eq!(tables, [2, 3, 4]);
    }
}
