//! Turns recordings of other programs into logs, the only form that the analysis knows. [`open_recording`] opens whatever a user has:
//! a log as it is, anything else through an import.
//!
//! Which recording a file is, is told by its content, never by its name. What is in it is not trusted: an importer gives an error
//! that says where, and takes memory in proportion to the file at most.
#![forbid(unsafe_code)]

mod container;
mod error;
mod jax;
mod memory_timeline;
#[cfg(feature = "nsight")]
mod nsight;
mod open;
mod pickle;
mod plain;
mod profiler;
mod recognize;
mod rmm;
mod torch;
mod watched;
mod writer;

use std::{fs::File, path::Path};

use memtrace_analysis::Progress;
use memtrace_format::Bytes;

pub use container::ContainerError;
use container::Source;
pub use error::ImportError;
pub use jax::ProfileError;
pub use memory_timeline::TimelineError;
#[cfg(feature = "nsight")]
pub use nsight::NsightError;
pub use open::{OpenError, open_recording};
pub use pickle::{Opcode, PickleError, PickleFault};
pub use profiler::ProfilerError;
pub use recognize::{ForeignFormat, UnreadFile};
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
    let source = Source::open(path.as_ref())?;
    let format = recognize::format(&source.file)?.ok_or(ImportError::Unknown)?;
    import_as(format, source, log, watch)
}

fn import_as(
    format: ForeignFormat,
    source: Source,
    log: File,
    watch: &mut dyn FnMut(Stage, Progress),
) -> Result<Imported, ImportError> {
    let mut watch = |stage, done, total| watch(stage, Progress { done: Bytes(done), total: Bytes(total) });
    let path = source.path();
    let Source { file, length, .. } = source;
    match format {
        ForeignFormat::PyTorch => torch::import(file, length, log, &mut watch),
        ForeignFormat::Profiler => profiler::import(file, length, log, &mut watch),
        ForeignFormat::MemoryTimeline => memory_timeline::import(file, length, log, &mut watch),
        ForeignFormat::Jax => jax::import(file, length, log, &mut watch),
        ForeignFormat::Rmm => rmm::import(file, length, log, &mut watch),
        #[cfg(feature = "nsight")]
        ForeignFormat::Nsight => {
            // While the database is read by this path, the file stays open.
            let imported = nsight::import(&path, log, &mut watch);
            drop(file);
            imported
        }
        #[cfg(not(feature = "nsight"))]
        ForeignFormat::Nsight => Err(ImportError::WithoutNsight),
    }
}
