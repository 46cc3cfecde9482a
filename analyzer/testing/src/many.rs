//! Runs with very many different things of one kind: whatever reads them is to take time and memory in proportion.

use memtrace_format::{
    BlockAlloc, Bytes, CounterDefinition, CounterId, CounterValue, Definition, DeviceDefinition, DeviceId,
    Event, HeapDefinition, HeapId, MemoryKind, ModuleId, OutOfMemory, PoolDefinition, PoolId,
    StackDefinition, StackId,
};

use crate::recording::{DEVICE, Recording, alloc, free, load, segment};

/// What there is very much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Many {
    /// Phases, each of a name of its own.
    Phases,
    /// Scopes, each of a name of its own.
    Scopes,
    /// Marks, each of a name of its own.
    Marks,
    /// Scopes that stay open, with a mark in each.
    OpenScopes,
    /// Modules with a forward.
    Modules,
    /// The same, half of them parts of others.
    Parts,
    /// Modules that are loaded.
    Loads,
    /// Threads.
    Threads,
    /// Counters with a sample.
    Counters,
    /// Stacks of one frame.
    Stacks,
    /// Stacks of up to a hundred frames.
    Callers,
    /// Pools of one heap.
    Pools,
    /// Heaps.
    Heaps,
    /// Devices with a counter.
    Devices,
    /// Failed requests.
    Failures,
    /// Levels that no instant before reached.
    Peaks,
    /// Segments.
    Segments,
}

impl Many {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Phases,
        Self::Scopes,
        Self::Marks,
        Self::OpenScopes,
        Self::Modules,
        Self::Parts,
        Self::Loads,
        Self::Threads,
        Self::Counters,
        Self::Stacks,
        Self::Callers,
        Self::Pools,
        Self::Heaps,
        Self::Devices,
        Self::Failures,
        Self::Peaks,
        Self::Segments,
    ];

    /// The most that a log can have of it, or that a test should: a thread takes a chunk of 64 KiB.
    pub fn most(self) -> u32 {
        match self {
            Self::Threads => 4_096,
            Self::Pools | Self::Heaps => 65_000,
            _ => u32::MAX,
        }
    }

    /// A run with so many of them, each with a block of its own that stays, where that is possible.
    pub fn recording(self, count: u32) -> Recording {
        let mut run = Recording::new();
        let mut time = 0;
        for number in 1..=count.min(self.most()) {
            time += 100;
            self.add(&mut run, number, time);
        }
        run
    }

    fn add(self, run: &mut Recording, number: u32, time: u64) {
        let address = u64::from(number) << 16;
        let name = format!("number {number}");
        let block = |pool, module, stack| {
            let Event::BlockAlloc(block) = alloc(pool, address, 512, 500) else { unreachable!("it is one") };
            Event::BlockAlloc(BlockAlloc { module, stack, ..block })
        };
        let plain = alloc(DEVICE, address, 512, 500);
        let pool = |heap: u32| PoolDefinition { heap, name: "pool".to_owned(), stream: 0 };
        match self {
            Self::Phases | Self::Scopes => {
                let name = run.name(number, &name);
                run.at(1, time, Event::ScopeBegin { name, phase: self == Self::Phases });
                run.at(1, time + 10, plain);
                run.at(1, time + 20, Event::ScopeEnd { name });
            }
            Self::Marks => {
                let name = run.name(number, &name);
                run.at(1, time, plain);
                run.at(1, time + 10, Event::Mark { name, value: 1 });
            }
            Self::OpenScopes => {
                let name = run.name(number, &name);
                let thread = number / 500 + 1;
                run.at(thread, time, Event::ScopeBegin { name, phase: false });
                run.at(thread, time + 10, Event::Mark { name, value: 1 });
            }
            Self::Modules | Self::Parts => {
                let parent = if self == Self::Parts { number / 2 } else { 0 };
                let module = run.module(number, &name, parent, 512);
                run.at(1, time, Event::ModuleDefined(module));
                run.at(1, time + 10, block(DEVICE, module, StackId::NONE));
                run.at(1, time + 20, Event::ForwardBegin(module));
                run.at(1, time + 30, Event::ForwardEnd(module));
            }
            Self::Loads => {
                let module = run.module(number, &name, 0, 512);
                run.transfer(1, (time, time + 30), load(module, 512));
                run.at(1, time + 40, block(DEVICE, module, StackId::NONE));
            }
            Self::Threads => {
                run.thread(number, &name);
                run.at(number, time, plain);
            }
            Self::Counters => {
                let counter = CounterDefinition { name, unit: 1, device: 0 };
                run.definitions.push(Definition::Counter(CounterId(number), counter));
                let value = CounterValue::Integer(u64::from(number));
                run.at(1, time, Event::CounterSample { counter: CounterId(number), value });
            }
            Self::Stacks | Self::Callers => {
                let function = run.name(number, &name).0;
                let parent = if self == Self::Callers { number.saturating_sub(1) } else { 0 };
                let parent = if parent.is_multiple_of(100) { 0 } else { parent };
                let stack = StackDefinition { parent, function, file: 0, line: 7, address: 0 };
                run.definitions.push(Definition::Stack(StackId(number), stack));
                run.at(1, time, block(DEVICE, ModuleId::NONE, StackId(number)));
            }
            Self::Pools => {
                let id = PoolId(number as u16 + 10);
                run.definitions.push(Definition::Pool(id, pool(1)));
                run.at(1, time, block(id, ModuleId::NONE, StackId::NONE));
            }
            Self::Heaps => {
                let (id, heap) = (PoolId(number as u16 + 10), number + 10);
                let definition = HeapDefinition { name, kind: MemoryKind::Device as u8, device: 1 };
                run.definitions.push(Definition::Heap(HeapId(heap), definition));
                run.definitions.push(Definition::Pool(id, pool(heap)));
                run.at(1, time, block(id, ModuleId::NONE, StackId::NONE));
            }
            Self::Devices => {
                let device = DeviceDefinition { ordinal: number, name, total: Some(1 << 30) };
                run.definitions.push(Definition::Device(DeviceId(number + 10), device));
                let counter =
                    CounterDefinition { name: "driver free".to_owned(), unit: 1, device: number + 10 };
                run.definitions.push(Definition::Counter(CounterId(number), counter));
                let value = CounterValue::Integer(1 << 20);
                run.at(1, time, Event::CounterSample { counter: CounterId(number), value });
            }
            Self::Failures => {
                let name = run.name(number, &name);
                run.at(1, time, plain);
                let failed =
                    OutOfMemory { pool: DEVICE, requested: Bytes(1 << 30), free: None, stack: StackId::NONE };
                run.at(1, time + 10, Event::OutOfMemory(failed));
                run.at(1, time + 20, Event::Mark { name, value: 0 });
            }
            Self::Peaks => {
                run.at(1, time, plain);
                run.at(1, time + 10, alloc(DEVICE, address + 4096, 512, 500));
                run.at(1, time + 20, free(DEVICE, address + 4096));
            }
            Self::Segments => {
                run.at(1, time, Event::SegmentAlloc(segment(address, 4096)));
                run.at(1, time + 10, plain);
            }
        }
    }
}
