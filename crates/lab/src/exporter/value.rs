//! The octets of one Data Record.
//!
//! Addresses come from the small world; where a Template has both families, one of them is often
//! zero; AS fields hold what routers put there: nothing, a reserved number, a usable one.
//! Everything else is noise, for nobody but its owner may read it.
//!
//! Not here: Sets and Messages (`encode`).
//! Bound: a record of variable length takes at most 600 octets per field.

use crate::random::Random;
use crate::template::{FieldSpecifier, Template, VARIABLE};
use crate::world;

/// Returns the fields of a record of `template`, each as it is sent.
pub fn record(random: &mut Random, template: &Template) -> Vec<Vec<u8>> {
    let silent = Silent::choose(random, template);
    template
        .fields
        .iter()
        .map(|field| match field.length {
            VARIABLE => variable(random),
            length => fixed(random, *field, usize::from(length), silent),
        })
        .collect()
}

/// Which address family of a record is zero.
#[derive(Clone, Copy)]
enum Silent {
    Neither,
    V4,
    V6,
    Both,
}

impl Silent {
    fn choose(random: &mut Random, template: &Template) -> Self {
        let has = |ids: &[u16]| {
            template
                .fields
                .iter()
                .any(|f| ids.iter().any(|id| f.is(*id)))
        };
        let both = has(&[8, 12, 44, 45]) && has(&[27, 28, 169, 170]);
        match (both, random.between(0, 19)) {
            (_, 0) => Self::Both,
            (true, 1..=9) => Self::V4,
            (true, 10..=18) => Self::V6,
            _ => Self::Neither,
        }
    }
}

fn fixed(random: &mut Random, field: FieldSpecifier, length: usize, silent: Silent) -> Vec<u8> {
    if field.pen.is_some() {
        return random.octets(length);
    }
    match (field.id, silent) {
        (8 | 12 | 44 | 45, Silent::V4 | Silent::Both) => vec![0; length],
        (27 | 28 | 169 | 170, Silent::V6 | Silent::Both) => vec![0; length],
        (8 | 12 | 44 | 45, _) if length == 4 => world::address_v4(random).to_vec(),
        (27 | 28 | 169 | 170, _) if length == 16 => world::address_v6(random).to_vec(),
        (9 | 13, _) => vec![random.next_u8() % 33; length],
        (29 | 30, _) => vec![random.next_u8() % 129; length],
        (16 | 17 | 128 | 129, _) => as_number(random, length),
        (210, _) => vec![0; length],
        _ if random.chance(10) => vec![0; length],
        _ => random.octets(length),
    }
}

/// An AS number in `length` octets; one that does not fit is sent as AS_TRANS or cut to 0.
fn as_number(random: &mut Random, length: usize) -> Vec<u8> {
    let asn = if random.chance(60) {
        *random.pick(world::UNUSABLE_AS)
    } else {
        *random.pick(world::USABLE_AS)
    };
    let whole = u64::from(asn).to_be_bytes();
    let (cut, kept) = whole.split_at(8_usize.saturating_sub(length));
    if cut.iter().all(|octet| *octet == 0) {
        kept.to_vec()
    } else if length == 2 {
        23_456_u16.to_be_bytes().to_vec()
    } else {
        vec![0; length]
    }
}

/// A value of variable length, in the short or, sometimes without need, in the long form.
fn variable(random: &mut Random) -> Vec<u8> {
    let length = match random.between(0, 19) {
        0 => random.between(250, 600),
        1..=4 => 0,
        _ => random.between(1, 30),
    };
    let value = random.octets(length);
    let mut sent = match u8::try_from(length) {
        Ok(short) if short < 255 && random.chance(70) => vec![short],
        _ => {
            let [high, low] = u16::try_from(length).unwrap_or(0).to_be_bytes();
            vec![255, high, low]
        }
    };
    sent.extend(value);
    sent
}

#[cfg(test)]
mod tests {
    use super::record;
    use crate::exporter::shape;
    use crate::framing::Version;
    use crate::random::Random;
    use crate::template::Records;

    #[test]
    fn every_record_is_read_back_by_its_template() {
        let mut random = Random::new(1);
        for _ in 0..500 {
            let template = shape::flow(&mut random, Version::Ipfix, 256);
            let fields = record(&mut random, &template);
            let body = fields.concat();
            let read = Records::read(&template, &body).unwrap();
            assert_eq!(read.count(), 1, "{template:?}");
            let back: Vec<_> = read
                .fields(&template, &body, 0)
                .map(|f| f.encoded)
                .collect();
            assert_eq!(back, fields);
        }
    }
}
