//! Complaints of tshark about our output that are right to be there, each with its reason.

/// A capture and a kind of complaint that its output adds.
pub(super) struct Known {
    pub(super) capture: &'static str,
    /// One of [`super::tshark::KINDS`].
    pub(super) kind: &'static str,
    /// Why no octet of ours is wrong.
    pub(super) reason: &'static str,
}

const SEQUENCE: &str = "cflow.unexpected_sequence_number";

pub(super) const KNOWN: &[Known] = &[
    Known {
        capture: "ipfix-calmh-procera-2.pcap",
        kind: SEQUENCE,
        reason: "the exporter's second Message is numbered behind its first; tshark gives it up as \
                 malformed before it compares, and compares the readable part that we cut off it",
    },
    Known {
        capture: "ipfix-tr-multi-sources.pcap",
        kind: SEQUENCE,
        reason: "some exporters number Messages instead of Data Records, which tshark reports \
                 where it can read the records: more of them after the Messages that came ahead of \
                 their Template were held for it",
    },
    Known {
        capture: "ipfix-vflow-juniper.pcap",
        kind: SEQUENCE,
        reason: "put together from single Messages with gaps between their numbers; tshark sees \
                 one gap more because a Message that came ahead of its Template was held for it",
    },
];
