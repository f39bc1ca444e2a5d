//! Unpacks gzip and bzip2, never more than the reader wants.
//!
//! The content decides, not the file's name. Not here: what is inside.

use std::io::{self, BufRead, BufReader, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;

use super::{LoadError, LoadErrorKind};

/// How many octets a file may have when unpacked: five times the largest AS database known.
pub(super) const UNPACKED_OCTETS_MAX: usize = 256 << 20;

/// Octets that are unpacked at a time.
const CHUNK_OCTETS: usize = 64 << 10;

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// As gzip [RFC 1952].
    Gzip,
    /// As bzip2.
    Bzip2,
}

impl Packing {
    /// Returns how octets that begin so are packed.
    pub fn of(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            _ => Self::Plain,
        }
    }

    /// Returns the name for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
        }
    }

    /// Returns a reader of the unpacked octets; several members or streams are one file.
    pub fn stream<'a>(self, packed: impl BufRead + 'a) -> Box<dyn BufRead + 'a> {
        match self {
            Self::Plain => Box::new(packed),
            Self::Gzip => buffered(MultiGzDecoder::new(packed)),
            Self::Bzip2 => buffered(MultiBzDecoder::new(packed)),
        }
    }
}

/// Returns how `packed` is packed, and a reader of what is inside.
///
/// # Errors
/// That of `packed`, whose first octets are read.
pub fn unpacked<'a>(mut packed: impl BufRead + 'a) -> io::Result<(Packing, Box<dyn BufRead + 'a>)> {
    let packing = Packing::of(packed.fill_buf()?);
    Ok((packing, packing.stream(packed)))
}

/// Returns the CRC-32 of all octets, as gzip and `crc32` count it [RFC 1952 §8].
///
/// # Errors
/// That of `source`.
pub fn crc32(source: impl Read) -> io::Result<u32> {
    let mut reader = flate2::CrcReader::new(source);
    io::copy(&mut reader, &mut io::sink())?;
    Ok(reader.crc().sum())
}

fn buffered<'a>(decoder: impl Read + 'a) -> Box<dyn BufRead + 'a> {
    Box::new(BufReader::with_capacity(CHUNK_OCTETS, decoder))
}

/// Returns at most `count` octets of the unpacked content; fewer if the stream is cut there.
pub(super) fn first_octets(packing: Packing, octets: &[u8], count: usize) -> Vec<u8> {
    let mut first = vec![0; count];
    let mut filled = 0;
    let mut stream = packing.stream(octets);
    while let Some(free) = first.get_mut(filled..).filter(|free| !free.is_empty()) {
        match stream.read(free) {
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
/// `Packed` if the stream is damaged or cut, `Unpacked` if it is above 256 MiB.
pub(super) fn unpack(packing: Packing, octets: &[u8]) -> Result<Vec<u8>, LoadError> {
    let mut content = Vec::new();
    let limit = UNPACKED_OCTETS_MAX as u64 + 1;
    match packing.stream(octets).take(limit).read_to_end(&mut content) {
        Err(error) => Err(LoadError::whole(LoadErrorKind::Packed {
            packing: packing.name(),
            reason: error.to_string(),
        })),
        Ok(_) if content.len() > UNPACKED_OCTETS_MAX => {
            Err(LoadError::whole(LoadErrorKind::Unpacked))
        }
        Ok(_) => Ok(content),
    }
}
