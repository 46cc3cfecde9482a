//! The recipe of `format/tests/golden/v1_owned.trace`: a log of version 1 with *block owned* records, a kind that came after
//! the first golden log.
//!
//! `cargo run -p memtrace-format --example golden_v1_owned > format/tests/golden/v1_owned.trace` made it. The file is kept for
//! ever; this program need not go on writing the same bytes when a later version of the format exists.

use std::io::{self, Write};

use memtrace_format::{
    Address, BlockAlloc, BlockFree, BlockOwned, Bytes, Calibration, ChunkBuilder, ChunkHeader, ChunkKind,
    ClockKind, Closing, Definition, DropCounts, Ending, EngineDefinition, Event, FileHeader, HeapDefinition,
    HeapId, MemoryKind, ModuleDefinition, ModuleId, PoolDefinition, PoolId, StackId, ThreadDefinition,
    ThreadId, Ticks,
};

const KIB: u64 = 1 << 10;
const MAIN: ThreadId = ThreadId(1);
const UNET: ModuleId = ModuleId(1);
const MIDDLE: ModuleId = ModuleId(2);
const VAE: ModuleId = ModuleId(3);
const POOL: PoolId = PoolId(1);
const WEIGHTS: Address = Address(0x10_0000);
const BIAS: Address = Address(0x20_0000);
const OTHER: Address = Address(0x30_0000);
const GONE: Address = Address(0x40_0000);

fn main() -> io::Result<()> {
    let header = header();
    let mut log = header.to_bytes().to_vec();
    log.extend_from_slice(&closing().to_bytes(header.short_session()));
    let mut chunk = ChunkBuilder::new(chunk(ChunkKind::Definitions, 0, ThreadId::NONE));
    for definition in definitions() {
        chunk.definition(&definition).expect("a chunk holds these definitions");
    }
    log.extend_from_slice(&chunk.finish()[..]);
    let mut chunk = ChunkBuilder::new(self::chunk(ChunkKind::Events, 1, MAIN));
    for (us, event) in events() {
        chunk.event(Ticks(us * 1_000), &event).expect("a chunk holds these events");
    }
    log.extend_from_slice(&chunk.finish()[..]);
    io::stdout().write_all(&log)
}

/// Microseconds after the start, by a clock that counts nanoseconds from there.
fn calibration(us: u64) -> Calibration {
    let ns = us * 1_000;
    Calibration { ticks: Ticks(ns), monotonic_ns: ns, realtime_ns: 1_800_000_000_000_000_000 + ns }
}

fn header() -> FileHeader {
    FileHeader {
        compatible: 0,
        incompatible: 0,
        session: 0x0fed_cba9_8765_4321_0011_2233_4455_6677,
        boot: 0xfeed_f00d,
        pid: 4343,
        clock: ClockKind::Monotonic,
        start: calibration(0),
        minor: 0,
    }
}

fn closing() -> Closing {
    let drops = DropCounts::default();
    Closing { ending: Ending::Clean, end: calibration(100), drops, text: String::new() }
}

fn chunk(kind: ChunkKind, sequence: u64, thread: ThreadId) -> ChunkHeader {
    ChunkHeader {
        kind,
        session: header().short_session(),
        sequence,
        thread,
        thread_sequence: 0,
        base_time: Ticks(0),
        calibration: calibration(sequence),
        drops: DropCounts::default(),
        seal: None,
    }
}

fn definitions() -> Vec<Definition> {
    let module = |id, name: &str, parent: ModuleId, kib| {
        let name = name.to_owned();
        let definition = ModuleDefinition { name, parent: parent.0, bytes: kib * KIB, fingerprint: None };
        Definition::Module(id, definition)
    };
    let host = HeapDefinition { name: "host".to_owned(), kind: MemoryKind::Host as u8, device: 0 };
    vec![
        Definition::Engine(EngineDefinition { name: "golden".to_owned(), version: "2".to_owned() }),
        Definition::Thread(MAIN, ThreadDefinition { os_id: 4343, name: "main".to_owned() }),
        Definition::Heap(HeapId(1), host),
        Definition::Pool(POOL, PoolDefinition { heap: 1, name: String::new(), stream: 0 }),
        module(UNET, "unet", ModuleId::NONE, 64),
        module(MIDDLE, "middle_block", UNET, 1),
        module(VAE, "vae", ModuleId::NONE, 16),
    ]
}

fn alloc(address: Address, kib: u64, module: ModuleId) -> Event {
    let size = Bytes(kib * KIB);
    let stack = StackId::NONE;
    Event::BlockAlloc(BlockAlloc { pool: POOL, address, size, requested: size, module, stack })
}

fn free(address: Address, kib: u64) -> Event {
    Event::BlockFree(BlockFree { pool: POOL, address, size: Bytes(kib * KIB) })
}

fn owned(address: Address, module: ModuleId) -> Event {
    Event::BlockOwned(BlockOwned { pool: POOL, address, module })
}

/// Weights are made, and then the modules that they are of.
fn events() -> Vec<(u64, Event)> {
    vec![
        (10, alloc(WEIGHTS, 64, ModuleId::NONE)),
        (11, alloc(BIAS, 1, ModuleId::NONE)),
        (12, alloc(OTHER, 16, VAE)),
        (13, alloc(GONE, 8, ModuleId::NONE)),
        (20, Event::ModuleDefined(UNET)),
        (21, Event::ModuleDefined(MIDDLE)),
        (22, Event::ModuleDefined(VAE)),
        (30, owned(WEIGHTS, UNET)),
        (31, owned(BIAS, MIDDLE)),
        // It has a module, and keeps that.
        (32, owned(OTHER, UNET)),
        // It has been the U-Net's since.
        (33, owned(WEIGHTS, VAE)),
        (40, free(GONE, 8)),
        // Nobody's: there is no such block any more.
        (41, owned(GONE, UNET)),
        (42, alloc(GONE, 4, ModuleId::NONE)),
        (50, free(BIAS, 1)),
    ]
}
