//! Which address of a record is looked up for one side.
//!
//! Records may have addresses of both families with zeros in the unused one, repeated addresses
//! (a tunnel's outer one before the inner), addresses after translation, or only the section of a
//! frame [PROTOCOL Q26–Q29].
//!
//! Not here: the lookup (`apply`).

use core::net::IpAddr;

use super::frame;
use super::plan::{AddressForm, AddressMark, Plan, Side};
use super::walk::Walked;
use crate::settings::AddressChoice;
use crate::wire::octets::{u16_at, u32_at, u128_at};

/// A Data Record within the content of its Set.
#[derive(Clone, Copy, Debug)]
pub struct RecordAt<'a> {
    /// The content of the Data Set.
    pub content: &'a [u8],
    /// Number of the record.
    pub nth: usize,
    /// The walk over the content.
    pub walked: &'a Walked,
}

/// Returns the address of a side that counts; `None` where the record has none.
#[must_use]
pub fn choose(
    plan: &Plan,
    side: usize,
    choice: AddressChoice,
    record: &RecordAt<'_>,
) -> Option<IpAddr> {
    let marks: &Side = &plan.sides[side];
    let mut addresses = addresses(plan, side, record);
    match choice {
        AddressChoice::Outer => addresses.next(),
        AddressChoice::Inner => addresses.next_back(),
        AddressChoice::FirstPublic => first_public(addresses),
        AddressChoice::PostNatIfPrivate => {
            let chosen = first_public(addresses)?;
            if !asdb::is_private_address(chosen) {
                return Some(chosen);
            }
            let mut translated = marks
                .post_nat
                .iter()
                .filter_map(|mark| read(plan, mark, side, record))
                .filter(|address| !address.is_unspecified());
            Some(translated.next().unwrap_or(chosen))
        }
    }
}

/// Returns the addresses of a side, in the order of the fields.
pub fn addresses<'a>(
    plan: &'a Plan,
    side: usize,
    record: &'a RecordAt<'a>,
) -> impl DoubleEndedIterator<Item = IpAddr> + 'a {
    plan.sides[side]
        .addresses
        .iter()
        .filter_map(move |mark| read(plan, mark, side, record))
        .filter(|address| !address.is_unspecified())
}

fn first_public(mut addresses: impl Iterator<Item = IpAddr>) -> Option<IpAddr> {
    let first = addresses.next()?;
    if asdb::has_origin(first) {
        return Some(first);
    }
    Some(
        addresses
            .find(|address| asdb::has_origin(*address))
            .unwrap_or(first),
    )
}

fn read(plan: &Plan, mark: &AddressMark, side: usize, record: &RecordAt<'_>) -> Option<IpAddr> {
    let at = plan.layout.mark(record.nth, mark.mark, record.walked);
    match mark.form {
        AddressForm::Ipv4 => u32_at(record.content, at).map(|bits| IpAddr::V4(bits.into())),
        AddressForm::Ipv6 => u128_at(record.content, at).map(|bits| IpAddr::V6(bits.into())),
        AddressForm::Frame => {
            frame::of_frame(section(mark, at, record.content)?).map(|both| both[side])
        }
        AddressForm::IpPacket => {
            frame::of_ip_packet(section(mark, at, record.content)?).map(|both| both[side])
        }
    }
}

fn section<'a>(mark: &AddressMark, at: usize, content: &'a [u8]) -> Option<&'a [u8]> {
    if mark.width > 0 {
        return content.get(at..at + mark.width);
    }
    let (start, octets) = match usize::from(*content.get(at)?) {
        255 => (at + 3, usize::from(u16_at(content, at + 1)?)),
        octets => (at + 1, octets),
    };
    content.get(start..start + octets)
}
