//! One seed, from exporters to judge.

use crate::drive::{Drive, default_settings};
use crate::memory;
use asdb::{AsDb, Asn, Builder, Prefix, Provider};
use lab::fleet::{Conduct, Fleet};
use lab::judge::{Bench, Judge};
use lab::link::{Weather, carry};
use lab::random::Random;
use lab::sequence::Past;
use lab::world;
use mediator::settings::Settings;
use mediator::{Counters, Limits};
use std::sync::LazyLock;

/// Chance in percent that the daemon is restarted before a datagram, where it is at all.
const RESTARTS: u64 = 4;

/// Datagrams that the exporters of a seed send.
pub(crate) const DATAGRAMS: usize = 120;

/// What one seed left behind.
pub(crate) struct Run {
    pub(crate) judge: Judge,
    pub(crate) counters: Counters,
    pub(crate) limits: Limits,
    pub(crate) climate: Climate,
    /// How often the Mediator was stopped and started again.
    pub(crate) restarts: u64,
    /// The most bytes that the Mediator says it holds, and that it was seen to hold.
    pub(crate) bytes_said: usize,
    pub(crate) bytes_held: i64,
}

/// How bad things are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Climate {
    pub(crate) conduct: Conduct,
    pub(crate) weather: Weather,
    pub(crate) past: Past,
    /// Whether the Mediator is stopped and started again meanwhile.
    pub(crate) restarts: bool,
}

impl Climate {
    /// Every fifth seed has the same: from plain sailing to everything at once.
    pub(crate) fn of(seed: u64) -> Self {
        let lossy = Weather {
            loses: 8,
            ..Weather::default()
        };
        let shuffling = Weather {
            loses: 3,
            doubles: 3,
            delays: 10,
        };
        let fair = Weather::default();
        let (conduct, weather, past) = match seed % 5 {
            0 => (Conduct::NoRestarts, fair, Past::Orderly),
            1 => (Conduct::Free, fair, Past::Restarted),
            2 => (Conduct::NoRestarts, lossy, Past::Orderly),
            3 => (Conduct::NoRestarts, shuffling, Past::Shuffled),
            _ => (Conduct::Free, shuffling, Past::Wild),
        };
        Self {
            conduct,
            weather,
            past,
            // Which numbers a gap left free is not remembered: a Message that is late over a
            // restart takes a new one.
            restarts: seed / 5 % 3 == 2 && past != Past::Shuffled,
        }
    }
}

pub(crate) static WORLD: LazyLock<AsDb> = LazyLock::new(|| {
    let mut builder = Builder::new();
    for known in world::PREFIXES {
        let prefix = Prefix::new(known.network, known.prefix_len).unwrap();
        builder
            .add(Provider::Database, 0, prefix, Asn(known.asn))
            .unwrap();
    }
    builder.build()
});

/// How much the Mediator may remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// What it may by default.
    Plenty,
    /// Less than these exporters need.
    Little,
}

/// Fewer sessions, Templates, fields and octets than the exporters of any seed have.
fn little() -> Limits {
    Limits {
        sessions_max: 3,
        templates_per_session_max: 4,
        fields_max: 14,
        templates_bytes_max: 16 << 10,
        held_octets_max: 6 << 10,
        held_octets_per_exporter_max: 3 << 10,
        waited_ids_max: 2,
        session_idle_ms: 20_000,
        ..Limits::default()
    }
}

pub(crate) fn settings(random: &mut Random) -> Settings {
    let mut settings = default_settings();
    settings.outlets[0].packet_octets_max = *random.pick(&[600, 1_280, 1_500, 1_500, 9_000]);
    settings.template_refresh_messages = *random.pick(&[10, 60, 500]);
    settings.hold_ms = *random.pick(&[0, 300, 1_000, 1_000]);
    settings
}

/// Runs one seed.
pub(crate) fn run(seed: u64, keeps_log: bool, room: Room) -> Run {
    let climate = Climate::of(seed);
    let mut random = Random::new(seed ^ 0x1ab);
    let mut settings = settings(&mut random);
    if room == Room::Little {
        settings.limits = little();
    }
    let bench = Bench {
        packet_octets_max: settings.outlets[0].packet_octets_max,
        keeps_log,
        origin: Some(world::origin),
    };
    let limits = settings.limits;
    let sent: Vec<_> = Fleet::new(seed, climate.conduct).take(DATAGRAMS).collect();
    let arrived = carry(&mut random, climate.weather, &sent);
    let world = &*WORLD;
    let mut drive = Drive::new(world, settings, bench, memory::held);
    let mut bytes_said = 0;
    let mut bytes_held = 0;
    let mut restarts = 0;
    for datagram in arrived {
        let emitted = &sent[datagram.sent_index];
        if climate.restarts && random.chance(RESTARTS) {
            drive.restart();
            restarts += 1;
        }
        drive.process(emitted.exporter, datagram.at_ms, &emitted.octets);
        bytes_said = bytes_said.max(drive.mediator.bytes());
        bytes_held = bytes_held.max(drive.held_bytes);
    }
    drive.finish();
    let counters = drive.counters();
    Run {
        restarts,
        judge: drive.judge,
        counters,
        limits,
        climate,
        bytes_said,
        bytes_held,
    }
}
