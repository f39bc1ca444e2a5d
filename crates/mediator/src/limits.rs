//! Every bound on what input can make us remember, and what they add up to.
//!
//! A limit is reached by a flood of spoofed exporters, by an exporter gone mad, or by a site larger
//! than we thought. Each has a counter; none ends the traffic: what cannot be remembered passes
//! raw.
//!
//! Not here: the sockets' buffers (the daemon).

/// The limits of one Mediator, that is of one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Transport Sessions × Observation Domains remembered; above it the least useful one goes.
    pub sessions_max: usize,
    /// Templates of one session and domain; one above it is not learnt.
    pub templates_per_session_max: usize,
    /// Fields of one Template; a Template with more is not learnt.
    pub fields_max: usize,
    /// Bytes of all Templates, with what was compiled from them; one of 20 fields takes 1,100, and
    /// 10,000 exporters with ten each must find room.
    pub templates_bytes_max: usize,
    /// Octets of Messages that wait for a Template, of all exporters.
    pub held_octets_max: usize,
    /// Octets of Messages that wait for a Template, of one exporter address.
    pub held_octets_per_exporter_max: usize,
    /// Ports of one exporter address seen within a minute; with more it becomes port-less.
    pub ports_per_minute_max: usize,
    /// Template IDs of one session that were waited for in vain; further ones are not waited for.
    pub waited_ids_max: usize,
    /// A session that was silent for this long is forgotten.
    pub session_idle_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions_max: 16_384,
            templates_per_session_max: 4096,
            fields_max: 1024,
            templates_bytes_max: 128 << 20,
            held_octets_max: 16 << 20,
            held_octets_per_exporter_max: 4 << 20,
            ports_per_minute_max: 16,
            waited_ids_max: 256,
            session_idle_ms: 3_600_000,
        }
    }
}

/// The largest datagram, and the largest Message [RFC 7011 §10].
pub const MESSAGE_OCTETS_MAX: usize = 65_535;

/// What a session takes besides its Templates: itself, its numbers for each outlet, its place in
/// the maps, its waited-for IDs, its examples of disagreements.
pub const SESSION_BYTES: usize = 3584;

/// Clone IDs that one exporter address, version and domain may have.
pub const CLONES_PER_DOMAIN_MAX: usize = 4096;

/// Data Records whose addresses are looked up together.
pub const LOOKUP_RECORDS: usize = 64;

impl Limits {
    /// Bytes that the Mediator never passes, whatever it is sent.
    ///
    /// Sessions, Templates, held Messages, and the working memory of the largest Message: it is
    /// copied once in parts and once as Messages, and each octet of it can grow by eight where
    /// every record is one octet long; the Templates of one session can go before it.
    #[must_use]
    pub const fn total_bytes(&self) -> usize {
        self.sessions_max * SESSION_BYTES
            + self.templates_bytes_max
            + self.held_octets_max
            + self.built_octets_max()
            + MESSAGE_OCTETS_MAX * 16
    }

    /// Octets that one call can leave in [`crate::Egress`] for each outlet.
    #[must_use]
    pub const fn built_octets_max(&self) -> usize {
        self.templates_bytes_max + self.held_octets_per_exporter_max * 4 + MESSAGE_OCTETS_MAX * 4
    }
}
