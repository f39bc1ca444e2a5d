//! Reads the text formats, line by line: ranges, iptoasn, pfx2as.
//!
//! Empty lines and lines that begin with `#` are skipped. The first other line decides the
//! format; all lines are then read as that.
//!
//! Not here: unpacking ([`super::unpack`]).

use std::borrow::Cow;
use std::io::{BufRead, Read};
use std::net::IpAddr;

use super::unpack::UNPACKED_OCTETS_MAX;
use super::{Format, LoadError, LoadErrorKind, Loaded, Noted, Packing, Place};
use crate::entries::{Entries, TooManyEntries};
use crate::names::AsNames;
use crate::{Asn, Prefix};

/// How many octets a line may have.
pub(super) const LINE_OCTETS_MAX: usize = 4096;

/// How many characters of a wrong field are repeated in a message.
const QUOTED_CHARACTERS_MAX: usize = 40;

/// Returns whether content that begins so can be text: no control characters but those of text.
pub(super) fn begins(first: &[u8]) -> bool {
    !first.is_empty()
        && first
            .iter()
            .all(|&octet| octet >= b' ' || b"\t\r\n".contains(&octet))
}

/// Reads all lines of what was packed so.
pub(super) fn read(packing: Packing, source: &mut dyn BufRead) -> Result<Loaded, LoadError> {
    let mut lines = Lines {
        packing,
        source,
        line: Vec::new(),
        number: 0,
        octets_count: 0,
    };
    let mut reader: Option<Reader> = None;
    while let Some(place) = lines.advance()? {
        let line = String::from_utf8_lossy(&lines.line);
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let known = match &mut reader {
            Some(known) => known,
            None => reader.insert(Reader::for_line(line, place)?),
        };
        known.take(line).map_err(|kind| LoadError { place, kind })?;
    }
    match reader {
        Some(reader) if !reader.entries.is_empty() => Ok(reader.finish()),
        _ => Err(LoadError::whole(LoadErrorKind::NoEntries {
            hint: String::new(),
        })),
    }
}

/// The lines of a source, none longer than allowed, all together not longer than allowed.
struct Lines<'a> {
    packing: Packing,
    source: &'a mut dyn BufRead,
    line: Vec<u8>,
    number: u64,
    octets_count: usize,
}

impl Lines<'_> {
    /// Moves `line` on to the next line and returns its place; nothing at the end of the source.
    fn advance(&mut self) -> Result<Option<Place>, LoadError> {
        self.line.clear();
        self.number += 1;
        let place = Place::Line(self.number);
        let mut limited = (&mut *self.source).take(LINE_OCTETS_MAX as u64 + 1);
        let octets = limited
            .read_until(b'\n', &mut self.line)
            .map_err(|error| LoadError {
                place,
                kind: LoadErrorKind::Packed {
                    packing: self.packing.name(),
                    reason: error.to_string(),
                },
            })?;
        self.octets_count += octets;
        if octets > LINE_OCTETS_MAX {
            return Err(LoadError {
                place,
                kind: LoadErrorKind::LineTooLong,
            });
        }
        if self.octets_count > UNPACKED_OCTETS_MAX {
            return Err(LoadError::whole(LoadErrorKind::Unpacked));
        }
        Ok((octets > 0).then_some(place))
    }
}

/// What was read so far.
struct Reader {
    format: Format,
    entries: Entries,
    names: AsNames,
    noted: Noted,
}

impl Reader {
    /// Returns a reader for the format that `line`, the first one, has.
    fn for_line(line: &str, place: Place) -> Result<Self, LoadError> {
        let is_address = |field: Option<&str>| field.is_some_and(|f| f.parse::<IpAddr>().is_ok());
        let mut tabbed = line.split('\t').skip(1);
        let format = match (tabbed.next(), line.contains(',')) {
            (Some(second), _) if is_address(Some(second)) => Format::Iptoasn,
            (Some(_), _) => Format::Pfx2as,
            (None, true) => Format::Ranges,
            (None, false) => {
                return Err(LoadError {
                    place,
                    kind: LoadErrorKind::UnknownFormat,
                });
            }
        };
        let (entries, names) = (Entries::new(), AsNames::new());
        Ok(Self {
            format,
            entries,
            names,
            noted: Noted::default(),
        })
    }

    fn take(&mut self, line: &str) -> Result<(), LoadErrorKind> {
        match self.format {
            Format::Iptoasn => self.take_iptoasn(line),
            Format::Pfx2as => self.take_pfx2as(line),
            Format::Ranges | Format::Mmdb | Format::Snapshot => self.take_range(line),
        }
    }

    /// `start,end,asn` and, if there is more, `,organisation`, with or without quotes.
    fn take_range(&mut self, line: &str) -> Result<(), LoadErrorKind> {
        let [start, end, asn] = fields(line, ',', "start,end,asn")?;
        let name = line.splitn(4, ',').nth(3).unwrap_or_default();
        self.add_range(start, end, asn, &unquoted(name))
    }

    /// `start end asn country organisation`, separated by tabs.
    fn take_iptoasn(&mut self, line: &str) -> Result<(), LoadErrorKind> {
        let [start, end, asn] = fields(line, '\t', "start, end, asn")?;
        let name = line.splitn(5, '\t').nth(4).unwrap_or_default();
        self.add_range(start, end, asn, name)
    }

    /// `network length asn`, separated by tabs.
    fn take_pfx2as(&mut self, line: &str) -> Result<(), LoadErrorKind> {
        let [network, length, origins] = fields(line, '\t', "network, length, asn")?;
        let address = address("network", network)?;
        let wrong_length = || LoadErrorKind::Length {
            text: quoted(length),
        };
        let bits = length.trim().parse().map_err(|_| wrong_length())?;
        let prefix = Prefix::new(address, bits).map_err(|_| wrong_length())?;
        let asn = self.lowest_origin(origins)?;
        if asn == Asn::NONE {
            self.noted.not_routed_count += 1;
            return Ok(());
        }
        Ok(self.entries.push(prefix, asn)?)
    }

    /// Returns the lowest usable of the origins `1`, `1_2` (several announce it) or `1,2` (an
    /// AS_SET); the lowest of all if none is usable.
    ///
    /// The lowest, because it is the same at each run and in each file.
    fn lowest_origin(&mut self, origins: &str) -> Result<Asn, LoadErrorKind> {
        let mut lowest: Option<Asn> = None;
        let mut origins_count = 0;
        for origin in origins.split(['_', ',']) {
            let asn = as_number(origin.trim_matches(['{', '}']))?;
            origins_count += 1;
            let rank = |asn: Asn| (asn.is_reserved(), asn);
            if lowest.is_none_or(|known| rank(asn) < rank(known)) {
                lowest = Some(asn);
            }
        }
        self.noted.several_origins_count += u64::from(origins_count > 1);
        Ok(lowest.unwrap_or_default())
    }

    fn add_range(
        &mut self,
        start: &str,
        end: &str,
        asn: &str,
        name: &str,
    ) -> Result<(), LoadErrorKind> {
        let (first, last) = (address("start", start)?, address("end", end)?);
        let asn = as_number(asn)?;
        let reversed = || LoadErrorKind::Reversed {
            start: quoted(start),
            end: quoted(end),
        };
        if first.is_ipv4() != last.is_ipv4() {
            return Err(LoadErrorKind::Families);
        }
        if last < first {
            return Err(reversed());
        }
        if asn == Asn::NONE {
            self.noted.not_routed_count += 1;
            return Ok(());
        }
        self.push_range(first, last, asn)?;
        Ok(self.names.insert(asn, name)?)
    }

    fn push_range(&mut self, first: IpAddr, last: IpAddr, asn: Asn) -> Result<(), TooManyEntries> {
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                self.entries
                    .push_range(first.to_bits(), last.to_bits(), asn)
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                self.entries
                    .push_range(first.to_bits(), last.to_bits(), asn)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => Ok(()),
        }
    }

    fn finish(mut self) -> Loaded {
        self.entries.shrink();
        self.names.shrink();
        Loaded {
            format: self.format,
            entries: self.entries,
            names: self.names,
            made: None,
            packing: Packing::Plain,
            noted: self.noted,
        }
    }
}

/// Returns the first three fields of a line.
fn fields<'a>(
    line: &'a str,
    separator: char,
    layout: &'static str,
) -> Result<[&'a str; 3], LoadErrorKind> {
    let mut split = line.split(separator);
    let mut found = 0;
    let mut next = || {
        let field = split.next();
        found += usize::from(field.is_some());
        field
    };
    match (next(), next(), next()) {
        (Some(first), Some(second), Some(third)) => Ok([first, second, third]),
        _ => Err(LoadErrorKind::Fields {
            found,
            expected: 3,
            layout,
        }),
    }
}

/// Returns an address; an IPv4-mapped IPv6 address as the IPv4 address.
fn address(field: &'static str, text: &str) -> Result<IpAddr, LoadErrorKind> {
    let parsed = text.trim().parse::<IpAddr>();
    parsed
        .map(|address| address.to_canonical())
        .map_err(|_| LoadErrorKind::Address {
            field,
            text: quoted(text),
        })
}

/// Returns an AS number written `64500` or `AS64500`.
pub(super) fn as_number(text: &str) -> Result<Asn, LoadErrorKind> {
    let digits = text.trim();
    let digits = digits.strip_prefix("AS").unwrap_or(digits);
    if digits.starts_with('+') {
        return Err(LoadErrorKind::Asn { text: quoted(text) });
    }
    digits
        .parse()
        .map(Asn)
        .map_err(|_| LoadErrorKind::Asn { text: quoted(text) })
}

/// Returns the text of a CSV field: without its quotes, doubled quotes as one [RFC 4180 §2].
fn unquoted(field: &str) -> Cow<'_, str> {
    let field = field.trim();
    match field
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        None => Cow::Borrowed(field),
        Some(inner) if inner.contains('"') => Cow::Owned(inner.replace("\"\"", "\"")),
        Some(inner) => Cow::Borrowed(inner),
    }
}

/// Returns what a message repeats of a wrong field.
fn quoted(text: &str) -> String {
    text.chars().take(QUOTED_CHARACTERS_MAX).collect()
}
