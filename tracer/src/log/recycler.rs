//! Chunks that are used again, in ring mode.
//!
//! The order of things makes the file whole at every instant: the oldest events are folded, a baseline that contains them is
//! written to chunks held in reserve, and only then are their chunks, and those of the baseline before, cleared.

use memtrace_baseline::Fold;
use memtrace_format::{
    CHUNK_BYTES, Calibration, ChunkBuilder, ChunkHeader, ChunkKind, DropCounts, Event, Folded, ThreadId,
    Ticks,
};

use super::{Chunk, Log, Slot, faults};
use crate::{
    clock,
    ring::{Streams, WatchedChunk},
    session::Session,
    state::Mode,
};

/// The most chunks that are folded at once, and twice what is ready for threads.
const MOST: usize = 1024;

/// What ring mode keeps beside the file.
pub(super) struct Recycler {
    session: &'static Session,
    streams: Streams,
    fold: Fold,
    /// Chunks for the next baseline.
    reserve: Vec<Chunk>,
    /// How many there should be.
    reserve_wanted: usize,
    /// Chunks that can be handed out again.
    free: Vec<Chunk>,
    /// The chunks of the baseline that counts now.
    baseline: Vec<Chunk>,
    /// Counts baselines.
    generation: u64,
    /// Instants at the last two calls. Every event older than the earlier one is committed by now: its thread would have had
    /// to sleep between reading the clock and storing the record for as long as a nap of the helper. Should that happen, the
    /// event is folded late, in its thread's order.
    looked: (Ticks, Ticks),
}

impl Recycler {
    pub(super) fn new(session: &'static Session) -> Self {
        Self {
            session,
            streams: Streams::new(session.log.short_session()),
            fold: Fold::default(),
            reserve: Vec::new(),
            reserve_wanted: 2,
            free: Vec::new(),
            baseline: Vec::new(),
            generation: 0,
            looked: (Ticks(0), Ticks(0)),
        }
    }

    /// The chunks that no thread has and that hold nothing.
    pub(super) fn unused(&self) -> impl Iterator<Item = Slot> {
        self.reserve.iter().chain(&self.free).map(|chunk| chunk.slot)
    }

    /// A chunk came back with this many bytes of records in it.
    pub(super) fn given_back(&mut self, slot: Slot, used: usize) {
        self.streams.given_back(slot, used);
    }

    /// Keeps a free chunk for the next baseline, or returns it to be handed out.
    pub(super) fn pass_on(&mut self, chunk: Chunk) -> Option<Chunk> {
        if self.reserve.len() < self.reserve_wanted {
            self.reserve.push(chunk);
            return None;
        }
        self.streams.watch(WatchedChunk { start: chunk.start, slot: chunk.slot });
        Some(chunk)
    }

    /// A chunk to be handed out again. When few of the file's `total` chunks are left, the oldest events are folded first.
    ///
    /// # Errors
    ///
    /// There is no room for the baseline; the bytes that it would take.
    pub(super) fn next_free(&mut self, log: &Log, total: u64) -> Result<Option<Chunk>, u64> {
        if log.ready() + self.free.len() <= Self::few(total) {
            self.recycle(log, Self::at_once(total))?;
        }
        Ok(if log.ready() < MOST / 2 { self.free.pop() } else { None })
    }

    /// How few of the file's `total` chunks may be left before others are folded.
    pub(super) fn few(total: u64) -> usize {
        total.min(MOST as u64) as usize / 4
    }

    /// How many chunks are folded at once.
    fn at_once(total: u64) -> usize {
        (total / 8).clamp(1, MOST as u64) as usize
    }

    /// The helper has looked at everything there is.
    pub(super) fn looked(&mut self) {
        self.looked = (self.looked.1, clock::now(Mode::on(self.session.clock)));
    }

    /// Folds events that fill `enough` chunks, if there are so many that are settled, and frees the chunks.
    fn recycle(&mut self, log: &Log, enough: usize) -> Result<(), u64> {
        log.retire_left();
        log.seal_retired(|slot, used| self.streams.given_back(slot, used));
        // Somebody defines something: another time.
        let Some(pools) = self.session.definitions.heap_of_pool() else { return Ok(()) };
        self.fold.know_pools(&pools);
        self.streams.fold_into(&mut self.fold, self.looked.0, enough);
        if self.streams.folded() == 0 {
            return Ok(());
        }
        let calibration = clock::calibrate(self.session.clock);
        let images = self.images(&self.streams.positions(), calibration);
        while self.reserve.len() < images.len() {
            let Some(chunk) = log.withdraw() else { return Err((images.len() * CHUNK_BYTES) as u64) };
            self.streams.forget(chunk.slot);
            self.reserve.push(chunk);
        }
        if faults::happened() {
            // What was read is not what the file holds; nothing is used again.
            return Ok(());
        }
        let baseline: Vec<Chunk> = self.reserve.drain(..images.len()).collect();
        for (chunk, image) in baseline.iter().zip(&images) {
            chunk.write_image(image);
        }
        self.generation += 1;
        // The next is as long as this one and, at most, what is folded for it.
        self.reserve_wanted = images.len() + images.len().max(enough / 2) + 2;
        let mut free = std::mem::replace(&mut self.baseline, baseline);
        free.iter_mut().for_each(|chunk| chunk.clear_for_use(calibration));
        free.extend(self.streams.take_folded().into_iter().map(|chunk| chunk.take_back(calibration)));
        self.free.append(&mut free);
        Ok(())
    }

    /// The chunks of the next baseline.
    fn images(&self, folded: &[Folded], calibration: Calibration) -> Vec<Box<[u8; CHUNK_BYTES]>> {
        let mut images = Vec::new();
        let mut chunk = self.builder(0, calibration);
        // The events behind the first of a chunk are of the thread that the chunk before it named last.
        self.fold.baseline(folded, |time, event| {
            if chunk.event(time, &event).is_err() {
                let next = self.builder(images.len() as u64 + 1, calibration);
                images.push(std::mem::replace(&mut chunk, next).finish());
                chunk.event(time, &event).expect("an empty chunk has room");
            }
        });
        let end = |chunks| Event::BaselineEnd { chunks };
        if chunk.event(self.fold.latest(), &end(images.len() as u64 + 1)).is_err() {
            let next = self.builder(images.len() as u64 + 1, calibration);
            images.push(std::mem::replace(&mut chunk, next).finish());
            chunk.event(self.fold.latest(), &end(images.len() as u64 + 1)).expect("an empty chunk has room");
        }
        images.push(chunk.finish());
        images
    }

    fn builder(&self, index: u64, calibration: Calibration) -> ChunkBuilder {
        ChunkBuilder::new(ChunkHeader {
            kind: ChunkKind::Baseline,
            session: self.session.log.short_session(),
            sequence: self.generation + 1,
            thread: ThreadId::NONE,
            thread_sequence: index,
            base_time: self.fold.latest(),
            calibration,
            drops: DropCounts::default(),
            seal: None,
        })
    }
}
