//! The control plane: reads what the data plane publishes, and can slow nobody.
//!
//! Not here: the data plane (`pipeline`), starting and stopping it (`daemon`).

pub mod as_stats;
pub mod disagreements;
pub mod events;
pub mod explain;
pub(crate) mod json;
pub mod log;
pub mod resolve;
pub mod reverse_dns;
pub mod sources;
pub mod stats;
pub mod telnet;
pub mod told;
