//! A device monitor's figures and a profile run's result, from a trace alone.

use memtrace_analysis::{
    Nanos, TraceRange,
    report::{Monitor, Report},
};
use memtrace_format::{
    Address, BlockAlloc, BlockFree, Bytes, CounterDefinition, CounterId, CounterValue, Definition, Event,
    HeapDefinition, HeapId, MemoryKind, ModuleId, PoolDefinition, PoolId, SampledCounter, Segment, StackId,
    well_known,
};
use proptest::prelude::*;

use crate::recording::{Analyzed, DEVICE, HOST, Recording, alloc, free};

const FREE: CounterId = CounterId(1);
const TOTAL: CounterId = CounterId(2);
const INTEGRATED: CounterId = CounterId(3);
const AVAILABLE: CounterId = CounterId(4);
/// The pool of another heap of the same device.
const OTHER: PoolId = PoolId(3);
const GIB: u64 = 1 << 30;

/// A recording with the counters of the driver, and a second heap on the device.
fn recording() -> Recording {
    let mut recording = Recording::new();
    for (id, counter) in [
        (FREE, SampledCounter::DriverFree),
        (TOTAL, SampledCounter::DriverTotal),
        (INTEGRATED, SampledCounter::DriverIntegrated),
        (AVAILABLE, SampledCounter::HostAvailable),
    ] {
        let device = u32::from(counter.scope() == "device");
        let definition =
            CounterDefinition { name: counter.name().to_owned(), unit: counter.unit() as u8, device };
        recording.definitions.push(Definition::Counter(id, definition));
    }
    let heap = HeapDefinition { name: "library".to_owned(), kind: MemoryKind::Device as u8, device: 1 };
    recording.definitions.push(Definition::Heap(HeapId(3), heap));
    let pool = PoolDefinition { heap: 3, name: String::new(), stream: 0 };
    recording.definitions.push(Definition::Pool(OTHER, pool));
    recording
}

fn sample(recording: &mut Recording, time: u64, counter: CounterId, value: u64) {
    let value = CounterValue::Integer(value);
    recording.at(1, time, Event::CounterSample { counter, value });
}

fn reserve(pool: PoolId, address: u64, size: u64) -> Event {
    let (address, size, stack) = (Address(address), Bytes(size), StackId::NONE);
    Event::SegmentAlloc(Segment { pool, address, size, stack })
}

fn monitor(report: &Report) -> [Option<u64>; 8] {
    let Monitor { free, total, min_free, system_peak, active, active_peak, reserved, reserved_peak, .. } =
        report.samples.monitor[0];
    [free, total, min_free, system_peak, active, active_peak, reserved, reserved_peak]
        .map(|bytes| bytes.map(|bytes| bytes.0))
}

#[test]
fn a_monitor_has_the_driver_s_words_and_the_heaps_sums() {
    let mut recording = recording();
    sample(&mut recording, 1, TOTAL, 1000);
    sample(&mut recording, 1, FREE, 900);
    recording.at(1, 2, reserve(DEVICE, 0, 400));
    recording.at(1, 3, alloc(DEVICE, 0, 300, 300));
    recording.at(1, 4, reserve(OTHER, 1 << 20, 100));
    recording.at(1, 5, alloc(OTHER, 1 << 20, 50, 50));
    sample(&mut recording, 6, FREE, 350);
    recording.at(1, 7, free(DEVICE, 0));
    // The other heap is at its own peak only now, and both together were at theirs before.
    recording.at(1, 8, alloc(OTHER, (1 << 20) + 50, 50, 50));
    sample(&mut recording, 9, FREE, 500);
    let some = |figures: [u64; 8]| figures.map(Some);
    assert_eq!(monitor(&recording.report()), some([500, 1000, 350, 650, 100, 350, 500, 500]));

    let part =
        |from, to| recording.part(&TraceRange::Between { from: Nanos(from), to: Some(Nanos(to)) }).unwrap();
    assert_eq!(
        monitor(&part(7, 9)),
        some([500, 1000, 350, 650, 100, 350, 500, 500]),
        "as full as at its beginning"
    );
    assert_eq!(monitor(&part(8, 8)), some([350, 1000, 350, 650, 100, 100, 500, 500]));
    assert_eq!(monitor(&part(2, 3)), some([900, 1000, 900, 100, 300, 300, 400, 400]));
}

#[test]
fn what_a_monitor_does_not_know_is_not_nothing() {
    let mut recording = recording();
    recording.at(1, 1, alloc(HOST, 0, 10, 10));
    assert!(recording.report().samples.monitor.is_empty(), "nothing is said of any device");

    recording.at(1, 2, alloc(DEVICE, 0, 10, 10));
    let report = recording.report();
    assert_eq!(monitor(&report), [None, None, None, None, Some(10), Some(10), None, None]);
    let shown = &report.samples.monitor[0];
    assert_eq!((shown.min_free_why, shown.active_why), (Some("the driver was not sampled"), None));
    assert_eq!(shown.reserved_why, Some("the engine reports no segments of this heap"));

    let mut recording = self::recording();
    sample(&mut recording, 1, FREE, 5);
    let report = recording.report();
    assert_eq!(monitor(&report), [Some(5), None, Some(5), None, None, None, None, None]);
    assert_eq!(report.samples.monitor[0].active_why, Some("no heap of this device's memory is recorded"));
}

#[test]
fn an_integrated_device_has_what_its_host_has() {
    let mut recording = recording();
    sample(&mut recording, 1, INTEGRATED, 1);
    sample(&mut recording, 2, TOTAL, 1000);
    sample(&mut recording, 3, FREE, 100);
    sample(&mut recording, 4, AVAILABLE, 700);
    sample(&mut recording, 5, AVAILABLE, 600);
    sample(&mut recording, 6, FREE, 50);
    sample(&mut recording, 7, AVAILABLE, 650);
    let [free, total, min_free, system_peak, ..] = monitor(&recording.report());
    assert_eq!((free, total), (Some(650), Some(1000)));
    // Until the host was asked, there was only the driver's word.
    assert_eq!((min_free, system_peak), (Some(100), Some(900)));
    let part = recording.part(&TraceRange::Between { from: Nanos(4), to: None }).unwrap();
    assert_eq!(monitor(&part)[2], Some(100), "the range begins with that word");
    let part = recording.part(&TraceRange::Between { from: Nanos(5), to: None }).unwrap();
    assert_eq!(monitor(&part)[2], Some(600));
}

/// The worked example that vLLM documents for its own profiling: of 5 GiB, 2 are weights, 2 the most activations, and 1
/// is beside the allocator.
#[test]
fn a_profile_run_is_told_from_its_phases() {
    let mut recording = recording();
    let weights = recording.name(1, well_known::WEIGHTS_PHASE);
    let profile = recording.name(2, well_known::PROFILE_PHASE);
    // The trace knows the allocator. What others have is known to the driver alone.
    let driver = |recording: &mut Recording, time, used: u64| sample(recording, time, FREE, 16 * GIB - used);
    sample(&mut recording, 1, TOTAL, 16 * GIB);
    driver(&mut recording, 1, GIB);
    recording.at(1, 2, Event::ScopeBegin { name: weights, phase: true });
    recording.at(1, 3, reserve(DEVICE, 0, 2 * GIB));
    recording.at(1, 4, alloc(DEVICE, 0, 2 * GIB, 2 * GIB));
    driver(&mut recording, 5, 3 * GIB + GIB / 2);
    recording.at(1, 6, Event::ScopeEnd { name: weights });
    driver(&mut recording, 7, 3 * GIB + GIB / 2);
    recording.at(1, 10, Event::ScopeBegin { name: profile, phase: true });
    for n in 2..4 {
        recording.at(1, 10 + n, reserve(DEVICE, n * GIB, GIB));
        recording.at(1, 20 + n, alloc(DEVICE, n * GIB, GIB, GIB));
    }
    for n in 2..4 {
        recording.at(1, 30 + n, free(DEVICE, n * GIB));
    }
    let segment = Segment { pool: DEVICE, address: Address(3 * GIB), size: Bytes(GIB), stack: StackId::NONE };
    recording.at(1, 40, Event::SegmentFree(segment));
    driver(&mut recording, 41, 5 * GIB);
    recording.at(1, 50, Event::ScopeEnd { name: profile });

    let report = recording.report();
    let [run] = &report.profile[..] else { panic!("one profile run, not {}", report.profile.len()) };
    assert_eq!((run.weights_memory, run.peak_activation), (Some(2 << 30), 2 * GIB));
    assert_eq!((run.non_torch_increase, run.non_kv_cache_memory), (Some(1 << 30), Some(5 << 30)));
    assert_eq!((run.device, run.profile_time_ns), (0, Nanos(40)));
    let beside = |at: &memtrace_analysis::report::DeviceMemory| at.non_allocator.unwrap();
    assert_eq!(run.before_create.as_ref().map(beside), Some(1 << 30));
    assert_eq!((beside(&run.before_profile), beside(&run.after_profile)), (3 << 29, 2 << 30));
    assert_eq!(run.after_profile.reserved, Some(Bytes(3 * GIB)));
    let text = memtrace_analysis::rendering::ReportText(&report).to_string();
    assert!(text.contains("5.00 GiB needed beside the cache"), "{text}");

    // In a range without the weights there is no telling what they took.
    let alone = recording.part(&TraceRange::run(well_known::PROFILE_PHASE)).unwrap();
    let run = &alone.profile[0];
    assert_eq!((run.peak_activation, run.non_kv_cache_memory), (2 * GIB, None));
    assert!(run.weights_memory_why.is_some() && run.before_create_why.is_some());
    assert!(run.non_kv_cache_memory_why.is_some() && run.non_torch_increase_why.is_some());
}

proptest! {
    /// Two heaps of one device, any range: the device's peak is that of their sum, not the sum of theirs.
    #[test]
    fn a_device_s_peak_is_that_of_all_its_heaps_together(
        steps in prop::collection::vec((any::<bool>(), 0u8..3, 1u64..100), 1..120),
        ends in any::<[prop::sample::Index; 2]>(),
    ) {
        let mut recording = recording();
        let mut live: Vec<(PoolId, u64, u64, bool)> = Vec::new();
        let mut levels = Vec::new();
        for (time, (other, what, size)) in steps.iter().enumerate() {
            let (time, pool) = (time as u64, if *other { OTHER } else { DEVICE });
            let size = *size;
            let event = if what % 3 == 0 && !live.is_empty() {
                let (pool, address, ..) = live.swap_remove(size as usize % live.len());
                free(pool, address)
            } else if what % 3 == 1 && live.iter().any(|block| !block.3) {
                // Freed but in use: active still.
                let block = live.iter_mut().find(|block| !block.3).unwrap();
                block.3 = true;
                let (pool, address) = (block.0, Address(block.1));
                Event::BlockFreeRequested(BlockFree { pool, address, size: Bytes(0) })
            } else {
                live.push((pool, time << 20, size, false));
                let (module, stack) = (ModuleId::NONE, StackId::NONE);
                let (address, size) = (Address(time << 20), Bytes(size));
                Event::BlockAlloc(BlockAlloc { pool, address, size, requested: size, module, stack })
            };
            recording.at(1, time, event);
            levels.push(live.iter().map(|block| block.2).sum::<u64>());
        }
        let mut ends = ends.map(|end| end.index(levels.len()));
        ends.sort_unstable();
        let [first, last] = ends;
        let part = TraceRange::Between { from: Nanos(first as u64), to: Some(Nanos(last as u64)) };
        let report = recording.part(&part).unwrap();
        let from = first.saturating_sub(1);
        let expected = levels[from..=last].iter().max().copied();
        prop_assert_eq!(monitor(&report)[4..6].to_vec(), vec![levels.get(last).copied(), expected]);
    }
}
