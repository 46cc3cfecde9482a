//! A table with commas between: what a spreadsheet would take for a formula is none, and what could command a terminal is escaped.

use std::io::{self, Write};

use csv::Writer;
use memtrace_analysis::as_cell;

use super::{Cell, Rows, Table};

/// The rows of a table on their way into a file.
pub(crate) struct Csv<W: Write> {
    table: Table,
    writer: Writer<W>,
    record: Vec<String>,
}

impl<W: Write> Csv<W> {
    pub(crate) fn new(table: Table, out: W) -> Self {
        Self { table, writer: Writer::from_writer(out), record: Vec::new() }
    }
}

impl<W: Write> Rows for Csv<W> {
    fn begin(&mut self) -> io::Result<()> {
        self.writer.write_record(self.table.columns()).map_err(io::Error::from)
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
}
