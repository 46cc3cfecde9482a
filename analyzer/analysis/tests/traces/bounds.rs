//! Claims that nothing could keep: numbers, depths and sizes that somebody has made up. A clear error, or a bounded result.

use std::time::{Duration, Instant};

use memtrace_analysis::{
    Trace,
    pack::pack,
    rendering::{ReportText, write_json},
};
use memtrace_format::{
    BlockAlloc, Bytes, CounterId, CounterValue, Definition, DropCause, Event, ModuleId, OutOfMemory,
    StackDefinition, StackId, Ticks,
};

use crate::recording::{Analyzed, DEVICE, HOST, Recording, alloc, analyze, events, evict, file, free, load};

/// As much as somebody wants to read, whatever the trace claims.
const REPORT: usize = 1 << 20;

/// The text of a report and its JSON are of bounded length, and made in bounded time.
fn assert_bounded(log: &[u8]) -> memtrace_analysis::report::Report {
    let began = Instant::now();
    let report = analyze(log).report;
    let mut json = Vec::new();
    write_json(&report, &mut json).expect("a vector takes everything");
    let text = ReportText(&report).to_string();
    assert!(text.len() < REPORT && json.len() < REPORT, "{} and {} bytes", text.len(), json.len());
    assert!(began.elapsed() < Duration::from_secs(120), "{:?}", began.elapsed());
    report
}

fn framed(id: u32, parent: u32) -> Definition {
    let frame = StackDefinition { parent, function: 0, file: 0, line: id, address: u64::from(id) };
    Definition::Stack(StackId(id), frame)
}

fn with_stack(event: Event, stack: StackId) -> Event {
    match event {
        Event::BlockAlloc(block) => Event::BlockAlloc(BlockAlloc { stack, ..block }),
        other => other,
    }
}

#[test]
fn a_stack_of_a_hundred_thousand_frames_is_cut() {
    let mut recording = Recording::new();
    recording.definitions.extend((1..=100_000).map(|id| framed(id, id - 1)));
    for n in 0..50 {
        recording.at(1, n, with_stack(alloc(DEVICE, 4096 * (n + 1), 4096, 4000), StackId(100_000)));
    }
    let report = assert_bounded(&recording.bytes());
    assert_eq!(report.heaps[0].peak.blocks[0].stack.len(), 256);
}

#[test]
fn frames_and_modules_that_are_their_own_parents_come_to_an_end() {
    let mut recording = Recording::new();
    recording.definitions.extend([framed(1, 2), framed(2, 3), framed(3, 1), framed(4, 4)]);
    let module = recording.module(1, "a", 1, 1 << 20);
    for n in 1..4 {
        recording.module(n + 1, "b", n % 3 + 2, 1 << 20);
    }
    recording.at(1, 1, with_stack(alloc(DEVICE, 4096, 4096, 4000), StackId(1)));
    recording.at(1, 2, with_stack(alloc(DEVICE, 8192, 4096, 4000), StackId(4)));
    recording.transfer(1, (3, 4), load(module, 1 << 20));
    recording.transfer(1, (5, 6), evict(module, 1 << 20, ModuleId(3)));
    recording.transfer(1, (7, 8), load(ModuleId(3), 1 << 20));
    let report = assert_bounded(&recording.bytes());
    assert_eq!(report.modules.len(), 4);
}

#[test]
fn modules_a_hundred_thousand_deep_have_bounded_names() {
    let mut recording = Recording::new();
    for id in 1..=100_000 {
        recording.module(id, "layer", id - 1, 1);
    }
    recording.transfer(1, (1, 2), load(ModuleId(100_000), 1));
    let analysis = analyze(&recording.bytes());
    assert!(analysis.report.modules.iter().all(|module| module.name.recorded().len() < 300));
    assert!(ReportText(&analysis.report).to_string().len() < REPORT);
}

#[test]
fn sixty_thousand_heaps_are_counted_and_the_first_are_told() {
    let mut recording = memtrace_testing::Many::Heaps.recording(60_000);
    let last = recording.definitions.iter().filter_map(|definition| match definition {
        Definition::Pool(id, _) => Some(*id),
        _ => None,
    });
    let pool = last.max().expect("each heap has a pool");
    let (requested, free, stack) = (Bytes(1 << 30), None, StackId::NONE);
    recording.at(1, 1 << 40, Event::OutOfMemory(OutOfMemory { pool, requested, free, stack }));
    let report = recording.report();
    assert_eq!((report.heaps.len(), report.heaps_total, report.ooms_total), (1024, 60_000, 1));
    assert_eq!(report.heaps[1023].end.allocated_bytes.0, 512);
    let text = ReportText(&report).to_string();
    assert!(text.len() < REPORT && text.contains("and 58,976 more heaps"), "{} bytes", text.len());
}

#[test]
fn counts_of_two_to_the_sixty_third_are_sums_that_stop() {
    let half = 1 << 63;
    let mut recording = Recording::new();
    recording.drops.add(DropCause::NoChunk, half);
    let module = recording.module(1, "m", 0, half);
    for n in 0..4 {
        let time = 10 * n;
        recording.at(1, time, alloc(HOST, half + n, half, half));
        recording.at(
            1,
            time,
            Event::Dropped { cause: Some(DropCause::NoChunk), count: half, since: Ticks(half) },
        );
        recording.at(1, time, Event::Dropped { cause: None, count: u64::MAX, since: Ticks(0) });
        recording.transfer(1, (time + 1, time + 2), load(module, half));
        recording.transfer(1, (time + 3, time + 4), evict(module, half, module));
        let value = CounterValue::Integer(half);
        recording.at(1, time, Event::CounterSample { counter: CounterId(1), value });
        recording.at(1, time, Event::BaselineEnd { chunks: half });
    }
    let report = assert_bounded(&recording.bytes());
    assert_eq!(report.trace.dropped.total, u64::MAX);
}

#[test]
fn time_that_runs_backwards_ends_where_it_began() {
    let mut recording = Recording::new();
    let name = recording.name(1, "back");
    for n in 0..1_000 {
        let time = 10_000 - 10 * n;
        recording.scope(1, (time, time - 5), name, true);
        recording.at(1, time, alloc(HOST, 64 * n, 64, 64));
        recording.at(2, time, free(HOST, 64 * n));
    }
    let log = recording.bytes();
    let report = assert_bounded(&log);
    assert_eq!((report.trace.events, report.trace.duration_ns.0), (4_000, 10_000));
    assert!(events(&log).is_sorted_by_key(|(time, ..)| *time));
    assert!(
        report.trace.oddities.keys().any(|oddity| oddity.contains("time")),
        "{:?}",
        report.trace.oddities
    );
}

#[test]
fn three_hundred_thousand_definitions_are_read() {
    define(300_000);
}

#[test]
#[ignore = "a file of half a GiB; cargo test --release -p memtrace-analysis --test traces bounds -- --ignored"]
fn ten_million_definitions_are_read() {
    define(10_000_000);
}

fn define(count: u32) {
    let mut recording = Recording::new();
    recording.definitions.extend((1..=count).map(|id| framed(id, id / 2)));
    recording.at(1, 1, with_stack(alloc(DEVICE, 4096, 4096, 4000), StackId(count)));
    let report = assert_bounded(&recording.bytes());
    assert_eq!(report.heaps[0].peak.blocks[0].stack.len() as u32, count.ilog2() + 1);
}

fn packed(log: &[u8], name: &str) -> Vec<u8> {
    let trace = Trace::open(file(log).path()).expect("it is a log");
    let mut archive = std::io::Cursor::new(Vec::new());
    pack(&trace, name, &[], &mut archive, &mut |_| ()).expect("there is room");
    archive.into_inner()
}

fn recorded() -> Vec<u8> {
    let mut recording = Recording::new();
    recording.at(1, 1, alloc(HOST, 64, 64, 64));
    recording.bytes()
}

/// Frames whose checksums are right, and that unpack to far more than a frame holds.
#[test]
fn a_frame_that_unpacks_to_a_quarter_of_a_gib_is_damage() {
    let archive = packed(&recorded(), "log");
    let begin = archive.windows(8).position(|bytes| bytes == b"\x89MTPK\r\n\x1a").expect("an entry");
    let mut bomb = archive[begin..begin + 24].to_vec();
    let content = zstd::bulk::compress(&vec![0; 256 << 20], 1).unwrap();
    for kind in [1u8, 2, 4] {
        let chunks: &[u64] = if kind == 1 { &[] } else { &[0] };
        let mut frame = [&b"MTPF"[..], &[kind, 0, chunks.len() as u8, 0]].concat();
        frame.extend((content.len() as u32).to_le_bytes());
        frame.extend(crc32fast::hash(&content).to_le_bytes());
        let numbers: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.to_le_bytes()).collect();
        frame.extend(crc32fast::hash(&[&frame[..], &numbers].concat()).to_le_bytes());
        bomb.extend([frame, numbers, content.clone()].concat());
    }
    let refused = Trace::open(file(&bomb).path()).map(|_| ()).expect_err("its beginning is a bomb");
    assert!(refused.to_string().len() < 300, "{refused}");
    // With a sound beginning, the bombs are damage.
    let mut late = archive[begin..].to_vec();
    let end = late.windows(4).rposition(|bytes| bytes == b"MTPF").expect("an end frame");
    late.splice(end..end, bomb[24..].iter().copied());
    if let Ok(trace) = Trace::open(file(&late).path()) {
        assert_eq!(trace.events().filter(Result::is_ok).count(), 1);
    }
}
