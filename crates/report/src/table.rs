//! Tables for people: columns as wide as what is in them.
//!
//! Not here: what is in them (whoever answers).

use std::fmt::Write;

/// How a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text: begins where the column begins.
    Left,
    /// Numbers: end where the column ends.
    Right,
}

/// Rows under their heads.
#[derive(Clone, Debug)]
pub struct Table {
    heads: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Returns a table without rows.
    #[must_use]
    pub fn new(heads: &[(&'static str, Align)]) -> Self {
        Self {
            heads: heads.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row with a cell for each head.
    pub fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.heads.len());
        self.rows.push(cells);
    }

    /// Returns the lines, the heads first; two blanks stand between columns, none at a line's end.
    #[must_use]
    pub fn text(&self) -> String {
        let width = |column: usize| {
            let head = self.heads.get(column).map_or(0, |(head, _)| head.len());
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells
                .map(|cell| cell.chars().count())
                .fold(head, usize::max)
        };
        let widths: Vec<_> = (0..self.heads.len()).map(width).collect();
        let heads = self.heads.iter().map(|(head, _)| (*head).to_owned());
        let mut text = self.line(&heads.collect::<Vec<_>>(), &widths);
        for row in &self.rows {
            text += &self.line(row, &widths);
        }
        text
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, width), (_, align)) in cells.iter().zip(widths).zip(&self.heads) {
            // Writing to a String cannot fail.
            let _ = match align {
                Align::Left => write!(line, "{cell:<width$}  "),
                Align::Right => write!(line, "{cell:>width$}  "),
            };
        }
        line.truncate(line.trim_end().len());
        line + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let heads = [
            ("exporter", Align::Left),
            ("n", Align::Right),
            ("state", Align::Left),
        ];
        let mut table = Table::new(&heads);
        table.row(vec!["é".into(), "1,000".into(), "ok".into()]);
        table.row(vec!["192.0.2.1".into(), "7".into(), String::new()]);
        let expected = "exporter       n  state\né          1,000  ok\n192.0.2.1      7\n";
        assert_eq!(table.text(), expected);
    }
}
