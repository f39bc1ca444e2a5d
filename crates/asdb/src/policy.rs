//! An order over providers, worked out for every answer that a table can give.
//!
//! The order is fixed when the table is, so a lookup ends with one read of one row: no loop over
//! providers per Data Record.
//!
//! Not here: whether what a Data Record carries is usable (`mediator`); [`Policy::flow`] only
//! says by which rule and hence when its answer comes.
//!
//! Bound: 16 bytes per distinct tuple of answers, about 1.4 MiB for the Internet of 2026.

use crate::Asn;
use crate::provider::{FlowRule, PolicyWord, Provider};
use crate::table::{AnswerId, Answers};

/// An AS number and who gave it; [`Asn::NONE`] if nobody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// The answer.
    pub asn: Asn,
    /// Who gave it; says nothing where `asn` is [`Asn::NONE`].
    pub provider: Provider,
}

impl Given {
    /// Nobody answered.
    pub const NOTHING: Self = Self {
        asn: Asn::NONE,
        provider: Provider::Database,
    };
}

/// The answers of one table in the order of one list of providers.
///
/// Belongs to the table that made it: an [`AnswerId`] of another one means nothing here.
#[derive(Clone, Debug)]
pub struct Policy {
    flow: Option<FlowRule>,
    /// Each provider once.
    order: Box<[Provider]>,
    rows: Box<[Row]>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    before_flow: Given,
    after_flow: Given,
}

impl Policy {
    /// Works out the order `words` for all `tuples`, whose places [`AnswerId`]s are.
    pub(crate) fn new(words: &[PolicyWord], tuples: impl Iterator<Item = Answers>) -> Self {
        let flow_place = words.iter().position(|word| word.flow_rule().is_some());
        let (before, after) = words.split_at(flow_place.unwrap_or(words.len()));
        let rows = tuples.map(|answers| Row {
            before_flow: first_of(before, &answers),
            after_flow: first_of(after, &answers),
        });
        Self {
            flow: after.first().and_then(|word| word.flow_rule()),
            order: each_once(words),
            rows: rows.collect(),
        }
    }

    /// Returns the rule for what a Data Record carries; `None` if the list has no word for it.
    ///
    /// If the list has several words for it, the first counts.
    pub const fn flow(&self) -> Option<FlowRule> {
        self.flow
    }

    /// Returns the providers in the order in which they are asked, each once.
    pub const fn order(&self) -> &[Provider] {
        &self.order
    }

    /// Returns the best answer of the providers listed before the word for `flow`; of all of them
    /// if there is no such word.
    #[inline]
    pub fn before_flow(&self, id: AnswerId) -> Given {
        self.row(id).map_or(Given::NOTHING, |row| row.before_flow)
    }

    /// Returns the best answer of the providers listed after the word for `flow`.
    #[inline]
    pub fn after_flow(&self, id: AnswerId) -> Given {
        self.row(id).map_or(Given::NOTHING, |row| row.after_flow)
    }

    /// Returns both, [`Self::before_flow`] and [`Self::after_flow`], with one read of the row.
    #[inline]
    pub fn around_flow(&self, id: AnswerId) -> [Given; 2] {
        self.row(id)
            .map_or([Given::NOTHING; 2], |row| [row.before_flow, row.after_flow])
    }

    /// Returns the bytes of memory that the policy takes.
    pub const fn memory_bytes(&self) -> usize {
        size_of_val::<[Row]>(&self.rows) + size_of_val::<[Provider]>(&self.order)
    }

    #[inline]
    fn row(&self, id: AnswerId) -> Option<&Row> {
        self.rows.get(id.index())
    }
}

fn each_once(words: &[PolicyWord]) -> Box<[Provider]> {
    let mut order = Vec::new();
    for provider in words.iter().map(|word| word.provider()) {
        if !order.contains(&provider) {
            order.push(provider);
        }
    }
    order.into()
}

fn first_of(words: &[PolicyWord], answers: &Answers) -> Given {
    let given = |word: &PolicyWord| {
        let provider = word.provider();
        answers.of(provider).map(|asn| Given { asn, provider })
    };
    words.iter().find_map(given).unwrap_or(Given::NOTHING)
}
