//! `cargo xtask snapshot`: makes the AS data that is shipped with the program.
//!
//! Reads the two ranges files of a released package from `../shared/asdata` and writes
//! `crates/asdb/data/snapshot.bin`: the same octets at every run, so that anyone can check where
//! the shipped file comes from.
//!
//! Not here: the file's layout (`asdb::snapshot`). NOTICE repeats the attribution for people who
//! read the source; a test of `asdb` compares the two.

use std::path::Path;

use anyhow::{Context, Result};
use asdb::snapshot::{Snapshot, decode, encode};
use asdb::{AsNames, Entries};

/// The day of the package.
const DATE: &str = "2026-06-17";

/// The package's files, IPv4 first.
const FILES: [&str; 2] = ["asn-ipv4.csv.gz", "asn-ipv6.csv.gz"];

/// What CC BY 4.0 asks for: whose work it is, where it is, its licence, and that it was changed.
const ATTRIBUTION: &str = "\
AS numbers and organisations of the Internet's prefixes, 2026-06-17,
from the package @ip-location-db/asn 2.3.2026061719
(https://www.npmjs.com/package/@ip-location-db/asn), compiled from data of
  the University of Oregon RouteViews Project (https://www.routeviews.org),
  DB-IP (https://db-ip.com), and
  the Number Resource Organization (https://www.nro.net).
Licensed under Creative Commons Attribution 4.0 International, CC BY 4.0
(https://creativecommons.org/licenses/by/4.0/), provided as it is, without warranty.
Changed: address ranges were divided into prefixes, and all was packed into one file.
";

/// Writes the snapshot and says how large it is.
pub(crate) fn make() -> Result<()> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut entries = Entries::new();
    let mut names = AsNames::new();
    for file in FILES {
        let path = project.join("../shared/asdata").join(file);
        let octets = std::fs::read(&path).with_context(|| format!("{}", path.display()))?;
        let loaded = asdb::load::load(&octets).with_context(|| format!("{}", path.display()))?;
        println!(
            "{file}: {} prefixes, {} names",
            loaded.entries.len(),
            loaded.names.len()
        );
        entries.append(loaded.entries)?;
        names.merge(&loaded.names)?;
    }
    let (date, attribution) = (DATE.to_owned(), ATTRIBUTION.to_owned());
    let packed = encode(&Snapshot {
        date,
        attribution,
        entries,
        names,
    })?;
    let reopened = decode(&packed).context("the snapshot just made does not open")?;
    let path = project.join("crates/asdb/data/snapshot.bin");
    std::fs::write(&path, &packed).with_context(|| format!("{}", path.display()))?;
    println!(
        "snapshot of {DATE}: {} prefixes, {} names, {} octets",
        reopened.entries.len(),
        reopened.names.len(),
        packed.len()
    );
    Ok(())
}
