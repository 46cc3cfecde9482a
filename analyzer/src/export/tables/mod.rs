//! Tables: the events, the samples or the modules of a trace, a row each. `docs/export.md` says what is in which column.

mod events;
mod modules;
mod samples;

use std::io::{self, Write};

use csv::Writer;

use super::{ExportError, walk::walk};
use crate::{Filter, Part, Progress, Text, Trace, text::as_cell};

/// Which table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Table {
    /// Every event, with what it led to.
    #[default]
    Events,
    /// Every value that was sampled.
    Samples,
    /// Every module, with what it moved.
    Modules,
}

impl Table {
    /// The names of its columns. A name ends in the unit, if there is one.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Events => &events::COLUMNS,
            Self::Samples => &samples::COLUMNS,
            Self::Modules => &modules::COLUMNS,
        }
    }
}

/// What is in a column of a row.
#[derive(Clone, Debug)]
enum Cell {
    /// Nothing: not known, or of other rows.
    Empty,
    Text(Text),
    Word(&'static str),
    Number(u64),
    Float(f64),
    Address(u64),
}

/// Writes a table as CSV: what a spreadsheet would take for a formula is none, and what could command a terminal is escaped.
pub(super) fn write(
    trace: &Trace,
    table: Table,
    selection: (&Part, &Filter),
    out: impl Write,
    watch: impl FnMut(Progress),
) -> Result<(), ExportError> {
    let rows = Rows { writer: Writer::from_writer(out), record: Vec::new() };
    match table {
        Table::Events => walk(trace, selection, events::Events::new(trace, rows), watch),
        Table::Samples => walk(trace, selection, samples::Samples::new(trace, rows), watch),
        Table::Modules => {
            let (part, filter) = selection;
            let analysis = trace.analyze_filtered(part, filter, watch)?;
            Ok(modules::write(&analysis.report, rows)?)
        }
    }
}

/// Rows on their way out.
struct Rows<W: Write> {
    writer: Writer<W>,
    record: Vec<String>,
}

impl<W: Write> Rows<W> {
    /// Begins with the names of the columns: once it is known that there is what was asked for.
    fn begin(&mut self, columns: &[&str]) -> io::Result<()> {
        self.writer.write_record(columns).map_err(io::Error::from)
    }

    fn row<const N: usize>(&mut self, cells: [Cell; N]) -> io::Result<()> {
        self.record.clear();
        self.record.extend(cells.into_iter().map(Cell::written));
        self.writer.write_record(&self.record).map_err(io::Error::from)
    }

    fn finish(mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Cell {
    fn written(self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) => as_cell(text.to_string()),
            Self::Word(word) => word.to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Address(address) => format!("{address:#x}"),
        }
    }

    /// A cell of what may not be known.
    fn of<T>(known: Option<T>, cell: impl FnOnce(T) -> Self) -> Self {
        known.map_or(Self::Empty, cell)
    }
}
