//! Prefixes and names, packed: the form of the snapshot that is shipped with the program, the
//! Internet of one day, and of what `ipfix-enricher db build` writes.
//!
//! Layout, numbers big-endian: the magic `ASDBSNP1`; the octets of the notice as `u32`, and the
//! notice: a line with the date, then the attribution that the data's licence asks for, plain so
//! that any viewer of the file shows it; last a zlib stream of eight columns, each with its octets
//! as `u32` before it:
//!
//! - AS numbers, ascending: each a varint of the difference to the one before;
//! - names of those AS, each ended by a line feed;
//! - three columns for IPv4, then the same for IPv6:
//!   - lengths: one octet per prefix;
//!   - gaps: a varint of the addresses between the end of the prefix before and this one, modulo
//!     the family, in units of the smaller of both;
//!   - owners: a varint of the AS number's place in the first column.
//!
//! Equal things stand together, which is what makes the stream small. The order of prefixes is
//! kept, so a snapshot gives the same table as the files it was made of.
//!
//! Not here: where the data comes from (`xtask snapshot`), its age (the daemon).
//!
//! Bound: a body of 64 MiB, [`crate::ENTRIES_MAX`] prefixes.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;

use crate::Asn;
use crate::entries::{Compact, Entries, Family, TooManyEntries};
use crate::names::{AsNames, NamesTooLong};

/// What a snapshot begins with.
const MAGIC: &[u8; 8] = b"ASDBSNP1";

/// How many octets the columns may have together.
const BODY_OCTETS_MAX: usize = 64 << 20;

/// What a snapshot holds.
#[derive(Debug)]
pub struct Snapshot {
    /// The day of the data, as `2026-06-17`.
    pub date: String,
    /// Whose data it is and under which licence; the licence asks that it is shown.
    pub attribution: String,
    /// Its prefixes.
    pub entries: Entries,
    /// Its names of AS.
    pub names: AsNames,
}

/// Why a snapshot was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// A column ends too early or too late.
    #[error("column {column} does not have as many values as there are prefixes")]
    ColumnEnd {
        /// The column.
        column: &'static str,
    },
    /// The compressed stream is damaged or cut.
    #[error("compressed columns: {reason}")]
    Compressed {
        /// What the decoder says.
        reason: String,
    },
    /// It does not begin as a snapshot does.
    #[error("not a snapshot: it does not begin with ASDBSNP1")]
    Magic,
    /// The names take too much memory.
    #[error(transparent)]
    NamesTooLong(#[from] NamesTooLong),
    /// The date and the attribution are cut or no text.
    #[error("the notice with date and attribution is cut or no text")]
    Notice,
    /// There are more prefixes than a source may hold.
    #[error(transparent)]
    TooManyEntries(#[from] TooManyEntries),
    /// A column holds a number that cannot be there.
    #[error("column {column}: value {index} is out of range")]
    Value {
        /// The column.
        column: &'static str,
        /// Which of its values, counted from 0.
        index: usize,
    },
}

/// Returns the snapshot that this program was built with; [`decode`] opens it.
pub const fn shipped() -> &'static [u8] {
    include_bytes!("../data/snapshot.bin")
}

/// Returns whether the octets begin as a snapshot does.
pub fn is_snapshot(octets: &[u8]) -> bool {
    octets.starts_with(MAGIC)
}

/// Returns the date and the attribution of a snapshot, without opening it.
///
/// # Errors
/// `Magic` if it is none, `Notice` if they are cut.
pub fn notice(octets: &[u8]) -> Result<(&str, &str), SnapshotError> {
    split(octets).map(|(date, attribution, _)| (date, attribution))
}

/// Returns date, attribution and packed columns.
fn split(octets: &[u8]) -> Result<(&str, &str, &[u8]), SnapshotError> {
    let rest = octets.strip_prefix(MAGIC).ok_or(SnapshotError::Magic)?;
    let (notice, packed) = split_block(rest).ok_or(SnapshotError::Notice)?;
    let notice = std::str::from_utf8(notice).map_err(|_| SnapshotError::Notice)?;
    let (date, attribution) = notice.split_once('\n').ok_or(SnapshotError::Notice)?;
    Ok((date, attribution, packed))
}

/// Opens a snapshot.
///
/// # Errors
/// Each [`SnapshotError`] names its cause; nothing is returned of a damaged one.
pub fn decode(octets: &[u8]) -> Result<Snapshot, SnapshotError> {
    let (date, attribution, packed) = split(octets)?;
    let body = inflate(packed)?;
    let mut blocks = Blocks(&body);
    let numbers = numbers(blocks.column("AS numbers")?)?;
    let names = names(blocks.column("names")?, &numbers)?;
    let mut entries = Entries::new();
    take_family::<u32>(&mut entries, &mut blocks, &numbers)?;
    take_family::<u128>(&mut entries, &mut blocks, &numbers)?;
    let (date, attribution) = (date.to_owned(), attribution.to_owned());
    Ok(Snapshot {
        date,
        attribution,
        entries,
        names,
    })
}

/// Packs a snapshot: the same octets for the same input.
///
/// # Errors
/// `Notice` if the date has a line feed or the notice passes 4 GiB, `Compressed` if the columns
/// do: [`decode`] would refuse them.
pub fn encode(snapshot: &Snapshot) -> Result<Vec<u8>, SnapshotError> {
    let Snapshot {
        date,
        attribution,
        entries,
        names,
    } = snapshot;
    if date.contains('\n') {
        return Err(SnapshotError::Notice);
    }
    let numbers = owners(entries);
    let mut body = Vec::new();
    let mut numbers_column = Vec::new();
    let mut names_column = Vec::new();
    let mut before = 0;
    for &asn in &numbers {
        put_varint(&mut numbers_column, u128::from(asn.0 - before));
        before = asn.0;
        names_column.extend_from_slice(names.of(asn).unwrap_or_default().as_bytes());
        names_column.push(b'\n');
    }
    put_block(&mut body, &numbers_column).ok_or_else(too_large)?;
    put_block(&mut body, &names_column).ok_or_else(too_large)?;
    put_family(&mut body, &entries.ipv4, &numbers).ok_or_else(too_large)?;
    put_family(&mut body, &entries.ipv6, &numbers).ok_or_else(too_large)?;
    if body.len() > BODY_OCTETS_MAX {
        return Err(too_large());
    }

    let mut packed = MAGIC.to_vec();
    let notice = format!("{date}\n{attribution}");
    put_block(&mut packed, notice.as_bytes()).ok_or(SnapshotError::Notice)?;
    let mut encoder = ZlibEncoder::new(packed, Compression::best());
    let written = encoder.write_all(&body).and_then(|()| encoder.finish());
    written.map_err(|error| SnapshotError::Compressed {
        reason: error.to_string(),
    })
}

fn too_large() -> SnapshotError {
    SnapshotError::Compressed {
        reason: format!("more than {BODY_OCTETS_MAX} octets"),
    }
}

fn inflate(packed: &[u8]) -> Result<Vec<u8>, SnapshotError> {
    let mut body = Vec::new();
    let mut limited = ZlibDecoder::new(packed).take(BODY_OCTETS_MAX as u64 + 1);
    limited
        .read_to_end(&mut body)
        .map_err(|error| SnapshotError::Compressed {
            reason: error.to_string(),
        })?;
    if body.len() > BODY_OCTETS_MAX {
        Err(too_large())
    } else {
        Ok(body)
    }
}

/// Returns the AS numbers that own anything, ascending.
fn owners(entries: &Entries) -> Vec<Asn> {
    let ipv4 = entries.ipv4.iter().map(|entry| entry.asn);
    let mut numbers: Vec<Asn> = ipv4
        .chain(entries.ipv6.iter().map(|entry| entry.asn))
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// Appends the three columns of a family.
fn put_family<A: Family>(body: &mut Vec<u8>, list: &[Compact<A>], numbers: &[Asn]) -> Option<()> {
    let mut lengths = Vec::with_capacity(list.len());
    let mut gaps = Vec::new();
    let mut owners = Vec::new();
    let mut expected = Expected::first::<A>();
    for entry in list {
        lengths.push(entry.length);
        put_varint(&mut gaps, expected.gap_to(entry));
        put_varint(&mut owners, place_of(entry.asn, numbers)?);
        expected.move_behind(entry);
    }
    put_block(body, &lengths)?;
    put_block(body, &gaps)?;
    put_block(body, &owners)
}

fn place_of(asn: Asn, numbers: &[Asn]) -> Option<u128> {
    numbers
        .binary_search(&asn)
        .ok()
        .and_then(|place| u128::try_from(place).ok())
}

/// Reads the three columns of a family.
fn take_family<A: Family>(
    entries: &mut Entries,
    blocks: &mut Blocks<'_>,
    numbers: &[Asn],
) -> Result<(), SnapshotError> {
    let lengths = blocks.column("lengths")?.octets;
    let mut gaps = blocks.column("gaps")?;
    let mut owners = blocks.column("owners")?;
    let mut expected = Expected::first::<A>();
    A::list(entries).reserve_exact(lengths.len().min(crate::ENTRIES_MAX));
    for (index, &length) in lengths.iter().enumerate() {
        if length > A::BITS_COUNT {
            return Err(SnapshotError::Value {
                column: "lengths",
                index,
            });
        }
        let network = expected.network_behind::<A>(gaps.varint()?, length);
        let network = network.ok_or(SnapshotError::Value {
            column: "gaps",
            index,
        })?;
        let owner = usize::try_from(owners.varint()?)
            .ok()
            .and_then(|place| numbers.get(place));
        let asn = *owner.ok_or(SnapshotError::Value {
            column: "owners",
            index,
        })?;
        let entry = Compact {
            network,
            asn,
            source: 0,
            length,
        };
        entries.push_compact(network, length, asn)?;
        expected.move_behind(&entry);
    }
    gaps.end()?;
    owners.end()
}

/// The address behind the prefix before, where the next one is expected.
struct Expected {
    address: u128,
    /// How many host bits the prefix before has; all bits before the first one.
    host_bits_count: u8,
    /// The bits that an address of the family has.
    family_mask: u128,
}

impl Expected {
    fn first<A: Family>() -> Self {
        let family_mask = u128::MAX >> (128 - A::BITS_COUNT);
        Self {
            address: 0,
            host_bits_count: A::BITS_COUNT,
            family_mask,
        }
    }

    /// Returns the gap before a prefix. Both ends of a gap are multiples of the smaller prefix.
    fn gap_to<A: Family>(&self, entry: &Compact<A>) -> u128 {
        let gap = entry.network.to_u128().wrapping_sub(self.address) & self.family_mask;
        gap.checked_shr(self.unit::<A>(entry.length)).unwrap_or(0)
    }

    /// Returns the network that `gap` leads to, if it is one of `length` bits.
    fn network_behind<A: Family>(&self, gap: u128, length: u8) -> Option<A> {
        let unit = self.unit::<A>(length);
        let gap = if unit == 128 { 0 } else { gap << unit };
        let network = A::from_u128(self.address.wrapping_add(gap) & self.family_mask)?;
        (network.or(A::mask(length)) == A::mask(length)).then_some(network)
    }

    fn move_behind<A: Family>(&mut self, entry: &Compact<A>) {
        let last = entry.network.last_of(entry.length).to_u128();
        self.address = last.wrapping_add(1) & self.family_mask;
        self.host_bits_count = A::BITS_COUNT - entry.length;
    }

    /// Returns by how many bits gaps are shifted: those that are 0 at both ends.
    fn unit<A: Family>(&self, length: u8) -> u32 {
        u32::from(self.host_bits_count.min(A::BITS_COUNT - length))
    }
}

fn numbers(mut column: Column<'_>) -> Result<Vec<Asn>, SnapshotError> {
    let mut numbers = Vec::new();
    let mut number = 0_u32;
    while !column.octets.is_empty() {
        let difference = u32::try_from(column.varint()?).ok();
        let next = difference.and_then(|difference| number.checked_add(difference));
        let index = numbers.len();
        number = next.ok_or(SnapshotError::Value {
            column: column.name,
            index,
        })?;
        numbers.push(Asn(number));
    }
    Ok(numbers)
}

fn names(column: Column<'_>, numbers: &[Asn]) -> Result<AsNames, SnapshotError> {
    let mut names = AsNames::new();
    names.reserve(numbers.len());
    let mut lines = column.octets.split(|&octet| octet == b'\n');
    for (index, &asn) in numbers.iter().enumerate() {
        let line = lines.next().ok_or(SnapshotError::ColumnEnd {
            column: column.name,
        })?;
        let name = std::str::from_utf8(line).map_err(|_| SnapshotError::Value {
            column: column.name,
            index,
        })?;
        names.insert(asn, name)?;
    }
    names.shrink();
    Ok(names)
}

/// The columns that are still to be read.
struct Blocks<'a>(&'a [u8]);

impl<'a> Blocks<'a> {
    fn column(&mut self, name: &'static str) -> Result<Column<'a>, SnapshotError> {
        let split = split_block(self.0);
        let (octets, rest) = split.ok_or(SnapshotError::ColumnEnd { column: name })?;
        self.0 = rest;
        Ok(Column { name, octets })
    }
}

/// The values of one column that are still to be read.
struct Column<'a> {
    name: &'static str,
    octets: &'a [u8],
}

impl Column<'_> {
    /// Reads a number: seven bits per octet, lowest first; the high bit says that more follow.
    fn varint(&mut self) -> Result<u128, SnapshotError> {
        let mut value = 0;
        for shift in (0..128).step_by(7) {
            let (&octet, rest) = self.octets.split_first().ok_or_else(|| self.wrong_end())?;
            self.octets = rest;
            value |= u128::from(octet & 0x7f) << shift;
            if octet & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.wrong_end())
    }

    fn end(&self) -> Result<(), SnapshotError> {
        if self.octets.is_empty() {
            Ok(())
        } else {
            Err(self.wrong_end())
        }
    }

    fn wrong_end(&self) -> SnapshotError {
        SnapshotError::ColumnEnd { column: self.name }
    }
}

fn put_varint(column: &mut Vec<u8>, mut value: u128) {
    loop {
        let [.., low] = value.to_be_bytes();
        value >>= 7;
        if value == 0 {
            column.push(low & 0x7f);
            return;
        }
        column.push(low | 0x80);
    }
}

/// Appends octets with their count before them, if it fits.
fn put_block(out: &mut Vec<u8>, octets: &[u8]) -> Option<()> {
    out.extend_from_slice(&u32::try_from(octets.len()).ok()?.to_be_bytes());
    out.extend_from_slice(octets);
    Some(())
}

/// Returns the octets that the count before them says, and what follows.
fn split_block(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (count, rest) = octets.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*count)).ok()?)
}
