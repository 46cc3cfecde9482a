//! The log file as it is written: chunks handed out to threads, and the helper thread that makes and seals them.
//!
//! ```text
//!            take_chunk                    retire
//!   ready ─────────────▶ a thread's own ───────────▶ retired
//!     ▲                                                 │
//!     └── file grown, mapped, populated ◀── helper ──▶ sealed, unmapped
//! ```
//!
//! In ring mode sealed chunks stay mapped and become ready again, once a baseline says what they did.

mod chunk;
mod extent;
mod file;
mod helper;
mod recycler;
mod supply;
mod thread;

use std::sync::atomic::{AtomicU8, Ordering};

use crossbeam_queue::ArrayQueue;
use memtrace_format::{DropCause, FileHeader, RING};

pub(crate) use chunk::{Chunk, Retired, Slot};
use file::{LogFile, LogFileError};
pub(crate) use helper::{Helper, HelperError};

/// The most chunks that may be ready ahead of their use: 64 MiB of file.
const MOST_READY: usize = 1024;

/// What threads and the helper share.
pub(crate) struct Log {
    header: FileHeader,
    ready: ArrayQueue<Chunk>,
    retired: ArrayQueue<Retired>,
    /// Why no further chunk will come, as the number of a [`DropCause`]; zero while they do.
    stopped: AtomicU8,
}

impl Log {
    pub(crate) fn new(header: FileHeader) -> Self {
        Self {
            header,
            ready: ArrayQueue::new(MOST_READY),
            retired: ArrayQueue::new(MOST_READY),
            stopped: AtomicU8::new(0),
        }
    }

    pub(crate) fn header(&self) -> &FileHeader {
        &self.header
    }

    fn is_ring(&self) -> bool {
        self.header.incompatible & RING != 0
    }

    pub(crate) fn short_session(&self) -> u64 {
        self.header.short_session()
    }

    /// A chunk for the calling thread, or why there is none. Does not wait.
    pub(crate) fn take_chunk(&self) -> Result<Chunk, DropCause> {
        self.ready.pop().ok_or_else(|| {
            DropCause::decode(self.stopped.load(Ordering::Relaxed)).unwrap_or(DropCause::NoChunk)
        })
    }

    /// Gives a chunk back to be sealed. If the helper is so far behind that there is no place for it, the chunk stays
    /// unsealed, which readers accept.
    pub(crate) fn retire(&self, retired: Retired) {
        let _ = self.retired.push(retired);
    }

    fn stop(&self, cause: DropCause) {
        self.stopped.store(cause as u8, Ordering::Relaxed);
    }
}
