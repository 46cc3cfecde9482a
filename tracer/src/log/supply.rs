//! The supply of chunks: the file is grown, mapped and populated ahead of the threads that record.

use std::{collections::VecDeque, mem::ManuallyDrop};

use memtrace_format::{CHUNK_BYTES, ClockKind, FIRST_CHUNK_OFFSET};

use super::{
    Chunk, LogFile, LogFileError, MOST_READY, Slot,
    extent::{EXTENT_BYTES, EXTENT_CHUNKS, Extent},
    file::Growth,
};
use crate::clock;

/// How far ahead of use the file is mapped at first, in chunks: 16 MiB, what two threads can fill at the floor's rate
/// while the helper sleeps longest.
const FIRST_AHEAD: u64 = 256;

/// How far ahead of use pages are populated at first and at most, in chunks: 2 and 16 MiB.
const POPULATED: (u64, u64) = (32, 256);

/// How many chunks are populated in one system call: 256 KiB. The call holds the process's lock on its mappings for reading,
/// so that a thread of the program that maps or unmaps waits for it, and one with a page fault behind that thread.
const STEP: u64 = 4;

/// The file and its mapped parts.
pub(super) struct Supply {
    pub(super) file: LogFile,
    clock: ClockKind,
    /// The extents that still have unsealed chunks, oldest first; `None` where one is done before an older one. Never
    /// dropped, not even by a panic: threads may be writing to them.
    extents: ManuallyDrop<VecDeque<Option<Extent>>>,
    /// The number of the first in `extents`.
    first_extent: u64,
    /// The chunks of the file.
    mapped: u64,
    /// The chunks whose pages were populated, counted from the beginning of the file.
    populated: u64,
    /// How far ahead to map and to populate, in chunks.
    ahead: u64,
    populate_ahead: u64,
    /// Why the file cannot grow any more. What is ready can still be used.
    shortage: Option<LogFileError>,
}

impl Supply {
    pub(super) fn new(file: LogFile, clock: ClockKind) -> Self {
        Self {
            file,
            clock,
            extents: ManuallyDrop::default(),
            first_extent: 0,
            mapped: 0,
            populated: 0,
            ahead: FIRST_AHEAD,
            populate_ahead: POPULATED.0,
            shortage: None,
        }
    }

    /// The chunks of the file.
    pub(super) fn chunks(&self) -> u64 {
        self.mapped
    }

    /// Why there will be no further chunk, if so.
    pub(super) fn shortage(&self) -> Option<&LogFileError> {
        self.shortage.as_ref()
    }

    /// There will be no further chunk.
    pub(super) fn end(&mut self, why: LogFileError) {
        self.shortage.get_or_insert(why);
    }

    /// Puts another reason in the place of the one there is.
    pub(super) fn replace_shortage(&mut self, why: impl FnOnce(&LogFile) -> LogFileError) {
        self.shortage = Some(why(&self.file));
    }

    /// Looks further ahead when threads used up much of what was ready since the last look.
    pub(super) fn adapt(&mut self, used: u64) {
        if used * 4 > self.ahead {
            self.ahead = (self.ahead * 2).min(MOST_READY as u64 - EXTENT_CHUNKS);
        }
        if used * 4 > self.populate_ahead {
            self.populate_ahead = (self.populate_ahead * 2).min(POPULATED.1);
        }
    }

    /// How many chunks should be ready.
    pub(super) fn ahead(&self) -> usize {
        self.ahead as usize
    }

    /// Whether more chunks should be made ready when so many are.
    pub(super) fn is_short(&self, ready: usize) -> bool {
        self.shortage.is_none() && (ready as u64) < self.ahead
    }

    /// Grows the file by an extent and returns its chunks.
    pub(super) fn add_extent(&mut self) -> Result<Vec<Chunk>, LogFileError> {
        let number = self.mapped / EXTENT_CHUNKS;
        let Growth { units, shortage } = self.file.grow(CHUNK_BYTES as u64, EXTENT_CHUNKS)?;
        let extent =
            Extent::map(self.file.file(), number, units).map_err(|error| self.file.map_error(error))?;
        let chunks = extent.chunks(Slot(self.mapped), clock::calibrate(self.clock)).collect();
        self.mapped += units;
        self.extents.push_back(Some(extent));
        // An extent that is shorter than others is the last one.
        if let Some(shortage) = shortage {
            self.end(shortage);
        }
        Ok(chunks)
    }

    /// Pages were made read-only: those that nobody has used yet are to be populated again.
    pub(super) fn populate_again(&mut self) {
        self.populated = 0;
    }

    /// Populates what threads will use next, when they have used the first `used` chunks, for as long as it is `wanted`.
    pub(super) fn populate(&mut self, used: u64, wanted: impl Fn() -> bool) {
        self.populated = self.populated.max(used / STEP * STEP);
        while self.populated < self.mapped && self.populated < used + self.populate_ahead && wanted() {
            // An extent whose chunks are all sealed already is gone.
            let index = (self.populated / EXTENT_CHUNKS).checked_sub(self.first_extent);
            let extent = index.and_then(|index| self.extents.get(index as usize)).and_then(Option::as_ref);
            if let Some(extent) = extent {
                extent.populate(self.populated % EXTENT_CHUNKS, STEP);
            }
            self.populated += STEP;
        }
    }

    /// A chunk was sealed and will not be used again: an extent with no other chunks is unmapped.
    pub(super) fn sealed_for_good(&mut self, slot: Slot) {
        let extent = &mut self.extents[(slot.0 / EXTENT_CHUNKS - self.first_extent) as usize];
        if extent.as_mut().is_some_and(Extent::seal_one) {
            *extent = None;
        }
        while let Some(None) = self.extents.front() {
            self.extents.pop_front();
            self.first_extent += 1;
        }
    }

    /// Cuts off what lies behind the last chunk that is not among `unused`.
    pub(super) fn cut_off(&self, mut unused: Vec<Slot>) -> Result<(), LogFileError> {
        unused.sort_unstable();
        let mut end = self.mapped;
        while unused.pop_if(|last| last.0 + 1 == end).is_some() {
            end -= 1;
        }
        self.file.truncate(FIRST_CHUNK_OFFSET as u64 + end * CHUNK_BYTES as u64)
    }
}

const _: () = assert!(EXTENT_CHUNKS.is_multiple_of(STEP) && EXTENT_BYTES.is_multiple_of(2 << 20));
