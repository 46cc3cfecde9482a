//! The hot path: a thread's cursor into its chunk.
//!
//! An event costs a clock read and a 32-byte store into a page that is already there. No lock, no write that another
//! thread reads, no allocation, no system call. When the chunk is full the thread takes the next one from a queue that the
//! helper thread keeps filled; when the queue is empty it does not wait: the event is dropped and counted.

use std::{
    cell::Cell,
    ptr,
    sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, compiler_fence},
};

use memtrace_format::{
    CHUNK_BYTES, ChunkHeader, ChunkKind, DropCause, Encoded, Event, Record, ThreadId, Ticks,
};

use crate::{
    clock,
    log::{Chunk, Log, Retired},
    losses::Losses,
    session::{self, Session},
    state,
};

/// Records what `event` returns, if recording is on.
#[inline(always)]
pub(crate) fn record(event: impl FnOnce() -> Event) {
    let mode = state::mode();
    if mode.is_on() {
        let encoded = event().encode(clock::now(mode));
        CURSOR.with(|cursor| cursor.append(&encoded));
    }
}

/// The next number for a transfer that this thread begins.
pub(crate) fn next_correlation() -> u32 {
    CURSOR.with(|cursor| cursor.correlation.fetch_add(1, Ordering::Relaxed))
}

/// The id of this thread in the log, once it has recorded something.
pub(crate) fn thread() -> ThreadId {
    CURSOR.with(|cursor| cursor.thread.get())
}

/// Runs `work` with this thread's cursor taken, so that events which happen inside it (an allocation, say, in a program
/// whose allocator is traced) are counted as lost instead of coming back here. `None`: it is taken already.
pub(crate) fn exclusively<T>(work: impl FnOnce() -> T) -> Option<T> {
    CURSOR.with(|cursor| {
        let room = cursor.take();
        if room == TAKEN {
            return None;
        }
        let result = work();
        cursor.put_back(room);
        Some(result)
    })
}

/// Gives this thread's chunk back to be sealed. The thread may go on recording; it takes another chunk then.
pub(crate) fn give_up_chunk(log: &Log) {
    CURSOR.with(|cursor| {
        let room = cursor.take();
        if room != TAKEN {
            cursor.retire(room, log);
            cursor.put_back(FULL);
        }
    });
}

/// One more than the bytes left in the chunk, so that a full chunk and a taken cursor differ.
type Room = usize;

/// The cursor is in use further up this thread's stack: by the code that a signal interrupted, or by the tracer itself.
const TAKEN: Room = 0;

/// There is no chunk, or it is full.
const FULL: Room = 1;

/// Where this thread's next record goes. A signal handler on the thread may use it too, but while the cursor is taken
/// it touches nothing but `room` and `losses`, so the rest are plain cells.
struct Cursor {
    /// See [`Room`]. An atomic because of signal handlers; it costs what a plain integer does.
    room: AtomicUsize,
    /// One byte further than the end of the chunk: the next record goes to `limit - room`.
    limit: Cell<*mut u8>,
    chunk: Cell<Option<Chunk>>,
    thread: Cell<ThreadId>,
    thread_sequence: Cell<u64>,
    correlation: AtomicU32,
    losses: Losses,
}

thread_local! {
    static CURSOR: Cursor = const {
        Cursor {
            room: AtomicUsize::new(FULL),
            limit: Cell::new(ptr::null_mut()),
            chunk: Cell::new(None),
            thread: Cell::new(ThreadId::NONE),
            thread_sequence: Cell::new(0),
            correlation: AtomicU32::new(0),
            losses: Losses::new(),
        }
    };

    /// Gives the chunk back when the thread ends. Apart from the cursor, because a thread-local value with a destructor
    /// needs a check at every access.
    static AT_THREAD_END: AtThreadEnd = const { AtThreadEnd };
}

struct AtThreadEnd;

impl Drop for AtThreadEnd {
    fn drop(&mut self) {
        if let Some(session) = session::current() {
            give_up_chunk(&session.log);
            CURSOR.with(|cursor| cursor.losses.release());
        }
    }
}

impl Cursor {
    #[inline(always)]
    fn append(&self, encoded: &Encoded) {
        let needed = if encoded.extension.is_some() { 2 * Record::BYTES } else { Record::BYTES };
        let room = self.take();
        if room <= needed {
            return self.append_to_next_chunk(room, encoded);
        }
        self.store(room, encoded);
        self.put_back(room - needed);
    }

    /// Takes the cursor from signal handlers on this thread. The fences are for the compiler alone: a handler runs on
    /// the same processor thread and so sees its stores in program order.
    #[inline(always)]
    fn take(&self) -> Room {
        let room = self.room.load(Ordering::Relaxed);
        self.room.store(TAKEN, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        room
    }

    #[inline(always)]
    fn put_back(&self, room: Room) {
        compiler_fence(Ordering::SeqCst);
        self.room.store(room, Ordering::Relaxed);
    }

    /// Writes a record, and its extension, where `room` says.
    #[inline(always)]
    fn store(&self, room: Room, encoded: &Encoded) {
        let place = self.limit.get().wrapping_sub(room);
        // SAFETY: the caller holds the cursor and checked that `room` covers the record and its extension, so both
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
    fn append_to_next_chunk(&self, room: Room, encoded: &Encoded) {
        let time = encoded.record.time();
        if room == TAKEN {
            return self.losses.count(DropCause::Reentrant, time);
        }
        let Some(session) = session::current() else {
            return self.put_back(FULL);
        };
        if self.thread.get().is_none() {
            self.losses.acquire();
            self.thread.set(session.definitions.thread(&session.log));
        }
        self.retire(room, &session.log);
        let mut room = match session.log.take_chunk() {
            Ok(chunk) => self.begin(chunk, session, time),
            Err(cause) => {
                self.losses.count(cause, time);
                return self.put_back(FULL);
            }
        };
        self.losses.report(|cause, count, since| {
            self.store(room, &Event::Dropped { cause: Some(cause), count, since }.encode(time));
            room -= Record::BYTES;
        });
        self.store(room, encoded);
        room -= if encoded.extension.is_some() { 2 * Record::BYTES } else { Record::BYTES };
        // Registers the destructor on first use. It cannot while thread-locals are torn down; the chunk of an event that
        // comes as late as that stays unsealed, which readers accept.
        let _ = AT_THREAD_END.try_with(|_| ());
        self.put_back(room);
    }

    /// Makes `chunk` this thread's own and returns the room in it.
    fn begin(&self, chunk: Chunk, session: &Session, base_time: Ticks) -> Room {
        let thread_sequence = self.thread_sequence.get();
        self.thread_sequence.set(thread_sequence + 1);
        chunk.write_header(&ChunkHeader {
            kind: ChunkKind::Events,
            session: session.log.short_session(),
            sequence: chunk.sequence,
            thread: self.thread.get(),
            thread_sequence,
            base_time,
            calibration: chunk.calibration,
            drops: self.losses.total(),
            seal: None,
        });
        self.limit.set(chunk.start.as_ptr().wrapping_add(CHUNK_BYTES + FULL));
        self.chunk.set(Some(chunk));
        Chunk::BODY_BYTES + FULL
    }

    /// Hands the chunk, if there is one, to the helper to be sealed.
    fn retire(&self, room: Room, log: &Log) {
        if let Some(chunk) = self.chunk.take() {
            log.retire(Retired { chunk, used: Chunk::BODY_BYTES + FULL - room });
        }
    }
}

/// Stores the record's word last, with Release: whoever sees the word sees the record.
///
/// # Safety
///
/// `place` is valid for writes of [`Record::BYTES`], aligned to 8, and nobody else writes there.
#[inline(always)]
unsafe fn write_record(place: *mut u8, record: &Record) {
    let [time, value, size, word] = record.fields();
    let place = place.cast::<u64>();
    // SAFETY: the four places lie in the record that the caller vouches for. A reader in another process may look at
    // the word meanwhile, so that one is an atomic store.
    unsafe {
        place.write(time);
        place.add(1).write(value);
        place.add(2).write(size);
        AtomicU64::from_ptr(place.add(3)).store(word, Ordering::Release);
    }
}
