//! Cells, rows and columns.

use std::{cmp::Ordering, fmt};

use memtrace_analysis::{Nanos, Text};
use memtrace_format::Bytes;

/// A row: its cells, in the order of the columns.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// An id that stays the same while rows come and go; the view that made the row knows it.
    pub(crate) id: u64,
    /// The depth in a tree, 0 at the top.
    pub(crate) depth: usize,
    /// Its cells.
    pub(crate) cells: Vec<Cell>,
}

impl Row {
    /// A row that is below none.
    pub(crate) fn new(id: u64, cells: Vec<Cell>) -> Self {
        Self { id, depth: 0, cells }
    }

    /// Returns true if a cell contains this text, which is in lower case.
    pub(crate) fn has(&self, needle: &str) -> bool {
        self.cells.iter().any(|cell| cell.has(needle))
    }

    /// The cells with tabs between them.
    pub(crate) fn to_line(&self) -> String {
        self.cells.iter().map(Cell::to_string).collect::<Vec<_>>().join("\t")
    }
}

/// A column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// The name, in the head and in filters.
    pub(crate) name: &'static str,
    /// The width in cells; [`Column::WIDE`] takes the room that is left.
    pub(crate) cells: u16,
    /// The alignment: text to the left, numbers to the right.
    pub(crate) text: bool,
    /// On a narrow screen the columns with the highest numbers are left out first.
    pub(crate) rank: u8,
}

impl Column {
    /// As wide as there is room.
    pub(crate) const WIDE: u16 = 0;

    /// A column of texts.
    pub(crate) fn text(name: &'static str, cells: u16, rank: u8) -> Self {
        Self { name, cells, text: true, rank }
    }

    /// A column of numbers.
    pub(crate) fn number(name: &'static str, cells: u16, rank: u8) -> Self {
        Self { name, cells, text: false, rank }
    }

    /// Returns true if it holds numbers.
    pub(crate) fn is_number(&self) -> bool {
        !self.text
    }
}

/// A figure or a name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    /// A name.
    Text(Text),
    /// A size.
    Bytes(Bytes),
    /// A difference of two sizes.
    Change(i64),
    /// An instant, or a duration.
    Time(Nanos),
    /// A number of things.
    Count(u64),
    /// A part of a whole: 1 is all of it.
    Share(f64),
    /// A number with its unit.
    Number(f64, &'static str),
    /// Nothing is known.
    Unknown,
}

impl Cell {
    /// A name of the program's own.
    pub(crate) fn word(word: impl Into<std::sync::Arc<str>>) -> Self {
        Self::Text(Text::new(word))
    }

    /// Compares for sorting; unknown values come last in both directions.
    pub(crate) fn compare(&self, other: &Self, descending: bool) -> Ordering {
        let order = match (self, other) {
            (Self::Unknown, Self::Unknown) => return Ordering::Equal,
            (Self::Unknown, _) => return Ordering::Greater,
            (_, Self::Unknown) => return Ordering::Less,
            (Self::Text(a), Self::Text(b)) => a.recorded().cmp(b.recorded()),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            (Self::Time(a), Self::Time(b)) => a.cmp(b),
            (Self::Count(a), Self::Count(b)) => a.cmp(b),
            (Self::Change(a), Self::Change(b)) => a.cmp(b),
            (a, b) => a.number().unwrap_or(0.0).total_cmp(&b.number().unwrap_or(0.0)),
        };
        if descending { order.reverse() } else { order }
    }

    /// Its value in bytes, nanoseconds or ones; a name has none.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Text(_) | Self::Unknown => None,
            Self::Bytes(bytes) => Some(bytes.0 as f64),
            Self::Change(bytes) => Some(*bytes as f64),
            Self::Time(time) => Some(time.0 as f64),
            Self::Count(count) => Some(*count as f64),
            Self::Share(share) => Some(*share),
            Self::Number(number, _) => Some(*number),
        }
    }

    /// Returns true if this text, in lower case, occurs in the cell as shown or as recorded.
    pub(crate) fn has(&self, needle: &str) -> bool {
        match self {
            Self::Text(text) => {
                text.recorded().to_lowercase().contains(needle)
                    || text.to_string().to_lowercase().contains(needle)
            }
            other => other.to_string().to_lowercase().contains(needle),
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => text.fmt(f),
            Self::Bytes(bytes) => f.pad(&bytes.to_string()),
            Self::Change(bytes) => {
                let sign = if *bytes < 0 { '-' } else { '+' };
                f.pad(&format!("{sign}{}", Bytes(bytes.unsigned_abs())))
            }
            Self::Time(time) => time.fmt(f),
            Self::Count(count) => f.pad(&super::super::widget::count(*count)),
            Self::Share(share) => f.pad(&format!("{:.0}%", share * 100.0)),
            Self::Number(number, unit) => f.pad(&format!("{number:.2}{unit}")),
            Self::Unknown => f.pad("–"),
        }
    }
}
