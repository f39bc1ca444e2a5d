//! What a collector is to get: which exporters and domains, and which of their Data Records.
//!
//! Each condition that is set must hold; a list holds if one of its entries does. A Data Record
//! that does not show what is asked for is not what was asked for: it is left out. So is a Set
//! that we cannot read, where records are asked for. Templates and Options Data Records of the
//! exporters that are wanted always pass: without them nothing else could be read.
//!
//! Not here: where the values of a record are (`enrich::shows`), leaving out (`mediator::select`).
//! Bound: the operator's lists; each is searched by halves.

use alloc::vec::Vec;
use core::net::IpAddr;

use asdb::Prefix;

/// A version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpVersion {
    /// Addresses of 4 octets.
    V4,
    /// Addresses of 16 octets.
    V6,
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Exporters with these addresses; none: all.
    pub exporters: PrefixSet,
    /// These Observation Domains, Source IDs, engines, in order; none: all.
    pub domains: Vec<u32>,
    /// These Data Records.
    pub records: RecordFilter,
}

/// Which Data Records are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFilter {
    /// Records that leave with one of these as source or destination AS, in order; none: all.
    pub as_numbers: Vec<u32>,
    /// Records with a source or destination address in these; none: all.
    pub addresses: PrefixSet,
    /// Records with addresses of this version; `None`: all.
    pub ip_version: Option<IpVersion>,
}

impl Filter {
    /// Leaves nothing out.
    pub const EVERYTHING: Self = Self {
        exporters: PrefixSet::NONE,
        domains: Vec::new(),
        records: RecordFilter::EVERYTHING,
    };

    /// Whether anything of this exporter is wanted.
    #[must_use]
    pub fn wants_exporter(&self, exporter: IpAddr) -> bool {
        self.exporters.is_empty() || self.exporters.contains(exporter)
    }

    /// Whether anything of this domain is wanted; `None` where what came names none.
    #[must_use]
    pub fn wants_domain(&self, domain: Option<u32>) -> bool {
        self.domains.is_empty()
            || domain.is_some_and(|domain| self.domains.binary_search(&domain).is_ok())
    }
}

impl RecordFilter {
    /// Leaves nothing out.
    pub const EVERYTHING: Self = Self {
        as_numbers: Vec::new(),
        addresses: PrefixSet::NONE,
        ip_version: None,
    };

    /// Whether every record is wanted, whatever is in it.
    #[must_use]
    pub fn wants_everything(&self) -> bool {
        self.as_numbers.is_empty() && self.addresses.is_empty() && self.ip_version.is_none()
    }
}

/// Addresses of both families.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixSet {
    ipv4: Vec<(u32, u32)>,
    ipv6: Vec<(u128, u128)>,
}

impl PrefixSet {
    /// No address.
    pub const NONE: Self = Self {
        ipv4: Vec::new(),
        ipv6: Vec::new(),
    };

    /// Whether there is no address in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ipv4.is_empty() && self.ipv6.is_empty()
    }

    /// Whether an address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => is_in(&self.ipv4, address.to_bits()),
            IpAddr::V6(address) => is_in(&self.ipv6, address.to_bits()),
        }
    }
}

impl FromIterator<Prefix> for PrefixSet {
    fn from_iter<T: IntoIterator<Item = Prefix>>(prefixes: T) -> Self {
        let mut set = Self::NONE;
        for prefix in prefixes {
            match prefix.network() {
                IpAddr::V4(network) => {
                    let first = network.to_bits();
                    let host_bits = u32::MAX.checked_shr(prefix.length().into()).unwrap_or(0);
                    set.ipv4.push((first, first | host_bits));
                }
                IpAddr::V6(network) => {
                    let first = network.to_bits();
                    let host_bits = u128::MAX.checked_shr(prefix.length().into()).unwrap_or(0);
                    set.ipv6.push((first, first | host_bits));
                }
            }
        }
        join(&mut set.ipv4);
        join(&mut set.ipv6);
        set
    }
}

/// Makes ranges stand in order without touching: of two that share an address the wider stays, for
/// one prefix holds the other.
fn join<T: Ord + Copy>(ranges: &mut Vec<(T, T)>) {
    ranges.sort_unstable_by(|one, other| one.0.cmp(&other.0).then(other.1.cmp(&one.1)));
    ranges.dedup_by(|later, kept| later.0 <= kept.1);
}

fn is_in<T: Ord + Copy>(ranges: &[(T, T)], address: T) -> bool {
    let behind = ranges.partition_point(|range| range.0 <= address);
    let range = behind.checked_sub(1).and_then(|at| ranges.get(at));
    range.is_some_and(|range| address <= range.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(prefixes: &[&str]) -> PrefixSet {
        let prefixes = prefixes.iter().map(|text| text.parse::<Prefix>().unwrap());
        prefixes.collect()
    }

    #[test]
    fn a_set_holds_the_addresses_of_its_prefixes_and_no_others() {
        let set = set(&[
            "192.0.2.0/25",
            "10.0.0.0/8",
            "10.1.0.0/16",
            "198.51.100.7",
            "2001:db8::/32",
        ]);
        for (address, is_held) in [
            ("192.0.2.0", true),
            ("192.0.2.127", true),
            ("192.0.2.128", false),
            ("10.255.255.255", true),
            ("11.0.0.0", false),
            ("9.255.255.255", false),
            ("198.51.100.7", true),
            ("198.51.100.8", false),
            ("2001:db8:ffff::1", true),
            ("2001:db9::", false),
            ("::", false),
        ] {
            assert_eq!(set.contains(address.parse().unwrap()), is_held, "{address}");
        }
        assert!(!set.is_empty() && PrefixSet::NONE.is_empty());
    }

    #[test]
    fn a_default_route_holds_its_family() {
        let set = set(&["0.0.0.0/0"]);
        assert!(set.contains([255; 4].into()));
        assert!(!set.contains([0_u16; 8].into()));
    }

    #[test]
    fn what_names_no_domain_is_wanted_where_no_domain_is_asked_for() {
        let domains = Filter {
            domains: [5, 9].into(),
            ..Filter::EVERYTHING
        };
        assert!(domains.wants_domain(Some(9)));
        assert!(!domains.wants_domain(Some(6)) && !domains.wants_domain(None));
        assert!(Filter::EVERYTHING.wants_domain(None));
    }
}
