//! The records of all threads in the order of time, read where they lie while threads go on writing behind them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque, btree_map::Entry},
    ptr::NonNull,
};

use memtrace_baseline::Fold;
use memtrace_format::{
    Calibration, ChunkHeader, ChunkKind, Event, Folded, Kind, Record, ThreadId, Ticks, Word, chunk::field,
};

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
    taken: BTreeMap<Slot, Taken>,
    threads: BTreeMap<ThreadId, Stream>,
    /// Chunks that are wholly folded.
    folded: Vec<Taken>,
    latest: Ticks,
}

/// A chunk that a thread has taken, and perhaps left to others.
struct Taken {
    chunk: WatchedChunk,
    /// How many records it has, once it was given back to be sealed.
    records: Option<usize>,
    /// How many of its records were looked at for where the next thread begins.
    searched: usize,
    /// Whose its parts are, in their order.
    threads: Vec<ThreadId>,
    /// How many of its parts are wholly folded.
    folded: usize,
}

/// What one thread recorded: its parts of chunks that are not wholly folded, oldest first.
#[derive(Default)]
struct Stream {
    parts: VecDeque<Part>,
    /// The thread sequence of the part after the last that is wholly folded.
    next_part: u64,
    latest: Ticks,
    /// How many of its parts, folded or not, are in the file.
    in_file: usize,
}

/// What one thread recorded in a chunk.
struct Part {
    chunk: WatchedChunk,
    sequence: u64,
    /// The next record to fold.
    next: usize,
    /// Behind its last record, once nothing is added to it.
    end: Option<usize>,
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
        if let Some(taken) = self.taken.get_mut(&slot) {
            taken.records = Some(used / Record::BYTES);
            self.notice_handed_over(slot);
        }
    }

    /// Folds events in the order of time until `enough` chunks are wholly folded or all events before `until` are.
    pub(crate) fn fold_into(&mut self, fold: &mut Fold, until: Ticks, enough: usize) {
        self.notice_taken();
        // After the chunks: whoever has taken one is seen to have taken a part of another before.
        let open = self.taken.iter().filter(|(_, taken)| taken.records.is_none());
        let slots: Vec<Slot> = open.map(|(&slot, _)| slot).collect();
        slots.into_iter().for_each(|slot| self.notice_handed_over(slot));
        let mut next: BinaryHeap<Reverse<(Ticks, ThreadId)>> = BinaryHeap::new();
        let threads: Vec<ThreadId> = self.threads.keys().copied().collect();
        next.extend(threads.into_iter().filter_map(|thread| Some(Reverse((self.peek(thread)?, thread)))));
        while self.folded.len() < enough
            && let Some(Reverse((time, thread))) = next.pop()
            && time < until
        {
            let Some(stream) = self.threads.get_mut(&thread) else { continue };
            if let Some(event) = stream.advance() {
                self.latest = self.latest.max(time);
                fold.apply(self.latest, thread, &event);
            }
            next.extend(self.peek(thread).map(|time| Reverse((time, thread))));
        }
    }

    /// How far each thread is folded of which there is something in the file.
    pub(crate) fn positions(&self) -> Vec<Folded> {
        let place = |(&thread, stream): (&ThreadId, &Stream)| {
            let (chunk, record) =
                stream.parts.front().map_or((stream.next_part, 0), |part| (part.sequence, part.next));
            Folded { thread, chunk, record: record as u64 }
        };
        self.threads.iter().map(place).collect()
    }

    /// The chunks that are wholly folded, to be used again. Call it when a baseline that contains them is written.
    pub(crate) fn take_folded(&mut self) -> Vec<WatchedChunk> {
        let folded = std::mem::take(&mut self.folded);
        for thread in folded.iter().flat_map(|taken| &taken.threads) {
            if let Some(stream) = self.threads.get_mut(thread) {
                stream.in_file -= 1;
            }
        }
        self.threads.retain(|_, stream| stream.in_file > 0);
        folded.into_iter().map(|taken| taken.chunk).collect()
    }

    pub(crate) fn folded(&self) -> usize {
        self.folded.len()
    }

    /// Sorts the chunks that were taken meanwhile to their threads.
    fn notice_taken(&mut self) {
        for chunk in std::mem::take(&mut self.untaken) {
            let Some(header) = chunk.header(self.session) else {
                self.untaken.push(chunk);
                continue;
            };
            // Definitions stay: records that come after them refer to them.
            if header.kind.has_events() {
                let (records, threads) = (None, Vec::new());
                self.taken.insert(chunk.slot, Taken { chunk, records, searched: 0, threads, folded: 0 });
                self.begin_part(chunk, header.thread, header.thread_sequence, 0);
            }
        }
    }

    /// Gives each thread its part of a chunk as far as it was handed over meanwhile.
    fn notice_handed_over(&mut self, slot: Slot) {
        let Some(taken) = self.taken.get_mut(&slot) else { return };
        let (chunk, records, first) = (taken.chunk, taken.records, taken.searched);
        if chunk.is_shared() {
            let committed = (first..records.unwrap_or(usize::MAX)).map_while(|at| chunk.record(at));
            let mut searched = first;
            for record in committed {
                if record.word().kind() == Some(Kind::HandedOver) {
                    self.end_part(slot, searched);
                    self.begin_part(chunk, ThreadId(record.word().id()), record.value(), searched + 1);
                }
                searched += 1;
            }
            self.taken.entry(slot).and_modify(|taken| taken.searched = searched);
        }
        if let Some(records) = records {
            self.end_part(slot, records);
        }
    }

    fn begin_part(&mut self, chunk: WatchedChunk, thread: ThreadId, sequence: u64, first: usize) {
        let Some(taken) = self.taken.get_mut(&chunk.slot) else { return };
        taken.threads.push(thread);
        let stream = self.threads.entry(thread).or_default();
        stream.in_file += 1;
        let at = stream.parts.partition_point(|other| other.sequence < sequence);
        stream.parts.insert(at, Part { chunk, sequence, next: first, end: None });
    }

    /// The last part of a chunk ends before this record.
    fn end_part(&mut self, slot: Slot, end: usize) {
        let thread = self.taken.get(&slot).and_then(|taken| taken.threads.last());
        let Some(stream) = thread.and_then(|thread| self.threads.get_mut(thread)) else { return };
        // Of several parts of the thread in this chunk, the others have ended.
        let open = stream.parts.iter_mut().rfind(|part| part.chunk.slot == slot && part.end.is_none());
        if let Some(part) = open {
            part.end = Some(end);
        }
    }

    /// When the thread's next record was made, if there is one. Hands a chunk on to `folded` when it has no more.
    fn peek(&mut self, thread: ThreadId) -> Option<Ticks> {
        let stream = self.threads.get_mut(&thread)?;
        loop {
            let part = stream.parts.front()?;
            if part.end.is_none_or(|end| part.next < end) {
                let record = part.chunk.record(part.next)?;
                // The thread has left the chunk, and what is there is another's. That its part has ended was not noticed yet.
                if record.word().kind() == Some(Kind::HandedOver) {
                    return None;
                }
                stream.latest = stream.latest.max(record.time());
                return Some(stream.latest);
            }
            stream.next_part = part.sequence + 1;
            let slot = part.chunk.slot;
            stream.parts.pop_front();
            let Entry::Occupied(mut taken) = self.taken.entry(slot) else { continue };
            taken.get_mut().folded += 1;
            if taken.get().records.is_some() && taken.get().folded == taken.get().threads.len() {
                self.folded.push(taken.remove());
            }
        }
    }
}

impl Stream {
    /// The event that was peeked at, if this version knows its kind; goes on behind it.
    fn advance(&mut self) -> Option<Event> {
        let part = self.parts.front_mut()?;
        let record = part.chunk.record(part.next)?;
        part.next += 1;
        let extended = record.word().flags() & Word::EXTENDED != 0;
        let extension = extended.then(|| part.chunk.record(part.next)).flatten();
        part.next += usize::from(extension.is_some());
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
        let first = self.first_word();
        if first == [0; 8] {
            return None;
        }
        let mut header = [0; ChunkHeader::BYTES];
        let (start, rest) = header.split_at_mut(first.len());
        start.copy_from_slice(&first);
        // SAFETY: the header lies in the chunk, by the invariant. Its first word is stored last, with Release, and until then
        // it is zero, so with the Acquire of the look at it the rest of the header is seen whole or not looked at. It does
        // not change afterwards, but for the seal, which this thread writes.
        unsafe {
            rest.copy_from_slice(&word::bytes(self.start.as_ptr().cast::<u64>().add(1), rest.len()));
        }
        ChunkHeader::parse(&header, session).ok().flatten()
    }

    /// Whether more than one thread has recorded in the chunk.
    fn is_shared(&self) -> bool {
        self.first_word()[field::KIND.offset] == ChunkKind::Shared as u8
    }

    /// The first word of the header; zero if there is none yet. It changes when the chunk is shared.
    fn first_word(&self) -> [u8; 8] {
        // SAFETY: the word lies in the chunk, by the invariant, and everybody accesses it atomically.
        let word = unsafe { word::atomic(self.start.as_ptr().cast()).load(Ordering::Acquire) };
        u64::from_le(word).to_le_bytes()
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
