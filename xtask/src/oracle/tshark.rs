//! What tshark says of a capture.
//!
//! Not here: which of it is our fault (`super`).

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// What tshark may complain of: fields that are only there when something is wrong.
pub(super) const KINDS: &[&str] = &[
    "_ws.malformed",
    "cflow.flowset_length.invalid",
    "cflow.flowsets.impossible",
    "cflow.mpls_label.bad_length",
    "cflow.no_template_found",
    "cflow.subtemplate_bad_length",
    "cflow.unexpected_sequence_number",
    "ip.checksum_bad.expert",
    "udp.checksum.bad",
];

/// Templates of any length, and checksums verified, which is not tshark's default.
const PREFERENCES: &[&str] = &[
    "cflow.max_template_fields:0",
    "ip.check_checksum:TRUE",
    "udp.check_checksum:TRUE",
];

/// A frame in which tshark found something wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    /// Counted from 1, as tshark does.
    pub(super) frame: u32,
    /// One of [`KINDS`].
    pub(super) kind: &'static str,
}

/// Whatever a capture holds was meant for a collector, on whatever port that listened.
const DECODE_AS: &str = "udp.port==1-65535,cflow";

/// Returns every complaint, in the order of the frames.
///
/// # Errors
/// tshark cannot be started or cannot read the file.
pub(super) fn complaints(capture: &Path) -> Result<Vec<Complaint>> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(capture).args(["-d", DECODE_AS]);
    for preference in PREFERENCES {
        command.args(["-o", preference]);
    }
    command.args(["-Y", &KINDS.join(" || ")]);
    command.args(["-T", "fields", "-e", "frame.number"]);
    for kind in KINDS {
        command.args(["-e", kind]);
    }
    read(&process::capture(&mut command)?)
}

/// Reads lines of a frame number and one column per kind, divided by tabulators.
fn read(text: &str) -> Result<Vec<Complaint>> {
    let mut complaints = Vec::new();
    for line in text.lines() {
        let mut columns = line.split('\t');
        let frame = columns.next().unwrap_or_default();
        let frame = frame
            .parse()
            .with_context(|| format!("no frame number: {line}"))?;
        let kinds = KINDS
            .iter()
            .zip(columns)
            .filter(|(_, column)| !column.is_empty());
        complaints.extend(kinds.map(|(kind, _)| Complaint { frame, kind }));
    }
    Ok(complaints)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_that_is_not_empty_is_a_complaint() {
        let complaints = read("3\t\t\t\t\t1\t\t\t\t\n7\tx\t\t\t\t\t\t\t\ty\n").unwrap();
        let expected = [
            (3, "cflow.no_template_found"),
            (7, "_ws.malformed"),
            (7, "udp.checksum.bad"),
        ];
        let expected = expected.map(|(frame, kind)| Complaint { frame, kind });
        assert_eq!(complaints, expected);
    }

    #[test]
    fn a_line_without_a_frame_number_is_refused() {
        assert!(read("Running as user root\n").is_err());
    }
}
