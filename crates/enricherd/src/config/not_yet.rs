//! Keys that are read and checked, and whose work is not in this version.
//!
//! A file that sets one to its default changes nothing and is accepted. One that sets it to
//! something else asks for what would not happen, and is told so. Whoever adds the work removes
//! the row. Keys that say how something is done that another key switches on need none: older
//! files have them beside a `false`.
//!
//! Not here: what the keys mean (`keys`).

/// The keys, each with what this version lacks.
const NOT_YET: &[(&str, &str)] = &[];

/// Returns what this version lacks for a key; `None` if the key works.
pub(super) fn lack(path: &str) -> Option<&'static str> {
    let row = NOT_YET.iter().find(|(key, _)| *key == path);
    row.map(|(_, lack)| *lack)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::KEYS;

    #[test]
    fn every_row_is_a_key() {
        for (path, _) in NOT_YET {
            assert!(KEYS.iter().any(|key| key.path == *path), "{path}");
        }
    }
}
