//! Errors of an import.

use std::{io, path::PathBuf};

use memtrace_analysis::ReadError;
use thiserror::Error;

use super::{
    ContainerError, PickleError, ProfileError, ProfilerError, RmmError, SnapshotError, TimelineError,
    UnreadFile,
};

/// Why a recording cannot be imported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file cannot be read at all.
    #[error(transparent)]
    File(#[from] ReadError),
    /// It begins like no recording that this program knows.
    #[error("it begins like no recording that can be imported")]
    Unknown,
    /// It is a file of another program, and no recording.
    #[error("{0}")]
    Unread(UnreadFile),
    /// It cannot be taken out of what it is in.
    #[error("{0}")]
    Container(#[from] ContainerError),
    /// It is no pickle of plain data.
    #[error("{0}")]
    Pickle(#[from] PickleError),
    /// It is a pickle and no snapshot.
    #[error("{0}")]
    Snapshot(#[from] SnapshotError),
    /// It is JSON and no trace of PyTorch's profiler with memory events.
    #[error("{0}")]
    Profiler(#[from] ProfilerError),
    /// It is JSON and no raw memory timeline.
    #[error("{0}")]
    Timeline(#[from] TimelineError),
    /// It is no profile of JAX.
    #[error("{0}")]
    Profile(#[from] ProfileError),
    /// It is an RMM log with a line that is none.
    #[error("{0}")]
    Rmm(#[from] RmmError),
    /// It is no export of Nsight Systems with memory events.
    #[cfg(feature = "nsight")]
    #[error("{0}")]
    Nsight(#[from] super::NsightError),
    /// This program was built without the feature that reads exports of Nsight Systems.
    #[error("it is a SQLite database, and this memtrace was built without its feature `nsight`")]
    WithoutNsight,
    /// It has more pools than a log can tell apart.
    #[error("it has more than {} pools of memory", u16::MAX)]
    TooManyPools,
    /// No temporary file can be made.
    #[error("no temporary file can be made in {}: {source}", folder.display())]
    NoRoom {
        /// Where.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The log cannot be written.
    #[error("the log cannot be written: {0}")]
    Write(#[source] io::Error),
}
