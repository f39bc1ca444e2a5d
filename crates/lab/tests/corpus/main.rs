//! Real captures: read by the strict collector, and sent through the mediator.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "the simulation does more with it")]
#[path = "../drive/mod.rs"]
mod drive;
mod pcap;
mod reading;
mod replay;

use std::path::PathBuf;

/// Returns the folder of real captures, or says that the test is skipped without it.
fn corpus() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    if folder.join("MANIFEST.tsv").is_file() {
        return Some(folder);
    }
    eprintln!("SKIPPED: there are no captures at {}", folder.display());
    None
}

/// Returns the captures' names and the columns that the manifest has for them.
fn manifest(folder: &std::path::Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    text.lines()
        .skip(1)
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}
