//! Data Sets that leave: enriched, untouched, or raw.
//!
//! Not here: Template Sets (`templates`); what may differ in a record (`projection`).
//! Bound: looks through what waits in one session, only after something was wrong.

use super::{Judge, Law};
use crate::collector::{Content, DataSet, SessionKey, SetSeen};
use crate::framing::{Header, Version};
use crate::octets::{all_zero, hex};
use crate::projection::{Relation, compare, relation};
use crate::promise::{Side, judge};
use crate::stream::{Expected, is_nothing};
use crate::template::{Field, Kind, Records, Template};
use std::rc::Rc;

impl Judge {
    /// Judges one Data Set, or a Set that nobody can read; returns whether it may have left raw.
    pub(super) fn data(&mut self, session: &SessionKey, header: &Header, set: &SetSeen) -> bool {
        if is_nothing(set) {
            return true;
        }
        let mut first = 0;
        loop {
            if first == 0
                && let Some(may_be_raw) = self.tick_unchanged(session, header, set)
            {
                return may_be_raw;
            }
            let ticked = match &set.content {
                Content::Data(sent) => self.tick_records(session, header, set, sent, first),
                Content::Templates(_) | Content::Unread => 0,
            };
            first += ticked;
            if ticked > 0 && first >= set.records_count() {
                return false;
            }
            if ticked == 0 && !self.move_on(session, set) {
                let shown = hex(&set.body, 60);
                let (id, law) = match set.content {
                    Content::Unread => (set.id, Law::NoHarm),
                    _ => (set.id, Law::Projection),
                };
                let what = format!("{session:?}: record {first} of Set {id} did not come: {shown}");
                self.breach(law, what);
                return false;
            }
        }
    }

    /// Ticks off a Set that leaves with the octets that it came with, and returns whether it may
    /// have left raw.
    ///
    /// Nobody could read it when it came: a Template that another port lent may be doubted again,
    /// while the collector keeps it. Or the numbers of its session went back, which can always be
    /// a restart [`Numbers`](crate::sequence::Numbers): then the exporter may mean something else
    /// by every Template that it announced before, and doubt means raw.
    fn tick_unchanged(
        &mut self,
        session: &SessionKey,
        header: &Header,
        set: &SetSeen,
    ) -> Option<bool> {
        let stream = self.streams.get_mut(session)?;
        let may_be_restarted = stream.came.steps_back() > 0;
        let expected = stream.queue.front_mut()?;
        let same = |index: &usize| {
            let item = &expected.items[*index];
            item.next == 0 && item.set.id == set.id && item.set.body == set.body
        };
        let eligible = expected.eligible(&stream.current);
        let index = eligible.into_iter().find(same)?;
        let came = expected.items[index].set.clone();
        let records = expected.items[index].records_count();
        expected.tick(index, records);
        let times = expected.header;
        self.times(&times, header);
        self.unchanged(session, &came, set);
        Some(may_be_restarted || came.content == Content::Unread)
    }

    /// L1 of a Set whose octets stayed: they must still mean the same.
    fn unchanged(&mut self, session: &SessionKey, came: &SetSeen, left: &SetSeen) {
        match (&came.content, &left.content) {
            (Content::Data(before), Content::Data(after)) => {
                if before.template == after.template {
                    self.tally.records_out += before.records.count();
                    for index in 0..before.records.count() {
                        self.promise(came, before, index, left, after, index);
                    }
                } else {
                    let what = format!("{session:?}: Set {} is read another way", left.id);
                    self.breach(Law::Readable, what);
                }
            }
            (Content::Data(_), _) => {
                let what = format!("{session:?}: Set {} can no longer be read", left.id);
                self.breach(Law::Readable, what);
            }
            (_, Content::Data(after)) => {
                let known = self.input.definitions(session, left.id);
                if known.contains(&after.template) {
                    self.tally.late += 1;
                } else {
                    let what = format!("{session:?}: Set {} is read by a clone", left.id);
                    self.breach(Law::Readable, what);
                }
            }
            _ => self.tally.raw += 1,
        }
    }

    /// Ticks off records of a Set that left by the exporter's Template or by a clone of it, and
    /// returns how many.
    fn tick_records(
        &mut self,
        session: &SessionKey,
        header: &Header,
        set: &SetSeen,
        sent: &DataSet,
        first: usize,
    ) -> usize {
        let Some((index, by)) = self.origin_of(session, header, set, sent, first) else {
            return 0;
        };
        let Some(expected) = self
            .streams
            .get_mut(session)
            .and_then(|stream| stream.queue.front_mut())
        else {
            return 0;
        };
        let item = &mut expected.items[index];
        if let Some(data) = by {
            item.set.content = Content::Data(data);
            self.tally.late += 1;
        }
        let came = item.set.clone();
        let next = item.next;
        let misplaced = item.overtaken && item.keeps_its_place();
        let left = sent.records.count() - first;
        let ticked = left.min(item.records_count() - next);
        expected.tick(index, ticked);
        let times = expected.header;
        self.times(&times, header);
        if misplaced {
            let what = format!("{session:?}: Set {} left behind a later one", came.id);
            self.breach(Law::Order, what);
        }
        self.records(session, &came, next, set, sent, first..first + ticked);
        ticked
    }

    /// Finds the item that a Set with `template` can be of; and, if the item could not be read
    /// when it came, how it can be read now.
    fn origin_of(
        &self,
        session: &SessionKey,
        header: &Header,
        set: &SetSeen,
        sent: &DataSet,
        first: usize,
    ) -> Option<(usize, Option<DataSet>)> {
        let template = &sent.template;
        let stream = self.streams.get(session)?;
        let expected = stream.queue.front()?;
        expected
            .eligible(&stream.current)
            .into_iter()
            .find_map(|index| {
                let item = &expected.items[index];
                match &item.set.content {
                    Content::Data(data) => {
                        relation(&data.template, template).map(|_| (index, None))
                    }
                    // A Set that was dropped must not be taken for a later one like it.
                    Content::Unread if !expected.header.same_times(header) => None,
                    Content::Unread => self
                        .read_late(session, &item.set, template)
                        .filter(|data| same_record(data, &item.set, sent, set, first))
                        .map(|data| (index, Some(data))),
                    Content::Templates(_) => None,
                }
            })
    }

    /// Reads a Set by a Template that came later, or from another port.
    fn read_late(
        &self,
        session: &SessionKey,
        set: &SetSeen,
        sent: &Rc<Template>,
    ) -> Option<DataSet> {
        let known = self.input.definitions(session, set.id);
        known
            .iter()
            .rev()
            .filter(|original| relation(original, sent).is_some())
            .find_map(|original| {
                let records = Records::read(original, &set.body).ok()?;
                Some(DataSet {
                    template: Rc::clone(original),
                    records,
                    ahead: true,
                })
            })
    }

    /// L2, record by record.
    fn records(
        &mut self,
        session: &SessionKey,
        came: &SetSeen,
        next: usize,
        left: &SetSeen,
        sent: &DataSet,
        range: std::ops::Range<usize>,
    ) {
        let Content::Data(original) = &came.content else {
            return;
        };
        self.tally.records_out += range.len();
        if relation(&original.template, &sent.template) == Some(Relation::Clone) {
            self.tally.cloned += range.len();
            self.padding(session, left, sent);
        }
        for (offset, index) in range.enumerate() {
            let kind = original.template.kind;
            let before = fields(original, came, next + offset);
            let after = fields(sent, left, index);
            let compared = compare(kind, before.into_iter(), after.into_iter());
            if let Err(why) = compared {
                let what = format!("{session:?}: record {index} of Set {}: {why}", left.id);
                self.breach(Law::Projection, what);
            }
            self.promise(came, original, next + offset, left, sent, index);
        }
    }

    /// S2, S3: the padding of a Set that we built.
    fn padding(&mut self, session: &SessionKey, left: &SetSeen, sent: &DataSet) {
        let padding = sent.records.padding(&left.body);
        let aligned = left.body.len().is_multiple_of(4) || sent.template.record_octets_min() < 4;
        let wrong = padding.len() > 3
            || padding.len() >= sent.template.record_octets_min()
            || !all_zero(padding)
            || session.version == Version::V9 && !aligned;
        if wrong {
            let what = format!("{session:?}: Set {} ends in {padding:?}", left.id);
            self.breach(Law::Readable, what);
        }
    }

    fn promise(
        &mut self,
        came: &SetSeen,
        original: &DataSet,
        before: usize,
        left: &SetSeen,
        sent: &DataSet,
        after: usize,
    ) {
        let Some(origin) = self.bench.origin else {
            return;
        };
        if original.template.kind != Kind::Data {
            return;
        }
        let before = fields(original, came, before);
        let after = fields(sent, left, after);
        for side in [Side::Source, Side::Destination] {
            self.verdict(judge(side, &before, &after, origin));
        }
    }

    /// Leaves the oldest Message behind, because what left now is of a later one; false if it is
    /// of none.
    fn move_on(&mut self, session: &SessionKey, set: &SetSeen) -> bool {
        let Some(stream) = self.streams.get(session) else {
            return false;
        };
        let later = |expected: &Expected| {
            expected.items.iter().any(|item| match &item.set.content {
                _ if item.done => false,
                Content::Data(data) => match &set.content {
                    Content::Data(sent) => relation(&data.template, &sent.template).is_some(),
                    _ => item.set.id == set.id && item.set.body == set.body,
                },
                Content::Unread => match &set.content {
                    Content::Data(sent) => {
                        self.read_late(session, &item.set, &sent.template).is_some()
                    }
                    _ => item.set.id == set.id && item.set.body == set.body,
                },
                Content::Templates(_) => false,
            })
        };
        stream.queue.iter().skip(1).any(later) && self.skip_head(session, true)
    }
}

/// Whether a Set that was unreadable when it came begins with the record that leaves.
fn same_record(
    came: &DataSet,
    came_in: &SetSeen,
    left: &DataSet,
    left_in: &SetSeen,
    first: usize,
) -> bool {
    let before = fields(came, came_in, 0);
    let after = fields(left, left_in, first);
    compare(came.template.kind, before.into_iter(), after.into_iter()).is_ok()
}

fn fields<'a>(data: &'a DataSet, set: &'a SetSeen, index: usize) -> Vec<Field<'a>> {
    data.records
        .fields(&data.template, &set.body, index)
        .collect()
}
