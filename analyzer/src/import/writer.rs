//! Writes a log as importers need it: definitions when they come up, events by lane, chunks where they are begun.
//!
//! A chunk has its place in the file from its beginning and is written when it is full, so that definitions and the events of
//! several lanes can be filled side by side, each in memory of one chunk.

use std::{
    collections::BTreeMap,
    fs::File,
    hash::{BuildHasher as _, RandomState},
    os::unix::fs::FileExt as _,
};

use memtrace_format::{
    CHUNK_BYTES, CLOSING_OFFSET, Calibration, ChunkBuilder, ChunkHeader, ChunkKind, ClockKind, Closing,
    Definition, DeviceDefinition, DeviceId, DropCounts, Ending, EngineDefinition, Event, FIRST_CHUNK_OFFSET,
    FileHeader, HeapDefinition, HeapId, MAX_TEXT_BYTES, MemoryKind, NameDefinition, NameId, PoolDefinition,
    PoolId, RING, StackDefinition, StackId, ThreadDefinition, ThreadId, Ticks,
};

use super::ImportError;

/// What the header of an imported log says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    /// The first instant, in nanoseconds of the recording's own clock.
    pub(super) start: Ticks,
    /// The same in nanoseconds since 1970; 0 if the recording does not say.
    pub(super) start_unix_ns: u64,
    /// The process; 0 if the recording does not say.
    pub(super) pid: u32,
    /// Features of the log that a reader may ignore.
    pub(super) compatible: u64,
}

/// A log in the making.
#[derive(Debug)]
pub(super) struct LogWriter {
    file: File,
    origin: Origin,
    session: u128,
    chunks: u64,
    definitions: Option<Chunk>,
    lanes: BTreeMap<ThreadId, Lane>,
    baseline: Baseline,
    end: Ticks,
    events: u64,
    names: u32,
    stacks: u32,
    heaps: u32,
    devices: u32,
    pools: u16,
}

/// A chunk that is being filled, and where it will lie.
#[derive(Debug)]
struct Chunk {
    builder: ChunkBuilder,
    offset: u64,
}

/// The events that one thread has recorded, or what stands for a thread.
#[derive(Debug, Default)]
struct Lane {
    chunk: Option<Chunk>,
    chunks: u64,
}

#[derive(Debug, Default)]
struct Baseline {
    chunk: Option<Chunk>,
    chunks: u64,
    /// The thread of the latest event.
    thread: Option<ThreadId>,
}

impl LogWriter {
    /// Begins a log in an empty file.
    pub(super) fn new(file: File, origin: Origin) -> Self {
        let random = || RandomState::new().hash_one(0);
        Self {
            file,
            origin,
            session: u128::from(random()) << 64 | u128::from(random()),
            chunks: 0,
            definitions: None,
            lanes: BTreeMap::new(),
            baseline: Baseline::default(),
            end: origin.start,
            events: 0,
            names: 0,
            stacks: 0,
            heaps: 0,
            devices: 0,
            pools: 0,
        }
    }

    /// How many events were written so far.
    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// Says who recorded.
    pub(super) fn engine(&mut self, name: &str) -> Result<(), ImportError> {
        self.define(&Definition::Engine(EngineDefinition { name: name.to_owned(), version: String::new() }))
    }

    /// Defines a thread, or what stands for one.
    pub(super) fn thread(&mut self, id: ThreadId, os_id: u32, name: &str) -> Result<(), ImportError> {
        self.define(&Definition::Thread(id, ThreadDefinition { os_id, name: cut(name).to_owned() }))
    }

    /// Defines a device and its heap.
    pub(super) fn device_heap(
        &mut self,
        ordinal: u32,
        name: &str,
        kind: MemoryKind,
    ) -> Result<HeapId, ImportError> {
        self.devices += 1;
        let device = DeviceDefinition { ordinal, name: String::new(), total: None };
        self.define(&Definition::Device(DeviceId(self.devices), device))?;
        let device = self.devices;
        self.heap(name, kind, device)
    }

    /// Defines a heap; `device` is 0 for none.
    pub(super) fn heap(&mut self, name: &str, kind: MemoryKind, device: u32) -> Result<HeapId, ImportError> {
        self.heaps += 1;
        let id = HeapId(self.heaps);
        let heap = HeapDefinition { name: cut(name).to_owned(), kind: kind as u8, device };
        self.define(&Definition::Heap(id, heap))?;
        Ok(id)
    }

    /// Defines a pool of a heap.
    pub(super) fn pool(&mut self, heap: HeapId, name: &str, stream: u64) -> Result<PoolId, ImportError> {
        self.pools = self.pools.checked_add(1).ok_or(ImportError::TooManyPools)?;
        let id = PoolId(self.pools);
        let pool = PoolDefinition { heap: heap.0, name: cut(name).to_owned(), stream };
        self.define(&Definition::Pool(id, pool))?;
        Ok(id)
    }

    /// Defines a name.
    pub(super) fn name(&mut self, text: &str) -> Result<NameId, ImportError> {
        self.names += 1;
        let id = NameId(self.names);
        self.define(&Definition::Name(id, NameDefinition { text: cut(text).to_owned() }))?;
        Ok(id)
    }

    /// Defines a frame of a stack and those that led to it.
    pub(super) fn stack(&mut self, stack: StackDefinition) -> Result<StackId, ImportError> {
        self.stacks += 1;
        let id = StackId(self.stacks);
        self.define(&Definition::Stack(id, stack))?;
        Ok(id)
    }

    /// Adds an event to a lane. Times of a lane do not step back.
    pub(super) fn event(&mut self, thread: ThreadId, time: Ticks, event: &Event) -> Result<(), ImportError> {
        self.events += 1;
        self.end = self.end.max(time);
        let lane = self.lanes.entry(thread).or_default();
        if let Some(chunk) = &mut lane.chunk {
            if chunk.builder.event(time, event).is_ok() {
                return Ok(());
            }
            if let Some(full) = lane.chunk.take() {
                full.write(&self.file)?;
            }
        }
        let header = ChunkHeader {
            thread,
            thread_sequence: lane.chunks,
            ..header(ChunkKind::Events, self.session, self.chunks, time, self.origin)
        };
        lane.chunks += 1;
        let mut chunk = Chunk::new(header, &mut self.chunks);
        chunk.builder.event(time, event).map_err(|_| ImportError::Record)?;
        lane.chunk = Some(chunk);
        Ok(())
    }

    /// Says something of the whole recording: a mark in the baseline, which is no event.
    pub(super) fn fact(&mut self, text: &str) -> Result<(), ImportError> {
        let name = self.name(text)?;
        self.baseline(ThreadId(1), &Event::Mark { name, value: 0 })
    }

    /// Adds a record to the baseline: the state before the first event is what all of them bring about.
    pub(super) fn baseline(&mut self, thread: ThreadId, event: &Event) -> Result<(), ImportError> {
        if self.baseline.thread != Some(thread) {
            self.baseline.thread = Some(thread);
            self.baseline_record(&Event::OnThread(thread))?;
        }
        self.baseline_record(event)
    }

    fn baseline_record(&mut self, event: &Event) -> Result<(), ImportError> {
        let start = self.origin.start;
        if let Some(chunk) = &mut self.baseline.chunk {
            if chunk.builder.event(start, event).is_ok() {
                return Ok(());
            }
            if let Some(full) = self.baseline.chunk.take() {
                full.write(&self.file)?;
            }
        }
        let header = ChunkHeader {
            thread_sequence: self.baseline.chunks,
            ..header(ChunkKind::Baseline, self.session, 0, start, self.origin)
        };
        self.baseline.chunks += 1;
        let mut chunk = Chunk::new(header, &mut self.chunks);
        chunk.builder.event(start, event).map_err(|_| ImportError::Record)?;
        self.baseline.chunk = Some(chunk);
        Ok(())
    }

    fn define(&mut self, definition: &Definition) -> Result<(), ImportError> {
        if let Some(chunk) = &mut self.definitions {
            if chunk.builder.definition(definition).is_ok() {
                return Ok(());
            }
            if let Some(full) = self.definitions.take() {
                full.write(&self.file)?;
            }
        }
        let kind = ChunkKind::Definitions;
        let header = header(kind, self.session, self.chunks, self.origin.start, self.origin);
        let mut chunk = Chunk::new(header, &mut self.chunks);
        chunk.builder.definition(definition).map_err(|_| ImportError::Record)?;
        self.definitions = Some(chunk);
        Ok(())
    }

    /// Writes what is not written yet, the closing block and, last of all, the header: before that the file is no log.
    pub(super) fn finish(mut self) -> Result<File, ImportError> {
        let has_baseline = self.baseline.chunk.is_some();
        if has_baseline {
            self.end_baseline()?;
        }
        let open = self.lanes.into_values().filter_map(|lane| lane.chunk);
        for chunk in open.chain(self.definitions).chain(self.baseline.chunk) {
            chunk.write(&self.file)?;
        }
        let end = Calibration {
            ticks: self.end,
            monotonic_ns: self.end.0 - self.origin.start.0,
            realtime_ns: self.origin.start_unix_ns,
        };
        let closing =
            Closing { ending: Ending::Clean, end, drops: DropCounts::default(), text: String::new() };
        let header = FileHeader {
            compatible: self.origin.compatible,
            incompatible: if has_baseline { RING } else { 0 },
            session: self.session,
            boot: 0,
            pid: self.origin.pid,
            clock: ClockKind::Imported,
            start: start(self.origin),
            minor: memtrace_format::header::VERSION.1,
        };
        let closing = closing.to_bytes(header.short_session());
        self.file.write_all_at(&closing, CLOSING_OFFSET as u64).map_err(ImportError::Write)?;
        self.file.write_all_at(&header.to_bytes(), 0).map_err(ImportError::Write)?;
        Ok(self.file)
    }

    /// The last record says how many chunks there are, its own included.
    fn end_baseline(&mut self) -> Result<(), ImportError> {
        let chunks = self.baseline.chunks;
        if let Some(chunk) = &mut self.baseline.chunk
            && chunk.builder.event(self.origin.start, &Event::BaselineEnd { chunks }).is_ok()
        {
            return Ok(());
        }
        self.baseline_record(&Event::BaselineEnd { chunks: chunks + 1 })
    }
}

impl Chunk {
    /// A chunk at the next free place.
    fn new(header: ChunkHeader, chunks: &mut u64) -> Self {
        let offset = FIRST_CHUNK_OFFSET as u64 + *chunks * CHUNK_BYTES as u64;
        *chunks += 1;
        Self { builder: ChunkBuilder::new(header), offset }
    }

    fn write(self, file: &File) -> Result<(), ImportError> {
        file.write_all_at(&self.builder.finish()[..], self.offset).map_err(ImportError::Write)
    }
}

fn start(origin: Origin) -> Calibration {
    Calibration { ticks: origin.start, monotonic_ns: 0, realtime_ns: origin.start_unix_ns }
}

fn header(kind: ChunkKind, session: u128, sequence: u64, base_time: Ticks, origin: Origin) -> ChunkHeader {
    ChunkHeader {
        kind,
        session: session as u64,
        sequence,
        thread: ThreadId::NONE,
        thread_sequence: 0,
        base_time,
        calibration: start(origin),
        drops: DropCounts::default(),
        seal: None,
    }
}

/// A text as long as a definition's may be.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}
