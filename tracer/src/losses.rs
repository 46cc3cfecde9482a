//! Counts of lost events, by thread and cause.
//!
//! A thread counts in a slot that outlives it, so that the helper can add all of them up at any time; a slot is used
//! again by a later thread and keeps counting.

use std::sync::{PoisonError, TryLockError};

use memtrace_format::{DropCause, DropCounts, Ticks};

use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering, own_thread::Cell};

/// What all threads have lost since recording began.
pub(crate) struct Ledger {
    slots: Mutex<Vec<&'static Slot>>,
    /// For losses on threads that have no slot yet.
    without_slot: Slot,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self { slots: Mutex::new(Vec::new()), without_slot: Slot::new() }
    }

    pub(crate) fn total(&self) -> DropCounts {
        self.sum(&self.slots.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same, if no thread is being given its slot just now. Whoever threads wait for does not wait for one of them, which
    /// may have lost its processor to all others.
    pub(crate) fn try_total(&self) -> Option<DropCounts> {
        match self.slots.try_lock() {
            Ok(slots) => Some(self.sum(&slots)),
            Err(TryLockError::Poisoned(error)) => Some(self.sum(&error.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn sum(&self, slots: &[&'static Slot]) -> DropCounts {
        let mut sum = DropCounts::default();
        for slot in slots.iter().copied().chain([&self.without_slot]) {
            for &cause in DropCause::ALL {
                sum.add(cause, slot.of(cause));
            }
        }
        sum
    }

    /// Counts so many events that were lost on whichever threads.
    pub(crate) fn count(&self, cause: DropCause, events: u64) {
        self.without_slot.counts[index(cause)].fetch_add(events, Ordering::Relaxed);
    }

    /// Counts one definition that could not be written.
    pub(crate) fn count_definition(&self) {
        self.without_slot.counts[index(DropCause::Definition)].fetch_add(1, Ordering::Relaxed);
    }

    fn slot(&self) -> &'static Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        // Acquire, for the Release of `Losses::release`: what the slot's last thread counted is seen here, and so is not
        // taken for this thread's.
        let free = slots.iter().copied().find(|slot| !slot.taken.swap(true, Ordering::Acquire));
        free.unwrap_or_else(|| {
            let slot: &'static Slot = Box::leak(Box::new(Slot::new()));
            slot.taken.store(true, Ordering::Relaxed);
            slots.push(slot);
            slot
        })
    }
}

/// One thread's losses.
pub(crate) struct Losses {
    slot: Cell<Option<&'static Slot>>,
    /// What the slot had counted for threads before this one.
    before: Cell<[u64; DropCounts::CAUSES]>,
    /// What the slot had counted when the log was last told.
    reported: Cell<[u64; DropCounts::CAUSES]>,
}

pub(crate) struct Slot {
    counts: [AtomicU64; DropCounts::CAUSES],
    /// When the first loss happened that the log was not told of; zero if there is none.
    since: [AtomicU64; DropCounts::CAUSES],
    taken: AtomicBool,
}

impl Losses {
    pub(crate) const fn new() -> Self {
        Self {
            slot: Cell::new(None),
            before: Cell::new([0; DropCounts::CAUSES]),
            reported: Cell::new([0; DropCounts::CAUSES]),
        }
    }

    /// Counts one event lost at `time`. Safe in a signal handler.
    pub(crate) fn count(&self, ledger: &Ledger, cause: DropCause, time: Ticks) {
        let slot = self.count_untimed(ledger, cause);
        let since = &slot.since[index(cause)];
        if since.load(Ordering::Relaxed) == 0 {
            since.store(time.0, Ordering::Relaxed);
        }
    }

    /// As [`count`](Self::count), where nobody will be told when it was.
    pub(crate) fn count_untimed<'a>(&self, ledger: &'a Ledger, cause: DropCause) -> &'a Slot {
        let slot = self.slot.get().unwrap_or(&ledger.without_slot);
        // Relaxed: a sum is exact for whoever knows otherwise that the counting is over.
        slot.counts[index(cause)].fetch_add(1, Ordering::Relaxed);
        slot
    }

    /// Whether this thread counts in a slot of its own.
    pub(crate) fn has_place(&self) -> bool {
        self.slot.get().is_some()
    }

    /// What this thread has lost.
    pub(crate) fn total(&self) -> DropCounts {
        let mut total = DropCounts::default();
        if let Some(slot) = self.slot.get() {
            for &cause in DropCause::ALL {
                total.add(cause, slot.of(cause) - self.before.get()[index(cause)]);
            }
        }
        total
    }

    /// Tells `log` what was lost since the last report: why, how many, since when.
    pub(crate) fn report(&self, mut log: impl FnMut(DropCause, u64, Ticks)) {
        let Some(slot) = self.slot.get() else { return };
        let mut reported = self.reported.get();
        for &cause in DropCause::ALL {
            let count = slot.of(cause);
            let new = count - reported[index(cause)];
            if new > 0 {
                let since = slot.since[index(cause)].swap(0, Ordering::Relaxed);
                log(cause, new, Ticks(since));
                reported[index(cause)] = count;
            }
        }
        self.reported.set(reported);
    }

    /// Gives this thread a slot.
    pub(crate) fn acquire(&self, ledger: &Ledger) {
        let slot = ledger.slot();
        // What its last thread had no chunk to tell of is nothing of this thread's.
        slot.since.iter().for_each(|since| since.store(0, Ordering::Relaxed));
        let counts = DropCause::ALL.iter().map(|&cause| slot.of(cause));
        let mut before = [0; DropCounts::CAUSES];
        before.iter_mut().zip(counts).for_each(|(place, count)| *place = count);
        self.before.set(before);
        self.reported.set(before);
        self.slot.set(Some(slot));
    }

    /// In a forked child that records: this thread has lost nothing yet.
    pub(crate) fn start_over(&self) {
        self.slot.set(None);
    }

    /// Leaves the slot to a later thread.
    pub(crate) fn release(&self) {
        if let Some(slot) = self.slot.take() {
            slot.taken.store(false, Ordering::Release);
        }
    }
}

impl Slot {
    fn new() -> Self {
        Self {
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            since: std::array::from_fn(|_| AtomicU64::new(0)),
            taken: AtomicBool::new(false),
        }
    }

    fn of(&self, cause: DropCause) -> u64 {
        self.counts[index(cause)].load(Ordering::Relaxed)
    }
}

fn index(cause: DropCause) -> usize {
    cause as usize - 1
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_does_not_tell_of_losses_before_its_own() {
        let ledger = Ledger::new();
        let first = Losses::new();
        first.acquire(&ledger);
        first.count(&ledger, DropCause::NoChunk, Ticks(5));
        first.release();
        let second = Losses::new();
        second.acquire(&ledger);
        second.count(&ledger, DropCause::NoChunk, Ticks(9));
        let mut told = Vec::new();
        second.report(|cause, count, since| told.push((cause, count, since)));
        assert_eq!(told, [(DropCause::NoChunk, 1, Ticks(9))]);
    }
}
