//! The baseline of a ring: the effect of the events that are no longer in the file.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use memtrace_format::{Event, Folded, PeakPassed, Record, ThreadId, Ticks};

use super::{ChunkReader, Directory, Losses, ReadError, directory::BaselineChunk, file::LogFile};

/// The newest whole baseline of a file.
#[derive(Debug)]
pub(crate) struct Baseline {
    /// The instant that it describes.
    pub(crate) at: Ticks,
    /// Where its chunks lie, in order.
    pub(crate) chunks: Vec<u64>,
    /// How far the records that are still in the file are contained in it.
    pub(super) folded: HashMap<ThreadId, Folded>,
    /// Every thread that it mentions.
    pub(super) threads: BTreeSet<ThreadId>,
    /// The peaks of what was folded, and when they were.
    pub(crate) peaks: Vec<(Ticks, PeakPassed)>,
}

impl Baseline {
    /// Finds the newest baseline all of whose chunks are there. Others are left-overs, and no damage, unless a seal does not fit.
    pub(super) fn read(
        file: &LogFile,
        directory: &Directory,
        session: u64,
        losses: &mut Losses,
    ) -> Result<Option<Self>, ReadError> {
        let mut generations: BTreeMap<u64, Vec<BaselineChunk>> = BTreeMap::new();
        for &chunk in &directory.baselines {
            generations.entry(chunk.generation).or_default().push(chunk);
        }
        for (_, mut chunks) in generations.into_iter().rev() {
            chunks.sort_unstable_by_key(|chunk| chunk.index);
            if let Some(baseline) = Self::read_generation(file, &chunks, session, losses)? {
                return Ok(Some(baseline));
            }
        }
        Ok(None)
    }

    fn read_generation(
        file: &LogFile,
        chunks: &[BaselineChunk],
        session: u64,
        losses: &mut Losses,
    ) -> Result<Option<Self>, ReadError> {
        let Some(first) = chunks.first() else { return Ok(None) };
        let mut baseline = Self {
            at: first.at,
            chunks: chunks.iter().map(|chunk| chunk.offset).collect(),
            folded: HashMap::new(),
            threads: BTreeSet::new(),
            peaks: Vec::new(),
        };
        let mut reader = ChunkReader::new(session);
        let mut records: Vec<Record> = Vec::new();
        let mut whole = false;
        for (index, chunk) in (0..).zip(chunks) {
            let header = reader.read_records(file, chunk.offset, losses, &mut records)?;
            let sealed = header.is_some_and(|header| header.seal.is_some());
            if whole || !sealed || chunk.index != index {
                return Ok(None);
            }
            for record in &records {
                match Event::decode(record, None) {
                    Some(Event::OnThread(thread)) => _ = baseline.threads.insert(thread),
                    Some(Event::Folded(folded)) => {
                        baseline.threads.insert(folded.thread);
                        baseline.folded.insert(folded.thread, folded);
                    }
                    Some(Event::PeakPassed(peak)) => baseline.peaks.push((record.time(), peak)),
                    Some(Event::BaselineEnd { chunks: count }) => whole = count == chunks.len() as u64,
                    _ => {}
                }
            }
        }
        Ok(whole.then_some(baseline))
    }
}
