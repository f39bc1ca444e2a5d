//! Messages that wait for a Template.
//!
//! While one Message of a session waits, the whole session does: first in, first out, so that
//! nothing overtakes and no Sequence Number has to be undone.
//!
//! Not here: when the wait ends (`mediator`).
//! Bound: [`crate::Limits::held_octets_max`] and its share per exporter, kept by `store`.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use crate::Millis;

/// A Message that waits.
#[derive(Debug)]
pub struct Held {
    /// When it came.
    pub arrived: Millis,
    /// The whole Message.
    pub octets: Box<[u8]>,
}

/// The waiting Messages of one session.
#[derive(Debug, Default)]
pub struct Hold {
    messages: VecDeque<Held>,
}

impl Hold {
    /// Returns a hold in which nothing waits.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            messages: VecDeque::new(),
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The Message that came first.
    #[must_use]
    pub fn head(&self) -> Option<&Held> {
        self.messages.front()
    }

    /// The Messages, in the order that they came.
    pub fn messages(&self) -> impl Iterator<Item = &Held> {
        self.messages.iter()
    }

    /// Adds a Message behind the others.
    pub fn push(&mut self, arrived: Millis, message: &[u8]) {
        self.messages.push_back(Held {
            arrived,
            octets: message.into(),
        });
    }

    /// Takes the Message that came first.
    pub fn pop(&mut self) -> Option<Held> {
        let held = self.messages.pop_front();
        if self.messages.is_empty() {
            self.messages = VecDeque::new();
        }
        held
    }
}
