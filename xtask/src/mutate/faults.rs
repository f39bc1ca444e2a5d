//! The deliberate faults: each a mistake that somebody could make, and the test that must see it.
//!
//! Not here: applying them (`mutate`).
//! The list follows the code: who changes a line that stands here says what the mistake would look
//! like now; `cargo xtask mutate` begins by looking for such lines.
//!
//! Bound: a list that is read once.

/// A fault, and who notices.
#[derive(Debug)]
pub(super) struct Fault {
    /// What goes wrong, as a name for the command line.
    pub(super) name: &'static str,
    /// The file, from the root.
    pub(super) file: &'static str,
    /// Stands there exactly once.
    pub(super) right: &'static str,
    /// Takes its place.
    pub(super) wrong: &'static str,
    /// Who must fail.
    pub(super) test: Test,
}

/// A test, as cargo finds it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Test {
    /// `crates/mediator/tests/behaviour`: module and name.
    Behaviour(&'static str),
    /// The simulation with all its laws, by fewer seeds than usual.
    Laws,
    /// A test beside the code of a crate.
    Beside(&'static str, &'static str),
    /// A test of its own in a crate's `tests`: crate, file, name.
    Apart(&'static str, &'static str, &'static str),
}

use Test::{Apart, Behaviour, Beside, Laws};

macro_rules! fault {
    ($name:literal, $file:literal, $right:literal, $wrong:literal, $test:expr) => {
        Fault {
            name: $name,
            file: concat!("crates/", $file),
            right: $right,
            wrong: $wrong,
            test: $test,
        }
    };
}

/// The test that runs the simulation.
pub(super) const LAWS: &str = "no_law_is_broken_whatever_the_exporters_and_the_network_do";

/// All of them.
pub(super) const FAULTS: &[Fault] = &[
    // Reading.
    fault!(
        "v9-sequence-read-at-uptime",
        "mediator/src/wire/header.rs",
        "sequence: number(12)?,",
        "sequence: number(8)?,",
        Behaviour("split::a_v9_set_is_divided_into_equal_parts_that_number_and_count_on")
    ),
    fault!(
        "set-length-of-3-accepted",
        "mediator/src/wire/set.rs",
        "if length < SET_HEADER_OCTETS {",
        "if length + 1 < SET_HEADER_OCTETS {",
        Behaviour(
            "malformed::a_message_whose_lengths_contradict_it_passes_whole_or_is_dropped_whole"
        )
    ),
    fault!(
        "set-may-pass-the-end-by-one",
        "mediator/src/wire/set.rs",
        "if length > rest.len() {",
        "if length > rest.len() + 1 {",
        Behaviour(
            "malformed::a_message_whose_lengths_contradict_it_passes_whole_or_is_dropped_whole"
        )
    ),
    fault!(
        "zero-tail-is-a-fault",
        "mediator/src/wire/set.rs",
        "if rest.iter().all(|octet| *octet == 0) {",
        "if rest.is_empty() {",
        Behaviour("quirks_vendor::a_tail_of_zeros_behind_the_last_set_does_not_leave")
    ),
    fault!(
        "ipfix-withdrawal-is-a-template",
        "mediator/src/wire/template.rs",
        "if self.version == Version::Ipfix && count == 0 {",
        "if self.version == Version::V9 && count == 0 {",
        Behaviour("withdrawals::a_withdrawal_is_taken_out_of_a_set_with_definitions")
    ),
    fault!(
        "template-id-256-refused",
        "mediator/src/wire/template.rs",
        "if id < DATA_SET_ID_MIN || (",
        "if id <= DATA_SET_ID_MIN || (",
        Behaviour("templates::any_id_from_256_to_65535_is_a_template_id")
    ),
    fault!(
        "long-variable-length-takes-one-octet",
        "mediator/src/enrich/walk.rs",
        "255 => 3 + usize::from(u16_at(content, at + 1)?),",
        "255 => 1 + usize::from(u16_at(content, at + 1)?),",
        Beside(
            "mediator",
            "enrich::walk::tests::records_of_variable_length_are_walked_in_both_forms"
        )
    ),
    fault!(
        "padding-of-4-accepted",
        "mediator/src/enrich/walk.rs",
        "left_over.len() <= 3",
        "left_over.len() <= 4",
        Beside(
            "mediator",
            "enrich::walk::tests::what_is_left_over_is_three_octets_or_zeros"
        )
    ),
    fault!(
        "last-variable-record-dropped",
        "mediator/src/enrich/walk.rs",
        "while content.len() - at >= octets_min {",
        "while content.len() - at > octets_min {",
        Beside(
            "mediator",
            "enrich::walk::tests::padding_shorter_than_a_variable_record_is_left_over"
        )
    ),
    fault!(
        "mark-of-the-record-before",
        "mediator/src/enrich/walk.rs",
        "walked.marks[nth * marks_count + mark] as usize",
        "walked.marks[nth.saturating_sub(1) * marks_count + mark] as usize",
        Behaviour("append::records_of_variable_length_are_appended_to_one_by_one")
    ),
    // Sessions and Templates.
    fault!(
        "template-key-without-domain",
        "mediator/src/wire/header.rs",
        "domain: number(16)?,",
        "domain: number(16)?.min(0),",
        Behaviour("templates::one_id_means_another_thing_in_another_domain_and_version")
    ),
    fault!(
        "doubted-templates-used",
        "mediator/src/collect/template.rs",
        "self.is_confirmed() && !self.is_expired(now)",
        "!self.is_expired(now)",
        Behaviour("sequence::after_a_v9_restart_the_output_goes_on_and_templates_are_doubted")
    ),
    fault!(
        "data-do-not-keep-templates-alive",
        "mediator/src/collect/template.rs",
        "self.fitted_at = Some(now);",
        "let _ = now;",
        Behaviour("templates::a_template_lives_36_hours_unless_it_is_refreshed_or_its_data_fit")
    ),
    fault!(
        "held-messages-leave-last-first",
        "mediator/src/collect/hold.rs",
        "self.messages.pop_front();",
        "self.messages.pop_back();",
        Behaviour("hold::nothing_of_the_session_overtakes_what_waits")
    ),
    fault!(
        "useful-sessions-evicted",
        "mediator/src/collect/store.rs",
        "if session.productive || !session.hold.is_empty() {",
        "if !session.hold.is_empty() {",
        Behaviour("limits::a_flood_of_exporters_does_not_push_out_one_whose_data_are_read")
    ),
    // Plans and values.
    fault!(
        "destination-gets-the-source-element",
        "mediator/src/enrich/plan.rs",
        "as_number: super::clone::DESTINATION_AS,",
        "as_number: super::clone::SOURCE_AS,",
        Behaviour("fill::zeros_are_filled_and_nothing_else_changes")
    ),
    fault!(
        "two-octet-fields-stay-narrow",
        "mediator/src/enrich/plan.rs",
        "fields.filter(|field| field.width < 4)",
        "fields.filter(|field| field.width < 2)",
        Behaviour("widen::two_octets_become_four_where_they_are_even_if_the_value_would_fit")
    ),
    fault!(
        "enterprise-16-taken-for-an-as-number",
        "mediator/src/enrich/plan.rs",
        "if field.enterprise.is_none() && self.matters(field, mark) {",
        "if self.matters(field, mark) {",
        Behaviour("fill::an_enterprise_field_with_the_number_of_an_as_field_is_none")
    ),
    fault!(
        "options-enriched",
        "mediator/src/enrich/plan.rs",
        "is_options: definition.kind() == TemplateKind::Options,",
        "is_options: false,",
        Behaviour("sampling::a_rate_is_read_in_each_way_of_writing_it")
    ),
    fault!(
        "clone-counts-one-field-too-few",
        "mediator/src/enrich/clone.rs",
        "            count += 1;",
        "            count |= 1;",
        Behaviour(
            "append::the_template_passes_unchanged_and_its_clone_follows_in_the_same_message"
        )
    ),
    fault!(
        "clone-keeps-the-narrow-length",
        "mediator/src/enrich/clone.rs",
        "put_u16(record, field.offset + 2, AS_OCTETS);",
        "put_u16(record, field.offset + 2, field.octets);",
        Behaviour("widen::two_octets_become_four_where_they_are_even_if_the_value_would_fit")
    ),
    fault!(
        "sixteen-bit-truncation",
        "mediator/src/enrich/apply.rs",
        "(false, true) => AS_TRANS,",
        "(false, true) => asn.0 & 0xFFFF,",
        Behaviour("as_rules::a_number_above_16_bits_is_never_cut")
    ),
    fault!(
        "destination-appended-before-source",
        "mediator/src/enrich/columns.rs",
        "to.extend_from_slice(&[s0, s1, s2, s3, d0, d1, d2, d3]);",
        "to.extend_from_slice(&[d0, d1, d2, d3, s0, s1, s2, s3]);",
        Behaviour("append::v9_records_get_their_as_numbers_at_the_end_and_sets_their_padding")
    ),
    fault!(
        "router-overruled-though-it-knows",
        "mediator/src/enrich/decide.rs",
        "return Verdict::Keep { table: asn };",
        "return Verdict::Write(asn, provider);",
        Behaviour("fill::a_usable_as_number_of_the_router_stays_and_the_difference_is_counted")
    ),
    fault!(
        "reserved-numbers-believed",
        "mediator/src/enrich/decide.rs",
        "Asn(asn).is_reserved() || treatment",
        "treatment",
        Behaviour("as_rules::documentation_numbers_are_no_answer")
    ),
    fault!(
        "only-the-first-batch-is-filled",
        "mediator/src/enrich/columns.rs",
        "for chunk in records.chunks_mut(self.octets * LOOKUP_RECORDS) {",
        "for chunk in records.chunks_mut(self.octets * LOOKUP_RECORDS).take(1) {",
        Behaviour("fill::filling_more_records_than_are_looked_up_together_fills_every_one")
    ),
    // Writing.
    fault!(
        "set-length-without-its-header",
        "mediator/src/export/emit.rs",
        ".saturating_add(crate::wire::SET_HEADER_OCTETS);\n    to.extend",
        ".saturating_add(0);\n    to.extend",
        Behaviour("append::ipfix_records_get_their_as_numbers_at_the_end_and_sets_no_padding")
    ),
    fault!(
        "message-length-not-renewed",
        "mediator/src/wire/header.rs",
        "put_u16(numbers, 2, stamp.count_or_length);",
        "put_u16(numbers, 2, self.count_or_length);",
        Behaviour("append::ipfix_records_get_their_as_numbers_at_the_end_and_sets_no_padding")
    ),
    fault!(
        "v9-counts-sets-for-records",
        "mediator/src/export/emit.rs",
        "records = records.saturating_add(set.records_count);\n        if",
        "records = records.saturating_add(1);\n        if",
        Behaviour("sequence::a_v9_count_is_the_number_of_records_whatever_the_exporter_counted")
    ),
    fault!(
        "v9-part-takes-no-number",
        "mediator/src/export/sequence.rs",
        "self.offset = self.offset.wrapping_add(1);",
        "self.offset = self.offset.wrapping_add(0);",
        Behaviour("split::a_v9_set_is_divided_into_equal_parts_that_number_and_count_on")
    ),
    fault!(
        "ipfix-part-numbered-as-the-first",
        "mediator/src/export/emit.rs",
        "Version::Ipfix => first.wrapping_add(sent.data_records),",
        "Version::Ipfix => first,",
        Behaviour("split::an_ipfix_part_is_numbered_by_the_records_before_it")
    ),
    fault!(
        "ipfix-counts-template-records",
        "mediator/src/mediator/deliver.rs",
        "data: count(|counts| counts == Counts::Data),",
        "data: count(|counts| counts != Counts::Added),",
        Behaviour("sequence::ipfix_numbers_count_data_records_and_options_data_but_no_templates")
    ),
    fault!(
        "dropped-message-leaves-a-gap",
        "mediator/src/export/sequence.rs",
        "self.offset = self.offset.wrapping_sub(units);",
        "self.offset = self.offset.wrapping_sub(units & 0);",
        Behaviour("sequence::a_message_that_is_dropped_leaves_no_gap")
    ),
    fault!(
        "restart-begins-at-the-exporters-number",
        "mediator/src/export/sequence.rs",
        "self.offset = expected.wrapping_sub(place.sequence);",
        "self.offset = 0;",
        Behaviour("sequence::after_a_v9_restart_the_output_goes_on_and_templates_are_doubted")
    ),
    fault!(
        "gap-gives-its-numbers-away",
        "mediator/src/export/sequence.rs",
        "self.remember(&missing, sequence.wrapping_add(self.offset), false);",
        "let _ = (missing, sequence);",
        Behaviour("sequence::a_gap_of_the_input_stays_and_a_late_message_fills_it")
    ),
    fault!(
        "v9-padding-of-four-octets",
        "mediator/src/export/draft.rs",
        "let to_four = content_octets.wrapping_neg() & 3;",
        "let to_four = 4 - (content_octets & 3);",
        Behaviour("append::v9_records_get_their_as_numbers_at_the_end_and_sets_their_padding")
    ),
    fault!(
        "ipfix-sets-padded",
        "mediator/src/export/draft.rs",
        "Version::Ipfix => Self::Nothing,",
        "Version::Ipfix => Self::ToFour,",
        Behaviour("append::ipfix_records_get_their_as_numbers_at_the_end_and_sets_no_padding")
    ),
    fault!(
        "message-one-octet-too-large",
        "mediator/src/export/draft.rs",
        "if remaining <= octets_max {",
        "if remaining <= octets_max + 1 {",
        Laws
    ),
    fault!(
        "clone-takes-an-id-in-use",
        "mediator/src/export/mapping.rs",
        "!self.is_tainted(*id) && !is_used(*id)",
        "!self.is_tainted(*id)",
        Behaviour("clone_ids::an_id_that_the_exporter_uses_is_passed_over")
    ),
    fault!(
        "left-id-not-tainted",
        "mediator/src/export/mapping.rs",
        "        self.taint(id);\n        Some(pair.original)",
        "        Some(pair.original)",
        Behaviour(
            "clone_ids::data_under_an_id_that_was_a_clones_pass_once_the_exporter_defined_it"
        )
    ),
    fault!(
        "v5-part-numbered-as-the-first",
        "mediator/src/mediator/legacy.rs",
        "sequence: header.sequence.wrapping_add(number),",
        "sequence: header.sequence,",
        Behaviour("v5::a_datagram_above_the_size_is_divided_and_each_part_counts_on")
    ),
    fault!(
        "v5-destination-read-at-next-hop",
        "mediator/src/enrich/plan.rs",
        "marks: Box::new([0, 4, 40, 42, 44, 45, 16, 20]),",
        "marks: Box::new([0, 8, 40, 42, 44, 45, 16, 20]),",
        Behaviour("v5::as_numbers_are_filled_where_they_are_and_the_rest_stays")
    ),
    fault!(
        "state-checksum-not-looked-at",
        "mediator/src/state.rs",
        "if checksum(state).to_be_bytes() != sum {",
        "if sum.is_empty() {",
        Behaviour("state::a_state_that_was_cut_or_changed_is_refused_and_nothing_is_taken_over")
    ),
    // The table.
    fault!(
        "shorter-prefix-wins",
        "asdb/src/sweep.rs",
        "entries.sort_by_key(|entry| (entry.network, entry.length, entry.source));",
        "entries.sort_by_key(|entry| (entry.network, !entry.length, entry.source));",
        Apart(
            "asdb",
            "providers",
            "each_provider_answers_with_its_own_longest_prefix"
        )
    ),
    fault!(
        "prefix-ends-one-address-early",
        "asdb/src/sweep.rs",
        "top.last < address",
        "top.last <= address",
        Apart(
            "asdb",
            "providers",
            "prefixes_down_to_the_last_bit_are_told_apart"
        )
    ),
];

#[cfg(test)]
mod tests {
    use super::FAULTS;

    /// Enough to say that the tests see what they should.
    const FAULTS_MIN: usize = 30;

    #[test]
    fn each_fault_has_a_name_of_its_own() {
        let mut names: Vec<_> = FAULTS.iter().map(|fault| fault.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAULTS.len());
        assert!(names.len() >= FAULTS_MIN);
    }
}
