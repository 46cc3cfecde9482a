//! Runs for tests, made by hand.

use std::collections::BTreeMap;

use memtrace_format::{
    Address, Bytes, Calibration, ChunkBuilder, ChunkHeader, ChunkKind, ClockKind, Closing, CounterValue,
    DropCounts, Event, FileHeader, ThreadId, Ticks, Tier,
};
use ratatui::layout::Size;

use super::{
    action::{Action, Flow},
    page::Page,
    state::State,
    theme::Theme,
    wake::Wake,
};
use crate::{
    Analysis, Checkpoints, Nanos, Text,
    report::{
        Bandwidth, Block, BlockSizes, ChunkCounts, Cycle, CycleHeap, CycleSource, DeviceBound, Direction,
        Directions, Dropped, Duplicate, Ended, Figures, Finding, FindingVerdict, Fragmentation,
        FragmentationAt, Growth, Heap, HeapInPhase, Idle, Known, Layout, LedgerEntry, LedgerMoment,
        LedgerSources, LevelAt, LowerBound, Mark, Module, ModuleSwaps, OtherSwaps, OutOfMemory, Peak, PeakBy,
        Phase, Place, Report, ReservedPeak, Retained, SampledFrom, Samples, Shape, Share, Stay, Survivors,
        Swap, Swaps, Thrash, Topic, Trace, Transfers, Verdict,
    },
    timeline::{
        CounterRecorder, CounterTrack, Happening, LedgerTrack, ModuleTrack, Move, Sign, Tick, Timeline,
        TrackRecorder,
    },
};

/// Of whatever kind, so many fit.
const EVENTS_A_CHUNK: usize = 500;

const MIB: u64 = 1 << 20;
const MS: u64 = 1_000_000;

/// A trace with nothing in it.
pub(crate) fn empty() -> Analysis {
    Analysis {
        report: Report {
            findings: Vec::new(),
            schema_version: 1,
            trace: trace(0, 0),
            heaps: Vec::new(),
            modules: Vec::new(),
            transfers: Transfers::default(),
            swaps: Swaps::default(),
            growth: Growth::default(),
            phases: Vec::new(),
            phases_total: 0,
            marks: Vec::new(),
            samples: Samples::default(),
            profile: Vec::new(),
            ledger: Vec::new(),
            ledger_trends: Vec::new(),
            ooms: Vec::new(),
            ooms_total: 0,
            ooms_why: None,
        },
        timeline: Timeline::default(),
        checkpoints: Checkpoints::default(),
    }
}

/// A second of three modules that take turns on a device.
pub(crate) fn small() -> Analysis {
    turns(1000 * MS, 6)
}

/// The same, a second later.
fn small_and_longer() -> Analysis {
    turns(2000 * MS, 12)
}

fn turns(end: u64, turns: u64) -> Analysis {
    let modules = ["text_encoder", "unet", "vae"];
    let mut run = build(end, &modules, turns);
    run.report.findings = findings("unet", "cuda:0", 500 * MS);
    run.report.trace.engine = Some(Text::new("diffusion"));
    run.report.trace.engine_version = Some(Text::new("0.1.0"));
    run
}

/// Ninety seconds of sixty modules, two heaps, losses and failed requests, with names that try things.
pub(crate) fn large() -> Analysis {
    let blocks = (0..57).map(|n| format!("unet.input_blocks.{n}"));
    let odd = ["模型.编码器".to_owned(), "evil\u{1b}[2Jname".to_owned()];
    let names: Vec<String> = std::iter::once("unet".to_owned()).chain(blocks).chain(odd).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut run = build(90_000 * MS, &names, 600);
    run.report.growth = growth("evil\u{1b}[2Jname");
    run.report.findings = findings("evil\u{1b}[2Jname", "cuda:0", 61_000 * MS);
    let trace = &mut run.report.trace;
    trace.engine = Some(Text::new("host\u{7}engine"));
    trace.ended = Ended::Killed;
    trace.dropped = Dropped { total: 1234, by_cause: BTreeMap::from([("no chunk ready", 1234)]) };
    trace.damaged_chunks = 2;
    trace.damage = vec![Text::new("chunk at 0x40000: its checksum is wrong")];
    run.report.ooms = vec![out_of_memory(44_000 * MS), out_of_memory(61_000 * MS)];
    run.report.ooms_total = 7;
    for failure in &run.report.ooms {
        let what = Happening::OutOfMemory { heap: Text::new("cuda:0"), requested: failure.requested_bytes };
        run.timeline.instants.push(Sign { time: failure.time_ns, what });
    }
    run.timeline.instants.sort_by_key(|instant| instant.time);
    run.timeline.counters = ["nvml used", "host resident", "host round"].map(counter).into();
    let host = heap("host", None, 70 * MIB, 100 * MS);
    run.report.heaps.push(Heap { fragmentation: None, reserved_peak: None, ..host });
    let mut recorder = TrackRecorder::new(64);
    recorder.record(Nanos(100 * MS), [0, 70 * MIB, 70 * MIB, 70 * MIB]);
    run.timeline.heaps.push(recorder.finish_heap(Text::new("host"), false, Nanos(90_000 * MS)));
    run
}

/// A log of one thread's events, each at a time in nanoseconds.
pub(crate) fn log(events: &[(u64, Event)]) -> crate::Trace {
    let start = Calibration::default();
    let clock = ClockKind::Monotonic;
    let header =
        FileHeader { compatible: 0, incompatible: 0, session: 1, boot: 0, pid: 7, clock, start, minor: 0 };
    let mut bytes = [&header.to_bytes()[..], &[0; Closing::BYTES]].concat();
    for (sequence, events) in (0..).zip(events.chunks(EVENTS_A_CHUNK)) {
        let mut builder = ChunkBuilder::new(ChunkHeader {
            kind: ChunkKind::Events,
            session: 1,
            sequence,
            thread: ThreadId(1),
            thread_sequence: sequence,
            base_time: Ticks(0),
            calibration: start,
            drops: DropCounts::default(),
            seal: None,
        });
        for (time, event) in events {
            builder.event(Ticks(*time), event).unwrap();
        }
        bytes.extend_from_slice(&builder.finish()[..]);
    }
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, &bytes).unwrap();
    crate::Trace::of_file(file).unwrap()
}

/// A second of which not everything was recorded and not everything can be read.
pub(crate) fn damaged() -> Analysis {
    let mut run = small();
    let trace = &mut run.report.trace;
    trace.ended = Ended::Running;
    trace.dropped = Dropped { total: 12, by_cause: BTreeMap::from([("no chunk ready", 12)]) };
    trace.damaged_chunks = 1;
    trace.damage = vec![Text::new("chunk at 0x40000: its checksum is wrong")];
    trace.unreadable_bytes = Bytes(4096);
    run.report.ledger.iter_mut().for_each(without_processes);
    let samples = run.timeline.ledgers.iter_mut().flat_map(|track| &mut track.entries);
    samples.for_each(without_processes);
    run.report.heaps[0].known = Known::Baseline;
    run.report.heaps[0].peak.figures.reserved_bytes = None;
    for module in &mut run.report.modules {
        module.bytes = None;
    }
    run.report.swaps.lower_bound = None;
    run.report.swaps.lower_bound_why = Some("events are missing");
    run.report.modules[1].name = Text::new("<lost #2>");
    run.timeline.modules[1].name = Text::new("<lost #2>");
    run
}

/// A leak with its owner, a cache that filled, weights that are there twice.
fn growth(owner: &str) -> Growth {
    let cycle = |name: &str, shape: Shape, level: &dyn Fn(u64) -> u64| {
        let points: Vec<(u64, u64)> = (1..=24).map(|number| (number, level(number))).collect();
        let levels = points.iter().map(|&(cycle, bytes)| LevelAt {
            cycle,
            time_ns: Nanos(cycle * 3_000 * MS),
            bytes: Bytes(bytes),
        });
        let survivors = points.iter().map(|&(cycle, _)| Survivors {
            first_cycle: cycle,
            last_cycle: cycle,
            bytes: Bytes(if shape == Shape::Grows { 12 * MIB } else { 0 }),
            blocks: 3,
        });
        let trend = crate::summary::trend(&points);
        assert_eq!(trend.shape, shape);
        let kept = |name: &str, bytes: u64| Retained {
            name: Text::new(name),
            bytes: bytes as i64,
            held_bytes: Bytes(24 * bytes),
            grew_in: 1.0,
        };
        let leaks = shape == Shape::Grows;
        let by_module = if leaks { vec![kept(owner, 11 * MIB), kept("vae", MIB)] } else { Vec::new() };
        let by_scope = if leaks { vec![kept("job / denoise / step", 12 * MIB)] } else { Vec::new() };
        let heap = CycleHeap {
            heap: Text::new("cuda:0"),
            device: Some(0),
            trend: trend.clone(),
            by_module: by_module.clone(),
            by_scope: by_scope.clone(),
            by_stack: Vec::new(),
            levels: levels.collect(),
            survivors: survivors.collect(),
        };
        Cycle {
            name: Text::new(name),
            source: CycleSource::Phase,
            count: 24,
            first_ns: Nanos(3_000 * MS),
            last_ns: Nanos(72_000 * MS),
            inside: None,
            trend,
            by_module,
            by_scope,
            by_stack: Vec::new(),
            by_module_why: None,
            heaps: vec![heap],
        }
    };
    Growth {
        cycles: vec![
            cycle("switch", Shape::Grows, &|number| (200 + 12 * number) * MIB),
            cycle("job", Shape::Saturates, &|number| (200 + 12 * number.min(7)) * MIB),
        ],
        duplicates: vec![Duplicate {
            fingerprint: "00c0ffee".to_owned(),
            names: vec![Text::new("vae"), Text::new("preview_vae")],
            bytes: Bytes(160 * MIB),
            wasted_bytes: Bytes(160 * MIB),
            from_ns: Nanos(9_000 * MS),
            to_ns: Nanos(80_000 * MS),
            together_ns: Nanos(71_000 * MS),
        }],
        idle: vec![Idle {
            heap: Text::new("cuda:0"),
            bytes: Bytes(90 * MIB),
            from_ns: Nanos(12_000 * MS),
            to_ns: Nanos(90_000 * MS),
            reserved_bytes: Bytes(400 * MIB),
        }],
        ..Growth::default()
    }
}

/// A counter of device 0 or of the process, sampled once a second from the fifth on.
fn counter(name: &str) -> CounterTrack {
    let value = |second: u64| CounterValue::Integer((1 + second % 8) * 1010 * MIB);
    let mut recorder = CounterRecorder::new(Nanos(5_000 * MS), value(5));
    for second in 6..90 {
        recorder.sample(Nanos(second * 1000 * MS), value(second));
    }
    let device = name.starts_with("nvml").then_some(0);
    recorder.finish(Text::new(name), device, "bytes", Nanos(90_000 * MS))
}

/// The UI in a terminal of this size, without colours or with them, before anything is read.
pub(crate) fn reading(width: u16, height: u16, colours: bool) -> State {
    State::new(Text::new("run.trace"), Theme { colours }, Size::new(width, height))
}

/// The UI with this analysis, and a view open.
pub(crate) fn showing(analysis: Analysis, page: Page, width: u16, height: u16) -> State {
    let mut state = reading(width, height, true);
    assert_eq!(state.ready(analysis, None, Wake::default()), Flow::Continue);
    assert_eq!(state.update(Action::Show(page)), Flow::Continue);
    state
}

/// The UI on a trace that is being written, with a view open: the run is twice as long as when it was first read.
pub(crate) fn following(page: Page, width: u16, height: u16) -> State {
    let running = |mut analysis: Analysis| {
        analysis.report.trace.ended = Ended::Running;
        analysis
    };
    let mut state = reading(width, height, true);
    state.following = true;
    for analysis in [small(), small_and_longer()] {
        assert_eq!(state.ready(running(analysis), None, Wake::default()), Flow::Continue);
        assert_eq!(state.update(Action::Show(page)), Flow::Continue);
    }
    state
}

/// What rules say: one fails, one warns, others are fine or not asked.
fn findings(module: &str, heap: &str, time: u64) -> Vec<Finding> {
    let place = Place {
        time_ns: Some(Nanos(time)),
        heap: Some(Text::new(heap)),
        module: Some(Text::new(module)),
        bytes: Some(Bytes(12 * MIB)),
    };
    let finding = |id, verdict, title, evidence: &str, topic| Finding {
        id,
        verdict,
        title,
        evidence: Text::new(evidence),
        advice: Text::new(""),
        why: None,
        topic,
        places: Vec::new(),
    };
    let grows =
        format!("{module} keeps 12.00 MiB more after every job on {heap}, and never gives any of it back");
    let thrash =
        "3 of 5 evictions brought back within the same phase what had just gone: 600.00 MiB in 55.5 ms";
    vec![
        Finding {
            advice: Text::new(
                "drop what a job keeps before the next one begins, and call torch.cuda.empty_cache() at a switch of models",
            ),
            places: vec![place.clone()],
            ..finding("leak", FindingVerdict::Fail, "memory grows", &grows, Topic::Growth)
        },
        Finding {
            advice: Text::new("keep both on the device: there is room for them"),
            places: vec![Place { time_ns: Some(Nanos(time / 2)), ..place }],
            ..finding("thrash", FindingVerdict::Warn, "modules thrash", thrash, Topic::Swaps)
        },
        finding("losses", FindingVerdict::Ok, "nothing is lost", "every event was recorded", Topic::Trace),
        finding(
            "fragmentation",
            FindingVerdict::Ok,
            "heaps are whole",
            "no request needed more",
            Topic::Fragmentation,
        ),
        Finding {
            why: Some(Text::new("no device was sampled")),
            ..finding("other-processes", FindingVerdict::Na, "other processes", "", Topic::Ledger)
        },
    ]
}

/// A phase.
pub(crate) fn phase(name: &str, from: u64, to: u64) -> Phase {
    Phase {
        name: Text::new(name),
        thread: Text::new("main"),
        from_ns: Nanos(from),
        to_ns: Nanos(to),
        ended: true,
        heaps: vec![HeapInPhase {
            heap: Text::new("cuda:0"),
            at_begin: Figures::default(),
            at_end: Figures::default(),
            peak_allocated_bytes: Bytes(300 * MIB),
            peak_reserved_bytes: Some(Bytes(400 * MIB)),
            peak_reserved_bytes_why: None,
        }],
        heaps_why: None,
    }
}

/// Modules take turns: each swap moves one out and the next one in, and allocates above it.
fn build(end: u64, names: &[&str], turns: u64) -> Analysis {
    let mut analysis = empty();
    let turn = end / turns;
    let mut recorder = TrackRecorder::new(4096);
    let mut stays = vec![Vec::new(); names.len()];
    let mut seen = vec![0; names.len()];
    let mut peak = (0, 0);
    let (mut ticks, mut moves) = (vec![Vec::new(); names.len()], vec![Vec::new(); names.len()]);
    for number in 0..turns {
        let (index, from) = (number as usize % names.len(), number * turn);
        let (weights, work) = (100 * MIB + 20 * MIB * (number % 5), 40 * MIB * (number % 7));
        let figures = |work| [440 * MIB, weights + work + 16 * MIB, weights + work, weights + work - MIB];
        for part in 0..8 {
            recorder.record(Nanos(from + turn * part / 8), figures(if part % 2 == 1 { work } else { 0 }));
        }
        if weights + work > peak.0 {
            peak = (weights + work, from + turn / 8);
        }
        stays[index].push(stay(Tier::Host, seen[index], from));
        stays[index].push(stay(Tier::Device(0), from, from + turn));
        seen[index] = from + turn;
        for part in 2..5 {
            let time = Nanos(from + turn * part / 5);
            ticks[index].push(Tick { from_ns: time, to_ns: time, count: 1 });
        }
        let moved = |from, to, at: u64| Move {
            from,
            to,
            from_ns: Nanos(at.saturating_sub(turn / 10)),
            to_ns: Nanos(at),
            bytes: Bytes(100 * MIB),
        };
        moves[index].push(moved(Tier::Host, Tier::Device(0), from));
        moves[index].push(moved(Tier::Device(0), Tier::Host, from + turn));
        if number > 0 {
            let swap = Happening::Swap {
                module: Text::new(names[index]),
                evicted: vec![Text::new(names[(number as usize - 1) % names.len()])],
                began: Nanos(from - turn / 10),
                bytes: Bytes(200 * MIB),
                took: Nanos(turn / 10),
            };
            analysis.timeline.instants.push(Sign { time: Nanos(from), what: swap });
        } else {
            let mark = Happening::Mark { name: Text::new("weights loaded"), value: 3 };
            analysis.timeline.instants.push(Sign { time: Nanos(turn / 2), what: mark });
        }
    }
    let timeline = &mut analysis.timeline;
    timeline.end = Nanos(end);
    timeline.instants.sort_by_key(|instant| instant.time);
    timeline.heaps.push(recorder.finish_heap(Text::new("cuda:0"), true, Nanos(end)));
    let samples = (0..64).map(|n| ledger_entry(end * n / 64, n, Vec::new())).collect();
    analysis.timeline.ledgers = vec![LedgerTrack { device: 0, entries: samples }];
    let report = &mut analysis.report;
    for (index, (name, mut stays)) in names.iter().zip(stays).enumerate() {
        stays.push(stay(Tier::Host, seen[index], end));
        let id = index as u32 + 1;
        let parent = (id > 1 && name.starts_with("unet.")).then_some(1);
        report.modules.push(module(id, name, parent));
        analysis.timeline.modules.push(ModuleTrack {
            id,
            name: Text::new(*name),
            parent,
            stays: stays.into(),
            inherited: false,
            thinned: false,
            forwards: std::mem::take(&mut ticks[index]).into(),
            moves: std::mem::take(&mut moves[index]).into(),
            moves_left_out: index as u64 % 2 * 7,
        });
    }
    report.trace = trace(end, turns * 1000);
    report.ledger = vec![
        ledger_entry(0, 0, vec![LedgerMoment::Begin]),
        ledger_entry(end / 2, 32, vec![LedgerMoment::DevicePeak, LedgerMoment::LeastFree]),
        ledger_entry(end, 64, vec![LedgerMoment::End]),
    ];
    report.heaps.push(heap("cuda:0", Some(0), peak.0, peak.1));
    let shares = names
        .iter()
        .enumerate()
        .map(|(index, name)| Share { name: Text::new(*name), bytes: Bytes((200 * MIB) >> index.min(20)) });
    report.heaps[0].peak.by_module = shares.collect();
    report.swaps = swaps(names, turns, turn);
    report.transfers = transfers(turns, turn);
    report.phases = vec![
        phase("job", 0, end),
        phase("encode", 0, end / 6),
        phase("denoise", end / 6, end * 5 / 6),
        phase("decode", end * 5 / 6, end),
    ];
    report.phases_total = 4;
    report.marks = vec![Mark {
        name: Text::new("weights loaded"),
        count: 1,
        first_ns: Nanos(turn / 2),
        last_ns: Nanos(turn / 2),
    }];
    analysis
}

/// A device of a GiB at the sample number `n`: half full, and others come and go.
fn ledger_entry(time: u64, n: u64, at: Vec<LedgerMoment>) -> LedgerEntry {
    let active = (100 + 20 * (n % 7)) * MIB;
    let (reserved, process, others) =
        (440 * MIB, 90 * MIB, if (20..44).contains(&n) { 300 * MIB } else { 60 * MIB });
    let total = 1024 * MIB;
    let used = reserved + process + others + 10 * MIB;
    let bytes = |bytes| Some(Bytes(bytes));
    let from = |source| Some(SampledFrom { source, time_ns: Nanos(time.saturating_sub(MS)), moved: false });
    LedgerEntry {
        device: 0,
        at,
        time_ns: Nanos(time),
        known: Known::Sampled,
        total: bytes(total),
        total_why: None,
        free: bytes(total - used),
        free_why: None,
        used: bytes(used),
        used_why: None,
        allocator_reserved: bytes(reserved),
        allocator_reserved_why: None,
        allocator_active: bytes(active),
        allocator_active_why: None,
        allocator_inactive: bytes(reserved - active),
        allocator_inactive_why: None,
        beside_allocator: Some((used - reserved) as i64),
        beside_allocator_why: None,
        non_allocator: Some(process as i64),
        non_allocator_why: None,
        driver_pool_inactive: bytes(0),
        driver_pool_inactive_why: None,
        other_processes: bytes(others),
        other_processes_why: None,
        unaccounted: Some((10 * MIB) as i64),
        unaccounted_why: None,
        sources: LedgerSources {
            free: from("driver"),
            own_process: from("nvml"),
            other_processes: from("nvml"),
        },
    }
}

/// As in a container: nobody's list of processes has this one.
fn without_processes(entry: &mut LedgerEntry) {
    let why = Some(Text::new("NVML's list of processes does not have this one's number"));
    (entry.non_allocator, entry.non_allocator_why) = (None, why.clone());
    (entry.other_processes, entry.other_processes_why) = (None, why.clone());
    (entry.unaccounted, entry.unaccounted_why) = (None, why);
    entry.sources = LedgerSources { free: entry.sources.free, ..LedgerSources::default() };
}

fn trace(end: u64, events: u64) -> Trace {
    Trace {
        range: None,
        filter: None,
        kept_from_ns: None,
        format_version: "1.0".to_owned(),
        engine: None,
        engine_why: Some("the engine did not say"),
        engine_version: None,
        pid: Some(4242),
        pid_why: None,
        start_unix_ns: Some(1_700_000_000_000_000_000),
        start_unix_ns_why: None,
        duration_ns: Nanos(end),
        events,
        threads: 1,
        clock: "tsc",
        ended: Ended::Clean,
        stopped_why: None,
        dropped: Dropped::default(),
        damaged_chunks: 0,
        damage: Vec::new(),
        unreadable_bytes: Bytes(0),
        oddities: BTreeMap::new(),
        chunks: ChunkCounts::default(),
        never_used_bytes: Bytes(0),
    }
}

fn heap(name: &str, device: Option<u32>, peak: u64, time: u64) -> Heap {
    let figures = Figures {
        requested_bytes: Bytes(peak - MIB),
        allocated_bytes: Bytes(peak),
        active_bytes: Bytes(peak + 4 * MIB),
        reserved_bytes: device.map(|_| Bytes(peak + 20 * MIB)),
        reserved_bytes_why: None,
    };
    let at = FragmentationAt {
        time_ns: Nanos(time),
        inactive_bytes: Bytes(16 * MIB),
        free_blocks: 12,
        largest_free_bytes: Bytes(10 * MIB),
        pinned_bytes: Bytes(6 * MIB),
        external: Some(0.375),
        external_why: None,
        active_over_reserved: Some(0.96),
        active_over_reserved_why: None,
        internal_bytes: Bytes(MIB),
        layout: Layout::default(),
    };
    let block = Block {
        address: Address(0x7000_0000),
        bytes: Bytes(64 * MIB),
        requested_bytes: Bytes(63 * MIB),
        module: Text::new("unet"),
        scope: Text::new("job/denoise"),
        thread: Text::new("main"),
        stack: Vec::new(),
        age_ns: Nanos(12),
    };
    Heap {
        allocator: None,
        peak_before: None,
        name: Text::new(name),
        device,
        device_why: None,
        kind: if device.is_some() { "device" } else { "host" },
        known: Known::Exact,
        allocs: 1000,
        frees: 990,
        block_sizes: BlockSizes::Recorded,
        baseline_bytes: Bytes(0),
        baseline_counted: false,
        peak: Peak {
            by: PeakBy::Allocated,
            time_ns: Nanos(time),
            event_index: 77,
            figures,
            by_module: Vec::new(),
            by_scope: vec![Share { name: Text::new("job/denoise"), bytes: Bytes(peak / 4 * 3) }],
            by_thread: Vec::new(),
            by_stack: Vec::new(),
            by_size: Vec::new(),
            by_age: Vec::new(),
            blocks: vec![block],
            blocks_total: 1,
        },
        reserved_peak: Some(ReservedPeak { time_ns: Nanos(time), bytes: Bytes(peak + 20 * MIB) }),
        reserved_peak_why: None,
        end: Figures { allocated_bytes: Bytes(3 * MIB), ..Figures::default() },
        end_blocks: 10,
        fragmentation: Some(Fragmentation {
            at_peak: at.clone(),
            worst: at.clone(),
            most_pinned: at.clone(),
            end: at,
        }),
        fragmentation_why: None,
        peaks: Vec::new(),
        peaks_total: 0,
    }
}

fn module(id: u32, name: &str, parent: Option<u32>) -> Module {
    Module {
        id,
        name: Text::new(name),
        parent: parent.map(|_| Text::new("unet")),
        parent_why: None,
        parent_id: parent,
        bytes: Some(Bytes(100 * MIB)),
        bytes_why: None,
        fingerprint: None,
        fingerprint_why: None,
        forwards: 2,
        residency: [].into(),
        residency_thinned: false,
        residency_why: None,
        resident_ns: BTreeMap::new(),
        loads: 2,
        evictions: 2,
        by_direction: BTreeMap::new(),
        transfer_bytes: Bytes(400 * MIB),
        transfer_ns: Nanos(40 * MS),
        hidden_ns: Nanos(4 * MS),
        stall_ns: Nanos(20 * MS),
        stalls: 2,
        longest_stall_ns: Nanos(12 * MS),
    }
}

fn stay(tier: Tier, from: u64, to: u64) -> Stay {
    Stay { tier, from_ns: Nanos(from), to_ns: Nanos(to) }
}

fn swaps(names: &[&str], turns: u64, turn: u64) -> Swaps {
    let name = |number: u64| Text::new(names[number as usize % names.len()]);
    let each = names.iter().enumerate().map(|(index, name)| ModuleSwaps {
        name: Text::new(*name),
        count: 2,
        bytes: Bytes(400 * MIB),
        ns: Nanos(turn / (5 + index as u64)),
        stall_ns: Nanos(turn / 10),
        thrash: Thrash::default(),
    });
    let swap = |number: u64| Swap {
        time_ns: Nanos(number * turn),
        began_ns: Nanos(number * turn - turn / 10),
        module: name(number),
        module_id: (number % names.len() as u64) as u32 + 1,
        device: Tier::Device(0),
        evicted: vec![name(number - 1)],
        bytes: Bytes(200 * MIB),
        ns: Nanos(turn / 10),
        gbps: (number % 3 != 2).then_some(2.5 + number as f64 / 100.0),
        stall_ns: Nanos(turn / 20 + number % 7 * 1000),
        reason: "demand",
        thrash: number % 4 == 1,
    };
    let mut costliest: Vec<Swap> = (1..turns.min(40)).map(swap).collect();
    costliest.sort_by_key(|swap| std::cmp::Reverse(swap.stall_ns));
    let left_out = turns - 1 - costliest.len() as u64;
    let bound = DeviceBound {
        device: Tier::Device(0),
        capacity_bytes: Bytes(180 * MIB),
        uses: turns,
        loads: turns,
        loaded_bytes: Bytes(turns * 100 * MIB),
        bytes: Bytes(turns * 40 * MIB),
        achievable_bytes: Bytes(turns * 45 * MIB),
        windows: 1,
    };
    Swaps {
        count: turns - 1,
        bytes: Bytes((turns - 1) * 200 * MIB),
        ns: Nanos((turns - 1) * turn / 10),
        stall_ns: Nanos((turns - 1) * turn / 20),
        thrash: Some(Thrash { count: 3, bytes: Bytes(600 * MIB), ns: Nanos(turn / 3) }),
        by_module: each.collect(),
        costliest,
        others: OtherSwaps {
            count: left_out,
            bytes: Bytes(left_out * 200 * MIB),
            ns: Nanos(left_out * turn / 10),
            stall_ns: Nanos(left_out * turn / 20),
        },
        lower_bound: Some(LowerBound {
            loaded_bytes: bound.loaded_bytes,
            bytes: bound.bytes,
            achievable_bytes: bound.achievable_bytes,
            known: "whole",
            by_device: vec![bound],
        }),
        ..Swaps::default()
    }
}

fn transfers(turns: u64, turn: u64) -> Transfers {
    let one = Direction {
        count: turns,
        bytes: Bytes(turns * 100 * MIB),
        ns: Nanos(turns * turn / 20),
        gbps: Some(Bandwidth { p50: 3.25, p99: 5.0, max: 5.5 }),
        gbps_why: None,
    };
    Transfers {
        count: 2 * turns,
        bytes: Bytes(turns * 200 * MIB),
        ns: Nanos(turns * turn / 10),
        by_direction: Directions { h2d: one.clone(), d2h: one, ..Directions::default() },
        ..Transfers::default()
    }
}

fn out_of_memory(time: u64) -> OutOfMemory {
    OutOfMemory {
        time_ns: Nanos(time),
        heap: Text::new("cuda:0"),
        requested_bytes: Bytes(2048 * MIB),
        segment_bytes: Bytes(2048 * MIB),
        active_bytes: Bytes(3072 * MIB),
        inactive_bytes: Some(Bytes(500 * MIB)),
        inactive_bytes_why: None,
        largest_free_bytes: Some(Bytes(20 * MIB)),
        largest_free_bytes_why: None,
        largest_usable_bytes: Some(Bytes(20 * MIB)),
        largest_usable_bytes_why: None,
        device_free_bytes: None,
        device_free_bytes_why: Some("not sampled"),
        thread: Text::new("main"),
        module: Text::new("unet.input_blocks.3"),
        scope: Text::new("job/denoise"),
        verdict: Verdict::Unknown,
        evidence: Text::new("2.00 GiB were asked for"),
        verdict_why: Some("what the device had free is not known"),
        pinning: Vec::new(),
        pinning_total: 0,
        pinning_why: Some("it did not fail for holes that blocks keep apart"),
        would_have_fit: Vec::new(),
        would_have_fit_why: Some("one like it was examined before, or too many were"),
        would_not_have_fit: Vec::new(),
        model: None,
        model_why: Some("it was not examined"),
    }
}
