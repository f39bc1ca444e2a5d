//! Which AS number wins for one side of one record.
//!
//! The operator's order of providers is compiled into the policy: what comes before the exporter's
//! own value, the exporter's value if it is usable, what comes after it.
//!
//! Not here: finding the values (`apply`).

use asdb::{Asn, FlowRule, Given, Policy, Provider};

use crate::settings::{FlowAsSemantics, Treatment};

/// What the exporter itself says of one side of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowValue {
    /// The AS number of the record; `None` where it has no field for it, or more than 32 bits.
    pub asn: Option<u32>,
    /// Whether the prefix length that the exporter matched is 0.
    pub by_default_route: bool,
}

/// What to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody knows: the octets stay.
    Nobody,
    /// The exporter's own value stays.
    Keep {
        /// What the table would have said, where that is something else.
        disagrees: Option<Asn>,
    },
    /// This number, from this provider.
    Write(Asn, Provider),
}

/// Decides one side of one record; `known` is what the policy has for its address.
#[inline]
#[must_use]
pub fn decide(
    policy: &Policy,
    treatment: &Treatment,
    known: [Given; 2],
    flow: FlowValue,
) -> Verdict {
    let [before, after] = known;
    if before.asn.0 != 0 {
        return Verdict::Write(before.asn, before.provider);
    }
    if let Some(asn) = flow.asn
        && is_usable(policy, treatment, asn, flow.by_default_route)
    {
        let differs = after.asn.0 != 0 && after.asn.0 != asn;
        return Verdict::Keep {
            disagrees: differs.then_some(after.asn),
        };
    }
    if after.asn.0 != 0 {
        return Verdict::Write(after.asn, after.provider);
    }
    Verdict::Nobody
}

/// Whether the exporter's AS number is an answer of its own.
#[inline]
fn is_usable(policy: &Policy, treatment: &Treatment, asn: u32, by_default_route: bool) -> bool {
    if asn == 0 || treatment.flow_as_semantics == FlowAsSemantics::Peer {
        return false;
    }
    let allowed = match policy.flow() {
        None => false,
        Some(FlowRule::Any) => true,
        Some(FlowRule::ExceptPrivate) => !Asn(asn).is_private(),
        Some(FlowRule::ExceptDefaultRoute) => !by_default_route,
    };
    allowed && !Asn(asn).is_reserved() && !treatment.unusable_as.contains(&asn)
}
