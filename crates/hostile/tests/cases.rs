//! Every case that a fuzzer once found, on the stable compiler, and each target on a few octets.
//!
//! A case is a file of `fuzz/cases/TARGET/`: octets as hex, `#` begins a comment that says what
//! they showed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use hostile::{TARGETS, Target};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/cases")
}

/// The octets of a case.
fn octets(text: &str) -> Vec<u8> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap());
    let digits: Vec<u8> = lines
        .flat_map(str::bytes)
        .filter(|octet| !octet.is_ascii_whitespace())
        .collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

#[test]
fn every_case_that_a_fuzzer_found_is_survived() {
    let mut survived = 0;
    for folder in fs::read_dir(cases()).unwrap() {
        let folder = folder.unwrap();
        let name = folder.file_name().into_string().unwrap();
        let target = hostile::named(&name).unwrap();
        for case in fs::read_dir(folder.path()).unwrap() {
            let path = case.unwrap().path();
            println!("{}", path.display());
            (target.run)(&octets(&fs::read_to_string(&path).unwrap()));
            survived += 1;
        }
    }
    println!("{survived} cases");
    assert!(survived > 0, "there are cases");
}

#[test]
fn every_target_survives_nothing_zeros_and_ones() {
    for Target { name, run, .. } in TARGETS {
        println!("{name}");
        for octet in [0x00, 0x01, 0x0a, 0x2f, 0xff] {
            for length in [0, 1, 2, 3, 4, 16, 20, 24, 48, 72, 255] {
                run(&vec![octet; length]);
            }
        }
    }
}

#[test]
fn every_target_has_a_fuzz_target_of_its_name() {
    for Target { name, .. } in TARGETS {
        let path = cases().join(format!("../fuzz_targets/{name}.rs"));
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(&format!("\"{name}\"")), "{}", path.display());
    }
}
