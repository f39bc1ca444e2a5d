//! DIR-24-8: the least that a lookup can cost, at 64 MiB and for IPv4 alone.

use asdb::{AnswerId, AsDb};

/// All /24 in one array; where one is divided, 256 places of a second array.
pub(crate) struct Dir248 {
    first: Vec<u32>,
    second: Vec<u32>,
}

const DIVIDED: u32 = 1 << 31;

impl Dir248 {
    pub(crate) fn new(db: &AsDb) -> Self {
        let mut array = Self {
            first: Vec::with_capacity(1 << 24),
            second: Vec::new(),
        };
        let mut answers = [AnswerId::NOBODY; 256];
        for block in 0..1_u32 << 24 {
            let addresses: [u32; 256] = std::array::from_fn(|low| block << 8 | low as u32);
            db.lookup_ipv4(&addresses, &mut answers);
            if answers.iter().all(|answer| *answer == answers[0]) {
                array.first.push(answers[0].0);
            } else {
                let place = u32::try_from(array.second.len() / 256).expect("small");
                array.first.push(DIVIDED | place);
                array.second.extend(answers.iter().map(|answer| answer.0));
            }
        }
        array
    }

    #[inline]
    pub(crate) fn lookup(&self, address: u32) -> AnswerId {
        let step = self.first[(address >> 8) as usize];
        if step & DIVIDED == 0 {
            return AnswerId(step);
        }
        AnswerId(self.second[((step & !DIVIDED) as usize) << 8 | (address & 0xff) as usize])
    }
}
