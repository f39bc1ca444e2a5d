//! Killed while the state is written: whoever starts next finds a whole one.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use enricherd::io::state_file::StateDir;

use crate::rig::Place;

/// Where the process that is to be killed writes; set for that process alone.
const WRITES_TO: &str = "IPFIX_ENRICHER_TEST_WRITES_TO";
/// How often one is killed.
const KILLS: u32 = 100;
/// Parts of a state, and octets of each at most: enough that a write takes a while.
const PARTS: usize = 3;
const PART_OCTETS_MAX: usize = 200_000;

fn dir(path: &Path) -> StateDir {
    StateDir::new(path.to_owned(), 2055)
}

/// Every state has its own length and octets; half of one and half of another show.
fn part(round: u8) -> Vec<u8> {
    vec![round; PART_OCTETS_MAX - 500 * usize::from(round)]
}

/// Does nothing unless it is the process that is to be killed.
#[test]
fn states_are_written_until_the_process_is_killed() {
    let Some(path) = std::env::var_os(WRITES_TO) else {
        return;
    };
    let mut dir = dir(Path::new(&path));
    for round in (0..=u8::MAX).cycle() {
        let part = part(round);
        dir.save(std::iter::repeat_n(part.as_slice(), PARTS));
        std::io::stderr().write_all(b".").unwrap();
    }
}

#[test]
fn a_process_killed_at_any_moment_leaves_a_whole_state() {
    let place = Place::new("killed");
    let path = place.path("state");
    let mut seen = std::collections::BTreeSet::new();
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("killed::states_are_written_until_the_process_is_killed")
            .env(WRITES_TO, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // After a few states, and then somewhere in the next: no two kills are alike.
        let mut told = vec![0; 1 + usize::try_from(kill % 7).unwrap()];
        child.stderr.take().unwrap().read_exact(&mut told).unwrap();
        for _ in 0..kill * 997 % 50_000 {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let parts = dir(&path).load().unwrap();
        let [first, ..] = &parts[..] else {
            panic!("no state after kill {kill}");
        };
        let expected = part(first[0]);
        assert!(
            parts.len() == PARTS && parts.iter().all(|part| *part == expected),
            "kill {kill}"
        );
        seen.insert(first[0]);
    }
    assert!(seen.len() > 2, "kills came at one moment: {seen:?}");
}
