//! `watch`: live Messages, a line each, as text or JSON.
//!
//! ```text
//! 2026-05-31 10:23:45 | 192.0.2.1:2055 | 1384 bytes | NetFlow v9 | AS: 15169->13335
//! ```
//!
//! Not here: which Messages there is room for (`pipeline::watch`), the connection
//! (`control::telnet`), colours (`ipfix-monitor`).
//! Bound: what the posts hold is written at once, at most every [`STEP`].

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use asdb::{Asn, Provider};
use mediator::wire::header::{self, Header};
use mediator::wire::set::{Set, SetKind, read_sets};
use mediator::wire::template::{TemplateKind, TemplateRecord, TemplateRecords};
use mediator::{RecordSeen, SideSeen, Version};
use report::json::{list, object, or_null, string};

use crate::control::exporters;
use crate::control::facts::Facts;
use crate::control::told::Form;
use crate::pipeline::watch::{Post, Seen, Want};
use crate::sources::date::Date;

/// How often it is looked for Messages.
pub const STEP: Duration = Duration::from_millis(100);

/// What stands behind `watch` on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    form: Form,
    exporter: Option<IpAddr>,
    /// Only records with this address, as source or destination.
    address: Option<IpAddr>,
    with_as: bool,
    records: bool,
    verbose: bool,
}

impl Options {
    /// Reads the words behind `watch`, in any order.
    ///
    /// # Errors
    /// What is wrong with them, in a sentence.
    pub fn read(words: &[&str]) -> Result<Self, String> {
        let mut options = Self {
            form: Form::Text,
            exporter: None,
            address: None,
            with_as: false,
            records: false,
            verbose: false,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut address = || {
                let text = words
                    .next()
                    .ok_or_else(|| format!("{word}: which address?"))?;
                let address = text.parse::<IpAddr>();
                address.map_err(|_| format!("{}: no IP address", text.escape_debug()))
            };
            match *word {
                "json" | "--json" => options.form = Form::Json,
                "--source" | "source" => options.exporter = Some(address()?),
                "--address" | "address" => options.address = Some(address()?),
                "--with-as" | "with-as" => options.with_as = true,
                "--records" | "records" => options.records = true,
                "-v" | "--verbose" => options.verbose = true,
                _ => {
                    return Err(
                        "watch [json] [--source A] [--with-as] [--address A] [--records] [-v]"
                            .to_owned(),
                    );
                }
            }
        }
        Ok(options)
    }

    const fn want(&self) -> Want {
        Want {
            exporter: self.exporter,
            records: self.records || self.address.is_some(),
        }
    }
}

/// Messages that are watched; the posts are closed when it goes.
#[derive(Debug)]
pub struct Watch {
    options: Options,
    facts: Arc<Facts>,
    posts: Vec<Arc<Post>>,
    seen: Vec<Seen>,
}

impl Watch {
    /// Begins to watch.
    ///
    /// # Errors
    /// There are as many watchers as there may be.
    pub fn begin(options: Options, facts: Arc<Facts>) -> Result<Self, String> {
        let mut watch = Self {
            options,
            facts,
            posts: Vec::new(),
            seen: Vec::new(),
        };
        for page in watch.facts.pages.iter() {
            match page.posts.open(options.want()) {
                Some(post) => watch.posts.push(post),
                None => return Err("too many watch already, try again later".to_owned()),
            }
        }
        Ok(watch)
    }

    /// Returns the lines of the Messages that came since the last time, oldest first; empty if
    /// none did.
    pub fn lines(&mut self) -> String {
        let mut seen = std::mem::take(&mut self.seen);
        seen.clear();
        let not_shown: u64 = self.posts.iter().map(|post| post.drain(&mut seen)).sum();
        seen.sort_by_key(|one| one.at);
        let mut text = String::new();
        for one in &seen {
            if let Some(line) = self.line(one) {
                text += &line;
                text.push('\n');
            }
        }
        self.seen = seen;
        // Writing to a String cannot fail.
        let _ = match self.options.form {
            _ if not_shown == 0 => Ok(()),
            Form::Text => writeln!(text, "({not_shown} Messages not shown)"),
            Form::Json => writeln!(text, "{{\"not_shown\":{not_shown}}}"),
        };
        text
    }

    fn line(&self, seen: &Seen) -> Option<String> {
        let Options {
            address, with_as, ..
        } = self.options;
        let has_as = seen.first_as.is_some_and(|both| both != [0, 0]);
        if with_as && !has_as {
            return None;
        }
        let holds = |side: &SideSeen| side.address == address;
        let is_of_address =
            |one: &&RecordSeen| address.is_none() || holds(&one.source) || holds(&one.destination);
        let records: Vec<&RecordSeen> = seen.records.iter().filter(is_of_address).collect();
        if address.is_some() && records.is_empty() {
            return None;
        }
        Some(match self.options.form {
            Form::Text => self.text(seen, &records),
            Form::Json => self.json(seen, &records),
        })
    }

    /// The time of day at which a Message came.
    fn time(&self, seen: &Seen) -> SystemTime {
        let age_ms = self.facts.clock.now().since(seen.at);
        let now = self.facts.now();
        now.checked_sub(Duration::from_millis(age_ms))
            .unwrap_or(now)
    }

    fn text(&self, seen: &Seen, records: &[&RecordSeen]) -> String {
        let mut line = format!(
            "{} | {} | {} bytes | {}",
            clock_text(self.time(seen)),
            seen.exporter,
            seen.octets_count,
            protocol(&seen.octets),
        );
        // Writing to a String cannot fail, here and below.
        let _ = match (seen.refused, seen.is_malformed, seen.first_as) {
            (Some(reason), ..) => write!(line, " | refused: {}", reason.name()),
            (None, true, _) => write!(line, " | malformed"),
            (None, false, Some([0, 0]) | None) => write!(line, " | AS: none"),
            (None, false, Some([source, destination])) => {
                write!(line, " | AS: {source}->{destination}")
            }
        };
        if self.options.verbose {
            for set in sets(&seen.octets) {
                let _ = write!(line, "\n    {}", set.text());
            }
        }
        if self.options.records {
            for record in records {
                let source = self.side_text(&record.source);
                let destination = self.side_text(&record.destination);
                let id = record.template_id;
                let _ = write!(line, "\n    {id}: {source} -> {destination}");
            }
        }
        line
    }

    fn side_text(&self, side: &SideSeen) -> String {
        let number = |asn: Option<u32>| asn.map_or_else(|| "-".to_owned(), |asn| asn.to_string());
        let address = side.address.map(|address| address.to_string());
        let address = address.unwrap_or_else(|| "-".to_owned());
        let by = side.by.map_or("nobody", Provider::name);
        let prefix = self.prefix(side);
        let prefix = prefix.map_or(String::new(), |prefix| format!(" {prefix}"));
        format!(
            "{address} AS {} => {} ({by}{prefix})",
            number(side.before),
            number(side.after)
        )
    }

    /// The prefix by which a provider of ours knows the AS number that leaves.
    fn prefix(&self, side: &SideSeen) -> Option<String> {
        side.by.filter(|by| *by != Provider::Flow)?;
        let prefix = self.facts.told.prefix(side.address?, Asn(side.after?))?;
        Some(prefix.to_string())
    }

    fn json(&self, seen: &Seen, records: &[&RecordSeen]) -> String {
        let time = self.time(seen);
        let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH);
        let unix_ms = since_1970.unwrap_or_default().as_millis();
        let config = self.facts.told.config.load();
        let name = exporters::name(&config, seen.exporter.ip());
        let header =
            header::version(&seen.octets).and_then(|version| Header::read(version, &seen.octets));
        let state = match (seen.refused, seen.is_malformed) {
            (Some(reason), _) => reason.name(),
            (None, true) => "malformed",
            (None, false) => "ok",
        };
        let both = seen.first_as.filter(|both| *both != [0, 0]);
        let mut members = vec![
            ("unix_ms", unix_ms.to_string()),
            ("exporter", string(&seen.exporter.ip().to_string())),
            ("port", seen.exporter.port().to_string()),
            ("name", or_null(name.map(string))),
            ("bytes", seen.octets_count.to_string()),
            ("protocol", string(protocol(&seen.octets))),
            (
                "as",
                or_null(both.map(|[one, other]| format!("[{one},{other}]"))),
            ),
            ("state", string(state)),
            ("domain", or_null(header.map(|one| one.domain.to_string()))),
            (
                "sequence",
                or_null(header.map(|one| one.sequence.to_string())),
            ),
        ];
        if self.options.verbose {
            let sets = sets(&seen.octets);
            members.push(("sets", list(sets.iter().map(SetSeen::json))));
        }
        if self.options.want().records {
            let records = records.iter().map(|record| self.record_json(record));
            members.push(("records", list(records)));
        }
        object(&members)
    }

    fn record_json(&self, record: &RecordSeen) -> String {
        object(&[
            ("template", record.template_id.to_string()),
            ("source", self.side_json(&record.source)),
            ("destination", self.side_json(&record.destination)),
        ])
    }

    fn side_json(&self, side: &SideSeen) -> String {
        let number = |asn: Option<u32>| or_null(asn.map(|asn| asn.to_string()));
        let address = side.address.map(|address| string(&address.to_string()));
        let by = side.by.map(|by| string(by.name()));
        object(&[
            ("address", or_null(address)),
            ("before", number(side.before)),
            ("after", number(side.after)),
            ("by", or_null(by)),
            ("prefix", or_null(self.prefix(side).as_deref().map(string))),
        ])
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for (page, post) in self.facts.pages.iter().zip(&self.posts) {
            page.posts.close(post);
        }
    }
}

/// The protocol's name as people say it.
fn protocol(octets: &[u8]) -> &'static str {
    match header::version(octets) {
        Some(Version::V5) => "NetFlow v5",
        Some(Version::V9) => "NetFlow v9",
        Some(Version::Ipfix) => "IPFIX",
        None => "unknown version",
    }
}

/// Returns `2026-05-31 10:23:45`, UTC.
fn clock_text(time: SystemTime) -> String {
    let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH);
    let second = since_1970.unwrap_or_default().as_secs() % 86_400;
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!(
        "{} {hour:02}:{minute:02}:{:02}",
        Date::of(time),
        second % 60
    )
}

/// A Set of a Message, as its header says.
#[derive(Debug)]
struct SetSeen {
    id: u16,
    octets: usize,
    kind: SetKind,
    /// The IDs of the Templates that it defines.
    templates: Vec<u16>,
}

impl SetSeen {
    fn text(&self) -> String {
        let ids: Vec<_> = self.templates.iter().map(u16::to_string).collect();
        match self.kind {
            SetKind::Data => format!("Set {}, {} octets", self.id, self.octets),
            SetKind::Template => format!("Templates {}", ids.join(", ")),
            SetKind::OptionsTemplate => format!("Options Templates {}", ids.join(", ")),
            SetKind::Reserved => format!("Set {} (reserved), {} octets", self.id, self.octets),
        }
    }

    fn json(&self) -> String {
        object(&[
            ("id", self.id.to_string()),
            ("octets", self.octets.to_string()),
            ("templates", list(self.templates.iter().map(u16::to_string))),
        ])
    }
}

/// The Sets of a Message, as far as it was kept.
fn sets(octets: &[u8]) -> Vec<SetSeen> {
    let Some(version @ (Version::V9 | Version::Ipfix)) = header::version(octets) else {
        return Vec::new();
    };
    let Some(header) = Header::read(version, octets) else {
        return Vec::new();
    };
    let mut sets: Vec<Set> = Vec::new();
    // Of one that is cut off or malformed, the Sets before the fault are shown.
    let _ = read_sets(&header, octets, &mut sets);
    let seen = |set: &Set| {
        let kind = set.kind(version);
        let content = octets.get(set.content()).unwrap_or_default();
        let ids = |kind| {
            let records = TemplateRecords::new(version, kind, content);
            let ids = records.filter_map(|record| match record {
                Ok(TemplateRecord::Definition(definition)) => Some(definition.id()),
                _ => None,
            });
            ids.collect()
        };
        SetSeen {
            id: set.id,
            octets: set.content().len() + mediator::wire::SET_HEADER_OCTETS,
            kind,
            templates: match kind {
                SetKind::Template => ids(TemplateKind::Flow),
                SetKind::OptionsTemplate => ids(TemplateKind::Options),
                SetKind::Data | SetKind::Reserved => Vec::new(),
            },
        }
    };
    sets.iter().map(seen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_in_any_order_and_faults_are_named() {
        let read = |line: &str| Options::read(&line.split(' ').collect::<Vec<_>>());
        let options = read("--with-as --source 192.0.2.1 json -v").unwrap();
        assert!(options.with_as && options.verbose && !options.records);
        assert_eq!(options.form, Form::Json);
        assert_eq!(options.exporter, Some([192, 0, 2, 1].into()));
        assert!(read("--address 2001:db8::1").unwrap().want().records);
        assert_eq!(read("--source").unwrap_err(), "--source: which address?");
        assert_eq!(read("--source x").unwrap_err(), "x: no IP address");
        assert!(read("--all").unwrap_err().starts_with("watch [json]"));
    }

    #[test]
    fn a_time_is_shown_as_people_write_it() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_223_025);
        assert_eq!(clock_text(time), "2026-05-31 10:23:45");
    }

    #[test]
    fn the_sets_of_a_message_are_named_with_their_templates() {
        // IPFIX: Template 256 with one field, then a Data Set of it.
        let mut octets = vec![0, 10, 0, 36];
        octets.extend([0; 12]);
        octets.extend([0, 2, 0, 12, 1, 0, 0, 1, 0, 8, 0, 4]);
        octets.extend([1, 0, 0, 8, 1, 2, 3, 4]);
        let shown: Vec<_> = sets(&octets).iter().map(SetSeen::text).collect();
        assert_eq!(shown, ["Templates 256", "Set 256, 8 octets"]);
        assert!(sets(&octets[..3]).is_empty());
    }
}
