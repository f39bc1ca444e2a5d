//! A collector that forgives nothing.
//!
//! It reads datagrams as RFC 7011 and RFC 3954 tell a collector to, for each Transport Session and
//! Observation Domain (exporter address and port, version, domain), and reports everything that
//! an exporter should not have sent. It judges what leaves the mediator; and, told to let the
//! Templates of a Message count for all of it, it is the independent reading of what went in.
//!
//! Withdrawals over UDP are reported and ignored [RFC 7011 §8.4]; on a stream they count, and a
//! Template that changes without one is reported [RFC 7011 §8.1]. A Message whose lengths
//! contradict each other is not read at all, a Template Set with one broken Template Record
//! teaches nothing [RFC 7011 §9.1].
//!
//! Not here: what the mediator may do to a Message (`projection`); the time a Template lives.
//! Bound: grows with the sessions and Templates it is shown; it lives as long as one test.

use crate::finding::Finding;
use crate::framing::{Fault, Framed, FramedSet, Header, Version, messages};
use crate::octets::all_zero;
use crate::template::{Field, Kind, Records, Template};
use crate::template_set::{SetKind, TemplateSet};
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

/// The scope of Templates and of Sequence Numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey {
    /// Address and port that datagrams come from.
    pub exporter: SocketAddr,
    /// The protocol.
    pub version: Version,
    /// Observation Domain ID, v9 Source ID, v5 engine type and ID.
    pub domain: u32,
}

/// What carries Messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// UDP: datagrams may be lost, so Templates are repeated, and never withdrawn.
    Datagrams,
    /// TCP: nothing is lost, so a Template comes once, and is withdrawn before its ID gets
    /// another [RFC 7011 §8.1].
    Stream,
}

/// Which Templates a Data Set may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateOrder {
    /// Those that stand before it.
    AsSent,
    /// Also, for an ID that is unknown so far, one that stands behind it in the same Message.
    WholeMessage,
}

/// Where a Message stands in the sequence of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceSeen {
    /// The first of its session.
    First,
    /// The number that was expected.
    Expected,
    /// So many are missing.
    Gap(u32),
    /// So far behind what was expected.
    Back(u32),
    /// The Message before it could not be counted.
    Unjudged,
}

/// A Data Set that could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSet {
    /// The Template it was read by.
    pub template: Rc<Template>,
    /// Its records.
    pub records: Records,
    /// Whether the Template stands behind it in the same Message.
    pub ahead: bool,
}

/// What a Set holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Template Records, learnt.
    Templates(Vec<Rc<Template>>),
    /// Data Records, read.
    Data(DataSet),
    /// Octets that nobody can read.
    Unread,
}

/// One Set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetSeen {
    /// The Set ID.
    pub id: u16,
    /// The octets behind the Set header, padding included.
    pub body: Vec<u8>,
    /// What they are.
    pub content: Content,
}

impl SetSeen {
    /// The records of a Data Set that could be read, each a list of fields; else none.
    pub fn records(&self) -> impl Iterator<Item = Vec<Field<'_>>> {
        let data = match &self.content {
            Content::Data(data) => Some(data),
            Content::Templates(_) | Content::Unread => None,
        };
        data.into_iter().flat_map(|data| {
            (0..data.records.count()).map(|index| {
                data.records
                    .fields(&data.template, &self.body, index)
                    .collect()
            })
        })
    }

    /// The Data Records read.
    #[must_use]
    pub fn records_count(&self) -> usize {
        match &self.content {
            Content::Data(data) => data.records.count(),
            Content::Templates(_) | Content::Unread => 0,
        }
    }
}

/// One Message.
#[derive(Clone, Debug)]
pub struct MessageSeen {
    /// `None` if there is no header of a version that we know.
    pub session: Option<SessionKey>,
    /// As above.
    pub header: Option<Header>,
    /// The Message, whole.
    pub octets: Vec<u8>,
    /// Its Sets, in order; none if the Message is malformed, or v5.
    pub sets: Vec<SetSeen>,
    /// What there is to say.
    pub findings: Vec<Finding>,
    /// Its place.
    pub sequence: SequenceSeen,
    /// What it adds to the Sequence Number; `None` if that cannot be told.
    pub counts: Option<u32>,
}

impl MessageSeen {
    /// Whether the lengths contradict each other, or the version is unknown.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        let malformed = |finding: &Finding| matches!(finding, Finding::Malformed(_));
        self.findings.iter().any(malformed)
    }

    /// The octets behind the Message header; all of them if the version is unknown.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        let start = self
            .header
            .map_or(0, |header| header.version.header_octets());
        self.octets.get(start..).unwrap_or_default()
    }

    /// The Data Records read, and those of v5.
    #[must_use]
    pub fn records_count(&self) -> usize {
        match self.header {
            Some(header) if header.version == Version::V5 && !self.is_malformed() => {
                usize::from(header.stated)
            }
            _ => self.sets.iter().map(SetSeen::records_count).sum(),
        }
    }
}

impl fmt::Display for MessageSeen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.header {
            None => write!(formatter, "no Message")?,
            Some(header) => write!(
                formatter,
                "{:?} domain {} sequence {} ({:?}) {}:",
                header.version, header.domain, header.sequence, self.sequence, header.stated
            )?,
        }
        for set in &self.sets {
            match &set.content {
                Content::Templates(templates) => write!(formatter, " {templates:?}")?,
                Content::Data(data) => write!(formatter, " {}x{}", set.id, data.records.count())?,
                Content::Unread => write!(formatter, " {}?{}", set.id, set.body.len())?,
            }
        }
        write!(formatter, " ({} octets)", self.octets.len())?;
        if !self.findings.is_empty() {
            write!(formatter, " {:?}", self.findings)?;
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Session {
    templates: HashMap<u16, Rc<Template>>,
    /// `None` before the first Message; `Some(None)` where counting is not possible.
    expected: Option<Option<u32>>,
}

/// A name that Templates are found by if the port does not count.
type PortlessKey = (IpAddr, Version, u32, u16);

/// Reads datagrams, remembers Templates, reports.
#[derive(Debug)]
pub struct StrictCollector {
    order: TemplateOrder,
    transport: Transport,
    datagram_octets_max: usize,
    sessions: HashMap<SessionKey, Session>,
    heard: HashMap<PortlessKey, Vec<Rc<Template>>>,
}

impl StrictCollector {
    /// Returns a collector that knows nothing yet and remarks on datagrams above
    /// `datagram_octets_max` octets of UDP payload.
    #[must_use]
    pub fn new(order: TemplateOrder, datagram_octets_max: usize) -> Self {
        Self {
            order,
            transport: Transport::Datagrams,
            datagram_octets_max,
            sessions: HashMap::new(),
            heard: HashMap::new(),
        }
    }

    /// Returns a collector of one stream: the Messages of one connection.
    #[must_use]
    pub fn of_stream() -> Self {
        Self {
            transport: Transport::Stream,
            ..Self::new(TemplateOrder::AsSent, usize::from(u16::MAX))
        }
    }

    /// Reads one datagram; more than one Message only where an exporter put two into it.
    pub fn read(&mut self, exporter: SocketAddr, datagram: &[u8]) -> Vec<MessageSeen> {
        let (framed, rest) = messages(datagram);
        let mut seen: Vec<_> = framed
            .iter()
            .map(|message| self.message(exporter, message))
            .collect();
        if let Some(last) = seen.last_mut() {
            if !rest.is_empty() {
                let octets = rest.len();
                last.findings.push(Finding::Trailing { octets });
            }
            if datagram.len() > self.datagram_octets_max {
                let octets = datagram.len();
                last.findings.push(Finding::TooLong { octets });
            }
        }
        seen
    }

    /// The Template that a Data Set `id` of `session` would be read by now.
    #[must_use]
    pub fn template(&self, session: &SessionKey, id: u16) -> Option<&Rc<Template>> {
        self.sessions.get(session)?.templates.get(&id)
    }

    /// Every Template that this exporter address ever announced under `id` in this version and
    /// domain, from any port, also in Messages that could not be trusted.
    #[must_use]
    pub fn definitions(&self, session: &SessionKey, id: u16) -> &[Rc<Template>] {
        self.heard
            .get(&portless(session, id))
            .map_or(&[], Vec::as_slice)
    }

    /// Every Template that this exporter address ever announced in this version and domain.
    pub fn definitions_of_all(&self, session: &SessionKey) -> impl Iterator<Item = &Rc<Template>> {
        let (ip, version, domain, _) = portless(session, 0);
        self.heard
            .iter()
            .filter(move |((heard, spoken, of, _), _)| {
                (*heard, *spoken, *of) == (ip, version, domain)
            })
            .flat_map(|(_, templates)| templates)
    }

    fn message(&mut self, exporter: SocketAddr, framed: &Framed<'_>) -> MessageSeen {
        let session = framed.header.map(|header| SessionKey {
            exporter,
            version: header.version,
            domain: header.domain,
        });
        let mut seen = MessageSeen {
            session,
            header: framed.header,
            octets: framed.octets.to_vec(),
            sets: Vec::new(),
            findings: Vec::new(),
            sequence: SequenceSeen::Unjudged,
            counts: None,
        };
        if framed.zero_fill > 0 {
            let octets = framed.zero_fill;
            seen.findings.push(Finding::ZeroFill { octets });
        }
        let (Some(header), Some(session)) = (framed.header, session) else {
            let fault = framed.fault.unwrap_or(Fault::Header);
            seen.findings.push(Finding::Malformed(fault));
            return seen;
        };
        if let Some(fault) = framed.fault {
            seen.findings.push(Finding::Malformed(fault));
            self.overhear(&session, framed);
        } else {
            self.sets(&session, framed, &mut seen);
            count(&header, &mut seen);
        }
        if header.version == Version::V9 {
            seen.counts = Some(1);
        }
        self.place(&session, &header, &mut seen);
        seen
    }

    /// Notes the Templates of a Message that is not to be trusted, for [`Self::definitions`] only.
    fn overhear(&mut self, session: &SessionKey, framed: &Framed<'_>) {
        for set in &framed.sets {
            let kind = SetKind::of(session.version, set.id);
            if matches!(kind, SetKind::Templates | SetKind::OptionsTemplates) {
                for template in TemplateSet::read(session.version, kind, body(framed, set)).records
                {
                    self.hear(session, &Rc::new(template));
                }
            }
        }
    }

    fn hear(&mut self, session: &SessionKey, template: &Rc<Template>) {
        let known = self
            .heard
            .entry(portless(session, template.id))
            .or_default();
        if !known.contains(template) {
            known.push(Rc::clone(template));
        }
    }

    fn sets(&mut self, session: &SessionKey, framed: &Framed<'_>, seen: &mut MessageSeen) {
        for (index, set) in framed.sets.iter().enumerate() {
            let octets = body(framed, set);
            let kind = SetKind::of(session.version, set.id);
            let content = match kind {
                SetKind::Templates | SetKind::OptionsTemplates => {
                    let read = TemplateSet::read(session.version, kind, octets);
                    self.learn(session, set.id, read, &mut seen.findings)
                }
                SetKind::Data => {
                    let later = framed.sets.get(index + 1..).unwrap_or_default();
                    let found = self.find(session, set.id, framed, later);
                    data(set.id, octets, found, &mut seen.findings)
                }
                SetKind::Reserved => {
                    let set_id = set.id;
                    seen.findings.push(Finding::ReservedSet { set_id });
                    Content::Unread
                }
            };
            seen.sets.push(SetSeen {
                id: set.id,
                body: octets.to_vec(),
                content,
            });
        }
    }

    fn learn(
        &mut self,
        session: &SessionKey,
        set_id: u16,
        read: TemplateSet,
        findings: &mut Vec<Finding>,
    ) -> Content {
        let records: Vec<_> = read.records.into_iter().map(Rc::new).collect();
        for template in &records {
            self.hear(session, template);
        }
        let is_mixed = !records.is_empty();
        for template_id in read.withdrawn {
            let is_meant = self.transport == Transport::Stream && !is_mixed;
            if !(is_meant && self.withdraw(session, set_id, template_id)) {
                findings.push(Finding::Withdrawal { template_id });
            }
        }
        let is_stream = self.transport == Transport::Stream;
        let templates = &mut self.sessions.entry(*session).or_default().templates;
        if let Some((broken, why)) = read.broken {
            // An exporter that tried to redefine an ID no longer means the old definition by it.
            for template in &records {
                if templates.get(&template.id) != Some(template) {
                    templates.remove(&template.id);
                }
            }
            if let Some(id) = broken {
                templates.remove(&id);
            }
            findings.push(Finding::BadTemplates { set_id, why });
            return Content::Unread;
        }
        for template in &records {
            let old = templates.insert(template.id, Rc::clone(template));
            let template_id = template.id;
            if let Some(old) = old.filter(|_| is_stream) {
                findings.push(if old == *template {
                    Finding::Repeated { template_id }
                } else {
                    Finding::Redefined { template_id }
                });
            }
        }
        if read.padding_octets > 3 {
            let octets = read.padding_octets;
            findings.push(Finding::PaddingLong { set_id, octets });
        }
        Content::Templates(records)
    }

    /// Forgets a Template, or with the ID of its Set all of a kind; returns whether there was one.
    fn withdraw(&mut self, session: &SessionKey, set_id: u16, id: u16) -> bool {
        let Some(session) = self.sessions.get_mut(session) else {
            return false;
        };
        let kind = SetKind::of(Version::Ipfix, set_id);
        let of_options = kind == SetKind::OptionsTemplates;
        let before = session.templates.len();
        session.templates.retain(|known, template| {
            let is_meant = id == set_id || *known == id;
            !(is_meant && of_options == (template.kind != Kind::Data))
        });
        session.templates.len() < before
    }

    /// The Template of a Data Set, and whether it stands in one of the `later` Sets.
    fn find(
        &self,
        session: &SessionKey,
        id: u16,
        framed: &Framed<'_>,
        later: &[FramedSet],
    ) -> Option<(Rc<Template>, bool)> {
        if let Some(template) = self.template(session, id) {
            return Some((Rc::clone(template), false));
        }
        if self.order == TemplateOrder::AsSent {
            return None;
        }
        later
            .iter()
            .filter_map(|set| {
                let kind = SetKind::of(session.version, set.id);
                let wanted = matches!(kind, SetKind::Templates | SetKind::OptionsTemplates);
                wanted.then(|| TemplateSet::read(session.version, kind, body(framed, set)))
            })
            .filter(|read| read.broken.is_none())
            .flat_map(|read| read.records)
            .find(|template| template.id == id)
            .map(|template| (Rc::new(template), true))
    }

    fn place(&mut self, session: &SessionKey, header: &Header, seen: &mut MessageSeen) {
        let known = self.sessions.entry(*session).or_default();
        seen.sequence = match known.expected {
            None => SequenceSeen::First,
            Some(None) => SequenceSeen::Unjudged,
            Some(Some(expected)) => compare(expected, header.sequence),
        };
        known.expected = Some(
            seen.counts
                .map(|counts| header.sequence.wrapping_add(counts)),
        );
    }
}

fn portless(session: &SessionKey, id: u16) -> PortlessKey {
    (session.exporter.ip(), session.version, session.domain, id)
}

fn body<'a>(framed: &Framed<'a>, set: &FramedSet) -> &'a [u8] {
    framed.octets.get(set.body.clone()).unwrap_or_default()
}

fn data(
    set_id: u16,
    octets: &[u8],
    found: Option<(Rc<Template>, bool)>,
    findings: &mut Vec<Finding>,
) -> Content {
    let Some((template, ahead)) = found else {
        findings.push(Finding::NoTemplate { set_id });
        return Content::Unread;
    };
    match Records::read(&template, octets) {
        Err(why) => {
            findings.push(Finding::Unfit { set_id, why });
            Content::Unread
        }
        Ok(records) => {
            let padding = records.padding(octets);
            if padding.len() > 3 {
                let octets = padding.len();
                findings.push(Finding::PaddingLong { set_id, octets });
            }
            if !all_zero(padding) {
                findings.push(Finding::PaddingNotZero { set_id });
            }
            Content::Data(DataSet {
                template,
                records,
                ahead,
            })
        }
    }
}

/// Says what a framed Message adds to the Sequence Number, and checks the v9 count.
fn count(header: &Header, seen: &mut MessageSeen) {
    if header.version == Version::V5 {
        seen.counts = Some(u32::from(header.stated));
        return;
    }
    if seen.sets.iter().any(|set| set.content == Content::Unread) {
        return;
    }
    let of = |set: &SetSeen| match &set.content {
        Content::Templates(records) if header.version == Version::V9 => records.len(),
        _ => set.records_count(),
    };
    let records = u32::try_from(seen.sets.iter().map(of).sum::<usize>()).unwrap_or(u32::MAX);
    seen.counts = Some(records);
    if header.version == Version::V9 && u32::from(header.stated) != records {
        let stated = header.stated;
        seen.findings.push(Finding::CountUntrue { stated, records });
    }
}

fn compare(expected: u32, sequence: u32) -> SequenceSeen {
    let ahead = sequence.wrapping_sub(expected);
    match ahead {
        0 => SequenceSeen::Expected,
        1..0x8000_0000 => SequenceSeen::Gap(ahead),
        _ => SequenceSeen::Back(ahead.wrapping_neg()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Content, SequenceSeen, StrictCollector, TemplateOrder};
    use crate::finding::Finding;
    use std::net::SocketAddr;

    const TEMPLATE: [u8; 16] = [0, 0, 0, 16, 1, 0, 0, 2, 0, 8, 0, 4, 0, 16, 0, 2];
    const DATA: [u8; 12] = [1, 0, 0, 12, 1, 2, 3, 4, 0, 9, 0, 0];

    fn exporter() -> SocketAddr {
        "198.18.0.1:2055".parse().unwrap()
    }

    fn v9(count: u8, sequence: u8, sets: &[&[u8]]) -> Vec<u8> {
        let mut message = vec![0, 9, 0, count];
        message.extend([0; 11]);
        message.push(sequence);
        message.extend([0, 0, 0, 7]);
        message.extend(sets.concat());
        message
    }

    fn collector(order: TemplateOrder) -> StrictCollector {
        StrictCollector::new(order, 1472)
    }

    #[test]
    fn records_come_back_field_by_field() {
        let mut strict = collector(TemplateOrder::AsSent);
        let seen = strict.read(exporter(), &v9(2, 0, &[&TEMPLATE, &DATA]));
        assert_eq!(seen[0].findings, []);
        let records: Vec<_> = seen[0].sets[1].records().collect();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0][1].specifier.id, 16);
        assert_eq!(records[0][1].value, [0, 9]);
    }

    #[test]
    fn only_the_lenient_order_reads_data_ahead_of_its_template() {
        let message = v9(2, 0, &[&DATA, &TEMPLATE]);
        let strict = collector(TemplateOrder::AsSent).read(exporter(), &message);
        assert_eq!(strict[0].findings, [Finding::NoTemplate { set_id: 256 }]);
        let lenient = collector(TemplateOrder::WholeMessage).read(exporter(), &message);
        assert!(matches!(&lenient[0].sets[0].content, Content::Data(data) if data.ahead));
    }

    #[test]
    fn ports_versions_and_domains_do_not_share_templates() {
        let mut strict = collector(TemplateOrder::AsSent);
        strict.read(exporter(), &v9(1, 0, &[&TEMPLATE]));
        let mut other_domain = v9(1, 0, &[&DATA]);
        other_domain[19] = 8;
        let other_port = "198.18.0.1:2056".parse().unwrap();
        for (from, message) in [(exporter(), other_domain), (other_port, v9(1, 0, &[&DATA]))] {
            let seen = strict.read(from, &message);
            assert_eq!(seen[0].findings, [Finding::NoTemplate { set_id: 256 }]);
        }
        let session = strict.read(exporter(), &v9(1, 1, &[&DATA]))[0]
            .session
            .unwrap();
        assert_eq!(strict.definitions(&session, 256).len(), 1);
    }

    #[test]
    fn a_sequence_is_judged_message_by_message() {
        let mut strict = collector(TemplateOrder::AsSent);
        let mut place = |sequence| strict.read(exporter(), &v9(0, sequence, &[]))[0].sequence;
        assert_eq!(place(5), SequenceSeen::First);
        assert_eq!(place(6), SequenceSeen::Expected);
        assert_eq!(place(9), SequenceSeen::Gap(2));
        assert_eq!(place(7), SequenceSeen::Back(3));
    }

    #[test]
    fn a_wrong_count_and_odd_padding_are_reported() {
        let padded = [1, 0, 0, 12, 1, 2, 3, 4, 0, 9, 0, 1];
        let mut strict = collector(TemplateOrder::AsSent);
        let seen = strict.read(exporter(), &v9(9, 0, &[&TEMPLATE, &padded]));
        let stated = 9;
        let records = 2;
        let expected = [
            Finding::PaddingNotZero { set_id: 256 },
            Finding::CountUntrue { stated, records },
        ];
        assert_eq!(seen[0].findings, expected);
        assert!(!expected[0].is_violation() && expected[1].is_violation());
    }

    #[test]
    fn a_broken_redefinition_takes_the_old_one_away() {
        let mut strict = collector(TemplateOrder::AsSent);
        strict.read(exporter(), &v9(1, 0, &[&TEMPLATE]));
        strict.read(exporter(), &v9(1, 1, &[&[0, 0, 0, 10, 1, 0, 0, 9, 0, 8]]));
        let seen = strict.read(exporter(), &v9(1, 2, &[&DATA]));
        assert_eq!(seen[0].findings, [Finding::NoTemplate { set_id: 256 }]);
    }

    #[test]
    fn no_prefix_of_a_message_makes_the_collector_fail() {
        let message = v9(2, 0, &[&TEMPLATE, &DATA]);
        for end in 0..=message.len() {
            collector(TemplateOrder::WholeMessage).read(exporter(), &message[..end]);
        }
    }
}
