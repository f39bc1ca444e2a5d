//! Why a frame of a capture gave no datagram, and how often.
//!
//! Every frame is either part of a datagram that was read or counted here under one reason; so
//! the counts add up to the frames of the file.
//!
//! Not here: the reasons why a datagram's content is dropped (`mediator::Dropped`).

use std::fmt;

/// The reason why a frame was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// The frame holds fewer octets than its headers announce: a short snap length.
    CutShort,
    /// The datagram's other fragments did not come in time, or not at all.
    FragmentsIncomplete,
    /// More fragments wait than the limits of `fragments` allow.
    FragmentsLimit,
    /// Fragments contradict each other about an octet or about the length [RFC 5722 §4].
    FragmentsOverlap,
    /// A pcapng block names an interface that the file did not describe.
    InterfaceUnknown,
    /// The capture has a link type that we do not read.
    LinkTypeUnknown,
    /// The lengths in the IP or UDP header contradict each other.
    Malformed,
    /// ARP, LLDP and the like.
    NotIp,
    /// TCP, ICMP and the like.
    NotUdp,
    /// A datagram to another port than the one that was asked for.
    OtherPort,
}

impl Unread {
    /// Every reason, in the order in which they are shown.
    pub const ALL: [Self; 10] = [
        Self::CutShort,
        Self::FragmentsIncomplete,
        Self::FragmentsLimit,
        Self::FragmentsOverlap,
        Self::InterfaceUnknown,
        Self::LinkTypeUnknown,
        Self::Malformed,
        Self::NotIp,
        Self::NotUdp,
        Self::OtherPort,
    ];

    const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CutShort => "cut short by the capture's snap length",
            Self::FragmentsIncomplete => "IP fragments of a datagram that never became whole",
            Self::FragmentsLimit => "IP fragments above the limit",
            Self::FragmentsOverlap => "IP fragments that contradict each other",
            Self::InterfaceUnknown => "interface not described in the file",
            Self::LinkTypeUnknown => "link type not supported",
            Self::Malformed => "lengths of the IP or UDP header contradict each other",
            Self::NotIp => "not IP",
            Self::NotUdp => "not UDP",
            Self::OtherPort => "not to the port asked for",
        })
    }
}

/// How many frames were not read, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnreadCounts {
    frames: [u64; Unread::ALL.len()],
}

impl UnreadCounts {
    /// Counts `frames_count` frames under `reason`.
    pub fn add(&mut self, reason: Unread, frames_count: u64) {
        if let Some(frames) = self.frames.get_mut(reason.index()) {
            *frames += frames_count;
        }
    }

    /// Returns the reasons that occurred with the number of frames of each.
    pub fn iter(&self) -> impl Iterator<Item = (Unread, u64)> + '_ {
        Unread::ALL
            .into_iter()
            .zip(self.frames)
            .filter(|(_, frames)| *frames > 0)
    }

    /// Returns the number of all frames that were not read.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.frames.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_place() {
        let mut counts = UnreadCounts::default();
        for (n, reason) in Unread::ALL.into_iter().enumerate() {
            counts.add(reason, n as u64 + 1);
        }
        let seen: Vec<_> = counts.iter().map(|(_, frames)| frames).collect();
        assert_eq!(seen, (1..=Unread::ALL.len() as u64).collect::<Vec<_>>());
        assert_eq!(counts.total(), 55);
    }
}
