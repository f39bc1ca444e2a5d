//! The small capture that the README shows: three made-up exporters, no AS number anywhere.
//!
//! Each exporter stands for one way in which AS numbers arrive: a NetFlow v9 Template without AS
//! fields (appended), an IPFIX Template with empty ones (filled), an IPv6 one without, and
//! NetFlow v5, whose two octets must do. Destinations are well-known public resolvers; sources
//! are private or documentation addresses, which have no origin.
//!
//! Nothing comes from a real network: all of it is written down here, so the file can be made
//! again, octet for octet.

mod frame;
mod message;

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4};

use anyhow::{Context, Result};

use crate::tree;
use message::{FieldSpecifier, Flow, Template};

const PATH: &str = "examples/small.pcap";

const COLLECTOR: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 100), 2055);
const V9_EXPORTER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 50_001);
const IPFIX_EXPORTER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 1), 50_002);
const V5_EXPORTER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, 1), 50_003);

/// Information Elements 8, 12, 7, 11, 4, 2, 1: no AS field.
const PLAIN: Template = Template {
    id: 256,
    fields: &[
        FieldSpecifier {
            element: 8,
            octets: 4,
        },
        FieldSpecifier {
            element: 12,
            octets: 4,
        },
        FieldSpecifier {
            element: 7,
            octets: 2,
        },
        FieldSpecifier {
            element: 11,
            octets: 2,
        },
        FieldSpecifier {
            element: 4,
            octets: 1,
        },
        FieldSpecifier {
            element: 2,
            octets: 4,
        },
        FieldSpecifier {
            element: 1,
            octets: 4,
        },
    ],
};

/// As [`PLAIN`], with the AS fields 16 and 17, which the exporter leaves 0.
const WITH_AS: Template = Template {
    id: 256,
    fields: &[
        FieldSpecifier {
            element: 8,
            octets: 4,
        },
        FieldSpecifier {
            element: 12,
            octets: 4,
        },
        FieldSpecifier {
            element: 16,
            octets: 4,
        },
        FieldSpecifier {
            element: 17,
            octets: 4,
        },
        FieldSpecifier {
            element: 4,
            octets: 1,
        },
        FieldSpecifier {
            element: 2,
            octets: 8,
        },
        FieldSpecifier {
            element: 1,
            octets: 8,
        },
    ],
};

/// IPv6, without AS fields.
const PLAIN_V6: Template = Template {
    id: 257,
    fields: &[
        FieldSpecifier {
            element: 27,
            octets: 16,
        },
        FieldSpecifier {
            element: 28,
            octets: 16,
        },
        FieldSpecifier {
            element: 7,
            octets: 2,
        },
        FieldSpecifier {
            element: 11,
            octets: 2,
        },
        FieldSpecifier {
            element: 4,
            octets: 1,
        },
        FieldSpecifier {
            element: 1,
            octets: 8,
        },
    ],
};

const PUBLIC: [Ipv4Addr; 3] = [
    Ipv4Addr::new(1, 1, 1, 1),
    Ipv4Addr::new(8, 8, 8, 8),
    Ipv4Addr::new(9, 9, 9, 9),
];

const PUBLIC_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1111),
    Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888),
];

/// Writes the capture.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn run() -> Result<()> {
    let path = tree::root().join(PATH);
    fs::create_dir_all(path.with_file_name("")).context("cannot create examples/")?;
    fs::write(&path, capture()).with_context(|| format!("cannot write {PATH}"))?;
    println!("{PATH} written");
    Ok(())
}

/// Returns the octets of the capture.
fn capture() -> Vec<u8> {
    let mut capture = frame::capture_header();
    for (second, (exporter, payload)) in datagrams().iter().enumerate() {
        capture.extend(frame::record(second, *exporter, COLLECTOR, payload));
    }
    capture
}

fn datagrams() -> Vec<(SocketAddrV4, Vec<u8>)> {
    let v4 = PUBLIC.map(|public| Flow::new(Ipv4Addr::new(10, 0, 0, 5).into(), public.into()));
    let from_documentation = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 5);
    let v6 = PUBLIC_V6.map(|public| Flow::new(from_documentation.into(), public.into()));
    // The way back: here it is the source that has an origin.
    let back = v4.map(|flow| flow.reversed());
    vec![
        (V9_EXPORTER, message::v9(0, &[PLAIN], &[(&PLAIN, &v4)])),
        (
            IPFIX_EXPORTER,
            message::ipfix(0, &[WITH_AS, PLAIN_V6], &[(&WITH_AS, &v4)]),
        ),
        (V5_EXPORTER, message::v5(0, &v4)),
        (V9_EXPORTER, message::v9(1, &[], &[(&PLAIN, &back)])),
        (
            IPFIX_EXPORTER,
            message::ipfix(3, &[], &[(&WITH_AS, &back), (&PLAIN_V6, &v6)]),
        ),
        (V5_EXPORTER, message::v5(3, &back)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_capture_is_what_the_code_makes() {
        let committed = fs::read(tree::root().join(PATH)).unwrap();
        assert!(committed == capture(), "run: cargo xtask example");
    }

    #[test]
    fn no_record_carries_an_as_number() {
        let flow = Flow::new(PUBLIC[0].into(), PUBLIC[1].into());
        let record = message::data_record(&WITH_AS, &flow);
        assert_eq!(&record[8..16], [0; 8]);
    }
}
