//! Phases, marks, counters, failed requests, and what the trace says of itself.

use memtrace_analysis::{
    Nanos, TraceRange,
    report::{CounterNumber, Ended, Report, Verdict},
};
use memtrace_format::{
    Bytes, CounterDefinition, CounterId, CounterValue, Definition, DeviceDefinition, DeviceId, DropCause,
    Ending, Event, NotSampled, OutOfMemory, StackId, Ticks, Unit,
};
use proptest::prelude::*;

use crate::recording::{Analyzed, DEVICE, HOST, Recording, alloc, free, segment};

#[test]
fn phases_know_the_heaps_at_their_ends_and_between() {
    let mut recording = Recording::new();
    recording.thread(1, "main");
    let (job, step) = (recording.name(1, "job"), recording.name(2, "step"));
    recording.at(1, 0, alloc(HOST, 64, 10, 10));
    recording.at(1, 10, Event::ScopeBegin { name: job, phase: true });
    recording.at(1, 11, alloc(HOST, 128, 100, 100));
    recording.at(1, 20, Event::ScopeBegin { name: step, phase: true });
    recording.at(1, 21, free(HOST, 128));
    recording.at(1, 30, Event::ScopeEnd { name: step });
    recording.at(1, 31, alloc(HOST, 256, 1, 1));
    recording.at(1, 40, Event::ScopeEnd { name: job });
    let report = recording.report();
    let figures: Vec<_> = report
        .phases
        .iter()
        .map(|phase| {
            let heap = &phase.heaps[0];
            let bytes =
                [heap.at_begin.allocated_bytes, heap.peak_allocated_bytes, heap.at_end.allocated_bytes];
            (phase.name.to_string(), phase.from_ns.0, phase.to_ns.0, bytes.map(|bytes| bytes.0))
        })
        .collect();
    assert_eq!(
        figures,
        [("job".to_owned(), 10, 40, [10, 110, 11]), ("step".to_owned(), 20, 30, [110, 110, 10])]
    );
    assert!(report.phases.iter().all(|phase| phase.ended && phase.thread.recorded() == "main"));
}

proptest! {
    /// Phases of several threads that overlap as they like, over a heap that goes up and down.
    #[test]
    fn peaks_between_are_those_of_a_list_of_all_levels(
        steps in prop::collection::vec((1u32..4, 0u8..4, 1u64..100), 1..150),
    ) {
        let mut recording = Recording::new();
        let names: Vec<_> = (1..4).map(|id| recording.name(id, "phase")).collect();
        let mut depth = [0usize; 4];
        let mut open: Vec<Vec<(usize, u64)>> = vec![Vec::new(); 4];
        let mut levels = vec![];
        let mut live = Vec::new();
        let mut spans = Vec::new();
        let mut next = 0;
        for (time, (thread, what, size)) in steps.into_iter().enumerate() {
            let time = time as u64;
            let level = levels.last().copied().unwrap_or(0u64);
            let event = match what {
                0 => {
                    depth[thread as usize] += 1;
                    open[thread as usize].push((next, time));
                    next += 1;
                    levels.push(level);
                    Event::ScopeBegin { name: names[thread as usize - 1], phase: true }
                }
                1 if depth[thread as usize] > 0 => {
                    depth[thread as usize] -= 1;
                    let (number, from) = open[thread as usize].pop().unwrap();
                    spans.push((number, from, time));
                    levels.push(level);
                    Event::ScopeEnd { name: names[thread as usize - 1] }
                }
                2 if !live.is_empty() => {
                    let (address, size) = live.swap_remove(size as usize % live.len());
                    levels.push(level - size);
                    free(HOST, address)
                }
                _ => {
                    live.push((time * 64, size));
                    levels.push(level + size);
                    alloc(HOST, time * 64, size, size)
                }
            };
            recording.at(thread, time, event);
        }
        let end = levels.len() as u64 - 1;
        spans.extend(open.into_iter().flatten().map(|(number, from)| (number, from, end)));
        spans.sort_unstable();
        let report = recording.report();
        prop_assert_eq!(report.phases.len(), spans.len());
        for (phase, (_, from, to)) in report.phases.iter().zip(spans) {
            prop_assert_eq!((phase.from_ns.0, phase.to_ns.0), (from, to));
            let expected = levels[from as usize..=to as usize].iter().max().copied().unwrap();
            if let Some(heap) = phase.heaps.first() {
                prop_assert_eq!(heap.peak_allocated_bytes.0, expected);
                prop_assert_eq!(heap.at_end.allocated_bytes.0, levels[to as usize]);
                prop_assert_eq!(heap.at_begin.allocated_bytes.0, levels[from as usize]);
            }
        }
    }
}

#[test]
fn counters_marks_and_failed_requests_are_reported() {
    let mut recording = Recording::new();
    let go = recording.name(1, "go");
    let counter =
        |name: &str, unit: Unit| CounterDefinition { name: name.to_owned(), unit: unit as u8, device: 1 };
    recording.definitions.push(Definition::Counter(CounterId(1), counter("free", Unit::Bytes)));
    for (time, value) in [(1, 50), (2, u64::MAX), (3, 7)] {
        let value = CounterValue::Integer(value);
        recording.at(1, time, Event::CounterSample { counter: CounterId(1), value });
    }
    let value = CounterValue::Float(f64::NAN);
    recording.at(1, 4, Event::CounterSample { counter: CounterId(1), value });
    recording.at(1, 5, Event::Mark { name: go, value: 1 });
    recording.at(1, 6, Event::Mark { name: go, value: 2 });
    recording.at(1, 7, Event::SegmentAlloc(segment(0, 100)));
    recording.at(1, 8, alloc(DEVICE, 20, 30, 30));
    let failed = OutOfMemory { pool: DEVICE, requested: Bytes(60), free: None, stack: StackId::NONE };
    recording.at(1, 9, Event::OutOfMemory(failed));
    let report = recording.report();

    let free = &report.samples.counters[0];
    assert_eq!((free.name.recorded(), free.device, free.unit, free.count), ("free", Some(0), "bytes", 3));
    assert_eq!([free.min, free.max, free.last].map(|n| n == CounterNumber::Integer(7)), [true, false, true]);
    assert_eq!(free.max, CounterNumber::Integer(u64::MAX));
    assert_eq!((report.marks[0].count, report.marks[0].first_ns.0, report.marks[0].last_ns.0), (2, 5, 6));
    let oom = &report.ooms[0];
    assert_eq!((oom.time_ns.0, oom.requested_bytes, oom.inactive_bytes), (9, Bytes(60), Some(Bytes(70))));
    assert_eq!((oom.largest_free_bytes, oom.device_free_bytes), (Some(Bytes(50)), None));
    assert!(oom.device_free_bytes_why.is_some());
    assert_eq!((oom.verdict, oom.verdict_why), (Verdict::Fragmentation, None));
    assert_eq!(report.ooms_total, 1);
}

#[test]
fn a_trace_says_how_it_ended() {
    let mut recording = Recording::new();
    recording.at(1, 50, alloc(HOST, 64, 1, 1));
    let ended = |recording: &Recording| {
        let trace = recording.report().trace;
        (trace.ended, trace.duration_ns.0, trace.stopped_why.map(|why| why.to_string()))
    };
    assert_eq!(ended(&recording), (Ended::Killed, 50, None));
    recording.close(Ending::Clean, 80);
    assert_eq!(ended(&recording), (Ended::Clean, 80, None));
    recording.close(Ending::Running, 80);
    assert_eq!(ended(&recording), (Ended::Killed, 50, None));
    recording.close(Ending::Stopped, 80);
    assert_eq!(ended(&recording), (Ended::Clean, 80, Some("disk \\u{1b}full".to_owned())));
}

#[test]
fn a_locked_file_is_still_being_recorded() {
    let mut recording = Recording::new();
    recording.at(1, 50, alloc(HOST, 64, 1, 1));
    let file = crate::recording::file(&recording.bytes());
    file.as_file().lock().unwrap();
    let report = memtrace_analysis::analyze(file.path()).unwrap().report;
    assert_eq!(report.trace.ended, Ended::Running);
}

#[test]
fn drops_are_the_most_that_any_source_tells() {
    let mut recording = Recording::new();
    recording.drops.add(DropCause::NoChunk, 7);
    recording.drops.add(DropCause::DiskFull, 1);
    let dropped = |count| Event::Dropped { cause: Some(DropCause::DiskFull), count, since: Ticks(0) };
    recording.at(1, 1, dropped(2));
    recording.at(1, 2, dropped(3));
    let trace = recording.report().trace;
    assert_eq!((trace.dropped.total, trace.dropped.by_cause["disk full"]), (12, 5));
    assert_eq!(recording.report().trace.dropped.by_cause["no chunk ready"], 7);
}

/// What could not be sampled is told apart from what the program marked, until it is sampled after all.
#[test]
fn what_was_not_sampled_is_reported_with_the_reason() {
    let mut recording = Recording::new();
    let note = |what, device| NotSampled { what, device, why: "it is away" }.to_string();
    let notes =
        [note("driver", None), note("nvml", None), note("nvml power", Some(0)), note("nvml power", Some(1))];
    let names: Vec<_> = (1..).zip(&notes).map(|(id, note)| recording.name(id, note)).collect();
    for (id, ordinal) in [(1, 0), (2, 1)] {
        let device = DeviceDefinition { ordinal, name: String::new(), total: None };
        recording.definitions.push(Definition::Device(DeviceId(id), device));
    }
    for (id, name, device) in [(1, "driver round", 0), (2, "nvml power", 1), (3, "nvml power", 2)] {
        let counter = CounterDefinition { name: name.to_owned(), unit: Unit::Count as u8, device };
        recording.definitions.push(Definition::Counter(CounterId(id), counter));
    }
    let sample = |id| Event::CounterSample { counter: CounterId(id), value: CounterValue::Integer(7) };
    recording.at(1, 5, sample(3));
    for (time, &name) in (10..).zip(&names) {
        recording.at(1, time, Event::Mark { name, value: 0 });
    }
    recording.at(1, 20, sample(1));
    recording.at(1, 21, sample(2));
    let told = |report: &Report| -> Vec<(String, Option<u32>, Option<u64>)> {
        let unavailable = report.samples.unavailable.iter();
        assert!(unavailable.clone().all(|missing| missing.why.recorded() == "it is away"));
        unavailable.map(|m| (m.what.to_string(), m.device, m.since_ns.map(|since| since.0))).collect()
    };
    let report = recording.report();
    let power = |since| ("nvml power".to_owned(), Some(1), since);
    assert_eq!(told(&report), [("nvml".to_owned(), None, Some(11)), power(Some(13))]);
    assert!(report.marks.is_empty());
    // Where the marks are not kept, what they said is known from their names.
    let later = recording.part(&TraceRange::Between { from: Nanos(19), to: None }).unwrap();
    assert_eq!(told(&later), [("nvml".to_owned(), None, None), power(None)]);
}
