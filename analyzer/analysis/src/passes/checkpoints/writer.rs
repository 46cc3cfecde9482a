//! Writes checkpoints while a trace is replayed.

use std::{
    fs::File,
    io::{self, BufWriter, Seek, SeekFrom},
    sync::Arc,
};

use super::{Checkpoint, Checkpoints, Taken};
use crate::{
    merge::Batch,
    replay::{Replay, ReplayCheckpoint},
    source::Log,
};

/// The fewest events between two checkpoints. As the trace turns out to be long, they come to lie further apart.
const INTERVAL: u64 = 1 << 16;

/// The fewest events between two places at which one can be taken.
pub(crate) const PLACES: u64 = 1 << 16;

/// The most checkpoints.
const KEPT: usize = 1024;

/// A checkpoint takes as long as replaying some events of each block that is live; it comes no more often than pays.
const EVENTS_A_BLOCK: u64 = 2;

/// What of a checkpoint is in memory while it is written.
const BUFFER: usize = 1 << 18;

/// The most that all checkpoints hold in memory: open scopes, modules and transfers, and the places of threads in the log.
const ENTRIES: usize = 1 << 18;

/// All checkpoints that are kept are together no larger than this part of the trace.
const PART: u64 = 4;

/// Takes checkpoints of a replay.
#[derive(Debug)]
pub(crate) struct CheckpointWriter {
    /// None until something is written.
    file: Option<File>,
    list: Vec<Checkpoint>,
    interval: u64,
    events_a_block: u64,
    events: u64,
    latest: u64,
    written: u64,
    room: u64,
    /// With so many blocks live there was no room for a checkpoint.
    too_many: u64,
    entries: usize,
}

impl CheckpointWriter {
    /// For a replay of all of this trace.
    pub(crate) fn new(trace: &Log) -> Self {
        Self {
            file: None,
            list: Vec::new(),
            interval: INTERVAL,
            events_a_block: EVENTS_A_BLOCK,
            events: 0,
            latest: 0,
            written: 0,
            room: trace.directory.event_bytes() / PART,
            too_many: u64::MAX,
            entries: 0,
        }
    }

    /// For checkpoints that lie so close whatever they take.
    pub(super) fn every(events: u64, trace: &Log) -> Self {
        Self { interval: events, events_a_block: 0, room: u64::MAX, ..Self::new(trace) }
    }

    /// The replay stands behind the events of this batch.
    pub(crate) fn pass(&mut self, replay: &Replay<'_>, batch: &Batch) {
        self.events += batch.events;
        let Some(place) = &batch.place else { return };
        let since = self.events - self.latest;
        let live = replay.live_blocks();
        if since < self.interval || since < self.events_a_block * live {
            return;
        }
        self.latest = self.events;
        if self.written >= self.room || live >= self.too_many {
            return;
        }
        let Ok((checkpoint, end)) = self.write(replay) else {
            // Then a replay starts at the one before.
            return self.room = 0;
        };
        let entries = checkpoint.entries() + place.threads();
        // Where there is no room for it, or so much is open that few would fit, the next one is written over this one.
        if end > self.room {
            return self.too_many = live;
        }
        if entries > ENTRIES / 2 {
            return;
        }
        let at = std::mem::replace(&mut self.written, end);
        self.entries += entries;
        let bytes = end - at;
        self.list.push(Checkpoint { time: replay.end, place: place.clone(), at, bytes, outline: checkpoint });
        if self.list.len() > KEPT || self.entries > ENTRIES {
            self.thin();
        }
    }

    /// Writes what the heaps hold behind what is written, and returns where that ends.
    fn write(&mut self, replay: &Replay<'_>) -> io::Result<(ReplayCheckpoint, u64)> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.seek(SeekFrom::Start(self.written))?;
        let mut out = BufWriter::with_capacity(BUFFER, file);
        let checkpoint = replay.checkpoint(&mut out)?;
        Ok((checkpoint, out.stream_position()?))
    }

    /// What was taken of this replay, which has come to its end.
    pub(crate) fn finish(self, replay: &Replay<'_>) -> Checkpoints {
        let Some(file) = self.file else { return Checkpoints::default() };
        let times = self.list.iter().map(|checkpoint| checkpoint.time).collect();
        let (owners, scopes) = (replay.owners.clone(), replay.scopes.clone());
        let taken = Taken { file, list: self.list, owners, scopes };
        Checkpoints { times, taken: Some(Arc::new(taken)) }
    }

    fn thin(&mut self) {
        self.interval *= 2;
        let mut index = 0;
        self.list.retain(|_| {
            index += 1;
            index % 2 == 0
        });
        let entries = self.list.iter().map(|kept| kept.outline.entries() + kept.place.threads());
        self.entries = entries.sum();
    }
}
