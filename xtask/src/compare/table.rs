//! A table that is Markdown and reads well on a terminal too, and what stands in its cells.

use std::fmt::Write as _;

/// A table in Markdown, its columns as wide as what is in them.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(first: &str) -> Self {
        Self { rows: vec![vec![first.to_owned()]] }
    }

    pub(super) fn column(&mut self, name: &str) {
        self.rows[0].push(name.to_owned());
    }

    pub(super) fn row(&mut self, first: &str, rest: Vec<String>) {
        let mut row = vec![first.to_owned()];
        row.extend(rest);
        self.rows.push(row);
    }

    pub(super) fn unless_empty(&self) -> String {
        if self.rows.len() > 1 { format!("{}\n", self.text()) } else { String::new() }
    }

    pub(super) fn text(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..self.rows[0].len()).map(width).collect();
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            text.push('|');
            for (column, width) in widths.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                let _ = match column {
                    0 => write!(text, " {cell:<width$} |"),
                    _ => write!(text, " {cell:>width$} |"),
                };
            }
            text.push('\n');
            if index == 0 {
                let lines = widths.iter().enumerate().map(|(column, width)| {
                    let end = if column == 0 { "-" } else { ":" };
                    format!("{}{end}|", "-".repeat(width + 1))
                });
                let _ = writeln!(text, "|{}", lines.collect::<String>());
            }
        }
        text
    }
}

/// As `1,234,567`.
pub(super) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `number` for people to read, and for estimates.
#[expect(clippy::cast_precision_loss, reason = "so large none is that it would show")]
pub(super) const fn precise(number: u64) -> f64 {
    number as f64
}

/// With so many digits behind the point; a hyphen for what is unknown.
pub(super) fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

/// What would end a cell or a line of a table does not.
pub(super) fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let mut table = Table::new("a");
        table.column("long name");
        table.row("wide", vec!["1".to_owned()]);
        assert_eq!(
            table.text(),
            "| a    | long name |\n|------|----------:|\n| wide |         1 |\n"
        );
        assert_eq!(Table::new("a").unless_empty(), "");
        assert_eq!(escaped("a|b\nc"), "a\\|b c");
    }

    #[test]
    fn thousands_are_grouped() {
        let grouped = [0.4, 12.0, 999.6, 12_345.0, 1_234_567.0].map(grouped);
        assert_eq!(grouped, ["0", "12", "1,000", "12,345", "1,234,567"]);
    }
}
