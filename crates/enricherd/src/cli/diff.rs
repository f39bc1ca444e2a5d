//! `replay --diff`: one line for each record that leaves with another AS number than it came
//! with, or where the exporter and the table disagree.
//!
//! Records are numbered in the order of the output, those without a line included.
//!
//! Not here: what happens to the record (`mediator`), totals (`summary`).

use std::fmt;
use std::io::{self, Write};
use std::net::IpAddr;

use asdb::{AsNames, Asn};
use mediator::{RecordSeen, SideSeen, Version};

use crate::cli::words::version_name;

/// Prints the records that change.
#[derive(Debug)]
pub(super) struct Diff<'n, W> {
    names: &'n AsNames,
    /// `None` once nobody reads any more.
    out: Option<W>,
    records_count: u64,
    shown_count: u64,
}

impl<'n, W: Write> Diff<'n, W> {
    /// Returns a printer to `out` that calls the AS as `names` does.
    pub(super) const fn new(names: &'n AsNames, out: W) -> Self {
        Self {
            names,
            out: Some(out),
            records_count: 0,
            shown_count: 0,
        }
    }

    /// Prints a record, if it is worth a line.
    pub(super) fn record(&mut self, seen: &RecordSeen) {
        self.records_count += 1;
        if is_remarkable(&seen.source) || is_remarkable(&seen.destination) {
            self.shown_count += 1;
            let line = Line {
                number: self.records_count,
                seen,
                names: self.names,
            };
            self.print(format_args!("{line}\n"));
        }
    }

    /// Prints how many records there were.
    pub(super) fn finish(mut self) {
        let (shown, all) = (self.shown_count, self.records_count);
        self.print(format_args!(
            "{shown} of {all} records shown, {} left as they came\n",
            all - shown
        ));
        if let Some(mut out) = self.out.take() {
            // A reader who left is told nothing.
            drop(out.flush());
        }
    }

    /// A reader who has seen enough closes the pipe: the replay goes on without words.
    fn print(&mut self, text: fmt::Arguments<'_>) {
        let printed: Option<io::Result<()>> = self.out.as_mut().map(|out| out.write_fmt(text));
        if printed.is_some_and(|printed| printed.is_err()) {
            self.out = None;
        }
    }
}

fn is_remarkable(side: &SideSeen) -> bool {
    side.before != side.after || side.disagrees.is_some()
}

struct Line<'a> {
    number: u64,
    seen: &'a RecordSeen,
    names: &'a AsNames,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.seen;
        let version = version_name(seen.version);
        write!(
            f,
            "#{} {} {version} domain {}",
            self.number, seen.exporter, seen.domain
        )?;
        if seen.version != Version::V5 {
            write!(f, " template {}", seen.template_id)?;
        }
        for (label, side) in [("src", &seen.source), ("dst", &seen.destination)] {
            let side = Side {
                side,
                names: self.names,
            };
            write!(f, "  {label} {side}")?;
        }
        Ok(())
    }
}

struct Side<'a> {
    side: &'a SideSeen,
    names: &'a AsNames,
}

impl fmt::Display for Side<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = self.side;
        write!(
            f,
            "{} AS {}",
            OrDash(side.address.map(Shown::Address)),
            number(side.before)
        )?;
        if side.before != side.after {
            write!(f, " -> {}", number(side.after))?;
            if let Some(name) = side.after.and_then(|asn| self.names.of(Asn(asn))) {
                write!(f, " \"{name}\"")?;
            }
            if let Some(provider) = side.by {
                write!(f, " ({provider})")?;
            }
        }
        if let Some(Asn(other)) = side.disagrees {
            write!(f, " (the table says {other})")?;
        }
        Ok(())
    }
}

const fn number(asn: Option<u32>) -> OrDash {
    match asn {
        Some(asn) => OrDash(Some(Shown::Number(asn))),
        None => OrDash(None),
    }
}

/// A value, or `-` where the record has no field for it.
struct OrDash(Option<Shown>);

enum Shown {
    Address(IpAddr),
    Number(u32),
}

impl fmt::Display for OrDash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(Shown::Address(address)) => address.fmt(f),
            Some(Shown::Number(number)) => number.fmt(f),
            None => f.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use asdb::Provider;

    fn side(address: Option<&str>, before: Option<u32>, after: Option<u32>) -> SideSeen {
        SideSeen {
            address: address.map(|address| address.parse().unwrap()),
            before,
            after,
            by: (before != after).then_some(Provider::Database),
            disagrees: None,
        }
    }

    fn seen(version: Version, source: SideSeen, destination: SideSeen) -> RecordSeen {
        RecordSeen {
            exporter: "198.18.0.1:2055".parse().unwrap(),
            version,
            domain: 7,
            template_id: 256,
            source,
            destination,
        }
    }

    fn print(records: &[RecordSeen]) -> String {
        let mut names = AsNames::new();
        names.insert(Asn(64500), "Example").unwrap();
        let mut out = Vec::new();
        let mut diff = Diff::new(&names, &mut out);
        for record in records {
            diff.record(record);
        }
        diff.finish();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn records_that_change_have_a_line_and_all_have_a_number() {
        let filled = side(Some("192.0.2.1"), Some(0), Some(64500));
        let appended = side(Some("2001:db8::1"), None, Some(64501));
        let same = side(Some("192.0.2.2"), Some(3), Some(3));
        let nothing = side(None, None, None);
        let disagreement = SideSeen {
            disagrees: Some(Asn(5)),
            ..same
        };
        let text = print(&[
            seen(Version::Ipfix, filled, appended),
            seen(Version::V9, same, nothing),
            seen(Version::V5, disagreement, nothing),
        ]);
        let expected = "\
#1 198.18.0.1:2055 ipfix domain 7 template 256  src 192.0.2.1 AS 0 -> 64500 \"Example\" \
(database)  dst 2001:db8::1 AS - -> 64501 (database)
#3 198.18.0.1:2055 v5 domain 7  src 192.0.2.2 AS 3 (the table says 5)  dst - AS -
2 of 3 records shown, 1 left as they came
";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_reader_who_left_does_not_stop_the_replay() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        let names = AsNames::new();
        let mut diff = Diff::new(&names, Closed);
        let changed = side(None, None, Some(1));
        diff.record(&seen(Version::V5, changed, changed));
        diff.record(&seen(Version::V5, changed, changed));
        assert_eq!(diff.shown_count, 2);
        diff.finish();
    }
}
