//! The independent judge of the mediator: it shares no code with it.
pub mod collector;
pub mod exporter;
pub mod fleet;
pub mod framing;
pub mod judge;
pub mod link;
pub mod octets;
pub mod projection;
pub mod promise;
pub mod random;
pub mod sequence;
mod stream;
pub mod template;
pub mod template_set;
pub mod world;
