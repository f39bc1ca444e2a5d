//! An explanation for programs: one line of JSON.
//!
//! Names here are public: keys are added, never renamed.

use asdb::{AsNames, Asn, FlowRule, Given};
use mediator::settings::{AddressChoice, Enrich, FlowAsSemantics};

use super::{Answer, Explanation};
use crate::control::routes::RouteRemark;
use report::json::{list, object, or_null, string};

impl Explanation<'_> {
    /// Returns the explanation as one object and a line feed.
    #[must_use]
    pub fn json(&self) -> String {
        let order = self.wishes.order.iter().map(|word| string(word.name()));
        let unusable = self.wishes.unusable_as.iter();
        let unusable = unusable.map(|asn| asn.0.to_string());
        let answers = self.answers.iter().map(|answer| answer.json(self.names));
        let given = |given: Option<Given>| given.map(|given| given_json(given, self.names));
        let exporter = self
            .wishes
            .exporter
            .map(|address| string(&address.to_string()));
        let members = [
            ("address", string(&self.address.to_string())),
            ("place", or_null(self.remarks.place.as_deref().map(string))),
            (
                "dns_name",
                or_null(self.remarks.name.as_deref().map(string)),
            ),
            ("looked_up", self.has_origin.to_string()),
            ("exporter", or_null(exporter)),
            ("exporter_name", or_null(self.wishes.name.map(string))),
            ("enrich", string(enrich_word(self.wishes.enrich))),
            ("order", list(order)),
            (
                "flow_as_semantics",
                string(semantics_word(self.wishes.flow_as_semantics)),
            ),
            ("unusable_as", list(unusable)),
            ("address_choice", string(choice_word(self.wishes.address))),
            ("answers", list(answers)),
            ("routes", list(self.remarks.routes.iter().map(route_json))),
            ("before_flow", or_null(given(self.verdict.before_flow))),
            (
                "flow",
                or_null(self.verdict.flow.map(rule_word).map(string)),
            ),
            ("after_flow", or_null(given(self.verdict.after_flow))),
        ];
        object(&members) + "\n"
    }
}

impl Answer {
    fn json(&self, names: &AsNames) -> String {
        let asn = self.found.map(|(_, asn)| asn);
        let prefix = self.found.map(|(prefix, _)| string(&prefix.to_string()));
        object(&[
            ("provider", string(self.provider.name())),
            ("source", string(&self.origin.to_string())),
            ("made", or_null(self.made.as_deref().map(string))),
            (
                "age_days",
                or_null(self.age_days.map(|days| days.to_string())),
            ),
            ("asn", or_null(asn.map(|asn| asn.0.to_string()))),
            ("name", or_null(asn.and_then(|asn| name_json(asn, names)))),
            ("prefix", or_null(prefix)),
        ])
    }
}

fn route_json(route: &RouteRemark) -> String {
    let communities = route.communities.iter().map(|one| string(one));
    object(&[
        ("provider", string(route.provider.name())),
        ("router", string(&route.router)),
        ("table", string(&route.table)),
        ("prefix", string(&route.prefix)),
        ("path", string(&route.path)),
        ("next_hop", or_null(route.next_hop.as_deref().map(string))),
        ("communities", list(communities)),
        ("age_s", route.age_s.to_string()),
        ("is_stale", route.is_stale.to_string()),
    ])
}

fn given_json(given: Given, names: &AsNames) -> String {
    object(&[
        ("provider", string(given.provider.name())),
        ("asn", given.asn.0.to_string()),
        ("name", or_null(name_json(given.asn, names))),
    ])
}

fn name_json(asn: Asn, names: &AsNames) -> Option<String> {
    names.of(asn).map(string)
}

const fn rule_word(rule: FlowRule) -> &'static str {
    match rule {
        FlowRule::Any => "flow",
        FlowRule::ExceptPrivate => "flow-except-private",
        FlowRule::ExceptDefaultRoute => "flow-except-default-route",
    }
}

const fn enrich_word(enrich: Enrich) -> &'static str {
    match enrich {
        Enrich::On => "on",
        Enrich::DryRun => "dry-run",
        Enrich::Off => "off",
    }
}

const fn semantics_word(semantics: FlowAsSemantics) -> &'static str {
    match semantics {
        FlowAsSemantics::Origin => "origin",
        FlowAsSemantics::Peer => "peer",
    }
}

/// Returns the word of the configuration.
pub(super) const fn choice_word(choice: AddressChoice) -> &'static str {
    match choice {
        AddressChoice::FirstPublic => "first-public",
        AddressChoice::Outer => "outer",
        AddressChoice::Inner => "inner",
        AddressChoice::PostNatIfPrivate => "post-nat-if-private",
    }
}
