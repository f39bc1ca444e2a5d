//! From prefixes that lie in each other to segments that do not.
//!
//! Two sweeps over sorted addresses: [`flatten`] makes the longest prefix win inside one
//! provider; [`merge`] lays the providers on top of each other. A segment says from which address
//! on something holds; it ends where the next one starts. The first one starts at the first
//! address, so a list of segments covers the whole family.
//!
//! Bound: at most two segments per prefix, and one more.

use crate::Asn;
use crate::entries::Compact;
use crate::prefix::Address;

/// From `start` on, up to the next segment, `value` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment<A, V> {
    pub(crate) start: A,
    pub(crate) value: V,
}

/// Sorted segments over all addresses of a family. Neighbours differ in value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segments<A, V>(Vec<Segment<A, V>>);

impl<A: Address, V: Copy + Eq> Segments<A, V> {
    /// Returns segments that say `value` everywhere.
    pub(crate) fn everywhere(value: V) -> Self {
        Self(vec![Segment {
            start: A::FIRST,
            value,
        }])
    }

    pub(crate) fn as_slice(&self) -> &[Segment<A, V>] {
        &self.0
    }

    /// Lets `value` hold from `start` on; `start` is not below the last segment's.
    fn set_from(&mut self, start: A, value: V) {
        if self.0.last().is_some_and(|last| last.start == start) {
            self.0.pop();
        }
        if self.0.last().is_none_or(|last| last.value != value) {
            self.0.push(Segment { start, value });
        }
    }
}

/// Returns who answers where if the longest prefix wins; [`Asn::NONE`] where no prefix is.
///
/// Of equal prefixes the one of the earlier source wins, then the one that comes first.
pub(crate) fn flatten<A: Address>(mut entries: Vec<Compact<A>>) -> Segments<A, Asn> {
    entries.sort_by_key(|entry| (entry.network, entry.length, entry.source));
    entries.dedup_by_key(|entry| (entry.network, entry.length));
    let mut segments = Segments::everywhere(Asn::NONE);
    // The prefixes that hold the current address, longest last: at most one per length.
    let mut open: Vec<Open<A>> = Vec::with_capacity(usize::from(A::BITS_COUNT) + 1);
    for entry in &entries {
        close_until(Some(entry.network), &mut open, &mut segments);
        segments.set_from(entry.network, entry.asn);
        open.push(Open {
            last: entry.network.last_of(entry.length),
            asn: entry.asn,
        });
    }
    close_until(None, &mut open, &mut segments);
    segments
}

struct Open<A> {
    last: A,
    asn: Asn,
}

/// Closes the prefixes that end before `address`; all of them if there is none.
fn close_until<A: Address>(
    address: Option<A>,
    open: &mut Vec<Open<A>>,
    segments: &mut Segments<A, Asn>,
) {
    while let Some(ended) = open.pop_if(|top| address.is_none_or(|address| top.last < address)) {
        let outer = open.last().map_or(Asn::NONE, |outer| outer.asn);
        if let Some(behind) = ended.last.next() {
            segments.set_from(behind, outer);
        }
    }
}

/// Returns segments of what `combine` makes of all `layers` at once.
pub(crate) fn merge<A: Address, V: Copy + Eq, W: Copy + Eq>(
    layers: &[Segments<A, V>],
    mut combine: impl FnMut(&[V]) -> W,
) -> Segments<A, W> {
    let mut rest: Vec<&[Segment<A, V>]> = layers.iter().map(Segments::as_slice).collect();
    let mut values: Vec<V> = rest.iter().map(|layer| layer[0].value).collect();
    let mut merged = Segments(Vec::with_capacity(
        rest.iter().map(|layer| layer.len()).sum(),
    ));
    while let Some(start) = rest
        .iter()
        .filter_map(|layer| layer.first())
        .map(|s| s.start)
        .min()
    {
        for (layer, value) in rest.iter_mut().zip(&mut values) {
            if let Some((first, behind)) = layer.split_first()
                && first.start == start
            {
                *value = first.value;
                *layer = behind;
            }
        }
        merged.set_from(start, combine(&values));
    }
    merged
}

/// Returns segments that are not [`Asn::NONE`] on the given sorted, disjoint prefixes only.
pub(crate) fn mark<A: Address>(prefixes: &[(A, u8)]) -> Segments<A, Asn> {
    let mut segments = Segments::everywhere(Asn::NONE);
    for &(first, length) in prefixes {
        segments.set_from(first, Asn(1));
        if let Some(behind) = first.last_of(length).next() {
            segments.set_from(behind, Asn::NONE);
        }
    }
    segments
}
