//! What hangs on a stored session and on a stored Template.
//!
//! Not here: the storing (`collect`).

use alloc::vec::Vec;

use super::select::Wants;
use crate::collect::store;
use crate::counters::{RecordCounters, SessionCounters};
use crate::enrich::disagree::{Disagreement, EXAMPLES_MAX, Examples};
use crate::enrich::plan::{Action, Plan};
use crate::enrich::sampling::{Samplers, Sampling};
use crate::export::mapping::CloneIds;
use crate::export::sequence::{Numbers, Placed};
use crate::limits::SESSION_BYTES;
use crate::settings::{Settings, Treatment};
use crate::wire::header::Header;
use crate::{Millis, Version};

/// The store with what we keep in it.
pub(crate) type Store = store::Store<Prepared, Attached, CloneIds>;
/// A session with what we keep of it.
pub(crate) type Session = crate::collect::session::Session<Prepared, Attached>;

/// How often a new clone is announced before its data is trusted to be readable
/// [RFC 5153 §6.2].
pub(crate) const COPIES: u8 = 3;

/// What was made of a Template.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// What its Data Sets get.
    pub(crate) plan: Plan,
    /// The ID of its enriched clone.
    pub(crate) clone_id: Option<u16>,
    /// How often the clone is still to be announced out of turn.
    pub(crate) clone_copies_due: u8,
    /// Whether the original is to be announced too: it came by another way than this session.
    pub(crate) original_due: bool,
    /// Whether it is another port's.
    pub(crate) borrowed: bool,
}

impl Prepared {
    /// Whether Data Sets of the Template are written anew under the clone's ID.
    pub(crate) fn clone(&self) -> Option<u16> {
        self.clone_id.filter(|_| self.plan.action == Action::Clone)
    }
}

/// What the domain of a session is shown as where one connection serves all exporters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnStreams {
    /// It sent nothing yet.
    Unknown,
    /// As elsewhere: it is the only port of its exporter that uses this domain now.
    AsElsewhere,
    /// As this, for another port of its exporter uses the domain too.
    Apart(u32),
}

/// What is kept of a session.
#[derive(Debug)]
pub(crate) struct Attached {
    /// Its numbers towards each outlet.
    pub(crate) numbers: Vec<Numbers>,
    /// What it sent and what became of it.
    pub(crate) counters: SessionCounters,
    /// Where it and the table disagree.
    pub(crate) examples: Examples,
    /// How it samples, as it announced.
    pub(crate) samplers: Samplers,
    /// Index into the exporter rules, `None` for everybody else.
    pub(crate) rule: Option<usize>,
    /// When its Templates were last announced by us, or the session began.
    pub(crate) announced_at: Millis,
    /// Messages since then.
    pub(crate) messages_since: u32,
    /// Whether a Template waits to be announced out of turn.
    pub(crate) copies_pending: bool,
    /// Whether all Templates are to be announced before the next Message.
    pub(crate) all_pending: bool,
    /// What its domain is shown as, once that was asked for.
    pub(crate) shown_domain: Option<u32>,
    /// What its domain is shown as on streams.
    pub(crate) on_streams: OnStreams,
    /// The clock of the exporter.
    pub(crate) clock: ExporterClock,
    /// Whether its clock showed another boot in a Message that waits.
    pub(crate) rebooted: bool,
    /// Whether its Templates were doubted for a restart that its numbers have not yet seen.
    pub(crate) doubted: bool,
    /// Whether it comes from a saved state and has sent nothing since.
    pub(crate) restored: bool,
    /// What each outlet wants of it.
    pub(crate) wants: Wants,
}

impl Attached {
    pub(crate) fn new(
        settings: &Settings,
        version: Version,
        rule: Option<usize>,
        wants: Wants,
        now: Millis,
    ) -> Self {
        Self {
            wants,
            numbers: settings
                .outlets
                .iter()
                .map(|_| Numbers::new(version))
                .collect(),
            counters: SessionCounters::default(),
            examples: Examples::default(),
            samplers: Samplers::default(),
            rule,
            announced_at: now,
            messages_since: 0,
            copies_pending: false,
            all_pending: false,
            shown_domain: None,
            on_streams: OnStreams::Unknown,
            clock: ExporterClock::default(),
            rebooted: false,
            doubted: false,
            restored: false,
        }
    }

    /// The operator's wishes for this session.
    pub(crate) fn treatment<'a>(&self, settings: &'a Settings) -> &'a Treatment {
        let rule = self.rule.and_then(|rule| settings.exporters.get(rule));
        rule.map_or(&settings.otherwise, |rule| &rule.treatment)
    }

    /// What the records of a Template stand for.
    pub(crate) fn sampling(&self, plan: &Plan, treatment: &Treatment) -> Sampling<'_> {
        Sampling {
            rate: self
                .samplers
                .common()
                .unwrap_or(treatment.sampling_rate)
                .max(1),
            samplers: plan.sampler.map(|_| &self.samplers),
        }
    }

    /// The rate that counts for records that name no sampler, if anybody says one.
    pub(crate) fn sampling_rate(&self, settings: &Settings) -> Option<u32> {
        let written = Some(self.treatment(settings).sampling_rate);
        self.samplers.common().or(written.filter(|rate| *rate > 0))
    }

    /// Counts what the number of a Message showed: where it stands, and how many are missing before
    /// it.
    pub(crate) fn note_place(&mut self, placed: Placed, missing: u32, units: u32) {
        let sequence = &mut self.counters.sequence;
        match placed {
            Placed::InOrder => {
                sequence.gaps += u64::from(missing > 0);
                sequence.missing += u64::from(missing);
            }
            Placed::Late => {
                sequence.late += 1;
                sequence.missing = sequence.missing.saturating_sub(units.into());
            }
            Placed::Repeated => sequence.repeated += 1,
            Placed::Restarted => sequence.restarts += 1,
            Placed::Stray => {}
        }
    }

    /// Counts what became of the records of a Set, in which there may be an example of a
    /// disagreement.
    pub(crate) fn note(
        &mut self,
        counted: &RecordCounters,
        example: Option<Disagreement>,
        now: Millis,
    ) {
        self.counters.records.add(counted);
        if let Some(example) = example {
            self.examples.add(example, now);
        }
    }
}

/// Boot times further apart than this are two boots.
const BOOT_JITTER_MS: u32 = 5000;

/// An exporter whose clock goes on otherwise than ours by this much has set it.
const CLOCK_JUMP_S: u64 = 60;

/// When an exporter says that it started: only v9 tells.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ExporterClock {
    pub(crate) boot_ms: Option<u32>,
    /// Whether two Messages ever agreed: some exporters send no usable uptime.
    pub(crate) is_trusted: bool,
    pub(crate) export_time_s: u32,
    /// How far it was behind our clock with the last Message.
    behind_s: Option<i64>,
}

impl ExporterClock {
    /// Notes the clock of a Message; returns whether it shows another boot than those before.
    pub(crate) fn note(&mut self, header: &Header) -> bool {
        self.export_time_s = self.export_time_s.max(header.export_time_s);
        if header.version != Version::V9 {
            return false;
        }
        let boot_ms = header.boot_ms();
        let agrees = self.agrees(boot_ms);
        self.is_trusted |= agrees;
        self.boot_ms = Some(boot_ms);
        self.is_trusted && !agrees
    }

    /// Notes how far the clock is from ours; returns whether it jumped since the last Message.
    pub(crate) fn note_jump(&mut self, header: &Header, now: Millis) -> bool {
        let now_s = i64::try_from(now.0 / 1000).unwrap_or(i64::MAX);
        let behind_s = now_s.saturating_sub(header.export_time_s.into());
        let before_s = self.behind_s.replace(behind_s);
        before_s.is_some_and(|before_s| behind_s.abs_diff(before_s) > CLOCK_JUMP_S)
    }

    /// Whether a boot time is the known one, modulo 2^32 milliseconds.
    pub(crate) fn agrees(&self, boot_ms: u32) -> bool {
        self.boot_ms.is_some_and(|known| {
            let later = boot_ms.wrapping_sub(known);
            later.min(known.wrapping_sub(boot_ms)) <= BOOT_JITTER_MS
        })
    }
}

/// A session itself, its examples, its numbers towards one outlet, and 256 IDs that it waited for.
const SESSION_ITSELF_BYTES: usize = size_of::<Session>()
    + EXAMPLES_MAX * size_of::<Disagreement>()
    + size_of::<Numbers>()
    + 256 * size_of::<u16>();

const _: () = assert!(SESSION_ITSELF_BYTES < SESSION_BYTES);
