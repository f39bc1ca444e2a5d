//! The Exporting Process: outgoing Template IDs, Sequence Numbers, Messages within the size limit.
//!
//! Not here: what is in a record (`enrich`), who sent it (`collect`), where it goes (the daemon).

pub mod domains;
pub mod draft;
pub mod emit;
pub mod mapping;
pub mod sequence;
pub mod stream;
