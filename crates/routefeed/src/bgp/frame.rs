//! Messages in a stream: marker, length, type, body [RFC 4271 §4.1, §6.1].
//!
//! Not here: what stands in a body.
//! Bound: [`MESSAGE_OCTETS_MAX`].

use super::{Fault, FaultKind, HEADER_OCTETS, MESSAGE_OCTETS_MAX};

pub(crate) const OPEN: u8 = 1;
pub(crate) const UPDATE: u8 = 2;
pub(crate) const NOTIFICATION: u8 = 3;
pub(crate) const KEEPALIVE: u8 = 4;
pub(crate) const ROUTE_REFRESH: u8 = 5;

/// One message of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    /// Its type, one of the above.
    pub(crate) kind: u8,
    /// What stands behind its header.
    pub(crate) body: &'a [u8],
    /// Octets of the whole.
    pub(crate) octets: usize,
}

/// Returns the message at the front; `None` if it is not whole yet.
///
/// # Errors
/// `Marker`, `Length`, `MessageType`, each with the data that RFC 4271 §6.1 wants. `octets_max` is
/// [`MESSAGE_OCTETS_MAX`], or more in BMP, whose routers may speak RFC 8654 with their peers.
pub(crate) fn first(octets: &[u8], octets_max: usize) -> Result<Option<Frame<'_>>, Fault> {
    let Some((header, _)) = octets.split_first_chunk::<HEADER_OCTETS>() else {
        return Ok(None);
    };
    let [marker @ .., high, low, kind] = *header;
    if marker != [0xff; 16] {
        return Err(FaultKind::Marker.into());
    }
    let length = usize::from(u16::from_be_bytes([high, low]));
    let bad_length = || Fault {
        kind: FaultKind::Length,
        data: vec![high, low],
    };
    let fits = match kind {
        OPEN => length >= 29,
        UPDATE => length >= 23,
        NOTIFICATION => length >= 21,
        KEEPALIVE => length == HEADER_OCTETS,
        ROUTE_REFRESH => length >= 23,
        _ => length >= HEADER_OCTETS,
    };
    if !fits || length > octets_max {
        return Err(bad_length());
    }
    if !(OPEN..=ROUTE_REFRESH).contains(&kind) {
        return Err(Fault {
            kind: FaultKind::MessageType,
            data: vec![kind],
        });
    }
    Ok(octets.get(HEADER_OCTETS..length).map(|body| Frame {
        kind,
        body,
        octets: length,
    }))
}

/// Returns a message of a body, which is short enough as ours all are.
pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let body = &body[..body.len().min(MESSAGE_OCTETS_MAX - HEADER_OCTETS)];
    let length = u16::try_from(HEADER_OCTETS + body.len()).unwrap_or(u16::MAX);
    let mut octets = vec![0xff; 16];
    octets.extend(length.to_be_bytes());
    octets.push(kind);
    octets.extend_from_slice(body);
    octets
}
