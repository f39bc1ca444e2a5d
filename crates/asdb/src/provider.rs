//! Who can say which AS an address belongs to, and the words a configuration orders them with.
//!
//! Not here: the order itself ([`crate::Policy`]), what `flow` finds in a Data Record (`mediator`).

use std::fmt;
use std::str::FromStr;

/// Who gave an AS number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Provider {
    /// The operator's own list of prefixes.
    Static,
    /// The Data Record itself. Never in a table.
    Flow,
    /// Live routes learnt over BGP.
    Bgp,
    /// Live routes learnt over BMP.
    Bmp,
    /// A dump of a routing table.
    Table,
    /// A database of prefixes: MMDB, text, the shipped snapshot.
    Database,
}

impl Provider {
    /// All of them, in the order of the default policy.
    pub const ALL: [Self; 6] = [
        Self::Static,
        Self::Flow,
        Self::Bgp,
        Self::Bmp,
        Self::Table,
        Self::Database,
    ];

    /// Those that a table can hold answers of: all but `flow`.
    pub(crate) const TABLED: [Self; TABLED_COUNT] = [
        Self::Static,
        Self::Bgp,
        Self::Bmp,
        Self::Table,
        Self::Database,
    ];

    /// Returns the name used in configurations, counters and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Flow => "flow",
            Self::Bgp => "bgp",
            Self::Bmp => "bmp",
            Self::Table => "table",
            Self::Database => "database",
        }
    }

    /// Returns the place of its answer in a tuple of answers; `flow` has none.
    pub(crate) const fn tabled_index(self) -> Option<usize> {
        match self {
            Self::Static => Some(0),
            Self::Flow => None,
            Self::Bgp => Some(1),
            Self::Bmp => Some(2),
            Self::Table => Some(3),
            Self::Database => Some(4),
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many providers a table can hold answers of.
pub(crate) const TABLED_COUNT: usize = 5;

/// When the AS number that a Data Record carries counts as an answer. It always must be usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowRule {
    /// Whenever it is usable.
    Any,
    /// Unless it is a private AS number.
    ExceptPrivate,
    /// Unless the Data Record says that a default route (prefix length 0) matched.
    ExceptDefaultRoute,
}

/// A word of `enrichment.as_providers`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyWord {
    /// `static`
    Static,
    /// `flow`
    Flow,
    /// `flow-except-private`
    FlowExceptPrivate,
    /// `flow-except-default-route`
    FlowExceptDefaultRoute,
    /// `bgp`
    Bgp,
    /// `bmp`
    Bmp,
    /// `table`
    Table,
    /// `database`
    Database,
}

impl PolicyWord {
    /// All words, as a message to an operator lists them.
    pub const ALL: [Self; 8] = [
        Self::Static,
        Self::Flow,
        Self::FlowExceptPrivate,
        Self::FlowExceptDefaultRoute,
        Self::Bgp,
        Self::Bmp,
        Self::Table,
        Self::Database,
    ];

    /// The order of who did not ask for another: what the operator wrote, then what the router
    /// says, then what we know.
    pub const DEFAULT_ORDER: [Self; 6] = [
        Self::Static,
        Self::Flow,
        Self::Bgp,
        Self::Bmp,
        Self::Table,
        Self::Database,
    ];

    /// Returns the word as a configuration writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FlowExceptPrivate => "flow-except-private",
            Self::FlowExceptDefaultRoute => "flow-except-default-route",
            Self::Static | Self::Flow | Self::Bgp | Self::Bmp | Self::Table | Self::Database => {
                self.provider().name()
            }
        }
    }

    /// Returns the provider that the word puts in the order.
    pub const fn provider(self) -> Provider {
        match self {
            Self::Static => Provider::Static,
            Self::Flow | Self::FlowExceptPrivate | Self::FlowExceptDefaultRoute => Provider::Flow,
            Self::Bgp => Provider::Bgp,
            Self::Bmp => Provider::Bmp,
            Self::Table => Provider::Table,
            Self::Database => Provider::Database,
        }
    }

    /// Returns which AS numbers of a Data Record count, if the word is one for `flow`.
    pub const fn flow_rule(self) -> Option<FlowRule> {
        match self {
            Self::Flow => Some(FlowRule::Any),
            Self::FlowExceptPrivate => Some(FlowRule::ExceptPrivate),
            Self::FlowExceptDefaultRoute => Some(FlowRule::ExceptDefaultRoute),
            Self::Static | Self::Bgp | Self::Bmp | Self::Table | Self::Database => None,
        }
    }
}

impl FromStr for PolicyWord {
    type Err = PolicyWordError;

    /// Reads a word as a configuration writes it: lower case, hyphens.
    fn from_str(text: &str) -> Result<Self, PolicyWordError> {
        Self::ALL
            .into_iter()
            .find(|word| word.name() == text)
            .ok_or(PolicyWordError)
    }
}

/// The text is no word of a provider list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a provider; one of static, flow, flow-except-private, flow-except-default-route, bgp, \
     bmp, table, database"
)]
pub struct PolicyWordError;

#[cfg(test)]
mod tests {
    use super::{PolicyWord, PolicyWordError, Provider};

    #[test]
    fn every_word_is_read_as_it_is_written() {
        for word in PolicyWord::ALL {
            assert_eq!(word.name().parse(), Ok(word));
        }
        for wrong in ["", "Static", "flow_except_private", "database ", "geo"] {
            assert_eq!(
                wrong.parse::<PolicyWord>(),
                Err(PolicyWordError),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn the_message_for_a_wrong_word_lists_all_words() {
        let message = PolicyWordError.to_string();
        for word in PolicyWord::ALL {
            assert!(message.contains(word.name()), "{message}");
        }
    }

    #[test]
    fn tabled_providers_have_their_own_places_in_a_tuple() {
        for (index, provider) in Provider::TABLED.into_iter().enumerate() {
            assert_eq!(provider.tabled_index(), Some(index));
        }
        assert_eq!(Provider::Flow.tabled_index(), None);
    }
}
