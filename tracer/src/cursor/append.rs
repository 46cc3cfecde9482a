//! Events on their way into a chunk.

use std::sync::atomic::Ordering;

use memtrace_format::{DropCause, Encoded, Event, Record};

use super::{Cursor, Recording};
use crate::{
    log::{Log, write_record},
    signals, thread_end,
};

impl Cursor {
    #[inline(always)]
    pub(crate) fn append<'a, R: Recording + 'a>(
        &self,
        encoded: Encoded,
        current: impl Fn() -> Option<&'a R>,
    ) {
        // What is handed on by its address lies in memory; a copy does, so that the rest stays in registers.
        if !self.take() {
            let copy = encoded;
            return self.append_while_taken(&copy, current);
        }
        if self.room.get() >= encoded_bytes(&encoded) {
            self.store(&encoded);
        } else {
            let copy = encoded;
            self.store_in_next_chunk(&copy, current);
        }
        self.put_back();
    }

    /// Writes a record and its extension, for which there is room.
    #[inline(always)]
    pub(super) fn store(&self, encoded: &Encoded) {
        let room = self.room.get();
        let place = self.limit.get().wrapping_sub(room);
        self.room.set(room - encoded_bytes(encoded));
        // SAFETY: the caller holds the cursor and checked that the chunk has room for the record and its extension, so both
        // places lie inside the chunk that this thread owns until it retires it. Chunks are mapped, writable, and start
        // at a multiple of 8; a chunk's header and its records have lengths that keep it so.
        unsafe {
            if let Some(extension) = &encoded.extension {
                write_record(place.add(Record::BYTES), extension);
            }
            write_record(place, &encoded.record);
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn append_while_taken<'a, R: Recording + 'a>(
        &self,
        encoded: &Encoded,
        current: impl Fn() -> Option<&'a R>,
    ) {
        if self.take_back(&current) {
            let copy = *encoded;
            self.append(copy, current);
        } else if !self.excluded.get()
            && let Some(recording) = current()
        {
            let ledger = &recording.log().ledger;
            self.losses.count(ledger, DropCause::Reentrant, encoded.record.time());
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn store_in_next_chunk<'a, R: Recording + 'a>(
        &self,
        encoded: &Encoded,
        current: impl Fn() -> Option<&'a R>,
    ) {
        if self.loses_for_want_of_a_chunk(encoded, &current) {
            return;
        }
        let mut signals = signals::hold_back();
        if signals.let_bus_errors_through() {
            self.lets_bus_errors_through.set(true);
        }
        // What is asked for while the tracer is at work comes from there, and not from a handler.
        self.taken.store(Self::INSIDE, Ordering::Relaxed);
        self.begin_next_chunk(encoded, current);
        // Before signals come: the first of them may have a handler that never returns.
        self.put_back();
        drop(signals);
    }

    /// Whether this thread is without a chunk already, and there is still none. Then the event costs no more than a count.
    pub(super) fn loses_for_want_of_a_chunk<'a, R: Recording + 'a>(
        &self,
        encoded: &Encoded,
        current: impl FnOnce() -> Option<&'a R>,
    ) -> bool {
        if !self.limit.get().is_null() || self.thread.get().is_none() {
            return false;
        }
        let Some(log) = current().filter(|recording| recording.is_on()).map(R::log) else { return false };
        let none = log.has_nothing_for_now();
        if none {
            self.losses.count(&log.ledger, DropCause::NoChunk, encoded.record.time());
        }
        none
    }

    pub(super) fn begin_next_chunk<'a, R: Recording + 'a>(
        &self,
        encoded: &Encoded,
        current: impl FnOnce() -> Option<&'a R>,
    ) {
        // A child that was forked a moment ago, by a handler that interrupted this event, is off.
        let Some(recording) = current().filter(|recording| recording.is_on()) else { return };
        let (time, log) = (encoded.record.time(), recording.log());
        if self.thread.get().is_none() {
            self.losses.acquire(&log.ledger);
            self.thread.set(recording.define_thread());
        }
        if let Some(chunk) = self.part_with(Some(time)) {
            log.retire(chunk);
        }
        if let Err(cause) = self.begin_next(recording) {
            self.losses.count(&log.ledger, cause, time);
            if log.is_stopped() {
                recording.stop();
            }
            return;
        }
        self.losses.report(|cause, count, since| {
            self.store(&Event::Dropped { cause: Some(cause), count, since }.encode(time));
        });
        self.store(encoded);
        thread_end::watch();
    }

    /// Counts one event that cannot be recorded any more. A thread that has lost nothing before gets a place of its own to
    /// count in, so that threads do not count in one place for ever.
    pub(super) fn count_unrecorded(&self, log: &Log) {
        if self.excluded.get() {
            return;
        }
        if !self.losses.has_place() {
            let _signals = signals::hold_back();
            if self.enter() {
                self.losses.acquire(&log.ledger);
                thread_end::watch();
                self.put_back();
            }
        }
        self.losses.count_untimed(&log.ledger, log.why_there_is_no_chunk());
    }
}

/// The bytes that an event takes in its chunk.
#[inline(always)]
fn encoded_bytes(encoded: &Encoded) -> usize {
    if encoded.extension.is_some() { 2 * Record::BYTES } else { Record::BYTES }
}
