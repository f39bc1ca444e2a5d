//! A place in octets that knows where in the whole it is.
//!
//! Part of a cursor is a cursor, so an inner reader cannot leave its part, and each fault has the
//! offset from the start of the whole: a dump, or a message.
//!
//! Not here: what the octets mean, and what a fault is called ([`crate::mrt`], [`crate::bgp`]).

/// There are fewer octets than a length says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Octets of the whole before the place.
    pub(crate) offset: u64,
    /// How many there should be.
    pub(crate) wanted: usize,
    /// How many there are.
    pub(crate) found: usize,
}

/// Octets still to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    octets: &'a [u8],
    /// Where they begin in the whole.
    offset: u64,
}

impl<'a> Cursor<'a> {
    /// Returns a cursor over octets that begin at `offset` of the whole.
    pub(crate) const fn new(octets: &'a [u8], offset: u64) -> Self {
        Self { octets, offset }
    }

    /// Returns whether all was read.
    pub(crate) const fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// Returns how many octets of the whole come before this place.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the next `count` octets as a part of their own.
    pub(crate) fn part(&mut self, count: usize) -> Result<Self, Cut> {
        let Some((part, rest)) = self.octets.split_at_checked(count) else {
            return Err(Cut {
                offset: self.offset,
                wanted: count,
                found: self.octets.len(),
            });
        };
        let part = Self::new(part, self.offset);
        self.octets = rest;
        self.offset += count as u64;
        Ok(part)
    }

    /// Returns the next octets as they are.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Cut> {
        let part = self.part(N)?.octets;
        // The part has N octets.
        Ok(part.first_chunk().copied().unwrap_or([0; N]))
    }

    /// Returns the next octet.
    pub(crate) fn u8(&mut self) -> Result<u8, Cut> {
        self.array().map(u8::from_be_bytes)
    }

    /// Returns the next two octets as a number.
    pub(crate) fn u16(&mut self) -> Result<u16, Cut> {
        self.array().map(u16::from_be_bytes)
    }

    /// Returns the next four octets as a number.
    pub(crate) fn u32(&mut self) -> Result<u32, Cut> {
        self.array().map(u32::from_be_bytes)
    }

    /// Returns all octets that are left.
    pub(crate) const fn rest(self) -> &'a [u8] {
        self.octets
    }
}
