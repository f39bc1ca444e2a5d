//! An explanation for people.

use std::fmt::Write;

use asdb::{AsNames, Asn, FlowRule, Given, Provider};
use mediator::settings::{AddressChoice, Enrich, FlowAsSemantics};

use super::json::choice_word;
use super::{Answer, Explanation, Verdict};
use crate::control::routes::RouteRemark;

impl Explanation<'_> {
    /// Returns the explanation in lines.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.address);
        let remarks = [("in", &self.remarks.place), ("name", &self.remarks.name)];
        for (label, remark) in remarks {
            if let Some(remark) = remark {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "  {label:<9} {remark}");
            }
        }
        if !self.has_origin {
            text += "  never looked up: private, documentation, multicast and reserved addresses \
                     have no origin; only static speaks about them\n";
        }
        for provider in Provider::ALL {
            for line in self.lines_of(provider) {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "  {:<9} {line}", provider.name());
            }
        }
        for route in &self.remarks.routes {
            let _ = writeln!(text, "  {:<9} {}", "route", route_text(route));
        }
        let words: Vec<_> = self.wishes.order.iter().map(|word| word.name()).collect();
        let _ = writeln!(text, "order: {}{}", words.join(", "), self.whose_order());
        let _ = writeln!(text, "result: {}", self.verdict.text(self.names));
        if self.wishes.address != AddressChoice::FirstPublic {
            let choice = choice_word(self.wishes.address);
            let _ = writeln!(text, "of several addresses of a record: {choice}");
        }
        if let Some(remark) = self.remark() {
            let _ = writeln!(text, "{remark}");
        }
        text
    }

    fn lines_of(&self, provider: Provider) -> Vec<String> {
        if provider == Provider::Flow {
            return vec![self.flow_line()];
        }
        let answers = self
            .answers
            .iter()
            .filter(|answer| answer.provider == provider);
        let lines: Vec<_> = answers.map(|answer| answer.text(self.names)).collect();
        if lines.is_empty() {
            vec!["no source".to_owned()]
        } else {
            lines
        }
    }

    /// When the record's own AS number is an answer of this exporter.
    fn flow_line(&self) -> String {
        let rule = self.wishes.order.iter().find_map(|word| word.flow_rule());
        let Some(rule) = rule else {
            return "not in the order: what the record says does not count".to_owned();
        };
        if self.wishes.flow_as_semantics == FlowAsSemantics::Peer {
            return "no answer: its AS fields are those of neighbours (flow_as_semantics: peer)"
                .to_owned();
        }
        let further = self.wishes.unusable_as.iter();
        let further: Vec<_> = further
            .filter(|asn| !asn.is_reserved())
            .map(|asn| asn.0.to_string())
            .collect();
        let mut line = "what the record says, unless 0 or reserved".to_owned();
        if !further.is_empty() {
            line += &format!(", {}", further.join(", "));
        }
        line + match rule {
            FlowRule::Any => "",
            FlowRule::ExceptPrivate => ", or private",
            FlowRule::ExceptDefaultRoute => ", or by a prefix of length 0",
        }
    }

    fn whose_order(&self) -> String {
        match (self.wishes.exporter, self.wishes.name) {
            (Some(address), Some(name)) => format!(" (of exporter {address}, {name})"),
            (Some(address), None) => format!(" (of exporter {address})"),
            (None, _) => String::new(),
        }
    }

    fn remark(&self) -> Option<&'static str> {
        match self.wishes.enrich {
            Enrich::On => None,
            Enrich::DryRun => Some("enrich is dry-run: it is counted, not written"),
            Enrich::Off => Some("enrich is off: nothing is written"),
        }
    }
}

fn route_text(route: &RouteRemark) -> String {
    let path = if route.path.is_empty() {
        "empty"
    } else {
        &route.path
    };
    let mut text = format!("{}, path {path}", route.prefix);
    if let Some(next_hop) = &route.next_hop {
        text += &format!(", next hop {next_hop}");
    }
    if !route.communities.is_empty() {
        text += &format!(", communities {}", route.communities.join(" "));
    }
    text += &format!(
        ", from {} over {}",
        route.router,
        route.provider.name().to_uppercase()
    );
    if !route.table.is_empty() {
        text += &format!(" ({})", route.table.trim_start());
    }
    text += &format!(", {} s old", route.age_s);
    if route.is_stale {
        text += ", not confirmed since its session was lost";
    }
    text
}

impl Answer {
    fn text(&self, names: &AsNames) -> String {
        let said = match self.found {
            Some((prefix, asn)) => format!("{} by {prefix}", as_text(asn, names)),
            None => "no answer".to_owned(),
        };
        let made = self
            .made
            .as_ref()
            .map_or(String::new(), |made| format!(", {made}"));
        let age = self
            .age_days
            .map_or(String::new(), |days| format!(", {days} days old"));
        format!("{said}, in {}{made}{age}", self.origin)
    }
}

impl Verdict {
    fn text(&self, names: &AsNames) -> String {
        let given = |given: Given| format!("{} ({})", as_text(given.asn, names), given.provider);
        if let Some(first) = self.before_flow {
            return given(first);
        }
        let last = self.after_flow.map(given);
        match (self.flow, last) {
            (Some(rule), Some(last)) => format!("{}; else {last}", rule_text(rule)),
            (Some(rule), None) => format!("{}; else the octets stay as they came", rule_text(rule)),
            (None, Some(last)) => last,
            (None, None) => "nobody knows: the octets stay as they came".to_owned(),
        }
    }
}

const fn rule_text(rule: FlowRule) -> &'static str {
    match rule {
        FlowRule::Any => "what the record says, if that is usable",
        FlowRule::ExceptPrivate => "what the record says, if that is usable and not private",
        FlowRule::ExceptDefaultRoute => {
            "what the record says, if that is usable and no default route matched"
        }
    }
}

fn as_text(asn: Asn, names: &AsNames) -> String {
    match names.of(asn) {
        Some(name) => format!("{asn} {name}"),
        None => asn.to_string(),
    }
}
