//! State out and in: Templates, clone IDs and numbers survive a restart.
//!
//! A restored Template is used from the first Message if the exporter demonstrably kept running:
//! v9, its boot time is the saved one; IPFIX, its Sequence Number and Export Time are not behind
//! the saved ones. Else its Sets are raw until it is announced again.
//!
//! Not here: the octets (`state`).

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use super::Mediator;
use super::session::{Attached, Session, Store};
use crate::collect::session::DomainKey;
use crate::enrich::sampling::Samplers;
use crate::export::mapping::Pair;
use crate::state::{StateError, StateReader, StateWriter};
use crate::wire::header::Header;
use crate::wire::template::{Definition, TemplateKind};
use crate::{Millis, Version};

impl Mediator {
    /// Returns everything that a restart must not forget. Messages that wait are not among it:
    /// they leave before.
    #[must_use]
    pub fn save(&self, now: Millis) -> Vec<u8> {
        let mut writer = StateWriter::new();
        let sessions: Vec<&Session> = self.store.sessions().collect();
        writer.u32(u32::try_from(sessions.len()).unwrap_or(u32::MAX));
        for session in sessions {
            write_session(&mut writer, session, now);
        }
        write_domains(&mut writer, &self.store);
        self.write_shown(&mut writer);
        writer.finish()
    }

    /// Takes over the sessions of a saved state whose exporter is `ours`, so that each exporter's
    /// state can reach the worker that now has it. Returns how many there were.
    ///
    /// # Errors
    /// [`StateError`] if the octets are not a whole state; nothing is taken over then.
    pub fn restore(
        &mut self,
        octets: &[u8],
        now: Millis,
        ours: impl Fn(IpAddr) -> bool,
    ) -> Result<usize, StateError> {
        let mut reader = StateReader::new(octets)?;
        let mut restored = 0;
        for _ in 0..reader.u32().ok_or(StateError::Damaged)? {
            let saved = SavedSession::read(&mut reader).ok_or(StateError::Damaged)?;
            if ours(saved.exporter.ip()) {
                self.restore_session(&saved, now);
                restored += 1;
            }
        }
        self.restore_domains(&mut reader, &ours)
            .ok_or(StateError::Damaged)?;
        self.restore_shown(&mut reader, &ours)
            .ok_or(StateError::Damaged)?;
        Ok(restored)
    }

    fn write_shown(&self, writer: &mut StateWriter) {
        writer.u8(u8::from(self.domains.is_active()));
        let pairs: Vec<_> = self.domains.pairs().collect();
        writer.u32(u32::try_from(pairs.len()).unwrap_or(u32::MAX));
        for (key, shown) in pairs {
            write_domain_key(writer, key);
            writer.u32(shown);
        }
    }

    fn restore_shown(
        &mut self,
        reader: &mut StateReader<'_>,
        ours: &impl Fn(IpAddr) -> bool,
    ) -> Option<()> {
        if reader.u8()? != 0 {
            self.domains.activate();
        }
        for _ in 0..reader.u32()? {
            let key = read_domain_key(reader)?;
            let shown = reader.u32()?;
            if ours(key.address) {
                self.domains.restore(&key, shown);
            }
        }
        Some(())
    }

    fn restore_session(&mut self, saved: &SavedSession<'_>, now: Millis) {
        let rule = self.rule_of(saved.exporter, saved.domain);
        let wants = self.wants_of(saved.exporter.ip(), Some(saved.domain));
        let mut attached = Attached::new(&self.settings, saved.version, rule, wants, now);
        for (numbers, (next_in, offset)) in attached.numbers.iter_mut().zip(&saved.numbers) {
            numbers.restore(*next_in, *offset, saved.export_time_s);
        }
        attached.samplers = saved.samplers;
        attached.restored = true;
        attached.all_pending = true;
        attached.clock.boot_ms = saved.boot_ms;
        attached.clock.export_time_s = saved.export_time_s;
        let opened = self
            .store
            .open(saved.exporter, saved.version, saved.domain, now, attached);
        let Some(index) = opened else { return };
        for template in &saved.templates {
            let kind = template.kind;
            let Some(definition) = Definition::from_octets(saved.version, kind, template.octets)
            else {
                continue;
            };
            let announced_at = Millis(now.0.saturating_sub(template.announced_age_ms));
            self.learn_aside(index, &definition, announced_at);
            let stored = self
                .store
                .session_mut(index)
                .and_then(|session| session.stored_mut(definition.id()));
            if let Some(stored) = stored {
                stored.restore_refresh(template.refresh_longest_ms);
                stored.prepared.borrowed = template.borrowed;
                if let Some(age_ms) = template.fitted_age_ms {
                    stored.fitted(Millis(now.0.saturating_sub(age_ms)));
                }
                stored.doubt();
            }
        }
    }

    fn restore_domains(
        &mut self,
        reader: &mut StateReader<'_>,
        ours: &impl Fn(IpAddr) -> bool,
    ) -> Option<()> {
        for _ in 0..reader.u32()? {
            let key = read_domain_key(reader)?;
            let mut pairs = Vec::new();
            for _ in 0..reader.u16()? {
                pairs.push(Pair {
                    original: reader.u16()?,
                    clone: reader.u16()?,
                });
            }
            let mut tainted = Vec::new();
            for _ in 0..reader.u16()? {
                tainted.push(reader.u16()?);
            }
            if ours(key.address) {
                self.restore_ids(&key, &pairs, &tainted);
            }
        }
        Some(())
    }

    /// The saved pairs replace those that were chosen while the Templates were read: a collector
    /// knows the saved ones.
    fn restore_ids(&mut self, key: &DomainKey, pairs: &[Pair], tainted: &[u16]) {
        let Some(ids) = self.store.domain_mut(key) else {
            return;
        };
        *ids = crate::export::mapping::CloneIds::default();
        for pair in pairs {
            ids.restore_pair(*pair);
        }
        tainted.iter().for_each(|id| ids.taint(*id));
        for index in self.store.siblings(key) {
            let Some(session) = self.store.session_mut(index) else {
                continue;
            };
            for template in session.templates_mut() {
                let pair = pairs.iter().find(|pair| pair.original == template.id());
                if let (Some(pair), Some(_)) = (pair, template.prepared.clone()) {
                    template.prepared.clone_id = Some(pair.clone);
                }
            }
        }
    }
}

/// Believes or doubts the restored Templates of a session by its first Message.
pub(super) fn judge_restored(session: &mut Session, header: &Header) {
    session.attached.restored = false;
    let clock = &session.attached.clock;
    let kept_running = match header.version {
        Version::V5 => true,
        Version::V9 => clock.agrees(header.boot_ms()),
        Version::Ipfix => {
            let next_in = session
                .attached
                .numbers
                .first()
                .map_or(0, |numbers| numbers.next_in());
            header.sequence.wrapping_sub(next_in) < 1 << 31
                && header.export_time_s >= clock.export_time_s
        }
    };
    if kept_running {
        session
            .templates_mut()
            .iter_mut()
            .for_each(|template| template.confirm());
    } else {
        session.attached.doubted = true;
        for template in session.templates() {
            debug_assert!(!template.is_confirmed());
        }
        let ids: Vec<u16> = session
            .templates()
            .iter()
            .map(|template| template.id())
            .collect();
        for id in ids {
            session.waited_for(id, usize::MAX);
        }
    }
}

fn write_session(writer: &mut StateWriter, session: &Session, now: Millis) {
    let attached = &session.attached;
    writer.address(session.exporter.ip());
    writer.u16(session.exporter.port());
    writer.u8(version_number(session.key.version));
    writer.u32(session.key.domain);
    writer.optional(attached.clock.boot_ms.map(u64::from));
    writer.u32(attached.clock.export_time_s);
    let started = attached
        .numbers
        .iter()
        .filter(|numbers| numbers.has_started());
    let started: Vec<_> = started.collect();
    writer.list(&started, |writer, numbers| {
        writer.u32(numbers.next_in());
        writer.u32(numbers.offset());
    });
    let samplers: Vec<_> = attached.samplers.iter().collect();
    writer.u32(attached.samplers.alone());
    writer.list(&samplers, |writer, (id, rate)| {
        writer.u64(*id);
        writer.u32(*rate);
    });
    writer.list(session.templates(), |writer, template| {
        writer.u8(u8::from(template.kind() == TemplateKind::Options));
        writer.list(template.octets(), |writer, octet| writer.u8(*octet));
        writer.u64(now.since(template.announced_at()));
        writer.optional(
            template
                .is_productive()
                .then(|| now.since(template.seen_at())),
        );
        writer.optional(template.refresh_longest_ms());
        writer.u8(u8::from(template.prepared.borrowed));
    });
}

fn write_domains(writer: &mut StateWriter, store: &Store) {
    let domains: Vec<_> = store.domains().collect();
    writer.u32(u32::try_from(domains.len()).unwrap_or(u32::MAX));
    for (key, domain) in domains {
        write_domain_key(writer, key);
        writer.list(domain.attached.pairs(), |writer, pair| {
            writer.u16(pair.original);
            writer.u16(pair.clone);
        });
        writer.list(domain.attached.tainted(), |writer, id| writer.u16(*id));
    }
}

fn write_domain_key(writer: &mut StateWriter, key: &DomainKey) {
    writer.address(key.address);
    writer.u8(version_number(key.version));
    writer.u32(key.domain);
}

const fn version_number(version: Version) -> u8 {
    match version {
        Version::V5 => 5,
        Version::V9 => 9,
        Version::Ipfix => 10,
    }
}

fn read_version(reader: &mut StateReader<'_>) -> Option<Version> {
    match reader.u8()? {
        5 => Some(Version::V5),
        9 => Some(Version::V9),
        10 => Some(Version::Ipfix),
        _ => None,
    }
}

fn read_domain_key(reader: &mut StateReader<'_>) -> Option<DomainKey> {
    Some(DomainKey {
        address: reader.address()?,
        version: read_version(reader)?,
        domain: reader.u32()?,
    })
}

struct SavedSession<'a> {
    exporter: SocketAddr,
    version: Version,
    domain: u32,
    boot_ms: Option<u32>,
    export_time_s: u32,
    numbers: Vec<(u32, u32)>,
    samplers: Samplers,
    templates: Vec<SavedTemplate<'a>>,
}

struct SavedTemplate<'a> {
    kind: TemplateKind,
    octets: &'a [u8],
    announced_age_ms: u64,
    fitted_age_ms: Option<u64>,
    refresh_longest_ms: Option<u64>,
    borrowed: bool,
}

impl<'a> SavedSession<'a> {
    fn read(reader: &mut StateReader<'a>) -> Option<Self> {
        let address = reader.address()?;
        let port = reader.u16()?;
        let version = read_version(reader)?;
        let domain = reader.u32()?;
        let boot_ms = reader.optional()?;
        let export_time_s = reader.u32()?;
        let mut numbers = Vec::new();
        for _ in 0..reader.u16()? {
            numbers.push((reader.u32()?, reader.u32()?));
        }
        let mut samplers = Samplers::default();
        samplers.note(None, reader.u32()?);
        for _ in 0..reader.u16()? {
            samplers.note(Some(reader.u64()?), reader.u32()?);
        }
        let mut templates = Vec::new();
        for _ in 0..reader.u16()? {
            templates.push(SavedTemplate::read(reader)?);
        }
        Some(Self {
            exporter: SocketAddr::new(address, port),
            version,
            domain,
            boot_ms: boot_ms.and_then(|boot| u32::try_from(boot).ok()),
            export_time_s,
            numbers,
            samplers,
            templates,
        })
    }
}

impl<'a> SavedTemplate<'a> {
    fn read(reader: &mut StateReader<'a>) -> Option<Self> {
        let kind = match reader.u8()? {
            0 => TemplateKind::Flow,
            _ => TemplateKind::Options,
        };
        let count = usize::from(reader.u16()?);
        Some(Self {
            kind,
            octets: reader.octets(count)?,
            announced_age_ms: reader.u64()?,
            fitted_age_ms: reader.optional()?,
            refresh_longest_ms: reader.optional()?,
            borrowed: reader.u8()? != 0,
        })
    }
}
