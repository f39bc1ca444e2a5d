//! A mapping of the file and its keys, read one after the other.
//!
//! Opening a mapping refuses keys it does not know and keys it has twice; reading a key notes what
//! is wrong with its value and goes on with the default, so that one reading finds every fault.
//!
//! Not here: which keys there are (`check`), what single values mean (`value`).

use std::collections::HashMap;

use super::fault::{Report, Wrong};
use super::near::nearest;
use super::node::{Node, Value};
use super::{keys, not_yet};

/// A mapping with the name of its place.
#[derive(Clone, Debug)]
pub(super) struct Section<'a> {
    /// As in the table of keys: `exporters[]`.
    place: String,
    /// As faults say it: `exporters[0]`.
    label: String,
    /// Where it begins.
    pub(super) line: u32,
    entries: &'a [(String, Node)],
}

impl<'a> Section<'a> {
    /// Opens the file itself.
    pub(super) fn root(report: &mut Report, node: &'a Node) -> Self {
        Self::open(report, String::new(), String::new(), node)
    }

    /// Opens the mapping behind `name`; one that is not there is empty.
    pub(super) fn section(&self, report: &mut Report, name: &str) -> Self {
        let label = self.label(name);
        let place = match self.place.as_str() {
            "" => name.to_owned(),
            place => format!("{place}.{name}"),
        };
        match self.written(name) {
            Some(node) => Self::open(report, place, label, node),
            None => Self {
                place,
                label,
                line: 0,
                entries: &[],
            },
        }
    }

    fn open(report: &mut Report, place: String, label: String, node: &'a Node) -> Self {
        let entries: &[_] = match &node.value {
            Value::Map(entries) => entries,
            Value::Nothing => &[],
            Value::Text(_) | Value::List(_) => {
                let names = keys::names_in(&place).join(", ");
                let remedy = format!("write keys and values; the keys are {names}");
                report.fault(
                    node.line,
                    &label,
                    node.shown(),
                    Wrong::new("no mapping", remedy),
                );
                &[]
            }
        };
        let section = Self {
            place,
            label,
            line: node.line,
            entries,
        };
        section.refuse_strangers(report);
        section
    }

    fn refuse_strangers(&self, report: &mut Report) {
        let known = keys::names_in(&self.place);
        let mut lines = HashMap::new();
        for (name, node) in self.entries {
            let wrong = if !known.contains(&name.as_str()) {
                stranger(name, &known)
            } else if let Some(line) = lines.insert(name.as_str(), node.line) {
                let problem = format!("written twice, first on line {line}");
                Wrong::new(problem, "keep one of the two")
            } else {
                continue;
            };
            report.fault(node.line, &self.label(name), node.shown(), wrong);
        }
    }

    /// Returns `section.name`, as faults say it.
    pub(super) fn label(&self, name: &str) -> String {
        if self.label.is_empty() {
            return name.to_owned();
        }
        format!("{}.{name}", self.label)
    }

    /// Returns what is written behind `name`; an empty value is not written.
    pub(super) fn written(&self, name: &str) -> Option<&'a Node> {
        let entry = self.entries.iter().find(|(key, _)| key == name);
        let node = entry.map(|(_, node)| node);
        node.filter(|node| node.value != Value::Nothing)
    }

    /// Notes that something is wrong with what is written behind `name`, or with its absence.
    pub(super) fn fault(&self, report: &mut Report, name: &str, wrong: Wrong) {
        let node = self.written(name);
        let line = node.map_or(self.line, |node| node.line);
        report.fault(line, &self.label(name), node.and_then(Node::shown), wrong);
    }

    /// Reads a single value.
    pub(super) fn value<T: PartialEq>(
        &self,
        report: &mut Report,
        name: &str,
        default: T,
        read: impl FnOnce(&Node) -> Result<T, Wrong>,
    ) -> T {
        let Some(node) = self.written(name) else {
            return default;
        };
        match read(node) {
            Ok(meant) => {
                self.refuse_lacking(report, name, meant != default);
                meant
            }
            Err(wrong) => {
                self.fault(report, name, wrong);
                report.unread(self.label(name));
                default
            }
        }
    }

    /// Reads a single value that has no default.
    pub(super) fn optional<T: PartialEq>(
        &self,
        report: &mut Report,
        name: &str,
        read: impl FnOnce(&Node) -> Result<T, Wrong>,
    ) -> Option<T> {
        self.value(report, name, None, |node| read(node).map(Some))
    }

    /// Reads a single value that must be there; `None` if something is wrong with it.
    pub(super) fn required<T: PartialEq>(
        &self,
        report: &mut Report,
        name: &str,
        read: impl FnOnce(&Node) -> Result<T, Wrong>,
    ) -> Option<T> {
        if self.written(name).is_none() {
            let wrong = Wrong::new("missing", "write it or remove the entry");
            self.fault(report, name, wrong);
        }
        self.optional(report, name, read)
    }

    /// Reads a list of single values.
    pub(super) fn list<T: PartialEq>(
        &self,
        report: &mut Report,
        name: &str,
        default: Vec<T>,
        mut read: impl FnMut(&Node) -> Result<T, Wrong>,
    ) -> Vec<T> {
        let label = self.label(name);
        self.entries_of(report, name, default, |report, index, node| {
            let label = format!("{label}[{index}]");
            let noted = |wrong| report.fault(node.line, &label, node.shown(), wrong);
            read(node).map_err(noted).ok()
        })
    }

    /// Reads a list of mappings.
    pub(super) fn items<T: PartialEq>(
        &self,
        report: &mut Report,
        name: &str,
        default: Vec<T>,
        mut read: impl FnMut(&mut Report, &Self) -> Option<T>,
    ) -> Vec<T> {
        let place = match self.place.as_str() {
            "" => format!("{name}[]"),
            place => format!("{place}.{name}[]"),
        };
        let label = self.label(name);
        self.entries_of(report, name, default, |report, index, node| {
            let item = Self::open(report, place.clone(), format!("{label}[{index}]"), node);
            // Whoever wrote no mapping need not hear which of its keys are missing.
            let is_mapping = matches!(node.value, Value::Map(_) | Value::Nothing);
            is_mapping.then(|| read(report, &item)).flatten()
        })
    }

    /// Reads a list; the default stands in for one with a wrong entry.
    fn entries_of<T: PartialEq>(
        &self,
        report: &mut Report,
        name: &str,
        default: Vec<T>,
        mut read: impl FnMut(&mut Report, usize, &'a Node) -> Option<T>,
    ) -> Vec<T> {
        let Some(node) = self.written(name) else {
            return default;
        };
        let Value::List(nodes) = &node.value else {
            let remedy = "write [one, two], or each behind a dash on a line of its own";
            self.fault(report, name, Wrong::new("no list", remedy));
            report.unread(self.label(name));
            return default;
        };
        let nodes = nodes.iter().enumerate();
        // All entries are read, so that all their faults are found.
        let read: Vec<Option<T>> = nodes
            .map(|(index, node)| read(report, index, node))
            .collect();
        match read.into_iter().collect::<Option<Vec<T>>>() {
            Some(list) => {
                self.refuse_lacking(report, name, list != default);
                list
            }
            None => {
                report.unread(self.label(name));
                default
            }
        }
    }

    fn refuse_lacking(&self, report: &mut Report, name: &str, is_asked: bool) {
        if !is_asked {
            return;
        }
        if let Some(lack) = not_yet::lack(&format!("{}.{name}", self.place)) {
            let problem = format!("not in this version: {lack}");
            self.fault(report, name, Wrong::new(problem, "leave the key out"));
        }
    }
}

impl Node {
    /// Returns the value, if it is a single one.
    pub(super) fn shown(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Nothing | Value::List(_) | Value::Map(_) => None,
        }
    }
}

fn stranger(name: &str, known: &[&str]) -> Wrong {
    let remedy = if let Some(meant) = nearest(name, known) {
        format!("did you mean `{meant}`?")
    } else if let Some(parent) = keys::parents_of(name).next() {
        format!("it belongs into `{parent}`")
    } else {
        format!("the keys here are {}", known.join(", "))
    };
    Wrong::new("unknown key", remedy)
}
