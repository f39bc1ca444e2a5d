//! Who a collector hears: whose address the Messages for it bear.
//!
//! Not here: how that is chosen (`daemon::identities`), how they leave (`senders`).

use std::net::SocketAddr;

/// Whose address the Messages for a collector bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The exporter's. Exporters of another family than the collector's, or on this host, as
    /// [`Identity::Own`].
    Exporter,
    /// Ours; each session has a port of its own.
    Own,
    /// This address and port, whoever exported.
    Fixed(SocketAddr),
}

impl Identity {
    /// Its name in statistics, and that of the setting that asks for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exporter => "exporter",
            Self::Own => "own",
            Self::Fixed(_) => "nat",
        }
    }
}

/// What was chosen for a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Whose address Messages for it bear.
    pub identity: Identity,
    /// Its address when that was chosen; `None` if its name had none.
    pub address: Option<SocketAddr>,
}

impl Choice {
    /// What needs no choice.
    pub const OWN: Self = Self {
        identity: Identity::Own,
        address: None,
    };
}
