//! Where the marked fields of a Data Record are.
//!
//! Records whose fields all have fixed lengths are cut by division. Others are walked, field by
//! field [RFC 7011 §7]; runs of fixed fields are one step.
//!
//! Not here: what the marks mean (`plan`).
//! Bound: a Set is walked once; what is noted is four octets for each mark of each record, and a
//! record has at least one octet for each of its marks.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::wire::octets::u16_at;

/// One step of a walk over a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Over so many octets.
    Skip(usize),
    /// Over a variable-length field, its length included.
    Variable,
    /// The next field is marked.
    Mark,
}

/// Where the fields of a Template's records are.
#[derive(Debug)]
pub enum Layout {
    /// All records have the same length.
    Fixed {
        /// Octets of a record.
        octets: usize,
        /// Offset of each mark from the first octet of the record.
        marks: Box<[u32]>,
    },
    /// Records are walked.
    Variable {
        /// Octets of the shortest possible record.
        octets_min: usize,
        /// The walk.
        steps: Box<[Step]>,
        /// How many marks it passes.
        marks_count: usize,
    },
}

/// The records of one Data Set, found by a walk over variable-length ones.
#[derive(Debug, Default)]
pub struct Walked {
    ends: Vec<usize>,
    marks: Vec<u32>,
}

impl Walked {
    /// Where each record ends, from the first octet of the content.
    #[must_use]
    pub fn ends(&self) -> &[usize] {
        &self.ends
    }

    /// Octets of the longest record.
    #[must_use]
    pub fn longest_octets(&self) -> usize {
        let starts = core::iter::once(0).chain(self.ends.iter().copied());
        let octets = self.ends.iter().zip(starts).map(|(end, start)| end - start);
        octets.max().unwrap_or(0)
    }
}

/// How the content of a Data Set divides into records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Data Records.
    pub records_count: usize,
    /// Octets of all records; the rest is padding.
    pub records_octets: usize,
}

impl Layout {
    /// Joins the steps of fields into a layout.
    #[must_use]
    pub fn compile(fields: &[Step], marks_count: usize) -> Self {
        let mut steps: Vec<Step> = Vec::new();
        let mut octets_min = 0;
        let mut marks = Vec::new();
        for step in fields {
            match (*step, steps.last_mut()) {
                (Step::Skip(octets), Some(Step::Skip(run))) => *run += octets,
                (step, _) => steps.push(step),
            }
            match step {
                Step::Skip(octets) => octets_min += octets,
                Step::Variable => octets_min += 1,
                Step::Mark => marks.push(u32::try_from(octets_min).unwrap_or(u32::MAX)),
            }
        }
        if fields.contains(&Step::Variable) {
            return Self::Variable {
                octets_min,
                steps: steps.into(),
                marks_count,
            };
        }
        Self::Fixed {
            octets: octets_min,
            marks: marks.into(),
        }
    }

    /// Whether records of one Set may differ in length.
    #[must_use]
    pub const fn is_variable(&self) -> bool {
        matches!(self, Self::Variable { .. })
    }

    /// Octets of the shortest possible record.
    #[must_use]
    pub const fn octets_min(&self) -> usize {
        match self {
            Self::Fixed { octets, .. } => *octets,
            Self::Variable { octets_min, .. } => *octets_min,
        }
    }

    /// Bytes of heap that the layout takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Fixed { marks, .. } => size_of_val(&**marks),
            Self::Variable { steps, .. } => size_of_val(&**steps),
        }
    }

    /// Divides the content of a Data Set into records; `None` if it does not fit: a field passes
    /// the end, or more than three octets are left over that are not zero [PROTOCOL 3.4].
    pub fn fit(&self, content: &[u8], walked: &mut Walked) -> Option<Fit> {
        walked.ends.clear();
        walked.marks.clear();
        let fit = match self {
            Self::Fixed { octets, .. } => {
                let records_count = content.len().checked_div(*octets)?;
                Fit {
                    records_count,
                    records_octets: records_count * octets,
                }
            }
            Self::Variable {
                octets_min, steps, ..
            } => walk_all(content, *octets_min, steps, walked)?,
        };
        let left_over = content.get(fit.records_octets..)?;
        let fits = left_over.len() <= 3 || left_over.iter().all(|octet| *octet == 0);
        fits.then_some(fit)
    }

    /// Returns where a record lies in the content that was last given to [`Self::fit`].
    #[inline]
    #[must_use]
    pub fn record(&self, nth: usize, walked: &Walked) -> (usize, usize) {
        match self {
            Self::Fixed { octets, .. } => (nth * octets, (nth + 1) * octets),
            Self::Variable { .. } => {
                let start = nth.checked_sub(1).map_or(0, |before| walked.ends[before]);
                (start, walked.ends[nth])
            }
        }
    }

    /// Returns the offset of a mark of a record in the content that was last given to
    /// [`Self::fit`].
    #[inline]
    #[must_use]
    pub fn mark(&self, nth: usize, mark: usize, walked: &Walked) -> usize {
        match self {
            Self::Fixed { octets, marks } => nth * octets + marks[mark] as usize,
            Self::Variable { marks_count, .. } => walked.marks[nth * marks_count + mark] as usize,
        }
    }
}

fn walk_all(content: &[u8], octets_min: usize, steps: &[Step], walked: &mut Walked) -> Option<Fit> {
    let mut at = 0;
    let mut records_count = 0;
    while content.len() - at >= octets_min {
        at = walk(content, at, steps, &mut walked.marks)?;
        walked.ends.push(at);
        records_count += 1;
    }
    Some(Fit {
        records_count,
        records_octets: at,
    })
}

fn walk(content: &[u8], start: usize, steps: &[Step], marks: &mut Vec<u32>) -> Option<usize> {
    let mut at = start;
    for step in steps {
        match step {
            Step::Skip(octets) => at += octets,
            Step::Mark => marks.push(u32::try_from(at).ok()?),
            Step::Variable => {
                let length = usize::from(*content.get(at)?);
                at += match length {
                    255 => 3 + usize::from(u16_at(content, at + 1)?),
                    _ => 1 + length,
                };
            }
        }
    }
    (at <= content.len()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many records there are, and octets of them.
    type Found = Option<(usize, usize)>;

    fn fit(layout: &Layout, content: &[u8]) -> (Found, Walked) {
        let mut walked = Walked::default();
        let fit = layout.fit(content, &mut walked);
        (
            fit.map(|fit| (fit.records_count, fit.records_octets)),
            walked,
        )
    }

    /// Two octets, a variable-length field, a mark, four octets.
    fn variable() -> Layout {
        Layout::compile(
            &[Step::Skip(2), Step::Variable, Step::Mark, Step::Skip(4)],
            1,
        )
    }

    #[test]
    fn records_of_fixed_length_are_cut_by_division() {
        let steps = [
            Step::Skip(1),
            Step::Mark,
            Step::Skip(4),
            Step::Skip(2),
            Step::Mark,
        ];
        let layout = Layout::compile(&[&steps[..], &[Step::Skip(1)]].concat(), 2);
        assert_eq!((layout.octets_min(), layout.is_variable()), (8, false));
        let walked = Walked::default();
        assert_eq!(layout.record(2, &walked), (16, 24));
        assert_eq!(layout.mark(2, 0, &walked), 17);
        assert_eq!(layout.mark(2, 1, &walked), 23);
    }

    #[test]
    fn what_is_left_over_is_three_octets_or_zeros() {
        let layout = Layout::compile(&[Step::Skip(8)], 0);
        let rows: [(&[u8], Found); 8] = [
            (&[], Some((0, 0))),
            (&[1; 8], Some((1, 8))),
            (&[1; 11], Some((1, 8))),
            (&[1; 12], None),
            (&[0; 12], Some((1, 8))),
            (&[0; 7], Some((0, 0))),
            (&[0, 0, 0, 1], None),
            (&[1; 3], Some((0, 0))),
        ];
        for (content, expected) in rows {
            assert_eq!(fit(&layout, content).0, expected, "{content:?}");
        }
    }

    #[test]
    fn records_of_no_octet_never_fit() {
        assert_eq!(fit(&Layout::compile(&[], 0), &[]).0, None);
        assert_eq!(fit(&Layout::compile(&[Step::Skip(0)], 0), &[0; 4]).0, None);
    }

    #[test]
    fn records_of_variable_length_are_walked_in_both_forms() {
        let content = [
            1, 1, 2, 9, 9, 4, 4, 4, 4, 2, 2, 255, 0, 1, 7, 5, 5, 5, 5, 3, 3, 0, 6, 6, 6, 6,
        ];
        let (found, walked) = fit(&variable(), &content);
        assert_eq!(found, Some((3, 26)));
        assert_eq!(walked.ends(), [9, 19, 26]);
        assert_eq!(walked.longest_octets(), 10);
        let layout = variable();
        assert_eq!(layout.record(1, &walked), (9, 19));
        let marks: Vec<usize> = (0..3).map(|nth| layout.mark(nth, 0, &walked)).collect();
        assert_eq!(marks, [5, 15, 22]);
    }

    #[test]
    fn a_variable_length_that_passes_the_end_does_not_fit() {
        for content in [
            &[1, 1, 5, 4, 4, 4, 4, 4][..],
            &[1, 1, 255, 255, 255, 4, 4, 4, 4],
            &[1, 1, 255, 0, 3, 4, 4, 4],
            &[1, 1, 0, 4, 4, 4, 4, 1, 1, 9, 4, 4, 4, 4],
        ] {
            assert_eq!(fit(&variable(), content).0, None, "{content:?}");
        }
    }

    #[test]
    fn padding_shorter_than_a_variable_record_is_left_over() {
        let record = [1, 1, 0, 4, 4, 4, 4];
        let padded = |padding: &[u8]| fit(&variable(), &[&record, padding].concat()).0;
        assert_eq!(padded(&[0; 6]), Some((1, 7)));
        assert_eq!(padded(&[9; 3]), Some((1, 7)));
        assert_eq!(padded(&[9; 4]), None);
    }

    #[test]
    fn every_prefix_of_a_set_is_walked_without_passing_its_end() {
        let content = [1, 1, 2, 9, 9, 4, 4, 4, 4, 2, 2, 255, 0, 1, 7, 5, 5, 5, 5];
        for end in 0..content.len() {
            let (found, walked) = fit(&variable(), &content[..end]);
            assert!(walked.ends().iter().all(|at| *at <= end));
            assert!(found.is_none_or(|(_, octets)| octets <= end));
        }
        assert_eq!(Walked::default().longest_octets(), 0);
    }
}
