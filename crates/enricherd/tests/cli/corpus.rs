//! The datagrams found in real captures against the list that came with them.
//!
//! The captures are not part of the project: where they are absent the test says so and ends.

use std::fs::{self, File};
use std::path::PathBuf;

use enricherd::io::capture::{End, read_frames};
use enricherd::io::datagram::{Datagrams, FrameCounts, Ports};

fn corpus() -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    if path.is_dir() {
        Some(path)
    } else {
        eprintln!("skipped: no captures in {}", path.display());
        None
    }
}

fn counts_of(file: File) -> (FrameCounts, End) {
    let mut datagrams = Datagrams::new(Ports::All);
    let mut payload = Vec::new();
    let end = read_frames(file, |frame| {
        datagrams.read(&frame, &mut payload);
        Ok(())
    })
    .expect("a capture");
    (datagrams.finish(), end)
}

#[test]
fn every_datagram_of_the_corpus_is_found() {
    let Some(corpus) = corpus() else { return };
    let manifest = fs::read_to_string(corpus.join("MANIFEST.tsv")).unwrap();
    let mut files_count = 0;
    for line in manifest.lines().skip(1) {
        let columns: Vec<_> = line.split('\t').collect();
        let file = columns[0];
        let expected: u64 = columns[4].parse().unwrap();
        let (counts, end) = counts_of(File::open(corpus.join(file)).unwrap());
        assert_eq!(end, End::Complete, "{file}");
        assert_eq!(counts.datagrams_count, expected, "{file}: {counts:?}");
        assert_eq!(counts.unread.total(), 0, "{file}: {counts:?}");
        files_count += 1;
    }
    assert!(files_count >= 99, "only {files_count} captures in the list");
}
