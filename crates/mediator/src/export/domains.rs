//! Observation Domains as collectors see them, where many exporters speak from one address.
//!
//! Collectors tell exporters apart by source address and domain. Behind our own address two
//! exporters that both use domain 0 would be one, and one's Templates would read the other's data.
//! As soon as a second exporter appears every domain is shown as a hash of (exporter, version,
//! domain): it is the same after a restart and a loss of state, so that two exporters are never
//! swapped [RFC 7119 §6, RFC 3954 §5.1].
//!
//! Not here: rewriting headers and records (`emit`, `mediator`).
//! Bound: one pair for each domain, [`ShownDomains::PAIRS_MAX`]; above it two hashes may meet.

use core::net::IpAddr;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::Version;
use crate::collect::session::DomainKey;

/// Which domain each exporter's domain is shown as.
#[derive(Debug)]
pub struct ShownDomains {
    first: Option<IpAddr>,
    is_active: bool,
    shown: HashMap<DomainKey, u32, FixedState>,
    /// With the port that owns it; 0 for all that are not shown by port.
    taken: HashMap<Taken, (DomainKey, u16), FixedState>,
}

/// A shown domain; v5 has 16 bits of its own for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Taken {
    is_v5: bool,
    domain: u32,
}

impl ShownDomains {
    /// Domains that are remembered.
    pub const PAIRS_MAX: usize = 32_768;

    /// Returns a mapping that shows every domain as it is; `seed` is for its maps.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let hasher = FixedState::with_seed(seed);
        Self {
            first: None,
            is_active: false,
            shown: HashMap::with_hasher(hasher.clone()),
            taken: HashMap::with_hasher(hasher),
        }
    }

    /// Whether domains are shown as others.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.is_active
    }

    /// Shows every domain as another from now on.
    pub const fn activate(&mut self) {
        self.is_active = true;
    }

    /// Notes an exporter; returns whether it is the second one, so that all domains change.
    pub fn note_exporter(&mut self, address: IpAddr) -> bool {
        let first = *self.first.get_or_insert(address);
        let begins = !self.is_active && first != address;
        self.is_active |= begins;
        begins
    }

    /// Returns what a domain is shown as once the mapping is active.
    pub fn shown(&mut self, key: &DomainKey) -> u32 {
        if let Some(shown) = self.shown.get(key) {
            return *shown;
        }
        let candidate = self.free(key, 0);
        self.remember(key, candidate);
        candidate.domain
    }

    /// Returns what the domain of one port is shown as where another port's, which is shown as
    /// [`Self::shown`] says or as it is, goes over the same connection.
    pub fn shown_of_port(&mut self, key: &DomainKey, port: u16) -> u32 {
        let candidate = self.free(key, port);
        if self.taken.len() < 2 * Self::PAIRS_MAX {
            self.taken.insert(candidate, (*key, port));
        }
        candidate.domain
    }

    /// The first place from the hash on that is nobody else's.
    fn free(&self, key: &DomainKey, port: u16) -> Taken {
        let owner = (*key, port);
        let mut candidate = place(key, stable_hash(key, port));
        for _ in 0..Self::PAIRS_MAX {
            let is_free = self
                .taken
                .get(&candidate)
                .is_none_or(|taken| *taken == owner);
            if is_free && candidate.domain != 0 {
                break;
            }
            candidate = place(key, candidate.domain.wrapping_add(1));
        }
        candidate
    }

    /// The pairs, for a saved state.
    pub fn pairs(&self) -> impl Iterator<Item = (&DomainKey, u32)> {
        self.shown.iter().map(|(key, shown)| (key, *shown))
    }

    /// Takes a pair from a saved state.
    pub fn restore(&mut self, key: &DomainKey, shown: u32) {
        self.remember(key, place(key, shown));
    }

    fn remember(&mut self, key: &DomainKey, taken: Taken) {
        if self.shown.len() < Self::PAIRS_MAX {
            self.shown.insert(*key, taken.domain);
            self.taken.insert(taken, (*key, 0));
        }
    }
}

fn place(key: &DomainKey, domain: u32) -> Taken {
    let is_v5 = key.version == Version::V5;
    Taken {
        is_v5,
        domain: if is_v5 { domain & 0xFFFF } else { domain },
    }
}

/// FNV-1a over the exporter's address, version and domain, and a port if it is not 0, folded to 32
/// bits. Part of what operators see: it must never change.
fn stable_hash(key: &DomainKey, port: u16) -> u32 {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    let mut add = |octets: &[u8]| {
        for octet in octets {
            hash = (hash ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    };
    match key.address {
        IpAddr::V4(address) => add(&address.octets()),
        IpAddr::V6(address) => add(&address.octets()),
    }
    add(&[match key.version {
        Version::V5 => 5,
        Version::V9 => 9,
        Version::Ipfix => 10,
    }]);
    add(&key.domain.to_be_bytes());
    if port != 0 {
        add(&port.to_be_bytes());
    }
    u32::try_from((hash >> 32) ^ (hash & 0xFFFF_FFFF)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(last: u8, domain: u32) -> DomainKey {
        DomainKey {
            address: [192, 0, 2, last].into(),
            version: Version::Ipfix,
            domain,
        }
    }

    #[test]
    fn the_second_exporter_makes_all_domains_change_and_a_second_port_does_not() {
        let mut domains = ShownDomains::new(1);
        assert!(!domains.note_exporter(key(1, 0).address));
        assert!(!domains.note_exporter(key(1, 0).address));
        assert!(domains.note_exporter(key(2, 0).address));
        assert!(
            !domains.note_exporter(key(3, 0).address),
            "they changed already"
        );
        assert!(domains.is_active());
    }

    #[test]
    fn a_domain_is_shown_as_the_same_whoever_came_first() {
        let mut one = ShownDomains::new(1);
        let mut other = ShownDomains::new(2);
        let first = [one.shown(&key(1, 0)), one.shown(&key(2, 0))];
        let second = [other.shown(&key(2, 0)), other.shown(&key(1, 0))];
        assert_eq!(first, [second[1], second[0]]);
        assert_ne!(first[0], first[1]);
    }

    #[test]
    fn two_domains_are_never_shown_as_one() {
        let mut domains = ShownDomains::new(1);
        let shown = domains.shown(&key(1, 0));
        let mut other = ShownDomains::new(1);
        other.restore(&key(9, 9), shown);
        assert_ne!(other.shown(&key(1, 0)), shown);
    }

    #[test]
    fn ports_of_one_domain_are_shown_apart_and_each_as_the_same_again() {
        let mut domains = ShownDomains::new(1);
        let all = domains.shown(&key(1, 0));
        let ports = [1, 2].map(|port| domains.shown_of_port(&key(1, 0), port));
        assert!(all != ports[0] && all != ports[1] && ports[0] != ports[1]);
        assert_eq!(domains.shown_of_port(&key(1, 0), 1), ports[0]);
        assert_eq!(domains.shown(&key(1, 0)), all);
    }

    #[test]
    fn a_v5_engine_keeps_its_sixteen_bits() {
        let v5 = DomainKey {
            version: Version::V5,
            ..key(1, 7)
        };
        assert!(ShownDomains::new(1).shown(&v5) <= 0xFFFF);
    }
}
