//! The report in words and tables, to be pasted into a bug report: at most about a hundred columns, or two hundred where names and frames are long, nothing but printable
//! characters.

mod breakdown;
mod device;
mod finding;
mod fragmentation;
mod growth;
mod heap;
mod ledger;
mod movement;
mod oom;
mod run;
mod span;
mod state;

use std::fmt::{self, Display, Formatter};

use memtrace_format::Bytes;

use crate::{
    report::{Heap, Report},
    table::grouped,
    time::as_positions,
};
pub(crate) use breakdown::{age_words, size_words, stack_lines};
pub(crate) use heap::block_table;
pub use run::InfoText;
pub(crate) use run::{filter_words, range_words};
pub use state::StateText;

/// The widest name in a table.
const NAME: usize = 40;
/// Where sentences are broken.
const COLUMNS: usize = 110;
/// The most rows of a table; the rest is counted.
const ROWS: usize = 20;

/// A report as text.
#[derive(Clone, Copy, Debug)]
pub struct ReportText<'a>(pub &'a Report);

impl Display for ReportText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        as_positions(!self.0.trace.has_times(), || self.write(f))
    }
}

impl ReportText<'_> {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let report = self.0;
        run::header(f, &report.trace)?;
        run::facts(f, &report.marks)?;
        run::losses(f, &report.trace)?;
        finding::findings(f, report)?;
        // Accelerator memory is what people come for.
        let (devices, others): (Vec<&Heap>, Vec<&Heap>) =
            report.heaps.iter().partition(|heap| heap.device.is_some());
        for heap in devices.into_iter().chain(others) {
            heap::heap(f, heap, report.capacity(heap))?;
        }
        and_more(f, report.heaps_total, report.heaps.len(), "heaps")?;
        ledger::ledger(f, report)?;
        device::monitors(f, report)?;
        device::profiles(f, report)?;
        movement::modules(f, report)?;
        movement::transfers(f, report)?;
        movement::swaps(f, report)?;
        growth::growth(f, report)?;
        span::phases(f, report)?;
        span::counters(f, report)?;
        span::marks(f, report)?;
        oom::failures(f, report)
    }
}

fn and_more(f: &mut Formatter<'_>, all: u64, shown: usize, what: &str) -> fmt::Result {
    match all.checked_sub(shown as u64) {
        Some(more @ 1..) => writeln!(f, "  … and {} more {what} (--json has what is kept)", grouped(more)),
        _ => Ok(()),
    }
}

/// A text in lines that fit, behind a margin; those after the first a little further in.
fn wrapped(f: &mut Formatter<'_>, margin: &str, text: &str) -> fmt::Result {
    let mut line = String::new();
    let mut further = "";
    for word in text.split(' ') {
        if !line.is_empty() && margin.len() + line.chars().count() + 1 + word.chars().count() > COLUMNS {
            writeln!(f, "{margin}{further}{line}")?;
            line.clear();
            further = "  ";
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(f, "{margin}{further}{line}")
}

fn maybe(bytes: Option<Bytes>) -> String {
    bytes.map_or_else(|| "?".to_owned(), |bytes| bytes.to_string())
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

fn plural(count: u64, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}
