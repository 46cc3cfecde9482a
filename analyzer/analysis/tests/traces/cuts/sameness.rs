//! The report of a part of a trace equals the report of a cut of that part.

use memtrace_analysis::{Nanos, Trace, TraceRange, cut::cut, report::Report};
use serde_json::Value;

/// Where what is told of a part differs, between its trace and a cut of it.
pub(crate) fn differences(whole: &Trace, from: u64, to: u64) -> Vec<String> {
    let part = tempfile::NamedTempFile::new().expect("room");
    let log = part.reopen().expect("it is there");
    let cut = cut(whole, Nanos(from), Some(Nanos(to)), log, &mut |_| ()).expect("there is such a part");
    let part = Trace::open(part.path()).expect("a readable trace");
    let range = TraceRange::Between { from: Nanos(from), to: Some(Nanos(to)) };
    let of_whole = whole.analyze_range(&range, |_| ()).expect("there is such a part").report;
    let by_itself = part.analyze(|_| ()).expect("it is readable").report;
    assert_eq!(by_itself.trace.kept_from_ns, Some(Nanos(from)));
    assert_eq!(by_itself.trace.duration_ns, cut.to);
    assert_eq!(by_itself.trace.damaged_chunks, 0);
    let mut found = Vec::new();
    compare(&told(&of_whole), &told(&by_itself), "report", &mut found);
    found
}

/// What is told, but of the file and its end.
fn told(report: &Report) -> Value {
    let mut told = serde_json::to_value(report).expect("it is JSON");
    let trace = told["trace"].as_object_mut().expect("it is there");
    for of_file in
        ["range", "duration_ns", "kept_from_ns", "ended", "stopped_why", "chunks", "never_used_bytes"]
    {
        trace.remove(of_file);
    }
    for heap in told["heaps"].as_array_mut().expect("they are there") {
        heap.as_object_mut().expect("it is one").retain(|key, _| !key.starts_with("peak_before"));
    }
    // A model of the allocator follows the whole course; a cut has but the outcome of what lies before it.
    for failed in told["ooms"].as_array_mut().expect("they are there") {
        if let Some(model) = failed["model"].as_object_mut() {
            let of_course = ["allocs", "sizes_agree", "events", "reserved_agrees"];
            model.retain(|key, _| !of_course.contains(&key.as_str()));
        }
    }
    // What was loaded, and what was computed with, before its beginning a range knows and a cut does not.
    const OF_THE_JOB: [&str; 7] =
        ["need", "strategies", "headline", "evidence", "verdict", "verdict_why", "pinning_why"];
    for failed in told["ooms"].as_array_mut().expect("they are there") {
        failed.as_object_mut().expect("it is one").retain(|key, _| !OF_THE_JOB.contains(&key.as_str()));
    }
    for finding in told["findings"].as_array_mut().expect("they are there") {
        if finding["id"] == "out-of-memory" {
            finding.as_object_mut().expect("it is one").retain(|key, _| key != "evidence" && key != "advice");
        }
    }
    told["findings"].as_array_mut().expect("they are there").retain(|finding| finding["id"] != "killed");
    told
}

/// Where two values differ. The order of those that come to the same bytes is that in which they were met.
fn compare(one: &Value, other: &Value, place: &str, found: &mut Vec<String>) {
    let within = |key: &dyn std::fmt::Display| format!("{place}.{key}");
    match (one, other) {
        (Value::Object(ones), Value::Object(others)) if ones.len() == others.len() => {
            ones.iter().for_each(|(key, one)| compare(one, &other[key], &within(key), found));
        }
        (Value::Array(ones), Value::Array(others)) if ones.len() == others.len() => {
            let [ones, others] = [ones, others].map(|shares| {
                let mut shares: Vec<_> = shares.iter().collect();
                if place.ends_with(".by_scope") {
                    shares.sort_by_key(|share| (share["bytes"].as_u64(), share["name"].to_string()));
                }
                shares
            });
            for (index, (one, other)) in ones.into_iter().zip(others).enumerate() {
                compare(one, other, &within(&index), found);
            }
        }
        _ if one == other => {}
        _ => found.push(format!("{place}: {one} and {other}")),
    }
}
