//! All numbers at one moment.
//!
//! Not here: what the numbers are called (`catalogue`), how they are shown (the faces).

use crate::catalogue::Entry;

/// One number, with the values of its entry's labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// As many as the entry has labels, in that order.
    pub labels: Vec<String>,
    /// The number, in the entry's unit.
    pub value: u64,
}

/// The rows of one entry.
#[derive(Clone, Debug)]
pub struct Family {
    /// What they are.
    pub entry: &'static Entry,
    /// At least one.
    pub rows: Vec<Row>,
}

/// All numbers at one moment, in the order in which they were put in.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    families: Vec<Family>,
}

impl Snapshot {
    /// Puts in the number of an entry without labels.
    pub fn put(&mut self, entry: &'static Entry, value: u64) {
        self.put_at(entry, Vec::new(), value);
    }

    /// Puts in a number for each value of the entry's only label.
    pub fn put_each<L: Into<String>>(
        &mut self,
        entry: &'static Entry,
        rows: impl IntoIterator<Item = (L, u64)>,
    ) {
        for (label, value) in rows {
            self.put_at(entry, vec![label.into()], value);
        }
    }

    /// Puts in a number with the values of all labels of the entry.
    pub fn put_at(&mut self, entry: &'static Entry, labels: Vec<String>, value: u64) {
        debug_assert_eq!(labels.len(), entry.labels.len(), "{}", entry.name);
        let row = Row { labels, value };
        match self
            .families
            .iter_mut()
            .find(|one| std::ptr::eq(one.entry, entry))
        {
            Some(family) => family.rows.push(row),
            None => self.families.push(Family {
                entry,
                rows: vec![row],
            }),
        }
    }

    /// The rows, by entry.
    #[must_use]
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// Returns the number of an entry without labels, or the sum over all labels.
    #[must_use]
    pub fn sum(&self, entry: &Entry) -> Option<u64> {
        let family = self
            .families
            .iter()
            .find(|one| std::ptr::eq(one.entry, entry))?;
        Some(family.rows.iter().map(|row| row.value).sum())
    }
}
