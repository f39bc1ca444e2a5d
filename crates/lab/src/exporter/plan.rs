//! What goes into one Message, and in which order.
//!
//! A Message mixes announcements, data and oddities in any order. What a Set is written by is
//! decided where it stands: data in front of a redefinition is of the old definition, data behind
//! it of the new one; data of an ID that was never announced may stand in front of its Template.
//!
//! Not here: headers and Sequence Numbers (`exporter`).
//! Bound: the largest Message of the habits, or one record or Template that is larger.

use super::{Exporter, Known, SetTruth, encode, shape, value};
use crate::exporter::habits::{Order, Padding};
use crate::framing::Version;
use crate::template::{Kind, Template};
use std::rc::Rc;

/// What the other side knows of a Template ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Never announced.
    Unheard,
    /// The present definition.
    Announced,
    /// Nothing: the last announcement could not be read.
    Broken,
    /// An older definition, so that no data may be sent before a new announcement.
    Stale,
}

/// A part of a Message, before it is written.
#[derive(Clone, Debug)]
pub(super) enum Planned {
    /// A Set of definitions of one kind, and withdrawals behind them.
    Templates(Vec<Rc<Template>>),
    /// Data of this Template ID.
    Data(u16),
    /// A Set of withdrawals.
    Withdraw(u16),
    /// A Set with an ID that is not assigned.
    Reserved,
    /// A Set with octets that do not fit its Template.
    Misfit(u16),
    /// A Set that ends within a definition of this ID.
    Broken(u16),
}

/// A Message while it is written.
#[derive(Debug)]
pub(super) struct Draft {
    octets_max: usize,
    octets: usize,
    pub(super) sets: Vec<Vec<u8>>,
    pub(super) truths: Vec<SetTruth>,
}

impl Draft {
    pub(super) fn new(version: Version, octets_max: usize) -> Self {
        Self {
            octets_max,
            octets: version.header_octets(),
            sets: Vec::new(),
            truths: Vec::new(),
        }
    }

    fn room(&self) -> usize {
        self.octets_max.saturating_sub(self.octets)
    }

    fn push(&mut self, set: Vec<u8>, truth: SetTruth) {
        self.octets += set.len();
        self.sets.push(set);
        self.truths.push(truth);
    }

    pub(super) fn zero_fill(&mut self, octets: usize) {
        let octets = octets.min(self.room());
        self.sets.push(vec![0; octets]);
    }

    /// Says of data whose Template was unknown whether one stands behind it in the Message.
    pub(super) fn settle(&mut self) {
        let mut behind: Vec<Rc<Template>> = Vec::new();
        for truth in self.truths.iter_mut().rev() {
            match truth {
                SetTruth::Templates(templates) => behind.extend(templates.iter().cloned()),
                SetTruth::Data {
                    template, readable, ..
                } => *readable |= behind.contains(template),
                SetTruth::Unreadable(_) => {}
            }
        }
    }

    /// Template and Data Records, as the v9 count has them.
    pub(super) fn records_count(&self) -> usize {
        self.truths
            .iter()
            .map(|truth| match truth {
                SetTruth::Templates(templates) => templates.len(),
                SetTruth::Data { records, .. } => records.len(),
                SetTruth::Unreadable(_) => 1,
            })
            .sum()
    }

    /// Data Records, as the IPFIX Sequence Number has them.
    pub(super) fn data_records_count(&self) -> u32 {
        let count: usize = self
            .truths
            .iter()
            .map(|truth| match truth {
                SetTruth::Data { records, .. } => records.len(),
                SetTruth::Templates(_) | SetTruth::Unreadable(_) => 0,
            })
            .sum();
        u32::try_from(count).unwrap_or(0)
    }
}

impl Exporter {
    /// Decides what the next Message of a domain holds.
    pub(super) fn plan(&mut self, index: usize) -> Vec<Planned> {
        let announced = self.announcements(index);
        let mut planned = self.template_sets(announced);
        let ids: Vec<u16> = self.domains[index]
            .known
            .iter()
            .map(|known| known.template.id)
            .collect();
        if !ids.is_empty() {
            for _ in 0..self.random.between(0, 6) {
                planned.push(Planned::Data(*self.random.pick(&ids)));
            }
            self.oddities(&ids, &mut planned);
        }
        self.random.shuffle(&mut planned);
        if self.habits.order == Order::TemplatesFirst {
            planned.sort_by_key(|part| !matches!(part, Planned::Templates(_)));
        }
        planned
    }

    fn oddities(&mut self, ids: &[u16], planned: &mut Vec<Planned>) {
        let id = *self.random.pick(ids);
        let ipfix = self.identity.version == Version::Ipfix;
        if ipfix && self.random.chance(self.habits.withdraws) {
            planned.push(Planned::Withdraw(id));
        }
        if self.random.chance(self.habits.flaws) {
            let announced = planned.iter().any(|part| match part {
                Planned::Templates(templates) => templates.iter().any(|known| known.id == id),
                _ => false,
            });
            planned.push(match self.random.between(0, 2) {
                0 => Planned::Reserved,
                1 => Planned::Misfit(id),
                // What cannot be read may leave last: it must not take a new definition away.
                _ if announced => Planned::Reserved,
                _ => Planned::Broken(id),
            });
        }
    }

    /// The definitions that this Message announces: due, refreshed, new, changed. One for each ID.
    fn announcements(&mut self, index: usize) -> Vec<Rc<Template>> {
        self.invent(index);
        let domain = &mut self.domains[index];
        let refresh = domain.until_refresh == 0;
        domain.until_refresh = match domain.until_refresh {
            0 => self.habits.refresh_messages,
            left => left - 1,
        };
        let mut announced = Vec::new();
        for known in &mut domain.known {
            let due = match known.standing {
                Standing::Announced => refresh,
                _ => known.late == 0,
            };
            known.late = known.late.saturating_sub(1);
            if due {
                announced.push(Rc::clone(&known.template));
            }
        }
        self.redefine(index, &mut announced);
        announced
    }

    fn invent(&mut self, index: usize) {
        let few = self.domains[index].known.len() < 8;
        let none = self.domains[index].known.is_empty();
        if !(none || few && self.random.chance(self.habits.invents)) {
            return;
        }
        let Some(id) = self.new_id(index) else {
            return;
        };
        let version = self.identity.version;
        let template = self.shape(version, id);
        let late = match self.random.chance(self.habits.late) {
            true => u32::from(self.random.next_u8() % 6),
            false => 0,
        };
        let domain = &mut self.domains[index];
        domain.used_ids.push(id);
        domain.known.push(Known {
            template: Rc::new(template),
            standing: Standing::Unheard,
            late,
        });
    }

    fn shape(&mut self, version: Version, id: u16) -> Template {
        if self.random.chance(20) {
            shape::options(&mut self.random, version, id)
        } else {
            shape::flow(&mut self.random, version, id)
        }
    }

    /// An ID never used in this domain: low, high, any, or where a clone of another may be.
    fn new_id(&mut self, index: usize) -> Option<u16> {
        let random = &mut self.random;
        let domain = &self.domains[index];
        let used = &domain.used_ids;
        let id = if !used.is_empty() && random.chance(self.habits.collides) {
            let other = u32::from(*random.pick(used));
            u16::try_from(65_791 - other).ok()?
        } else {
            match random.between(0, 5) {
                0 => random.between_u16(65_500, 65_535),
                1 => random.between_u16(256, 65_535),
                _ => random.between_u16(256, 270),
            }
        };
        (!used.contains(&id)).then_some(id)
    }

    fn redefine(&mut self, index: usize, announced: &mut Vec<Rc<Template>>) {
        if !self.random.chance(self.habits.redefines) {
            return;
        }
        let known = self.random.pick(&self.domains[index].known).clone();
        if known.standing == Standing::Announced {
            let version = self.identity.version;
            let template = self.shape(version, known.template.id);
            announced.retain(|other| other.id != template.id);
            announced.push(Rc::new(template));
        }
    }

    /// Puts definitions into Sets of one kind each, one or several in a Set.
    fn template_sets(&mut self, announced: Vec<Rc<Template>>) -> Vec<Planned> {
        let mut sets: Vec<Vec<Rc<Template>>> = Vec::new();
        for template in announced {
            let fits = |set: &&mut Vec<Rc<Template>>| {
                (set[0].kind == Kind::Data) == (template.kind == Kind::Data)
            };
            let together = self.random.chance(60);
            match sets.iter_mut().find(fits) {
                Some(set) if together => set.push(template),
                _ => sets.push(vec![template]),
            }
        }
        sets.into_iter().map(Planned::Templates).collect()
    }

    /// Writes one part, if there is room.
    pub(super) fn write(&mut self, index: usize, planned: Planned, apart: bool, draft: &mut Draft) {
        match planned {
            Planned::Templates(templates) => self.write_templates(index, templates, apart, draft),
            Planned::Data(id) => self.write_data(index, id, draft),
            Planned::Withdraw(id) => {
                let set_id = *self.random.pick(&[2, 3]);
                let set = encode::set(set_id, &encode::withdrawal(id), &[]);
                if set.len() <= draft.room() {
                    draft.push(set, SetTruth::Templates(Vec::new()));
                }
            }
            Planned::Reserved => {
                let octets = self.random.between(1, 30);
                let body = self.random.octets(octets);
                let set_id = self.random.between_u16(4, 255);
                self.write_unreadable(set_id, &body, draft);
            }
            Planned::Misfit(id) => self.write_misfit(index, id, draft),
            Planned::Broken(id) => self.write_broken(index, id, draft),
        }
    }

    fn write_unreadable(&mut self, id: u16, body: &[u8], draft: &mut Draft) -> bool {
        let fits = body.len() + 4 <= draft.room();
        if fits {
            draft.push(encode::set(id, body, &[]), SetTruth::Unreadable(id));
        }
        fits
    }

    fn write_templates(
        &mut self,
        index: usize,
        templates: Vec<Rc<Template>>,
        apart: bool,
        draft: &mut Draft,
    ) {
        let version = self.identity.version;
        let mut body = Vec::new();
        let mut written: Vec<Rc<Template>> = Vec::new();
        for template in templates {
            let record = encode::template(version, &template);
            let fits = body.len() + record.len() + 11 <= draft.room();
            let alone = draft.sets.is_empty() && written.is_empty();
            if !(fits || alone) {
                continue;
            }
            body.extend(record);
            written.push(template);
        }
        let Some(first) = written.first() else {
            return;
        };
        let set_id = encode::template_set_id(version, first.kind);
        let padding = self.template_padding(body.len());
        draft.push(
            encode::set(set_id, &body, &padding),
            SetTruth::Templates(written.clone()),
        );
        for template in written {
            self.announced(index, template, apart);
        }
    }

    fn template_padding(&mut self, body: usize) -> Vec<u8> {
        let odd = if self.random.chance(3) { 4 } else { 0 };
        match self.habits.padding {
            Padding::None => Vec::new(),
            Padding::Zero | Padding::Dirty => vec![0; body.wrapping_neg() % 4 + odd],
        }
    }

    fn announced(&mut self, index: usize, template: Rc<Template>, apart: bool) {
        let same = |known: &&mut Known| known.template.id == template.id;
        if let Some(known) = self.domains[index].known.iter_mut().find(same) {
            known.template = template;
            if apart {
                // Only the other port's session heard it; there it comes again at each refresh.
                known.standing = Standing::Unheard;
                known.late = self.habits.refresh_messages;
            } else {
                known.standing = Standing::Announced;
            }
        }
    }

    fn known(&self, index: usize, id: u16) -> Option<&Known> {
        let known = &self.domains[index].known;
        known.iter().find(|known| known.template.id == id)
    }

    fn write_data(&mut self, index: usize, id: u16, draft: &mut Draft) {
        let Some(known) = self.known(index, id) else {
            return;
        };
        // Its Template found no room in this Message and comes with the next.
        let soon = known.standing == Standing::Unheard
            && known.late == 0
            && self.habits.order == Order::TemplatesFirst;
        if soon || known.standing == Standing::Stale {
            return;
        }
        let template = Rc::clone(&known.template);
        let readable = known.standing == Standing::Announced;
        let wanted = match self.random.between(0, 9) {
            0 => self.random.between(40, 600),
            _ => self.random.between(1, 40),
        };
        let mut records = Vec::new();
        let mut body = Vec::new();
        for _ in 0..wanted {
            let fields = value::record(&mut self.random, &template);
            let octets: usize = fields.iter().map(Vec::len).sum();
            let alone = draft.sets.is_empty() && records.is_empty();
            if body.len() + octets + 11 > draft.room() && !alone {
                break;
            }
            body.extend(fields.concat());
            records.push(fields);
        }
        if records.is_empty() {
            return;
        }
        let padding = self.data_padding(&template, body.len());
        draft.push(
            encode::set(id, &body, &padding),
            SetTruth::Data {
                template,
                records,
                readable,
            },
        );
    }

    /// Padding that nobody could take for a record: shorter than the shortest one.
    fn data_padding(&mut self, template: &Template, body: usize) -> Vec<u8> {
        let shortest = template.record_octets_min();
        let align = body.wrapping_neg() % 4;
        if align >= shortest || self.habits.padding == Padding::None {
            return Vec::new();
        }
        if self.random.chance(3) && template.is_fixed() && shortest > align + 4 {
            return vec![0; align + 4];
        }
        match self.habits.padding {
            Padding::Dirty => self.random.octets(align),
            Padding::Zero | Padding::None => vec![0; align],
        }
    }

    fn write_misfit(&mut self, index: usize, id: u16, draft: &mut Draft) {
        let Some(known) = self.known(index, id) else {
            return;
        };
        let shortest = known.template.record_octets_min();
        let sure = known.standing == Standing::Announced && known.template.is_fixed();
        if sure && shortest > 5 {
            // One record and all but one octet of another, none of them zero.
            let body = vec![self.random.next_u8() | 1; shortest * 2 - 1];
            self.write_unreadable(id, &body, draft);
        }
    }

    /// Ends a Set within a definition. Whoever knew the ID no longer knows what it means.
    fn write_broken(&mut self, index: usize, id: u16, draft: &mut Draft) {
        let version = self.identity.version;
        let [high, low] = id.to_be_bytes();
        let set_id = encode::template_set_id(version, Kind::Data);
        let body = [high, low, 0, 9, 0, 8, 0, 4];
        let same = |known: &&mut Known| known.template.id == id;
        if self.write_unreadable(set_id, &body, draft)
            && let Some(known) = self.domains[index].known.iter_mut().find(same)
        {
            known.standing = Standing::Broken;
            known.late = 0;
        }
    }
}
