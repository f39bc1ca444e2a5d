//! Where addresses are, as MMDB files of others say it.
//!
//! The files are read from `../shared/asdata/mmdb` and are not part of the project.

use std::fs;
use std::path::{Path, PathBuf};

use asdb::places::{Places, PlacesError};

fn folder(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/asdata/mmdb");
    let folder = path.join(name);
    if !folder.is_dir() {
        eprintln!("skipped: no {}", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn a_country_database_answers_for_both_families() {
    let Some(folder) = folder("test-data") else {
        return;
    };
    // What the records are made of stands in the specification's source data.
    let rows = [
        ("GeoIP2-Country-Test.mmdb", "81.2.69.160", Some("GB")),
        ("GeoIP2-Country-Test.mmdb", "::ffff:81.2.69.160", Some("GB")),
        ("GeoIP2-Country-Test.mmdb", "2a02:cf40::1", Some("NO")),
        ("GeoIP2-Country-Test.mmdb", "10.0.0.1", None),
        ("GeoLite2-Country-Test.mmdb", "81.2.69.160", Some("GB")),
    ];
    for (file, address, code) in rows {
        let places = Places::read(fs::read(folder.join(file)).expect(file)).expect(file);
        let place = places.of(address.parse().expect(address));
        let found = place
            .as_ref()
            .and_then(|place| place.country_code.as_deref());
        assert_eq!(found, code, "{file} {address}");
        assert!(places.made_unix_s() > 1_400_000_000);
        assert!(place.is_none_or(|place| place.country.is_some()));
    }
}

#[test]
fn a_database_without_countries_is_refused_by_its_type() {
    let Some(folder) = folder("test-data") else {
        return;
    };
    for file in ["GeoLite2-ASN-Test.mmdb", "MaxMind-DB-test-ipv4-24.mmdb"] {
        let octets = fs::read(folder.join(file)).expect(file);
        let error = Places::read(octets).expect_err(file);
        assert!(
            matches!(error, PlacesError::NoCountry { .. }),
            "{file}: {error}"
        );
    }
}

#[test]
fn damaged_databases_are_refused_with_a_reason() {
    for folder in ["bad-data", "test-data"].into_iter().filter_map(folder) {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.display().to_string();
            let is_bad = folder.ends_with("bad-data") || name.to_lowercase().contains("broken");
            if is_bad {
                let error = Places::read(fs::read(&path).expect("a file")).expect_err(&name);
                assert!(!error.to_string().is_empty(), "{name}");
            }
        }
    }
}

#[test]
fn a_cut_database_never_answers_and_never_panics() {
    let Some(folder) = folder("test-data") else {
        return;
    };
    let octets = fs::read(folder.join("GeoLite2-Country-Test.mmdb")).expect("a file");
    for end in (0..octets.len()).step_by(97) {
        assert!(Places::read(octets[..end].to_vec()).is_err(), "{end}");
    }
    for place in (0..octets.len()).step_by(211) {
        let mut damaged = octets.clone();
        damaged[place] ^= 0xff;
        if let Ok(places) = Places::read(damaged) {
            let _ = places.of([81, 2, 69, 160].into());
        }
    }
}
