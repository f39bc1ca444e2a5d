//! What a new configuration changes while the daemon runs, and what only at its next start.
//!
//! Not here: carrying it out (`daemon`, `pipeline::worker`).

use std::fmt::{self, Display};

use super::types::{Config, Enrichment, Forwarding, General};

/// The differences between two configurations, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What takes effect at once.
    pub at_once: Vec<Change>,
    /// What takes effect at the next start.
    pub at_restart: Vec<Change>,
}

/// A key that has another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `section.key`.
    pub key: String,
    /// What it was; empty if it was not written.
    pub before: Vec<String>,
    /// What it is.
    pub after: Vec<String>,
}

impl Changes {
    /// Compares what runs, what will run, and what was wanted.
    #[must_use]
    pub fn between(running: &Config, taken: &Config, wanted: &Config) -> Self {
        Self {
            at_once: differences(running, taken),
            at_restart: differences(taken, wanted),
        }
    }

    /// Says that everything is as it was.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.at_once.is_empty() && self.at_restart.is_empty()
    }

    /// How much changed, in half a sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        let (at_once, at_restart) = (self.at_once.len(), self.at_restart.len());
        format!(
            "{at_once} keys changed, {at_restart} change at the next start; AS data read again, \
             log file opened again"
        )
    }

    /// A sentence for each change.
    pub fn sentences(&self) -> impl Iterator<Item = String> {
        let at_once = self.at_once.iter().map(Change::to_string);
        let at_restart = self.at_restart.iter();
        at_once.chain(at_restart.map(|change| format!("{change}, at the next start")))
    }
}

impl Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.key)?;
        if let ([before], [after]) = (&self.before[..], &self.after[..]) {
            return write!(f, "{before} is now {after}");
        }
        let gone = self.before.iter().filter(|one| !self.after.contains(one));
        let new = self.after.iter().filter(|one| !self.before.contains(one));
        let signed = gone
            .map(|one| format!("- {one}"))
            .chain(new.map(|one| format!("+ {one}")));
        let signed: Vec<_> = signed.collect();
        if signed.is_empty() {
            return f.write_str("in another order");
        }
        f.write_str(&signed.join(" "))
    }
}

impl Config {
    /// Returns this configuration with everything of `wanted` that can change while the daemon
    /// runs.
    #[must_use]
    pub fn taking_what_can_change(&self, wanted: &Self) -> Self {
        let wanted = wanted.clone();
        Self {
            general: General {
                allow_exporters: wanted.general.allow_exporters,
                ..self.general.clone()
            },
            exporters: wanted.exporters,
            enrichment: Enrichment {
                as_extraction: wanted.enrichment.as_extraction,
                missing_fields: wanted.enrichment.missing_fields,
                as_providers: wanted.enrichment.as_providers,
                unusable_as: wanted.enrichment.unusable_as,
                static_prefixes: wanted.enrichment.static_prefixes,
                as_databases: wanted.enrichment.as_databases,
                mrt_files: wanted.enrichment.mrt_files,
                bgp: wanted.enrichment.bgp,
                bmp: wanted.enrichment.bmp,
                routes_grace: wanted.enrichment.routes_grace,
                ..self.enrichment.clone()
            },
            forwarding: Forwarding {
                template_refresh: wanted.forwarding.template_refresh,
                hold_time: wanted.forwarding.hold_time,
                malformed: wanted.forwarding.malformed,
                unknown_versions: wanted.forwarding.unknown_versions,
                ..self.forwarding.clone()
            },
            ..self.clone()
        }
    }
}

fn differences(one: &Config, other: &Config) -> Vec<Change> {
    let (before, after) = (values(&one.dump()), values(&other.dump()));
    let of = |values: &[(String, Vec<String>)], key: &str| {
        let known = values.iter().find(|(known, _)| known == key);
        known.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let only_after = after
        .iter()
        .filter(|(key, _)| !before.iter().any(|(known, _)| known == key));
    let keys = before.iter().chain(only_after).map(|(key, _)| key);
    let changes = keys.map(|key| Change {
        key: key.clone(),
        before: of(&before, key),
        after: of(&after, key),
    });
    changes
        .filter(|change| change.before != change.after)
        .collect()
}

/// Reads the dump of a configuration: each key with its value, or a line for each of its entries.
fn values(dump: &str) -> Vec<(String, Vec<String>)> {
    let mut values: Vec<(String, Vec<String>)> = Vec::new();
    let mut section = "";
    for line in dump.lines() {
        let text = line.trim_start();
        if let Some(entry) = text.strip_prefix("- ") {
            if let Some((_, entries)) = values.last_mut() {
                entries.push(entry.to_owned());
            }
            continue;
        }
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        let key = if text.len() == line.len() {
            section = name;
            name.to_owned()
        } else {
            format!("{section}.{name}")
        };
        let value = Some(value.trim()).filter(|value| !matches!(*value, "" | "[]"));
        values.push((key, value.into_iter().map(str::to_owned).collect()));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigFile;

    fn config(text: &str) -> Config {
        let file = ConfigFile::parse(text.as_bytes()).unwrap();
        file.check().unwrap().config
    }

    fn sentences(running: &str, wanted: &str) -> Vec<String> {
        let (running, wanted) = (config(running), config(wanted));
        let taken = running.taking_what_can_change(&wanted);
        let changes = Changes::between(&running, &taken, &wanted);
        changes.sentences().collect()
    }

    #[test]
    fn a_change_is_said_with_both_values_and_when_it_takes_effect() {
        let said = sentences(
            "general: {listen_port: 2055}\nforwarding: {hold_time: 1s}\n",
            "general: {listen_port: 9995}\nforwarding: {hold_time: 2s}\n",
        );
        assert_eq!(
            said,
            [
                "forwarding.hold_time: 1s is now 2s",
                "general.listen_port: 2055 is now 9995, at the next start",
            ]
        );
    }

    #[test]
    fn entries_of_lists_are_said_one_by_one() {
        let prefixes = |list: &str| format!("enrichment: {{static_prefixes: [{list}]}}\n");
        let one = "{prefix: 192.0.2.0/24, as: 64500}";
        let other = "{prefix: 198.51.100.0/24, as: 64501}";
        let said = sentences(&prefixes(one), &prefixes(&format!("{one}, {other}")));
        let shown = "+ {prefix: \"198.51.100.0/24\", as: 64501}";
        assert_eq!(said, [format!("enrichment.static_prefixes: {shown}")]);
        let both = prefixes(&format!("{one}, {other}"));
        let turned = prefixes(&format!("{other}, {one}"));
        let said = sentences(&both, &turned);
        assert_eq!(said, ["enrichment.static_prefixes: in another order"]);
    }

    #[test]
    fn the_same_file_changes_nothing() {
        let text = "exporters: [{match: 192.0.2.1, name: one}]\n";
        assert_eq!(sentences(text, text), [""; 0]);
    }
}
