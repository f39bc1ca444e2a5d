//! An order over providers, worked out for every answer that a table can give.
//!
//! The order is fixed when the table is, so a lookup ends with one read of one row: no loop over
//! providers per Data Record.
//!
//! Not here: whether what a Data Record carries is usable (`mediator`); [`Policy::flow`] only
//! says by which rule and hence when its answer comes.
//!
//! Bound: 8 bytes per distinct tuple of answers, about 0.7 MiB for the Internet of 2026, and 12
//! per tuple that has an answer on either side of `flow`.

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

/// What a list of providers makes of one answer of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// The number that is listed first; [`Asn::NONE`] if nobody knows one.
    pub asn: Asn,
    /// Who gave it; says nothing where `asn` is [`Asn::NONE`].
    pub provider: Provider,
    /// Whether its provider is listed before `flow`, or `flow` is not listed.
    pub precedes_flow: bool,
}

impl Ranked {
    /// Nobody answered.
    pub const NOTHING: Self = Self {
        asn: Asn::NONE,
        provider: Provider::Database,
        precedes_flow: false,
    };

    fn of(before: Given, after: Given) -> Self {
        let precedes_flow = before != Given::NOTHING;
        let Given { asn, provider } = if precedes_flow { before } else { after };
        Self {
            asn,
            provider,
            precedes_flow,
        }
    }

    const fn given(self) -> Given {
        Given {
            asn: self.asn,
            provider: self.provider,
        }
    }
}

/// The answers of one table in the order of one list of providers.
///
/// Belongs to the table that made it: an [`AnswerId`] of another one means nothing here.
#[derive(Clone, Debug)]
pub struct Policy {
    flow: Option<FlowRule>,
    /// Each provider once.
    order: Box<[Provider]>,
    /// One for each answer. A Data Record reads one of them at random, so they are small.
    rows: Box<[Ranked]>,
    /// What is listed after `flow` where a row has what is listed before; by answer.
    hidden: Box<[(AnswerId, Given)]>,
}

impl Policy {
    /// Works out the order `words` for all `tuples`, whose places [`AnswerId`]s are.
    pub(crate) fn new(words: &[PolicyWord], tuples: impl Iterator<Item = Answers>) -> Self {
        let flow_place = words.iter().position(|word| word.flow_rule().is_some());
        let (before, after) = words.split_at(flow_place.unwrap_or(words.len()));
        let mut hidden = Vec::new();
        let rows = (0..).map(AnswerId).zip(tuples).map(|(id, answers)| {
            let (first, last) = (first_of(before, &answers), first_of(after, &answers));
            if first != Given::NOTHING && last != Given::NOTHING {
                hidden.push((id, last));
            }
            Ranked::of(first, last)
        });
        Self {
            order: each_once(words),
            rows: rows.collect(),
            flow: after.first().and_then(|word| word.flow_rule()),
            hidden: hidden.into(),
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
    pub fn before_flow(&self, id: AnswerId) -> Given {
        let row = self.ranked(id);
        if row.precedes_flow {
            row.given()
        } else {
            Given::NOTHING
        }
    }

    /// Returns the best answer of the providers listed after the word for `flow`.
    pub fn after_flow(&self, id: AnswerId) -> Given {
        let row = self.ranked(id);
        if !row.precedes_flow {
            return row.given();
        }
        let hidden = self.hidden.binary_search_by_key(&id.0, |(id, _)| id.0);
        hidden.map_or(Given::NOTHING, |at| self.hidden[at].1)
    }

    /// Returns the best answer, and on which side of `flow` its provider is listed, with one read.
    #[inline]
    pub fn ranked(&self, id: AnswerId) -> Ranked {
        self.rows
            .get(id.index())
            .copied()
            .unwrap_or(Ranked::NOTHING)
    }

    /// Returns the bytes of memory that the policy takes.
    pub const fn memory_bytes(&self) -> usize {
        size_of_val::<[Ranked]>(&self.rows)
            + size_of_val::<[(AnswerId, Given)]>(&self.hidden)
            + size_of_val::<[Provider]>(&self.order)
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
