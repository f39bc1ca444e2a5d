//! The control plane: reads what the data plane publishes, and can slow nobody.
//!
//! Not here: the data plane (`pipeline`), starting and stopping it (`daemon`).

pub mod answer;
pub mod as_stats;
pub mod collectors;
mod connections;
pub mod disagreements;
pub mod events;
pub mod explain;
pub mod exporters;
pub mod facts;
pub mod faults;
pub mod health;
pub mod http;
pub mod ledger;
pub mod log;
pub mod process;
pub mod pulse;
pub mod reach;
pub mod reload;
pub mod resolve;
pub mod reverse_dns;
pub mod roll_call;
pub mod routes;
pub mod sources;
pub mod standing;
pub mod stats;
pub mod telnet;
pub mod templates;
pub mod told;
pub mod watch;
