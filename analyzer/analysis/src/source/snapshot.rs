//! A ring that is being written, as it was when it was opened: a copy, for the tracer uses its chunks again while others read.
//!
//! What a chunk held that was used again is in a baseline that was written before. So the baseline is copied last, and nothing is
//! missing up to the beginning of the copying; what was recorded meanwhile is left out. A tracer takes a chunk's magic away before
//! it uses the chunk again: bytes read between two looks at one header are of that chunk.
//!
//! A chunk that was copied and used again before the baseline was written must not count twice. A baseline says how far each thread is
//! folded that has something in the file; of a thread that has nothing there any more it says nothing. So the copy leaves out what is
//! gone while its baseline is still there: all of that is folded into it.

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
    let mut copying = Copying { ring, session, copy: &copy, buffer: vec![0; CHUNK_BYTES], baselines: false };
    let mut beginning = vec![0; FIRST_CHUNK_OFFSET];
    let have = ring.read_up_to(0, &mut beginning)?;
    copying.write(0, &beginning[..have])?;
    let chunks = ring.bytes().saturating_sub(FIRST_CHUNK_OFFSET as u64).div_ceil(CHUNK_BYTES as u64);
    let events = copying.events(chunks)?;
    if copying.baseline(chunks, &events)? { RegularFile::of(copy) } else { Err(ReadError::UsedAgain) }
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
    /// Whether there is, or was, a chunk of a baseline.
    baselines: bool,
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
    /// Copies everything but baselines. Returns where there are events.
    fn events(&mut self, chunks: u64) -> Result<Vec<(u64, Identity)>, ReadError> {
        let (mut events, mut open) = (Vec::new(), Vec::new());
        for number in 0..chunks {
            let Some(header) = self.chunk(number, |kind| kind != ChunkKind::Baseline)? else { continue };
            let identity = Identity::of(&header);
            self.baselines |= header.kind == ChunkKind::Baseline;
            if identity.has_events {
                events.push((number, identity));
            }
            if header.kind != ChunkKind::Baseline && header.seal.is_none() {
                open.push((number, identity));
            }
        }
        // What was recorded into one chunk before another was taken is in both copies then.
        for (number, identity) in open {
            self.chunk_as_it_was(number, number, identity)?;
        }
        Ok(events)
    }

    /// Copies the newest baseline, if there is one, behind the chunks, and takes those away that it stands for. Whether that succeeded.
    fn baseline(&mut self, chunks: u64, events: &[(u64, Identity)]) -> Result<bool, ReadError> {
        for _ in 0..TRIES {
            let newest = self.newest_baseline(chunks)?;
            self.baselines |= !newest.is_empty();
            let mut whole = true;
            for (behind, &(number, identity)) in (chunks..).zip(&newest) {
                whole &= self.chunk_as_it_was(number, behind, identity)?;
            }
            let gone = self.gone(events)?;
            // None is used again before the next baseline is there, and this one is not.
            whole &= self.gone(&newest)?.is_empty();
            if whole && !newest.is_empty() || !self.baselines && gone.is_empty() {
                for number in gone {
                    self.write(offset(number), &[0; ChunkHeader::BYTES])?;
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Those of these chunks that were used again.
    fn gone(&self, chunks: &[(u64, Identity)]) -> Result<Vec<u64>, ReadError> {
        let mut gone = Vec::new();
        for &(number, identity) in chunks {
            let header = self.header(number)?.ok().flatten();
            if header.is_none_or(|header| Identity::of(&header) != identity) {
                gone.push(number);
            }
        }
        Ok(gone)
    }

    /// Copies a chunk to its place, if it is of a wanted kind or damaged. Returns its header, if it has one.
    fn chunk(
        &mut self,
        number: u64,
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
                self.write(offset(number), &self.buffer[..have])?;
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

#[cfg(test)]
mod tests {
    use memtrace_format::{Calibration, ChunkBuilder, DropCounts, Event, Folded, ModuleId, ThreadId, Ticks};

    use super::*;

    const SESSION: u64 = 7;

    /// A chunk of this sequence with these events.
    fn chunk(kind: ChunkKind, sequence: u64, thread: ThreadId, events: &[Event]) -> Box<[u8; CHUNK_BYTES]> {
        let calibration = Calibration { ticks: Ticks(1), monotonic_ns: 1, realtime_ns: 1 };
        let (base_time, drops) = (Ticks(1), DropCounts::default());
        let thread_sequence = 0;
        let header = ChunkHeader {
            kind,
            session: SESSION,
            sequence,
            thread,
            thread_sequence,
            base_time,
            calibration,
            drops,
            seal: None,
        };
        let mut chunk = ChunkBuilder::new(header);
        for event in events {
            chunk.event(Ticks(2), event).expect("there is room");
        }
        chunk.finish()
    }

    /// A thread that has nothing in the file any more is in no baseline but the first that it is folded into.
    #[test]
    fn what_was_used_again_does_not_count_twice() {
        let file = tempfile::tempfile().unwrap();
        let put = |number: u64, bytes: &[u8]| file.write_all_at(bytes, offset(number)).unwrap();
        let (one, other) = (ThreadId(1), ThreadId(2));
        let event = Event::ForwardBegin(ModuleId(1));
        let folded = Event::Folded(Folded { thread: other, chunk: 0, record: 0 });
        let baseline = |events: &[Event]| {
            let mut events = events.to_vec();
            events.push(Event::BaselineEnd { chunks: 1 });
            events
        };
        put(0, &chunk(ChunkKind::Events, 1, one, &[event])[..]);
        put(1, &chunk(ChunkKind::Events, 2, other, &[event])[..]);
        put(2, &chunk(ChunkKind::Baseline, 1, ThreadId::NONE, &baseline(&[]))[..]);
        put(3, &[0; CHUNK_BYTES]);
        let ring = LogFile::Plain(RegularFile::of(file.try_clone().unwrap()).unwrap());
        let copy = tempfile::tempfile().unwrap();
        let mut copying = Copying {
            ring: &ring,
            session: SESSION,
            copy: &copy,
            buffer: vec![0; CHUNK_BYTES],
            baselines: false,
        };
        let events = copying.events(4).unwrap();
        assert_eq!(events.len(), 2);
        // Meanwhile all of the first thread is folded, and then another baseline is written.
        put(3, &chunk(ChunkKind::Baseline, 3, ThreadId::NONE, &baseline(&[folded]))[..]);
        put(2, &[0; CHUNK_BYTES]);
        put(0, &chunk(ChunkKind::Events, 3, other, &[event])[..]);
        assert!(copying.baseline(4, &events).unwrap());
        let copied = LogFile::Plain(RegularFile::of(copy.try_clone().unwrap()).unwrap());
        let kinds = (0..5).map(|number| {
            let mut head = [0; ChunkHeader::BYTES];
            copied.read_up_to(offset(number), &mut head).unwrap();
            ChunkHeader::parse(&head, SESSION).unwrap().map(|header| (header.kind, header.sequence))
        });
        let expected = [None, Some((ChunkKind::Events, 2)), None, None, Some((ChunkKind::Baseline, 3))];
        assert_eq!(kinds.collect::<Vec<_>>(), expected);
    }
}
