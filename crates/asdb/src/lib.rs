//! Prefix → AS number: built once, immutable, looked up per address.
//!
//! The way of the data: a loader ([`load::load`], [`snapshot::decode`]) turns the octets of one
//! file into [`Entries`] and [`AsNames`]; a [`Builder`] takes the entries of all providers and
//! freezes them into an [`AsDb`]; an [`AsDb`] maps an address to an [`AnswerId`], which stands for
//! what *every* provider says about it; a [`Policy`] is an order over providers, worked out once
//! per table, that turns the [`AnswerId`] into the AS number to write. One probe serves all
//! policies.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use asdb::{Asn, Builder, PolicyWord, Provider, snapshot};
//!
//! let shipped = snapshot::decode(snapshot::shipped())?;
//! let mut builder = Builder::new();
//! builder.add_all(Provider::Database, 0, shipped.entries)?;
//! builder.add(Provider::Static, 0, "10.1.0.0/16".parse()?, Asn(64512))?;
//! let db = builder.build();
//! let policy = db.policy(&[PolicyWord::Static, PolicyWord::Flow, PolicyWord::Database]);
//!
//! let given = policy.after_flow(db.lookup("1.1.1.1".parse()?));
//! assert_eq!((given.asn, given.provider), (Asn(13335), Provider::Database));
//! assert_eq!(shipped.names.of(given.asn), Some("Cloudflare, Inc."));
//! assert_eq!(policy.before_flow(db.lookup("10.1.2.3".parse()?)).asn, Asn(64512));
//! # Ok(())
//! # }
//! ```
//!
//! Not here: files, clocks, threads, reloading (the daemon); what a router says about a Data
//! Record (`mediator`); live routes (`routefeed`).
//!
//! Bound: a source holds at most [`ENTRIES_MAX`] prefixes; a table takes at most 64 bytes per
//! change of answer and level: 8.5 MiB for the whole Internet of 2026. Loading the snapshot and
//! building the table takes 37 MiB at its height.

#![forbid(unsafe_code)]

mod asn;
mod builder;
mod entries;
mod kept;
pub mod load;
mod names;
mod origin;
pub mod places;
mod policy;
mod prefix;
mod provider;
pub mod snapshot;
mod sweep;
mod table;
mod trie;

pub use asn::Asn;
pub use builder::{Builder, LeftOut, OWN_MAX, OwnRoutes};
pub use entries::{ENTRIES_MAX, Entries, Entry, Reserved, TooManyEntries};
pub use kept::Kept;
pub use names::{AsNames, NamesTooLong};
pub use origin::{has_origin, has_origin_ipv4, has_origin_ipv6, is_private_address};
pub use policy::{Given, Policy, Ranked};
pub use prefix::{Prefix, PrefixError};
pub use provider::{FlowRule, PolicyWord, PolicyWordError, Provider};
pub use table::{AnswerId, Answers, AsDb};
