//! The organisations behind AS numbers, for people who read reports.
//!
//! Not here: anything on the way of a Message; names never decide.
//!
//! Bound: 32 MiB of text, and 16 bytes per AS.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::Asn;

/// How many octets of text all names together may take.
pub(crate) const NAMES_OCTETS_MAX: usize = 32 << 20;

/// How many octets a name keeps; what is longer is cut.
const NAME_OCTETS_MAX: usize = 255;

/// AS number → organisation.
#[derive(Clone, Debug, Default)]
pub struct AsNames {
    places: HashMap<Asn, Place, RandomState>,
    text: String,
}

/// Names take more than 33554432 octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("names take more than {NAMES_OCTETS_MAX} octets")]
pub struct NamesTooLong;

#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u32,
    octets: u8,
}

impl AsNames {
    /// Returns a list without names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Remembers the name of an AS unless one is known already: the first source wins.
    ///
    /// Control characters become U+FFFD, because names end on terminals; a name above 255 octets
    /// is cut; an empty name is none.
    ///
    /// # Errors
    /// `NamesTooLong` if all names together would pass 32 MiB.
    pub fn insert(&mut self, asn: Asn, name: &str) -> Result<(), NamesTooLong> {
        let name = name.trim();
        if name.is_empty() || self.places.contains_key(&asn) {
            return Ok(());
        }
        let start = self.text.len();
        let is_plain = name.bytes().all(|octet| (b' '..=b'~').contains(&octet));
        if is_plain && name.len() <= NAME_OCTETS_MAX {
            self.text.push_str(name);
        } else {
            self.push_shown(name);
        }
        let place = (u32::try_from(start), u8::try_from(self.text.len() - start));
        let (Ok(offset), Ok(octets)) = place else {
            return Err(NamesTooLong);
        };
        if self.text.len() > NAMES_OCTETS_MAX {
            self.text.truncate(start);
            return Err(NamesTooLong);
        }
        self.places.insert(asn, Place { offset, octets });
        Ok(())
    }

    /// Appends what a terminal may be given of a name.
    fn push_shown(&mut self, name: &str) {
        let start = self.text.len();
        for character in name.chars() {
            let shown = if character.is_control() {
                '\u{fffd}'
            } else {
                character
            };
            if self.text.len() - start + shown.len_utf8() > NAME_OCTETS_MAX {
                break;
            }
            self.text.push(shown);
        }
    }

    /// Remembers the names of `others` for the AS numbers that have none yet.
    ///
    /// # Errors
    /// `NamesTooLong` if all names together would pass 32 MiB; names up to there are kept.
    pub fn merge(&mut self, others: &Self) -> Result<(), NamesTooLong> {
        for (asn, name) in others.sorted() {
            self.insert(asn, name)?;
        }
        Ok(())
    }

    /// Returns the organisation of an AS.
    pub fn of(&self, asn: Asn) -> Option<&str> {
        let place = self.places.get(&asn)?;
        let start = usize::try_from(place.offset).ok()?;
        self.text.get(start..start + usize::from(place.octets))
    }

    /// Returns all names, by ascending AS number.
    pub fn sorted(&self) -> impl Iterator<Item = (Asn, &str)> {
        let mut numbers: Vec<Asn> = self.places.keys().copied().collect();
        numbers.sort_unstable();
        numbers
            .into_iter()
            .filter_map(|asn| Some((asn, self.of(asn)?)))
    }

    /// Returns how many AS have a name.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Returns the bytes of memory that the names take.
    pub fn memory_bytes(&self) -> usize {
        self.text.capacity() + self.places.capacity() * size_of::<(Asn, Place)>()
    }

    /// Makes room for names of `asns_count` AS.
    pub(crate) fn reserve(&mut self, asns_count: usize) {
        self.places.reserve(asns_count);
    }

    /// Gives back the memory that growing left unused.
    pub(crate) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.places.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::AsNames;
    use crate::Asn;

    #[test]
    fn the_first_name_of_an_as_stays() {
        let mut names = AsNames::new();
        names.insert(Asn(64500), "Example One").expect("fits");
        names.insert(Asn(64500), "Example Two").expect("fits");
        names.insert(Asn(64501), "  ").expect("fits");
        assert_eq!(names.of(Asn(64500)), Some("Example One"));
        assert_eq!(names.of(Asn(64501)), None);
        assert_eq!(names.len(), 1);
    }

    #[test]
    fn merging_fills_gaps_only() {
        let mut first = AsNames::new();
        first.insert(Asn(1), "one").expect("fits");
        let mut second = AsNames::new();
        second.insert(Asn(1), "uno").expect("fits");
        second.insert(Asn(2), "due").expect("fits");
        first.merge(&second).expect("fits");
        assert_eq!(
            first.sorted().collect::<Vec<_>>(),
            [(Asn(1), "one"), (Asn(2), "due")]
        );
    }

    #[test]
    fn a_name_cannot_move_the_cursor_of_a_terminal() {
        let mut names = AsNames::new();
        names.insert(Asn(1), "red \u{1b}[31m\u{7}").expect("fits");
        assert_eq!(names.of(Asn(1)), Some("red \u{fffd}[31m\u{fffd}"));
    }

    #[test]
    fn a_long_name_is_cut_at_a_character() {
        let mut names = AsNames::new();
        names.insert(Asn(1), &"é".repeat(200)).expect("fits");
        assert_eq!(names.of(Asn(1)), Some("é".repeat(127).as_str()));
    }
}
