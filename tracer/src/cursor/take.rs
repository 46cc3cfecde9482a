//! Takes a cursor for one user: an event, a signal handler's, or the tracer itself.

use std::sync::atomic::{Ordering, compiler_fence};

use memtrace_format::{DropCause, Record, Ticks, Word};

use super::{Cursor, Recording};
use crate::{
    clock, interruption,
    log::{Chunk, write_record},
    signals, state,
    sync::word,
};

impl Cursor {
    /// Takes the cursor from signal handlers on this thread; `false` if it is taken. A handler that comes before the store
    /// has left the cursor free and its record behind when it returns, one that comes after it sees the cursor taken; both
    /// are on the same thread, so nothing stronger is needed than that the compiler keeps the order.
    #[inline(always)]
    pub(super) fn take(&self) -> bool {
        if self.is_taken() {
            return false;
        }
        interruption::note_place(&self.taken);
        compiler_fence(Ordering::SeqCst);
        true
    }

    /// Takes the cursor for the tracer itself, while signals are held back; `false` if it is taken.
    pub(super) fn enter(&self) -> bool {
        let free = !self.is_taken();
        if free {
            self.taken.store(Self::INSIDE, Ordering::Relaxed);
            compiler_fence(Ordering::SeqCst);
        }
        free
    }

    #[inline(always)]
    pub(super) fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed) != Self::FREE
    }

    #[inline(always)]
    pub(super) fn put_back(&self) {
        compiler_fence(Ordering::SeqCst);
        self.taken.store(Self::FREE, Ordering::Relaxed);
    }

    /// Puts the cursor back, which is taken, if a signal handler interrupted the event that took it and left it for good. That
    /// event is counted as lost; it is not if the handler came between its last two instructions, which nobody can tell.
    #[cold]
    #[inline(never)]
    pub(super) fn take_back<'a, R: Recording + 'a>(&self, current: impl FnOnce() -> Option<&'a R>) -> bool {
        let is_over = || {
            let interrupted = self.taken.load(Ordering::Relaxed);
            interrupted != Self::INSIDE && interruption::is_over(interrupted)
        };
        if !is_over() {
            return false;
        }
        let _signals = signals::hold_back();
        // A handler may have come in between, and done the same.
        if !self.is_taken() {
            return true;
        }
        if !is_over() {
            return false;
        }
        self.withdraw_unfinished();
        if let Some(recording) = current() {
            self.losses.count(&recording.log().ledger, DropCause::Reentrant, clock::now(state::mode()));
        }
        self.put_back();
        true
    }

    /// Makes the places free again that were taken for an event and hold no record: readers look no further than that.
    pub(super) fn withdraw_unfinished(&self) {
        let (limit, room) = (self.limit.get(), self.room.get());
        // With an extension, which is stored first, and without.
        let unfinished = [2, 1].into_iter().map(|records| room + records * Record::BYTES).find(|&room| {
            // SAFETY: the place is one of this thread's chunk, as is everything between the chunk's header and its limit.
            !limit.is_null()
                && room <= Chunk::BODY_BYTES
                && unsafe { !is_committed(limit.wrapping_sub(room)) }
        });
        let Some(before) = unfinished else { return };
        for place in (room + Record::BYTES..=before).step_by(Record::BYTES) {
            // SAFETY: as above, and this thread is the only one that writes there.
            unsafe {
                write_record(limit.wrapping_sub(place), &Record::new(Ticks(0), 0, 0, Word::from_bits(0)))
            };
        }
        self.room.set(before);
    }
}

/// Whether there is a record at `place`.
///
/// # Safety
///
/// `place` is the place of a record in a mapped chunk that this thread owns.
unsafe fn is_committed(place: *mut u8) -> bool {
    // SAFETY: the word is one of the record's, which the caller vouches for.
    unsafe { word::atomic(place.add(Record::WORD_OFFSET).cast()).load(Ordering::Relaxed) != 0 }
}
