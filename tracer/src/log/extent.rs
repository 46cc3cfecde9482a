//! An extent: a run of chunks that the file grows by and that is mapped at once.

use std::{fs::File, io, ptr::NonNull};

use memmap2::{Advice, MmapOptions, MmapRaw};
use memtrace_format::{CHUNK_BYTES, Calibration, FIRST_CHUNK_OFFSET};

use super::Chunk;

/// The chunks of an extent: 4 MiB of file.
pub(crate) const EXTENT_CHUNKS: u64 = 64;

/// The size of an extent in the file.
pub(crate) const EXTENT_BYTES: u64 = EXTENT_CHUNKS * CHUNK_BYTES as u64;

/// A mapped part of the file. It is unmapped when the last of its chunks is sealed.
pub(crate) struct Extent {
    map: MmapRaw,
    unsealed: u64,
}

impl Extent {
    /// Where extent `number` lies in the file.
    pub(crate) const fn offset(number: u64) -> u64 {
        FIRST_CHUNK_OFFSET as u64 + number * EXTENT_BYTES
    }

    /// Maps extent `number` of the file, which must be that long already.
    pub(crate) fn map(file: &File, number: u64) -> io::Result<Self> {
        let map = MmapOptions::new().offset(Self::offset(number)).len(EXTENT_BYTES as usize).map_raw(file)?;
        // A forked child must not write into its parent's log. Where the advice fails, the fork handler alone prevents it.
        let _ = map.advise(Advice::DontFork);
        Ok(Self { map, unsealed: EXTENT_CHUNKS })
    }

    /// The chunks of this extent, of which `first` is the number of the first in the file. Call it once.
    pub(crate) fn chunks(&self, first: u64, calibration: Calibration) -> impl Iterator<Item = Chunk> {
        let start = NonNull::new(self.map.as_mut_ptr()).expect("a mapping is not at address zero");
        (0..EXTENT_CHUNKS).map(move |index| Chunk {
            // SAFETY: the mapping is `EXTENT_CHUNKS` chunks long.
            start: unsafe { start.add(index as usize * CHUNK_BYTES) },
            sequence: first + index,
            calibration,
        })
    }

    /// Makes the pages of some chunks present and writable, so that their first writer takes no page fault. Does nothing
    /// on kernels that cannot (before 5.14): there the writer takes the faults.
    pub(crate) fn populate(&self, first: u64, count: u64) {
        let range = (first as usize * CHUNK_BYTES, count as usize * CHUNK_BYTES);
        let _ = self.map.advise_range(Advice::PopulateWrite, range.0, range.1);
    }

    /// Counts one chunk sealed and says whether it was the last.
    pub(crate) fn seal_one(&mut self) -> bool {
        self.unsealed -= 1;
        self.unsealed == 0
    }
}
