//! One Template as an exporter announced it, and how long it may be believed.
//!
//! A Template over UDP has no end of its own [RFC 7011 §8.4]. Ours lives as long as Data Sets keep
//! fitting it, and otherwise three times the longest refresh that was observed, at least half an
//! hour: exporters send a new Template several times in a row, which is no refresh interval. Until
//! a second announcement was seen it lives 36 hours: some exporters announce once.
//!
//! Not here: where Templates are kept (`session`).

use alloc::boxed::Box;

use crate::wire::template::{Definition, TemplateKind};
use crate::{Millis, Version};

/// How long a Template lives that was announced only once.
pub const LIFETIME_UNREFRESHED_MS: u64 = 36 * 3_600_000;
/// The shortest lifetime [RFC 6728 §4.5.2: the default Template lifetime of a collector].
pub const LIFETIME_MS_MIN: u64 = 1_800_000;

/// A stored Template with what was prepared for it.
#[derive(Debug)]
pub struct Template<P> {
    id: u16,
    version: Version,
    kind: TemplateKind,
    octets: Box<[u8]>,
    standing: Standing,
    announced_at: Millis,
    fitted_at: Option<Millis>,
    refresh_longest_ms: Option<u64>,
    bytes: usize,
    /// What the upper layers made of it.
    pub prepared: P,
}

/// Whether a definition is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The exporter is known to mean it now.
    Confirmed,
    /// It may mean another.
    Doubted,
    /// It restarted, as it seems, and may mean another since.
    DoubtedForRestart,
}

/// What an announcement did to a stored Template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// The ID was not known.
    New,
    /// The same definition again.
    Same,
    /// Another definition under the same ID.
    Changed,
}

impl<P> Template<P> {
    /// Stores a definition announced at `now`; `prepared_bytes` is the heap that `prepared` takes.
    pub fn new(
        definition: &Definition<'_>,
        now: Millis,
        prepared: P,
        prepared_bytes: usize,
    ) -> Self {
        let octets: Box<[u8]> = definition.octets().into();
        Self {
            id: definition.id(),
            version: definition.version(),
            kind: definition.kind(),
            bytes: Self::bytes_with(octets.len(), prepared_bytes),
            octets,
            standing: Standing::Confirmed,
            announced_at: now,
            fitted_at: None,
            refresh_longest_ms: None,
            prepared,
        }
    }

    /// Prepares it anew; `prepare` returns the heap that what is prepared then takes.
    pub fn prepare_again(&mut self, prepare: impl FnOnce(&Definition<'_>, &mut P) -> usize) {
        let definition = Definition::from_octets(self.version, self.kind, &self.octets);
        if let Some(definition) = definition {
            let prepared_bytes = prepare(&definition, &mut self.prepared);
            self.bytes = Self::bytes_with(self.octets.len(), prepared_bytes);
        }
    }

    const fn bytes_with(octets_count: usize, prepared_bytes: usize) -> usize {
        size_of::<Self>()
            .saturating_add(octets_count)
            .saturating_add(prepared_bytes)
    }

    /// The exporter's Template ID.
    #[must_use]
    pub const fn id(&self) -> u16 {
        self.id
    }

    /// Template or Options Template.
    #[must_use]
    pub const fn kind(&self) -> TemplateKind {
        self.kind
    }

    /// The Template Record as it came.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Whether `definition` says the same.
    #[must_use]
    pub fn is(&self, definition: &Definition<'_>) -> bool {
        self.kind == definition.kind() && *self.octets == *definition.octets()
    }

    /// The Template Record, to be walked.
    #[must_use]
    pub fn definition(&self) -> Option<Definition<'_>> {
        Definition::from_octets(self.version, self.kind, &self.octets)
    }

    /// Bytes of memory that this Template takes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the exporter is known to mean this definition now.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.standing == Standing::Confirmed
    }

    /// Says that the exporter may mean something else: the definition stands until it is announced
    /// again, but is not used.
    pub fn doubt(&mut self) {
        self.standing = Standing::Doubted;
    }

    /// Says that the exporter restarted, as it seems.
    pub fn doubt_for_restart(&mut self) {
        if self.standing == Standing::Confirmed {
            self.standing = Standing::DoubtedForRestart;
        }
    }

    /// Says that the exporter did not restart.
    pub fn believe_again(&mut self) {
        if self.standing == Standing::DoubtedForRestart {
            self.standing = Standing::Confirmed;
        }
    }

    /// Says that the exporter kept running: a restored definition may be used.
    pub fn confirm(&mut self) {
        self.standing = Standing::Confirmed;
    }

    /// Notes the same definition announced again.
    pub fn refresh(&mut self, now: Millis) {
        let interval_ms = now.since(self.announced_at);
        self.refresh_longest_ms = Some(self.refresh_longest_ms.unwrap_or(0).max(interval_ms));
        self.announced_at = now;
        self.standing = Standing::Confirmed;
    }

    /// Notes a Data Set that fits.
    pub fn fitted(&mut self, now: Millis) {
        self.fitted_at = Some(now);
    }

    /// Whether any Data Set ever fitted.
    #[must_use]
    pub const fn is_productive(&self) -> bool {
        self.fitted_at.is_some()
    }

    /// When it was last announced.
    #[must_use]
    pub const fn announced_at(&self) -> Millis {
        self.announced_at
    }

    /// When it was last announced or fitted by data.
    #[must_use]
    pub fn seen_at(&self) -> Millis {
        self.fitted_at.unwrap_or_default().max(self.announced_at)
    }

    /// Whether it may be used at `now`.
    #[must_use]
    pub fn is_live(&self, now: Millis) -> bool {
        self.is_confirmed() && !self.is_expired(now)
    }

    /// Whether neither announcements nor data keep it alive any more.
    #[must_use]
    pub fn is_expired(&self, now: Millis) -> bool {
        let lifetime_ms = match self.refresh_longest_ms {
            None => LIFETIME_UNREFRESHED_MS,
            Some(refresh_ms) => refresh_ms.saturating_mul(3).max(LIFETIME_MS_MIN),
        };
        now.since(self.seen_at()) > lifetime_ms
    }

    /// Sets how often it was seen to be refreshed, from a saved state.
    pub fn restore_refresh(&mut self, longest_ms: Option<u64>) {
        self.refresh_longest_ms = longest_ms;
    }

    /// The longest interval between two announcements, for a saved state.
    #[must_use]
    pub const fn refresh_longest_ms(&self) -> Option<u64> {
        self.refresh_longest_ms
    }
}
