//! The readers of the wire: each beside `lab`'s, which shares no code with it.
//!
//! Not here: what becomes of a Message (`laws`).
//! Bound: one datagram.

use lab::framing::{self, Fault, Version as SeenVersion};
use lab::template_set::{SetKind as SeenKind, TemplateSet};
use mediator::Version;
use mediator::wire::header::Header;
use mediator::wire::set::{SetKind, read_sets};
use mediator::wire::template::{Definition, TemplateKind, TemplateRecord, TemplateRecords};

/// A v5 datagram through the Mediator: its records are read nowhere else.
pub(crate) fn v5(octets: &[u8]) {
    crate::laws::one_exporter(&[with_version(octets, 5)]);
}

/// A v9 Message: Sets and Templates as `lab` reads them, then through the Mediator.
pub(crate) fn v9(octets: &[u8]) {
    let datagram = with_version(octets, 9);
    message(Version::V9, &datagram);
    crate::laws::one_exporter(&[datagram]);
}

/// An IPFIX Message, as [`v9`].
pub(crate) fn ipfix(octets: &[u8]) {
    let datagram = with_version(octets, 10);
    message(Version::Ipfix, &datagram);
    crate::laws::one_exporter(&[datagram]);
}

/// The content of an Options Template Set; the first octet says of which protocol.
pub(crate) fn options(octets: &[u8]) {
    let Some((which, content)) = octets.split_first() else {
        return;
    };
    let version = if which & 1 == 0 {
        Version::V9
    } else {
        Version::Ipfix
    };
    templates(version, TemplateKind::Options, content);
}

/// So that no time is spent on what is none of the protocol's.
fn with_version(octets: &[u8], version: u8) -> Vec<u8> {
    let mut datagram = octets.to_vec();
    for (place, octet) in datagram.iter_mut().zip([0, version]) {
        *place = octet;
    }
    datagram
}

fn message(version: Version, datagram: &[u8]) {
    let (seen, _) = framing::messages(datagram);
    let Some(seen) = seen.first() else {
        return;
    };
    let Some(header) = Header::read(version, datagram) else {
        assert!(seen.fault.is_some(), "the header is there: {seen:?}");
        return;
    };
    let mut sets = Vec::new();
    let extent = read_sets(&header, datagram, &mut sets);
    assert_eq!(extent.is_err(), seen.fault.is_some(), "{extent:?} {seen:?}");
    // Behind a fault nobody asks what was in front of it.
    let Ok(extent) = extent else {
        assert_ne!(seen.fault, Some(Fault::Version));
        return;
    };
    assert!(extent.sets_end <= extent.message_end && extent.message_end <= datagram.len());
    let ours: Vec<_> = sets.iter().map(|set| (set.id, set.content())).collect();
    let theirs = seen.sets.iter().map(|set| (set.id, set.body.clone()));
    assert_eq!(ours, theirs.collect::<Vec<_>>(), "{seen:?}");
    for set in &sets {
        let kind = match set.kind(version) {
            SetKind::Template => TemplateKind::Flow,
            SetKind::OptionsTemplate => TemplateKind::Options,
            _ => continue,
        };
        templates(version, kind, &datagram[set.content()]);
    }
}

/// Template Records: where both readers find no fault they must have found the same.
fn templates(version: Version, kind: TemplateKind, content: &[u8]) {
    let (seen_version, seen_kind) = (
        match version {
            Version::Ipfix => SeenVersion::Ipfix,
            Version::V5 | Version::V9 => SeenVersion::V9,
        },
        match kind {
            TemplateKind::Flow => SeenKind::Templates,
            TemplateKind::Options => SeenKind::OptionsTemplates,
        },
    );
    let seen = TemplateSet::read(seen_version, seen_kind, content);
    let mut definitions = Vec::new();
    let mut withdrawn = Vec::new();
    let mut is_broken = false;
    for record in TemplateRecords::new(version, kind, content) {
        match record {
            Ok(TemplateRecord::Definition(definition)) => definitions.push(definition),
            Ok(TemplateRecord::Withdrawal { id }) => withdrawn.push(id),
            Err(_) => is_broken = true,
        }
    }
    for definition in &definitions {
        again(definition, version, kind);
    }
    if is_broken || seen.broken.is_some() {
        return;
    }
    assert_eq!(withdrawn, seen.withdrawn);
    assert_eq!(definitions.len(), seen.records.len(), "{seen:?}");
    for (ours, theirs) in definitions.iter().zip(&seen.records) {
        assert_eq!(ours.id(), theirs.id);
        let fields = ours
            .fields()
            .map(|field| (field.element, field.enterprise, field.octets));
        let seen_fields = theirs
            .fields
            .iter()
            .map(|field| (field.id, field.pen, field.length));
        assert_eq!(
            fields.collect::<Vec<_>>(),
            seen_fields.collect::<Vec<_>>(),
            "{theirs:?}"
        );
    }
}

/// A Template that was kept as octets is read from them as it was.
fn again(definition: &Definition<'_>, version: Version, kind: TemplateKind) {
    let kept = Definition::from_octets(version, kind, definition.octets());
    assert_eq!(kept.as_ref(), Some(definition));
}
