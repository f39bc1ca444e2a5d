//! A state file with any content: refused whole, or taken over and saved again.
//!
//! The frame (magic, checksum) is put around the octets, so that a fuzzer gets behind it; what is
//! wrong with the frame itself is the first thing that is tried.
//!
//! Not here: files; which sessions are believed.
//! Bound: what the state says is bounded by the Mediator's limits.

use mediator::{Mediator, Millis, state};

/// The first octets of a state of the present layout.
const MAGIC: &[u8] = b"IPFX-AS\x02";

/// Takes the content of a state.
pub(crate) fn run(content: &[u8]) {
    let now = Millis(90_000_000);
    let settings = crate::laws::settings();
    let total_bytes = settings.limits.total_bytes();
    let mut mediator = Mediator::new(settings.clone(), 7);
    assert!(mediator.restore(content, now, |_| true).is_err() || content.starts_with(MAGIC));
    let framed = frame(content);
    assert!(state::check(&framed).is_ok(), "the frame is sound");
    let mut mediator = Mediator::new(settings.clone(), 7);
    let restored = mediator.restore(&framed, now, |_| true);
    assert!(mediator.bytes() <= total_bytes);
    if restored.is_err() {
        return;
    }
    // What is saved of it is a state again, and nothing of that is lost.
    let saved = mediator.save(now);
    let mut second = Mediator::new(settings, 7);
    assert!(second.restore(&saved, now, |_| true).is_ok());
    assert_eq!(second.sessions().count(), mediator.sessions().count());
}

fn frame(content: &[u8]) -> Vec<u8> {
    let mut framed = [MAGIC, content].concat();
    let sum = checksum(&framed);
    framed.extend(sum.to_be_bytes());
    framed
}

/// FNV-1a, 64 bits.
fn checksum(octets: &[u8]) -> u64 {
    octets.iter().fold(0xcbf2_9ce4_8422_2325, |sum, octet| {
        (sum ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
    })
}
