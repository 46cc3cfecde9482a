//! What the profilers of PyTorch and JAX write.

use memtrace_analysis::report::{FindingVerdict, Known};
use memtrace_import::{ImportError, ProfileError, ProfilerError};
use serde_json::{Value, json};

use crate::made::{bytes, finding, gzip, number, refusal, report};

fn memory(time: f64, index: u64, address: u64, size: i64, allocated: u64, reserved: u64) -> Value {
    json!({"ph": "i", "cat": "cpu_instant_event", "name": "[memory]", "pid": 7, "tid": 9, "ts": time, "args": {
        "Ev Idx": index, "Device Type": 1, "Device Id": 1, "Addr": address, "Bytes": size,
        "Total Allocated": allocated, "Total Reserved": reserved}})
}

fn span(category: &str, name: &str, from: f64, took: f64) -> Value {
    json!({"ph": "X", "cat": category, "name": name, "pid": 7, "tid": 9, "ts": from, "dur": took, "args": {"External id": 3}})
}

/// A block of before that is freed, memory of before that is not, blocks of one stamp out of order, operators and a step around them.
#[test]
fn a_trace_of_the_profiler_tells_who_allocated_in_what() {
    let events = vec![
        memory(103.0, 5, 0x2000, 300, 1300, 4096),
        memory(103.0, 4, 0x1000, -200, 1000, 4096),
        memory(102.0, 3, 0x3000, 200, 1200, 2048),
        span("cpu_op", "aten::empty", 102.5, 2.0),
        span("python_function", "model.py(12): forward", 101.0, 10.0),
        span("user_annotation", "ProfilerStep#3", 100.0, 20.0),
        span("kernel", "sgemm", 100.0, 20.0),
        json!({"ph": "M", "name": "process_name", "pid": 7, "args": {"name": "python"}}),
    ];
    let trace =
        json!({"schemaVersion": 1, "deviceProperties": [{"id": 1}], "traceEvents": events, "traceName": "a"});
    for bytes in [trace.to_string().into_bytes(), gzip(trace["traceEvents"].to_string().as_bytes())] {
        let report = report(&bytes);
        let [heap] = &report.heaps[..] else { panic!("one device has memory") };
        assert_eq!((heap.name.recorded(), heap.device, heap.allocs, heap.frees), ("cuda:1", Some(1), 2, 1));
        assert_eq!((heap.baseline_bytes.0, heap.known), (1000, Known::Baseline));
        assert_eq!((heap.peak.figures.allocated_bytes.0, heap.end.allocated_bytes.0), (1300, 1300));
        let stack: Vec<_> = heap
            .peak
            .blocks
            .iter()
            .find(|block| block.bytes.0 == 300)
            .unwrap()
            .stack
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(stack, ["aten::empty", "forward (model.py:12)"]);
        assert!(
            heap.peak
                .by_scope
                .iter()
                .any(|share| share.name.recorded() == "ProfilerStep" && share.bytes.0 == 500)
        );
        assert_eq!(
            report.phases.iter().map(|phase| phase.name.recorded()).collect::<Vec<_>>(),
            ["ProfilerStep"]
        );
        let most = |name: &str| {
            report.samples.counters.iter().find(|counter| counter.name.recorded().contains(name)).unwrap().max
        };
        assert_eq!(format!("{:?}", most("reserved")), "Integer(4096)");
        assert_eq!(
            finding(&report, "allocator-totals").verdict,
            FindingVerdict::Ok,
            "{:?}",
            finding(&report, "allocator-totals")
        );
        assert_eq!(report.trace.threads, Some(1));
        assert!(report.trace.oddities.is_empty(), "{:?}", report.trace.oddities);
    }
}

#[test]
fn json_without_memory_says_what_to_record() {
    let trace = json!({"traceEvents": [span("cpu_op", "aten::empty", 1.0, 2.0)]}).to_string();
    assert!(matches!(refusal(trace.as_bytes()), ImportError::Profiler(ProfilerError::NoMemory(1))));
    assert!(matches!(refusal(b"{\"a\": [1, 2"), ImportError::Profiler(ProfilerError::Json(_))));
    assert!(matches!(refusal(&trace.as_bytes()[..40]), ImportError::Profiler(ProfilerError::Json(_))));
    assert!(matches!(refusal(b"[[1, 2, 3]]"), ImportError::Timeline(_)));
}

#[test]
fn a_memory_timeline_tells_categories() {
    let rows =
        "[[-1, 1, 4096, 0], [1000, 2, 512, 7], [2000, 3, -512, 7], [2000, 3, 512, 4], [3000, 4, -512, 4]]";
    let report = report(rows.as_bytes());
    let [heap] = &report.heaps[..] else { panic!("there is one heap") };
    assert_eq!(
        (heap.baseline_bytes.0, heap.peak.figures.allocated_bytes.0, heap.end.allocated_bytes.0),
        (4096, 4608, 4096)
    );
    let owners: Vec<_> =
        heap.peak.by_module.iter().map(|share| (share.name.recorded(), share.bytes.0)).collect();
    assert_eq!(owners, [("parameters", 4096), ("(unknown)", 512)]);
    assert_eq!((report.trace.threads, report.trace.threads_why.is_some()), (None, true));
}

/// A profile of pprof with the types, labels and stacks that JAX gives it.
fn profile(unit: &[u8]) -> Vec<u8> {
    let strings: [&[u8]; 12] = [
        b"",
        b"allocations",
        b"count",
        b"space",
        unit,
        b"kind",
        b"buffer",
        b"device",
        b"gpu:0",
        b"executable",
        b"train",
        b"/src/train.py",
    ];
    let label = |key, text| bytes(3, &[number(1, key), number(2, text)].concat());
    let sample = |size: u64, labels: &[u8]| {
        bytes(
            2,
            &[&bytes(1, &[1, 2]), &bytes(2, &[&[1][..], &number(0, size)[1..]].concat()), labels].concat(),
        )
    };
    let location =
        |id, line| bytes(4, &[number(1, id), bytes(4, &[number(1, 1), number(2, line)].concat())].concat());
    let kind = |name, unit| bytes(1, &[number(1, name), number(2, unit)].concat());
    [
        kind(1, 2),
        kind(3, 4),
        sample(3000, &[label(5, 6), label(7, 8)].concat()),
        sample(400, &label(5, 9)),
        location(1, 12),
        location(2, 7),
        bytes(5, &[number(1, 1), number(2, 10), number(4, 11)].concat()),
        strings.iter().flat_map(|text| bytes(6, text)).collect(),
    ]
    .concat()
}

#[test]
fn a_profile_of_jax_shows_one_instant() {
    let report = report(&gzip(&profile(b"bytes")));
    let [heap] = &report.heaps[..] else { panic!("there is one device") };
    assert_eq!((heap.name.recorded(), heap.end.allocated_bytes.0, heap.end_blocks), ("gpu:0", 3400, 2));
    let owners: Vec<_> =
        heap.peak.by_module.iter().map(|share| (share.name.recorded(), share.bytes.0)).collect();
    assert_eq!(owners, [("buffer", 3000), ("executable", 400)]);
    let stack: Vec<_> = heap.peak.blocks[0].stack.iter().map(ToString::to_string).collect();
    assert_eq!(stack, ["train (/src/train.py:12)", "train (/src/train.py:7)"]);
    assert!(!report.has_history() && !report.trace.has_times());
    assert_eq!(finding(&report, "no-history").verdict, FindingVerdict::Warn);
}

#[test]
fn a_profile_of_something_else_is_refused() {
    assert!(matches!(refusal(&profile(b"seconds")), ImportError::Profile(ProfileError::NoBytes(_))));
    let whole = profile(b"bytes");
    assert!(matches!(refusal(&whole[..whole.len() - 3]), ImportError::Profile(ProfileError::Decode(_))));
    let functions_gone =
        [profile(b"bytes"), bytes(4, &[number(1, 1), bytes(4, &number(1, 77))].concat())].concat();
    assert!(matches!(
        refusal(&functions_gone),
        ImportError::Profile(ProfileError::Missing { what: "function", id: 77 })
    ));
}
