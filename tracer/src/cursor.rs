//! The hot path: a thread's cursor into its chunk.
//!
//! An event costs a clock read and a 32-byte store into a page that is already there. No lock, no write that another
//! thread reads, no allocation, no system call. When the chunk is full the thread takes the next one from a queue that the
//! helper thread keeps filled; when the queue is empty it does not wait: the event is dropped and counted.

use std::{
    marker::PhantomData,
    ptr,
    sync::atomic::{AtomicU32, Ordering, compiler_fence},
};

use memtrace_format::{ChunkHeader, ChunkKind, DropCause, Encoded, Event, Record, ThreadId, Ticks, Word};

use crate::{
    clock, interruption,
    log::{Chunk, Log, Retired, write_record},
    losses::Losses,
    session::{self, Session},
    signals::{self, HeldBack},
    state,
    sync::{
        own_thread::{AtomicUsize, Cell},
        word,
    },
    thread_end,
};
#[cfg(all(target_arch = "x86_64", not(loom)))]
use {crate::own_place, std::ptr::NonNull};

/// Records what `event` returns, if recording is on.
#[inline(always)]
pub(crate) fn record(event: impl FnOnce() -> Event) {
    let mode = state::mode();
    if mode.is_on() {
        let encoded = event().encode(clock::now(mode));
        with_own(|cursor| cursor.append(encoded, session::current));
    } else if mode.is_stopped() {
        count_unrecorded();
    }
}

/// Counts one event that cannot be recorded, because recording had to stop. It costs a count and nothing else.
#[cold]
#[inline(never)]
pub(crate) fn count_unrecorded() {
    if let Some(session) = session::begun() {
        with_own(|cursor| cursor.count_unrecorded(&session.log));
    }
}

/// Runs `work` with this thread's cursor.
#[cfg(all(target_arch = "x86_64", not(loom)))]
#[inline(always)]
fn with_own<R>(work: impl FnOnce(&Cursor) -> R) -> R {
    let cursor = own_place::kept::<Cursor>().unwrap_or_else(keep_own);
    // SAFETY: only the function below keeps anything there: this thread's own cursor, which lives as long as the thread, for it
    // has no destructor.
    work(unsafe { cursor.as_ref() })
}

/// This thread's cursor, from now on kept.
#[cfg(all(target_arch = "x86_64", not(loom)))]
#[cold]
#[inline(never)]
fn keep_own() -> NonNull<Cursor> {
    CURSOR.with(|cursor| {
        own_place::keep(cursor);
        NonNull::from(cursor)
    })
}

/// Runs `work` with this thread's cursor.
#[cfg(not(all(target_arch = "x86_64", not(loom))))]
#[inline(always)]
fn with_own<R>(work: impl FnOnce(&Cursor) -> R) -> R {
    CURSOR.with(work)
}

/// The next number for a transfer that this thread begins.
pub(crate) fn next_correlation() -> u32 {
    with_own(|cursor| cursor.correlation.fetch_add(1, Ordering::Relaxed))
}

/// The id of this thread in the log, once it has recorded something.
pub(crate) fn thread() -> ThreadId {
    with_own(|cursor| cursor.thread.get())
}

/// This thread is inside the tracer until the value is dropped: events that happen meanwhile (an allocation, say, in a program
/// whose allocator is traced) are counted as lost instead of coming back here, and no signal handler comes in between.
pub(crate) struct Inside {
    _signals: HeldBack,
    /// It is of this thread.
    not_send: PhantomData<*const ()>,
}

/// Whether this thread is inside the tracer.
#[inline(always)]
pub(crate) fn is_inside() -> bool {
    with_own(|cursor| cursor.is_taken() && !cursor.take_back(session::begun))
}

/// Enters the tracer. `None`: this thread is inside already.
pub(crate) fn enter() -> Option<Inside> {
    CURSOR.with(|cursor| {
        // First of all, for a handler that comes once the cursor is taken may never return.
        let signals = signals::hold_back();
        let taken = cursor.enter() || (cursor.take_back(session::begun) && cursor.enter());
        taken.then(|| Inside { _signals: signals, not_send: PhantomData })
    })
}

impl Drop for Inside {
    fn drop(&mut self) {
        CURSOR.with(Cursor::put_back);
    }
}

/// Gives this thread's chunk back to be sealed. The thread may go on recording; it takes another chunk then.
pub(crate) fn give_up_chunk(_: &HeldBack, log: &Log) {
    CURSOR.with(|cursor| cursor.give_up_chunk(log));
}

/// In a forked child that does not record. The fork may have come in a signal handler, when an event had begun that will go on
/// to be stored: here is memory of the child's own for it, in the place of a chunk that the child does not have.
pub(crate) fn part_from_parent() {
    CURSOR.with(|cursor| {
        let limit = cursor.limit.get();
        if !limit.is_null() {
            // SAFETY: what lies before the limit was this thread's chunk.
            unsafe { replace_chunk(limit.wrapping_sub(Chunk::BYTES)) };
        }
        cursor.chunk.set(None);
    });
}

/// In a forked child that records: this thread, which is in the middle of no event, has recorded nothing yet.
pub(crate) fn start_over() {
    CURSOR.with(|cursor| {
        cursor.room.set(0);
        cursor.limit.set(ptr::null_mut());
        cursor.chunk.set(None);
        cursor.thread.set(ThreadId::NONE);
        cursor.thread_sequence.set(0);
        cursor.losses.start_over();
    });
}

/// Runs `work`, inside the tracer, and counts no loss for what happens on this thread meanwhile.
pub(crate) fn without_counting<T>(work: impl FnOnce() -> T) -> T {
    CURSOR.with(|cursor| cursor.excluded.set(true));
    let result = work();
    CURSOR.with(|cursor| cursor.excluded.set(false));
    result
}

/// Makes this thread one whose events are neither recorded nor counted: the tracer's own.
pub(crate) fn exclude_this_thread() {
    with_own(|cursor| {
        cursor.excluded.set(true);
        cursor.taken.store(Cursor::INSIDE, Ordering::Relaxed);
    });
}

/// Whether this thread is one of the tracer's own. Safe in a signal handler.
pub(crate) fn is_excluded() -> bool {
    in_handler(|cursor| cursor.excluded.get())
}

/// Whether SIGBUS comes to this thread only because the tracer lets it. Safe in a signal handler.
pub(crate) fn lets_bus_errors_through() -> bool {
    in_handler(|cursor| cursor.lets_bus_errors_through.get())
}

/// What `look` says of this thread's cursor, or `false` if it has none: to make one can take memory.
fn in_handler(look: impl FnOnce(&Cursor) -> bool) -> bool {
    #[cfg(all(target_arch = "x86_64", not(loom)))]
    // SAFETY: as in `with_own`.
    return own_place::kept::<Cursor>().is_some_and(|cursor| look(unsafe { cursor.as_ref() }));
    #[cfg(not(all(target_arch = "x86_64", not(loom))))]
    return CURSOR.with(look);
}

/// On a thread of the tracer's own: runs `work`, whose events are recorded as those of any thread. It must
/// not allocate, for in a program whose allocator is traced that is an event; what the tracer does behind a lock may.
#[cfg(feature = "samples")]
pub(crate) fn on_behalf_of_the_program<T>(work: impl FnOnce() -> T) -> T {
    CURSOR.with(|cursor| {
        debug_assert!(cursor.excluded.get());
        cursor.put_back();
        let result = work();
        cursor.taken.store(Cursor::INSIDE, Ordering::Relaxed);
        result
    })
}

/// Where this thread's next record goes. A signal handler on the thread may use it too, but while the cursor is taken
/// it touches nothing but `taken` and `losses`, so the rest are plain cells. A handler can come while a record is stored and
/// hardly at another time (see [`signals`]).
///
/// `taken` is where the cursor is: its address need not be computed (`event_cost`).
#[repr(C)]
pub(crate) struct Cursor {
    /// The cursor is in use further up this thread's stack: by the tracer itself ([`Self::INSIDE`]), or by the code that a
    /// signal interrupted while it stored an event, at this place of the stack. Zero: it is not.
    /// An atomic because of signal handlers; it costs what a plain word does.
    taken: AtomicUsize,
    /// What happens while it is taken is nobody's loss.
    excluded: Cell<bool>,
    /// The bytes left in the chunk.
    room: Cell<usize>,
    /// The end of the chunk, or null: the next record goes to `limit - room`.
    limit: Cell<*mut u8>,
    chunk: Cell<Option<Chunk>>,
    thread: Cell<ThreadId>,
    thread_sequence: Cell<u64>,
    correlation: AtomicU32,
    losses: Losses,
    /// The thread held SIGBUS back before it recorded.
    lets_bus_errors_through: Cell<bool>,
}

thread_local! {
    static CURSOR: Cursor = const { Cursor::new() };
}

/// A thread that has recorded ends: gives its chunk back.
pub(crate) fn at_thread_end() {
    let signals = signals::hold_back();
    if let Some(session) = session::begun() {
        give_up_chunk(&signals, &session.log);
        CURSOR.with(Cursor::release_losses);
    }
}

/// What a cursor needs of the recording when its chunk is full.
pub(crate) trait Recording {
    fn log(&self) -> &Log;

    /// Whether events are recorded still. Not in a forked child, whose parent's chunks are out of reach.
    fn is_on(&self) -> bool;

    /// An id for the calling thread.
    fn define_thread(&self) -> ThreadId;

    /// No event will be recorded any more.
    fn stop(&self);
}

impl Recording for Session {
    fn log(&self) -> &Log {
        &self.log
    }

    fn is_on(&self) -> bool {
        state::enabled()
    }

    fn define_thread(&self) -> ThreadId {
        self.definitions.thread(&self.log)
    }

    fn stop(&self) {
        state::stop();
    }
}

impl Cursor {
    const FREE: usize = 0;

    /// No stack ends here.
    const INSIDE: usize = 1;

    pub(crate) const fn new() -> Self {
        Self {
            taken: AtomicUsize::new(Self::FREE),
            excluded: Cell::new(false),
            room: Cell::new(0),
            limit: Cell::new(ptr::null_mut()),
            chunk: Cell::new(None),
            thread: Cell::new(ThreadId::NONE),
            thread_sequence: Cell::new(0),
            correlation: AtomicU32::new(0),
            losses: Losses::new(),
            lets_bus_errors_through: Cell::new(false),
        }
    }

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

    /// Gives the chunk back to be sealed.
    pub(crate) fn give_up_chunk(&self, log: &Log) {
        if self.enter() {
            self.retire(log, None);
            self.put_back();
        }
    }

    /// Leaves the counts of what was lost to a later thread.
    pub(crate) fn release_losses(&self) {
        self.losses.release();
    }

    /// Takes the cursor from signal handlers on this thread; `false` if it is taken. A handler that comes before the store
    /// has left the cursor free and its record behind when it returns, one that comes after it sees the cursor taken; both
    /// are on the same thread, so nothing stronger is needed than that the compiler keeps the order.
    #[inline(always)]
    fn take(&self) -> bool {
        if self.is_taken() {
            return false;
        }
        interruption::note_place(&self.taken);
        compiler_fence(Ordering::SeqCst);
        true
    }

    /// Takes the cursor for the tracer itself, while signals are held back; `false` if it is taken.
    fn enter(&self) -> bool {
        let free = !self.is_taken();
        if free {
            self.taken.store(Self::INSIDE, Ordering::Relaxed);
            compiler_fence(Ordering::SeqCst);
        }
        free
    }

    #[inline(always)]
    fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed) != Self::FREE
    }

    #[inline(always)]
    fn put_back(&self) {
        compiler_fence(Ordering::SeqCst);
        self.taken.store(Self::FREE, Ordering::Relaxed);
    }

    /// Puts the cursor back, which is taken, if a signal handler interrupted the event that took it and left it for good. That
    /// event is counted as lost; it is not if the handler came between its last two instructions, which nobody can tell.
    #[cold]
    #[inline(never)]
    fn take_back<'a, R: Recording + 'a>(&self, current: impl FnOnce() -> Option<&'a R>) -> bool {
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
    fn withdraw_unfinished(&self) {
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

    /// Writes a record and its extension, for which there is room.
    #[inline(always)]
    fn store(&self, encoded: &Encoded) {
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
    fn append_while_taken<'a, R: Recording + 'a>(
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
    fn store_in_next_chunk<'a, R: Recording + 'a>(
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
    fn loses_for_want_of_a_chunk<'a, R: Recording + 'a>(
        &self,
        encoded: &Encoded,
        current: impl FnOnce() -> Option<&'a R>,
    ) -> bool {
        if !self.limit.get().is_null() || self.thread.get().is_none() {
            return false;
        }
        let Some(log) = current().filter(|recording| recording.is_on()).map(R::log) else { return false };
        let none = log.ready() == 0 && !log.is_stopped();
        if none {
            self.losses.count(&log.ledger, DropCause::NoChunk, encoded.record.time());
        }
        none
    }

    fn begin_next_chunk<'a, R: Recording + 'a>(
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
        self.retire(log, Some(time));
        match log.take_chunk() {
            Ok(chunk) => self.begin(chunk, recording, time),
            Err(cause) => {
                self.losses.count(&log.ledger, cause, time);
                if log.is_stopped() {
                    recording.stop();
                }
                return;
            }
        }
        self.losses.report(|cause, count, since| {
            self.store(&Event::Dropped { cause: Some(cause), count, since }.encode(time));
        });
        self.store(encoded);
        thread_end::watch();
    }

    /// Counts one event that cannot be recorded any more. A thread that has lost nothing before gets a place of its own to
    /// count in, so that threads do not count in one place for ever.
    fn count_unrecorded(&self, log: &Log) {
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

    /// Makes `chunk` this thread's own.
    fn begin(&self, chunk: Chunk, recording: &impl Recording, base_time: Ticks) {
        let thread_sequence = self.thread_sequence.get();
        self.thread_sequence.set(thread_sequence + 1);
        chunk.write_header(&ChunkHeader {
            kind: ChunkKind::Events,
            session: recording.log().short_session(),
            sequence: chunk.sequence,
            thread: self.thread.get(),
            thread_sequence,
            base_time,
            calibration: chunk.calibration,
            drops: self.losses.total(),
            seal: None,
        });
        self.limit.set(chunk.start.as_ptr().wrapping_add(Chunk::BYTES));
        self.room.set(Chunk::BODY_BYTES);
        self.chunk.set(Some(chunk));
    }

    /// Hands the chunk, if there is one, to the helper to be sealed. The event for which it has no room was made at
    /// `followed_at`.
    fn retire(&self, log: &Log, followed_at: Option<Ticks>) {
        let used = Chunk::BODY_BYTES - self.room.replace(0);
        self.limit.set(ptr::null_mut());
        if let Some(chunk) = self.chunk.take() {
            log.retire(Retired { chunk, used, followed_at });
        }
    }
}

/// In a forked child: puts memory of the child's own where its parent had a chunk.
///
/// # Safety
///
/// `start` is the beginning of a chunk that the parent had mapped: nothing is mapped there in the child, or the parent's
/// file is.
unsafe fn replace_chunk(start: *mut u8) {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    // SAFETY: the caller says that nothing of the child's own is in that range.
    unsafe { libc::mmap(start.cast(), Chunk::BYTES, access, flags, -1, 0) };
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

/// The bytes that an event takes in its chunk.
#[inline(always)]
fn encoded_bytes(encoded: &Encoded) -> usize {
    if encoded.extension.is_some() { 2 * Record::BYTES } else { Record::BYTES }
}
