//! An extent: a run of chunks that the file grows by and that is mapped at once. Its length is a multiple of the least, but for the
//! last one's.

use std::{fs::File, io, ptr::NonNull};

use memmap2::{Advice, MmapOptions, MmapRaw};
use memtrace_format::{CHUNK_BYTES, Calibration, FIRST_CHUNK_OFFSET};

use super::{
    Chunk, Slot,
    faults::{self, Region},
};

/// The chunks of the smallest extent and of the largest: 4 and 32 MiB of file.
pub(crate) const EXTENT_CHUNKS: (u64, u64) = (64, 512);

/// A mapped part of the file. It is unmapped when the last of its chunks is sealed.
pub(crate) struct Extent {
    map: MmapRaw,
    region: &'static Region,
    chunks: u64,
    unsealed: u64,
}

impl Extent {
    /// Maps `chunks` chunks of the file, `first` and those behind it. The file must be that long already.
    pub(crate) fn map(file: &File, first: Slot, chunks: u64) -> io::Result<Self> {
        let offset = FIRST_CHUNK_OFFSET as u64 + first.0 * CHUNK_BYTES as u64;
        let map = MmapOptions::new().offset(offset).len(chunks as usize * CHUNK_BYTES).map_raw(file)?;
        // A forked child must not write into its parent's log. Where the advice fails, the fork handler alone prevents it.
        let _ = map.advise(Advice::DontFork);
        let region = faults::watch(map.as_ptr(), map.len());
        Ok(Self { map, region, chunks, unsealed: chunks })
    }

    /// The chunks of this extent, of which `first` is the first one's place in the file. Call it once.
    pub(crate) fn chunks(&self, first: Slot, calibration: Calibration) -> impl Iterator<Item = Chunk> {
        let start = NonNull::new(self.map.as_mut_ptr()).expect("a mapping is not at address zero");
        (0..self.chunks).map(move |index| Chunk {
            // SAFETY: the mapping is `chunks` chunks long.
            start: unsafe { start.add(index as usize * CHUNK_BYTES) },
            slot: Slot(first.0 + index),
            sequence: 0,
            calibration,
        })
    }

    /// Makes the pages of some chunks present and writable, so that their first writer takes no page fault. Does nothing
    /// on kernels that cannot (before 5.14): there the writer takes the faults.
    pub(crate) fn populate(&self, first: u64, count: u64) {
        let count = count.min(self.chunks.saturating_sub(first));
        let _ = self.map.advise_range(
            Advice::PopulateWrite,
            first as usize * CHUNK_BYTES,
            count as usize * CHUNK_BYTES,
        );
    }

    /// Counts one chunk sealed and says whether it was the last.
    pub(crate) fn seal_one(&mut self) -> bool {
        self.unsealed -= 1;
        self.unsealed == 0
    }
}

impl Drop for Extent {
    fn drop(&mut self) {
        self.region.forget();
    }
}
