//! Parts of a trace: between two instants, and runs of phases.

use memtrace_analysis::{
    Nanos, RangeError, TraceRange,
    check::Check,
    report::{CounterNumber, FindingVerdict},
};
use memtrace_format::{
    Bytes, CounterDefinition, CounterId, CounterValue, Definition, Event, OutOfMemory, StackId, Unit,
};

use crate::recording::{Analyzed, DEVICE, HOST, Recording, alloc, evict, free, load, segment};

fn between(from: u64, to: u64) -> TraceRange {
    TraceRange::Between { from: Nanos(from), to: Some(Nanos(to)) }
}

/// A job of two steps and another job, around a heap that goes up and down.
fn jobs() -> Recording {
    let mut recording = Recording::new();
    let (job, step) = (recording.name(1, "job"), recording.name(2, "step"));
    recording.at(1, 1, alloc(HOST, 64, 10, 10));
    recording.at(1, 10, Event::ScopeBegin { name: job, phase: true });
    recording.at(1, 11, alloc(HOST, 128, 100, 100));
    recording.scope(1, (20, 25), step, true);
    recording.at(1, 30, free(HOST, 128));
    recording.at(1, 31, Event::ScopeBegin { name: step, phase: true });
    // The end of the job is the end of the step too.
    recording.at(1, 40, Event::ScopeEnd { name: job });
    recording.at(1, 45, alloc(HOST, 256, 1000, 1000));
    recording.at(1, 46, free(HOST, 256));
    recording.at(1, 50, Event::ScopeBegin { name: job, phase: true });
    recording.at(1, 60, alloc(HOST, 512, 5, 5));
    recording
}

#[test]
fn a_run_of_a_phase_is_what_happened_in_it() {
    let recording = jobs();
    let figures = |part: &str| {
        let report = recording.part(&TraceRange::run(part)).unwrap();
        let range = report.trace.range.unwrap();
        let heap = &report.heaps[0];
        let bytes = [heap.peak.figures.allocated_bytes, heap.end.allocated_bytes].map(|bytes| bytes.0);
        ((range.from_ns.0, range.to_ns.0), (heap.allocs, heap.frees), bytes, report.trace.events)
    };
    assert_eq!(figures("job#1"), ((10, 40), (1, 1), [110, 10], 7));
    assert_eq!(figures("step#1"), ((20, 25), (0, 0), [110, 110], 2));
    assert_eq!(figures("step#2"), ((31, 40), (0, 0), [10, 10], 2));
    assert_eq!(figures("job#2"), ((50, 60), (1, 0), [15, 15], 2));
    let report = recording.part(&TraceRange::run("job#1")).unwrap();
    assert_eq!(report.trace.duration_ns.0, 60, "that is the trace's");
    let phases: Vec<_> = report.phases.iter().map(|phase| (phase.name.to_string(), phase.ended)).collect();
    let of = |name: &str| (name.to_owned(), true);
    assert_eq!(phases, [of("job"), of("step"), of("step")]);
}

#[test]
fn what_is_no_part_says_what_there_is() {
    let recording = jobs();
    let error = |part: TraceRange| recording.part(&part).unwrap_err().to_string();
    assert_eq!(error(TraceRange::run("nap")), "no phase is called nap; there are: job, step");
    assert_eq!(error(TraceRange::run("job#3")), "phase job has 2 runs: say which, as job#1");
    assert_eq!(error(TraceRange::run("job")), "phase job has 2 runs: say which, as job#1");
    assert!(matches!(recording.part(&between(9, 8)), Err(RangeError::Backwards { .. })));
    assert_eq!(error(between(61, 70)), "it would begin at 61 ns, and the trace ends at 60 ns");
    assert_eq!(
        Recording::new().part(&TraceRange::run("x")).unwrap_err().to_string(),
        "no phase is called x; the trace has no phases"
    );
}

#[test]
fn both_ends_of_a_range_belong_to_it_and_the_past_counts_for_nothing() {
    let mut recording = Recording::new();
    recording.at(1, 1, alloc(HOST, 64, 100, 100));
    recording.at(1, 2, free(HOST, 64));
    recording.at(1, 3, alloc(HOST, 64, 10, 10));
    recording.at(1, 5, alloc(HOST, 128, 20, 20));
    recording.at(1, 7, free(HOST, 128));
    recording.at(1, 9, alloc(HOST, 256, 500, 500));
    let figures = |from, to| {
        let report = recording.part(&between(from, to)).unwrap();
        let heap = &report.heaps[0];
        let peak = (heap.peak.time_ns.0, heap.peak.figures.allocated_bytes.0, heap.peak.blocks_total);
        (peak, (heap.allocs, heap.frees), heap.end.allocated_bytes.0)
    };
    assert_eq!(figures(5, 7), ((5, 30, 2), (1, 1), 10));
    assert_eq!(figures(6, 6), ((6, 30, 2), (0, 0), 30));
    assert_eq!(figures(4, 4), ((4, 10, 1), (0, 0), 10));
    assert_eq!(figures(0, 2), ((1, 100, 1), (1, 1), 0));
    assert_eq!(figures(9, 9), ((9, 510, 2), (1, 0), 510));
    let whole = recording.part(&TraceRange::Whole).unwrap();
    assert!(whole.trace.range.is_none());
    let beyond = recording.part(&between(3, 1_000_000)).unwrap();
    assert_eq!(beyond.trace.range.unwrap().to_ns.0, 9);
}

#[test]
fn transfers_swaps_and_stays_are_those_of_the_range() {
    let mut recording = Recording::new();
    let (unet, vae) = (recording.module(1, "unet", 0, 100), recording.module(2, "vae", 0, 50));
    recording.transfer(1, (10, 20), load(unet, 100));
    // It begins before the range and ends in it: what was under way is counted where it ends.
    recording.transfer(1, (28, 40), evict(unet, 100, vae));
    recording.transfer(1, (40, 45), load(vae, 50));
    recording.transfer(1, (60, 80), evict(vae, 50, unet));
    let report = recording.part(&between(30, 70)).unwrap();
    let transfers = &report.transfers;
    assert_eq!((transfers.count, transfers.bytes.0, transfers.unfinished), (2, 150, 1));
    assert_eq!((report.swaps.count, report.swaps.bytes.0), (1, 150));
    let stays = |id: usize| -> Vec<(String, u64, u64)> {
        let stays = report.modules[id].residency.iter();
        stays.map(|stay| (stay.tier.to_string(), stay.from_ns.0, stay.to_ns.0)).collect()
    };
    let stay = |tier: &str, from, to| (tier.to_owned(), from, to);
    assert_eq!(stays(0), [stay("device:0", 30, 40), stay("host", 40, 70)]);
    assert_eq!(stays(1), [stay("host", 30, 45), stay("device:0", 45, 70)]);
    assert_eq!(report.modules[0].evictions, 1);
    assert_eq!(report.modules[0].loads, 0);
}

/// A share of the run is one of what was asked for: most of half a run is no small part of all of it.
#[test]
fn shares_are_those_of_the_range() {
    let mut recording = Recording::new();
    let step = recording.name(1, "step");
    let (unet, vae) = (recording.module(1, "unet", 0, 100), recording.module(2, "vae", 0, 50));
    recording.at(1, 1, Event::ScopeBegin { name: step, phase: true });
    recording.transfer(1, (10, 20), evict(unet, 100, vae));
    recording.transfer(1, (20, 45), load(vae, 50));
    recording.transfer(1, (50, 60), evict(vae, 50, unet));
    recording.transfer(1, (60, 90), load(unet, 100));
    recording.at(1, 100, Event::ScopeEnd { name: step });
    recording.at(1, 100_000, alloc(HOST, 512, 5, 5));
    let budget = "max-swap-time = \"5%\"".parse().unwrap();
    for (part, kept, thrash) in
        [(TraceRange::Whole, true, FindingVerdict::Ok), (between(0, 100), false, FindingVerdict::Fail)]
    {
        let report = recording.part(&part).unwrap();
        let check = Check::of(&report, &budget);
        assert_eq!((check.passes(false), check.limits[0].found), (kept, Some(75)), "{part:?}");
        let found = report.findings.iter().find(|finding| finding.id == "thrash").unwrap();
        assert_eq!(found.verdict, thrash, "{}", found.evidence);
    }
}

#[test]
fn samples_marks_and_failed_requests_are_those_of_the_range() {
    let mut recording = Recording::new();
    let here = recording.name(1, "here");
    let counter = CounterDefinition { name: "speed".to_owned(), unit: Unit::Count as u8, device: 0 };
    recording.definitions.push(Definition::Counter(CounterId(1), counter));
    recording.at(1, 1, Event::SegmentAlloc(segment(0, 100)));
    for time in [5, 15, 25] {
        let value = CounterValue::Integer(time * 10);
        recording.at(1, time, Event::CounterSample { counter: CounterId(1), value });
        recording.at(1, time, Event::Mark { name: here, value: 0 });
        let failed = OutOfMemory { pool: DEVICE, requested: Bytes(time), free: None, stack: StackId::NONE };
        recording.at(1, time, Event::OutOfMemory(failed));
    }
    let report = recording.part(&between(10, 20)).unwrap();
    assert_eq!(report.samples.counters[0].count, 1);
    assert_eq!((report.marks[0].count, report.marks[0].first_ns.0), (1, 15));
    assert_eq!((report.ooms_total, report.ooms[0].requested_bytes.0), (1, 15));
    let nothing = recording.part(&between(16, 20)).unwrap();
    assert!(nothing.marks.is_empty() && nothing.ooms.is_empty());
    // What a counter showed last it shows still.
    let shown = &nothing.samples.counters[0];
    assert_eq!(
        (shown.count, shown.min, shown.max),
        (0, CounterNumber::Integer(150), CounterNumber::Integer(150))
    );
}
