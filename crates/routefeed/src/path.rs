//! The origin of a route: the AS at the far end of its path [RFC 4271 §5.1.2].
//!
//! | the path | the origin |
//! |---|---|
//! | ends in an AS_SEQUENCE | its last AS |
//! | ends in an AS_SET | nobody: an aggregate has no order, and IANA wants 0 there |
//! | is empty | the AS of the peer, whose own route it is |
//! | has only segments of a confederation | nobody: a member AS means nothing outside |
//! | has AS 0 anywhere | nobody: the route is malformed [RFC 7607 §2] |
//! | ends in AS 23456 | nobody: an AS number that did not fit [RFC 6793 §9] |
//!
//! Segments of confederations are passed over [RFC 5065 §5]. Where AS numbers of the path have two
//! octets, AS4_PATH has the true ones of its far end [RFC 6793 §4.2.3].
//!
//! Not here: other path attributes; their octets are skipped.
//! Bound: nothing is kept.

use asdb::Asn;

use crate::cursor::{Cursor, Cut};

/// Attribute AS_PATH [RFC 4271 §5.1.2].
const AS_PATH: u8 = 2;
/// Attribute AS4_PATH [RFC 6793 §3].
const AS4_PATH: u8 = 17;
/// The flag of an attribute whose length has two octets [RFC 4271 §4.3].
const EXTENDED_LENGTH: u8 = 0x10;
/// "An AS number that does not fit" [RFC 6793 §9].
const AS_TRANS: Asn = Asn(23456);

/// How many octets an AS number of AS_PATH has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AsnWidth {
    /// TABLE_DUMP [RFC 6396 §4.2].
    Two,
    /// TABLE_DUMP_V2 [RFC 6396 §4.3.4].
    Four,
}

impl AsnWidth {
    /// Returns it.
    pub(crate) const fn octets(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }
}

/// Who announces a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// This AS.
    Of(Asn),
    /// A set of AS.
    AsSet,
    /// One that did not fit into two octets.
    AsTrans,
    /// The route is malformed: AS 0 is in its path.
    AsZero,
    /// There is no AS in the path.
    Nobody,
}

/// Returns the origin that path attributes tell.
pub(crate) fn origin(
    mut attributes: Cursor<'_>,
    width: AsnWidth,
    peer: Asn,
) -> Result<Origin, PathFault> {
    let mut path = Path::default();
    let mut path4 = Path::default();
    while !attributes.is_empty() {
        let flags = attributes.u8()?;
        let kind = attributes.u8()?;
        let octets_count = if flags & EXTENDED_LENGTH == 0 {
            u16::from(attributes.u8()?)
        } else {
            attributes.u16()?
        };
        let value = attributes.part(usize::from(octets_count))?;
        match kind {
            AS_PATH => path = Path::read(value, width)?,
            AS4_PATH => path4 = Path::read(value, AsnWidth::Four)?,
            _ => {}
        }
    }
    Ok(settle(path, path4, peer))
}

/// Returns the origin of a route with these two paths, either of which may be empty.
pub(crate) const fn settle(path: Path, path4: Path, peer: Asn) -> Origin {
    let told = if path.gives_way_to(path4) {
        path4
    } else {
        path
    };
    match told.end {
        _ if path.has_zero || path4.has_zero => Origin::AsZero,
        End::As(asn) if asn.0 == AS_TRANS.0 => Origin::AsTrans,
        End::As(asn) => Origin::Of(asn),
        End::Set => Origin::AsSet,
        End::Nothing if path.has_confederation || peer.0 == Asn::NONE.0 => Origin::Nobody,
        End::Nothing if peer.0 == AS_TRANS.0 => Origin::AsTrans,
        End::Nothing => Origin::Of(peer),
    }
}

/// Why a path cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathFault {
    /// A length passes what it is in.
    Cut(Cut),
    /// A segment of an unknown type.
    Segment {
        /// Where it begins.
        offset: u64,
        /// The type.
        kind: u8,
    },
}

impl From<Cut> for PathFault {
    fn from(cut: Cut) -> Self {
        Self::Cut(cut)
    }
}

/// What counts of a path.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Path {
    end: End,
    /// AS of sequences, and one for each set [RFC 4271 §9.1.2.2].
    pub(crate) steps_count: usize,
    pub(crate) has_zero: bool,
    has_confederation: bool,
}

/// What a path ends in.
#[derive(Clone, Copy, Debug, Default)]
enum End {
    #[default]
    Nothing,
    As(Asn),
    Set,
}

impl Path {
    /// Returns whether an AS4_PATH tells more than this path: one that is longer was left there by
    /// somebody who does not know it [RFC 6793 §4.2.3].
    pub(crate) const fn gives_way_to(self, path4: Self) -> bool {
        path4.steps_count > 0 && path4.steps_count <= self.steps_count
    }

    /// Reads the value of an AS_PATH or AS4_PATH.
    pub(crate) fn read(mut segments: Cursor<'_>, width: AsnWidth) -> Result<Self, PathFault> {
        let mut path = Self::default();
        while !segments.is_empty() {
            let here = segments;
            let kind = segments.u8()?;
            let count = segments.u8()?;
            let mut last = None;
            for _ in 0..count {
                let asn = match width {
                    AsnWidth::Two => u32::from(segments.u16()?),
                    AsnWidth::Four => segments.u32()?,
                };
                path.has_zero |= asn == 0;
                last = Some(Asn(asn));
            }
            match (kind, last) {
                // AS_SET, AS_SEQUENCE [RFC 4271 §4.3].
                (1 | 2, None) => {}
                (1, Some(_)) => {
                    path.end = End::Set;
                    path.steps_count += 1;
                }
                (2, Some(asn)) => {
                    path.end = End::As(asn);
                    path.steps_count += usize::from(count);
                }
                // AS_CONFED_SEQUENCE, AS_CONFED_SET [RFC 5065 §3].
                (3 | 4, _) => path.has_confederation = true,
                (kind, _) => {
                    let offset = here.offset();
                    return Err(PathFault::Segment { offset, kind });
                }
            }
        }
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mrt::MrtError;

    /// Returns attributes: ORIGIN, then the given ones.
    fn attributes(given: &[(u8, &[u8])]) -> Vec<u8> {
        let mut octets = vec![0x40, 1, 1, 0];
        for (kind, value) in given {
            octets.extend([0x50, *kind, 0, u8::try_from(value.len()).unwrap()]);
            octets.extend(*value);
        }
        octets
    }

    fn told(width: AsnWidth, given: &[(u8, &[u8])]) -> Origin {
        let octets = attributes(given);
        origin(Cursor::new(&octets, 0), width, Asn(7)).unwrap()
    }

    #[test]
    fn the_last_as_of_the_last_sequence_is_the_origin() {
        let path: &[u8] = &[2, 2, 0, 0, 0, 1, 0, 0, 0, 2, 2, 1, 0, 1, 0, 0];
        assert_eq!(told(AsnWidth::Four, &[(2, path)]), Origin::Of(Asn(65536)));
        let empty_behind: &[u8] = &[2, 1, 0, 0, 0, 1, 2, 0];
        assert_eq!(
            told(AsnWidth::Four, &[(2, empty_behind)]),
            Origin::Of(Asn(1))
        );
    }

    #[test]
    fn a_path_that_ends_in_a_set_has_no_origin() {
        let path: &[u8] = &[2, 1, 0, 1, 1, 2, 0, 3, 0, 4];
        assert_eq!(told(AsnWidth::Two, &[(2, path)]), Origin::AsSet);
        let set_first: &[u8] = &[1, 2, 0, 3, 0, 4, 2, 1, 0, 9];
        assert_eq!(told(AsnWidth::Two, &[(2, set_first)]), Origin::Of(Asn(9)));
    }

    #[test]
    fn segments_of_a_confederation_are_passed_over() {
        let behind: &[u8] = &[2, 1, 0, 9, 3, 1, 0xfd, 0xe8, 4, 1, 0xfd, 0xe9];
        assert_eq!(told(AsnWidth::Two, &[(2, behind)]), Origin::Of(Asn(9)));
        let alone: &[u8] = &[3, 1, 0xfd, 0xe8];
        assert_eq!(told(AsnWidth::Two, &[(2, alone)]), Origin::Nobody);
    }

    #[test]
    fn an_empty_path_is_the_peers_own_route() {
        assert_eq!(told(AsnWidth::Four, &[(2, &[])]), Origin::Of(Asn(7)));
        assert_eq!(told(AsnWidth::Four, &[]), Origin::Of(Asn(7)));
        let octets = attributes(&[]);
        let of = |peer| origin(Cursor::new(&octets, 0), AsnWidth::Four, peer).unwrap();
        assert_eq!(of(Asn(0)), Origin::Nobody);
        assert_eq!(of(AS_TRANS), Origin::AsTrans);
    }

    #[test]
    fn as4_path_tells_what_two_octets_could_not() {
        let path: &[u8] = &[2, 3, 0, 1, 0x5b, 0xa0, 0x5b, 0xa0];
        let path4: &[u8] = &[2, 2, 0, 3, 0, 1, 0, 3, 0, 2];
        assert_eq!(told(AsnWidth::Two, &[(2, path)]), Origin::AsTrans);
        let both = [(2, path), (17, path4)];
        assert_eq!(told(AsnWidth::Two, &both), Origin::Of(Asn(196_610)));
        // One that is longer than the path is stale.
        let short: &[u8] = &[2, 1, 0, 5];
        let stale = [(17, path4), (2, short)];
        assert_eq!(told(AsnWidth::Two, &stale), Origin::Of(Asn(5)));
    }

    #[test]
    fn a_route_with_as_0_is_malformed() {
        let path: &[u8] = &[2, 2, 0, 0, 0, 9];
        assert_eq!(told(AsnWidth::Two, &[(2, path)]), Origin::AsZero);
    }

    #[test]
    fn faults_have_their_place() {
        let octets = attributes(&[(2, &[2, 2, 0, 1])]);
        let error =
            MrtError::from(origin(Cursor::new(&octets, 100), AsnWidth::Two, Asn(7)).unwrap_err());
        assert_eq!(
            error.to_string(),
            "octet 112: 2 octets expected, 0 are left of what they are in"
        );
        let octets = attributes(&[(2, &[9, 1, 0, 1])]);
        let error =
            MrtError::from(origin(Cursor::new(&octets, 0), AsnWidth::Two, Asn(7)).unwrap_err());
        assert_eq!(error.to_string(), "octet 8: 9 is no type of a path segment");
    }
}
