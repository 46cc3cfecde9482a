//! A ring that is being written, as it was when it was opened: a copy, for the tracer uses its chunks again while others read.
//!
//! What a chunk held that was used again is in a baseline that was written before. So the baseline is copied last, and nothing is
//! missing up to the beginning of the copying; what was recorded meanwhile is left out. A tracer takes a chunk's magic away before
//! it uses the chunk again: bytes read between two looks at one header are of that chunk.

use std::{collections::BTreeMap, os::unix::fs::FileExt};

use memtrace_format::{
    CHUNK_BYTES, ChunkError, ChunkHeader, ChunkKind, FIRST_CHUNK_OFFSET, Kind, Record, Word,
};

use super::{ReadError, RegularFile, file::LogFile};

/// How often a chunk, or a baseline, is read that was used again in the middle of it.
const TRIES: usize = 32;

/// Copies the ring.
///
/// # Errors
///
/// It cannot be read, the copy cannot be written, or each baseline was gone before it was read.
pub(super) fn take(ring: &LogFile, session: u64) -> Result<RegularFile, ReadError> {
    let copy = tempfile::tempfile().map_err(ReadError::Copy)?;
    let mut copying = Copying { ring, session, copy: &copy, buffer: vec![0; CHUNK_BYTES] };
    let mut beginning = vec![0; FIRST_CHUNK_OFFSET];
    let have = ring.read_up_to(0, &mut beginning)?;
    copying.write(0, &beginning[..have])?;
    let chunks = ring.bytes().saturating_sub(FIRST_CHUNK_OFFSET as u64).div_ceil(CHUNK_BYTES as u64);
    let mut open = Vec::new();
    let mut has_baseline = false;
    for number in 0..chunks {
        match copying.chunk(number, number, |kind| kind != ChunkKind::Baseline)? {
            Some(header) if header.kind == ChunkKind::Baseline => has_baseline = true,
            Some(header) if header.seal.is_none() => open.push((number, Identity::of(&header))),
            _ => {}
        }
    }
    // What was recorded into one chunk before another was taken is in both copies then.
    for (number, identity) in open {
        copying.chunk_as_it_was(number, number, identity)?;
    }
    for _ in 0..TRIES {
        let newest = copying.newest_baseline(chunks)?;
        has_baseline |= !newest.is_empty();
        let mut whole = !newest.is_empty();
        for (behind, (number, identity)) in (chunks..).zip(newest) {
            whole &= copying.chunk_as_it_was(number, behind, identity)?;
        }
        if whole || !has_baseline {
            return RegularFile::of(copy);
        }
    }
    Err(ReadError::UsedAgain)
}

/// The time now, in nanoseconds of the clock that logs are calibrated with.
pub(super) fn monotonic() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

struct Copying<'a> {
    ring: &'a LogFile,
    session: u64,
    copy: &'a std::fs::File,
    buffer: Vec<u8>,
}

/// What tells a chunk from every other that was or will be in its place. It may be sealed or shared meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity {
    has_events: bool,
    sequence: u64,
    thread: u32,
    thread_sequence: u64,
}

impl Identity {
    fn of(header: &ChunkHeader) -> Self {
        Self {
            has_events: header.kind.has_events(),
            sequence: header.sequence,
            thread: header.thread.0,
            thread_sequence: header.thread_sequence,
        }
    }
}

impl Copying<'_> {
    /// Copies a chunk, if it is of a wanted kind or damaged. Returns its header, if it has one.
    fn chunk(
        &mut self,
        number: u64,
        to: u64,
        wanted: impl Fn(ChunkKind) -> bool,
    ) -> Result<Option<ChunkHeader>, ReadError> {
        for _ in 0..TRIES {
            let have = self.ring.read_up_to(offset(number), &mut self.buffer)?;
            self.buffer[have..].fill(0);
            let head = self.buffer.first_chunk().expect("the buffer is longer than a header");
            let before = ChunkHeader::parse(head, self.session);
            let after = self.header(number)?;
            let identity = |header: &Result<Option<ChunkHeader>, ChunkError>| {
                header.as_ref().map(|header| header.as_ref().map(Identity::of)).map_err(|error| *error)
            };
            if identity(&before) != identity(&after) {
                continue;
            }
            let is_wanted = match &before {
                Ok(header) => header.as_ref().is_some_and(|header| wanted(header.kind)),
                Err(_) => true,
            };
            if is_wanted {
                self.write(offset(to), &self.buffer[..have])?;
            }
            return Ok(before.ok().flatten());
        }
        // Whatever it held is in a baseline, or is newer than the copy.
        Ok(None)
    }

    /// Copies a chunk if it is still the same. Whether it is.
    fn chunk_as_it_was(&mut self, number: u64, to: u64, identity: Identity) -> Result<bool, ReadError> {
        let have = self.ring.read_up_to(offset(number), &mut self.buffer)?;
        let after = self.header(number)?.ok().flatten();
        let is_same = after.is_some_and(|header| Identity::of(&header) == identity);
        if is_same {
            self.write(offset(to), &self.buffer[..have])?;
        }
        Ok(is_same)
    }

    /// Where the chunks of the newest whole baseline lie.
    fn newest_baseline(&self, chunks: u64) -> Result<Vec<(u64, Identity)>, ReadError> {
        let mut generations: BTreeMap<u64, Vec<(u64, ChunkHeader)>> = BTreeMap::new();
        for number in 0..chunks {
            if let Ok(Some(header)) = self.header(number)?
                && header.kind == ChunkKind::Baseline
            {
                generations.entry(header.sequence).or_default().push((number, header));
            }
        }
        for generation in generations.into_values().rev() {
            if self.is_whole(&generation)? {
                return Ok(generation
                    .iter()
                    .map(|(number, header)| (*number, Identity::of(header)))
                    .collect());
            }
        }
        Ok(Vec::new())
    }

    /// Whether these are all chunks of their baseline: the last says how many there are.
    fn is_whole(&self, chunks: &[(u64, ChunkHeader)]) -> Result<bool, ReadError> {
        let last = chunks.iter().max_by_key(|(_, header)| header.thread_sequence);
        let Some((number, ChunkHeader { seal: Some(seal), .. })) = last else { return Ok(false) };
        let behind = offset(*number) + ChunkHeader::BYTES as u64 + u64::from(seal.length);
        let mut end = [0; Record::BYTES];
        self.ring.read_up_to(behind.saturating_sub(Record::BYTES as u64), &mut end)?;
        let [_, count, _, word] = [0, 8, 16, 24]
            .map(|at| u64::from_le_bytes(*end[at..].first_chunk().expect("a record has four words")));
        let is_end = Word::from_bits(word).kind() == Some(Kind::BaselineEnd);
        Ok(is_end && count == chunks.len() as u64)
    }

    fn header(&self, number: u64) -> Result<Result<Option<ChunkHeader>, ChunkError>, ReadError> {
        let mut head = [0; ChunkHeader::BYTES];
        self.ring.read_up_to(offset(number), &mut head)?;
        Ok(ChunkHeader::parse(&head, self.session))
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), ReadError> {
        self.copy.write_all_at(bytes, offset).map_err(ReadError::Copy)
    }
}

fn offset(number: u64) -> u64 {
    FIRST_CHUNK_OFFSET as u64 + number * CHUNK_BYTES as u64
}
