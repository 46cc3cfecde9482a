//! Failed requests: why, and what would have let them through. Every figure here is counted by hand.

use memtrace_analysis::{
    Nanos, TraceRange,
    report::{OutOfMemory, Proof, Report, Verdict},
};
use memtrace_format::{
    Bytes, CounterDefinition, CounterId, CounterValue, Definition, Event, HeapId, OutOfMemory as Failed,
    PoolDefinition, PoolId, Segment, StackId, Unit,
};

use crate::recording::{Analyzed, DEVICE, Recording, alloc, free, segment};

pub(crate) const MIB: u64 = 1 << 20;
const SMALL: PoolId = PoolId(3);
const OTHER_STREAM: PoolId = PoolId(4);

/// A recording whose device heap has PyTorch's pools; its device has 1 GiB.
pub(crate) fn torch() -> Recording {
    let mut recording = Recording::new();
    let pool = |name: &str, stream| PoolDefinition { heap: 1, name: name.to_owned(), stream };
    for definition in &mut recording.definitions {
        if let Definition::Pool(DEVICE, named) = definition {
            *named = pool("large", 0);
        }
    }
    recording.definitions.push(Definition::Pool(SMALL, pool("small", 0)));
    recording.definitions.push(Definition::Pool(OTHER_STREAM, pool("large", 7)));
    recording
}

pub(crate) fn fail(recording: &mut Recording, time: u64, mib: u64, free_mib: Option<u64>) {
    let failed = Failed {
        pool: DEVICE,
        requested: Bytes(mib * MIB),
        free: free_mib.map(|mib| Bytes(mib * MIB)),
        stack: StackId::NONE,
    };
    recording.at(1, time, Event::OutOfMemory(failed));
}

/// Three segments of 20 MiB, each filled with five blocks, of which the middle one stays: of module `guest`.
pub(crate) fn perforated(segment_mib: u64) -> Recording {
    let mut recording = torch();
    let guest = recording.module(1, "guest", 0, 0);
    let scope = recording.name(1, "install");
    recording.at(1, 1, Event::ScopeBegin { name: scope, phase: false });
    recording.at(1, 2, Event::ForwardBegin(guest));
    let mut time = 10;
    for at in 0..3 {
        let start = (100 + at * segment_mib) * MIB;
        recording.at(1, time, Event::SegmentAlloc(segment(start, segment_mib * MIB)));
        for block in 0..5 {
            time += 1;
            recording.at(1, time, alloc(DEVICE, start + block * 4 * MIB, 4 * MIB, 4 * MIB));
        }
        time += 1;
    }
    for at in 0..3 {
        for block in [0, 1, 3, 4] {
            time += 1;
            recording.at(1, time, free(DEVICE, (100 + at * segment_mib + block * 4) * MIB));
        }
    }
    recording
}

fn remedies(oom: &OutOfMemory) -> Vec<(&str, u64, Proof)> {
    let remedies = oom.would_have_fit.iter();
    remedies.map(|remedy| (remedy.what.recorded(), remedy.bytes.0 / MIB, remedy.proof)).collect()
}

pub(crate) fn only(report: &Report) -> &OutOfMemory {
    assert_eq!(report.ooms.len(), 1);
    &report.ooms[0]
}

#[test]
fn blocks_that_pin_segments_are_found_and_what_helps_is_proved() {
    let mut recording = perforated(20);
    fail(&mut recording, 90, 16, Some(2));
    let report = recording.report();
    let oom = only(&report);
    assert_eq!(oom.verdict, Verdict::Fragmentation);
    assert_eq!((oom.inactive_bytes.unwrap().0, oom.active_bytes.0), (48 * MIB, 12 * MIB));
    assert_eq!(oom.largest_usable_bytes, Some(Bytes(8 * MIB)));
    let [pin] = &oom.pinning[..] else { panic!("{:?}", oom.pinning) };
    assert_eq!((pin.bytes.0, pin.module.recorded(), pin.scope.recorded()), (4 * MIB, "guest", "install"));
    assert!([108, 128, 148].contains(&(pin.address.0 / MIB)));
    assert_eq!(
        remedies(oom),
        [
            // Side by side the free blocks are 8, 16, 16 and 8 MiB, and of 62 MiB 60 are mapped.
            ("PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True", 2, Proof::Course),
            ("without the pinning block", 4, Proof::State),
            ("a smaller request", 8, Proof::State),
            ("so much more free on the device", 14, Proof::State),
        ]
    );
    assert_eq!(oom.would_not_have_fit.len(), 1, "nothing was cached: {:?}", oom.would_not_have_fit);
    let model = oom.model.as_ref().unwrap();
    assert_eq!((model.allocs, model.sizes_agree, model.events, model.reserved_agrees), (15, 15, 27, 27));
    assert!(model.refused && model.difference_bytes == 0);
}

/// The recorded allocator reserves 30 MiB where PyTorch would 20: nothing is claimed of other settings.
#[test]
fn a_model_that_differs_proves_nothing_of_the_course() {
    let mut recording = perforated(30);
    fail(&mut recording, 90, 28, Some(2));
    let report = recording.report();
    let oom = only(&report);
    let model = oom.model.as_ref().unwrap();
    assert_eq!(model.difference_bytes, -30 * MIB as i64);
    assert!(model.reserved_agrees < model.events);
    assert!(remedies(oom).iter().all(|(.., proof)| *proof == Proof::State));
    let doubt =
        oom.would_not_have_fit.iter().find(|tried| tried.what.recorded().contains("expandable")).unwrap();
    assert!(doubt.why.recorded().contains("30.00 MiB less reserved"), "{}", doubt.why);
}

/// 100 MiB are free and 12 active: 600 fit the device of 1 GiB, and not beside what is neither free nor the allocator's.
#[test]
fn capacity_is_told_from_what_other_processes_hold() {
    let verdict = |asked: u64, others: Option<u64>| {
        let mut recording = perforated(20);
        let counter =
            CounterDefinition { name: "nvml other processes".to_owned(), unit: Unit::Bytes as u8, device: 1 };
        recording.definitions.push(Definition::Counter(CounterId(1), counter));
        if let Some(mib) = others {
            let value = CounterValue::Integer(mib * MIB);
            recording.at(1, 80, Event::CounterSample { counter: CounterId(1), value });
        }
        fail(&mut recording, 90, asked, Some(100));
        let report = recording.report();
        let oom = only(&report);
        let more = |what: &str| {
            remedies(oom).into_iter().find(|(remedy, ..)| remedy.contains(what)).map(|(_, mib, _)| mib)
        };
        (oom.verdict, more("other process"), more("more free"))
    };
    assert_eq!(verdict(600, Some(864)), (Verdict::OtherProcesses, Some(864), Some(500)));
    assert_eq!(verdict(600, Some(400)), (Verdict::Capacity, None, Some(500)));
    assert_eq!(verdict(600, Some(0)), (Verdict::Capacity, None, Some(500)));
    assert_eq!(verdict(1020, Some(864)), (Verdict::Capacity, None, Some(920)), "more than the device has");
    // Nobody asked whose the 864 MiB are: as much as that a process may have beside its allocator.
    assert_eq!(verdict(600, None), (Verdict::Capacity, None, Some(500)));
}

#[test]
fn what_is_not_known_is_said_to_be_unknown() {
    let oom = |asked: u64, free: Option<u64>| {
        let mut recording = perforated(20);
        fail(&mut recording, 90, asked, free);
        only(&recording.report()).clone()
    };
    let refused = oom(60, Some(100));
    assert_eq!(refused.verdict, Verdict::Unknown);
    assert!(refused.verdict_why.unwrap().contains("enough free"), "{:?}", refused.verdict_why);
    let had_a_hole = oom(8, Some(0));
    assert_eq!(had_a_hole.verdict, Verdict::Unknown);
    assert!(had_a_hole.verdict_why.unwrap().contains("a hole of its pool"), "{:?}", had_a_hole.verdict_why);
    let nobody_asked = oom(60, None);
    assert_eq!(nobody_asked.verdict, Verdict::Unknown);
    assert!(nobody_asked.verdict_why.unwrap().contains("what the device had free"));
    for oom in [&refused, &had_a_hole, &nobody_asked] {
        assert!(
            !remedies(oom).iter().any(|(what, ..)| what.contains("more free")),
            "{:?}",
            oom.would_have_fit
        );
    }
    assert_eq!(oom(30, None).verdict, Verdict::Fragmentation, "48 MiB lay in holes, whatever the device had");
    assert_eq!(oom(1020, None).verdict, Verdict::Capacity, "the device has 1024");
}

/// A stream's cache serves no other stream, but can be given back to the driver for it.
#[test]
fn memory_that_another_stream_cached_is_no_hole_for_this_one() {
    let mut recording = torch();
    let cached = Segment { pool: OTHER_STREAM, ..segment(100 * MIB, 40 * MIB) };
    recording.at(1, 1, Event::SegmentAlloc(cached));
    recording.at(1, 2, alloc(OTHER_STREAM, 100 * MIB, 40 * MIB, 40 * MIB));
    recording.at(1, 3, free(OTHER_STREAM, 100 * MIB));
    fail(&mut recording, 9, 30, Some(10));
    let report = recording.report();
    let oom = only(&report);
    assert_eq!((oom.largest_free_bytes, oom.largest_usable_bytes), (Some(Bytes(40 * MIB)), Some(Bytes(0))));
    assert_eq!(oom.verdict, Verdict::Fragmentation);
    assert_eq!(remedies(oom)[0].0, "cached segments given back to the driver (torch.cuda.empty_cache())");
    assert_eq!(remedies(oom)[0].1, 40);
    let model = oom.model.as_ref().unwrap();
    assert!(!model.refused, "PyTorch would have given it back by itself");
}

/// Of an allocator that nobody knows only what is recorded counts: its holes, and no rounding.
#[test]
fn other_allocators_are_examined_as_they_were_recorded() {
    let mut recording = Recording::new();
    let other = PoolId(9);
    let pool = PoolDefinition { heap: 1, name: "activations".to_owned(), stream: 0 };
    recording.definitions.push(Definition::Pool(other, pool));
    recording.at(1, 1, Event::SegmentAlloc(segment(0x1000, 1000)));
    recording.at(1, 2, Event::SegmentAlloc(Segment { pool: other, ..segment(0x9000, 5000) }));
    recording.at(1, 3, alloc(DEVICE, 0x1000 + 300, 200, 200));
    recording.at(1, 4, alloc(other, 0x9000, 100, 100));
    let failed = Failed { pool: DEVICE, requested: Bytes(900), free: Some(Bytes(50)), stack: StackId::NONE };
    recording.at(1, 9, Event::OutOfMemory(failed));
    let report = recording.report();
    let oom = only(&report);
    assert_eq!((oom.verdict, oom.segment_bytes), (Verdict::Fragmentation, Bytes(900)));
    assert_eq!((oom.largest_free_bytes, oom.largest_usable_bytes), (Some(Bytes(4900)), Some(Bytes(500))));
    // Without 100 bytes of the other pool its segment of 5000 could have been given back.
    assert_eq!(oom.pinning.iter().map(|pin| pin.bytes.0).collect::<Vec<_>>(), [100]);
    let fits: Vec<_> = oom.would_have_fit.iter().map(|remedy| remedy.bytes.0).collect();
    assert_eq!(fits, [100, 500, 850]);
    assert!(oom.model.is_none() && oom.model_why.is_some());
}

#[test]
fn a_part_of_a_trace_tells_of_its_failures_what_the_whole_does() {
    let mut recording = perforated(20);
    fail(&mut recording, 90, 600, Some(10));
    recording.at(1, 91, free(DEVICE, 108 * MIB));
    fail(&mut recording, 95, 32, Some(2));
    fail(&mut recording, 96, 32, Some(2));
    let whole = recording.report();
    let part = recording.part(&TraceRange::Between { from: Nanos(92), to: None }).unwrap();
    let json = |oom: &OutOfMemory| serde_json::to_value(oom).unwrap();
    assert_eq!((whole.ooms.len(), part.ooms.len()), (3, 2));
    assert_eq!(json(&whole.ooms[1]), json(&part.ooms[0]));
    assert!(whole.ooms[1].model.is_some());
    // The same request again is not examined again, and says so.
    assert_eq!(whole.ooms[2].verdict, Verdict::Fragmentation);
    assert!(whole.ooms[2].would_have_fit_why.is_some() && whole.ooms[2].model_why.is_some());
}

/// However many fail and however much is live, few are examined, and the others still have a verdict.
#[test]
fn only_the_first_failures_that_differ_are_examined() {
    let mut recording = perforated(20);
    for n in 0..40 {
        fail(&mut recording, 100 + n, 600 + 2 * n, Some(10));
    }
    let report = recording.report();
    let examined = report.ooms.iter().filter(|oom| oom.would_have_fit_why.is_none()).count();
    assert_eq!((report.ooms.len(), examined), (40, 8));
    assert!(report.ooms.iter().all(|oom| oom.verdict == Verdict::Capacity && !oom.evidence.is_empty()));
}

/// A heap without segments: nothing is known of holes.
#[test]
fn without_segments_only_sums_tell() {
    let mut recording = Recording::new();
    recording.at(1, 1, alloc(DEVICE, 4096, 700 * MIB, 700 * MIB));
    fail(&mut recording, 2, 400, None);
    fail(&mut recording, 3, 200, None);
    let report = recording.report();
    let verdicts: Vec<_> = report.ooms.iter().map(|oom| oom.verdict).collect();
    assert_eq!(verdicts, [Verdict::Capacity, Verdict::Unknown]);
    assert!(report.ooms.iter().all(|oom| oom.would_have_fit.is_empty() && oom.would_have_fit_why.is_some()));
    assert_eq!(report.heaps[0].name.recorded(), "cuda:0");
    assert!(
        recording.definitions.iter().any(|definition| matches!(definition, Definition::Heap(HeapId(1), _)))
    );
}
