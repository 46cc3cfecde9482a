//! A chunk of the mapped file, owned by whoever holds the value.

use std::{
    ptr::{self, NonNull},
    slice,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

use memtrace_format::{CHUNK_BYTES, Calibration, ChunkHeader, Field, chunk};

/// The place of a chunk in the file, counted in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(pub(crate) u64);

/// A chunk that nobody else writes to. Made by the helper, passed to one thread at a time.
///
/// Invariant: `start` is the beginning of [`CHUNK_BYTES`] mapped, writable bytes, aligned to a page, and the mapping
/// outlives the value.
pub(crate) struct Chunk {
    pub(crate) start: NonNull<u8>,
    pub(crate) slot: Slot,
    /// Counts chunks in the order in which they are handed out. In ring mode one place has several in turn.
    pub(crate) sequence: u64,
    pub(crate) calibration: Calibration,
}

// SAFETY: the value is the only way to the memory (see its invariant), and the memory belongs to no thread.
unsafe impl Send for Chunk {}

/// A chunk that its thread has done with.
pub(crate) struct Retired {
    pub(crate) chunk: Chunk,
    /// The bytes in use behind the header.
    pub(crate) used: usize,
}

impl Chunk {
    pub(crate) const BODY_BYTES: usize = CHUNK_BYTES - ChunkHeader::BYTES;

    /// Makes it a chunk that nobody was handed, first of all for whoever looks at its magic.
    pub(crate) fn clear(&self) {
        let start = self.start.as_ptr();
        // SAFETY: the chunk is mapped, writable and nobody else writes to it, by the type's invariant.
        unsafe {
            AtomicU32::from_ptr(start.cast()).store(0, Ordering::Release);
            ptr::write_bytes(start, 0, CHUNK_BYTES);
        }
    }

    /// Writes a whole chunk, its magic last.
    pub(crate) fn write_image(&self, image: &[u8; CHUNK_BYTES]) {
        let rest = chunk::field::MAGIC.end();
        // SAFETY: as in `write_header`; the image is as long as the chunk.
        unsafe {
            let start = self.start.as_ptr();
            ptr::copy_nonoverlapping(image[rest..].as_ptr(), start.add(rest), CHUNK_BYTES - rest);
            let magic = AtomicU32::from_ptr(start.cast());
            magic.store(u32::from_le_bytes(chunk::CHUNK_MAGIC).to_le(), Ordering::Release);
        }
    }

    /// Writes the header, its magic last: whoever sees the magic sees the header.
    pub(crate) fn write_header(&self, header: &ChunkHeader) {
        let bytes = header.to_bytes();
        let rest = chunk::field::MAGIC.end();
        // SAFETY: the header lies inside the chunk, by the type's invariant; the magic is its first four bytes, aligned
        // to a page. A reader in another process may look meanwhile, so the magic is an atomic store.
        unsafe {
            let start = self.start.as_ptr();
            ptr::copy_nonoverlapping(bytes[rest..].as_ptr(), start.add(rest), ChunkHeader::BYTES - rest);
            let magic = AtomicU32::from_ptr(start.cast());
            magic.store(u32::from_le_bytes(chunk::CHUNK_MAGIC).to_le(), Ordering::Release);
        }
    }

    /// Writes `entry` at `used` bytes behind the header, its first eight bytes last.
    ///
    /// # Panics
    ///
    /// It does not fit, or `used` is not a multiple of 8.
    pub(crate) fn write_definition(&self, used: usize, entry: &[u8]) {
        const COMMIT: usize = 8;
        assert!(used.is_multiple_of(COMMIT) && used + entry.len() <= Self::BODY_BYTES);
        let (commit, rest) = entry.split_first_chunk::<COMMIT>().expect("an entry begins with its header");
        // SAFETY: the entry lies inside the chunk, as was just checked, and its place is aligned to 8.
        unsafe {
            let place = self.start.as_ptr().add(ChunkHeader::BYTES + used);
            ptr::copy_nonoverlapping(rest.as_ptr(), place.add(COMMIT), rest.len());
            AtomicU64::from_ptr(place.cast()).store(u64::from_le_bytes(*commit).to_le(), Ordering::Release);
        }
    }
}

impl Retired {
    /// Writes the seal: the bytes in use and the checksum of them.
    pub(crate) fn seal(self) {
        const SEAL: Field = chunk::field::LENGTH;
        let start = self.chunk.start.as_ptr();
        // SAFETY: the chunk is mapped, by its invariant, and its thread has given it back: nobody writes to it any more.
        let (header, body) = unsafe {
            (
                &*start.cast::<[u8; ChunkHeader::BYTES]>(),
                slice::from_raw_parts(start.add(ChunkHeader::BYTES), self.used),
            )
        };
        let seal = chunk::seal(header, body);
        let word = u64::from(seal.length) | u64::from(seal.crc) << 32;
        // SAFETY: length and checksum are neighbours in the header, at a multiple of 8.
        unsafe { AtomicU64::from_ptr(start.add(SEAL.offset).cast()).store(word.to_le(), Ordering::Release) };
    }
}

const _: () = assert!(chunk::field::LENGTH.offset.is_multiple_of(8));
