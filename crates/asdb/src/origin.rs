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

#[cfg(test)]
mod tests {
    use super::{has_origin, is_private_address};

    /// First and last address of a range, whether it has an origin, whether a NAT would hide it.
    type Row = (&'static str, &'static str, bool, bool);

    #[test]
    fn every_range_ends_where_its_registration_says() {
        // All of both families, in order: each row begins behind the one before.
        let rows: [Row; 37] = [
            ("0.0.0.0", "0.255.255.255", false, false),
            ("1.0.0.0", "9.255.255.255", true, false),
            ("10.0.0.0", "10.255.255.255", false, true),
            ("11.0.0.0", "100.63.255.255", true, false),
            ("100.64.0.0", "100.127.255.255", false, true),
            ("100.128.0.0", "126.255.255.255", true, false),
            ("127.0.0.0", "127.255.255.255", false, false),
            ("128.0.0.0", "169.253.255.255", true, false),
            ("169.254.0.0", "169.254.255.255", false, false),
            ("169.255.0.0", "172.15.255.255", true, false),
            ("172.16.0.0", "172.31.255.255", false, true),
            ("172.32.0.0", "191.255.255.255", true, false),
            ("192.0.0.0", "192.0.0.255", false, false),
            ("192.0.1.0", "192.0.1.255", true, false),
            ("192.0.2.0", "192.0.2.255", false, false),
            ("192.0.3.0", "192.167.255.255", true, false),
            ("192.168.0.0", "192.168.255.255", false, true),
            ("192.169.0.0", "198.17.255.255", true, false),
            ("198.18.0.0", "198.19.255.255", false, false),
            ("198.20.0.0", "198.51.99.255", true, false),
            ("198.51.100.0", "198.51.100.255", false, false),
            ("198.51.101.0", "203.0.112.255", true, false),
            ("203.0.113.0", "203.0.113.255", false, false),
            ("203.0.114.0", "223.255.255.255", true, false),
            ("224.0.0.0", "239.255.255.255", false, false),
            ("240.0.0.0", "255.255.255.255", false, false),
            ("::", "::fffe:ffff:ffff", false, false),
            (
                "::1:0:0:0",
                "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                false,
                false,
            ),
            (
                "2000::",
                "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
                true,
                false,
            ),
            (
                "2001:db8::",
                "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
                false,
                false,
            ),
            (
                "2001:db9::",
                "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                true,
                false,
            ),
            (
                "2002::",
                "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                false,
                false,
            ),
            (
                "2003::",
                "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                true,
                false,
            ),
            (
                "3fff::",
                "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
                false,
                false,
            ),
            (
                "3fff:1000::",
                "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                true,
                false,
            ),
            (
                "4000::",
                "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                false,
                false,
            ),
            (
                "fc00::",
                "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                false,
                true,
            ),
        ];
        for (first, last, origin, private) in rows {
            for address in [first, last] {
                let parsed = address.parse().expect(address);
                assert_eq!(has_origin(parsed), origin, "{address} has an origin");
                assert_eq!(is_private_address(parsed), private, "{address} is private");
            }
        }
    }

    #[test]
    fn a_mapped_address_is_judged_as_the_ipv4_address() {
        let rows = [
            ("::ffff:8.8.8.8", true, false),
            ("::ffff:10.0.0.1", false, true),
            ("::ffff:224.0.0.1", false, false),
            ("64:ff9b::808:808", false, false),
            ("fe80::1", false, false),
            ("ff02::1", false, false),
            ("::1", false, false),
        ];
        for (address, origin, private) in rows {
            let parsed = address.parse().expect(address);
            assert_eq!(has_origin(parsed), origin, "{address}");
            assert_eq!(is_private_address(parsed), private, "{address}");
        }
    }
}
