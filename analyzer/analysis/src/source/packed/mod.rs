//! A packed log, read as it lies: chunk by chunk, without the rest of the file.

pub(crate) mod archive;
pub(crate) mod columns;
pub(crate) mod frame;
pub(crate) mod reader;

use memtrace_format::{CHUNK_BYTES, ChunkHeader, FIRST_CHUNK_OFFSET, Record};

pub(crate) use reader::PackedFile;

/// What is known of a chunk without its body: the header and the first record, which has the time at which it begins.
pub(crate) const HEAD: usize = ChunkHeader::BYTES + Record::BYTES;

/// The rest of a chunk.
pub(crate) const BODY: usize = CHUNK_BYTES - HEAD;

/// Where the chunk of this number lies in the log.
pub(crate) fn chunk_offset(number: u64) -> u64 {
    (FIRST_CHUNK_OFFSET as u64).saturating_add(number.saturating_mul(CHUNK_BYTES as u64))
}
