//! The independent judge of the mediator: it shares no code with it.
pub mod collector;
pub mod exporter;
pub mod fleet;
pub mod framing;
pub mod link;
pub mod octets;
pub mod random;
pub mod template;
pub mod template_set;
pub mod world;
