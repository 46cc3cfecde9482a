//! How fast a trace is opened and analyzed, in how much memory, and how near the state at any time is then, on generated traces.
//!
//!     cargo bench -p memtrace-analyzer --bench replay                      # 1e6 events
//!     cargo bench -p memtrace-analyzer --bench replay -- 10000000          # as many as wanted
//!     cargo bench -p memtrace-analyzer --bench replay -- 100000000 "1e6"   # only the cases whose names have this in them
//!
//! Each case runs in a process of its own, so that its peak memory is its own. "a core" divides by the processor time of all
//! threads; where others use the machine too, that is the figure to look at. 1e8 events take 6.4 GB of disk at most, in the folder
//! for temporary files, one case at a time. `README.md`, beside this, has what came out.

use std::{
    io::{BufWriter, Write},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use memtrace_analyzer::{Checkpoints, Nanos, Trace};
use memtrace_format::{
    Address, BlockAlloc, BlockFree, Bytes, Calibration, ChunkBuilder, ChunkHeader, ChunkKind, ClockKind,
    Closing, Definition, DropCounts, Event, FileHeader, HeapDefinition, HeapId, MemoryKind, ModuleId,
    PoolDefinition, PoolId, Segment, StackId, ThreadId, Ticks,
};

const SESSION: u64 = 77;
const BLOCK: u64 = 512;
/// From one event to the next.
const TICKS: u64 = 40;

/// What a generated trace is like.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
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
const CASES: [Case; 9] = [
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

/// The most times at which the state is asked for, and how long that goes on.
const ASKED: usize = 100;
const PATIENCE: Duration = Duration::from_secs(10);

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    match &arguments[..] {
        [child, path] if child == "analyze" => analyze(Path::new(path)),
        _ => {
            let events = arguments.first().and_then(|events| events.parse().ok()).unwrap_or(1_000_000);
            run_all(events, arguments.get(1).map_or("", |part| part));
        }
    }
}

fn run_all(events: u64, part: &str) {
    println!("{events} events");
    println!(
        "{:32} {:>8} {:>10} {:>10} {:>8} {:>10} {:>22}",
        "", "open ms", "M events/s", "a core", "s", "peak MiB", "state at: p50, max ms"
    );
    let directory = tempfile::tempdir().expect("a temporary directory");
    for case in CASES.into_iter().filter(|case| case.name.contains(part)) {
        let path = directory.path().join("bench.trace");
        generate(&path, case, events);
        let me = std::env::current_exe().expect("this program has a path");
        let output = Command::new(me).arg("analyze").arg(&path).output().expect("it runs");
        print!("{:32} {}", case.name, String::from_utf8_lossy(&output.stdout));
        print!("{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn analyze(path: &Path) {
    let (mut wall, mut used, mut events) = (f64::INFINITY, f64::INFINITY, 0);
    let mut checkpoints = Checkpoints::default();
    for _ in 0..3 {
        let (began, used_before) = (Instant::now(), processor_seconds());
        let analysis = memtrace_analyzer::analyze(path).expect("a readable trace");
        wall = wall.min(began.elapsed().as_secs_f64());
        used = used.min(processor_seconds() - used_before);
        events = analysis.report.trace.events;
        assert_eq!(analysis.report.trace.damaged_chunks, 0);
        assert!(analysis.report.trace.oddities.is_empty(), "{:?}", analysis.report.trace.oddities);
        checkpoints = analysis.checkpoints;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("?").trim();
    let memory: f64 = memory.trim_end_matches(" kB").parse().unwrap_or(f64::NAN);

    let began = Instant::now();
    let trace = Trace::open(path).expect("a readable trace");
    let opened = began.elapsed().as_secs_f64() * 1e3;
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let began = Instant::now();
    let mut taken: Vec<f64> = (0..ASKED)
        .take_while(|&asked| asked == 0 || began.elapsed() < PATIENCE)
        .map(|_| {
            let time = Nanos(random.next() % (events * TICKS));
            let began = Instant::now();
            let instant = trace.at(&checkpoints, time).expect("a readable trace");
            assert!(!instant.heaps.is_empty() || time.0 < TICKS);
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    taken.sort_by(f64::total_cmp);
    let millions = |seconds: f64| events as f64 / seconds / 1e6;
    println!(
        "{opened:8.1} {:10.1} {:10.1} {wall:8.2} {:10.1} {:12.1} {:9.1}",
        millions(wall),
        millions(used),
        memory / 1024.0,
        taken[taken.len() / 2],
        taken[taken.len() - 1]
    );
}

/// What all threads of this process have used so far, in steps of 10 ms.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}

/// Fills the heap with blocks, and then gives random ones back and hands their places out again.
fn generate(path: &Path, case: Case, events: u64) {
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
        let index = random.next() % live;
        let thread = (random.next() % u64::from(case.threads)) as u32;
        writer
            .event(thread, &Event::BlockFree(BlockFree { pool, address: place(index), size: Bytes(BLOCK) }));
        writer.event(thread, &alloc(index));
    }
    writer.finish();
}

struct Random(u64);

impl Random {
    /// xorshift64.
    fn next(&mut self) -> u64 {
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
