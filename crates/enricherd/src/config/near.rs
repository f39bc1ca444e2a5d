//! Which of the known words an unknown one was meant to be.
//!
//! Bound: words longer than [`WORD_CHARS_MAX`] are nobody's typing error.

const WORD_CHARS_MAX: usize = 40;

/// Returns the word that is a few typing errors away, or that `word` is the beginning of.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    if word.chars().count() > WORD_CHARS_MAX {
        return None;
    }
    let begins = |candidate: &&&str| {
        word.len() >= 3 && candidate.to_ascii_lowercase().starts_with(word.as_str())
    };
    let begun = known.iter().filter(begins);
    if let Some(begun) = begun.min_by_key(|candidate| candidate.len()) {
        return Some(begun);
    }
    let with_distance = known.iter().map(|candidate| {
        let errors = distance(&word, &candidate.to_ascii_lowercase());
        (errors, *candidate)
    });
    let nearest = with_distance.min_by_key(|(errors, _)| *errors);
    // In a short word two errors make another word.
    nearest
        .filter(|(errors, candidate)| *errors <= candidate.len().div_ceil(4).min(3))
        .map(|(_, candidate)| candidate)
}

/// Returns how many characters must be put in, left out or exchanged (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, char) in one.chars().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        for (above, candidate) in row.iter_mut().skip(1).zip(&other) {
            let exchanged = diagonal + usize::from(char != *candidate);
            diagonal = *above;
            left = exchanged.min(left + 1).min(diagonal + 1);
            *above = left;
        }
    }
    // The first column is never read again, so an empty `other` has its own answer.
    row.last()
        .copied()
        .filter(|_| !other.is_empty())
        .unwrap_or_else(|| one.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_typing_errors() {
        for (one, other, errors) in [
            ("", "", 0),
            ("abc", "", 3),
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("abc", "abd", 1),
            ("abc", "ac", 1),
            ("ab", "ba", 2),
            ("kitten", "sitting", 3),
            ("listen_prot", "listen_port", 2),
        ] {
            assert_eq!(distance(one, other), errors, "{one} {other}");
        }
    }

    #[test]
    fn only_what_is_near_is_proposed() {
        let known = [
            "pass",
            "drop",
            "listen_port",
            "flow-except-private",
            "flow",
            "WARNING",
        ];
        for (word, expected) in [
            ("pas", Some("pass")),
            ("dorp", None),
            ("listen_prot", Some("listen_port")),
            ("warn", Some("WARNING")),
            ("flow-except-privat", Some("flow-except-private")),
            ("flwo", None),
            ("flo", Some("flow")),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, &known), expected, "{word}");
        }
        assert_eq!(nearest(&"pass".repeat(100), &known), None);
    }
}
