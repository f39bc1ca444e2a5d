//! Who gets what of a Message: filters of collectors, and groups that share.
//!
//! A session and an outlet have a [`Want`], worked out when the session begins and when a member
//! of a group comes or goes. Where an outlet wants some Data Records only, each is looked at once
//! it has been worked on, and the Message is made again without the others: with numbers of its
//! own, so that whoever checks them sees no loss [PROTOCOL L4].
//!
//! Not here: what is wanted (`settings::filter`), what a record shows (`enrich::shows`).
//! Bound: one place for each Data Record of one Message and each outlet.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::{Mediator, Message, route};
use crate::Millis;
use crate::collect::store::SessionIndex;
use crate::counters::{Dropped, OutletCounters, Raw};
use crate::egress::Egress;
use crate::enrich::clone::growth_octets;
use crate::enrich::plan::Action;
use crate::enrich::shows::{Clones, Worked};
use crate::enrich::walk::Fit;
use crate::export::draft::Draft;
use crate::settings::{Content, Outlet, Settings, Sharing};
use crate::wire::set::Set;

/// What an outlet wants of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// All of it.
    Everything,
    /// Templates, Options Data Records, and the Data Records that its filter names.
    Matching,
    /// Templates and Options Data Records: another member of its group gets the rest.
    Definitions,
    /// None of it.
    Nothing,
}

/// What all outlets want of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wants {
    /// By outlet.
    pub(crate) list: Box<[Want]>,
    /// Whether an outlet gets its datagrams as they come.
    pub(crate) is_copied: bool,
}

impl Wants {
    /// Works out what outlets want; `reachable` says which of them can be reached.
    pub(crate) fn of(
        settings: &Settings,
        reachable: &[bool],
        exporter: IpAddr,
        domain: Option<u32>,
    ) -> Self {
        let outlets = 0..settings.outlets.len();
        let want = |outlet| want(settings, reachable, outlet, exporter, domain);
        Self {
            list: outlets.map(want).collect(),
            is_copied: settings.outlets.iter().any(|one| copies(one, exporter)),
        }
    }
}

fn copies(outlet: &Outlet, exporter: IpAddr) -> bool {
    outlet.content == Content::AsCame && outlet.filter.wants_exporter(exporter)
}

/// What one outlet wants of an exporter and domain.
fn want(
    settings: &Settings,
    reachable: &[bool],
    index: usize,
    exporter: IpAddr,
    domain: Option<u32>,
) -> Want {
    let Some(outlet) = settings.outlets.get(index) else {
        return Want::Nothing;
    };
    let filter = &outlet.filter;
    let is_asked = filter.wants_exporter(exporter) && filter.wants_domain(domain);
    if outlet.content == Content::AsCame || !is_asked {
        Want::Nothing
    } else if !is_chosen(settings, reachable, index, exporter) {
        Want::Definitions
    } else if filter.records.wants_everything() {
        Want::Everything
    } else {
        Want::Matching
    }
}

/// Whether an outlet is the member of its group that gets the Data Records of an exporter. Where
/// no member can be reached they are shared as if all could: they may come back any moment.
fn is_chosen(settings: &Settings, reachable: &[bool], index: usize, exporter: IpAddr) -> bool {
    let Some(own) = settings.outlets.get(index).and_then(|outlet| outlet.member) else {
        return true;
    };
    let of_group = |(at, outlet): (usize, &Outlet)| {
        let member = outlet.member.filter(|member| member.group == own.group)?;
        Some((at, member.key))
    };
    let members = settings.outlets.iter().enumerate().filter_map(of_group);
    let is_up = |at: usize| reachable.get(at).copied().unwrap_or(true);
    let is_any_up = members.clone().any(|(at, _)| is_up(at));
    let mut candidates = members.filter(|(at, _)| !is_any_up || is_up(*at));
    let chosen = match own.sharing {
        Sharing::FirstReachable => candidates.next(),
        Sharing::ByExporter => candidates.max_by_key(|(_, key)| weight(*key, exporter)),
    };
    chosen.is_some_and(|(at, _)| at == index)
}

/// How much a member is worth to an exporter: whoever is worth most gets its records, so that a
/// member that goes or comes moves nobody else's. It must never change: collectors keep what they
/// have.
fn weight(key: u64, exporter: IpAddr) -> u64 {
    let mut hash = key ^ 0xCBF2_9CE4_8422_2325;
    let mut add = |octet: &u8| {
        hash = (hash ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01B3);
    };
    match exporter {
        IpAddr::V4(address) => address.octets().iter().for_each(&mut add),
        IpAddr::V6(address) => address.octets().iter().for_each(&mut add),
    }
    // The last octet has only been through one multiplication.
    let mixed = (hash ^ (hash >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 29)
}

/// What is wanted of the Message that is worked on.
#[derive(Debug, Default)]
pub(super) struct Selecting {
    wants: Vec<Want>,
    /// By outlet: for each Data Record of the draft whether it is wanted.
    wanted: Vec<Vec<bool>>,
    /// Whether somebody gets everything.
    has_everything: bool,
    /// Whether somebody gets some of it.
    pub(super) has_parts: bool,
    /// The draft with less in it.
    pub(super) draft: Draft,
    /// The records that are left of one of v5.
    pub(super) records: Vec<u8>,
}

impl Selecting {
    pub(super) fn begin(&mut self, wants: &Wants) {
        self.wants.clear();
        self.wants.extend_from_slice(&wants.list);
        self.wanted.resize_with(wants.list.len(), Vec::new);
        self.wanted.iter_mut().for_each(Vec::clear);
        self.has_everything = wants.is_copied || wants.list.contains(&Want::Everything);
        self.has_parts = wants
            .list
            .iter()
            .any(|want| matches!(want, Want::Matching | Want::Definitions));
    }

    /// Whether somebody gets everything, also what nobody here can read.
    pub(super) const fn has_everything(&self) -> bool {
        self.has_everything
    }

    pub(super) fn want(&self, outlet: usize) -> Want {
        self.wants.get(outlet).copied().unwrap_or(Want::Nothing)
    }

    /// Takes from a draft what an outlet wants; returns what was left out, as it is counted.
    pub(super) fn select(&mut self, outlet: usize, whole: &Draft) -> OutletCounters {
        let wanted = self.wanted.get(outlet).map(Vec::as_slice);
        let left_out = self.draft.select(whole, wanted.unwrap_or_default());
        let number = |count| u64::try_from(count).unwrap_or(u64::MAX);
        OutletCounters {
            records_left_out: number(left_out.records),
            sets_left_out: number(left_out.unread_sets),
            ..OutletCounters::default()
        }
    }

    /// Notes the records of a Set; returns whether anybody wants one.
    fn note(
        &mut self,
        settings: &Settings,
        worked: &Worked<'_>,
        records_count: usize,
        is_options: bool,
    ) -> bool {
        let mut is_wanted = self.has_everything || records_count == 0;
        let outlets = self.wants.iter().zip(&settings.outlets);
        for ((want, outlet), to) in outlets.zip(&mut self.wanted) {
            let filter = &outlet.filter.records;
            let first = to.len();
            match want {
                Want::Matching if !is_options => {
                    to.extend((0..records_count).map(|nth| worked.shows(nth, filter)));
                }
                Want::Matching | Want::Definitions => {
                    to.extend((0..records_count).map(|_| is_options));
                }
                Want::Everything | Want::Nothing => {}
            }
            is_wanted |= to.iter().skip(first).any(|wanted| *wanted);
        }
        is_wanted
    }
}

impl Mediator {
    /// Says which outlets can be reached, in their order; groups share among those. Returns
    /// whether anything changed for any session.
    pub fn set_reachable(&mut self, reachable: &[bool]) -> bool {
        self.reachable.clear();
        self.reachable.extend_from_slice(reachable);
        let mut any = false;
        for session in self.store.sessions_mut() {
            let domain = Some(session.key.domain);
            let exporter = session.exporter.ip();
            let wants = Wants::of(&self.settings, reachable, exporter, domain);
            if session.attached.wants != wants {
                any = true;
                session.attached.wants = wants;
                // Whoever has the records now may have missed a Template.
                session.attached.all_pending = true;
            }
        }
        any
    }

    /// What was left out for each outlet.
    #[must_use]
    pub fn outlet_counters(&self) -> &[OutletCounters] {
        &self.outlet_counters
    }

    pub(super) fn wants_of(&self, exporter: IpAddr, domain: Option<u32>) -> Wants {
        Wants::of(&self.settings, &self.reachable, exporter, domain)
    }

    /// Sends a datagram as it came to the outlets that want it so.
    pub(super) fn copy_as_came(
        &mut self,
        exporter: core::net::SocketAddr,
        octets: &[u8],
        egress: &mut Egress,
    ) {
        let mut built = None;
        for index in 0..self.settings.outlets.len() {
            let outlet = self.settings.outlets.get(index);
            let Some(outlet) = outlet.filter(|outlet| outlet.content == Content::AsCame) else {
                continue;
            };
            if !outlet.filter.wants_exporter(exporter.ip()) {
                if let Some(counters) = self.outlet_counters.get_mut(index) {
                    counters.messages_left_out += 1;
                }
                continue;
            }
            let oversize = octets.len() > self.octets_max(index, exporter);
            self.count_sent(octets.len(), oversize);
            let to = route(index, exporter);
            match &built {
                // Numbers will be written into what was received: one copy serves all.
                None => built = Some(egress.send_copy(to, &[], octets)),
                Some(body) => egress.send_again(to, body),
            }
        }
    }

    /// Notes which records of a Set are wanted, as the Set is now: where it came, or as the last of
    /// the draft. Counts the Set.
    pub(super) fn select_records(
        &mut self,
        index: SessionIndex,
        message: &Message<'_>,
        (set, fit): (&Set, Fit),
        form: Form,
        now: Millis,
    ) {
        if !self.selecting.has_parts {
            return self.count_set(self.selecting.has_everything);
        }
        let Some(session) = self.store.session(index) else {
            return;
        };
        let found = session.find(set.id, now);
        let Some(template) = found.and_then(|at| session.template_at(at)) else {
            return;
        };
        let plan = &template.prepared.plan;
        let last = self.main.last_set().filter(|_| form == Form::Clone);
        let worked = Worked {
            plan,
            walked: &self.scratch.walked,
            content: message.octets.get(set.content()).unwrap_or_default(),
            clones: last.map(|last| Clones {
                octets: last.body,
                start: last.start,
                each_octets: plan.layout.octets_min() + growth_octets(plan),
                ends: last.ends,
            }),
        };
        let is_options = plan.action == Action::Pass(Raw::Options);
        let is_wanted = self
            .selecting
            .note(&self.settings, &worked, fit.records_count, is_options);
        self.count_set(is_wanted);
    }

    /// Counts a Set of definitions: whoever wants anything wants those.
    pub(super) fn count_definitions(&mut self) {
        self.count_set(self.selecting.has_everything || self.selecting.has_parts);
    }

    /// Counts a Set that nobody can read: only those get it who want everything.
    pub(super) fn count_unread(&mut self) {
        self.count_set(self.selecting.has_everything);
    }

    fn count_set(&mut self, is_wanted: bool) {
        if is_wanted {
            self.counters.sets_forwarded += 1;
        } else {
            self.counters.sets_dropped[Dropped::Filtered.index()] += 1;
        }
    }

    /// Counts a Message that an outlet does not get because nobody here can read it.
    pub(super) fn leave_out_unread(&mut self, outlet: usize, want: Want) {
        let left_out = OutletCounters {
            messages_left_out: 1,
            sets_left_out: u64::from(want != Want::Nothing),
            ..OutletCounters::default()
        };
        self.count_left_out(outlet, &left_out);
    }

    pub(super) fn count_left_out(&mut self, outlet: usize, left_out: &OutletCounters) {
        let makes = |outlet: &Outlet| outlet.content == Content::Enriched;
        let is_made = self.settings.outlets.get(outlet).is_some_and(makes);
        if let Some(counters) = self.outlet_counters.get_mut(outlet).filter(|_| is_made) {
            counters.add(left_out);
        }
    }
}

/// How the records of a Set leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As they came, but for numbers written into them.
    Original,
    /// As the clone's.
    Clone,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_goes_moves_its_own_exporters_alone() {
        let keys = [1_u64, 2, 3].map(|key| key.wrapping_mul(0x1234_5678_9ABC_DEF1));
        let best = |keys: &[u64], exporter: IpAddr| {
            keys.iter()
                .copied()
                .max_by_key(|key| weight(*key, exporter))
        };
        let mut counts = [0; 3];
        for last in 0..=255 {
            let exporter = IpAddr::from([198, 18, 0, last]);
            let chosen = best(&keys, exporter);
            let at = keys.iter().position(|key| Some(*key) == chosen).unwrap();
            counts[at] += 1;
            let rest: Vec<u64> = keys.into_iter().filter(|key| *key != keys[1]).collect();
            if at != 1 {
                assert_eq!(best(&rest, exporter), chosen, "{exporter}");
            }
        }
        assert!(counts.iter().all(|count| *count > 50), "{counts:?}");
    }
}
