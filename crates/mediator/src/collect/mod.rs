//! The Collecting Process: sessions, Observation Domains and the Templates they announced.
//!
//! A Template ID alone means nothing: its scope is one Transport Session and one Observation
//! Domain [RFC 7011 §3.4.1, §8]. A session here is both: (address, port, version, domain). Beside
//! it stands the domain of an exporter whatever its port, because clone IDs must be the same for
//! all ports of an exporter, and because some exporters announce Templates from one port and send
//! data from another.
//!
//! What the upper layers keep for a Template, a session or a domain hangs on it as a type
//! parameter: this module stores it and knows nothing of it.
//!
//! Not here: the meaning of fields (`enrich`), outgoing IDs and numbers (`export`).
//! Bound: [`crate::Limits`]; each refusal and eviction is counted.

pub mod hold;
pub mod session;
pub mod store;
pub mod template;
