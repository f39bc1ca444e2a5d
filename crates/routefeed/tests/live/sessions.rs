//! A session from its first octet to its last, by time and by message.

use asdb::Asn;
use routefeed::bgp::FaultKind;
use routefeed::bgp::nlri::{Families, Family};
use routefeed::bgp::session::{Happening, Session, State, Terms};

use crate::speaker::{attribute, attributes, keepalive, message, open, path, update, usual};

const PEER: u32 = 64_512;

fn terms(our_asn: u32) -> Terms {
    Terms {
        our_asn: Asn(our_asn),
        our_identifier: [192, 0, 2, 254].into(),
        peer_asn: Asn(PEER),
        hold_time_s: 90,
        families: Families::UNICAST,
    }
}

/// A session and all that happened in it.
struct Rig {
    session: Session,
    told: Vec<String>,
}

impl Rig {
    fn new(our_asn: u32) -> Self {
        let session = Session::new(terms(our_asn), 0);
        let told = Vec::new();
        Self { session, told }
    }

    /// One that is up at time 0.
    fn established(our_asn: u32) -> Self {
        let mut rig = Self::new(our_asn);
        rig.say(&open(PEER, 30, 1, &usual(PEER)), 0);
        rig.say(&keepalive(), 0);
        assert_eq!(rig.session.state(), State::Established, "{:?}", rig.told);
        let _ = rig.session.output();
        rig.told.clear();
        rig
    }

    fn say(&mut self, octets: &[u8], now_ms: u64) {
        let told = &mut self.told;
        self.session.take(octets, now_ms, &mut |happening| {
            told.push(shown(&happening))
        });
    }

    fn tick(&mut self, now_ms: u64) {
        let told = &mut self.told;
        self.session
            .tick(now_ms, &mut |happening| told.push(shown(&happening)));
    }

    /// Code and subcode of the NOTIFICATION that is the last thing to be sent.
    fn notified(&mut self) -> Option<(u8, u8)> {
        let sent = messages(&self.session.output());
        let (kind, body) = sent.last()?;
        (*kind == 3).then(|| (body[0], body[1]))
    }
}

fn shown(happening: &Happening<'_>) -> String {
    match happening {
        Happening::Opened(open) => format!("opened by {}", open.asn),
        Happening::Established(_) => "established".to_owned(),
        Happening::Update(update) => {
            let list = |list: &[routefeed::bgp::nlri::Nlri]| {
                let list: Vec<_> = list.iter().map(|nlri| nlri.prefix.to_string()).collect();
                list.join(" ")
            };
            let end = update
                .end_of
                .map_or(String::new(), |family| format!(" end of {family:?}"));
            format!(
                "+{} -{}{end}",
                list(&update.announced),
                list(&update.withdrawn)
            )
        }
        Happening::Malformed { reason, .. } => format!("malformed: {reason}"),
        Happening::Over { reason, .. } => format!("over: {reason}"),
    }
}

/// The messages in octets that we sent: type and body.
fn messages(mut octets: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut list = Vec::new();
    while !octets.is_empty() {
        assert_eq!(octets[..16], [0xff; 16]);
        let length = usize::from(u16::from_be_bytes([octets[16], octets[17]]));
        list.push((octets[18], octets[19..length].to_vec()));
        octets = &octets[length..];
    }
    list
}

#[test]
fn a_session_is_agreed_on_and_kept_alive() {
    let mut rig = Rig::new(4_200_000_001);
    let sent = messages(&rig.session.output());
    let [(1, ours)] = &sent[..] else {
        panic!("an OPEN: {sent:?}");
    };
    assert_eq!(
        ours[1..3],
        23456_u16.to_be_bytes(),
        "AS_TRANS in the narrow field"
    );
    rig.say(&open(PEER, 30, 1, &usual(PEER)), 1_000);
    assert_eq!(rig.session.state(), State::OpenConfirm);
    rig.say(&keepalive(), 2_000);
    assert_eq!(rig.told, ["opened by AS64512", "established"]);
    assert_eq!(rig.session.hold_ms(), 30_000, "the shorter one");
    assert_eq!(rig.session.families(), Families::UNICAST);
    // KEEPALIVE, and the ends of two empty lists.
    let sent = messages(&rig.session.output());
    let sent: Vec<_> = sent
        .iter()
        .map(|(kind, body)| (*kind, body.len()))
        .collect();
    assert_eq!(sent, [(4, 0), (2, 4), (2, 10)]);
    rig.tick(10_999);
    assert!(rig.session.output().is_empty());
    rig.tick(11_000);
    assert_eq!(messages(&rig.session.output()), [(4, vec![])]);
    rig.say(&keepalive(), 31_000);
    rig.tick(60_999);
    assert_eq!(rig.session.state(), State::Established);
    rig.tick(61_000);
    assert_eq!(rig.notified(), Some((4, 0)));
    assert_eq!(
        rig.told.last().unwrap(),
        "over: nothing came for the hold time"
    );
}

#[test]
fn an_open_that_cannot_be_accepted_is_refused_with_its_code() {
    let capability_cut = open(PEER, 90, 1, &[65, 4, 0, 0]);
    let mut other_version = open(PEER, 90, 1, &usual(PEER));
    other_version[19] = 3;
    let mut other_parameter = open(PEER, 90, 1, &usual(PEER));
    other_parameter[29] = 1;
    // what, octets, code
    let rows: [(&str, Vec<u8>, (u8, u8)); 8] = [
        (
            "another AS",
            open(PEER + 1, 90, 1, &usual(PEER + 1)),
            (2, 2),
        ),
        ("identifier 0", open(PEER, 90, 0, &usual(PEER)), (2, 3)),
        ("a hold time of 2 s", open(PEER, 2, 1, &usual(PEER)), (2, 6)),
        ("version 3", other_version, (2, 1)),
        ("another parameter", other_parameter, (2, 4)),
        ("a cut capability", capability_cut, (2, 0)),
        ("an UPDATE first", update(&[], &[], &[]), (5, 1)),
        ("a KEEPALIVE first", keepalive(), (5, 1)),
    ];
    for (what, octets, code) in rows {
        let mut rig = Rig::new(64_513);
        rig.say(&octets, 0);
        assert_eq!(rig.notified(), Some(code), "{what}: {:?}", rig.told);
        assert_eq!(rig.session.state(), State::Over, "{what}");
    }
    let mut internal = Rig::new(PEER);
    internal.say(&open(PEER, 90, 0xc000_02fe, &usual(PEER)), 0);
    assert_eq!(internal.notified(), Some((2, 3)), "our own identifier");
}

#[test]
fn a_header_or_message_that_has_no_place_ends_the_session_with_its_code() {
    let mut marker = keepalive();
    marker[3] = 0;
    let mut short = keepalive();
    short[17] = 18;
    let mut long = keepalive();
    (long[16], long[17]) = (0x10, 0x01);
    let network = update(&[], &attributes(&[PEER]), &[33, 192, 0, 2, 1, 0]);
    let lengths = message(2, &[0, 9, 0, 0]);
    let mut twice = attribute(0x80, 15, &[0, 2, 1]);
    twice.extend(attribute(0x80, 15, &[0, 2, 1]));
    let reach = attribute(0x80, 14, &[0, 2, 1, 3, 0, 0, 0, 0]);
    // what, octets, code
    let rows: [(&str, Vec<u8>, (u8, u8)); 11] = [
        ("the marker", marker, (1, 1)),
        ("a length of 18", short, (1, 2)),
        ("a length of 4097", long, (1, 2)),
        ("type 9", message(9, &[]), (1, 3)),
        ("a second OPEN", open(PEER, 90, 1, &usual(PEER)), (5, 3)),
        ("a prefix of 33 bits", network, (3, 10)),
        ("withdrawn routes beyond the end", lengths, (3, 1)),
        ("MP_UNREACH_NLRI twice", update(&[], &twice, &[]), (3, 1)),
        ("a next hop of 3 octets", update(&[], &reach, &[]), (3, 9)),
        (
            "ROUTE-REFRESH of 5 octets",
            message(5, &[0, 1, 0, 1, 0]),
            (7, 1),
        ),
        ("KEEPALIVE with a body", message(4, &[0]), (1, 2)),
    ];
    for (what, octets, code) in rows {
        let mut rig = Rig::established(64_513);
        rig.say(&octets, 1);
        assert_eq!(rig.notified(), Some(code), "{what}: {:?}", rig.told);
        assert!(
            rig.told[0].starts_with("malformed: "),
            "{what}: {:?}",
            rig.told
        );
    }
    let mut rig = Rig::established(64_513);
    rig.say(&message(3, &[6, 2]), 1);
    assert_eq!(rig.notified(), None, "a NOTIFICATION is not answered");
    let over = "over: the peer said: Cease, Administrative Shutdown (6/2)";
    assert_eq!(rig.told, [over]);
}

#[test]
fn a_malformed_attribute_costs_its_routes_and_not_the_session() {
    let with = |extra: Vec<u8>| {
        let mut list = attributes(&[PEER, 1]);
        list.extend(extra);
        list
    };
    let without = |kind: u8| {
        let all = [
            attribute(0x40, 1, &[0]),
            path(&[PEER, 1]),
            attribute(0x40, 3, &[192, 0, 2, 1]),
        ];
        all.into_iter()
            .filter(|one| one[1] != kind)
            .flatten()
            .collect::<Vec<u8>>()
    };
    let other = |kind: u8, value: &[u8]| {
        let mut list = without(kind);
        list.extend(attribute(0x40, kind, value));
        list
    };
    let cut = with(vec![0x40, 99, 200]);
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("no ORIGIN", without(1)),
        ("no AS_PATH", without(2)),
        ("no NEXT_HOP", without(3)),
        ("ORIGIN 3", other(1, &[3])),
        ("an unknown segment", other(2, &[9, 1, 0, 0, 0, 1])),
        ("a segment without AS", other(2, &[2, 0])),
        ("a cut path", other(2, &[2, 2, 0, 0, 0, 1])),
        ("AS 0", other(2, &[2, 1, 0, 0, 0, 0])),
        ("a next hop of 3 octets", other(3, &[192, 0, 2])),
        ("communities of 5 octets", with(attribute(0xc0, 8, &[0; 5]))),
        ("no communities at all", with(attribute(0xc0, 8, &[]))),
        ("MED of 2 octets", with(attribute(0x80, 4, &[0; 2]))),
        (
            "large communities of 4 octets",
            with(attribute(0xc0, 32, &[0; 4])),
        ),
        ("optional ORIGIN", with(attribute(0xc0, 1, &[0]))),
        ("an attribute beyond the end", cut),
    ];
    for (what, list) in rows {
        let mut rig = Rig::established(64_513);
        rig.say(&update(&[], &list, &[24, 1, 1, 1]), 1);
        assert_eq!(
            rig.session.state(),
            State::Established,
            "{what}: {:?}",
            rig.told
        );
        assert!(
            rig.told[0].starts_with("malformed: UPDATE: "),
            "{what}: {:?}",
            rig.told
        );
        assert_eq!(rig.told[1], "+ -1.1.1.0/24", "{what}");
    }
    // These do not count, and cost nothing.
    let mut rig = Rig::established(64_513);
    let harmless = [
        attribute(0x40, 6, &[1]),
        attribute(0xc0, 7, &[0; 3]),
        attribute(0xc0, 17, &[9]),
        attribute(0x40, 5, &[0]),
        attribute(0xc0, 200, &[1, 2, 3]),
    ];
    rig.say(&update(&[], &with(harmless.concat()), &[24, 1, 1, 1]), 1);
    assert_eq!(rig.told, ["+1.1.1.0/24 -"]);
}

#[test]
fn routes_of_both_families_come_and_go_and_end() {
    let mut rig = Rig::established(64_513);
    let mut reach = vec![0, 2, 1, 16];
    reach.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    reach.extend([32, 0x20, 1, 6, 0x7c]);
    let mut list = attribute(0x40, 1, &[0]);
    list.extend(path(&[PEER]));
    list.extend(attribute(0x80, 14, &reach));
    rig.say(&update(&[], &list, &[]), 1);
    rig.say(&update(&[24, 1, 1, 1], &[], &[]), 1);
    let unreach = attribute(0x80, 15, &[0, 2, 1, 32, 0x20, 1, 6, 0x7c]);
    rig.say(&update(&[], &unreach, &[]), 1);
    rig.say(&update(&[], &[], &[]), 1);
    rig.say(&update(&[], &attribute(0x80, 15, &[0, 2, 1]), &[]), 1);
    let told = [
        "+2001:67c::/32 -",
        "+ -1.1.1.0/24",
        "+ -2001:67c::/32",
        "+ - end of Ipv4",
        "+ - end of Ipv6",
    ];
    assert_eq!(rig.told, told);
}

#[test]
fn nothing_that_a_peer_says_makes_us_announce_a_route() {
    let mut rig = Rig::new(64_513);
    rig.say(&open(PEER, 30, 1, &usual(PEER)), 0);
    rig.say(&keepalive(), 0);
    rig.say(&message(5, &[0, 1, 0, 1]), 1);
    rig.say(&update(&[], &attributes(&[PEER]), &[24, 1, 1, 1]), 1);
    rig.tick(20_000);
    for (kind, body) in messages(&rig.session.output()) {
        let is_empty_list = kind == 2 && (body.len() == 4 || body.len() == 10);
        assert!(kind == 1 || kind == 4 || is_empty_list, "{kind} {body:?}");
    }
}

#[test]
fn a_session_goes_on_however_its_octets_are_cut() {
    let mut octets = open(PEER, 30, 1, &usual(PEER));
    octets.extend(keepalive());
    octets.extend(update(
        &[],
        &attributes(&[PEER, 7]),
        &[24, 1, 1, 1, 16, 1, 2],
    ));
    octets.extend(update(&[16, 1, 2], &[], &[]));
    let mut whole = Rig::new(64_513);
    whole.say(&octets, 0);
    for at_once in 1..40 {
        let mut rig = Rig::new(64_513);
        for part in octets.chunks(at_once) {
            rig.say(part, 0);
        }
        assert_eq!(rig.told, whole.told);
    }
    assert_eq!(
        whole.told[2..],
        ["+1.1.1.0/24 1.2.0.0/16 -", "+ -1.2.0.0/16"]
    );
}

#[test]
fn paths_of_narrow_as_numbers_are_told_by_as4_path() {
    let mut rig = Rig::new(64_513);
    rig.say(&open(PEER, 30, 1, &[]), 0);
    rig.say(&keepalive(), 0);
    assert!(rig.session.families().has(Family::Ipv4) && !rig.session.families().has(Family::Ipv6));
    let mut list = attribute(0x40, 1, &[0]);
    list.extend(attribute(0x40, 2, &[2, 2, 0xfc, 0, 0x5b, 0xa0]));
    list.extend(attribute(0x40, 3, &[192, 0, 2, 1]));
    list.extend(attribute(0xc0, 17, &[2, 1, 0, 3, 0, 1]));
    let mut seen = None;
    rig.session
        .take(&update(&[], &list, &[24, 1, 1, 1]), 1, &mut |happening| {
            if let Happening::Update(update) = happening {
                let read = routefeed::attributes::Attributes::of(&update.attributes_other).unwrap();
                seen = Some((read.path(), read.origin()));
            }
        });
    assert_eq!(seen, Some(("64512 196609".to_owned(), Some(Asn(196_609)))));
}

#[test]
fn we_say_why_we_stop() {
    let mut rig = Rig::established(64_513);
    let told = &mut rig.told;
    rig.session.stop(FaultKind::PrefixLimit, &mut |happening| {
        told.push(shown(&happening))
    });
    assert_eq!(rig.notified(), Some((6, 1)));
    rig.session
        .stop(FaultKind::Shutdown, &mut |_| panic!("it is over already"));
    assert_eq!(rig.notified(), None);
}
