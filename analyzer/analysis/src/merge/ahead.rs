//! Chunks that a thread of its own reads before their time comes.
//!
//! Which chunk comes next is known but for damage and for times that step back: chunks that were read too early wait, and those that
//! were not expected are read by whoever asks for them.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque, binary_heap::PeekMut},
    mem,
    sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    thread::Scope,
};

use memtrace_format::{ChunkHeader, Record, Ticks};

use super::Events;
use crate::source::{ChunkReader, Log, LogFile, Losses, ReadError, ThreadChunks};

/// How many chunks are handed over at once: waking a thread takes as long as reading one.
const GROUP: usize = 8;

/// How many groups lie ready while one is read and one is used: a packed log is unpacked many chunks of a thread at a time.
const READY: usize = 8;

/// The most chunks that wait because their time was expected to come earlier.
const EARLY: usize = 16;

/// The chunks that a thread reads ahead.
#[derive(Debug)]
pub(super) struct Ahead {
    /// None when nothing is to be expected of the thread any more.
    full: Option<Receiver<Vec<ReadChunk>>>,
    empty: Sender<Vec<Record>>,
    /// Those that were read and not asked for yet, in the order in which they are expected.
    ready: VecDeque<ReadChunk>,
}

/// What a chunk had to say.
#[derive(Debug)]
pub(super) struct ReadChunk {
    /// The index of its thread, and its own among those of the thread.
    which: (usize, usize),
    pub(super) records: Vec<Record>,
    pub(super) losses: Losses,
    /// Its header, if that can be trusted.
    pub(super) header: Result<Option<ChunkHeader>, ReadError>,
}

impl ReadChunk {
    /// Reads the chunk at `offset` into this room.
    pub(super) fn read(
        reader: &mut ChunkReader,
        file: &LogFile,
        which: (usize, usize),
        offset: u64,
        mut records: Vec<Record>,
    ) -> Self {
        let mut losses = Losses::default();
        let header = reader.read_records(file, offset, &mut losses, &mut records);
        Self { which, records, losses, header }
    }
}

impl Ahead {
    /// Lets a thread read what these events are expected to come to.
    pub(super) fn begin<'scope>(scope: &'scope Scope<'scope, '_>, events: &Events<'scope>) -> Self {
        let (send_full, full) = sync_channel(READY);
        let (empty, take_empty) = channel();
        let (trace, expected) = (events.trace, Expected::of(events));
        scope.spawn(move || read(trace, expected, &take_empty, &send_full));
        Self { full: Some(full), empty, ready: VecDeque::new() }
    }

    /// This chunk, if it was expected.
    pub(super) fn take(&mut self, which: (usize, usize)) -> Option<ReadChunk> {
        loop {
            if let Some(place) = self.ready.iter().position(|ready| ready.which == which) {
                return self.ready.remove(place);
            }
            if self.ready.len() >= EARLY {
                // The order is not what it seemed to be.
                self.full = None;
            }
            match self.full.as_ref()?.recv() {
                Ok(group) => self.ready.extend(group),
                Err(_) => self.full = None,
            }
        }
    }

    /// Takes the room back that the records of a chunk had.
    pub(super) fn give_back(&self, records: Vec<Record>) {
        // There being no thread any more, nobody wants it.
        _ = self.empty.send(records);
    }
}

/// Reads chunks until there are no more, or nobody takes them.
fn read(
    trace: &Log,
    mut expected: Expected<'_>,
    empty: &Receiver<Vec<Record>>,
    full: &SyncSender<Vec<ReadChunk>>,
) {
    let mut reader = ChunkReader::new(trace.header().short_session());
    loop {
        let group = expected.by_ref().take(GROUP).map(|(which, offset)| {
            let room = empty.try_recv().unwrap_or_default();
            ReadChunk::read(&mut reader, &trace.file, which, offset, room)
        });
        let group: Vec<_> = group.collect();
        if group.is_empty() || full.send(group).is_err() {
            return;
        }
    }
}

/// Chunks in the order in which their time is expected to come.
struct Expected<'a> {
    threads: Vec<(&'a ThreadChunks, usize)>,
    /// The next chunk of each thread by when it is due.
    next: BinaryHeap<Reverse<(Ticks, usize)>>,
}

impl<'a> Expected<'a> {
    /// The chunks that these events have not asked for yet.
    fn of(events: &Events<'a>) -> Self {
        let cursors = || events.cursors.iter();
        Self {
            threads: cursors().map(|cursor| (cursor.thread, cursor.next_chunk)).collect(),
            next: cursors().enumerate().map(|(index, cursor)| Reverse((cursor.due(), index))).collect(),
        }
    }
}

impl Iterator for Expected<'_> {
    type Item = ((usize, usize), u64);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut first = self.next.peek_mut()?;
            let Reverse((due, index)) = *first;
            let (thread, next) = &mut self.threads[index];
            let number = mem::replace(next, *next + 1);
            let Some(chunk) = thread.chunks.get(number) else {
                PeekMut::pop(first);
                continue;
            };
            let then = thread.chunks.get(*next).and_then(|chunk| chunk.first);
            *first = Reverse((then.unwrap_or(due).max(due), index));
            return Some(((index, number), chunk.offset));
        }
    }
}
