//! Where addresses are: an MMDB of countries, with or without cities, as MaxMind, DB-IP and IPinfo
//! make them.
//!
//! For people who read reports. The file is verified as a whole, tree and records, before anybody
//! is answered from it; then an address costs a walk of its bits and the decoding of one record.
//!
//! Not here: opening the file (the daemon), anything on the way of a Message.
//!
//! Bound: the octets of the file, and while it is verified 8 bytes for each distinct record.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use maxminddb::{MaxMindDbError, Reader};
use serde::Deserialize;

/// How many octets of a name are shown; what is longer is cut.
const NAME_OCTETS_MAX: usize = 127;

/// An MMDB that says where addresses are.
pub struct Places {
    reader: Reader<Vec<u8>>,
    octets_count: usize,
}

/// Where an address is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Two letters [ISO 3166-1].
    pub country_code: Option<String>,
    /// In English, if the file has names.
    pub country: Option<String>,
    /// In English, if the file has cities.
    pub city: Option<String>,
}

/// The file says nothing about places, or is damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlacesError {
    /// It is no MMDB, or a damaged one.
    #[error("MMDB: {reason}")]
    Mmdb {
        /// What is wrong, with the offset where that is known.
        reason: String,
    },
    /// No record of it names a country.
    #[error("no country in it; it is an MMDB of type {database_type:?}")]
    NoCountry {
        /// What it says of itself.
        database_type: String,
    },
}

impl From<MaxMindDbError> for PlacesError {
    fn from(error: MaxMindDbError) -> Self {
        Self::Mmdb {
            reason: error.to_string(),
        }
    }
}

impl Places {
    /// Verifies the octets of a file and keeps them.
    ///
    /// # Errors
    /// `Mmdb` names what is wrong and where; `NoCountry` if it is an MMDB of something else.
    pub fn read(octets: Vec<u8>) -> Result<Self, PlacesError> {
        let octets_count = octets.len();
        let reader = Reader::from_source(octets)?;
        reader.verify()?;
        let places = Self {
            reader,
            octets_count,
        };
        if places.names_a_country()? {
            Ok(places)
        } else {
            let database_type = places.reader.metadata().database_type.clone();
            Err(PlacesError::NoCountry { database_type })
        }
    }

    /// Returns where an address is; `None` if the file does not say.
    pub fn of(&self, address: IpAddr) -> Option<Place> {
        let found = self.reader.lookup(address.to_canonical()).ok()?;
        let record: Record = found.decode().ok()??;
        let place = record.place();
        (place != Place::default()).then_some(place)
    }

    /// Returns when the file was made, in seconds since 1970.
    pub fn made_unix_s(&self) -> u64 {
        self.reader.metadata().build_epoch
    }

    /// Returns the bytes of memory that it takes.
    pub const fn memory_bytes(&self) -> usize {
        self.octets_count
    }

    fn names_a_country(&self) -> Result<bool, PlacesError> {
        for found in self.reader.networks(Default::default())? {
            let Ok(Some(record)) = found?.decode::<Record>() else {
                continue;
            };
            if record.place().country_code.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database_type = &self.reader.metadata().database_type;
        f.debug_struct("Places")
            .field("database_type", database_type)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Place {
    /// As people write it: `Brisbane, Australia (AU)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [self.city.as_deref(), self.country.as_deref()];
        let named: Vec<_> = parts.into_iter().flatten().collect();
        f.write_str(&named.join(", "))?;
        match (&self.country_code, named.is_empty()) {
            (Some(code), true) => f.write_str(code),
            (Some(code), false) => write!(f, " ({code})"),
            (None, _) => Ok(()),
        }
    }
}

/// A record as MaxMind and DB-IP lay it out, or flat as IPinfo does.
#[derive(Debug, Default, Deserialize)]
struct Record {
    country: Option<Named>,
    registered_country: Option<Named>,
    city: Option<Named>,
    country_code: Option<String>,
    country_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Named {
    Text(String),
    Map {
        iso_code: Option<String>,
        #[serde(default)]
        names: BTreeMap<String, String>,
    },
}

impl Record {
    /// Where the address is used counts before where it is registered.
    fn place(self) -> Place {
        let in_english = |names: BTreeMap<String, String>| names.get("en").cloned();
        let (code, name) = match self.country.or(self.registered_country) {
            Some(Named::Map { iso_code, names }) => (iso_code, in_english(names)),
            Some(Named::Text(text)) if text.len() == 2 => (Some(text), None),
            Some(Named::Text(text)) => (None, Some(text)),
            None => (None, None),
        };
        let city = match self.city {
            Some(Named::Map { names, .. }) => in_english(names),
            Some(Named::Text(text)) => Some(text),
            None => None,
        };
        Place {
            country_code: shown(self.country_code.or(code)),
            country: shown(self.country_name.or(name)),
            city: shown(city),
        }
    }
}

/// Names end on terminals: control characters become U+FFFD; what is empty is nothing.
fn shown(name: Option<String>) -> Option<String> {
    let name = name?;
    let mut shown = String::new();
    for character in name.trim().chars() {
        if shown.len() + character.len_utf8() > NAME_OCTETS_MAX {
            break;
        }
        shown.push(if character.is_control() {
            '\u{fffd}'
        } else {
            character
        });
    }
    (!shown.is_empty()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<Named> {
        Some(Named::Text(text.to_owned()))
    }

    #[test]
    fn a_flat_record_is_a_place_too() {
        let record = Record {
            country: text("Australia"),
            country_code: Some("AU".to_owned()),
            city: text("Bris\u{1b}bane"),
            ..Record::default()
        };
        assert_eq!(
            record.place().to_string(),
            "Bris\u{fffd}bane, Australia (AU)"
        );
        let record = Record {
            country: text("AU"),
            city: text(" "),
            ..Record::default()
        };
        assert_eq!(record.place().to_string(), "AU");
    }
}
