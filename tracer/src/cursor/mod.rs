//! The hot path: a thread's cursor into its chunk.
//!
//! An event costs a clock read and a 32-byte store into a page that is already there. No lock, no write that another
//! thread reads, no allocation, no system call. When the chunk is full the thread takes the next one from a queue that the
//! helper thread keeps filled; when the queue is empty it does not wait: the event is dropped and counted.

mod append;
mod chunks;
mod recording;
mod take;

use std::{
    marker::PhantomData,
    ptr,
    sync::atomic::{AtomicU32, Ordering},
};

use memtrace_format::{DropCause, Event, ThreadId};

use crate::{
    clock,
    log::{Chunk, Log},
    losses::Losses,
    session,
    signals::{self, HeldBack},
    state,
    sync::own_thread::{AtomicUsize, Cell},
};
use chunks::replace_chunk;
pub(crate) use recording::Recording;
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

/// Counts an event of this thread that was never made, for this cause.
pub(crate) fn lose(cause: DropCause) {
    let mode = state::mode();
    if let Some(session) = session::begun().filter(|_| mode.is_on()) {
        with_own(|cursor| cursor.losses.count(&session.log.ledger, cause, clock::now(mode)));
    }
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

/// Gives this thread's chunk back. The thread may go on recording; it takes another chunk then.
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
}
