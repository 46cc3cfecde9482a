//! The directory of chunks, from one walk over their headers.

use std::collections::BTreeMap;

use memtrace_format::{
    CHUNK_BYTES, Calibration, ChunkHeader, ChunkKind, FIRST_CHUNK_OFFSET, Kind, Record, ThreadId, Ticks,
    Word, chunk::steps_back,
};

use super::{
    Baseline, ReadError,
    file::LogFile,
    losses::{Fault, Losses},
};
use crate::report::ChunkCounts;

/// After so many free chunks in a row the rest of the file was never used: a file may be long and hollow.
pub(crate) const FREE_RUN: u64 = 1 << 16;

/// More calibrations than this say nothing more about the clock.
const CALIBRATIONS: usize = 1024;

/// The chunks of a file.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// The threads in the order of their ids, each with its chunks in the order in which it filled them.
    pub(crate) threads: Vec<ThreadChunks>,
    /// Where the chunks with definitions lie, in the order in which they were handed out.
    pub(crate) definitions: Vec<u64>,
    /// The chunks of baselines, in the order of the file.
    pub(super) baselines: Vec<BaselineChunk>,
    pub(crate) calibrations: Vec<Calibration>,
    pub(crate) counts: ChunkCounts,
    /// Chunks of events that whoever sealed them found to step back in time.
    pub(crate) stepping_back: u64,
}

/// The chunks of one thread.
#[derive(Debug)]
pub(crate) struct ThreadChunks {
    pub(crate) id: ThreadId,
    pub(crate) chunks: Vec<EventChunk>,
    /// The records at the beginning of the first chunk that a baseline contains already.
    pub(crate) folded_records: usize,
}

/// A chunk of a baseline.
#[derive(Clone, Copy, Debug)]
pub(super) struct BaselineChunk {
    pub(super) offset: u64,
    pub(super) generation: u64,
    pub(super) index: u64,
    /// The instant that the baseline describes.
    pub(super) at: Ticks,
}

/// A chunk with events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventChunk {
    pub(crate) offset: u64,
    /// When its first record was made, so that a chunk need not be read before its time comes.
    pub(crate) first: Option<Ticks>,
    /// Whether whoever sealed it vouches that its times rise, up to the beginning of the next.
    pub(crate) in_order: bool,
    thread_sequence: u64,
    sequence: u64,
}

impl Directory {
    pub(super) fn read(file: &LogFile, session: u64, losses: &mut Losses) -> Result<Self, ReadError> {
        let mut directory = Self::default();
        let mut threads = BTreeMap::<ThreadId, Vec<EventChunk>>::new();
        let mut definitions = Vec::new();
        let mut thinning = Thinning::default();
        let mut free_run = 0;
        let mut offset = FIRST_CHUNK_OFFSET as u64;
        while offset < file.bytes() && free_run < FREE_RUN {
            let mut bytes = [0; ChunkHeader::BYTES + Record::BYTES];
            let have = file.read_up_to(offset, &mut bytes)?;
            let (head, record) = bytes.split_first_chunk().expect("it is longer than a header");
            let parsed = ChunkHeader::parse(head, session);
            free_run = if parsed == Ok(None) { free_run + 1 } else { 0 };
            match parsed {
                Ok(None) => directory.counts.free += 1,
                Ok(Some(header)) if have >= ChunkHeader::BYTES => {
                    thinning.keep(&mut directory.calibrations, header.calibration);
                    if header.kind == ChunkKind::Definitions {
                        directory.counts.definitions += 1;
                        definitions.push((header.sequence, offset));
                    } else if header.kind == ChunkKind::Baseline {
                        directory.counts.baseline += 1;
                        directory.baselines.push(BaselineChunk {
                            offset,
                            generation: header.sequence,
                            index: header.thread_sequence,
                            at: header.base_time,
                        });
                    } else {
                        directory.counts.events += 1;
                        directory.counts.unsealed += u64::from(header.seal.is_none());
                        directory.stepping_back += u64::from(steps_back(head));
                        threads.entry(header.thread).or_default().push(EventChunk {
                            offset,
                            first: first_time(record),
                            in_order: header.seal.is_some() && !steps_back(head),
                            thread_sequence: header.thread_sequence,
                            sequence: header.sequence,
                        });
                    }
                }
                Ok(Some(_)) => {
                    let missing = (ChunkHeader::BYTES - have) as u64;
                    losses.chunk(offset, Fault::Truncated { missing }, have as u64);
                }
                Err(error) => {
                    let left = file.bytes().saturating_sub(offset).min(CHUNK_BYTES as u64);
                    losses.chunk(offset, Fault::Chunk(error), left);
                }
            }
            offset += CHUNK_BYTES as u64;
        }
        definitions.sort_unstable();
        directory.definitions = definitions.into_iter().map(|(_, offset)| offset).collect();
        directory.threads = threads.into_iter().map(|(id, chunks)| ThreadChunks::new(id, chunks)).collect();
        Ok(directory)
    }

    /// Leaves out what a baseline contains, and adds the threads that only it knows.
    pub(super) fn begin_behind(&mut self, baseline: &Baseline) {
        for thread in &mut self.threads {
            let Some(folded) = baseline.folded.get(&thread.id) else { continue };
            thread.chunks.retain(|chunk| chunk.thread_sequence >= folded.chunk);
            if thread.chunks.first().is_some_and(|chunk| chunk.thread_sequence == folded.chunk) {
                thread.folded_records = usize::try_from(folded.record).unwrap_or(usize::MAX);
            }
        }
        let known: Vec<ThreadId> = self.threads.iter().map(|thread| thread.id).collect();
        let unknown = baseline.threads.iter().filter(|id| known.binary_search(id).is_err());
        self.threads.extend(unknown.map(|&id| ThreadChunks::new(id, Vec::new())));
        self.threads.sort_unstable_by_key(|thread| thread.id);
    }

    /// The bytes of the chunks with events.
    pub(crate) fn event_bytes(&self) -> u64 {
        self.counts.events.saturating_mul(CHUNK_BYTES as u64)
    }
}

impl ThreadChunks {
    fn new(id: ThreadId, mut chunks: Vec<EventChunk>) -> Self {
        chunks.sort_unstable_by_key(|chunk| (chunk.thread_sequence, chunk.sequence, chunk.offset));
        chunks.shrink_to_fit();
        Self { id, chunks, folded_records: 0 }
    }
}

/// The time of a chunk's first record, if it is committed and has one.
fn first_time(record: &[u8]) -> Option<Ticks> {
    let number = |at: usize| {
        record.get(at..).and_then(|rest| rest.first_chunk()).map(|bytes| u64::from_le_bytes(*bytes))
    };
    let word = Word::from_bits(number(Record::WORD_OFFSET)?);
    (word.is_committed() && word.kind() != Some(Kind::Extension)).then_some(Ticks(number(0)?))
}

/// Keeps every n-th of a sequence, and doubles n whenever there are too many.
#[derive(Default)]
struct Thinning {
    seen: u64,
    stride_log2: u32,
}

impl Thinning {
    fn keep(&mut self, kept: &mut Vec<Calibration>, one: Calibration) {
        if self.seen.is_multiple_of(1 << self.stride_log2) {
            kept.push(one);
        }
        self.seen += 1;
        if kept.len() > CALIBRATIONS {
            let mut index = 0;
            kept.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.stride_log2 += 1;
        }
    }
}
