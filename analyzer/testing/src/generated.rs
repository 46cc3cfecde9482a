//! Traces of any size, made without an engine.

use std::{
    io::{BufWriter, Write},
    path::Path,
};

use memtrace_format::{
    Address, BlockAlloc, BlockFree, Bytes, Calibration, ChunkBuilder, ChunkHeader, ChunkKind, ClockKind,
    Closing, Definition, DropCounts, Event, FileHeader, HeapDefinition, HeapId, MemoryKind, ModuleId,
    PoolDefinition, PoolId, Segment, StackId, ThreadId, Ticks,
};

const SESSION: u64 = 77;
const BLOCK: u64 = 512;
/// From one event to the next.
pub const TICKS: u64 = 40;

/// What a generated trace is like.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What its row is called.
    pub name: &'static str,
    threads: u32,
    live: u64,
    /// Blocks lie in segments of 20 MiB.
    segments: bool,
    /// Requested bytes differ from the size, so every alloc has an extension.
    extensions: bool,
}

const SIMPLE: Case =
    Case { name: "1 thread, 1000 live", threads: 1, live: 1_000, segments: false, extensions: false };
const MILLION: Case = Case { name: "1 thread, 1e6 live", live: 1_000_000, ..SIMPLE };

/// "All" is with segments and with extensions.
pub const CASES: [Case; 9] = [
    SIMPLE,
    Case { name: "1 thread, 1000 live, segments", segments: true, ..SIMPLE },
    Case { name: "1 thread, 1000 live, all", segments: true, extensions: true, ..SIMPLE },
    Case { name: "8 threads, 1000 live, all", threads: 8, segments: true, extensions: true, ..SIMPLE },
    Case { name: "64 threads, 1000 live, all", threads: 64, segments: true, extensions: true, ..SIMPLE },
    MILLION,
    Case { name: "1 thread, 1e6 live, segments", segments: true, ..MILLION },
    Case { name: "1 thread, 1e6 live, all", segments: true, extensions: true, ..MILLION },
    Case { name: "64 threads, 1e6 live, all", threads: 64, segments: true, extensions: true, ..MILLION },
];

/// Fills the heap with blocks, and then gives random ones back and hands their places out again.
pub fn generate(path: &Path, case: Case, events: u64) {
    let mut writer = Writer::new(path, case.threads);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let pool = PoolId(1);
    let place = |index: u64| Address(0x10_0000_0000 + index * BLOCK);
    let alloc = |index: u64| {
        let requested = Bytes(if case.extensions { BLOCK - 12 } else { BLOCK });
        let (module, stack) = (ModuleId::NONE, StackId::NONE);
        Event::BlockAlloc(BlockAlloc {
            pool,
            address: place(index),
            size: Bytes(BLOCK),
            requested,
            module,
            stack,
        })
    };
    let segment_bytes = 20 << 20;
    let blocks_in_segment = segment_bytes / BLOCK;
    let live = case.live.min(events / 2);
    for index in 0..live {
        if case.segments && index % blocks_in_segment == 0 {
            let (address, size) = (place(index), Bytes(segment_bytes));
            writer.event(0, &Event::SegmentAlloc(Segment { pool, address, size, stack: StackId::NONE }));
        }
        writer.event(0, &alloc(index));
    }
    while writer.events + 1 < events {
        let index = random.draw() % live;
        let thread = (random.draw() % u64::from(case.threads)) as u32;
        writer
            .event(thread, &Event::BlockFree(BlockFree { pool, address: place(index), size: Bytes(BLOCK) }));
        writer.event(thread, &alloc(index));
    }
    writer.finish();
}

/// Numbers without a pattern, the same in every run. It begins with any number but 0.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next number, by xorshift64.
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

struct Writer {
    out: BufWriter<std::fs::File>,
    builders: Vec<(ChunkBuilder, u64)>,
    sequence: u64,
    events: u64,
}

impl Writer {
    fn new(path: &Path, threads: u32) -> Self {
        let start = Calibration::default();
        let (session, clock) = (u128::from(SESSION), ClockKind::Monotonic);
        let header =
            FileHeader { compatible: 0, incompatible: 0, session, boot: 0, pid: 1, clock, start, minor: 0 };
        let mut out = BufWriter::new(std::fs::File::create(path).expect("a writable directory"));
        out.write_all(&header.to_bytes()).expect("room");
        out.write_all(&[0; Closing::BYTES]).expect("room");
        let mut definitions = ChunkBuilder::new(chunk(ChunkKind::Definitions, 0, 0, 0));
        let heap = HeapDefinition { name: "cuda:0".to_owned(), kind: MemoryKind::Device as u8, device: 0 };
        let pool = PoolDefinition { heap: 1, name: "all".to_owned(), stream: 0 };
        definitions.definition(&Definition::Heap(HeapId(1), heap)).expect("room");
        definitions.definition(&Definition::Pool(PoolId(1), pool)).expect("room");
        out.write_all(&definitions.finish()[..]).expect("room");
        let builders = (0..threads).map(|thread| {
            (ChunkBuilder::new(chunk(ChunkKind::Events, u64::from(thread) + 1, thread + 1, 0)), 0)
        });
        Self { out, builders: builders.collect(), sequence: u64::from(threads) + 1, events: 0 }
    }

    fn event(&mut self, thread: u32, event: &Event) {
        self.events += 1;
        let time = Ticks(self.events * TICKS);
        let (builder, thread_sequence) = &mut self.builders[thread as usize];
        if builder.event(time, event).is_ok() {
            return;
        }
        *thread_sequence += 1;
        let next = ChunkBuilder::new(chunk(ChunkKind::Events, self.sequence, thread + 1, *thread_sequence));
        self.sequence += 1;
        self.out.write_all(&std::mem::replace(builder, next).finish()[..]).expect("room");
        builder.event(time, event).expect("it fits an empty chunk");
    }

    fn finish(mut self) {
        for (builder, _) in self.builders {
            self.out.write_all(&builder.finish()[..]).expect("room");
        }
        self.out.flush().expect("room");
    }
}

fn chunk(kind: ChunkKind, sequence: u64, thread: u32, thread_sequence: u64) -> ChunkHeader {
    ChunkHeader {
        kind,
        session: SESSION,
        sequence,
        thread: ThreadId(thread),
        thread_sequence,
        base_time: Ticks(0),
        calibration: Calibration::default(),
        drops: DropCounts::default(),
        seal: None,
    }
}
