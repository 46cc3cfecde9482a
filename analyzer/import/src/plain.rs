//! Recordings that are lists of allocs and frees, and nothing else: what they have in common on their way into a log.

use std::fs::File;

use hashbrown::HashSet;
use memtrace_format::{
    Address, BlockAlloc, BlockFree, Bytes, Event, HeapId, MemoryKind, ModuleId, OutOfMemory, PoolId,
    StackDefinition, StackId, ThreadId, Ticks,
};

use super::{
    ForeignFormat, ImportError, Imported, Stage,
    writer::{LogWriter, Origin},
};

/// The most threads that get a lane each; a lane takes the memory of a chunk. Those beyond share the last.
const LANES: u32 = 1024;

/// After so many events it is time to tell how far it has come.
const BETWEEN_LOOKS: usize = 1 << 16;

/// A list of allocs and frees, in the order in which they happened.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) format: ForeignFormat,
    pub(super) engine: &'static str,
    pub(super) pid: u32,
    /// Nanoseconds since 1970 of the recording's time zero; none if it does not say.
    pub(super) zero_unix_ns: Option<u64>,
    pub(super) threads: Vec<Thread>,
    pub(super) heaps: Vec<Heap>,
    pub(super) pools: Vec<Pool>,
    /// The return addresses that rows refer to, by one more than their places.
    pub(super) callers: Vec<u64>,
    pub(super) rows: Vec<Row>,
}

/// A thread of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Thread {
    pub(super) os_id: u32,
    pub(super) name: String,
}

/// A heap of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heap {
    pub(super) name: String,
    pub(super) kind: MemoryKind,
    pub(super) device: Option<u32>,
}

/// A pool of one of the heaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pool {
    /// The place of its heap.
    pub(super) heap: u32,
    pub(super) name: String,
    pub(super) stream: u64,
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// In nanoseconds since the recording's time zero.
    pub(super) time: u64,
    pub(super) address: u64,
    pub(super) size: u64,
    /// The places of its thread and its pool.
    pub(super) thread: u32,
    pub(super) pool: u32,
    /// One more than the place of its caller; 0 for none.
    pub(super) caller: u32,
    pub(super) action: Action,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Alloc,
    Free,
    /// An alloc failed.
    OutOfMemory,
}

impl Recording {
    /// Writes the recording as a log: blocks that are freed and never were allocated were there before it began.
    pub(super) fn write(
        self,
        log: File,
        watch: &mut dyn FnMut(Stage, u64, u64),
    ) -> Result<Imported, ImportError> {
        let start = Ticks(self.rows.iter().map(|row| row.time).min().unwrap_or(0));
        let start_unix_ns = self.zero_unix_ns.map_or(0, |zero| zero.saturating_add(start.0));
        let origin = Origin { start, start_unix_ns, pid: self.pid, compatible: 0 };
        let mut log = LogWriter::new(log, origin);
        log.engine(self.engine)?;
        let pools = self.define(&mut log)?;
        let stacks = self
            .callers
            .iter()
            .map(|&address| log.stack(StackDefinition { parent: 0, function: 0, file: 0, line: 0, address }))
            .collect::<Result<Vec<StackId>, _>>()?;
        for row in self.baseline() {
            let pool = pools[row.pool as usize];
            log.baseline(lane(row.thread), &alloc(row, pool, StackId::NONE))?;
        }
        let mut now = Ticks(0);
        for (index, row) in self.rows.iter().enumerate() {
            // Events of all threads keep their order, for an address goes from one to the other: no two have one time.
            now = Ticks(row.time.max(now.0.saturating_add(1)));
            let pool = pools[row.pool as usize];
            let stack = row.caller.checked_sub(1).map_or(StackId::NONE, |place| stacks[place as usize]);
            let event = match row.action {
                Action::Alloc => alloc(row, pool, stack),
                Action::Free => {
                    Event::BlockFree(BlockFree { pool, address: Address(row.address), size: Bytes(row.size) })
                }
                Action::OutOfMemory => {
                    Event::OutOfMemory(OutOfMemory { pool, requested: Bytes(row.size), free: None, stack })
                }
            };
            log.event(lane(row.thread), now, &event)?;
            if index % BETWEEN_LOOKS == 0 {
                watch(Stage::Writing, index as u64, self.rows.len() as u64);
            }
        }
        let imported = Imported { events: log.events(), ..Imported::new(self.format) };
        log.finish()?;
        Ok(imported)
    }

    fn define(&self, log: &mut LogWriter) -> Result<Vec<PoolId>, ImportError> {
        for (index, thread) in (0..LANES).zip(&self.threads) {
            if index + 1 == LANES && self.threads.len() > LANES as usize {
                log.thread(lane(index), 0, "other threads")?;
            } else {
                log.thread(lane(index), thread.os_id, &thread.name)?;
            }
        }
        let heaps = self
            .heaps
            .iter()
            .map(|heap| match heap.device {
                Some(ordinal) => log.device_heap(ordinal, &heap.name, heap.kind),
                None => log.heap(&heap.name, heap.kind, 0),
            })
            .collect::<Result<Vec<HeapId>, _>>()?;
        self.pools.iter().map(|pool| log.pool(heaps[pool.heap as usize], &pool.name, pool.stream)).collect()
    }

    /// The frees of blocks that were there before.
    fn baseline(&self) -> Vec<&Row> {
        let mut live = HashSet::new();
        let mut known = HashSet::new();
        let mut baseline = Vec::new();
        for row in &self.rows {
            let place = (self.pools[row.pool as usize].heap, row.address);
            match row.action {
                Action::Alloc => {
                    live.insert(place);
                    known.insert(place);
                }
                Action::Free => {
                    if !live.remove(&place) && known.insert(place) {
                        baseline.push(row);
                    }
                }
                Action::OutOfMemory => {}
            }
        }
        baseline
    }
}

fn lane(thread: u32) -> ThreadId {
    ThreadId(thread.min(LANES - 1) + 1)
}

fn alloc(row: &Row, pool: PoolId, stack: StackId) -> Event {
    Event::BlockAlloc(BlockAlloc {
        pool,
        address: Address(row.address),
        size: Bytes(row.size),
        requested: Bytes(row.size),
        module: ModuleId::NONE,
        stack,
    })
}
