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
