//! The records of all threads in the order of time, read where they lie while threads go on writing behind them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
    ptr::NonNull,
};

use memtrace_baseline::Fold;
use memtrace_format::{Calibration, ChunkHeader, ChunkKind, Event, Folded, Record, ThreadId, Ticks, Word};

use crate::{
    log::{Chunk, Slot},
    sync::{Ordering, word},
};

/// A chunk that threads may be writing to, seen from outside.
///
/// Invariant: `start` is the beginning of a mapped chunk, and stays so.
#[derive(Clone, Copy)]
pub(crate) struct WatchedChunk {
    pub(crate) start: NonNull<u8>,
    pub(crate) slot: Slot,
}

// SAFETY: the memory belongs to no thread, and the value only reads what was committed.
unsafe impl Send for WatchedChunk {}

/// The chunks of all threads.
#[derive(Default)]
pub(crate) struct Streams {
    session: u64,
    /// Chunks that no thread was seen to take yet.
    untaken: Vec<WatchedChunk>,
    threads: BTreeMap<ThreadId, Stream>,
    /// Chunks that are wholly folded.
    folded: Vec<WatchedChunk>,
    latest: Ticks,
}

/// One thread's chunks, oldest first, and how far they are folded.
#[derive(Default)]
struct Stream {
    chunks: VecDeque<Taken>,
    /// The thread sequence of the chunk after the last that is wholly folded.
    next_chunk: u64,
    next_record: usize,
    latest: Ticks,
}

struct Taken {
    chunk: WatchedChunk,
    sequence: u64,
    /// How many records it has, once its thread has given it back.
    records: Option<usize>,
}

impl Streams {
    pub(crate) fn new(session: u64) -> Self {
        Self { session, ..Self::default() }
    }

    /// A chunk is about to be handed out.
    pub(crate) fn watch(&mut self, chunk: WatchedChunk) {
        self.untaken.push(chunk);
    }

    /// A chunk will not be handed out after all.
    pub(crate) fn forget(&mut self, slot: Slot) {
        self.untaken.retain(|chunk| chunk.slot != slot);
    }

    /// A chunk came back with this many bytes of records in it.
    pub(crate) fn given_back(&mut self, slot: Slot, used: usize) {
        self.notice_taken();
        let taken = self.threads.values_mut().flat_map(|stream| &mut stream.chunks);
        for taken in taken.filter(|taken| taken.chunk.slot == slot) {
            taken.records = Some(used / Record::BYTES);
        }
    }

    /// Folds events in the order of time until `enough` chunks are wholly folded or all events before `until` are.
    pub(crate) fn fold_into(&mut self, fold: &mut Fold, until: Ticks, enough: usize) {
        self.notice_taken();
        let mut next: BinaryHeap<Reverse<(Ticks, ThreadId)>> = BinaryHeap::new();
        for (&thread, stream) in &mut self.threads {
            next.extend(stream.peek(&mut self.folded).map(|time| Reverse((time, thread))));
        }
        while self.folded.len() < enough
            && let Some(Reverse((time, thread))) = next.pop()
            && time < until
        {
            let Some(stream) = self.threads.get_mut(&thread) else { continue };
            if let Some(event) = stream.advance() {
                self.latest = self.latest.max(time);
                fold.apply(self.latest, thread, &event);
            }
            next.extend(stream.peek(&mut self.folded).map(|time| Reverse((time, thread))));
        }
    }

    /// How far each thread is folded.
    pub(crate) fn positions(&self) -> Vec<Folded> {
        let place = |(&thread, stream): (&ThreadId, &Stream)| Folded {
            thread,
            chunk: stream.next_chunk,
            record: stream.next_record as u64,
        };
        self.threads.iter().map(place).collect()
    }

    /// The chunks that are wholly folded, to be used again. Call it when a baseline that contains them is written.
    pub(crate) fn take_folded(&mut self) -> Vec<WatchedChunk> {
        self.threads.retain(|_, stream| !stream.chunks.is_empty());
        std::mem::take(&mut self.folded)
    }

    pub(crate) fn folded(&self) -> usize {
        self.folded.len()
    }

    /// Sorts the chunks that were taken meanwhile to their threads.
    fn notice_taken(&mut self) {
        let (session, threads) = (self.session, &mut self.threads);
        self.untaken.retain(|chunk| {
            let Some(header) = chunk.header(session) else { return true };
            // Definitions stay: records that come after them refer to them.
            if header.kind == ChunkKind::Events {
                let stream = threads
                    .entry(header.thread)
                    .or_insert_with(|| Stream { next_chunk: header.thread_sequence, ..Stream::default() });
                let taken = Taken { chunk: *chunk, sequence: header.thread_sequence, records: None };
                let at = stream.chunks.partition_point(|other| other.sequence < taken.sequence);
                stream.chunks.insert(at, taken);
            }
            false
        });
    }
}

impl Stream {
    /// When the next record was made, if there is one. Hands a chunk on to `folded` when it has no more.
    fn peek(&mut self, folded: &mut Vec<WatchedChunk>) -> Option<Ticks> {
        loop {
            let front = self.chunks.front()?;
            if front.records.is_some_and(|records| self.next_record >= records) {
                folded.push(front.chunk);
                self.next_chunk = front.sequence + 1;
                self.next_record = 0;
                self.chunks.pop_front();
                continue;
            }
            let record = front.chunk.record(self.next_record)?;
            self.latest = self.latest.max(record.time());
            return Some(self.latest);
        }
    }

    /// The event that was peeked at, if this version knows its kind; goes on behind it.
    fn advance(&mut self) -> Option<Event> {
        let chunk = self.chunks.front()?.chunk;
        let record = chunk.record(self.next_record)?;
        self.next_record += 1;
        let extended = record.word().flags() & Word::EXTENDED != 0;
        let extension = extended.then(|| chunk.record(self.next_record)).flatten();
        self.next_record += usize::from(extension.is_some());
        Event::decode(&record, extension.as_ref())
    }
}

impl WatchedChunk {
    /// The chunk, to be handed out again. Its thread has given it back, and all of it is folded.
    pub(crate) fn take_back(self, calibration: Calibration) -> Chunk {
        let Self { start, slot } = self;
        let mut chunk = Chunk { start, slot, sequence: 0, calibration };
        chunk.clear_for_use(calibration);
        chunk
    }

    /// The header, once a thread has taken the chunk.
    pub(crate) fn header(&self, session: u64) -> Option<ChunkHeader> {
        // SAFETY: the header lies in the chunk, by the invariant. Its first word is stored last, with Release, and until then
        // it is zero, so with this Acquire the rest of the header is seen whole or not looked at; it does not change
        // afterwards, but for the seal, which this thread writes.
        unsafe {
            let start = self.start.as_ptr().cast();
            if word::atomic(start).load(Ordering::Acquire) == 0 {
                return None;
            }
            let bytes = word::bytes(start, ChunkHeader::BYTES);
            ChunkHeader::parse(bytes.first_chunk()?, session).ok().flatten()
        }
    }

    /// A record that is committed.
    pub(crate) fn record(&self, index: usize) -> Option<Record> {
        if index >= Chunk::BODY_BYTES / Record::BYTES {
            return None;
        }
        // SAFETY: the record lies in the chunk, by the invariant and the check. Its word is stored last, with Release, so
        // with this Acquire a committed record is seen whole, and nobody writes to it any more.
        unsafe {
            let place = self.start.as_ptr().add(ChunkHeader::BYTES + index * Record::BYTES).cast::<u64>();
            let word = Word::from_bits(u64::from_le(word::atomic(place.add(3)).load(Ordering::Acquire)));
            let field = |at| u64::from_le(word::read(place.add(at)));
            word.is_committed().then(|| Record::new(Ticks(field(0)), field(1), field(2), word))
        }
    }
}
