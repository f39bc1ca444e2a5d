//! Several exporters, and the virtual time that they live in.
//!
//! What a seed decides: how many addresses, how many processes behind each (also of different
//! versions, and with the same domain and Template IDs behind two ports), their habits, and who
//! sends when.
//!
//! Not here: what a process sends (`exporter`), what the network does to it (`link`).
//! Bound: three addresses with three processes each.

use crate::exporter::habits::Habits;
use crate::exporter::{Emitted, Exporter, Identity};
use crate::framing::Version;
use crate::random::Random;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What no seed draws, but the one who runs it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// Habits as they come.
    Free,
    /// Habits as they come, but nobody starts again.
    NoRestarts,
    /// Nothing odd at all.
    Plain,
}

/// The exporters of one run.
#[derive(Debug)]
pub struct Fleet {
    random: Random,
    exporters: Vec<Exporter>,
    now_ms: u64,
    /// Upper end of the time between two datagrams.
    pace_ms: u64,
}

impl Fleet {
    /// Returns the exporters of `seed`.
    #[must_use]
    pub fn new(seed: u64, conduct: Conduct) -> Self {
        let mut random = Random::new(seed);
        let pace_ms = *random.pick(&[2, 100, 100, 1_000, 5_000]);
        let addresses = random.between(1, 3);
        let mut exporters = Vec::new();
        for index in 0..addresses {
            let address = address(&mut random, index);
            let domain = *random.pick(&[0, 1, 33_312, u32::MAX]);
            for process in 0..random.between(1, 3) {
                let identity = identity(&mut random, conduct, address, process, domain);
                let habits = habits(&mut random, conduct);
                exporters.push(Exporter::new(identity, habits, random.fork(), 0));
            }
        }
        Self {
            random,
            exporters,
            now_ms: 0,
            pace_ms,
        }
    }
}

impl Iterator for Fleet {
    type Item = Emitted;

    /// The next datagram that one of the exporters sends. There is always one more.
    fn next(&mut self) -> Option<Emitted> {
        self.now_ms += match self.random.chance(1) {
            true => self.random.between_u64(10_000, 90_000),
            false => self.random.between_u64(0, self.pace_ms),
        };
        let index = self.random.between(0, self.exporters.len() - 1);
        self.exporters
            .get_mut(index)
            .map(|exporter| exporter.emit(self.now_ms))
    }
}

fn habits(random: &mut Random, conduct: Conduct) -> Habits {
    let chosen = Habits::choose(random);
    match conduct {
        Conduct::Free => chosen,
        Conduct::NoRestarts => Habits {
            restarts: 0,
            ..chosen
        },
        Conduct::Plain => Habits::plain(),
    }
}

fn address(random: &mut Random, index: usize) -> IpAddr {
    let host = u8::try_from(index + 1).unwrap_or(1);
    if random.chance(25) {
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host)).into()
    } else {
        Ipv4Addr::new(198, 18, 0, host).into()
    }
}

fn identity(
    random: &mut Random,
    conduct: Conduct,
    address: IpAddr,
    process: usize,
    domain: u32,
) -> Identity {
    let version = *random.pick(&[
        Version::V5,
        Version::V9,
        Version::V9,
        Version::V9,
        Version::Ipfix,
        Version::Ipfix,
        Version::Ipfix,
    ]);
    let port = 50_000 + u16::try_from(process).unwrap_or(0) * 10;
    let mut domains = match version {
        Version::V5 => vec![domain & 0xffff],
        Version::V9 | Version::Ipfix => vec![domain],
    };
    if random.chance(30) {
        domains.push(7);
    }
    let apart = version != Version::V5 && conduct != Conduct::Plain && random.chance(8);
    Identity {
        address: SocketAddr::new(address, port),
        version,
        domains,
        template_port: apart.then_some(port + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::{Conduct, Fleet};

    #[test]
    fn the_same_seed_sends_the_same_octets() {
        let sent = |seed| -> Vec<_> {
            Fleet::new(seed, Conduct::Free)
                .take(60)
                .map(|emitted| (emitted.at_ms, emitted.exporter, emitted.octets))
                .collect()
        };
        assert_eq!(sent(3), sent(3));
        assert_ne!(sent(3), sent(4));
    }

    #[test]
    fn no_datagram_is_longer_than_udp_allows() {
        for seed in 0..200 {
            for emitted in Fleet::new(seed, Conduct::Free).take(60) {
                assert!(emitted.octets.len() <= 65_507, "seed {seed}");
            }
        }
    }
}
