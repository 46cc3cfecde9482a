//! Errors of reading a file as a trace.

use std::io;

use memtrace_format::HeaderError;
use thiserror::Error;

/// Why a file cannot be read as a trace.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It cannot be opened.
    #[error("it cannot be opened: {0}")]
    Open(#[source] io::Error),
    /// It is a directory, a pipe or a device.
    #[error("it is {what}, not a file")]
    NotAFile {
        /// What it is.
        what: &'static str,
    },
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// It does not begin like a log of this version.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// It is a packed log, or an archive, and cannot be used.
    #[error("{0}")]
    Packed(&'static str),
    /// The operating system cannot read a part of it.
    #[error("reading {length} bytes at offset {offset} failed: {source}")]
    Read {
        /// Where.
        offset: u64,
        /// How much was asked for.
        length: usize,
        /// What the system says.
        source: io::Error,
    },
}
