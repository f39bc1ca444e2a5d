//! The Intermediate Correlation Process: which AS number belongs into which field.
//!
//! A *plan* is compiled once per Template and run for each of its Data Records.
//!
//! Not here: sessions and Template IDs (`collect`), Messages (`export`).

pub mod address;
pub mod apply;
pub mod clone;
pub mod columns;
mod count;
pub mod decide;
pub mod disagree;
pub mod frame;
pub mod plan;
pub mod sampling;
pub mod shows;
pub mod walk;
