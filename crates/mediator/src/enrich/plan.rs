//! What is done with the Data Records of one Template, worked out once.
//!
//! A plan knows where the addresses and AS fields of a record are: at fixed offsets where every
//! field has a fixed length, else found by walking the record. A place that matters is a *mark*;
//! marks are numbered in the order of the fields.
//!
//! A Template gets AS fields only for a side whose address it has; never a second field of the
//! same Information Element [PROTOCOL K6]. A field of 4 to 8 octets is filled where it is, a
//! narrower one makes a clone in which it has 4 octets, a missing one makes a clone that has it at
//! the end: what refers to fields by position stays true [PROTOCOL T10].
//!
//! Not here: values (`decide`), the clone's octets (`clone`).
//! Bound: [`MARKS_MAX`] marks; a Template with more passes unchanged.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::columns::Columns;
use super::sampling::{self, SAMPLER_IDS, SamplingMark};
use super::walk::{Layout, Step};
use crate::counters::Raw;
use crate::settings::{Enrich, MissingFields, Treatment};
use crate::wire::template::{Definition, FieldSpecifier, TemplateKind};

/// Places of one record that matter.
pub const MARKS_MAX: usize = 48;

/// What happens to Data Sets of a Template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// They leave as they came, in their place.
    Pass(Raw),
    /// The AS numbers are written into the received octets.
    Fill,
    /// The records are written anew, under the clone's ID.
    Clone,
}

/// The kind of address that a mark points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressForm {
    /// 4 octets.
    Ipv4,
    /// 16 octets.
    Ipv6,
    /// An Ethernet frame section; its IP header has both addresses.
    Frame,
    /// An IP packet section.
    IpPacket,
}

/// An address of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressMark {
    /// Number of the mark.
    pub mark: usize,
    /// What is there.
    pub form: AddressForm,
    /// Octets; 0 where the record says how many.
    pub width: usize,
}

/// A number of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberMark {
    /// Number of the mark.
    pub mark: usize,
    /// Octets, 1 to 8.
    pub width: usize,
}

/// One side, source or destination, of the records.
#[derive(Debug, Default)]
pub struct Side {
    /// The addresses, in the order of the fields.
    pub addresses: Box<[AddressMark]>,
    /// The addresses after translation.
    pub post_nat: Box<[AddressMark]>,
    /// The AS fields, in the order of the fields. Collectors read the last.
    pub as_fields: Box<[NumberMark]>,
    /// The adjacent AS: an answer of the exporter where there is no AS field.
    pub adjacent: Option<NumberMark>,
    /// The prefix lengths that the exporter's lookup matched.
    pub prefix_lengths: Box<[NumberMark]>,
    /// Whether the clone has an AS field of this side at its end.
    pub append: bool,
}

impl Side {
    /// Whether anything can be written for this side.
    #[must_use]
    pub fn is_written(&self) -> bool {
        !self.addresses.is_empty() && (self.append || !self.as_fields.is_empty())
    }
}

/// How the Data Records of one Template are read and enriched.
#[derive(Debug)]
pub struct Plan {
    /// What is done.
    pub action: Action,
    /// Where its fields are.
    pub layout: Layout,
    /// Source and destination.
    pub sides: [Side; 2],
    /// The AS fields that the clone has wider, in the order of the record.
    pub widened: Box<[NumberMark]>,
    /// Fields of Options Data Records that name the Observation Domain.
    pub domain_marks: Box<[usize]>,
    /// Fields of Options Data Records that say how the exporter samples.
    pub sampling: Box<[SamplingMark]>,
    /// The field of Data Records that names the sampler.
    pub sampler: Option<NumberMark>,
    /// The IP packets and the octets that a record counts.
    pub volume: [Option<NumberMark>; 2],
    /// Where everything is, if the records are of the usual kind.
    pub columns: Option<Columns>,
}

/// The elements of one side [IANA IPFIX Information Elements].
struct SideElements {
    addresses: [(u16, AddressForm); 4],
    post_nat: [(u16, AddressForm); 3],
    as_number: u16,
    adjacent: u16,
    prefix_lengths: [u16; 2],
}

const SOURCE: SideElements = SideElements {
    addresses: [
        (8, AddressForm::Ipv4),
        (27, AddressForm::Ipv6),
        (44, AddressForm::Ipv4),
        (170, AddressForm::Ipv6),
    ],
    post_nat: [
        (225, AddressForm::Ipv4),
        (281, AddressForm::Ipv6),
        (40_001, AddressForm::Ipv4),
    ],
    as_number: super::clone::SOURCE_AS,
    adjacent: 129,
    prefix_lengths: [9, 29],
};

const DESTINATION: SideElements = SideElements {
    addresses: [
        (12, AddressForm::Ipv4),
        (28, AddressForm::Ipv6),
        (45, AddressForm::Ipv4),
        (169, AddressForm::Ipv6),
    ],
    post_nat: [
        (226, AddressForm::Ipv4),
        (282, AddressForm::Ipv6),
        (40_002, AddressForm::Ipv4),
    ],
    as_number: super::clone::DESTINATION_AS,
    adjacent: 128,
    prefix_lengths: [13, 30],
};

/// dataLinkFrameSection and layer2packetSectionData.
const FRAME_SECTIONS: [u16; 2] = [315, 104];
/// ipHeaderPacketSection.
const IP_PACKET_SECTION: u16 = 313;
/// natEvent: a record of it without both addresses is about a pool or a binding [RFC 8158 §4.2].
const NAT_EVENT: u16 = 230;
/// IP packets and octets of a flow: those since its last record, all of them, those that left, and
/// those of the initiator where both ways are one record.
const VOLUMES: [[u16; 4]; 2] = [[2, 86, 24, 298], [1, 85, 23, 231]];
/// observationDomainId.
const OBSERVATION_DOMAIN: u16 = 149;

impl Plan {
    /// Works out the plan of a Template.
    #[must_use]
    pub fn compile(
        definition: &Definition<'_>,
        treatment: &Treatment,
        missing_fields: MissingFields,
    ) -> Self {
        let mut reader = FieldReader {
            is_options: definition.kind() == TemplateKind::Options,
            ..FieldReader::default()
        };
        for field in definition.fields() {
            reader.read(&field);
        }
        let layout = Layout::compile(&reader.steps, reader.marks_count);
        let sides = [reader.sides[0].finish(), reader.sides[1].finish()];
        let mut plan = Self {
            action: Action::Fill,
            layout,
            sides,
            widened: Box::default(),
            domain_marks: reader.domain_marks.as_slice().into(),
            sampling: reader.sampling.as_slice().into(),
            sampler: reader.sampler,
            volume: reader.volume.map(|found| found.map(|(_, mark)| mark)),
            columns: None,
        };
        plan.action = plan.choose(definition, treatment, missing_fields, &reader);
        plan.columns = Columns::of(&plan);
        plan
    }

    /// The plan of NetFlow v5 records: fixed, 16-bit AS fields, no Template.
    #[must_use]
    pub fn of_v5() -> Self {
        let side = |first: usize| Side {
            addresses: Box::new([AddressMark {
                mark: first,
                form: AddressForm::Ipv4,
                width: 4,
            }]),
            as_fields: Box::new([NumberMark {
                mark: first + 2,
                width: 2,
            }]),
            prefix_lengths: Box::new([NumberMark {
                mark: first + 4,
                width: 1,
            }]),
            ..Side::default()
        };
        Self {
            action: Action::Fill,
            layout: Layout::Fixed {
                octets: crate::wire::V5_RECORD_OCTETS,
                marks: Box::new([0, 4, 40, 42, 44, 45, 16, 20]),
            },
            sides: [side(0), side(1)],
            widened: Box::default(),
            domain_marks: Box::default(),
            sampling: Box::default(),
            sampler: None,
            volume: [6, 7].map(|mark| Some(NumberMark { mark, width: 4 })),
            columns: None,
        }
    }

    /// Bytes of heap that the plan takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let side = |side: &Side| {
            size_of_val(&*side.addresses)
                + size_of_val(&*side.post_nat)
                + size_of_val(&*side.as_fields)
                + size_of_val(&*side.prefix_lengths)
        };
        self.layout.bytes()
            + size_of_val(&*self.widened)
            + size_of_val(&*self.domain_marks)
            + size_of_val(&*self.sampling)
            + side(&self.sides[0])
            + side(&self.sides[1])
    }

    fn choose(
        &mut self,
        definition: &Definition<'_>,
        treatment: &Treatment,
        missing_fields: MissingFields,
        reader: &FieldReader,
    ) -> Action {
        if definition.kind() == TemplateKind::Options {
            return Action::Pass(Raw::Options);
        }
        if self.layout.octets_min() == 0 {
            return Action::Pass(Raw::ZeroLength);
        }
        if treatment.enrich == Enrich::Off {
            return Action::Pass(Raw::SwitchedOff);
        }
        if reader.marks_count > MARKS_MAX {
            return Action::Pass(Raw::TooManyFields);
        }
        let has_address = |side: &Side| !side.addresses.is_empty();
        let addressed = self.sides.iter().filter(|side| has_address(side)).count();
        if addressed == 0 || (reader.is_nat_event && addressed < 2) {
            return Action::Pass(Raw::NoAddress);
        }
        let may_append = missing_fields == MissingFields::Append;
        for (side, fields) in self.sides.iter_mut().zip(&reader.sides) {
            side.append = may_append && has_address(side) && !fields.has_as_element;
        }
        if !self.sides.iter().any(Side::is_written) {
            return Action::Pass(Raw::NoAsField);
        }
        if !may_append || treatment.enrich != Enrich::On {
            return Action::Fill;
        }
        self.widened = self.narrow_fields();
        if self.widened.is_empty() && !self.sides.iter().any(|side| side.append) {
            Action::Fill
        } else {
            Action::Clone
        }
    }

    fn narrow_fields(&self) -> Box<[NumberMark]> {
        let written = self.sides.iter().filter(|side| side.is_written());
        let fields = written.flat_map(|side| side.as_fields.iter());
        let mut narrow: Vec<NumberMark> = fields.filter(|field| field.width < 4).copied().collect();
        narrow.sort_by_key(|field| field.mark);
        narrow.into()
    }
}

#[derive(Default)]
struct SideFields {
    addresses: Vec<AddressMark>,
    prefixes: Vec<AddressMark>,
    sections: Vec<AddressMark>,
    post_nat: Vec<AddressMark>,
    as_fields: Vec<NumberMark>,
    prefix_lengths: Vec<NumberMark>,
    adjacent: Option<NumberMark>,
    has_as_element: bool,
}

impl SideFields {
    /// Addresses count before prefixes, prefixes before what is inside a section.
    fn finish(&mut self) -> Side {
        let candidates = [&self.addresses, &self.prefixes, &self.sections];
        let addresses = candidates.into_iter().find(|found| !found.is_empty());
        Side {
            addresses: addresses
                .map(|found| found.as_slice().into())
                .unwrap_or_default(),
            post_nat: self.post_nat.as_slice().into(),
            as_fields: self.as_fields.as_slice().into(),
            adjacent: self.adjacent,
            prefix_lengths: self.prefix_lengths.as_slice().into(),
            append: false,
        }
    }
}

#[derive(Default)]
struct FieldReader {
    steps: Vec<Step>,
    marks_count: usize,
    sides: [SideFields; 2],
    domain_marks: Vec<usize>,
    sampling: Vec<SamplingMark>,
    sampler: Option<NumberMark>,
    /// The best field for IP packets and for octets so far, and its place in [`VOLUMES`].
    volume: [Option<(usize, NumberMark)>; 2],
    is_nat_event: bool,
    is_options: bool,
}

impl FieldReader {
    fn read(&mut self, field: &FieldSpecifier) {
        let mark = self.marks_count;
        if field.enterprise.is_none() && self.matters(field, mark) {
            self.marks_count += 1;
            self.steps.push(Step::Mark);
        }
        self.steps.push(if field.is_variable() {
            Step::Variable
        } else {
            Step::Skip(usize::from(field.octets))
        });
    }

    /// Whether the field is one that a side needs; if so it is noted as number `mark`.
    fn matters(&mut self, field: &FieldSpecifier, mark: usize) -> bool {
        if self.is_options {
            return self.matters_in_options(field, mark);
        }
        self.is_nat_event |= field.element == NAT_EVENT;
        let width = if field.is_variable() {
            0
        } else {
            usize::from(field.octets)
        };
        let section = if FRAME_SECTIONS.contains(&field.element) {
            Some(AddressForm::Frame)
        } else if field.element == IP_PACKET_SECTION {
            Some(AddressForm::IpPacket)
        } else {
            None
        };
        if let Some(form) = section {
            let section = AddressMark { mark, form, width };
            self.sides
                .iter_mut()
                .for_each(|side| side.sections.push(section));
            return true;
        }
        let number = NumberMark { mark, width };
        if (1..=8).contains(&width) && self.counts(field.element, number) {
            return true;
        }
        if (1..=8).contains(&width) && SAMPLER_IDS.contains(&field.element) {
            self.sampler = Some(number);
            return true;
        }
        let [source, destination] = &mut self.sides;
        source.read(&SOURCE, field.element, width, mark)
            || destination.read(&DESTINATION, field.element, width, mark)
    }
}

impl FieldReader {
    /// As [`Self::matters`], for a field of an Options Template.
    fn matters_in_options(&mut self, field: &FieldSpecifier, mark: usize) -> bool {
        let names_domain = field.element == OBSERVATION_DOMAIN && field.octets == 4;
        self.domain_marks.extend(names_domain.then_some(mark));
        let width = usize::from(field.octets);
        let says = sampling::says(field.element);
        let says = says.filter(|_| !field.is_variable() && (1..=8).contains(&width));
        let at = NumberMark { mark, width };
        self.sampling
            .extend(says.map(|says| SamplingMark { at, says }));
        names_domain || says.is_some()
    }

    /// Whether the field is one of [`VOLUMES`]; the one that stands first there is noted.
    fn counts(&mut self, element: u16, mark: NumberMark) -> bool {
        for (known, elements) in self.volume.iter_mut().zip(VOLUMES) {
            let Some(rank) = elements.iter().position(|one| *one == element) else {
                continue;
            };
            if known.is_none_or(|(other, _)| rank < other) {
                *known = Some((rank, mark));
                return true;
            }
        }
        false
    }
}

impl SideFields {
    fn read(&mut self, elements: &SideElements, element: u16, width: usize, mark: usize) -> bool {
        let [v4, v6, v4_prefix, v6_prefix] = &elements.addresses;
        let number = NumberMark { mark, width };
        let address = |form| AddressMark { mark, form, width };
        let fits = |form| width == form_octets(form);
        let matching = |known: &[&(u16, AddressForm)]| {
            let found = known.iter().find(|known| known.0 == element)?;
            fits(found.1).then(|| address(found.1))
        };
        if let Some(found) = matching(&[v4, v6]) {
            self.addresses.push(found);
        } else if let Some(found) = matching(&[v4_prefix, v6_prefix]) {
            self.prefixes.push(found);
        } else if let Some(found) = matching(&elements.post_nat.each_ref()) {
            self.post_nat.push(found);
        } else if element == elements.as_number {
            self.has_as_element = true;
            if !(1..=8).contains(&width) {
                return false;
            }
            self.as_fields.push(number);
        } else if element == elements.adjacent && (1..=8).contains(&width) {
            self.adjacent = Some(number);
        } else if elements.prefix_lengths.contains(&element) && width == 1 {
            self.prefix_lengths.push(number);
        } else {
            return false;
        }
        true
    }
}

const fn form_octets(form: AddressForm) -> usize {
    match form {
        AddressForm::Ipv4 => 4,
        AddressForm::Ipv6 => 16,
        AddressForm::Frame | AddressForm::IpPacket => 0,
    }
}
