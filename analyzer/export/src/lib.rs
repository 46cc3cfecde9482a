//! A trace in the forms that other tools read.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use memtrace_analysis::Trace;
//! use memtrace_export::{Export, Format};
//!
//! let trace = Trace::open("run.trace")?;
//! let file = std::fs::File::create("run.pftrace")?;
//! memtrace_export::export(&trace, &Export::new(Format::Perfetto), file, |_| ())?;
//! # Ok(())
//! # }
//! ```
//!
//! Nothing is kept of the events: what is written grows with them, and memory with what is live. Names are escaped for where
//! they go: a trace comes from strangers.
#![forbid(unsafe_code)]

pub mod html;
mod live;
mod perfetto;
mod tables;
mod torch;

use std::io::{self, Write};

use memtrace_analysis::{
    Filter, Nanos, Progress, RangeError, ReadError, SnapshotAt, SnapshotAtError, Trace, TraceRange,
    walk::{WalkError, walk},
};
use thiserror::Error;

use live::Shape;
use perfetto::Perfetto;
use tables::Csv;
#[cfg(feature = "parquet")]
use tables::Parquet;
pub use tables::Table;
use torch::Torch;

/// A request to export.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Export {
    /// The form to write.
    pub format: Format,
    /// The part of the trace.
    pub part: TraceRange,
    /// The filter of events.
    pub filter: Filter,
    /// The instant, for formats of live memory. `None`: the highest peak.
    pub at: Option<SnapshotAt>,
}

/// The forms that other tools read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// A timeline for Perfetto.
    Perfetto,
    /// A memory snapshot of PyTorch.
    Torch,
    /// A table, with commas between.
    Csv(Table),
    /// A table in columns; only if this was built with the feature `parquet`.
    Parquet(Table),
    /// Live memory at an instant, as collapsed stacks.
    Collapsed,
    /// Live memory at an instant, as a flame graph in SVG.
    FlameGraph,
    /// Live memory at an instant, for speedscope.
    Speedscope,
}

/// The reason why a trace is not exported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The file cannot be read, or has no such part.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// The trace has no such instant.
    #[error(transparent)]
    SnapshotAt(#[from] SnapshotAtError),
    /// An instant was asked for, and the format shows a timeline, or the other way round.
    #[error("{0}")]
    Selection(&'static str),
    /// The trace has nothing to show.
    #[error("nothing is live at {0}")]
    NothingLive(Nanos),
    /// The format takes a library that this was built without.
    #[error("this memtrace was built without its feature `parquet`")]
    WithoutParquet,
    /// The output cannot be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

impl From<WalkError> for ExportError {
    fn from(error: WalkError) -> Self {
        match error {
            WalkError::Range(error) => Self::Range(error),
            WalkError::Write(error) => Self::Write(error),
            _ => Self::Write(io::Error::other(error)),
        }
    }
}

impl From<ReadError> for ExportError {
    fn from(error: ReadError) -> Self {
        Self::Range(error.into())
    }
}

impl Format {
    /// Returns true if it shows a span of time, not an instant.
    fn is_of_a_range(self) -> bool {
        matches!(self, Self::Perfetto | Self::Torch | Self::Csv(_) | Self::Parquet(_))
    }
}

impl Export {
    /// All of a trace.
    pub fn new(format: Format) -> Self {
        Self { format, part: TraceRange::Whole, filter: Filter::default(), at: None }
    }
}

/// Writes the trace for another tool. `watch` is told of progress.
///
/// # Errors
///
/// The trace has no such part, cannot be read, or `out` cannot be written.
pub fn export(
    trace: &Trace,
    export: &Export,
    out: impl Write + Send,
    watch: impl FnMut(Progress),
) -> Result<(), ExportError> {
    let mut out = io::BufWriter::with_capacity(1 << 16, out);
    let written = write_export(trace, export, &mut out, watch);
    if written.is_err() {
        // What a part would begin with is not written if there is no such part.
        drop(out.into_parts());
        return written;
    }
    Ok(out.flush()?)
}

fn write_export(
    trace: &Trace,
    export: &Export,
    out: &mut (impl Write + Send),
    watch: impl FnMut(Progress),
) -> Result<(), ExportError> {
    let selection = (&export.part, &export.filter);
    let shape = match export.format {
        _ if export.at.is_some() && export.format.is_of_a_range() => {
            return Err(ExportError::Selection("this format shows a timeline, not an instant"));
        }
        Format::Perfetto => return Ok(walk(trace, selection, Perfetto::new(trace, out)?, watch)?),
        Format::Torch => return Ok(walk(trace, selection, Torch::new(trace, out)?, watch)?),
        Format::Csv(table) => {
            return tables::write(trace, table, selection, Csv::new(table, out), watch);
        }
        #[cfg(feature = "parquet")]
        Format::Parquet(table) => {
            return tables::write(trace, table, selection, Parquet::new(table, out)?, watch);
        }
        #[cfg(not(feature = "parquet"))]
        Format::Parquet(_) => return Err(ExportError::WithoutParquet),
        Format::Collapsed => Shape::Collapsed,
        Format::FlameGraph => Shape::FlameGraph,
        Format::Speedscope => Shape::Speedscope,
    };
    if export.part != TraceRange::Whole {
        return Err(ExportError::Selection("this format shows an instant, not a timeline"));
    }
    let when = export.at.as_ref().unwrap_or(&SnapshotAt::Peak(1));
    live::write(trace, shape, (when, &export.filter), out)
}
