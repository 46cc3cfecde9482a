//! The supply of chunks: the file is grown, mapped and populated ahead of the threads that record.

use std::{collections::VecDeque, mem::ManuallyDrop};

use memtrace_format::{CHUNK_BYTES, ClockKind, FIRST_CHUNK_OFFSET};

use super::{
    Chunk, LogFile, LogFileError, MOST_READY, Slot,
    extent::{EXTENT_CHUNKS, Extent},
    file::Growth,
};
use crate::clock;

/// How far ahead of use the file is mapped at first, in chunks: 16 MiB, what two threads can fill at the floor's rate
/// while the helper sleeps longest.
const FIRST_AHEAD: u64 = 256;

/// How many chunks should be ready for each thread that owns one. Where threads outnumber processors, the helper waits while each
/// of them has its turn, of some 3 ms, for a processor or for a lock of the file system; in that time one that does nothing else
/// fills about so many.
const CHUNKS_A_THREAD: u64 = 8;

/// How far ahead of use pages are populated at first and at most, in chunks: 2 and 16 MiB.
const POPULATED: (u64, u64) = (32, 256);

/// The most owners of chunks for which pages are populated. More threads than that are as many as there are processors for, or more,
/// and each populates its own pages as soon as the helper would; it would wait for the locks that they hold.
const MOST_SERVED: u64 = 64;

/// How many chunks are populated in one system call: 256 KiB. The call holds the process's lock on its mappings for reading,
/// so that a thread of the program that maps or unmaps waits for it, and one with a page fault behind that thread.
const STEP: u64 = 4;

/// The file and its mapped parts.
pub(super) struct Supply {
    pub(super) file: LogFile,
    clock: ClockKind,
    /// The extents that still have unsealed chunks, oldest first, each with its first chunk; `None` where one is done before an
    /// older one. Never dropped, not even by a panic: threads may be writing to them.
    extents: ManuallyDrop<VecDeque<(Slot, Option<Extent>)>>,
    /// The chunks of the file.
    mapped: u64,
    /// The chunks whose pages were populated, counted from the beginning of the file.
    populated: u64,
    /// The chunks that were used at the last look.
    seen: u64,
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
            mapped: 0,
            populated: 0,
            seen: 0,
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

    /// Looks further ahead when threads, which have used the first `used` chunks and own so many, used up much of what was ready
    /// since the last look, or when so many own a chunk that the next look may be late.
    pub(super) fn adapt(&mut self, used: u64, owned: u64) {
        let lately = used - std::mem::replace(&mut self.seen, used);
        let wanted = (lately * 4).max(owned * CHUNKS_A_THREAD).next_power_of_two();
        self.ahead = self.ahead.max(wanted.min(MOST_READY as u64 - EXTENT_CHUNKS.1));
        if lately * 4 > self.populate_ahead {
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

    /// Grows the file by an extent, when so many chunks are `ready`, and returns its chunks. Each extent costs locks of the
    /// file system and of the process's mappings, for which the helper may have to wait; a longer one costs no more of them. But none
    /// takes longer to make than what is ready lasts.
    pub(super) fn add_extent(&mut self, ready: usize) -> Result<Vec<Chunk>, LogFileError> {
        let (least, most) = EXTENT_CHUNKS;
        let wanted = (ready as u64).min(self.ahead.saturating_sub(ready as u64));
        let chunks = wanted.clamp(least, most) / least * least;
        let Growth { units, shortage } = self.file.grow(CHUNK_BYTES as u64, chunks)?;
        let first = Slot(self.mapped);
        let extent =
            Extent::map(self.file.file(), first, units).map_err(|error| self.file.map_error(error))?;
        let chunks = extent.chunks(first, clock::calibrate(self.clock)).collect();
        self.mapped += units;
        self.extents.push_back((first, Some(extent)));
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

    /// Populates a step of what threads will use next, when they have used the first `used` chunks and own so many. Whether there was one.
    pub(super) fn populate(&mut self, used: u64, owned: u64) -> bool {
        self.populated = self.populated.max(used / STEP * STEP);
        if owned > MOST_SERVED || self.populated >= self.mapped.min(used + self.populate_ahead) {
            return false;
        }
        // An extent whose chunks are all sealed already is gone.
        let populated = self.populated;
        if let Some((first, Some(extent))) = self.extent_of(Slot(populated)) {
            extent.populate(populated - first.0, STEP);
        }
        self.populated += STEP;
        true
    }

    /// A chunk was sealed and will not be used again: an extent with no other chunks is unmapped.
    pub(super) fn sealed_for_good(&mut self, slot: Slot) {
        if let Some((_, extent)) = self.extent_of(slot)
            && extent.as_mut().is_some_and(Extent::seal_one)
        {
            *extent = None;
        }
        while let Some((_, None)) = self.extents.front() {
            self.extents.pop_front();
        }
    }

    /// The extent that a chunk is in, and its first chunk.
    fn extent_of(&mut self, slot: Slot) -> Option<&mut (Slot, Option<Extent>)> {
        let behind = self.extents.partition_point(|(first, _)| *first <= slot);
        self.extents.get_mut(behind.checked_sub(1)?)
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

const _: () = assert!(
    EXTENT_CHUNKS.0.is_multiple_of(STEP) && (EXTENT_CHUNKS.0 * CHUNK_BYTES as u64).is_multiple_of(2 << 20)
);

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::log::Place;

    fn supply(folder: &std::path::Path) -> Supply {
        let place = Place { path: folder.join("run.trace"), predecessor: None };
        let mut file = LogFile::create(&place, None).expect("the folder is empty");
        file.grow(FIRST_CHUNK_OFFSET as u64, 1).expect("there is room");
        Supply::new(file, ClockKind::Monotonic)
    }

    #[test]
    fn the_more_threads_own_chunks_the_more_are_kept_ready() {
        let folder = tempfile::tempdir().expect("there is room");
        let mut supply = supply(folder.path());
        supply.adapt(8, 8);
        assert_eq!(supply.ahead(), FIRST_AHEAD as usize);
        // As few chunks since the last look, but so many threads that the next may be late.
        supply.adapt(16, 300);
        assert!((2400..MOST_READY).contains(&supply.ahead()), "{}", supply.ahead());
    }

    #[test]
    fn four_times_as_much_is_kept_ready_as_was_used_between_two_looks() {
        let folder = tempfile::tempdir().expect("there is room");
        let mut supply = supply(folder.path());
        supply.adapt(250, 1);
        assert_eq!(supply.ahead(), 1024);
        supply.adapt(260, 1);
        assert_eq!(supply.ahead(), 1024);
        supply.adapt(100_000, 1);
        assert!(supply.ahead() < MOST_READY);
    }

    #[test]
    fn an_extent_is_as_long_as_what_is_ready_lasts() {
        let folder = tempfile::tempdir().expect("there is room");
        let mut supply = supply(folder.path());
        supply.adapt(0, 300);
        let lengths = [0, 100, 300, 2000].map(|ready| supply.add_extent(ready).expect("there is room").len());
        assert_eq!(lengths, [64, 64, 256, 512]);
        // Each is gone with its last chunk.
        (0..128 + 255).for_each(|slot| supply.sealed_for_good(Slot(slot)));
        assert_eq!(supply.extents.iter().map(|(first, _)| first.0).collect::<Vec<_>>(), [128, 384]);
        supply.sealed_for_good(Slot(383));
        assert_eq!(supply.extents.iter().map(|(first, _)| first.0).collect::<Vec<_>>(), [384]);
    }

    #[test]
    fn pages_are_populated_for_so_many_threads_as_may_have_a_processor() {
        let folder = tempfile::tempdir().expect("there is room");
        let mut supply = supply(folder.path());
        supply.add_extent(0).expect("there is room");
        assert!(!supply.populate(0, MOST_SERVED + 1));
        assert!(supply.populate(0, MOST_SERVED));
    }
}
