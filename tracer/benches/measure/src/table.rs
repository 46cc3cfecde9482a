//! The table of results: a row for each thing, a column for each thing it is compared with.

use crate::{Interval, Samples};

/// A table on stdout: the median of each thing, and its ratio to each reference with the 95% confidence interval.
pub struct Table<'a> {
    references: Vec<&'a Samples>,
}

impl<'a> Table<'a> {
    /// Prints the heading. A reference is a column: its title, and what rows are divided by.
    pub fn new(title: &str, references: &[(&str, &'a Samples)]) -> Self {
        print!("\n{title:<44} {:>9}", "ns");
        for (title, _) in references {
            print!(" {title:>9} {:<15}", "");
        }
        println!();
        Self { references: references.iter().map(|&(_, reference)| reference).collect() }
    }

    /// Prints rows of nanoseconds.
    pub fn rows<'s>(&self, rows: impl IntoIterator<Item = &'s Samples>) {
        rows.into_iter().for_each(|samples| self.row(samples));
    }

    fn row(&self, samples: &Samples) {
        print!("{:<44} {:>9.2}", samples.name, samples.interval().median);
        for reference in &self.references {
            let Interval { median, low, high } = samples.ratio_to(reference);
            print!(" {median:>9.3} {:<15}", format!("[{low:.3}, {high:.3}]"));
        }
        println!();
    }
}
