//! Files with AS data: whatever is in them, a table or a fault with its place.
//!
//! Not here: files and their dates (`enricherd::sources`).
//! Bound: what the file holds; unpacked at most what the loaders allow.

use asdb::load::{self, Loaded};
use asdb::{Builder, Provider};

/// Text in any of the layouts.
pub fn text(octets: &[u8]) {
    load(octets);
}

/// MMDB, and everything else that is no text.
pub fn mmdb(octets: &[u8]) {
    load(octets);
    drop(asdb::places::Places::read(octets.to_vec()));
}

/// A dump of a routing table.
pub fn mrt(octets: &[u8]) {
    if let Ok(dump) = routefeed::mrt::read(&mut &*octets) {
        table(dump.entries);
    }
}

fn load(octets: &[u8]) {
    match load::load(octets) {
        Ok(Loaded { entries, .. }) => table(entries),
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
}

/// What was read makes a table that answers for each of its prefixes as the list does.
fn table(entries: asdb::Entries) {
    let mut builder = Builder::new();
    if builder
        .add_all(Provider::Database, 0, entries.clone())
        .is_err()
    {
        return;
    }
    let as_db = builder.build();
    let reserved = asdb::Reserved::of(Provider::Database);
    let networks = entries.iter().take(64).map(|entry| entry.prefix.network());
    for address in networks.filter(|address| asdb::has_origin(*address)) {
        let listed = entries.longest(address, reserved).map(|entry| entry.asn);
        let answered = as_db.answers(as_db.lookup(address)).of(Provider::Database);
        assert_eq!(answered, listed, "{address}");
    }
}
