//! Snapshots without a history, without times, and of nothing: nothing is said that nobody can know.

use memtrace_analysis::{
    rendering::ReportText,
    report::{Ended, FindingVerdict},
};
use memtrace_import::ImportError;
use serde_json::{Value, json};

use crate::made::{finding, pickle, refusal, report};

const MIB: u64 = 1 << 20;

/// A segment of so many MiB, of which the first are a block.
fn segment(device: u64, address: u64, mib: u64, live: u64) -> Value {
    let mut blocks = Vec::new();
    if live > 0 {
        blocks.push(json!({"address": address, "size": live * MIB, "requested_size": live * MIB, "state": "active_allocated", "frames": []}));
    }
    if live < mib {
        blocks.push(json!({"address": address + live * MIB, "size": (mib - live) * MIB, "requested_size": 0, "state": "inactive", "frames": []}));
    }
    json!({"device": device, "address": address, "total_size": mib * MIB, "allocated_size": live * MIB, "active_size": live * MIB,
        "requested_size": live * MIB, "stream": 0, "segment_type": "large", "segment_pool_id": [0, 0], "is_expandable": false,
        "frames": [], "blocks": blocks})
}

fn settings() -> Value {
    json!({"PYTORCH_CUDA_ALLOC_CONF": "", "max_split_size": -1, "expandable_segments": true})
}

/// Half of the reserved memory is in segments that hold nothing; one device holds much more than the other.
fn half_idle() -> Value {
    json!([segment(0, 1 << 40, 400, 400), segment(0, 1 << 41, 500, 0), segment(1, 1 << 40, 100, 100)])
}

#[test]
fn a_snapshot_without_events_says_what_can_be_known() {
    let snapshot =
        json!({"segments": half_idle(), "device_traces": [[], []], "allocator_settings": settings()});
    // A list of segments is what `memory_snapshot()` returns.
    for value in [snapshot, half_idle()] {
        let report = report(&pickle(&value));
        assert_eq!(report.heaps.len(), 2);
        assert_eq!(report.findings[0].id, "no-history", "it comes first");
        let missing = finding(&report, "no-history");
        assert_eq!(missing.verdict, FindingVerdict::Warn);
        let said = missing.evidence.to_string();
        for words in [
            "cuda:0: 400.00 MiB are live of 900.00 MiB reserved; 500.00 MiB are idle cache",
            "cuda:0 holds 400.00 MiB, and cuda:1 100.00 MiB",
        ] {
            assert!(said.contains(words), "{said}");
        }
        assert!(missing.advice.to_string().contains("_record_memory_history"));
        let idle = finding(&report, "cache-hoarding");
        assert_eq!(idle.verdict, FindingVerdict::Warn);
        assert!(
            idle.evidence.to_string().starts_with("500.00 MiB of 900.00 MiB reserved in cuda:0"),
            "{}",
            idle.evidence
        );
        let sound: Vec<_> = report
            .findings
            .iter()
            .filter(|finding| finding.verdict == FindingVerdict::Ok)
            .map(|finding| finding.id)
            .collect();
        assert_eq!(sound, ["fragmentation"], "nothing else was looked at");
        let text = ReportText(&report).to_string();
        assert!(
            !text.contains("used again\"") && !text.contains("cleanly") && !text.contains(" ns"),
            "{text}"
        );
    }
}

/// The control: with events the rule is silent, and a cache of which nobody can know whether it is used again is not all right.
#[test]
fn events_are_a_history() {
    let event = |action: &str, time: u64| json!({"action": action, "addr": 1u64 << 40, "size": 400 * MIB, "stream": 0, "time_us": 1_700_000_000_000_000 + time, "frames": []});
    let snapshot = json!({"segments": half_idle(), "device_traces": [[event("alloc", 5)], []], "allocator_settings": settings()});
    let report = report(&pickle(&snapshot));
    assert_eq!(finding(&report, "no-history").verdict, FindingVerdict::Ok);
    let idle = finding(&report, "cache-hoarding");
    assert_eq!(idle.verdict, FindingVerdict::Na, "{}", idle.evidence);
    assert_eq!((report.trace.ended, report.trace.threads), (Ended::Untold, None));
    assert!(report.trace.has_times() && report.trace.ended_why.is_some());
    let text = ReportText(&report).to_string();
    assert!(text.contains("allocator   expandable_segments=true\n") && !text.contains("MARKS"), "{text}");
    assert!(text.contains("N/A   13 rules do not apply (--json says why)\n"), "they are one line: {text}");
    assert!(
        text.contains("N/A   leak: ") && text.contains("record_function()"),
        "what would help is said: {text}"
    );
}

#[test]
fn without_times_positions_count_events() {
    let event = |place: u64| json!({"action": "alloc", "addr": (1u64 << 40) + place * 512, "size": 512, "stream": 0, "frames": []});
    let trace: Vec<Value> = (0..2000).map(event).collect();
    let report = report(&pickle(&json!({"segments": [], "device_traces": [trace]})));
    assert!(!report.trace.has_times() && report.trace.times_why.is_some());
    let text = ReportText(&report).to_string();
    for unit in [" ns", " µs", " ms"] {
        assert!(!text.contains(unit), "{unit}: {text}");
    }
    assert!(text.contains("at 2,000 events (event 1,999,"), "{text}");
}

#[test]
fn a_device_with_a_mark_alone_has_no_heap() {
    let mark =
        json!({"action": "snapshot", "addr": 0, "size": 0, "stream": 0, "time_us": 1_700_000_000_000_000u64});
    let report =
        report(&pickle(&json!({"segments": [segment(1, 1 << 40, 100, 100)], "device_traces": [[mark], []]})));
    assert_eq!(report.heaps.iter().map(|heap| heap.name.recorded()).collect::<Vec<_>>(), ["cuda:1"]);
    assert!(report.marks.iter().any(|mark| mark.name.recorded() == "snapshot"));
}

#[test]
fn a_snapshot_of_nothing_says_so() {
    for empty in [json!({"segments": [], "device_traces": [[]], "allocator_settings": settings()}), json!([])]
    {
        let report = report(&pickle(&empty));
        let said = finding(&report, "no-history").evidence.to_string();
        assert!(said.contains("PyTorch allocated nothing"), "{said}");
    }
    assert!(matches!(refusal(&pickle(&json!([1, 2]))), ImportError::Snapshot(_)));
}
