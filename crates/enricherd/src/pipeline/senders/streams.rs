//! What a batch has for a collector that is reached over a connection, in one piece.
//!
//! Not here: what waits and who carries it (`pipeline::streams`).
//! Bound: one batch.

use mediator::Millis;
use mediator::export::stream::ipfix_header;

use crate::io::udp::outbox::Parts;
use crate::pipeline::streams::{Parcel, StreamSender};
use crate::pipeline::target::{Target, Unsent};

/// Hands over those Messages that a stream can carry; counts the others, and what finds no room.
pub(super) fn hand_over<'p>(
    stream: &mut StreamSender,
    target: &mut Target,
    messages: impl Iterator<Item = Parts<'p>>,
    now: Millis,
) {
    let mut parcel = Parcel {
        handed_at: now,
        ..Parcel::default()
    };
    let mut refused = 0;
    for message in messages {
        let start = parcel.octets.len();
        parcel.octets.extend_from_slice(message.header);
        parcel.octets.extend_from_slice(message.body);
        let came = parcel.octets.get(start..).unwrap_or_default();
        if ipfix_header(came).is_some() {
            parcel.messages_count += 1;
        } else {
            parcel.octets.truncate(start);
            refused += 1;
        }
    }
    target.counters.unsent[Unsent::NoTransport.index()] += refused;
    let messages_count = parcel.messages_count;
    if messages_count > 0 && !stream.hand_over(parcel) {
        target.counters.unsent[Unsent::QueueFull.index()] += messages_count as u64;
    }
}
