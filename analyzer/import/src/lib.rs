//! Turns recordings of other programs into logs, the only form that the analysis knows. [`open_recording`] opens whatever a user has:
//! a log as it is, anything else through an import.
//!
//! Which recording a file is, is told by its content, never by its name. What is in it is not trusted: an importer gives an error
//! that says where, and takes memory in proportion to the file at most.
#![forbid(unsafe_code)]

mod error;
#[cfg(feature = "nsight")]
mod nsight;
mod open;
mod pickle;
mod plain;
mod recognize;
mod rmm;
mod torch;
mod writer;

use std::{fs::File, path::Path};

use memtrace_analysis::Progress;
use memtrace_format::Bytes;

pub use error::ImportError;
#[cfg(feature = "nsight")]
pub use nsight::NsightError;
pub use open::{OpenError, open_recording};
pub use pickle::{Opcode, PickleError, PickleFault};
pub use recognize::ForeignFormat;
pub use rmm::{RmmError, RmmFault};
pub use torch::{SnapshotError, SnapshotFault};

/// What an import did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// What the file was.
    pub format: ForeignFormat,
    /// The events that were written.
    pub events: u64,
    /// How often a block's deduced size is that which the recording shows at its end.
    pub sizes_agree: u64,
    /// And how often it is not; then the shown one counts.
    pub sizes_differ: u64,
    /// How often the recording contradicts itself.
    pub contradictions: u64,
    /// What a reader of the figures should know.
    pub notes: Vec<String>,
}

/// What an import is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It reads the file: progress is in bytes.
    Reading,
    /// It goes through the events: progress is in events.
    Writing,
}

impl Imported {
    fn new(format: ForeignFormat) -> Self {
        Self { format, events: 0, sizes_agree: 0, sizes_differ: 0, contradictions: 0, notes: Vec::new() }
    }
}

/// Writes the recording in the file at `path` into `log`, an empty file, as a log. `watch` is told how far it has come.
///
/// # Errors
///
/// The file cannot be read as any recording that this program knows, or the log cannot be written. What is in `log` then is no
/// log.
pub fn import(
    path: impl AsRef<Path>,
    log: File,
    watch: &mut dyn FnMut(Stage, Progress),
) -> Result<Imported, ImportError> {
    let path = path.as_ref();
    let (file, length) = recognize::open(path)?;
    let mut watch = |stage, done, total| watch(stage, Progress { done: Bytes(done), total: Bytes(total) });
    match recognize::format(&file)? {
        Some(ForeignFormat::PyTorch) => torch::import(file, length, log, &mut watch),
        Some(ForeignFormat::Rmm) => rmm::import(file, length, log, &mut watch),
        #[cfg(feature = "nsight")]
        Some(ForeignFormat::Nsight) => nsight::import(path, log, &mut watch),
        #[cfg(not(feature = "nsight"))]
        Some(ForeignFormat::Nsight) => Err(ImportError::WithoutNsight),
        None => Err(ImportError::Unknown),
    }
}
