//! Tables: the events, the samples or the modules of a trace, a row each. `docs/export.md` says what is in which column.

mod csv;
mod events;
mod modules;
#[cfg(feature = "parquet")]
mod parquet;
mod samples;

use std::io;

use memtrace_analysis::{Filter, Progress, Text, Trace, TraceRange, walk::walk};

use super::ExportError;
pub(super) use csv::Csv;
#[cfg(feature = "parquet")]
pub(super) use parquet::Parquet;

/// The tables.
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
    pub fn columns(self) -> impl Iterator<Item = &'static str> {
        self.shape().iter().map(|&(name, _)| name)
    }

    fn shape(self) -> &'static [(&'static str, Kind)] {
        match self {
            Self::Events => &events::COLUMNS,
            Self::Samples => &samples::COLUMNS,
            Self::Modules => &modules::COLUMNS,
        }
    }
}

/// The type of a column, for files that declare it.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    Number,
    /// Numbers of which some are no whole ones.
    Value,
}

/// A value of a row.
#[derive(Clone, Debug)]
enum Cell {
    /// No value: unknown, or meant for other rows.
    Empty,
    Text(Text),
    Word(&'static str),
    Number(u64),
    Float(f64),
    Address(u64),
}

/// Rows on their way out.
trait Rows {
    /// Called once the request is known to exist; nothing may be written before.
    fn begin(&mut self) -> io::Result<()>;
    fn row<const N: usize>(&mut self, cells: [Cell; N]) -> io::Result<()>;
    fn finish(self) -> io::Result<()>;
}

/// Writes a table's rows.
#[expect(private_bounds, reason = "only the exports have rows")]
pub(super) fn write(
    trace: &Trace,
    table: Table,
    selection: (&TraceRange, &Filter),
    rows: impl Rows,
    watch: impl FnMut(Progress),
) -> Result<(), ExportError> {
    match table {
        Table::Events => Ok(walk(trace, selection, events::Events::new(trace, rows), watch)?),
        Table::Samples => Ok(walk(trace, selection, samples::Samples::new(trace, rows), watch)?),
        Table::Modules => {
            let (part, filter) = selection;
            let analysis = trace.analyze_filtered(part, filter, watch)?;
            Ok(modules::write(&analysis.report, rows)?)
        }
    }
}

impl Cell {
    /// A cell of what may not be known.
    fn of<T>(known: Option<T>, cell: impl FnOnce(T) -> Self) -> Self {
        known.map_or(Self::Empty, cell)
    }
}
