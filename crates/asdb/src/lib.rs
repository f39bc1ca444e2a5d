//! Prefix → AS number: built once, immutable, looked up per address.
//!
//! The way of the data: a loader ([`load::load`], [`snapshot::decode`]) turns the octets of one file
//! into [`Entries`] and [`AsNames`]; a [`Builder`] takes the entries of all providers and freezes
//! them into an [`AsDb`]; an [`AsDb`] maps an address to an [`AnswerId`], which stands for what
//! *every* provider says about it; a [`Policy`] is an order over providers, worked out once per
//! table, that turns the [`AnswerId`] into the AS number to write. One probe serves all policies.
//!
//! Not here: files, clocks, threads, reloading (the daemon); what a router says about a Data
//! Record (`mediator`); live routes (`routefeed`).
//!
//! Bound: a source holds at most [`ENTRIES_MAX`] prefixes; a table takes at most 64 bytes per
//! change of answer and level, about 13 MiB for the whole Internet of 2026.

mod asn;
mod builder;
mod entries;
pub mod load;
mod names;
mod origin;
mod policy;
mod prefix;
mod provider;
pub mod snapshot;
mod sweep;
mod table;
mod trie;

pub use asn::Asn;
pub use builder::{Builder, LeftOut};
pub use entries::{ENTRIES_MAX, Entries, Entry, Reserved, TooManyEntries};
pub use names::{AsNames, NamesTooLong};
pub use origin::{has_origin, has_origin_ipv4, has_origin_ipv6, is_private_address};
pub use policy::{Given, Policy};
pub use prefix::{Prefix, PrefixError};
pub use provider::{FlowRule, PolicyWord, PolicyWordError, Provider};
pub use table::{AnswerId, Answers, AsDb};
