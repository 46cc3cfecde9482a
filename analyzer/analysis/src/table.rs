//! Plain tables and numbers for people.

use std::fmt;

/// A table whose columns are known only when it is made.
#[derive(Debug)]
pub(crate) struct Columns(Table);

impl Columns {
    pub(crate) fn new(title: String, heads: impl Iterator<Item = String>) -> Self {
        Self(Table { rows: vec![std::iter::once(title).chain(heads).collect()] })
    }

    pub(crate) fn row(&mut self, name: &str, cells: impl Iterator<Item = String>) {
        self.0.rows.push(std::iter::once(name.to_owned()).chain(cells).collect());
    }
}

impl fmt::Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Rows of cells. The first column is aligned to the left, all others to the right.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(heads: [&str; N]) -> Self {
        Self { rows: vec![heads.map(str::to_owned).to_vec()] }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::from(" ");
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                line.push_str(&if column == 0 {
                    format!(" {cell:<width$}")
                } else {
                    format!("  {cell:>width$}")
                });
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// The end of a long name: what tells it from others mostly stands there.
pub(crate) fn shorten(name: &impl fmt::Display, width: usize) -> String {
    let name = name.to_string();
    match name.chars().count().checked_sub(width) {
        None | Some(0) => name,
        Some(over) => std::iter::once('…').chain(name.chars().skip(over + 1)).collect(),
    }
}

/// A number with its thousands set apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The day and time of an instant, in UTC.
pub fn utc(unix_ns: u64) -> String {
    let seconds = unix_ns / 1_000_000_000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years are counted from March, so that the leap day is the last; 719,468 days lie between that era and 1970.
    let day = days + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day_of_month:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_826_149_000_000_000), "2000-02-29 12:09:09 UTC");
        assert_eq!(utc(1_767_225_599_999_999_999), "2025-12-31 23:59:59 UTC");
    }

    #[test]
    fn numbers_and_names_fit_a_table() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(shorten(&"abcdef", 4), "…def");
        assert_eq!(shorten(&"abcd", 4), "abcd");
        let mut table = Table::new(["name", "bytes"]);
        table.row(["a".to_owned(), "1".to_owned()]);
        assert_eq!(table.to_string(), "  name  bytes\n  a         1\n");
    }
}
