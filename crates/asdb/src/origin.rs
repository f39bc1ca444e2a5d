//! Which addresses can have an origin AS at all.
//!
//! Private, link-local, documentation, multicast and reserved addresses have none, whatever a
//! database says; only the operator's own list (`static`) may speak about them. The table masks
//! them when it is built, so a lookup needs no check of its own.
//!
//! Not here: the addresses of tunnels inside 2000::/3 other than 6to4; Teredo's 2001::/32 is
//! announced, and its relays' AS is its origin.

use std::net::IpAddr;

use crate::prefix::{Address, unmap};

/// First address and length of the IPv4 prefixes without an origin; sorted, disjoint
/// [RFC 6890, RFC 5771, RFC 1112].
pub(crate) const IPV4_WITHOUT_ORIGIN: [(u32, u8); 14] = [
    (0x0000_0000, 8),  // 0.0.0.0: this network
    (0x0a00_0000, 8),  // 10.0.0.0: private use [RFC 1918]
    (0x6440_0000, 10), // 100.64.0.0: carrier-grade NAT [RFC 6598]
    (0x7f00_0000, 8),  // 127.0.0.0: loopback
    (0xa9fe_0000, 16), // 169.254.0.0: link-local [RFC 3927]
    (0xac10_0000, 12), // 172.16.0.0: private use [RFC 1918]
    (0xc000_0000, 24), // 192.0.0.0: protocol assignments
    (0xc000_0200, 24), // 192.0.2.0: documentation [RFC 5737]
    (0xc0a8_0000, 16), // 192.168.0.0: private use [RFC 1918]
    (0xc612_0000, 15), // 198.18.0.0: benchmarking [RFC 2544]
    (0xc633_6400, 24), // 198.51.100.0: documentation [RFC 5737]
    (0xcb00_7100, 24), // 203.0.113.0: documentation [RFC 5737]
    (0xe000_0000, 4),  // 224.0.0.0: multicast
    (0xf000_0000, 4),  // 240.0.0.0: reserved, and the broadcast address
];

/// First address and length of the IPv6 prefixes without an origin; sorted, disjoint. All but the
/// documentation prefixes and 6to4 is what lies outside 2000::/3, the global unicast addresses
/// [RFC 4291]: among them fc00::/7, fe80::/10, ff00::/8 and 64:ff9b::/96.
pub(crate) const IPV6_WITHOUT_ORIGIN: [(u128, u8); 6] = [
    (0x0000 << 112, 3),      // ::
    (0x2001_0db8 << 96, 32), // 2001:db8::: documentation [RFC 3849]
    (0x2002 << 112, 16),     // 2002::: 6to4, an IPv4 address in disguise [RFC 3056]
    (0x3fff << 112, 20),     // 3fff::: documentation [RFC 9637]
    (0x4000 << 112, 2),      // 4000:::
    (0x8000 << 112, 1),      // 8000:::
];

/// IPv4 prefixes of private use, carrier-grade NAT included.
const IPV4_PRIVATE: [(u32, u8); 4] = [
    (0x0a00_0000, 8),
    (0x6440_0000, 10),
    (0xac10_0000, 12),
    (0xc0a8_0000, 16),
];

/// Unique local addresses [RFC 4193].
const IPV6_PRIVATE: [(u128, u8); 1] = [(0xfc00 << 112, 7)];

/// Returns whether a provider other than `static` may be asked about the address.
///
/// An IPv4-mapped IPv6 address is judged as the IPv4 address.
pub fn has_origin(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ipv4) => has_origin_ipv4(ipv4.to_bits()),
        IpAddr::V6(ipv6) => has_origin_ipv6(ipv6.to_bits()),
    }
}

/// As [`has_origin`], for an IPv4 address as a number.
pub fn has_origin_ipv4(address: u32) -> bool {
    !is_in(address, &IPV4_WITHOUT_ORIGIN)
}

/// As [`has_origin`], for an IPv6 address as a number.
pub fn has_origin_ipv6(address: u128) -> bool {
    match unmap(address) {
        Some(ipv4) => has_origin_ipv4(ipv4),
        None => !is_in(address, &IPV6_WITHOUT_ORIGIN),
    }
}

/// Returns whether the address is one that a NAT would hide: private use, carrier-grade NAT or
/// unique local.
///
/// An IPv4-mapped IPv6 address is judged as the IPv4 address.
pub fn is_private_address(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(ipv4) => is_in(ipv4.to_bits(), &IPV4_PRIVATE),
        IpAddr::V6(ipv6) => is_in(ipv6.to_bits(), &IPV6_PRIVATE),
    }
}

fn is_in<A: Address>(address: A, prefixes: &[(A, u8)]) -> bool {
    prefixes
        .iter()
        .any(|&(first, length)| first <= address && address <= first.last_of(length))
}
