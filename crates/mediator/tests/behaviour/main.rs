//! What a Mediator does with Messages: one file for each behaviour.
//!
//! Input and expected output are octets written in a small notation (`notation`); the expected
//! ones are never made by the code under test. `docs/quirks.md` says which test shows what.

mod addresses;
mod announce;
mod append;
mod as_rules;
mod clone_ids;
mod decisions;
mod fill;
mod filters;
mod hold;
mod limits;
mod malformed;
#[cfg(test)]
mod notation;
mod outlets;
mod providers;
#[cfg(test)]
mod quirks_table;
mod quirks_vendor;
#[cfg(test)]
mod rig;
mod robust;
mod sampling;
mod sequence;
mod split;
mod state;
mod templates;
mod traffic;
mod v5;
mod widen;
mod withdrawals;
