//! The recipe of `format/tests/golden/v1.trace`: a log of version 1 with every kind of event and definition in it.
//!
//! `cargo run -p memtrace-format --example golden_v1 > format/tests/golden/v1.trace` made it. The file is kept for ever;
//! this program need not go on writing the same bytes when a later version of the format exists.

use std::io::{self, Write};

use memtrace_format::{
    Address, BlockAlloc, BlockFree, Bytes, CHUNK_BYTES, Calibration, ChunkBuilder, ChunkHeader, ChunkKind,
    ClockKind, Closing, CounterDefinition, CounterId, CounterValue, Definition, DeviceDefinition, DeviceId,
    DropCause, DropCounts, Ending, EngineDefinition, Event, FileHeader, HeapDefinition, HeapId, HostMemory,
    MemoryKind, ModuleDefinition, ModuleId, NameDefinition, NameId, OutOfMemory, PoolDefinition, PoolId,
    Reason, Segment, StackDefinition, StackId, ThreadDefinition, ThreadId, Ticks, Tier, TransferBegin,
    TransferEnd, Unit,
};

const MIB: u64 = 1 << 20;

/// Two ticks a nanosecond, from here on.
const START: Ticks = Ticks(1_000_000);

const NAMES: [&str; 4] = ["job", "denoise", "switch", "forward"];
const JOB: NameId = NameId(1);
const DENOISE: NameId = NameId(2);
const SWITCH: NameId = NameId(3);

const MAIN: ThreadId = ThreadId(1);
const WORKER: ThreadId = ThreadId(2);
const UNET: ModuleId = ModuleId(1);
const MIDDLE: ModuleId = ModuleId(2);
const VAE: ModuleId = ModuleId(3);
const SMALL: PoolId = PoolId(1);
const LARGE: PoolId = PoolId(2);
const STACK: StackId = StackId(2);

fn main() -> io::Result<()> {
    let header = header();
    let mut log = header.to_bytes().to_vec();
    log.extend_from_slice(&closing().to_bytes(header.short_session()));
    let definitions = definitions().into_iter().fold(chunk(0, None, 0), |mut chunk, definition| {
        chunk.definition(&definition).expect("a chunk holds these definitions");
        chunk
    });
    log.extend_from_slice(&definitions.finish()[..]);
    log.extend_from_slice(&events_chunk(1, MAIN, 0, &main_thread()).finish()[..]);
    log.extend_from_slice(&unsealed(events_chunk(2, WORKER, 0, &worker_thread()).finish()));
    // A chunk that was made ready and never handed out.
    log.extend_from_slice(&[0; CHUNK_BYTES]);
    io::stdout().write_all(&log)
}

/// Microseconds after the start.
fn at(us: u64) -> Ticks {
    Ticks(START.0 + us * 2_000)
}

fn calibration(us: u64) -> Calibration {
    Calibration {
        ticks: at(us),
        monotonic_ns: 5_000_000 + us * 1_000,
        realtime_ns: 1_790_000_000_000_000_000 + us * 1_000,
    }
}

fn header() -> FileHeader {
    FileHeader {
        compatible: 0,
        incompatible: 0,
        session: 0x0123_4567_89ab_cdef_0011_2233_4455_6677,
        boot: 0xfeed_f00d,
        pid: 4242,
        clock: ClockKind::Tsc,
        start: calibration(0),
        minor: 0,
    }
}

fn closing() -> Closing {
    let mut drops = DropCounts::default();
    drops.add(DropCause::NoChunk, 3);
    Closing { ending: Ending::Clean, end: calibration(1_000), drops, text: String::new() }
}

fn chunk(sequence: u64, thread: Option<ThreadId>, thread_sequence: u64) -> ChunkBuilder {
    ChunkBuilder::new(ChunkHeader {
        kind: if thread.is_some() { ChunkKind::Events } else { ChunkKind::Definitions },
        session: header().short_session(),
        sequence,
        thread: thread.unwrap_or(ThreadId::NONE),
        thread_sequence,
        base_time: START,
        calibration: calibration(sequence),
        drops: DropCounts::default(),
        seal: None,
    })
}

fn events_chunk(
    sequence: u64,
    thread: ThreadId,
    thread_sequence: u64,
    events: &[(u64, Event)],
) -> ChunkBuilder {
    let mut chunk = chunk(sequence, Some(thread), thread_sequence);
    for (us, event) in events {
        chunk.event(at(*us), event).expect("a chunk holds these events");
    }
    chunk
}

/// The chunk as a killed process leaves it: without a seal.
fn unsealed(mut chunk: Box<[u8; CHUNK_BYTES]>) -> Vec<u8> {
    chunk[120..ChunkHeader::BYTES].fill(0);
    chunk.to_vec()
}

fn definitions() -> Vec<Definition> {
    let mut all: Vec<Definition> = (1..)
        .zip(NAMES)
        .map(|(id, text)| Definition::Name(NameId(id), NameDefinition { text: text.to_owned() }))
        .collect();
    let module = |id, name: &str, parent: ModuleId, mib, fingerprint| {
        let name = name.to_owned();
        Definition::Module(id, ModuleDefinition { name, parent: parent.0, bytes: mib * MIB, fingerprint })
    };
    let pool =
        |id, name: &str| Definition::Pool(id, PoolDefinition { heap: 1, name: name.to_owned(), stream: 0 });
    let thread =
        |id, os_id, name: &str| Definition::Thread(id, ThreadDefinition { os_id, name: name.to_owned() });
    let stack = |id, parent, function, line| {
        Definition::Stack(
            id,
            StackDefinition { parent, function, file: 0, line, address: 0x40_0000 + u64::from(line) },
        )
    };
    all.extend([
        Definition::Engine(EngineDefinition { name: "golden".to_owned(), version: "1".to_owned() }),
        thread(MAIN, 4242, "main"),
        thread(WORKER, 4243, "worker"),
        Definition::Device(
            DeviceId(1),
            DeviceDefinition { ordinal: 0, name: "a card".to_owned(), total: Some(64 * MIB) },
        ),
        Definition::Heap(
            HeapId(1),
            HeapDefinition { name: "cuda:0".to_owned(), kind: MemoryKind::Device as u8, device: 1 },
        ),
        pool(SMALL, "small"),
        pool(LARGE, "large"),
        module(UNET, "unet", ModuleId::NONE, 10, Some(0xabcd)),
        module(MIDDLE, "middle_block", UNET, 4, None),
        module(VAE, "vae", ModuleId::NONE, 6, None),
        Definition::Counter(
            CounterId(1),
            CounterDefinition { name: "driver free".to_owned(), unit: Unit::Bytes as u8, device: 1 },
        ),
        Definition::Counter(
            CounterId(2),
            CounterDefinition { name: "pressure".to_owned(), unit: Unit::Percent as u8, device: 0 },
        ),
        stack(StackId(1), 0, 0, 10),
        stack(STACK, 1, 4, 20),
    ]);
    all
}

fn segment(pool: PoolId, address: u64, size: u64) -> Segment {
    Segment { pool, address: Address(address), size: Bytes(size), stack: StackId::NONE }
}

fn block(pool: PoolId, address: u64, size: u64, requested: u64) -> BlockAlloc {
    let (module, stack) = (ModuleId::NONE, StackId::NONE);
    BlockAlloc {
        pool,
        address: Address(address),
        size: Bytes(size),
        requested: Bytes(requested),
        module,
        stack,
    }
}

fn free(pool: PoolId, address: u64, size: u64) -> BlockFree {
    BlockFree { pool, address: Address(address), size: Bytes(size) }
}

fn transfer(correlation: u32, module: ModuleId, from: Tier, to: Tier, mib: u64) -> TransferBegin {
    TransferBegin {
        correlation,
        module,
        from,
        to,
        size: Bytes(mib * MIB),
        memory: HostMemory::Pageable,
        reason: Reason::Demand,
        room_for: ModuleId::NONE,
    }
}

fn ended(begin: TransferBegin) -> Event {
    let TransferBegin { correlation, module, size, .. } = begin;
    Event::TransferEnd(TransferEnd { correlation, origin: MAIN, module, size, on_device: None })
}

const SEGMENT: u64 = 0x7f00_0000_0000;
const SMALL_SEGMENT: u64 = 0x7e00_0000_0000;

/// Loads the U-Net, runs it, swaps it for the VAE, and fails to get more.
fn main_thread() -> Vec<(u64, Event)> {
    let disk = transfer(0, UNET, Tier::Disk, Tier::Host, 10);
    let load = transfer(1, UNET, Tier::Host, Tier::Device(0), 10);
    let evict = TransferBegin {
        reason: Reason::Policy,
        room_for: VAE,
        ..transfer(2, UNET, Tier::Device(0), Tier::Pinned, 10)
    };
    let bring =
        TransferBegin { memory: HostMemory::Pinned, ..transfer(3, VAE, Tier::Pinned, Tier::Device(0), 6) };
    let oom =
        OutOfMemory { pool: LARGE, requested: Bytes(80 * MIB), free: Some(Bytes(42 * MIB)), stack: STACK };
    let activation = BlockAlloc {
        module: MIDDLE,
        stack: STACK,
        ..block(LARGE, SEGMENT + 10 * MIB, 2 * MIB, 2 * MIB - 100)
    };
    vec![
        (1, Event::ModuleDefined(UNET)),
        (2, Event::ModuleDefined(MIDDLE)),
        (3, Event::ModuleDefined(VAE)),
        (10, Event::TransferBegin(disk)),
        (60, ended(disk)),
        (70, Event::ScopeBegin { name: JOB, phase: true }),
        (80, Event::TransferBegin(load)),
        (85, Event::SegmentAlloc(segment(LARGE, SEGMENT, 20 * MIB))),
        (86, Event::BlockAlloc(block(LARGE, SEGMENT, 10 * MIB, 10 * MIB))),
        (120, ended(load)),
        (121, Event::CounterSample { counter: CounterId(1), value: CounterValue::Integer(44 * MIB) }),
        (130, Event::ScopeBegin { name: DENOISE, phase: false }),
        (131, Event::ForwardBegin(UNET)),
        (132, Event::ForwardBegin(MIDDLE)),
        (140, Event::BlockAlloc(activation)),
        (150, Event::BlockFreeRequested(free(LARGE, SEGMENT + 10 * MIB, 2 * MIB))),
        (155, Event::BlockFreeCompleted(free(LARGE, SEGMENT + 10 * MIB, 2 * MIB))),
        (160, Event::ForwardEnd(MIDDLE)),
        (170, Event::ForwardEnd(UNET)),
        (180, Event::ScopeEnd { name: DENOISE }),
        (200, Event::TransferBegin(evict)),
        (230, Event::BlockFree(free(LARGE, SEGMENT, 10 * MIB))),
        (240, ended(evict)),
        (241, Event::TransferBegin(bring)),
        (242, Event::BlockAlloc(block(LARGE, SEGMENT, 6 * MIB, 6 * MIB))),
        (260, ended(bring)),
        (265, Event::ForwardBegin(VAE)),
        (270, Event::OutOfMemory(oom)),
        (280, Event::ForwardEnd(VAE)),
        (290, Event::Mark { name: SWITCH, value: 7 }),
        (300, Event::ScopeEnd { name: JOB }),
        (310, Event::ModuleReleased(UNET)),
        (320, Event::CounterSample { counter: CounterId(2), value: CounterValue::Float(12.5) }),
    ]
}

/// Uses an expandable segment, loses some events, and is killed.
fn worker_thread() -> Vec<(u64, Event)> {
    vec![
        (100, Event::SegmentMap(segment(SMALL, SMALL_SEGMENT, 2 * MIB))),
        (110, Event::BlockAlloc(block(SMALL, SMALL_SEGMENT, 1024, 1000))),
        (115, Event::BlockAlloc(block(SMALL, SMALL_SEGMENT + 1024, 512, 512))),
        (190, Event::BlockFree(free(SMALL, SMALL_SEGMENT, 0))),
        (195, Event::BlockFree(free(SMALL, SMALL_SEGMENT + MIB, 4096))),
        (210, Event::Dropped { cause: Some(DropCause::NoChunk), count: 3, since: at(200) }),
        (220, Event::BlockFree(free(SMALL, SMALL_SEGMENT + 1024, 512))),
        (225, Event::SegmentUnmap(segment(SMALL, SMALL_SEGMENT, 2 * MIB))),
        (250, Event::SegmentAlloc(segment(SMALL, SMALL_SEGMENT, 2 * MIB))),
        (255, Event::SegmentFree(segment(SMALL, SMALL_SEGMENT, 2 * MIB))),
    ]
}
