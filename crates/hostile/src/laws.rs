//! Any datagrams, in any order, from several exporters, with time between them: through the
//! Mediator, with the judge of `lab` on both sides and the laws of the simulation.
//!
//! An input is a row of datagrams, each behind four octets: how long it is after the one before
//! (the uppermost bit: the daemon is restarted first), who sends it, and its length.
//!
//! Not here: the laws, which are the simulation's, from its own file.
//! Bound: [`crate::Target::octets_max`] octets of input.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::LazyLock;

use asdb::{AsDb, Asn, Builder, Prefix, Provider};
use lab::judge::Bench;
use lab::sequence::Past;
use lab::world;

#[path = "../../lab/tests/laws/check.rs"]
mod check;
#[path = "../../lab/tests/drive/mod.rs"]
mod drive;
mod run {
    //! What the laws look at.
    use lab::judge::Judge;
    use lab::sequence::Past;
    use mediator::{Counters, Limits};

    pub(crate) struct Run {
        pub(crate) judge: Judge,
        pub(crate) counters: Counters,
        pub(crate) limits: Limits,
        pub(crate) climate: Climate,
        pub(crate) bytes_said: usize,
        pub(crate) bytes_held: i64,
    }

    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Climate {
        pub(crate) past: Past,
    }
}

use drive::{Drive, default_settings};
use run::{Climate, Run};

/// Waiting times between two datagrams that a single octet can name.
const STEPS_MS: [u64; 8] = [0, 1, 50, 300, 1_100, 5_000, 61_000, 2_000_000];

static WORLD: LazyLock<AsDb> = LazyLock::new(|| {
    let mut builder = Builder::new();
    for known in world::PREFIXES {
        let prefix = Prefix::new(known.network, known.prefix_len).ok();
        let added = prefix.map(|prefix| {
            let asn = Asn(known.asn);
            builder.add(Provider::Database, 0, prefix, asn)
        });
        assert!(matches!(added, Some(Ok(_))), "the world is small and sound");
    }
    builder.build()
});

/// Takes an input as the head of this file describes it.
pub(crate) fn run(octets: &[u8]) {
    let mut now_ms = 0;
    let mut datagrams = Vec::new();
    let mut rest = octets;
    while let Some(([step, who, high, low], behind)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(behind.len());
        let (datagram, further) = behind.split_at(length);
        now_ms += STEPS_MS[usize::from(step & 7)];
        datagrams.push(Step {
            at_ms: now_ms,
            restarts: step & 0x80 != 0,
            exporter: exporter(*who),
            octets: datagram.to_vec(),
        });
        rest = further;
    }
    judge(&datagrams);
}

/// Takes datagrams of one exporter, one after the other.
pub(crate) fn one_exporter(datagrams: &[Vec<u8>]) {
    let at_once = |datagram: &Vec<u8>| Step {
        at_ms: 0,
        restarts: false,
        exporter: exporter(0),
        octets: datagram.clone(),
    };
    judge(&datagrams.iter().map(at_once).collect::<Vec<_>>());
}

fn exporter(who: u8) -> SocketAddr {
    let host = who & 1;
    let address = match who & 2 {
        0 => IpAddr::V4(Ipv4Addr::new(198, 18, 0, host + 1)),
        _ => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host))),
    };
    SocketAddr::new(address, 50_000 + u16::from((who >> 2) & 3))
}

/// One datagram, and what happens before it.
struct Step {
    at_ms: u64,
    restarts: bool,
    exporter: SocketAddr,
    octets: Vec<u8>,
}

fn judge(datagrams: &[Step]) {
    let settings = default_settings();
    let limits = settings.limits;
    let bench = Bench {
        packet_octets_max: settings.outlets[0].packet_octets_max,
        keeps_log: std::env::var_os("LAB_LOG").is_some(),
        origin: Some(world::origin),
    };
    let mut drive = Drive::new(&WORLD, settings, bench, || 0);
    let mut bytes_said = 0;
    for step in datagrams {
        if step.restarts {
            drive.restart();
        }
        drive.process(step.exporter, step.at_ms, &step.octets);
        bytes_said = bytes_said.max(drive.mediator.bytes());
    }
    drive.finish();
    let run = Run {
        counters: drive.counters(),
        judge: drive.judge,
        limits,
        climate: Climate { past: Past::Wild },
        bytes_said,
        bytes_held: 0,
    };
    for line in run.judge.log() {
        println!("{line}");
    }
    let broken = check::broken(&run);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// What the configuration file says if it says nothing.
pub(crate) fn settings() -> mediator::Settings {
    default_settings()
}
