//! How long datagrams took, as a histogram: quantiles to three parts in a hundred, no list.
//!
//! A bucket is as wide as the highest bits of its times say: 32 of them for each power of two.
//!
//! Not here: who says when a datagram left (`volley`) and when it came (`kernel`).
//! Bound: 2,048 counts.

/// Buckets for each power of two, as a number of bits.
const BITS: u32 = 5;
const BUCKETS: usize = 64 << BITS;

/// Counts of times.
#[derive(Clone, Debug)]
pub struct Latency {
    counts: Vec<u64>,
    count: u64,
    longest_ns: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS],
            count: 0,
            longest_ns: 0,
        }
    }
}

impl Latency {
    /// Counts one time.
    pub fn add(&mut self, nanoseconds: u64) {
        self.counts[bucket(nanoseconds)] += 1;
        self.count += 1;
        self.longest_ns = self.longest_ns.max(nanoseconds);
    }

    /// Adds what another histogram counted.
    pub fn add_all(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.count += other.count;
        self.longest_ns = self.longest_ns.max(other.longest_ns);
    }

    /// How many times were counted.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The longest of them.
    #[must_use]
    pub const fn longest_ns(&self) -> u64 {
        self.longest_ns
    }

    /// Returns the time that `per_mille` of a thousand stay at or below; `None` without times.
    #[must_use]
    pub fn quantile_ns(&self, per_mille: u64) -> Option<u64> {
        let rank = (self.count * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        let place = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        place.map(|bucket| longest_of(bucket).min(self.longest_ns))
    }
}

fn bucket(nanoseconds: u64) -> usize {
    let shift = (u64::BITS - BITS - 1).saturating_sub(nanoseconds.leading_zeros());
    let within = usize::try_from(nanoseconds >> shift).unwrap_or(BUCKETS);
    ((shift as usize) << BITS) + within
}

/// The longest time that falls into a bucket.
fn longest_of(bucket: usize) -> u64 {
    let mantissa_max = 2 << BITS;
    let shift = (bucket >> BITS).saturating_sub(1);
    let within = if bucket < mantissa_max {
        bucket
    } else {
        (bucket & ((1 << BITS) - 1)) + (1 << BITS)
    };
    let shift = if bucket < mantissa_max { 0 } else { shift };
    ((within as u64 + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::{Latency, bucket, longest_of};

    #[test]
    fn each_bucket_holds_the_times_up_to_its_longest() {
        for time in (0..200).chain([1_000, 65_535, 65_536, 123_456_789, u64::MAX >> 8]) {
            let place = bucket(time);
            assert!(longest_of(place) >= time, "{time}");
            assert!(place == 0 || longest_of(place - 1) < time, "{time}");
            assert!(longest_of(place) - time <= time / 32, "{time}");
        }
    }

    #[test]
    fn quantiles_are_those_of_the_times() {
        let mut latency = Latency::default();
        assert_eq!(latency.quantile_ns(500), None);
        for microseconds in 1..=1000 {
            latency.add(microseconds * 1000);
        }
        for (per_mille, expected) in [(500, 500_000), (990, 990_000), (999, 999_000)] {
            let found = latency.quantile_ns(per_mille).unwrap();
            assert!(found >= expected && found <= expected * 33 / 32, "{found}");
        }
        assert_eq!(latency.quantile_ns(1000), Some(1_000_000));
        assert_eq!((latency.count(), latency.longest_ns()), (1000, 1_000_000));
    }
}
