//! Unpacks gzip, never more than an AS database can need.
//!
//! Not here: what is inside.

use std::io::{BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::{LoadError, LoadErrorKind};

/// How many octets a file may have when unpacked: five times the largest AS database known.
pub(super) const UNPACKED_OCTETS_MAX: usize = 256 << 20;

/// Returns whether the octets begin like a gzip member [RFC 1952 §2.3.1].
pub(super) fn is_gzip(octets: &[u8]) -> bool {
    octets.starts_with(&[0x1f, 0x8b])
}

/// Returns a reader of the unpacked octets.
pub(super) fn stream(octets: &[u8]) -> impl BufRead {
    BufReader::with_capacity(64 << 10, MultiGzDecoder::new(octets))
}

/// Returns at most `count` octets of the unpacked content; fewer if the stream is cut there.
pub(super) fn first_octets(octets: &[u8], count: usize) -> Vec<u8> {
    let mut first = vec![0; count];
    let mut filled = 0;
    let mut decoder = MultiGzDecoder::new(octets);
    while let Some(free) = first.get_mut(filled..).filter(|free| !free.is_empty()) {
        match decoder.read(free) {
            Ok(0) | Err(_) => break,
            Ok(read) => filled += read,
        }
    }
    first.truncate(filled);
    first
}

/// Returns the unpacked content.
///
/// # Errors
/// `Gzip` if the stream is damaged or cut, `Unpacked` if it is above 256 MiB.
pub(super) fn unpack(octets: &[u8]) -> Result<Vec<u8>, LoadError> {
    let mut unpacked = Vec::new();
    let limit = UNPACKED_OCTETS_MAX as u64 + 1;
    match MultiGzDecoder::new(octets)
        .take(limit)
        .read_to_end(&mut unpacked)
    {
        Err(error) => Err(LoadError::whole(LoadErrorKind::Gzip {
            reason: error.to_string(),
        })),
        Ok(_) if unpacked.len() > UNPACKED_OCTETS_MAX => {
            Err(LoadError::whole(LoadErrorKind::Unpacked))
        }
        Ok(_) => Ok(unpacked),
    }
}
