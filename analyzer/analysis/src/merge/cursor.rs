//! A thread's place in its chunks.

use memtrace_format::{DropCounts, Record, Ticks};

use crate::source::ThreadChunks;

/// A thread's place in its chunks.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    pub(super) thread: &'a ThreadChunks,
    pub(super) next_chunk: usize,
    pub(super) records: Vec<Record>,
    pub(super) next_record: usize,
    /// The record to begin the next chunk with.
    pub(super) first_record: usize,
    pub(super) latest: Ticks,
    pub(super) drops: DropCounts,
    pub(super) events: u64,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(thread: &'a ThreadChunks, next_chunk: usize) -> Self {
        Self {
            thread,
            next_chunk,
            records: Vec::new(),
            next_record: 0,
            first_record: 0,
            latest: Ticks(0),
            drops: DropCounts::default(),
            events: 0,
        }
    }

    /// When the first record of the next chunk was made, as far as is known before reading it.
    pub(super) fn due(&self) -> Ticks {
        let first = self.thread.chunks.get(self.next_chunk).and_then(|chunk| chunk.first);
        first.unwrap_or(self.latest).max(self.latest)
    }

    /// The chunk and the record that come next.
    pub(super) fn place(&self) -> (usize, usize) {
        // A chunk that is read to its end is behind us; one of which nothing is read yet is still to be begun.
        let within = self.next_record < self.records.len();
        match self.next_chunk.checked_sub(1).filter(|_| within) {
            Some(chunk) => (chunk, self.next_record),
            None => (self.next_chunk, self.first_record),
        }
    }
}
