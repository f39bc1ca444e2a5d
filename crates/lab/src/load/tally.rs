//! What arrives, counted: records and their AS numbers, gaps in the sequence, times under way.
//!
//! It reads as little as can tell these, and quickly, for it shares a core with the generator; the
//! strict collector is for judging. A session is (source address and port, version, domain), so
//! the sequence is that which a collector would see.
//!
//! Not here: receiving (`kernel`), what the network dropped before.
//! Bound: grows with sessions and Templates.

use crate::framing::{Framed, Header, V5_RECORD_OCTETS, Version, messages};
use crate::load::latency::Latency;
use crate::load::layout::{STAMP_OCTETS, V5_STAMP};
use crate::template::{FieldSpan, FieldSpecifier, Template};
use crate::template_set::{SetKind, TemplateSet};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::Range;

const V5_SOURCE_AS: Range<usize> = 40..42;
const V5_DESTINATION_AS: Range<usize> = 42..44;

/// The sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Datagrams.
    pub datagrams: u64,
    /// Octets of UDP payload.
    pub octets: u64,
    /// Data Records, and those of v5.
    pub records: u64,
    /// Records whose source AS number is not 0.
    pub records_with_source_as: u64,
    /// Records whose destination AS number is not 0.
    pub records_with_destination_as: u64,
    /// Places where the Sequence Number jumped ahead.
    pub gaps: u64,
    /// Messages (v9) or records (IPFIX, v5) that are missing there.
    pub missing: u64,
    /// Messages whose Sequence Number is behind.
    pub late: u64,
    /// Data Sets that could not be read for want of a Template.
    pub sets_without_template: u64,
    /// Messages that contradict themselves.
    pub malformed: u64,
}

impl Figures {
    fn add(&mut self, other: &Self) {
        self.datagrams += other.datagrams;
        self.octets += other.octets;
        self.records += other.records;
        self.records_with_source_as += other.records_with_source_as;
        self.records_with_destination_as += other.records_with_destination_as;
        self.gaps += other.gaps;
        self.missing += other.missing;
        self.late += other.late;
        self.sets_without_template += other.sets_without_template;
        self.malformed += other.malformed;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct SessionKey {
    source: SocketAddr,
    version: Version,
    domain: u32,
}

#[derive(Debug, Default)]
struct Session {
    /// `None` before the first Message, and behind one whose records could not be counted.
    expected: Option<u32>,
    readings: HashMap<u16, Reading>,
}

/// A Template, as far as it matters here: where fields are, by their index.
#[derive(Debug)]
struct Reading {
    template: Template,
    source_as: Option<usize>,
    destination_as: Option<usize>,
    stamp: Option<usize>,
    /// The spans of every record, if none is of variable length.
    spans: Option<Vec<FieldSpan>>,
}

impl Reading {
    fn new(template: Template) -> Self {
        let fields = &template.fields;
        // What was appended stands last; it is what a collector goes by.
        let last = |id| fields.iter().rposition(|field| field.is(id));
        let is_stamp = |pair: &[FieldSpecifier]| {
            pair == [FieldSpecifier::iana(22, 4), FieldSpecifier::iana(21, 4)]
        };
        let zeroes = vec![0; template.record_octets_min()];
        let mut spans = Vec::new();
        let is_read = template.is_fixed() && template.read_record(&zeroes, 0, &mut spans).is_some();
        Self {
            source_as: last(16),
            destination_as: last(17),
            stamp: fields.windows(2).position(is_stamp),
            spans: is_read.then_some(spans),
            template,
        }
    }
}

/// Reads and counts.
#[derive(Debug, Default)]
pub struct Tally {
    sessions: HashMap<SessionKey, Session>,
    /// Those of tallies that were added.
    sessions_elsewhere: usize,
    figures: Figures,
    latency: Latency,
}

impl Tally {
    /// The sums until now.
    #[must_use]
    pub const fn figures(&self) -> Figures {
        self.figures
    }

    /// How long Messages were under way that say when they were sent.
    #[must_use]
    pub const fn latency(&self) -> &Latency {
        &self.latency
    }

    /// How many sessions there were.
    #[must_use]
    pub fn sessions_count(&self) -> usize {
        self.sessions.len() + self.sessions_elsewhere
    }

    /// Adds what another tally counted.
    pub fn add(&mut self, other: &Self) {
        self.figures.add(&other.figures);
        self.latency.add_all(&other.latency);
        self.sessions_elsewhere += other.sessions_count();
    }

    /// Counts one datagram without reading it.
    pub fn count(&mut self, datagram: &[u8]) {
        self.figures.datagrams += 1;
        self.figures.octets += datagram.len() as u64;
    }

    /// Counts one datagram of `source` that arrived at `arrived_ns`, in nanoseconds since 1970.
    pub fn read(&mut self, source: SocketAddr, arrived_ns: Option<u64>, datagram: &[u8]) {
        self.count(datagram);
        for message in messages(datagram).0 {
            match message.header.filter(|_| message.fault.is_none()) {
                Some(header) => self.message(source, arrived_ns, &message, header),
                None => self.figures.malformed += 1,
            }
        }
    }

    fn message(
        &mut self,
        source: SocketAddr,
        arrived_ns: Option<u64>,
        message: &Framed<'_>,
        header: Header,
    ) {
        let key = SessionKey {
            source,
            version: header.version,
            domain: header.domain,
        };
        let session = self.sessions.entry(key).or_default();
        let before = self.figures;
        let stamp = match header.version {
            Version::V5 => v5(message, header, &mut self.figures),
            Version::V9 | Version::Ipfix => sets(session, message, header, &mut self.figures),
        };
        if let (Some(stamp), Some(arrived_ns)) = (stamp, arrived_ns) {
            self.latency.add(arrived_ns.saturating_sub(stamp));
        }
        let records = self.figures.records - before.records;
        let is_unread = self.figures.sets_without_template != before.sets_without_template;
        let counts = match header.version {
            Version::V9 => Some(1),
            Version::V5 | Version::Ipfix => u32::try_from(records).ok().filter(|_| !is_unread),
        };
        place(session, header.sequence, counts, &mut self.figures);
    }
}

/// Judges a Sequence Number by the one expected, and says which is expected next.
fn place(session: &mut Session, sequence: u32, counts: Option<u32>, figures: &mut Figures) {
    let ahead = session
        .expected
        .map_or(0, |expected| sequence.wrapping_sub(expected));
    if ahead > u32::MAX / 2 {
        figures.late += 1;
        return;
    }
    if ahead > 0 {
        figures.gaps += 1;
        figures.missing += u64::from(ahead);
    }
    session.expected = counts.map(|counts| sequence.wrapping_add(counts));
}

/// Counts the records of v5; returns the time in the first.
fn v5(message: &Framed<'_>, header: Header, figures: &mut Figures) -> Option<u64> {
    let body = message.octets.get(Version::V5.header_octets()..)?;
    let records = body.chunks_exact(V5_RECORD_OCTETS);
    for record in records.clone().take(usize::from(header.stated)) {
        figures.records += 1;
        figures.records_with_source_as += u64::from(has_number(record, V5_SOURCE_AS));
        figures.records_with_destination_as += u64::from(has_number(record, V5_DESTINATION_AS));
    }
    time(records.clone().next()?, V5_STAMP)
}

/// Reads the Sets; returns the time in the first record.
fn sets(
    session: &mut Session,
    message: &Framed<'_>,
    header: Header,
    figures: &mut Figures,
) -> Option<u64> {
    let mut stamp = None;
    for set in &message.sets {
        let body = message.octets.get(set.body.clone()).unwrap_or_default();
        let kind = SetKind::of(header.version, set.id);
        match kind {
            SetKind::Templates | SetKind::OptionsTemplates => {
                for template in TemplateSet::read(header.version, kind, body).records {
                    session.readings.insert(template.id, Reading::new(template));
                }
            }
            SetKind::Data => match session.readings.get(&set.id) {
                Some(reading) => stamp = stamp.or(data(reading, body, figures)),
                None => figures.sets_without_template += 1,
            },
            SetKind::Reserved => figures.malformed += 1,
        }
    }
    stamp
}

/// Counts the records of a Data Set; returns the time in the first of them.
fn data(reading: &Reading, body: &[u8], figures: &mut Figures) -> Option<u64> {
    let shortest = reading.template.record_octets_min();
    let mut own_spans = Vec::new();
    let mut stamp = None;
    let mut start = 0;
    while shortest > 0 && body.len() - start >= shortest {
        let (record, spans) = match &reading.spans {
            Some(spans) => (&body[start..start + shortest], spans),
            None => {
                own_spans.clear();
                let rest = &body[start..];
                let Some(end) = reading.template.read_record(rest, 0, &mut own_spans) else {
                    figures.malformed += 1;
                    break;
                };
                (&rest[..end], &own_spans)
            }
        };
        let value = |index: Option<usize>| {
            let span = index.and_then(|index| spans.get(index));
            span.map_or(0..0, |span| span.value..span.end)
        };
        if start == 0
            && let Some(first) = reading.stamp
        {
            let at = value(Some(first)).start;
            stamp = time(record, at..at + STAMP_OCTETS);
        }
        figures.records += 1;
        let has = |index| u64::from(has_number(record, value(index)));
        figures.records_with_source_as += has(reading.source_as);
        figures.records_with_destination_as += has(reading.destination_as);
        start += record.len();
    }
    stamp
}

fn has_number(record: &[u8], range: Range<usize>) -> bool {
    let octets = record.get(range).unwrap_or_default();
    octets.iter().any(|octet| *octet != 0)
}

/// The time that a record says it was sent at; 0 is none.
fn time(record: &[u8], range: Range<usize>) -> Option<u64> {
    let octets = record.get(range)?.try_into().ok()?;
    Some(u64::from_be_bytes(octets)).filter(|time| *time > 0)
}

#[cfg(test)]
mod tests {
    use super::{Figures, Tally};
    use crate::exporter::encode::{self, Numbers};
    use crate::framing::Version;
    use crate::load::layout::FLAVOURS;
    use crate::load::origins::Origins;
    use crate::load::volley::{Fleet, Volley};
    use crate::random::Random;
    use crate::template::{FieldSpecifier, Kind, Template, VARIABLE};
    use std::net::{Ipv4Addr, SocketAddr};

    const NOW_NS: u64 = 1_790_000_000_000_000_000;
    const EXPORTER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

    fn message(version: Version, sequence: u32, count: u16, sets: &[Vec<u8>]) -> Vec<u8> {
        let numbers = Numbers {
            count,
            up_time_ms: 0,
            export_time_s: 0,
            sequence,
            domain: 3,
        };
        encode::message(version, numbers, sets)
    }

    fn template() -> Vec<u8> {
        let fields = [(16, 4), (22, 4), (21, 4), (82, VARIABLE), (17, 4), (17, 2)];
        let fields = fields.map(|(id, length)| FieldSpecifier::iana(id, length));
        let template = Template {
            id: 300,
            kind: Kind::Data,
            fields: fields.to_vec(),
        };
        encode::set(2, &encode::template(Version::Ipfix, &template), &[])
    }

    fn record(source_as: u32, stamp: u64, name: &[u8], destination_as: u16) -> Vec<u8> {
        let length = u8::try_from(name.len()).unwrap();
        [
            &source_as.to_be_bytes()[..],
            &stamp.to_be_bytes(),
            &[length],
            name,
            &[9; 4],
            &destination_as.to_be_bytes(),
        ]
        .concat()
    }

    #[test]
    fn records_numbers_and_times_are_read_by_their_template() {
        let mut tally = Tally::default();
        let records = [
            record(65_537, NOW_NS, b"", 0),
            record(0, 5, b"eth0", 7),
            record(0, 5, b"lo", 0),
        ];
        let data = encode::set(300, &records.concat(), &[0, 0]);
        tally.read(
            EXPORTER,
            None,
            &message(Version::Ipfix, 7, 0, std::slice::from_ref(&data)),
        );
        assert_eq!(tally.figures().sets_without_template, 1);
        let whole = message(Version::Ipfix, 10, 0, &[template(), data]);
        tally.read(EXPORTER, Some(NOW_NS + 1_500), &whole);
        let figures = tally.figures();
        assert_eq!((figures.records, figures.gaps), (3, 0));
        assert_eq!(figures.records_with_source_as, 1);
        assert_eq!(figures.records_with_destination_as, 1);
        assert_eq!(tally.latency().count(), 1);
        assert_eq!(tally.latency().longest_ns(), 1_500);
    }

    #[test]
    fn a_gap_is_counted_in_the_units_of_the_version() {
        let v5_records: Vec<Vec<u8>> = vec![vec![1; 48]; 2];
        let options = [encode::set(2, &[], &[])];
        type Case<'a> = (Version, u16, &'a [Vec<u8>], [u32; 5], [u64; 2]);
        let cases: [Case<'_>; 3] = [
            (Version::V5, 2, &v5_records, [0, 2, 10, 12, 4], [1, 6]),
            (Version::V9, 0, &[], [7, 8, 12, 10, 13], [1, 3]),
            (Version::Ipfix, 0, &options, [7, 7, u32::MAX, 9, 9], [1, 2]),
        ];
        for (version, count, sets, sequences, [gaps, missing]) in cases {
            let mut tally = Tally::default();
            for sequence in sequences {
                tally.read(EXPORTER, None, &message(version, sequence, count, sets));
            }
            let figures = tally.figures();
            assert_eq!(
                (figures.gaps, figures.missing),
                (gaps, missing),
                "{version:?}"
            );
            assert_eq!(figures.late, 1, "{version:?}");
        }
    }

    #[test]
    fn what_a_volley_sends_is_what_is_counted_and_what_is_lost_is_missing() {
        for (name, flavour) in FLAVOURS {
            let fleet = Fleet {
                flavours: vec![flavour],
                exporters_count: 3,
                address_first: Ipv4Addr::new(127, 1, 0, 1),
                records_max: None,
                templates_count: 2,
                port_first: 7,
                ports_count: 1,
                run_messages: 4,
                refresh_messages: 20,
                forged_to: None,
            };
            let mut random = Random::new(1);
            let origins = Origins::everywhere(&mut random);
            let mut volley = Volley::new(fleet, &origins, &mut random);
            let (mut all, mut some) = (Tally::default(), Tally::default());
            for batch in 0..40 {
                volley.load(50, NOW_NS);
                for (index, (_, leaving)) in volley.loaded().enumerate() {
                    let source = (leaving.source.unwrap(), 7).into();
                    all.read(source, Some(NOW_NS + 1_000), leaving.body);
                    // The first batch has the Templates.
                    if batch == 0 || index % 10 != 5 {
                        some.read(source, None, leaving.body);
                    }
                }
            }
            let sent = volley.sent();
            let expected = Figures {
                datagrams: sent.datagrams,
                octets: sent.octets,
                records: sent.records,
                ..Figures::default()
            };
            assert_eq!(all.figures(), expected, "{name}");
            assert_eq!(all.latency().count(), sent.datagrams - sent.announcements);
            assert_eq!(all.sessions_count(), 3);
            let lost = all.figures().datagrams - some.figures().datagrams;
            assert!(
                some.figures().gaps >= lost / 2,
                "{name} {:?}",
                some.figures()
            );
            assert_eq!(some.figures().late, 0);
        }
    }
}
