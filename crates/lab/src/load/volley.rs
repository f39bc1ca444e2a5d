//! Many exporters, and which of their datagrams leaves next.
//!
//! All datagrams are made before the first leaves, some for each flavour and Template; a copy is
//! sent again and again by one exporter after the other, and only what must be true of each is
//! written then: Sequence Number, times, Template ID. So the generator costs little beside what it
//! measures.
//!
//! Exporters take turns. In the first round they only announce their Templates; then each sends a
//! run of Messages when its turn comes, and its Templates before it when they are due again.
//!
//! Not here: when a batch leaves (`pace`), and how (`kernel`).
//! Bound: [`POOL_DATAGRAMS`] datagrams, or 64 for each flavour and order of fields; 16 bytes for
//! each exporter.

use crate::load::kernel::{BATCH_DATAGRAMS, Leaving};
use crate::load::layout::{Flavour, STAMP_OCTETS, TEMPLATE_ID_FIRST};
use crate::load::origins::Origins;
use crate::random::Random;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;

/// Data datagrams that are made; 25 records with two addresses in each of them.
pub const POOL_DATAGRAMS: usize = 4_096;

/// How long all exporters have been running when the first datagram leaves.
const UP_TIME_MS: u64 = 86_400_000;

const IP_AND_UDP_OCTETS: usize = 28;
const UDP: u8 = 17;
const TTL: u8 = 64;

/// What is to be sent.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// Exporters are of these kinds, one after the other.
    pub flavours: Vec<Flavour>,
    /// How many exporters there are.
    pub exporters_count: u32,
    /// Where the first of them is; the others follow.
    pub address_first: Ipv4Addr,
    /// Data Records of each Message at most; `None` is as many as its flavour has.
    pub records_max: Option<u16>,
    /// Templates of each of them.
    pub templates_count: u16,
    /// The source port of forged datagrams, the first of several.
    pub port_first: u16,
    /// Source ports of each of them, taken in turn.
    pub ports_count: u16,
    /// Messages that leave one after the other from one exporter.
    pub run_messages: u32,
    /// Messages after which an exporter announces its Templates again.
    pub refresh_messages: u32,
    /// Where everything goes, if the source is forged: then the IP header is ours to write.
    pub forged_to: Option<SocketAddrV4>,
}

impl Fleet {
    fn records_count(&self, flavour: Flavour) -> u16 {
        let all = flavour.records_count();
        self.records_max.map_or(all, |most| all.min(most.max(1)))
    }
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Datagrams, those with Templates included.
    pub datagrams: u64,
    /// Datagrams with Templates alone.
    pub announcements: u64,
    /// Data Records.
    pub records: u64,
    /// Octets of UDP payload.
    pub octets: u64,
}

#[derive(Clone, Debug)]
struct Exporter {
    sequence: u32,
    since_refresh: u32,
    next_template: u16,
    next_port: u16,
}

/// Copies of one datagram, or of some of a kind, in turn.
#[derive(Clone, Debug, Default)]
struct Pool {
    places: Vec<Range<usize>>,
    next: usize,
}

impl Pool {
    fn take(&mut self) -> Range<usize> {
        let place = self.places[self.next].clone();
        self.next = (self.next + 1) % self.places.len();
        place
    }
}

/// One flavour, ready.
#[derive(Clone, Debug)]
struct Ready {
    flavour: Flavour,
    announcements: Vec<Pool>,
    /// One for each order of the fields that is used.
    data: Vec<Pool>,
}

#[derive(Clone, Debug)]
struct Loaded {
    place: Range<usize>,
    source: Ipv4Addr,
    port_index: u16,
    head: [u8; IP_AND_UDP_OCTETS],
}

/// All exporters.
#[derive(Clone, Debug)]
pub struct Volley {
    fleet: Fleet,
    arena: Vec<u8>,
    ready: Vec<Ready>,
    exporters: Vec<Exporter>,
    turn: usize,
    is_first_round: bool,
    announcement_next: Option<usize>,
    run_left: u32,
    started_ns: Option<u64>,
    loaded: Vec<Loaded>,
    sent: Sent,
}

impl Volley {
    /// Returns a volley whose flows have their addresses from `origins`.
    ///
    /// # Panics
    /// If there are no exporters, flavours, Templates or ports: whoever asked must not let that
    /// pass.
    #[must_use]
    pub fn new(fleet: Fleet, origins: &Origins, random: &mut Random) -> Self {
        let counts = [fleet.flavours.len(), fleet.ports_count.into()];
        assert!(!counts.contains(&0), "nothing to send");
        assert!(fleet.exporters_count > 0 && fleet.templates_count > 0);
        let mut arena = Vec::new();
        let ready = fleet.flavours.iter().map(|flavour| Ready {
            flavour: *flavour,
            announcements: announcements(*flavour, &fleet, &mut arena),
            data: data(*flavour, &fleet, &mut arena, origins, random),
        });
        let ready = ready.collect();
        let exporter = Exporter {
            sequence: 0,
            since_refresh: fleet.refresh_messages,
            next_template: 0,
            next_port: 0,
        };
        let mut volley = Self {
            exporters: vec![exporter; fleet.exporters_count as usize],
            fleet,
            arena,
            ready,
            turn: 0,
            is_first_round: true,
            announcement_next: None,
            run_left: 0,
            started_ns: None,
            loaded: Vec::with_capacity(BATCH_DATAGRAMS),
            sent: Sent::default(),
        };
        volley.begin_turn();
        volley
    }

    /// What was loaded until now.
    #[must_use]
    pub const fn sent(&self) -> Sent {
        self.sent
    }

    /// Whether every exporter announced its Templates.
    #[must_use]
    pub const fn is_announced(&self) -> bool {
        !self.is_first_round
    }

    /// Loads the next datagrams, at most [`BATCH_DATAGRAMS`], all of which leave at `now_ns`, in
    /// nanoseconds since 1970.
    pub fn load(&mut self, count: usize, now_ns: u64) {
        let started_ns = *self.started_ns.get_or_insert(now_ns);
        let up_time_ms = UP_TIME_MS + now_ns.saturating_sub(started_ns) / 1_000_000;
        let clock = |number: u64| u32::try_from(number & 0xffff_ffff).unwrap_or(0);
        let times = (clock(up_time_ms), clock(now_ns / 1_000_000_000));
        self.loaded.clear();
        for _ in 0..count.min(BATCH_DATAGRAMS) {
            self.load_one(times, now_ns);
        }
    }

    /// The datagrams that were loaded, each with the index of the port that it leaves from.
    pub fn loaded(&self) -> impl Iterator<Item = (u16, Leaving<'_>)> {
        self.loaded.iter().map(|loaded| {
            let is_forged = self.fleet.forged_to.is_some();
            let leaving = Leaving {
                source: (!is_forged).then_some(loaded.source),
                head: if is_forged { &loaded.head } else { &[] },
                body: &self.arena[loaded.place.clone()],
            };
            (loaded.port_index, leaving)
        })
    }

    fn load_one(&mut self, (up_time_ms, export_time_s): (u32, u32), now_ns: u64) {
        while self.announcement_next.is_none() && self.run_left == 0 {
            self.turn += 1;
            if self.turn == self.exporters.len() {
                self.turn = 0;
                self.is_first_round = false;
            }
            self.begin_turn();
        }
        let flavours_count = self.ready.len();
        let ready = &mut self.ready[self.turn % flavours_count];
        let exporter = &mut self.exporters[self.turn];
        let flavour = ready.flavour;
        let (place, records_count) = match self.announcement_next {
            Some(index) => {
                self.announcement_next = (index + 1 < ready.announcements.len()).then(|| index + 1);
                self.sent.announcements += 1;
                (ready.announcements[index].take(), 0)
            }
            None => {
                self.run_left -= 1;
                exporter.since_refresh += 1;
                let template_index = exporter.next_template;
                exporter.next_template = (template_index + 1) % self.fleet.templates_count;
                let orders_count = ready.data.len();
                let place = ready.data[usize::from(template_index) % orders_count].take();
                let message = &mut self.arena[place.clone()];
                write_data(flavour, message, template_index, now_ns);
                (place, self.fleet.records_count(flavour))
            }
        };
        let message = &mut self.arena[place.clone()];
        flavour.write_times(message, up_time_ms, export_time_s);
        let at = flavour.sequence_at();
        message[at..at + 4].copy_from_slice(&exporter.sequence.to_be_bytes());
        exporter.sequence = exporter
            .sequence
            .wrapping_add(flavour.counts(records_count));
        let port_index = exporter.next_port;
        exporter.next_port = (port_index + 1) % self.fleet.ports_count;
        self.sent.datagrams += 1;
        self.sent.records += u64::from(records_count);
        self.sent.octets += place.len() as u64;
        self.push(place, port_index);
    }

    fn push(&mut self, place: Range<usize>, port_index: u16) {
        let turn = u32::try_from(self.turn).unwrap_or(0);
        let source = self.fleet.address_first.to_bits().wrapping_add(turn);
        let source = Ipv4Addr::from_bits(source);
        let head = self.fleet.forged_to.map(|to| {
            let from = SocketAddrV4::new(source, self.fleet.port_first.wrapping_add(port_index));
            ip_and_udp(from, to, place.len())
        });
        self.loaded.push(Loaded {
            place,
            source,
            port_index,
            head: head.unwrap_or([0; IP_AND_UDP_OCTETS]),
        });
    }

    /// Decides what the exporter whose turn it is sends in it.
    fn begin_turn(&mut self) {
        let exporter = &mut self.exporters[self.turn];
        let has_templates = !self.ready[self.turn % self.ready.len()]
            .announcements
            .is_empty();
        let is_due = exporter.since_refresh >= self.fleet.refresh_messages;
        self.announcement_next = (is_due && has_templates).then_some(0);
        if is_due {
            exporter.since_refresh = 0;
        }
        self.run_left = if self.is_first_round {
            0
        } else {
            self.fleet.run_messages
        };
    }
}

fn keep(message: &[u8], arena: &mut Vec<u8>) -> Range<usize> {
    let start = arena.len();
    arena.extend(message);
    start..arena.len()
}

/// As many copies of each announcement as one batch can hold: none leaves twice in a batch.
fn announcements(flavour: Flavour, fleet: &Fleet, arena: &mut Vec<u8>) -> Vec<Pool> {
    let messages = flavour.announcements(fleet.templates_count).into_iter();
    let pools = messages.map(|message| Pool {
        places: (0..BATCH_DATAGRAMS)
            .map(|_| keep(&message, arena))
            .collect(),
        next: 0,
    });
    pools.collect()
}

fn data(
    flavour: Flavour,
    fleet: &Fleet,
    arena: &mut Vec<u8>,
    origins: &Origins,
    random: &mut Random,
) -> Vec<Pool> {
    let templates = usize::from(fleet.templates_count);
    let orders_count = flavour.orders_count().min(templates);
    let each = POOL_DATAGRAMS / fleet.flavours.len() / orders_count;
    let each = each.max(BATCH_DATAGRAMS);
    let pools = (0..orders_count).map(|order| Pool {
        places: (0..each)
            .map(|_| {
                let index = u16::try_from(order).unwrap_or(0);
                let count = fleet.records_count(flavour);
                keep(&flavour.data(index, count, origins, random), arena)
            })
            .collect(),
        next: 0,
    });
    pools.collect()
}

/// Writes what is true of one Message of Data Records alone.
fn write_data(flavour: Flavour, message: &mut [u8], template_index: u16, now_ns: u64) {
    let stamp_at = flavour.stamp_at();
    message[stamp_at..stamp_at + STAMP_OCTETS].copy_from_slice(&now_ns.to_be_bytes());
    if let Some(set_at) = flavour.set_at() {
        let id = TEMPLATE_ID_FIRST + template_index;
        message[set_at..set_at + 2].copy_from_slice(&id.to_be_bytes());
    }
}

/// The headers of a forged datagram; length and checksum of IP are the kernel's, and a UDP
/// checksum of 0 says that there is none [RFC 768].
fn ip_and_udp(
    from: SocketAddrV4,
    to: SocketAddrV4,
    payload_octets: usize,
) -> [u8; IP_AND_UDP_OCTETS] {
    let mut head = [0; IP_AND_UDP_OCTETS];
    head[0] = 0x45;
    head[8] = TTL;
    head[9] = UDP;
    head[12..16].copy_from_slice(&from.ip().octets());
    head[16..20].copy_from_slice(&to.ip().octets());
    head[20..22].copy_from_slice(&from.port().to_be_bytes());
    head[22..24].copy_from_slice(&to.port().to_be_bytes());
    let udp_octets = u16::try_from(payload_octets + 8).unwrap_or(u16::MAX);
    head[24..26].copy_from_slice(&udp_octets.to_be_bytes());
    head
}

#[cfg(test)]
mod tests {
    use super::{Fleet, Sent, Volley};
    use crate::collector::{SequenceSeen, StrictCollector, TemplateOrder};
    use crate::load::layout::FLAVOURS;
    use crate::load::origins::Origins;
    use crate::random::Random;
    use std::collections::HashSet;
    use std::net::{Ipv4Addr, SocketAddr};

    const NOW_NS: u64 = 1_790_000_000_123_456_789;

    fn fleet() -> Fleet {
        Fleet {
            flavours: FLAVOURS.map(|(_, flavour)| flavour).to_vec(),
            exporters_count: 13,
            address_first: Ipv4Addr::new(127, 1, 0, 250),
            records_max: None,
            templates_count: 30,
            port_first: 7,
            ports_count: 1,
            run_messages: 3,
            refresh_messages: 10,
            forged_to: None,
        }
    }

    fn volley(fleet: Fleet) -> Volley {
        let mut random = Random::new(1);
        let origins = Origins::everywhere(&mut random);
        Volley::new(fleet, &origins, &mut random)
    }

    #[test]
    fn a_strict_collector_reads_everything_and_misses_nothing() {
        let mut volley = volley(fleet());
        let mut collector = StrictCollector::new(TemplateOrder::AsSent, 1_472);
        let mut read = Sent::default();
        let mut templates = HashSet::new();
        for batch in 0..100 {
            volley.load(64, NOW_NS + batch * 1_000_000);
            for (port_index, leaving) in volley.loaded() {
                let source = leaving.source.unwrap();
                let exporter = SocketAddr::from((source, 2_000 + port_index));
                for message in collector.read(exporter, leaving.body) {
                    assert_eq!(message.findings, [], "{message}");
                    let in_place = [SequenceSeen::First, SequenceSeen::Expected];
                    assert!(in_place.contains(&message.sequence), "{message}");
                    templates.extend(message.sets.iter().map(|set| (source, set.id)));
                    read.records += message.records_count() as u64;
                    read.octets += message.octets.len() as u64;
                    read.datagrams += 1;
                    read.announcements += u64::from(message.records_count() == 0);
                }
            }
        }
        assert_eq!(read, volley.sent());
        assert!(volley.is_announced());
        // 10 of the 13 exporters have Templates: three Messages of them, ten times and more.
        assert!(read.announcements > 10 * 3 * 10, "{read:?}");
        assert!(templates.len() > 10 * 30, "{}", templates.len());
    }

    #[test]
    fn exporters_have_addresses_of_their_own_and_send_in_runs() {
        let mut volley = volley(fleet());
        while !volley.is_announced() {
            volley.load(1, NOW_NS);
        }
        volley.load(64, NOW_NS);
        let sources: Vec<_> = volley
            .loaded()
            .map(|(_, one)| one.source.unwrap())
            .collect();
        assert_eq!(sources.iter().collect::<HashSet<_>>().len(), 13);
        let turns = sources.chunk_by(|a, b| a == b).count();
        assert!((64 / 6..=64 / 3 + 2).contains(&turns), "{turns}");
    }

    #[test]
    fn an_exporter_with_many_ports_takes_another_each_time() {
        let exporters_count = 1;
        let ports_count = 5;
        let mut volley = volley(Fleet {
            exporters_count,
            ports_count,
            ..fleet()
        });
        volley.load(10, NOW_NS);
        let ports: Vec<_> = volley.loaded().map(|(port_index, _)| port_index).collect();
        assert_eq!(ports, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_forged_datagram_has_its_exporters_address_in_its_ip_header() {
        let to = "127.0.0.1:2055".parse().unwrap();
        let mut volley = volley(Fleet {
            address_first: Ipv4Addr::new(10, 9, 0, 1),
            forged_to: Some(to),
            ..fleet()
        });
        volley.load(64, NOW_NS);
        for (_, leaving) in volley.loaded() {
            assert_eq!(leaving.source, None);
            assert_eq!(leaving.head[12..14], [10, 9]);
            assert_eq!(leaving.head[16..20], [127, 0, 0, 1]);
            assert_eq!(leaving.head[22..24], 2055_u16.to_be_bytes());
            let udp_octets = u16::from_be_bytes([leaving.head[24], leaving.head[25]]);
            assert_eq!(usize::from(udp_octets), leaving.body.len() + 8);
        }
    }

    #[test]
    fn no_datagram_leaves_twice_in_one_batch() {
        let mut volley = volley(fleet());
        for _ in 0..50 {
            volley.load(64, NOW_NS);
            let places: HashSet<_> = volley.loaded().map(|(_, one)| one.body.as_ptr()).collect();
            assert_eq!(places.len(), 64);
        }
    }
}
