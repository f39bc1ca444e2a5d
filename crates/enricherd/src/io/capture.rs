//! Frames out of a capture file, pcap or pcapng, in the order of the file.
//!
//! Block structure, byte orders and magic numbers are `pcap-parser`'s; interfaces, times and what
//! a broken file means are ours. A file that breaks off is read up to that place.
//!
//! Not here: opening files (`cli`), what is in a frame (`link`, `ip`, `datagram`).
//! Bound: one block, at most [`BLOCK_OCTETS_MAX`], and [`INTERFACES_MAX`] interfaces.

use std::fmt;
use std::io::{self, Read};
use std::time::Duration;

use pcap_parser::pcapng::{EnhancedPacketBlock, InterfaceDescriptionBlock, OptionCode};
use pcap_parser::traits::{PcapNGPacketBlock, PcapReaderIterator};
use pcap_parser::{Block, PcapBlockOwned, PcapError, PcapHeader};

/// Octets of the largest block: the longest frames are some 256 KiB, but a pcapng block of names
/// or secrets may be larger.
pub const BLOCK_OCTETS_MAX: usize = 16 << 20;
/// Interfaces of one pcapng section; frames of further ones are `InterfaceUnknown`.
pub const INTERFACES_MAX: usize = 4096;
const BUFFER_OCTETS: usize = 256 << 10;
const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// How fine the times of a capture are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Microseconds, or coarser.
    Micros,
    /// Nanoseconds.
    Nanos,
}

/// One captured frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When it was captured, since 1970.
    pub time: Duration,
    /// How fine `time` is.
    pub precision: Precision,
    /// What it begins with; `None` if the file does not describe the interface.
    pub link_type: Option<u16>,
    /// What was captured of it.
    pub octets: &'a [u8],
}

/// Why no further frame is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The file ends where a block ends.
    Complete,
    /// The file ends within the block at this octet.
    Truncated {
        /// Where the block begins.
        offset: usize,
    },
    /// The block at this octet contradicts itself.
    Malformed {
        /// Where the block begins.
        offset: usize,
    },
    /// The block at this octet is longer than [`BLOCK_OCTETS_MAX`].
    TooLong {
        /// Where the block begins.
        offset: usize,
    },
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.write_str("the capture is complete"),
            Self::Truncated { offset } => {
                write!(
                    f,
                    "the capture breaks off within the block at octet {offset}"
                )
            }
            Self::Malformed { offset } => {
                write!(f, "the block at octet {offset} contradicts itself")
            }
            Self::TooLong { offset } => write!(
                f,
                "the block at octet {offset} is longer than {BLOCK_OCTETS_MAX} octets"
            ),
        }
    }
}

/// Why a capture could not be read, or was not read further.
#[derive(Debug)]
#[non_exhaustive]
pub enum CaptureError {
    /// The first octets are neither those of pcap nor of pcapng.
    NotACapture,
    /// The operating system refused.
    Read(io::Error),
    /// Whoever was given a frame could not go on.
    Visit(io::Error),
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotACapture => f.write_str("neither pcap nor pcapng"),
            Self::Read(error) | Self::Visit(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CaptureError {}

/// Gives each frame of the capture in `source` to `visit`; returns why there are no more.
///
/// # Errors
/// `NotACapture` if the file header is none, `Read` if `source` fails, `Visit` if `visit` does.
pub fn read_frames<R: Read + Send>(
    source: R,
    visit: impl FnMut(Frame<'_>) -> io::Result<()>,
) -> Result<End, CaptureError> {
    let mut source = Source::new(source);
    let result = read_blocks(&mut source, visit);
    match (result, source.error) {
        (Err(CaptureError::Visit(error)), _) => Err(CaptureError::Visit(error)),
        (_, Some(error)) => Err(CaptureError::Read(error)),
        (result, None) => result,
    }
}

fn read_blocks<R: Read + Send>(
    source: &mut Source<R>,
    mut visit: impl FnMut(Frame<'_>) -> io::Result<()>,
) -> Result<End, CaptureError> {
    let mut reader =
        pcap_parser::create_reader(BUFFER_OCTETS, source).map_err(|_| CaptureError::NotACapture)?;
    let mut context = Context::default();
    loop {
        let offset = reader.consumed();
        let step = match reader.next() {
            Ok((octets, block)) => {
                let visited = context.frame(&block).map_or(Ok(()), &mut visit);
                visited.map_err(CaptureError::Visit)?;
                Step::Consume(octets)
            }
            Err(error) => Step::after(&error),
        };
        match step {
            Step::Consume(octets) => reader.consume(octets),
            Step::Refill if refill(reader.as_mut()) => {}
            Step::Grow if grow(reader.as_mut()) => {}
            Step::Grow => return Ok(End::TooLong { offset }),
            Step::Complete => return Ok(End::Complete),
            Step::Refill | Step::Truncated => return Ok(End::Truncated { offset }),
            Step::Malformed => return Ok(End::Malformed { offset }),
        }
    }
}

/// What to do after the parser was asked for a block.
enum Step {
    /// The block was used: go on behind its octets.
    Consume(usize),
    Refill,
    Grow,
    Complete,
    Truncated,
    Malformed,
}

impl Step {
    fn after(error: &PcapError<&[u8]>) -> Self {
        match error {
            PcapError::Eof => Self::Complete,
            PcapError::Incomplete(_) => Self::Refill,
            PcapError::BufferTooSmall => Self::Grow,
            PcapError::UnexpectedEof => Self::Truncated,
            _ => Self::Malformed,
        }
    }
}

/// Reads on; returns whether the next block has a chance now.
fn refill(reader: &mut dyn PcapReaderIterator) -> bool {
    let octets_before = reader.data().len();
    reader.refill().is_ok() && (reader.data().len() > octets_before || reader.reader_exhausted())
}

/// Doubles the buffer; returns whether that was allowed.
fn grow(reader: &mut dyn PcapReaderIterator) -> bool {
    // The buffer may have been full of consumed octets only.
    let octets_before = reader.data().len();
    let wanted = (octets_before * 2).max(BUFFER_OCTETS * 2);
    if wanted > BLOCK_OCTETS_MAX * 2 {
        return false;
    }
    reader.grow(wanted);
    refill(reader)
}

/// Fills whole buffers, as the parser expects, and keeps the error that the parser would lose.
struct Source<R> {
    inner: R,
    error: Option<io::Error>,
}

impl<R> Source<R> {
    const fn new(inner: R) -> Self {
        Self { inner, error: None }
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(space) = buffer.get_mut(filled..).filter(|space| !space.is_empty()) {
            match self.inner.read(space) {
                Ok(0) => break,
                Ok(octets) => filled += octets,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // What came before it is used; the next call finds the end.
                    self.error = Some(error);
                    break;
                }
            }
        }
        Ok(filled)
    }
}

/// What earlier blocks say about later ones.
#[derive(Default)]
struct Context {
    interfaces: Vec<Interface>,
    /// The time of the last frame, for blocks that have none.
    time: Duration,
}

/// Where frames come from: a pcapng interface, or the whole of a pcap file.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link_type: u16,
    units_per_second: u128,
    offset_seconds: i64,
    snap_octets: usize,
}

impl Context {
    fn frame<'a>(&mut self, block: &'a PcapBlockOwned<'_>) -> Option<Frame<'a>> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => self.interfaces = vec![Interface::pcap(header)],
            PcapBlockOwned::Legacy(block) => {
                let ticks = |interface: &Interface| {
                    u128::from(block.ts_sec) * interface.units_per_second
                        + u128::from(block.ts_usec)
                };
                return Some(self.frame_of(0, ticks, block.data));
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => self.interfaces.clear(),
            PcapBlockOwned::NG(Block::InterfaceDescription(block)) => {
                if self.interfaces.len() < INTERFACES_MAX {
                    self.interfaces.push(Interface::pcapng(block));
                }
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(block)) => {
                return Some(self.frame_of(block.if_id, |_| ticks_of(block), block.packet_data()));
            }
            PcapBlockOwned::NG(Block::SimplePacket(block)) => {
                return Some(self.frame_without_time(block.packet_data()));
            }
            PcapBlockOwned::NG(_) => {}
        }
        None
    }

    fn frame_of<'a>(
        &mut self,
        interface_id: u32,
        ticks: impl FnOnce(&Interface) -> u128,
        octets: &'a [u8],
    ) -> Frame<'a> {
        let interface = usize::try_from(interface_id)
            .ok()
            .and_then(|index| self.interfaces.get(index));
        if let Some(interface) = interface {
            self.time = interface.time_of(ticks(interface));
        }
        self.frame_now(interface.copied(), octets)
    }

    /// A Simple Packet Block belongs to the first interface and has the time of its predecessor.
    fn frame_without_time<'a>(&self, octets: &'a [u8]) -> Frame<'a> {
        let interface = self.interfaces.first().copied();
        let snap_octets = interface.map_or(usize::MAX, |interface| interface.snap_octets);
        let captured = octets.get(..snap_octets).unwrap_or(octets);
        self.frame_now(interface, captured)
    }

    fn frame_now<'a>(&self, interface: Option<Interface>, octets: &'a [u8]) -> Frame<'a> {
        Frame {
            time: self.time,
            precision: interface.map_or(Precision::Micros, |interface| interface.precision()),
            link_type: interface.map(|interface| interface.link_type),
            octets,
        }
    }
}

impl Interface {
    fn pcap(header: &PcapHeader) -> Self {
        // The upper half tells the length of the frame check sequence.
        let link_type = header.network.0 & 0xffff;
        Self {
            link_type: u16::try_from(link_type).unwrap_or(u16::MAX),
            units_per_second: if header.is_nanosecond_precision() {
                NANOS_PER_SECOND
            } else {
                1_000_000
            },
            offset_seconds: 0,
            snap_octets: usize::MAX,
        }
    }

    /// Resolution and offset are read here: the parser takes no power of two, and takes the
    /// offset for little-endian in every file.
    fn pcapng(block: &InterfaceDescriptionBlock<'_>) -> Self {
        let exponent = u32::from(block.if_tsresol & 0x7f);
        let base: u128 = if block.if_tsresol & 0x80 == 0 { 10 } else { 2 };
        let snap_octets = match block.snaplen {
            0 => usize::MAX,
            octets => usize::try_from(octets).unwrap_or(usize::MAX),
        };
        Self {
            link_type: u16::try_from(block.linktype.0).unwrap_or(u16::MAX),
            units_per_second: base.checked_pow(exponent).unwrap_or(u128::MAX),
            offset_seconds: offset_seconds(block),
            snap_octets,
        }
    }

    fn precision(&self) -> Precision {
        if self.units_per_second > 1_000_000 {
            Precision::Nanos
        } else {
            Precision::Micros
        }
    }

    /// Times before 1970 or beyond what the clock can tell are moved to its ends.
    fn time_of(&self, ticks: u128) -> Duration {
        let seconds = ticks / self.units_per_second;
        let fraction = ticks % self.units_per_second;
        // 64 bits of ticks times 30 bits do not overflow.
        let nanos = fraction * NANOS_PER_SECOND / self.units_per_second;
        let seconds = i128::try_from(seconds).unwrap_or(i128::MAX);
        let seconds = seconds.saturating_add(i128::from(self.offset_seconds));
        let seconds = u32::try_from(seconds.max(0)).unwrap_or(u32::MAX);
        Duration::new(seconds.into(), u32::try_from(nanos).unwrap_or(0))
    }
}

fn ticks_of(block: &EnhancedPacketBlock<'_>) -> u128 {
    u128::from(block.ts_high) << 32 | u128::from(block.ts_low)
}

fn offset_seconds(block: &InterfaceDescriptionBlock<'_>) -> i64 {
    let option = block
        .options
        .iter()
        .find(|option| option.code == OptionCode::IfTsoffset);
    let octets = option.and_then(|option| option.value().first_chunk());
    match octets {
        // The parser reads the type as little-endian whatever the section's order.
        Some(octets) if block.block_type == pcap_parser::IDB_MAGIC => i64::from_le_bytes(*octets),
        Some(octets) => i64::from_be_bytes(*octets),
        None => 0,
    }
}

#[cfg(test)]
mod tests;
