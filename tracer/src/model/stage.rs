use std::ptr::NonNull;

use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use memtrace_format::{
    Calibration, ClockKind, DropCounts, Event, FileHeader, NameId, Record, ThreadId, Ticks,
};

use crate::{
    cursor::{Cursor, Recording},
    log::{Chunk, Log, Slot},
    ring::WatchedChunk,
    sync::word,
};

/// A recording in a model: a log, and pages to make chunks of.
pub(crate) struct Stage {
    pub(crate) log: Log,
    pages: Vec<Page>,
    threads: AtomicU32,
}

/// The memory of a chunk: where in memory each of its words is.
struct Page {
    places: Box<[u64]>,
    #[expect(dead_code, reason = "looked at through `places`")]
    words: Box<[AtomicU64]>,
}

const CALIBRATION: Calibration = Calibration { ticks: Ticks(1), monotonic_ns: 1, realtime_ns: 1 };

const SESSION: u128 = 7;

impl Stage {
    /// A log of which so many chunks are mapped and none is ready.
    pub(crate) fn new(chunks: usize) -> Self {
        let header = FileHeader {
            compatible: 0,
            incompatible: 0,
            session: SESSION,
            boot: 0,
            pid: 1,
            clock: ClockKind::Monotonic,
            start: CALIBRATION,
            minor: 0,
        };
        let log = Log::new(header, 4);
        Self { log, pages: (0..chunks).map(|_| Page::new()).collect(), threads: AtomicU32::new(0) }
    }

    /// The same, with all chunks ready.
    pub(crate) fn ready(chunks: usize) -> Self {
        let stage = Self::new(chunks);
        for slot in 0..chunks {
            stage.hand_out(stage.chunk(slot));
        }
        stage
    }

    /// The chunk in this place. Call it once, as the helper.
    pub(crate) fn chunk(&self, slot: usize) -> Chunk {
        let WatchedChunk { start, slot } = self.watched(slot);
        Chunk { start, slot, sequence: slot.0, calibration: CALIBRATION }
    }

    /// Makes a chunk ready.
    pub(crate) fn hand_out(&self, chunk: Chunk) {
        assert!(self.log.hand_out(chunk).is_ok(), "there is a place for each chunk");
    }

    pub(crate) fn watched(&self, slot: usize) -> WatchedChunk {
        let start = NonNull::from(&self.pages[slot].places[0]).cast();
        WatchedChunk { start, slot: Slot(slot as u64) }
    }

    /// What a reader finds: the events of each thread, in the order of its chunks, and what chunks say was dropped.
    pub(crate) fn read(&self) -> Vec<(ThreadId, Vec<Event>)> {
        let mut chunks: Vec<_> = (0..self.pages.len())
            .filter_map(|slot| {
                let chunk = self.watched(slot);
                let header = chunk.header(self.log.short_session())?;
                Some(((header.thread, header.thread_sequence), chunk))
            })
            .collect();
        chunks.sort_by_key(|&(key, _)| key);
        assert!(
            chunks.is_sorted_by(|(a, _), (b, _)| a < b),
            "two chunks claim one place in a thread's order"
        );
        let mut threads: Vec<(ThreadId, Vec<Event>)> = Vec::new();
        for ((thread, _), chunk) in chunks {
            match threads.last_mut() {
                Some((last, all)) if *last == thread => all.extend(events(chunk)),
                _ => threads.push((thread, events(chunk))),
            }
        }
        threads
    }

    /// The numbers of all marks that a reader finds, sorted, and how many events chunks say were dropped between them.
    pub(crate) fn marks(&self) -> (Vec<u64>, u64) {
        let (mut marks, mut dropped) = (Vec::new(), 0);
        for (_, events) in self.read() {
            for event in events {
                match event {
                    Event::Mark { value, .. } => marks.push(value),
                    Event::Dropped { count, .. } => dropped += count,
                    other => panic!("nobody recorded {other:?}"),
                }
            }
        }
        marks.sort_unstable();
        (marks, dropped)
    }

    pub(crate) fn drops(&self) -> DropCounts {
        self.log.ledger.total()
    }
}

fn events(chunk: WatchedChunk) -> Vec<Event> {
    let records: Vec<Record> =
        (0..Chunk::BODY_BYTES / Record::BYTES).map_while(|at| chunk.record(at)).collect();
    records
        .into_iter()
        .map(|record| {
            let event = Event::decode(&record, None).expect("a committed record is an event");
            if let Event::Mark { value, .. } = event {
                assert_eq!(record.time(), Ticks(value), "the fields of one record are of one event");
            }
            event
        })
        .collect()
}

impl Recording for Stage {
    fn log(&self) -> &Log {
        &self.log
    }

    fn is_on(&self) -> bool {
        true
    }

    fn define_thread(&self) -> ThreadId {
        ThreadId(self.threads.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn stop(&self) {}
}

/// A thread of the program.
pub(crate) struct Engine(Cursor);

impl Engine {
    pub(crate) fn new() -> Self {
        Self(Cursor::new())
    }

    /// Records a mark with this number, at the time of that number.
    pub(crate) fn mark(&self, stage: &Stage, number: u64) {
        self.record(stage, Event::Mark { name: NameId(1), value: number }, Ticks(number));
    }

    pub(crate) fn record(&self, stage: &Stage, event: Event, time: Ticks) {
        self.0.append(event.encode(time), || Some(stage));
    }

    /// What happens when a thread ends.
    pub(crate) fn end(&self, stage: &Stage) {
        self.give_up_chunk(stage);
        self.0.release_losses();
    }

    pub(crate) fn give_up_chunk(&self, stage: &Stage) {
        self.0.give_up_chunk(&stage.log);
    }
}

// SAFETY: threads look at a stage's chunks through `sync::word`, which loom watches.
unsafe impl Sync for Stage {}
// SAFETY: as above.
unsafe impl Send for Stage {}

impl Page {
    fn new() -> Self {
        let words: Box<[AtomicU64]> = (0..Chunk::BYTES / word::BYTES).map(|_| AtomicU64::new(0)).collect();
        Self { places: words.iter().map(|word| std::ptr::from_ref(word) as u64).collect(), words }
    }
}
