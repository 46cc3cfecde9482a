//! Placeholder.
#![forbid(unsafe_code)]

pub mod report;
mod text;
mod time;
pub mod timeline;

pub use text::Text;
pub use time::Nanos;

/// Analyzes the trace at `path`.
///
/// # Errors
///
/// The file cannot be read as a trace.
pub fn analyze(path: impl AsRef<std::path::Path>) -> Result<Analysis, ReadError> {
    let _ = path;
    Err(ReadError::Empty)
}

/// Why a file cannot be read as a trace.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file is empty.
    #[error("it is empty")]
    Empty,
}

/// What an analysis of a trace found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Analysis {
    /// Figures and names.
    pub report: report::Report,
    /// The course of the run, for charts.
    pub timeline: timeline::Timeline,
}

/// How far an analysis has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The bytes of the file that are replayed.
    pub done: memtrace_format::Bytes,
    /// The bytes of the file that hold events.
    pub total: memtrace_format::Bytes,
}
