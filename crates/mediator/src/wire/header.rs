//! Message Headers of IPFIX [RFC 7011 §3.1], NetFlow v9 [RFC 3954 §5.1] and NetFlow v5.
//!
//! Not here: Sets; what a Sequence Number should be (`export::sequence`).

use super::octets::{put_u16, put_u32, u16_at, u32_at};
use super::{IPFIX_HEADER_OCTETS, V5_HEADER_OCTETS, V9_HEADER_OCTETS};
use crate::Version;

/// What the header of a Message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The protocol.
    pub version: Version,
    /// v5 and v9: the count as the exporter wrote it; IPFIX: Length in octets.
    pub count_or_length: u16,
    /// v5 and v9: milliseconds since the exporter started; IPFIX: 0.
    pub uptime_ms: u32,
    /// Seconds since 1970 at the exporter.
    pub export_time_s: u32,
    /// v9 counts Messages, IPFIX Data Records, v5 flows.
    pub sequence: u32,
    /// Observation Domain ID; v9 Source ID; v5 engine type and ID.
    pub domain: u32,
}

/// Returns the protocol of a datagram, `None` if its version is none that we know.
#[must_use]
pub fn version(octets: &[u8]) -> Option<Version> {
    match u16_at(octets, 0)? {
        5 => Some(Version::V5),
        9 => Some(Version::V9),
        10 => Some(Version::Ipfix),
        _ => None,
    }
}

impl Version {
    /// Octets of this protocol's Message Header.
    #[must_use]
    pub const fn header_octets(self) -> usize {
        match self {
            Self::V5 => V5_HEADER_OCTETS,
            Self::V9 => V9_HEADER_OCTETS,
            Self::Ipfix => IPFIX_HEADER_OCTETS,
        }
    }

    /// The Set ID of a Template Set.
    #[must_use]
    pub const fn template_set_id(self) -> u16 {
        match self {
            Self::V5 | Self::V9 => 0,
            Self::Ipfix => 2,
        }
    }

    /// The Set ID of an Options Template Set.
    #[must_use]
    pub const fn options_template_set_id(self) -> u16 {
        match self {
            Self::V5 | Self::V9 => 1,
            Self::Ipfix => 3,
        }
    }
}

impl Header {
    /// Reads a header of `version`; `None` if the octets end before it does.
    #[must_use]
    pub fn read(version: Version, octets: &[u8]) -> Option<Self> {
        let header = octets.get(..version.header_octets())?;
        let number = |offset| u32_at(header, offset);
        let count_or_length = u16_at(header, 2)?;
        Some(match version {
            Version::V5 => Self {
                version,
                count_or_length,
                uptime_ms: number(4)?,
                export_time_s: number(8)?,
                sequence: number(16)?,
                domain: u32::from(u16_at(header, 20)?),
            },
            Version::V9 => Self {
                version,
                count_or_length,
                uptime_ms: number(4)?,
                export_time_s: number(8)?,
                sequence: number(12)?,
                domain: number(16)?,
            },
            Version::Ipfix => Self {
                version,
                count_or_length,
                uptime_ms: 0,
                export_time_s: number(4)?,
                sequence: number(8)?,
                domain: number(12)?,
            },
        })
    }

    /// When the exporter started, in milliseconds modulo 2^32 (its uptime counter wraps there).
    ///
    /// Only v9 tells; for the others this is its clock.
    #[must_use]
    pub const fn boot_ms(&self) -> u32 {
        self.export_time_s
            .wrapping_mul(1000)
            .wrapping_sub(self.uptime_ms)
    }

    /// Returns the header's octets with another count (or Length), Sequence Number and domain.
    ///
    /// `came` is the header as it was received: the rest stays as the exporter wrote it.
    #[must_use]
    pub fn written(&self, came: &[u8], stamp: Stamp) -> HeaderOctets {
        let octets = self.version.header_octets();
        let mut header = HeaderOctets {
            octets: [0; V5_HEADER_OCTETS],
            used: octets,
        };
        for (to, from) in header.octets.iter_mut().zip(came.iter().take(octets)) {
            *to = *from;
        }
        let numbers = &mut header.octets;
        put_u16(numbers, 2, stamp.count_or_length);
        match self.version {
            Version::V5 => {
                put_u32(numbers, 16, stamp.sequence);
                put_u16(
                    numbers,
                    20,
                    u16::try_from(stamp.domain & 0xFFFF).unwrap_or_default(),
                );
            }
            Version::V9 => {
                put_u32(numbers, 12, stamp.sequence);
                put_u32(numbers, 16, stamp.domain);
            }
            Version::Ipfix => {
                put_u32(numbers, 8, stamp.sequence);
                put_u32(numbers, 12, stamp.domain);
            }
        }
        header
    }
}

/// What of a header is ours to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// v5 and v9: records in the Message; IPFIX: its Length in octets.
    pub count_or_length: u16,
    /// The Sequence Number.
    pub sequence: u32,
    /// Observation Domain ID, Source ID, v5 engine type and ID.
    pub domain: u32,
}

/// A header ready to be sent.
#[derive(Clone, Copy, Debug)]
pub struct HeaderOctets {
    octets: [u8; V5_HEADER_OCTETS],
    used: usize,
}

impl AsRef<[u8]> for HeaderOctets {
    fn as_ref(&self) -> &[u8] {
        self.octets.get(..self.used).unwrap_or_default()
    }
}
