//! Colours on a terminal, where they are wanted: `NO_COLOR` and pipes get none.
//!
//! Not here: colours of the full screen (`stats`).

use std::io::{self, IsTerminal};

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// IPFIX.
    Blue,
    /// NetFlow.
    Cyan,
    /// To be looked at, or without AS.
    Yellow,
    /// Wrong.
    Red,
    /// Well.
    Green,
    /// To stand out.
    Bold,
}

impl Colour {
    const fn code(self) -> &'static str {
        match self {
            Self::Blue => "34",
            Self::Cyan => "36",
            Self::Yellow => "33",
            Self::Red => "31",
            Self::Green => "32",
            Self::Bold => "1",
        }
    }
}

/// Whether colours are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Palette {
    /// They are.
    Coloured,
    /// They are not.
    Plain,
}

impl Palette {
    /// Returns what standard output wants [no-color.org].
    #[must_use]
    pub fn of_output() -> Self {
        let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if is_unwanted || !io::stdout().is_terminal() {
            Self::Plain
        } else {
            Self::Coloured
        }
    }

    /// Returns a text in a colour.
    #[must_use]
    pub fn paint(self, colour: Colour, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\u{1b}[{}m{text}\u{1b}[0m", colour.code()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_palette_leaves_the_text_alone() {
        assert_eq!(Palette::Plain.paint(Colour::Red, "a"), "a");
        assert_eq!(
            Palette::Coloured.paint(Colour::Red, "a"),
            "\u{1b}[31ma\u{1b}[0m"
        );
    }
}
