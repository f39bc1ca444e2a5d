//! A model of one exporting process: it sends what routers send, sound and unsound, and says what.
//!
//! Everything that an [`Exporter`] does is decided by its seed. Each datagram comes with the
//! truth about it: which Templates it announces, which records it holds, field by field, and
//! whether somebody who received everything so far can read them.
//!
//! Withdrawals here go over UDP, where they mean nothing [RFC 7011 §8.4]; the exporter goes on
//! using the ID, or does not.
//!
//! Not here: several exporters at once and their clock (`fleet`), the network (`link`).
//! Bound: eight Templates per domain; one datagram of at most 65,535 octets at a time.

pub mod encode;
pub mod fault;
pub mod habits;
mod plan;
pub mod shape;
pub mod value;

use crate::framing::Version;
use crate::random::Random;
use crate::template::Template;
use fault::Flaw;
use habits::{Count, Habits};
use plan::{Draft, Planned, Standing};
use std::net::SocketAddr;
use std::rc::Rc;

/// An exporter runs at least this long before it starts again.
const UP_TIME_MS_MIN: u64 = 10_000;

/// Who an exporter is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Where its datagrams come from.
    pub address: SocketAddr,
    /// What it speaks.
    pub version: Version,
    /// Its Observation Domains, v9 Source IDs or v5 engines; at least one.
    pub domains: Vec<u32>,
    /// Another port that its Templates come from, in Messages of their own.
    pub template_port: Option<u16>,
}

/// What a Set was meant to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetTruth {
    /// Template Records, and what is withdrawn beside them.
    Templates(Vec<Rc<Template>>),
    /// Data Records.
    Data {
        /// What they were written by.
        template: Rc<Template>,
        /// Each field as sent.
        records: Vec<Vec<Vec<u8>>>,
        /// Whether the Template was announced to the same session, up to the end of the Message.
        readable: bool,
    },
    /// Octets that are no records of anything, by their Set ID.
    Unreadable(u16),
}

/// What a Message was meant to say.
#[derive(Clone, Debug)]
pub struct Truth {
    /// Its domain.
    pub domain: u32,
    /// Its Sequence Number.
    pub sequence: u32,
    /// Whether it is the first of this domain since the exporter started again.
    pub restarted: bool,
    /// In order; of v5, one Set of records without a Template.
    pub sets: Vec<SetTruth>,
    /// The records of v5.
    pub v5_records: Vec<Vec<u8>>,
}

/// A datagram, and what it was meant to say.
#[derive(Clone, Debug)]
pub struct Emitted {
    /// When, on the virtual clock.
    pub at_ms: u64,
    /// Where it comes from.
    pub exporter: SocketAddr,
    /// The UDP payload.
    pub octets: Vec<u8>,
    /// What was damaged. The truths tell what the Messages were before.
    pub flaw: Option<Flaw>,
    /// One for each Message; none for junk.
    pub truths: Vec<Truth>,
}

/// One exporting process.
#[derive(Debug)]
pub struct Exporter {
    identity: Identity,
    habits: Habits,
    random: Random,
    booted_ms: u64,
    domains: Vec<Domain>,
}

/// What the exporter keeps for one Observation Domain.
#[derive(Debug)]
struct Domain {
    id: u32,
    sequence: u32,
    template_port_sequence: u32,
    known: Vec<Known>,
    used_ids: Vec<u16>,
    until_refresh: u32,
    restarted: bool,
}

/// A Template of the exporter's.
#[derive(Clone, Debug)]
struct Known {
    template: Rc<Template>,
    standing: Standing,
    /// Messages until it is announced for the first time.
    late: u32,
}

impl Exporter {
    /// Returns an exporter that started at `now_ms` and sent nothing yet.
    #[must_use]
    pub fn new(identity: Identity, habits: Habits, random: Random, now_ms: u64) -> Self {
        let domains = identity
            .domains
            .iter()
            .map(|id| Domain {
                id: *id,
                sequence: habits.first_sequence,
                template_port_sequence: 0,
                known: Vec::new(),
                used_ids: Vec::new(),
                until_refresh: habits.refresh_messages,
                restarted: false,
            })
            .collect();
        Self {
            identity,
            habits,
            random,
            booted_ms: now_ms,
            domains,
        }
    }

    /// Sends the next datagram.
    pub fn emit(&mut self, now_ms: u64) -> Emitted {
        if self.random.chance(self.habits.flaws) && self.random.chance(20) {
            return self.junk(now_ms);
        }
        let up_time_ms = now_ms.saturating_sub(self.booted_ms);
        if up_time_ms > UP_TIME_MS_MIN && self.random.chance(self.habits.restarts) {
            self.restart(now_ms);
        }
        let index = self.random.between(0, self.domains.len() - 1);
        let mut emitted = match self.identity.version {
            Version::V5 => self.v5(index, now_ms),
            Version::V9 | Version::Ipfix => self.message(index, now_ms),
        };
        self.damage(&mut emitted);
        self.double(index, now_ms, &mut emitted);
        emitted
    }

    fn junk(&mut self, now_ms: u64) -> Emitted {
        Emitted {
            at_ms: now_ms,
            exporter: self.identity.address,
            octets: fault::junk(&mut self.random),
            flaw: Some(Flaw::Junk),
            truths: Vec::new(),
        }
    }

    /// Starts again: clock and Sequence Numbers go back, some Templates mean something else.
    fn restart(&mut self, now_ms: u64) {
        self.booted_ms = now_ms;
        for domain in &mut self.domains {
            domain.sequence = 0;
            domain.template_port_sequence = 0;
            domain.restarted = true;
            for known in &mut domain.known {
                known.late = 0;
                known.standing = Standing::Stale;
                if self.random.chance(30) {
                    let id = known.template.id;
                    let version = self.identity.version;
                    known.template = Rc::new(shape::flow(&mut self.random, version, id));
                }
            }
        }
    }

    /// Damages a datagram that teaches nothing, so that what it would have taught is not missing.
    fn damage(&mut self, emitted: &mut Emitted) {
        let teaches = emitted.truths.iter().any(|truth| {
            let is = |set: &SetTruth| !matches!(set, SetTruth::Data { .. });
            truth.sets.iter().any(is)
        });
        if !teaches && self.random.chance(self.habits.flaws) {
            let version = self.identity.version;
            let flaw = fault::damage(&mut self.random, version, &mut emitted.octets);
            emitted.flaw = Some(flaw);
        }
    }

    /// Sometimes puts a second IPFIX Message behind the first.
    fn double(&mut self, index: usize, now_ms: u64, emitted: &mut Emitted) {
        let wanted = self.identity.version == Version::Ipfix
            && self.identity.template_port.is_none()
            && emitted.flaw.is_none()
            && emitted.octets.len() < self.habits.octets_max / 2;
        if wanted && self.random.chance(3) {
            let second = self.message(index, now_ms);
            emitted.octets.extend(second.octets);
            emitted.truths.extend(second.truths);
        }
    }

    fn v5(&mut self, index: usize, now_ms: u64) -> Emitted {
        let most = if self.random.chance(5) { 60 } else { 30 };
        let count = self.random.between(1, most);
        let records: Vec<_> = (0..count).map(|_| v5_record(&mut self.random)).collect();
        let mut sets = records.clone();
        if self.random.chance(self.habits.zero_fill) {
            let octets = self.random.between(1, 20);
            sets.push(self.random.octets(octets));
        }
        let numbers = self.numbers(index, now_ms, u16::try_from(count).unwrap_or(1));
        let domain = &mut self.domains[index];
        domain.sequence = domain
            .sequence
            .wrapping_add(u32::try_from(count).unwrap_or(1));
        let truth = Truth {
            domain: domain.id,
            sequence: numbers.sequence,
            restarted: core::mem::take(&mut domain.restarted),
            sets: Vec::new(),
            v5_records: records,
        };
        self.emitted(
            now_ms,
            self.identity.address,
            encode::message(Version::V5, numbers, &sets),
            truth,
        )
    }

    fn emitted(&self, at_ms: u64, exporter: SocketAddr, octets: Vec<u8>, truth: Truth) -> Emitted {
        Emitted {
            at_ms,
            exporter,
            octets,
            flaw: None,
            truths: vec![truth],
        }
    }

    fn numbers(&self, index: usize, now_ms: u64, count: u16) -> encode::Numbers {
        let clock = |ms: u64| u32::try_from(ms & 0xffff_ffff).unwrap_or(0);
        encode::Numbers {
            count,
            up_time_ms: clock(now_ms.saturating_sub(self.booted_ms)),
            export_time_s: clock(1_700_000_000 + now_ms / 1_000),
            sequence: self.domains[index].sequence,
            domain: self.domains[index].id,
        }
    }

    /// A Message of v9 or IPFIX.
    fn message(&mut self, index: usize, now_ms: u64) -> Emitted {
        let mut planned = self.plan(index);
        let teaches = |planned: &Planned| matches!(planned, Planned::Templates(_));
        let apart = match self.identity.template_port {
            Some(port) if planned.iter().any(teaches) => {
                planned.retain(teaches);
                Some(port)
            }
            _ => None,
        };
        let mut draft = Draft::new(self.identity.version, self.habits.octets_max);
        for part in planned {
            self.write(index, part, apart.is_some(), &mut draft);
        }
        draft.settle();
        if self.random.chance(self.habits.zero_fill) {
            let octets = self.random.between(1, 100);
            draft.zero_fill(octets);
        }
        self.send(index, now_ms, apart, draft)
    }

    fn send(&mut self, index: usize, now_ms: u64, apart: Option<u16>, draft: Draft) -> Emitted {
        let version = self.identity.version;
        let count = match self.habits.count {
            Count::Records => draft.records_count(),
            Count::Sets => draft.truths.len(),
            Count::Stale => self.random.between(0, 40),
        };
        let mut numbers = self.numbers(index, now_ms, u16::try_from(count).unwrap_or(u16::MAX));
        let domain = &mut self.domains[index];
        let sequence = match apart {
            Some(_) => &mut domain.template_port_sequence,
            None => &mut domain.sequence,
        };
        numbers.sequence = *sequence;
        *sequence = sequence.wrapping_add(match version {
            Version::Ipfix => draft.data_records_count(),
            Version::V5 | Version::V9 => 1,
        });
        let truth = Truth {
            domain: domain.id,
            sequence: numbers.sequence,
            restarted: core::mem::take(&mut domain.restarted),
            sets: draft.truths,
            v5_records: Vec::new(),
        };
        let mut exporter = self.identity.address;
        if let Some(port) = apart {
            exporter.set_port(port);
        }
        let octets = encode::message(version, numbers, &draft.sets);
        self.emitted(now_ms, exporter, octets, truth)
    }
}

/// A v5 record: addresses and AS numbers as elsewhere, the rest noise.
fn v5_record(random: &mut Random) -> Vec<u8> {
    let mut record = random.octets(48);
    record[0..4].copy_from_slice(&crate::world::address_v4(random));
    record[4..8].copy_from_slice(&crate::world::address_v4(random));
    for at in [40, 42] {
        let asn = *random.pick(&[0_u16, 0, 0, 23_456, 65_535, 3_356, 64_512, 174]);
        record[at..at + 2].copy_from_slice(&asn.to_be_bytes());
    }
    record
}
