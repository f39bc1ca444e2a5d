//! Which AS number wins for one side of one record.
//!
//! The operator's order of providers is compiled into the policy: what comes before the exporter's
//! own value, the exporter's value if it is usable, what comes after it.
//!
//! Not here: finding the values (`apply`).

use asdb::{Asn, FlowRule, Policy, Provider, Ranked};

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
        /// What the table would have said; [`Asn::NONE`] if nothing.
        table: Asn,
    },
    /// This number, from this provider.
    Write(Asn, Provider),
}

/// Decides one side of one record; `known` is what the policy has for its address.
#[inline]
#[must_use]
pub fn decide(policy: &Policy, treatment: &Treatment, known: Ranked, flow: FlowValue) -> Verdict {
    let Ranked { asn, provider, .. } = known;
    if known.precedes_flow {
        return Verdict::Write(asn, provider);
    }
    if let Some(own) = flow.asn
        && is_usable(policy, treatment, own, flow.by_default_route)
    {
        return Verdict::Keep { table: asn };
    }
    if asn != Asn::NONE {
        return Verdict::Write(asn, provider);
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
    allowed && !is_unusable(treatment, asn)
}

/// Whether the number stands for no AS, or the operator says that this exporter's does.
#[inline]
#[must_use]
pub fn is_unusable(treatment: &Treatment, asn: u32) -> bool {
    Asn(asn).is_reserved() || treatment.unusable_as.contains(&asn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{AddressChoice, Enrich};
    use asdb::{AsDb, PolicyWord};
    use std::vec;

    fn treatment(flow_as_semantics: FlowAsSemantics) -> Treatment {
        Treatment {
            enrich: Enrich::On,
            policy_index: 0,
            routes_from: None,
            flow_as_semantics,
            address: AddressChoice::FirstPublic,
            unusable_as: vec![7018],
            sampling_rate: 0,
        }
    }

    fn ranked(asn: u32, provider: Provider, precedes_flow: bool) -> Ranked {
        Ranked {
            asn: Asn(asn),
            provider,
            precedes_flow,
        }
    }

    fn flow(asn: u32) -> FlowValue {
        FlowValue {
            asn: Some(asn),
            by_default_route: false,
        }
    }

    /// Decides with an order in which only the exporter's word stands between before and after.
    fn decided(word: Option<PolicyWord>, before: u32, value: FlowValue, after: u32) -> Verdict {
        let words: vec::Vec<PolicyWord> = word.into_iter().collect();
        let known = match before {
            0 => ranked(after, Provider::Database, false),
            _ => ranked(before, Provider::Static, true),
        };
        let policy = AsDb::empty().policy(&words);
        decide(&policy, &treatment(FlowAsSemantics::Origin), known, value)
    }

    #[test]
    fn the_order_is_before_the_exporter_the_exporter_after_it() {
        let word = Some(PolicyWord::Flow);
        let rows = [
            (1, 2, 3, Verdict::Write(Asn(1), Provider::Static)),
            (0, 3, 3, Verdict::Keep { table: Asn(3) }),
            (0, 2, 3, Verdict::Keep { table: Asn(3) }),
            (0, 2, 0, Verdict::Keep { table: Asn::NONE }),
            (0, 0, 3, Verdict::Write(Asn(3), Provider::Database)),
            (0, 0, 0, Verdict::Nobody),
        ];
        for (before, asn, after, expected) in rows {
            assert_eq!(decided(word, before, flow(asn), after), expected);
        }
    }

    #[test]
    fn a_value_that_is_reserved_or_called_unusable_is_none() {
        let written = Verdict::Write(Asn(3), Provider::Database);
        for unusable in [0, 23_456, 65_535, 64_500, 131_071, u32::MAX, 7018] {
            assert_eq!(
                decided(Some(PolicyWord::Flow), 0, flow(unusable), 3),
                written
            );
        }
        assert_eq!(
            decided(Some(PolicyWord::Flow), 0, FlowValue::default(), 3),
            written
        );
    }

    #[test]
    fn each_word_for_the_exporter_excepts_what_it_says() {
        let written = Verdict::Write(Asn(3), Provider::Database);
        let kept = Verdict::Keep { table: Asn(3) };
        let private = flow(64_512);
        let by_default = FlowValue {
            by_default_route: true,
            ..flow(6939)
        };
        for (word, of_private, of_default) in [
            (Some(PolicyWord::Flow), kept, kept),
            (Some(PolicyWord::FlowExceptPrivate), written, kept),
            (Some(PolicyWord::FlowExceptDefaultRoute), kept, written),
            (None, written, written),
        ] {
            assert_eq!(decided(word, 0, private, 3), of_private, "{word:?}");
            assert_eq!(decided(word, 0, by_default, 3), of_default, "{word:?}");
        }
    }

    #[test]
    fn the_adjacent_as_is_never_an_answer() {
        let policy = AsDb::empty().policy(&[PolicyWord::Flow]);
        let known = ranked(3, Provider::Database, false);
        let verdict = decide(
            &policy,
            &treatment(FlowAsSemantics::Peer),
            known,
            flow(6939),
        );
        assert_eq!(verdict, Verdict::Write(Asn(3), Provider::Database));
    }
}
