//! The filter of rows: words that a row must contain, and limits on its figures.
//!
//! ```text
//! unet              a cell has this text
//! !vae              none has
//! module:unet       the cell of this column has it
//! bytes>1.5GiB      the figure of this column is larger; < smaller
//! time>20ms unet    all of several
//! ```

use memtrace_analysis::Nanos;

use super::{Column, Row};

/// The conditions that a row must meet to be shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowFilter {
    text: String,
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq)]
enum Term {
    Has(String),
    HasNot(String),
    ColumnHas(usize, String),
    More(usize, f64),
    Less(usize, f64),
}

impl RowFilter {
    /// Reads what somebody wrote. What is no comparison with a known column is a text to be found.
    pub(super) fn new(text: &str, columns: &[Column]) -> Self {
        let terms = text.split_whitespace().map(|word| term(word, columns)).collect();
        Self { text: text.to_owned(), terms }
    }

    /// The filter as it was typed.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Returns true if every row passes.
    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Returns true if this row passes.
    pub(crate) fn admits(&self, row: &Row) -> bool {
        let number = |column: usize| row.cells.get(column).and_then(super::Cell::number);
        self.terms.iter().all(|term| match term {
            Term::Has(text) => row.has(text),
            Term::HasNot(text) => !row.has(text),
            Term::ColumnHas(column, text) => row.cells.get(*column).is_some_and(|cell| cell.has(text)),
            Term::More(column, limit) => number(*column).is_some_and(|number| number > *limit),
            Term::Less(column, limit) => number(*column).is_some_and(|number| number < *limit),
        })
    }
}

fn term(word: &str, columns: &[Column]) -> Term {
    let word = word.to_lowercase();
    if let Some(text) = word.strip_prefix('!').filter(|text| !text.is_empty()) {
        return Term::HasNot(text.to_owned());
    }
    let compared = word.find(['>', '<', ':']).and_then(|at| {
        let (name, rest) = word.split_at(at);
        // The beginning of a name is enough: nobody types all of it.
        let column = columns.iter().position(|column| column.name.to_lowercase().starts_with(name))?;
        let value = &rest[1..];
        match rest.as_bytes()[0] {
            _ if name.is_empty() || value.is_empty() => None,
            b'>' => Some(Term::More(column, amount(value)?)),
            b'<' => Some(Term::Less(column, amount(value)?)),
            _ => Some(Term::ColumnHas(column, value.to_owned())),
        }
    });
    compared.unwrap_or(Term::Has(word))
}

/// A number with or without a unit, in bytes, nanoseconds, parts of one, or ones.
fn amount(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 9] = [
        ("kib", 1024.0),
        ("mib", 1048576.0),
        ("gib", 1073741824.0),
        ("tib", 1099511627776.0),
        ("k", 1024.0),
        ("m", 1048576.0),
        ("g", 1073741824.0),
        ("b", 1.0),
        ("%", 0.01),
    ];
    if let Ok(number) = text.parse::<f64>() {
        return number.is_finite().then_some(number);
    }
    for (unit, scale) in UNITS {
        if let Some(number) = text.strip_suffix(unit).and_then(|number| number.parse::<f64>().ok()) {
            return Some(number * scale);
        }
    }
    text.parse::<Nanos>().ok().map(|time| time.0 as f64)
}

#[cfg(test)]
mod tests {
    use memtrace_format::Bytes;

    use super::*;
    use crate::listing::Cell;

    fn admits(text: &str, name: &str, bytes: u64, time: u64) -> bool {
        let columns =
            [Column::text("module", 10, 0), Column::number("bytes", 10, 0), Column::number("time", 10, 0)];
        let cells = vec![Cell::word(name), Cell::Bytes(Bytes(bytes)), Cell::Time(Nanos(time))];
        RowFilter::new(text, &columns).admits(&Row::new(1, cells))
    }

    #[test]
    fn words_must_be_there_or_not() {
        assert!(admits("", "unet.down", 1, 1));
        assert!(admits("UNET down", "unet.down", 1, 1));
        assert!(!admits("unet up", "unet.down", 1, 1));
        assert!(admits("!vae", "unet.down", 1, 1) && !admits("!UNET", "unet.down", 1, 1));
        assert!(admits("module:down", "unet.down", 1, 1) && !admits("mod:vae", "unet.down", 1, 1));
    }

    #[test]
    fn figures_are_compared_in_their_units() {
        assert!(admits("bytes>1.5GiB", "m", 2 << 30, 1) && !admits("bytes>1.5GiB", "m", 1 << 30, 1));
        assert!(admits("bytes<2k", "m", 2047, 1) && !admits("bytes<2k", "m", 2048, 1));
        assert!(admits("time>20ms", "m", 1, 20_000_001) && !admits("t>20ms", "m", 1, 20_000_000));
        assert!(admits("bytes>1 time<1s", "m", 2, 2));
    }

    #[test]
    fn what_is_no_comparison_is_a_text() {
        assert!(admits("a>b", "a>b", 1, 1) && !admits("a>b", "ab", 1, 1));
        assert!(admits("bytes>", "bytes>", 1, 1) && admits("!", "a!", 1, 1));
        assert!(admits(":x", "a:x", 1, 1));
    }
}
