//! The chunks of a thread: taken, begun, gone on with, given back.

use std::ptr;

use memtrace_format::{ChunkHeader, ChunkKind, DropCause, Event, Record, Ticks};

use super::{Cursor, Recording};
use crate::log::{Chunk, Log, Retired};

/// The room that another thread can begin in: to say who it is, what it lost for each cause, and its first event. More than
/// that, so that a chunk does not change hands for the last few records.
const ROOM_WORTH_LEAVING: usize = Record::BYTES * if cfg!(loom) { 3 } else { 32 };

impl Cursor {
    /// Gives the chunk back, to be sealed or, if there is room in it, to be another thread's.
    pub(crate) fn give_up_chunk(&self, log: &Log) {
        if self.enter() {
            if let Some(chunk) = self.part_with(None) {
                if chunk.used + ROOM_WORTH_LEAVING <= Chunk::BODY_BYTES {
                    log.leave(chunk);
                } else {
                    log.retire(chunk);
                }
            }
            self.put_back();
        }
    }

    /// Leaves the counts of what was lost to a later thread.
    pub(crate) fn release_losses(&self) {
        self.losses.release();
    }

    /// Makes a chunk this thread's own. A thread's first is one that another left, for it may have little to record; and any is
    /// better than none.
    pub(super) fn begin_next(&self, recording: &impl Recording) -> Result<(), DropCause> {
        let log = recording.log();
        let is_first = self.thread_sequence.get() == 0;
        if let Some(left) = is_first.then(|| log.take_left()).flatten() {
            self.go_on(left, recording);
            return Ok(());
        }
        match log.take_chunk() {
            Ok(chunk) => self.begin(chunk, recording),
            Err(cause) => match (log.take_left(), cause) {
                (Some(left), _) => self.go_on(left, recording),
                (None, DropCause::NoChunk) => self.begin(log.wait_for_chunk()?, recording),
                (None, _) => return Err(cause),
            },
        }
        Ok(())
    }

    /// Makes `chunk`, which nobody has used yet, this thread's own.
    pub(super) fn begin(&self, chunk: Chunk, recording: &impl Recording) {
        chunk.write_header(&ChunkHeader {
            kind: ChunkKind::Events,
            session: recording.log().short_session(),
            sequence: chunk.sequence,
            thread: self.thread.get(),
            thread_sequence: self.next_thread_sequence(),
            base_time: recording.now(),
            calibration: chunk.calibration,
            drops: self.losses.total(),
            seal: None,
        });
        self.own(chunk, 0);
    }

    /// Makes a chunk this thread's own in which another thread left room.
    pub(super) fn go_on(&self, Retired { chunk, used, .. }: Retired, recording: &impl Recording) {
        chunk.share();
        self.own(chunk, used);
        let (thread, thread_sequence) = (self.thread.get(), self.next_thread_sequence());
        self.store(&Event::HandedOver { thread, thread_sequence }.encode(recording.now()));
    }

    pub(super) fn own(&self, chunk: Chunk, used: usize) {
        self.limit.set(chunk.start.as_ptr().wrapping_add(Chunk::BYTES));
        self.room.set(Chunk::BODY_BYTES - used);
        self.chunk.set(Some(chunk));
    }

    pub(super) fn next_thread_sequence(&self) -> u64 {
        let next = self.thread_sequence.get();
        self.thread_sequence.set(next + 1);
        next
    }

    /// The chunk, if there is one, which is not this thread's any more. The event for which it has no room was made at
    /// `followed_at`.
    pub(super) fn part_with(&self, followed_at: Option<Ticks>) -> Option<Retired> {
        let used = Chunk::BODY_BYTES - self.room.replace(0);
        self.limit.set(ptr::null_mut());
        self.chunk.take().map(|chunk| Retired { chunk, used, followed_at })
    }
}

/// In a forked child: puts memory of the child's own where its parent had a chunk.
///
/// # Safety
///
/// `start` is the beginning of a chunk that the parent had mapped: nothing is mapped there in the child, or the parent's
/// file is.
pub(super) unsafe fn replace_chunk(start: *mut u8) {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    // SAFETY: the caller says that nothing of the child's own is in that range.
    unsafe { libc::mmap(start.cast(), Chunk::BYTES, access, flags, -1, 0) };
}
