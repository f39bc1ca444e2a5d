//! Several outlets: each gets its own sizes and numbers.

use mediator::Settings;
use mediator::settings::{DomainNames, IpHeader, Outlet};

use crate::notation::{ipfix, set, v9};
use crate::rig::{Rig, outlet, settings};

const FILL: &str = "0100 0002 IE8/4 IE16/4";

fn data(records: usize) -> Vec<u8> {
    set(256, &"8.8.8.8 AS15169 ".repeat(records))
}

#[test]
fn each_outlet_has_its_own_size_and_numbers() {
    let mut rig = Rig::with(Settings {
        outlets: vec![outlet(1500), outlet(128)],
        ..settings()
    });
    rig.send_everywhere(&v9(1, 1, &[set(0, FILL)]));
    let mut send = |message: &[u8]| {
        let sent = rig.send_everywhere(message);
        let of = |outlet: u16| {
            let sent = sent.iter().filter(move |(route, _)| route.outlet == outlet);
            sent.map(|(_, datagram)| datagram.clone())
                .collect::<Vec<_>>()
        };
        (of(0), of(1))
    };
    let (first, second) = send(&v9(2, 12, &[data(12)]));
    assert_eq!(first, [v9(2, 12, &[data(12)])]);
    assert_eq!(second, [v9(2, 6, &[data(6)]), v9(3, 6, &[data(6)])]);
    let (first, second) = send(&v9(3, 1, &[data(1)]));
    assert_eq!(first, [v9(3, 1, &[data(1)])]);
    assert_eq!(second, [v9(4, 1, &[data(1)])]);
}

#[test]
fn an_ipv6_header_leaves_twenty_octets_less() {
    let with_header = |ip_header| Settings {
        outlets: vec![Outlet {
            ip_header,
            ..outlet(148)
        }],
        ..settings()
    };
    let parts = |ip_header, exporter: [u16; 8]| {
        let mut rig = Rig::with(with_header(ip_header));
        if exporter != [0; 8] {
            rig.exporter = (exporter, 2055).into();
        }
        rig.send(&v9(1, 1, &[set(0, FILL)]));
        rig.send(&v9(2, 10, &[data(10)])).len()
    };
    let ipv6 = [0x2001, 0xDB8, 0, 0, 0, 0, 0, 1];
    assert_eq!(parts(IpHeader::Ipv4, ipv6), 1);
    assert_eq!(parts(IpHeader::Ipv6, [0; 8]), 2);
    assert_eq!(parts(IpHeader::OfExporter, [0; 8]), 1);
    assert_eq!(parts(IpHeader::OfExporter, ipv6), 2);
}

#[test]
fn two_exporters_with_one_domain_are_told_apart_where_they_share_our_address() {
    let mut rig = Rig::with(Settings {
        outlets: vec![Outlet {
            domains: DomainNames::Distinct,
            ..outlet(1500)
        }],
        ..settings()
    });
    let message = v9(1, 2, &[set(0, FILL), data(1)]);
    // A single exporter keeps its domain.
    rig.expect(&message, std::slice::from_ref(&message));
    rig.exporter = ([198, 18, 0, 2], 2055).into();
    let second = rig.send(&message).pop().unwrap();
    rig.exporter = ([198, 18, 0, 1], 2055).into();
    let first = rig.send(&v9(2, 1, &[data(1)])).pop().unwrap();
    let domain = |message: &[u8]| message[16..20].to_vec();
    assert_ne!(domain(&first), domain(&second));
    assert_ne!(domain(&first), domain(&message));
    assert_eq!(first[20..], v9(2, 1, &[data(1)])[20..]);
}

#[test]
fn where_the_address_of_an_exporter_is_borne_its_domain_is_kept_and_others_are_told_apart() {
    let mut rig = Rig::with(Settings {
        outlets: vec![Outlet {
            domains: DomainNames::KeptIfBorne,
            ..outlet(1500)
        }],
        own_addresses: vec![[198, 18, 0, 9].into()],
        ..settings()
    });
    let message = v9(1, 2, &[set(0, FILL), data(1)]);
    let mut shown = |exporter: std::net::SocketAddr| {
        rig.exporter = exporter;
        rig.send(&message).pop().unwrap()[16..20].to_vec()
    };
    let ipv6 = |last| {
        (
            std::net::Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, last),
            2055,
        )
            .into()
    };
    let kept = &message[16..20];
    // IPv4 exporters keep their domain, however many there are.
    assert_eq!(shown(([198, 18, 0, 1], 2055).into()), kept);
    assert_eq!(shown(([198, 18, 0, 2], 2055).into()), kept);
    assert_eq!(shown(ipv6(1)), kept, "alone under our address");
    let ours = shown(([198, 18, 0, 9], 2055).into());
    let others = shown(ipv6(2));
    assert!(ours != kept && others != kept && ours != others);
    assert_eq!(shown(([198, 18, 0, 2], 2055).into()), kept);
}

#[test]
fn ports_with_one_domain_are_told_apart_on_a_stream_and_a_silent_one_yields_to_a_new_one() {
    let mut rig = Rig::with(Settings {
        outlets: vec![Outlet {
            ip_header: IpHeader::OfStream,
            domains: DomainNames::Distinct,
            ..outlet(65_535)
        }],
        ..settings()
    });
    let template = ipfix(0, &[set(2, FILL)]);
    let shown = |rig: &mut Rig, port, message: &[u8]| {
        let sent = rig.send_from(port, message);
        let last = sent.last().unwrap();
        u32::from_be_bytes(last[12..16].try_into().unwrap())
    };
    let came = u32::from_be_bytes(template[12..16].try_into().unwrap());
    assert_eq!(shown(&mut rig, 1, &template), came);
    let second = shown(&mut rig, 2, &template);
    assert_ne!(second, came);
    let more = ipfix(0, &[data(1)]);
    assert_eq!(shown(&mut rig, 1, &more), came);
    assert_eq!(shown(&mut rig, 2, &more), second);
    rig.pass(60_000);
    assert_eq!(shown(&mut rig, 3, &template), came, "it began again");
    let first = shown(&mut rig, 1, &ipfix(1, &[data(1)]));
    assert!(first != came && first != second);
}
