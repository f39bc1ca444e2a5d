//! One Transport Session in one Observation Domain, and the Templates announced in it.
//!
//! Not here: other sessions of the same exporter (`store`).
//! Bound: Templates by [`crate::Limits::templates_per_session_max`], waited-for IDs by
//! [`crate::Limits::waited_ids_max`].

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use super::hold::Hold;
use super::template::Template;
use crate::{Millis, Version};

/// Scope of a Template ID on the receiving side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionKey {
    /// The exporter's address.
    pub address: IpAddr,
    /// The exporter's port; 0 for an exporter that changes it all the time.
    pub port: u16,
    /// The protocol.
    pub version: Version,
    /// Observation Domain ID or Source ID.
    pub domain: u32,
}

/// Scope of clone IDs: an exporter's domain whatever its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DomainKey {
    /// The exporter's address.
    pub address: IpAddr,
    /// The protocol.
    pub version: Version,
    /// Observation Domain ID or Source ID.
    pub domain: u32,
}

impl SessionKey {
    /// The domain that this session belongs to.
    #[must_use]
    pub const fn domain_key(&self) -> DomainKey {
        DomainKey {
            address: self.address,
            version: self.version,
            domain: self.domain,
        }
    }
}

/// What is remembered of one session.
#[derive(Debug)]
pub struct Session<P, S> {
    /// Its key.
    pub key: SessionKey,
    /// Who the collector sees: the address and the (first) port.
    pub exporter: SocketAddr,
    /// Messages that wait for a Template.
    pub hold: Hold,
    /// When it last sent anything.
    pub seen_at: Millis,
    /// Whether a Data Set of it ever fitted a Template.
    pub productive: bool,
    /// What the upper layers keep.
    pub attached: S,
    templates: Vec<Template<P>>,
    waited: Vec<u16>,
    doubted_at: Option<Millis>,
    restart_suspected: bool,
}

impl<P, S> Session<P, S> {
    pub(super) const fn new(
        key: SessionKey,
        exporter: SocketAddr,
        now: Millis,
        attached: S,
    ) -> Self {
        Self {
            key,
            exporter,
            hold: Hold::new(),
            seen_at: now,
            productive: false,
            attached,
            templates: Vec::new(),
            waited: Vec::new(),
            doubted_at: None,
            restart_suspected: false,
        }
    }

    /// The Templates in the order of their IDs.
    #[must_use]
    pub fn templates(&self) -> &[Template<P>] {
        &self.templates
    }

    /// The Templates, to change what is prepared for them.
    pub fn templates_mut(&mut self) -> &mut [Template<P>] {
        &mut self.templates
    }

    /// The Template at a place that [`Self::find`] returned; valid until a Template is learnt.
    #[must_use]
    pub fn template_at(&self, index: usize) -> Option<&Template<P>> {
        self.templates.get(index)
    }

    /// The Template at a place that [`Self::find`] returned, to be changed.
    pub fn template_at_mut(&mut self, index: usize) -> Option<&mut Template<P>> {
        self.templates.get_mut(index)
    }

    /// Returns the place of the Template with this ID if it may be used at `now`.
    #[must_use]
    #[inline]
    pub fn find(&self, id: u16, now: Millis) -> Option<usize> {
        let index = self.place(id).ok()?;
        self.templates.get(index)?.is_live(now).then_some(index)
    }

    /// Returns the Template with this ID, usable or not.
    #[must_use]
    pub fn stored(&self, id: u16) -> Option<&Template<P>> {
        self.templates.get(self.place(id).ok()?)
    }

    /// Returns the Template with this ID, usable or not, to be changed.
    pub fn stored_mut(&mut self, id: u16) -> Option<&mut Template<P>> {
        let index = self.place(id).ok()?;
        self.templates.get_mut(index)
    }

    /// Stores a Template in place of one with its ID, which is returned.
    pub(super) fn put(&mut self, template: Template<P>) -> Option<Template<P>> {
        self.waited.retain(|id| *id != template.id());
        match self.place(template.id()) {
            Ok(index) => {
                let old = self.templates.get_mut(index)?;
                Some(core::mem::replace(old, template))
            }
            Err(index) => {
                self.templates.insert(index, template);
                None
            }
        }
    }

    /// Forgets the Template with this ID.
    pub(super) fn take(&mut self, id: u16) -> Option<Template<P>> {
        let index = self.place(id).ok()?;
        Some(self.templates.remove(index))
    }

    fn place(&self, id: u16) -> Result<usize, usize> {
        self.templates.binary_search_by_key(&id, Template::id)
    }

    /// Whether the wait for this Template is over, or was never worth beginning.
    #[must_use]
    pub fn has_waited_for(&self, id: u16, waited_ids_max: usize) -> bool {
        self.waited.len() >= waited_ids_max || self.waited.contains(&id)
    }

    /// Whether data came under this ID while nothing was known of it.
    #[must_use]
    pub fn saw_unknown(&self, id: u16) -> bool {
        self.waited.contains(&id)
    }

    /// Notes that this Template is not waited for again until it comes.
    pub fn waited_for(&mut self, id: u16, waited_ids_max: usize) {
        if !self.has_waited_for(id, waited_ids_max) {
            self.waited.push(id);
        }
    }

    /// Doubts one Template: somebody may have read another definition of it.
    pub fn doubt(&mut self, id: u16, now: Millis) {
        self.doubted_at = Some(now);
        if let Some(template) = self.stored_mut(id) {
            template.doubt();
        }
    }

    /// When Templates were last doubted: what other ports announced before is doubtful too.
    #[must_use]
    pub const fn doubted_at(&self) -> Option<Millis> {
        self.doubted_at
    }

    /// Doubts every Template that was announced before `since`, when the exporter restarted. What
    /// was waited for may be waited for again.
    pub fn doubt_before(&mut self, since: Millis) {
        self.waited.clear();
        self.doubted_at = Some(since);
        self.restart_suspected = true;
        for template in &mut self.templates {
            if template.announced_at() < since {
                template.doubt_for_restart();
            }
        }
    }

    /// Takes back what [`Self::doubt_before`] did: the exporter never restarted.
    pub fn believe_again(&mut self) {
        if core::mem::take(&mut self.restart_suspected) {
            self.templates.iter_mut().for_each(Template::believe_again);
        }
    }
}
