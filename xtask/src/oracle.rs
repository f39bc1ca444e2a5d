//! Every real capture through `replay`, and somebody else's eyes on what comes out.
//!
//! tshark shares no code with us. What it complains of in the output, and did not complain of in
//! the input as often, is a fault of ours, or stands in `known` with its reason. A row that is no
//! longer needed is a fault too: the table says how things are.
//!
//! Not here: our own strict reader, which judges the same captures record by record (`lab`).
//! Bound: two captures at a time; outputs stay in the build folder to be looked at.

mod known;
mod tshark;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result, bail};

use crate::{process, tree};
use known::{KNOWN, Known};
use tshark::{Complaint, KINDS};

const JUDGES_COUNT: usize = 2;

/// Enough to look at; a capture has thousands.
const FRAMES_SHOWN: usize = 10;

/// What came of one capture.
struct Verdict {
    /// File name of the capture.
    capture: String,
    /// What the output added to the complaints, or why there is no output.
    outcome: Result<Vec<Complaint>>,
}

/// Judges all captures.
///
/// # Errors
/// A new complaint that is not known, a known one that is gone, a replay that failed; under CI
/// also: tshark or the captures are missing.
pub(crate) fn run() -> Result<()> {
    let corpus = tree::shared().join("corpus");
    let is_there = [process::is_installed("tshark"), corpus.is_dir()];
    if let Some(missing) = missing(is_there) {
        if process::is_ci() {
            bail!("{missing}; under CI nothing is skipped");
        }
        println!("skipped: {missing}");
        return Ok(());
    }
    process::run(&mut process::cargo(&[
        "build",
        "--release",
        "--locked",
        "--quiet",
        "--package",
        "enricherd",
    ]))?;
    let outputs = tree::build_folder().join("oracle");
    fs::create_dir_all(&outputs).context("cannot create the folder for the outputs")?;
    let mut paths = captures(&corpus)?;
    paths.extend(captures(&tree::root().join("examples"))?);
    report(&judge_all(paths, &outputs))
}

/// Says what is missing and how to get it.
fn missing([has_tshark, has_captures]: [bool; 2]) -> Option<&'static str> {
    match (has_tshark, has_captures) {
        (false, _) => Some("tshark is missing; to enable: apt-get install tshark"),
        (_, false) => Some("captures are missing; to enable: put them in ../shared/corpus"),
        _ => None,
    }
}

fn captures(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let paths: std::io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths?;
    paths.retain(|path| path.extension() == Some(OsStr::new("pcap")));
    paths.sort();
    Ok(paths)
}

fn judge_all(mut captures: Vec<PathBuf>, outputs: &Path) -> Vec<Verdict> {
    captures.reverse();
    let waiting = Mutex::new(captures);
    let next = || waiting.lock().ok()?.pop();
    let judge_some = || {
        let mut verdicts = Vec::new();
        while let Some(capture) = next() {
            let name = capture.file_name().unwrap_or_default();
            let outcome = judge(&capture, &outputs.join(name));
            let capture = name.to_string_lossy().into_owned();
            verdicts.push(Verdict { capture, outcome });
        }
        verdicts
    };
    let mut verdicts: Vec<Verdict> = thread::scope(|scope| {
        let judges: Vec<_> = (0..JUDGES_COUNT).map(|_| scope.spawn(judge_some)).collect();
        judges
            .into_iter()
            .filter_map(|judge| judge.join().ok())
            .flatten()
            .collect()
    });
    verdicts.sort_by(|one, other| one.capture.cmp(&other.capture));
    verdicts
}

/// Returns the complaints that the output adds.
fn judge(capture: &Path, output: &Path) -> Result<Vec<Complaint>> {
    let program = tree::build_folder().join("release/ipfix-enricher");
    let mut replay = Command::new(program);
    replay.arg("replay").arg(capture).arg("--out").arg(output);
    process::capture(&mut replay)?;
    let before = tshark::complaints(capture)?;
    let after = tshark::complaints(output)?;
    Ok(added(&before, &after))
}

/// Returns the complaints of each kind that there are more of than before.
fn added(before: &[Complaint], after: &[Complaint]) -> Vec<Complaint> {
    let of_kind = |complaints: &[Complaint], kind: &str| -> Vec<Complaint> {
        let same = complaints.iter().filter(|complaint| complaint.kind == kind);
        same.copied().collect()
    };
    let grown = KINDS.iter().filter_map(|kind| {
        let new = of_kind(after, kind);
        (new.len() > of_kind(before, kind).len()).then_some(new)
    });
    grown.flatten().collect()
}

fn report(verdicts: &[Verdict]) -> Result<()> {
    let faults: Vec<String> = verdicts
        .iter()
        .flat_map(|verdict| faults(verdict, KNOWN))
        .collect();
    let strangers = KNOWN.iter().filter(|known| {
        let mut captures = verdicts.iter();
        !captures.any(|verdict| verdict.capture == known.capture)
    });
    let strangers =
        strangers.map(|known| format!("{}: known, but there is no such capture", known.capture));
    let faults: Vec<String> = faults.into_iter().chain(strangers).collect();
    for known in KNOWN {
        println!("known: {}: {}: {}", known.capture, known.kind, known.reason);
    }
    for fault in &faults {
        println!("{fault}");
    }
    if !faults.is_empty() {
        bail!(
            "tshark: {} faults in {} captures",
            faults.len(),
            verdicts.len()
        );
    }
    println!(
        "{} captures, {} complaints known, none new",
        verdicts.len(),
        KNOWN.len()
    );
    Ok(())
}

/// Returns one line per thing that is wrong with one capture.
fn faults(verdict: &Verdict, known: &[Known]) -> Vec<String> {
    let Verdict { capture, outcome } = verdict;
    let added = match outcome {
        Ok(added) => added,
        Err(fault) => return vec![format!("{capture}: {fault:#}")],
    };
    let known: Vec<&Known> = known
        .iter()
        .filter(|known| known.capture == capture)
        .collect();
    let mut faults = Vec::new();
    for kind in KINDS {
        let frames: Vec<u32> = added
            .iter()
            .filter(|new| new.kind == *kind)
            .map(|new| new.frame)
            .collect();
        let is_known = known.iter().any(|known| known.kind == *kind);
        match (frames.is_empty(), is_known) {
            (false, false) => {
                let first = &frames[..frames.len().min(FRAMES_SHOWN)];
                let count = frames.len();
                faults.push(format!(
                    "{capture}: {kind} in {count} frames of the output: {first:?}"
                ));
            }
            (true, true) => faults.push(format!("{capture}: {kind} is known, but no longer met")),
            _ => {}
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const MALFORMED: &str = "_ws.malformed";
    const NO_TEMPLATE: &str = "cflow.no_template_found";

    fn complaint(kind: &'static str, frame: u32) -> Complaint {
        Complaint { frame, kind }
    }

    #[test]
    fn what_the_input_caused_is_not_ours() {
        let before = [complaint(MALFORMED, 4)];
        let after = [complaint(MALFORMED, 5), complaint(NO_TEMPLATE, 1)];
        assert_eq!(added(&before, &after), [complaint(NO_TEMPLATE, 1)]);
        let twice = [complaint(MALFORMED, 5), complaint(MALFORMED, 6)];
        assert_eq!(added(&before, &twice), twice);
    }

    #[test]
    fn a_new_complaint_is_a_fault_unless_known() {
        let verdict = Verdict {
            capture: "a.pcap".to_owned(),
            outcome: Ok(vec![complaint(MALFORMED, 7)]),
        };
        let expected = "a.pcap: _ws.malformed in 1 frames of the output: [7]";
        assert_eq!(faults(&verdict, &[]), [expected]);
        let known = Known {
            capture: "a.pcap",
            kind: MALFORMED,
            reason: "",
        };
        assert_eq!(faults(&verdict, &[known]), [""; 0]);
    }

    #[test]
    fn a_known_complaint_that_is_gone_is_a_fault() {
        let verdict = Verdict {
            capture: "a.pcap".to_owned(),
            outcome: Ok(Vec::new()),
        };
        let known = Known {
            capture: "a.pcap",
            kind: MALFORMED,
            reason: "",
        };
        let expected = "a.pcap: _ws.malformed is known, but no longer met";
        assert_eq!(faults(&verdict, &[known]), [expected]);
    }

    #[test]
    fn a_replay_that_failed_is_a_fault() {
        let verdict = Verdict {
            capture: "a.pcap".to_owned(),
            outcome: Err(anyhow::anyhow!("exit status: 1")),
        };
        assert_eq!(faults(&verdict, &[]), ["a.pcap: exit status: 1"]);
    }

    #[test]
    fn every_known_complaint_has_a_kind_and_a_reason() {
        for known in KNOWN {
            assert!(
                KINDS.contains(&known.kind) && known.reason.len() > 20,
                "{}",
                known.capture
            );
        }
    }
}
