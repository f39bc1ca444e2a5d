//! `ipfix-enricher db`: files of AS data in a compact form that starts fast, and a look into any.
//!
//! Not here: the form (`asdb::snapshot`), reading files (`sources`), fetching them (nobody: a
//! timer of the operator does).

use std::collections::HashSet;
use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use asdb::load::crc32;
use asdb::snapshot::{self, Snapshot};
use asdb::{AsNames, Asn, Builder, Entries};

use crate::cli::{Failure, print};
use crate::sources::date::Date;
use crate::sources::{Source, load_any};
use report::json::{object, or_null, string};

/// What is done with files of AS data.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Pack files into one that starts fast; of equal prefixes the first file's counts
    Build {
        /// The file to write; it is replaced in one step
        #[arg(value_name = "OUT")]
        out: PathBuf,
        /// MMDB, text, MRT dumps or files that `db build` wrote; plain, gzip or bzip2
        #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
        from: Vec<PathBuf>,
    },
    /// Say what is in a file of AS data, of any format
    Info {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Print one line of JSON
        #[arg(long)]
        json: bool,
    },
}

/// Does what was asked for.
pub(super) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Build { out, from } => build(out, from),
        Command::Info { file, json } => {
            let info = Info::of(file)?;
            print(&if *json { info.json() } else { info.text() })
        }
    }
}

fn build(out: &Path, from: &[PathBuf]) -> Result<(), Failure> {
    let mut entries = Entries::new();
    let mut names = AsNames::new();
    let mut attribution = String::from("Made by ipfix-enricher db build of these files.\n");
    let mut oldest: Option<Date> = None;
    for path in from {
        let (source, more_names) = load_any(path).map_err(failed)?;
        let shown = source.made.map(|made| format!(", {made}"));
        let count = source.entries.len();
        // Writing to a String cannot fail.
        let _ = writeln!(
            attribution,
            "{}: {}, {count} prefixes{}",
            path.display(),
            source.format,
            shown.unwrap_or_default()
        );
        attribution.push_str(&notice(path));
        oldest = oldest.into_iter().chain(source.made).min();
        names.merge(&more_names).map_err(failed)?;
        entries.append(source.entries).map_err(failed)?;
    }
    entries.sort();
    let date = oldest.unwrap_or_else(|| Date::of(SystemTime::now()));
    let packed = snapshot::encode(&Snapshot {
        date: date.to_string(),
        attribution,
        entries,
        names,
    });
    let packed = packed.map_err(failed)?;
    write_whole(out, &packed)?;
    print(&Info::of(out)?.text())
}

/// Writes a file aside and puts it in its place, so that a daemon that looks sees it whole.
fn write_whole(out: &Path, octets: &[u8]) -> Result<(), Failure> {
    let mut aside = out.as_os_str().to_owned();
    aside.push(".new");
    let aside = PathBuf::from(aside);
    let written = fs::write(&aside, octets)
        .and_then(|()| File::open(&aside)?.sync_all())
        .and_then(|()| fs::rename(&aside, out));
    written.map_err(|error| Failure::failed(format!("{}: {error}", out.display())))
}

/// Returns what a file that `db build` wrote says about where its data is from.
fn notice(path: &Path) -> String {
    let octets = fs::read(path)
        .ok()
        .filter(|octets| snapshot::is_snapshot(octets));
    let notice = octets.as_deref().map(snapshot::notice);
    notice
        .and_then(Result::ok)
        .map_or_else(String::new, |(_, attribution)| attribution.to_owned())
}

fn failed(error: impl ToString) -> Failure {
    Failure::failed(error.to_string())
}

/// What there is to say about a file.
struct Info {
    file: PathBuf,
    octets: u64,
    crc32: u32,
    source: Source,
    asns_count: usize,
    names_count: usize,
    notice: String,
    read_ms: u128,
    build_ms: u128,
    table_bytes: usize,
}

impl Info {
    fn of(file: &Path) -> Result<Self, Failure> {
        let at_file = |error| Failure::failed(format!("{}: {error}", file.display()));
        let begun = Instant::now();
        let (source, names) = load_any(file).map_err(failed)?;
        let read_ms = begun.elapsed().as_millis();
        let asns: HashSet<Asn> = source.entries.iter().map(|entry| entry.asn).collect();
        let begun = Instant::now();
        let mut builder = Builder::new();
        let entries = source.entries.clone();
        builder
            .add_all(source.provider, 0, entries)
            .map_err(failed)?;
        let table_bytes = builder.build().memory_bytes();
        Ok(Self {
            file: file.to_owned(),
            octets: fs::metadata(file).map_err(at_file)?.len(),
            crc32: crc32(File::open(file).map_err(at_file)?).map_err(at_file)?,
            source,
            asns_count: asns.len(),
            names_count: names.len(),
            notice: notice(file),
            read_ms,
            build_ms: begun.elapsed().as_millis(),
            table_bytes,
        })
    }

    fn text(&self) -> String {
        let age = self.source.age_days(SystemTime::now());
        let made = match (self.source.made, age) {
            (Some(made), Some(days)) => format!("{made}, {days} days ago"),
            _ => "it does not say".to_owned(),
        };
        let rows = [
            ("file", self.file.display().to_string()),
            ("octets", self.octets.to_string()),
            ("crc32", format!("{:08x}", self.crc32)),
            ("format", self.source.format.to_owned()),
            ("made", made),
            (
                "ipv4 prefixes",
                self.source.entries.ipv4_count().to_string(),
            ),
            (
                "ipv6 prefixes",
                self.source.entries.ipv6_count().to_string(),
            ),
            ("AS numbers", self.asns_count.to_string()),
            ("AS names", self.names_count.to_string()),
            ("read in", format!("{} ms", self.read_ms)),
            ("table built in", format!("{} ms", self.build_ms)),
            ("table", format!("{} bytes", self.table_bytes)),
        ];
        let mut text = String::new();
        for (name, value) in rows {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name:<15} {value}");
        }
        for line in self.notice.lines() {
            let _ = writeln!(text, "{:<15} {line}", "");
        }
        text
    }

    fn json(&self) -> String {
        let entries = &self.source.entries;
        let age = self.source.age_days(SystemTime::now());
        object(&[
            ("file", string(&self.file.display().to_string())),
            ("octets", self.octets.to_string()),
            ("crc32", string(&format!("{:08x}", self.crc32))),
            ("format", string(self.source.format)),
            (
                "made",
                or_null(self.source.made.map(|made| string(&made.to_string()))),
            ),
            ("age_days", or_null(age.map(|days| days.to_string()))),
            ("ipv4_prefixes", entries.ipv4_count().to_string()),
            ("ipv6_prefixes", entries.ipv6_count().to_string()),
            ("as_numbers", self.asns_count.to_string()),
            ("as_names", self.names_count.to_string()),
            ("read_ms", self.read_ms.to_string()),
            ("build_ms", self.build_ms.to_string()),
            ("table_bytes", self.table_bytes.to_string()),
            ("notice", string(&self.notice)),
        ]) + "\n"
    }
}
