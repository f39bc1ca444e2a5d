//! The independent judge of the mediator. It shares no code with it, and never will: who reads
//! wrongly in the same way cannot see the mistake.
//!
//! # The parts, in the order that a datagram meets them
//!
//! - [`random`]: numbers that a seed decides; nothing else here is random.
//! - [`world`]: a dozen prefixes, their AS numbers, addresses in and beside them.
//! - [`exporter`], [`fleet`]: model Exporters with odd habits; each datagram comes with the truth
//!   about it.
//! - [`link`]: the network before the mediator; it loses, doubles, delays, on a virtual clock.
//! - [`framing`], [`template_set`], [`template`]: octets to Sets, Sets to Templates and records.
//! - [`collector`]: the strict collector; it reads as the RFCs say and reports everything else;
//!   [`connection`]: the same at the end of a TCP connection.
//! - [`projection`], [`promise`], [`sequence`]: what may differ between in and out, which AS
//!   numbers are right, what the Sequence Numbers say.
//! - [`judge`]: is told both sides, ticks off what leaves, names the law that was broken.
//! - [`selection`]: the same for a collector that wants only some of the Data Records.
//! - [`load`]: beside the judge, the yardstick of speed: `flowgen`, `flowsink`, `blind`.
//!
//! # How the judge reads the input
//!
//! The input is read by the same strict collector, but for one thing: a Template counts for all
//! of its Message if its ID is unknown so far. What cannot be read when it comes (no Template, does
//! not fit, broken, reserved) may leave raw, octet for octet; or, once its Template came (also from
//! another port of the same exporter), by that Template or a clone of it. Everything that could be
//! read must come back record by record. A Set that does not fit its Template is one whose
//! left-over octets are more than three and not all zero, or whose last record passes its end.
//!
//! # How to use it
//!
//! `cargo test -p lab --test laws` runs the simulation: `LAB_SEEDS=n` says how many seeds,
//! `LAB_SEED=n` runs one and prints a line for each Message and each breach. `--test corpus` sends
//! every real capture through the Mediator; `LAB_FILE=name` prints one of them. `--test judging`
//! sabotages a wire to see that the judge notices, `--test read_back` lets Exporter and collector
//! examine each other. A new oddity of exporters belongs into [`exporter::habits`]; a new way for
//! the mediator to be right into `stream` or [`projection`], with the law that allows it.
//!
//! Not here: sockets, files, the real clock (the tests read captures; the programs of [`load`]
//! alone have all three), and the mediator.
//! Bound: grows with what one test feeds it.

pub mod collector;
pub mod connection;
pub mod exporter;
pub mod finding;
pub mod fleet;
pub mod framing;
pub mod judge;
pub mod link;
pub mod load;
pub mod octets;
pub mod projection;
pub mod promise;
pub mod random;
pub mod selection;
pub mod sequence;
mod stream;
pub mod template;
pub mod template_set;
pub mod world;
