//! What others' structures cost for the same prefixes and addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use asdb::{AsDb, Asn, Entries, Provider};
use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;
use ip_network::{Ipv4Network, Ipv6Network};
use ip_network_table::IpNetworkTable;
use ipnet::{Ipv4Net, Ipv6Net};
use maxminddb::Reader;
use prefix_trie::PrefixMap;
use serde::Deserialize;

use crate::mmdb;

#[derive(Deserialize)]
struct Record {
    autonomous_system_number: u32,
}

/// The same prefixes in the structures of others.
pub(crate) struct Others {
    trie_ipv4: PrefixMap<Ipv4Net, u32>,
    trie_ipv6: PrefixMap<Ipv6Net, u32>,
    table: IpNetworkTable<u32>,
    mmdb: Reader<Vec<u8>>,
}

impl Others {
    pub(crate) fn new(entries: &Entries) -> Self {
        let mut others = Self {
            trie_ipv4: PrefixMap::new(),
            trie_ipv6: PrefixMap::new(),
            table: IpNetworkTable::new(),
            mmdb: Reader::from_source(mmdb::write(entries)).expect("a good file"),
        };
        for entry in entries.iter() {
            let (length, asn) = (entry.prefix.length(), entry.asn.0);
            match entry.prefix.network() {
                // Of equal prefixes the first counts.
                IpAddr::V4(network) => {
                    let net = Ipv4Net::new(network, length).expect("a prefix");
                    if others.trie_ipv4.get(&net).is_none() {
                        others.trie_ipv4.insert(net, asn);
                        let network = Ipv4Network::new(network, length).expect("a prefix");
                        others.table.insert(network, asn);
                    }
                }
                IpAddr::V6(network) => {
                    let net = Ipv6Net::new(network, length).expect("a prefix");
                    if others.trie_ipv6.get(&net).is_none() {
                        others.trie_ipv6.insert(net, asn);
                        let network = Ipv6Network::new(network, length).expect("a prefix");
                        others.table.insert(network, asn);
                    }
                }
            }
        }
        others
    }

    fn in_trie_ipv4(&self, address: u32) -> u32 {
        let host = Ipv4Net::from(Ipv4Addr::from_bits(address));
        self.trie_ipv4.get_lpm(&host).map_or(0, |(_, asn)| *asn)
    }

    fn in_trie_ipv6(&self, address: u128) -> u32 {
        let host = Ipv6Net::from(Ipv6Addr::from_bits(address));
        self.trie_ipv6.get_lpm(&host).map_or(0, |(_, asn)| *asn)
    }

    fn in_table(&self, address: IpAddr) -> u32 {
        self.table.longest_match(address).map_or(0, |(_, asn)| *asn)
    }

    fn in_mmdb(&self, address: IpAddr) -> u32 {
        let found = self.mmdb.lookup(address).expect("a good file");
        let record = found.decode::<Record>().expect("a good record");
        record.map_or(0, |record| record.autonomous_system_number)
    }

    /// All must give the same answers, or the comparison means nothing. We say nothing where an
    /// AS number is reserved, or an address has no origin.
    pub(crate) fn compare(&self, db: &AsDb, ipv4: &[u32], ipv6: &[u128]) {
        let ours = |address| db.answers(db.lookup(address)).of(Provider::Database);
        let check = |address: IpAddr, theirs: [u32; 3]| {
            if let Some(Asn(asn)) = ours(address) {
                assert_eq!(theirs, [asn; 3], "{address}");
            }
        };
        for &address in ipv4 {
            let ip = IpAddr::V4(address.into());
            let trie = self.in_trie_ipv4(address);
            check(ip, [trie, self.in_table(ip), self.in_mmdb(ip)]);
        }
        for &address in ipv6 {
            let ip = IpAddr::V6(address.into());
            let trie = self.in_trie_ipv6(address);
            check(ip, [trie, self.in_table(ip), self.in_mmdb(ip)]);
        }
    }

    pub(crate) fn measure(
        &self,
        group: &mut BenchmarkGroup<'_, WallTime>,
        ipv4: &[u32],
        ipv6: &[u128],
    ) {
        let ips4: Vec<IpAddr> = ipv4.iter().map(|&one| IpAddr::V4(one.into())).collect();
        let ips6: Vec<IpAddr> = ipv6.iter().map(|&one| IpAddr::V6(one.into())).collect();
        group.bench_function("ipv4 prefix-trie", |b| {
            b.iter(|| {
                ipv4.iter()
                    .fold(0, |sum, &one| sum ^ self.in_trie_ipv4(one))
            });
        });
        group.bench_function("ipv6 prefix-trie", |b| {
            b.iter(|| {
                ipv6.iter()
                    .fold(0, |sum, &one| sum ^ self.in_trie_ipv6(one))
            });
        });
        for (family, addresses) in [("ipv4", &ips4), ("ipv6", &ips6)] {
            group.bench_function(format!("{family} ip_network_table"), |b| {
                b.iter(|| {
                    addresses
                        .iter()
                        .fold(0, |sum, &one| sum ^ self.in_table(one))
                });
            });
            group.bench_function(format!("{family} maxminddb"), |b| {
                b.iter(|| {
                    addresses
                        .iter()
                        .fold(0, |sum, &one| sum ^ self.in_mmdb(one))
                });
            });
        }
    }
}
