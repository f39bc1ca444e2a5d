//! Numbers in network byte order, read and written where there is room for them.
//!
//! Every access is checked: a reader that gets `None` has found the end of what it was given.
//!
//! Not here: what the numbers mean (the other modules of `wire`).

/// Returns the 16-bit number at `offset`, `None` past the end.
#[must_use]
#[inline]
pub fn u16_at(octets: &[u8], offset: usize) -> Option<u16> {
    let end = offset.checked_add(2)?;
    let number = octets.get(offset..end)?.try_into().ok()?;
    Some(u16::from_be_bytes(number))
}

/// Returns the 32-bit number at `offset`, `None` past the end.
#[must_use]
#[inline]
pub fn u32_at(octets: &[u8], offset: usize) -> Option<u32> {
    let end = offset.checked_add(4)?;
    let number = octets.get(offset..end)?.try_into().ok()?;
    Some(u32::from_be_bytes(number))
}

/// Returns the 128-bit number at `offset`, `None` past the end.
#[must_use]
#[inline]
pub fn u128_at(octets: &[u8], offset: usize) -> Option<u128> {
    let end = offset.checked_add(16)?;
    let number = octets.get(offset..end)?.try_into().ok()?;
    Some(u128::from_be_bytes(number))
}

/// Returns the number of `width` octets, 1 to 8, at `offset` [RFC 7011 §6.2].
#[must_use]
#[inline]
pub fn uint_at(octets: &[u8], offset: usize, width: usize) -> Option<u64> {
    let end = offset.checked_add(width)?;
    let number = octets.get(offset..end)?;
    if let Ok(four) = number.try_into() {
        return Some(u32::from_be_bytes(four).into());
    }
    if let Ok(eight) = number.try_into() {
        return Some(u64::from_be_bytes(eight));
    }
    Some(
        number
            .iter()
            .fold(0, |value, octet| (value << 8) | u64::from(*octet)),
    )
}

/// Writes a 16-bit number at `offset`; writes nothing past the end.
#[inline]
pub fn put_u16(octets: &mut [u8], offset: usize, value: u16) {
    put(octets, offset, &value.to_be_bytes());
}

/// Writes a 32-bit number at `offset`; writes nothing past the end.
#[inline]
pub fn put_u32(octets: &mut [u8], offset: usize, value: u32) {
    put(octets, offset, &value.to_be_bytes());
}

/// Writes `value` into `width` octets, 1 to 8, at `offset`; its higher octets become 0.
///
/// The caller has made sure that the value fits.
#[inline]
pub fn put_uint(octets: &mut [u8], offset: usize, width: usize, value: u32) {
    if width == 4 {
        return put_u32(octets, offset, value);
    }
    let wide = u64::from(value).to_be_bytes();
    let Some(tail) = wide.len().checked_sub(width).and_then(|at| wide.get(at..)) else {
        return;
    };
    put(octets, offset, tail);
}

#[inline]
fn put(octets: &mut [u8], offset: usize, number: &[u8]) {
    let Some(end) = offset.checked_add(number.len()) else {
        return;
    };
    if let Some(place) = octets.get_mut(offset..end) {
        place.copy_from_slice(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_width_come_back() {
        for width in 1..=8 {
            let mut octets = [0xAA; 12];
            put_uint(&mut octets, 2, width, 0x7F);
            assert_eq!(uint_at(&octets, 2, width), Some(0x7F), "width {width}");
            assert_eq!(octets[1], 0xAA);
            assert_eq!(octets[2 + width], 0xAA);
        }
    }

    #[test]
    fn nothing_is_read_or_written_past_the_end() {
        let mut octets = [1, 2, 3];
        assert_eq!(u16_at(&octets, 2), None);
        assert_eq!(u32_at(&octets, 0), None);
        assert_eq!(u16_at(&octets, usize::MAX), None);
        put_u32(&mut octets, 0, 7);
        assert_eq!(octets, [1, 2, 3]);
    }
}
