//! A log made small enough to attach to a report, and read as it lies.
//!
//! `docs/packed.md` draws the file. A packed log is one stored entry of a ZIP archive, for that is what issue trackers accept;
//! within it, chunks of one thread are packed together, column by column, so that a chunk is read without the rest of the file.
//! Unpacked, a log has every byte that it had.

mod archive;
mod columns;
mod frame;
mod packer;
mod reader;
mod unpacker;

pub(crate) use reader::PackedFile;

pub use packer::{PackError, Packed, pack};
pub use unpacker::{Unpacked, unpack};

use memtrace_format::{CHUNK_BYTES, ChunkHeader, FIRST_CHUNK_OFFSET, Record};

/// What is known of a chunk without its body: the header and the first record, which has the time at which it begins.
const HEAD: usize = ChunkHeader::BYTES + Record::BYTES;

/// The rest of a chunk.
const BODY: usize = CHUNK_BYTES - HEAD;

/// Where the chunk of this number lies in the log.
pub(crate) fn chunk_offset(number: u64) -> u64 {
    (FIRST_CHUNK_OFFSET as u64).saturating_add(number.saturating_mul(CHUNK_BYTES as u64))
}
