//! The data plane: datagrams in, the `Mediator` between, datagrams out.
//!
//! Not here: where AS knowledge comes from (`sources`), what is shown of it (`cli`).

pub mod replay;
pub mod settings;
