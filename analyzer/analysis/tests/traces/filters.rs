//! One device, or the threads of one name: as though nothing else had been recorded.

use memtrace_analysis::{
    Filter, Nanos, RangeError, Trace, TraceRange, rendering::ReportText, report::Report,
};
use memtrace_format::{
    Address, BlockAlloc, Bytes, CounterDefinition, CounterId, CounterValue, Definition, DeviceDefinition,
    DeviceId, Event, HeapDefinition, HeapId, MemoryKind, ModuleId, OutOfMemory, PoolDefinition, PoolId,
    SampledCounter, Segment, StackId, Tier,
};
use proptest::prelude::*;

use crate::recording::{Analyzed, DEVICE, HOST, Moved, Recording, alloc, file, free, load};

/// The pool of heap `cuda:1`.
const SECOND: PoolId = PoolId(3);

/// A recording with a second device, and a counter of each and of none.
fn recording() -> Recording {
    let mut recording = Recording::new();
    let device = DeviceDefinition { ordinal: 1, name: "card".to_owned(), total: Some(1 << 30) };
    let heap = HeapDefinition { name: "cuda:1".to_owned(), kind: MemoryKind::Device as u8, device: 2 };
    recording.definitions.extend([
        Definition::Device(DeviceId(2), device),
        Definition::Heap(HeapId(3), heap),
        Definition::Pool(SECOND, PoolDefinition { heap: 3, name: String::new(), stream: 0 }),
    ]);
    for (id, device) in [(1, 0), (2, 1), (3, 2)] {
        let counter = if device == 0 { SampledCounter::HostTotal } else { SampledCounter::DriverFree };
        let definition =
            CounterDefinition { name: counter.name().to_owned(), unit: counter.unit() as u8, device };
        recording.definitions.push(Definition::Counter(CounterId(id), definition));
    }
    recording
}

fn filtered(recording: &Recording, part: &TraceRange, filter: &Filter) -> Result<Report, RangeError> {
    let file = file(&recording.bytes());
    let trace = Trace::open(file.path()).expect("a readable trace");
    trace.analyze_filtered(part, filter, |_| ()).map(|analysis| analysis.report)
}

fn of_device(device: u32) -> Filter {
    let mut filter = Filter::default();
    filter.device = Some(device);
    filter
}

fn of_thread(name: &str) -> Filter {
    let mut filter = Filter::default();
    filter.thread = Some(name.to_owned());
    filter
}

/// What two reports say of everything but the recording itself.
fn figures(report: &Report) -> serde_json::Value {
    let mut figures = serde_json::to_value(report).expect("a report is JSON");
    let trace = figures["trace"].take();
    figures["events"] = trace["events"].clone();
    figures
}

/// Two engines' worth of events, one a device; `devices` are those whose events are recorded.
fn busy(devices: &[u32]) -> Recording {
    let mut recording = recording();
    recording.thread(1, "main");
    let unet = recording.module(1, "unet", 0, 100);
    let step = recording.name(1, "step");
    recording.at(1, 1, Event::ScopeBegin { name: step, phase: true });
    let segment =
        |pool, address| Segment { pool, address: Address(address), size: Bytes(4096), stack: StackId::NONE };
    for (device, pool, counter) in [(0_u32, DEVICE, CounterId(2)), (1, SECOND, CounterId(3))] {
        if !devices.contains(&device) {
            continue;
        }
        let at = |time: u64| 10 * time + u64::from(device);
        recording.at(1, at(1), Event::SegmentAlloc(segment(pool, 0)));
        recording.at(1, at(2), alloc(pool, 0, 300 + u64::from(device), 256));
        let value = CounterValue::Integer(5000 + u64::from(device));
        recording.at(1, at(3), Event::CounterSample { counter, value });
        let failed = OutOfMemory { pool, requested: Bytes(7), free: None, stack: StackId::NONE };
        recording.at(1, at(4), Event::OutOfMemory(failed));
        let to = Tier::Device(device as u16);
        recording.transfer(1, (at(5), at(6)), Moved { to, ..load(unet, 100 + u64::from(device)) });
        recording.at(1, at(7), free(pool, 0));
    }
    if devices.contains(&9) {
        recording.at(1, 80, alloc(HOST, 64, 10, 10));
        recording.transfer(1, (81, 82), Moved { from: Tier::Disk, to: Tier::Host, ..load(unet, 50) });
    }
    recording.at(1, 90, Event::CounterSample { counter: CounterId(1), value: CounterValue::Integer(1) });
    recording.at(1, 91, Event::ForwardBegin(unet));
    recording.at(1, 92, Event::ForwardEnd(unet));
    recording.at(1, 100, Event::ScopeEnd { name: step });
    recording.threads.entry(1).or_default().sort_by_key(|&(time, _)| time);
    recording
}

#[test]
fn of_one_device_is_what_would_have_been_recorded_with_it_alone() {
    for device in [0, 1] {
        let report = filtered(&busy(&[0, 1, 9]), &TraceRange::Whole, &of_device(device)).unwrap();
        assert_eq!(figures(&report), figures(&busy(&[device]).report()), "device {device}");
        assert_eq!(report.trace.filter.as_ref().unwrap().device, Some(device));
        let text = ReportText(&report).to_string();
        assert!(text.contains(&format!("only        device {device}")), "{text}");
    }
    let part = TraceRange::Between { from: Nanos(25), to: Some(Nanos(80)) };
    let report = filtered(&busy(&[0, 1, 9]), &part, &of_device(1)).unwrap();
    assert_eq!(figures(&report), figures(&busy(&[1]).part(&part).unwrap()), "in a range");
    assert_eq!(report.heaps.len(), 1);
}

#[test]
fn what_there_is_not_says_what_there_is() {
    let error = |filter| filtered(&busy(&[0]), &TraceRange::Whole, &filter).unwrap_err().to_string();
    assert_eq!(error(of_device(7)), "there is no device 7; there are: 0, 1");
    assert_eq!(error(of_thread("x")), "no thread is called x; there are: main");
}

/// A thread's blocks are those that it allocated, whoever gives them back.
#[test]
fn of_a_thread_is_what_it_allocated_and_did() {
    let mut recording = recording();
    recording.thread(1, "main");
    recording.thread(2, "worker");
    recording.thread(3, "worker");
    let (main, mine) = (recording.name(1, "main's"), recording.name(2, "worker's"));
    recording.scope(1, (1, 90), main, true);
    recording.scope(2, (2, 80), mine, true);
    let segment = Segment { pool: DEVICE, address: Address(0), size: Bytes(1 << 20), stack: StackId::NONE };
    recording.at(1, 3, Event::SegmentAlloc(segment));
    recording.at(1, 4, alloc(DEVICE, 0, 1000, 1000));
    recording.at(2, 5, alloc(DEVICE, 4096, 50, 50));
    recording.at(3, 6, alloc(DEVICE, 8192, 30, 30));
    recording.at(2, 7, free(DEVICE, 0));
    recording.at(1, 8, free(DEVICE, 4096));
    recording.at(1, 9, alloc(DEVICE, 4096, 700, 700));
    recording.at(2, 10, free(DEVICE, 4096));
    for events in recording.threads.values_mut() {
        events.sort_by_key(|&(time, _)| time);
    }
    let report = filtered(&recording, &TraceRange::Whole, &of_thread("worker")).unwrap();
    let heap = &report.heaps[0];
    assert_eq!((heap.allocs, heap.frees, heap.peak.figures.allocated_bytes.0), (2, 1, 80));
    assert_eq!((heap.end.allocated_bytes.0, heap.baseline_bytes.0), (30, 0));
    assert_eq!(heap.end.reserved_bytes, None);
    assert_eq!(heap.end.reserved_bytes_why, Some("segments are a heap's, not a thread's"));
    let phases: Vec<_> = report.phases.iter().map(|phase| phase.name.recorded()).collect();
    assert_eq!(phases, ["worker's"]);
    assert!(report.ledger.is_empty() && report.trace.oddities.is_empty());
    let run = filtered(&recording, &TraceRange::run("worker's"), &of_thread("worker")).unwrap();
    assert_eq!(run.trace.range.unwrap().to_ns, Nanos(80));
    assert!(filtered(&recording, &TraceRange::run("main's"), &of_thread("worker")).is_err());
}

proptest! {
    /// Threads that allocate, and free each other's.
    #[test]
    fn a_thread_s_peak_is_that_of_its_own_blocks(
        steps in prop::collection::vec((0u32..3, 0u32..3, any::<bool>(), 1u64..100), 1..100),
        heaps in any::<[bool; 4]>(),
    ) {
        let mut recording = recording();
        for id in 1..=3 {
            recording.thread(id, &format!("t{id}"));
        }
        let mut live: Vec<(u32, PoolId, u64, u64)> = Vec::new();
        let mut expected = [0; 3];
        for (time, &(by, other, allocs, size)) in (1..).zip(&steps) {
            if allocs || live.is_empty() {
                let pool = if heaps[time as usize % 4] { DEVICE } else { SECOND };
                recording.at(by + 1, time, Event::BlockAlloc(BlockAlloc {
                    pool, address: Address(time << 12), size: Bytes(size), requested: Bytes(size),
                    module: ModuleId::NONE, stack: StackId::NONE,
                }));
                live.push((by, pool, time << 12, size));
            } else {
                let (_, pool, address, _) = live.swap_remove(size as usize % live.len());
                recording.at(other + 1, time, free(pool, address));
            }
            for (thread, most) in (0..3).zip(&mut expected) {
                let now: u64 = live.iter()
                    .filter(|block| block.0 == thread && block.1 == DEVICE)
                    .map(|block| block.3).sum();
                *most = now.max(*most);
            }
        }
        for thread in 0..3_u32 {
            let name = format!("t{}", thread + 1);
            let mut filter = of_thread(&name);
            filter.device = Some(0);
            let Ok(report) = filtered(&recording, &TraceRange::Whole, &filter) else {
                // It has recorded nothing, so that there is no such thread.
                prop_assert!(expected[thread as usize] == 0);
                continue;
            };
            let found = report.heaps.first().map_or(0, |heap| heap.peak.figures.allocated_bytes.0);
            prop_assert_eq!(found, expected[thread as usize]);
            prop_assert!(report.heaps.len() <= 1 && report.trace.oddities.is_empty());
        }
    }
}
