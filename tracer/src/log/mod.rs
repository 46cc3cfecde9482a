//! The log file as it is written: chunks handed out to threads, and the helper thread that makes and seals them.
//!
//! ```text
//!            take_chunk                    retire
//!   ready ─────────────▶ a thread's own ───────────▶ retired
//!     ▲                     ▲      │                    │
//!     │           take_left │      │ leave              │
//!     │                     └ left ┘                    │
//!     └── file grown, mapped, populated ◀── helper ──▶ sealed, unmapped
//! ```
//!
//! A thread that ends leaves the room in its chunk to one that begins, so that threads of a few events take no more of the file
//! than their events do.
//!
//! In ring mode sealed chunks stay mapped and become ready again, once a baseline says what they did.

mod bell;
mod chunk;
mod descriptors;
mod extent;
mod faults;
mod file;
mod helper;
mod patience;
mod queue;
mod recycler;
mod supply;
mod sync;
mod thread;

use memtrace_format::{DropCause, FileHeader, RING};

pub(crate) use bell::Bell;
pub(crate) use chunk::{Chunk, Retired, Slot, write_record};
#[cfg(feature = "samples")]
pub(crate) use descriptors::keep_descriptors_apart;
pub(crate) use faults::mend;
pub(crate) use file::Place;
use file::{LogFile, LogFileError};
pub(crate) use helper::{Helper, HelperError};
use patience::Patience;
pub(crate) use queue::Queue;
pub(crate) use thread::{Signal, Thread};

use crate::{
    losses::Ledger,
    options::Full,
    sync::{AtomicU8, AtomicUsize, Ordering},
};

/// The most chunks that may be ready ahead of their use: 256 MiB of file. That many are ready only where threads took a quarter of
/// it while the helper waited for a processor.
pub(crate) const MOST_READY: usize = 4096;

/// The most chunks that ended threads leave to others; what comes on top is sealed.
const MOST_LEFT: usize = 256;

/// What threads and the helper share.
pub(crate) struct Log {
    header: FileHeader,
    /// Chunks to be taken. The helper puts them in.
    ready: Queue<Chunk>,
    /// Chunks to be sealed. The helper takes them out.
    retired: Queue<Retired>,
    /// Chunks with room that threads left when they ended.
    left: Queue<Retired>,
    /// Rung when a chunk is taken.
    bell: Bell,
    /// Whoever takes a chunk wakes the helper if fewer than so many are left.
    scarce: AtomicUsize,
    /// What threads do that find no chunk.
    patience: Patience,
    /// What threads have lost.
    pub(crate) ledger: Ledger,
    /// Why no further chunk will come, as the number of a [`DropCause`]; zero while they do.
    stopped: AtomicU8,
}

impl Log {
    /// A log with room for so many chunks in each queue.
    pub(crate) fn new(header: FileHeader, capacity: usize, when_full: Full) -> Self {
        Self {
            header,
            ready: Queue::new(capacity),
            retired: Queue::new(capacity),
            left: Queue::new(capacity.min(MOST_LEFT)),
            bell: Bell::new(),
            scarce: AtomicUsize::new(0),
            patience: Patience::new(when_full),
            ledger: Ledger::new(),
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
        match self.ready.pop() {
            Some(chunk) => {
                if self.ready.len() < self.scarce.load(Ordering::Relaxed) {
                    self.bell.hurry();
                } else {
                    self.bell.ring();
                }
                Ok(chunk)
            }
            None => Err(self.why_there_is_no_chunk()),
        }
    }

    /// A chunk for the calling thread, which found none. Waits for it, if the program's user prefers that to losing events.
    pub(crate) fn wait_for_chunk(&self) -> Result<Chunk, DropCause> {
        self.bell.hurry();
        self.patience.wait(|| {
            let taken = self.take_chunk();
            self.bell.hurry();
            taken
        })
    }

    /// Why an event finds no chunk.
    pub(crate) fn why_there_is_no_chunk(&self) -> DropCause {
        // Relaxed: the cause orders nothing. A thread that sees it late counts its loss as one for want of a chunk.
        DropCause::decode(self.stopped.load(Ordering::Relaxed)).unwrap_or(DropCause::NoChunk)
    }

    /// Whether a thread that needs a chunk finds none now, and does not wait.
    pub(crate) fn has_nothing_for_now(&self) -> bool {
        self.ready.len() == 0 && self.left.len() == 0 && !self.is_stopped() && !self.patience.waits()
    }

    /// Whether no further chunk will come.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) != 0
    }

    /// Gives a chunk back to be sealed. If the helper is so far behind that there is no place for it, the chunk stays
    /// unsealed, which readers accept.
    pub(crate) fn retire(&self, retired: Retired) {
        let _ = self.retired.push(retired);
    }

    /// Leaves a chunk that has room for more to another thread. If there are too many of them, it is sealed.
    pub(crate) fn leave(&self, chunk: Retired) {
        if let Err(chunk) = self.left.push(chunk) {
            self.retire(chunk);
        }
    }

    /// A chunk that a thread left, if there is one.
    pub(crate) fn take_left(&self) -> Option<Retired> {
        self.left.pop()
    }

    /// No thread is to go on with what others left: it is sealed.
    pub(crate) fn retire_left(&self) {
        while let Some(chunk) = self.left.pop() {
            self.retire(chunk);
        }
    }

    /// Makes a chunk ready to be taken. `Err`: there is no place for it.
    pub(crate) fn hand_out(&self, chunk: Chunk) -> Result<(), Chunk> {
        self.ready.push(chunk)
    }

    /// Takes a ready chunk back, for the helper.
    pub(crate) fn withdraw(&self) -> Option<Chunk> {
        self.ready.pop()
    }

    /// Seals what threads gave back, and says of each which it was and how many bytes it has in use.
    pub(crate) fn seal_retired(&self, mut sealed: impl FnMut(Slot, usize)) {
        while let Some((slot, used)) = self.seal_next() {
            sealed(slot, used);
        }
    }

    /// Seals a chunk that a thread gave back, if there is one: which it was, and how many bytes it has in use.
    pub(crate) fn seal_next(&self) -> Option<(Slot, usize)> {
        let retired = self.retired.pop()?;
        let (slot, used) = (retired.chunk.slot, retired.used);
        retired.seal();
        Some((slot, used))
    }

    /// Whoever takes a chunk is to wake the helper if fewer than so many are left then.
    fn call_scarce(&self, chunks: usize) {
        self.scarce.store(chunks, Ordering::Relaxed);
    }

    /// How many chunks are ready.
    pub(crate) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// How many chunks threads gave back or left that nobody has taken yet.
    pub(crate) fn given_back(&self) -> usize {
        self.retired.len() + self.left.len()
    }

    /// Wakes the helper, which finds something to do. Safe in a signal handler.
    pub(crate) fn ring(&self) {
        self.bell.ring();
    }

    fn stop(&self, cause: DropCause) {
        self.stopped.store(cause as u8, Ordering::Relaxed);
    }
}
