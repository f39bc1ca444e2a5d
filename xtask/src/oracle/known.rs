//! Complaints of tshark about our output that are right to be there, each with its reason.

/// A capture and a kind of complaint that its output adds.
pub(super) struct Known {
    pub(super) capture: &'static str,
    /// One of [`super::tshark::KINDS`].
    pub(super) kind: &'static str,
    /// Why no octet of ours is wrong.
    pub(super) reason: &'static str,
}

pub(super) const KNOWN: &[Known] = &[];
