//! Recordings that are lists of allocs and frees, with what came between: what they have in common on their way into a log.

use std::fs::File;

use hashbrown::{HashMap, HashSet};
use memtrace_format::{
    Address, BlockAlloc, BlockFree, Bytes, CounterId, CounterValue, Event, HeapId, HostMemory, MemoryKind,
    ModuleId, NameId, OutOfMemory, PoolId, Reason, StackDefinition, StackId, ThreadId, Ticks, Tier,
    TransferBegin, TransferEnd,
};

use super::{
    ForeignFormat, ImportError, Imported, Stage,
    writer::{LogWriter, Origin},
};

/// The most threads that get a lane each; a lane takes the memory of a chunk. Those beyond share the last.
const LANES: u32 = 1024;

/// After so many events it is time to tell how far it has come.
const BETWEEN_LOOKS: usize = 1 << 16;

/// A list of what happened, in the order in which it happened.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) format: ForeignFormat,
    pub(super) engine: &'static str,
    pub(super) pid: u32,
    /// Nanoseconds since 1970 of the recording's time zero; none if it does not say.
    pub(super) zero_unix_ns: Option<u64>,
    /// What the recording does not say: bits of the header's compatible features.
    pub(super) lacks: u64,
    pub(super) threads: Vec<Thread>,
    pub(super) heaps: Vec<Heap>,
    pub(super) pools: Vec<Pool>,
    /// The frames that rows refer to, by one more than their places: callers before what they call.
    pub(super) frames: Vec<Frame>,
    /// The owners that rows refer to, by one more than their places.
    pub(super) modules: Vec<String>,
    /// The names of scopes.
    pub(super) names: Vec<String>,
    /// The counters of bytes.
    pub(super) counters: Vec<String>,
    /// The blocks that were there before the first row.
    pub(super) before: Vec<Row>,
    pub(super) rows: Vec<Row>,
    /// What a reader of the figures should know.
    pub(super) notes: Vec<String>,
}

/// A frame of a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Frame {
    /// One more than the place of its caller's frame; 0 for the outermost.
    pub(super) caller: u32,
    /// Empty if it is not known, as the others.
    pub(super) function: String,
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) address: u64,
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
    /// One more than the place of its innermost frame; 0 for none.
    pub(super) frame: u32,
    /// One more than the place of its owner; 0 for none.
    pub(super) module: u32,
    pub(super) action: Action,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Alloc,
    Free,
    /// An alloc failed.
    OutOfMemory,
    /// A scope of the name at this place begins.
    ScopeBegin {
        name: u32,
        phase: bool,
    },
    /// It ends.
    ScopeEnd {
        name: u32,
    },
    /// The counter at this place is as much as the row's size.
    Sample {
        counter: u32,
    },
    /// Bytes begin to move.
    MoveBegin {
        correlation: u32,
        from: Tier,
        to: Tier,
        memory: HostMemory,
    },
    /// They have moved.
    MoveEnd {
        correlation: u32,
    },
}

impl Recording {
    /// An empty one.
    pub(super) fn new(format: ForeignFormat, engine: &'static str) -> Self {
        Self {
            format,
            engine,
            pid: 0,
            zero_unix_ns: None,
            lacks: 0,
            threads: Vec::new(),
            heaps: Vec::new(),
            pools: Vec::new(),
            frames: Vec::new(),
            modules: Vec::new(),
            names: Vec::new(),
            counters: Vec::new(),
            before: Vec::new(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Writes the recording as a log: blocks that are freed and never were allocated were there before it began.
    pub(super) fn write(
        self,
        log: File,
        watch: &mut dyn FnMut(Stage, u64, u64),
    ) -> Result<Imported, ImportError> {
        let start = Ticks(self.rows.iter().map(|row| row.time).min().unwrap_or(0));
        let start_unix_ns = self.zero_unix_ns.map_or(0, |zero| zero.saturating_add(start.0));
        let origin = Origin { start, start_unix_ns, pid: self.pid, compatible: self.lacks };
        let mut log = LogWriter::new(log, origin);
        log.engine(self.engine)?;
        let ids = self.define(&mut log)?;
        for note in &self.notes {
            log.fact(note)?;
        }
        for row in self.before.iter().chain(self.baseline()) {
            log.baseline(lane(row.thread), &ids.alloc(row))?;
        }
        let mut now = Ticks(0);
        for (index, row) in self.rows.iter().enumerate() {
            // Events of all threads keep their order, for an address goes from one to the other: no two have one time.
            now = Ticks(row.time.max(now.0.saturating_add(1)));
            log.event(lane(row.thread), now, &ids.event(row))?;
            if index % BETWEEN_LOOKS == 0 {
                watch(Stage::Writing, index as u64, self.rows.len() as u64);
            }
        }
        let imported = Imported { events: log.events(), notes: self.notes, ..Imported::new(self.format) };
        log.finish()?;
        Ok(imported)
    }

    fn define(&self, log: &mut LogWriter) -> Result<Ids, ImportError> {
        for (index, thread) in (0..LANES).zip(&self.threads) {
            if index + 1 == LANES && self.threads.len() > LANES as usize {
                log.thread(lane(index), 0, "other threads")?;
            } else {
                log.thread(lane(index), thread.os_id, &thread.name)?;
            }
        }
        let heap = |heap: &Heap| match heap.device {
            Some(ordinal) => log.device_heap(ordinal, &heap.name, heap.kind),
            None => log.heap(&heap.name, heap.kind, 0),
        };
        let heaps = self.heaps.iter().map(heap).collect::<Result<Vec<HeapId>, _>>()?;
        let pool = |pool: &Pool| log.pool(heaps[pool.heap as usize], &pool.name, pool.stream);
        let pools = self.pools.iter().map(pool).collect::<Result<_, _>>()?;
        let modules = self.modules.iter().map(|name| log.module(name, 0)).collect::<Result<_, _>>()?;
        let names = self.names.iter().map(|name| log.name(name)).collect::<Result<_, _>>()?;
        let counters =
            self.counters.iter().map(|name| log.counter_of_bytes(name)).collect::<Result<_, _>>()?;
        Ok(Ids { pools, modules, names, counters, frames: self.define_frames(log)? })
    }

    fn define_frames(&self, log: &mut LogWriter) -> Result<Vec<StackId>, ImportError> {
        let mut names: HashMap<&str, NameId> = HashMap::from_iter([("", NameId::NONE)]);
        let mut frames: Vec<StackId> = Vec::with_capacity(self.frames.len());
        for Frame { caller, function, file, line, address } in &self.frames {
            let mut name = |text: &str| match names.get(text) {
                Some(&id) => Ok(id),
                None => log.name(text),
            };
            let (function_id, file_id) = (name(function)?, name(file)?);
            names.extend([(function.as_str(), function_id), (file.as_str(), file_id)]);
            let caller = caller.checked_sub(1).map_or(StackId::NONE, |place| frames[place as usize]);
            let (function, file) = (function_id.0, file_id.0);
            frames.push(log.stack(StackDefinition {
                parent: caller.0,
                function,
                file,
                line: *line,
                address: *address,
            })?);
        }
        Ok(frames)
    }

    /// The frees of blocks that were there before.
    fn baseline(&self) -> Vec<&Row> {
        let place = |row: &Row| (self.pools[row.pool as usize].heap, row.address);
        let mut live: HashSet<_> = self.before.iter().map(place).collect();
        let mut known = live.clone();
        let mut baseline = Vec::new();
        for row in &self.rows {
            match row.action {
                Action::Alloc => {
                    live.insert(place(row));
                    known.insert(place(row));
                }
                Action::Free if !live.remove(&place(row)) && known.insert(place(row)) => baseline.push(row),
                _ => {}
            }
        }
        baseline
    }
}

fn lane(thread: u32) -> ThreadId {
    ThreadId(thread.min(LANES - 1) + 1)
}

/// What rows refer to by places, as the log has it.
#[derive(Debug)]
struct Ids {
    pools: Vec<PoolId>,
    modules: Vec<ModuleId>,
    names: Vec<NameId>,
    counters: Vec<CounterId>,
    frames: Vec<StackId>,
}

impl Ids {
    fn event(&self, row: &Row) -> Event {
        let size = Bytes(row.size);
        let pool = || self.pools[row.pool as usize];
        match row.action {
            Action::Alloc => self.alloc(row),
            Action::Free => Event::BlockFree(BlockFree { pool: pool(), address: Address(row.address), size }),
            Action::OutOfMemory => {
                let (pool, stack) = (pool(), self.stack(row));
                Event::OutOfMemory(OutOfMemory { pool, requested: size, free: None, stack })
            }
            Action::ScopeBegin { name, phase } => {
                Event::ScopeBegin { name: self.names[name as usize], phase }
            }
            Action::ScopeEnd { name } => Event::ScopeEnd { name: self.names[name as usize] },
            Action::Sample { counter } => Event::CounterSample {
                counter: self.counters[counter as usize],
                value: CounterValue::Integer(row.size),
            },
            Action::MoveBegin { correlation, from, to, memory } => Event::TransferBegin(TransferBegin {
                correlation,
                module: ModuleId::NONE,
                from,
                to,
                size,
                memory,
                reason: Reason::Unknown,
                room_for: ModuleId::NONE,
            }),
            Action::MoveEnd { correlation } => Event::TransferEnd(TransferEnd {
                correlation,
                origin: lane(row.thread),
                module: ModuleId::NONE,
                size,
                on_device: None,
            }),
        }
    }

    fn alloc(&self, row: &Row) -> Event {
        Event::BlockAlloc(BlockAlloc {
            pool: self.pools[row.pool as usize],
            address: Address(row.address),
            size: Bytes(row.size),
            requested: Bytes(row.size),
            module: row.module.checked_sub(1).map_or(ModuleId::NONE, |place| self.modules[place as usize]),
            stack: self.stack(row),
        })
    }

    fn stack(&self, row: &Row) -> StackId {
        row.frame.checked_sub(1).map_or(StackId::NONE, |place| self.frames[place as usize])
    }
}
