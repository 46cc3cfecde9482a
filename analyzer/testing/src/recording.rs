//! A trace in the making: what an engine would have recorded, event by event.

use std::{collections::BTreeMap, time::Duration};

use memtrace_format::{
    Address, BlockAlloc, BlockFree, Bytes, Calibration, ChunkBuilder, ChunkHeader, ChunkKind, ClockKind,
    Closing, Definition, DeviceDefinition, DeviceId, DropCounts, Ending, EngineDefinition, Event, FileHeader,
    HeapDefinition, HeapId, HostMemory, MemoryKind, ModuleDefinition, ModuleId, NameDefinition, NameId,
    PoolDefinition, PoolId, Reason, Segment, StackId, ThreadDefinition, ThreadId, Ticks, Tier, TransferBegin,
    TransferEnd,
};
use tempfile::NamedTempFile;

/// The session of every recording.
pub const SESSION: u64 = 0x5e55;
/// The pool of heap `cuda:0`.
pub const DEVICE: PoolId = PoolId(1);
/// The pool of heap `host`.
pub const HOST: PoolId = PoolId(2);
/// The device of heap `cuda:0`.
pub const GPU: Tier = Tier::Device(0);

/// A recording with a device heap, a host heap and as many threads as are used.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What the ids stand for.
    pub definitions: Vec<Definition>,
    /// The events of each thread, with their times in nanoseconds.
    pub threads: BTreeMap<u32, Vec<(u64, Event)>>,
    /// The closing block, if the recording ended by itself.
    pub closing: Option<Closing>,
    /// What every chunk of events says was lost.
    pub drops: DropCounts,
    /// The most events in a chunk.
    pub chunk_events: usize,
    correlation: u32,
}

impl Default for Recording {
    fn default() -> Self {
        Self::new()
    }
}

impl Recording {
    /// A recording without events.
    pub fn new() -> Self {
        let heap = |name: &str, kind: MemoryKind, device| HeapDefinition {
            name: name.to_owned(),
            kind: kind as u8,
            device,
        };
        let pool = |heap| PoolDefinition { heap, name: "pool".to_owned(), stream: 0 };
        let device = DeviceDefinition { ordinal: 0, name: "card".to_owned(), total: Some(1 << 30) };
        let engine = EngineDefinition { name: "engine".to_owned(), version: "1.2".to_owned() };
        Self {
            definitions: vec![
                Definition::Engine(engine),
                Definition::Device(DeviceId(1), device),
                Definition::Heap(HeapId(1), heap("cuda:0", MemoryKind::Device, 1)),
                Definition::Heap(HeapId(2), heap("host", MemoryKind::Host, 0)),
                Definition::Pool(DEVICE, pool(1)),
                Definition::Pool(HOST, pool(2)),
            ],
            threads: BTreeMap::new(),
            closing: None,
            drops: DropCounts::default(),
            chunk_events: usize::MAX,
            correlation: 0,
        }
    }

    /// Names a thread.
    pub fn thread(&mut self, id: u32, name: &str) {
        let thread = ThreadDefinition { os_id: 1000 + id, name: name.to_owned() };
        self.definitions.push(Definition::Thread(ThreadId(id), thread));
    }

    /// Defines a name.
    pub fn name(&mut self, id: u32, text: &str) -> NameId {
        self.definitions.push(Definition::Name(NameId(id), NameDefinition { text: text.to_owned() }));
        NameId(id)
    }

    /// Defines a module of so many bytes; `parent` is 0 for none.
    pub fn module(&mut self, id: u32, name: &str, parent: u32, bytes: u64) -> ModuleId {
        let module = ModuleDefinition { name: name.to_owned(), parent, bytes, fingerprint: None };
        self.definitions.push(Definition::Module(ModuleId(id), module));
        ModuleId(id)
    }

    /// Adds an event of a thread.
    pub fn at(&mut self, thread: u32, time: u64, event: Event) {
        self.threads.entry(thread).or_default().push((time, event));
    }

    /// Adds a scope, from its begin to its end.
    pub fn scope(&mut self, thread: u32, (from, to): (u64, u64), name: NameId, phase: bool) {
        self.at(thread, from, Event::ScopeBegin { name, phase });
        self.at(thread, to, Event::ScopeEnd { name });
    }

    /// A transfer of a module on one thread, from its begin to its end, both recorded now.
    pub fn transfer(&mut self, thread: u32, (from, to): (u64, u64), moved: Moved) {
        let correlation = self.begin(thread, from, moved);
        self.end(thread, thread, to, correlation, moved);
    }

    /// Begins a transfer, and returns its correlation.
    pub fn begin(&mut self, thread: u32, time: u64, moved: Moved) -> u32 {
        self.correlation += 1;
        let begin = TransferBegin {
            correlation: self.correlation,
            module: moved.module,
            from: moved.from,
            to: moved.to,
            size: Bytes(moved.bytes),
            memory: HostMemory::Pageable,
            reason: Reason::Demand,
            room_for: moved.room_for,
        };
        self.at(thread, time, Event::TransferBegin(begin));
        self.correlation
    }

    /// Ends a transfer that the thread `origin` began.
    pub fn end(&mut self, thread: u32, origin: u32, time: u64, correlation: u32, moved: Moved) {
        let end = TransferEnd {
            correlation,
            origin: ThreadId(origin),
            module: moved.module,
            size: Bytes(moved.bytes),
            on_device: moved.on_device,
        };
        self.at(thread, time, Event::TransferEnd(end));
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        let header = FileHeader {
            compatible: 0,
            incompatible: 0,
            session: u128::from(SESSION),
            boot: 9,
            pid: 4242,
            clock: ClockKind::Monotonic,
            start: Calibration { ticks: Ticks(0), monotonic_ns: 0, realtime_ns: 1_700_000_000_000_000_000 },
            minor: 0,
        };
        let mut bytes = header.to_bytes().to_vec();
        match &self.closing {
            Some(closing) => bytes.extend_from_slice(&closing.to_bytes(SESSION)),
            None => bytes.resize(bytes.len() + Closing::BYTES, 0),
        }
        let mut sequence = 0;
        let mut builder = ChunkBuilder::new(self.chunk(ChunkKind::Definitions, &mut sequence, 0, 0));
        for definition in &self.definitions {
            if builder.definition(definition).is_err() {
                bytes.extend_from_slice(&builder.finish()[..]);
                builder = ChunkBuilder::new(self.chunk(ChunkKind::Definitions, &mut sequence, 0, 0));
                builder.definition(definition).expect("it fits an empty chunk");
            }
        }
        bytes.extend_from_slice(&builder.finish()[..]);
        for (&thread, events) in &self.threads {
            let mut thread_sequence = 0;
            let mut next = |sequence: &mut u64| {
                thread_sequence += 1;
                ChunkBuilder::new(self.chunk(ChunkKind::Events, sequence, thread, thread_sequence - 1))
            };
            let mut builder = next(&mut sequence);
            let mut room = self.chunk_events;
            for (time, event) in events {
                if room == 0 || builder.event(Ticks(*time), event).is_err() {
                    bytes.extend_from_slice(&builder.finish()[..]);
                    builder = next(&mut sequence);
                    room = self.chunk_events;
                    builder.event(Ticks(*time), event).expect("it fits an empty chunk");
                } else {
                    room -= 1;
                    continue;
                }
                room -= 1;
            }
            bytes.extend_from_slice(&builder.finish()[..]);
        }
        bytes
    }

    fn chunk(&self, kind: ChunkKind, sequence: &mut u64, thread: u32, thread_sequence: u64) -> ChunkHeader {
        *sequence += 1;
        ChunkHeader {
            kind,
            session: SESSION,
            sequence: *sequence - 1,
            thread: ThreadId(thread),
            thread_sequence,
            base_time: Ticks(0),
            calibration: Calibration::default(),
            drops: if kind == ChunkKind::Events { self.drops } else { DropCounts::default() },
            seal: None,
        }
    }

    /// Ends the recording.
    pub fn close(&mut self, ending: Ending, ticks: u64) {
        let end = Calibration { ticks: Ticks(ticks), monotonic_ns: ticks, realtime_ns: 0 };
        self.closing =
            Some(Closing { ending, end, drops: DropCounts::default(), text: "disk \u{1b}full".to_owned() });
    }
}

/// What a transfer moves.
#[derive(Clone, Copy, Debug)]
pub struct Moved {
    /// The module that moves.
    pub module: ModuleId,
    /// The tier that it leaves.
    pub from: Tier,
    /// The tier that it comes to.
    pub to: Tier,
    /// How much of it moves.
    pub bytes: u64,
    /// The module that it makes room for.
    pub room_for: ModuleId,
    /// How long the copy took on the device.
    pub on_device: Option<Duration>,
}

/// A module of so many bytes that comes to the device.
pub fn load(module: ModuleId, bytes: u64) -> Moved {
    Moved { module, from: Tier::Host, to: GPU, bytes, room_for: ModuleId::NONE, on_device: None }
}

/// A module of so many bytes that leaves the device to make room for another.
pub fn evict(module: ModuleId, bytes: u64, room_for: ModuleId) -> Moved {
    Moved { module, from: GPU, to: Tier::Host, bytes, room_for, on_device: None }
}

/// An alloc of nobody's.
pub fn alloc(pool: PoolId, address: u64, size: u64, requested: u64) -> Event {
    Event::BlockAlloc(BlockAlloc {
        pool,
        address: Address(address),
        size: Bytes(size),
        requested: Bytes(requested),
        module: ModuleId::NONE,
        stack: StackId::NONE,
    })
}

/// The block at an address, as a free names it.
pub fn block(pool: PoolId, address: u64) -> BlockFree {
    BlockFree { pool, address: Address(address), size: Bytes(0) }
}

/// A free of the block at an address.
pub fn free(pool: PoolId, address: u64) -> Event {
    Event::BlockFree(block(pool, address))
}

/// A segment of heap `cuda:0`.
pub fn segment(address: u64, size: u64) -> Segment {
    Segment { pool: DEVICE, address: Address(address), size: Bytes(size), stack: StackId::NONE }
}

/// A temporary file of these bytes.
pub fn file(bytes: &[u8]) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("room for it");
    file
}
