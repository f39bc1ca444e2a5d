//! What a strict collector objects to or remarks on.
//!
//! Not here: how it is found (`collector`).

use crate::framing::Fault;

/// Something that a strict collector objects to or remarks on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A Template Set that cannot be read; nothing was learnt from it.
    BadTemplates {
        /// Its Set ID.
        set_id: u16,
        /// What is wrong.
        why: &'static str,
    },
    /// The v9 count is not the number of records.
    CountUntrue {
        /// The header's count.
        stated: u16,
        /// Template, options and data records.
        records: u32,
    },
    /// The lengths of the Message contradict each other.
    Malformed(Fault),
    /// A Data Set whose Template is unknown.
    NoTemplate {
        /// Its Set ID.
        set_id: u16,
    },
    /// Padding that is as long as a record could be, or longer than three octets.
    PaddingLong {
        /// The Set's ID.
        set_id: u16,
        /// How long.
        octets: usize,
    },
    /// Padding that is not zero.
    PaddingNotZero {
        /// The Set's ID.
        set_id: u16,
    },
    /// A Set ID that is not assigned.
    ReservedSet {
        /// The Set ID.
        set_id: u16,
    },
    /// A datagram above the agreed size.
    TooLong {
        /// Octets of the UDP payload.
        octets: usize,
    },
    /// Octets behind the Message that are none.
    Trailing {
        /// How many.
        octets: usize,
    },
    /// A Data Set that does not fit its Template.
    Unfit {
        /// Its Set ID.
        set_id: u16,
        /// What does not fit.
        why: &'static str,
    },
    /// Another definition of a Template that was not withdrawn before, on a stream.
    Redefined {
        /// The Template ID.
        template_id: u16,
    },
    /// A Template that is known already, on a stream, where nothing is lost.
    Repeated {
        /// The Template ID.
        template_id: u16,
    },
    /// A withdrawal, which UDP does not have; on a stream one of a Template that is not known, or
    /// one in a Set with definitions, which some collectors misread.
    Withdrawal {
        /// The Template ID.
        template_id: u16,
    },
    /// Zeros behind the last Set.
    ZeroFill {
        /// How many.
        octets: usize,
    },
}

impl Finding {
    /// Whether data can be lost or misread because of it. The others are bad manners.
    #[must_use]
    pub fn is_violation(&self) -> bool {
        !matches!(
            self,
            Self::PaddingLong { .. }
                | Self::PaddingNotZero { .. }
                | Self::Repeated { .. }
                | Self::TooLong { .. }
                | Self::ZeroFill { .. }
        )
    }
}
