//! The judge of a collector that wants only some of the Data Records.
//!
//! It is shown what a collector without a filter gets and what the one with a filter gets, in the
//! order in which both leave, and reads both strictly. Every Template and Options Data Record of
//! the one must be readable at the other; of the Data Records, those that the filter names, in the
//! same order, octet for octet, and no others; and the numbers must show no loss that the first
//! does not see (laws L1, L2, L4, L6, L8 of the part that is left).
//!
//! A Set may be readable for a collector though the mediator doubts it: the filter cannot be
//! applied to what is in doubt, so such a Set may be missing as a whole. The mediator says how many
//! there were.
//!
//! Not here: whether the first collector gets what it should ([`judge`](crate::judge)).
//! Bound: what left for the first collector and not yet for the second.

use crate::collector::{Content, MessageSeen, SessionKey, StrictCollector, TemplateOrder};
use crate::finding::Finding;
use crate::framing::{V5_RECORD_OCTETS, Version};
use crate::sequence::Numbers;
use crate::template::{Field, Kind};
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

/// What a filter wants of a Data Record; lists are of alternatives, an empty one asks nothing.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// AS numbers of either side.
    pub as_numbers: Vec<u32>,
    /// Prefixes of an address of either side, with their lengths in bits.
    pub addresses: Vec<(IpAddr, u8)>,
    /// 4 or 6: the version of an address of either side.
    pub ip_version: Option<u8>,
}

/// What is known of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Wanted,
    Unwanted,
    /// Its addresses are inside the section of a frame, which this judge does not read.
    Undecided,
}

/// A Set that left for the first collector: its records, each with what is due.
type SetDue = VecDeque<(Due, Vec<u8>)>;

#[derive(Debug, Default)]
struct Stream {
    due: VecDeque<SetDue>,
    whole: Numbers,
    part: Numbers,
}

/// Watches both collectors.
#[derive(Debug)]
pub struct Selection {
    wanted: Wanted,
    whole: StrictCollector,
    part: StrictCollector,
    streams: HashMap<SessionKey, Stream>,
    breaches: Vec<String>,
    tally: Tally,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Data Records that left for the collector without a filter.
    pub whole: u64,
    /// Data Records that left for the one with a filter.
    pub part: u64,
    /// Sets that were wanted and did not leave.
    pub missing_sets: u64,
}

impl Selection {
    /// Returns a judge that saw nothing.
    #[must_use]
    pub fn new(wanted: Wanted) -> Self {
        let collector = || StrictCollector::new(TemplateOrder::AsSent, usize::MAX);
        Self {
            wanted,
            whole: collector(),
            part: collector(),
            streams: HashMap::new(),
            breaches: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// What was wrong.
    #[must_use]
    pub fn breaches(&self) -> &[String] {
        &self.breaches
    }

    /// What was seen.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// The Sequence Numbers of both, by session.
    pub fn sequences(&self) -> impl Iterator<Item = (&SessionKey, &Numbers, &Numbers)> {
        let streams = self.streams.iter();
        streams.map(|(session, stream)| (session, &stream.whole, &stream.part))
    }

    /// Takes note of a datagram for the collector without a filter.
    pub fn whole(&mut self, exporter: SocketAddr, datagram: &[u8]) {
        for message in self.whole.read(exporter, datagram) {
            let Some(session) = message.session else {
                continue;
            };
            let stream = self.streams.entry(session).or_default();
            stream.whole.note(&message);
            if message.is_malformed() {
                continue;
            }
            for set in sets_of(&message, &self.wanted) {
                self.tally.whole += set.len() as u64;
                stream.due.push_back(set);
            }
        }
    }

    /// Judges a datagram for the collector with a filter.
    pub fn part(&mut self, exporter: SocketAddr, datagram: &[u8]) {
        for message in self.part.read(exporter, datagram) {
            let Some(session) = message.session.filter(|_| !message.is_malformed()) else {
                self.breaches
                    .push(format!("{exporter}: what nobody can read left: {message}"));
                continue;
            };
            self.streams.entry(session).or_default().part.note(&message);
            let is_read = message
                .sets
                .iter()
                .all(|set| set.content != Content::Unread);
            let is_untrue = |finding: &Finding| matches!(finding, Finding::CountUntrue { .. });
            if !is_read || message.findings.iter().any(is_untrue) {
                let what = format!("{session:?}: {:?} in {message}", message.findings);
                self.breaches.push(what);
            }
            for set in sets_of(&message, &Wanted::default()) {
                for (_, record) in set {
                    self.record(&session, &record);
                }
            }
        }
    }

    /// Says that nothing comes out any more.
    pub fn end(&mut self) {
        for stream in self.streams.values() {
            let missing = stream.due.iter().filter(|set| is_owed(set)).count();
            self.tally.missing_sets += missing as u64;
        }
    }

    fn record(&mut self, session: &SessionKey, record: &[u8]) {
        self.tally.part += 1;
        let due = &mut self.streams.entry(*session).or_default().due;
        let mut is_begun = false;
        while let Some(set) = due.front_mut() {
            while let Some((of_record, octets)) = set.front() {
                if *of_record != Due::Unwanted && octets == record {
                    set.pop_front();
                    return;
                }
                if *of_record == Due::Wanted {
                    break;
                }
                set.pop_front();
            }
            // A Set of which something left is not one in doubt.
            is_begun |= !set.is_empty() && set.iter().any(|(due, _)| *due == Due::Wanted);
            self.tally.missing_sets += u64::from(is_owed(set));
            due.pop_front();
        }
        let when = if is_begun {
            "not in this order"
        } else {
            "at all"
        };
        self.breaches.push(format!(
            "{session:?}: a record is not wanted {when}: {record:02x?}"
        ));
    }
}

fn is_owed(set: &SetDue) -> bool {
    set.iter().any(|(due, _)| *due == Due::Wanted)
}

/// The records of a Message, Set by Set: what they are, and their octets behind their Template.
fn sets_of(message: &MessageSeen, wanted: &Wanted) -> Vec<SetDue> {
    if let Some(header) = message.header.filter(|one| one.version == Version::V5) {
        let records = message.body().chunks_exact(V5_RECORD_OCTETS);
        let records = records.take(usize::from(header.stated));
        return vec![
            records
                .map(|record| (wanted.of_v5(record), record.to_vec()))
                .collect(),
        ];
    }
    let data = message.sets.iter().filter_map(|set| match &set.content {
        Content::Data(data) => Some((set, data)),
        _ => None,
    });
    data.map(|(set, data)| {
        let is_options = data.template.kind != Kind::Data;
        set.records()
            .map(|fields| {
                let due = if is_options {
                    Due::Wanted
                } else {
                    wanted.of(&fields)
                };
                let template = format!("{:?}", data.template);
                let values = fields.iter().flat_map(|field| field.encoded);
                (due, template.bytes().chain(values.copied()).collect())
            })
            .collect()
    })
    .collect()
}

impl Wanted {
    fn of_v5(&self, record: &[u8]) -> Due {
        let address = |at: usize| {
            Some(IpAddr::from(
                <[u8; 4]>::try_from(record.get(at..at + 4)?).ok()?,
            ))
        };
        let number = |at: usize| {
            Some(u64::from(u16::from_be_bytes(
                record.get(at..at + 2)?.try_into().ok()?,
            )))
        };
        let addresses: Vec<_> = [0, 4].into_iter().filter_map(address).collect();
        let numbers: Vec<_> = [40, 42].into_iter().filter_map(number).collect();
        self.judge(&addresses, &numbers)
    }

    fn of(&self, fields: &[Field<'_>]) -> Due {
        let mut addresses = Vec::new();
        let mut numbers = Vec::new();
        let has_section = fields
            .iter()
            .any(|field| [104, 313, 315].iter().any(|id| field.specifier.is(*id)));
        for (plain, prefixes, number) in [([8, 27], [44, 170], 16), ([12, 28], [45, 169], 17)] {
            let found = addresses_in(fields, plain).or_else(|| addresses_in(fields, prefixes));
            if found.is_none() && has_section {
                return Due::Undecided;
            }
            addresses.extend(found.unwrap_or_default());
            let mut values = fields.iter().filter(|field| field.specifier.is(number));
            let last = values
                .next_back()
                .filter(|last| (1..=8).contains(&last.value.len()));
            numbers.extend(last.map(|last| {
                let octets = last.value.iter();
                octets.fold(0_u64, |value, octet| value << 8 | u64::from(*octet))
            }));
        }
        self.judge(&addresses, &numbers)
    }

    fn judge(&self, addresses: &[IpAddr], numbers: &[u64]) -> Due {
        let addresses: Vec<_> = addresses
            .iter()
            .filter(|one| !one.is_unspecified())
            .collect();
        let lies_in = |address: &IpAddr, (network, length): &(IpAddr, u8)| {
            let bits = |address: &IpAddr| match address {
                IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
                IpAddr::V6(v6) => v6.to_bits(),
            };
            let difference = bits(address) ^ bits(network);
            address.is_ipv4() == network.is_ipv4()
                && difference.leading_zeros() >= u32::from(*length)
        };
        let of_version = self.ip_version.is_none_or(|version| {
            addresses
                .iter()
                .any(|address| address.is_ipv4() == (version == 4))
        });
        let of_prefix = self.addresses.is_empty()
            || addresses
                .iter()
                .any(|address| self.addresses.iter().any(|one| lies_in(address, one)));
        let is_number = |number: &u64| self.as_numbers.iter().any(|one| u64::from(*one) == *number);
        let of_as = self.as_numbers.is_empty() || numbers.iter().any(is_number);
        if of_version && of_prefix && of_as {
            Due::Wanted
        } else {
            Due::Unwanted
        }
    }
}

/// The addresses in fields of these two elements, of 4 and of 16 octets; `None` if there is no
/// such field.
fn addresses_in(fields: &[Field<'_>], [v4, v6]: [u16; 2]) -> Option<Vec<IpAddr>> {
    let address = |field: &Field<'_>| match field.value.len() {
        4 if field.specifier.is(v4) => Some(IpAddr::from(<[u8; 4]>::try_from(field.value).ok()?)),
        16 if field.specifier.is(v6) => Some(IpAddr::from(<[u8; 16]>::try_from(field.value).ok()?)),
        _ => None,
    };
    let found: Vec<_> = fields.iter().filter_map(address).collect();
    (!found.is_empty()).then_some(found)
}
