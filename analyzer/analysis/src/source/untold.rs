//! Detects that a killed process may have lost events which no chunk counts.
//!
//! A thread tells in its next chunk what it lost before it, and the tracer adds up in the closing block, some milliseconds late.
//! Nobody does either after a SIGKILL. A thread whose chunk has room has nothing to tell: it loses events only while it needs a chunk.

use memtrace_format::{CHUNK_RECORDS, ChunkHeader, Record, Word};

use super::{Definitions, Directory, EventChunk, ReadError, file::LogFile};

/// The place in a chunk that, once it is taken, leaves no room for an event with its extension.
const LAST_PLACE: usize = CHUNK_RECORDS - 2;

/// Whether there was a thread that needed a chunk at the end.
pub(super) fn may_be(
    file: &LogFile,
    directory: &Directory,
    definitions: &Definitions,
) -> Result<bool, ReadError> {
    // A thread is defined when it needs its first chunk. In a ring, the chunks of a thread that gets no other are used again, and
    // then it looks like one that has ended.
    let have_chunks = directory.threads.iter().filter(|thread| !thread.chunks.is_empty()).count();
    if definitions.threads() > have_chunks {
        return Ok(true);
    }
    for thread in &directory.threads {
        if let Some(chunk) = thread.chunks.last()
            && is_full(file, chunk)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_full(file: &LogFile, chunk: &EventChunk) -> Result<bool, ReadError> {
    // Who has left a shared chunk to another needs none.
    if chunk.part.is_some_and(|(_, end)| usize::from(end) <= LAST_PLACE) {
        return Ok(false);
    }
    let mut word = [0; size_of::<u64>()];
    let place = ChunkHeader::BYTES + LAST_PLACE * Record::BYTES + Record::WORD_OFFSET;
    file.read_up_to(chunk.offset.saturating_add(place as u64), &mut word)?;
    Ok(Word::from_bits(u64::from_le_bytes(word)).is_committed())
}
