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
use lab::framing::Version;
use lab::template::{FieldSpecifier, Kind, Template};

use crate::tree;
use message::{DataSet, Flow, message};

const PATH: &str = "examples/small.pcap";

const COLLECTOR: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 100), 2055);
const V9_EXPORTER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 50_001);
const IPFIX_EXPORTER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 1), 50_002);
const V5_EXPORTER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, 1), 50_003);

/// Information Elements and their octets; no AS field.
const PLAIN: &[(u16, u16)] = &[(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (2, 4), (1, 4)];

/// With the AS fields 16 and 17, which the exporter leaves 0.
const WITH_AS: &[(u16, u16)] = &[(8, 4), (12, 4), (16, 4), (17, 4), (4, 1), (2, 8), (1, 8)];

/// IPv6, without AS fields.
const PLAIN_V6: &[(u16, u16)] = &[(27, 16), (28, 16), (7, 2), (11, 2), (4, 1), (1, 8)];

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
    let plain = template(256, PLAIN);
    let with_as = template(256, WITH_AS);
    let plain_v6 = template(257, PLAIN_V6);
    let v9 = |sequence, templates: &[&Template], flows: &[Flow]| {
        let octets = message(Version::V9, sequence, templates, &[(&plain, flows)]);
        (V9_EXPORTER, octets)
    };
    let ipfix = |sequence, templates: &[&Template], data: &[DataSet<'_>]| {
        let octets = message(Version::Ipfix, sequence, templates, data);
        (IPFIX_EXPORTER, octets)
    };
    vec![
        v9(0, &[&plain], &v4),
        ipfix(0, &[&with_as, &plain_v6], &[(&with_as, &v4)]),
        (V5_EXPORTER, message::v5(0, &v4)),
        v9(1, &[], &back),
        ipfix(3, &[], &[(&with_as, &back), (&plain_v6, &v6)]),
        (V5_EXPORTER, message::v5(3, &back)),
    ]
}

fn template(id: u16, fields: &[(u16, u16)]) -> Template {
    let fields = fields.iter();
    Template {
        id,
        kind: Kind::Data,
        fields: fields
            .map(|(element, octets)| FieldSpecifier::iana(*element, *octets))
            .collect(),
    }
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
        let record = message::data_record(&template(256, WITH_AS), &flow);
        assert_eq!(&record[8..16], [0; 8]);
    }
}
