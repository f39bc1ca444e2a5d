//! Numbers that look random and come out the same for the same seed, on every machine.
//!
//! A failing run is repeated from its seed alone, so nothing here may depend on the platform, the
//! clock or a library that could change its stream. The generator is xoshiro256**, its state is
//! filled by SplitMix64.
//!
//! Not here: anything secret. These numbers are guessable and are meant to be.
//! Bound: 32 bytes.

/// A stream of numbers that its seed decides.
#[derive(Clone, Debug)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// Returns the stream of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut mix = seed;
        let state = core::array::from_fn(|_| split_mix(&mut mix));
        Self { state }
    }

    /// Returns a stream of its own, so that what one part draws does not shift another part.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self::new(self.next_u64())
    }

    /// Returns the next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let c1 = c ^ a;
        let d1 = d ^ b;
        self.state = [a ^ d1, b ^ c1, c1 ^ (b << 17), d1.rotate_left(45)];
        result
    }

    /// Returns the next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        let [_, _, _, _, a, b, c, d] = self.next_u64().to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// Returns the next 16 bits.
    pub fn next_u16(&mut self) -> u16 {
        let [_, _, a, b] = self.next_u32().to_be_bytes();
        u16::from_be_bytes([a, b])
    }

    /// Returns the next octet.
    pub fn next_u8(&mut self) -> u8 {
        let [_, last] = self.next_u16().to_be_bytes();
        last
    }

    /// Returns a number from `low` to `high`, both included; `low` if `high` is below it.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        let span = u64::try_from(high.saturating_sub(low)).unwrap_or(u64::MAX - 1) + 1;
        low + usize::try_from(self.next_u64() % span).unwrap_or(0)
    }

    /// Returns a number from `low` to `high`, both included, as a Template or domain number is.
    pub fn between_u16(&mut self, low: u16, high: u16) -> u16 {
        u16::try_from(self.between(usize::from(low), usize::from(high))).unwrap_or(low)
    }

    /// Returns a time or duration from `low` to `high`, both included.
    pub fn between_u64(&mut self, low: u64, high: u64) -> u64 {
        low + self.next_u64() % high.saturating_sub(low).saturating_add(1)
    }

    /// Returns true `percent` times out of a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.next_u64() % 100 < percent
    }

    /// Returns one of `choices`, each as often as the others.
    ///
    /// # Panics
    /// If there is nothing to choose from: our bug.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        assert!(!choices.is_empty(), "nothing to choose from");
        &choices[self.between(0, choices.len() - 1)]
    }

    /// Returns `count` octets.
    pub fn octets(&mut self, count: usize) -> Vec<u8> {
        let mut octets = Vec::with_capacity(count + 8);
        while octets.len() < count {
            octets.extend(self.next_u64().to_be_bytes());
        }
        octets.truncate(count);
        octets
    }

    /// Puts `items` into another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.between(0, last));
        }
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let a = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let b = (a ^ (a >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    b ^ (b >> 31)
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn the_same_seed_gives_the_same_stream() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            [random.next_u64(), random.next_u64(), random.next_u64()]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn between_reaches_both_ends_and_nothing_else() {
        let mut random = Random::new(1);
        let drawn: Vec<usize> = (0..200).map(|_| random.between(3, 5)).collect();
        assert!([3, 4, 5].iter().all(|wanted| drawn.contains(wanted)));
        assert!(drawn.iter().all(|number| (3..=5).contains(number)));
        assert_eq!(random.between(9, 2), 9);
    }

    #[test]
    fn a_shuffle_loses_nothing() {
        let mut items: Vec<u8> = (0..50).collect();
        Random::new(3).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<u8>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<u8>>());
    }
}
