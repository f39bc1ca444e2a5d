//! Complaints of tshark about our output that are right to be there, each with its reason.

/// A capture and a kind of complaint that its output adds.
pub(super) struct Known {
    pub(super) capture: &'static str,
    /// One of [`super::tshark::KINDS`].
    pub(super) kind: &'static str,
    /// Why no octet of ours is wrong.
    pub(super) reason: &'static str,
}

pub(super) const KNOWN: &[Known] = &[Known {
    capture: "ipfix-tr-multi-sources.pcap",
    kind: "cflow.unexpected_sequence_number",
    reason: "some of its exporters number Messages instead of Data Records, which tshark reports \
             wherever it can read the records; in the output it can read more of them, because \
             Messages were held until their Template came",
}];
