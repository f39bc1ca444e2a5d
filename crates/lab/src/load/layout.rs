//! What the exporters of one kind send: their Templates, and Data Records of a common router.
//!
//! | flavour | Message | what the AS numbers need |
//! |---|---|---|
//! | `fill`, `fill-ipfix` | 25 records of 54 octets, 1,376 octets in v9 | fields of 4 octets are there, holding 0 |
//! | `append`, `append-ipfix` | 25 records of 56 octets, 1,424 octets in v9 | there are none; with them it splits in two |
//! | `variable` | IPFIX, 21 records with an interface name of variable length | as `fill` |
//! | `v5` | 30 records, 1,464 octets | fields of 2 octets |
//!
//! Each Template of an exporter has its fields in another order, so that no two are alike.
//! The first record of a Message says when it was sent, in the eight octets of its two flow times:
//! fields that nobody has a reason to change [IANA Information Elements 22 and 21].
//!
//! Not here: who sends it, and when (`volley`).
//! Bound: one Message at a time.

use crate::exporter::encode::{self, Numbers};
use crate::framing::Version;
use crate::load::origins::Origins;
use crate::random::Random;
use crate::template::{FieldSpecifier, Kind, Template, VARIABLE};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// The ID of an exporter's first Template; the others follow.
pub const TEMPLATE_ID_FIRST: u16 = 256;

/// Octets of the time in the first record.
pub const STAMP_OCTETS: usize = 8;

/// v5 records have their two flow times here, and their AS numbers there.
pub const V5_STAMP: Range<usize> = 24..32;

/// Template Records of one Message: they fit 1,500 octets whatever the flavour.
const TEMPLATES_PER_MESSAGE: usize = 12;

/// The fields that every Template of v9 and IPFIX has, but for the flow times: 38 octets.
const COMMON: [(u16, u16); 15] = [
    (8, 4),
    (12, 4),
    (15, 4),
    (10, 4),
    (14, 4),
    (2, 4),
    (1, 4),
    (7, 2),
    (11, 2),
    (6, 1),
    (4, 1),
    (5, 1),
    (9, 1),
    (13, 1),
    (61, 1),
];
const FLOW_TIMES: [(u16, u16); 2] = [(22, 4), (21, 4)];
const AS_NUMBERS: [(u16, u16); 2] = [(16, 4), (17, 4)];
const INTERFACE_NAME: (u16, u16) = (82, VARIABLE);
/// Next hop of BGP, sampling interval, VLAN: what brings `append` to 56 octets.
const FURTHER: [(u16, u16); 3] = [(18, 4), (34, 4), (58, 2)];

/// What the Templates of an exporter have to say about AS numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// 4 octets for each, holding 0.
    Fill,
    /// Nothing.
    Append,
    /// As `Fill`, beside a field of variable length.
    Variable,
}

/// A kind of exporter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flavour {
    /// What it speaks.
    pub version: Version,
    /// What its Templates have; means nothing for v5.
    pub layout: Layout,
}

/// The names of all flavours, for whoever has to choose.
pub const FLAVOURS: [(&str, Flavour); 6] = [
    ("fill", Flavour::new(Version::V9, Layout::Fill)),
    ("fill-ipfix", Flavour::new(Version::Ipfix, Layout::Fill)),
    ("append", Flavour::new(Version::V9, Layout::Append)),
    ("append-ipfix", Flavour::new(Version::Ipfix, Layout::Append)),
    ("variable", Flavour::new(Version::Ipfix, Layout::Variable)),
    ("v5", Flavour::new(Version::V5, Layout::Fill)),
];

impl Flavour {
    const fn new(version: Version, layout: Layout) -> Self {
        Self { version, layout }
    }

    /// Data Records of one Message, if nobody wants fewer.
    #[must_use]
    pub const fn records_count(self) -> u16 {
        match (self.version, self.layout) {
            (Version::V5, _) => 30,
            (_, Layout::Variable) => 21,
            (_, Layout::Fill | Layout::Append) => 25,
        }
    }

    /// How many different orders of the fields there are; a Template of one more is like the first.
    #[must_use]
    pub fn orders_count(self) -> usize {
        match self.version {
            Version::V5 => 1,
            Version::V9 | Version::Ipfix => self.others().len(),
        }
    }

    /// The fields behind the flow times.
    fn others(self) -> Vec<(u16, u16)> {
        let more: &[_] = match self.layout {
            Layout::Fill => &AS_NUMBERS,
            Layout::Append => &FURTHER,
            Layout::Variable => &[AS_NUMBERS[0], AS_NUMBERS[1], INTERFACE_NAME],
        };
        COMMON.iter().chain(more).copied().collect()
    }

    /// Returns the exporter's Template `index`, counted from 0.
    #[must_use]
    pub fn template(self, index: u16) -> Template {
        let mut others = self.others();
        let turn = usize::from(index) % others.len();
        others.rotate_left(turn);
        let fields = FLOW_TIMES.iter().chain(&others);
        Template {
            id: TEMPLATE_ID_FIRST + index,
            kind: Kind::Data,
            fields: fields
                .map(|(id, length)| FieldSpecifier::iana(*id, *length))
                .collect(),
        }
    }

    /// Returns the Messages that announce the first `count` Templates; none for v5.
    #[must_use]
    pub fn announcements(self, count: u16) -> Vec<Vec<u8>> {
        if self.version == Version::V5 {
            return Vec::new();
        }
        let set_id = encode::template_set_id(self.version, Kind::Data);
        let records: Vec<_> = (0..count)
            .map(|index| encode::template(self.version, &self.template(index)))
            .collect();
        let messages = records.chunks(TEMPLATES_PER_MESSAGE).map(|records| {
            let count = u16::try_from(records.len()).unwrap_or(u16::MAX);
            let set = encode::set(set_id, &records.concat(), &[]);
            encode::message(self.version, numbers(count), &[set])
        });
        messages.collect()
    }

    /// Returns a Message of `count` Data Records that are written by the Template `index`.
    #[must_use]
    pub fn data(self, index: u16, count: u16, origins: &Origins, random: &mut Random) -> Vec<u8> {
        if self.version == Version::V5 {
            let records = (0..count).map(|_| v5_record(origins, random));
            return encode::message(self.version, numbers(count), &records.collect::<Vec<_>>());
        }
        let template = self.template(index);
        let mut records = Vec::new();
        for _ in 0..count {
            for field in &template.fields {
                records.extend(value(*field, origins, random));
            }
        }
        let padding = vec![0; records.len().next_multiple_of(4) - records.len()];
        let set = encode::set(template.id, &records, &padding);
        encode::message(self.version, numbers(count), &[set])
    }

    /// Where the Data Set is in a Message; v5 has none.
    #[must_use]
    pub fn set_at(self) -> Option<usize> {
        (self.version != Version::V5).then(|| self.version.header_octets())
    }

    /// Where the time is in a Message of Data Records.
    #[must_use]
    pub fn stamp_at(self) -> usize {
        self.set_at().map_or_else(
            || self.version.header_octets() + V5_STAMP.start,
            |set_at| set_at + encode::SET_HEADER_OCTETS,
        )
    }

    /// Where a Message has its Sequence Number.
    #[must_use]
    pub const fn sequence_at(self) -> usize {
        match self.version {
            Version::V5 => 16,
            Version::V9 => 12,
            Version::Ipfix => 8,
        }
    }

    /// Writes into a Message when it leaves: milliseconds since the exporter started, seconds
    /// since 1970.
    pub fn write_times(self, message: &mut [u8], up_time_ms: u32, export_time_s: u32) {
        let (up_time_at, export_time_at) = match self.version {
            Version::V5 | Version::V9 => (Some(4), 8),
            Version::Ipfix => (None, 4),
        };
        if let Some(at) = up_time_at {
            message[at..at + 4].copy_from_slice(&up_time_ms.to_be_bytes());
        }
        message[export_time_at..export_time_at + 4].copy_from_slice(&export_time_s.to_be_bytes());
    }

    /// How much a Message adds to the Sequence Number [RFC 3954 §5.1, RFC 7011 §3.1].
    #[must_use]
    pub const fn counts(self, records_count: u16) -> u32 {
        match self.version {
            Version::V9 => 1,
            Version::V5 | Version::Ipfix => records_count as u32,
        }
    }
}

impl FromStr for Flavour {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let found = FLAVOURS.iter().find(|(name, _)| *name == word);
        found.map(|(_, flavour)| *flavour).ok_or_else(|| {
            let names = FLAVOURS.map(|(name, _)| name);
            format!("one of {}", names.join(", "))
        })
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = FLAVOURS.iter().find(|(_, flavour)| flavour == self);
        formatter.write_str(found.map_or("unnamed", |(name, _)| *name))
    }
}

/// Header numbers that a Message is made with; those that change are written when it leaves.
const fn numbers(count: u16) -> Numbers {
    Numbers {
        count,
        up_time_ms: 0,
        export_time_s: 0,
        sequence: 0,
        domain: 0,
    }
}

fn value(field: FieldSpecifier, origins: &Origins, random: &mut Random) -> Vec<u8> {
    match field.id {
        8 | 12 => origins.draw(random).octets().to_vec(),
        // The exporter does not know the AS numbers, and the times are written when it leaves.
        16 | 17 | 21 | 22 => vec![0; usize::from(field.length)],
        1 => u32::from(random.next_u16()).to_be_bytes().to_vec(),
        2 => u32::from(random.next_u8()).to_be_bytes().to_vec(),
        4 => vec![*random.pick(&[6, 6, 6, 17, 1])],
        9 | 13 => vec![*random.pick(&[16, 20, 22, 24])],
        10 | 14 => [0, 0, 2, random.next_u8()].to_vec(),
        34 => vec![0, 0, 4, 0],
        61 => vec![random.next_u8() & 1],
        82 => {
            let name = format!("et-0/0/{}", random.between(0, 200));
            let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
            [vec![length], name.into_bytes()].concat()
        }
        _ => random.octets(usize::from(field.length)),
    }
}

fn v5_record(origins: &Origins, random: &mut Random) -> Vec<u8> {
    let mut record = random.octets(crate::framing::V5_RECORD_OCTETS);
    record[0..4].copy_from_slice(&origins.draw(random).octets());
    record[4..8].copy_from_slice(&origins.draw(random).octets());
    record[V5_STAMP].fill(0);
    record[40..44].fill(0);
    record
}

#[cfg(test)]
mod tests {
    use super::{FLAVOURS, Flavour};
    use crate::load::origins::Origins;
    use crate::random::Random;

    fn octets(name: &str) -> usize {
        let flavour: Flavour = name.parse().unwrap();
        let mut random = Random::new(1);
        let origins = Origins::everywhere(&mut random);
        flavour
            .data(0, flavour.records_count(), &origins, &mut random)
            .len()
    }

    #[test]
    fn messages_are_as_long_as_the_table_says() {
        let lengths = ["fill", "append", "v5", "fill-ipfix", "append-ipfix"].map(octets);
        assert_eq!(lengths, [1_376, 1_424, 1_464, 1_372, 1_420]);
        assert!((1_300..1_400).contains(&octets("variable")));
    }

    #[test]
    fn names_lead_to_flavours_and_back() {
        for (name, flavour) in FLAVOURS {
            assert_eq!(name.parse::<Flavour>(), Ok(flavour));
            assert_eq!(flavour.to_string(), name);
        }
        assert!("v7".parse::<Flavour>().unwrap_err().contains("append"));
    }

    #[test]
    fn templates_differ_until_the_orders_are_used_up() {
        for (name, flavour) in FLAVOURS {
            let orders: std::collections::HashSet<_> = (0..40)
                .map(|index| flavour.template(index).fields)
                .collect();
            let expected = if name == "v5" {
                orders.len()
            } else {
                flavour.orders_count()
            };
            assert_eq!(orders.len(), expected, "{name}");
        }
    }

    #[test]
    fn announcements_fit_a_datagram() {
        for (name, flavour) in FLAVOURS {
            let messages = flavour.announcements(100);
            assert_eq!(messages.is_empty(), name == "v5");
            assert!(messages.iter().all(|message| message.len() <= 1_472));
        }
    }
}
