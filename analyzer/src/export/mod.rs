//! A trace in the forms that other tools read.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use memtrace_analyzer::{Trace, export::{Export, Format}};
//!
//! let trace = Trace::open("run.trace")?;
//! let file = std::fs::File::create("run.pftrace")?;
//! trace.export(&Export::new(Format::Perfetto), file, |_| ())?;
//! # Ok(())
//! # }
//! ```
//!
//! Nothing is kept of the events: what is written grows with them, and memory with what is live. Names are escaped for where
//! they go: a trace comes from strangers.

mod perfetto;
mod torch;
mod walk;

use std::io::{self, Write};

use thiserror::Error;

use crate::{Filter, Part, PartError, Progress, ReadError, Trace, instant::WhenError};
use perfetto::Perfetto;
use torch::Torch;

/// What is to be written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Export {
    /// For which tool.
    pub format: Format,
    /// Of which part of the trace.
    pub part: Part,
    /// Of what alone.
    pub filter: Filter,
}

/// What other tools read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// A timeline for Perfetto.
    Perfetto,
    /// A memory snapshot of PyTorch.
    Torch,
}

/// Why a trace is not exported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The file cannot be read, or has no such part.
    #[error(transparent)]
    Part(#[from] PartError),
    /// It has no such instant.
    #[error(transparent)]
    When(#[from] WhenError),
    /// What is written cannot be.
    #[error(transparent)]
    Write(#[from] io::Error),
}

impl From<ReadError> for ExportError {
    fn from(error: ReadError) -> Self {
        Self::Part(error.into())
    }
}

impl Export {
    /// All of a trace.
    pub fn new(format: Format) -> Self {
        Self { format, part: Part::Whole, filter: Filter::default() }
    }
}

impl Trace {
    /// Writes the trace for another tool. `watch` is told of progress.
    ///
    /// # Errors
    ///
    /// The trace has no such part, cannot be read, or `out` cannot be written.
    pub fn export(
        &self,
        export: &Export,
        out: impl Write,
        watch: impl FnMut(Progress),
    ) -> Result<(), ExportError> {
        let out = io::BufWriter::with_capacity(1 << 16, out);
        let selection = (&export.part, &export.filter);
        match export.format {
            Format::Perfetto => walk::walk(self, selection, Perfetto::new(self, out)?, watch),
            Format::Torch => walk::walk(self, selection, Torch::new(self, out)?, watch),
        }
    }
}
