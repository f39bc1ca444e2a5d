//! What the core's reasons and protocols are called in reports.
//!
//! Not here: the reasons themselves (`mediator::counters`).

use mediator::{Dropped, Raw, Version};

/// Returns what the protocol is called.
#[must_use]
pub(super) const fn version_name(version: Version) -> &'static str {
    match version {
        Version::V5 => "v5",
        Version::V9 => "v9",
        Version::Ipfix => "ipfix",
    }
}

/// Returns why a Set left without AS numbers.
#[must_use]
pub(super) const fn raw_reason(reason: Raw) -> &'static str {
    match reason {
        Raw::Options => "options data",
        Raw::NoAddress => "no address field",
        Raw::NoAsField => "no AS field, and missing_fields is leave",
        Raw::SwitchedOff => "enrich is off for this exporter",
        Raw::ZeroLength => "Template of records without octets",
        Raw::TooManyFields => "Template with more fields than are followed",
        Raw::NoCloneId => "no Template ID free for the clone",
        Raw::TooLarge => "records would outgrow the largest datagram",
        Raw::UnknownTemplate => "Template not known",
        Raw::Misfit => "does not fit its Template",
        Raw::ReservedSetId => "reserved Set ID",
        Raw::BrokenTemplate => "Template that cannot be read",
    }
}

/// Returns why a Message or a Set did not leave.
#[must_use]
pub(super) const fn dropped_reason(reason: Dropped) -> &'static str {
    match reason {
        Dropped::Malformed => "malformed",
        Dropped::UnknownVersion => "unknown version",
        Dropped::IdTaken => "Template ID taken by a clone",
        Dropped::Withdrawal => "only withdrawals, which have no place over UDP",
        Dropped::Empty => "no Set left in it",
        Dropped::Filtered => "no collector wants it",
    }
}
