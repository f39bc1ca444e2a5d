//! Reading numbers off the wire, one after the other, without ever passing the end.
//!
//! Not here: what the numbers mean (`framing`, `template`).
//! Bound: borrows its octets, takes no memory.

/// A place in some octets.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Returns a cursor at the first of `octets`.
    #[must_use]
    pub fn new(octets: &'a [u8]) -> Self {
        Self { octets, at: 0 }
    }

    /// How many octets lie behind.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// What lies ahead.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.octets.get(self.at..).unwrap_or_default()
    }

    /// Takes the next `count` octets, or nothing if there are fewer.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.rest().get(..count)?;
        self.at += count;
        Some(taken)
    }

    /// Takes one octet.
    pub fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|octets| octets[0])
    }

    /// Takes two octets, most significant first.
    pub fn u16(&mut self) -> Option<u16> {
        let octets = self.take(2)?;
        Some(u16::from_be_bytes([octets[0], octets[1]]))
    }

    /// Takes four octets, most significant first.
    pub fn u32(&mut self) -> Option<u32> {
        let octets = self.take(4)?;
        Some(u32::from_be_bytes([
            octets[0], octets[1], octets[2], octets[3],
        ]))
    }
}

/// Whether every octet is zero; true of no octets.
#[must_use]
pub fn all_zero(octets: &[u8]) -> bool {
    octets.iter().all(|octet| *octet == 0)
}

/// Returns up to `most` of `octets` in hex, for a message to a person.
#[must_use]
pub fn hex(octets: &[u8], most: usize) -> String {
    let shown: String = octets
        .iter()
        .take(most)
        .map(|octet| format!("{octet:02x}"))
        .collect();
    if octets.len() > most {
        format!("{shown}… ({} octets)", octets.len())
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::Cursor;

    #[test]
    fn a_cursor_stops_at_the_end_and_stays_there() {
        let mut cursor = Cursor::new(&[1, 2, 3]);
        assert_eq!(cursor.u16(), Some(0x0102));
        assert_eq!(cursor.u16(), None);
        assert_eq!(cursor.at(), 2);
        assert_eq!(cursor.u8(), Some(3));
        assert_eq!(cursor.u8(), None);
    }
}
