//! One session as it should come out: what went in, in order, ticked off as it leaves.
//!
//! A stream is a queue of Messages, each a list of [`Item`]s. An outgoing Set must be the next
//! one, but for what law L8 allows: a Set that leaves raw may follow the others of its Message,
//! a Data Set in front of its own Template may follow that, Data Sets whose Template was
//! unknown when they came may leave raw or, once it came, by it.
//!
//! Not here: Template Sets' and Data Sets' meaning (`collector`), what may differ between
//! records (`projection`), who is told (`judge`).
//! Bound: everything that went in and did not come out yet.

use crate::collector::{Content, DataSet, MessageSeen, SetSeen};
use crate::finding::Finding;
use crate::framing::{Header, Version};
use crate::octets::all_zero;
use crate::sequence::Numbers;
use crate::template::Template;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// A session between the mediator's two sides.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// What did not leave completely, oldest first.
    pub(crate) queue: VecDeque<Expected>,
    /// The exporter's Templates as this session's collector knows them.
    pub(crate) current: HashMap<u16, Rc<Template>>,
    /// Whether some of its data was read by a Template that only another port announced. It may
    /// be another Template under the same ID, so that the records were counted wrongly.
    pub(crate) borrows: bool,
    /// Sequence Numbers in.
    pub(crate) came: Numbers,
    /// Sequence Numbers out.
    pub(crate) left: Numbers,
}

/// A Message that must leave.
#[derive(Debug)]
pub(crate) struct Expected {
    /// Its header as it came.
    pub(crate) header: Header,
    /// The octets behind the header.
    pub(crate) body: Vec<u8>,
    /// Whether its lengths contradict each other.
    pub(crate) malformed: bool,
    /// How many records of v5, which has no Sets, left.
    pub(crate) v5_next: usize,
    /// Whether something in it is wrong, so that it may leave whole and unchanged.
    pub(crate) doubtful: bool,
    /// Its Sets.
    pub(crate) items: Vec<Item>,
}

/// A Set that must leave.
#[derive(Debug)]
pub(crate) struct Item {
    /// The Set as it came.
    pub(crate) set: SetSeen,
    /// How many of its records left.
    pub(crate) next: usize,
    /// Whether all of it left.
    pub(crate) done: bool,
    /// Its Templates that left already, as repetitions or ahead of the Message.
    pub(crate) announced: Vec<Rc<Template>>,
    /// Whether something behind it left before it.
    pub(crate) overtaken: bool,
}

impl Expected {
    /// Returns what must become of a Message that came.
    pub(crate) fn new(message: &MessageSeen, header: Header) -> Self {
        let malformed = message.is_malformed();
        let items = message
            .sets
            .iter()
            .filter(|set| !is_nothing(set))
            .map(|set| Item {
                set: set.clone(),
                next: 0,
                done: false,
                announced: Vec::new(),
                overtaken: false,
            })
            .collect();
        Self {
            header,
            body: message.body().to_vec(),
            malformed,
            v5_next: 0,
            doubtful: message.findings.iter().any(is_doubtful),
            items,
        }
    }

    /// Whether nothing of it left so far.
    pub(crate) fn is_untouched(&self) -> bool {
        self.items.iter().all(|item| !item.done && item.next == 0)
    }

    /// Whether nothing is left to leave.
    pub(crate) fn is_done(&self) -> bool {
        let v5_left = match self.header.version {
            Version::V5 => usize::from(self.header.stated) > self.v5_next,
            Version::V9 | Version::Ipfix => false,
        };
        !self.malformed && !v5_left && self.items.iter().all(|item| item.done)
    }

    /// The items that may leave next, by their index.
    ///
    /// The first that did not leave; and behind it what may overtake it: data may still leave
    /// raw, so it stops nobody; Templates stop everybody unless the collector has them already.
    pub(crate) fn eligible(&self, current: &HashMap<u16, Rc<Template>>) -> Vec<usize> {
        let mut found = Vec::new();
        for (index, item) in self.items.iter().enumerate() {
            if item.done {
                continue;
            }
            found.push(index);
            if item.next > 0 || !item.may_wait(current) {
                break;
            }
        }
        found
    }

    /// Whether data that could be read when it came stands before an item and did not leave.
    pub(crate) fn overtakes_data(&self, index: usize) -> bool {
        let earlier = self.items.iter().take(index);
        earlier.filter(|item| !item.done).any(Item::keeps_its_place)
    }

    /// Ticks off an item and marks those that it overtook.
    pub(crate) fn tick(&mut self, index: usize, records: usize) {
        for earlier in &mut self.items[..index] {
            earlier.overtaken |= !earlier.done;
        }
        let item = &mut self.items[index];
        item.next += records;
        item.done = item.next >= item.records_count();
    }
}

impl Item {
    /// Records of the Set, of either kind; 1 if it cannot be read, so that it leaves in one piece.
    pub(crate) fn records_count(&self) -> usize {
        match &self.set.content {
            Content::Templates(templates) => templates.len(),
            Content::Data(data) => data.records.count(),
            Content::Unread => 1,
        }
    }

    /// The Template Records that did not leave so far.
    pub(crate) fn templates(&self) -> &[Rc<Template>] {
        match &self.set.content {
            Content::Templates(templates) => templates.get(self.next..).unwrap_or_default(),
            Content::Data(_) | Content::Unread => &[],
        }
    }

    /// How the Set was read when it came.
    pub(crate) fn data(&self) -> Option<&DataSet> {
        match &self.set.content {
            Content::Data(data) => Some(data),
            Content::Templates(_) | Content::Unread => None,
        }
    }

    /// Whether it must keep its place if it leaves enriched.
    pub(crate) fn keeps_its_place(&self) -> bool {
        self.data().is_some_and(|data| !data.ahead)
    }

    /// Whether what stands behind it may leave first.
    fn may_wait(&self, current: &HashMap<u16, Rc<Template>>) -> bool {
        match &self.set.content {
            Content::Templates(_) => self
                .templates()
                .iter()
                .all(|template| current.get(&template.id) == Some(template)),
            Content::Data(_) | Content::Unread => true,
        }
    }
}

/// Whether somebody could take the whole Message for malformed because of it.
fn is_doubtful(finding: &Finding) -> bool {
    matches!(
        finding,
        Finding::BadTemplates { .. }
            | Finding::ReservedSet { .. }
            | Finding::Trailing { .. }
            | Finding::Unfit { .. }
    )
}

/// Whether a Set says nothing: no records, and nothing that could be one.
pub(crate) fn is_nothing(set: &SetSeen) -> bool {
    match &set.content {
        Content::Templates(templates) => templates.is_empty(),
        Content::Data(data) => data.records.count() == 0 && all_zero(&set.body),
        Content::Unread => set.body.is_empty(),
    }
}
