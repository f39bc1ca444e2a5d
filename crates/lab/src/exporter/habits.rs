//! What kind of exporter this is: which oddities it has, and how often.
//!
//! Not here: carrying them out (`exporter`).
//! Bound: constants.

use crate::random::Random;

/// What fills the end of a Set up to a multiple of four octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Zeros.
    Zero,
    /// Nothing: Sets end where their records end.
    None,
    /// Whatever was in the buffer.
    Dirty,
}

/// What the v9 count counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Records, as RFC 3954 wants it.
    Records,
    /// Sets.
    Sets,
    /// Something stale.
    Stale,
}

/// Where the Templates of a Message stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// In front of all data.
    TemplatesFirst,
    /// Anywhere, so that data may stand in front of its own Template.
    Any,
}

/// The habits of one exporting process. Chances are in percent, for each Message.
#[derive(Clone, Debug)]
pub struct Habits {
    /// Largest Message that it builds; one record or Template may still be longer.
    pub octets_max: usize,
    /// What it pads with.
    pub padding: Padding,
    /// What it counts in v9.
    pub count: Count,
    /// Where it puts Templates.
    pub order: Order,
    /// It announces all its Templates again after so many Messages.
    pub refresh_messages: u32,
    /// Chance of a new Template.
    pub invents: u64,
    /// Chance of a new definition for an ID in use, of either kind.
    pub redefines: u64,
    /// Chance of a withdrawal.
    pub withdraws: u64,
    /// Chance that it starts anew.
    pub restarts: u64,
    /// Chance that the data of a new Template comes some Messages ahead of it.
    pub late: u64,
    /// Chance of something malformed.
    pub flaws: u64,
    /// Chance that a new Template ID is one that a mediator's clone may have by now.
    pub collides: u64,
    /// Chance of zeros behind the last Set.
    pub zero_fill: u64,
    /// Its first Sequence Number.
    pub first_sequence: u32,
}

impl Habits {
    /// Returns habits that `random` decides.
    #[must_use]
    pub fn choose(random: &mut Random) -> Self {
        let odd = |random: &mut Random, share, chance| {
            if random.chance(share) { chance } else { 0 }
        };
        Self {
            octets_max: *random.pick(&[
                300, 600, 1_000, 1_400, 1_464, 1_464, 1_472, 1_472, 1_472, 1_472, 8_972, 64_000,
            ]),
            padding: *random.pick(&[Padding::Zero, Padding::Zero, Padding::None, Padding::Dirty]),
            count: *random.pick(&[Count::Records, Count::Records, Count::Sets, Count::Stale]),
            order: *random.pick(&[Order::TemplatesFirst, Order::Any]),
            refresh_messages: *random.pick(&[3, 10, 40]),
            invents: *random.pick(&[10, 30]),
            redefines: odd(random, 40, 8),
            withdraws: odd(random, 20, 8),
            restarts: odd(random, 25, 3),
            late: odd(random, 30, 40),
            flaws: odd(random, 30, 10),
            collides: odd(random, 40, 50),
            zero_fill: odd(random, 20, 10),
            first_sequence: *random.pick(&[0, 1, 77_000, u32::MAX - 20, u32::MAX - 3]),
        }
    }

    /// Returns habits of an exporter that does nothing odd.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            octets_max: 1_400,
            padding: Padding::Zero,
            count: Count::Records,
            order: Order::TemplatesFirst,
            refresh_messages: 10,
            invents: 20,
            redefines: 0,
            withdraws: 0,
            restarts: 0,
            late: 0,
            flaws: 0,
            collides: 0,
            zero_fill: 0,
            first_sequence: 0,
        }
    }
}
