//! The chunks of all threads as one stream in time order.

mod ahead;
mod batch;
mod cursor;

use std::{cmp::Reverse, collections::BinaryHeap, mem, thread::Scope};

use memtrace_format::{Bytes, CHUNK_BYTES, DropCounts, Event, Kind, Record, ThreadId, Ticks, Word};

use crate::{
    Nanos,
    model::{EventContext, TimedEvent},
    source::{ChunkReader, Clock, Log, Losses, ReadError},
};

use ahead::{Ahead, ReadChunk};
pub(crate) use batch::Batch;
use cursor::Cursor;

/// An event, when it happened, and where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recorded {
    /// The time since the trace's start.
    pub time: Nanos,
    /// The thread that recorded it.
    pub thread: ThreadId,
    /// What happened.
    pub event: Event,
}

/// The events of a trace in the order of time; at one time, in the order of the threads' ids.
///
/// The order of one thread's events is never changed: where its time steps back, its latest time counts. One window of
/// 64 KiB a thread is in memory, and only while the thread's time has come.
#[derive(Debug)]
pub struct Events<'a> {
    trace: &'a Log,
    reader: ChunkReader,
    ahead: Option<Ahead>,
    cursors: Vec<Cursor<'a>>,
    /// The threads that wait, by the time of their next record.
    waiting: BinaryHeap<Reverse<(Ticks, usize)>>,
    current: Option<usize>,
    /// The thread that comes after the current one, and when.
    until: (Ticks, usize),
    now: Ticks,
    losses: Losses,
    steps_back: u64,
    unknown: u64,
    chunks_read: u64,
    /// If batches are to say now and then where they stand: how many events are to lie between, and the events since.
    places: Option<(u64, u64)>,
}

/// An event, and when it happened by the log's own clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticked {
    /// When the merged stream has it.
    pub(crate) now: Ticks,
    /// The latest time of its thread, at least that of its record.
    pub(crate) latest: Ticks,
    /// The index of the thread among the trace's threads.
    pub(crate) thread: usize,
    pub(crate) event: Event,
}

/// Where events stand that are merged: each thread's chunk and record that come next, and its latest time.
#[derive(Clone, Debug)]
pub(crate) struct MergePlace {
    now: Ticks,
    threads: Vec<(usize, usize, Ticks)>,
}

impl MergePlace {
    pub(crate) fn threads(&self) -> usize {
        self.threads.len()
    }
}

const NEVER: (Ticks, usize) = (Ticks(u64::MAX), usize::MAX);

impl<'a> Events<'a> {
    pub(crate) fn new(trace: &'a Log) -> Self {
        Self::from_chunks(trace, std::iter::repeat(0))
    }

    /// Begins with this chunk of each thread.
    pub(crate) fn from_chunks(trace: &'a Log, first_chunks: impl IntoIterator<Item = usize>) -> Self {
        let threads = trace.directory.threads.iter().zip(first_chunks);
        let cursors: Vec<_> = threads.map(|(thread, chunk)| Cursor::new(thread, chunk)).collect();
        let waiting =
            cursors.iter().enumerate().map(|(index, cursor)| Reverse((cursor.due(), index))).collect();
        Self {
            trace,
            reader: ChunkReader::new(trace.header().short_session()),
            ahead: None,
            cursors,
            waiting,
            current: None,
            until: NEVER,
            now: Ticks(0),
            losses: Losses::default(),
            steps_back: 0,
            unknown: 0,
            chunks_read: 0,
            places: None,
        }
    }

    /// Goes on from this place.
    pub(crate) fn from_place(trace: &'a Log, place: &MergePlace) -> Self {
        let mut events = Self::from_chunks(trace, place.threads.iter().map(|(chunk, ..)| *chunk));
        events.now = place.now;
        events.waiting.clear();
        for ((index, cursor), (_, record, latest)) in
            events.cursors.iter_mut().enumerate().zip(&place.threads)
        {
            (cursor.first_record, cursor.latest) = (*record, *latest);
            events.waiting.push(Reverse((cursor.due(), index)));
        }
        events
    }

    /// From now on, a thread in this scope reads the chunks that are to come.
    pub(crate) fn read_ahead<'scope>(&mut self, scope: &'scope Scope<'scope, '_>)
    where
        'a: 'scope,
    {
        self.ahead = Some(Ahead::begin(scope, self));
    }

    /// From now on, chunks are read when their time has come.
    pub(crate) fn read_in_time(&mut self) {
        self.ahead = None;
    }

    fn place(&self) -> MergePlace {
        let threads = self.cursors.iter().map(|cursor| {
            let (chunk, record) = cursor.place();
            (chunk, record, cursor.latest)
        });
        MergePlace { now: self.now, threads: threads.collect() }
    }

    /// What happened before is said to have happened then: a baseline tells of that instant.
    pub(crate) fn clamp(&mut self, earliest: Ticks) {
        self.now = self.now.max(earliest);
    }

    /// The damage found in the chunks read so far.
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    /// How often the time of a thread stepped back, so far.
    pub fn steps_back(&self) -> u64 {
        self.steps_back
    }

    /// How many records were of a kind that this version does not know, so far.
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// Hands every event of the baseline, if there is one, to `apply`, with its time and the index of its thread.
    pub(crate) fn replay_baseline(
        &mut self,
        mut apply: impl FnMut(Ticks, usize, &Event),
    ) -> Result<(), ReadError> {
        let Some(baseline) = &self.trace.baseline else { return Ok(()) };
        let mut records = Vec::new();
        let mut thread = None;
        for &offset in &baseline.chunks {
            self.reader.read_records(&self.trace.file, offset, &mut self.losses, &mut records)?;
            let mut rest = records.iter().peekable();
            while let Some(record) = rest.next() {
                let extension = rest.next_if(|next| next.word().kind() == Some(Kind::Extension));
                match (Event::decode(record, extension), thread) {
                    (Some(Event::OnThread(id)), _) => {
                        let threads = &self.trace.directory.threads;
                        thread = threads.binary_search_by_key(&id, |thread| thread.id).ok();
                    }
                    (Some(Event::Folded(_) | Event::PeakPassed(_) | Event::BaselineEnd { .. }), _) => {}
                    (Some(event), Some(thread)) => {
                        self.now = self.now.max(record.time());
                        apply(self.now, thread, &event);
                    }
                    _ => self.unknown += 1,
                }
            }
        }
        self.now = self.now.max(baseline.at);
        Ok(())
    }

    /// The bytes of the chunks that were read so far.
    pub(crate) fn bytes_read(&self) -> Bytes {
        Bytes(self.chunks_read * CHUNK_BYTES as u64)
    }

    /// When the latest event happened, so far.
    pub(crate) fn latest(&self) -> Nanos {
        self.trace.clock.nanos(self.now)
    }

    /// How many events each thread had so far.
    pub(crate) fn counts(&self) -> impl Iterator<Item = u64> {
        self.cursors.iter().map(|cursor| cursor.events)
    }

    /// What the threads had lost when they began the latest chunk that was read of each.
    pub(crate) fn drops(&self) -> DropCounts {
        let mut sum = DropCounts::default();
        for (cause, count) in self.cursors.iter().flat_map(|cursor| cursor.drops.iter()) {
            sum.add(cause, count);
        }
        sum
    }

    /// The next event.
    pub(crate) fn next_event(&mut self) -> Result<Option<TimedEvent>, ReadError> {
        let clock = self.trace.clock;
        Ok(self.next_ticked()?.map(|ticked| ticked.step(clock)))
    }

    /// The next event, by the log's own clock.
    pub(crate) fn next_ticked(&mut self) -> Result<Option<Ticked>, ReadError> {
        let mut next = None;
        self.for_each_event(|ticked| {
            next = Some(ticked);
            false
        })?;
        Ok(next)
    }

    /// Hands out the next events, until `take` returns `false` or there are none.
    #[inline(always)]
    fn for_each_event(&mut self, mut take: impl FnMut(Ticked) -> bool) -> Result<(), ReadError> {
        loop {
            let Some(index) = self.current else {
                let Some(Reverse((_, index))) = self.waiting.pop() else { return Ok(()) };
                self.current = Some(index);
                self.until = self.waiting.peek().map_or(NEVER, |Reverse(next)| *next);
                continue;
            };
            let cursor = &mut self.cursors[index];
            let Some(record) = cursor.records.get(cursor.next_record) else {
                self.load_next_chunk(index)?;
                continue;
            };
            let time = record.time().max(cursor.latest);
            if (time, index) > self.until {
                self.wait(time, index);
                continue;
            }
            cursor.next_record += 1;
            let mut extension = None;
            if record.word().flags() & Word::EXTENDED != 0 {
                let next = cursor.records.get(cursor.next_record);
                extension = next.filter(|next| next.word().kind() == Some(Kind::Extension));
                cursor.next_record += usize::from(extension.is_some());
            }
            let Some(event) = Event::decode(record, extension) else {
                self.unknown += u64::from(record.word().kind() != Some(Kind::Extension));
                continue;
            };
            self.steps_back += u64::from(time != record.time());
            cursor.latest = time;
            cursor.events += 1;
            self.now = self.now.max(time);
            if !take(Ticked { now: self.now, latest: time, thread: index, event }) {
                return Ok(());
            }
        }
    }

    /// The current thread's next time is later than that of another: that one's turn has come.
    fn wait(&mut self, due: Ticks, index: usize) {
        // One walk down the heap, where a push and a pop would be two.
        if let Some(mut first) = self.waiting.peek_mut() {
            let Reverse((_, next)) = std::mem::replace(&mut *first, Reverse((due, index)));
            self.current = Some(next);
        }
        self.until = self.waiting.peek().map_or(NEVER, |Reverse(next)| *next);
    }

    /// Reads the thread's next chunk if its time has come; else lets the thread wait for it.
    #[cold]
    fn load_next_chunk(&mut self, index: usize) -> Result<(), ReadError> {
        let cursor = &mut self.cursors[index];
        cursor.next_record = 0;
        let mut room = mem::take(&mut cursor.records);
        if let Some(ahead) = &self.ahead {
            // What is read ahead brings its own.
            ahead.give_back(mem::take(&mut room));
        }
        let number = cursor.next_chunk;
        let Some(chunk) = cursor.thread.chunks.get(number) else {
            self.current = None;
            return Ok(());
        };
        let due = cursor.due();
        if (due, index) > self.until {
            self.wait(due, index);
            return Ok(());
        }
        let folded = if number == 0 { cursor.thread.folded_records } else { 0 };
        cursor.next_record = mem::take(&mut cursor.first_record).max(folded);
        cursor.next_chunk += 1;
        self.chunks_read += 1;
        let read = self.read((index, number), chunk.offset, room);
        self.losses.join(&read.losses);
        let cursor = &mut self.cursors[index];
        cursor.records = read.records;
        if let Some(header) = read.header? {
            for (cause, count) in header.drops.iter() {
                let more = count.saturating_sub(cursor.drops.of(cause));
                cursor.drops.add(cause, more);
            }
        }
        Ok(())
    }

    /// What the chunk at `offset` has to say; `room` is for its records, if it is not read yet.
    fn read(&mut self, which: (usize, usize), offset: u64, room: Vec<Record>) -> ReadChunk {
        let read = self.ahead.as_mut().and_then(|ahead| ahead.take(which));
        read.unwrap_or_else(|| ReadChunk::read(&mut self.reader, &self.trace.file, which, offset, room))
    }
}

impl Ticked {
    #[inline(always)]
    fn step(self, clock: Clock) -> TimedEvent {
        TimedEvent {
            now: EventContext { time: clock.nanos(self.now), thread: self.thread },
            event: self.event,
        }
    }
}

impl Iterator for Events<'_> {
    type Item = Result<Recorded, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.next_event() {
            Ok(step) => step.map(|TimedEvent { now, event }| {
                Ok(Recorded { time: now.time, thread: self.cursors[now.thread].thread.id, event })
            }),
            Err(error) => {
                self.waiting.clear();
                self.cursors.clear();
                self.current = None;
                Some(Err(error))
            }
        }
    }
}
