//! Writes a log as importers need it: ids are given as things come up.

use std::{
    fs::File,
    hash::{BuildHasher as _, RandomState},
};

use memtrace_analysis::ChunkWriter;
use memtrace_format::{
    Calibration, ClockKind, Closing, CounterDefinition, CounterId, Definition, DeviceDefinition, DeviceId,
    DropCounts, Ending, EngineDefinition, Event, FileHeader, HeapDefinition, HeapId, MAX_TEXT_BYTES,
    MemoryKind, ModuleDefinition, ModuleId, NameDefinition, NameId, PoolDefinition, PoolId, StackDefinition,
    StackId, ThreadDefinition, ThreadId, Ticks, Unit,
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
    chunks: ChunkWriter,
    origin: Origin,
    session: u128,
    /// The thread of the latest event of the baseline.
    thread: Option<ThreadId>,
    end: Ticks,
    events: u64,
    names: u32,
    stacks: u32,
    heaps: u32,
    devices: u32,
    modules: u32,
    counters: u32,
    pools: u16,
}

impl LogWriter {
    /// Begins a log in an empty file.
    pub(super) fn new(file: File, origin: Origin) -> Self {
        let random = || RandomState::new().hash_one(0);
        let session = u128::from(random()) << 64 | u128::from(random());
        Self {
            chunks: ChunkWriter::new(file, session as u64, start(origin)),
            origin,
            session,
            thread: None,
            end: origin.start,
            events: 0,
            names: 0,
            stacks: 0,
            heaps: 0,
            devices: 0,
            modules: 0,
            counters: 0,
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

    /// Defines a module that is a part of no other.
    pub(super) fn module(&mut self, name: &str, bytes: u64) -> Result<ModuleId, ImportError> {
        self.modules += 1;
        let id = ModuleId(self.modules);
        let module = ModuleDefinition { name: cut(name).to_owned(), parent: 0, bytes, fingerprint: None };
        self.define(&Definition::Module(id, module))?;
        Ok(id)
    }

    /// Defines a name.
    pub(super) fn name(&mut self, text: &str) -> Result<NameId, ImportError> {
        self.names += 1;
        let id = NameId(self.names);
        self.define(&Definition::Name(id, NameDefinition { text: cut(text).to_owned() }))?;
        Ok(id)
    }

    /// Defines a counter of bytes that is of no device.
    pub(super) fn counter_of_bytes(&mut self, name: &str) -> Result<CounterId, ImportError> {
        self.counters += 1;
        let id = CounterId(self.counters);
        let counter = CounterDefinition { name: cut(name).to_owned(), unit: Unit::Bytes as u8, device: 0 };
        self.define(&Definition::Counter(id, counter))?;
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
        self.chunks.event(thread, time, event).map_err(ImportError::Write)
    }

    /// Says something of the whole recording: a mark in the baseline, which is no event.
    pub(super) fn fact(&mut self, text: &str) -> Result<(), ImportError> {
        let name = self.name(text)?;
        self.baseline(ThreadId(1), &Event::Mark { name, value: 0 })
    }

    /// Adds a record to the baseline: the state before the first event is what all of them bring about.
    pub(super) fn baseline(&mut self, thread: ThreadId, event: &Event) -> Result<(), ImportError> {
        if self.thread != Some(thread) {
            self.thread = Some(thread);
            self.baseline_record(&Event::OnThread(thread))?;
        }
        self.baseline_record(event)
    }

    fn baseline_record(&mut self, event: &Event) -> Result<(), ImportError> {
        let start = self.origin.start;
        self.chunks.baseline(start, start, event).map_err(ImportError::Write)
    }

    fn define(&mut self, definition: &Definition) -> Result<(), ImportError> {
        self.chunks.define(definition).map_err(ImportError::Write)
    }

    /// Writes what is not written yet, the closing block and, last of all, the header: before that the file is no log.
    pub(super) fn finish(self) -> Result<File, ImportError> {
        let end = Calibration {
            ticks: self.end,
            monotonic_ns: self.end.0 - self.origin.start.0,
            realtime_ns: self.origin.start_unix_ns,
        };
        let closing =
            Closing { ending: Ending::Clean, end, drops: DropCounts::default(), text: String::new() };
        let header = FileHeader {
            compatible: self.origin.compatible,
            incompatible: 0,
            session: self.session,
            boot: 0,
            pid: self.origin.pid,
            clock: ClockKind::Imported,
            start: start(self.origin),
            minor: memtrace_format::header::VERSION.1,
        };
        self.chunks.finish(header, &closing).map_err(ImportError::Write)
    }
}

fn start(origin: Origin) -> Calibration {
    Calibration { ticks: origin.start, monotonic_ns: 0, realtime_ns: origin.start_unix_ns }
}

/// A text as long as a definition's may be.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}
