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

/// Returns how many characters must be put in, left out, exchanged, or swapped with the next
/// (Damerau and Levenshtein, no character twice).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    let mut above_that = above.clone();
    let mut last = None;
    for char in one.chars() {
        let mut row = vec![above[0] + 1];
        for (index, candidate) in other.iter().enumerate() {
            let exchanged = above[index] + usize::from(char != *candidate);
            let best = exchanged.min(above[index + 1] + 1).min(row[index] + 1);
            let is_swapped = last == Some(*candidate) && index > 0 && other[index - 1] == char;
            row.push(if is_swapped {
                best.min(above_that[index - 1] + 1)
            } else {
                best
            });
        }
        above_that = std::mem::replace(&mut above, row);
        last = Some(char);
    }
    above[other.len()]
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
            ("ab", "ba", 1),
            ("kitten", "sitting", 3),
            ("listen_prot", "listen_port", 1),
            ("abcd", "badc", 2),
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
            ("dorp", Some("drop")),
            ("listen_prot", Some("listen_port")),
            ("warn", Some("WARNING")),
            ("flow-except-privat", Some("flow-except-private")),
            ("flwo", Some("flow")),
            ("flo", Some("flow")),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, &known), expected, "{word}");
        }
        assert_eq!(nearest(&"pass".repeat(100), &known), None);
    }
}
