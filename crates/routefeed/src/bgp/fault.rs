//! Why a session ends, and what the peer is told of it [RFC 4271 §4.5, §6].
//!
//! Not here: faults that cost a route and no session (`update::Update::malformed`).

use std::fmt;

/// Why a session ends, by the code of its NOTIFICATION.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Why.
    pub kind: FaultKind,
    /// What stands behind the codes.
    pub data: Vec<u8>,
}

impl Fault {
    /// Returns a fault without data.
    #[must_use]
    pub const fn of(kind: FaultKind) -> Self {
        Self {
            kind,
            data: Vec::new(),
        }
    }

    /// Returns the NOTIFICATION that tells the peer.
    #[must_use]
    pub fn notification(&self) -> Vec<u8> {
        let (code, subcode) = self.kind.codes();
        let mut body = vec![code, subcode];
        body.extend_from_slice(&self.data);
        super::frame::message(super::frame::NOTIFICATION, &body)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Self::of(kind)
    }
}

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultKind {
    /// The list of path attributes contradicts the length of its message.
    #[error("UPDATE: the lengths of its parts contradict each other")]
    AttributeList,
    /// Another connection of the same peer is the one that stays.
    #[error("another connection with this peer stays")]
    Collision,
    /// The peer is configured no more.
    #[error("a session with this address is configured no more")]
    Deconfigured,
    /// Nothing came for the hold time.
    #[error("nothing came for the hold time")]
    HoldTimer,
    /// The header's length is impossible.
    #[error("message header: an impossible length")]
    Length,
    /// The header's marker is not all ones.
    #[error("message header: the marker is not all ones; is TCP-MD5 or another protocol there?")]
    Marker,
    /// The header's type is unknown.
    #[error("message header: an unknown type")]
    MessageType,
    /// MP_REACH_NLRI or MP_UNREACH_NLRI cannot be read.
    #[error("UPDATE: MP_REACH_NLRI or MP_UNREACH_NLRI cannot be read")]
    Multiprotocol,
    /// The routes of an UPDATE cannot be read.
    #[error("UPDATE: a prefix cannot be read")]
    Network,
    /// The peer's AS is not the configured one.
    #[error("OPEN: the AS is not the configured one; compare bgp_peers[].as")]
    OpenAs,
    /// The peer's hold time is 1 or 2 seconds.
    #[error("OPEN: a hold time of 1 or 2 seconds")]
    OpenHoldTime,
    /// The peer's identifier is 0 or our own.
    #[error("OPEN: the BGP Identifier is 0 or our own")]
    OpenIdentifier,
    /// The OPEN contradicts its own lengths.
    #[error("OPEN: its lengths contradict each other")]
    OpenLength,
    /// The OPEN has a parameter that is none.
    #[error("OPEN: an unknown optional parameter")]
    OpenParameter,
    /// The peer speaks another version.
    #[error("OPEN: another version than 4")]
    OpenVersion,
    /// The peer announced more than we take.
    #[error("more prefixes than one peer may announce")]
    PrefixLimit,
    /// What is configured of the peer is another.
    #[error("its configuration changed")]
    Reconfigured,
    /// ROUTE-REFRESH has a wrong length.
    #[error("ROUTE-REFRESH: an impossible length")]
    RefreshLength,
    /// There is no such peer.
    #[error("no session with this address is configured")]
    Rejected,
    /// We stop.
    #[error("we stop")]
    Shutdown,
    /// A message that has no place in this state.
    #[error("a message that has no place before both sides have said OPEN")]
    Unexpected {
        /// 1: OpenSent, 2: OpenConfirm, 3: Established [RFC 6608 §3].
        subcode: u8,
    },
}

impl FaultKind {
    /// Returns code and subcode [RFC 4271 §4.5, RFC 4486, RFC 6608, RFC 7313].
    #[must_use]
    pub const fn codes(self) -> (u8, u8) {
        match self {
            Self::Marker => (1, 1),
            Self::Length => (1, 2),
            Self::MessageType => (1, 3),
            Self::OpenLength => (2, 0),
            Self::OpenVersion => (2, 1),
            Self::OpenAs => (2, 2),
            Self::OpenIdentifier => (2, 3),
            Self::OpenParameter => (2, 4),
            Self::OpenHoldTime => (2, 6),
            Self::AttributeList => (3, 1),
            Self::Multiprotocol => (3, 9),
            Self::Network => (3, 10),
            Self::HoldTimer => (4, 0),
            Self::Unexpected { subcode } => (5, subcode),
            Self::PrefixLimit => (6, 1),
            Self::Shutdown => (6, 2),
            Self::Deconfigured => (6, 3),
            Self::Rejected => (6, 5),
            Self::Reconfigured => (6, 6),
            Self::Collision => (6, 7),
            Self::RefreshLength => (7, 1),
        }
    }
}

/// Returns what a received NOTIFICATION means, in words.
#[must_use]
pub fn notification_text(code: u8, subcode: u8) -> String {
    let code_text = match code {
        1 => "Message Header Error",
        2 => "OPEN Message Error",
        3 => "UPDATE Message Error",
        4 => "Hold Timer Expired",
        5 => "Finite State Machine Error",
        6 => "Cease",
        7 => "ROUTE-REFRESH Message Error",
        8 => "Send Hold Timer Expired",
        _ => "unknown",
    };
    let detail = match (code, subcode) {
        (2, 2) => ", Bad Peer AS: compare the AS numbers of both sides",
        (2, 3) => ", Bad BGP Identifier",
        (2, 4) => ", Unsupported Optional Parameter",
        (2, 6) => ", Unacceptable Hold Time",
        (2, 7) => ", Unsupported Capability",
        (6, 1) => ", Maximum Number of Prefixes Reached",
        (6, 2) => ", Administrative Shutdown",
        (6, 3) => ", Peer De-configured",
        (6, 4) => ", Administrative Reset",
        (6, 5) => ", Connection Rejected: does the router know our address?",
        (6, 6) => ", Other Configuration Change",
        (6, 7) => ", Connection Collision Resolution",
        (6, 8) => ", Out of Resources",
        (6, 9) => ", Hard Reset",
        _ => "",
    };
    format!("{code_text}{detail} ({code}/{subcode})")
}
